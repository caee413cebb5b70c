"""Claim: gluonkit's thread count (the usable cores) hurts neither inference nor training.

Against MXNet's own default (half of the processors that it sees) and against one engine worker
made explicit. Each setting needs processes of its own; they are started in turn, several times.
"""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from provenance import provenance

from gluonkit import environment

ROUNDS = 5
RESULTS = Path(__file__).parent / "results" / "threads.json"
NETWORKS = {
    "mlp(units=(256, 128), classes=2)": (1, 512),
    "mlp(units=(128, 64))": (64, 784),
    "lenet": (64, 1, 28, 28),
    "mxnet/resnet18_v1": (1, 3, 224, 224),
}
# What a user has who mends MXNet's import and no more: then gluonkit leaves the threads alone.
MXNET_FIRST = """
import _gluonkit_command
compat = _gluonkit_command._module_without_init("system.compat")
compat._restore_numpy(); compat._restore_distutils()
import mxnet
"""
SETTINGS: dict[str, tuple[str, dict[str, str]]] = {
    "MXNet's default": (MXNET_FIRST, {}),
    "gluonkit's default": ("", {}),
    "gluonkit's, one worker": ("", {"MXNET_CPU_WORKER_NTHREADS": "1"}),
}

PROGRAM = """
import json, sys
import gluonkit
from gluonkit import mx
mx.random.seed(0)
networks = json.loads(sys.argv[1])
results = {}
for model, shape in networks.items():
    mx.random.seed(0)
    x = mx.nd.random.uniform(shape=tuple(shape))
    name, options = gluonkit.models.parse_model(model)
    net = gluonkit.create_model(name, init=True, **options)
    total = float(net(x).sum().asscalar())
    report = gluonkit.bench(net, x, variants=["static"], seconds=0.6)
    assert report.ok, str(report)
    results[model] = {row.mode: row.measurement.median for row in report.rows
                      if row.variant == "static"} | {"sum": total}
print(json.dumps(results))
"""


def run(prelude: str, setting: dict[str, str]) -> dict[str, dict[str, float]]:
    variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", prelude + PROGRAM, json.dumps(NETWORKS)],
        check=True,
        capture_output=True,
        text=True,
        env=variables | setting,
    )
    result: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    runs: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in SETTINGS}
    for _ in range(ROUNDS):
        for name, (prelude, setting) in SETTINGS.items():
            runs[name].append(run(prelude, setting))
            print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    for model in NETWORKS:
        sums = {round(row[model]["sum"], 3) for rows in runs.values() for row in rows}
        assert len(sums) == 1, f"{model} gives other numbers under other settings: {sums}"
    print(f"hybridized, static; ms per call, median of {ROUNDS} processes of each setting")
    print(f"{'network':34} {'mode':8}" + "".join(f"{name:>24}" for name in SETTINGS))
    table = []
    for model in NETWORKS:
        for mode in ("forward", "train"):
            medians = {
                name: statistics.median(row[model][mode] for row in rows)
                for name, rows in runs.items()
            }
            table.append({"model": model, "mode": mode} | medians)
            cells = "".join(f"{value * 1e3:24.3f}" for value in medians.values())
            print(f"{model:34} {mode:8}{cells}")
    RESULTS.parent.mkdir(exist_ok=True)
    record = {"table": table, "runs": runs, **provenance()}
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    print(environment())


if __name__ == "__main__":
    main()
