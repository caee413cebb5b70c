"""Making a symbol anew, node by node, some of them by other operators."""

from __future__ import annotations

from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit.files.graph import Graph, Node, Place
from gluonkit.tracing.symbols import create, outputs_of


class Rewriter:
    """Builds a graph's symbols again, in the order of its nodes.

    A subclass converts nodes in `convert`. Converted outputs may have another shape or layout;
    nodes that are not converted read them through `restored`.

    Attributes
    ----------
    graph : Graph
        The graph as it was, with shapes.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._made: dict[Place, Any] = {}

    def symbol(self) -> Symbol:
        """Return the new symbol of the graph."""
        # MXNet lists each node behind those that it reads, which are made again by then.
        for index, node in enumerate(self.graph.nodes):
            if not self.convert(index, node):
                self._keep(index, node)
        return mx.sym.Group([self.entry(head.place) for head in self.graph.heads])

    def convert(self, index: int, node: Node) -> bool:
        """Convert a node, and return whether it was converted."""
        raise NotImplementedError

    def restored(self, place: Place) -> Symbol:
        """Return a converted output in its original shape and layout."""
        raise NotImplementedError

    def shape(self, place: Place) -> tuple[int, ...]:
        """Return the original shape of an output."""
        return self.graph.spec(place).shape

    def entry(self, place: Place) -> Symbol:
        """Return the new symbol for an output of the old graph."""
        # Once for all readers: each would otherwise get operators of its own.
        if place not in self._made:
            self._made[place] = self.restored(place)
        return self._made[place]

    def put(self, index: int, symbol: Symbol) -> None:
        """Set the new symbol of an old node with one output, in its original layout."""
        self._made[index, 0] = symbol

    def create(self, node: Node, inputs: list[Any], **changed: str) -> Symbol:
        """Apply a node's operator to other inputs, with some attributes changed."""
        return create(node.operator, inputs, {**node.attributes, **changed}, node.name)

    def _keep(self, index: int, node: Node) -> None:
        if node.is_variable:
            # With its shape: of weights that are reshaped or joined MXNet cannot infer it from
            # behind.
            self._made[index, 0] = mx.sym.var(node.name, shape=self.shape((index, 0)))
            return
        made = self.create(node, [self.entry(entry.place) for entry in node.inputs])
        # Visible outputs only; hidden ones, such as a batch norm's statistics, nobody can read.
        count = outputs_of(made)
        for output in range(count):
            self._made[index, output] = made if count == 1 else made[output]
