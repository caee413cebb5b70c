"""The agent: a small supervisor beside each process of a job, on the process's own machine.

It takes orders as lines of JSON on its standard input and reports by lines of JSON on its
standard output. When the launcher is gone (the input ends, or a far launcher's lease runs out),
it ends everything that it has started. It imports the standard library only, to start fast.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from gluonkit._base import cpu
from gluonkit.distributed.launch import kernel
from gluonkit.distributed.launch.pipes import CHUNK, Lines, Outbox

GRACE = 3.0
"""Seconds between asking processes to end and killing them."""


def main(args: Sequence[str]) -> int:
    """Run an agent on standard input and output."""
    Agent(sys.stdin.fileno(), sys.stdout.fileno()).run()
    return 0


class Agent:
    """Supervises one process and everything that it starts.

    It reads orders from the launcher, and writes reports to it, by two file descriptors.
    """

    def __init__(self, orders: int, reports: int) -> None:
        self._orders, self._reports = orders, reports
        self._outbox = Outbox(reports)
        self._order = b""  # the beginning of an incomplete order
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders, selectors.EVENT_READ)
        self._child: subprocess.Popen[bytes] | None = None
        self._status: int | None = None
        self._streams: dict[int, Lines] = {}
        self._port: socket.socket | None = None
        self._kill_at: float | None = None  # set while everything is being terminated
        self._lease, self._beat = 0.0, 1.0
        self._heard = self._beaten = self._read = time.monotonic()

    def run(self) -> None:
        """Execute orders and report until the process and its descendants have ended."""
        kernel.adopt_orphans()
        signals, theirs = socket.socketpair()
        for end in (signals, theirs):
            end.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._selector.register(signals, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # it only wakes the selector
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: self._end(GRACE))
        while not self._over():
            self._turn(signals)
        if self._child is not None:
            self._report_usage()
            self._outbox.report("ended", status=self._status)
        self._outbox.finish()

    def _turn(self, signals: socket.socket) -> None:
        """Wait for events, at most for a fraction of a second, and handle them."""
        self._listen(self._reports, bool(self._outbox), selectors.EVENT_WRITE)
        for stream in self._streams:  # back pressure: if the launcher is slow, the process waits
            self._listen(stream, not self._outbox.full, selectors.EVENT_READ)
        ending = self._kill_at is not None
        for key, _ in self._selector.select(0.05 if ending else self._beat / 2):
            if key.fd == self._orders:
                self._take_orders()
            elif key.fd in self._streams:
                self._take_output(key.fd)
            elif key.fileobj is signals:
                signals.recv(CHUNK)
        self._outbox.flush()
        self._reap()
        now = time.monotonic()
        if self._outbox.broken or (self._lease and now - self._heard > self._lease):
            self._lose_launcher()
        if self._kill_at is not None and now >= self._kill_at:
            kernel.send(kernel.below(os.getpid()), signal.SIGKILL)
        if self._child and now - self._beaten >= self._beat and not self._outbox.full:
            self._beaten = now
            self._report_usage()

    def _listen(self, descriptor: int, wanted: bool, event: int) -> None:
        registered = descriptor in self._selector.get_map()
        if wanted and not registered:
            self._selector.register(descriptor, event)
        elif registered and not wanted:
            self._selector.unregister(descriptor)

    # Orders

    def _take_orders(self) -> None:
        received = os.read(self._orders, CHUNK)
        if not received:
            self._lose_launcher()
            return
        self._heard = time.monotonic()
        *lines, self._order = (self._order + received).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order["do"] == "prepare":
                self._prepare(order)
            elif order["do"] == "start":
                self._start(order["argv"], order["environment"])
            elif order["do"] == "end":
                self._end(order["grace"])

    def _prepare(self, order: dict[str, Any]) -> None:
        """Check that the process can be started here, and reserve a port for it."""
        self._lease, self._beat = order["lease"], order["beat"]
        path = os.environ.get("PATH", os.defpath)
        # The launcher's Python first, so that it is what `python` means in a command.
        os.environ["PATH"] = os.pathsep.join(filter(None, [order["path"], path]))
        try:
            os.chdir(order["folder"])
        except OSError as error:
            self._outbox.report("refused", cause="folder", why=error.strerror)
            return
        if shutil.which(order["program"]) is None:
            why = "it is not executable" if os.path.exists(order["program"]) else ""
            self._outbox.report("refused", cause="program", why=why)
            return
        # Nobody ever listens on this socket. It keeps the port from everybody else, while the
        # process may still bind it: both set SO_REUSEADDR, as ps-lite's ZeroMQ does.
        self._port = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._port.bind((order["address"], order["port"]))
        except OSError as error:
            what = "address" if error.errno == errno.EADDRNOTAVAIL else "port"
            self._outbox.report("refused", cause=what, why=error.strerror)
            return
        port = self._port.getsockname()[1]
        self._outbox.report("ready", port=port, cores=cpu.usable_cores())

    def _start(self, argv: list[str], environment: dict[str, str]) -> None:
        me = os.getpid()
        try:
            self._child = subprocess.Popen(
                argv,
                env=os.environ | environment,
                # The agent's own input has the launcher's orders.
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # By its session the launcher finds what is left of it if this agent is killed.
                start_new_session=True,
                preexec_fn=lambda: kernel.end_with(me),  # noqa: PLW1509 (there are no threads)
            )
        except OSError as error:
            self._outbox.report("refused", cause="program", why=error.strerror)
            return
        for name, pipe in (("stdout", self._child.stdout), ("stderr", self._child.stderr)):
            if pipe is not None:
                self._streams[pipe.fileno()] = Lines(name)
        self._outbox.report("started", pid=self._child.pid)

    # Reports

    def _report_usage(self) -> None:
        seconds, stopped = kernel.usage(kernel.below(os.getpid()))
        past = resource.getrusage(resource.RUSAGE_CHILDREN)  # those that have ended
        used = seconds + past.ru_utime + past.ru_stime
        self._outbox.report("beat", cpu=round(used, 2), stopped=stopped)

    def _take_output(self, stream: int) -> None:
        received = os.read(stream, CHUNK)
        for text in self._streams[stream].cut(received):
            self._outbox.report("line", stream=self._streams[stream].name, text=text)
        self._read = time.monotonic()
        if not received:
            self._selector.unregister(stream)
            del self._streams[stream]

    # The end

    def _end(self, grace: float) -> None:
        """Terminate all descendants; kill those that are left after `grace` seconds."""
        kill_at = time.monotonic() + grace
        if self._kill_at is None:
            below = kernel.below(os.getpid())
            kernel.send(below, signal.SIGTERM)
            kernel.send(below, signal.SIGCONT)  # otherwise a stopped process would not handle it
            self._kill_at = kill_at
        self._kill_at = min(self._kill_at, kill_at)

    def _lose_launcher(self) -> None:
        self._lease = 0.0
        self._outbox.broken = True
        self._listen(self._orders, False, selectors.EVENT_READ)
        self._end(GRACE)

    def _reap(self) -> None:
        """Reap descendants that have ended; when the supervised process has, end the others."""
        while True:
            try:
                # WNOWAIT only looks: the child must be reaped by its `Popen`, which would lose its
                # status.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            if self._child and ended.si_pid == self._child.pid:
                self._status = self._child.wait()
                self._end(GRACE)
            else:
                os.waitpid(ended.si_pid, 0)  # an orphan that was adopted

    def _over(self) -> bool:
        if self._kill_at is None:
            return False
        now = time.monotonic()
        if self._child and (self._status is None or kernel.below(os.getpid())):
            return now > self._kill_at + 2  # a process that cannot be killed is left alone
        # Output may still wait for the launcher; a stream that somebody else holds open may not.
        return not self._streams or (not self._outbox.full and now > self._read + 1)
