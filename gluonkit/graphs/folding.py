"""Constant folding: what a graph computes of weights alone, computed once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from gluonkit._base.kinds import Symbol
from gluonkit.files.graph import Entry, Graph, Node
from gluonkit.tracing.eager import is_random
from gluonkit.tracing.symbols import graph_of, symbol_of

_NAME = "gluonkit#folded"

_NOT_FOLDED = ("BatchNorm", "SyncBatchNorm", "_contrib_SyncBatchNorm", "Custom", "Dropout", "RNN")
"""Operators that may change what they read, or compute what is not known."""


def folded(symbol: Symbol, inputs: Collection[str]) -> tuple[Symbol, dict[str, Any]]:
    """Return a graph in which variables replace everything that does not depend on inputs.

    Returns
    -------
    tuple
        The new graph, and for each new variable the graph that computes its value. Both share the
        other variables. If nothing can be folded, the graph itself and an empty dictionary.
    """
    graph = graph_of(symbol)
    constant = _constant(graph, inputs)
    heads = {head.node for head in graph.heads}
    read = {
        entry.node
        for index, node in enumerate(graph.nodes)
        if not constant[index]
        for entry in node.inputs
    }
    # Only what others read: constants between constants are computed with them. An output of the
    # graph stays computed, as MXNet would hand out the variable's own memory.
    roots = [
        index
        for index, node in enumerate(graph.nodes)
        if constant[index] and not node.is_variable and index in read and index not in heads
    ]
    if not roots:
        return symbol, {}
    # Loaded as one graph; otherwise a weight with two consumers would become two variables.
    computed = symbol_of(graph.subgraph([Entry(index) for index in roots]))
    values = {f"{_NAME}{number}": computed[number] for number in range(len(roots))}
    nodes = list(graph.nodes)
    for name, index in zip(values, roots, strict=True):
        # "null" is what MXNet calls the operator of a variable.
        nodes[index] = Node("null", name)
    return symbol_of(replace(graph, nodes=tuple(nodes))), values


def _constant(graph: Graph, inputs: Collection[str]) -> list[bool]:
    """Return for each node whether it has a single output that depends on no input."""
    # An output beyond the first has no variable that could replace it.
    several = {node for node, output in graph.readers() if output}
    constant: list[bool] = []
    for index, node in enumerate(graph.nodes):
        if node.is_variable:
            constant.append(node.name not in inputs)
            continue
        usable = index not in several and node.operator not in _NOT_FOLDED and not node.subgraphs
        usable = usable and not is_random(node.operator, node.attributes)
        usable = usable and not _takes_its_shape(node)
        constant.append(usable and all(constant[entry.node] for entry in node.inputs))
    return constant


def _takes_its_shape(node: Node) -> bool:
    """Return whether a node makes an array whose shape is inferred from its consumers.

    These are initial states of recurrent cells: zeros of shape (0, hidden), with 0 for the batch.
    """
    lengths = node.attributes.get("shape", "").strip("()[], ").split(",")
    return not node.inputs and any(length.strip() in ("0", "-1", "None") for length in lengths)
