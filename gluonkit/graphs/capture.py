"""A network and its loss as one graph of MXNet's, made by passing symbols through both."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count
from typing import Any
from weakref import WeakKeyDictionary

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base import cpu
from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Node
from gluonkit.graphs.backward import LINEAR, Backward, backward_of
from gluonkit.graphs.layout import copied_in_order
from gluonkit.graphs.losses import Loss, is_plain_classification
from gluonkit.graphs.pad import pad_channels
from gluonkit.graphs.reads import deciding, lent
from gluonkit.graphs.scores import of_scores
from gluonkit.graphs.slopes import mend_slopes
from gluonkit.tracing.hearing import tracing
from gluonkit.tracing.inputs import leaves, mapped
from gluonkit.tracing.symbolic import arrays_only, graph_shapes, symbol_blocks_whole
from gluonkit.tracing.symbols import graph_of, infer, json_of, outputs_of, symbol_of
from gluonkit.tracing.tree import parameters_of, renew_variables, untouched, walk

INPUT, LABEL = "gluonkit#input", "gluonkit#label"

SMALL_LOGITS = 4096
"""Classes above which the loss stays in the graph: the host would copy and read too much."""


# Control flow counts its subgraphs on, from trace to trace.
_COUNTED = re.compile(r'"__subgraph_name__": "[^"]*"')
# MXNet writes the shape that a variable was given into the graph's text, where it would make
# graphs for different batches look different.
_SHAPE = re.compile(r'"__shape__": "[^"]*"')

_stable: WeakKeyDictionary[gluon.ParameterDict, set[bytes]] = WeakKeyDictionary()
"""Digests of the graphs, shapes apart, that each network's code is known to make again; by the
network's own dictionary of parameters, for a user's block may have no hash."""


class NotCompilableError(Exception):
    """A network cannot be compiled as a whole; the message says why."""


@dataclass(frozen=True)
class Captured:
    """A network's pass as a legacy symbol.

    Attributes
    ----------
    symbol : Symbol
        Its outputs are the loss, if there is one, and then the network's outputs.
    inputs, labels : tuple of str
        Names of the variables for a batch.
    specs : tuple of ArraySpec
        Shapes and data types of inputs and labels.
    outputs : int
        Number of the network's outputs.
    nesting : object
        The network's outputs as it returns them, each replaced by its position.
    fused : bool
        Whether the loss is `SoftmaxOutput`, whose output is not the loss but probabilities.
    backward : Backward
        Properties of the gradients.
    """

    symbol: Symbol
    inputs: tuple[str, ...]
    labels: tuple[str, ...]
    specs: tuple[ArraySpec, ...]
    outputs: int
    nesting: Any
    fused: bool = False
    backward: Backward = LINEAR

    @property
    def dependencies(self) -> frozenset[str]:
        """The names of the variables from which the loss is computed."""
        return frozenset(self.symbol[0].list_inputs())


def build_graph(
    net: gluon.Block,
    inputs: Sequence[Any],
    labels: Sequence[ArraySpec] = (),
    loss: Loss | None = None,
    *,
    on_cpu: bool = True,
    control_flow: bool = False,
    snapshot: bool = False,
) -> Captured:
    """Trace a network, and a loss if there is one, for inputs and labels of given shapes.

    The network does not change. Its inputs are `ArraySpec`s, nested as the network takes them. With
    a loss it is traced in training mode. With `on_cpu` the graph is optimized for CPUs. Control
    flow is allowed only with `control_flow`, and constants that the network's code computes from
    parameters only with `snapshot`.

    The network is traced twice, to see that its code makes the same graph at each call; once, if
    it has made this graph, shapes apart, before.

    Raises
    ------
    NotCompilableError
        When the network or the loss cannot be traced, saying why.
    """
    _check_blocks(net)
    blocks = [net, loss] if isinstance(loss, gluon.Block) else [net]
    _check_names(blocks)
    known = {f"{INPUT}{i}": spec for i, spec in enumerate(leaves(inputs))}
    known |= {f"{LABEL}{i}": spec for i, spec in enumerate(labels)}
    tracer = partial(_tracer, net, blocks, inputs, known, loss)
    try:
        with tracer() as traced:
            with lent(chain.from_iterable(map(parameters_of, blocks))) as fetched:
                graph = traced()
            seen, made = _stable.setdefault(net.params, set()), graph_digest(graph.symbol)
            # A second time: code that counts its calls, or draws numbers in Python, makes another
            # graph.
            stable = made in seen or made == graph_digest(traced().symbol)
        # Fusing the loss may have changed the data type of the labels.
        known = dict(zip(known, graph.specs, strict=True))
        # Only to fail here, with a reason, and not when memory is bound.
        infer(graph.symbol, known | graph_shapes(net))
        # Only training needs it, as the forward pass of PReLU is right.
        symbol = graph.symbol if loss is None else mend_slopes(graph.symbol, known)
        symbol = copied_in_order(symbol, known, train=loss is not None)
    except Exception as error:  # code that fails with symbols may work with arrays
        raise NotCompilableError(f"it cannot be traced: {last_line(error)}") from error
    if not control_flow and (operator := graph_of(graph.symbol).control_flow):
        raise NotCompilableError(f"it has control flow ({operator})")
    if not stable:
        raise NotCompilableError("its code makes another graph at each call")
    seen.add(made)
    if loss is not None:
        # Of the graph as traced, which still has the PReLUs that the user wrote. A fused loss
        # scales its gradient by a factor of its own, and is left out.
        backward = backward_of(graph.symbol[0], head=not graph.fused)
        graph = replace(graph, backward=backward)
    graph = replace(graph, symbol=symbol)
    if fetched and not snapshot:
        _check_numbers(partial(_traced_text, tracer), fetched)
    return for_cpu(graph) if on_cpu else graph


def for_cpu(graph: Captured) -> Captured:
    """Return a graph optimized for CPUs; `build_graph` does it unless it is told not to."""
    known = dict(zip((*graph.inputs, *graph.labels), graph.specs, strict=True))
    symbol = pad_channels(plain_relu(graph.symbol), known, cpu.vector_width())
    return replace(graph, symbol=symbol)


def parameters_in(
    graph: Captured, known: Mapping[str, gluon.Parameter]
) -> dict[str, gluon.Parameter]:
    """Return the parameters that a graph uses, by their names in it.

    Raises
    ------
    NotCompilableError
        When it uses parameters that are not in `known`, the network's by name.
    """
    data = {*graph.inputs, *graph.labels}
    # Inputs, in MXNet's sense, are all variables, auxiliary states among them.
    names = [name for name in graph.symbol.list_inputs() if name not in data]
    if strangers := [name for name in names if name not in known]:
        raise NotCompilableError(f"{', '.join(strangers[:3])} belongs to no part of the network")
    return {name: known[name] for name in names}


def _check_numbers(trace: Callable[[], str], fetched: list[gluon.Parameter]) -> None:
    """Refuse networks whose code reads the values of parameters, which a graph would freeze."""
    if frozen := [parameter.name for parameter in deciding(trace, fetched)]:
        raise NotCompilableError(
            f"its code reads the numbers of {', '.join(frozen[:3])} as numbers, which a graph "
            "would keep when they change; have hybrid_forward take the parameters as arguments"
        )


def numbers_read(net: gluon.Block, inputs: Sequence[Any]) -> list[gluon.Parameter]:
    """Return the parameters whose values the network's code reads when it is traced.

    Empty if the network cannot be traced. Its inputs are `ArraySpec`s, nested as it takes them.
    """
    known = {f"{INPUT}{i}": spec for i, spec in enumerate(leaves(inputs))}
    trace = partial(_traced_text, partial(_tracer, net, [net], inputs, known, None))
    try:
        with lent(parameters_of(net)) as fetched:
            trace()
    except Exception:  # code may fail with symbols
        return []
    return deciding(trace, fetched) if fetched else []


def _traced_text(tracer: Callable[[], AbstractContextManager[Callable[[], Captured]]]) -> str:
    with tracer() as traced:
        return _text(traced().symbol)


def _text(symbol: Symbol) -> str:
    """Return a graph as text, without the counters in MXNet's names of control flow."""
    return _COUNTED.sub("", json_of(symbol))


