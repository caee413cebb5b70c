"""Whether a graph gives what the network's own calls give, whose code may tell arrays from symbols.

Gluon passes arrays through a network that is not hybridized. `hybrid_forward` can ask which it has
(``F is mx.nd``, ``isinstance(x, mx.sym.Symbol)``), and compute something else with each. So the
first batch goes through both, before the graph is used. The passes have copies of the parameters,
and draw nothing from MXNet's random stream.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from itertools import chain
from threading import get_ident
from typing import Any
from weakref import WeakKeyDictionary

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.ndarray import register
from mxnet.util import is_np_array

from gluonkit._base.kinds import Context, NDArray, Symbol
from gluonkit.files.graph import Node
from gluonkit.graphs.agreement import Arrays, disagreement
from gluonkit.graphs.capture import Captured, NotCompilableError, nameless
from gluonkit.graphs.losses import Loss
from gluonkit.system import memory
from gluonkit.system.patches import replaced
from gluonkit.tracing.eager import DROPPING, draws, is_random, without_deprecations
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.record import Operator
from gluonkit.tracing.symbols import graph_of, operator_name, symbol_of
from gluonkit.tracing.tree import parameters_of, untouched, walk
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.bound import BoundGraph

_NUDGES, _MARGIN = 3, 16  # how often all is moved by its last digits; times that is allowed
_SMALL = 1e-5  # a part of the largest gradient of all, below which another one is rounding

_ROUNDING, _HALF = 1e-4, 1e-2  # a part of the largest number; where float16 is computed

_verdicts: WeakKeyDictionary[gluon.ParameterDict, dict[Any, str]] = WeakKeyDictionary()
"""How each network's graphs differ from its calls, empty where they agree; by the network's own
dictionary of parameters, for a user's block may have no hash."""


class DrawsError(Exception):
    """The network draws random numbers in eager mode."""


def check_prediction(net: gluon.Block, graph: Captured, batch: Batch, ctx: Context) -> None:
    """Compare a graph's outputs for a batch with those of the network's own call.

    Networks that draw random numbers in prediction mode are not compared.

    Raises
    ------
    NotCompilableError
        When they differ, saying how.
    """
    if _is_compared(net) and not any(
        is_random(node.operator, node.attributes) for node in graph_of(graph.symbol).operators
    ):
        _check(net, graph, lambda: _Comparison(net, None, graph, batch, ctx))


def check_training(
    net: gluon.Block, loss: Loss, graph: Captured, batch: Batch, ctx: Context
) -> None:
    """Compare outputs, loss, gradients and statistics of a training step with plain Gluon's.

    Dropout is disabled in both. Networks that draw other random numbers are not compared.

    Raises
    ------
    NotCompilableError
        When they differ, saying how.
    """
    if not _is_compared(net):
        return
    drops = () if _has_graphs(net) else DROPPING
    operators = graph_of(graph.symbol).operators
    if any(_draws(node) for node in operators if node.operator not in drops):
        return

    def comparison() -> _Comparison:
        # Dropout draws in another order in graphs, and would never agree.
        calm = replace(graph, symbol=_without_chance(graph.symbol))
        return _Comparison(net, loss, calm, batch, ctx)

    _check(net, graph, comparison)


def _is_compared(net: gluon.Block) -> bool:
    """Return whether eager calls and the graph may differ, and both can run on copies."""
    return not _follows_graph(net) and all(map(_is_plain, parameters_of(net)))


def _check(net: gluon.Block, graph: Captured, comparison: Callable[[], _Comparison]) -> None:
    """Compare once for each graph of a network, and raise if there is a difference."""
    active = tuple(getattr(block, "_active", False) for _, block in walk(net))
    # Hybridizing again gives the calls another graph, and so perhaps other numbers.
    key = digest(graph.symbol), active, id(getattr(net, "_cached_op", None))
    known = _verdicts.setdefault(net.params, {})
    if key not in known:
        known[key] = _difference(comparison())
    if known[key]:
        raise NotCompilableError(
            f"its code computes something else with symbols than with arrays: the graph's "
            f"{known[key]}"
        )


def digest(symbol: Symbol) -> bytes:
    """Return a digest that is equal for equal graphs, whatever their nodes' names."""
    return hashlib.sha256(nameless(symbol).encode()).digest()


def _follows_graph(net: gluon.Block) -> bool:
    """Return whether Gluon itself would run the network as a graph."""
    own = type(net).forward is gluon.HybridBlock.forward
    # A graph that exists may be from before a change, so that it is compared, too.
    return own and net._active and net._cached_op is None


def computes_half(graph: Captured) -> bool:
    """Return whether a part of a graph is in float16, type 2 of MXNet's variables."""
    attributes = [graph.symbol.list_attr(), *graph.symbol.attr_dict().values()]
    # MXNet has "dtype" of operators as a name, that of variables ("__dtype__") as a number.
    types = {attribute.get(key) for attribute in attributes for key in ("dtype", "__dtype__")}
    return bool(types & {"float16", "2"})


