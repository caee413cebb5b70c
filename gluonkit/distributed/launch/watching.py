"""What the launcher concludes from what it hears: who has reported, and whether anything moves."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence

from gluonkit.distributed.launch import verdicts
from gluonkit.distributed.launch.plan import Settings
from gluonkit.distributed.launch.process import Process

_PS_LITE = re.compile(r"\[\d\d:\d\d:\d\d\] \S*3rdparty/ps-lite/\S+: ")
_ARRIVED = re.compile(
    r"\? => 1\. Meta: .*cmd=ADD_NODE, node=\{ role=(worker|server), ip=([^,]+), port=(\d+)"
)
# Each of these comes only when all are there. One would do, were it not that the scheduler's
# threads may write into each other's lines.
_COMPLETE = ("the scheduler is connected to", "assign rank=", "cmd=BARRIER")
_PAUSE = 5.0  # seconds
_LEAST = 0.01  # of one core: less than this is not work, only clocks and timeouts


class Arrivals:
    """The processes that have registered, according to the scheduler's verbose output."""

    def __init__(self) -> None:
        self.scheduler = False
        self.connected = False
        self.reported: set[tuple[str, str, int]] = set()

    def read(self, line: str) -> bool:
        """Parse a line of the scheduler; return whether it is one of ps-lite's log messages."""
        arrived = _ARRIVED.search(line)
        if arrived:
            self.reported.add((arrived[1], arrived[2], int(arrived[3])))
        self.connected = self.connected or any(sign in line for sign in _COMPLETE)
        chatter = bool(_PS_LITE.match(line)) and "Check failed" not in line
        self.scheduler = self.scheduler or chatter
        return chatter


class Silence:
    """Detects that a job makes no progress: no processor time used, and no output."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._samples: deque[tuple[float, float]] = deque()

    def restart(self) -> None:
        """Restart the clock, because something has happened."""
        self._samples.clear()

    def lasts(self, now: float, cpu: float) -> bool:
        """Return whether no processor time was used since too long; `cpu` is the total so far."""
        samples = self._samples
        if not samples or now - samples[-1][0] >= self._timeout / 100:
            samples.append((now, cpu))
        while len(samples) > 1 and samples[1][0] <= now - self._timeout:
            samples.popleft()
        then, used = samples[0]
        return now - then >= self._timeout and cpu - used < _LEAST * (now - then)


class Watch:
    """Decides whether a job waits too long, and why.

    Parameters
    ----------
    processes : sequence of Process
        All processes of the job, the scheduler first; a list that may still grow.
    settings : Settings
        For the timeout, and for what the user wants to see.
    say : callable
        Takes a line of the launcher's own.
    """

    def __init__(
        self, processes: Sequence[Process], settings: Settings, say: Callable[[str], None]
    ) -> None:
        self._processes = processes
        self._limit = settings.timeout
        self._verbose = "PS_VERBOSE" in settings.user
        self._say = say
        self._arrivals = Arrivals()
        self._silence = Silence(settings.timeout)
        self._starting: dict[Process, Silence] = {}  # of the scheduler and the servers
        self._stopped: set[Process] = set()
        self._looked = 0.0
        self._first: float | None = None  # when the first worker reported

    def begin(self, now: float) -> None:
        """Record that the job has been started."""
        self._looked = now

    def hear(self, process: Process, text: str) -> bool:
        """Process a line of output; return whether it is shown to the user."""
        self._silence.restart()
        is_scheduler = process.place.role == "scheduler"
        if not (is_scheduler and self._arrivals.read(text)):
            process.lines.append(text)
        # The scheduler's own lines, if there are any, are shown when it fails.
        return self._verbose or not is_scheduler

    def may_end(self, process: Process) -> bool:
        """Return whether the job can continue although this process has ended."""
        # Where workers delete their stores by MXNet's own code, servers end by themselves.
        return process.status == 0 and (process.place.role == "worker" or self._arrivals.connected)

    def look(self, now: float) -> None:
        """Raise a JobError if the job has waited too long."""
        if now - self._looked > _PAUSE:  # the launcher itself was stopped, or waited to write
            self._silence.restart()
            self._starting.clear()
            for process in self._processes:
                process.heard = now
        self._looked = now
        for process in self._processes:
            self._look_at(process, now)
        if not self._arrivals.connected:
            self._look_for_reports(now)
        if self._silence.lasts(now, sum(process.cpu for process in self._processes)):
            raise verdicts.standstill(self._processes, self._limit)

    def _look_at(self, process: Process, now: float) -> None:
        if process.status is not None:
            return
        if process.stopped and process not in self._stopped:
            self._stopped.add(process)
            self._say(f"{process} is stopped (SIGSTOP?)")
        elif not process.stopped and process in self._stopped:
            self._stopped.remove(process)
            self._say(f"{process} goes on")
        limit = max(self._limit, _PAUSE)
        if now - process.heard > limit:
            raise verdicts.lost(process, limit)

    def _look_for_reports(self, now: float) -> None:
        """Raise if a process has not registered with the scheduler in time, or cannot any more."""
        reported = self._arrivals.reported
        if self._first is None and any(role == "worker" for role, _, _ in reported):
            self._first = now
        missing = [process for process in self._processes[1:] if process.key not in reported]
        workers = [process for process in missing if process.place.role == "worker"]
        servers = [process for process in missing if process.place.role == "server"]
        if not self._arrivals.scheduler:
            servers = [self._processes[0]]
        gone = [worker for worker in workers if worker.status is not None]
        # These run nothing of the user's: while they work, on a busy machine, they are only slow.
        servers = [server for server in servers if self._idle(server, now)]
        if servers:
            late, within = servers, f"within {self._limit:g} s"
        elif gone and self._first is not None:
            late, within = gone, "before it ended, and the others wait for it"
        elif workers and self._first is not None and now - self._first > self._limit:
            late, within = workers, f"within {self._limit:g} s of the first worker's report"
        else:
            return
        raise verdicts.not_reported(late, self._processes, within)

    def _idle(self, process: Process, now: float) -> bool:
        """Return whether an unregistered process has used no processor time for too long."""
        silence = self._starting.setdefault(process, Silence(self._limit))
        return silence.lasts(now, process.cpu)
