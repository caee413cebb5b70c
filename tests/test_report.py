"""The benchmark's report: table, HTML, JSON, CSV and plot hold the same figures."""

import csv
import io
import json
from dataclasses import replace

import pytest

from gluonkit import bench, environment
from gluonkit.benchmark import BenchReport, BenchRow, Measurement, SpeedUp, merged
from gluonkit.errors import ArgumentError
from gluonkit.plot import plot_bench


def timed(median, first=0.01):
    return Measurement(first, (), 10, (median,) * 8, (median / 2,) * 8)


EAGER = BenchRow("net", "random", "forward", 4, (4, 20), "eager", timed(2e-4))
STATIC = replace(
    EAGER,
    variant="static",
    measurement=timed(1e-4, first=1e-2),
    speed_up=SpeedUp(2.0, 1.9, 2.1),
    pays_after=99,
)
BROKEN = replace(EAGER, variant="hybrid", measurement=None, problem="output 0 differs")
SLOWER = replace(STATIC, speed_up=SpeedUp(0.5, 0.4, 0.6), pays_after=None)
SAME = replace(STATIC, speed_up=SpeedUp(1.0, 0.9, 1.1), pays_after=None)


def report(*rows, **options):
    return BenchReport(rows, environment(), **options)


def test_table():
    text = str(report(EAGER, BROKEN, STATIC))
    lines = text.splitlines()
    assert lines[0] == "net · forward · input 4x20, random"
    assert "eager      200 µs      0%    100 µs     20,000         –  –" in lines[3]
    assert "×2.00 faster [1.90, 2.10]" in text
    assert "99 calls" in text
    assert "9.90 ms" in text
    assert "  hybrid: output 0 differs" in lines
    assert str(environment()) in text
    assert max(map(len, lines)) <= 100
    long = replace(BROKEN, problem="word " * 60)
    assert max(map(len, str(report(EAGER, long)).splitlines())) <= 100


def test_verdicts():
    assert "×2.00 slower [1.67, 2.50]" in str(report(EAGER, SLOWER))
    assert str(report(EAGER, SLOWER)).splitlines()[4].endswith("never")
    assert "no significant difference" in str(report(EAGER, SAME))
    assert str(report(EAGER, SAME)).splitlines()[4].endswith("–")
    free = replace(STATIC, pays_after=0)
    assert str(report(EAGER, free)).splitlines()[4].endswith("at once")
    one = replace(STATIC, pays_after=1)
    assert str(report(EAGER, one)).splitlines()[4].endswith("1 call")


def test_noise_is_said():
    noisy = replace(EAGER, measurement=Measurement(1, (), 1, (1.0, 1, 5, 5), (1.0, 1, 5, 5)))
    text = str(report(noisy, replace(noisy, mode="train")))
    assert text.count("eager ?") == 2
    assert text.count("the times vary too much") == 1
    assert "the times vary too much" in report(noisy)._repr_html_()
    assert "the times vary" not in str(report(EAGER))


def test_ok():
    assert report(EAGER, STATIC).ok
    assert not report(EAGER, BROKEN).ok


def test_json_holds_everything():
    data = json.loads(json.dumps(report(EAGER, BROKEN, STATIC).to_dict()))
    assert data["environment"] == environment().to_dict()
    assert data["rows"][0]["measurement"]["times"] == [2e-4] * 8
    assert data["rows"][1]["measurement"] is None
    assert data["rows"][2]["verdict"] == "×2.00 faster"
    assert data["rows"][2]["speed_up_low"] == 1.9


def test_csv_holds_every_row():
    rows = list(csv.DictReader(io.StringIO(report(EAGER, BROKEN, STATIC).to_csv())))
    assert [row["variant"] for row in rows] == ["eager", "hybrid", "static"]
    assert float(rows[0]["median"]) == 2e-4
    assert rows[1]["median"] == ""
    assert rows[1]["problem"] == "output 0 differs"
    assert rows[2]["mxnet"] == environment().mxnet
    assert rows[2]["input_shape"] == "4x20"
    assert report().to_csv() == ""


def test_html():
    html = report(EAGER, BROKEN)._repr_html_()
    assert html.count("<table>") == 1
    assert "200 µs" in html
    assert "hybrid: output 0 differs" in html


def test_merged():
    both = merged([report(EAGER), report(STATIC, interrupted=True)])
    assert both.rows == (EAGER, STATIC)
    assert both.interrupted


def test_plot_draws_every_timed_row(tmp_path):
    figure = plot_bench(report(EAGER, BROKEN, STATIC, replace(EAGER, mode="train")))
    axes = figure.axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert "net · forward · input 4x20, random" in texts
    assert "×2.00 faster [1.90, 2.10]" in texts
    widths = [patch.get_width() for patch in axes.patches]
    assert widths == [1.0, 0.5, 1.0]
    figure.savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_plot_cuts_outliers_off():
    wild = replace(STATIC, speed_up=SpeedUp(0.01, 0.001, 1.2))
    assert plot_bench(report(EAGER, wild)).axes[0].get_xlim()[1] <= 3


def test_plot_of_nothing():
    with pytest.raises(ArgumentError, match="`report` holds no timed row"):
        plot_bench(report(BROKEN))


def test_a_real_report_renders():
    real = bench("mlp", seconds=0.02)
    assert str(real)
    assert plot_bench(real)
    assert real.to_csv().count("\n") == 8
