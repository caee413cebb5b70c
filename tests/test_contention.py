"""Whether the machine is busy: by counters that are made up; `fit` and `compile` say so."""

import itertools
import os
from dataclasses import replace

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluonkit import compile, create_model, fit
from gluonkit.errors import BusyMachineWarning
from gluonkit.system import contention
from gluonkit.system.contention import (
    Contention,
    Counters,
    Lookout,
    Meter,
    counters,
    waited,
)
from gluonkit.system.spinning import warning
from tests.properties import REPEATABLE

BEGIN = Counters(wall=100.0, used=7.0, waited=3.0, busy=500.0, stolen=2.0)


def after(**seconds):
    """Return what a meter says of a span in which counters grow by so many seconds."""
    grown = {name: getattr(BEGIN, name) + value for name, value in seconds.items()}
    series = iter([BEGIN, replace(BEGIN, **grown)])
    return Meter(lambda: next(series)).contention()


@pytest.fixture
def noticing(monkeypatch):
    monkeypatch.setattr(contention, "BUSY", 0.1)


@pytest.mark.usefixtures("noticing")
class TestMeter:
    @pytest.mark.parametrize(
        ("seconds", "share", "busy"),
        [
            # Two threads on two idle processors.
            ({"wall": 1, "used": 2, "waited": 0.002, "busy": 2.01}, 0.001, False),
            # Two more processes there, each wants a processor.
            ({"wall": 1, "used": 1, "waited": 1, "busy": 2}, 0.5, True),
            # A thread alone with one of them, each on a processor of its own.
            ({"wall": 1, "used": 1, "waited": 0, "busy": 2}, 0, False),
            # Three threads of this process on two processors, and nobody else.
            ({"wall": 1, "used": 2, "waited": 1, "busy": 2}, 0, False),
            # The same, and others have a tenth of a processor.
            ({"wall": 1, "used": 1.9, "waited": 1.1, "busy": 2}, 0.05, False),
            # Another virtual machine has the processors.
            ({"wall": 1, "used": 1, "waited": 0, "busy": 1, "stolen": 1}, 0.5, True),
            # Asleep.
            ({"wall": 1, "busy": 2}, 0, False),
            # Too short for the processors' clocks.
            ({"wall": 0.02, "used": 0.01, "waited": 0.01, "busy": 0.02}, 0.5, False),
            # A system that tells nothing.
            ({"wall": 1, "used": 0.5}, 0, False),
        ],
    )
    def test_by_hand(self, seconds, share, busy):
        measured = after(**seconds)
        assert measured.share == pytest.approx(share, abs=1e-3)
        assert measured.is_busy == busy
        assert measured.seconds == pytest.approx(seconds["wall"])

    @REPEATABLE
    @given(*[st.floats(0, 1e4)] * 5)
    def test_a_share_is_from_0_to_1(self, wall, used, waiting, busy, stolen):
        measured = after(wall=wall, used=used, waited=waiting, busy=busy, stolen=stolen)
        assert 0 <= measured.share <= 1
        assert measured.lost <= waiting + stolen + 1e-6

    def test_in_words(self):
        assert str(Contention(seconds=2.0, used=1.0, lost=3.0)) == (
            "other processes had the processor for 75% of the time for which threads of this one "
            "were ready to run"
        )


class TestCounters:
    def test_read(self, tmp_path, monkeypatch):
        """Of this process's threads, and of the processors that it may use."""
        monkeypatch.setattr(contention.cpu, "logical_cpus", lambda: {1, 3})
        monkeypatch.setattr(os, "sysconf", {"SC_CLK_TCK": 100}.__getitem__)
        for thread, text in {"7": "5 2000000000 9", "8": "1 500000000 2", "9": ""}.items():
            (tmp_path / "self" / "task" / thread).mkdir(parents=True)
            (tmp_path / "self" / "task" / thread / "schedstat").write_text(text)
        (tmp_path / "self" / "task" / "10").mkdir()
        (tmp_path / "stat").write_text(
            "cpu  9 9 9 9 9 9 9 9 9 9\n"
            "cpu0 100 100 100 100 100 100 100 100 0 0\n"
            "cpu1 1 20 300 9999 9999 4000 50000 700 0 0\n"
            "cpu3 1000 0 0 0 0 0 0 1 0 0\n"
            "intr 5 6\n"
        )
        counted = counters(tmp_path)
        assert counted.waited == waited(tmp_path) == 2.5
        assert (counted.busy, counted.stolen) == (543.21 + 10, 7.01)

    def test_a_system_without_them(self, tmp_path):
        counted = counters(tmp_path)
        assert (counted.waited, counted.busy, counted.stolen) == (0, 0, 0)
        assert counted.wall > 0

    def test_here(self):
        """They only ever grow, whatever this system counts."""
        before = counters()
        sum(range(100_000))
        later = counters()
        assert later.wall > before.wall
        assert later.used > before.used
        assert later.busy >= before.busy


