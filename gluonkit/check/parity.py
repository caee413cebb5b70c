"""Whether a hybridized network gives the numbers of the eager one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import NDArray
from gluonkit.check.report import Finding
from gluonkit.graphs.agreement import Arrays, disagreement
from gluonkit.graphs.agreement import arrays as flat_arrays
from gluonkit.graphs.variants import Switch
from gluonkit.system import memory
from gluonkit.tracing.inputs import leaves, mapped
from gluonkit.tracing.tree import all_paths, walk

SEED = 20  # before every run of a network that draws random numbers

NUDGES, MARGIN = 3, 4  # number of perturbations in the last digit; factor of the tolerance

# Probable causes of a graph that differs, or fails.
_FIXES = {
    "numbers": "look for Python code in hybrid_forward that ran only once, while the graph was "
    "built: branches, attributes, numbers computed outside of F",
    "fails": "hybrid_forward gets symbols, which have no values and no shape: write it with "
    "operators from F",
    "not-repeatable": "draw random numbers by MXNet's own operators, which are seeded; give what "
    "changes (a time, a counter, an earlier output) as an input",
}

_PASSED_ON = (
    "an output is one of the inputs, which MXNet 1.9.1's graphs give no gradient: return "
    "F.identity(x) (x * 1 in NumPy mode) in its place"
)

_ANY = 1e30  # a tolerance that leaves shapes, data types and what is not finite to compare


class Parity:
    """Runs one network eager and hybridized, and collects what differs.

    The network must be `untouched`, and its values kept, by the caller.
    """

    def __init__(
        self,
        net: gluon.Block,
        arrays: Sequence[Any],
        put_back: Callable[[], None],
        *,
        stream: Stream,
        ungraded: str,
        shuffled: frozenset[bool],
        lengths: frozenset[int],
    ) -> None:
        self.findings: list[Finding] = []
        self.compared: list[str] = []
        self.failed = False  # whether the network raises, hybridized or not, unless only recorded
        self._net = net
        self._arrays = arrays
        self._put_back = put_back
        self._stream = stream
        self._ungraded = ungraded  # why there are no gradients in prediction mode
        self._shuffled = shuffled  # modes in which a graph draws in another order than eager
        self._lengths = lengths  # inputs whose gradients MXNet leaves unwritten
        self._passes_on = False  # whether an output is an input
        self._trainable = True  # until it raises under autograd.record()
        self._differentiable = True  # in its inputs, until it raises for that
        self._switch = Switch(net)
        self._moved: tuple[Arrays, dict[str, float]] | None = None

    @property
    def drifts(self) -> bool:
        """Whether the eager network gives different numbers for the same inputs."""
        return any(finding.kind == "not-repeatable" for finding in self.findings)

    def run(self) -> None:
        """Compare in prediction and training mode, again, and at a second batch size."""
        for title, train in (("prediction", False), ("training", True)):
            expected = self._eager(title, self._arrays, train)
            if expected is None:
                continue
            agreed = []
            # Twice, as oneDNN changes the layout of weights, and static memory is allocated, in a
            # first call.
            for variant, again in itertools.product(("hybrid", "static"), ("", " again")):
                if self._agrees(title, variant, expected, self._arrays, train):
                    agreed.append(f"{variant}{again}")
            if agreed:
                how = self._agreement(expected, train)
                self.compared.append(f"{title}: {how}, {', '.join(agreed)}")
        self._second_batch()
        if self._ungraded:
            self.compared.append(f"gradients in prediction mode: not, for {self._ungraded}")

    def outputs(self, variant: str) -> Arrays:
        """Return the outputs in prediction mode, run one way."""
        self._switch.activate(variant)
        self._begin(None)
        with autograd.pause():
            return self._outputs(self._arrays)

    def _second_batch(self) -> None:
        arrays = mapped(_other_batch, tuple(self._arrays))
        size = next(array.shape[0] for array in leaves(arrays) if array.ndim)
        title = f"batch of {size}"
        for train in (False, True):
            expected = self._eager(title, arrays, train, optional=True)
            mode = "training" if train else "prediction"
            if expected is not None and self._agrees(
                f"{title}, {mode}", "hybrid", expected, arrays, train
            ):
                self.compared.append(f"{title}, {mode}: {self._agreement(expected, train)}, hybrid")

    def _eager(
        self, title: str, arrays: Sequence[Any], train: bool, *, optional: bool = False
    ) -> Arrays | None:
        """Return the eager numbers, without gradients if recording fails; None if all fails."""
        self._switch.activate("eager")
        try:
            numbers = self._numbers(arrays, train)
            return self._repeated(title, numbers, arrays, train)
        except Exception as error:  # whatever MXNet or the network raises is the finding
            if optional:
                self.compared.append(f"{title}: not, for the network does not take it")
                return None
            problem = f"{type(error).__name__}: {last_line(error)}"
        if self._differentiable:
            self._differentiable = False
            expected = self._eager(title, arrays, train)
            if expected is not None and self._trainable:
                self.compared.append(f"gradients of the inputs: not, for eager raises {problem}")
            return expected
        if self._trainable:
            self._trainable = False
            expected = self._eager(title, arrays, train)
            if expected is not None:
                self._note_failure(f"Under autograd.record() the network fails, eager: {problem}")
            return expected
        self.failed = True
        self._note_failure(f"In {title} the network fails without being hybridized: {problem}")
        return None

    def _repeated(self, title: str, numbers: Arrays, arrays: Sequence[Any], train: bool) -> Arrays:
        """Run the eager network again; differences are then not due to the graph."""
        difference = disagreement(numbers, self._numbers(arrays, train))
        if (
            difference and not self._stream.seeded
        ):  # a part that the trace did not reach may draw numbers
            self._stream.seed()
            numbers = self._numbers(arrays, train)
            difference = disagreement(numbers, self._numbers(arrays, train))
        if difference and not self.drifts:
            self._note(
                "not-repeatable",
                f"In {title}, two runs without hybridizing, of the same inputs from the same state "
                f"and seed, do not agree: {difference.replace('eager', 'the first run')}.",
            )
        return numbers

    def _note(self, kind: str, problem: str) -> None:
        fix = _PASSED_ON if self._passes_on and kind in ("numbers", "fails") else _FIXES[kind]
        self.findings.append(Finding(kind, "", problem, fix))

    def _note_failure(self, problem: str) -> None:
        self.findings.append(Finding("eager-fails", "", problem, "mend that first"))

    def _agrees(
        self, title: str, variant: str, expected: Arrays, arrays: Sequence[Any], train: bool
    ) -> bool:
        """Compare one run with the eager numbers; record the first difference as a finding."""
        if self.failed:
            return False  # every further run would fail in the same way
        self._switch.activate(variant)
        try:
            got = self._numbers(arrays, train)
            rounding = partial(self._rounding, title, expected, arrays, train)
            tolerance = _ANY if train in self._shuffled else None
            difference = disagreement(expected, got, rounding, tolerance=tolerance)
            kind, problem = "numbers", f"In {title}, {variant}: {difference}."
        except Exception as error:
            self.failed = True
            difference, kind = "raises", "fails"
            problem = f"Hybridized, it raises {type(error).__name__}: {last_line(error)}"
        if difference and all(finding.kind != kind for finding in self.findings):
            self._note(kind, problem)
        return not difference

    def _rounding(
        self, title: str, expected: Arrays, arrays: Sequence[Any], train: bool
    ) -> dict[str, float]:
        """Return how much eager numbers change when inputs and weights change in the last digit.

        Where a network amplifies rounding errors (a relu near zero, statistics of few samples), a
        graph that adds in another order may differ by as much, and be just as correct. The
        tolerance is 0 for a network that gives different numbers for the very same inputs.
        """
        if self._moved is None or self._moved[0] is not expected:
            active = self._switch.active
            self._switch.activate("eager")
            moved: dict[str, float] = {}
            for seed in range(0 if self.drifts else NUDGES):
                nudged = mapped(partial(_nudged, seed=seed), tuple(arrays))
                for name, numbers in self._numbers(nudged, train, nudge=seed).items():
                    gap = numpy.abs(numbers.astype("float64") - expected[name]).max(initial=0)
                    moved[name] = max(moved.get(name, 0.0), float(gap) * MARGIN)
            self._repeated(title, expected, arrays, train)
            self._switch.activate(active)
            self._moved = (expected, {} if self.drifts else moved)
        return self._moved[1]

    def _numbers(self, arrays: Sequence[Any], train: bool, *, nudge: int | None = None) -> Arrays:
        """Return outputs, gradients and, after training, the running statistics."""
        self._begin(nudge)
        # Not recorded at first: when it records, MXNet plans the memory of a graph in another way.
        with autograd.pause(train_mode=train):
            named = self._outputs(arrays)
        if not self._trainable or (self._ungraded and not train):
            return named
        self._begin(nudge)
        for _, parameter in _parameters(self._net):
            for gradient in parameter._grad or ():
                gradient[:] = 0  # `zero_grad` raises in NumPy mode
        # Copies, as `attach_grad` would replace a gradient that the caller has attached.
        fresh = mapped(_with_gradient, tuple(arrays)) if self._differentiable else tuple(arrays)
        with autograd.record(train_mode=train):
            outputs = [leaf for leaf in leaves(self._net(*fresh)) if _is_float(leaf)]
            # Not as head gradients: an array that is returned twice would get the last one only.
            weighted = [output * _head(output) for output in outputs]
        known = set(map(id, leaves(fresh)))
        self._passes_on |= any(id(output) in known for output in outputs)
        if weighted:
            autograd.backward(weighted, train_mode=train)
        for index, array in enumerate(leaves(fresh)):
            if self._differentiable and _is_float(array) and index not in self._lengths:
                named[f"the gradient of input {index}"] = array.grad.asnumpy()
        for path, parameter in _parameters(self._net):
            if parameter.grad_req != "null":
                named[f"the gradient of {path}"] = parameter.list_grad()[0].asnumpy()
            elif train:
                named[f"after a step, {path}"] = parameter.list_data()[0].asnumpy()
        return named

    def _begin(self, nudge: int | None) -> None:
        """Reset parameters and MXNet's random stream to the state in which every run begins."""
        # A pass in training mode changes running statistics, and each run must begin alike.
        self._put_back()
        if nudge is not None:
            for _, parameter in _parameters(self._net):
                for array in parameter._data:
                    memory.put(_nudged(array, nudge), array)
        self._stream.rewind()
        for _, block in walk(self._net):
            if isinstance(block, gluon.rnn.RecurrentCell):
                block.reset()  # as `unroll` does; some keep an output, or a mask, until then

    def _agreement(self, arrays: Arrays, train: bool) -> str:
        if train in self._shuffled:
            return f"shapes of {len(arrays)} only, as the graph draws in another order than eager"
        return "1 array agrees" if len(arrays) == 1 else f"{len(arrays)} arrays agree"

    def _outputs(self, arrays: Sequence[Any]) -> Arrays:
        outputs = flat_arrays(self._net(*arrays))
        return {f"output {index}": output for index, output in enumerate(outputs)}


