"""OpenMP: its threads, how they wait, and for whom; left to the user who has chosen."""

import re

import pytest

from gluonkit.system import openmp

UNSET = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
SHOW = {"OMP_DISPLAY_ENV": "VERBOSE"}
USE = "import gluonkit; gluonkit.nd.ones((2,)).wait_to_read(); "


def by_openmp(text):
    """Return what libgomp itself says of its variables: the policy and the number of spins."""
    # 'ACTIVE', 'PASSIVE', or a line without it; the number is there in the verbose display only.
    policy = re.search(r"OMP_WAIT_POLICY = '(\w+)'", text)[1]
    return policy, int(re.search(r"GOMP_SPINCOUNT = '(\d+)'", text)[1])


def test_bounded_spinning_reaches_openmp(python):
    done = python("-c", USE, drop=UNSET, env=SHOW)
    assert by_openmp(done.stderr) == ("ACTIVE", openmp._bound())


def test_it_is_told(python):
    code = USE + "r = gluonkit.runtime(); print(r.spin_count, r.spin_count_set_by)"
    assert python("-c", code, drop=UNSET).stdout == f"{openmp._bound()} gluonkit\n"
    code = USE + "print(gluonkit.environment())"
    shown = python("-c", code, drop=UNSET).stdout
    assert f"threads that spin {openmp._bound():,} times (set by gluonkit)" in shown


@pytest.mark.parametrize(
    ("chosen", "spins"),
    [
        ({"OMP_WAIT_POLICY": "passive"}, 0),
        ({"GOMP_SPINCOUNT": "77"}, 77),
        ({"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "88"}, 88),
    ],
)
def test_what_the_user_has_chosen_holds(chosen, spins, python):
    code = USE + "r = gluonkit.runtime(); print(r.spin_count, r.spin_count_set_by)"
    done = python("-c", code, drop=UNSET, env=chosen | SHOW)
    assert by_openmp(done.stderr)[1] == spins
    count = chosen.get("GOMP_SPINCOUNT")
    assert done.stdout == f"{count} user\n"


def test_nothing_is_left_in_the_environment(python):
    """A program that the process starts, or another OpenMP in it, would spin for ever by it."""
    code = USE + f"import os; print([name for name in {UNSET} if os.environ.get(name) is not None])"
    assert python("-c", code, drop=UNSET).stdout == "[]\n"


def test_openmp_that_is_loaded_already(python):
    """It has read its variables: nothing is claimed that cannot hold."""
    code = (
        "import ctypes; ctypes.CDLL('libgomp.so.1'); "
        + USE
        + "r = gluonkit.runtime(); print(r.spin_count, r.spin_count_set_by)"
    )
    done = python("-c", code, drop=UNSET, env=SHOW)
    assert done.stdout == "None OpenMP\n"
    assert by_openmp(done.stderr)[1] == 300_000  # libgomp's own


def test_the_first_import_of_mxnet_by_a_script(gluonkit, tmp_path):
    (tmp_path / "old.py").write_text("import mxnet as mx\nmx.nd.ones((2,)).wait_to_read()\n")
    done = gluonkit("run", "old.py", drop=UNSET, env=SHOW)
    assert by_openmp(done.stderr) == ("ACTIVE", openmp._bound())


@pytest.mark.parametrize(("maker", "count"), [("GenuineIntel", 2000), ("AuthenticAMD", 1000)])
def test_a_look_lasts_longer_on_some_processors(maker, count, monkeypatch):
    monkeypatch.setattr(openmp.cpu, "is_arm", lambda: False)
    monkeypatch.setattr(openmp.cpu, "vendor", lambda: maker)
    assert openmp._bound() == count


def test_a_look_is_short_on_arm(monkeypatch):
    monkeypatch.setattr(openmp.cpu, "is_arm", lambda: True)
    assert openmp._bound() == 50_000


TEAMS = """
import os
import gluonkit
from gluonkit import nd
import numpy

def tasks():
    return len(os.listdir("/proc/self/task"))

nd.dot(nd.ones((256, 256)), nd.ones((256, 256))).wait_to_read()  # the engine's team
before = tasks()
large = nd.array(numpy.ones((1000, 1000), dtype="float32"))  # copied in Python's thread
assert (large.copy().asnumpy() == 1).all()
print(tasks() - before)
"""


@pytest.mark.parametrize(("variables", "threads"), [({}, 0), ({"MXNET_CPU_PARALLEL_SIZE": "9"}, 1)])
def test_large_copies_make_no_second_team(variables, threads, python):
    """More threads than cores, of whatever team, hardly spin at all; the second case shows it."""
    done = python("-c", TEAMS, drop=UNSET, env={"OMP_NUM_THREADS": "2"} | variables)
    assert done.stdout == f"{threads}\n"
