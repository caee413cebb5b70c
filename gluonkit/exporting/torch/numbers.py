"""The numbers that PyTorch has to meet, and what they would be if rounding were another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import mxnet as mx
import numpy

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Array
from gluonkit.errors import ExportError
from gluonkit.exporting.network import Network
from gluonkit.exporting.torch.certify import NUMBERS, REQUEST
from gluonkit.exporting.torch.imperative import Graphs
from gluonkit.exporting.torch.parts import TorchModel
from gluonkit.exporting.torch.truth import Arrays, Trained, Twin, has_dropout, ignores_gradients
from gluonkit.graphs.backward import backward_of
from gluonkit.tracing.inputs import as_array

_ROWS = 3
"""Rows to train with, if the network takes them: of two, a batch norm makes -1 and 1."""


_DIFFERENCE = 1e-6
"""How far numeric gradients go, as a part of the largest number."""


class Batch(NamedTuple):
    """Inputs for the network, and what it gives for them.

    Attributes
    ----------
    text : str
        What it is: 'a batch of 3'.
    inputs : list of Array
        The inputs, in their own types.
    own, exact : list of Array
        The network's own outputs, and its twin's.
    """

    text: str
    inputs: list[Array]
    own: list[Array]
    exact: list[Array]


class Numbers:
    """What MXNet makes of a network, in the widest floats that its operators take.

    Attributes
    ----------
    dtype : str
        'float64', or 'float32' where an operator has no other.
    batches : list of Batch
        Inputs to predict with; the one with most rows is trained with.
    untrained : str
        Why the network is not trained; empty if it is.
    trained : Trained or None
        What it has learned, if it is.
    """

    def __init__(self, network: Network, model: TorchModel, *, full: bool = True) -> None:
        """Compute them; without `full` only outputs, in float32, which is much less work."""
        self._network, self._weights = network, model.weights
        self._others: dict[float, tuple[list[list[Array]], dict[str, Arrays]]] = {}
        given = [array.asnumpy() for array in network.inputs]
        self._graphs = Graphs(network)
        self._traced = self._graphs(given)
        self.dtype = "float64" if full else "float32"
        self._twin = Twin(network, self._graphs, self.dtype)
        try:
            self._twin.outputs(given)
        except mx.MXNetError:
            self.dtype, self._twin = "float32", Twin(network, self._graphs, "float32")
        self.batches = list(self._batches(given))
        sizes = [sum(array.size for array in batch.inputs) for batch in self.batches]
        self._most = sizes.index(max(sizes))
        self._training = self.batches[self._most]
        self._heads = [_head(output, at) for at, output in enumerate(self._training.exact)]
        self.untrained = self._why_not() if full else "only outputs were asked for"
        self.trained = None if self.untrained else self._train(self._twin)

    @property
    def wide(self) -> bool:
        """Whether the numbers are of float64."""
        return self.dtype == "float64"

    @property
    def statistics(self) -> Arrays:
        """The running statistics before any step, by key."""
        return self._by_key(self._twin.statistics)

    @property
    def notes(self) -> list[str]:
        """What is compared otherwise than it is used."""
        notes = [
            f"computed in {self.dtype}, the model's own outputs in its own types; gradients, of a "
            f"weighted sum of the outputs, and training by it, with {self._training.text}"
        ]
        if has_dropout(self._traced):
            notes.append("dropout was the identity on both sides, as both draw other numbers")
        if self._twin.statistics:
            notes.append(
                "PyTorch adds n / (n - 1) times a batch's variance to the running one, MXNet the "
                "variance; that factor was taken out"
            )
        if len(self.batches) < 3:
            notes.append("the network takes no other batch size")
        return notes

    def _by_key(self, values: Mapping[str, Array]) -> Arrays:
        """Return arrays of MXNet's as torch has them."""
        return {
            weight.key: numpy.ascontiguousarray(weight.part(values[weight.origin]))
            for weight in self._weights
            if weight.origin is not None and weight.origin in values
        }

    def learned(self, trained: Trained) -> dict[str, Arrays]:
        """Return all that training gives, by what it is and by key."""
        return {
            "gradient": self._by_key(trained.gradients),
            "statistic": self._by_key(trained.statistics),
            "moved": self._by_key(trained.moved),
            "last": self._by_key(trained.last),
        }

    def other(self, moved_by: float) -> tuple[list[list[Array]], dict[str, Arrays]]:
        """Return the outputs of all batches, and all that training gives, with numbers moved."""
        if moved_by not in self._others:
            twin = Twin(self._network, self._graphs, self.dtype, moved_by)
            outputs = [twin.outputs(batch.inputs) for batch in self.batches]
            trained = None if self.trained is None else self._train(twin)
            self._others[moved_by] = outputs, {} if trained is None else self.learned(trained)
        return self._others[moved_by]

    def is_wrong(self, key: str) -> bool:
        """Return whether MXNet's gradient of a key's parameter is not what differences are."""
        (name, *_) = [weight.origin for weight in self._weights if weight.key == key]
        if not self.wide or self.trained is None or name is None:
            return False
        gradient, value = self.trained.gradients[name], self._network.parameters[name].data()
        way = numpy.random.default_rng(0).normal(size=gradient.shape)
        size = float(numpy.abs(value.asnumpy()).max(initial=0.0)) or 1.0
        way *= _DIFFERENCE * size
        rise = self._twin.slope(self._training.inputs, self._heads, name, way)
        expected = float((gradient * way).sum())
        return abs(rise - expected) > 0.01 * max(abs(rise), abs(expected))

    def _why_not(self) -> str:
        if not self._trainable:
            return "the network has no parameter that is trained"
        if not any(head is not None for head in self._heads):
            return "the network gives whole numbers only, which have no gradient"
        if operator := ignores_gradients(self._traced):
            return f"{operator} ignores the gradient that it is given"
        if wrong := backward_of(self._traced.symbol).wrong:
            return f"MXNet's own gradients are wrong: {'; '.join(wrong)}"
        return ""

    @property
    def _trainable(self) -> set[str]:
        return {weight.origin for weight in self._weights if weight.trained and weight.origin}

    def _train(self, twin: Twin) -> Trained | None:
        known = getattr(self, "trained", None)
        speed = known.speed if known else None
        try:
            return twin.trained(self._training.inputs, self._heads, self._trainable, speed)
        except mx.MXNetError as error:
            self.untrained = f"MXNet cannot train it: {last_line(error)}"
            return None

    def _batches(self, given: list[Array]) -> Iterator[Batch]:
        yield self._batch("the inputs", given)
        draws = numpy.random.default_rng(1)
        other = [_redrawn(array, draws) for array in given]
        with suppress(ExportError, mx.MXNetError):
            yield self._batch("other inputs", other)
        for axis in (0, 1):  # recurrent layers have the time on the first
            sizes = [array.shape[axis] for array in given if array.ndim > axis]
            rows = sizes[0] if sizes else 1
            more = max(rows + 1, _ROWS)
            try:
                yield self._batch(f"a batch of {more}", _resized(other, axis, more))
            except (ExportError, mx.MXNetError):
                continue
            with suppress(ExportError, mx.MXNetError):
                if rows > 1:
                    yield self._batch("a batch of 1", _resized(other, axis, 1))
            return

    def _batch(self, text: str, inputs: list[Array]) -> Batch:
        arrays = [as_array(array, self._network.inputs[0].ctx) for array in inputs]
        own = self._network.outputs(arrays)
        exact = self._twin.outputs(inputs)
        if [array.shape for array in own] != [array.shape for array in exact]:
            raise ExportError("its graph keeps the size of the batch")
        return Batch(text, inputs, own, exact)

    def write(self, folder: Path) -> None:
        """Write all that PyTorch needs into a folder."""
        arrays: Arrays = {}
        for number, batch in enumerate(self.batches):
            kinds = ("inputs", batch.inputs), ("own", batch.own), ("exact", batch.exact)
            for kind, given in kinds:
                arrays |= {f"{kind}{number}/{at}": array for at, array in enumerate(given)}
        arrays |= {f"training/{at}": array for at, array in enumerate(self._training.inputs)}
        arrays |= {f"head/{at}": head for at, head in enumerate(self._heads) if head is not None}
        for kind, values in (self.learned(self.trained) if self.trained else {}).items():
            arrays |= {f"{kind}/{key}": array for key, array in values.items()}
        numpy.savez(folder / NUMBERS, **arrays)
        (folder / REQUEST).write_text(json.dumps(self._request()), encoding="utf-8")

    def _request(self) -> dict[str, Any]:
        first = self.batches[0]
        return {
            "wide": self.wide,
            "train": self.trained is not None,
            "batches": [batch.text for batch in self.batches],
            "most": self._most,
            "inputs": len(first.inputs),
            "outputs": len(first.own),
            "dtypes": [array.dtype.name for array in first.own],
            "trained": [weight.key for weight in self._weights if weight.trained],
            "lr": self.trained.speed if self.trained else 0.0,
        }


def _head(output: Array, place: int) -> Array | None:
    """Return the weights of an output in the sum that is trained by."""
    if output.dtype.kind != "f":
        return None
    draws = numpy.random.default_rng(place).normal(size=output.shape)
    return numpy.asarray(draws / max(output.size, 1) ** 0.5, output.dtype)


def _redrawn(array: Array, draws: numpy.random.Generator) -> Array:
    """Return other numbers of the same kind: whole ones in another order, others in their range."""
    flat = array.ravel()
    if array.dtype.kind != "f" or numpy.array_equal(flat, flat.round()):
        return draws.permutation(flat).reshape(array.shape)
    drawn = draws.normal(flat.mean(), flat.std() or abs(flat.mean()) / 2, flat.shape)
    return numpy.asarray(drawn.clip(flat.min(), flat.max()), array.dtype).reshape(array.shape)


def _resized(arrays: Sequence[Array], axis: int, rows: int) -> list[Array]:
    """Return arrays with as many rows along an axis, where they have it."""
    return [
        array.take(numpy.arange(rows) % array.shape[axis], axis) if array.ndim > axis else array
        for array in arrays
    ]