def _parameters(net: gluon.Block) -> Iterator[tuple[str, gluon.Parameter]]:
    """Yield each parameter that has values once, with its first path."""
    seen = set()
    for path, parameter in all_paths(net):
        if id(parameter) not in seen and parameter._data is not None:
            seen.add(id(parameter))
            yield path, parameter


def _is_float(array: Any) -> bool:
    return isinstance(array, mx.nd.NDArray) and numpy.dtype(array.dtype).kind == "f"


def _with_gradient(array: NDArray) -> NDArray:
    """Return a copy of an input, with a gradient attached if it is a float array."""
    fresh = array.copy()
    if _is_float(array):
        fresh.attach_grad()
    return fresh


def _head(output: NDArray) -> NDArray:
    """Return a gradient for an output: different numbers, the same at each run."""
    numbers = numpy.random.default_rng(SEED).uniform(0.5, 1.5, output.shape)
    return _like(output, numbers).reshape(output.shape)


def _nudged(array: NDArray, seed: int) -> NDArray:
    """Return an array with about half of its numbers changed in the last digits of their type.

    Whole numbers stay, as they may be lengths or indices, and numbers move away from zero only: a
    length of 0.9999998 is truncated to 0, with which MXNet's `SequenceLast` reads out of bounds.
    """
    if not _is_float(array):
        return array
    # As much as a few roundings, in the array's own precision.
    step = 4 * float(numpy.finfo(array.dtype).eps)
    factors = numpy.random.default_rng(seed).choice([1, 1 + step], array.shape)
    numbers = array.asnumpy()
    with numpy.errstate(invalid="ignore", over="ignore"):
        return _like(array, numpy.where(numbers == numpy.rint(numbers), numbers, numbers * factors))


