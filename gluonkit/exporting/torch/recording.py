"""What each block of a network computes itself, and which blocks it calls with what."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import mxnet as mx
from mxnet import gluon
from mxnet.gluon import contrib, rnn
from mxnet.util import is_np_array

from gluonkit._base.checks import a_type, last_line
from gluonkit._base.kinds import Array, Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ExportError
from gluonkit.exporting.torch.sizes import Sizes
from gluonkit.files.graph import Graph
from gluonkit.system.modes import converts_arrays, legacy
from gluonkit.tracing.inputs import leaves, mapped
from gluonkit.tracing.record import Call
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.symbolic import arrays_only, graph_shapes, inlined, named_nodes
from gluonkit.tracing.symbols import graph_of, infer, outputs_of, shaped
from gluonkit.tracing.tree import parameters_of, renew_variables, untouched

VALUE = "gluonkit#value"
"""How the variables are named that stand for a block's arguments, and for what it gives."""
TRAINED_CELLS = (rnn.ZoneoutCell, contrib.rnn.VariationalDropoutCell)
"""Cells that in prediction give what their cell gives, but keep an array from step to step."""
_OUTPUT = re.compile(r"(.*#\d+)_output(\d*)")
_METHODS = ("hybrid_forward", "forward")
_NOT_THEIRS = ("mxnet.", "gluonkit.exporting.torch", "gluonkit.tracing", "gluonkit.system")
_DEEP = 30
"""Frames above an operator in which a block's own code is looked for."""


@dataclass(eq=False)
class Pass:
    """One call of a block, with a graph of its own.

    Attributes
    ----------
    block : gluon.Block
        The block.
    path : str
        Its path in the tree; a block that is not registered has its name in brackets.
    parent : Pass or None
        The call that called it.
    arguments, results : object
        Names of variables, nested as the block takes and gives arrays. What is no array is None.
    given : object
        The arguments as outputs of the parent's graph: their numbers, in the same nesting.
    heads : object
        The results as outputs of this graph, in the same way.
    specs : list of ArraySpec
        Shape and data type of each argument of a layer, or of a graph.
    graph : Graph or None
        Everything that the block computes itself; None for a layer, which is a whole.
    names : dict of tuple to list of str
        Local variables of the block's code, by what they hold: a node's name and output.
    children : list of Pass
        The calls that it makes, in order.
    wanted : list of Symbol
        The graph's outputs: results, and what the block gives to others.
    constants : dict of str to Array
        Arrays that the block's code has made of numbers, by the names of their variables.
    sizes : Sizes or None
        How a pass of arrays, not symbols, has other numbers with another batch.
    """

    block: gluon.Block
    path: str
    parent: Pass | None
    arguments: Any = ()
    results: Any = None
    given: Any = ()
    heads: Any = None
    specs: list[ArraySpec] = field(default_factory=list)
    graph: Graph | None = None
    names: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    children: list[Pass] = field(default_factory=list)
    wanted: list[Any] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    sizes: Sizes | None = None

    def want(self, leaf: Any) -> int | None:
        """Make a symbol one of the graph's outputs, and return its number; None for others.

        States of zeros, of a batch that is not known yet, are none either: torch's default.
        """
        if not _is_symbol(leaf) or _is_zeros(leaf):
            return None
        self.wanted.append(leaf)
        return len(self.wanted) - 1


def record(
    net: gluon.Block, inputs: Sequence[ArraySpec], is_whole: Callable[[gluon.Block], bool]
) -> list[Pass]:
    """Pass symbols through a network, and return every call of a block, the network's first.

    Nothing is computed, and the network does not change. `is_whole` says of a block whether
    nobody looks into it.

    Raises
    ------
    ExportError
        When its code does not work with symbols.
    """
    with legacy() if converts_arrays(net) else nullcontext(), untouched(net):
        renew_variables(parameters_of(net))
        recorder = PassRecorder(net, is_whole)
        try:
            with recorder.running():
                net(*(recorder.variable(spec) for spec in inputs))
        except Exception as error:  # the network's own code may raise anything
            raise ExportError(
                f"{recorder.where} cannot be written as source, since its code does not run with "
                f"symbols: {last_line(error)}"
            ) from error
    return recorder.passes


