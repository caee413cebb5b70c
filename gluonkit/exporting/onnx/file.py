"""Exporting a network as an ONNX file, checked against ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy
from mxnet import gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path, described
from gluonkit._base.optional import require
from gluonkit._base.tables import Facts
from gluonkit.errors import ArgumentError, ArgumentTypeError, ExportError
from gluonkit.exporting.arrays import traced_by_arrays
from gluonkit.exporting.network import (
    NotTracedError,
    Traced,
    gap_text,
    one_more,
    prepared,
    with_graph,
)
from gluonkit.exporting.onnx.checking import Check, rows
from gluonkit.exporting.onnx.conversion import OPSET
from gluonkit.exporting.onnx.model import onnx_model
from gluonkit.exporting.onnx.opsets import checked_opset
from gluonkit.files.writing import check_targets, write_whole
from gluonkit.tracing.inputs import spec_of

Shape: TypeAlias = "tuple[int | str | None, ...]"


@dataclass(frozen=True, repr=False)
class ExportedOnnx(Facts):
    """The file that `export_onnx` has written.

    Attributes
    ----------
    path : Path
        The file.
    opset : int
        The opset version.
    inputs, outputs : dict of str to tuple of (str, tuple of (int, str or None))
        Data types and shapes by name; an open axis is "batch" or None.
    bytes : int
        Length of the file.
    batches : tuple of int
        The batch sizes with which ONNX Runtime ran it; empty if that is not installed.
    difference : float or None
        Largest difference between ONNX Runtime's and the network's outputs, relative to the largest
        number of an output; None if not run.
    note : str
        Why outputs differ by more than rounding although each operator, given the same inputs,
        computes what MXNet's does: equal numbers in another order, rounding that decides an order,
        or a fault of MXNet's; or that outputs are too small for the comparison to show anything.
        Else ''.
    dtype : str
        The data type of weights and operators, 'float32' or 'float16'.
    """

    path: Path
    opset: int
    inputs: dict[str, tuple[str, Shape]]
    outputs: dict[str, tuple[str, Shape]]
    bytes: int
    batches: tuple[int, ...]
    difference: float | None
    note: str = ""
    dtype: str = "float32"

    def facts(self) -> dict[str, str]:
        """Return what is shown of it."""
        ran = "not run, as ONNX Runtime is not installed: pip install onnxruntime"
        if self.difference is not None:
            batches = " and ".join(str(batch) for batch in self.batches)
            ran = f"run by ONNX Runtime, batches of {batches}: {gap_text(self.difference)}"
            ran += f"; {self.note}" if self.note else ""
        kind = f"opset {self.opset}" + (f", {self.dtype}" if self.dtype != "float32" else "")
        return {
            "File": f"{self.path} ({tables.memory(self.bytes)}, {kind})",
            "Inputs": _described(self.inputs),
            "Outputs": _described(self.outputs),
            "Checked": ran,
        }


def _described(values: Mapping[str, tuple[str, Shape]]) -> str:
    return ", ".join(
        f"{name} {dtype} ({' × '.join(str(size or '?') for size in shape)})"
        for name, (dtype, shape) in values.items()
    )


@checked
def export_onnx(
    net: gluon.Block,
    path: str | os.PathLike[str],
    *inputs: Any,
    dynamic_batch: bool = True,
    opset: int = OPSET,
    dtype: str = "float32",
) -> ExportedOnnx:
    """Write a network as an ONNX file.

    The graph is that of prediction mode. Weights are named by their structural paths, and are not
    inputs of the graph; the first axis of each input is left open. If ONNX Runtime is installed, it
    runs the file with `inputs`, and with one more row, and the outputs are compared with the
    network's before the file is put in place. The network does not change.

    Needs ``pip install onnx onnxruntime`` (gluonkit's extra "onnx" brings both).

    Parameters
    ----------
    net : gluon.Block
        A network with values, of HybridBlocks; with ``dynamic_batch=False`` also of plain Blocks.
    path : str or os.PathLike
        The file, ``.onnx``; its folder must exist.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `gluonkit.summary`.
    dynamic_batch : bool, default True
        False for a graph that takes inputs of these shapes only.
    opset : int, default 13
        The set of ONNX's operators, from 13 to the newest that onnx and ONNX Runtime know.
        Deformable convolutions need 19.
    dtype : {'float32', 'float16'}, default 'float32'
        "float16" makes weights and operators float16; inputs and outputs keep their data types.
        The outputs are compared with the network's at float16's tolerance, 2 %.

    Returns
    -------
    ExportedOnnx
        The file, its inputs and outputs, and the largest difference that was measured.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        For an unknown `opset` or `dtype`; for a path that does not end in ``.onnx``; for inputs
        with which the network fails, or a network without values.
    MissingPackageError
        When onnx is not installed, or ONNX Runtime is not and `dtype` is "float16".
    ExportError
        When the network cannot be traced, has operators that cannot be converted (all of them are
        named), or the file would compute something else; the first operator that does is named.
    CheckpointError
        When the file cannot be written; an older file is not changed.

    Notes
    -----
    `mx.onnx.export_model` works on exported files, and does not run what it wrote.
    `torch.onnx.export` fixes the batch size unless the axis is named in `dynamic_axes`.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> net = gk.create_model("lenet", init="xavier")
    >>> done = gk.export_onnx(net, tempfile.mkdtemp() + "/lenet.onnx", (2, 1, 28, 28))
    >>> done.inputs, done.difference < 1e-5
    ({'data': ('float32', ('batch', 1, 28, 28))}, True)
    """
    target = checked_path("path", path)
    if target.suffix != ".onnx":
        raise ArgumentError(f"`path` is {str(path)!r}, which should end in .onnx")
    if not isinstance(dynamic_batch, bool):
        raise ArgumentTypeError(
            f"`dynamic_batch` is {described(dynamic_batch)}; give True or False"
        )
    if dtype not in ("float32", "float16"):
        raise ArgumentError(f"`dtype` is {dtype!r:.40}; give 'float32' or 'float16'")
    onnx = require("onnx", extra="onnx")
    number = checked_opset(onnx, opset)
    check_targets(target)
    network = prepared(net, inputs)
    batches = [network.inputs, one_more(network.inputs)] if dynamic_batch else [network.inputs]
    expected = [network.outputs(network.inputs)]
    if dynamic_batch:
        expected.append(network.outputs(batches[1], hint=". Give dynamic_batch=False"))

    half = dtype == "float16"

    def written(traced: Traced) -> ExportedOnnx:
        outputs = [spec_of(array) for array in expected[0]]
        model = onnx_model(
            *(onnx, network, traced, outputs), dynamic_batch=dynamic_batch, opset=number, half=half
        )
        check = Check(onnx, network, traced, batches, expected, "float16" if half else None)
        difference, note = check.of(model)
        write_whole(target, lambda file: file.write(model.contents))
        return ExportedOnnx(
            target,
            number,
            _values(onnx, model.graph.input),
            _values(onnx, model.graph.output),
            len(model.contents),
            () if difference is None else tuple(rows(batch) for batch in batches),
            difference,
            note,
            dtype,
        )

    try:
        return with_graph(network, written)
    except NotTracedError as error:
        if dynamic_batch:
            raise ExportError(
                f"{error}. dynamic_batch=False exports what its code does with these inputs"
            ) from error
        return written(traced_by_arrays(network, [array.asnumpy() for array in network.inputs]))


def _values(onnx: Any, values: Any) -> dict[str, tuple[str, Shape]]:
    """Return the data types and shapes of a graph's inputs or outputs."""
    specs = {}
    for value in values:
        kind = value.type.tensor_type
        dtype = numpy.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
        shape = (axis.dim_param or axis.dim_value or None for axis in kind.shape.dim)
        specs[value.name] = (dtype, tuple(shape))
    return specs
