"""What a network got wrong on data, sample by sample: `interpret`."""

from __future__ import annotations

import heapq
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._base.arguments import checked
from gluonkit._base.checks import MOST_BINS, a_type, whole_number
from gluonkit._base.kinds import Array, Contexts
from gluonkit.data.dataset import Dataset
from gluonkit.errors import ArgumentError, ArgumentTypeError, LossWarning
from gluonkit.graphs.endings import LOGARITHM, SIGMOID, SOFTMAX
from gluonkit.graphs.losses import is_known
from gluonkit.train.accuracy import Classes, Sides, Task, accuracy_of, decided
from gluonkit.train.evaluating import evaluation_of
from gluonkit.train.interpretation.classification import Classification
from gluonkit.train.interpretation.regression import Regression
from gluonkit.train.interpretation.samples import HardSample
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.result import StepResult


@checked
def interpret(
    net: gluon.Block,
    data: Any,
    *,
    loss: Any = "auto",
    names: Sequence[str] | None = None,
    worst: int = 16,
    bins: int = 10,
    ctx: Contexts = None,
    batch_size: int | None = None,
) -> Classification | Regression:
    """Return what a network got wrong over data, in prediction mode.

    Of a classifier: the confusion matrix, precision, recall and F1 of each class, the pairs of
    classes that are confused most often, calibration, and the samples of the highest loss. Of a
    regression: the residuals of each output, and these samples. Which of both it is follows from
    the loss, as for `fit`. Needs scikit-learn; pictures need matplotlib.

    Parameters
    ----------
    net : gluon.Block
        A network with values; it does not change.
    data : tuple of array, Dataset, BatchLoader, DataLoader or iterable
        As for `fit`. Labels whose weight is 0 are left out; other weights than 0 and 1 are refused.
    loss : str, gluon.loss.Loss or callable, default 'auto'
        As for `fit`; it must return the loss of each sample.
    names : sequence of str, optional
        Names of the classes, or of a regression's outputs; by default those of a `Dataset`, or
        numbers.
    worst : int, default 16
        How many of the samples with the highest loss to keep.
    bins : int, default 10
        Number of intervals of the calibration.
    ctx : Context or list of Context, optional
        The device; by default where the parameters are.
    batch_size : int, optional
        Samples in a batch, where arrays are given; 64 by default.

    Returns
    -------
    Classification or Regression
        A record; `str()` gives tables, its ``plot_...`` methods figures.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        As `evaluate` does; for a network of several outputs, for several yes-or-no labels for each
        sample, and for a loss that says neither of classes nor of numbers.
    MissingPackageError
        When scikit-learn is not installed.

    Warns
    -----
    LossWarning
        When the loss does not fit what the network ends in.

    Notes
    -----
    fastai's `ClassificationInterpretation` is alike; Keras and MXNet have nothing like it. The
    predicted class is that of the largest score, of one sigmoid that beyond a half.

    Examples
    --------
    >>> import gluonkit as gk
    >>> net = gk.create_model("lenet", init="xavier")
    >>> history = gk.fit(net, gk.data.load("digits"), epochs=2, seed=0)
    >>> report = gk.interpret(net, gk.data.load("digits", split="test"))
    >>> report.confusion.sum(), len(report.per_class)
    (360, 10)
    """
    if loss is None:
        raise ArgumentTypeError("`loss` is None; samples are ordered by their loss: leave it out")
    whole_number("worst", worst, least=0)
    whole_number("bins", bins, most=MOST_BINS)
    if names is None and isinstance(data, Dataset) and data.classes:
        names = data.classes
    evaluation = evaluation_of(net, data, loss, metrics=(), ctx=ctx, batch_size=batch_size)
    gathered: _Gathered | None = None
    for (objective, _, _), batch, result in evaluation.passes():
        if gathered is None:
            gathered = _gathered(objective.task(batch, "data"), worst)
        gathered.add(batch, result, result.outputs[objective.scores :])
    for unfit in evaluation.warnings:
        warnings.warn(unfit, LossWarning, stacklevel=3)
    assert gathered is not None  # or `passes` had raised
    return gathered.report(names, bins)


