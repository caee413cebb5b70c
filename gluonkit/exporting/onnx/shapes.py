"""Converters of operators that choose, order or move elements, or that give constants."""

from __future__ import annotations

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import cast


def _inferred_shape(step: Step) -> list[int] | None:
    """Return the inferred shape with -1 for the batch; None if ONNX cannot express it."""
    open_axes = [one != two for one, two in zip(step.outputs[0].shape, step.grown[0], strict=True)]
    if sum(open_axes) > 1 or 0 in step.outputs[0].shape:
        return None
    sizes = zip(step.outputs[0].shape, open_axes, strict=True)
    return [-1 if is_open else size for size, is_open in sizes]


@converts("_np_reshape", "_npi_reshape", "_npx_reshape", "Reshape")
def _reshape(step: Step) -> bool:
    """Convert by the inferred shape; codes such as -5 mean something else in ONNX, or nothing."""
    shape = _inferred_shape(step)
    if shape is None and step.operator == "Reshape":
        return False
    if shape is None:
        raise NotImplementedError(f"{step.operator} to {step.outputs[0].shape}")
    step.add("Reshape", [step.inputs[0], step.constant("shape", shape, "int64")])
    return True


@converts("slice", "_npi_slice", "_npx_slice")
def _slice(step: Step) -> None:
    begins, ends = step.several("begin"), step.several("end")
    steps = [step_size or 1 for step_size in step.several("step")]
    steps += [1] * (len(begins) - len(steps))
    most, least = numpy.iinfo("int64").max, numpy.iinfo("int64").min
    low = [
        (0 if by > 0 else most) if at is None else at for at, by in zip(begins, steps, strict=True)
    ]
    high = [
        (most if by > 0 else least) if at is None else at
        for at, by in zip(ends, steps, strict=True)
    ]
    step.sliced(step.inputs[0], low, high, range(len(begins)), steps=steps)


@converts("transpose", "_np_transpose")
def _transpose(step: Step) -> None:
    count = len(step.specs[0].shape)
    axes = step.value("axes") or range(count)[::-1]
    step.add("Transpose", step.inputs, perm=[axis % count for axis in axes])


@converts("SwapAxis", "swapaxes", "_npi_swapaxes")
def _swap_axes(step: Step) -> None:
    order = list(range(len(step.specs[0].shape)))
    one, two = step.value("dim1"), step.value("dim2")
    order[one], order[two] = order[two], order[one]
    step.add("Transpose", step.inputs, perm=order)


@converts("_np_moveaxis")
def _move_axes(step: Step) -> None:
    count = len(step.specs[0].shape)
    sources, places = (
        [axis % count for axis in ([axes] if isinstance(axes, int) else axes)]
        for axes in (step.value("source"), step.value("destination"))
    )
    order = [axis for axis in range(count) if axis not in sources]
    for place, source in sorted(zip(places, sources, strict=True)):
        order.insert(place, source)
    step.add("Transpose", step.inputs, perm=order)


@converts("broadcast_to", "_npi_broadcast_to")
def _broadcast(step: Step) -> None:
    """Convert by the inferred shape, with 1 for axes whose length does not change."""
    shape = _inferred_shape(step)
    if shape is None:
        raise NotImplementedError(f"{step.operator} to {step.outputs[0].shape}")
    sizes = [1 if size == -1 else size for size in shape]
    step.add("Expand", [step.inputs[0], step.constant("shape", sizes, "int64")])


@converts("_npi_concatenate")
def _concatenate(step: Step) -> None:
    names, axis = list(step.inputs), step.value("axis", 0)
    if axis is None:
        names, axis = [step.flattened(array, f"flat{n}") for n, array in enumerate(names)], 0
    step.add("Concat", names, axis=axis)


def _clipped(step: Step, places: str, last: str) -> str:
    """Clip indices to the valid range."""
    places = step.add("Max", [places, step.constant("first", 0, "int64")], "not-before")
    return step.add("Min", [places, last], "not-after")


@converts("Embedding", "_npx_embedding")
def _embedding(step: Step) -> None:
    """Convert an embedding, which clips indices to the valid range."""
    places = cast(step, step.inputs[0], step.specs[0].dtype, "int64", "whole")
    last = step.constant("last", step.specs[1].shape[0] - 1, "int64")
    step.add("Gather", [step.inputs[1], _clipped(step, places, last)])


@converts("one_hot", "_npx_one_hot")
def _one_hot(step: Step) -> None:
    """Indices out of range give zeros; ONNX's own operator counts negative ones from the end."""
    dtype = step.outputs[0].dtype
    places = cast(step, step.inputs[0], step.specs[0].dtype, "int64", "whole")
    last = step.constant("axis", [-1], "int64")
    columns = step.constant("columns", range(step.value("depth")), "int64")
    equal = step.add("Equal", [step.add("Unsqueeze", [places, last], "row"), columns], "equal")
    values = [
        step.constant(part, float(step.value(part, default)), dtype)
        for part, default in (("on_value", 1), ("off_value", 0))
    ]
    step.add("Where", [equal, *values])


@converts("pick", "_npx_pick")
def _pick(step: Step) -> None:
    axis, kept = step.value("axis"), step.value("keepdims")
    if axis is None:
        raise NotImplementedError(f"{step.operator} from the flattened array")
    count = len(step.specs[0].shape)
    along = step.constant("axis", [axis % count], "int64")
    size = step.add("Gather", [step.add("Shape", step.inputs[:1], "shape"), along], "size")
    places = cast(step, step.inputs[1], step.specs[1].dtype, "int64", "whole")
    if step.attributes["mode"] == "wrap":
        places = step.add("Mod", [places, size], "wrapped")
    else:
        last = step.add("Sub", [size, step.constant("one", 1, "int64")], "last")
        places = _clipped(step, places, last)
    if len(step.specs[1].shape) < count:
        places = step.add("Unsqueeze", [places, along], "places")
    part = "" if kept else "picked"
    gathered = step.add("GatherElements", [step.inputs[0], places], part, axis=axis % count)
    if not kept:
        step.add("Squeeze", [gathered, along])


@converts("SequenceLast")
def _last_of_sequence(step: Step) -> None:
    axis = step.value("axis")
    data = step.inputs[0]
    if not step.value("use_sequence_length"):
        step.add("Gather", [data, step.constant("last", -1, "int64")], axis=axis)
        return
    if axis == 0:
        order = list(range(len(step.specs[0].shape)))
        order[:2] = 1, 0
        data = step.add("Transpose", [data], "by-sequence", perm=order)
    lengths = cast(step, step.inputs[1], step.specs[1].dtype, "int64", "whole")
    places = step.add("Sub", [lengths, step.constant("one", 1, "int64")], "last")
    places = step.add("Unsqueeze", [places, step.constant("axis", [1], "int64")], "places")
    step.add("GatherND", [data, places], batch_dims=1)


@converts("reverse", "_npi_flip")
def _reverse(step: Step) -> None:
    axes = step.value("axis")
    axes = [axes] if isinstance(axes, int) else list(axes or range(len(step.specs[0].shape)))
    back, before_all = [-1] * len(axes), [numpy.iinfo("int64").min] * len(axes)
    step.sliced(step.inputs[0], back, before_all, axes, steps=back)
