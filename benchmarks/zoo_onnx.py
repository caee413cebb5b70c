"""Claim: every model that can be hybridized is an equal ONNX file; the others say why not.

`make zoo` tries all of them; a pattern tries some: ``benchmarks/zoo_onnx.py 'gluoncv/ssd*'``.
Each is created with random weights that keep the size of activations, exported for its example
input with the batch left open, or fixed where that is offered, and compared with ONNX Runtime's
outputs. What cannot be exported is listed with the operator or the reason that stands in the way.
Networks of many multiply-adds get images of half the height and width where they take these. A
model whose graph another one has too, to the last attribute, is listed with that model's verdict.
The lightest model of each family comes first, then the second ones, and models whose operators,
one by one, another one has too come last, so that `--minutes` leaves none out that is new.
`--go-on` keeps the rows of earlier runs. The totals say how many of those not tried have the
operators of one that is equal, with other numbers of channels, classes or pixels.
"""

import argparse
import hashlib
import json
import math
import re
import resource
import signal
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
from gluonkit.graphs.capture import NotCompilableError, build_graph
from gluonkit.tracing.inputs import as_spec, parse_inputs
from gluonkit.tracing.symbols import graph_of

RESULTS = Path(__file__).parent / "results" / "zoo_onnx.json"
FRESH = 3  # models after which a process is replaced, as two engines keep memory
HEAVY = 5e9  # multiply-adds from which on images are halved
SIDE = 32  # halves are rounded up to a multiple of it
PROPOSALS = 60  # of heavy R-CNNs, in place of 300 or 1,000
LIMIT = 300  # seconds of processor time for a model
PATIENCE = 10  # times the limit, as others may use the machine


def traced(name):
    """Return a row with keys of a model's graph, with attributes and without, else None."""
    row = {"model": name, "graph": None}
    try:
        specs = [as_spec(given) for given in parse_inputs(model_info(name).example())]
        graph = graph_of(build_graph(create_model(name), specs, on_cpu=False, snapshot=True).symbol)
    except NotCompilableError:  # said when it is tried
        return row
    heads = [list(head) for head in graph.heads]
    operators = [
        (node.operator, [list(entry.place) for entry in node.inputs]) for node in graph.nodes
    ]
    attributes = [sorted(node.arguments.items()) for node in graph.nodes]
    whole = (operators, heads, attributes, list(map(str, specs)))
    return row | {"graph": [_key(*whole), _key(operators, heads)]}


def _key(*values):
    return hashlib.sha1(json.dumps(values).encode()).hexdigest()


def tried(name):
    """Return a row about one model."""
    row = {"model": name}
    used = time.process_time()
    # A process that is over its limit is ended. Processor time, as others may use the machine.
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + LIMIT), resource.RLIM_INFINITY))
    try:
        _try(name, row)
    except Exception as error:
        kind = "" if isinstance(error, ExportError) else f"{type(error).__name__}: "
        row["verdict"] = f"no: {kind}{last_line(error)}"[:500]
    row["processor seconds"] = round(time.process_time() - used, 1)
    return row


def _try(name, row):
    net, inputs, row["inputs"] = _made(name)
    for parameter in net.collect_params(".*weight").values():
        _draw(parameter)
    options = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        while True:
            try:
                done = export_onnx(net, path, *inputs, **options)
                break
            except ExportError as error:
                better = options | _offered(str(error))
                if better == options:
                    raise
                options = better
    row |= {"opset": done.opset, "bytes": done.bytes, "difference": done.difference}
    row["batch"] = "open" if options.get("dynamic_batch", True) else "fixed"
    row["verdict"] = f"yes, {done.note}" if done.note else "yes"


def _made(name):
    """Return a network with values, inputs for it, smaller ones if it is heavy, and their text."""
    info = model_info(name)
    is_heavy = multiply_adds().get(name, 0) > HEAVY
    examples = [(info.example(), {})]
    if is_heavy:
        halved = [_halved(array) for array in info.example()]
        sized = {"crop_size": halved[0].shape[-1]} if "crop_size" in info.options else {}
        examples.insert(0, (halved, sized))
    while True:
        inputs, options = examples.pop(0)
        mx.random.seed(0)
        net = create_model(name, init=mx.init.MSRAPrelu(), **options)
        text = ", ".join("×".join(map(str, array.shape)) for array in inputs)
        if is_heavy and hasattr(net, "rpn"):
            _propose_fewer(net)
            text += f"; {PROPOSALS} proposals"
        try:
            materialize(net, *inputs)
            return net, inputs, text
        except Exception:  # whatever a network says of images that are too small for it
            if not examples:
                raise


