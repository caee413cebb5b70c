"""One process of a job as the launcher sees it: its agent, orders to it, reports from it."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gluonkit.distributed.launch import kernel
from gluonkit.distributed.launch.plan import Place, Seat, Settings
from gluonkit.errors import ArgumentError

_LAST_LINES = 10
_CHUNK = 65536
# The folder that has the package, and `_gluonkit_command.py` beside it.
_ROOT = str(Path(__file__).parents[3])
# The place where the launcher found gluonkit counts as well, last of all. The working directory
# does not count for an agent, or a file `select.py` there would stand in for Python's own.
_AGENT = (
    f"import sys; sys.path[:] = [*filter(None, sys.path), {_ROOT!r}]; "
    "import _gluonkit_command; sys.exit(_gluonkit_command.main())"
)
_SERVE = (
    f"import sys; sys.path.append({_ROOT!r}); "
    "import _gluonkit_command; sys.exit(_gluonkit_command.main())"
)


class Process:
    """An agent and the process that it starts.

    Attributes
    ----------
    place : Place
        What it is and where.
    seat : Seat or None
        The same with its rank, as soon as that is known.
    argv : list of str
        Its command.
    ready : bool
        Whether the agent has answered, with the `port` and the `cores` of its machine.
    pid : int
        The process's number on its own machine.
    cpu : float
        Processor seconds that it and all below it have used.
    stopped : bool
        Whether one of them is stopped by a signal.
    status : int or None
        How it ended: an exit status, or the negative number of a signal.
    started, ended : float
        When, by the monotonic clock in seconds; 0 if it has not.
    heard : float
        When the agent was last heard of, by the same clock.
    lines : deque of str
        Its last lines of output.
    noise : deque of str
        What else came from the agent, or from ssh.
    """

    def __init__(self, place: Place, settings: Settings) -> None:
        self.place = place
        self.seat: Seat | None = None
        self.ready = self.stopped = False
        self.port = self.cores = self.pid = 0
        self.cpu = self.started = self.ended = 0.0
        self.status: int | None = None
        self.heard = time.monotonic()
        self.lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.noise: deque[str] = deque(maxlen=_LAST_LINES)
        # The thread that renews leases writes into the same pipe as the main one, in parts if it
        # is full.
        self._lock = threading.Lock()
        self._rest = {"stdout": b"", "stderr": b""}
        python = settings.there if place.host.name else settings.here
        serve = (python, "-c", _SERVE, "serve")
        self.argv = settings.argv if place.role == "worker" else serve
        command = [python, "-c", _AGENT, "agent"]
        if place.host.name:
            # ssh hands its words to a shell as one line, hence the quotes; by `exec` no shell
            # stays between.
            command = [*settings.ssh, place.host.name, f"exec {shlex.join(command)}"]
        self.agent = _started(command)

    def __str__(self) -> str:
        """Return a description: ``worker 1 on this machine``."""
        return f"{self.seat or self.place.role} on {self.place.host}"

    @property
    def key(self) -> tuple[str, str, int]:
        """Return role, address and port, by which ps-lite identifies the process."""
        return self.place.role, self.place.host.address, self.port

    def send(self, do: str, **values: Any) -> None:
        """Send the agent an order, unless it is gone."""
        data = json.dumps({"do": do, **values}).encode() + b"\n"
        pipe = self.agent.stdin
        with self._lock, suppress(OSError):  # the end of its output is handled elsewhere
            while data and pipe and not pipe.closed:
                data = data[os.write(pipe.fileno(), data) :]

    def ping(self) -> None:
        """Renew the agent's lease, unless its pipe is full."""
        pipe: Any = self.agent.stdin
        with suppress(OSError, ValueError):  # it may be closed at this moment
            if select.select([], [pipe], [], 0)[1]:
                self.send("ping")

    def hang_up(self) -> None:
        """Close the connection; if the agent was killed, kill what is left of its process."""
        with self._lock, suppress(OSError):
            if self.agent.stdin:
                self.agent.stdin.close()
        if self.agent.poll() is None:
            self.agent.kill()
            self.agent.wait()
        if self.pid and not self.place.host.name:  # orphans are children of the launcher now
            left = kernel.of_session(kernel.below(os.getpid()), self.pid)
            kernel.send(left, signal.SIGKILL)

    def read(self, stream: str) -> list[dict[str, Any]] | None:
        """Return the agent's new reports; None when the stream has ended.

        Other lines (a login's greeting, messages of ssh) are kept in `noise`.
        """
        pipe: Any = getattr(self.agent, stream)
        received = os.read(pipe.fileno(), _CHUNK)
        *lines, rest = (self._rest[stream] + received).split(b"\n")
        self._rest[stream] = rest if received else b""
        reports = []
        # At the end of the stream what has no line break is a line, too.
        for line in lines if received else [*lines, rest]:
            report = _report(line) if stream == "stdout" else None
            if report is not None:
                self.heard = time.monotonic()
                reports.append(report)
            elif line.strip():
                self.noise.append(line.decode(errors="replace").strip())
        return reports if received else None


def _report(line: bytes) -> dict[str, Any] | None:
    try:
        report = json.loads(line)
    except ValueError:
        return None
    return report if isinstance(report, dict) and "is" in report else None


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A buffer would hold bytes that `select` knows nothing of.
            bufsize=0,
            start_new_session=True,  # the terminal's Ctrl-C is the launcher's alone
        )
    except OSError as error:
        raise ArgumentError(
            f"`--ssh` begins with {command[0]!r}, which cannot be run here: {error.strerror}; "
            "give the command that runs another one on a host"
        ) from None
