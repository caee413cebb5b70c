"""Tables measured row by row: what the command line asks for, turns, a record to go on from."""

import argparse
import inspect
import json
import random
import statistics
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import environments
from contestants import ROOT, WITHIN_MXNET, Worker, WorkerError

import gluonkit

sys.path.append(str(Path(__file__).parents[1]))
from provenance import commit

REST, MOST_SECONDS = 0.05, 90.0  # seconds that threads have to fall asleep, and a row's turns
HOPELESS = 3
"""How many times the fastest's time somebody may take who gets more than the least turns."""

Case = dict[str, Any]
Workers = Sequence[tuple[Worker, dict[str, Any]]]


def parser(about: str, known: Mapping[str, Sequence[str]], results: Path, rounds: int) -> Any:
    """Return a parser of what all such tables take; `known` are the names for an option."""
    made = argparse.ArgumentParser(description=about.splitlines()[0])
    for name, values in known.items():
        made.add_argument(f"--{name}", default=",".join(values), help="%(default)s")
    made.add_argument(
        "--rounds", type=int, default=rounds, help="turns of each, if time allows; %(default)s"
    )
    made.add_argument(
        "--without", default="", help="leave these contestants out: titles, with ; between"
    )
    made.add_argument("--minutes", type=float, help="begin no row after so many")
    made.add_argument("--json", type=Path, default=results, help="the record; plots go beside it")
    made.add_argument(
        "--environments", type=Path, default=ROOT / ".peers", help="where the frameworks live"
    )
    made.add_argument("--prepare", action="store_true", help="load everybody, measure nobody")
    made.add_argument("--again", action="store_true", help="also measure rows of this commit")
    return made


def parsed(options: Any, known: Mapping[str, Sequence[str]]) -> argparse.Namespace:
    """Return what the command line says, its lists as lists; end where a name is not known."""
    given: argparse.Namespace = options.parse_args()
    for name, values in known.items():
        setattr(given, name, getattr(given, name).split(","))
        if unknown := set(getattr(given, name)) - set(values):
            options.error(f"--{name}: {', '.join(unknown)}; known are {', '.join(values)}")
    given.without = given.without.split(";")
    return given


def pythons(peers: Sequence[str], folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return each peer's Python, and why there is none of the others."""
    ready = {"gluonkit": Path(sys.executable)}
    missing = {}
    for peer in peers:
        if peer == "engines" and "engines" not in inspect.signature(gluonkit.compile).parameters:
            missing[peer] = "this version's compile takes no other engines"
            continue
        try:
            ready[peer] = (
                Path(sys.executable)
                if peer in WITHIN_MXNET
                else environments.python_of(peer, folder.resolve())
            )
        except RuntimeError as error:
            missing[peer] = str(error)
    return ready, missing


def take_turns(workers: Workers, rounds: int, seconds: float = 0.0, *, least: int) -> None:
    """Let everybody compute for a while, again and again, in another order each time.

    A row of theirs gets the seconds of a call, or its problem. At least so many rounds are made,
    whatever they take; who is far behind by then takes no more turns, so that the others get more.
    """
    began = perf_counter()
    for number in range(rounds):
        if number >= least and perf_counter() - began > MOST_SECONDS:
            return
        if number == least:
            workers = _with_chances(workers)
        for worker, row in random.Random(number).sample(workers, len(workers)):
            if "problem" in row:
                continue
            sleep(REST)
            try:
                turn = worker.turn(seconds)
            except WorkerError as error:
                row["problem"] = str(error)
                continue
            row["seconds"].append(float(f"{turn['seconds']:.4g}"))
            if "calls" in turn:
                row.setdefault("calls", []).append(turn["calls"])


def _with_chances(workers: Workers) -> Workers:
    """Return those whose time is not far behind the fastest's."""
    medians = [statistics.median(row["seconds"]) for _, row in workers if row["seconds"]]
    limit = HOPELESS * min(medians, default=0.0)
    return [
        (worker, row)
        for worker, row in workers
        if row["seconds"] and statistics.median(row["seconds"]) <= limit
    ]


def go_on(
    given: argparse.Namespace,
    record: dict[str, Any],
    wanted: Iterable[Hashable],
    *,
    key: Callable[[Case], Any],
    measured: Callable[[Any], Case],
    show: Callable[[Case], None],
) -> list[Case]:
    """Measure the rows of a record that are not of this commit, and write it after each.

    Rows are in the order of their keys. Returns all of them.
    """
    began = perf_counter()
    before = json.loads(given.json.read_text())["cases"] if given.json.exists() else []
    cases = {key(case): case for case in before}
    for row in wanted:
        if given.minutes and perf_counter() - began > given.minutes * 60:
            break
        if row in cases and cases[row]["commit"] == commit() and not given.again:
            continue
        case = measured(row)
        if given.prepare:
            problems = [row for row in case["rows"] if "problem" in row]
            print(*(f"{row['title']}: {row['problem']}" for row in problems), sep="\n")
            continue
        show(case)
        cases[row] = case
        record["cases"] = [cases[name] for name in sorted(cases)]
        given.json.write_text(json.dumps(record, indent=1) + "\n")
    return list(cases.values())


def tell(text: str, end: str = "\n") -> None:
    """Say on standard error what goes on."""
    print(text, end=end, file=sys.stderr, flush=True)
