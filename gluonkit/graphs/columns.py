"""Dense layers as convolutions, whose kernels share large batches better between threads.

oneDNN's inner product gains little from a second thread where the weights' rows lie a power of two
apart. A convolution of kernel size 1, over one image that has a column for each sample, is the same
sum of products by other code. The batch is transposed once before the first dense layer of a
sequence of them, and once after the last.
"""

from __future__ import annotations

import math
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
_LEAKY = ("leaky", "elu", "gelu", "selu")


def _is_by_element(node: Node) -> bool:
    """Return whether an operator treats each number alike, wherever it stands."""
    if node.operator == "LeakyReLU":
        return node.attributes.get("act_type", "leaky") in _LEAKY
    return node.operator in _BY_ELEMENT


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
        # A symbol of (1, units, 1, rows), and the shape that a dense layer gives.
        self._columns: dict[Place, tuple[Any, tuple[int, ...]]] = {}
        self.is_changed = False

    def restored(self, place: Place) -> Symbol:
        symbol, shape = self._columns[place]
        # (1, units, 1, rows) → (units, rows) → (rows, units), which may be of several axes.
        rows = mx.sym.transpose(mx.sym.reshape(symbol, shape=(shape[-1], math.prod(shape[:-1]))))
        return rows if len(shape) == 2 else mx.sym.reshape(rows, shape=shape)

    def convert(self, index: int, node: Node) -> bool:
        before = self._columns.get(node.inputs[0].place) if node.inputs else None
        if node.operator == "FullyConnected":
            return self._dense(index, node, before)
        if before is None or not _is_by_element(node):
            return False
        self._columns[index, 0] = (self.create(node, [before[0]]), before[1])
        return True

    def _dense(self, index: int, node: Node, before: Any) -> bool:
        places = [entry.place for entry in node.inputs]
        shape = self.shape((index, 0))
        # With flatten=False a dense layer gives more axes, over which the rows are spread.
        *spread, units = shape
        count, features = math.prod(spread), self.shape(places[1])[1]
        if count < SMALLEST:
            return False
        if before:
            data = before[0]
        else:
            # A dense layer flattens what it reads, which a convolution does not.
            rows = mx.sym.reshape(self.entry(places[0]), shape=(count, features))
            data = mx.sym.reshape(mx.sym.transpose(rows), shape=(1, features, 1, count))
        kernels = mx.sym.reshape(self.entry(places[1]), shape=(units, features, 1, 1))
        bias = [self.entry(place) for place in places[2:]]
        # The image's width are the rows, and the features are its channels.
        made = mx.sym.Convolution(
            data,
            kernels,
            *bias,
            kernel=(1, 1),
            num_filter=units,
            no_bias=not bias,
            name=node.name,
        )
        self._columns[index, 0] = (made, shape)
        self.is_changed = True
        return True
