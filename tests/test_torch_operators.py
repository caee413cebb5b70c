"""MXNet's operators in torch: the same results, and the same gradients."""

import importlib.util
import os
import sys

import numpy
import pytest

pytest.importorskip("onnx", reason="the cases of its converters are tried here too")

from gluonkit.exporting.torch import operators
from gluonkit.exporting.torch.parts import UnmappedOperatorError
from tests import torch_cases, torch_rows
from tests.test_export_operators import CASES

DIFFERENTIATED = (
    *("activation", "adaptive", "attention", "batch-dot", "binary", "bounds", "broadcast", "clip"),
    *(
        "conv",
        "dense",
        "elemwise",
        "flatten",
        "group-norm",
        "instance-norm",
        "joined",
        "layer-norm",
    ),
    *("moments", "normalized", "norms", "pool-", "powers", "precedence", "prelu", "products"),
    *("reduce", "resized", "reshape", "response", "scalars", "sliced", "smooth", "softmax1"),
    *("split", "transposed", "unary", "unit-length", "upsampled"),
)
"""How the names of rows begin whose gradients are compared, too."""
REFUSED = {"pooling-beyond-avg.nd": "a window lies wholly beyond the array"}
REFUSED["pooling-beyond-avg-inner.nd"] = REFUSED["pooling-beyond-avg.nd"]


def cases():
    """Yield the name and case of each row."""
    for mode, table in (("nd", torch_cases.LEGACY), ("np", torch_cases.NUMPY)):
        yield from ((f"{name}.{mode}", case) for name, case in table.items())
    for name, (legacy, function, *makes) in CASES.items():
        for mode, chosen in (("nd", legacy), ("np", function)):
            if chosen is not None:
                yield f"{name}.{mode}", (chosen, *makes)


def row(name, function, makes):
    is_chosen = name.startswith(DIFFERENTIATED) and name not in torch_cases.UNDIFFERENTIATED
    return torch_rows.Row(
        function,
        makes,
        numpy_mode=name.endswith(".np"),
        through=len(makes) if is_chosen else 0,
        training=name.startswith(torch_cases.TRAINING),
    )


ROWS = {name: row(name, function, makes) for name, (function, *makes) in cases()}


@pytest.fixture(scope="module")
def torch_python():
    """Return a Python that has torch, which MXNet's process must not import."""
    own = sys.executable if importlib.util.find_spec("torch") else None
    python = os.environ.get("GLUONKIT_TORCH_PYTHON", own)
    if python is None:
        pytest.skip("no torch here, and GLUONKIT_TORCH_PYTHON names no Python that has it")
    return python


@pytest.fixture(scope="module")
def graphs():
    return {name: torch_rows.traced(row) for name, row in ROWS.items()}


@pytest.fixture(scope="module")
def computed(graphs, torch_python, tmp_path_factory):
    """Return MXNet's results, and torch's of one process for all rows."""
    wanted = {name: torch_rows.expected(row) for name, row in ROWS.items() if name not in REFUSED}
    folder = tmp_path_factory.mktemp("rows")
    return wanted, torch_rows.run(graphs, wanted, torch_python, folder)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in REFUSED])
def test_torch_computes_the_same(name, computed):
    wanted, results = computed
    assert results.get(f"{name}/error") is None
    for key, values in wanted[name].results.items():
        given = results[f"{name}/{key}"]
        assert (given.shape, given.dtype) == (values.shape, values.dtype), key
        numpy.testing.assert_allclose(given, values, rtol=1e-4, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, graphs):
    with pytest.raises(UnmappedOperatorError, match=REFUSED[name]):
        torch_rows.source(graphs[name], "Row")


def test_every_operator_has_a_row(graphs):
    used = {node.operator for graph in graphs.values() for node in graph.operators}
    assert sorted(set(operators.TABLE) - used) == []
