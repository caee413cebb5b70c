"""Functions of operators as classes of torch, all run in one process that has torch."""

import os
import subprocess
from dataclasses import dataclass, field

import numpy

from gluonkit import autograd, mx
from gluonkit.exporting.torch import operators
from gluonkit.system.modes import array_mode
from gluonkit.tracing.inputs import leaves, spec_of
from gluonkit.tracing.symbols import shaped

RUN = """
import numpy, torch
from rows import ROWS

given, results = numpy.load("given.npz"), {}


def compute(model, name, batch):
    keys = sorted(key for key in given if key.startswith(f"{name}/{batch}/x"))
    inputs = [torch.from_numpy(given[key]) for key in keys]
    through = [x for x, key in zip(inputs, keys) if key.replace("/x", "/by") in given]
    for x in through:
        x.requires_grad_()
    total = 0
    for number, output in enumerate(model(*inputs)):
        results[f"{name}/{batch}/y{number}"] = output.detach().numpy()
        key = f"{name}/{batch}/w{number}"
        if key in given and output.requires_grad:
            total = total + (output * torch.from_numpy(given[key])).sum()
    if torch.is_tensor(total):
        total.backward()
    for number, x in enumerate(through):
        gradient = torch.zeros_like(x) if x.grad is None else x.grad
        results[f"{name}/{batch}/g{number}"] = gradient.numpy()


for name, row in ROWS.items():
    for batch in sorted({key.split("/")[1] for key in given if key.startswith(f"{name}/")}):
        try:
            compute(row().eval(), name, batch)
        except Exception as error:
            results[f"{name}/error"] = f"{batch}: {type(error).__name__}: {error}"
numpy.savez("results.npz", **results)
"""
BATCHES = (2, 1, 5)


@dataclass(frozen=True)
class Row:
    """A function of `F` and arrays, functions of the batch size for these, and what to compare.

    `through` is the number of inputs that it is differentiated by.
    """

    function: object
    makes: list
    numpy_mode: bool = False
    through: int = 0
    training: bool = False

    def inputs(self, batch):
        return [make(batch) for make in self.makes]


@dataclass
class Expected:
    """MXNet's results, and what torch is given, by batch and name."""

    given: dict = field(default_factory=dict)
    results: dict = field(default_factory=dict)


def traced(row):
    """Return the graph of a row."""
    specs = [spec_of(x) for x in row.inputs(BATCHES[0])]
    with array_mode(numpy_mode=row.numpy_mode):
        variables = [mx.sym.var(f"data{n}") for n in range(len(specs))]
        if row.numpy_mode:
            variables = [variable.as_np_ndarray() for variable in variables]
        outputs = list(leaves(row.function(mx.sym, *variables)))
        if row.numpy_mode:
            outputs = [output.as_nd_ndarray() for output in outputs]
        return shaped(mx.sym.Group(outputs), {f"data{n}": s for n, s in enumerate(specs)})


def source(graph, name):
    """Return a class whose forward computes the graph, a line for each operator; and helpers."""
    names, lines, helpers = {}, [], set()
    variables = [node for node in graph.nodes if node.is_variable]
    floating = [node for node in variables if node.outputs[0].dtype.startswith("float")]
    anchor = (floating[0].name, floating[0].outputs[0].dtype) if floating else None
    for number, node in enumerate(graph.nodes):
        if node.is_variable:
            names[number, 0] = node.name
            continue
        call = operators.call(
            node.operator,
            node.arguments,
            [names[entry.place] for entry in node.inputs],
            [graph.spec(entry.place) for entry in node.inputs],
            node.outputs,
            anchor=anchor,
        )
        helpers.update(call.helpers)
        lines.append(f"v{number} = {call.text}")
        several = call.results > 1
        for output in range(call.results):
            names[number, output] = f"v{number}[{output}]" if several else f"v{number}"
    lines.append(f"return ({', '.join(names[head.place] for head in graph.heads)},)")
    arguments = ", ".join(["self", *(f"data{n}=None" for n in range(9))])
    body = "\n        ".join(lines)
    return f"class {name}(nn.Module):\n    def forward({arguments}):\n        {body}\n", helpers


def expected(row):
    """Compute a row by MXNet's own calls."""
    done = Expected()
    for batch in BATCHES:
        inputs = row.inputs(batch)
        done.given |= {f"{batch}/x{n}": x for n, x in enumerate(inputs)}
        with array_mode(numpy_mode=row.numpy_mode):
            _compute(row, batch, inputs, done)
    return done


def _compute(row, batch, inputs, done):
    module = mx.np if row.numpy_mode else mx.nd
    arrays = [module.array(x, dtype=x.dtype) for x in inputs]
    through = [n for n, x in enumerate(inputs[: row.through]) if x.dtype.kind == "f"]
    for number in through:
        arrays[number].attach_grad()
    if not through:
        outputs = list(leaves(row.function(mx.nd, *arrays)))
    else:
        with autograd.record(train_mode=row.training):
            outputs = list(leaves(row.function(mx.nd, *arrays)))
    values = [output.asnumpy() for output in outputs]
    done.results |= {f"{batch}/y{n}": value for n, value in enumerate(values)}
    if not through:
        return
    random = numpy.random.default_rng(batch)
    weights = [random.uniform(0.5, 1.5, value.shape).astype(value.dtype) for value in values]
    autograd.backward(outputs, [module.array(w, dtype=w.dtype) for w in weights])
    for place, number in enumerate(through):
        done.given[f"{batch}/by{number}"] = numpy.zeros(0)
        done.results[f"{batch}/g{place}"] = arrays[number].grad.asnumpy()
    for number, weight in enumerate(weights):
        if weight.dtype.kind == "f":
            done.given[f"{batch}/w{number}"] = weight


def run(graphs, wanted, python, folder):
    """Compute rows in one process with torch; return its results by row, batch and name."""
    texts, helpers = [], set()
    for number, name in enumerate(wanted):
        text, needed = source(graphs[name], f"Row{number}")
        texts.append(text)
        helpers |= needed
    table = ", ".join(f"{name!r}: Row{number}" for number, name in enumerate(wanted))
    functions = [operators.HELPERS[helper] for helper in sorted(helpers)]
    head = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"
    parts = [head, *functions, *texts, f"ROWS = {{{table}}}\n"]
    (folder / "rows.py").write_text("\n\n".join(parts))
    (folder / "run.py").write_text(RUN)
    given = {f"{n}/{key}": x for n, row in wanted.items() for key, x in row.given.items()}
    numpy.savez(folder / "given.npz", **given)
    done = subprocess.run(
        [python, "run.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with numpy.load(folder / "results.npz") as results:
        return dict(results)
