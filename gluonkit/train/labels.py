"""Labels and weights that a loss would misunderstand in silence, or not at all, are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit._base.kinds import Array
from gluonkit.errors import ArgumentError
from gluonkit.graphs.losses import is_classification, is_known, takes_numbers, weighted_shape
from gluonkit.train.accuracy import Task
from gluonkit.train.step.batch import Batch

Look = Callable[[Array], str]
"""Returns what is wrong with labels; nothing for right ones."""

_ROUNDING = 1e-3


def label_check(task: Task) -> Callable[[Batch], None]:
    """Return a function that refuses batches whose labels do not fit the loss.

    MXNet clips class indices, and trains with wrong ones; other losses compute with any numbers.
    Shapes and data types are checked at once.

    Raises
    ------
    ArgumentError
        For shapes and data types that do not fit.
    """
    if not (len(task.outputs) == 1 and task.roles.labels):
        return lambda batch: None
    _check_shapes(task)
    _check_weights(task)
    _check_types(task)
    look = _look(task)
    return (lambda batch: None) if look is None else _values_check(task, look)


def _values_check(task: Task, look: Look) -> Callable[[Batch], None]:
    """Return a function that checks the labels of each batch; arrays in memory are checked once."""
    place, weights = task.roles.labels[0], task.roles.weights
    shape = weighted_shape(task.loss, task.outputs[0].shape)
    seen: set[int] = set()

    def check(batch: Batch) -> None:
        if not batch.size:  # of several workers, one that has no sample of it
            return
        _check_classes_shape(task, batch.specs[batch.inputs + place].shape)
        if batch.origin in seen:
            return
        label = batch.whole(batch.inputs + place)
        if weights is not None and shape is not None:
            label = _counted(label, batch.whole(batch.inputs + weights), shape)
        wrong = look(label) if label.size else ""
        if wrong:
            raise ArgumentError(f"`{task.argument}` has labels {wrong}")
        if batch.origin:
            seen.add(batch.origin)

    return check


def _counted(label: Array, weights: Array, shape: tuple[int, ...]) -> Array:
    """Return the labels whose weight is not zero; others are padding."""
    full = label.reshape(len(label), *shape[1:])
    counted: Array = full[numpy.broadcast_to(weights != 0, full.shape)]
    return counted


def _look(task: Task) -> Look | None:
    """Return the check of labels for a loss; None if it accepts any."""
    loss = task.loss
    if not is_known(loss):
        return None
    if is_classification(loss):
        classes = task.outputs[0].shape[loss._axis]
        return lambda label: _not_classes(label, classes)
    binary = getattr(loss, "_label_format", "") == "binary"
    if isinstance(loss, gluon.loss.SigmoidBinaryCrossEntropyLoss) or binary:
        return _not_shares
    signed = gluon.loss.LogisticLoss, gluon.loss.HingeLoss, gluon.loss.SquaredHingeLoss
    return _not_signs if isinstance(loss, signed) else None


def _not_classes(label: Array, classes: int) -> str:
    low, high = label.min(), label.max()
    if not (low >= 0 and high < classes):
        return (
            f"from {low:g} to {high:g}, but the network has {classes} outputs, for classes 0 to "
            f"{classes - 1}"
        )
    if label.dtype.kind == "f" and (label != label.astype("int64")).any():
        odd = label[label != label.astype("int64")][0]
        return f"such as {odd:g}; this loss takes class numbers"
    return ""


def _not_shares(label: Array) -> str:
    low, high = label.min(), label.max()
    if low >= -_ROUNDING and high <= 1 + _ROUNDING:
        return ""
    return f"from {low:g} to {high:g}; this loss takes 0 for no and 1 for yes, or between"


def _not_signs(label: Array) -> str:
    odd = label[abs(label) != 1]
    return f"such as {odd[0]:g}; this loss takes -1 for no and 1 for yes" if len(odd) else ""


def _check_classes_shape(task: Task, label: tuple[int, ...]) -> None:
    """Refuse several numbers per sample if a loss needs one class index."""
    shape = task.outputs[0].shape
    if not is_classification(task.loss) or len(label) != len(shape):
        return
    size = label[task.loss._axis]
    if size != 1:
        hint = (
            "for one-hot labels give gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False)"
            if size == shape[task.loss._axis]
            else "give one number each"
        )
        raise ArgumentError(
            f"`{task.argument}` has labels of shape {label} for outputs of shape {shape}, but the "
            f"loss takes class numbers; {hint}"
        )


def _check_shapes(task: Task) -> None:
    """Check the number of labels against that of outputs."""
    output, label = task.outputs[0], task.labels[task.roles.labels[0]]
    _check_classes_shape(task, label.shape)
    if takes_numbers(task.loss) and output.size != label.size:
        classes = isinstance(task.loss, gluon.loss.SoftmaxCrossEntropyLoss)
        hint = ", or sparse_label=True for class numbers" if classes else ""
        raise ArgumentError(
            f"`{task.argument}` has labels of shape {label.shape} for outputs of shape "
            f"{output.shape}, but {type(task.loss).__name__} compares them number by number; give "
            f"labels of that shape{hint}"
        )
    if not is_known(task.loss) and task.loss is not None:
        _check_spread(task, output.shape, label.shape)


def _check_spread(task: Task, output: tuple[int, ...], label: tuple[int, ...]) -> None:
    """Refuse a custom loss that compares each sample's output with all labels.

    `(output - label) ** 2` of shapes (n, 1) and (n,) is broadcast to (n, n).
    """
    size = output[0] if output else 0
    if size < 2 or {output, label} != {(size,), (size, 1)}:
        return
    make = mx.np.zeros if is_np_array() else mx.nd.zeros
    labels = [make(spec.shape, dtype=spec.dtype) for spec in task.labels]
    try:
        value = task.loss(make(output), *labels)
    except Exception:  # what is wrong with it is said where it is called
        return
    if getattr(value, "shape", None) == (size, size):
        raise ArgumentError(
            f"`loss` compares each of {size} outputs with the labels of all samples: of outputs "
            f"{output} and labels {label} it makes {value.shape}; reshape the labels in "
            f"`{task.argument}` to {output}"
        )


def _check_weights(task: Task) -> None:
    """Refuse weights (n,) for losses (n, 1), which MXNet would broadcast over all samples."""
    wanted = weighted_shape(task.loss, task.outputs[0].shape)
    if task.roles.weights is None or wanted is None:
        return
    given = task.labels[task.roles.weights].shape
    fits = len(given) == len(wanted) and all(
        size in (1, full) for size, full in zip(given, wanted, strict=True)
    )
    if not fits or given[0] != wanted[0]:
        ones = ["1"] * (len(wanted) - 1)
        raise ArgumentError(
            f"`{task.argument}` has weights of shape {given}, but the loss multiplies them with "
            f"numbers of shape {wanted}; give that shape, or for one weight a sample: "
            f"weights.reshape({', '.join(['-1', *ones])})"
        )


def _check_types(task: Task) -> None:
    """Refuse integers with which a loss computes; MXNet's legacy arrays do not allow that."""
    if is_np_array():
        return
    named: list[tuple[str, Any]] = []
    if takes_numbers(task.loss):
        named += [("labels", task.labels[place]) for place in task.roles.labels]
    if is_known(task.loss) and task.roles.weights is not None:
        named.append(("weights", task.labels[task.roles.weights]))
    for name, spec in named:
        if "float" not in spec.dtype:
            raise ArgumentError(
                f"`{task.argument}` has {name} of {spec.dtype}, with which the loss would have to "
                f"compute in {task.outputs[0].dtype}; give {name}.astype({task.outputs[0].dtype!r})"
            )
