"""What the shapes of a graph's parameters say of its inputs and outputs.

MXNet infers shapes from the inputs on. Here nothing is known of these, and MXNet is not asked: an
attribute such as a stride of 0 can end its process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gluonkit.files.graph import Graph, Node
from gluonkit.files.outputs import TRUE

Shape: TypeAlias = "tuple[int | None, ...] | None"
"""Lengths of axes, None for one that is not known; None where not even their number is known."""
Weights = Mapping[str, tuple[int, ...]]

_LONGEST = 4096
"""The longest side of an image that is tried."""
_MOST_NODES = 20_000
"""Graphs with more are not looked into; the largest of the zoos has 3,000."""
_SAME = re.compile(
    r"Activation|LeakyReLU|BatchNorm|InstanceNorm|LayerNorm|GroupNorm|LRN|Dropout|_copy|BlockGrad"
    r"|Cast|amp_cast|L2Normalization|SoftmaxActivation|clip|(_npx?_)?(log_)?softmax|(_npx_)?relu"
    r"|(_npx_)?sigmoid|softsign|erf|hard_sigmoid|(_npi_)?(tanh|exp|log|sqrt|square|abs|negative)"
    r"|_(npi_)?\w+_scalar|_npx_(activation|leaky_relu|batch_norm|dropout)"
)
"""Operators whose output has the shape of their first input."""
_TOGETHER = re.compile(
    r"elemwise_\w+|broadcast_(add|sub|mul|div|minus|plus)|add_n|_npi_(add|sub\w*"
    r"|multiply|true_divide)"
)
"""Operators of several inputs of one shape, or of such as are broadcast to one."""


@dataclass(frozen=True)
class Sides:
    """Which images fit a network whose dense layers fix their size.

    Attributes
    ----------
    side : int
        A height and width that fit, the roundest of them.
    least, most : int
        All that fit.
    """

    side: int
    least: int
    most: int


def wanted_shapes(graph: Graph, weights: Weights) -> dict[str, Shape]:
    """Return for each variable that has no known shape the one that the layers behind it need."""
    shapes: list[Shape] = [None] * len(graph.nodes)
    for number in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[number]
        given = [weights.get(graph.nodes[entry.node].name) for entry in node.inputs]
        for place, entry in enumerate(node.inputs):
            if entry.output == 0:
                needed = _needed(node, place, given, shapes[number])
                shapes[entry.node] = _both(shapes[entry.node], needed)
    return {
        node.name: shapes[number]
        for number, node in enumerate(graph.nodes)
        if node.is_variable and node.name not in weights
    }


def stated_shapes(graph: Graph) -> dict[str, Shape]:
    """Return the shapes that variables state; 0 and -1 stand for lengths that are not known."""
    stated = {node.name: _numbers(node, "__shape__") for node in graph.nodes if node.is_variable}
    return {
        name: tuple(length if length > 0 else None for length in lengths)
        for name, lengths in stated.items()
        if lengths
    }


def fitted_shape(needed: Shape, stated: Shape, sides: Sides | None) -> Shape:
    """Return the shape of an input that layers need, with what is stated where they leave it open.

    A shape that is stated, and does not fit, is not followed.
    """
    if needed is None or stated is None:
        whole = needed if stated is None else stated
    elif len(needed) != len(stated):
        # A dense layer takes as many numbers, along whichever axes.
        whole = stated if _size(stated) == _size(needed) else needed
    else:
        whole = _both(needed, stated)
    if sides is None or whole is None or needed is None:
        return whole
    filled = {new for old, new in zip(needed[1:], whole[1:], strict=False) if old is None}
    is_fit = all(length and sides.least <= length <= sides.most for length in filled)
    return whole if is_fit else with_sides(needed, sides.side)


def output_shapes(graph: Graph, weights: Weights, inputs: Mapping[str, Shape]) -> list[Shape]:
    """Return the shapes of a graph's outputs, as far as they follow from those of its inputs."""
    shapes = _forward(graph, weights, inputs)
    return [shapes[head.node] if head.output == 0 else None for head in graph.heads]


