"""How long training has waited for data: while the next batch was made, and nothing computed."""

from __future__ import annotations

from collections import deque
from time import perf_counter

import mxnet as mx

_SAMPLED_EVERY = 50
"""Steps between two whose computing is timed by itself, which costs them the overlap with data."""


class DataClock:
    """Adds up the time in which the engine had nothing to do for want of a batch.

    A batch is made while the engine computes the step before. What it takes longer than that is
    waiting, and so is copying it into place. How long a step computes is measured at the second
    step, and at every 50th, by waiting for the engine before the next batch is asked for.

    Attributes
    ----------
    seconds : float
        The time waited in this epoch so far.
    """

    def __init__(self) -> None:
        self._computing = 0.0
        self._steps = 0
        self.reset()

    def reset(self) -> None:
        """Begin an epoch: nothing is being computed."""
        self.seconds = 0.0
        self._is_first = True
        self._asked = 0.0

    def ask(self) -> None:
        """Note that the next batch is asked for."""
        if not self._is_first:
            self._steps += 1
            if self._steps % _SAMPLED_EVERY == 1:
                begun = perf_counter()
                mx.nd.waitall()
                self._computing = perf_counter() - begun
        self._asked = perf_counter()

    def take(self) -> None:
        """Note that the batch is there."""
        made = perf_counter() - self._asked
        self.seconds += made if self._is_first else max(0.0, made - self._computing)
        self._is_first = False

    def add(self, seconds: float) -> None:
        """Add the time in which a batch was copied into place."""
        self.seconds += seconds


class Pace:
    """Samples per second, and the part of the time spent waiting for data, over the last second."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int, float]] = deque([(0.0, 0, 0.0)])

    def look(self, seconds: float, samples: int, waited: float) -> tuple[float, float]:
        """Return both, from what an epoch has had so far: seconds, samples, seconds waited."""
        now = seconds, samples, waited
        while len(self._marks) > 1 and seconds - self._marks[1][0] >= 1.0:
            self._marks.popleft()
        since, before, idle = self._marks[0]
        self._marks.append(now)
        passed = seconds - since
        if passed <= 0:
            return 0.0, 0.0
        return (samples - before) / passed, min(1.0, (waited - idle) / passed)
