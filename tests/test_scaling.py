"""The cost model of distributed training: its formulas by hand, and the page that shows it."""

import importlib
import json
import sys

import pytest

from tests.conftest import ROOT

sys.path.append(str(ROOT / "benchmarks"))
model = importlib.import_module("scaling_model")
scaling = importlib.import_module("scaling")
distributed = importlib.import_module("distributed")

COSTS = model.Costs(
    message=1e-3, each_worker=1e-4, each_part=2e-4, worker_byte=1e-9, server_byte=2e-9
)
SMALL = model.Network("small", 250_000, fixed=1e-3, sample=1e-4, update=4e-9)  # 1 MB
LARGE = model.Network("large", 2_500_000, fixed=0.0, sample=1e-2, update=0.0)  # 10 MB


def test_a_step_without_a_job_is_its_parts():
    assert SMALL.compute(10) == pytest.approx(1e-3 + 10 * 1e-4 + 1e-3)
    assert SMALL.faster(10).compute(10) == pytest.approx(3e-4)


def test_a_step_on_one_machine():
    step = model.step(SMALL, COSTS, model.Cluster(4, 2, slowdown=2.0), 10)
    assert step.compute == pytest.approx(6e-3)  # two workers to a core
    # It is small, so it lies on one server: three more workers, 1 ns and 4 × 2 ns a byte.
    assert step.processors == pytest.approx(1e-3 + 3e-4 + 1e-3 + 8e-3)
    assert (step.wire, step.latency) == (0, 0)
    assert step.total == pytest.approx(step.compute + step.processors)


def test_large_arrays_are_divided_among_servers():
    step = model.step(LARGE, COSTS, model.Cluster(4, 2), 10)
    assert step.processors == pytest.approx(1e-3 + 3e-4 + 2e-4 + 10e-3 + 40e-3)
    assert model.Cluster(4, 2).parts(999_999) == 1
    assert model.Cluster(4, 2).parts(1_000_000) == 2
    assert model.Cluster(4, 2, bound=10).parts(10) == 2


@pytest.mark.parametrize(
    ("workers", "servers", "beside", "copies"),
    [
        (1, 1, True, 0),  # nobody to send to
        (1, 1, False, 1),
        (2, 1, True, 1),
        (5, 1, True, 4),  # the others' gradients meet at one server
        (5, 1, False, 5),
        (4, 2, True, 1.5),  # three others, half an array each
        (4, 4, True, 0.75),  # a quarter of its own stays with each
        (4, 8, False, 1),  # its own link is the slower one
    ],
)
def test_the_busiest_link(workers, servers, beside, copies):
    cluster = model.Cluster(workers, servers, link=1e8, latency=1e-3, beside=beside)
    assert cluster.wire(0.95e7, servers) == pytest.approx(copies * 0.1)


def test_a_step_over_a_network():
    cluster = model.Cluster(3, 1, link=1e8, latency=2e-3)
    step = model.step(LARGE, COSTS, cluster, 1)
    assert step.wire == pytest.approx(2 * 2 * 1e7 / 0.95e8)  # there and back, two others
    assert step.latency == pytest.approx(4e-3)
    bits = model.step(LARGE, COSTS, cluster, 1, compressed=True)
    assert bits.latency == pytest.approx(8e-3)  # a push, and a pull
    assert bits.wire == pytest.approx((2 / 16 + 2) * 1e7 / 0.95e8)
    alone = model.step(LARGE, COSTS, model.Cluster(1, 1, link=1e8, latency=2e-3), 1)
    assert (alone.wire, alone.latency) == (0, 0)


def test_compression_costs_processors_something():
    costs = model.Costs(1e-3, 0, 0, 0, 0, bits_byte=1e-9)
    assert costs.round(1e6, 3, 1, compressed=True) == pytest.approx(1e-3 + 4e-3)
    assert costs.round(1e6, 3, 1) == pytest.approx(1e-3)


def test_accumulating_exchanges_less_often():
    cluster = model.Cluster(2)
    once = model.step(SMALL, COSTS, cluster, 10)
    often = model.step(SMALL, COSTS, cluster, 10, accumulate=3)
    assert often.processors == once.processors
    assert often.compute == pytest.approx(3e-3 + 2 * 2e-3)  # one update
    assert model.speed(SMALL, COSTS, cluster, 10, accumulate=3) == pytest.approx(60 / often.total)


def test_speed_efficiency_and_epochs():
    cluster = model.Cluster(2)
    step = model.step(SMALL, COSTS, cluster, 10)
    assert model.speed(SMALL, COSTS, cluster, 10) == pytest.approx(20 / step.total)
    assert model.efficiency(SMALL, COSTS, cluster, 10) == pytest.approx(step.compute / step.total)
    seconds = model.epoch(SMALL, COSTS, cluster, 10, 5)
    assert seconds == pytest.approx(5 * step.total + step.processors)


def test_a_fit_finds_what_the_rounds_were_made_of():
    cases = [(16, 1, 1), (4e5, 1, 1), (16, 2, 1), (4e6, 2, 1), (4e6, 2, 2), (4e6, 4, 4)]
    rounds = [model.Round(*case, COSTS.round(*case)) for case in cases]
    costs = model.fitted(rounds)
    for name in ("message", "each_worker", "each_part", "worker_byte", "server_byte"):
        assert getattr(costs, name) == pytest.approx(getattr(COSTS, name), rel=1e-6), name


def test_a_fit_has_no_negative_cost():
    rounds = [model.Round(*case) for case in [(4, 1, 1, 2e-3), (4, 2, 1, 1e-3), (4, 1, 2, 1e-3)]]
    costs = model.fitted([*rounds, model.Round(4e6, 1, 1, 1.0), model.Round(4e6, 2, 1, 2.0)])
    assert min(costs.message, costs.each_worker, costs.each_part) >= 0
    assert min(costs.worker_byte, costs.server_byte) >= 0


def test_the_best_number_of_servers_is_the_fastest():
    cluster = model.Cluster(16, 1, link=1e8, bound=1)
    best = model.best_servers(LARGE, COSTS, cluster, 1, model.powers(16))
    speeds = {
        servers: model.speed(LARGE, COSTS, model.Cluster(16, servers, link=1e8), 1)
        for servers in (1, 2, 4, 8, 16)
    }
    assert best == max(speeds, key=speeds.get)


def test_the_page_shows_what_was_measured():
    results = json.loads(scaling.RESULTS.read_text())
    again = json.loads(json.dumps(scaling.concluded(results)))
    for name in ("checks", "predictions", "settings"):
        assert again[name] == results[name], name
    page = scaling.PAGE.read_text()
    assert scaling.with_tables(page, results) == page
    changed = results | {"update": 1.0}
    assert scaling.with_tables(page, changed) != page


def test_the_table_of_jobs_is_the_one_that_was_measured():
    results = json.loads(distributed.RESULTS.read_text())
    assert distributed.table(results) in distributed.PAGE.read_text()


def test_a_page_without_the_place_for_a_table_is_refused():
    with pytest.raises(AssertionError, match="costs"):
        distributed.filled("no place", "costs", "a table")
