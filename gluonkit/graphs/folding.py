"""Constant folding: what a graph computes of weights alone, computed once."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from gluonkit._base.kinds import Symbol
from gluonkit.graphs.rewrite import loaded
from gluonkit.tracing.eager import is_random

_NAME = "gluonkit#folded"

_NOT = ("BatchNorm", "SyncBatchNorm", "_contrib_SyncBatchNorm", "Custom", "Dropout", "RNN")
"""Operators that may change what they read, or compute what is not known."""


def folded(symbol: Symbol, inputs: Collection[str]) -> tuple[Symbol, dict[str, Any]]:
    """Return a graph in which variables replace everything that does not depend on inputs.

    Returns
    -------
    tuple
        The new graph, and for each new variable the graph that computes its value. Both share the
        other variables. If nothing can be folded, the graph itself and an empty dictionary.
    """
    graph = json.loads(symbol.tojson(remove_amp_cast=False))
    nodes = graph["nodes"]
    constant = _constant(nodes, inputs)
    heads = {head[0] for head in graph["heads"]}
    read = {
        entry[0]
        for index, node in enumerate(nodes)
        if not constant[index]
        for entry in node["inputs"]
    }
    roots = [
        index
        for index, node in enumerate(nodes)
        if constant[index] and node["op"] != "null" and index in read and index not in heads
    ]
    if not roots:
        return symbol, {}
    # Loaded as one graph; otherwise a weight with two consumers would become two variables.
    computed = loaded(graph | {"heads": [[index, 0, 0] for index in roots]})
    values = {f"{_NAME}{number}": computed[number] for number in range(len(roots))}
    for name, index in zip(values, roots, strict=True):
        nodes[index] = {"op": "null", "name": name, "inputs": []}
    return loaded(graph), values


def _constant(nodes: list[dict[str, Any]], inputs: Collection[str]) -> list[bool]:
    """Return for each node whether it has a single output that depends on no input."""
    # An output beyond the first has no variable that could replace it.
    several = {entry[0] for node in nodes for entry in node["inputs"] if entry[1]}
    constant: list[bool] = []
    for index, node in enumerate(nodes):
        if node["op"] == "null":
            constant.append(node["name"] not in inputs)
            continue
        usable = index not in several and node["op"] not in _NOT and not node.get("subgraphs")
        usable = usable and not is_random(node["op"], node.get("attrs", {}))
        usable = usable and not _takes_its_shape(node)
        constant.append(usable and all(constant[entry[0]] for entry in node["inputs"]))
    return constant


def _takes_its_shape(node: dict[str, Any]) -> bool:
    """Return whether a node makes an array whose shape is inferred from its consumers.

    These are initial states of recurrent cells: zeros of shape (0, hidden), with 0 for the batch.
    """
    shape = node.get("attrs", {}).get("shape", "")
    lengths = shape.strip("()[], ").split(",")
    return not node["inputs"] and any(length.strip() in ("0", "-1", "None") for length in lengths)