@dataclass
class _Gathered(ABC):
    """What is kept of the batches: numbers of every sample, and the samples of the highest loss."""

    task: Task
    most: int
    losses: list[Array] = field(default_factory=list)
    parts: list[tuple[Array, ...]] = field(default_factory=list)
    samples: int = 0
    # By loss, the lowest first; of equal losses the latest.
    _worst: list[tuple[float, int, Any]] = field(default_factory=list)

    def add(self, batch: Batch, result: StepResult, outputs: Sequence[Array]) -> None:
        """Add a batch."""
        losses = _by_sample(result.losses(), batch.size)
        labels, weights = self.task.roles.of(result.labels)
        # Copies: what a result has is overwritten by the next one.
        part = tuple(numpy.array(array) for array in self._numbers(outputs[0], labels[0]))
        self._keep_worst(batch, losses, part)
        self.losses.append(losses)
        self.parts.append(part if weights is None else _counted(weights, part))
        self.samples += batch.size

    @abstractmethod
    def _numbers(self, output: Array, label: Array) -> tuple[Array, ...]:
        """Return what is kept of a batch: arrays with as many numbers for each sample."""

    def _shown(self, part: tuple[Array, ...], place: int) -> tuple[Any, ...]:
        """Return what is shown of one sample."""
        per_sample = len(part[0]) // self._size
        return tuple(array[place] if per_sample == 1 else None for array in part)

    def _keep_worst(self, batch: Batch, losses: Array, part: tuple[Array, ...]) -> None:
        self._size = batch.size
        inputs: list[Array] | None = None
        for place in numpy.argsort(-losses, kind="stable")[: self.most]:
            entry = float(losses[place]), -(self.samples + int(place))
            if len(self._worst) == self.most and entry < self._worst[0][:2]:
                break
            if inputs is None:  # gathered only for batches that have such a sample
                inputs = [batch.numbers(index) for index in range(batch.inputs)]
            sample = tuple(array[place].copy() for array in inputs)
            keep = heapq.heappush if len(self._worst) < self.most else heapq.heapreplace
            keep(self._worst, (*entry, (sample, self._shown(part, int(place)))))

    def _joined(self) -> list[Array]:
        """Return what was kept of all batches."""
        return [numpy.concatenate(arrays) for arrays in zip(*self.parts, strict=True)]

    @abstractmethod
    def report(self, names: Sequence[str] | None, bins: int) -> Classification | Regression:
        """Return the record of all batches."""


@dataclass
class _GatheredClasses(_Gathered):
    """Of a classifier: class numbers of labels and predictions, and their probabilities."""

    decide: Callable[[Array, Array], tuple[Array, ...]] = field(kw_only=True)
    classes: int = field(kw_only=True)

    def _numbers(self, output: Array, label: Array) -> tuple[Array, ...]:
        return self.decide(output, label)

    def report(self, names: Sequence[str] | None, bins: int) -> Classification:
        """Return the record of all batches."""
        known = _names(names, self.classes, "classes")
        labels, predicted, *confidence = self._joined()
        if not len(labels):
            raise ArgumentError("`data` has weights of 0 only; give some labels that count")
        worst = tuple(
            HardSample(
                -place,
                loss,
                "" if shown[0] is None else known[shown[0]],
                "" if shown[1] is None else known[shown[1]],
                float(shown[2]) if shown[2:] and shown[2] is not None else None,
                sample,
            )
            for loss, place, (sample, shown) in sorted(self._worst, reverse=True)
        )
        sure = confidence[0] if confidence else None
        losses = numpy.concatenate(self.losses)
        return Classification(known, labels, predicted, sure, losses, worst, bins)


@dataclass
class _GatheredNumbers(_Gathered):
    """Of a regression: the labels, and what was predicted."""

    def _numbers(self, output: Array, label: Array) -> tuple[Array, ...]:
        rows = output.reshape(len(output), -1)
        return label.reshape(rows.shape), rows

    def report(self, names: Sequence[str] | None, bins: int) -> Regression:
        """Return the record of all batches."""
        true, predicted = self._joined()
        known = _names(names, true.shape[1], "outputs")
        worst = tuple(
            HardSample(-place, loss, _written(shown[0]), _written(shown[1]), None, sample)
            for loss, place, (sample, shown) in sorted(self._worst, reverse=True)
        )
        return Regression(known, true, predicted, numpy.concatenate(self.losses), worst)


