"""Claim: a training step of `fit` takes no longer than PyTorch's, JAX's, or one written by hand.

Plain SGD, the batch gathered from shuffled arrays. Everybody starts from the same weights and sees
the same batches; the losses of the first steps are compared before anything is timed. Each runs in
a process of its own, for their thread pools disturb one another, and the processes take turns.
PyTorch and JAX live in environments of their own (`--environments`), made where there are none.

A row is a network and a setting of the processor (see `provenance.Setting`). Rows are written one
by one, and those of this commit are not measured again: where time comes in pieces, run it again.
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

import numpy
from provenance import ROOT, Setting, commit, provenance, settings

sys.path.append(str(Path(__file__).parent / "peers"))
from contestants import Contestant, Worker, WorkerError
from run import pythons, tell

import networks
from gluonkit import runtime

LEAST_ROUNDS, MOST_SECONDS, REST = 4, 60.0, 0.05
RESULTS = ROOT / "benchmarks" / "results" / "training.json"
OURS = "`fit`"
CONTESTANTS = (
    Contestant(OURS, "gluonkit", "training_gluonkit", "fit"),
    Contestant("Gluon's loop, hybridized", "mxnet", "training_gluonkit", "hybridized loop"),
    Contestant("the same, loss inside", "mxnet", "training_gluonkit", "loss inside"),
    Contestant("a bound executor by hand", "mxnet", "training_gluonkit", "bound executor"),
    Contestant("PyTorch", "torch", "training_torch", "eager"),
    Contestant("PyTorch, channels last", "torch", "training_torch", "channels last"),
    Contestant("torch.compile", "torch", "training_torch", "compile"),
    Contestant("JAX, jit", "jax", "training_jax", "jit"),
)
BY_HAND = ("loss inside", "bound executor")
"""Loops that are tried with small networks only: a bound executor here knows no statistics."""


def options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    known = {"networks": list(networks.TRAINED), "settings": list(settings())}
    for name, values in known.items():
        parser.add_argument(f"--{name}", default=",".join(values), help="%(default)s")
    parser.add_argument("--rounds", type=int, default=12, help="turns of each; %(default)s")
    parser.add_argument(
        "--without", default="", help="leave these contestants out: titles, with ; between"
    )
    parser.add_argument("--minutes", type=float, help="begin no row after so many")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--environments", type=Path, default=ROOT / ".peers")
    parser.add_argument("--prepare", action="store_true", help="load everybody, measure nobody")
    parser.add_argument("--again", action="store_true", help="also measure rows of this commit")
    given = parser.parse_args()
    given.without = given.without.split(";")
    for name, values in known.items():
        setattr(given, name, getattr(given, name).split(","))
        if unknown := set(getattr(given, name)) - set(values):
            parser.error(f"--{name}: {', '.join(unknown)}; known are {', '.join(values)}")
    return given


def takes_part(contestant: Contestant, network: networks.Network) -> bool:
    """Return whether somebody trains this network."""
    if contestant.kind == "channels last":
        return len(network.shape) == 3
    return not (network.deep and contestant.kind in BY_HAND)


def measured(
    name: str, setting: Setting, found: dict[str, Path], given: argparse.Namespace
) -> dict[str, Any]:
    """Return everybody's times for a network, after comparing the losses."""
    trained, rows = networks.TRAINED[name], []
    workers: list[tuple[Worker, dict[str, Any]]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tell(f"{name}, {setting.name}: loading ", end="")
        networks.write_training(folder, name)
        expected = None
        for contestant in CONTESTANTS:
            if contestant.peer not in found or not takes_part(contestant, trained.network):
                continue
            if contestant.title in given.without:
                continue
            row: dict[str, Any] = {"title": contestant.title}
            rows.append(row)
            tell(".", end="")
            limits = dict(setting.variables)
            if contestant.kind == "bound executor":  # oneDNN's fusion slows it down
                limits["MXNET_SUBGRAPH_BACKEND"] = "NONE"
            python = found[contestant.peer]
            try:
                worker = Worker(contestant, python, folder, runtime().threads or 1, limits)
                stack.callback(worker.close)
                losses = numpy.load(worker.output)
                expected = losses if expected is None else expected
                row |= {"version": worker.ready["version"], "losses": losses.tolist()}
                if not numpy.allclose(losses, expected, rtol=trained.tolerance):
                    raise WorkerError(f"its losses are {losses}, not {expected}")
                row["seconds"] = []
                workers.append((worker, row))
            except WorkerError as error:
                if contestant.title == OURS:
                    raise  # there is nothing to compare with
                row["problem"] = str(error)
        tell(" measuring")
        take_turns(workers, 0 if given.prepare else given.rounds)
    for row in rows:
        if row.get("seconds"):
            row["median"] = statistics.median(row["seconds"])
    return {
        "network": name,
        "title": trained.network.title,
        "batch": trained.batch,
        "setting": setting.name,
        **provenance(),
        "rows": rows,
    }


def take_turns(workers: list[tuple[Worker, dict[str, Any]]], rounds: int) -> None:
    """Let everybody train for some steps, again and again, in another order each time."""
    began = perf_counter()
    for number in range(rounds):
        if number >= LEAST_ROUNDS and perf_counter() - began > MOST_SECONDS:
            return
        for worker, row in random.Random(number).sample(workers, len(workers)):
            sleep(REST)
            row["seconds"].append(float(f"{worker.turn()['seconds']:.4g}"))


def tell_row(case: dict[str, Any]) -> None:
    """Print a row."""
    ours = case["rows"][0]["median"]
    print(f"{case['title']}, {case['setting']}: losses agree")
    for row in case["rows"]:
        if "problem" in row:
            print(f"  {row['title']:26} not timed: {row['problem']}")
            continue
        median = row["median"]
        print(f"  {row['title']:26} {median * 1e6:9.0f} µs; fit takes {ours / median:.2f} of it")


def main() -> None:
    given, began = options(), perf_counter()
    found, missing = pythons(["mxnet", "torch", "jax"], given.environments)
    cases = json.loads(given.json.read_text())["cases"] if given.json.exists() else []
    rows = {(case["setting"], case["network"]): case for case in cases}
    for name in given.networks:
        for setting in given.settings:
            known = rows.get((setting, name))
            if given.minutes and perf_counter() - began > given.minutes * 60:
                return
            if known and known["commit"] == commit() and not given.again:
                continue
            case = measured(name, settings()[setting], found, given)
            if given.prepare:
                continue
            tell_row(case)
            rows[setting, name] = case
            order = list(networks.TRAINED)
            cases = sorted(
                rows.values(),
                key=lambda case: (case["setting"] != "AVX-512", order.index(case["network"])),
            )
            record = {"claim": __doc__, "missing": missing, "cases": cases}
            given.json.write_text(json.dumps(record, indent=1) + "\n")
    for peer, reason in missing.items():
        print(f"{peer} is not measured: {reason}")


if __name__ == "__main__":
    main()
