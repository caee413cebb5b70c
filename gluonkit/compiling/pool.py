"""Runners of one graph, one for each thread that calls at the same time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition

from gluonkit.compiling.runner import Runner


class Pool:
    """A pool of runners: creates new ones up to a limit; further threads wait.

    Attributes
    ----------
    make : callable
        Makes a runner, which is not of the pool.
    """

    def __init__(self, first: Runner, make: Callable[[], Runner], limit: int) -> None:
        self._idle = [first]
        self.make = make
        self._free = Condition()
        self._left = limit - 1
        self._waiting = 0

    def take(self) -> Runner:
        """Take a runner for exclusive use."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._another()

    def give_back(self, runner: Runner) -> None:
        """Return a runner to the pool."""
        # A list's `append` and `pop` are atomic, so that calls without contention take no lock.
        self._idle.append(runner)
        if self._waiting:
            with self._free:
                self._free.notify()

    def _another(self) -> Runner:
        with self._free:
            if self._left:
                self._left -= 1
                try:  # under the lock, as building may change the layout of weights
                    return self.make()
                except BaseException:
                    self._left += 1
                    raise
            self._waiting += 1
            try:
                while True:
                    try:
                        return self._idle.pop()
                    except IndexError:
                        # A runner may come back between `pop` and here, and `give_back` not see
                        # that anyone waits: the time limit makes up for it.
                        self._free.wait(0.1)
            finally:
                self._waiting -= 1