@pytest.mark.usefixtures("noticing")
class TestLookout:
    @staticmethod
    def looks(lost, seconds=400, step=0.1):
        """Return the times at which contention is told, and how often it is measured."""
        now = 0.0
        made = []

        class Fake:
            def __init__(self):
                self.began = now
                made.append(self)

            def contention(self):
                return Contention(now - self.began, used=1.0, lost=lost(now))

        lookout = Lookout(Fake, lambda: now)
        told = []
        for number in range(round(seconds / step)):
            now = number * step
            if lookout.look() is not None:
                told.append(now)
        return told, len(made)

    def test_an_idle_machine(self):
        told, measured = self.looks(lambda now: 0.0)
        assert told == []
        # After 1, 2, 4 ... 60 seconds, not at each step.
        assert measured <= 14

    def test_a_busy_one_is_told_once(self):
        told, _ = self.looks(lambda now: 1.0)
        assert told == [pytest.approx(1.0)]

    def test_one_that_becomes_busy(self):
        told, _ = self.looks(lambda now: 1.0 if now > 200 else 0.0)
        assert len(told) == 1
        assert 200 < told[0] <= 261


PROC = {
    "self/schedstat": "7 8 9\n",
    "self/mountinfo": "29 1 0:25 / /proc rw - proc proc rw\n",
    "stat": "cpu0 9 0 0 9 0 0 0 0 0 0\n",
}


@pytest.mark.parametrize(
    ("otherwise", "told"),
    [
        ({}, True),
        # A kernel that counts nothing, one without the file, and a container's own counters.
        ({"self/schedstat": "0 0 0\n"}, False),
        ({"self/schedstat": ""}, False),
        ({"self/mountinfo": "1 2 0:3 / /proc/stat rw - lxcfs x rw\n"}, False),
        ({"stat": ""}, False),
    ],
)
def test_whether_it_can_be_told(otherwise, told, monkeypatch, tmp_path):
    monkeypatch.setattr(contention.cpu, "logical_cpus", lambda: {0})
    (tmp_path / "self").mkdir()
    for name, text in (PROC | otherwise).items():
        (tmp_path / name).write_text(text)
    assert contention.can_be_told(tmp_path) == told
    assert not contention.can_be_told(tmp_path / "nowhere")


class TestWarning:
    @pytest.mark.parametrize(
        ("count", "chosen_by", "threads", "spinning"),
        [
            ("2", "gluonkit", True, True),
            ("1", "OpenMP", False, True),
            ("2", "user", True, False),
            ("1", "user", False, False),
        ],
    )
    def test_it_has_the_cure(self, count, chosen_by, threads, spinning, monkeypatch):
        """What is not done yet: fewer threads, and threads that do not spin."""
        monkeypatch.setenv("OMP_NUM_THREADS", count)
        monkeypatch.setattr("gluonkit.system.spinning.spin_count_set_by", chosen_by)
        text = warning("So it is.")
        assert text.startswith("the machine is busy: other processes have the processor")
        assert ("configure(threads=1)" in text) == threads
        assert ("OMP_WAIT_POLICY=passive" in text) == spinning
        assert text.endswith("So it is.") == (not threads and not spinning)


@pytest.fixture
def busy(noticing, monkeypatch):
    """A machine on which each second of this process's goes with one of waiting for others."""
    ticks = itertools.count()

    def made_up(*_):
        now = float(next(ticks))
        return Counters(wall=now, used=now, waited=now, busy=3 * now, stolen=0.0)

    monkeypatch.setattr(contention, "counters", made_up)


@pytest.mark.usefixtures("busy")
class TestTold:
    def test_by_compile(self):
        net = create_model("mlp", init=True)
        with pytest.warns(
            BusyMachineWarning, match="another may be the fastest when it is"
        ) as told:
            fast = compile(net, (2, 20), seconds=0.01)
        assert [warned.filename for warned in told] == [__file__]
        assert fast.explain().contention.share == 0.5
        assert "The machine was busy: other processes had the processor for 50%" in str(
            fast.explain()
        )
        assert fast.explain().to_dict()["contention"]["lost"] == 1.0

    def test_not_of_a_plan_that_is_given(self):
        fast = compile(create_model("mlp", init=True), (2, 20), plan="executor")
        assert fast.explain().contention is None

    def test_by_fit(self, monkeypatch):
        monkeypatch.setattr(contention, "_FIRST_SPAN", 0.0)
        x, y = numpy.zeros((64, 20), "float32"), numpy.zeros(64, "int32")
        with pytest.warns(BusyMachineWarning, match="Training takes longer by that") as told:
            history = fit(create_model("mlp", init=True), (x, y), epochs=3, batch_size=8)
        assert [warned.filename for warned in told] == [__file__]
        notes = [note for note in history.notes if note.startswith("the machine was busy: ")]
        assert len(notes) == 1
        assert "for 50% of the time" in notes[0]


def test_an_idle_machine_is_not_mentioned():
    fast = compile(create_model("mlp", init=True), (2, 20), seconds=0.01)
    assert "busy" not in str(fast.explain())
