"""An ONNX file compared with the network: outputs, and where these differ, operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from gluonkit._base.kinds import Array
from gluonkit.errors import ExportError, MissingPackageError
from gluonkit.exporting.network import NOISE, Network, Traced, differences, relative_gap
from gluonkit.exporting.onnx.model import Written
from gluonkit.exporting.onnx.parting import Comparison, by_operator
from gluonkit.exporting.onnx.running import run, runtime, session
from gluonkit.tracing.inputs import as_array

_NUDGE, _NUDGES = 1e-6, 3
"""By which part inputs are moved to learn what rounding decides, and how often."""


@dataclass(frozen=True)
class Check:
    """A network, its graph, and what it gives for batches.

    Attributes
    ----------
    onnx : module
        The package.
    network : Network
        The network.
    traced : Traced
        Its graph.
    batches : sequence of sequence of array
        Inputs.
    expected : sequence of sequence of array
        The network's outputs for these.
    dtype : str or None
        The data type with whose rounding the file computes; None for the outputs' own.
    """

    onnx: Any
    network: Network
    traced: Traced
    batches: Sequence[Sequence[Any]]
    expected: Sequence[Sequence[Array]]
    dtype: str | None

    def of(self, written: Written) -> tuple[float | None, str]:
        """Return the largest difference of a file, and why it is more than rounding; else ''.

        The difference is None where ONNX Runtime is not installed.

        Raises
        ------
        ExportError
            When ONNX Runtime refuses the file, or it computes something else.
        """
        try:
            runtime()
        except MissingPackageError:
            return None, ""
        worst, why = 0.0, ""
        try:
            opened = session(written.contents)
            for inputs, ours in zip(self.batches, self.expected, strict=True):
                given = [array.asnumpy() for array in inputs]
                feed = dict(zip(self.traced.inputs, given, strict=True))
                what = f"the ONNX file, run with a batch of {rows(inputs)},"
                computed = run(opened, feed)
                for gap, problem in differences(what, ours, computed, dtype=self.dtype):
                    worst = max(worst, gap)
                    if problem and not why:
                        why = self._explained(written, feed, ours, problem=problem, gap=gap)
        except ExportError:
            raise
        except Exception as error:  # its own classes, which are not in its public interface
            reason = str(error).strip().partition("\n")[0]  # what follows are its kernels
            raise ExportError(f"ONNX Runtime refuses the file: {reason}") from error
        return worst, why or _nothing_shown(self.expected)

    def _explained(
        self,
        written: Written,
        feed: dict[str, Array],
        ours: Sequence[Array],
        *,
        problem: str,
        gap: float,
    ) -> str:
        """Return why outputs differ although every operator computes the same; else raise."""
        if self.dtype is not None:
            raise ExportError(f"{problem}, which is more than {self.dtype}'s rounding")
        with self.traced.mode():
            compared = by_operator(self.onnx, written.contents, written.operations, feed)
        if compared.parted is not None:
            raise ExportError(
                f"{problem}; the first operator that computes something else for the same inputs "
                f"is {compared.parted.operator} ({compared.parted.name}), by "
                f"{compared.difference:.2g}"
            )
        if (node := compared.excused) is not None:
            return _note(compared, f"{node.operator} ({node.name}) {compared.reason}")
        if self._changed(feed, ours) > _NUDGE:
            raise ExportError(f"{problem}, and so does the network itself from run to run")
        # Each number by itself: all of them larger by a factor keep the order of scores.
        nudged = (self._changed(feed, ours, numpy.random.default_rng(n)) for n in range(_NUDGES))
        if any(changed > gap / 2 for changed in nudged):
            return _note(
                compared,
                "rounding decides: inputs moved by a millionth change the network's own outputs "
                "as much",
            )
        if compared.is_rounding:
            return _note(compared, "what they round otherwise changes the outputs by more")
        raise ExportError(f"{problem}, though no operator does by more than rounding")

    def _changed(
        self,
        feed: dict[str, Array],
        ours: Sequence[Array],
        draws: numpy.random.Generator | None = None,
    ) -> float:
        """Return how far the network's own outputs change, for inputs moved at random if asked."""
        ctx = self.network.inputs[0].ctx
        given = [x if draws is None else _moved(x, draws) for x in feed.values()]
        outputs = self.network.outputs([as_array(x, ctx) for x in given])
        return max(map(relative_gap, ours, outputs))


def _moved(x: Array, draws: numpy.random.Generator) -> Array:
    if x.dtype.kind != "f":
        return x
    factors: Array = 1 + _NUDGE * draws.choice((-1, 1), x.shape)
    return numpy.asarray(x * factors, x.dtype)


def _note(compared: Comparison, why: str) -> str:
    return (
        f"each operator computes the same (largest difference {compared.difference:.1e}), but {why}"
    )


def _nothing_shown(batches: Sequence[Sequence[Array]]) -> str:
    """Return that outputs are too small for a difference to show; else ''."""
    outputs = [array for arrays in batches for array in arrays]
    largest = max((numpy.abs(array.astype(float)).max(initial=0) for array in outputs), default=0)
    if largest > NOISE or numpy.isnan(largest):
        return ""
    return (
        f"the network's own outputs are no larger than {largest:.1e}, with which a wrong file "
        "could pass as right: give other weights or inputs"
    )


def rows(inputs: Sequence[Any]) -> int:
    """Return the batch size of inputs."""
    return next((array.shape[0] for array in inputs if array.shape), 1)
