"""Claim: a cost model of a few measured constants says what a synchronous step of a job takes.

The constants come from pushes and pulls of arrays of several sizes by several workers and servers
on this machine, and from training without a job. The model (`scaling_model`) is then held against
jobs: on this machine, and between two network namespaces with links of known rate and delay
(`namespaces`; left out where there can be none). At last it says how three networks would scale to
1,000 workers of an assumed cluster, and what settings would change. Writes results/scaling.json
and results/scaling.png, and the tables of docs/scaling.md. `--tables` only writes the page and the
picture anew.
"""

import json
import statistics
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import distributed
import namespaces
import numpy
from distributed import Training, filled, job, trainings
from scaling_model import (
    FASTER,
    LATENCY,
    LINK,
    PREDICTED,
    Cluster,
    Costs,
    Network,
    Round,
    epoch,
    fitted,
    predicted,
    settings,
)

SIZES = {4: 100, 110_000: 40, 400_000: 16, 1_000_000: 10, 4_000_000: 4}
"""Numbers in the arrays that are exchanged, and how often between two looks at the clock."""

JOBS = ((1, 1), (1, 2), (2, 1), (2, 2), (2, 4), (4, 1))
BLOCKS = 5
TITLES = {"mlp": "MLP", "lenet": "LeNet", "wide": "wide MLP", "mxnet/resnet50_v1": "ResNet-50"}
BATCHES = {"mlp": (32, 128), "lenet": (32, 128), "wide": (32, 128), "mxnet/resnet50_v1": (2, 8)}
STEPS = {"mlp": 300, "lenet": 150, "wide": 40, "mxnet/resnet50_v1": 2}
CHECKED = 64  # samples in each worker's batch where the model is held against jobs
CABLES = ((1e9, 0.0, 60), (100e6, 1e-3, 20), (20e6, 5e-3, 8))  # bits a second, seconds, steps
LATENCY_OF_VETH = 2e-5

HERE = Path(__file__).parent
RESULTS, PICTURE = HERE / "results" / "scaling.json", HERE / "results" / "scaling.png"
PAGE = HERE.parent / "docs" / "scaling.md"


# Constants


def exchanges(sizes: Mapping[str, int], compressed: bool) -> dict[str, Any]:
    """Push and pull arrays as a worker, in turn; return seconds, a row for each size."""
    from gluonkit import mx, nd

    kv = mx.kv.create("dist_sync")
    if compressed:
        kv.set_gradient_compression({"type": "2bit", "threshold": 0.5})
    arrays = [nd.ones((int(size),)) for size in sizes]
    kv.init(list(range(len(arrays))), arrays)
    seconds: list[list[float]] = [[] for _ in arrays]
    for block in range(BLOCKS + 1):
        for key, (array, times) in enumerate(zip(arrays, sizes.values(), strict=True)):
            begun = perf_counter()
            for _ in range(times):
                if compressed:  # as `fit` does it
                    kv.push(key, array)
                    kv.pull(key, out=array)
                else:
                    kv.pushpull(key, array, out=array)
                array.wait_to_read()
            if block:
                seconds[key].append((perf_counter() - begun) / times)
            array[:] = 1
    return {"seconds": numpy.array(seconds)}


def update_cost() -> dict[str, Any]:
    """Return the seconds that the optimizer takes for one weight."""
    from gluonkit import nd

    weights, gradients = nd.ones(4_000_000), nd.ones(4_000_000)
    seconds = []
    for _ in range(12):
        begun = perf_counter()
        nd.sgd_update(weights, gradients, out=weights, lr=0.1, wd=0.0)
        weights.wait_to_read()
        seconds.append((perf_counter() - begun) / weights.size)
    return {"seconds": statistics.median(seconds[2:])}


def child(what: str, plan: str, folder: str) -> None:
    """Do a worker's part."""
    if what == "update":
        distributed.write(folder, [update_cost()])
    else:
        distributed.write(folder, [exchanges(json.loads(plan)[0], what == "compressed")])


def own_job(what: str, workers: int, **options: Any) -> list[list[dict[str, Any]]]:
    """Run this file's own worker."""
    return job([sys.executable, "-W", "ignore", __file__, what], [SIZES], workers, **options)


def measured_rounds(what: str, workers: int, servers: int) -> list[dict[str, Any]]:
    """Return pushes and pulls: the slowest worker's seconds in each block, and their median."""
    everyone = own_job(what, workers, servers=servers, threads=1)
    blocks = numpy.max([results[0]["seconds"] for results in everyone], axis=0)
    return [
        {
            "numbers": size,
            "workers": workers,
            "servers": servers,
            "parts": servers if size >= 1_000_000 else 1,
            "seconds": float(numpy.median(times)),
            "blocks": times.tolist(),
        }
        for size, times in zip(SIZES, blocks, strict=True)
    ]