def graph_digest(symbol: Symbol) -> bytes:
    """Return a digest that is equal for equal graphs, whatever shapes they are for."""
    text = _COUNTED.sub("", nameless(symbol))
    return hashlib.sha256(_SHAPE.sub("", text).encode()).digest()


def nameless(symbol: Symbol) -> str:
    """Return a text that is equal for equal graphs, whatever their operators' names."""
    graph = graph_of(symbol)
    parts = [node if node.is_variable else replace(node, name="") for node in graph.nodes]
    return replace(graph, nodes=tuple(parts), attributes={}).to_json()


def plain_relu(symbol: Symbol) -> Symbol:
    """Return a symbol in which relu after a dense layer is the plain operator.

    For few numbers, the setup of oneDNN's `Activation` takes longer than the computation.
    """
    graph = graph_of(symbol)

    def plain(node: Node) -> Node:
        is_relu = node.operator == "Activation" and node.attributes.get("act_type") == "relu"
        if is_relu and graph.nodes[node.inputs[0].node].operator == "FullyConnected":
            return replace(node, operator="relu", attributes={})
        return node

    return symbol_of(graph.map(plain))


def scaled(symbol: Symbol, scale: float) -> Symbol:
    """Return a fused graph whose gradients are multiplied by `scale`.

    The operator's own factor is used, since with ``out_grad=True`` MXNet 1.9.1's `SoftmaxOutput`
    multiplies its gradient by its output instead of by the head gradient.
    """
    graph = graph_of(symbol)
    loss = graph.nodes[graph.heads[0].node]  # the network may have others
    return symbol_of(
        # `repr` has as many digits as it takes to read the same number back.
        graph.map(lambda node: node.changed(grad_scale=repr(scale)) if node is loss else node)
    )


