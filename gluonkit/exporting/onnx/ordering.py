"""Converters of operators that order elements: sorting, and the largest or smallest few."""

from __future__ import annotations

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import cast, finish, working_type


@converts("sort", "argsort", "_npi_sort", "_npi_argsort")
def _sort(step: Step) -> None:
    values, places, _ = _ordered(step, 0)
    if "arg" in step.operator:
        finish(step, places, "int64")
    else:
        finish(step, values, working_type(step.specs[0].dtype))


@converts("topk")
def _topk(step: Step) -> None:
    """Convert the largest or smallest `k` of all (0), as values, positions, or a mask."""
    values, places, axis = _ordered(step, step.value("k"))
    kind = step.attributes["ret_typ"]
    if kind == "mask":
        _mask(step, places, axis)
        return
    wanted = {"both": (values, places), "value": (values,), "indices": (places,)}[kind]
    for number, (array, spec) in enumerate(zip(wanted, step.outputs, strict=True)):
        part = str(number) if kind == "both" else ""
        step.add("Cast", [array], part, to=step.onnx_type(spec.dtype))


def _ordered(step: Step, count: int) -> tuple[str, str, int]:
    """Return sorted elements, their positions and the axis; `count` is 0 for all.

    Equal elements keep their order in both directions. In MXNet they do so among up to 16 elements;
    among more, their order is that of C++'s unstable sort.
    """
    data, axis = step.inputs[0], step.value("axis")
    data = cast(step, data, step.specs[0].dtype, working_type(step.specs[0].dtype), "wide")
    if axis is None:
        data, axis, ndim = step.flattened(data), 0, 1
    else:
        ndim = len(step.specs[0].shape)
    axis %= ndim
    if count:
        number = step.constant("count", [count], "int64")
    else:
        shape = step.add("Shape", [data], "shape")
        number = step.add("Gather", [shape, step.constant("axis", [axis], "int64")], "count")
    values, places = f"{step.name}values", f"{step.name}places"
    largest = int(not step.value("is_ascend"))
    step.add_several("TopK", [data, number], [values, places], axis=axis, largest=largest, sorted=1)
    return values, places, axis


def _mask(step: Step, places: str, axis: int) -> None:
    """Add an array of the input's shape, 1 at the given positions."""
    dtype = step.outputs[0].dtype
    zero, one = step.constants(dtype, zero=0, one=1)
    shape = step.add("Shape", step.inputs, "whole-shape")
    flat = step.value("axis") is None
    size = step.add("Size", step.inputs, "size") if flat else ""
    size = (
        step.add("Reshape", [size, step.constant("first", [1], "int64")], "sizes") if flat else ""
    )
    zeros = step.add("Expand", [zero, size or shape], "zeros")
    ones = step.add("Expand", [one, step.add("Shape", [places], "places-shape")], "ones")
    marked = step.add("ScatterElements", [zeros, places, ones], "marked", axis=axis)
    step.add("Reshape", [marked, shape])
