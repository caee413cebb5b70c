"""Converters of pooling that ONNX does not have as MXNet does, and of the resizing of images."""

from __future__ import annotations

from typing import Any

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.reductions import reduced


@converts("Pooling")
def _pooling(step: Step) -> bool:
    """Convert sums, powers, and windows that extend beyond the padding or lie within it.

    ONNX Runtime 1.23 omits such windows, and divides by another number; it takes powers of absolute
    values.
    """
    kind = step.attributes["pool_type"]
    is_local = step.attributes["global_pool"] == "False"
    rounds_up = step.attributes.get("pooling_convention") == "full"
    layout = step.attributes.get("layout", "None")
    if kind in ("avg", "max") and not (is_local and rounds_up):
        return False
    if layout not in ("None", "NCW", "NCHW", "NCDHW"):
        raise NotImplementedError(f"Pooling with layout {layout}")
    if kind == "max":
        _Windows(step).add_largest(step.inputs[0])
    elif kind == "avg":
        inner = step.attributes.get("count_include_pad", "True") == "False"
        windows = _Windows(step)
        windows.add_sums(step.inputs[0], "", windows.share(inner=inner))
    else:
        _root(step, is_local, int(step.value("p_value")) if kind == "lp" else 1)
    return True


@converts("Pooling_v1")
def _first_pooling(step: Step) -> None:
    """Convert the first version, whose padding consists of zeros, also for the largest number."""
    kind, zero = step.attributes["pool_type"], step.constant("zero", 0, step.outputs[0].dtype)
    if step.value("global_pool"):
        reduction = {"max": "ReduceMax", "avg": "ReduceMean", "sum": "ReduceSum"}[kind]
        reduced(step, reduction, step.inputs[0], [2, 3], kept=True)
        return
    pad = step.several("pad") or (0, 0)
    pads = step.constant("zeros", [0, 0, *pad, 0, 0, *pad], "int64")
    data = step.add("Pad", [step.inputs[0], pads, zero], "zero-padded")
    windows = _Windows(step, padded=True)
    if kind == "max":
        windows.add_largest(data)
    else:
        windows.add_sums(data, "", 1.0 if kind == "sum" else 1 / numpy.prod(windows.kernel))


def _root(step: Step, is_local: bool, power: int) -> None:
    """Add the root of a sum of powers; as in MXNet, it is negative for a negative sum."""
    dtype, part = step.outputs[0].dtype, "" if power == 1 else "sums"
    exponent = [step.constant("power", power, dtype)]
    data = step.inputs[0] if power == 1 else step.add("Pow", [*step.inputs, *exponent], "powers")
    if is_local:
        _Windows(step).add_sums(data, part)
    else:
        axes = list(range(2, len(step.specs[0].shape)))
        reduced(step, "ReduceSum", data, axes, kept=True, part=part)
    if power == 2:
        step.add("Sqrt", [f"{step.name}sums"])
    elif power > 2:
        sums = [f"{step.name}sums"]
        exponent = [step.constant("root", 1 / power, dtype)]
        size = step.add("Pow", [step.add("Abs", sums, "sizes"), *exponent], "roots")
        step.add("Mul", [step.add("Sign", sums, "signs"), size])


