"""Convolutions with few channels, padded so that oneDNN has fast code for them.

oneDNN runs a convolution by its vectorized code where the channels fill whole vectors, and by a
plain matrix product where they do not. A convolution with 6 output channels gets zero weights for
10 more, and what reads its output either zero weights for those, or a slice without them. The
extra channels are zero and so are their gradients: the numbers stay the same, to rounding.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit.graphs.rewrite import Node, Place, Rewriter
from gluonkit.tracing import symbols as trace_graph
from gluonkit.tracing.inputs import ArraySpec
from gluonkit.tracing.symbols import NotInferableError, graph_nodes

_BY_CHANNEL = ("Activation", "Pooling", "relu")
"""Operators with one input that treat each channel by itself."""

_MOST = 3  # largest factor of the number of channels, with which the work grows


def pad_channels(symbol: Symbol, inputs: Mapping[str, ArraySpec], vector: int) -> Symbol:
    """Return a symbol with its convolutions' output channels padded to multiples of `vector`.

    The same symbol if there is nothing to gain. `inputs` has the shapes of its inputs.
    """
    nodes = json.loads(symbol.tojson(remove_amp_cast=False))["nodes"]
    if not any(_wide(node, vector) for node in nodes):
        return symbol
    try:
        inferred = graph_nodes(symbol, inputs)
    except NotInferableError:
        return symbol
    padding = _Padding(symbol, inferred, vector)
    return padding.symbol if padding.is_changed else symbol


def _wide(node: Node, vector: int) -> int:
    """Return the padded number of output channels of a convolution; 0 to leave it."""
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


class _Padding(Rewriter):
    def __init__(self, symbol: Symbol, inferred: Sequence[trace_graph.Node], vector: int) -> None:
        self._vector = vector
        self._padded: dict[Place, tuple[Any, int, int]] = {}  # symbol, channels, wide
        super().__init__(symbol, inferred)

    @property
    def is_changed(self) -> bool:
        """Whether anything was padded."""
        return bool(self._padded)

    def restored(self, place: Place) -> Symbol:
        symbol, channels, _ = self._padded[place]
        return mx.sym.slice_axis(symbol, axis=1, begin=0, end=channels)

    def convert(self, index: int, node: Node, places: list[Place]) -> bool:
        padded = self._padded.get(places[0]) if places else None
        fast = self.dtype((index, 0)) != "float64"  # for which oneDNN has no code
        if fast and _is_plain(node) and (padded or _wide(node, self._vector)):
            self._convolution(index, node, places, padded)
        elif padded and node["op"] in _BY_CHANNEL:
            self._padded[index, 0] = (self.create(node, [padded[0]]), *padded[1:])
        else:
            return False
        return True

    def _convolution(
        self,
        index: int,
        node: Node,
        places: list[Place],
        padded: tuple[Any, int, int] | None,
    ) -> None:
        channels, wide = int(node["attrs"]["num_filter"]), _wide(node, self._vector)
        data = padded[0] if padded else self.entry(*places[0])
        weight, *bias = (self.entry(*place) for place in places[1:])
        shape = list(self.shape(places[1]))
        if padded:
            weight = _filled(weight, shape, 1, padded[2])
        if wide:
            weight = _filled(weight, shape, 0, wide)
            bias = [_filled(vector, [channels], 0, wide) for vector in bias]
        made = self.create(node, [data, weight, *bias], num_filter=str(wide or channels))
        if wide:
            self._padded[index, 0] = (made, channels, wide)
        else:
            self.put(index, made)


def _filled(symbol: Symbol, shape: list[int], axis: int, size: int) -> Symbol:
    """Append zeros along an axis up to `size`, and update `shape`."""
    missing = shape.copy()
    missing[axis] = size - shape[axis]
    shape[axis] = size
    return mx.sym.concat(symbol, mx.sym.zeros(shape=tuple(missing)), dim=axis)
