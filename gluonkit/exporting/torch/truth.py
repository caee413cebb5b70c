"""MXNet's side of the certificate: what a network's graph gives, and how it trains."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import mxnet as mx
import numpy

from gluonkit._base.kinds import Array, Symbol
from gluonkit.exporting.network import Network, Traced
from gluonkit.exporting.torch.certify import STEPS
from gluonkit.files.graph import Node
from gluonkit.graphs.bind import Bound
from gluonkit.graphs.slopes import mend_slopes
from gluonkit.tracing.symbols import graph_of, symbol_of

Arrays: TypeAlias = "dict[str, Array]"

_SPEED = {"float64": 1e-7, "float32": 1e-3}
"""How far the first step of SGD moves the array that it moves most, as a part of its length.

Deep networks of ReLUs at random values are chaotic: of MobileNet's, ten steps of 1e-5 make a
difference of 1e-3 of float64's own rounding. What float64 leaves of small steps is exact enough.
"""

_FLOATS = (numpy.float32, numpy.float64)
_DROPOUT = re.compile(r"(_npx_)?[dD]ropout")
_RECURRENT = re.compile("RNN|_npx_rnn")
_NARROW = re.compile("float(16|32)")
_LOSSES: dict[str, tuple[str, dict[str, str]]] = {
    "LinearRegressionOutput": ("_copy", {}),
    "MAERegressionOutput": ("_copy", {}),
    "LogisticRegressionOutput": ("sigmoid", {}),
}
"""Loss operators, which ignore gradients from above, and the operators whose output they give."""


@dataclass(frozen=True)
class Trained:
    """What a network's training gives, by MXNet's names of its parameters.

    Attributes
    ----------
    gradients : dict of str to Array
        Gradients of the weighted sum of outputs, by the parameters that are trained.
    statistics, last : dict of str to Array
        Running statistics after one step, and after `STEPS`.
    moved : dict of str to Array
        By how much `STEPS` of SGD move the parameters.
    speed : float
        The learning rate.
    """

    gradients: Arrays
    statistics: Arrays
    last: Arrays
    moved: Arrays
    speed: float


class Twin:
    """A network's graph with numbers of one type of floats, in prediction and in training.

    Dropout is the identity. The graph is that of prediction, also in training: it is what is
    written for PyTorch, even where the network's code would do something else in training.
    """

    def __init__(
        self,
        network: Network,
        graph: Callable[[Sequence[Array]], Traced],
        dtype: str,
        moved_by: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Every number of the weights, and later of the inputs, is moved by a relative amount.

        `graph` gives the network's graph for inputs.
        """
        self._graph, self._dtype, self._moved_by = graph, dtype, moved_by
        self._ctx = network.inputs[0].ctx
        self._draws = numpy.random.default_rng(seed)
        self._traced: Traced | None = None
        self._parameters = network.parameters
        self._values: Arrays = {}
        self._use([array.asnumpy() for array in network.inputs])

    def _use(self, inputs: Sequence[Array]) -> Traced:
        """Take the graph for some inputs, which only a network without symbols has anew."""
        traced = self._graph(inputs)
        if traced is not self._traced:
            self._traced, self._symbol = traced, _certified(traced, self._dtype)
            self._auxiliary = self._symbol.list_auxiliary_states()
            used = [*self._symbol.list_arguments(), *self._auxiliary]
            self._values = {
                name: self._values[name]
                if name in self._values
                else self._wide(self._parameters[name].list_data()[0].asnumpy())
                for name in used
                if name in self._parameters
            }
            self._fixed = [name for name in used if name not in self._values]
        return traced

    @property
    def statistics(self) -> Arrays:
        """The running statistics as they are."""
        return {name: self._values[name] for name in self._auxiliary}

    def outputs(self, inputs: Sequence[Array]) -> list[Array]:
        """Return the outputs in prediction mode."""
        traced = self._use(inputs)
        with traced.mode():
            bound = self._bound(self._arrays(traced, inputs), {})
            bound.forward(train=False)
            return [numbers.copy() for numbers in bound.numbers()]

    def trained(
        self,
        inputs: Sequence[Array],
        heads: Sequence[Array | None],
        learned: Collection[str],
        speed: float | None = None,
    ) -> Trained:
        """Train by the weighted sum of outputs; without `speed`, at one that moves them a little.

        `heads` are the weights, None for an output of whole numbers.
        """
        traced = self._use(inputs)
        with traced.mode():
            return self._trained(traced, inputs, heads, learned, speed)

    def slope(
        self, inputs: Sequence[Array], heads: Sequence[Array | None], name: str, way: Array
    ) -> float:
        """Return by how much the weighted sum of outputs rises with a parameter, by differences."""
        sums = []
        traced = self._use(inputs)
        with traced.mode():
            for sign in (1, -1):
                arrays = self._arrays(traced, inputs)
                arrays[name] += self._array(sign * way, self._dtype)
                bound = self._bound(arrays, {})
                bound.forward(train=True)
                given = zip(heads, bound.numbers(), strict=True)
                sums.append(
                    sum(float((head * out).sum()) for head, out in given if head is not None)
                )
        return (sums[0] - sums[1]) / 2

    def _trained(
        self,
        traced: Traced,
        inputs: Sequence[Array],
        heads: Sequence[Array | None],
        learned: Collection[str],
        speed: float | None,
    ) -> Trained:
        arrays = self._arrays(traced, inputs)
        gradients = {name: mx.nd.zeros_like(arrays[name]) for name in learned if name in arrays}
        # A batch norm changes its statistics in the backward pass, which does not come to it where
        # nothing before it has a gradient.
        given = {name: arrays[name] for name in traced.inputs if name in arrays}
        floats = {name: array for name, array in given.items() if array.dtype in _FLOATS}
        unread = {name: mx.nd.zeros_like(array) for name, array in floats.items()}
        bound = self._bound(arrays, {**gradients, **unread})
        before = {name: arrays[name].asnumpy() for name in gradients}
        weights = [
            self._array(numpy.zeros(output.shape) if head is None else head, output.dtype)
            for head, output in zip(heads, bound.outputs, strict=True)
        ]
        bound.set_head_gradients(weights)
        first: tuple[Arrays, Arrays] | None = None
        for _ in range(STEPS):
            bound.forward(train=True)
            bound.backward()
            if first is None:
                first = _numbers(gradients), _numbers({n: arrays[n] for n in self._auxiliary})
                speed = speed or _SPEED[self._dtype] * _length(before, first[0])
            for name, gradient in gradients.items():
                arrays[name] -= speed * gradient
        assert first is not None
        assert speed is not None
        moved = {name: arrays[name].asnumpy() - before[name] for name in gradients}
        last = _numbers({name: arrays[name] for name in self._auxiliary})
        return Trained(*first, last, moved, speed)

    def _arrays(self, traced: Traced, inputs: Sequence[Array]) -> dict[str, Any]:
        """Return new arrays for all variables."""
        values = dict(self._values)
        values |= {n: self._wide(a) for n, a in traced.constants.items() if n in self._fixed}
        for name, array in zip(traced.inputs, inputs, strict=True):
            if name in self._fixed:
                values[name] = self._wide(array)
        return {name: self._array(array, array.dtype) for name, array in values.items()}

    def _array(self, array: Array, dtype: Any) -> Any:
        return mx.nd.array(array, dtype=dtype, ctx=self._ctx)

    def _bound(self, arrays: Mapping[str, Any], gradients: Mapping[str, Any]) -> Bound:
        return Bound(self._symbol, self._ctx, arrays, gradients, arrays)

    def _wide(self, array: Array) -> Array:
        """Return numbers in this twin's type, moved."""
        if array.dtype.kind != "f":
            return array
        array = array.astype("float64")
        if self._moved_by and not numpy.array_equal(array, array.round()):  # lengths, indices
            array *= 1 + self._moved_by * self._draws.choice([-1.0, 1.0], array.shape)
        return array.astype(self._dtype)