def _check_blocks(net: gluon.Block) -> None:
    """Refuse blocks that Gluon cannot compile, and hooks, which expect arrays."""
    for path, block in walk(net):
        name = f"`{path}` ({type(block).__name__})" if path else f"it ({type(block).__name__})"
        if not isinstance(block, gluon.HybridBlock):
            raise NotCompilableError(f"{name} is a Block, not a HybridBlock")
        if block._forward_hooks or block._forward_pre_hooks:
            raise NotCompilableError(f"{name} has forward hooks")


def _check_names(blocks: list[Any]) -> None:
    """Refuse parameters with equal names, which a graph would confuse."""
    parameters = {
        id(parameter): parameter for block in blocks for parameter in parameters_of(block)
    }
    name, times = next(iter(Counter(p.name for p in parameters.values()).most_common(1)), ("", 0))
    if times > 1:
        raise NotCompilableError(
            f"{times} of its parameters are named {name}; give its parts other names (prefix=)"
        )


@contextmanager
def _tracer(
    net: gluon.Block,
    blocks: list[Any],
    nested: Sequence[Any],
    known: dict[str, ArraySpec],
    loss: Loss | None,
) -> Iterator[Callable[[], Captured]]:
    """Yield a function that traces; what it changes in the blocks is put back at the end only."""
    mode = autograd.predict_mode() if loss is None else autograd.train_mode()
    # The mode counts here already, as code may ask `autograd.is_training()` while it is traced.
    with untouched(blocks[0]), untouched(blocks[-1]), arrays_only(), symbol_blocks_whole(), mode:
        yield partial(_traced, net, nested, known, loss)


def _traced(
    net: gluon.Block, nested: Sequence[Any], known: dict[str, ArraySpec], loss: Loss | None
) -> Captured:
    inputs = len(list(leaves(nested)))
    variables = [mx.sym.var(name, shape=s.shape, dtype=s.dtype) for name, s in known.items()]
    if is_np_array():
        variables = [variable.as_np_ndarray() for variable in variables]
    # Variables of an earlier trace count how often an operator has written into them.
    renew_variables(parameters_of(net))
    with tracing(net, nested, list(known)[:inputs], loss), mx.name.NameManager():
        # `mapped` visits the leaves in the order in which `known` was filled.
        following = iter(variables)
        output = mapped(_parts, net(*mapped(lambda _: next(following), tuple(nested))))
        flat = [_legacy(leaf) for leaf in leaves(output)]
        names = list(known)
        parts: dict[str, Any] = {
            "inputs": tuple(names[:inputs]),
            "labels": tuple(names[inputs:]),
            "specs": tuple(known.values()),
            "outputs": len(flat),
            "nesting": numbered(output),
        }
        if loss is None:
            return Captured(symbol=mx.sym.Group(flat), **parts)
        fused = _can_fuse(loss, flat, known, names[inputs:])
        if fused:
            # It takes class numbers as floats only; whole numbers are exact in them.
            label = ArraySpec(known[names[inputs]].shape)
            parts["specs"] = (*parts["specs"][:inputs], label)
            # One operator for loss and gradient, which is more exact than oneDNN's `log_softmax`.
            value = mx.sym.SoftmaxOutput(flat[0], mx.sym.var(names[inputs]))
        else:
            value = _legacy(loss(output, *variables[inputs:]))
        # The outputs are for metrics: no gradient may enter through them.
        heads = [value, *(mx.sym.BlockGrad(output) for output in flat)]
        return Captured(symbol=mx.sym.Group(heads), fused=fused, **parts)


def _can_fuse(loss: Loss, outputs: list[Any], known: dict[str, ArraySpec], labels: Any) -> bool:
    """Return whether the loss is cross entropy of (batch, classes) logits and (batch,) labels."""
    loss, outputs = of_scores(loss, outputs)
    if len(outputs) != 1 or len(labels) != 1 or not is_plain_classification(loss):
        return False
    (logits,), _ = infer(outputs[0], known)
    label = known[labels[0]].shape
    return (
        len(logits.shape) == 2
        and label == logits.shape[:1]
        and logits.shape[1] <= SMALL_LOGITS
        # `SoftmaxOutput` wants scores and labels of one type, and labels are float32 here.
        and logits.dtype == "float32"
    )


def _parts(symbol: Symbol) -> Any:
    """Return the outputs of a symbol as a list, if it has several."""
    count = outputs_of(symbol) if isinstance(symbol, mx.sym.Symbol) else 1
    return symbol if count == 1 else [symbol[index] for index in range(count)]


def _legacy(symbol: Symbol) -> Symbol:
    """Return a symbol of either array mode as a legacy one."""
    if not isinstance(symbol, mx.sym.Symbol):
        raise TypeError(f"it gives a {type(symbol).__name__}, not an array")
    return symbol.as_nd_ndarray() if hasattr(symbol, "as_nd_ndarray") else symbol


def numbered(output: Any) -> Any:
    """Replace each leaf of a nesting by its position."""
    positions = count()
    return mapped(lambda _: next(positions), output)
