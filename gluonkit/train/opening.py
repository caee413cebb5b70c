"""Opening the data of `fit`, and what is concluded from their first batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from gluonkit.errors import ArgumentError
from gluonkit.train import together
from gluonkit.train.accuracy import decided
from gluonkit.train.evaluating import Evaluation
from gluonkit.train.labels import label_check
from gluonkit.train.metrics import Tally, resolve_metrics
from gluonkit.train.objective import Objective, objective_of
from gluonkit.train.settings import Settings
from gluonkit.train.setup import float_type, prepare
from gluonkit.train.sources import LoaderSource, Source, source
from gluonkit.train.state import put_streams, raw_streams
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.forward import Forward


@dataclass(frozen=True)
class OpenedData:
    """The opened data, and what their first batch implies.

    Attributes
    ----------
    train : Peeked
        The training data.
    objective : Objective
        The loss, and what it is computed of.
    tally : Tally
        The loss and the metrics over an epoch.
    checked : callable
        Refuses batches whose labels do not fit the loss.
    evaluate : Evaluation or None
        Returns the figures over the validation data; None without them.
    notes : list of str
        Notes for the user on the loss and the metrics.
    """

    train: Peeked
    objective: Objective
    tally: Tally
    checked: Callable[[Batch], None]
    evaluate: Evaluation | None
    notes: list[str]

    @property
    def runs_code(self) -> bool:
        """Whether the user's code may run for batches or figures."""
        own = self.evaluate is not None and self.evaluate.batches.runs_code
        return self.train.runs_code or self.tally.runs_code or own


def open_data(
    settings: Settings,
    train: Any,
    val: Any,
    *,
    batch_size: int | None,
    metrics: Any,
    seed: int | None,
) -> OpenedData:
    """Open the data, and finish the network's initialization by their first batch.

    Batch, network, loss and metrics are checked against one another here.
    """
    net, workers = settings.net, settings.workers
    part = together.part_of(workers)
    options: dict[str, Any] = {"dtype": float_type(net), "axis": settings.axis}
    batches = Peeked(
        source(train, "train", batch_size=batch_size, shuffle=True, part=part, **options)
    )
    # A loader goes on from its last epoch; the same seed must give the same order.
    if seed is not None and batches.loader is not None:
        batches.loader.epoch = 0
    forward = Forward(net, settings.contexts[0])
    # Before the labels are looked at: the first batch gives parameters their shapes, and outputs
    # theirs.
    outputs = prepare(forward, batches.first, "train")
    objective = objective_of(forward, batches.first, outputs, settings.loss)
    task = objective.task(batches.first, "train")
    checked = label_check(task)
    checked(batches.first)
    metrics, notes = decided(metrics, task)
    tally = Tally(resolve_metrics(metrics, task), task.roles, objective.scores)
    if workers is not None:
        # Now that all parameters have values.
        together.share_weights(workers, net)
    # MXNet's own metrics cannot be joined from parts: each worker evaluates all data then.
    exact = all(meter.exact for meter in tally.meters)
    if not exact and task.roles.weights is not None:
        notes.append("MXNet's metrics and functions take every sample, without weights")
    evaluate = _evaluation(settings, objective, val, batch_size, metrics, exact=exact)
    notes = [*objective.notes, *notes]
    return OpenedData(batches, objective, tally, checked, evaluate, notes)


class Peeked:
    """A source whose first batch has been read, and is yielded again."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self.loader = inner.loader
        self.divided, self.runs_code, self.once = inner.divided, inner.runs_code, inner.once
        # A loader can be set back; of an iterator the first batch is kept, and given again.
        epoch = None if self.loader is None else self.loader.epoch
        # Of a loader that is set back: what its transform has drawn is drawn again.
        streams = None if self.loader is None else raw_streams()
        self._batches = inner.batches()
        first = next(self._batches, None)
        if streams is not None:
            put_streams(streams)
        if first is None:
            raise ArgumentError("`train` gives no batch; give at least one")
        self.first: Batch = first
        self._fresh = self.loader is None
        if self.loader is not None and epoch is not None:
            self.loader.epoch = epoch

    def batches(self, start: int = 0) -> Any:
        """Begin the next epoch, and yield its batches without the first `start`."""
        if not self._fresh:
            return self._inner.batches(start)
        self._fresh = False
        everything = chain([self.first], self._batches)
        for _ in range(start):
            next(everything, None)
        return everything

    def count(self) -> int | None:
        """Return the number of batches of the next epoch."""
        return self._inner.count()


def _evaluation(
    settings: Settings,
    objective: Objective,
    val: Any,
    batch_size: int | None,
    metrics: Any,
    *,
    exact: bool,
) -> Evaluation | None:
    """Return the function that evaluates the network, on this worker's part if metrics allow it.

    Arrays in memory are checked now.
    """
    if val is None:
        return None
    part = together.part_of(settings.workers if exact else None)
    sized = batch_size if isinstance(val, (tuple, list)) else None
    options: dict[str, Any] = {"dtype": float_type(settings.net), "axis": settings.axis}
    batches = source(val, "val", batch_size=sized, part=part, **options)
    evaluation = Evaluation(objective, batches, "val", metrics, settings.workers)
    # Without beginning an epoch: an iterable's first batch is not read before it is needed.
    first = batches.peek() if isinstance(batches, LoaderSource) else None
    if first is not None:
        evaluation.begin(first)
    return evaluation
