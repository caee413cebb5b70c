"""Convolutions with few channels, padded so that oneDNN has fast code for them.

oneDNN runs a convolution by its vectorized code where the channels fill whole vectors, and by a
plain matrix product where they do not. A convolution with 6 output channels gets zero weights for
10 more, and what reads its output either zero weights for those, or a slice without them. The
extra channels are zero and so are their gradients: the numbers stay the same, to rounding.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from typing import Any

import mxnet as mx

from gluonkit.trace.graph import NotInferableError, create, infer, outputs_of
from gluonkit.trace.inputs import ArraySpec

_BY_CHANNEL = ("Activation", "Pooling", "relu")
"""Operators with one input that treat each channel by itself."""

_MOST = 3  # how many times the channels may become: the work grows with them

Node = dict[str, Any]


def pad_channels(symbol: Any, inputs: Mapping[str, ArraySpec], vector: int) -> Any:
    """Return a symbol with its convolutions' output channels padded to multiples of `vector`.

    The same symbol where there is nothing to gain. `inputs` tells the shapes of its inputs.
    """
    graph = json.loads(symbol.tojson(remove_amp_cast=False))
    nodes = graph["nodes"]
    if not any(_wide(node, vector) for node in nodes) or any("subgraphs" in n for n in nodes):
        return symbol
    try:
        _, shapes = infer(symbol, inputs)
    except NotInferableError:
        return symbol
    builder = _Builder(nodes, shapes, vector)
    heads = [builder.entry(node, output) for node, output, *_ in graph["heads"]]
    return mx.sym.Group(heads)


def _wide(node: Node, vector: int) -> int:
    """Return how many output channels a convolution is to have, 0 for as many as it has."""
    if not _is_plain(node):
        return 0
    channels = int(node["attrs"]["num_filter"])
    wide = -(-channels // vector) * vector
    return wide if channels < wide <= _MOST * channels else 0


def _is_plain(node: Node) -> bool:
    """Return whether a node is a convolution of images without groups, channels second."""
    if node["op"] != "Convolution":
        return False
    attributes = node["attrs"]
    return (
        attributes.get("num_group", "1") == "1"
        and attributes.get("layout", "None") in ("None", "NCHW")
        and len(ast.literal_eval(attributes["kernel"])) == 2
    )


class _Builder:
    """Makes the new graph's symbols, in the order of the old graph's nodes."""

    def __init__(self, nodes: list[Node], shapes: Mapping[str, Any], vector: int) -> None:
        self._nodes = nodes
        self._shapes = shapes
        self._vector = vector
        self._made: dict[tuple[int, int], Any] = {}
        self._padded: dict[tuple[int, int], tuple[Any, int, int]] = {}  # symbol, channels, wide
        for index, node in enumerate(nodes):
            self._convert(index, node)

    def entry(self, node: int, output: int) -> Any:
        """Return the symbol for an output of an old node, without padding."""
        place = (node, output)
        if place not in self._made:
            symbol, channels, _ = self._padded[place]
            self._made[place] = mx.sym.slice_axis(symbol, axis=1, begin=0, end=channels)
        return self._made[place]

    def _convert(self, index: int, node: Node) -> None:
        places = [(entry[0], entry[1]) for entry in node["inputs"]]
        padded = self._padded.get(places[0]) if places else None
        if node["op"] == "null":
            shape = self._shapes.get(node["name"])
            self._made[index, 0] = mx.sym.var(node["name"], shape=shape)
        elif _is_plain(node) and (padded or _wide(node, self._vector)):
            self._convolution(index, node, places, padded)
        elif padded and node["op"] in _BY_CHANNEL:
            self._padded[index, 0] = (self._create(node, [padded[0]]), *padded[1:])
        else:
            made = self._create(node, [self.entry(*place) for place in places])
            count = outputs_of(made)
            for output in range(count):
                self._made[index, output] = made if count == 1 else made[output]

    def _convolution(
        self,
        index: int,
        node: Node,
        places: list[tuple[int, int]],
        padded: tuple[Any, int, int] | None,
    ) -> None:
        channels, wide = int(node["attrs"]["num_filter"]), _wide(node, self._vector)
        data = padded[0] if padded else self.entry(*places[0])
        weight, *bias = (self.entry(*place) for place in places[1:])
        shape = list(self._shapes[self._nodes[places[1][0]]["name"]])
        if padded:
            weight = _filled(weight, shape, 1, padded[2])
        if wide:
            weight = _filled(weight, shape, 0, wide)
            bias = [_filled(each, [channels], 0, wide) for each in bias]
        made = self._create(node, [data, weight, *bias], num_filter=str(wide or channels))
        if wide:
            self._padded[index, 0] = (made, channels, wide)
        else:
            self._made[index, 0] = made

    @staticmethod
    def _create(node: Node, inputs: list[Any], **changed: str) -> Any:
        return create(node["op"], inputs, node.get("attrs", {}) | changed, node["name"])


def _filled(symbol: Any, shape: list[int], axis: int, size: int) -> Any:
    """Append zeros along an axis up to `size`, and note the new size in `shape`."""
    missing = shape.copy()
    missing[axis] = size - shape[axis]
    shape[axis] = size
    return mx.sym.concat(symbol, mx.sym.zeros(shape=tuple(missing)), dim=axis)
