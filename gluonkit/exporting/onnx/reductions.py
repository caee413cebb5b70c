"""Converters of operators that bring many elements down to fewer, or that weigh them together."""

from __future__ import annotations

from typing import Any

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import as_wide, cast, finish

_REDUCTIONS = {
    "mean": "ReduceMean",
    "sum": "ReduceSum",
    "max": "ReduceMax",
    "min": "ReduceMin",
    "prod": "ReduceProd",
    "nansum": "ReduceSum",
    "nanprod": "ReduceProd",
}
_LEGACY = {
    **{name: name for name in _REDUCTIONS},
    **{f"{n}_axis": n for n in ("sum", "max", "min")},
}
_NUMPY = {"_npi_mean": "mean", **{f"_np_{name}": name for name in ("sum", "max", "min", "prod")}}


def reduced(step: Step, operator: str, data: str, axes: Any, *, kept: bool, part: str = "") -> str:
    """Add one of ONNX's reductions; `axes` is None for all axes."""
    if operator == "ReduceSum":  # the only one whose axes are an input by now
        inputs = [data] if axes is None else [data, step.constant(f"{part}axes", axes, "int64")]
        return step.add(operator, inputs, part, keepdims=int(kept))
    given: dict[str, Any] = {} if axes is None else {"axes": list(axes)}
    return step.add(operator, [data], part, keepdims=int(kept), **given)


def axes_of(step: Step) -> list[int] | None:
    """Return the axes to reduce; None for all. In legacy mode the empty tuple means all."""
    axes = step.value("axis")
    count = len(step.specs[0].shape)
    axes = None if axes is None else [axes] if isinstance(axes, int) else list(axes)
    if axes is None or (not axes and step.operator in _LEGACY):
        return None
    axes = [axis % count for axis in axes]
    if step.value("exclude"):
        return [axis for axis in range(count) if axis not in axes]
    return axes


@converts(*_LEGACY, *_NUMPY)
def _reduction(step: Step) -> None:
    name = {**_LEGACY, **_NUMPY}[step.operator]
    axes, dtype = axes_of(step), step.outputs[0].dtype
    if axes == []:
        raise NotImplementedError(f"{step.operator} over no axis")
    data, done = as_wide(step, step.inputs[0], step.specs[0].dtype, dtype)
    if name.startswith("nan"):
        other = step.constant("other", float(name == "nanprod"), dtype)
        data = step.add("Where", [step.add("IsNaN", [data], "nan"), other, data], "numbers")
    norm = reduced(
        step,
        _REDUCTIONS[name],
        data,
        axes,
        kept=bool(step.value("keepdims")),
        part="reduced",
    )
    if step.outputs[0].shape == (1,):  # all axes in legacy mode, which has no arrays without axes
        norm = step.add("Reshape", [norm, step.constant("one", [1], "int64")], "shaped")
    done(norm)


@converts("_npi_var", "_npi_std")
def _variance(step: Step) -> None:
    axes, ddof = axes_of(step), step.value("ddof")
    shape, dtype = step.specs[0].shape, step.outputs[0].dtype
    if numpy.dtype(step.specs[0].dtype).kind != "f" or axes == []:
        raise NotImplementedError(f"{step.operator} of whole numbers, or over no axis")
    if ddof and (axes is None or 0 in axes):
        raise NotImplementedError(f"{step.operator} with `ddof` over the batch")
    mean = reduced(step, "ReduceMean", step.inputs[0], axes, kept=True, part="mean")
    far = step.add("Sub", [step.inputs[0], mean], "far")
    squares = step.add("Mul", [far, far], "squares")
    kept, is_last = bool(step.value("keepdims")), step.operator == "_npi_var"
    last = "" if is_last and not ddof else "variance"
    variance = reduced(step, "ReduceMean", squares, axes, kept=kept, part=last)
    if ddof:
        count = int(numpy.prod([shape[axis] for axis in axes or ()]))
        factor = step.constant("factor", count / (count - ddof), dtype)
        variance = step.add("Mul", [variance, factor], "" if is_last else "unbiased")
    if not is_last:
        step.add("Sqrt", [variance])