def fitting_sides(graph: Graph, weights: Weights, inputs: Mapping[str, Shape]) -> Sides | None:
    """Return the heights and widths with which the first dense layer gets as much as it takes.

    None where no dense layer fixes them, or there are several inputs. Height and width are taken to
    be equal.
    """
    (name, shape), *others = inputs.items()
    if others or shape is None or len(graph.nodes) > _MOST_NODES or shape[1:].count(None) == 0:
        return None

    def received(side: int) -> tuple[int, int] | None:
        """Return how many numbers the first dense layer gets, and how many it takes."""
        sized = (1, *(side if length is None else length for length in shape[1:]))
        shapes = _forward(graph, weights, {name: sized})
        for node in graph.nodes:
            if node.operator == "FullyConnected" and len(node.inputs) > 1:
                given = shapes[node.inputs[0].node]
                weight = weights.get(graph.nodes[node.inputs[1].node].name)
                if weight is None or len(weight) != 2 or node.inputs[0].output:
                    return None
                return _size(given), weight[1]
        return None

    if received(1) is None:
        return None
    least = _first(lambda side: _compared(received(side)) >= 0)
    most = _first(lambda side: _compared(received(side)) > 0) - 1
    if not 1 < least <= most < _LONGEST or _compared(received(least)):
        return None
    return Sides(max(range(least, most + 1), key=lambda side: side & -side), least, most)


def _compared(numbers: tuple[int, int] | None) -> int:
    got, takes = numbers or (0, 0)
    return (got > takes) - (got < takes)


def _first(holds: Callable[[int], bool]) -> int:
    """Return the first side for which something holds that holds for all longer ones."""
    low, high = 1, _LONGEST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _size(shape: Shape) -> int:
    """Return how many numbers a sample has; 0 where a window is larger than what it slides over."""
    lengths = [length or 0 for length in (shape or (0, 0))[1:]]
    return 0 if min(lengths, default=0) <= 0 else math.prod(lengths)


def _both(one: Shape, two: Shape) -> Shape:
    """Return what two shapes say together; the first counts where they differ."""
    if one is None or two is None or len(one) != len(two):
        return two if one is None else one
    return tuple(b if a is None else a for a, b in zip(one, two, strict=True))


def _numbers(node: Node, name: str) -> tuple[int, ...]:
    """Return the whole numbers of an attribute: one, or those of a tuple."""
    return tuple(map(int, re.findall(r"-?\d{1,9}", node.attributes.get(name, ""))))


def _number(node: Node, name: str, usual: int) -> int:
    return next(iter(_numbers(node, name)), usual)


def _is_on(node: Node, name: str, usual: str = "False") -> bool:
    return node.attributes.get(name, usual) in TRUE


def _is_last(node: Node) -> bool:
    """Return whether a layer has its channels along the last axis."""
    return node.attributes.get("layout", "None").endswith("C")


def _needed(
    node: Node, place: int, given: Sequence[tuple[int, ...] | None], output: Shape
) -> Shape:
    """Return the shape that an operator's input needs, given those of weights, and its output's."""
    weight = given[1] if len(given) > 1 else None
    if _TOGETHER.fullmatch(node.operator):
        return output
    if place:
        return None
    if node.operator == "BatchNorm" and weight and output is not None:
        axis = _number(node, "axis", 1)
        known = [None] * len(output)
        if -len(known) <= axis < len(known):
            known[axis] = weight[0]  # type: ignore[call-overload]
        return _both(output, tuple(known))
    if _SAME.fullmatch(node.operator):
        return output
    if node.operator == "Flatten":
        return output
    if node.operator == "transpose" and output is not None:
        axes = _numbers(node, "axes")
        if sorted(axes) == list(range(len(output))):
            return tuple(output[axes.index(axis)] for axis in range(len(output)))
    if weight is None or any(length <= 0 for length in weight):
        return None
    return _needed_by_weights(node, weight)


def _needed_by_weights(node: Node, weight: tuple[int, ...]) -> Shape:
    if node.operator == "FullyConnected" and len(weight) == 2:
        return (None, weight[1]) if _is_on(node, "flatten", "True") else None
    if node.operator in ("Convolution", "Deconvolution") and len(weight) > 2:
        window = [None] * (len(weight) - 2)
        if node.operator == "Deconvolution":
            return (None, weight[0], *window)
        groups = _number(node, "num_group", 1)
        if _is_last(node):
            return (None, *window, weight[-1] * groups)
        return (None, weight[1] * groups, *window)
    if node.operator == "RNN":
        return (None, None, _recurrent_units(node, weight))
    return None


_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


def _recurrent_units(node: Node, parameters: tuple[int, ...]) -> int | None:
    """Return the length of a recurrent layer's inputs, which that of its parameters fixes."""
    gates = _GATES.get(node.attributes.get("mode", ""), 0)
    units, layers = _number(node, "state_size", 0), _number(node, "num_layers", 1)
    ways = 2 if _is_on(node, "bidirectional") else 1
    if (
        gates * units * layers <= 0
        or _is_on(node, "use_sequence_length")
        or (node.attributes.get("projection_size", "None") != "None")
    ):
        return None
    later = (layers - 1) * ways * gates * units * (units * ways + units + 2)
    first, left = divmod(parameters[0] - later, ways * gates * units)
    length = first - units - 2
    return length if not left and length > 0 else None


