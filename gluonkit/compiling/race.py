"""Which of several calls is the fastest: measured in turn, and the slower ones dropped on the way.

What is measured has a name and a call; networks, plans and engines are not known here.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from gluonkit._base.tables import Shown

Name = TypeVar("Name", bound=Hashable)

_BLOCK = 1e-3  # seconds of consecutive calls, with warm caches as in a service
_LONG = 0.01  # seconds of a call, from which on one block in a turn has to be enough
_LOST = 4.0  # factor of the best time at its entry, from which on a call is not measured at all
_ANOTHERS_TURN = 0.02  # seconds for which a scheduler lets another process run, and more
_HOPELESS = 1.5  # factor of the best time, after a round
_ENOUGH = 5  # turns, from which on the fastest one tells what is slower
_DISTURBED = 0.05  # seconds of waiting for a processor in a second of measuring


@dataclass(frozen=True)
class Timing(Shown):
    """How long a call takes.

    Attributes
    ----------
    seconds : float
        The lower quartile of its turns' times.
    error : float or None
        Half the width of its 95 % interval in seconds; None for fewer turns than it takes.
    turns : int
        How often it had its turn, each of several calls.
    """

    seconds: float
    error: float | None
    turns: int

    @property
    def relative(self) -> float | None:
        """The error as a part of the time."""
        return None if self.error is None else self.error / self.seconds


class Race(Generic[Name]):
    """Measures calls in turn; the time goes to those that may be the fastest.

    Half of the calls are left after a part of the time, a quarter after two such parts, and two
    just before its end, so that those which are close to one another are measured most. A call is
    dropped sooner if it is much slower, or was never as fast as the best one mostly is.

    Rounds in which other programs had the processor count only where there are no others, and drop
    nothing in the first half of the time: they may be over soon.
    """

    def __init__(
        self,
        clock: Callable[[], float] = perf_counter,
        waited: Callable[[], float] = lambda: 0.0,
        rest: Callable[[], object] = lambda: None,
    ) -> None:
        """`clock` gives seconds, `waited` those that threads have waited for a processor so far.

        `rest` is called before each turn, so that nothing of the one before goes on.
        """
        self._clock, self._waited, self._rest = clock, waited, rest
        self._racers: dict[Name, _Racer] = {}
        self._timings: dict[Name, Timing] = {}
        self._latest: _Racer | None = None
        # Always the same order, so that two runs differ in what they measure only.
        self._random = random.Random(0)

    def enter(self, name: Name, call: Callable[[], object]) -> None:
        """Add a call, timed a few times; what is much slower than another is dropped."""
        racer = _Racer(call, self._clock)
        # A call that met other work on the machine gets more chances: two at least, and as many as
        # there are until that may have had its turn.
        began, tries = self._clock(), 0
        while racer.fastest > _LOST * self._fastest() and (
            tries < 2 or self._clock() - began < _ANOTHERS_TURN
        ):
            racer.try_again()
            tries += 1
        self._racers[name], self._timings[name] = racer, racer.timing()
        self._latest = racer
        self._drop_hopeless(_LOST)

    @property
    def left(self) -> frozenset[Name]:
        """The names of the calls that have not been dropped."""
        return frozenset(self._racers)

    @property
    def timings(self) -> dict[Name, Timing]:
        """The times of all calls, those of dropped ones too, in the order of their entry."""
        return self._timings | {name: racer.timing() for name, racer in self._racers.items()}

    def run(self, seconds: float, progress: Callable[[str], None] = lambda _: None) -> None:
        """Measure for so many seconds at most; for one round at least, however long it takes."""
        began, starters, number = self._clock(), len(self._racers), 0
        blocks = 2 if self._fastest() < _LONG else 1
        used = 0.0
        # A plan has to be chosen, so that the first round takes place in any case.
        while self._racers and (not number or self._goes_on(seconds - used)):
            number += 1
            progress(f"measuring, round {number}: {len(self._racers)} left")
            quiet = self._round(blocks)
            used = self._clock() - began
            if quiet or used > seconds / 2:
                self._drop_hopeless(_HOPELESS)
                self._drop_slower()
                self._halve(starters, used / seconds)

    def _round(self, blocks: int) -> bool:
        """Give each call its turn, and return whether nothing disturbed them."""
        began, waited = self._clock(), self._waited()
        order = list(self._racers.values())
        # What runs after a slow call finds other caches and clock rates.
        self._random.shuffle(order)
        for racer in order:
            self._rest()
            racer.turn(blocks, is_cold=racer is not self._latest)
            self._latest = racer
        quiet = self._waited() - waited <= _DISTURBED * (self._clock() - began)
        for racer in order:
            racer.count(quiet=quiet)
        return quiet

    def _goes_on(self, seconds: float) -> bool:
        """Return whether there is something to decide, and time for another round."""
        return len(self._racers) > 1 and sum(r.lasted for r in self._racers.values()) <= seconds

    def _fastest(self) -> float:
        return min((racer.fastest for racer in self._racers.values()), default=math.inf)

    def _drop_hopeless(self, factor: float) -> None:
        """Drop what takes longer than the fastest by a factor."""
        limit = factor * self._fastest()
        self._drop([name for name, racer in self._racers.items() if racer.fastest > limit])

    def _drop_slower(self) -> None:
        """Drop what was never as fast as the best one mostly is."""
        best = min(self._racers.values(), key=_Racer.score)
        if len(best.times) >= _ENOUGH:
            usual = statistics.median(best.times)
            self._drop([name for name, r in self._racers.items() if min(r.times) > usual])

    def _halve(self, starters: int, used: float) -> None:
        """Drop the slowest ones, of which the part of the time that is used leaves fewer."""
        left = math.ceil(starters ** max(0.0, 1 - used))
        order = sorted(self._racers, key=lambda name: self._racers[name].score())
        self._drop(order[left:])

    def _drop(self, names: list[Name]) -> None:
        # With its call goes the memory that this holds.
        for name in names:
            self._timings[name] = self._racers.pop(name).timing()


class _Racer:
    """A call that is being measured."""

    def __init__(self, call: Callable[[], object], clock: Callable[[], float]) -> None:
        self._call, self._clock = call, clock
        self._last = 0.0
        self._quiet: list[float] = []
        self._disturbed: list[float] = []
        self.lasted = 0.0  # the last turn, with all of its calls
        # One call may take seconds; several are made only where one is too short to be measured.
        self.fastest = self._time(1)
        if self.fastest < _BLOCK:
            self.fastest = self._time(4)

    def try_again(self) -> None:
        """Time it once more, outside of its turns."""
        self.fastest = min(self.fastest, self._time(1))

    def turn(self, blocks: int, *, is_cold: bool) -> None:
        """Time the fastest of some blocks of calls, behind one that is not counted if `is_cold`.

        The first calls behind others are slower: caches hold the others' memory, OpenMP's threads
        sleep if these had no work for them, and where others have weights reordered in place,
        MXNet makes what it has of them anew, which takes as long as a whole call of ResNet-50.
        """
        began = self._clock()
        calls = max(1, round(_BLOCK / max(self.fastest, 1e-9)))
        if is_cold:
            self._time(calls)
        # Other work on the machine only ever adds to a time.
        self._last = min(self._time(calls) for _ in range(blocks))
        self.fastest = min(self.fastest, self._last)
        # The next one may be a cold one.
        self.lasted = self._clock() - began + (0.0 if is_cold else calls * self._last)

    def count(self, *, quiet: bool) -> None:
        """Count the last turn, as one of a quiet round or of a disturbed one."""
        (self._quiet if quiet else self._disturbed).append(self._last)

    @property
    def times(self) -> list[float]:
        """The time of a call in each turn that counts."""
        return self._quiet or self._disturbed

    def score(self) -> float:
        """Return the lower quartile of its turns: the fastest may be luck, slow ones disturbed."""
        return sorted(self.times)[(len(self.times) - 1) // 4] if self.times else self.fastest

    def timing(self) -> Timing:
        """Return what has been measured so far."""
        return Timing(self.score(), _error(sorted(self.times)), len(self.times))

    def _time(self, calls: int) -> float:
        call = self._call
        began = self._clock()
        for _ in range(calls):
            call()
        return (self._clock() - began) / calls


def _error(times: list[float]) -> float | None:
    """Return half the width of a 95 % interval of the lower quartile of sorted times.

    By order statistics, which assume no distribution: how many times are below the true quartile is
    a binomial number, of mean n / 4 and variance 3 n / 16.
    """
    count = len(times)
    if count < 4:
        return None
    reach = 1.96 * math.sqrt(3 * count / 16)
    low, high = math.floor(count / 4 - reach), math.ceil(count / 4 + reach)
    return (times[min(high, count - 1)] - times[max(low, 0)]) / 2
