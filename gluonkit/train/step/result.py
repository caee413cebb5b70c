"""What a training step is told, what it tells, and what all steps do alike."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array, Context
from gluonkit.distributed.workers import Workers
from gluonkit.train.step.batch import Batch


@dataclass(frozen=True)
class ParameterState:
    """The optimizer's state for one parameter.

    Attributes
    ----------
    index : int
        The optimizer's index for counting updates; a group of parameters shares one.
    arrays : list
        Its arrays on each device; writing into them changes the state.
    """

    parameter: gluon.Parameter
    index: int
    arrays: list[Any]


@dataclass(frozen=True)
class StepOptions:
    """Options of training steps.

    Attributes
    ----------
    accumulate : int
        Number of batches whose gradients are accumulated for one update.
    grad_clip : float or None
        Largest norm of all gradients together; None for no limit.
    amp : str or None
        Data type of mixed precision; None for the network's own.
    observed : bool
        Whether callbacks read gradients or optimizer between steps.
    followed : bool
        Whether the user's code may run between steps, and change the network.
    workers : Workers or None
        The other workers of the job; None without a job.
    kvstore : str or mx.kv.KVStore
        MXNet's key-value store for several devices of this process; None for its default.
    compression : dict or None
        MXNet's options for compressing gradients on their way through the store; None for none.
    """

    accumulate: int = 1
    grad_clip: float | None = None
    amp: str | None = None
    observed: bool = False
    followed: bool = False
    workers: Workers | None = None
    kvstore: Any = None
    compression: dict[str, Any] | None = None

    @property
    def plain(self) -> bool:
        """Whether an update uses the plain gradients of one batch."""
        alone = self.workers is None and self.accumulate == 1 and self.grad_clip is None
        return alone and not (self.amp or self.observed)

    @property
    def summed(self) -> bool:
        """Whether gradients are sums over samples, which are divided at the update."""
        return self.accumulate > 1 or self.workers is not None


@dataclass
class StepResult:
    """The result of one step, valid until the next one begins.

    Attributes
    ----------
    size : int
        Number of samples.
    loss : numpy.ndarray or None
        The loss as it was returned, for each sample or as a mean; None if it must be computed from
        outputs and label (`cross_entropy`).
    outputs, labels : sequence of numpy.ndarray
        The network's outputs, and the batch's labels.
    """

    size: int
    loss: Array | None
    outputs: Sequence[Array]
    labels: Sequence[Array]

    def losses(self) -> Array:
        """Return the loss, computed from outputs and label if needed."""
        if self.loss is not None:
            return self.loss
        return cross_entropy(self.outputs[0], self.labels[0])

    def is_finite(self) -> bool:
        """Return whether the loss is finite."""
        quick = (self.loss if self.loss is not None else self.outputs[0]).ravel()
        # The sum of squares is not finite where a number is not; rarely, it overflows by itself.
        with numpy.errstate(over="ignore", invalid="ignore"):
            return math.isfinite(quick.dot(quick)) or bool(numpy.isfinite(self.losses()).all())


@dataclass
class Gathered:
    """The batches whose gradients have not been used for an update yet.

    Attributes
    ----------
    batches, samples : int
        Number of batches and samples, of this worker.
    total : int or None
        Samples of all workers; None if unknown.
    """

    batches: int = 0
    samples: int = 0
    total: int | None = 0

    def add(self, batch: Batch) -> None:
        """Count a batch."""
        self.batches += 1
        self.samples += batch.size
        known = self.total is not None and batch.total is not None
        self.total = (self.total or 0) + (batch.total or 0) if known else None


NOTHING = StepResult(0, numpy.zeros(0, "float32"), (), ())
"""Of a step for which this worker had no sample."""


def cross_entropy(logits: Array, label: Array) -> Array:
    """Return the cross entropy of ``(batch, classes)`` logits and ``(batch,)`` class numbers."""
    # One row for each class: NumPy is fast along long axes.
    shifted = numpy.ascontiguousarray(logits.T)
    # `exp` of the largest is 1 then, and none overflows.
    shifted -= shifted.max(axis=0)
    losses: Array = -shifted[label.astype("int64"), numpy.arange(len(logits))]
    losses += numpy.log(numpy.exp(shifted, out=shifted).sum(axis=0))
    return losses


class Step(ABC):
    """Base of steps, which are begun and finished one by one, with an update after `accumulate`.

    Attributes
    ----------
    compiled : bool
        Whether a step is one graph.
    followed : bool
        Whether the user's code may run between steps.
    contexts : list of Context
        The devices.
    unused : list of gluon.Parameter
        The parameters on which the loss does not depend; they do not change.
    notes : list of str
        Notes for the user on the steps.
    writing : float
        Seconds in which the last batch was copied into place.
    """

    compiled: ClassVar[bool]
    contexts: list[Context]

    def __init__(self, options: StepOptions) -> None:
        self._options = options
        self.followed = options.followed
        self.unused: list[gluon.Parameter] = []
        self.notes: list[str] = []
        self.writing = 0.0
        self._pending: tuple[Any, Batch] | None = None  # None in place of passes: no sample
        self._gathered = Gathered()

    @property
    @abstractmethod
    def states(self) -> list[ParameterState]:
        """The optimizer's state for each parameter."""

    @property
    @abstractmethod
    def weights(self) -> list[Any]:
        """The arrays with all that a step changes: weights and running statistics."""

    @abstractmethod
    def put_weights(self, arrays: Sequence[Any]) -> None:
        """Copy arrays into those of `weights`, and into the network."""

    @abstractmethod
    def run(self, batch: Batch) -> None:
        """Begin a step. The previous one must be finished."""

    @abstractmethod
    def push(self) -> None:
        """Copy the weights to the network."""

    @abstractmethod
    def pull(self) -> None:
        """Copy the weights from the network."""

    @abstractmethod
    def synchronize(self) -> None:
        """Make weights and statistics equal on all workers of a job."""

    @abstractmethod
    def close(self) -> None:
        """Restore the parameters' settings."""

    @abstractmethod
    def renew(self) -> None:
        """Trace the network again at the next step, as it may have changed."""

    def finish(self) -> StepResult | None:
        """Finish the current step; return its result, valid until the next one begins.

        Raises
        ------
        NotFiniteStepError
            When its loss is not finite; the weights are those from before the step.
        """
        if self._pending is None:
            return None
        # Taken out first: a step that fails must not be finished a second time.
        (begun, batch), self._pending = self._pending, None
        result = NOTHING if begun is None else self._result(begun, batch)
        if not result.is_finite():
            self._fail(batch)
        self._gathered.add(batch)
        if self._gathered.batches == self._options.accumulate:
            self.apply()
        return result

    def apply(self) -> None:
        """Update the weights with the gradients accumulated so far, if there are any."""
        gathered, self._gathered = self._gathered, Gathered()
        if gathered.batches:
            self._update(gathered)

    @abstractmethod
    def _result(self, begun: Any, batch: Batch) -> StepResult:
        """Wait for the result of a step, and return it."""

    @abstractmethod
    def _update(self, gathered: Gathered) -> None:
        """Update the weights with the accumulated gradients."""

    @abstractmethod
    def _fail(self, batch: Batch) -> NoReturn:
        """Restore the weights from before the step, and raise."""


class NotFiniteStepError(Exception):
    """A step's loss or gradients are not finite.

    Attributes
    ----------
    batch : Batch or None
        The batch of the step.
    spoiled : bool
        Whether the weights were not finite before, by the update of the previous step.
    """

    def __init__(self, message: str, batch: Batch | None = None, spoiled: bool = False) -> None:
        super().__init__(message)
        self.batch = batch
        self.spoiled = spoiled
