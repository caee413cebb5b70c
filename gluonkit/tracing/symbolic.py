"""Tracing by symbols: every shape from the graph, nothing allocated, nothing executed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, wraps
from threading import get_ident, local
from typing import Any

import mxnet as mx
from mxnet import gluon
from mxnet.gluon.block import _regroup
from mxnet.symbol import register
from mxnet.util import is_np_array

from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Node
from gluonkit.system.patches import for_good, replaced
from gluonkit.tracing.inputs import as_spec, leaves, mapped, spec_of
from gluonkit.tracing.record import Call, Operator, Trace
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.symbols import (
    NotInferableError,
    graph_of,
    infer,
    operators,
    outputs_of,
    symbol_of,
)
from gluonkit.tracing.tree import parameters_of, renew_variables, walk


def trace_symbols(net: gluon.Block, inputs: tuple[Any, ...]) -> Trace:
    """Trace a network with symbols in place of arrays. Call it with the network `untouched`.

    Raises
    ------
    NotInferableError
        When the network cannot be traced by symbols. Errors of its own code are raised too.
    """
    known: dict[str, ArraySpec] = {}
    parameters = parameters_of(net)
    # A parameter keeps its first variable, which may be of the other array mode.
    renew_variables(parameters)
    recorder = _SymbolRecorder(net)
    # Names of nodes count in a manager of their own, as the program's next ones must not change.
    with recorder.listening(), mx.name.NameManager():
        net(*mapped(lambda leaf: _variable(as_spec(leaf), known), inputs))
    return _with_shapes(recorder, known, parameters)


def _variable(spec: ArraySpec, known: dict[str, ArraySpec]) -> Any:
    """Make the variable of an input, and record its name."""
    # No parameter of Gluon is called so: the graph tells inputs from parameters by name only.
    name = f"gluonkit#input{len(known)}"
    known[name] = spec
    symbol = mx.sym.var(name, shape=spec.shape, dtype=spec.dtype)
    return symbol.as_np_ndarray() if is_np_array() else symbol


class _SymbolRecorder(Recorder):
    """Records the calls, and which call made which node; gives every node a unique name."""

    kind = mx.sym.Symbol

    def __init__(self, net: gluon.Block) -> None:
        super().__init__(net)
        self.made: dict[str, Call | None] = {}
        self.nodes: list[Any] = []

    def keep(self, array: Any) -> Any:
        count = outputs_of(array)
        return array if count == 1 else [array[index] for index in range(count)]

    def forward(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        if not isinstance(block, gluon.SymbolBlock):
            return super().forward(block, args)
        return inlined(block, args, self._noted)

    def _noted(self, name: str) -> str:
        """Record that the current call makes a node, and return a unique name for it."""
        # MXNet lets nodes share a name, as those of a layer that is called twice do; `made` could
        # not tell them apart.
        unique = f"{name}#{len(self.made)}"
        self.made[unique] = self.current
        return unique

    @contextmanager
    def listening(self) -> Iterator[None]:
        with named_nodes(self._noted, self.nodes), super().listening(), arrays_only():
            yield


@contextmanager
def named_nodes(renamed: Callable[[str], str], nodes: list[Any]) -> Iterator[None]:
    """Let a function name the nodes that this thread makes, and add their symbols to a list."""
    original, thread = register._symbol_creator, get_ident()

    def create(*arguments: Any) -> Any:
        if get_ident() != thread:
            return original(*arguments)
        *first, name = arguments[:6]
        symbol = original(*first, renamed(name), *arguments[6:])
        nodes.append(symbol[0] if isinstance(symbol, list) else symbol)
        return symbol

    with replaced(register, "_symbol_creator", create):
        yield


@contextmanager
def symbol_blocks_whole() -> Iterator[None]:
    """Let symbols pass through SymbolBlocks, whose graphs are inlined."""
    original = gluon.SymbolBlock.forward

    def forward(self: gluon.SymbolBlock, x: Any, *args: Any) -> Any:
        if isinstance(x, mx.sym.Symbol):
            return inlined(self, (x, *args))
        return original(self, x, *args)

    with replaced(gluon.SymbolBlock, "forward", forward):
        yield


def inlined(
    block: gluon.SymbolBlock, args: tuple[Any, ...], renamed: Callable[[str], str] = str
) -> Any:
    """Return a SymbolBlock's outputs for symbols, its operators' nodes renamed.

    The graph is copied as JSON: in NumPy mode MXNet's own copy is shallow, so that composing it
    with symbols would change the block.
    """
    variables, outputs = block._cached_graph

    def copied(node: Node) -> Node:
        return node if node.is_variable else replace(node, name=renamed(node.name))

    graph = symbol_of(graph_of(outputs).map(copied))
    given = zip((variable.name for variable in variables), leaves(args), strict=True)
    present = set(graph.list_arguments())  # an unused input is not in the graph
    # Changes the graph in place, which is our copy; calling the symbol would copy it once more.
    graph._compose(**{name: arg for name, arg in given if name in present})
    count = outputs_of(graph)
    parts = [graph] if count == 1 else [graph[index] for index in range(count)]
    made = [part.as_np_ndarray() if is_np_array() else part for part in parts]
    return _regroup(made, block._out_format)


_refusing = local()
"""Of each thread: how many contexts of `arrays_only` it is in."""


@contextmanager
def arrays_only() -> Iterator[None]:
    """Refuse operations that mean something else on a legacy symbol than on an array.

    ``x[0]``, ``len(x)`` and iteration use an array's rows, but a symbol's outputs. Symbols with
    several outputs are exempt, and so is MXNet's own code, which means the outputs.
    """
    _let_symbols_refuse()
    _refusing.depth = getattr(_refusing, "depth", 0) + 1
    try:
        yield
    finally:
        _refusing.depth -= 1


@cache
def _let_symbols_refuse() -> None:
    """Replace the methods of symbols, once for the process.

    Not in each context: after about a thousand changes of a class, Python 3.13 keeps calling an old
    `__getitem__`.
    """
    for name in ("__getitem__", "__len__", "__iter__"):
        for_good(mx.sym.Symbol, name, _refusable(getattr(mx.sym.Symbol, name)))


def _refusable(original: Any) -> Any:
    @wraps(original)
    def method(self: Any, *args: Any) -> Any:
        if getattr(_refusing, "depth", 0) and outputs_of(self) == 1:
            # Of the frame that called, for MXNet's own Python iterates over outputs of symbols.
            caller = sys._getframe(1).f_globals.get("__name__", "")
            if not caller.startswith("mxnet."):
                raise NotInferableError("its code indexes, counts or iterates over an array")
        return original(self, *args)

    return method


def _with_shapes(
    recorder: _SymbolRecorder, known: dict[str, ArraySpec], parameters: list[gluon.Parameter]
) -> Trace:
    """Replace the symbols in the calls by shapes, and assign the operators to calls."""
    root = recorder.calls[0]
    outside = [leaf for call in recorder.calls for leaf in leaves((call.inputs, call.outputs))]
    # One graph of all, for one inference. The outputs of a group stay in the order given: first
    # what goes in and out of calls, which `following` takes in that order, then all nodes.
    graph = mx.sym.Group(outside + recorder.nodes)
    specs, variables = infer(graph, known | graph_shapes(recorder.net))
    placed, order = _in_order(operators(graph, known), recorder.made)
    for name, operator in placed:
        (recorder.made.get(name) or root).operators.append(operator)
    following = iter(specs)
    for call in recorder.calls:
        call.inputs = mapped(lambda _: next(following), call.inputs)
        call.outputs = mapped(lambda _: next(following), call.outputs)
    shapes = {id(p): variables[p.name] for p in parameters if p.name in variables}
    calls = tuple(recorder.calls)
    return Trace(calls, executed=False, reason="", shapes=shapes, graph_order=order)


def graph_shapes(net: gluon.Block) -> dict[str, ArraySpec]:
    """Return what is known of parameters with values that a SymbolBlock's variables do not tell."""
    return {
        name: spec_of(parameter._data[0])
        for _, block in walk(net)
        if isinstance(block, gluon.SymbolBlock)
        for name, parameter in block.params.items()
        if parameter._data is not None
    }


def _in_order(
    listed: list[tuple[str, Operator]], made: dict[str, Call | None]
) -> tuple[list[tuple[str, Operator]], tuple[int, ...]]:
    """Return operators, with their nodes' names, in the order in which the code created them.

    Their new numbers in the graph's order come with them.
    """
    # MXNet lists a node after its inputs, as the outputs need them; `made` has the code's order.
    place = {name: index for index, name in enumerate(made)}
    placed = sorted(listed, key=lambda pair: place.get(pair[0], len(place)))
    number: dict[int | None, int] = {
        operator.number: index for index, (_, operator) in enumerate(placed)
    }
    renumbered = [
        (
            name,
            replace(
                operator, number=index, sources=tuple(number.get(s, s) for s in operator.sources)
            ),
        )
        for index, (name, operator) in enumerate(placed)
    ]
    return renumbered, tuple(number[operator.number] for _, operator in listed)
