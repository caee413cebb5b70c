"""Graphs in ``-symbol.json`` files, built by MXNet's own calls, which check every operator."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import mxnet as mx

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Symbol
from gluonkit.files.graph import Entry, Graph, Node
from gluonkit.files.source import Source
from gluonkit.files.symbols import RawGraph, read_symbol
from gluonkit.files.upgrade import SUCCESSORS, Described, upgraded
from gluonkit.tracing.symbols import create, operator_handle, operator_name, outputs_of

_POSITIVE = {"num_group", "num_hidden", "num_filter", "num_deconv_group", "stride", "dilate"}
"""Attributes whose zero makes MXNet divide by it, which ends the process."""
_FILLED = {"_zeros", "_ones", "_full"}
"""Operators of legacy mode, where a zero in a shape stands for what the inputs determine."""
_CONTROL_FLOW = {"_foreach", "_while_loop", "_cond"}
_POINTERS = {"_Native", "_NDArray"}
"""Operators whose attribute is an address in memory, which MXNet reads from and calls."""
_DECODERS = {"_imdecode", "_cvimread", "_cvimdecode", "_npi_cvimread", "_npi_cvimdecode"}
"""Operators that open images by the OpenCV inside MXNet."""
_ALWAYS = {"num_args"}
"""Attributes of operators that take any number of inputs, which not all of them list."""
Shapes = Mapping[str, tuple[int, ...]]


def raw_graph(source: Source) -> RawGraph:
    """Read a file's graph, and check its structure and operators."""
    graph = read_symbol(source, {*mx.operator.get_all_registered_operators(), *SUCCESSORS})
    for node in graph.nodes:
        if why := _never(node):
            raise source.refused(f"the node {node['name']!r:.60} ({node['op']}) {why}")
    return graph


def _never(node: Mapping[str, Any]) -> str:
    """Say why an operator is never built, such as one at which MXNet ends; '' for others."""
    operator = node["op"]
    if operator in _POINTERS:
        return (
            "is Python of the process that wrote the file, which has no more than its address; "
            "make the network in Python and give it as net="
        )
    if operator in _DECODERS:
        return (
            "opens images by the OpenCV inside MXNet, which is too old for files from anywhere, "
            "and which no network needs; decode them by Pillow before (gluonkit.data.decode_image)"
        )
    if operator.startswith("_backward_"):
        return "belongs to a backward pass, which no network is saved with"
    if operator.startswith("_sg_") and not node.get("subgraphs"):
        return "stands for operators that a backend has fused, and the file does not have them"
    return ""


def hidden_in(graph: RawGraph) -> str:
    """Return why operators have graphs inside: 'fused', 'quantized', 'control flow'; '' if none."""
    hidden = [node for node in graph.nodes if node.get("subgraphs")]
    if any(node["op"] in _CONTROL_FLOW for node in hidden):
        return "control flow"
    if any(map(_is_quantized, hidden)):
        return "quantized"
    return "fused" if hidden else ""


def read_graph(source: Source) -> Graph:
    """Read a file's graph, check its structure, and upgrade it to the format of MXNet 1.9.1."""
    graph = raw_graph(source)
    for node in graph.nodes:
        if node.get("subgraphs"):
            raise source.refused(_hidden(node))
    for node in graph.nodes:
        for kind in ("attrs", "attr", "param"):
            _check_attributes(source, node["name"], node.get(kind, {}))
    return upgraded(graph, described)


def _hidden(node: Mapping[str, Any]) -> str:
    """Say what an operator is that has graphs inside, and what to do."""
    operator = node["op"]
    if operator in _CONTROL_FLOW:
        return (
            "it has control flow (foreach, while_loop, cond), which is not loaded without "
            "checksums; make the network in Python and give it as net="
        )
    quantized = _is_quantized(node)
    before = "quantize_net" if quantized else "optimize_for"
    then = "compile(net, x, int8=True)" if quantized else "compile(net, x)"
    return (
        f"it is a graph that a backend of MXNet has {'quantized (int8) and ' * quantized}fused for "
        f"prediction on one kind of processor ({operator}), and is not loaded without checksums. "
        f"Load the -symbol.json from before {before}, and call {then}; MXNet itself, which "
        "believes such files, reads this one by gluon.SymbolBlock.imports"
    )