def _halved(array):
    """Return the images or frames of an array at half of their height and width."""
    if array.ndim < 4:
        return array
    sides = (-(-side // 2 // SIDE) * SIDE for side in array.shape[-2:])
    return array[tuple([...] + [slice(side) for side in sides])]


def _propose_fewer(net):
    """Limit the regions that an R-CNN looks at; GluonCV's own functions do not take the number."""
    net._rpn_test_post_nms = net.rpn._test_post_nms = PROPOSALS
    if hasattr(net, "_rcnn_max_dets"):
        net._rcnn_max_dets = PROPOSALS


def multiply_adds():
    """Return the multiply-adds of models by name, as `results/zoo.json` has them."""
    known = json.loads((RESULTS.parent / "zoo.json").read_text())["rows"]
    return {row["model"]: row["multiply-adds"] for row in known if row.get("multiply-adds")}


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
    weights = multiply_adds()
    names = sorted(names, key=lambda name: weights.get(name, math.inf))
    families = defaultdict(list)
    for name in names:
        families[re.split(r"[_\d]", name, maxsplit=1)[0]].append(name)
    turns = zip_longest(*families.values())
    return [name for turn in turns for name in turn if name]


def table(rows):
    """Return the rows as a table in Markdown."""
    lines = [
        "| model | equal | inputs | opset | batch | largest difference |",
        "|---|---|---|---:|---|---:|",
    ]
    for row in sorted(rows, key=lambda row: row["model"]):
        verdict = row["verdict"].replace("|", "\\|")
        if "same as" in row:
            verdict += f" (the graph of {row['same as']})"
        numbers = " | | | "
        if "difference" in row:
            difference = f"{row['difference']:.1e}"
            numbers = f"{row['inputs']} | {row['opset']} | {row['batch']} | {difference}"
        lines.append(f"| {row['model']} | {verdict} | {numbers} |")
    return "\n".join(lines) + "\n"


def summed_up(rows, count, graphs):
    """Return the totals in one line."""
    equal = [row for row in rows if row["verdict"].startswith("yes")]
    plain = sum(row["verdict"] == "yes" for row in equal)
    tried_ones = {row["model"] for row in rows}
    known = {graphs[row["model"]][1] for row in equal if graphs.get(row["model"])}
    alike = [name for name, keys in graphs.items() if keys and keys[1] in known]
    return (
        f"{len(rows)} of {count} models tried: {plain} equal, {len(equal) - plain} equal operator "
        f"by operator, {len(rows) - len(equal)} not exported, or not known. Of the others, "
        f"{len(set(alike) - tried_ones)} have the operators of one that is equal, with other sizes"
    )


def write(rows, count, graphs, path):
    """Write the rows, and the table of the documentation."""
    result = {"claim": __doc__, "models": count, "rows": rows, "graphs": graphs}
    result["environment"] = environment().to_dict()
    path.write_text(json.dumps(result, indent=1) + "\n")
    totals = summed_up(rows, count, graphs)
    path.with_suffix(".md").write_text(f"{totals}.\n\n{table(rows)}")


def new_ones_first(names, graphs, rows):
    """Return names, those last whose operators an earlier one has too, or a row's model."""
    seen = {graphs[row["model"]][1] for row in rows if graphs.get(row["model"])}
    turns = ([], [])
    for name in in_turn(names):
        keys = graphs.get(name)
        turns[bool(keys) and keys[1] in seen].append(name)
        seen.add(keys and keys[1])
    return turns[0] + turns[1]


def row_of(name, rows, graphs, worker):
    """Return a model's row: its problem, that of a model with the same graph, or a new one."""
    if problem := model_info(name).problem:
        return {"model": name, "verdict": f"no: {problem}"}
    for row in rows:
        known = row["verdict"].startswith("yes") and "same as" not in row
        if known and graphs[name] and graphs[name][0] == (graphs.get(row["model"]) or [""])[0]:
            return row | {"model": name, "same as": row["model"]}
    row = worker.row(name, LIMIT * PATIENCE)
    if row["verdict"] == f"the process ended with status {-signal.SIGXCPU}":
        row["verdict"] = f"not known: more than {LIMIT} s of processor time"
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pattern", nargs="?", default="*/*")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for all models")
    parser.add_argument("--go-on", action="store_true", help="keep the rows of the result file")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = [name for name in list_models(options.pattern) if "/" in name]
    count = sum("/" in name for name in list_models())
    before = json.loads(options.json.read_text()) if options.go_on else {"rows": []}
    rows = [row for row in before["rows"] if row["verdict"].startswith(("yes", "no:"))]
    graphs = before.get("graphs", {})
    tracer = Worker(traced, fresh=len(names))
    for name in names:
        if name not in graphs and not model_info(name).problem:
            graphs[name] = tracer.row(name, LIMIT).get("graph")
    tracer.stop()
    kept = {row["model"] for row in rows}
    worker, end = Worker(tried, fresh=FRESH), time.monotonic() + options.minutes * 60
    for name in new_ones_first(names, graphs, rows):
        if name in kept:
            continue
        if time.monotonic() > end:
            break
        rows.append(row_of(name, rows, graphs, worker))
        seconds = rows[-1].get("processor seconds", 0)
        print(f"{name:52} {seconds:7.1f} s  {rows[-1]['verdict']}", flush=True)
        write(rows, count, graphs, options.json)
    worker.stop()
    print(f"\n{summed_up(rows, count, graphs)}")


if __name__ == "__main__":
    main()
