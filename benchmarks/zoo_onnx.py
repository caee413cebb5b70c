"""Claim: every model that can be hybridized is an equal ONNX file; the others say why not.

`make zoo` tries all of them; a pattern tries some: ``benchmarks/zoo_onnx.py 'gluoncv/ssd*'``.
Each is created with random weights that keep the size of activations, exported for its example
input with the batch left open, or fixed where that is offered, and compared with ONNX Runtime's
outputs. What cannot be exported is listed with the operator or the reason that stands in the way.
The lightest model of each family comes first, then the second ones, so that `--minutes` leaves no
family out; `--go-on` keeps the rows of earlier runs.
"""

import argparse
import json
import math
import re
import tempfile
import time
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path

from zoo import Worker

from gluonkit import (
    create_model,
    environment,
    export_onnx,
    list_models,
    materialize,
    model_info,
    mx,
)
from gluonkit._base.checks import last_line
from gluonkit.errors import ExportError

RESULTS = Path(__file__).parent / "results" / "zoo_onnx.json"
FRESH = 5  # models after which a process is replaced, as two engines keep memory


def tried(name):
    """Return a row about one model."""
    row = {"model": name}
    began = time.perf_counter()
    try:
        _try(name, row)
    except Exception as error:
        kind = "" if isinstance(error, ExportError) else f"{type(error).__name__}: "
        row["verdict"] = f"no: {kind}{last_line(error)}"[:500]
    row["seconds"] = round(time.perf_counter() - began, 1)
    return row


def _try(name, row):
    info = model_info(name)
    mx.random.seed(0)
    net = create_model(name, init=mx.init.MSRAPrelu())
    materialize(net, *info.example())
    for parameter in net.collect_params(".*weight").values():
        _draw(parameter)
    options = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        while True:
            try:
                done = export_onnx(net, path, *info.example(), **options)
                break
            except ExportError as error:
                better = options | _offered(str(error))
                if better == options:
                    raise
                options = better
    row |= {"opset": done.opset, "bytes": done.bytes, "difference": done.difference}
    row["batch"] = "open" if options.get("dynamic_batch", True) else "fixed"
    row["verdict"] = f"yes, {done.note}" if done.note else "yes"


def _draw(parameter):
    """Draw weights anew: some layers have initializers with which nothing reaches the outputs."""
    fan_in = math.prod(parameter.shape[1:])
    if len(parameter.shape) > 1:
        parameter.set_data(mx.nd.random.normal(0, (2 / fan_in) ** 0.5, parameter.shape))


def _offered(text):
    """Return the options that an error offers."""
    opset = re.search(r"needs opset=(\d+)", text)
    offered = {"opset": int(opset[1])} if opset else {}
    return offered | ({"dynamic_batch": False} if "dynamic_batch=False" in text else {})


def in_turn(names):
    """Return names, the lightest of each family, by `results/zoo.json`, before the second ones."""
    known = json.loads((RESULTS.parent / "zoo.json").read_text())["rows"]
    weights = {row["model"]: row.get("multiply-adds") or math.inf for row in known}
    names = sorted(names, key=lambda name: weights.get(name, math.inf))
    families = defaultdict(list)
    for name in names:
        families[re.split(r"[_\d]", name, maxsplit=1)[0]].append(name)
    turns = zip_longest(*families.values())
    return [name for turn in turns for name in turn if name]


def table(rows):
    """Return the rows as a table in Markdown."""
    lines = ["| model | equal | opset | batch | largest difference |", "|---|---|---:|---|---:|"]
    for row in sorted(rows, key=lambda row: row["model"]):
        verdict = row["verdict"].replace("|", "\\|")
        numbers = " | | "
        if "difference" in row:
            numbers = f"{row['opset']} | {row['batch']} | {row['difference']:.1e}"
        lines.append(f"| {row['model']} | {verdict} | {numbers} |")
    return "\n".join(lines) + "\n"


def summed_up(rows, count):
    """Return the totals in one line."""
    yes = sum(row["verdict"].startswith("yes") for row in rows)
    plain = sum(row["verdict"] == "yes" for row in rows)
    return (
        f"{len(rows)} of {count} models tried: {plain} equal, {yes - plain} equal operator by "
        f"operator, {len(rows) - yes} not exported, or not known"
    )


def write(rows, count, path):
    """Write the rows, and the table of the documentation."""
    result = {"claim": __doc__, "models": count, "rows": rows}
    result["environment"] = environment().to_dict()
    path.write_text(json.dumps(result, indent=1) + "\n")
    path.with_suffix(".md").write_text(f"{summed_up(rows, count)}.\n\n{table(rows)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pattern", nargs="?", default="*/*")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for each model")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for all models")
    parser.add_argument("--go-on", action="store_true", help="keep the rows of the result file")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = [name for name in list_models(options.pattern) if "/" in name]
    count = sum("/" in name for name in list_models())
    rows = json.loads(options.json.read_text())["rows"] if options.go_on else []
    rows = [row for row in rows if row["verdict"].startswith(("yes", "no:"))]
    kept = {row["model"] for row in rows}
    worker, end = Worker(tried, fresh=FRESH), time.monotonic() + options.minutes * 60
    for name in in_turn(names):
        if name in kept:
            continue
        if time.monotonic() > end:
            break
        problem = model_info(name).problem
        row = {"model": name, "verdict": f"no: {problem}"} if problem else None
        rows.append(row or worker.row(name, options.timeout))
        print(f"{name:52} {rows[-1].get('seconds', 0):7.1f} s  {rows[-1]['verdict']}", flush=True)
        write(rows, count, options.json)
    worker.stop()
    print(f"\n{summed_up(rows, count)}")


if __name__ == "__main__":
    main()