def _forward(graph: Graph, weights: Weights, inputs: Mapping[str, Shape]) -> list[Shape]:
    """Return the shape of each node's first output, as far as it follows."""
    shapes: list[Shape] = []
    for node in graph.nodes:
        if node.is_variable:
            shapes.append(weights.get(node.name) or inputs.get(node.name))
            continue
        given = [shapes[entry.node] if entry.output == 0 else None for entry in node.inputs]
        shapes.append(_given(node, given))
    return shapes


def _given(node: Node, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of an operator's first output."""
    first = inputs[0] if inputs else None
    if _TOGETHER.fullmatch(node.operator):
        return _together(inputs)
    if first is None:
        return None
    if _SAME.fullmatch(node.operator):
        return first
    if node.operator == "reshape_like":
        return inputs[1] if len(inputs) > 1 else None
    if node.operator == "Flatten":
        rest = first[1:]
        return (first[0], None if None in rest else math.prod(n for n in rest if n is not None))
    if node.operator == "FullyConnected":
        units = _number(node, "num_hidden", 0) or None
        return (first[0], units) if _is_on(node, "flatten", "True") else (*first[:-1], units)
    if node.operator == "Embedding":
        return (*first, _number(node, "output_dim", 0) or None)
    if node.operator == "Concat":
        return _joined(node, inputs)
    if node.operator == "transpose":
        axes = _numbers(node, "axes")
        return tuple(first[a] for a in axes) if sorted(axes) == list(range(len(first))) else None
    if node.operator in ("Convolution", "Pooling", "Deconvolution") and len(first) > 2:
        return _windowed(node, first)
    return None


def _together(inputs: Sequence[Shape]) -> Shape:
    """Return the shape to which inputs are broadcast."""
    if None in inputs:
        return None
    axes = max((len(shape) for shape in inputs if shape is not None), default=0)
    padded = [(1,) * (axes - len(shape)) + shape for shape in inputs if shape is not None]
    lengths = ({n for n in along if n != 1} or {1} for along in zip(*padded, strict=True))
    return tuple(next(iter(several)) if len(several) == 1 else None for several in lengths)


def _joined(node: Node, inputs: Sequence[Shape]) -> Shape:
    first, axis = inputs[0], _number(node, "dim", 1)
    if first is None or not -len(first) <= axis < len(first):
        return None
    lengths = [shape[axis] for shape in inputs if shape is not None and len(shape) == len(first)]
    known = [length for length in lengths if length is not None]
    joined = list(first)
    joined[axis] = sum(known) if len(known) == len(inputs) else None
    return tuple(joined)


def _windowed(node: Node, given: tuple[int | None, ...]) -> Shape:
    """Return the shape that a convolution, a deconvolution or a pooling gives."""
    last = _is_last(node)
    sizes = given[1:-1] if last else given[2:]
    channels = given[-1] if last else given[1]
    if node.operator != "Pooling":
        channels = _number(node, "num_filter", 0) or None
    windows: list[int | None] = [1] * len(sizes)
    if not (node.operator == "Pooling" and _is_on(node, "global_pool")):
        kernel = _numbers(node, "kernel")
        if len(kernel) != len(sizes) or min(kernel) < 1:
            return None
        windows = [_slid(node, axis, size, kernel[axis]) for axis, size in enumerate(sizes)]
    return (given[0], *windows, channels) if last else (given[0], channels, *windows)


def _slid(node: Node, axis: int, size: int | None, kernel: int) -> int | None:
    """Return how often a window fits along an axis; 0 if it is too large."""

    def of(name: str, usual: int) -> int:
        return (_numbers(node, name)[axis:] or (usual,))[0]

    stride, pad = max(of("stride", 1), 1), of("pad", 0)
    reach = (kernel - 1) * max(of("dilate", 1), 1) + 1
    if size is None:
        return None
    if node.operator == "Deconvolution":
        return (size - 1) * stride + reach - 2 * pad + of("adj", 0)
    room = size + 2 * pad - reach
    if size <= 0 or room < 0:
        return 0
    is_full = node.attributes.get("pooling_convention", "valid") == "full"
    return (-(-room // stride) if is_full else room // stride) + 1


def with_sides(shape: Shape, side: int) -> Shape:
    """Return a shape whose unknown lengths, but for the batch's, are a side's."""
    return shape and (shape[0], *(side if length is None else length for length in shape[1:]))
