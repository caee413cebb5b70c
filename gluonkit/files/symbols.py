"""Graphs in MXNet's ``-symbol.json`` files, checked before MXNet, which believes them, sees them.

A wrong number in such a file lets MXNet read beyond its arrays, and ends the process.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from gluonkit.files.graph import version_text
from gluonkit.files.source import Source

_NODE = {"op", "name", "inputs", "attrs", "attr", "param", "subgraphs", "backward_source_id"}
_GRAPH = {"nodes", "arg_nodes", "node_row_ptr", "heads", "attrs"}
# No operator has nearly as many outputs, and MXNet believes any number.
_MOST_OUTPUTS = 1 << 16
_LONGEST = 1 << 26
"""Bytes of the longest graph that is read; the largest of the zoos has 2 MiB."""


class RawGraph(NamedTuple):
    """A graph as its file has it, its structure checked; `upgrade.upgraded` makes a `Graph` of it.

    Versions of MXNet differ in where nodes have their attributes: param, attr or attrs.

    Attributes
    ----------
    nodes : list of dict
        Dictionaries with op, name, inputs and attributes, in an order of execution.
    heads : list of list of int
        The outputs: pairs of a node's index and the index of its output.
    version : int or None
        The version of MXNet that wrote it, 10901 for 1.9.1; None if it has none, as up to 0.8.
    """

    nodes: list[dict[str, Any]]
    heads: list[list[int]]
    version: int | None = None

    @property
    def mxnet(self) -> str:
        """The version of MXNet that wrote it, as text; '' if nothing in it tells.

        Where it is not stated, the key under which nodes have their attributes tells.
        """
        if self.version is not None:
            return version_text(self.version)
        keys = {key for node in self.nodes for key in node}
        return next((versions for key, versions in _WRITERS.items() if key in keys), "")


_WRITERS = {"param": "0.8 or older", "attr": "0.9 or 0.10", "attrs": "0.11 or newer"}
"""Which versions of MXNet gave nodes which key."""


def read_symbol(source: Source, operators: Collection[str]) -> RawGraph:
    """Return a graph, after checking its structure.

    Parameters
    ----------
    source : Source
        The file.
    operators : collection of str
        The names of all operators that MXNet has.

    Raises
    ------
    CheckpointError
        When the structure is wrong; the message says where.
    """
    graph = _json(source)
    _check_graph(source, graph, operators)
    return RawGraph(graph["nodes"], graph["heads"], _version(source, graph.get("attrs", {})))


def _json(source: Source) -> dict[str, Any]:
    if source.size > _LONGEST:
        raise source.refused(f"it is JSON of {source.size:,} bytes, which no graph has")
    try:
        graph = json.loads(bytes(source.read(0, source.size, "the file")))
    # RecursionError: brackets within brackets take Python's parser to its limit.
    except (ValueError, RecursionError) as error:
        raise source.refused(f"it is not JSON: {error}") from None
    if not isinstance(graph, dict) or not {"nodes", "arg_nodes", "heads"} <= set(graph):
        raise source.refused("it is JSON, but no graph with nodes, arg_nodes and heads")
    return graph


def _check_graph(source: Source, graph: Any, operators: Collection[str], inside: str = "") -> None:
    if not isinstance(graph, dict) or not set(graph) <= _GRAPH:
        raise source.refused(f"{inside}its graph has parts that MXNet does not know")
    nodes = graph.get("nodes")
    if not isinstance(nodes, list) or not nodes:
        raise source.refused(f"{inside}it has no nodes")
    for number, node in enumerate(nodes):
        _check_node(source, node, f"{inside}node {number}", number, operators)
    # MXNet finds arrays by the names of variables: of two, one would get the other's. The body of
    # a loop may use the names of what is around it.
    names = [node["name"] for node in nodes if node["op"] == "null"]
    if len(set(names)) != len(names) and not inside:
        raise source.refused(f"two variables are called {max(names, key=names.count)!r:.60}")
    variables = [number for number, node in enumerate(nodes) if node["op"] == "null"]
    if graph.get("arg_nodes") != variables:
        raise source.refused(f"{inside}its arg_nodes are not the variables")
    # Sums of numbers of outputs, from 0 on, which can only grow.
    rows = graph.get("node_row_ptr", [0])
    if not (_numbers(rows) and rows == sorted(rows) and len(rows) in (1, len(nodes) + 1)):
        raise source.refused(f"{inside}its node_row_ptr is damaged")
    heads = graph.get("heads")
    if not isinstance(heads, list) or not heads:
        raise source.refused(f"{inside}it has no outputs (heads)")
    for head in heads:
        _check_input(source, head, f"{inside}an output", len(nodes))
    _version(source, graph.get("attrs", {}))


def _check_node(
    source: Source, node: Any, where: str, number: int, operators: Collection[str]
) -> None:
    if not isinstance(node, dict) or not {"op", "name", "inputs"} <= set(node) <= _NODE:
        raise source.refused(f"{where} lacks op, name or inputs, or has more than MXNet knows")
    op, name, inputs = node["op"], node["name"], node["inputs"]
    if not (isinstance(name, str) and name and name.isprintable()):
        raise source.refused(f"{where} has the name {name!r:.60}")
    if op != "null" and (not isinstance(op, str) or op not in operators):
        raise source.refused(f"{where} has the operator {op!r:.60}, which MXNet does not have")
    for kind in ("attrs", "attr", "param"):
        attributes = node.get(kind, {})
        if not isinstance(attributes, dict) or not all(
            isinstance(attribute, str) for attribute in attributes.values()
        ):
            raise source.refused(f"{where} has {kind} that are not texts by name")
    if not isinstance(inputs, list) or (op == "null" and inputs):
        raise source.refused(f"{where} has inputs that cannot be")
    for entry in inputs:
        _check_input(source, entry, where, number)
    for subgraph in _subgraphs(source, node, where):
        _check_graph(source, subgraph, operators, f"inside {where}, ")


def _subgraphs(source: Source, node: Any, where: str) -> list[Any]:
    graphs = node.get("subgraphs", [])
    if not isinstance(graphs, list):
        raise source.refused(f"{where} has subgraphs that are no list")
    return graphs


def _check_input(source: Source, given: Any, where: str, before: int) -> None:
    """Refuse an input that is not the output of an earlier node."""
    # Before it, not anywhere, as in every graph without cycles.
    if not (_numbers(given) and len(given) in (2, 3)) or given[0] >= before:
        raise source.refused(f"{where} takes {given!r:.60}, which no node before it gives")
    if given[1] > _MOST_OUTPUTS:
        raise source.refused(f"{where} takes output {given[1]:,} of node {given[0]}")


def _version(source: Source, attributes: Any) -> int | None:
    """Return the version of MXNet that a graph's attributes state; None if they have none."""
    if not isinstance(attributes, dict):
        raise source.refused(f"its attrs are {attributes!r:.60}, and no dictionary")
    if "mxnet_version" not in attributes:
        return None
    stated = attributes["mxnet_version"]
    if not (isinstance(stated, list) and len(stated) == 2 and type(stated[1]) is int):
        raise source.refused(f"its mxnet_version is {stated!r:.60}")
    return stated[1]


def _numbers(value: Any) -> bool:
    # MXNet reads them as 32 bits. By `type`, as JSON's true is an instance of int in Python.
    return isinstance(value, list) and all(
        type(number) is int and 0 <= number < 1 << 31 for number in value
    )
