"""Metrics of a training run: the usual ones on whole chunks of steps, and any of MXNet's."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Protocol

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.checks import a_type, last_line
from gluonkit._base.kinds import Array
from gluonkit.distributed.workers import Workers
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.graphs.endings import SIGMOID, SOFTMAX
from gluonkit.graphs.losses import Roles
from gluonkit.system.modes import legacy
from gluonkit.train.accuracy import Compare, Task, accuracy_of
from gluonkit.train.step.result import StepResult

_CHUNK_STEPS = 32
_CHUNK_BYTES = 1 << 22
"""What steps give is copied and worked through when there is this much of it."""


class Meter(Protocol):
    """Accumulates one metric over an epoch.

    Attributes
    ----------
    exact : bool
        Whether the figures are computed from sums over samples, so that they do not depend on
        batches or workers.
    runs_code : bool
        Whether it calls code that may be the user's.
    """

    exact: bool
    runs_code: bool

    def names(self) -> list[str]:
        """Return the names of its figures."""

    def reset(self) -> None:
        """Begin anew."""

    def update(
        self, outputs: Sequence[Array], labels: Sequence[Array], weights: Array | None = None
    ) -> None:
        """Add samples; each number counts by its weight."""

    def values(self) -> list[float]:
        """Return the figures over all samples so far."""

    def sums(self) -> list[tuple[float, float]]:
        """Return for each figure the sum, and the weight by which to divide it."""

    def figure(self, total: float, weight: float) -> float:
        """Return a figure from the sums and weights of all workers."""


class MeanMeter:
    """The mean of a quantity over samples or elements."""

    exact = True
    runs_code = False

    def __init__(self, name: str, compare: Compare, root: bool = False) -> None:
        self._name, self._compare, self._root = name, compare, root
        self.reset()

    def names(self) -> list[str]:
        """Return the metric's name."""
        return [self._name]

    def reset(self) -> None:
        """Begin anew."""
        self._sum, self._count = 0.0, 0.0

    def update(
        self, outputs: Sequence[Array], labels: Sequence[Array], weights: Array | None = None
    ) -> None:
        """Add samples; each number counts by its weight."""
        for output, label in zip(outputs, labels, strict=True):
            numbers = self._compared(output, label)
            if weights is None:
                self._sum += float(numbers.sum(dtype="float64"))
                self._count += numbers.size
            else:
                spread = _spread(weights, numbers.shape).astype("float64")
                self._sum += float((numbers * spread).sum())
                self._count += float(spread.sum())

    def _compared(self, output: Array, label: Array) -> Array:
        try:
            return self._compare(output, label)
        except ValueError as error:
            raise ArgumentError(
                f"`metrics`: {self._name} cannot compare outputs of shape {output.shape} and "
                f"labels of shape {label.shape}, as it could in the first batch"
            ) from error

    def values(self) -> list[float]:
        """Return the mean so far; NaN without samples."""
        return [self.figure(self._sum, self._count)]

    def sums(self) -> list[tuple[float, float]]:
        """Return the sum and the total weight."""
        return [(self._sum, self._count)]

    def figure(self, total: float, weight: float) -> float:
        """Return the mean, or its square root."""
        mean = total / weight if weight else math.nan
        return math.sqrt(mean) if self._root else mean


