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
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy
import turns
from contestants import CONTESTANTS, OURS, ROOT, Contestant, Worker, WorkerError
from plot import draw
from turns import take_turns, tell

import networks
from gluonkit import environment, runtime
from gluonkit._base import tables
from gluonkit._base.tables import Column

sys.path.append(str(Path(__file__).parents[1]))
from provenance import Setting, commit, provenance, settings

TURN = 0.05  # seconds that somebody computes
LEAST_ROUNDS = 5
RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
PEERS = tuple(
    dict.fromkeys(contestant.peer for contestant in CONTESTANTS if contestant.peer != "gluonkit")
)


def options() -> argparse.Namespace:
    """Return what the command line says."""
    known = {"networks": list(networks.NETWORKS), "peers": PEERS, "settings": list(settings())}
    parser = turns.parser(str(__doc__), known, RESULTS, rounds=15)
    parser.add_argument("--batches", default="1,many", help="numbers of samples; %(default)s")
    parser.add_argument("--files", type=Path, help="keep the networks' files here, by commit")
    given = turns.parsed(parser, known)
    given.batches = given.batches.split(",")
    return given


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
    network: str,
    batch: int,
    setting: Setting,
    executables: dict[str, Path],
    given: argparse.Namespace,
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
            if contestant.peer not in executables or contestant.title in given.without:
                continue
            for threads in thread_counts(contestant, network, cores):
                row: dict[str, Any] = {"title": contestant.title, "threads": threads}
                rows.append(row)
                tell(".", end="")
                try:
                    worker = Worker(
                        contestant,
                        executables[contestant.peer],
                        folder,
                        threads,
                        setting.variables,
                    )
                    stack.callback(worker.close)
                    row.update(worker.ready, seconds=[])
                    check(row, numpy.load(worker.output), expected, tolerance(network))
                    workers.append((worker, row))
                except WorkerError as error:
                    if contestant.title == OURS:
                        raise  # there is nothing to compare with
                    row["problem"] = str(error)
        tell(" measuring")
        take_turns(workers, 0 if given.prepare else given.rounds, TURN, least=LEAST_ROUNDS)
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


def key(case: dict[str, Any]) -> tuple[bool, int, int, str]:
    """Return what makes a row of the table, in the table's order."""
    return place(case["network"], case["batch"], case["setting"])


def place(network: str, batch: int, setting: str) -> tuple[bool, int, int, str]:
    """Return a row's place in the table."""
    return setting != "AVX-512", list(networks.NETWORKS).index(network), batch, setting


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


def main() -> None:
    given = options()
    executables, missing = turns.pythons(given.peers, given.environments)
    wanted = {place(*row): row for row in asked(given)}

    def of(row: Any) -> dict[str, Any]:
        network, batch, setting = wanted[row]
        return measured(network, batch, settings()[setting], executables, given)

    record = {"claim": __doc__, "missing": missing, "cases": []}
    show = lambda case: print(table(case), flush=True)  # noqa: E731
    cases = turns.go_on(given, record, wanted, key=key, measured=of, show=show)
    conclude(given, cases, missing)


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
