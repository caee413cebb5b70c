"""Claim: a compiled call takes no longer than a prediction of anybody else's.

`gluonkit.compile` against PyTorch (eager, torch.jit, torch.compile), JAX (jit), OpenVINO, ONNX
Runtime, and MXNet itself. NumPy in, NumPy out, each call waited for; float32; the same weights. The
outputs are compared first: they may differ by 1e-5 of the largest value, in deep networks by 1e-4,
which is then noted; whose differ more is not timed. Each contestant runs in a process of its own,
for their thread pools disturb one another, and in turn with all others. Each peer is tried with one
thread and with as many as there are physical cores; the better of the two stands in the table.
Every framework lives in an environment of its own, made where there is none.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import environments
import numpy
from contestants import CONTESTANTS, OURS, WITHIN_MXNET, Contestant, Worker, WorkerError
from plot import draw

import networks
from gluonkit import environment, runtime
from gluonkit._base import tables
from gluonkit._base.tables import Column

TURN, REST = 0.05, 0.05  # seconds that somebody computes, and that threads have to fall asleep
LEAST_ROUNDS, MOST_SECONDS = 3, 180.0
ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
PEERS = tuple(
    dict.fromkeys(contestant.peer for contestant in CONTESTANTS if contestant.peer != "gluonkit")
)


def options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--networks", default=",".join(networks.NETWORKS), help="%(default)s")
    parser.add_argument("--batches", default="1,64", help="%(default)s")
    parser.add_argument("--peers", default=",".join(PEERS), help="%(default)s")
    parser.add_argument(
        "--rounds", type=int, default=15, help="turns of each, if time allows; %(default)s"
    )
    parser.add_argument("--json", type=Path, default=RESULTS, help="the plot goes beside it")
    parser.add_argument(
        "--environments", type=Path, default=ROOT / ".peers", help="where the frameworks live"
    )
    parser.add_argument(
        "--go-on", action="store_true", help="keep the cases that are in the JSON file already"
    )
    given = parser.parse_args()
    given.networks, given.peers = given.networks.split(","), given.peers.split(",")
    given.batches = [int(batch) for batch in given.batches.split(",")]
    for name, known in (("networks", networks.NETWORKS), ("peers", PEERS)):
        if unknown := set(getattr(given, name)) - set(known):
            parser.error(f"--{name}: {', '.join(unknown)}; known are {', '.join(known)}")
    return given


def pythons(peers: list[str], folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return each peer's Python, and why there is none of the others."""
    found = {"gluonkit": Path(sys.executable)}
    missing = {}
    for peer in peers:
        try:
            found[peer] = (
                Path(sys.executable)
                if peer in WITHIN_MXNET
                else environments.python_of(peer, folder.resolve())
            )
        except RuntimeError as error:
            missing[peer] = str(error)
    return found, missing


def tolerance(network: str, contestant: Contestant) -> float:
    """Return by which part of the largest value an output may differ."""
    apart = contestant.peer != "mxnet"
    return 1e-4 if apart and networks.NETWORKS[network].deep else 1e-5


def thread_counts(contestant: Contestant, network: str, batch: int, cores: int) -> list[int]:
    """Return the numbers of threads to try, 0 for as the contestant chooses.

    One alone is hopeless for many samples of a deep network, and its memory is better used.
    """
    if contestant.chooses_threads:
        return [0]
    return [cores] if networks.NETWORKS[network].deep and batch > 1 else sorted({1, cores})


def measured(network: str, batch: int, found: dict[str, Path], rounds: int) -> dict[str, Any]:
    """Return everybody's times for a network and a batch size, after comparing the outputs."""
    rows: list[dict[str, Any]] = []
    workers: list[tuple[Worker, dict[str, Any]]] = []
    cores = runtime().threads or 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tell(f"{network}, batch {batch}: loading ", end="")
        networks.write(folder, network, batch)
        with numpy.load(folder / "arrays.npz") as file:
            expected = file["expected"]
        for contestant in CONTESTANTS:
            if contestant.peer not in found:
                continue
            for threads in thread_counts(contestant, network, batch, cores):
                row: dict[str, Any] = {"title": contestant.title, "threads": threads}
                rows.append(row)
                tell(".", end="")
                try:
                    python = found[contestant.peer]
                    worker = Worker(contestant, python, folder, network, threads)
                    stack.callback(worker.close)
                    row.update(worker.ready, seconds=[], calls=[])
                    check(row, numpy.load(worker.output), expected, tolerance(network, contestant))
                    workers.append((worker, row))
                except WorkerError as error:
                    if contestant.title == OURS:
                        raise  # there is nothing to compare with
                    row["problem"] = str(error)
        tell(" measuring")
        take_turns(workers, rounds)
    for row in rows:
        if row.get("seconds"):
            row |= {"median": statistics.median(row["seconds"]), "min": min(row["seconds"])}
    title = networks.NETWORKS[network].title
    return {"network": network, "title": title, "batch": batch, "rows": rows}