class MXNetMeter:
    """One of MXNet's metrics, or the user's, which gets legacy arrays."""

    exact = False

    def __init__(self, metric: Any) -> None:
        self._metric = metric
        self.runs_code = not _is_mxnets(metric)
        self.reset()

    def names(self) -> list[str]:
        """Return the metric's names."""
        names = self._metric.get()[0]
        return [names] if isinstance(names, str) else list(names)

    def reset(self) -> None:
        """Begin anew."""
        self._metric.reset()
        self._samples = 0

    def update(
        self, outputs: Sequence[Array], labels: Sequence[Array], weights: Array | None = None
    ) -> None:
        """Add a batch; MXNet's metrics support no weights."""
        # MXNet 1.9.1's metrics work with legacy arrays; several fail with NumPy mode's.
        with legacy():
            predictions = [mx.nd.array(output, dtype=output.dtype) for output in outputs]
            truths = [mx.nd.array(label, dtype=label.dtype) for label in labels]
            self._samples += len(labels[0]) if labels else 0
            try:
                self._metric.update(truths, predictions)
            except Exception as error:
                name = type(self._metric).__name__
                shapes = [tuple(array.shape) for array in (*outputs, *labels)]
                raise ArgumentError(
                    f"`metrics`: {name} cannot take the network's outputs and the labels, of "
                    f"shapes {', '.join(map(str, shapes))}: {last_line(error)}"
                ) from error

    def values(self) -> list[float]:
        """Return the figures so far."""
        values = self._metric.get()[1]
        return [float(value) for value in numpy.atleast_1d(values)]

    def sums(self) -> list[tuple[float, float]]:
        """Return the figures, weighted by samples, so that workers are averaged."""
        weight = float(self._samples)
        return [(value * weight if weight else 0.0, weight) for value in self.values()]

    def figure(self, total: float, weight: float) -> float:
        """Return the mean of the workers' figures."""
        return total / weight if weight else math.nan


def _spread(weights: Array, shape: tuple[int, ...]) -> Array:
    """Broadcast weights of samples, or of parts of them, to an array's elements."""
    if weights.size == math.prod(shape):
        return weights.reshape(shape)
    ones = (1,) * (len(shape) - weights.ndim)
    try:
        return numpy.broadcast_to(weights.reshape(*weights.shape, *ones), shape)
    except ValueError as error:
        raise ArgumentError(
            f"`metrics`: weights of shape {weights.shape} do not fit figures of shape {shape}"
        ) from error


def _difference(output: Array, label: Array) -> Array:
    exact = numpy.result_type(output, label, "float32")
    return numpy.subtract(output, label.reshape(output.shape), dtype=exact)


_DIFFERENCES: dict[str, Callable[[], Meter]] = {
    "mae": lambda: MeanMeter("mae", lambda o, y: abs(_difference(o, y))),
    "mse": lambda: MeanMeter("mse", lambda o, y: _difference(o, y) ** 2),
    "rmse": lambda: MeanMeter("rmse", lambda o, y: _difference(o, y) ** 2, root=True),
}
"""MXNet's own give a mean of batches' means, in which a short last batch counts as much as the
others, and spread labels (n,) over outputs (n, k)."""

_PROBABILITIES = (mx.metric.CrossEntropy, mx.metric.NegativeLogLikelihood, mx.metric.Perplexity)


def resolve_metrics(metrics: Sequence[Any], task: Task) -> list[Meter]:
    """Return new meters for metrics, given as names, MXNet's objects, or functions.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an unknown name, anything that is not a metric, and metrics that do not fit the task.
    """
    return [_meter(metric, task) for metric in metrics]


def _meter(metric: Any, task: Task) -> Meter:
    if isinstance(metric, str):
        return _named(metric, task)
    if isinstance(metric, mx.metric.EvalMetric):
        return _tried(copy.deepcopy(metric), task)
    if isinstance(metric, type) or not callable(metric):
        raise ArgumentTypeError(
            f"`metrics` has {a_type(metric)}; give a name, an mx.metric object, or a function of "
            "label and output"
        )
    name = getattr(metric, "__name__", type(metric).__name__)
    return MXNetMeter(mx.metric.CustomMetric(metric, name=name))


