"""Learning rates for each update, as MXNet's optimizers take them: one-cycle, and cosine."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import mxnet as mx

from gluonkit._base.arguments import checked
from gluonkit._base.checks import in_float32, whole_number
from gluonkit._base.tables import Called
from gluonkit.errors import ArgumentError, StateError


class _Schedule(Called, mx.lr_scheduler.LRScheduler):
    """Base of schedules that depend on nothing but the number of the update.

    `fit` sets `steps` where it was not given. The peak is MXNet's `base_lr`, which an optimizer
    sets to a `learning_rate` that it is given.
    """

    def __init__(self, peak: float, steps: int | None) -> None:
        if not (peak > 0 and in_float32(peak)):
            raise ArgumentError(
                f"`peak` is {peak}; give a learning rate above 0, from 1.2e-38 to 3.4e+38"
            )
        super().__init__(base_lr=float(peak))
        self.steps = None if steps is None else whole_number("steps", steps)
        self._is_given = steps is not None

    def __call__(self, num_update: int) -> float:
        """Return the rate of an update.

        Parameters
        ----------
        num_update : int
            The number of the update, from 1; MXNet also asks at 0, before the first one.

        Returns
        -------
        float
            The rate; after the last of `steps` that of the last.

        Raises
        ------
        StateError
            When it is not known how many steps there are.
        """
        if self.steps is None:
            raise StateError(
                "`steps` is not known to the schedule; give it, or have `fit` train, which sets it"
            )
        update = min(max(num_update, 1), self.steps)
        rate = float(self.base_lr * self._factor(update, self.steps))
        # MXNet's operators refuse numbers that float32 does not have.
        return rate if in_float32(rate) else 0.0

    @abstractmethod
    def _factor(self, update: int, steps: int) -> float:
        """Return the rate of an update from 1 to `steps`, as a part of the peak."""


class OneCycle(_Schedule):
    """A learning rate that rises to a peak, and falls to nearly nothing, both along a cosine.

    Parameters
    ----------
    peak : float
        The largest rate.
    steps : int, optional
        The number of updates; by default those of the `fit` that uses it.
    warmup : float, default 0.3
        The part of the steps in which the rate rises, between 0 and 1.
    start : float, default 0.04
        The first rate, as a part of the peak.
    end : float, default 4e-06
        The last rate, as a part of the peak.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arguments out of range.

    Notes
    -----
    The rates are those of PyTorch's `OneCycleLR` with its defaults, but that momentum is left
    alone, which a schedule of MXNet cannot set. It depends on the number of the update only, so
    that a resumed run has the same rates, bit for bit.

    References
    ----------
    L. N. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates", 2018.

    Examples
    --------
    >>> from gluonkit.train import OneCycle
    >>> rates = OneCycle(0.1, steps=100)
    >>> [round(rates(update), 4) for update in (1, 15, 30, 65, 100)]
    [0.004, 0.0494, 0.1, 0.05, 0.0]
    """

    @checked
    def __init__(
        self,
        peak: float,
        steps: int | None = None,
        *,
        warmup: float = 0.3,
        start: float = 1 / 25,
        end: float = 1 / 250000,
    ) -> None:
        super().__init__(peak, steps)
        if not 0 < warmup < 1:
            raise ArgumentError(f"`warmup` is {warmup}; give a part of the steps, between 0 and 1")
        self.warmup = float(warmup)
        self.start, self.end = _part("start", start), _part("end", end)

    def _factor(self, update: int, steps: int) -> float:
        # The peak lies at one of the updates only where it is a whole number.
        highest, last = self.warmup * steps - 1, steps - 1
        at = update - 1
        if at <= highest:
            return _cosine(self.start, 1.0, at / highest if highest > 0 else 1.0)
        return _cosine(1.0, self.end, (at - highest) / (last - highest))


class WarmupCosine(_Schedule):
    """A learning rate that rises linearly to a peak, and falls along a cosine.

    Parameters
    ----------
    peak : float
        The largest rate, that of update `warmup`; without a warm-up that before the first update.
    steps : int, optional
        The number of updates; by default those of the `fit` that uses it.
    warmup : int, default 0
        The number of updates in which the rate rises.
    start : float, default 0.0
        What it rises from, as a part of the peak.
    end : float, default 0.0
        The last rate, as a part of the peak.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arguments out of range.

    Notes
    -----
    The rates are those of MXNet's `CosineScheduler` with a linear warm-up, whose rates after the
    end depend on what it was asked before. This one depends on the number of the update only, so
    that a resumed run has the same rates, bit for bit.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.

    Examples
    --------
    >>> from gluonkit.train import WarmupCosine
    >>> rates = WarmupCosine(0.1, steps=100, warmup=20)
    >>> [round(rates(update), 4) for update in (1, 10, 20, 60, 100)]
    [0.005, 0.05, 0.1, 0.05, 0.0]
    """

    @checked
    def __init__(
        self,
        peak: float,
        steps: int | None = None,
        *,
        warmup: int = 0,
        start: float = 0.0,
        end: float = 0.0,
    ) -> None:
        super().__init__(peak, steps)
        self.warmup = whole_number("warmup", warmup, least=0)
        self.start, self.end = _part("start", start), _part("end", end)
        self._check()

    def _check(self) -> None:
        if self.steps is not None and self.warmup >= self.steps:
            raise ArgumentError(
                f"`warmup` is {self.warmup}, but there are {self.steps} steps; give fewer than that"
            )

    def _factor(self, update: int, steps: int) -> float:
        if update <= self.warmup:
            return self.start + (1.0 - self.start) * update / self.warmup
        return _cosine(1.0, self.end, (update - self.warmup) / (steps - self.warmup))


def give_steps(optimizer: Any, steps: int | None) -> None:
    """Tell an optimizer's schedule how many updates this run has, unless its user has.

    Raises
    ------
    ArgumentError
        When that is not known, and when a warm-up does not end before.
    """
    schedule = optimizer.lr_scheduler
    if not isinstance(schedule, _Schedule) or schedule._is_given:
        return
    if steps is None:
        raise ArgumentError(
            f"`optimizer_params` has a {type(schedule).__name__} without `steps`, and `train` does "
            "not say how many batches it has; give the number of updates: steps=..."
        )
    schedule.steps = steps
    if isinstance(schedule, WarmupCosine):
        schedule._check()


def _part(argument: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ArgumentError(f"`{argument}` is {value}; give a part of the peak, from 0 to 1")
    return float(value)


def _cosine(begin: float, end: float, part: float) -> float:
    """Return what is reached after a part of the way along half a cosine."""
    return end + (begin - end) * (1.0 + math.cos(math.pi * part)) / 2.0