def check(row: dict[str, Any], output: Any, expected: Any, allowed: float) -> None:
    """Compare an output with what is expected, and note by how much it differs."""
    if output.shape != expected.shape or output.dtype != expected.dtype:
        raise WorkerError(f"its output is {output.dtype} of {output.shape}")
    row["difference"] = float(abs(output - expected).max() / abs(expected).max())
    if not row["difference"] <= allowed:
        raise WorkerError(f"its output differs by {row['difference']:.1e} of the largest value")
    if row["difference"] > 1e-5:
        row["note"] += f" (differs by {row['difference']:.1e})"


def take_turns(workers: list[tuple[Worker, dict[str, Any]]], rounds: int) -> None:
    """Let everybody call its network for a while, again and again, in another order each time."""
    began = perf_counter()
    for number in range(rounds):
        if number >= LEAST_ROUNDS and perf_counter() - began > MOST_SECONDS:
            return
        for worker, row in random.Random(number).sample(workers, len(workers)):
            if "problem" in row:
                continue
            sleep(REST)
            try:
                turn = worker.turn(TURN)
            except WorkerError as error:
                row["problem"] = str(error)
                continue
            row["seconds"].append(turn["seconds"])
            row["calls"].append(turn["calls"])


def best(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each contestant, the one with the better number of threads."""
    rows: dict[str, dict[str, Any]] = {}
    for row in case["rows"]:
        before = rows.get(row["title"], row)
        rows[row["title"]] = min(before, row, key=seconds)
    ours = seconds(rows[OURS])
    return [row | {"ratio": seconds(row) / ours} for row in rows.values()]


def seconds(row: dict[str, Any]) -> float:
    """Return a row's time; of one with a problem an infinite one."""
    return float("inf") if "problem" in row else float(row["median"])


def table(case: dict[str, Any]) -> str:
    """Return a case as text."""

    def timed(key: str) -> Any:
        return lambda row: "–" if "problem" in row else tables.seconds(row[key])

    rows = best(case)
    columns = (
        Column("", lambda row: row["title"]),
        Column("a call", timed("median"), "right"),
        Column("fewest", timed("min"), "right"),
        Column("ratio", lambda row: "–" if "problem" in row else f"{row['ratio']:.2f}", "right"),
        Column("threads", lambda row: str(row["threads"] or "its own"), "right"),
        Column("", lambda row: "not timed" if "problem" in row else row["note"]),
    )
    problems = [
        tables.hanging(f"{row['title']}, {row['threads'] or 'its own'} threads: ", row["problem"])
        for row in case["rows"]
        if "problem" in row
    ]
    heading = f"{case['title']}, batch {case['batch']}"
    widths = (25, 8, 8, 6, 7, 36)
    return "\n".join([heading, tables.text_table(rows, columns, widths=widths), *problems, ""])


def verdicts(cases: list[dict[str, Any]]) -> list[str]:
    """Return for each peer whether the claim holds."""
    lines = []
    for contestant in CONTESTANTS:
        name = contestant.title
        rows = [(case, row) for case in cases for row in best(case) if row["title"] == name]
        timed = [(case, row) for case, row in rows if "problem" not in row]
        if contestant.peer == "gluonkit" or not timed:
            continue
        lost = [
            f"{case['title']}, batch {case['batch']} ({row['ratio']:.2f})"
            for case, row in timed
            if row["ratio"] < 1
        ]
        holds = f"holds in {len(timed) - len(lost)} of {len(timed)} cases"
        text = f"{holds}; faster than gluonkit: {'; '.join(lost)}" if lost else holds
        lines.append(tables.hanging(f"{name}: ", text))
    return lines


def tell(text: str, end: str = "\n") -> None:
    """Say on standard error what goes on."""
    print(text, end=end, file=sys.stderr, flush=True)


def main() -> None:
    given = options()
    found, missing = pythons(given.peers, given.environments)
    record: dict[str, Any] = {
        "claim": __doc__,
        "environment": environment().to_dict(),
        "missing": missing,
        "cases": [],
    }
    if given.go_on and given.json.exists():
        record["cases"] = json.loads(given.json.read_text())["cases"]
    known = {(case["network"], case["batch"]) for case in record["cases"]}
    for network in given.networks:
        for batch in given.batches:
            if (network, batch) in known:
                continue
            case = measured(network, batch, found, given.rounds)
            print(table(case), flush=True)
            record["cases"].append(case)
            given.json.write_text(json.dumps(record, indent=1) + "\n")
    draw([case | {"rows": best(case)} for case in record["cases"]], record["environment"]).savefig(
        given.json.with_suffix(".png"), dpi=110
    )
    print("a call: median over the rounds; ratio: to gluonkit's, more than 1 is slower")
    print(*verdicts(record["cases"]), sep="\n")
    for peer, reason in missing.items():
        print(tables.hanging(f"{peer} is not measured: ", reason))
    print(environment())


if __name__ == "__main__":
    main()
