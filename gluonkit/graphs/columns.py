"""Dense layers as convolutions, whose kernels share large batches better between threads.

oneDNN's inner product gains little from a second thread where the weights' rows lie a power of two
apart. A convolution of kernel size 1, over one image that has a column for each sample, is the same
sum of products by other code. The batch is transposed once before the first dense layer of a
sequence of them, and once after the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Graph, Node, Place
from gluonkit.graphs.rewrite import Rewriter
from gluonkit.tracing.symbols import NotInferableError, graph_of, shaped

SMALLEST = 16
"""Samples in a batch below which there is nothing to gain."""

# What does not look at positions can stay between two dense layers, without transposing.
_BY_ELEMENT = ("Activation", "relu", "sigmoid", "tanh", "clip")


def dense_as_convolution(symbol: Symbol, inputs: Mapping[str, ArraySpec]) -> Symbol:
    """Return a symbol in which dense layers over large batches are convolutions.

    The same symbol if there are none.
    """
    if not any(node.operator == "FullyConnected" for node in graph_of(symbol).nodes):
        return symbol
    try:
        rewriting = _Columns(shaped(symbol, inputs))
    except NotInferableError:
        return symbol
    rewritten = rewriting.symbol()
    return rewritten if rewriting.is_changed else symbol


class _Columns(Rewriter):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._columns: dict[Place, tuple[Any, int, int]] = {}  # (1, units, 1, batch), units, batch
        self.is_changed = False

    def restored(self, place: Place) -> Symbol:
        symbol, units, batch = self._columns[place]
        # (1, units, 1, batch) → (units, batch) → (batch, units).
        return mx.sym.transpose(mx.sym.reshape(symbol, shape=(units, batch)))

    def convert(self, index: int, node: Node) -> bool:
        before = self._columns.get(node.inputs[0].place) if node.inputs else None
        if node.operator == "FullyConnected":
            return self._dense(index, node, before)
        if before is None or node.operator not in _BY_ELEMENT:
            return False
        self._columns[index, 0] = (self.create(node, [before[0]]), *before[1:])
        return True

    def _dense(self, index: int, node: Node, before: Any) -> bool:
        places = [entry.place for entry in node.inputs]
        shape = self.shape((index, 0))
        # With flatten=False a dense layer gives more axes, over which the batch is spread.
        if len(shape) != 2 or shape[0] < SMALLEST:
            return False
        (batch, units), features = shape, self.shape(places[1])[1]
        if before:
            data = before[0]
        else:
            # A dense layer flattens what it reads, which a convolution does not.
            rows = mx.sym.reshape(self.entry(places[0]), shape=(batch, features))
            data = mx.sym.reshape(mx.sym.transpose(rows), shape=(1, features, 1, batch))
        kernels = mx.sym.reshape(self.entry(places[1]), shape=(units, features, 1, 1))
        bias = [self.entry(place) for place in places[2:]]
        # The images' width is the batch, and the features are their channels.
        made = mx.sym.Convolution(
            data,
            kernels,
            *bias,
            kernel=(1, 1),
            num_filter=units,
            no_bias=not bias,
            name=node.name,
        )
        self._columns[index, 0] = (made, units, batch)
        self.is_changed = True
        return True
