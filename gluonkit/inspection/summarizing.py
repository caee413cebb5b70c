"""`summary`: what a network is made of, what it costs, and what it keeps in memory."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.arguments import checked
from gluonkit.inspection.layers import known_size, layers_of
from gluonkit.inspection.macs import macs_of, operator_key
from gluonkit.inspection.report import (
    DEFAULT_COLUMNS,
    Summary,
    checked_columns,
    checked_depth,
    checked_pattern,
)
from gluonkit.models import create_model, parse_model
from gluonkit.models.registry import info_of
from gluonkit.system.optimizers import resolve_optimizer
from gluonkit.tracing import Trace, trace
from gluonkit.tracing.inputs import as_spec, leaves, mapped, parse_inputs
from gluonkit.tracing.tree import array_key, check_net, join, own_parameters, places


@checked
def summary(
    net: gluon.Block | str,
    *inputs: Any,
    columns: Iterable[str] | None = None,
    depth: int | None = None,
    pattern: str | None = None,
    optimizer: Any = "adam",
    optimizer_params: Mapping[str, Any] | None = None,
) -> Summary:
    """Summarize a network: layers, shapes, parameters, multiply-adds, memory.

    Shapes are inferred by symbols where the network can be traced, and nothing is allocated then;
    otherwise one forward pass is made in prediction mode. Either way the network is left exactly as
    it was: initialized or not, hybridized or not, its statistics, the random stream.

    Parameters
    ----------
    net : gluon.Block or str
        Any Gluon block, or the name of a registered model, with its options if needed
        (``"mlp(units=(64,))"``), which is then built for the purpose.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, batch axis first; a shape with another data type than
        float32 is a pair, ``((2, 12), "int32")``; an input made of several arrays is a list.
        Without inputs, a registered model gets its example input; of another network only the
        parameters are known.
    columns : iterable of str, optional
        Columns of the table, from 'layer', 'class', 'input', 'output', 'detail', 'params', 'share',
        'trainable', 'macs', 'activations'.
    depth : int, optional
        Show no layer deeper than this; deeper ones count in the last one shown.
    pattern : str, optional
        Show only the layers whose path matches, such as ``"features.*"``.
    optimizer : str or mx.optimizer.Optimizer, default 'adam'
        The optimizer whose state is counted as memory, as `gluon.Trainer` takes it.
    optimizer_params : mapping, optional
        Options of an optimizer given by name, such as ``{"momentum": 0.9}``, which has a state of
        as many numbers as there are weights; by default MXNet's own, without momentum.

    Returns
    -------
    Summary
        A record; `str()` gives the table, and a notebook shows a tree.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For inputs that do not go through the network, naming the layer; for an unknown column or
        optimizer, options beside an optimizer object, and a pattern that no layer matches.

    Notes
    -----
    `gluon.Block.summary` prints; it needs an initialized network, which must not be hybridized.
    Keras's `summary` prints too, and counts no multiply-adds.

    Examples
    --------
    >>> import gluonkit as gk
    >>> lenet = gk.summary("lenet")
    >>> lenet.total_params, lenet.macs
    (60170, 231720)
    >>> print(lenet.layers[1].path, lenet.layers[1].outputs)
    0 (1, 6, 24, 24)
    """
    chosen = DEFAULT_COLUMNS if columns is None else checked_columns(columns)
    # Not initialized: shapes are inferred, and nothing is allocated.
    net, name, inputs = resolved(net, inputs)
    traced = trace(net, *inputs) if inputs else None
    layers = layers_of(net, traced)
    optimizer = resolve_optimizer(optimizer, optimizer_params)
    return Summary(
        name=name,
        inputs=tuple(mapped(as_spec, parse_inputs(inputs))),
        layers=layers,
        optimizer=type(optimizer).__name__,
        columns=chosen,
        depth=checked_depth(depth),
        pattern=checked_pattern(pattern, layers),
        executed=traced is not None and traced.executed,
        reason="" if traced is None else traced.reason,
        activation_bytes=layers[0].activation_bytes,
        **_multiply_adds(traced),
        **_parameter_totals(net, traced, optimizer),
    )


def resolved(
    net: Any, inputs: tuple[Any, ...], **options: Any
) -> tuple[gluon.Block, str, tuple[Any, ...]]:
    """Return the network, its name, and its inputs, by default a registered model's.

    `options` of `create_model` are for a model given by name, where that does not say otherwise.
    """
    if not isinstance(net, str):
        check_net(net)
        return net, type(net).__name__, inputs
    model, given = parse_model(net)
    info = info_of("net", model)
    return create_model(model, **{**options, **given}), net, inputs or info.specs


def _multiply_adds(traced: Trace | None) -> dict[str, Any]:
    """Return the totals by operator."""
    counts: Counter[str] = Counter()
    uncounted: Counter[str] = Counter()
    none: Counter[str] = Counter()
    for _, operator in traced.operators if traced is not None else ():
        count, key = macs_of(operator), operator_key(operator)
        if count is None:
            uncounted[key] += 1
        elif count == 0:
            none[key] += 1
        else:
            counts[key] += count
    return {
        "macs": None if traced is None else sum(counts.values()),
        "macs_by_operator": dict(counts.most_common()),
        "uncounted": dict(uncounted.most_common()),
        "without_macs": dict(none.most_common()),
    }


def _parameter_totals(
    net: gluon.Block, traced: Trace | None, optimizer: mx.optimizer.Optimizer
) -> dict[str, Any]:
    """Add up the parameters, each array once."""
    totals: Counter[str] = Counter()
    unknown = []
    state: dict[str, float] = {}
    for path, parameter, held in _distinct_parameters(net, traced):
        size = known_size(parameter, {} if traced is None else traced.shapes)
        if size is None:
            unknown.append(path)
            continue
        dtype = numpy.dtype(parameter.dtype)
        memory = size * dtype.itemsize
        # Optimizers may keep another state for float16, so it is asked for each data type.
        if dtype.name not in state:
            state[dtype.name] = _state_bytes(optimizer, dtype.name)
        trainable = parameter.grad_req != "null"
        totals["total_params"] += size
        totals["trainable_params"] += size if trainable else 0
        totals["constant_params"] += size if isinstance(parameter, gluon.Constant) else 0
        totals["shared_params"] += size if held > 1 else 0
        totals["param_bytes"] += memory
        totals["gradient_bytes"] += memory if trainable else 0
        totals["optimizer_bytes"] += round(size * state[dtype.name]) if trainable else 0
    names = ("total", "trainable", "constant", "shared")
    every = [f"{name}_params" for name in names]
    every += ["param_bytes", "gradient_bytes", "optimizer_bytes"]
    return {name: totals[name] for name in every} | {"unknown": tuple(unknown)}


def _distinct_parameters(
    net: gluon.Block, traced: Trace | None
) -> list[tuple[str, gluon.Parameter, int]]:
    """Return each array's first path, a parameter that holds it, and its number of places.

    A place is a path in the tree: a layer that is used at two paths has its arrays at two places.
    """
    blocks = list(places(net))
    seen = {id(block) for _, block in blocks}
    # Blocks in plain lists are no children, and hold arrays all the same.
    for call in traced.calls if traced is not None else ():
        if id(call.block) not in seen:  # used, but not registered
            seen.add(id(call.block))
            blocks.append((call.path, call.block))
    first: dict[int, tuple[str, gluon.Parameter]] = {}
    held: Counter[int] = Counter()
    for path, block in blocks:
        for name, parameter in own_parameters(block).items():
            key = array_key(parameter)
            first.setdefault(key, (join(path, name), parameter))
            held[key] += 1
    return [(path, parameter, held[key]) for key, (path, parameter) in first.items()]


def _state_bytes(optimizer: mx.optimizer.Optimizer, dtype: str) -> float:
    """Return the bytes of optimizer state for each element of a parameter."""
    # MXNet does not tell how much state there is, so that of a small weight is made.
    weight = mx.nd.zeros((4, 4), dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MXNet advises on precision
        state = optimizer.create_state_multi_precision(0, weight)
    return float(sum(as_spec(leaf).bytes for leaf in leaves(state)) / weight.size)