def _named(metric: str, task: Task) -> Meter:
    """Return the meter of a metric given by its name."""
    name = metric.lower()
    if name in ("accuracy", "acc"):
        compare = accuracy_of(task)
        if isinstance(compare, str):
            raise ArgumentError(f"`metrics` has {metric!r}, which {compare}")
        return MeanMeter("accuracy", compare)
    if name in _DIFFERENCES:
        pairs = task.pairs()
        if not pairs or any(output.size != label.size for output, label in pairs):
            raise ArgumentError(
                f"`metrics` has {metric!r}, which compares number by number, but there are {task}; "
                "give a function of label and output"
            )
        return _DIFFERENCES[name]()
    if name not in mx.registry.get_registry(mx.metric.EvalMetric):
        raise ArgumentError(
            f"`metrics` has {metric!r}, which is not known. Give accuracy, mae, mse, rmse, "
            "another of MXNet's by name (f1, mcc, ...), or an mx.metric object"
        )
    try:
        made = mx.metric.create(metric)
    except (TypeError, AssertionError) as error:
        raise ArgumentError(
            f"`metrics` has {metric!r}, which needs options ({last_line(error)}); give an "
            "mx.metric object made with them"
        ) from error
    return _tried(made, task, metric)


def _tried(metric: Any, task: Task, given: str | None = None) -> Meter:
    """Return a meter of one of MXNet's metrics, after trying it on the first batch."""
    for part in _parts(metric):
        if isinstance(part, _PROBABILITIES) and not _gives_probabilities(task):
            raise ArgumentError(
                f"`metrics` has {given or part.name!r}, which takes probabilities, but the network "
                "gives scores or logarithms; the figure 'loss' is the cross entropy, and its "
                "exponential the perplexity"
            )
        if isinstance(part, mx.metric.Loss):
            raise ArgumentError(
                f"`metrics` has {part.name!r}, MXNet's mean of the outputs; the figure 'loss' is "
                "there without it"
            )
        columns = {output.shape[1] for output in task.outputs if len(output.shape) > 1}
        most = 2 if isinstance(part, (mx.metric.F1, mx.metric.MCC)) else math.inf
        if isinstance(part, (mx.metric.F1, mx.metric.MCC, mx.metric.PCC)) and not all(
            2 <= number <= most for number in columns
        ):
            raise ArgumentError(
                f"`metrics` has {part.name!r}, which takes the larger of two columns for the "
                f"answer, but there are {task}; give a function of label and output"
            )
    if _is_mxnets(metric):
        draws = numpy.random.default_rng(0)
        outputs = [draws.random(spec.shape, "float32") for spec in task.outputs]
        with numpy.errstate(all="ignore"):
            MXNetMeter(copy.deepcopy(metric)).update(
                outputs, [task.numbers(place) for place in task.roles.labels]
            )
    return MXNetMeter(metric)


def _gives_probabilities(task: Task) -> bool:
    """Return whether the network's outputs are, or may be, probabilities."""
    if task.ending.kind:
        return task.ending.kind in (SOFTMAX, SIGMOID)
    return not isinstance(task.loss, gluon.loss.SoftmaxCrossEntropyLoss)


_MXNETS = {
    kind
    for kind in vars(mx.metric).values()
    if isinstance(kind, type) and issubclass(kind, mx.metric.EvalMetric)
} - {mx.metric.CustomMetric}  # which calls a function of the user's


def _is_mxnets(metric: Any) -> bool:
    """Return whether a metric, or all that a composite one has, are MXNet's own."""
    return type(metric) in _MXNETS and all(type(part) in _MXNETS for part in _parts(metric))


def _parts(metric: Any) -> Iterator[Any]:
    """Yield a metric, or those of a composite one."""
    if isinstance(metric, mx.metric.CompositeEvalMetric):
        for inner in metric.metrics:
            yield from _parts(inner)
    else:
        yield metric


