"""Fixtures: array modes, seeds, and processes of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

# Several tests run at once: threads that wait for work are to leave the processor to others.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Tables are as wide as a terminal, and tests compare them.
os.environ.pop("COLUMNS", None)
# What is warned of, and noted, depends on what runs beside these tests; so in processes of theirs.
os.environ["PYTHONWARNINGS"] = "ignore:the machine"

from gluonkit import mx, npx
from gluonkit.exporting.torch.process import WITHOUT, find_torch
from gluonkit.system import contention
from tests.launched import LONG, reserved_port

contention.BUSY = float("inf")

ROOT = Path(__file__).parents[1]

# A shell that starts the tests in the background has them, and all their children, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["np", "nd"])
def array_mode(request):
    """Run the test once in NumPy mode and once in legacy mode."""
    if request.param == "np":
        npx.set_np()
    yield request.param
    npx.reset_np()


@pytest.fixture(autouse=True)
def seed():
    """Start every test from the same random streams, and leave the legacy mode on."""
    mx.random.seed(0)
    numpy.random.seed(0)
    yield 0
    npx.reset_np()


@pytest.fixture
def uniform(array_mode):
    """Return a function that draws an MXNet array of the active mode from U[0, 1)."""

    def draw(*shape):
        if array_mode == "np":
            return mx.np.random.uniform(size=shape)
        return mx.nd.random.uniform(shape=shape)

    return draw


@pytest.fixture
def nobody():
    """Return an address at which nobody answers: all that is asked of it is refused."""
    kept, port = reserved_port()
    with kept:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def python(tmp_path):
    """Return a function that runs Python in a process of its own, in a folder of its own."""

    def run(*args, env=None, drop=(), **options):
        variables = {name: value for name, value in os.environ.items() if name not in drop}
        # What gluonkit chose for this process is not the new process's choice.
        variables.pop("OMP_NUM_THREADS", None)
        variables["PYTHONPATH"] = str(ROOT)
        variables |= env or {}
        return subprocess.run(
            [sys.executable, *args],
            **{"capture_output": True, "text": True, "timeout": LONG, "cwd": tmp_path} | options,
            env=variables,
            check=False,
        )

    return run


@pytest.fixture
def gluonkit(python):
    """Return a function that runs the `gluonkit` command in a process of its own."""

    def run(*args, **options):
        return python("-m", "_gluonkit_command", *args, **options)

    return run


@pytest.fixture
def torch_python():
    """Return a Python that has torch, or skip the test."""
    return find_torch() or pytest.skip(WITHOUT)
