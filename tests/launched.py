"""What the tests of `gluonkit launch` share: running one, and finding what it left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]

LONG = 600
"""Seconds that nothing takes which works, on however busy a machine."""


def wait_until(true):
    """Wait until a condition holds, and fail if it never does."""
    limit = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.05)


def waits_for_a_lock(process):
    """Return whether the kernel has a process wait for the lock of a file."""
    waiting = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return any("->" in words and f"{process.pid}" in words for words in waiting)


def begun(start, has_begun):
    """Start a job with a timeout that ends it; a longer one where that is too short to begin in.

    Parameters
    ----------
    start : starts a job with a timeout in seconds.
    has_begun : whether a job has come to what the test is about.

    Returns
    -------
    Launched, int
        the job, and its timeout.
    """
    for limit in (8, 40, 200):
        job = start(limit)
        wait_until(lambda job=job: job.process.poll() is not None or has_begun(job))
        if has_begun(job):
            return job, limit
        assert f" {limit} s" in job.output(), job.output()
    raise AssertionError(job.output())


def reserved_port():
    """Return a socket, and its port, which nobody else is given as long as the socket is there.

    Whoever sets SO_REUSEADDR may listen there, as ps-lite and sshd do; until then it refuses.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved, f"{reserved.getsockname()[1]}"


def left(mark):
    """Return the processes whose environment has this in it."""
    pids = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            variables = (path / "environ").read_bytes().split(b"\0")
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in variables and state != "Z":
            pids.append(int(path.name))
    return pids


def show_environment(*names):
    """Return a line of Python that prints some of the environment."""
    return f"import os; print(*(os.environ.get(name) for name in {names}))"


class Launched:
    """A `gluonkit launch` that runs beside the test."""

    def __init__(self, args, folder, env, stdout):
        mark = uuid.uuid4().hex
        self.mark = f"LAUNCH_MARK={mark}"
        self.path = folder / f"output-{mark}"
        self.file = self.path.open("wb")
        variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "_gluonkit_command", "launch", *args],
            stdout=stdout or self.file,
            stderr=subprocess.STDOUT if stdout is None else self.file,
            cwd=folder,
            env=variables | {"PYTHONPATH": str(ROOT), "LAUNCH_MARK": mark} | env,
        )

    def output(self):
        return self.path.read_text()

    def wait_for(self, *texts):
        """Wait until all of these have been written."""

        def there():
            ended = self.process.poll() is not None  # before the look: its last words count
            present = all(text in self.output() for text in texts)
            assert present or not ended, self.output()
            return present

        wait_until(there)

    def status(self):
        """Wait for the end, and return the exit status."""
        try:
            return self.process.wait(2 * LONG)  # it may have its own timeout of that length
        except subprocess.TimeoutExpired:
            raise AssertionError(self.output()) from None

    def nothing_is_left(self):
        """Assert that all processes of the job are gone, or soon will be."""
        wait_until(lambda: not left(self.mark))

    def clean_up(self):
        """Kill whatever there is."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.file.close()
        for pid in left(self.mark):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def launcher(folder):
    """Give a function that starts a `gluonkit launch`; whatever is left at the end is killed."""
    jobs = []

    def launch(*args, env=None, stdout=None):
        jobs.append(Launched(args, folder, env or {}, stdout))
        return jobs[-1]

    try:
        yield launch
    finally:
        for job in jobs:
            job.clean_up()
