"""Whether other processes have the processor while this process's threads are ready to run.

Linux counts how long each thread was ready and others ran, and how long each processor was busy. Of
the first, what a process's own threads take from one another is no fault of the machine; of the
second, what others do on processors that nobody else wants disturbs nobody. Contention is what is
in both. Other systems do not tell, and nothing is noticed there.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from gluonkit._base import cpu
from gluonkit._base.tables import Shown

BUSY = 0.1
"""Share of the time that threads wanted, from which on the machine is called busy."""

# Processors count their time in hundredths of a second, which say nothing of shorter spans.
_SHORTEST = 0.1
_FIRST_SPAN, _LONGEST_SPAN = 1.0, 60.0  # seconds between two looks
_PROC = Path("/proc")


@dataclass(frozen=True)
class Contention(Shown):
    """How much of the processor's time this process wanted and others had.

    Attributes
    ----------
    seconds : float
        How long it was watched, in seconds.
    used : float
        Processor time of all threads of this process, in seconds.
    lost : float
        Time for which its threads were ready to run and others ran, in seconds of all threads.
    """

    seconds: float
    used: float
    lost: float

    @property
    def share(self) -> float:
        """What others had of the time that the threads wanted, from 0 to 1."""
        return self.lost / (self.lost + self.used) if self.lost else 0.0

    @property
    def is_busy(self) -> bool:
        """Whether others had so much that times are longer by it."""
        return self.seconds >= _SHORTEST and self.share > BUSY

    def __str__(self) -> str:
        return (
            f"other processes had the processor for {self.share:.0%} of the time for which threads "
            "of this one were ready to run"
        )


@dataclass(frozen=True)
class Counters:
    """What was counted until now, in seconds.

    Attributes
    ----------
    wall, used, waited : float
        Of this process: the clock, the processor time of all threads, and the time for which they
        were ready and did not run.
    busy, stolen : float
        Of the processors that it may use: the time for which they computed, for whomever, and that
        which the hypervisor gave to other virtual machines.
    """

    wall: float
    used: float
    waited: float
    busy: float
    stolen: float


class Meter:
    """Measures contention from its making on."""

    def __init__(self, read: Callable[[], Counters] | None = None) -> None:
        self._read = read or counters
        self._began = self._read()

    def contention(self) -> Contention:
        """Return the contention so far."""
        began, now = self._began, self._read()
        used = now.used - began.used
        others = max(0.0, now.busy - began.busy - used)
        lost = min(now.waited - began.waited, others) + now.stolen - began.stolen
        return Contention(now.wall - began.wall, used, max(0.0, lost))


class Lookout:
    """Notices, once, that the machine is busy, in work that goes on for long."""

    def __init__(
        self,
        meter: Callable[[], Meter] = Meter,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._made, self._clock = meter, clock
        self._meter, self._span = meter(), _FIRST_SPAN
        self._next = clock() + self._span

    def look(self) -> Contention | None:
        """Return the contention if the machine is busy, the first time; cheap between looks."""
        if self._clock() < self._next:
            return None
        contention, self._meter = self._meter.contention(), self._made()
        # A span that is short is soon told, and a long one costs nothing in long work.
        self._span = min(2 * self._span, _LONGEST_SPAN)
        self._next = math.inf if contention.is_busy else self._clock() + self._span
        return contention if contention.is_busy else None


def counters(proc: Path = _PROC) -> Counters:
    """Read the counters; those that the system does not have are 0."""
    busy, stolen = _processors(proc / "stat")
    return Counters(perf_counter(), process_time(), waited(proc), busy, stolen)


def can_be_told(proc: Path = _PROC) -> bool:
    """Say whether the system counts all that contention is told by, for all of the machine."""
    try:
        *_, turns = (proc / "self" / "schedstat").read_text().split()
        mounts = (proc / "self" / "mountinfo").read_text()
    except (OSError, ValueError):
        return False
    # Who mounts a file of their own there, as LXC does, counts within one container only.
    return int(turns) > 0 and " /proc/stat " not in mounts and _processors(proc / "stat")[0] > 0


def waited(proc: Path = _PROC) -> float:
    """Return for how long living threads of this process were ready and others ran, in seconds."""
    total = 0
    try:
        for thread in os.listdir(proc / "self" / "task"):
            total += _thread_waited(f"{proc}/self/task/{thread}/schedstat")
    except OSError:  # not Linux
        pass
    return total / 1e9


def _thread_waited(path: str) -> int:
    """Return the waiting time of a thread in nanoseconds; 0 for one that has ended meanwhile."""
    try:
        with open(path) as file:
            # Time on a processor, time of waiting for one, and the number of turns.
            return int(file.read().split()[1])
    except (OSError, IndexError):
        return 0


def _processors(path: Path) -> tuple[float, float]:
    """Return the seconds for which this process's processors computed, and were taken away."""
    mine = {f"cpu{number}" for number in cpu.logical_cpus()}
    busy = stolen = 0
    try:
        lines = path.read_text().splitlines()
    except OSError:
        lines = []
    for name, *ticks in (line.split() for line in lines):
        if name in mine:
            user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
            busy += user + nice + system + irq + softirq
            stolen += steal
    second = os.sysconf("SC_CLK_TCK") if lines else 1
    return busy / second, stolen / second