class PassRecorder(Recorder):
    """Records the calls; between blocks there are variables, so that each has its own graph."""

    kind = mx.sym.Symbol

    def __init__(self, net: gluon.Block, is_whole: Callable[[gluon.Block], bool]) -> None:
        super().__init__(net)
        self.passes: list[Pass] = []
        self._is_whole = is_whole
        self._specs: dict[str, ArraySpec] = {}
        self._shapes = graph_shapes(net)
        self._by_call: dict[int, Pass] = {}
        self._count = 0
        self._alive: list[Any] = []  # an id stays another's as long as its object lives
        self._places: dict[int, tuple[str, int] | None] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record what this thread's calls of blocks do in the context."""
        names = named_nodes(self._named, self._alive)
        with names, self.listening(), arrays_only(), mx.name.NameManager():
            yield

    @property
    def where(self) -> str:
        """The block whose code has failed."""
        block = self.failed.block if self.failed else self.net
        path = self.failed.path if self.failed else ""
        return f"`{path or 'net'}` ({type(block).__name__})"

    def variable(self, spec: ArraySpec) -> Symbol:
        """Return a new variable for a value."""
        name = self._numbered(VALUE)
        self._specs[name] = spec
        symbol = mx.sym.var(name, shape=spec.shape, dtype=spec.dtype)
        return symbol.as_np_ndarray() if is_np_array() else symbol

    def _numbered(self, name: str) -> str:
        self._count += 1
        return f"{name}#{self._count}"

    def _named(self, name: str) -> str:
        call = self.current
        if call is not None and id(call) in self._by_call:
            self._look(self._by_call[id(call)])
        return self._numbered(name)

    def forward(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        """Record a block's call, and return what it gives."""
        call = self.current
        assert call is not None
        made = self._new_pass(call)
        args = mapped(_parts, args)
        taken = args[:1] if getattr(block, "skip_states", False) else args
        if made.parent is not None:
            self._look(made.parent)
            made.given = mapped(made.parent.want, taken)
        if self._is_whole(block):
            made.arguments = made.given if made.parent is not None else mapped(name_of, taken)
            known = [leaf for leaf in leaves(taken) if _is_symbol(leaf) and not _is_zeros(leaf)]
            made.specs = self._inferred(known)
            outputs = mapped(_parts, self._outputs_of_whole(block, args))
        else:
            if any(_is_symbol(leaf) and _is_zeros(leaf) for leaf in leaves(args)):
                raise TypeError("it begins with states of a batch that symbols do not know")
            args = self._inner(args)
            made.arguments = mapped(name_of, args)
            outputs = mapped(_parts, predicted(block, args))
            made.heads = mapped(made.want, outputs)
            symbols = mx.sym.Group(made.wanted)
            made.graph = shaped(symbols, self._specs)
        results = self._fresh(outputs)
        made.results = mapped(name_of, results)
        return results

    def _new_pass(self, call: Call) -> Pass:
        parent = self._by_call.get(id(call.parent)) if call.parent is not None else None
        made = Pass(call.block, call.path, parent)
        self._by_call[id(call)] = made
        self.passes.append(made)
        if parent is not None:
            parent.children.append(made)
        return made

    def _outputs_of_whole(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        if isinstance(block, gluon.SymbolBlock):
            return inlined(block, args, self._numbered)
        return block.forward(*args)

    def _inferred(self, symbols: list[Symbol]) -> list[ArraySpec]:
        return infer(mx.sym.Group(symbols), self._specs | self._shapes)[0]

    def _inner(self, args: Any) -> Any:
        """Return arguments with a variable for each, unless it is one."""
        outside = [leaf for leaf in leaves(args) if _is_symbol(leaf) and name_of(leaf) is None]
        known = iter(self._inferred(outside) if outside else [])

        def variable(leaf: Any) -> Any:
            is_value = not _is_symbol(leaf) or name_of(leaf) is not None
            return leaf if is_value else self.variable(next(known))

        return mapped(variable, args)

    def _fresh(self, outputs: Any) -> Any:
        """Return new variables in place of a block's outputs."""
        symbols = list(leaves(outputs))
        if strange := [leaf for leaf in symbols if not _is_symbol(leaf)]:
            raise TypeError(f"it gives {a_type(strange[0])}, not an array")
        known = iter(self._inferred(symbols))
        return mapped(lambda _: self.variable(next(known)), outputs)

    def _look(self, at: Pass) -> None:
        """Note which local variables hold which values: of a block's code, and what it calls."""
        frames: list[FrameType] = []
        frame: FrameType | None = sys._getframe(2)
        for _ in range(_DEEP):
            if frame is None:
                return
            if frame.f_code.co_name in _METHODS and frame.f_locals.get("self") is at.block:
                break
            if not frame.f_globals.get("__name__", "").startswith(_NOT_THEIRS):
                frames.append(frame)
            frame = frame.f_back
        else:
            return
        for known in (frame, *frames):
            for name, value in known.f_locals.items():
                symbol = self._symbol(value)
                if symbol is not None and (place := self._place(symbol)) is not None:
                    names = at.names.setdefault(place, [])
                    if name not in names:
                        names.append(name)

    def _symbol(self, value: Any) -> Symbol | None:
        """Return the symbol that a local variable holds, if it does."""
        return value if _is_symbol(value) else None

    def _place(self, symbol: Symbol) -> tuple[str, int] | None:
        """Return which node's output a symbol is; None if it is a group of several."""
        if id(symbol) not in self._places:
            self._alive.append(symbol)
            outputs = symbol.list_outputs()
            output = _OUTPUT.fullmatch(outputs[0])  # else it is a variable's own name
            place = (output[1], int(output[2] or 0)) if output else (outputs[0], 0)
            self._places[id(symbol)] = place if len(outputs) == 1 else None
        return self._places[id(symbol)]


def predicted(block: gluon.Block, args: tuple[Any, ...]) -> Any:
    """Run a block's own code, or the cell that it is in prediction."""
    return block.base_cell(*args) if isinstance(block, TRAINED_CELLS) else block.forward(*args)


def _is_symbol(leaf: Any) -> bool:
    return isinstance(leaf, mx.sym.Symbol)


def _is_zeros(symbol: Symbol) -> bool:
    """Return whether a symbol is an array of zeros with an unknown size."""
    if outputs_of(symbol) != 1 or name_of(symbol) is not None:
        return False
    graph = graph_of(symbol)
    node = graph.nodes[graph.heads[0].node]
    shape = ast.literal_eval(node.attributes.get("shape", "()"))
    return node.operator in ("_zeros", "_npi_zeros") and any(size < 1 for size in shape)


def name_of(leaf: Any) -> str | None:
    """Return the name of a variable that stands for a value; None for anything else."""
    if _is_symbol(leaf) and outputs_of(leaf) == 1:
        name = leaf.list_outputs()[0]
        return str(name) if name.startswith(VALUE) else None
    return None


def _parts(leaf: Any) -> Any:
    """Return the outputs of a symbol that has several, as a list."""
    count = outputs_of(leaf) if _is_symbol(leaf) else 1
    return leaf if count == 1 else [leaf[index] for index in range(count)]
