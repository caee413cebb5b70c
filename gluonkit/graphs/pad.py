"""Convolutions with few channels, padded so that oneDNN has fast code for them.

oneDNN runs a convolution by its vectorized code where the channels fill whole vectors, and by a
plain matrix product where they do not. A convolution with 6 output channels gets zero weights for
10 more, and what reads its output either zero weights for those, or a slice without them. The
extra channels are zero and so are their gradients: the numbers stay the same, to rounding.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Graph, Node, Place
from gluonkit.graphs.rewrite import Rewriter
from gluonkit.tracing.symbols import NotInferableError, graph_of, shaped

# They may make numbers of the zeros (a sigmoid makes 0.5); what reads them has zero weights for
# these channels, or slices them off.
_BY_CHANNEL = ("Activation", "Pooling", "relu")
"""Operators with one input that treat each channel by itself."""

_MOST = 3  # largest factor of the number of channels, with which the work grows


def pad_channels(symbol: Symbol, inputs: Mapping[str, ArraySpec], vector: int) -> Symbol:
    """Return a symbol with its convolutions' output channels padded to multiples of `vector`.

    The same symbol if there is nothing to gain. `inputs` has the shapes of its inputs.
    """
    if not any(_wide(node, vector) for node in graph_of(symbol).nodes):
        return symbol
    try:
        padding = _Padding(shaped(symbol, inputs), vector)
    except NotInferableError:
        return symbol
    padded = padding.symbol()
    return padded if padding.is_changed else symbol


def _wide(node: Node, vector: int) -> int:
    """Return the padded number of output channels of a convolution; 0 to leave it."""
    if not is_plain(node):
        return 0
    channels = int(node.attributes["num_filter"])
    # Rounded up, by rounding down on the other side of zero.
    wide = -(-channels // vector) * vector
    return wide if channels < wide <= _MOST * channels else 0


def is_plain(node: Node) -> bool:
    """Return whether a node is a convolution of images without groups, channels second."""
    attributes = node.attributes
    return (
        node.operator == "Convolution"
        and attributes.get("num_group", "1") == "1"
        # None is MXNet's default for the number of axes, which is NCHW for images.
        and attributes.get("layout", "None") in ("None", "NCHW")
        and len(ast.literal_eval(attributes["kernel"])) == 2
    )


class _Padding(Rewriter):
    def __init__(self, graph: Graph, vector: int) -> None:
        super().__init__(graph)
        self._vector = vector
        self._padded: dict[Place, tuple[Any, int, int]] = {}  # symbol, channels, wide

    @property
    def is_changed(self) -> bool:
        """Whether anything was padded."""
        return bool(self._padded)

    def restored(self, place: Place) -> Symbol:
        symbol, channels, _ = self._padded[place]
        return mx.sym.slice_axis(symbol, axis=1, begin=0, end=channels)

    def convert(self, index: int, node: Node) -> bool:
        padded = self._padded.get(node.inputs[0].place) if node.inputs else None
        fast = bool(node.outputs) and node.outputs[0].dtype != "float64"  # oneDNN has no code
        if fast and is_plain(node) and (padded or _wide(node, self._vector)):
            self._convolution(index, node, padded)
        elif padded and node.operator in _BY_CHANNEL:
            self._padded[index, 0] = (self.create(node, [padded[0]]), *padded[1:])
        else:
            return False
        return True

    def _convolution(self, index: int, node: Node, padded: tuple[Any, int, int] | None) -> None:
        channels, wide = int(node.attributes["num_filter"]), _wide(node, self._vector)
        places = [entry.place for entry in node.inputs]
        data = padded[0] if padded else self.entry(places[0])
        weight, *bias = map(self.entry, places[1:])
        shape = list(self.shape(places[1]))
        if padded:
            # A weight is (output channels, input channels, height, width).
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
    # In the graph, not in the weights: the user's stay as they are, and get their gradients.
    return mx.sym.concat(symbol, mx.sym.zeros(shape=tuple(missing)), dim=axis)
