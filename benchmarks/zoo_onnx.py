"""Claim: every model that can be hybridized is an equal ONNX file; the others say why not.

`make zoo` tries all of them; a pattern tries some: ``benchmarks/zoo_onnx.py 'gluoncv/ssd*'``.
Each is created with random weights that keep the size of activations, exported for its example
input with the batch left open, and compared with ONNX Runtime's outputs for two batch sizes. What
cannot be exported is listed with the operator or the reason that stands in the way. The first model
of each family comes first, then the second ones, so that `--minutes` leaves none out; `--go-on`
keeps the rows of earlier runs.
"""

import argparse
import json
import re
import tempfile
import time
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path

from zoo import Worker

from gluonkit import create_model, environment, export_onnx, list_models, model_info, mx
from gluonkit._base.checks import last_line
from gluonkit.errors import ExportError

RESULTS = Path(__file__).parent / "results" / "zoo_onnx.json"
OPSET = 13
FRESH = 5  # models after which a process is replaced, as two engines keep memory
NEEDS = re.compile(r"needs opset=(\d+)")


def tried(name):
    """Return a row about one model."""
    row = {"model": name, "opset": OPSET}
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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        try:
            done = export_onnx(net, path, *info.example(), opset=row["opset"])
        except ExportError as error:
            newer = NEEDS.search(str(error))
            if newer is None:
                raise
            row["opset"] = int(newer[1])
            done = export_onnx(net, path, *info.example(), opset=row["opset"])
    row |= {"bytes": done.bytes, "difference": done.difference}
    row["verdict"] = f"yes, {done.note}" if done.note else "yes"


def in_turn(names):
    """Return names, the first of each family before the second ones."""
    families = defaultdict(list)
    for name in names:
        families[re.split(r"[_\d]", name, maxsplit=1)[0]].append(name)
    return [name for row in zip_longest(*families.values()) for name in row if name]


def table(rows):
    """Return the rows as a table in Markdown."""
    lines = ["| model | equal | opset | largest difference |", "|---|---|---:|---:|"]
    for row in sorted(rows, key=lambda row: row["model"]):
        verdict = row["verdict"].replace("|", "\\|")
        numbers = f"{row['opset']} | {row['difference']:.1e}" if "difference" in row else " | "
        lines.append(f"| {row['model']} | {verdict} | {numbers} |")
    return "\n".join(lines) + "\n"


def summed_up(rows, count):
    """Return the totals in one line."""
    yes = sum(row["verdict"].startswith("yes") for row in rows)
    plain = sum(row["verdict"] == "yes" for row in rows)
    return (
        f"{len(rows)} of {count} models tried: {plain} equal, {yes - plain} equal operator by "
        f"operator, {len(rows) - yes} not exported"
    )


def write(rows, names, path):
    """Write the rows, and the table of the documentation."""
    result = {"claim": __doc__, "models": len(names), "rows": rows}
    result["environment"] = environment().to_dict()
    path.write_text(json.dumps(result, indent=1) + "\n")
    path.with_suffix(".md").write_text(f"{summed_up(rows, len(names))}.\n\n{table(rows)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pattern", nargs="?", default="*/*")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for each model")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for all models")
    parser.add_argument("--go-on", action="store_true", help="keep the rows of the result file")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = [name for name in list_models(options.pattern) if "/" in name]
    rows = json.loads(options.json.read_text())["rows"] if options.go_on else []
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
        write(rows, names, options.json)
    worker.stop()
    print(f"\n{summed_up(rows, len(names))}")


if __name__ == "__main__":
    main()
