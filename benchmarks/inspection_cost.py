"""Claim: inspecting a network costs time in proportion to its layers.

Chains of dense layers, 10 to 1,000 deep. What is measured is first held against a count made by
hand; then everything is timed in turn. For comparison MXNet's own `Block.summary`, which runs the
network, and prints, for which its output is caught.
"""

import contextlib
import io
import json
import math
import statistics
import time
from pathlib import Path

from provenance import provenance

from gluonkit import materialize, nd, nn, params, summary

DEPTHS = (10, 30, 100, 300, 1000)
UNITS = 16
ROUNDS = 7
RESULTS = Path(__file__).parent / "results" / "inspection_cost.json"


def chain(depth):
    """Return a network of `depth` dense layers, with values."""
    net = nn.HybridSequential()
    for _ in range(depth):
        net.add(nn.Dense(UNITS))
    net.initialize()
    materialize(net, (1, UNITS))
    return net


def mxnets_summary(net, x):
    with contextlib.redirect_stdout(io.StringIO()):
        net.summary(x)


def tasks(net):
    """Return what is timed, by name."""
    x, report = nd.ones((1, UNITS)), summary(net, (1, UNITS))
    return {
        "params.collect": lambda: params.collect(net),
        "params.shared": lambda: params.shared(net),
        "summary": lambda: summary(net, (1, UNITS)),
        "str(summary)": lambda: str(report),
        "Block.summary": lambda: mxnets_summary(net, x),
    }


def check(net, depth):
    """Hold what is found against a count made by hand."""
    report = summary(net, (1, UNITS))
    assert report.total_params == depth * (UNITS * UNITS + UNITS)
    assert report.macs == depth * UNITS * UNITS
    assert not report.executed
    assert len(params.collect(net)) == 2 * depth


def main() -> None:
    times: dict[str, dict[int, list[float]]] = {}
    for depth in DEPTHS:
        net = chain(depth)
        check(net, depth)
        timed = tasks(net)
        for round_number in range(ROUNDS):
            order = list(timed)
            for name in order if round_number % 2 else reversed(order):
                started = time.perf_counter()
                timed[name]()
                elapsed = time.perf_counter() - started
                times.setdefault(name, {}).setdefault(depth, []).append(elapsed)
    medians = {
        name: {depth: statistics.median(all_) for depth, all_ in by_depth.items()}
        for name, by_depth in times.items()
    }
    growth = {
        name: math.log(by_depth[1000] / by_depth[100]) / math.log(10)
        for name, by_depth in medians.items()
    }
    print("ms, median of", ROUNDS)
    print("layers          ", *(f"{depth:>9,}" for depth in DEPTHS), "   exponent, 100 to 1,000")
    for name in ("params.collect", "params.shared", "summary", "str(summary)", "Block.summary"):
        row = (f"{medians[name][depth] * 1e3:9.2f}" for depth in DEPTHS)
        print(f"{name:16}", *row, f"   {growth[name]:.2f}")
    result = {
        "claim": "time in proportion to layers: an exponent of about 1",
        "exponents": growth,
        "seconds": times,
        **provenance(),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
