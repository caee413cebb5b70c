"""MXNet's operators in torch: the same results, and the same gradients."""

import numpy
import pytest

pytest.importorskip("onnx", reason="the cases of its converters are tried here too")

from gluonkit.exporting.torch import operators
from gluonkit.exporting.torch.parts import UnmappedOperatorError
from gluonkit.exporting.torch.process import WITHOUT, find_torch
from tests import torch_cases, torch_rows
from tests.test_export_operators import CASES

DIFFERENTIATED = (
    *("activation", "adaptive", "attention", "batch-dot", "binary", "bounds", "broadcast", "clip"),
    *(
        "conv",
        "deformed",
        "dense",
        "elemwise",
        "flatten",
        "group-norm",
        "instance-norm",
        "joined",
        "layer-norm",
    ),
    *("moments", "normalized", "norms", "pool-", "powers", "precedence", "prelu", "products"),
    *(
        "reduce",
        "regions",
        "resized",
        "reshape",
        "response",
        "scalars",
        "sliced",
        "smooth",
        "softmax1",
    ),
    *("split", "transposed", "unary", "unit-length", "upsampled"),
)
"""How the names of rows begin whose gradients are compared, too."""


def cases():
    """Yield the name and case of each row."""
    for mode, table in (("nd", torch_cases.LEGACY), ("np", torch_cases.NUMPY)):
        yield from ((f"{name}.{mode}", case) for name, case in table.items())
    for name, (legacy, function, *makes) in CASES.items():
        for mode, chosen in (("nd", legacy), ("np", function)):
            if chosen is not None:
                yield f"onnx-{name}.{mode}", (chosen, *makes)


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
def graphs():
    return {name: torch_rows.traced(row) for name, row in ROWS.items()}


def refused(graph):
    """Return why a graph cannot be written; '' if it can."""
    try:
        torch_rows.source(graph, "Row")
    except UnmappedOperatorError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def computed(graphs, tmp_path_factory):
    """Return MXNet's results, and torch's of one process for all rows."""
    python = find_torch() or pytest.skip(WITHOUT)
    wanted = {name: torch_rows.expected(ROWS[name]) for name in ROWS if not refused(graphs[name])}
    folder = tmp_path_factory.mktemp("rows")
    return wanted, torch_rows.run(graphs, wanted, python, folder)


@pytest.mark.torch
@pytest.mark.parametrize("name", ROWS)
def test_torch_computes_the_same(name, graphs, computed):
    wanted, results = computed
    if name not in wanted:
        assert name.startswith("onnx-")
        pytest.skip(f"ONNX has it, torch has not: {refused(graphs[name])}")
    assert results.get(f"{name}/error") is None
    for key, values in wanted[name].results.items():
        given = results[f"{name}/{key}"]
        assert (given.shape, given.dtype) == (values.shape, values.dtype), key
        numpy.testing.assert_allclose(given, values, rtol=1e-4, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("name", ["onnx-pooling-beyond-avg.nd", "onnx-pooling-beyond-avg-inner.nd"])
def test_means_of_windows_beyond_the_edge_are_refused(name, graphs):
    assert refused(graphs[name]) == "a window lies wholly beyond the array"


def test_every_operator_has_a_row(graphs):
    used = {node.operator for graph in graphs.values() for node in graph.operators}
    assert sorted(set(operators.TABLE) - used) == []
