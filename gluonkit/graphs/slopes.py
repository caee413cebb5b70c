"""PReLU as operators whose gradients are right in a graph.

MXNet's backward pass of ``LeakyReLU(act_type="prelu")`` writes the data's gradient into the array
of the gradient from above, where a graph lets it, before it has read that for the slope's: what
the slope gets is multiplied with the slope. Operator by operator, Gluon is right.
"""

from __future__ import annotations

from collections.abc import Mapping

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Node
from gluonkit.graphs.backward import is_prelu
from gluonkit.graphs.rewrite import Rewriter
from gluonkit.tracing.symbols import graph_of, shaped


def mend_slopes(symbol: Symbol, inputs: Mapping[str, ArraySpec]) -> Symbol:
    """Return a symbol with every PReLU replaced by other operators; `inputs` are its specs."""
    if not any(map(is_prelu, graph_of(symbol).nodes)):
        return symbol
    return _Mending(shaped(symbol, inputs)).symbol()


class _Mending(Rewriter):
    def convert(self, index: int, node: Node) -> bool:
        if not is_prelu(node):
            return False
        places = [entry.place for entry in node.inputs]
        data, slope = map(self.entry, places)
        slope = mx.sym.reshape(slope, shape=slope_shape(*map(self.shape, places)))
        # For data of 0 MXNet takes the lower branch, as this does.
        below = mx.sym.broadcast_mul(data, slope)
        self.put(index, mx.sym.where(mx.sym._internal._greater_scalar(data, scalar=0), data, below))
        return True


def slope_shape(data: tuple[int, ...], slope: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape with which MXNet broadcasts a slope: along axis 1, or else 0."""
    shape, rest = [1] * len(data), list(slope)
    # MXNet fits the slope from the last axis to the first, but into the axes 1 and 0 only.
    for axis in (1, 0):
        if rest and axis < len(data) and rest[-1] in (1, data[axis]):
            shape[axis] = rest.pop()
    return tuple(shape)
