"""What the tests of `gluonkit launch` share: running one, and finding what it left behind."""

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


def wait_until(true, seconds=120):
    """Wait until a condition holds, and fail if it never does."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.05)


def left(mark):
    """Return the processes whose environment has this in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            variables = (path / "environ").read_bytes().split(b"\0")
            state = (path / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in variables and state != "Z":
            found.append(int(path.name))
    return found


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
            assert self.process.poll() is None, self.output()
            return all(text in self.output() for text in texts)

        wait_until(there)

    def nothing_is_left(self):
        """Assert that all processes of the job are gone, or soon will be."""
        wait_until(lambda: not left(self.mark), 60)

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