def as_rounds(rows: list[dict[str, Any]]) -> list[Round]:
    return [Round(4.0 * r["numbers"], r["workers"], r["parts"], r["seconds"]) for r in rows]


def compression_cost(plain: list[dict[str, Any]], bits: list[dict[str, Any]]) -> float:
    """Return the seconds that compression adds for each byte, from the largest array."""
    before, after = plain[-1], bits[-1]
    share = 1 + after["workers"] / after["parts"]
    return max(0.0, (after["seconds"] - before["seconds"]) / (4 * after["numbers"] * share))


def measured_network(name: str, threads: int, update: float) -> tuple[Network, list[list[float]]]:
    """Train without a job with two sizes of batches, twice in turn; return the line through both.

    Of all epochs but the first the fastest counts, for whatever else runs here only adds.
    """
    steps, sizes = STEPS[name], BATCHES[name]
    plan = [Training(name, size * steps, size, 3) for size in (*sizes, *sizes)]
    results = trainings(plan, 0, threads=threads)[0]
    seconds = [(result["seconds"][1:] / steps).tolist() for result in results]
    low, high = min(seconds[0] + seconds[2]), min(seconds[1] + seconds[3])
    if high <= low:
        print(f"{TITLES[name]}: too much else runs here, its figures are worth nothing")
    numbers = len(results[0]["weights"])
    sample = max(0.0, high - low) / (sizes[1] - sizes[0])
    fixed = max(0.0, low - sizes[0] * sample - numbers * update)
    return Network(TITLES[name], numbers, fixed, sample, update), seconds


def measured_networks(cores: int, update: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all networks by threads and name, and the raw seconds of their steps."""
    networks: dict[str, Any] = {}
    raw: dict[str, Any] = {}
    for threads in sorted({1, cores}):
        made, times = networks.setdefault(f"{threads}", {}), raw.setdefault(f"{threads}", {})
        for name in TITLES:
            if threads == cores or not name.startswith("mxnet/"):
                network, times[name] = measured_network(name, threads, update)
                made[name] = asdict(network)
    return networks, raw


# The model against jobs


def checked_job(
    where: str, cluster: Cluster, plan: dict[str, int], hosts: Any = None
) -> list[dict[str, Any]]:
    """Run trainings in a job, and return their measured steps; all workers must end alike."""
    trained = [
        Training(name, CHECKED * cluster.workers * steps, CHECKED, 3, "dist_sync")
        for name, steps in plan.items()
    ]
    options: Any = {"servers": cluster.servers, "threads": 1, "hosts": hosts}
    everyone = trainings(trained, cluster.workers, **options)
    rows = []
    for number, (name, steps) in enumerate(plan.items()):
        parts = [results[number] for results in everyone]
        assert all(numpy.array_equal(part["weights"], parts[0]["weights"]) for part in parts)
        seconds = (parts[0]["seconds"][1:] / steps).tolist()
        rows.append(
            {
                "where": where,
                "network": name,
                "cluster": asdict(cluster),
                "steps": steps,
                "every epoch": seconds,
                "measured": statistics.median(seconds),
            }
        )
    return rows


def all_checks(cores: int) -> list[dict[str, Any]]:
    """Hold the model against jobs here, then over cables."""
    rows = []
    plan = {name: STEPS[name] for name in ("mlp", "lenet", "wide")}
    for workers, servers in ((1, 1), (2, 1), (2, 2), (4, 1)):
        slowdown = max(1.0, workers / cores)
        cluster = Cluster(workers, servers, slowdown=slowdown)
        rows += checked_job("this machine", cluster, plan)
    for rate, delay, steps in CABLES:
        reason = namespaces.obstacle(rate=rate, delay=delay)
        if reason:
            print(f"left out: {reason}")
            continue
        cluster = Cluster(2, 1, link=rate / 8, latency=delay or LATENCY_OF_VETH)
        where = f"{rate / 1e6:,.0f} Mbit/s, {1e3 * cluster.latency:g} ms"
        with namespaces.two_hosts(rate, delay) as hosts:

            def options(folder: Path, hosts: Any = hosts) -> list[str]:
                return namespaces.launch_options(folder, hosts)

            rows += checked_job(where, cluster, {"mlp": steps, "lenet": steps}, options)
    return rows


def compared(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Add to each check what the model says, and by how much it is wrong."""
    costs = Costs(**results["costs"])
    rows = []
    for row in results["checks"]:
        network = Network(**results["networks"]["1"][row["network"]])
        cluster = Cluster(**row["cluster"])
        predicted = epoch(network, costs, cluster, CHECKED, row["steps"]) / row["steps"]
        rows.append(row | {"predicted": predicted, "error": predicted / row["measured"] - 1})
    return rows


# The page


def milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}" if seconds < 1 else f"{1e3 * seconds:,.0f}"