def _has_graphs(net: gluon.Block) -> bool:
    """Return whether calls of the network run graphs, whose operators cannot be replaced."""
    blocks = [block for _, block in walk(net)]
    return any(isinstance(part, gluon.SymbolBlock) or part._active for part in blocks)


def _is_plain(parameter: gluon.Parameter) -> bool:
    """Return whether a parameter is dense; steps with sparse ones are not compiled."""
    dense = {parameter._stype, parameter._grad_stype} == {"default"}
    return dense and type(parameter).data is gluon.Parameter.data


class _Comparison:
    """Runs one batch as a graph and by the network's own calls."""

    def __init__(
        self, net: gluon.Block, loss: Loss | None, graph: Captured, batch: Batch, ctx: Context
    ) -> None:
        self._net, self._loss, self._graph, self._batch, self._ctx = net, loss, graph, batch, ctx
        self._parameters = [
            parameter for parameter in parameters_of(net) if parameter._data is not None
        ]
        # MXNet's own graphs of hybridized parts have a wrong gradient for a slope.
        self._graded = loss is not None and not (graph.backward.slopes and _has_graphs(net))

    @property
    def tolerance(self) -> float:
        """Relative difference by rounding that needs no further analysis."""
        return _HALF if computes_half(self._graph) else _ROUNDING

    def by_graph(self, nudge: int | None = None) -> Arrays:
        """Return the results of the graph, optionally changed in the last digits."""
        graph, train, move = self._graph, self._loss is not None, _moving(nudge)
        # Copies, since a training pass changes running statistics.
        own = {p.name: move(p.data(self._ctx)).as_nd_ndarray() for p in self._parameters}
        # What the graph does not read has a gradient of zero there.
        names = {p.name for p in self._trained()} & set(graph.symbol.list_arguments())
        gradients = {name: mx.nd.zeros_like(own[name]) for name in names}
        bound = BoundGraph(graph, self._ctx, own, gradients, train=train)
        bound.forward(self._batch, move)
        outputs = [output.copy() for output in bound.numbers()]
        if gradients:
            bound.heads[0][:] = 1
            bound.backward()
        value = [outputs.pop(0)] if train else []
        return self._named(
            outputs,
            [] if graph.fused else value,
            [gradients.get(p.name, mx.nd.zeros_like(own[p.name])) for p in self._trained()],
            [own[p.name] for p in self._parameters if train and p.grad_req == "null"],
        )

    def by_calls(self, nudge: int | None = None) -> Arrays:
        """Return the results of the network's own call, optionally changed in the last digits."""
        move = _moving(nudge)
        given = self._batch.arrays(self._ctx, np_mode=is_np_array())
        count = self._batch.inputs
        inputs = [move(array) for array in given[:count]]
        train = self._loss is not None
        with on_copies(self._net, self._loss, move) as values:
            with autograd.record(train) if train else autograd.pause(train_mode=False):
                output = self._net(*inputs)
                value = [] if self._loss is None else [self._loss(output, *given[count:])]
            if self._trained():
                autograd.backward(value)
            return self._named(
                [leaf.asnumpy() for leaf in leaves(output)],
                [] if self._graph.fused else [array.asnumpy() for array in value],
                [p.grad(self._ctx) for p in self._trained()],
                [values[id(p)][0] for p in self._parameters if train and p.grad_req == "null"],
            )

    def slack(self, expected: Arrays) -> dict[str, float]:
        """Return how much the results of calls change when all inputs change by last digits."""
        moved = dict.fromkeys(expected, 0.0)
        for seed in range(_NUDGES):
            for name, numbers in self.by_calls(seed).items():
                gap = numpy.abs(numbers.astype("float64") - expected[name]).max(initial=0)
                moved[name] = max(moved[name], _MARGIN * float(gap))
        # A gradient that cancels out has no digits of its own, only those of the others' rounding.
        gradients = [name for name in expected if name.startswith("gradient")]
        largest = max(
            (float(numpy.abs(expected[gradient]).max(initial=0)) for gradient in gradients),
            default=0,
        )
        return moved | {gradient: max(moved[gradient], _SMALL * largest) for gradient in gradients}

    def _trained(self) -> list[gluon.Parameter]:
        return [p for p in self._parameters if p.grad_req != "null"] if self._graded else []

    def _named(
        self,
        outputs: Sequence[Any],
        loss: Sequence[Any],
        grads: Sequence[Any],
        fixed: Sequence[Any],
    ) -> Arrays:
        named = {f"output {index}": output for index, output in enumerate(outputs)}
        named |= {f"loss {index}": numpy.atleast_1d(part) for index, part in enumerate(loss)}
        for parameter, gradient in zip(self._trained(), grads, strict=True):
            named[f"gradient of {parameter.name}"] = gradient.asnumpy()
        names = [p.name for p in self._parameters if p.grad_req == "null"]
        named |= {name: array.asnumpy() for name, array in zip(names, fixed, strict=False)}
        return named


