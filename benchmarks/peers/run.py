"""Claim: a compiled call takes no longer than a prediction of anybody else's.

`gluonkit.compile` against PyTorch (eager, torch.jit, torch.compile), JAX (jit), OpenVINO, ONNX
Runtime, and MXNet itself. NumPy in, NumPy out, each call waited for; float32; the same weights. The
outputs are compared first: they may differ by 1e-5 of the largest value, in deep networks by 1e-4,
which is then noted; whose differ more is not timed. Each contestant runs in a process of its own,
for their thread pools disturb one another, and in turn with all others. Each peer is tried with as
many threads as there are physical cores, with small networks with one too; the better of the two
stands in the table. Every framework lives in an environment of its own, made where there is none.

A row is a network, a number of samples and a setting of the processor (see `provenance.Setting`).
Rows are written one by one, and those of this commit are not measured again: where time comes in
pieces, run it again. `--prepare` makes files and fills caches of compilers without measuring.
"""

import argparse
import inspect
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
from contestants import (
    CONTESTANTS,
    OURS,
    ROOT,
    WITHIN_MXNET,
    Contestant,
    Worker,
    WorkerError,
)
from plot import draw

import gluonkit
import networks
from gluonkit import environment, runtime
from gluonkit._base import tables
from gluonkit._base.tables import Column

sys.path.append(str(Path(__file__).parents[1]))
from provenance import Setting, commit, provenance, settings

TURN, REST = 0.05, 0.05  # seconds that somebody computes, and that threads have to fall asleep
LEAST_ROUNDS, MOST_SECONDS = 5, 60.0
RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
PEERS = tuple(
    dict.fromkeys(contestant.peer for contestant in CONTESTANTS if contestant.peer != "gluonkit")
)


def options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    known = {"networks": list(networks.NETWORKS), "peers": PEERS, "settings": list(settings())}
    for name, values in known.items():
        parser.add_argument(f"--{name}", default=",".join(values), help="%(default)s")
    parser.add_argument("--batches", default="1,many", help="numbers of samples; %(default)s")
    parser.add_argument(
        "--rounds", type=int, default=15, help="turns of each, if time allows; %(default)s"
    )
    parser.add_argument(
        "--without", default="", help="leave these contestants out: titles, with ; between"
    )
    parser.add_argument("--minutes", type=float, help="begin no row after so many")
    parser.add_argument("--json", type=Path, default=RESULTS, help="the plots go beside it")
    parser.add_argument(
        "--environments", type=Path, default=ROOT / ".peers", help="where the frameworks live"
    )
    parser.add_argument("--files", type=Path, help="keep the networks' files here, by commit")
    parser.add_argument("--prepare", action="store_true", help="load everybody, measure nobody")
    parser.add_argument("--again", action="store_true", help="also measure rows of this commit")
    given = parser.parse_args()
    for name, values in known.items():
        setattr(given, name, getattr(given, name).split(","))
        if unknown := set(getattr(given, name)) - set(values):
            parser.error(f"--{name}: {', '.join(unknown)}; known are {', '.join(values)}")
    given.batches, given.without = given.batches.split(","), given.without.split(";")
    return given


