"""Symbols: their graphs as values, and the shapes that follow from the inputs' shapes."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

import mxnet as mx
import numpy
from mxnet.base import _LIB, c_str, check_call, mx_uint, py_str
from mxnet.symbol.register import _symbol_creator

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import FLOAT, ArraySpec
from gluonkit.files.graph import Graph, Node
from gluonkit.tracing.record import Operator


class NotInferableError(Exception):
    """Some shapes cannot be inferred from the graph; the message says why."""


def infer(
    symbol: Symbol, inputs: Mapping[str, ArraySpec]
) -> tuple[list[ArraySpec], dict[str, Any]]:
    """Infer the specs of a symbol's outputs, and the shape of each variable by name.

    Nothing is allocated or executed.

    Raises
    ------
    NotInferableError
        When shapes cannot be inferred, or are contradictory.
    """
    # MXNet refuses names of inputs that the graph does not use.
    present = {*symbol.list_arguments(), *symbol.list_auxiliary_states()}
    inputs = {name: spec for name, spec in inputs.items() if name in present}
    # The public methods print and warn when they fail, hence the ones beneath them.
    try:
        shapes = symbol._infer_shape_impl(False, **{k: v.shape for k, v in inputs.items()})
        # Partially (True): a type that nothing determines is float32 when the graph is run.
        types = symbol._infer_type_impl(
            True, **{k: numpy.dtype(v.dtype) for k, v in inputs.items()}
        )
    except mx.MXNetError as error:
        raise NotInferableError(f"shape inference fails: {error}") from error
    arguments, outputs, auxiliary = shapes
    if outputs is None or any(shape is None for shape in outputs):
        raise NotInferableError("the symbol graph does not determine every shape")
    dtypes = types[1] if types[1] is not None else [None] * len(outputs)
    specs = [
        ArraySpec(shape, FLOAT if dtype is None else _dtype_name(dtype))
        for shape, dtype in zip(outputs, dtypes, strict=True)
    ]
    names = symbol.list_arguments() + symbol.list_auxiliary_states()
    return specs, dict(zip(names, arguments + auxiliary, strict=True))


def json_of(symbol: Symbol) -> str:
    """Return a symbol's graph as text; MXNet leaves casts of mixed precision out unless asked."""
    return str(symbol.tojson(remove_amp_cast=False))


def graph_of(symbol: Symbol) -> Graph:
    """Return a symbol's graph as a value."""
    return Graph.from_json(json_of(symbol))


def symbol_of(graph: Graph) -> Symbol:
    """Return a legacy symbol of a graph, without the nodes that its outputs do not need."""
    return mx.sym.load_json(graph.pruned().to_json())


def shaped(symbol: Symbol, inputs: Mapping[str, ArraySpec]) -> Graph:
    """Return a symbol's graph with the shapes and data types of all outputs.

    Raises
    ------
    NotInferableError
        When shapes cannot be inferred, or there is control flow.
    """
    graph = graph_of(symbol)
    if operator := graph.control_flow:
        raise NotInferableError(f"it has control flow ({operator})")
    # The internals are all visible outputs of all nodes, in the order of the nodes in the text.
    specs, _ = infer(symbol.get_internals(), inputs)
    following = iter(specs)

    def known(node: Node) -> Node:
        count = 1 if node.is_variable else visible_outputs(node.operator, node.arguments)
        return replace(node, outputs=tuple(islice(following, count)))

    graph = graph.map(known)
    if sum(len(node.outputs) for node in graph.nodes) != len(specs) or next(following, None):
        raise NotInferableError("the graph's text and its outputs do not match")
    return graph


def operators(symbol: Symbol, inputs: Mapping[str, ArraySpec]) -> list[tuple[str, Operator]]:
    """Return every operator of a graph, with its node's name, in the order of execution."""
    graph = shaped(symbol, inputs)
    given = {name: -1 - index for index, name in enumerate(inputs)}
    numbers: list[int | None] = []  # each node's number among the operators
    listed: list[tuple[str, Operator]] = []
    for node in graph.nodes:
        # A parameter is not among the inputs given, and gets None.
        numbers.append(given.get(node.name) if node.is_variable else len(listed))
        if not node.is_variable:
            operator = Operator(
                node.operator,
                node.arguments,
                tuple(graph.spec(entry.place) for entry in node.inputs),
                node.outputs,
                len(listed),
                tuple(numbers[entry.node] for entry in node.inputs),
            )
            listed.append((node.name, operator))
    return listed


def visible_outputs(name: str, attributes: Mapping[str, str]) -> int:
    """Return the number of visible outputs of an operator; some have hidden ones."""
    return _visible_outputs(name, tuple(attributes.items()))


@lru_cache(maxsize=64)
def _dtype_name(dtype: type) -> str:
    return numpy.dtype(dtype).name  # slow enough to be worth remembering


# Asking MXNet costs a new symbol, and a graph has few different operators.
@lru_cache(maxsize=4096)
def _visible_outputs(name: str, attributes: tuple[tuple[str, str], ...]) -> int:
    return outputs_of(create(name, None, dict(attributes), "probe"))


def create(name: str, inputs: list[Any] | None, attributes: Mapping[str, str], node: str) -> Any:
    """Create a legacy symbol: an operator by its registered name, applied to `inputs`.

    Attributes that begin with two underscores are annotations, and are left out.
    """
    kept = {key: value for key, value in attributes.items() if not key.startswith("__")}
    keys, values = list(kept), list(kept.values())
    return _symbol_creator(operator_handle(name), inputs, None, keys, values, node, False)


@lru_cache(maxsize=1024)
def counting_attribute(name: str) -> str:
    """Return the attribute that holds the number of an operator's inputs, if it takes any number.

    MXNet fills it in for arrays, but not for symbols.
    """
    lists = [ctypes.POINTER(ctypes.c_char_p)() for _ in range(3)]
    described, counting, returned = (ctypes.c_char_p() for _ in range(3))
    check_call(
        _LIB.MXSymbolGetAtomicSymbolInfo(
            ctypes.c_void_p(operator_handle(name)),
            ctypes.byref(ctypes.c_char_p()),
            ctypes.byref(described),
            ctypes.byref(mx_uint()),
            *map(ctypes.byref, lists),
            ctypes.byref(counting),
            ctypes.byref(returned),
        )
    )
    return str(py_str(counting.value)) if counting.value else ""


def outputs_of(symbol: Symbol) -> int:
    """Return the number of outputs of a symbol of either array mode."""
    # Not by `len`, which `arrays_only` refuses, and symbols of NumPy mode do not have.
    count = mx_uint()
    check_call(_LIB.MXSymbolGetNumOutputs(symbol.handle, ctypes.byref(count)))
    return int(count.value)


@lru_cache(maxsize=1024)
def operator_handle(name: str) -> int | None:
    """Return the native handle of the operator with this name."""
    handle = ctypes.c_void_p()
    check_call(_LIB.NNGetOpHandle(c_str(name), ctypes.byref(handle)))
    return handle.value


@lru_cache(maxsize=1024)
def operator_name(handle: int) -> str:
    """Return MXNet's main name of the operator with this native handle."""
    name = ctypes.c_char_p()
    check_call(_LIB.MXSymbolGetAtomicSymbolName(ctypes.c_void_p(handle), ctypes.byref(name)))
    return str(py_str(name.value))
