"""OpenMP: its threads, how they wait, and for whom; left to the user who has chosen."""

import re

import pytest

from gluonkit.system import spinning
from gluonkit.system.contention import Contention

CHOSEN = spinning._LONG if spinning._can_watch() else spinning._bound()
UNSET = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
SHOW = {"OMP_DISPLAY_ENV": "VERBOSE"}
USE = "import gluonkit; gluonkit.nd.ones((2,)).wait_to_read(); "


def by_openmp(text):
    """Return what libgomp itself says of its variables: the policy and the number of spins."""
    # 'ACTIVE', 'PASSIVE', or a line without it; the number is there in the verbose display only.
    policy = re.search(r"OMP_WAIT_POLICY = '(\w+)'", text)[1]
    return policy, int(re.search(r"GOMP_SPINCOUNT = '(\d+)'", text)[1])


def test_what_gluonkit_chooses_reaches_openmp(python):
    done = python("-c", USE, drop=UNSET, env=SHOW)
    assert by_openmp(done.stderr) == ("ACTIVE", CHOSEN)


def test_it_is_told(python):
    code = USE + "r = gluonkit.runtime(); print(r.spin_count, r.spin_count_set_by)"
    assert python("-c", code, drop=UNSET).stdout == f"{CHOSEN} gluonkit\n"
    code = USE + "print(gluonkit.environment())"
    shown = python("-c", code, drop=UNSET).stdout
    assert f"threads that spin {CHOSEN:,} times" in shown
    on_a_busy_machine = f"{spinning._CROWDED:,} on a busy machine (set by gluonkit)"
    assert (on_a_busy_machine in shown) == spinning._can_watch()


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


WATCHED = (
    USE
    + """
import threading
print([thread.name for thread in threading.enumerate() if "gluonkit" in thread.name])
"""
)


@pytest.mark.parametrize("chosen", [{}, {"GOMP_SPINCOUNT": "77"}])
def test_who_has_chosen_is_not_watched(chosen, python):
    done = python("-c", WATCHED, drop=UNSET, env=chosen)
    expected = [] if chosen or not spinning._can_watch() else ["gluonkit-watch"]
    assert [name for name in eval(done.stdout) if name != "gluonkit-crowd"] == expected


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
    assert by_openmp(done.stderr) == ("ACTIVE", CHOSEN)


SPINNING = """
import ctypes, os, time
from gluonkit.system.spinning import Crowd

library = ctypes.CDLL("libgomp.so.1")
tasks = lambda: set(os.listdir("/proc/self/task"))

def spent():
    before = time.process_time()
    for _ in range(20):
        # A team of two does nothing; then its second thread spins, and sleeps.
        library.GOMP_parallel(ctypes.CDLL(None).free, None, 2, 0)
        time.sleep(0.05)
    return time.process_time() - before

crowd = Crowd(library)
alone = spent()
before = tasks()
crowd.gather()
time.sleep(0.2)
gathered = len(tasks() - before)
crowded = spent()
crowd.disperse()
time.sleep(0.2)
left = len(tasks() - before)
print(gathered, left, alone, crowded, spent())
"""


@pytest.mark.skipif(not spinning._can_watch(), reason="the system does not tell, or has a quota")
def test_a_crowd_has_threads_sleep_sooner(python):
    """By processor time, to which no other process adds."""
    settings = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "300000"}
    done = python("-c", SPINNING, env=settings)
    gathered, left, alone, crowded, again = map(float, done.stdout.split())
    assert (gathered, left) == (len(spinning.cpu.logical_cpus()) + 1, 0)
    assert crowded < alone / 3
    assert crowded < again / 3


class CountedCrowd(spinning.Crowd):
    """A team of which it is only noted whether it is there."""

    def __init__(self):
        self.is_there = False

    def gather(self):
        self.is_there = True

    def disperse(self):
        self.is_there = False


@pytest.mark.parametrize(
    ("lost", "there"),
    [
        # Seconds lost to others in each look, in which 0.2 were used.
        ([0, 0, 0.2], [False, False, True]),
        ([0.2, 0, 0, 0, 0.2], [True, True, True, False, True]),
        ([0.2, 0, 0, 0.2, 0, 0, 0], [True, True, True, True, True, True, False]),
        ([0.01, 0.01], [False, False]),
    ],
)
def test_the_watch(lost, there, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(spinning, "process_time", lambda: next(clock))
    looks = iter([Contention(seconds=0.2, used=0.2, lost=seconds) for seconds in lost])

    class MadeUp:
        def contention(self):
            return next(looks)

    monkeypatch.setattr("gluonkit.system.contention.BUSY", 0.1)
    crowd = CountedCrowd()
    watch = spinning.Watch(crowd, MadeUp)
    seen = []
    for _ in lost:
        watch.look()
        seen.append(crowd.is_there)
    assert seen == there


def test_a_process_that_sleeps_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(spinning, "process_time", lambda: 1.0)
    watch = spinning.Watch(CountedCrowd(), lambda: None)
    for _ in range(5):
        watch.look()


@pytest.mark.parametrize(("quota", "is_watched"), [(1.5, False), (2, True), (float("inf"), True)])
def test_who_has_a_quota_does_not_spend_it_on_spinning(quota, is_watched, monkeypatch):
    monkeypatch.setattr(spinning.contention, "can_be_told", lambda: True)
    monkeypatch.setattr(spinning.cpu, "cgroup_quota", lambda: quota)
    monkeypatch.setattr(spinning.cpu, "logical_cpus", lambda: {0, 1})
    assert spinning._can_watch() == is_watched


@pytest.mark.parametrize(("maker", "count"), [("GenuineIntel", 2000), ("AuthenticAMD", 1000)])
def test_a_look_lasts_longer_on_some_processors(maker, count, monkeypatch):
    monkeypatch.setattr(spinning.cpu, "is_arm", lambda: False)
    monkeypatch.setattr(spinning.cpu, "vendor", lambda: maker)
    assert spinning._bound() == count


def test_a_look_is_short_on_arm(monkeypatch):
    monkeypatch.setattr(spinning.cpu, "is_arm", lambda: True)
    assert spinning._bound() == 50_000


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
    settings = {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "1000"} | variables
    done = python("-c", TEAMS, drop=UNSET, env=settings)
    assert done.stdout == f"{threads}\n"