def costs_table(results: Mapping[str, Any]) -> str:
    costs, cores = results["costs"], f"{results['environment']['usable_cores']}"
    lines = ["| constant | here |", "|---|---:|"]
    for name, what in {
        "message": "a push and a pull of next to nothing, one worker, one server",
        "each_worker": "more for each further worker",
        "each_part": "more for each further server that holds a part",
    }.items():
        lines.append(f"| `{name}`: {what} | {1e3 * costs[name]:.2f} ms |")
    for name, what in {
        "worker_byte": "a byte pushed and pulled, at the worker",
        "server_byte": "a byte received, added and sent, at the server",
        "bits_byte": "a byte's compression, at either",
    }.items():
        shown = f"{1e9 * costs[name]:.2f} ns"
        lines.append(f"| `{name}`: {what} | {shown} |")
    for name in PREDICTED:
        network = results["networks"][cores][name]
        fixed, sample = milliseconds(network["fixed"]), milliseconds(network["sample"])
        lines.append(
            f"| {TITLES[name]}, {network['numbers']:,} weights, {cores} cores: "
            f"`fixed`, `sample` | {fixed} ms, {sample} ms |"
        )
    lines.append(f"| `update`: a weight | {1e9 * results['update']:.2f} ns |")
    return "\n".join(lines)


def checks_table(results: Mapping[str, Any]) -> str:
    lines = [
        "| network | workers | servers | between them | measured, ms | predicted, ms | error |",
        "|---|---:|---:|---|---:|---:|---:|",
    ]
    for row in results["checks"]:
        cluster = row["cluster"]
        where = row["where"]
        if cluster["slowdown"] > 1:
            where += f", {cluster['slowdown']:g} workers to a core"
        lines.append(
            f"| {TITLES[row['network']]} | {cluster['workers']} | {cluster['servers']} | {where} | "
            f"{milliseconds(row['measured'])} | {milliseconds(row['predicted'])} | "
            f"{100 * row['error']:+.0f} % |"
        )
    return "\n".join(lines)


