"""Convolutions of concatenated maps, each as a sum of convolutions of the maps: nothing is copied.

oneDNN copies what it concatenates, with AVX2 no faster than it computes a convolution of kernel
size 1 from it. A convolution is a sum over its input channels, and may as well be added up from
those of each map with its part of the weights; oneDNN's fusion adds within the convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Graph, Node, Place
from gluonkit.graphs.pad import is_plain
from gluonkit.graphs.rewrite import Rewriter
from gluonkit.tracing.symbols import NotInferableError, graph_of, shaped

_BY_CHANNEL = ("Activation", "Pooling", "relu")
"""Operators with one input that treat each channel by itself."""

_BLOCK = 8  # channels, of which a part has whole numbers, as oneDNN lays them out


def apart(symbol: Symbol, inputs: Mapping[str, ArraySpec]) -> Symbol:
    """Return a symbol for prediction without the concatenations that only convolutions read.

    The same symbol if there are none, or they cost less than the sums would.
    """
    if not any(node.operator == "Concat" for node in graph_of(symbol).nodes):
        return symbol
    try:
        graph = shaped(symbol, inputs)
    except NotInferableError:
        return symbol
    wanted = {index for index in range(len(graph.nodes)) if _is_worth_it(graph, index)}
    return _Apart(graph, wanted).symbol() if wanted else symbol


def _is_worth_it(graph: Graph, index: int) -> bool:
    """Return whether a node is a concatenation that costs more than sums in its place."""
    node = graph.nodes[index]
    if node.operator != "Concat" or node.attributes.get("dim", "1") != "1":
        return False
    parts = [graph.spec(entry.place) for entry in node.inputs]
    if any(len(part.shape) != 4 or part.shape[1] % _BLOCK for part in parts):
        return False
    convolutions = _convolutions(graph, index)
    if not convolutions:
        return False
    sums = sum(convolution.outputs[0].size for convolution in convolutions) * (len(parts) - 1)
    return sums < node.outputs[0].size


def _convolutions(graph: Graph, index: int) -> list[Node]:
    """Return the convolutions that read a node's output; none if anything else reads it."""
    behind, read = {index}, []
    if any(head.node == index for head in graph.heads):
        return []
    for other in range(index + 1, len(graph.nodes)):
        node = graph.nodes[other]
        positions = [place for place, entry in enumerate(node.inputs) if entry.node in behind]
        if not positions:
            continue
        if positions == [0] and is_plain(node):
            read.append(node)
        elif node.operator in _BY_CHANNEL and all(head.node != other for head in graph.heads):
            behind.add(other)
        else:
            return []
    return read


class _Apart(Rewriter):
    def __init__(self, graph: Graph, wanted: set[int]) -> None:
        super().__init__(graph)
        self._wanted = wanted
        self._parts: dict[Place, list[tuple[Any, int]]] = {}  # symbols, and their channels

    def convert(self, index: int, node: Node) -> bool:
        if index in self._wanted:
            places = [entry.place for entry in node.inputs]
            self._parts[index, 0] = [(self.entry(p), self.shape(p)[1]) for p in places]
            return True
        parts = self._parts.get(node.inputs[0].place) if node.inputs else None
        if parts is None:
            return False
        if node.operator == "Convolution":
            self.put(index, self._sum(node, parts))
        else:
            self._parts[index, 0] = [
                (self._named(node, number, [part]), channels)
                for number, (part, channels) in enumerate(parts)
            ]
        return True

    def _sum(self, node: Node, parts: list[tuple[Any, int]]) -> Symbol:
        weight, *bias = [self.entry(entry.place) for entry in node.inputs[1:]]
        total, begin = None, 0
        for number, (part, channels) in enumerate(parts):
            kernels = mx.sym.slice_axis(weight, axis=1, begin=begin, end=begin + channels)
            begin += channels
            # One of them adds the bias for all.
            own = {"no_bias": "True"} if number else {}
            made = self._named(node, number, [part, kernels, *([] if number else bias)], **own)
            total = made if total is None else mx.sym.elemwise_add(made, total)
        return total

    def _named(self, node: Node, number: int, inputs: list[Any], **changed: str) -> Symbol:
        """Apply a node's operator to one of the parts."""
        made = Node(node.operator, f"{node.name}#{number}", attributes=node.attributes)
        return self.create(made, inputs, **changed)
