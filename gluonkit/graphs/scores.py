"""The scores below a network's softmax or sigmoid, from which cross entropy is exact.

The logarithm of a probability that is zero in float32 has no gradient; `Module` trains by the
scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import get_ident
from typing import Any, NamedTuple

import mxnet as mx
from mxnet import gluon
from mxnet.ndarray import register
from mxnet.util import is_np_array

from gluonkit.graphs.endings import SIGMOID, SOFTMAX, Ending, is_guard, kind_of, passes_on
from gluonkit.graphs.losses import Loss
from gluonkit.system.patches import replaced
from gluonkit.tracing.eager import imperative
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.symbols import create, graph_of, operator_handle, operator_name

_TINY = "1.2e-38"  # the smallest number that float32 has with full precision


class _Made(NamedTuple):
    """The operator that computed an array or a symbol."""

    operator: str
    attributes: Mapping[str, str]
    inputs: list[Any]


_Maker = Callable[[Any], "_Made | None"]


class Scored(gluon.HybridBlock):
    """A network that returns its scores before its output, which is a softmax or a sigmoid of them.

    Scores below a softmax are logarithms of probabilities. In plain calls the network runs operator
    by operator, so that its softmax is seen; where that is hidden in a `SymbolBlock`, the scores
    are computed from the output. A network that returns scores in training, and probabilities only
    when it predicts, returns both always.
    """

    def __init__(self, net: gluon.Block, ending: Ending) -> None:
        super().__init__()
        # It may be a Block, which Gluon's own way of setting it would refuse.
        object.__setattr__(self, "net", net)
        self._children["net"] = net
        self._ending = ending

    def forward(self, *inputs: Any) -> Any:
        """Return scores and output."""
        if any(isinstance(leaf, mx.sym.Symbol) for leaf in leaves(inputs)):
            output = self.net(*inputs)
            both = self._both(output, _maker_of_symbol)
        else:
            with _noted() as made, imperative(self.net):
                output = self.net(*inputs)
            both = self._both(output, lambda array: made.get(array.handle.value, (None,))[0])
        return [value.as_np_ndarray() for value in both] if is_np_array() else both

    def _both(self, output: Any, maker: _Maker) -> list[Any]:
        kind, legacy = self._ending.kind, output.as_nd_ndarray()
        if (below := scores_below(output, maker)) is not None:
            return [below, legacy]
        made = maker(output)
        if made is None or kind_of(made.operator, made.attributes) == kind:
            return [_from_output(legacy, kind), legacy]
        along = {"axis": str(self._ending.axis)} if kind == SOFTMAX else {}
        return [legacy, applied(kind, [legacy], along, "output")]


class ScoresLoss(gluon.HybridBlock):
    """A loss of the scores that a network returns before its outputs.

    Attributes
    ----------
    inner : callable
        The loss of the scores.
    count : int
        The number of outputs that are scores.
    """

    def __init__(self, inner: Loss, count: int = 1) -> None:
        super().__init__()
        self.inner, self.count = inner, count

    def hybrid_forward(self, F: Any, output: Any, *labels: Any) -> Any:
        """Return the loss of the scores."""
        scores = list(leaves(output))[: self.count]
        return self.inner(scores[0] if self.count == 1 else scores, *labels)


def scored_symbol(output: Any, ending: Ending) -> Any:
    """Return a legacy symbol of an output's scores, and of the output itself."""
    legacy = output.as_nd_ndarray()
    below = scores_below(legacy)
    return mx.sym.Group([_from_output(legacy, ending.kind) if below is None else below, legacy])


def of_scores(loss: Any, outputs: list[Any]) -> tuple[Any, list[Any]]:
    """Return a loss, and the outputs of which it is computed."""
    return (loss.inner, outputs[: loss.count]) if isinstance(loss, ScoresLoss) else (loss, outputs)


def scores_below(output: Any, maker: _Maker | None = None) -> Any:
    """Return the scores of an output, as a legacy array or symbol; None if nothing is known.

    `maker` tells what computed a value; that of symbols by default.
    """
    maker = maker or _maker_of_symbol
    made = maker(output)
    if made is None:
        return None
    operator, attributes, inputs = made
    if is_guard(operator) or passes_on(operator, attributes):
        below = scores_below(inputs[0], maker)
        if below is None or is_guard(operator):
            return below
        return applied(
            operator, [below, *map(_legacy, inputs[1:])], attributes, f"{operator}_scores"
        )
    given = list(map(_legacy, inputs))
    if kind_of(operator, attributes) == SIGMOID:
        return given[0]
    if operator == "softmin":
        given[0] = applied("negative", given[:1], {}, "negative_scores")
    elif operator == "SoftmaxActivation":
        attributes = {"axis": "1"}
    elif operator not in ("softmax", "_npx_softmax"):
        return None
    return applied("log_softmax", given, attributes, "log_softmax_scores")


def applied(operator: str, inputs: list[Any], attributes: Mapping[str, str], name: str) -> Any:
    """Apply an operator to legacy arrays or symbols."""
    if isinstance(inputs[0], mx.sym.Symbol):
        return create(operator, inputs, attributes, name)
    own = {key: value for key, value in attributes.items() if not key.startswith("__")}
    handle, keys, values = operator_handle(operator), list(own), list(own.values())
    return register._imperative_invoke(handle, inputs, keys, values, None, False, False)


def _legacy(value: Any) -> Any:
    return value.as_nd_ndarray()


def _from_output(output: Any, kind: str) -> Any:
    """Return scores that give an output, computed from it."""
    logarithm = _logarithm(output)
    if kind == SOFTMAX:
        return logarithm
    rest = applied("_rminus_scalar", [output], {"scalar": "1"}, "rest")
    return applied("elemwise_sub", [logarithm, _logarithm(rest)], {}, "scores")


def _logarithm(output: Any) -> Any:
    bounded = applied("clip", [output], {"a_min": _TINY, "a_max": "1"}, "bounded")
    return applied("log", [bounded], {}, "logarithm")


def _maker_of_symbol(symbol: Any) -> _Made | None:
    legacy = symbol.as_nd_ndarray()
    graph = graph_of(legacy)
    node = graph.nodes[graph.heads[0].node]
    if node.is_variable or node.subgraphs:
        return None
    children = legacy.get_children()
    count = len(node.inputs)
    inputs = [children] if count == 1 else [children[index] for index in range(count)]
    return _Made(node.operator, node.arguments, inputs)


_Noted = dict[int, tuple[_Made | None, Any]]


@contextmanager
def _noted() -> Iterator[_Noted]:
    """Yield what made arrays in this thread, by their handles: some operators, and the last one.

    The arrays are kept, for a handle may be used again.
    """
    invoke, thread = register._imperative_invoke, get_ident()
    made: _Noted = {}
    passing = 0

    def note(handle: int, arrays: Any, keys: Any, values: Any, *rest: Any) -> Any:
        nonlocal passing
        result = invoke(handle, arrays, keys, values, *rest)
        if get_ident() == thread and isinstance(result, mx.nd.NDArray):
            operator = operator_name(handle)
            attributes = dict(zip(keys, map(str, values), strict=True))
            made.pop(passing, None)
            key = result.handle.value
            made[key] = _Made(operator, attributes, list(arrays)), result
            kept = passes_on(operator, attributes) or kind_of(operator, attributes)
            passing = 0 if kept else key
        return result

    with replaced(register, "_imperative_invoke", note):
        yield made
