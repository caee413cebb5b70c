"""What oneDNN's fusion must not join, kept apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from gluonkit._base.kinds import Symbol
from gluonkit.files.graph import Entry, Graph, Node
from gluonkit.tracing.symbols import graph_of, symbol_of

_LAYERS = ("Convolution", "FullyConnected")
"""Operators with which oneDNN's fusion begins."""


def fusible(symbol: Symbol) -> Symbol:
    """Return a symbol for prediction that oneDNN's fusion does not break.

    The fusion also merges an operator into its successor if it is an output of the graph, or has
    other consumers. So these are read through an identity operator that is never fused.
    """
    graph = _without_copies(graph_of(symbol)).pruned()
    nodes = graph.nodes
    # Whoever takes an output is one more reader of it.
    heads = Counter(head.place for head in graph.heads)
    behind = {
        # `BlockGrad` is an identity in prediction mode; oneDNN's fusion knows no pattern with it.
        (index, output): Node("BlockGrad", f"{nodes[index].name}#apart{output}")
        for (index, output), times in (Counter(graph.readers()) + heads).items()
        if times > 1
        and not nodes[index].is_variable
        and ((index, output) in heads or nodes[index].operator in _LAYERS)
    }
    return symbol_of(graph.inserted({}, behind))


def _without_copies(graph: Graph) -> Graph:
    """Return a graph for prediction without identity operators.

    These are copies, and dropout in prediction mode. oneDNN's fusion removes one itself, and fails
    on two in a row. One is kept behind an input, as an output must not be the array of its input.
    """

    def source(entry: Entry) -> Entry:
        while entry.output == 0 and _hands_on(graph.nodes[entry.node]):
            before = graph.nodes[entry.node].inputs[0]
            if graph.nodes[before.node].is_variable:
                break
            entry = before
        return entry

    def direct(node: Node) -> Node:
        return replace(node, inputs=tuple(map(source, node.inputs)))

    return replace(graph.map(direct), heads=tuple(map(source, graph.heads)))


def _hands_on(node: Node) -> bool:
    """Return whether a node is an identity in prediction mode."""
    mode = node.attributes.get("mode", "training")
    return node.operator == "_copy" or (node.operator == "Dropout" and mode == "training")
