"""What a right answer is: it follows from the loss, and from the shapes of outputs and labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit._base.specs import ArraySpec
from gluonkit.graphs.endings import SIGMOID, UNKNOWN, Ending
from gluonkit.graphs.losses import Roles, is_known, roles
from gluonkit.train.step.batch import Batch

Compare = Callable[[Array, Array], Array]

_REGRESSIONS = (
    gluon.loss.L1Loss,
    gluon.loss.L2Loss,
    gluon.loss.HuberLoss,
    gluon.loss.PoissonNLLLoss,
)
_SIDES = (gluon.loss.LogisticLoss, gluon.loss.HingeLoss, gluon.loss.SquaredHingeLoss)
_CLASSIFYING = (
    gluon.loss.SoftmaxCrossEntropyLoss,
    gluon.loss.SigmoidBinaryCrossEntropyLoss,
    *_SIDES,
)
_WRITE_ONE = "give a function of label and output (NumPy arrays) that returns a number"


@dataclass(frozen=True)
class Task:
    """What metrics need to know before the first step.

    Attributes
    ----------
    argument : str
        Where the batch comes from: 'train', 'val', 'data'.
    loss : callable
        The loss; None without one.
    roles : Roles
        The roles of a batch's labels.
    outputs, labels : tuple of ArraySpec
        Shapes and data types of the network's outputs, and of the batch's labels.
    ending : Ending
        What computes the network's output.
    numbers : callable
        Returns one of the batch's labels, by position.
    """

    argument: str
    loss: Any
    roles: Roles
    outputs: tuple[ArraySpec, ...]
    labels: tuple[ArraySpec, ...]
    numbers: Callable[[int], Array]
    ending: Ending = UNKNOWN

    def pairs(self) -> list[tuple[ArraySpec, ArraySpec]] | None:
        """Return pairs of outputs and labels; None if their numbers differ."""
        labels = [self.labels[place] for place in self.roles.labels]
        if len(labels) != len(self.outputs):
            return None
        return list(zip(self.outputs, labels, strict=True))

    def __str__(self) -> str:
        """Describe what is compared."""
        outputs = ", ".join(map(str, self.outputs))
        labels = ", ".join(str(self.labels[place]) for place in self.roles.labels)
        return f"outputs of {outputs} and labels of {labels or 'no shape'} in `{self.argument}`"


def task_of(
    loss: Any, outputs: Sequence[ArraySpec], batch: Batch, argument: str, ending: Ending = UNKNOWN
) -> Task:
    """Return the task, from the first batch."""
    labels = batch.specs[batch.inputs :]
    return Task(
        argument,
        loss,
        roles(loss, len(labels)),
        tuple(outputs),
        tuple(labels),
        lambda index: batch.numbers(batch.inputs + index),
        ending,
    )


@dataclass(frozen=True)
class Classes:
    """Whether the largest score along an axis is that of the label's class, as index or one-hot."""

    axis: int
    numbers: bool

    def __call__(self, output: Array, label: Array) -> Array:
        """Return one answer for each label, with the axis kept."""
        # With the axis kept, labels of either form, (n,) or (n, 1), have as many numbers.
        classes = numpy.expand_dims(output.argmax(self.axis), self.axis)
        if self.numbers:
            wanted = label.reshape(classes.shape)
        else:
            wanted = numpy.expand_dims(label.reshape(output.shape).argmax(self.axis), self.axis)
        right: Array = classes == wanted
        return right


@dataclass(frozen=True)
class Sides:
    """Whether output and label are on the same side of their thresholds."""

    output: float
    label: float

    def __call__(self, output: Array, label: Array) -> Array:
        """Return one answer for each element."""
        # Gluon's losses bring a label into the output's shape, too.
        right: Array = (output > self.output) == (label.reshape(output.shape) > self.label)
        return right


