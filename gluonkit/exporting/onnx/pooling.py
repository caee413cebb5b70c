"""The converter of pooling over windows that ONNX's own operators do not have as MXNet does."""

from __future__ import annotations

from collections.abc import Callable
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
        windows = _Windows(step)
        least = float(numpy.finfo(step.outputs[0].dtype).min)
        padded = windows.padded(step.inputs[0], least)
        step.add("MaxPool", [padded], kernel_shape=windows.kernel, strides=windows.stride)
    elif kind == "avg":
        inner = step.attributes.get("count_include_pad", "True") == "False"
        _sum(step, step.inputs[0], "", lambda windows: windows.share(inner=inner))
    else:
        _root(step, is_local, int(step.value("p_value")) if kind == "lp" else 1)
    return True


def _root(step: Step, is_local: bool, power: int) -> None:
    """Add the root of a sum of powers; as in MXNet, it is negative for a negative sum."""
    dtype, part = step.outputs[0].dtype, "" if power == 1 else "sums"
    exponent = [step.constant("power", power, dtype)]
    data = step.inputs[0] if power == 1 else step.add("Pow", [*step.inputs, *exponent], "powers")
    if is_local:
        _sum(step, data, part, lambda windows: 1.0)
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


def _sum(step: Step, data: str, part: str, share: Callable[[_Windows], Any]) -> None:
    """Add the sums over all windows, times a share of each."""
    windows = _Windows(step)
    padded = windows.padded(data, 0.0)
    kernel, stride = windows.kernel, windows.stride
    mean = step.add("AveragePool", [padded], f"{part}mean", kernel_shape=kernel, strides=stride)
    factor = share(windows) * numpy.prod(windows.kernel)
    step.add("Mul", [mean, step.constant(f"{part}factor", factor, step.outputs[0].dtype)], part)


class _Windows:
    """The windows of a pooling: their positions, and the padding that all of them need."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.kernel = list(step.value("kernel"))
        count = len(self.kernel)
        self.stride = list(step.value("stride") or (1,) * count)
        self._padding = list(step.value("pad") or (0,) * count)
        self._sizes = step.specs[0].shape[2:]
        begins = zip(step.outputs[0].shape[2:], self.stride, self._padding, strict=True)
        self._begins = [numpy.arange(number) * by - pad for number, by, pad in begins]
        beyond = [
            max(int(begin[-1]) + width - size, 0)
            for begin, width, size in zip(self._begins, self.kernel, self._sizes, strict=True)
        ]
        self._pads = [0, 0, *self._padding, 0, 0, *beyond]

    def padded(self, data: str, number: float) -> str:
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