def prediction_table(results: Mapping[str, Any]) -> str:
    lines = [
        "| network | workers | samples/s, 1 server | efficiency | "
        "a server each | best number of servers | efficiency |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in results["predictions"]:
        if row["workers"] not in (1, 4, 16, 64, 256, 1000):
            continue
        if row["faster"] > 1 and not row["network"].startswith("mxnet/"):
            continue
        title = TITLES[row["network"]]
        title += f", {row['faster']} times faster" if row["faster"] > 1 else ""
        one, per_worker, best = (row[name]["efficiency"] for name in ("one", "each", "best"))
        lines.append(
            f"| {title} | {row['workers']:,} | {row['one']['speed']:,.0f} | {_percent(one)} | "
            f"{_percent(per_worker)} | {row['servers']:,} | {_percent(best)} |"
        )
    return "\n".join(lines)


def settings_table(results: Mapping[str, Any]) -> str:
    lines = [
        "| network, workers | setting | samples of an update | samples/s | efficiency |",
        "|---|---|---:|---:|---:|",
    ]
    for row in results["settings"]:
        lines.append(
            f"| {TITLES[row['network']]}, {row['workers']} | {row['setting']} | "
            f"{row['update']:,} | {row['speed']:,.0f} | {_percent(row['efficiency'])} |"
        )
    return "\n".join(lines)


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.1 else f"{100 * part:.2g} %"


TABLES = {
    "costs": costs_table,
    "checks": checks_table,
    "predictions": prediction_table,
    "settings": settings_table,
}


def with_tables(page: str, results: Mapping[str, Any]) -> str:
    """Return the page with its tables made anew, each between two comments."""
    for name, table in TABLES.items():
        page = filled(page, name, table(results))
    return page


# The picture


def draw(results: Mapping[str, Any]) -> Any:
    """Draw samples a second over workers, a panel for each network."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 5.4), layout="constrained")
    panels = figure.subplots(1, len(PREDICTED))
    for panel, name in zip(panels, PREDICTED, strict=True):
        _panel(panel, name, [row for row in results["predictions"] if row["network"] == name])
    panels[0].set_ylabel("samples a second, all workers")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    where = results["environment"]
    figure.suptitle(
        "dist_sync as the model predicts it: links of 10 Gbit/s and 0.1 ms (assumed), "
        f"workers of {where['usable_cores']} cores ({where['processor']})",
        fontsize=12,
    )
    return figure


COLORS = {"one": "#c2334a", "each": "#9cc7e0", "best": "#2e8b57"}
WIDTHS = {"one": 1.6, "each": 5.0, "best": 1.6}  # where lines coincide, both are to be seen
LINES = {"one": "one server", "each": "a server for each worker", "best": "best number of servers"}


def _panel(panel: Any, name: str, rows: list[dict[str, Any]]) -> None:
    for faster, style in ((1, "-"), (FASTER, "--")):
        mine = [row for row in rows if row["faster"] == faster]
        counts = [row["workers"] for row in mine]
        alone = mine[0]["one"]["speed"] / mine[0]["one"]["efficiency"]
        ideal = [alone * count for count in counts]
        title = "no exchange" if faster == 1 else f"dashed: workers {FASTER} times faster"
        panel.loglog(counts, ideal, style, color="0.7", linewidth=1, label=title)
        for kind in ("each", "best", "one"):
            label = LINES[kind] if faster == 1 else None
            speeds = [row[kind]["speed"] for row in mine]
            options = {"color": COLORS[kind], "linewidth": WIDTHS[kind], "label": label}
            panel.loglog(counts, speeds, style, alpha=0.9 if faster == 1 else 0.6, **options)
    numbers = rows[0]["numbers"]
    panel.set_title(f"{TITLES[name]}: {numbers:,} weights, batch {rows[0]['batch']}", fontsize=11)
    panel.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    panel.set_xlabel("workers")
    panel.grid(True, which="major", color="0.92")
    panel.spines[["top", "right"]].set_visible(False)


# All of it


def measure() -> dict[str, Any]:
    from provenance import provenance

    from gluonkit import environment

    begun, where = perf_counter(), environment()
    same_weights()

    def said(what: str) -> None:
        print(f"{perf_counter() - begun:4.0f} s: {what}", flush=True)

    said("jobs train as one process does")
    rounds = [
        row for workers, servers in JOBS for row in measured_rounds("plain", workers, servers)
    ]
    bits = measured_rounds("compressed", 2, 1)
    plain = [row for row in rounds if (row["workers"], row["servers"]) == (2, 1)]
    costs = asdict(fitted(as_rounds(rounds))) | {"bits_byte": compression_cost(plain, bits)}
    said("pushes and pulls")
    update = float(own_job("update", 0, threads=1)[0][0]["seconds"])
    cores = where.usable_cores
    networks, raw = measured_networks(cores, update)
    said("training without a job")
    checks = all_checks(cores)
    said("training in jobs")
    return {
        **provenance(),
        "assumed": {"link": LINK, "latency": LATENCY},
        "costs": costs,
        "update": update,
        "networks": networks,
        "steps without a job": raw,
        "rounds": rounds,
        "compressed": bits,
        "checks": checks,
    }


def same_weights() -> None:
    """Refuse to measure jobs that do not train as one process does."""
    names = ("mlp", "lenet")
    plan = [Training(name, 64 * 20, 64, 1) for name in names]
    shared = [Training(name, 64 * 20, 32, 1, "dist_sync") for name in names]
    alone, jobs = trainings(plan, 0, threads=1)[0], trainings(shared, 2, threads=1)[0]
    for one, other in zip(alone, jobs, strict=True):
        largest = abs(one["weights"]).max()
        assert abs(one["weights"] - other["weights"]).max() < 1e-5 * largest


def concluded(results: dict[str, Any]) -> dict[str, Any]:
    """Return the results with everything that follows from what was measured."""
    costs, cores = Costs(**results["costs"]), f"{results['environment']['usable_cores']}"
    networks = {name: Network(**fields) for name, fields in results["networks"][cores].items()}
    return results | {
        "checks": compared(results),
        "predictions": predicted(networks, costs),
        "settings": settings(networks, costs),
    }


def main() -> None:
    only_tables = sys.argv[1:] == ["--tables"]
    results = concluded(json.loads(RESULTS.read_text()) if only_tables else measure())
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    draw(results).savefig(PICTURE, dpi=110)
    PAGE.write_text(with_tables(PAGE.read_text(), results))
    for name, table in TABLES.items():
        print(f"\n{name}\n{table(results)}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        child(*sys.argv[1:])
    else:
        main()