def accuracy_of(task: Task) -> Compare | str:
    """Return a function that compares outputs with labels; or a reason why there is none."""
    pairs = task.pairs()
    if not pairs:
        named = "" if is_known(task.loss) else " (weights are known by the name `sample_weight`)"
        return f"does not fit {task}: there must be one label for each output{named}; {_WRITE_ONE}"
    loss = task.loss
    if not is_known(loss):
        return _by_shapes(task, pairs)
    if isinstance(loss, gluon.loss.SoftmaxCrossEntropyLoss):
        compare: Compare = Classes(loss._axis, loss._sparse_label)
    elif isinstance(loss, gluon.loss.SigmoidBinaryCrossEntropyLoss):
        # Probabilities are divided at a half, what goes into a sigmoid at zero.
        shares = loss._from_sigmoid or task.ending.kind == SIGMOID
        compare = Sides(0.5 if shares else 0.0, 0.5)
    elif isinstance(loss, _SIDES):
        # 'binary' labels are 0 and 1, 'signed' ones -1 and 1.
        binary = getattr(loss, "_label_format", "") == "binary"
        compare = Sides(0.5 if task.ending.kind == SIGMOID else 0.0, 0.5 if binary else 0.0)
    else:
        name = type(loss).__name__
        if isinstance(loss, _REGRESSIONS):
            return f"is not for {name}, a regression; give 'mae', 'mse' or 'rmse'"
        return f"is not known for {name}; {_WRITE_ONE}"
    fits = len(pairs) == 1 and _fits(compare, *pairs[0])
    return compare if fits else f"does not fit {task} with {type(loss).__name__}; {_WRITE_ONE}"


def _fits(compare: Compare, output: ArraySpec, label: ArraySpec) -> bool:
    """Return whether there is one label for each answer."""
    if isinstance(compare, Classes) and compare.numbers:
        return label.size * output.shape[compare.axis] == output.size
    return label.size == output.size


def _by_shapes(task: Task, pairs: list[tuple[ArraySpec, ArraySpec]]) -> Compare | str:
    """Find the class axis of an unknown loss: the one axis that the label does not have."""
    axes = [set(_class_axes(output.shape, label.shape)) for output, label in pairs]
    common = set.intersection(*axes)
    if len(common) == 1:
        return Classes(common.pop(), numbers=True)
    if common:
        return (
            f"does not fit {task}: classes may lie along axis {' or '.join(map(str, common))}; "
            "give mx.metric.Accuracy(axis=...)"
        )
    return (
        f"cannot be told from {task} and a loss of one's own; {_WRITE_ONE}, such as "
        "`lambda label, output: ((output > 0) == (label > 0.5)).mean()`"
    )


def _class_axes(output: tuple[int, ...], label: tuple[int, ...]) -> list[int]:
    """Return the axes, second or last, along which an output may have scores of classes."""
    axes = []
    # Classes lie along the second axis in images, along the last in sequences; in a matrix these
    # are one.
    for axis in {1, len(output) - 1}:
        rest = (*output[:axis], *output[axis + 1 :])
        kept = (*output[:axis], 1, *output[axis + 1 :])
        if 0 < axis < len(output) and output[axis] > 1 and label in (rest, kept):
            axes.append(axis)
    return axes


def decided(metrics: Any, task: Task) -> tuple[list[Any], list[str]]:
    """Return the metrics with 'auto' replaced, and a note for the user."""
    given = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    wanted: list[Any] = []
    notes: list[str] = []
    for metric in given:
        if not (isinstance(metric, str) and metric.lower() == "auto"):
            wanted += [] if metric is None else [metric]
        elif _has_accuracy(task):
            wanted.append("accuracy")
        elif not is_known(task.loss) or isinstance(task.loss, _CLASSIFYING):
            notes.append(f"no accuracy, for it does not follow from {task}; `metrics` may give one")
    return wanted, notes


def _has_accuracy(task: Task) -> bool:
    """Return whether outputs and labels are certainly those of a classification."""
    compare, pairs = accuracy_of(task), task.pairs()
    if isinstance(compare, str) or not pairs:
        return False
    if is_known(task.loss):
        return True
    if len(pairs) != 1 or not isinstance(compare, Classes):
        return False
    # Targets of a regression may have the same shapes: only whole numbers in range are classes.
    label = task.numbers(task.roles.labels[0])
    classes = pairs[0][0].shape[compare.axis]
    return label.dtype.kind in "iu" and label.min() >= 0 and label.max() < classes