@converts("_npi_norm")
def _numpy_norm(step: Step) -> None:
    """Convert norms: L1 and L2 of vectors, the Frobenius norm of matrices."""
    axes, order = axes_of(step), step.value("ord", 2)
    vectors = axes is not None and len(axes) == 1
    if order not in (1, 2) or not (vectors or (order == 2 and step.value("flag", -1) in (-2, 1))):
        raise NotImplementedError("a norm of matrices")
    kept = bool(step.value("keepdims"))
    reduced(step, f"ReduceL{order}", step.inputs[0], axes, kept=kept)


@converts("argmax", "argmin", "_npi_argmax", "_npi_argmin")
def _extreme_place(step: Step) -> None:
    operator = "ArgMax" if step.operator.endswith("max") else "ArgMin"
    data, axis = step.inputs[0], step.value("axis")
    if axis is None:
        place = step.add(operator, [step.flattened(data)], "first", axis=0, keepdims=0)
        shape = step.constant("shape", step.outputs[0].shape, "int64")
        place = step.add("Reshape", [place, shape], "place")
    else:
        # Legacy mode keeps the only axis, as it has no arrays without axes.
        kept = int(len(step.outputs[0].shape) == len(step.specs[0].shape))
        place = step.add(operator, [data], "place", axis=axis, keepdims=kept)
    step.add("Cast", [place], to=step.onnx_type(step.outputs[0].dtype))


@converts("_np_cumsum", "cumsum")
def _running_sum(step: Step) -> None:
    data, done = as_wide(step, step.inputs[0], step.specs[0].dtype, step.outputs[0].dtype)
    axis = step.value("axis")
    if axis is None:
        data = step.flattened(data)
    done(step.add("CumSum", [data, step.constant("axis", axis or 0, "int64")], "sums"))


@converts("softmax", "log_softmax", "softmin", "_npx_softmax", "_npx_log_softmax")
def _softmax(step: Step) -> None:
    """Convert softmax with temperature, and with lengths of rows, beyond which it is zero."""
    spec = step.specs[0]
    axis = step.value("axis") % len(spec.shape)
    wide = numpy.result_type(spec.dtype, step.outputs[0].dtype)
    data = cast(step, step.inputs[0], spec.dtype, wide, "wide")
    if step.operator == "softmin":
        data = step.add("Neg", [data], "negative")
    temperature = step.value("temperature") or 1.0
    if temperature != 1:
        data = step.add("Div", [data, step.constant("temperature", temperature, wide)], "tempered")
    mask = _length_mask(step, axis) if len(step.inputs) > 1 else None
    if mask is not None:
        data = step.add("Where", [mask, data, step.constant("never", -numpy.inf, wide)], "masked")
    operator = "LogSoftmax" if "log" in step.operator else "Softmax"
    weights = step.add(operator, [data], "weights", axis=axis)
    if mask is not None:
        weights = step.add("Where", [mask, weights, step.constant("zero", 0, wide)], "within")
    finish(step, weights, wide)


def _length_mask(step: Step, axis: int) -> str:
    """Return a mask of elements within the length of their row."""
    shape = step.outputs[0].shape
    if shape[axis] != step.grown[0][axis]:
        raise NotImplementedError(f"{step.operator} with lengths along the batch")
    places = numpy.arange(shape[axis]).reshape([-1] + [1] * (len(shape) - axis - 1))
    lengths = step.add("Cast", step.inputs[1:], "whole", to=step.onnx_type("int64"))
    along = step.constant("axis", [axis], "int64")
    lengths = step.add("Unsqueeze", [lengths, along], "lengths")
    return step.add("Less", [step.constant("places", places, "int64"), lengths], "mask")
