"""Making a symbol graph anew: node by node, some of them differently, or as MXNet's JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit.tracing import symbols as trace_graph
from gluonkit.tracing.symbols import create, outputs_of

Node = dict[str, Any]
Place = tuple[int, int]
"""An output of a node: the node's position in the old graph, and the output's number."""


def inserted(
    graph: Node, before: Mapping[int, Node], behind: Mapping[Place, Node]
) -> dict[str, Any]:
    """Insert operators of one input and one output into a graph in MXNet's JSON.

    Parameters
    ----------
    graph : Node
        The graph in MXNet's JSON.
    before : mapping of int to Node
        By node: the operator, without inputs, through which it reads its first input.
    behind : mapping of tuple of int to Node
        By output: the operator, without inputs, through which all nodes read it.
    """
    nodes: list[Node] = []
    places: list[int] = []
    moved: dict[Place, Place] = {}

    def entry(old: list[int]) -> list[int]:
        return [*moved.get((old[0], old[1]), (places[old[0]], old[1])), *old[2:]]

    for index, node in enumerate(graph["nodes"]):
        entries = [entry(source) for source in node["inputs"]]
        if index in before:
            nodes.append(before[index] | {"inputs": entries[:1]})
            entries[0] = [len(nodes) - 1, 0, 0]
        places.append(len(nodes))
        nodes.append(node | {"inputs": entries})
        for place in sorted(output for output in behind if output[0] == index):
            moved[place] = len(nodes), 0
            nodes.append(behind[place] | {"inputs": [[places[index], place[1], 0]]})
    return graph | {"nodes": nodes, "heads": [entry(head) for head in graph["heads"]]}


def pruned(graph: Node) -> Node:
    """Return a graph in MXNet's JSON with only the nodes that its heads need."""
    nodes = graph["nodes"]
    needed: set[int] = set()
    stack = [head[0] for head in graph["heads"]]
    while stack:
        index = stack.pop()
        if index not in needed:
            needed.add(index)
            stack.extend(entry[0] for entry in nodes[index]["inputs"])
    order = sorted(needed)
    place = {index: new for new, index in enumerate(order)}

    def moved(entries: list[Any]) -> list[Any]:
        return [[place[entry[0]], *entry[1:]] for entry in entries]

    kept = [nodes[index] | {"inputs": moved(nodes[index]["inputs"])} for index in order]
    return {
        "nodes": kept,
        "arg_nodes": [index for index, node in enumerate(kept) if node["op"] == "null"],
        "node_row_ptr": list(range(len(kept) + 1)),
        "heads": moved(graph["heads"]),
        "attrs": graph.get("attrs", {}),
    }


def loaded(graph: Node) -> Symbol:
    """Load a symbol with only the nodes that its heads need; MXNet keeps all of them."""
    return mx.sym.load_json(json.dumps(pruned(graph)))


class Rewriter:
    """Builds a new graph's symbols, in the order of the old graph's nodes.

    A subclass converts nodes in `convert`. Converted outputs may have another shape or layout;
    nodes that are not converted read them through `restored`.
    """

    def __init__(self, symbol: Symbol, inferred: Sequence[trace_graph.Node]) -> None:
        """`inferred` are the symbol's nodes, by `graph_nodes`, in the same order."""
        graph = json.loads(symbol.tojson(remove_amp_cast=False))
        self.nodes: list[Node] = graph["nodes"]
        self._inferred = inferred
        self._made: dict[Place, Any] = {}
        for index, node in enumerate(self.nodes):
            places = [(entry[0], entry[1]) for entry in node["inputs"]]
            if not self.convert(index, node, places):
                self._keep(index, node, places)
        self.symbol = mx.sym.Group([self.entry(node, out) for node, out, *_ in graph["heads"]])

    def convert(self, index: int, node: Node, places: list[Place]) -> bool:
        """Convert a node, and return whether it was converted."""
        raise NotImplementedError

    def restored(self, place: Place) -> Symbol:
        """Return a converted output in its original shape and layout."""
        raise NotImplementedError

    def shape(self, place: Place) -> tuple[int, ...]:
        """Return the original shape of an output."""
        return self._inferred[place[0]].outputs[place[1]].shape

    def dtype(self, place: Place) -> str:
        """Return the original data type of an output."""
        return self._inferred[place[0]].outputs[place[1]].dtype

    def entry(self, node: int, output: int = 0) -> Symbol:
        """Return the new symbol for an output of an old node."""
        place = (node, output)
        if place not in self._made:
            self._made[place] = self.restored(place)
        return self._made[place]

    def put(self, index: int, symbol: Symbol) -> None:
        """Set the new symbol of an old node with one output, in its original layout."""
        self._made[index, 0] = symbol

    def create(self, node: Node, inputs: list[Any], **changed: str) -> Symbol:
        """Apply a node's operator to other inputs, with some attributes changed."""
        return create(node["op"], inputs, node.get("attrs", {}) | changed, node["name"])

    def _keep(self, index: int, node: Node, places: list[Place]) -> None:
        if node["op"] == "null":
            self._made[index, 0] = mx.sym.var(node["name"], shape=self.shape((index, 0)))
            return
        made = self.create(node, [self.entry(*place) for place in places])
        count = outputs_of(made)
        for output in range(count):
            self._made[index, output] = made if count == 1 else made[output]
