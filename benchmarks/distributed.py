"""Claim: what a job of several workers costs and gains, on one machine, against no job at all.

Digits, tiled; 64 samples a step over all workers, so that all that is synchronous trains the same
network: the weights after some steps are compared first, then the loss after all. Each way of
training is a job of its own (`gluonkit launch`), the jobs take turns, and each worker has as many
threads as `gluonkit launch` gives it: the cores divided by the workers. "No job" is one process,
with all cores, and with one thread as each of two workers has.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy

STEP, ROUNDS, RATE = 64, 3, 0.02
CHECKED = 20  # steps after which weights are compared
TIMED = {"mlp": 57_504, "lenet": 28_752}
EPOCHS = 4  # of which the first is not counted
RESULTS = Path(__file__).parent / "results" / "distributed.json"
PAGE = Path(__file__).parent / "README.md"


@dataclass(frozen=True)
class Training:
    """One training: `batch` samples in a step of each worker; `compression` is a threshold."""

    network: str
    samples: int
    batch: int
    epochs: int
    kvstore: str | None = None
    compression: float | None = None


@dataclass(frozen=True)
class Way:
    """One way to train: workers (none: no job), and how they exchange."""

    title: str
    workers: int = 0
    kvstore: str | None = None
    compression: float | None = None
    threads: int | None = None


WAYS = (
    Way("no job, all cores"),
    Way("no job, one thread", threads=1),
    Way("dist_sync, 1 worker", 1, "dist_sync"),
    Way("dist_sync, 2 workers", 2, "dist_sync"),
    Way("dist_async, 2 workers", 2, "dist_async"),
    Way("dist_sync, 2 workers, 2 bits", 2, "dist_sync", 0.5),
)


# In a worker


def network(name: str) -> Any:
    """Return a network, drawn the same way each time."""
    from gluonkit import create_model, mx

    mx.random.seed(0)
    if name in ("mlp", "wide"):
        return create_model("mlp", units=(128, 64) if name == "mlp" else (1024, 512), init="xavier")
    return create_model(name, init="xavier")


def data(name: str, samples: int) -> tuple[Any, Any]:
    """Return digits, over and over; for the networks of photographs, noise."""
    from gluonkit.data import digits

    if name.startswith("mxnet/"):
        draws = numpy.random.default_rng(0)
        return draws.random((samples, 3, 224, 224), dtype="float32"), numpy.arange(samples) % 10
    x, y = digits()
    times = -(-samples // len(x))
    return numpy.tile(x, (times, 1, 1, 1))[:samples], numpy.tile(y, times)[:samples]


def train(training: Training) -> dict[str, Any]:
    """Train, and return seconds of each epoch, the last loss, and the weights."""
    from gluonkit import fit

    net = network(training.network)
    compression = training.compression and {"type": "2bit", "threshold": training.compression}
    history = fit(
        net,
        data(training.network, training.samples),
        epochs=training.epochs,
        optimizer_params={"learning_rate": RATE},
        batch_size=training.batch,
        seed=0,
        metrics=(),
        progress=False,
        kvstore=training.kvstore,
        compression_params=compression,
        optimizer="sgd",
    )
    weights = [p.data().asnumpy().ravel() for p in net.collect_params().values()]
    return {
        "seconds": history["seconds"],
        "loss": history["loss"][-1],
        "weights": numpy.concatenate(weights),
    }


def write(folder: str, results: Sequence[Mapping[str, Any]]) -> None:
    """Write what this worker has found."""
    rank = os.environ.get("DMLC_RANK", "0")
    arrays = {
        f"{i}.{name}": value for i, result in enumerate(results) for name, value in result.items()
    }
    numpy.savez(Path(folder) / f"found-{rank}.npz", **arrays)


# Around the jobs


def job(
    command: Sequence[str],
    plan: Sequence[Any],
    workers: int,
    servers: int = 1,
    *,
    threads: int | None = None,
    hosts: Any = None,
) -> list[list[dict[str, Any]]]:
    """Run a program as a job, and return what each worker has found of each part of the plan.

    No workers: one process without a job. The program is called with the plan and a folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        start = [*command, json.dumps(plan), folder]
        if workers:
            launch = [sys.executable, "-m", "_gluonkit_command", "launch"]
            where = hosts(Path(folder)) if hosts else []
            start = [*launch, "-n", f"{workers}", "-s", f"{servers}", *where, "--", *start]
        variables = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        variables |= {"OMP_NUM_THREADS": f"{threads}"} if threads else {}
        done = subprocess.run(
            start, capture_output=True, text=True, env=variables, timeout=300, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{start} failed: {(done.stdout + done.stderr)[-3000:]}")
        return [_read(Path(folder) / f"found-{rank}.npz") for rank in range(workers or 1)]


def _read(path: Path) -> list[dict[str, Any]]:
    results: dict[int, dict[str, Any]] = {}
    with numpy.load(path) as arrays:
        for key, value in arrays.items():
            number, _, name = key.partition(".")
            results.setdefault(int(number), {})[name] = value
    return [results[number] for number in sorted(results)]


def trainings(plan: Sequence[Training], workers: int, **options: Any) -> list[list[dict[str, Any]]]:
    """Run trainings one after the other in one job."""
    command = [sys.executable, "-W", "ignore", __file__, "worker"]
    return job(command, [asdict(training) for training in plan], workers, **options)


def one_round(way: Way) -> dict[str, dict[str, Any]]:
    """Train both networks in one way; return of each what the first worker found."""
    batch = STEP // max(1, way.workers)
    plan = []
    for name, samples in TIMED.items():
        for size, epochs in ((STEP * CHECKED, 1), (samples, EPOCHS)):
            plan.append(Training(name, size, batch, epochs, way.kvstore, way.compression))
    everyone = trainings(plan, way.workers, threads=way.threads)
    for part in zip(*everyone, strict=True):
        assert all(numpy.array_equal(part[0]["weights"], result["weights"]) for result in part), way
    checks, timed = everyone[0][::2], everyone[0][1::2]
    return {
        name: {
            "weights": checked["weights"],
            "loss": float(result["loss"]),
            "seconds": result["seconds"][1:].tolist(),
        }
        for name, checked, result in zip(TIMED, checks, timed, strict=True)
    }


def same_network(way: Way) -> bool:
    """Return whether this way of training gives the numbers of one process."""
    return way.compression is None and way.kvstore != "dist_async"


def compare(name: str, results: dict[str, dict[str, Any]]) -> float:
    """Return by how much weights differ where they should not; refuse too much."""
    expected = results[WAYS[0].title]["weights"]
    largest = abs(expected).max()
    differences = [
        abs(results[way.title]["weights"] - expected).max() / largest
        for way in WAYS
        if same_network(way)
    ]
    assert max(differences) < 1e-5, (name, differences)
    return float(max(differences))


def table(results: Mapping[str, Any]) -> str:
    """Return the Markdown table of benchmarks/README.md: seconds, and ratios within rounds."""
    names = list(results["seconds"])
    lines = ["| | " + " | ".join(f"{name}, s | ratio | loss" for name in names) + " |"]
    lines.append("|---|" + "---:|---:|---:|" * len(names))
    for way in WAYS:
        cells = []
        for name in names:
            times = results["seconds"][name]
            ratios = [a / b for a, b in zip(times[way.title], times[WAYS[0].title], strict=True)]
            loss = results["loss"][name][way.title]
            cells += [f"{statistics.median(times[way.title]):.2f}"]
            cells += [_spread(ratios), f"{loss:.3f}"]
        lines.append(f"| {way.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(ratios: Sequence[float]) -> str:
    """Return the median and the quartiles, which are marked where they make it worthless."""
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    worthless = " (?)" if high - low > 0.25 * median else ""
    return f"{median:.2f} ({low:.2f} to {high:.2f}){worthless}" if low != high else f"{median:.2f}"


def filled(page: str, name: str, table: str) -> str:
    """Return a page with its table of that name made anew, between two comments."""
    before, begin, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"\n<!-- /{name} -->")
    assert end, name
    return f"{before}{begin}\n{table}\n{end}{after}"


def conclude(results: Mapping[str, Any]) -> None:
    """Show what was measured."""
    PAGE.write_text(filled(PAGE.read_text(), "distributed", table(results)))
    print(table(results))


def main() -> None:
    from provenance import provenance

    if sys.argv[1:] == ["--tables"]:
        conclude(json.loads(RESULTS.read_text()))
        return
    begun = perf_counter()
    seconds: dict[str, dict[str, list[float]]] = {name: {} for name in TIMED}
    losses: dict[str, dict[str, float]] = {name: {} for name in TIMED}
    raw: dict[str, dict[str, list[list[float]]]] = {name: {} for name in TIMED}
    for number in range(ROUNDS):
        by_way = {way.title: one_round(way) for way in WAYS}
        for name in TIMED:
            mine = {title: networks[name] for title, networks in by_way.items()}
            if number == 0:
                print(f"{name}: weights differ by {compare(name, mine):.1e} of the largest")
            for title, result in mine.items():
                raw[name].setdefault(title, []).append(result["seconds"])
                seconds[name].setdefault(title, []).append(statistics.median(result["seconds"]))
                losses[name][title] = result["loss"]
        print(f"round {number + 1} of {ROUNDS}, {perf_counter() - begun:.0f} s", flush=True)
    results = {
        **provenance(),
        "samples": TIMED,
        "seconds": seconds,
        "every epoch": raw,
        "loss": losses,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    conclude(results)


def worker(plan: str, folder: str) -> None:
    write(folder, [train(Training(**load)) for load in json.loads(plan)])


if __name__ == "__main__":
    if len(sys.argv) > 2:
        worker(*sys.argv[2:])
    else:
        main()
