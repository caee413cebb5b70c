"""What oneDNN's fusion must not join, kept apart."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from gluonkit._base.kinds import Symbol
from gluonkit.graphs.capture import without_copies
from gluonkit.graphs.folding import loaded

_LAYERS = ("Convolution", "FullyConnected")
"""Operators with which oneDNN's fusion begins."""


def fusible(symbol: Symbol) -> Symbol:
    """Return a symbol for prediction whose numbers oneDNN's fusion keeps.

    The fusion takes an operator for what is behind it, although the operator is an output of the
    graph as well, or although a layer is read by others, too. So these are read by way of an
    operator that computes nothing and that is never fused.
    """
    graph = json.loads(without_copies(symbol).tojson(remove_amp_cast=False))
    graph = json.loads(loaded(graph).tojson(remove_amp_cast=False))
    nodes = graph["nodes"]
    read = Counter(tuple(entry[:2]) for node in nodes for entry in node["inputs"])
    heads = Counter(tuple(entry[:2]) for entry in graph["heads"])
    apart = {
        place
        for place, times in (read + heads).items()
        if times > 1
        and nodes[place[0]]["op"] != "null"
        and (place in heads or nodes[place[0]]["op"] in _LAYERS)
    }
    return loaded(_with_barriers(graph, apart))


def _with_barriers(graph: dict[str, Any], apart: set[Any]) -> dict[str, Any]:
    """Return a graph in which these outputs of nodes are read by way of a barrier."""
    nodes: list[dict[str, Any]] = []
    moved: dict[tuple[int, int], list[int]] = {}
    places: list[int] = []

    def entry(old: list[int]) -> list[int]:
        place = (old[0], old[1])
        return [*moved.get(place, [places[old[0]], old[1]]), *old[2:]]

    for index, node in enumerate(graph["nodes"]):
        places.append(len(nodes))
        nodes.append(node | {"inputs": [entry(each) for each in node["inputs"]]})
        for _, output in sorted(place for place in apart if place[0] == index):
            name, source = f"{node['name']}#apart{output}", [places[index], output, 0]
            moved[index, output] = [len(nodes), 0]
            nodes.append({"op": "BlockGrad", "name": name, "inputs": [source]})
    return graph | {"nodes": nodes, "heads": [entry(each) for each in graph["heads"]]}
