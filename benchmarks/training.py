"""Claim: a training step of `fit` takes no longer than PyTorch's, JAX's, or one written by hand.

Plain SGD, the batch gathered from shuffled arrays. Everybody starts from the same weights and sees
the same batches; the losses of the first steps are compared before anything is timed. Each runs in
a process of its own, for their thread pools disturb one another, and the processes take turns.
PyTorch and JAX live in environments of their own (`--environments`), made where there are none.

A row is a network and a setting of the processor (see `provenance.Setting`). Rows are written one
by one, and those of this commit are not measured again: where time comes in pieces, run it again.
"""

import argparse
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy
from provenance import ROOT, Setting, provenance, settings

sys.path.append(str(Path(__file__).parent / "peers"))
import turns
from contestants import Contestant, Worker, WorkerError
from turns import take_turns, tell

import networks
from gluonkit import runtime

LEAST_ROUNDS = 4
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


KNOWN = {"networks": list(networks.TRAINED), "settings": list(settings())}


def takes_part(contestant: Contestant, network: networks.Network) -> bool:
    """Return whether somebody trains this network."""
    if contestant.kind == "channels last":
        return len(network.shape) == 3
    return not (network.deep and contestant.kind in BY_HAND)


def measured(
    name: str, setting: Setting, executables: dict[str, Path], given: argparse.Namespace
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
            if contestant.peer not in executables or not takes_part(contestant, trained.network):
                continue
            if contestant.title in given.without:
                continue
            row: dict[str, Any] = {"title": contestant.title}
            rows.append(row)
            tell(".", end="")
            limits = dict(setting.variables)
            if contestant.kind == "bound executor":  # oneDNN's fusion slows it down
                limits["MXNET_SUBGRAPH_BACKEND"] = "NONE"
            python = executables[contestant.peer]
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
        take_turns(workers, 0 if given.prepare else given.rounds, least=LEAST_ROUNDS)
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


def key(case: dict[str, Any]) -> tuple[bool, int, str]:
    """Return what makes a row of the table, in the table's order."""
    return place(case["network"], case["setting"])


def place(network: str, setting: str) -> tuple[bool, int, str]:
    """Return a row's place in the table."""
    return setting != "AVX-512", KNOWN["networks"].index(network), setting


def main() -> None:
    given = turns.parsed(turns.parser(str(__doc__), KNOWN, RESULTS, rounds=12), KNOWN)
    executables, missing = turns.pythons(["mxnet", "torch", "jax"], given.environments)
    wanted = {place(n, s): (n, settings()[s]) for n in given.networks for s in given.settings}
    turns.go_on(
        given,
        {"claim": __doc__, "missing": missing, "cases": []},
        wanted,
        key=key,
        measured=lambda row: measured(*wanted[row], executables, given),
        show=tell_row,
    )
    for peer, reason in missing.items():
        print(f"{peer} is not measured: {reason}")


if __name__ == "__main__":
    main()