def pythons(peers: list[str], folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return each peer's Python, and why there is none of the others."""
    found = {"gluonkit": Path(sys.executable)}
    missing = {}
    for peer in peers:
        if peer == "engines" and "engines" not in inspect.signature(gluonkit.compile).parameters:
            missing[peer] = "this version's compile takes no other engines"
            continue
        try:
            found[peer] = (
                Path(sys.executable)
                if peer in WITHIN_MXNET
                else environments.python_of(peer, folder.resolve())
            )
        except RuntimeError as error:
            missing[peer] = str(error)
    return found, missing


def tolerance(network: str) -> float:
    """Return by which part of the largest value an output may differ."""
    return 1e-4 if networks.NETWORKS[network].deep else 1e-5


def thread_counts(contestant: Contestant, network: str, cores: int) -> list[int]:
    """Return the numbers of threads to try, 0 for as the contestant chooses.

    One alone is hopeless for a deep network, and its memory is better used; compiling for one more
    number of threads takes torch.compile most of a row's time.
    """
    if contestant.chooses_threads:
        return [0]
    if contestant.title.startswith("torch.compile"):
        return [cores]
    return [cores] if networks.NETWORKS[network].deep else sorted({1, cores})


def measured(
    network: str, batch: int, setting: Setting, found: dict[str, Path], given: argparse.Namespace
) -> dict[str, Any]:
    """Return everybody's times for a network and a batch size, after comparing the outputs."""
    rows: list[dict[str, Any]] = []
    workers: list[tuple[Worker, dict[str, Any]]] = []
    cores = runtime().threads or 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if given.files:
            folder = given.files / commit() / f"{network}-{batch}"
        tell(f"{network}, batch {batch}, {setting.name}: loading ", end="")
        networks.write(folder, network, batch)
        with numpy.load(folder / "arrays.npz") as file:
            expected = file["expected"]
        for contestant in CONTESTANTS:
            if contestant.peer not in found or contestant.title in given.without:
                continue
            for threads in thread_counts(contestant, network, cores):
                row: dict[str, Any] = {"title": contestant.title, "threads": threads}
                rows.append(row)
                tell(".", end="")
                try:
                    worker = Worker(
                        contestant,
                        found[contestant.peer],
                        folder,
                        threads,
                        setting.variables,
                    )
                    stack.callback(worker.close)
                    row.update(worker.ready, seconds=[], calls=[])
                    check(row, numpy.load(worker.output), expected, tolerance(network))
                    workers.append((worker, row))
                except WorkerError as error:
                    if contestant.title == OURS:
                        raise  # there is nothing to compare with
                    row["problem"] = str(error)
        tell(" measuring")
        take_turns(workers, 0 if given.prepare else given.rounds)
    for row in rows:
        if row.get("seconds"):
            row |= {"median": statistics.median(row["seconds"]), "min": min(row["seconds"])}
    return {
        "network": network,
        "title": networks.NETWORKS[network].title,
        "batch": batch,
        "setting": setting.name,
        "unlimited": list(setting.unlimited),
        **provenance(),
        "rows": rows,
    }


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
            row["seconds"].append(float(f"{turn['seconds']:.4g}"))
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
    heading = f"{case['title']}, batch {case['batch']}, {case['setting']}"
    widths = (25, 8, 8, 6, 7, 36)
    return "\n".join([heading, tables.text_table(rows, columns, widths=widths), *problems, ""])


def verdicts(cases: list[dict[str, Any]]) -> list[str]:
    """Return for each peer whether the claim holds."""
    lines = []
    for contestant in CONTESTANTS:
        name = contestant.title
        rows = [(case, row) for case in cases for row in best(case) if row["title"] == name]
        timed = [(case, row) for case, row in rows if "problem" not in row]
        if contestant.peer in ("gluonkit", "engines") or not timed:
            continue
        lost = [
            f"{case['title']}, batch {case['batch']}, {case['setting']} ({row['ratio']:.2f})"
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


def key(case: dict[str, Any]) -> tuple[str, int, str]:
    """Return what makes a row of the table."""
    return case["network"], case["batch"], case["setting"]


def asked(given: argparse.Namespace) -> list[tuple[str, int, str]]:
    """Return the rows that the command line asks for, in the table's order."""
    return [
        (network, batch, setting)
        for network in given.networks
        for batch in (
            networks.NETWORKS[network].many if text == "many" else int(text)
            for text in given.batches
        )
        for setting in given.settings
    ]


def kept(path: Path, record: dict[str, Any]) -> dict[tuple[str, int, str], dict[str, Any]]:
    """Return the rows that are in a file already."""
    cases = json.loads(path.read_text())["cases"] if path.exists() else record["cases"]
    return {key(case): case for case in cases}


def main() -> None:
    given = options()
    began = perf_counter()
    found, missing = pythons(given.peers, given.environments)
    record: dict[str, Any] = {"claim": __doc__, "missing": missing, "cases": []}
    cases = kept(given.json, record)
    order = list(networks.NETWORKS)
    for row in asked(given):
        if given.minutes and perf_counter() - began > given.minutes * 60:
            break
        if row in cases and cases[row]["commit"] == commit() and not given.again:
            continue
        network, batch, setting = row
        case = measured(network, batch, settings()[setting], found, given)
        if given.prepare:
            print(
                *(f"{row['title']}: {row['problem']}" for row in case["rows"] if "problem" in row)
            )
            continue
        print(table(case), flush=True)
        cases[row] = case
        record["cases"] = sorted(
            cases.values(),
            key=lambda case: (
                case["setting"] != "AVX-512",
                order.index(case["network"]),
                case["batch"],
            ),
        )
        given.json.write_text(json.dumps(record, indent=1) + "\n")
    conclude(given, list(cases.values()), missing)


def conclude(
    given: argparse.Namespace, cases: list[dict[str, Any]], missing: dict[str, str]
) -> None:
    """Draw the rows and say for whom the claim holds."""
    for setting in dict.fromkeys(case["setting"] for case in cases):
        drawn = [case | {"rows": best(case)} for case in cases if case["setting"] == setting]
        picture = given.json.with_name(f"{given.json.stem}_{setting.lower().replace('-', '')}.png")
        draw(drawn, setting).savefig(picture, dpi=80)
    print("a call: median over the rounds; ratio: to gluonkit's, more than 1 is slower")
    print(*verdicts(cases), sep="\n")
    for peer, reason in missing.items():
        print(tables.hanging(f"{peer} is not measured: ", reason))
    print(environment())


if __name__ == "__main__":
    main()
