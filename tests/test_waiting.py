"""How long training waited for data; batch sizes by throughput."""

import io
import json
import re
import sys
import time
from types import SimpleNamespace

import numpy
import pytest

from gluonkit import fit, mx
from gluonkit.callbacks import Progress
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.train import batch_sizes, find_batch_size, waiting
from gluonkit.train.waiting import DataClock, Pace
from tests.networks import values
from tests.test_fit import mlp, samples


class Time:
    """A clock that goes when it is told."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    time = Time()
    monkeypatch.setattr(waiting, "perf_counter", time)
    return time


def test_what_is_made_while_the_engine_computes_is_no_waiting(clock, monkeypatch):
    """Steps compute for 3 seconds; batches take 1, 5, 2, ... of which 5 - 3 is waited for."""
    busy = {"until": 0.0}

    def waitall():
        clock.now = max(clock.now, busy["until"])

    monkeypatch.setattr(waiting.mx.nd, "waitall", waitall)
    kept = DataClock()
    waited = [1.0, 2.0, 0.0, 0.0, 4.0]  # nothing computes while the first is made
    for made, wanted in zip([1.0, 5.0, 2.0, 3.0, 7.0], waited, strict=True):
        before = kept.seconds
        kept.ask()
        clock.now += made
        kept.take()
        assert kept.seconds - before == wanted
        busy["until"] = clock.now + 3.0
    kept.add(0.5)
    assert kept.seconds == 7.5
    kept.reset()
    assert kept.seconds == 0


def test_the_pace_is_that_of_the_last_second():
    pace = Pace()
    assert pace.look(0.0, 0, 0.0) == (0.0, 0.0)
    assert pace.look(0.5, 100, 0.1) == (200.0, 0.2)
    for tenth in range(6, 31):  # then 50 samples a second, half of the time waited for
        seconds = tenth / 10
        seen = pace.look(seconds, 100 + round((seconds - 0.5) * 50), 0.1 + (seconds - 0.5) / 2)
    assert seen[0] == pytest.approx(50, rel=0.05)
    assert seen[1] == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("compiled", [True, False])
def test_slow_data_are_waited_for_and_arrays_are_not(compiled):
    """Of batches that take a hundredth of a second each, whatever the machine does beside."""
    x, y = samples(40)
    ready = [(mx.nd.array(x[i : i + 8]), mx.nd.array(y[i : i + 8])) for i in range(0, 40, 8)]

    class Slow:
        def __iter__(self):
            for batch in ready:
                time.sleep(0.05)
                yield batch

    row = fit(mlp(), Slow(), epochs=2, compiled=compiled).last
    assert 0 < row["data_wait"] <= 1
    # The first of each epoch is waited for in any case.
    assert row["data_wait"] * row["seconds"] >= 0.05
    assert 0 <= fit(mlp(), ready, epochs=2, compiled=compiled).last["data_wait"] <= 1


def test_the_live_line_has_both():
    """What a terminal shows: throughput of the last second, and the part of it that data took."""
    shown = []

    class Bar:
        console = SimpleNamespace(width=200)

        def update(self, task, **fields):
            shown.append(fields["figures"])

    class Run:
        seconds, samples, waited, step_in_epoch = 0.0, 0, 0.0, 0
        epoch = epochs = steps = 1

        def figures(self):
            return {"loss": 0.5}

    live, run = Progress(live=False), Run()
    live.on_epoch_begin(run)
    live._bar = Bar()
    for seconds, done, waited in ((1.0, 2000, 0.25), (2.0, 2500, 1.0)):
        run.seconds, run.samples, run.waited, live._next = seconds, done, waited, 0.0
        live.on_step_end(run)
    assert shown == [
        "loss 0.5, 2,000 samples/s, data wait 25%",
        "loss 0.5, 500 samples/s, data wait 75%",
    ]


def test_a_terminal_shows_both_every_second(monkeypatch):
    """As the user sees it: an epoch whose batches take 50 ms each, and the text that is drawn."""
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    x, y = samples(8)
    batch = mx.nd.array(x), mx.nd.array(y)

    class Slow:
        def __iter__(self):
            for _ in range(50):
                time.sleep(0.05)
                yield batch

    row = fit(mlp(), Slow(), epochs=1).last
    text = stream.getvalue()
    shown = re.findall(r"([\d,.]+) samples/s, data wait (\d+)%", text)
    # Figures are looked at five times a second, and each look gives others.
    assert row["seconds"] >= 2.5
    assert len(set(shown[:-1])) >= 2
    for rate, waited in shown[:-1]:
        # Faster than its data come it cannot be, whatever the machine does beside.
        assert 0 < float(rate.replace(",", "")) <= 8 / 0.05 * 1.01
        assert 0 <= int(waited) <= 100
    assert any(int(waited) > 0 for _, waited in shown)
    # The line of the epoch has them, too.
    line = next(line for line in reversed(text.split("\n")) if "epoch 1/1: " in line)
    assert re.search(r"samples/s \d+, data wait \d+%", line)


def test_lines_of_epochs_have_both(capsys):
    fit(mlp(), samples(), epochs=2, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert re.search(r"samples/s [\d,]+, data wait \d+%", line)


def test_sizes_are_tried_and_the_weights_put_back():
    net = mlp()
    before = values(net)
    report = find_batch_size(net, samples(100), low=8, high=64, seconds=0.001, optimizer="adam")
    assert [row.batch_size for row in report.sizes] == [8, 16, 32, 64]
    assert all((a == b).all() for a, b in zip(values(net), before, strict=True))
    for row in report.sizes:
        assert row.samples_per_second == row.batch_size / row.seconds
        assert row.steps >= 5
    best = max(row.samples_per_second for row in report.sizes)
    good = [row.batch_size for row in report.sizes if row.samples_per_second >= 0.9 * best]
    assert report.suggestion == min(good)
    assert json.loads(json.dumps(report.to_dict()))["suggestion"] == report.suggestion
    assert f"suggested: {report.suggestion}, the smallest" in str(report)
    few = find_batch_size(net, samples(20), low=8, high=64, seconds=0.001)
    assert [row.batch_size for row in few.sizes] == [8, 16]


def test_only_full_batches_are_timed(monkeypatch):
    time = Time()
    monkeypatch.setattr(batch_sizes, "perf_counter", time)
    kept = batch_sizes._StepClock(5.0)

    class Run:
        seconds, steps, stopped = 0.25, 3, False

        def stop(self, why):
            self.stopped = True

    run = Run()
    for _ in range(4):  # epochs of two full batches and one short, which takes an hour
        kept.on_epoch_begin(run)
        for number in range(1, 4):
            time.now += 2.0 if number == 2 else 3600.0
            run.step_in_epoch = number
            kept.on_step_end(run)
    assert sorted(set(kept._times)) == [0.25, 2.0]
    assert run.stopped
    assert kept.row(8).seconds == numpy.median(kept._times)


def loader():
    from gluonkit.data import BatchLoader

    return BatchLoader(samples(20), 4)


REFUSED = [
    (ArgumentError, "`low` is 64 and `high` is 8, of 20 samples", {"low": 64, "high": 8}),
    (ArgumentError, "`low` is 32 and `high` is 64, of 20 samples", {"low": 32, "high": 64}),
    (ArgumentError, "`low` is 0; give a whole number from 1", {"low": 0}),
    (ArgumentError, "`seconds` is 0; give a positive number", {"seconds": 0}),
    (
        ArgumentError,
        "`optimizer_params` has 'learning_rate', but nothing is learnt",
        {"optimizer_params": {"learning_rate": 0.1}},
    ),
    (ArgumentTypeError, "`train` is a BatchLoader, of which batches of any", {"train": loader()}),
]


@pytest.mark.parametrize(("kind", "text", "options"), REFUSED)
def test_what_is_refused(kind, text, options):
    given = {"train": samples(20), **options}
    with pytest.raises(kind, match=text):
        find_batch_size(mlp(), given.pop("train"), **given)
