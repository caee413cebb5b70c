"""What oneDNN's fusion must not join, kept apart."""

from __future__ import annotations

import json
from collections import Counter

from gluonkit._base.kinds import Symbol
from gluonkit.graphs.rewrite import Node, inserted, loaded, pruned

_LAYERS = ("Convolution", "FullyConnected")
"""Operators with which oneDNN's fusion begins."""


def fusible(symbol: Symbol) -> Symbol:
    """Return a symbol for prediction whose numbers oneDNN's fusion keeps.

    The fusion takes an operator for what is behind it, although the operator is an output of the
    graph as well, or although a layer is read by others, too. So these are read by way of an
    operator that computes nothing and that is never fused.
    """
    graph = pruned(_without_copies(json.loads(symbol.tojson(remove_amp_cast=False))))
    nodes = graph["nodes"]
    read = Counter((entry[0], entry[1]) for node in nodes for entry in node["inputs"])
    heads = Counter((entry[0], entry[1]) for entry in graph["heads"])
    behind = {
        (index, output): {"op": "BlockGrad", "name": f"{nodes[index]['name']}#apart{output}"}
        for (index, output), times in (read + heads).items()
        if times > 1
        and nodes[index]["op"] != "null"
        and ((index, output) in heads or nodes[index]["op"] in _LAYERS)
    }
    return loaded(inserted(graph, {}, behind))


def _without_copies(graph: Node) -> Node:
    """Return a graph for prediction without what only hands on what other operators give.

    Copies, and dropout, which does nothing then. oneDNN's fusion takes one away, too, and fails on
    two in a row. On an input one is left: an output must not be the very array of its input.
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
    """Return whether a node gives in prediction what it takes."""
    mode: str = node.get("attrs", {}).get("mode", "training")
    return node["op"] == "_copy" or (node["op"] == "Dropout" and mode == "training")
