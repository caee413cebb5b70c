"""Claim: models of the zoos are written as PyTorch source, and certified: the table says which.

`make zoo` tries them; a pattern tries some: ``python benchmarks/zoo_torch.py 'mxnet/*'``. Each is
made, given values, and exported by `export_torch` with a certificate, at images of 64 x 64 where it
takes them (all numbers are of float64 there), or else at its own size. torch.compile takes minutes
for a large network, and is measured with ``--compiled`` only. PyTorch is that of `find_torch`:
GLUONKIT_TORCH_PYTHON names another Python. The lightest network of each architecture comes first,
the same network under another data set's name last; ``--missing`` goes on where a run was ended.
``--outputs`` compares outputs only, which takes seconds: a row that says so is no certificate, and
is tried again without it.
"""

import argparse
import json
import re
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy
from zoo import Worker

from gluonkit import (
    create_model,
    environment,
    export_torch,
    list_models,
    materialize,
    model_info,
    mx,
)
from gluonkit._base.checks import last_line
from gluonkit.errors import GluonkitError
from gluonkit.exporting.torch import export
from gluonkit.exporting.torch.certificate import certify

RESULTS = Path(__file__).parent / "results" / "zoo_torch.json"
SIDE = 64
SOURCES = ("gluonkit", "mxnet", "gluoncv", "gluonnlp")
COSTS = Path(__file__).parent / "results" / "zoo.json"
"""Multiply-adds of each model, as `zoo.py` has found them."""
_SIZE = re.compile(r"[_x]?\d+(\.\d+)?[dsx]?(?=_|$|-)|\d+(\.\d+)?x\d+d?")
_DATA = re.compile(r"_(ade|citys|coco|custom|voc|mhpv1|otb15)$")
DETECTORS = ("ssd", "yolo", "center_net")
"""Models that put boxes in the order of their scores."""
GAINS = (1, 0.8, 0.6, 0.4)
"""How much smaller weights are tried, where scores are alike."""
EQUAL = "equal outputs at several batches"
"""What is said of models of which nothing else was compared."""
LEFT_OUT = ("int8", "kinetics", "sthsth", "ucf101", "hmdb51", "rcnn", "i3d", "slowfast")
"""Models that cannot be made, are of videos, or have loops over what they find."""


def tried(name, compiled=False, full=True):
    """Return a row about one model."""
    export.certify = partial(certify, compiled=compiled, full=full)
    row = {"model": name}
    began = time.perf_counter()
    mx.random.seed(0)
    try:
        info = model_info(name)
        net = _made(name, info)
        inputs = _taken(net, info.example())
        if any(part in name for part in DETECTORS):
            _draw(net, inputs)
        with tempfile.TemporaryDirectory() as folder:
            done = export_torch(net, folder, *inputs, verify=True)
        row |= {"lines": done.lines, "verdict": "certified" if full else EQUAL}
        row["checks"] = done.certificate.to_dict()["checks"]
        open_ones = [check for check in row["checks"] if check["holds"] is None]
        if undecided := {c["reason"]: 0 for c in open_ones if full or c["what"] != "training"}:
            row["verdict"] += f", but for {'; '.join(undecided)}"
        row["torch"] = done.certificate.versions["torch"]
    except GluonkitError as error:
        row["verdict"] = f"refused: {error}".partition(". Nothing is written")[0][:600]
    except Exception as error:
        row["verdict"] = f"failed: {type(error).__name__}: {last_line(error)}"[:600]
    row["seconds"] = round(time.perf_counter() - began)
    return row


def _made(name, info):
    """Return a network with values, whose dense layers are for small images if it takes these."""
    small = [_small(array) for array in info.example()]
    for given in (small, info.specs):
        mx.random.seed(0)
        is_sized = given is small and "crop_size" in info.options
        net = create_model(name, init="xavier", **({"crop_size": SIDE} if is_sized else {}))
        try:
            materialize(net, *given)
            return net
        except GluonkitError:
            if given is info.specs:
                raise
    raise AssertionError(name)


def _draw(net, inputs):
    """Draw values with which no two scores of a detector are alike.

    Xavier's, with zeros for biases, die away: all scores are one in float32, and their order, by
    which boxes are suppressed, is that of rounding. Too large ones make all scores 1.
    """
    for gain in GAINS:
        draws = numpy.random.default_rng(0)
        for name, parameter in net.collect_params().items():
            shape = parameter.shape
            if name.endswith(("bias", "beta")):
                parameter.set_data(mx.nd.array(draws.normal(0, 0.3, shape)))
            elif name.endswith("weight"):
                deviation = gain * (2 / numpy.prod(shape[1:])) ** 0.5
                parameter.set_data(mx.nd.array(draws.normal(0, deviation, shape)))
        scores = numpy.sort(net(*map(mx.nd.array, inputs))[1].asnumpy(), axis=None)
        if scores[-1] < 1 - 1e-4 and numpy.diff(scores[scores > 0]).min(initial=1) > 0:
            return