def _difference(comparison: _Comparison) -> str:
    """Describe how the graph's results differ from those of the calls; '' if they agree."""
    try:
        expected = comparison.by_calls()
        got = comparison.by_graph()
    except DrawsError:
        return "random numbers are drawn elsewhere"
    except Exception:  # what fails has no other numbers, and says so when it is used
        return ""
    tolerance, slack = comparison.tolerance, cache(lambda: comparison.slack(expected))
    difference = disagreement(expected, got, slack, tolerance=tolerance)
    # At a bend, such as relu's, the last digits decide which of two gradients a number gets: there
    # the two may part by more than any rounding, and agree again beside it. Other code does not.
    nearby = ((comparison.by_calls(n), comparison.by_graph(n)) for n in range(_NUDGES))
    if difference and not all(disagreement(*both, slack, tolerance=tolerance) for both in nearby):
        return ""
    return difference


def _copied(array: NDArray) -> NDArray:
    return array.copy()


@contextmanager
def on_copies(
    net: gluon.Block, loss: Any = None, move: Callable[[Any], Any] = _copied
) -> Iterator[dict[int, list[Any]]]:
    """Let network and loss be called without side effects: on copies, without dropout and hooks.

    Yields the copies of each parameter, by its id. If other operators draw random numbers, the call
    raises a `DrawsError`.
    """
    blocks = [part for part in (net, loss) if isinstance(part, gluon.Block)]
    with ExitStack() as stack:
        for part in blocks:
            stack.enter_context(untouched(part))
        stack.enter_context(_undrawn())
        stack.enter_context(without_deprecations())
        # A user's hooks may count, print or change something.
        for _, block in chain.from_iterable(map(walk, blocks)):
            vars(block)["_forward_hooks"] = OrderedDict()
            vars(block)["_forward_pre_hooks"] = OrderedDict()
        yield {id(p): _lend(p, move) for p in parameters_of(net) if p._data is not None}


def _lend(parameter: gluon.Parameter, move: Callable[[Any], Any]) -> list[Any]:
    """Replace a parameter's arrays and gradients by copies, within `untouched`."""
    made = [move(array) for array in parameter._data]
    attributes = vars(parameter)
    attributes["_data"] = made
    if parameter.grad_req != "null":
        zeros = mx.np.zeros_like if isinstance(made[0], mx.np.ndarray) else mx.nd.zeros_like
        attributes["_grad"] = [zeros(array) for array in made]
        # A copy is no variable of autograd's until it is marked.
        autograd.mark_variables(made, attributes["_grad"], parameter.grad_req)
    return made


def _moving(seed: int | None) -> Callable[[Any], Any]:
    """Return what copies an array; with a seed, half of its numbers changed by last digits.

    Equal arrays are changed in the same way, whatever is changed before them.
    """
    if seed is None:
        return _copied

    def nudged(array: NDArray) -> NDArray:
        if numpy.dtype(array.dtype).kind != "f":
            return array.copy()
        numbers = array.asnumpy()
        draws = numpy.random.default_rng((seed, zlib.crc32(numbers.tobytes())))
        factors = draws.choice([1, 1 + 4 * float(numpy.finfo(numbers.dtype).eps)], numbers.shape)
        # Whole numbers stay: they may be lengths or indices.
        numbers = numpy.where(numbers == numpy.rint(numbers), numbers, numbers * factors)
        np_mode = isinstance(array, mx.np.ndarray)
        return memory.copied(numbers.astype(array.dtype), array.ctx, np_mode=np_mode)

    return nudged


@contextmanager
def _undrawn() -> Iterator[None]:
    """Disable dropout, and refuse other random operators, in this thread."""
    # All functions that MXNet generates for operators call this one, by its name in that module.
    invoke, thread = register._imperative_invoke, get_ident()

    def calm(handle: int, arrays: Any, keys: Any, values: Any, *rest: Any) -> Any:
        # The patch is seen by all threads, and is for this one.
        if get_ident() == thread:
            name = operator_name(handle)
            settings = dict(zip(keys, map(str, values), strict=True))
            if is_random(name, settings):
                raise DrawsError
            if name in DROPPING and "p" in settings:
                values = [
                    0.0 if key == "p" else value for key, value in zip(keys, values, strict=True)
                ]
        result = invoke(handle, arrays, keys, values, *rest)
        if get_ident() == thread:
            for leaf in leaves(result):  # in oneDNN's order some operators kill the process
                memory.in_order(leaf)
        return result

    with replaced(register, "_imperative_invoke", calm):
        yield


def _without_chance(symbol: Symbol) -> Symbol:
    """Return a graph with dropout disabled."""

    def calm(node: Node) -> Node:
        return node.changed(p="0.0") if node.operator in DROPPING else node

    return symbol_of(graph_of(symbol).map(calm))


def _draws(node: Node) -> bool:
    return draws(Operator(node.operator, node.attributes, (), ()))