def _numbers(arrays: Mapping[str, Any]) -> Arrays:
    return {name: array.asnumpy() for name, array in arrays.items()}


def _length(weights: Arrays, gradients: Arrays) -> float:
    """Return the learning rate that moves one array by its own length, and none by more.

    Arrays of zeros, such as biases, have no length to compare with.
    """
    norm = numpy.linalg.norm
    lengths = [(norm(weights[name]), norm(gradients[name])) for name in gradients]
    ratios = [float(weight / gradient) for weight, gradient in lengths if weight and gradient]
    return min(ratios, default=1.0)


def _certified(traced: Traced, dtype: str) -> Symbol:
    """Return the graph without dropout and losses, with right slopes, in a type of floats."""
    with traced.mode():
        symbol = mend_slopes(traced.symbol, traced.inputs)
    return symbol_of(graph_of(symbol).map(_changed(dtype)))


def _changed(dtype: str) -> Callable[[Node], Node]:
    def changed(node: Node) -> Node:
        attributes = dict(node.attributes)
        if node.is_variable:  # a batch may have other sizes, and every number another type
            return replace(node, attributes={})
        if _DROPOUT.fullmatch(node.operator):
            return replace(node, operator="_copy", attributes={})
        if node.operator in _LOSSES:
            operator, attributes = _LOSSES[node.operator]
            return replace(node, operator=operator, attributes=attributes, inputs=node.inputs[:1])
        if _RECURRENT.fullmatch(node.operator):
            attributes["p"] = "0"
        if dtype == "float64" and _NARROW.fullmatch(attributes.get("dtype", "")):
            attributes["dtype"] = dtype
        return replace(node, attributes=attributes)

    return changed


def has_dropout(traced: Traced) -> bool:
    """Return whether a graph has dropout."""
    return any(
        _DROPOUT.fullmatch(node.operator)
        or (_RECURRENT.fullmatch(node.operator) and float(node.attributes.get("p", "0")))
        for node in graph_of(traced.symbol).operators
    )


def ignores_gradients(traced: Traced) -> str:
    """Return the operator of a graph that ignores the gradient from above; '' if there is none."""
    losses = {"SoftmaxOutput", "Softmax", "SVMOutput", "MakeLoss", "make_loss", "Custom"}
    nodes = graph_of(traced.symbol).operators
    return next((node.operator for node in nodes if node.operator in losses), "")
