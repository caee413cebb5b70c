"""Graphs that end in output layers, as `Module` trains them: what of them predicts, what trains.

An output layer, `SoftmaxOutput`, returns predictions, and has the gradient of a loss; it takes the
label as an input, which predictions do not depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from gluonkit.files.symbols import Graph

SCORE = "gluonkit#score"
"""How the variables of the training part are called that stand for what the network gives it."""
Attributes = Mapping[str, str]
Step = tuple[str, dict[str, str]]
"""An operator and its attributes."""


class OutputLayer(NamedTuple):
    """A layer whose gradient is that of a loss: operator, name and attributes."""

    operator: str
    name: str
    attributes: Attributes


@dataclass(frozen=True)
class Training:
    """The part of a network that trains it: its output layers.

    Attributes
    ----------
    layers : tuple of OutputLayer
        The layers, in the order of the graph.
    scores : list of list of int
        Their inputs: pairs of a node's index and the index of its output.
    losses : Graph
        The output layers, and all that is between them and the labels. Its variables are the
        scores, by number, and the labels; its outputs are those of the whole graph.
    flat : bool
        Whether scores have two axes, samples and classes.
    """

    layers: tuple[OutputLayer, ...]
    scores: list[list[int]]
    losses: Graph
    flat: bool


@dataclass(frozen=True)
class Parts:
    """The parts of a graph with output layers.

    Attributes
    ----------
    predicting : Graph
        The graph for prediction, with output layers replaced by operators without labels.
    labels : tuple of str
        The inputs that only training needs.
    training : Training or None
        The graph for training; None without output layers.
    """

    predicting: Graph
    labels: tuple[str, ...] = ()
    training: Training | None = None


def parts_of(graph: Graph, known: Collection[str]) -> Parts:
    """Split an upgraded graph whose parameters are known by name."""
    layers = [number for number, node in enumerate(graph.nodes) if node["op"] in _PREDICTIONS]
    if not layers:
        return Parts(graph)
    named = [number for number, node in enumerate(graph.nodes) if _is_label(node)]
    whole = _predictions(graph)
    trained = _dependents(whole.nodes, [n for n, node in enumerate(whole.nodes) if _is_label(node)])
    heads = [head for head in whole.heads if head[0] not in trained] or whole.heads
    predicting = _pruned(replace(whole, heads=heads))
    left = {node["name"] for node in predicting.nodes}
    labels = [
        number
        for number in sorted(_needed(graph.nodes, graph.heads))
        if (node := graph.nodes[number])["op"] == "null"
        and node["name"] not in left
        and (node["name"] not in known or number in named)
    ]
    names = tuple(graph.nodes[number]["name"] for number in labels)
    return Parts(predicting, names, _training(graph, layers, labels))


def _is_label(node: Mapping[str, Any]) -> bool:
    """Return whether a variable is a label: `Module` expects names that end in "label"."""
    name: str = node["name"]
    return node["op"] == "null" and name.lower().endswith(("label", "labels"))


def _training(graph: Graph, layers: list[int], labels: list[int]) -> Training | None:
    inside = _dependents(graph.nodes, [*layers, *labels])
    heads = [head for head in graph.heads if head[0] in inside]
    scores: dict[tuple[int, int], int] = {}
    for number in sorted(inside - set(labels)):
        for at, output, *_ in graph.nodes[number]["inputs"]:
            if at not in inside:
                scores.setdefault((at, output), len(scores))
    if not heads or not scores:
        return None
    return Training(
        tuple(
            OutputLayer(node["op"], node["name"], node["attrs"])
            for node in map(graph.nodes.__getitem__, layers)
        ),
        [list(entry) for entry in scores],
        _cut(graph, inside, scores, heads),
        flat=len(scores) == 1 and _is_flat(graph, next(iter(scores))[0]),
    )


def _cut(
    graph: Graph, inside: set[int], scores: Mapping[tuple[int, int], int], heads: list[list[int]]
) -> Graph:
    """Return the part of a graph that depends on the scores."""
    nodes: list[dict[str, Any]] = [
        {"op": "null", "name": f"{SCORE}{number}", "inputs": [], "attrs": {}}
        for number in scores.values()
    ]
    places: dict[int, int] = {}
    for number in sorted(inside):
        node = graph.nodes[number]
        inputs = [
            [places[at], output] if at in inside else [scores[at, output], 0]
            for at, output, *_ in node["inputs"]
        ]
        places[number] = len(nodes)
        nodes.append({**node, "inputs": inputs})
    return _pruned(replace(graph, nodes=nodes, heads=[[places[at], o] for at, o, *_ in heads]))


def _predictions(graph: Graph) -> Graph:
    """Return a graph in which each output layer is replaced by its prediction."""
    nodes: list[dict[str, Any]] = []
    places: list[int] = []
    for node in graph.nodes:
        inputs = [[places[at], output] for at, output, *_ in node["inputs"]]
        if node["op"] not in _PREDICTIONS:
            nodes.append({**node, "inputs": inputs})
        else:
            flat = _is_flat(graph, node["inputs"][0][0])
            nodes += _chain(node, _PREDICTIONS[node["op"]](node["attrs"], flat), inputs[0], nodes)
        places.append(len(nodes) - 1)
    return replace(graph, nodes=nodes, heads=[[places[at], o] for at, o, *_ in graph.heads])


def _chain(
    node: Mapping[str, Any], steps: list[Step], source: list[int], before: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the nodes of a chain of operators; the last gets the name of the given node."""
    made: list[dict[str, Any]] = []
    for number, (operator, attributes) in enumerate(steps, 1):
        last = source if number == 1 else [len(before) + number - 2, 0]
        inputs = [last, source] if operator == "reshape_like" else [last]
        name = node["name"] if number == len(steps) else f"{node['name']}_{operator}"
        made.append({**node, "op": operator, "name": name, "attrs": attributes, "inputs": inputs})
    return made