def _like(array: NDArray, numbers: Any) -> NDArray:
    """Return a NumPy array as an MXNet array of the kind, data type and device of another."""
    make = mx.np.array if isinstance(array, mx.np.ndarray) else mx.nd.array
    return make(numbers, dtype=array.dtype, ctx=array.ctx)


def _other_batch(array: NDArray) -> NDArray:
    """Return an input with another number of samples: the first alone, or one twice."""
    if not array.ndim:
        return array
    # A smaller batch rather than a larger one: memory is what a check must not run out of.
    if array.shape[0] > 1:
        return array[:1].copy()
    concatenate = (
        mx.np.concatenate if is_np_array() else lambda arrays: mx.nd.concat(*arrays, dim=0)
    )
    return concatenate([array, array])


class Stream:
    """MXNet's random stream, reseeded for every run, reproducible afterwards.

    MXNet cannot read or restore the state of its generators. Afterwards the stream continues from a
    seed that was drawn from it, so a program that has seeded it remains reproducible. A network
    without randomness does not touch it.
    """

    def __init__(self) -> None:
        self._following: int | None = None

    @property
    def seeded(self) -> bool:
        """Whether every run begins with the same seed."""
        return self._following is not None

    def seed(self) -> None:
        """Let every run begin with the same seed from now on."""
        self._following = int(mx.nd.random.randint(0, 2**31 - 1).asscalar())

    def rewind(self) -> None:
        """Set the seed with which every run begins."""
        if self.seeded:
            mx.random.seed(SEED)

    @classmethod
    @contextmanager
    def kept(cls, random: bool) -> Iterator[Stream]:
        """Yield a stream, seeded if the network is known to be random; reseed MXNet at the end."""
        stream = cls()
        if random:
            stream.seed()
        try:
            yield stream
        finally:
            if stream._following is not None:
                mx.random.seed(stream._following)