class _Windows:
    """The windows of a pooling: their positions, and the padding that all of them need."""

    def __init__(self, step: Step, *, padded: bool = False) -> None:
        """With `padded`, the data have the padding already."""
        self._step = step
        self.kernel = list(step.several("kernel"))
        count = len(self.kernel)
        self.stride = list(step.several("stride") or (1,) * count)
        self._padding = list(step.several("pad") or (0,) * count)
        self._sizes = list(step.specs[0].shape[2:])
        if padded:
            pairs = zip(self._sizes, self._padding, strict=True)
            self._sizes = [size + 2 * pad for size, pad in pairs]
            self._padding = [0] * count
        begins = zip(step.outputs[0].shape[2:], self.stride, self._padding, strict=True)
        self._begins = [numpy.arange(number) * by - pad for number, by, pad in begins]
        beyond = [
            max(int(begin[-1]) + width - size, 0)
            for begin, width, size in zip(self._begins, self.kernel, self._sizes, strict=True)
        ]
        self._pads = [0, 0, *self._padding, 0, 0, *beyond]

    def add_largest(self, data: str) -> None:
        """Add the largest number of each window."""
        least = float(numpy.finfo(self._step.outputs[0].dtype).min)
        padded = self._padded(data, least)
        self._step.add("MaxPool", [padded], kernel_shape=self.kernel, strides=self.stride)

    def add_sums(self, data: str, part: str, share: Any = 1.0) -> None:
        """Add the sums over all windows, times a share of each."""
        step, padded = self._step, self._padded(data, 0.0)
        options = {"kernel_shape": self.kernel, "strides": self.stride}
        mean = step.add("AveragePool", [padded], f"{part}mean", **options)
        factor = share * numpy.prod(self.kernel)
        factor = step.constant(f"{part}factor", factor, step.outputs[0].dtype)
        step.add("Mul", [mean, factor], part)

    def _padded(self, data: str, number: float) -> str:
        """Return the data padded for all windows, with a given number."""
        pads = self._step.constant("pads", self._pads, "int64")
        beyond = self._step.constant("beyond", number, self._step.outputs[0].dtype)
        return self._step.add("Pad", [data, pads, beyond], "padded")

    def share(self, *, inner: bool) -> Any:
        """Return the factors that turn the sum over each window into the mean."""
        share = numpy.ones((1, 1), "float64")
        for axis, (begins, size) in enumerate(zip(self._begins, self._sizes, strict=True)):
            pad = 0 if inner else self._padding[axis]
            ends = numpy.minimum(begins + self.kernel[axis], size + pad)
            counted = numpy.maximum(ends - numpy.maximum(begins, -pad), 1)
            share = share[..., None] / counted
        return share


@converts("_contrib_AdaptiveAvgPooling2D")
def _adaptive_average(step: Step) -> None:
    """Convert by products with matrices, as windows may have several sizes and overlap."""
    (height, width), dtype = step.specs[0].shape[2:], step.outputs[0].dtype
    rows, columns = step.outputs[0].shape[2:]
    if (rows, columns) == (1, 1):
        step.add("GlobalAveragePool", step.inputs)
    elif height % rows == 0 and width % columns == 0:
        size = [height // rows, width // columns]
        step.add("AveragePool", step.inputs, kernel_shape=size, strides=size)
    else:
        down = step.constant("rows", _windows(height, rows), dtype)
        across = step.constant("columns", _windows(width, columns).T, dtype)
        step.add("MatMul", [step.add("MatMul", [down, step.inputs[0]], "down"), across])


def _windows(size: int, count: int) -> Any:
    """Return the matrix whose rows average over the windows that split an axis."""
    places = numpy.arange(size)
    begins = numpy.arange(count) * size // count
    ends = -(-(numpy.arange(count) + 1) * size // count)
    inside = (places >= begins[:, None]) & (places < ends[:, None])
    return inside / inside.sum(1, keepdims=True)


@converts("_contrib_BilinearResize2D")
def _bilinear_resize(step: Step) -> None:
    """Convert by the inferred size; corners are aligned, or pixels are areas."""
    way = "align_corners" if step.value("align_corners") else "half_pixel"
    rows = step.sliced(step.add("Shape", step.inputs[:1], "shape"), [0], [2], [0], part="channels")
    size = step.constant("size", step.outputs[0].shape[2:], "int64")
    sizes = step.add("Concat", [rows, size], "sizes", axis=0)
    inputs = [step.inputs[0], "", "", sizes]
    step.add("Resize", inputs, mode="linear", coordinate_transformation_mode=way)
