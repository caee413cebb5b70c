"""What `fit`, `evaluate` and `predict` have in common: checking what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit._errors import (
    ArgumentError,
    ArgumentTypeError,
    StateError,
    a_type,
    last_line,
    unknown_name,
)
from gluonkit._memory import Array
from gluonkit.devices import check_contexts
from gluonkit.params.records import all_paths
from gluonkit.params.sharing import materialize
from gluonkit.step.batch import Batch
from gluonkit.step.losses import is_classification, is_known, takes_numbers, weighted_shape
from gluonkit.trace.inputs import leaves
from gluonkit.trace.trace import trace
from gluonkit.trace.tree import array_key, check_net, parameters_of
from gluonkit.train.accuracy import Task


def resolve_optimizer(optimizer: Any, params: Mapping[str, Any] | None) -> Any:
    """Return one of MXNet's optimizers, given by name and options or as an object.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        for an unknown name or option, and for options beside an object.
    """
    if isinstance(optimizer, mx.optimizer.Optimizer):
        if params:
            raise ArgumentError(
                "`optimizer_params` is given with an optimizer that is made already; set its "
                "options where it is made"
            )
        return optimizer
    if not isinstance(optimizer, str):
        raise ArgumentTypeError(
            f"`optimizer` is {a_type(optimizer)}; give a name, such as 'adam', or an mx.optimizer "
            "object"
        )
    known = mx.optimizer.Optimizer.opt_registry
    if optimizer.lower() not in known:
        raise unknown_name("optimizer", optimizer, known, f"Choose of: {', '.join(sorted(known))}.")
    try:
        return mx.optimizer.create(optimizer, **dict(params or {}))
    except (TypeError, AssertionError, ValueError) as error:
        raise ArgumentError(
            f"`optimizer_params` is {dict(params or {})}, which {optimizer} does not take: "
            f"{last_line(error)}"
        ) from error


def contexts_of(net: gluon.Block, ctx: Any) -> list[Any]:
    """Return the devices to work on, and have the network's parameters there.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        for no device, a GPU that is not there, and a network without `initialize()`.
    """
    check_net(net)
    _check_parameters(net)
    parameters = parameters_of(net)
    if ctx is None:
        return list(parameters[0].list_ctx()) if parameters else [mx.current_context()]
    wanted = check_contexts(ctx)
    if any(each.list_ctx() != wanted for each in parameters):
        net.collect_params().reset_ctx(wanted)
    return wanted


def _check_parameters(net: gluon.Block) -> None:
    """Refuse parameters without `initialize()`, and such as are shared by halves."""
    try:
        net.collect_params()
    except ValueError as error:
        raise StateError(
            f"`net` has different parameters of the same name: {last_line(error)}. Give its parts "
            "names of their own (prefix=), or share parameters with params="
        ) from error
    arrays: dict[int, tuple[str, int]] = {}
    for path, parameter in all_paths(net):
        if parameter._data is None and not parameter._deferred_init:
            raise StateError(
                f"`net` has no values for {path}: call net.initialize() first (and again on parts "
                "that were added later)"
            )
        other, owner = arrays.setdefault(array_key(parameter), (path, id(parameter)))
        if owner != id(parameter):
            raise StateError(
                f"`net` is shared by halves: {other} and {path} are one array, but two parameters, "
                "each of which would be updated; share the parameter (params=other.params)"
            )
        if parameter.grad_req == "add":
            raise StateError(
                f"`net` has grad_req='add' for {path}, whose gradient would grow from step to "
                "step; set it to 'write', and give accumulate= to gather gradients"
            )


def prepare(net: gluon.Block, batch: Batch, argument: str) -> list[Any]:
    """Finish deferred initialization; return the shapes of the network's outputs.

    Raises
    ------
    ArgumentError
        when the batch does not go through the network, naming the layer.
    """
    inputs = [(spec.shape, spec.dtype) for spec in batch.specs[: batch.inputs]]
    try:
        materialize(net, *inputs)
        return list(leaves(trace(net, *inputs).calls[0].outputs))
    except (ArgumentError, ArgumentTypeError) as error:
        shapes = ", ".join(str(spec) for spec in batch.specs[: batch.inputs])
        raise ArgumentError(f"`{argument}` gives batches of {shapes}: {error}") from error


def label_check(task: Task) -> Callable[[Batch], None]:
    """Return a function that refuses batches whose labels are no class numbers.

    MXNet itself clips them, and trains with wrong classes. What can be seen from shapes and data
    types is refused at once.
    """
    loss, argument = task.loss, task.argument
    _check_weights(task)
    _check_types(task)
    if not (is_classification(loss) and len(task.outputs) == 1 and task.roles.labels):
        return lambda batch: None
    shape = task.outputs[0].shape
    classes = shape[loss._axis]
    place, weights = task.roles.labels[0], task.roles.weights
    seen: set[int] = set()

    def check(batch: Batch) -> None:
        spec = batch.specs[batch.inputs + place]
        if len(spec.shape) == len(shape) and spec.shape[loss._axis] not in (1,):
            raise ArgumentError(
                f"`{argument}` has labels of shape {spec.shape} for outputs of shape {shape}, but "
                "the loss takes class numbers; for one-hot labels give "
                "gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False)"
            )
        if batch.origin in seen:
            return
        label = batch.whole(batch.inputs + place)
        if weights is not None:  # what weighs nothing may be anything: it is padding
            label = _weighted(label, batch.whole(batch.inputs + weights), loss._axis % len(shape))
        if not label.size:
            return
        low, high = label.min(), label.max()
        if not (low >= 0 and high < classes):
            raise ArgumentError(
                f"`{argument}` has labels from {low:g} to {high:g}, but the network has {classes} "
                f"outputs, for classes 0 to {classes - 1}"
            )
        if label.dtype.kind == "f" and (label != label.astype("int64")).any():
            raise ArgumentError(
                f"`{argument}` has labels such as {label[label != label.astype('int64')][0]:g}; "
                "this loss takes class numbers"
            )
        if batch.origin:
            seen.add(batch.origin)

    return check


def _weighted(label: Array, weights: Array, axis: int) -> Array:
    """Return the class numbers whose weight is not zero."""
    kept = label if label.ndim == weights.ndim else numpy.expand_dims(label, axis)
    counted: Array = kept[numpy.broadcast_to(weights != 0, kept.shape)]
    return counted


def _check_weights(task: Task) -> None:
    """Refuse weights that MXNet would spread over other samples: (n,) beside losses of (n, 1)."""
    if task.roles.weights is None or not task.outputs:
        return
    given = task.labels[task.roles.weights].shape
    wanted = weighted_shape(task.loss, task.outputs[0].shape)
    if wanted is None:
        return
    fits = len(given) == len(wanted) and all(
        size in (1, full) for size, full in zip(given, wanted, strict=True)
    )
    if not fits or given[0] != wanted[0]:
        ones = (wanted[0], *(1 for _ in wanted[1:]))
        raise ArgumentError(
            f"`{task.argument}` has weights of shape {given}, but the loss multiplies them with "
            f"numbers of shape {wanted}; give that shape, or {ones} for one weight a sample: "
            f"weights.reshape({', '.join(['-1', *('1' for _ in wanted[1:])])})"
        )


def _check_types(task: Task) -> None:
    """Refuse whole numbers that a loss computes with, which MXNet's legacy arrays do not allow."""
    places = list(task.roles.labels) if takes_numbers(task.loss) else []
    if is_known(task.loss) and task.roles.weights is not None:
        places.append(task.roles.weights)
    for place in places:
        dtype, name = (
            task.labels[place].dtype,
            "weights" if place == task.roles.weights else "labels",
        )
        if "float" not in dtype and not is_np_array():
            raise ArgumentError(
                f"`{task.argument}` has {name} of {dtype}, with which the loss would have to "
                f"compute in {task.outputs[0].dtype}; give {name}.astype({task.outputs[0].dtype!r})"
            )
