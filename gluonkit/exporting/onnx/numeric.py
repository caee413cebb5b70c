"""Converters of NumPy's functions that take several of ONNX's operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.reductions import axes_of, reduced
from gluonkit.exporting.onnx.wide import as_wide, cast, working_type


@converts("_npi_diff")
def _difference(step: Step) -> None:
    dtype = step.outputs[0].dtype
    axis = step.value("axis") % len(step.specs[0].shape)
    data = cast(step, step.inputs[0], step.specs[0].dtype, working_type(dtype), "wide")
    most = numpy.iinfo("int64").max
    for turn in range(step.value("n")):
        later = step.sliced(data, [1], [most], [axis], part=f"later{turn}")
        sooner = step.sliced(data, [0], [-1], [axis], part=f"sooner{turn}")
        data = step.add("Sub", [later, sooner], f"difference{turn}")
    step.add("Cast", [data], to=step.onnx_type(dtype))


@converts("_npi_tril")
def _lower_triangle(step: Step) -> None:
    shape = step.outputs[0].shape
    if shape[-2:] != tuple(step.grown[0][-2:]):
        raise NotImplementedError(f"{step.operator} along the batch")
    mask = step.constant("mask", numpy.tri(shape[-2], shape[-1], step.value("k")), "bool")
    step.add("Where", [mask, step.inputs[0], step.constant("zero", 0, step.outputs[0].dtype)])


@converts("_np_diagonal", "diag", "_np_diag")
def _diagonal(step: Step) -> None:
    name = "offset" if step.operator == "_np_diagonal" else "k"
    _add_diagonal(step, step.value(name), "")


@converts("_np_trace")
def _trace(step: Step) -> None:
    diagonal = _add_diagonal(step, step.value("offset"), "diagonal")
    data, done = as_wide(step, diagonal, step.specs[0].dtype, step.outputs[0].dtype)
    done(reduced(step, "ReduceSum", data, [-1], kept=False, part="sum"))


def _add_diagonal(step: Step, offset: int, part: str) -> str:
    """Add the elements of a diagonal, along a new last axis."""
    shape, count = step.specs[0].shape, len(step.specs[0].shape)
    pair = [step.value("axis1", 0) % count, step.value("axis2", 1) % count] if count > 1 else []
    if not pair or any(shape[axis] != step.grown_inputs[0][axis] for axis in pair):
        raise NotImplementedError(f"{step.operator} of one axis, or along the batch")
    others = [axis for axis in range(count) if axis not in pair]
    rows, columns = (shape[axis] for axis in pair)
    last = step.add("Transpose", step.inputs, "last", perm=others + pair)
    flat = step.constant("flat-shape", [0] * len(others) + [rows * columns], "int64")
    places = numpy.arange(rows * columns).reshape(rows, columns).diagonal(offset)
    flat = step.add("Reshape", [last, flat], "flat")
    return step.add("Gather", [flat, step.constant("places", places, "int64")], part, axis=-1)


@converts("_np_any", "_np_all")
def _truth(step: Step) -> None:
    truths = cast(step, step.inputs[0], step.specs[0].dtype, "bool", "truths")
    operator = "ReduceMax" if step.operator == "_np_any" else "ReduceMin"
    whole = step.add("Cast", [truths], "whole", to=step.onnx_type("int32"))
    kept = bool(step.value("keepdims"))
    reduction = reduced(step, operator, whole, axes_of(step), kept=kept, part="reduced")
    step.add("Cast", [reduction], to=step.onnx_type(step.outputs[0].dtype))


@converts("moments")
def _moments(step: Step) -> None:
    axes = [axis % len(step.specs[0].shape) for axis in step.several("axes")]
    kept = bool(step.value("keepdims"))
    mean = reduced(step, "ReduceMean", step.inputs[0], axes, kept=True, part="mean")
    far = step.add("Sub", [step.inputs[0], mean], "far")
    for part, data in (("0", step.inputs[0]), ("1", step.add("Mul", [far, far], "squares"))):
        reduced(step, "ReduceMean", data, axes, kept=kept, part=part)


@converts("_npi_average")
def _average(step: Step) -> None:
    """Convert a mean or a weighted mean, perhaps with the sum of the weights."""
    dtype, axes = step.outputs[0].dtype, axes_of(step)
    data = cast(step, step.inputs[0], step.specs[0].dtype, dtype, "real")
    if len(step.inputs) > 1:
        weights = _weights(step, axes)
    else:
        one = step.constant("one", 1, dtype)
        weights = step.add("Expand", [one, step.add("Shape", [data], "shape")], "ones")
    total = reduced(step, "ReduceSum", weights, axes, kept=False, part="total")
    weighted = step.add("Mul", [data, weights], "weighted")
    total_data = reduced(step, "ReduceSum", weighted, axes, kept=False, part="sum")
    several = len(step.outputs) > 1
    step.add("Div", [total_data, total], "0" if several else "")
    if several and step.outputs[1].shape == step.outputs[0].shape:
        step.add("Identity", [total], "1")
    elif several:  # of one row of weights
        total = reduced(step, "ReduceSum", step.inputs[1], None, kept=False, part="weight")
        step.add("Cast", [total], "1", to=step.onnx_type(dtype))


def _weights(step: Step, axes: Sequence[int] | None) -> str:
    """Return the weights in the shape of the data."""
    weights = cast(step, step.inputs[1], step.specs[1].dtype, step.outputs[0].dtype, "weights")
    count = len(step.specs[0].shape)
    if len(step.specs[1].shape) < count and axes is not None:
        along = [-1 if axis == axes[0] else 1 for axis in range(count)]
        weights = step.add("Reshape", [weights, step.constant("along", along, "int64")], "aligned")
    return step.add(
        "Expand", [weights, step.add("Shape", step.inputs[:1], "whole")], "whole-weights"
    )
