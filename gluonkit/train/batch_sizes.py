"""Finding a batch size: training with growing ones, and timing the steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, ClassVar

import numpy
from mxnet import gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type, check_seconds, whole_number
from gluonkit._base.kinds import Contexts
from gluonkit._base.tables import Column, Shown
from gluonkit.data.dataset import Dataset
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.tracing.hidden import check_nothing_hidden
from gluonkit.train.callbacks import Callback
from gluonkit.train.fitting import fit
from gluonkit.train.keeping import WeightKeeper
from gluonkit.train.setup import contexts_of

_LEAST_STEPS = 5  # that are timed for each size
_FIRST = 2  # steps that are not timed: graphs are bound in the first
_NEARLY = 0.9  # of the highest throughput: what is as good


@dataclass(frozen=True)
class TimedSize(Shown):
    """How fast steps of one batch size were.

    Attributes
    ----------
    batch_size : int
        Samples in a batch.
    steps : int
        How many steps were timed.
    seconds : float
        The median time of a step.
    samples_per_second : float
        The batch size by that time.
    """

    batch_size: int
    steps: int
    seconds: float
    samples_per_second: float


@dataclass(frozen=True, repr=False)
class BatchSizes(Shown):
    """The result of `find_batch_size`.

    Attributes
    ----------
    sizes : tuple of TimedSize
        The sizes tried, the smallest first.
    suggestion : int
        The smallest size with at least nine tenths of the highest throughput.
    """

    sizes: tuple[TimedSize, ...]
    suggestion: int

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        columns = [
            Column("batch size", lambda row: f"{row.batch_size:,}", "right"),
            Column("time of a step", lambda row: tables.seconds(row.seconds), "right"),
            Column("samples/s", lambda row: tables.count(row.samples_per_second), "right"),
        ]
        reason = "the smallest with at least 90% of the highest throughput"
        return f"{tables.text_table(self.sizes, columns)}\nsuggested: {self.suggestion}, {reason}"


@checked
def find_batch_size(
    net: gluon.Block,
    train: Any,
    *,
    low: int = 8,
    high: int = 1024,
    seconds: float = 0.3,
    loss: Any = "auto",
    optimizer: str = "adam",
    optimizer_params: Mapping[str, Any] | None = None,
    ctx: Contexts = None,
) -> BatchSizes:
    """Find a batch size: time training steps of growing ones, until more samples gain nothing.

    Larger batches use the processor better, up to a point; beyond it they only make fewer steps of
    an epoch. The suggestion is the smallest size with nine tenths of the highest throughput. The
    network's weights are restored afterwards; they do not change while it is timed (the learning
    rate is 0), but running statistics do.

    Parameters
    ----------
    net : gluon.Block
        A network on which `initialize()` was called.
    train : tuple of array or Dataset
        Training data in memory, as for `fit`.
    low, high : int
        The smallest and the largest size to try, by default 8 and 1024; each is twice the one
        before. Sizes beyond the number of samples are left out.
    seconds : float, default 0.3
        How long to time each size, at least 5 steps.
    loss : str, gluon.loss.Loss or callable, default 'auto'
        As for `fit`.
    optimizer : str, default 'adam'
        Name of one of MXNet's optimizers, whose update is timed, too.
    optimizer_params : mapping, optional
        Options of the optimizer, without learning rate and schedule.
    ctx : Context or list of Context, optional
        As for `fit`.

    Returns
    -------
    BatchSizes
        The sizes with their times, and the suggested one.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        As `fit` does; for data that are not in memory, and when not ``low <= high``.

    Notes
    -----
    PyTorch Lightning's `scale_batch_size` looks for the largest size that fits into a GPU's memory.
    Times of a busy machine are worth little.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit.train import find_batch_size
    >>> net = gk.create_model("mlp", init="xavier")
    >>> found = find_batch_size(net, gk.data.load("digits"), low=16, high=64, seconds=0.01)
    >>> [row.batch_size for row in found.sizes]
    [16, 32, 64]
    """
    whole_number("low", low)
    whole_number("high", high)
    check_seconds(seconds)
    samples = _samples(train)
    if low > high or low > samples:
        raise ArgumentError(
            f"`low` is {low} and `high` is {high}, of {samples} samples in `train`; give low <= "
            "high, and at most as many as there are samples"
        )
    options = dict(optimizer_params or {})
    for name in ("learning_rate", "lr_scheduler"):
        if name in options:
            raise ArgumentError(f"`optimizer_params` has {name!r}, but nothing is learnt here")
    check_nothing_hidden(net, "they would not be trained")
    contexts_of(net, ctx)
    keeper = WeightKeeper()
    rows: list[TimedSize] = []
    try:
        size = low
        while size <= min(high, samples):
            clock = _StepClock(seconds)
            fit(
                net,
                train,
                epochs=1 << 30,  # the clock ends it
                loss=loss,
                optimizer=optimizer,
                optimizer_params={**options, "learning_rate": 0.0},
                metrics=(),
                callbacks=[clock] if rows else [keeper, clock],
                ctx=ctx,
                batch_size=size,
                progress=False,
            )
            rows.append(clock.row(size))
            size *= 2
    finally:
        keeper.put_back()
    best = max(row.samples_per_second for row in rows)
    good = [row.batch_size for row in rows if row.samples_per_second >= _NEARLY * best]
    return BatchSizes(tuple(rows), good[0])


def _samples(train: Any) -> int:
    """Return the number of samples of data in memory."""
    if isinstance(train, Dataset):
        return len(train)
    if isinstance(train, (tuple, list)) and train and hasattr(train[0], "shape"):
        return int(train[0].shape[0])
    raise ArgumentTypeError(
        f"`train` is {a_type(train)}, of which batches of any size cannot be made; give arrays "
        "(data, label), or a data.Dataset"
    )


class _StepClock(Callback):
    """Times steps of full batches, and ends the run when there are enough."""

    changes_net = False
    observes: ClassVar[bool] = False
    reads_weights: ClassVar[bool] = False

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._times: list[float] = []
        self._ended: float | None = None
        self._steps = 0

    def on_epoch_begin(self, run: Any) -> None:
        """Forget when the last step ended: what comes between epochs is none."""
        self._ended = None

    def on_step_end(self, run: Any) -> None:
        """Note the time since the step before."""
        now = perf_counter()
        self._steps += 1
        # The last batch of an epoch may have fewer samples, unless it is the only one.
        full = run.steps == 1 or run.step_in_epoch < run.steps
        if self._steps > _FIRST and full:
            since = run.seconds if self._ended is None else now - self._ended
            self._times.append(since)
        self._ended = now
        if len(self._times) >= _LEAST_STEPS and sum(self._times) >= self._seconds:
            run.stop("enough steps are timed")

    def row(self, size: int) -> TimedSize:
        """Return what was timed."""
        median = float(numpy.median(self._times))
        return TimedSize(size, len(self._times), median, size / median)