def _taken(net, inputs):
    """Return small images if the network takes them, else the given inputs."""
    small = [_small(array) for array in inputs]
    if any(array.shape != given.shape for array, given in zip(small, inputs, strict=True)):
        try:
            net(*[mx.nd.array(array, dtype=array.dtype) for array in small])[0].wait_to_read()
        except Exception:  # its own code may raise anything
            return inputs
    return small


def _small(array):
    """Return a small image in place of a large one, of noise."""
    if array.ndim != 4 or min(array.shape[2:]) <= SIDE:
        return array
    draws = numpy.random.default_rng(0)
    return draws.uniform(-1, 1, (*array.shape[:2], SIDE, SIDE)).astype(array.dtype)


def in_order(names):
    """Return names with the lightest of each architecture first, then the second, and so on.

    The names of a network for other data sets follow at the end.
    """
    known = json.loads(COSTS.read_text())["rows"]
    costs = {row["model"]: row.get("multiply-adds") or 0 for row in known}
    places, order = {}, {}
    for name in sorted(names, key=lambda name: costs.get(name, 0)):
        network = _DATA.sub("", name)
        family = _SIZE.sub("", network.partition("/")[2] or network)
        earlier = places.setdefault(family, [])
        order[name] = (network in earlier, len(earlier), costs.get(name, 0))
        earlier.append(network)
    return sorted(names, key=order.get)


def known_names(sources=SOURCES, patterns=("*",)):
    """Return the names of the models that can be tried."""
    return [
        name
        for source in sources
        for pattern in patterns
        for name in list_models(pattern, source=source)
        if not any(part in name for part in LEFT_OUT)
    ]


def worst(row):
    """Return the largest difference of the outputs, and of the gradients, in float64."""
    by_name = {check["what"]: check["difference"] for check in row.get("checks", [])}
    names = ("outputs, float64", "outputs", "gradients", "parameters after SGD")
    return [by_name.get(name) for name in names]


def table(rows):
    """Return the rows as a table in Markdown, below how many they are, and of how many."""
    good = sum(row["verdict"].startswith("certified") for row in rows)
    equal = sum(row["verdict"].startswith(EQUAL) for row in rows)
    said = (
        f"{len(rows)} of {len(known_names())} models were tried. {good} of these are certified; "
        f"of {equal} more, outputs were compared, and nothing else, and are equal.\n"
    )
    head = "| model | lines | outputs, float64 | outputs | gradients | SGD | certificate |"
    lines = [said, head, "|---|---:|---:|---:|---:|---:|---|"]
    for row in rows:
        figures = ["" if value is None else f"{value:.0e}" for value in worst(row)]
        verdict = row["verdict"].replace("|", "\\|").replace("<", "&lt;")
        cells = [row["model"], str(row.get("lines", "")), *figures, verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pattern", nargs="*", default=["*"])
    parser.add_argument("--source", choices=SOURCES, help="only this zoo")
    parser.add_argument("--missing", action="store_true", help="only models without a row")
    parser.add_argument("--compiled", action="store_true", help="torch.compile, too")
    parser.add_argument("--outputs", action="store_true", help="compare outputs only")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for each model")
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    names = known_names([options.source] if options.source else SOURCES, options.pattern)
    known = json.loads(options.json.read_text())["rows"] if options.json.exists() else []
    rows = {row["model"]: row for row in known}  # a pattern renews its own rows only
    worker = Worker(partial(tried, compiled=options.compiled, full=not options.outputs))
    for name in in_order(names):
        is_known = name in rows and (options.outputs or not rows[name]["verdict"].startswith(EQUAL))
        if options.missing and is_known:
            continue
        row = worker.row(name, options.timeout)
        if "seconds" in row or name not in rows:  # what did not end says less than a row before
            rows[name] = row
        print(f"{name:45} {row.get('seconds', ''):>5} s  {row['verdict'][:300]}", flush=True)
        order = sorted(rows.values(), key=lambda row: ("/" in row["model"], row["model"]))
        result = {"claim": __doc__, "rows": order, "environment": environment().to_dict()}
        options.json.write_text(json.dumps(result, indent=1) + "\n")
        options.json.with_suffix(".md").write_text(table(order))
    worker.stop()
    good = sum(row["verdict"].startswith("certified") for row in rows.values())
    print(f"\n{good} of {len(rows)} models certified")


if __name__ == "__main__":
    main()
