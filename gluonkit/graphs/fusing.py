"""What oneDNN's fusion must not join, kept apart."""

from __future__ import annotations

import json
from collections import Counter

from gluonkit._base.kinds import Symbol
from gluonkit.graphs.rewrite import Node, inserted, loaded, pruned

_LAYERS = ("Convolution", "FullyConnected")
"""Operators with which oneDNN's fusion begins."""


def fusible(symbol: Symbol) -> Symbol:
    """Return a symbol for prediction that oneDNN's fusion does not break.

    The fusion also merges an operator into its successor if it is an output of the graph, or has
    other consumers. So these are read through an identity operator that is never fused.
    """
    graph = pruned(_without_copies(json.loads(symbol.tojson(remove_amp_cast=False))))
    nodes = graph["nodes"]
    read = Counter((entry[0], entry[1]) for node in nodes for entry in node["inputs"])
    heads = Counter((entry[0], entry[1]) for entry in graph["heads"])
    behind = {
        # `BlockGrad` is an identity in prediction mode; oneDNN's fusion knows no pattern with it.
        (index, output): {"op": "BlockGrad", "name": f"{nodes[index]['name']}#apart{output}"}
        for (index, output), times in (read + heads).items()
        if times > 1
        and nodes[index]["op"] != "null"
        and ((index, output) in heads or nodes[index]["op"] in _LAYERS)
    }
    return loaded(inserted(graph, {}, behind))


def _without_copies(graph: Node) -> Node:
    """Return a graph for prediction without identity operators.

    These are copies, and dropout in prediction mode. oneDNN's fusion removes one itself, and fails
    on two in a row. One is kept behind an input, as an output must not be the array of its input.
    """
    nodes = graph["nodes"]
    entries = [entry for node in nodes for entry in node["inputs"]] + graph["heads"]
    for entry in entries:
        while entry[1] == 0 and _hands_on(nodes[entry[0]]):
            source = nodes[entry[0]]["inputs"][0]
            if nodes[source[0]]["op"] == "null":
                break
            entry[:2] = source[:2]
    return graph


def _hands_on(node: Node) -> bool:
    """Return whether a node is an identity in prediction mode."""
    mode: str = node.get("attrs", {}).get("mode", "training")
    return node["op"] == "_copy" or (node["op"] == "Dropout" and mode == "training")
