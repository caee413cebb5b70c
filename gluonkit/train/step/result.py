"""What a training step is told, what it tells, and what all steps do alike."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit.distributed.workers import Workers
from gluonkit.train.step.batch import Batch


@dataclass(frozen=True)
class ParameterState:
    """What an optimizer keeps for one parameter.

    Attributes
    ----------
    index : int
        The number under which the optimizer counts its updates; a group of parameters has one.
    arrays : list
        Its state, on each device; views of it, so that writing into them changes it.
    """

    parameter: gluon.Parameter
    index: int
    arrays: list[Any]


@dataclass(frozen=True)
class StepOptions:
    """How steps are made.

    Attributes
    ----------
    accumulate : int
        Batches whose gradients are gathered for one update.
    grad_clip : float or None
        Largest norm of all gradients together; None for no limit.
    amp : str or None
        Data type of the arithmetic where it may be lower, None for the network's own.
    observed : bool
        Somebody looks at gradients and optimizer between steps.
    followed : bool
        Code that may be the user's runs between steps, and may change the network.
    workers : Workers or None
        The job that the steps are made with; None for this process alone.
    kvstore : str or mx.kv.KVStore
        What adds up the gradients of several devices of this process, and how it compresses them.
    compression : dict or None
        What adds up the gradients of several devices of this process, and how it compresses them.
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
        """Whether an update is made of one batch's gradients as they are."""
        alone = self.workers is None and self.accumulate == 1 and self.grad_clip is None
        return alone and not (self.amp or self.observed)

    @property
    def summed(self) -> bool:
        """Whether gradients are sums over samples, until all that make an update are there."""
        return self.accumulate > 1 or self.workers is not None


@dataclass
class StepResult:
    """What one step gave, valid until the next one begins.

    Attributes
    ----------
    size : int
        Number of samples.
    loss : numpy.ndarray or None
        The loss as it was returned, a number for each sample or their mean; None where it follows
        from the outputs and the label (`losses.cross_entropy`).
    outputs, labels : sequence of numpy.ndarray
        The network's outputs, and the batch's labels.
    """

    size: int
    loss: Array | None
    outputs: Sequence[Array]
    labels: Sequence[Array]

    def losses(self) -> Array:
        """Return the loss, made of outputs and label where it was not computed."""
        if self.loss is not None:
            return self.loss
        return cross_entropy(self.outputs[0], self.labels[0])

    def is_finite(self) -> bool:
        """Return whether the loss is neither NaN nor infinite."""
        quick = (self.loss if self.loss is not None else self.outputs[0]).ravel()
        # The sum of squares is not finite where a number is not; rarely, it overflows by itself.
        with numpy.errstate(over="ignore", invalid="ignore"):
            return math.isfinite(quick.dot(quick)) or bool(numpy.isfinite(self.losses()).all())


@dataclass
class Gathered:
    """Of what there are gradients that have not made an update yet.

    Attributes
    ----------
    batches, samples : int
        How many, of this worker.
    total : int or None
        Samples of all workers; None where that is not known.
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
    shifted -= shifted.max(axis=0)
    losses: Array = -shifted[label.astype("int64"), numpy.arange(len(logits))]
    losses += numpy.log(numpy.exp(shifted, out=shifted).sum(axis=0))
    return losses


class Step(ABC):
    """Steps that are begun and finished one by one, and make an update once enough are gathered.

    Attributes
    ----------
    compiled : bool
        Whether a step is one graph.
    followed : bool
        Whether code that may be the user's runs between steps.
    unused : list of gluon.Parameter
        The parameters that the loss does not depend on; they are left as they are.
    notes : list of str
        What the user should know of the steps.
    """

    compiled: ClassVar[bool]

    def __init__(self, options: StepOptions) -> None:
        self._options = options
        self.followed = options.followed
        self.unused: list[gluon.Parameter] = []
        self.notes: list[str] = []
        self._pending: tuple[Any, Batch] | None = None  # None in place of passes: no sample
        self._gathered = Gathered()

    @property
    @abstractmethod
    def states(self) -> list[ParameterState]:
        """The optimizer's state for each parameter."""

    @abstractmethod
    def run(self, batch: Batch) -> None:
        """Begin a step. The one before it must be finished."""

    @abstractmethod
    def push(self) -> None:
        """Give the weights to the network."""

    @abstractmethod
    def pull(self) -> None:
        """Take the weights from the network."""

    @abstractmethod
    def synchronize(self) -> None:
        """Make weights and statistics equal on all workers of a job."""

    @abstractmethod
    def close(self) -> None:
        """Put the parameters' settings back."""

    @abstractmethod
    def renew(self) -> None:
        """Trace the network anew from the next step on, where it may have changed."""

    def finish(self) -> StepResult | None:
        """Finish the step that was begun; return its result, valid until the next is begun.

        Raises
        ------
        NotFiniteStepError
            When its loss is not finite; the weights are as they were before it.
        """
        if self._pending is None:
            return None
        (begun, batch), self._pending = self._pending, None
        result = NOTHING if begun is None else self._result(begun, batch)
        if not result.is_finite():
            self._fail(batch)
        self._gathered.add(batch)
        if self._gathered.batches == self._options.accumulate:
            self.apply()
        return result

    def apply(self) -> None:
        """Update the weights with the gradients gathered so far, if there are any."""
        gathered, self._gathered = self._gathered, Gathered()
        if gathered.batches:
            self._update(gathered)

    @abstractmethod
    def _result(self, begun: Any, batch: Batch) -> StepResult:
        """Wait for what a step gives, and return it."""

    @abstractmethod
    def _update(self, gathered: Gathered) -> None:
        """Update the weights with what is gathered."""

    @abstractmethod
    def _fail(self, batch: Batch) -> NoReturn:
        """Leave the weights as they were before the step, and raise."""


class NotFiniteStepError(Exception):
    """A step's loss or gradients are not finite.

    Attributes
    ----------
    batch : Batch or None
        What it was made with.
    spoiled : bool
        The weights were not finite before it, through the update of the step before.
    """

    def __init__(self, message: str, batch: Batch | None = None, spoiled: bool = False) -> None:
        super().__init__(message)
        self.batch = batch
        self.spoiled = spoiled