class Tally:
    """The loss and the metrics over the steps of an epoch.

    Attributes
    ----------
    meters : sequence of Meter
        The metrics.
    runs_code : bool
        Whether one of them calls code that may be the user's.
    samples : int
        Samples so far.
    """

    def __init__(self, meters: Sequence[Meter], roles: Roles, scores: int = 0) -> None:
        """`scores` is the number of outputs before the network's own, which metrics do not get."""
        self.meters, self._roles, self._scores = meters, roles, scores
        self.runs_code = any(meter.runs_code for meter in meters)
        self._is_first = True
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        for meter in self.meters:
            meter.reset()
        self.samples = self.all_samples = 0
        self.last_loss = math.nan
        self._loss = 0.0
        self._kept: list[StepResult] = []
        self._bytes = 0

    def add(self, result: StepResult) -> None:
        """Add a step; its arrays are copied, to be processed together with others."""
        self.samples += result.size
        wanted = bool(self.meters) or result.loss is None
        outputs = [output.copy() for output in result.outputs] if wanted else []
        labels = [label.copy() for label in result.labels] if wanted else []
        loss = None if result.loss is None else result.loss.copy()
        self._kept.append(StepResult(result.size, loss, outputs, labels))
        self._bytes += sum(output.nbytes for output in outputs)
        if self._is_first or len(self._kept) >= _CHUNK_STEPS or self._bytes > _CHUNK_BYTES:
            self._is_first = False  # what a metric cannot take is to be known at once
            self.work()

    def work(self) -> None:
        """Process the steps that were kept."""
        for chunk in _alike(self._kept):
            first = chunk[0]
            outputs = [_joined(parts) for parts in zip(*(r.outputs for r in chunk), strict=True)]
            labels = [_joined(parts) for parts in zip(*(r.labels for r in chunk), strict=True)]
            if first.loss is None:
                joined = StepResult(sum(r.size for r in chunk), None, outputs, labels).losses()
                self._loss += float(joined.sum(dtype="float64"))
                self.last_loss = float(joined[-chunk[-1].size :].mean())
            else:
                for result in chunk:
                    self.last_loss = float(result.losses().mean())
                    self._loss += self.last_loss * result.size
            for meter in self.meters:
                if meter.exact:
                    meter.update(outputs[self._scores :], *self._roles.of(labels))
                    continue
                for result in chunk:  # MXNet's count batches: joined ones would be one
                    meter.update(result.outputs[self._scores :], *self._roles.of(result.labels))
        self._kept, self._bytes = [], 0

    def values(self) -> dict[str, float]:
        """Return the loss and all metrics over the samples so far."""
        self.work()
        figures = {"loss": self._loss / self.samples if self.samples else math.nan}
        for meter in self.meters:
            for name, value in zip(meter.names(), meter.values(), strict=True):
                figures[_unused(name, figures)] = value
        return figures

    def together(self, workers: Workers | None) -> dict[str, float]:
        """Return the figures over all workers' samples, and set `all_samples` to their number."""
        own = self.values()
        self.all_samples = self.samples
        if workers is None:
            return own
        sums = [(self._loss, float(self.samples))]
        sums += [total for meter in self.meters for total in meter.sums()]
        rows = workers.gather([number for pair in sums for number in pair]).sum(axis=0)
        pairs = iter(rows.reshape(-1, 2).tolist())
        loss, samples = next(pairs)
        self.all_samples = int(samples)
        figures = {"loss": loss / samples if samples else math.nan}
        for meter in self.meters:
            for name in meter.names():
                figures[_unused(name, figures)] = meter.figure(*next(pairs))
        return figures


def _unused(name: str, figures: Mapping[str, float]) -> str:
    """Return an unused name for a figure: 'accuracy', then 'accuracy_2'."""
    taken = {"epoch", "lr", "seconds", "samples_per_second", "data_wait", *figures}
    names = (name if number == 1 else f"{name}_{number}" for number in count(1))
    return next(candidate for candidate in names if candidate not in taken)


def _joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else numpy.concatenate(parts)


def _alike(results: Sequence[StepResult]) -> list[list[StepResult]]:
    """Split a sequence of steps where shapes of outputs or labels change."""
    chunks: list[list[StepResult]] = []
    last: Any = None
    for result in results:
        key = [array.shape[1:] for array in (*result.outputs, *result.labels)], result.loss is None
        if key != last:
            chunks.append([])
        chunks[-1].append(result)
        last = key
    return chunks
