"""Recording networks whose code does not take symbols: by passes of arrays, of two batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon
from mxnet.gluon import rnn

from gluonkit._base.checks import a_type, last_line
from gluonkit._base.kinds import Array, Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ExportError
from gluonkit.exporting.arrays import computing, traced_by_arrays
from gluonkit.exporting.network import Network, Traced, with_graph
from gluonkit.exporting.torch.recording import Pass, PassRecorder, name_of, predicted, record
from gluonkit.exporting.torch.sizes import Sizes
from gluonkit.system.modes import converts_arrays, legacy
from gluonkit.tracing.eager import context_of
from gluonkit.tracing.inputs import as_array, leaves, mapped, spec_of
from gluonkit.tracing.symbols import shaped
from gluonkit.tracing.tape import NotTapedError, Tape
from gluonkit.tracing.tree import parameters_of, renew_variables, untouched

_NOTE = (
    "so its forward is what a pass of arrays ran: loops and branches of Python are as they were "
    "there, and sizes, but for the batch's, are those of the inputs given"
)
_ZEROS = {"_zeros", "_npi_zeros"}
_RECURRENT = (rnn.RecurrentCell, rnn.rnn_layer._RNNLayer)


def recorded(
    net: gluon.Block, inputs: Sequence[ArraySpec], is_whole: Callable[[gluon.Block], bool]
) -> tuple[list[Pass], list[str]]:
    """Return every call of a block as `record` does, by arrays where symbols do not pass.

    What the user should know of that comes with them.

    Raises
    ------
    ExportError
        When neither symbols nor arrays tell what the network does.
    """
    try:
        return record(net, inputs, is_whole), []
    except ExportError as error:
        if "control flow" in str(error) and "(_foreach)" not in str(error):
            raise
        where, _, why = str(error).partition(" cannot be written as source, since ")
        return _by_arrays(net, inputs, is_whole), [f"{where}: {why}; {_NOTE}"]


def _by_arrays(
    net: gluon.Block, inputs: Sequence[ArraySpec], is_whole: Callable[[gluon.Block], bool]
) -> list[Pass]:
    recorder = _recorded(net, inputs, is_whole)
    for axis in (0, 1):  # recurrent layers have the time on the first
        more = [_longer(spec, axis) for spec in inputs]
        if more == list(inputs):
            continue
        try:
            other = _recorded(net, more, is_whole)
        except ExportError:
            continue
        _compare(recorder, other)
        break
    return recorder.passes


def _longer(spec: ArraySpec, axis: int) -> ArraySpec:
    """Return a shape with one more along an axis."""
    if len(spec.shape) <= axis:
        return spec
    sizes = list(spec.shape)
    sizes[axis] += 1
    return ArraySpec(tuple(sizes), spec.dtype)


def _recorded(
    net: gluon.Block, inputs: Sequence[ArraySpec], is_whole: Callable[[gluon.Block], bool]
) -> ArrayRecorder:
    """Pass arrays through a network, whose values and random stream do not change."""
    with legacy() if converts_arrays(net) else nullcontext(), untouched(net):
        renew_variables(parameters_of(net))
        ctx = context_of((), parameters_of(net))
        recorder = ArrayRecorder(net, is_whole)
        try:
            with recorder.running():
                recorder.call([as_array(spec, ctx) for spec in inputs])
        except Exception as error:  # the network's own code may raise anything
            kind = type(error).__name__
            said = last_line(error) if isinstance(error, NotTapedError) else f"{kind}: {error}"
            raise ExportError(f"{recorder.where} cannot be written as source: {said}") from error
    return recorder


def _compare(one: ArrayRecorder, other: ArrayRecorder) -> None:
    """Tell each pass what is another number in the other one."""
    ours, theirs = one.tape, other.tape
    if list(ours.attributes) != list(theirs.attributes):
        pairs = zip(ours.lines.items(), theirs.lines.items(), strict=False)
        line = next((a[1] for a, b in pairs if a != b), "its code")
        raise ExportError(
            f"`net` cannot be written as source: it runs other operators with a batch of another "
            f"size, from {line} on; compute for all samples at once there"
        )
    used = {name: value for made in one.passes for name, value in made.constants.items()}
    for name, value in used.items():
        if not numpy.array_equal(value, theirs.constants[name]):
            raise ExportError(
                f"`net` cannot be written as source: an array of shape {value.shape} that its code "
                "makes of numbers is another one with another batch; make it by an operator, such "
                "as `F.arange` or `F.zeros_like`"
            )
    shapes = {at: (shape, other.shapes[at]) for at, shape in one.shapes.items()}
    for made in one.passes:
        made.sizes = Sizes(theirs.attributes, shapes, ours.lines)


class ArrayRecorder(PassRecorder):
    """Records calls by arrays: `Tape` has the symbol of each, in the block that is running."""

    kind = mx.nd.NDArray

    def __init__(self, net: gluon.Block, is_whole: Callable[[gluon.Block], bool]) -> None:
        super().__init__(net, is_whole)
        self.tape = Tape(net, self._named)

    @property
    def shapes(self) -> dict[tuple[str, int], tuple[int, ...]]:
        """The shapes of all values."""
        return self.tape.shapes | {(n, 0): spec.shape for n, spec in self._specs.items()}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record what this thread's calls of blocks do in the context."""
        with computing(self.net), self.listening(), self.tape.running():
            yield

    def call(self, arrays: Sequence[Any]) -> None:
        """Call the network."""
        for array in arrays:
            self.tape.bind(array, self.variable(spec_of(array)))
        self.net(*arrays)

    def forward(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        """Record a block's call, and return what it gives; within a layer, only that."""
        if self.tape.is_silent:
            return block.forward(*args)
        call = self.current
        assert call is not None
        made = self._new_pass(call)
        symbols = mapped(lambda leaf: self.tape.symbol(leaf) if _is_array(leaf) else leaf, args)
        taken = symbols[:1] if getattr(block, "skip_states", False) else symbols
        if isinstance(block, _RECURRENT) and self._is_whole(block):
            taken = (taken[0], *mapped(self._begun, taken[1:]))
        if made.parent is not None:
            self._look(made.parent)
            made.given = mapped(made.parent.want, taken)
        if self._is_whole(block):
            made.arguments = made.given if made.parent is not None else mapped(name_of, taken)
            made.specs = [spec_of(leaf) for leaf in leaves(args) if _is_array(leaf)]
            with self.tape.silent():
                outputs = block.forward(*args)
        else:
            outputs = self._opened(made, args)
        if strange := [leaf for leaf in leaves(outputs) if not _is_array(leaf)]:
            raise TypeError(f"it gives {a_type(strange[0])}, not an array")
        results = mapped(self._renewed, outputs)
        made.results = mapped(name_of, results)
        return outputs

    def _begun(self, state: Symbol) -> Symbol | None:
        """Return a state that a recurrent layer is given; None for zeros, torch's default."""
        place = self._place(state)
        return None if place is not None and place[0].partition("#")[0] in _ZEROS else state

    def _renewed(self, array: Any) -> Symbol:
        """Let a new variable stand for an array."""
        variable = self.variable(spec_of(array))
        self.tape.bind(array, variable)
        return variable

    def _opened(self, made: Pass, args: tuple[Any, ...]) -> Any:
        """Run a block's own code, in a scope in which its arguments are variables."""
        with self.tape.scope():
            inner = mapped(lambda leaf: self._renewed(leaf) if _is_array(leaf) else leaf, args)
            made.arguments = mapped(name_of, inner)
            outputs = predicted(made.block, args)
            made.heads = mapped(lambda array: made.want(self.tape.symbol(array)), outputs)
            constants = {name: spec_of(value) for name, value in self.tape.constants.items()}
            made.graph = shaped(mx.sym.Group(made.wanted), self._specs | constants | self._shapes)
        used = {node.name for node in made.graph.nodes}
        known = self.tape.constants.items()
        made.constants = {name: value for name, value in known if name in used}
        return outputs

    def _symbol(self, value: Any) -> Symbol | None:
        known = _is_array(value) and self.tape.is_known(value)
        return self.tape.symbol(value) if known else None


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, mx.nd.NDArray)


# The whole network as one graph, which the certificate's numbers are computed with


class Graphs:
    """The graph of a network for inputs: the same for all where its code takes symbols."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[tuple[Any, ...], Traced] = {}
        self._only: Traced | None = None
        # Control flow is refused before, but for `foreach`, which is a loop with arrays.
        with suppress(ExportError):
            self._only = with_graph(network, lambda traced: traced)

    def __call__(self, inputs: Sequence[Array]) -> Traced:
        """Return the graph for inputs of these sizes."""
        if self._only is not None:
            return self._only
        key = tuple(map(spec_of, inputs))
        if key not in self._known:
            self._known[key] = traced_by_arrays(self._network, inputs)
        return self._known[key]
