"""Graphs that end in output layers, as `Module` trains them: what of them predicts, what trains.

An output layer, `SoftmaxOutput`, returns predictions, and has the gradient of a loss; it takes the
label as an input, which predictions do not depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gluonkit.files.graph import Entry, Graph, Node, moved

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
    scores : tuple of Entry
        Their inputs.
    losses : Graph
        The output layers, and all that is between them and the labels. Its variables are the
        scores, by number, and the labels; its outputs are those of the whole graph.
    flat : bool
        Whether scores have two axes, samples and classes.
    whole : Graph
        The network; its outputs are the scores, and then its predictions.
    """

    layers: tuple[OutputLayer, ...]
    scores: tuple[Entry, ...]
    losses: Graph
    flat: bool
    whole: Graph


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
    layers = [number for number, node in enumerate(graph.nodes) if node.operator in _PREDICTIONS]
    if not layers:
        return Parts(graph)
    named = [number for number, node in enumerate(graph.nodes) if _is_label(node)]
    whole, places = _predictions(graph)
    # In the graph whose output layers are replaced already, as these took the labels.
    trained = _dependents(whole, [n for n, node in enumerate(whole.nodes) if _is_label(node)])
    # Where every output depends on a label, all of them stay, or there would be no prediction.
    heads = tuple(head for head in whole.heads if head.node not in trained) or whole.heads
    predicting = whole.subgraph(heads)
    # By name, as positions in the two graphs differ.
    left = {node.name for node in predicting.nodes}
    only_trains = {node.name for node in graph.pruned().nodes if node.is_variable} - left
    labels = [
        number
        for number, node in enumerate(graph.nodes)
        if node.is_variable
        and node.name in only_trains
        # A parameter that only training needs, such as a centre of a loss, is no label; but a file
        # of parameters may have labels among them.
        and (node.name not in known or number in named)
    ]
    names = tuple(graph.nodes[number].name for number in labels)
    training = _training(graph, layers, labels)
    if training is not None:
        scores = moved(training.scores, places)
        training = replace(training, whole=whole.subgraph([*scores, *heads]))
    return Parts(predicting, names, training)


def _is_label(node: Node) -> bool:
    """Return whether a variable is a label: `Module` expects names that end in "label"."""
    return node.is_variable and node.name.lower().endswith(("label", "labels"))


def _training(graph: Graph, layers: list[int], labels: list[int]) -> Training | None:
    inside = _dependents(graph, [*layers, *labels])
    heads = [head for head in graph.heads if head.node in inside]
    # What crosses the border from the network into the layers, each once, in the order of the
    # graph.
    scores: dict[Entry, int] = {}
    for number in sorted(inside - set(labels)):
        for entry in graph.nodes[number].inputs:
            if entry.node not in inside:
                scores.setdefault(entry, len(scores))
    if not heads or not scores:
        return None
    return Training(
        tuple(
            OutputLayer(node.operator, node.name, node.attributes)
            for node in map(graph.nodes.__getitem__, layers)
        ),
        tuple(scores),
        _cut(graph, inside, scores, heads),
        flat=len(scores) == 1 and _is_flat(graph, next(iter(scores)).node),
        whole=graph,
    )


def _cut(
    graph: Graph, inside: set[int], scores: Mapping[Entry, int], heads: Sequence[Entry]
) -> Graph:
    """Return the part of a graph that depends on the scores."""
    # Scores first, by number: a variable for each takes the place of all that is before it.
    nodes = [Node("null", f"{SCORE}{number}") for number in scores.values()]
    places: dict[int, int] = {}

    def cut(entries: Iterable[Entry]) -> tuple[Entry, ...]:
        return tuple(
            entry._replace(node=places[entry.node])
            if entry.node in inside
            else Entry(scores[entry])
            for entry in entries
        )

    for number in sorted(inside):
        places[number] = len(nodes)
        node = graph.nodes[number]
        nodes.append(replace(node, inputs=cut(node.inputs)))
    return replace(graph, nodes=tuple(nodes), heads=cut(heads)).pruned()


def _predictions(graph: Graph) -> tuple[Graph, list[int]]:
    """Return a graph with output layers replaced by predictions, and where each node went."""
    nodes: list[Node] = []
    places: list[int] = []
    for node in graph.nodes:
        here = replace(node, inputs=moved(node.inputs, places))
        if node.operator not in _PREDICTIONS:
            nodes.append(here)
        else:
            flat = _is_flat(graph, node.inputs[0].node)
            nodes += _chain(here, _PREDICTIONS[node.operator](node.attributes, flat), len(nodes))
        places.append(len(nodes) - 1)
    return replace(graph, nodes=tuple(nodes), heads=moved(graph.heads, places)), places


def _chain(node: Node, steps: list[Step], before: int) -> list[Node]:
    """Return a chain of operators for a node's first input, which begins behind `before` nodes.

    The last gets the node's name.
    """
    made: list[Node] = []
    source = node.inputs[0]
    for number, (operator, attributes) in enumerate(steps, 1):
        last = source if number == 1 else Entry(before + number - 2)
        # `reshape_like` takes the shape from its second input, here the layer's own.
        inputs = (last, source) if operator == "reshape_like" else (last,)
        # So that outputs are called as in the file.
        name = node.name if number == len(steps) else f"{node.name}_{operator}"
        made.append(
            replace(node, operator=operator, name=name, inputs=inputs, attributes=attributes)
        )
    return made


def _dependents(graph: Graph, begin: Iterable[int]) -> set[int]:
    """Return the indices of some nodes, and of all that depend on them."""
    numbers = set(begin)
    for number, node in enumerate(graph.nodes):
        if any(entry.node in numbers for entry in node.inputs):
            numbers.add(number)
    return numbers


def _is_flat(graph: Graph, number: int) -> bool:
    """Return whether a node's output certainly has two axes, samples and classes."""
    node = graph.nodes[number]
    # MXNet leaves out of the file what has its default, here that it flattens.
    if node.operator == "FullyConnected":
        return node.attributes.get("flatten", "True") in TRUE
    if node.operator == "Flatten":
        return True
    return node.operator in _KEEPING and _is_flat(graph, node.inputs[0].node)


TRUE = ("True", "true", "1")
"""How files write that an attribute is on."""
_KEEPING = {"Activation", "Dropout", "LeakyReLU", "L2Normalization", "_copy", "BlockGrad"}
"""Operators whose output has the shape of their first input."""


def _softmax(attributes: Attributes, flat: bool) -> list[Step]:
    # Classes are along axis 1 then, as for each pixel of an image.
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
