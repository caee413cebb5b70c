"""Dense layers as convolutions, whose kernels share large batches better between threads.

oneDNN's inner product gains little from a second thread where the weights' rows lie a power of two
apart. A convolution of kernel size 1, over one image that has a column for each sample, is the same
sum of products by other code. The batch is transposed once before the first dense layer of a
sequence of them, and once after the last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit.graphs.rewrite import Node, Place, Rewriter
from gluonkit.tracing import symbols as trace_graph
from gluonkit.tracing.inputs import ArraySpec
from gluonkit.tracing.symbols import NotInferableError, graph_nodes

SMALLEST = 16
"""Samples in a batch below which there is nothing to gain."""

_BY_ELEMENT = ("Activation", "relu", "sigmoid", "tanh", "clip")


def dense_as_convolution(symbol: Symbol, inputs: Mapping[str, ArraySpec]) -> Symbol:
    """Return a symbol in which dense layers over large batches are convolutions.

    The same symbol if there are none.
    """
    nodes = json.loads(symbol.tojson(remove_amp_cast=False))["nodes"]
    if not any(node["op"] == "FullyConnected" for node in nodes):
        return symbol
    try:
        inferred = graph_nodes(symbol, inputs)
    except NotInferableError:
        return symbol
    rewriting = _Columns(symbol, inferred)
    return rewriting.symbol if rewriting.is_changed else symbol


class _Columns(Rewriter):
    def __init__(self, symbol: Symbol, inferred: Sequence[trace_graph.Node]) -> None:
        self._columns: dict[Place, tuple[Any, int, int]] = {}  # (1, units, 1, batch), units, batch
        self.is_changed = False
        super().__init__(symbol, inferred)

    def restored(self, place: Place) -> Symbol:
        symbol, units, batch = self._columns[place]
        return mx.sym.transpose(mx.sym.reshape(symbol, shape=(units, batch)))

    def convert(self, index: int, node: Node, places: list[Place]) -> bool:
        before = self._columns.get(places[0]) if places else None
        if node["op"] == "FullyConnected":
            return self._dense(index, node, places, before)
        if before is None or node["op"] not in _BY_ELEMENT:
            return False
        self._columns[index, 0] = (self.create(node, [before[0]]), *before[1:])
        return True

    def _dense(self, index: int, node: Node, places: list[Place], before: Any) -> bool:
        shape = self.shape((index, 0))
        if len(shape) != 2 or shape[0] < SMALLEST:
            return False
        (batch, units), features = shape, self.shape(places[1])[1]
        if before:
            data = before[0]
        else:
            rows = mx.sym.reshape(self.entry(*places[0]), shape=(batch, features))
            data = mx.sym.reshape(mx.sym.transpose(rows), shape=(1, features, 1, batch))
        kernels = mx.sym.reshape(self.entry(*places[1]), shape=(units, features, 1, 1))
        bias = [self.entry(*place) for place in places[2:]]
        made = mx.sym.Convolution(
            data,
            kernels,
            *bias,
            kernel=(1, 1),
            num_filter=units,
            no_bias=not bias,
            name=node["name"],
        )
        self._columns[index, 0] = (made, units, batch)
        self.is_changed = True
        return True
