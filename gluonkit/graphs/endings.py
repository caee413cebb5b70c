"""What a network's output is: probabilities, their logarithms, or scores, by what computes it.

A loss takes one of these, and computes with any. Networks that were exported for prediction end in
a softmax, which Gluon's cross entropy applies a second time, without a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Graph
from gluonkit.tracing.record import Operator
from gluonkit.tracing.symbols import NotInferableError, graph_of, operators

Attributes = Mapping[str, str]

SOFTMAX, LOGARITHM, SIGMOID, SCORES = "softmax", "log_softmax", "sigmoid", "scores"


@dataclass(frozen=True)
class Ending:
    """What computes a network's output.

    Attributes
    ----------
    kind : str
        'softmax', 'log_softmax' or 'sigmoid'; 'scores' for a layer whose numbers may be of any
        size; '' for all else.
    axis : int or None
        The axis of the output along which a softmax has the classes; None if there is no such axis.
    """

    kind: str = ""
    axis: int | None = None

    def __str__(self) -> str:
        if self.kind == SCORES:
            return "a dense or convolutional layer"
        return self.kind.replace("log_softmax", "the logarithm of a softmax").replace("_", " ")


UNKNOWN = Ending()
_KINDS = {
    "softmax": SOFTMAX,
    "_npx_softmax": SOFTMAX,
    "softmin": SOFTMAX,
    "SoftmaxActivation": SOFTMAX,
    "SoftmaxOutput": SOFTMAX,
    "log_softmax": LOGARITHM,
    "_npx_log_softmax": LOGARITHM,
    "sigmoid": SIGMOID,
    "_npx_sigmoid": SIGMOID,
    "LogisticRegressionOutput": SIGMOID,
    "FullyConnected": SCORES,
    "_npx_fully_connected": SCORES,
    "Convolution": SCORES,
    "_npx_convolution": SCORES,
    "Deconvolution": SCORES,
    "_npx_deconvolution": SCORES,
}
_ACTIVATIONS = ("Activation", "_npx_activation")
_PERMUTED = ("transpose", "_np_transpose", "SwapAxis")
_MOVING = re.compile(
    r"""
    (_np[ix]?_)?(identity|reshape|reshape_like|batch_flatten|squeeze|expand_dims|transpose|cast)
    |_copy|_np_copy|BlockGrad|Cast|amp_cast|make_loss|MakeLoss|Reshape|Flatten|SwapAxis
    """,
    re.VERBOSE,
)
"""Operators that leave the numbers of their first input as they are, maybe in another order."""
_GUARDS = re.compile(r"_plus_scalar|_npi_add_scalar|(_npi)?_maximum_scalar|clip|_npi_clip")
_GUARDED = 0.01
"""What is added to probabilities, or cut off at their ends, so that logarithms are finite."""
_LOGS = ("log", "_npi_log")


def kind_of(operator: str, attributes: Attributes) -> str:
    """Return what an operator's output is, as `Ending.kind`."""
    if operator in _ACTIVATIONS and attributes.get("act_type") == "sigmoid":
        return SIGMOID
    return _KINDS.get(operator, "")


def passes_on(operator: str, attributes: Attributes) -> bool:
    """Return whether an operator's output is what its first input is."""
    if is_guard(operator):
        bounds = (
            float(attributes[key]) for key in ("scalar", "a_min", "a_max") if key in attributes
        )
        return all(0 <= min(bound, abs(1 - bound)) <= _GUARDED for bound in bounds)
    return _MOVING.fullmatch(operator) is not None


_INDICES = {"Embedding": 0, "one_hot": 0, "batch_take": 1, "gather_nd": 1, "pick": 1, "take": 1}
"""Operators that look something up, and which of their inputs has the positions."""


def looked_up(symbol: Symbol) -> set[str]:
    """Return the names of the variables that hold positions, by which something is looked up."""
    graph = graph_of(symbol)
    names = set()
    for node in graph.operators:
        if node.operator not in _INDICES:
            continue
        source = graph.nodes[node.inputs[_INDICES[node.operator]].node]
        while _MOVING.fullmatch(source.operator):
            source = graph.nodes[source.inputs[0].node]
        names.add(source.name)
    return names


def is_guard(operator: str) -> bool:
    """Return whether an operator may keep probabilities from being zero."""
    return _GUARDS.fullmatch(operator) is not None


def ending_of(symbol: Symbol, known: Mapping[str, ArraySpec]) -> Ending:
    """Return what computes a legacy symbol's single output, for inputs of given specs."""
    kind = _kind_at_end(graph_of(symbol))
    if kind not in (SOFTMAX, LOGARITHM, SIGMOID):
        return Ending(kind)
    try:
        return ending([operator for _, operator in operators(symbol, known)])
    except NotInferableError:
        return UNKNOWN


def _kind_at_end(graph: Graph) -> str:
    """Return what a graph's output is, maybe but for a logarithm, without its shapes."""
    node = graph.nodes[graph.heads[0].node]
    while node.operator in _LOGS or passes_on(node.operator, node.attributes):
        node = graph.nodes[node.inputs[0].node]
    return kind_of(node.operator, node.attributes)


def ending(executed: Sequence[Operator]) -> Ending:
    """Return what computes the output of a network, of which the last operator returns it."""
    numbered = {operator.number: operator for operator in executed}
    passed: list[Operator] = []
    last = executed[-1] if executed else None
    while last is not None and (last.name in _LOGS or passes_on(last.name, last.attributes)):
        passed.append(last)
        source = last.sources[0] if last.sources else None
        last = None if source is None else numbered.get(source)
    if last is None:
        return UNKNOWN
    logs = sum(operator.name in _LOGS for operator in passed)
    kind = kind_of(last.name, last.attributes)
    if logs:
        kind = LOGARITHM if kind == SOFTMAX and logs == 1 else ""
    if kind not in (SOFTMAX, LOGARITHM):
        return Ending(kind)
    axis = _class_axis(last)
    for operator in reversed(passed):
        axis = None if axis is None else _moved(axis, operator)
    return Ending(kind, axis)


def _class_axis(operator: Operator) -> int | None:
    """Return the axis of a softmax's output along which its numbers add up to one."""
    attributes, axes = operator.attributes, len(operator.outputs[0].shape)
    if operator.name == "SoftmaxActivation":
        channel = attributes.get("mode") == "channel"
        return 1 if channel or axes == 2 else None
    if operator.name == "SoftmaxOutput":
        several = attributes.get("multi_output") in ("True", "true", "1")
        return 1 if several or axes == 2 else None
    return int(attributes.get("axis", -1)) % axes


def _moved(axis: int, operator: Operator) -> int | None:
    """Return where an axis of an operator's input is in its output; None if nowhere."""
    before, after = operator.inputs[0].shape, operator.outputs[0].shape
    if operator.name in _PERMUTED:
        return _order(operator, len(before)).index(axis)
    for place, size in enumerate(after):  # row by row: as much must stand before it
        if size == before[axis] and math.prod(after[:place]) == math.prod(before[:axis]):
            return place
    return None


def _order(operator: Operator, axes: int) -> list[int]:
    """Return the axes of the input in the order in which the output has them."""
    order = list(range(axes))
    if operator.name == "SwapAxis":
        first, second = (int(operator.attributes.get(key, 0)) % axes for key in ("dim1", "dim2"))
        order[first], order[second] = order[second], order[first]
        return order
    text = operator.attributes.get("axes", "")
    return [int(number) % axes for number in re.findall(r"-?\d+", text)] or order[::-1]