def _is_quantized(node: Mapping[str, Any]) -> bool:
    quantized: str = (node.get("attrs") or {}).get("quantized", "")
    return quantized.lower() == "true"


def _why(graph: Graph, node: Node, error: Exception) -> str:
    """Say why MXNet refuses a node."""
    what = f"the node {node.name!r:.60} ({node.operator})"
    names = () if node.is_variable else mx.operator.get_operator_arguments(node.operator).names
    known = {*names, *_ALWAYS}
    given = node.arguments.items()
    unknown = [f"{key}={value!r:.40}" for key, value in given if key not in known]
    if not names or not unknown:
        return f"{what}: {last_line(error)}"
    return (
        f"{what} has {', '.join(unknown[:3])}, which MXNet 1.9.1 does not know there. By its "
        f"version the file is of MXNet {graph.mxnet}: a fork has written it, which may compute "
        "something else there. Load it by that; or, if the attribute does not change the numbers, "
        "take it out of the file"
    )


def described(operator: str, attributes: Mapping[str, str]) -> Described:
    """Return MXNet's description of an operator; without inputs if its attributes are wrong."""
    name = operator_name(operator_handle(operator))
    return Described(name, _inputs_of(name, tuple(sorted(attributes.items()))))


@lru_cache(maxsize=1024)
def _inputs_of(operator: str, attributes: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    try:
        inputs = create(operator, None, dict(attributes), "n").list_inputs()
    except mx.MXNetError:  # building the graph says what is wrong
        inputs = []
    return tuple(name.removeprefix("n_") for name in inputs)


def built(source: Source, graph: Graph, shapes: Shapes) -> list[Symbol]:
    """Build a symbol for each node by MXNet's own functions, which check every operator.

    Variables get the given shapes, by name.

    Raises
    ------
    CheckpointError
        When MXNet refuses a node; the message has its name and the reason.
    """
    symbols: list[Any] = []
    for node in graph.nodes:
        try:
            symbols.append(_node(node, symbols, shapes))
        except (mx.MXNetError, ValueError, TypeError, IndexError) as error:
            raise source.refused(_why(graph, node, error)) from error
    return symbols


def outputs(source: Source, symbols: Sequence[Symbol], heads: Sequence[Entry]) -> Symbol:
    """Return a symbol with some of the nodes' outputs.

    Raises
    ------
    CheckpointError
        For an output that a node does not have.
    """
    try:
        chosen = [_output(symbols[head.node], head.output) for head in heads]
    except IndexError as error:
        raise source.refused(str(error)) from None
    return chosen[0] if len(chosen) == 1 else mx.sym.Group(chosen)


def _check_attributes(source: Source, name: str, attributes: Mapping[str, str]) -> None:
    for key in _POSITIVE & set(attributes):
        if any(int(number) <= 0 for number in re.findall(r"-?\d+", attributes[key])):
            raise source.refused(f"the node {name!r:.60} has {key}={attributes[key]:.40}")


def _node(node: Node, symbols: Sequence[Any], shapes: Shapes) -> Any:
    attributes = node.attributes
    if node.is_variable:
        notes = {key: value for key, value in attributes.items() if key.startswith("__")}
        return mx.sym.var(node.name, attr=notes, shape=shapes.get(node.name))
    inputs = [_output(symbols[entry.node], entry.output) for entry in node.inputs]
    if node.operator in _FILLED and "shape" in attributes and mx.util.is_np_shape():
        open_shape = re.sub(r"\b0\b", "-1", attributes["shape"])
        attributes = {**attributes, "shape": open_shape}
    made = create(node.operator, inputs, attributes, node.name)
    children = made.get_children()
    if (0 if children is None else len(children)) != len(inputs):
        raise ValueError(f"{node.operator} does not take {len(inputs)} inputs")
    return made


def _output(symbol: Symbol, index: int) -> Any:
    count = outputs_of(symbol)
    if index >= count:
        raise IndexError(f"output {index} is taken of a node that has {count}")
    return symbol if count == 1 else symbol[index]