def _gathered(task: Task, worst: int) -> _Gathered:
    """Return what gathers batches of a task.

    Raises
    ------
    ArgumentError
        When the loss says neither of classes nor of numbers.
    """
    pairs = task.pairs()
    if pairs is None or len(pairs) != 1:
        raise ArgumentError(
            f"`net` and `data` give {task}; give a network of one output, and one label for it"
        )
    ((output, label),) = pairs
    compare = accuracy_of(task) if decided("auto", task)[0] else None
    if isinstance(compare, Classes):
        size = output.shape[compare.axis]
        return _GatheredClasses(task, worst, decide=_by_scores(task, compare), classes=size)
    if isinstance(compare, Sides):
        if output.size != output.shape[0]:
            raise ArgumentError(
                f"`data` has several yes-or-no labels for each sample, {label}, which are no "
                "classes to be confused; interpret one at a time"
            )
        return _GatheredClasses(task, worst, decide=_by_sides(task, compare), classes=2)
    if output.size != label.size or task.roles.weights is not None:
        weighted = " with weights" if task.roles.weights is not None else ""
        raise ArgumentError(
            f"`loss` says neither of classes nor of one number for each label: there are {task}"
            f"{weighted}; give a loss and data of a classification or a regression"
        )
    return _GatheredNumbers(task, worst)


def _by_scores(task: Task, compare: Classes) -> Callable[[Array, Array], tuple[Array, ...]]:
    """Return a function of scores and labels that gives labels, predictions and probabilities."""
    chances = _softmax_of(task, compare.axis)

    def decide(output: Array, label: Array) -> tuple[Array, ...]:
        predicted = output.argmax(compare.axis).ravel()
        true = label if compare.numbers else label.reshape(output.shape).argmax(compare.axis)
        made = (true.ravel().astype("int64"), predicted)
        return made if chances is None else (*made, chances(output).max(compare.axis).ravel())

    return decide


def _softmax_of(task: Task, axis: int) -> Callable[[Array], Array] | None:
    """Return a function that gives probabilities of outputs; None if nothing is known of them."""
    kind = task.ending.kind
    if kind == SOFTMAX:
        return lambda output: output
    if kind == LOGARITHM or getattr(task.loss, "_from_logits", False):
        return numpy.exp
    if not is_known(task.loss):
        return None

    def softmax(output: Array) -> Array:
        powers = numpy.exp(output - output.max(axis, keepdims=True))
        shares: Array = powers / powers.sum(axis, keepdims=True)
        return shares

    return softmax


def _by_sides(task: Task, compare: Sides) -> Callable[[Array, Array], tuple[Array, ...]]:
    """Return a function of single outputs and yes-or-no labels, as `_by_scores` does."""
    crossing = gluon.loss.SigmoidBinaryCrossEntropyLoss, gluon.loss.LogisticLoss
    shares = task.ending.kind == SIGMOID or getattr(task.loss, "_from_sigmoid", False)

    def decide(output: Array, label: Array) -> tuple[Array, ...]:
        flat = output.ravel()
        predicted = (flat > compare.output).astype("int64")
        made = ((label.ravel() > compare.label).astype("int64"), predicted)
        if not shares and not isinstance(task.loss, crossing):
            return made
        # Of the predicted side, by the half of the sigmoid that does not overflow.
        sure = numpy.maximum(flat, 1 - flat) if shares else 1 / (1 + numpy.exp(-abs(flat)))
        return (*made, sure)

    return decide


def _by_sample(losses: Array, size: int) -> Array:
    """Return the loss of each sample, in float64."""
    if losses.shape[:1] != (size,):
        raise ArgumentError(
            f"`loss` returns an array of shape {losses.shape} for a batch of {size} samples; "
            "samples are ordered by their loss: give one that returns a number for each"
        )
    means: Array = losses.reshape(size, -1).mean(axis=1, dtype="float64")
    return means


def _counted(weights: Array, part: tuple[Array, ...]) -> tuple[Array, ...]:
    """Return the labels of weight 1."""
    if not numpy.isin(weights, (0, 1)).all():
        odd = weights[~numpy.isin(weights, (0, 1))].flat[0]
        raise ArgumentError(
            f"`data` has weights such as {odd:g}, but samples are counted here; give weights of 0 "
            "and 1, or none"
        )
    per_sample = len(part[0]) // weights.size
    kept = numpy.repeat(weights.ravel() != 0, per_sample)
    return tuple(array[kept] for array in part)


def _names(names: Sequence[str] | None, count: int, what: str) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(count)))
    names = names if isinstance(names, str) else tuple(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ArgumentTypeError(f"`names` is {a_type(names)}; give a list of str")
    if len(names) != count:
        raise ArgumentError(f"`names` has {len(names)} names, but there are {count} {what}")
    return tuple(names)


def _written(numbers: Any) -> str:
    """Return the numbers of one sample as text."""
    shown = numpy.atleast_1d(numbers).tolist()
    return ", ".join(f"{number:.4g}" for number in shown) if len(shown) <= 4 else ""