def _dependents(nodes: list[dict[str, Any]], begin: Iterable[int]) -> set[int]:
    """Return the indices of some nodes, and of all that depend on them."""
    numbers = set(begin)
    for number, node in enumerate(nodes):
        if any(entry[0] in numbers for entry in node["inputs"]):
            numbers.add(number)
    return numbers


def _needed(nodes: list[dict[str, Any]], heads: list[list[int]]) -> set[int]:
    """Return the indices of the nodes on which the outputs depend."""
    numbers = {head[0] for head in heads}
    for number in range(len(nodes) - 1, -1, -1):
        if number in numbers:
            numbers.update(entry[0] for entry in nodes[number]["inputs"])
    return numbers


def _pruned(graph: Graph) -> Graph:
    """Return a graph without unused nodes."""
    kept = sorted(_needed(graph.nodes, graph.heads))
    places = {old: new for new, old in enumerate(kept)}

    def moved(entry: list[int]) -> list[int]:
        return [places[entry[0]], entry[1]]

    nodes = [
        {**node, "inputs": [moved(entry) for entry in node["inputs"]]}
        for node in map(graph.nodes.__getitem__, kept)
    ]
    return replace(graph, nodes=nodes, heads=[moved(head) for head in graph.heads])


def _is_flat(graph: Graph, number: int) -> bool:
    """Return whether a node's output certainly has two axes, samples and classes."""
    node = graph.nodes[number]
    if node["op"] == "FullyConnected":
        return node["attrs"].get("flatten", "True") in TRUE
    if node["op"] == "Flatten":
        return True
    return node["op"] in _KEEPING and _is_flat(graph, node["inputs"][0][0])


TRUE = ("True", "true", "1")
"""How files write that an attribute is on."""
_KEEPING = {"Activation", "Dropout", "LeakyReLU", "L2Normalization", "_copy", "BlockGrad"}
"""Operators whose output has the shape of their first input."""


def _softmax(attributes: Attributes, flat: bool) -> list[Step]:
    if attributes.get("multi_output") in TRUE:
        return [("softmax", {"axis": "1"})]
    along = ("softmax", {"axis": "-1"})
    if flat or attributes.get("preserve_shape") in TRUE:
        return [along]
    return [("Flatten", {}), along, ("reshape_like", {})]  # over all numbers of a sample


def _always(operator: str) -> Callable[[Attributes, bool], list[Step]]:
    return lambda attributes, flat: [(operator, {})]


_PREDICTIONS: dict[str, Callable[[Attributes, bool], list[Step]]] = {
    "SoftmaxOutput": _softmax,
    "LogisticRegressionOutput": _always("sigmoid"),
    "LinearRegressionOutput": _always("_copy"),
    "MAERegressionOutput": _always("_copy"),
    "SVMOutput": _always("_copy"),
    "MakeLoss": _always("_copy"),
    "make_loss": _always("_copy"),
}
"""What each output layer predicts, of its attributes, and whether its input has two axes."""
