"""A whole job: started, watched, and ended, in whatever way it ends."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gluonkit.distributed.launch import agent, kernel, verdicts
from gluonkit.distributed.launch.plan import Settings, environment, seats
from gluonkit.distributed.launch.process import Process
from gluonkit.distributed.launch.verdicts import JobError
from gluonkit.distributed.launch.watching import Watch

_ANSWER = 60.0  # seconds within which an agent has to be there, if the timeout is not less
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Job:
    """One job from start to end.

    Parameters
    ----------
    settings : Settings
        What to do.
    show : callable
        Called with each line of a process's output: the stream's name, the process's label, the
        text.
    say : callable
        Called with each message of the launcher itself.
    """

    def __init__(
        self,
        settings: Settings,
        show: Callable[[str, str, str], None],
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._show = show
        self._processes: list[Process] = []
        self._watch = Watch(self._processes, settings, say)
        self._selector = selectors.DefaultSelector()
        self._signals: list[int] = []
        self._closing = threading.Event()

    def run(self) -> None:
        """Run the job; return when every worker has ended with 0.

        Raises
        ------
        ArgumentError
            When ssh's command cannot be run.
        JobError
            When the job has failed; nothing of it is left then.
        """
        with self._listening_to_signals():
            try:
                self._open()
                self._wait_for_agents()
                self._start()
                while not self._done():
                    self._turn()
                    self._watch.look(time.monotonic())
            finally:
                self._close()

    # Starting

    def _open(self) -> None:
        """Start all agents, and let each prepare its process."""
        settings = self._settings
        # Before there is any process that could escape.
        kernel.adopt_orphans()
        for place in settings.places:
            process = Process(place, settings)
            self._processes.append(process)
            for stream in ("stdout", "stderr"):
                pipe = getattr(process.agent, stream)
                self._selector.register(pipe, selectors.EVENT_READ, (process, stream))
            far = bool(place.host.name)
            process.send(
                "prepare",
                address=place.host.address,
                # Only the scheduler's can be wanted; 0 has the agent choose a free one.
                port=settings.port if place.role == "scheduler" else 0,
                folder=settings.folder,
                program=process.argv[0],
                path=os.path.dirname(settings.there if far else settings.here),
                # An agent on this machine ends with the launcher; elsewhere a lost connection may
                # go unnoticed, so that it ends unless its lease is renewed.
                lease=settings.timeout if far else 0.0,
                # Several reports must fit into the timeout, for one may be late.
                beat=min(1.0, settings.timeout / 5),
            )
        # A daemon, which does not keep the launcher from ending.
        threading.Thread(target=self._renew_leases, daemon=True).start()

    def _renew_leases(self) -> None:
        """Renew the leases of remote agents, even while output blocks on a terminal."""
        # Sleeps, but ends at once when the job does.
        while not self._closing.wait(min(5.0, self._settings.timeout / 5)):
            for process in self._processes:
                if process.place.host.name:
                    process.ping()

    def _wait_for_agents(self) -> None:
        limit = min(_ANSWER, self._settings.timeout)
        begun = time.monotonic()
        while missing := [process for process in self._processes if not process.ready]:
            self._turn()
            if time.monotonic() - begun > limit:
                raise verdicts.no_answer(missing[0], limit, self._settings)

    def _start(self) -> None:
        """Number the processes and start them, now that all ports are known."""
        places, processes = self._settings.places, self._processes
        ports, cores = (
            [process.port for process in processes],
            [process.cores for process in processes],
        )
        everyone = seats(places, ports, cores)
        for process, seat in zip(processes, everyone, strict=True):
            process.seat = seat
            variables = environment(seat, everyone, self._settings.user)
            process.send("start", argv=process.argv, environment=variables)
            process.started = time.monotonic()
        self._watch.begin(time.monotonic())

    # Listening

    def _turn(self) -> None:
        """Wait for events, at most for a fraction of a second, and handle them."""
        for key, _ in self._selector.select(min(0.5, self._settings.timeout / 10)):
            # The socket of signals: its bytes only serve to end the waiting.
            if key.data is None:
                key.fileobj.recv(4096)  # type: ignore[union-attr]
            else:
                self._hear(*key.data)
        if self._signals and not self._closing.is_set():
            name = signal.Signals(self._signals[0]).name
            # 128 and the signal's number is what shells give for it.
            raise JobError(f"ended by {name}, and the job with it", 128 + self._signals[0])

    def _hear(self, process: Process, stream: str) -> None:
        reports = process.read(stream)
        if reports is None:
            self._selector.unregister(getattr(process.agent, stream))
            silent = process.status is None and stream == "stdout"
            if silent and not self._closing.is_set():
                self._drain(process)
                raise verdicts.agent_gone(process, self._settings)
            return
        for report in reports:
            self._take(process, report)

    def _drain(self, process: Process) -> None:
        """Read the last output of an agent that has ended; a helper of ssh may hold the pipe."""
        pipe: Any = process.agent.stderr
        limit = time.monotonic() + 2
        while pipe in self._selector.get_map() and time.monotonic() < limit:
            with selectors.DefaultSelector() as only:
                only.register(pipe, selectors.EVENT_READ)
                if only.select(0.2) and process.read("stderr") is None:
                    return

    def _take(self, process: Process, report: dict[str, Any]) -> None:
        what, closing = report["is"], self._closing.is_set()
        if what == "ready":
            process.ready, process.port, process.cores = True, report["port"], report["cores"]
        elif what == "started":
            process.pid = report["pid"]
        elif what == "beat":
            process.cpu, process.stopped = report["cpu"], report["stopped"]
        elif what == "line" and self._watch.hear(process, report["text"]):
            label = process.seat.label if process.seat else process.place.role
            # Whoever reads the output (`| head`) may be gone, or the disk be full; ending the job
            # must go on all the same.
            with contextlib.suppress(*([OSError] if closing else [])):
                self._show(report["stream"], label, report["text"])
        elif what == "ended":
            process.status, process.ended = report["status"], time.monotonic()
            if not closing and not self._watch.may_end(process):
                raise verdicts.ended(process)
        elif what == "refused" and not closing:
            raise verdicts.refused(process, self._settings, report["cause"], report["why"])

    def _done(self) -> bool:
        return all(
            process.status == 0 for process in self._processes if process.place.role == "worker"
        )

    # Ending

    @contextmanager
    def _listening_to_signals(self) -> Iterator[None]:
        # `select` goes on after a handler of a signal; it is ended by a byte that Python writes to
        # this socket for each, which must not block.
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        self._selector.register(ours, selectors.EVENT_READ)
        before = {
            number: signal.signal(number, lambda got, _: self._signals.append(got))
            for number in _SIGNALS
        }
        wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._selector.close()
            ours.close()
            theirs.close()

    def _close(self) -> None:
        """End everything that still runs; a second signal kills it at once."""
        self._closing.set()
        for process in self._processes:
            if not process.ready:  # nothing has been started there, and nothing will be
                process.hang_up()
        limit = time.monotonic() + agent.GRACE + 5
        told, grace = -1, agent.GRACE
        while any(process.agent.poll() is None for process in self._processes):
            # The first time always, as `told` is -1, and again for each signal that comes
            # meanwhile.
            if told != len(self._signals):
                grace = agent.GRACE if told < 0 else 0.0
                told = len(self._signals)
                for process in self._processes:
                    process.send("end", grace=grace)
            self._turn()
            if time.monotonic() > limit:
                break
        for process in self._processes:
            process.hang_up()
