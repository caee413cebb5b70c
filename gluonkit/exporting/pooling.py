"""The converter of pooling over windows that ONNX's own operators do not have as MXNet does."""

from __future__ import annotations

from typing import Any

import numpy

from gluonkit.exporting.step import Step, converts


@converts("Pooling")
def _pooling(step: Step) -> bool:
    """Windows that may reach beyond the padding, or lie in it, and sums.

    Over explicit padding, an average then by the number of elements that MXNet counts in each
    window: ONNX Runtime 1.23 leaves windows out, and divides by another number.
    """
    kind = step.attributes.get("pool_type", "max")
    is_local = step.attributes.get("global_pool", "False") == "False"
    rounds_up = step.attributes.get("pooling_convention") == "full"
    layout = step.attributes.get("layout", "None")
    if not (is_local and kind in ("avg", "sum", "max") and (rounds_up or kind == "sum")):
        return False
    if layout not in ("None", "NCW", "NCHW", "NCDHW"):
        raise NotImplementedError(f"Pooling with layout {layout}")
    windows = _Windows(step)
    dtype = step.outputs[0].dtype
    kernel: dict[str, Any] = {"kernel_shape": windows.kernel, "strides": windows.stride}
    nothing = float(numpy.finfo(dtype).min) if kind == "max" else 0.0
    pads = step.constant("pads", windows.pads, "int64")
    inputs = [step.inputs[0], pads, step.constant("nothing", nothing, dtype)]
    padded = step.add("Pad", inputs, "padded")
    if kind == "max":
        step.add("MaxPool", [padded], **kernel)
        return True
    mean = step.add("AveragePool", [padded], "mean", **kernel)
    inner = step.attributes.get("count_include_pad", "True") == "False"
    factor = windows.factor(inner=inner) if kind == "avg" else float(numpy.prod(windows.kernel))
    step.add("Mul", [mean, step.constant("factor", factor, dtype)])
    return True


class _Windows:
    """The windows of a pooling: where they begin, and what is to be padded for all of them."""

    def __init__(self, step: Step) -> None:
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
        self.pads = [0, 0, *self._padding, 0, 0, *beyond]

    def factor(self, *, inner: bool) -> Any:
        """Return what makes of a mean over a whole window one of the elements that count."""
        factor = numpy.ones((1, 1), "float64")
        for axis, (begins, size) in enumerate(zip(self._begins, self._sizes, strict=True)):
            pad = 0 if inner else self._padding[axis]
            ends = numpy.minimum(begins + self.kernel[axis], size + pad)
            counted = numpy.maximum(ends - numpy.maximum(begins, -pad), 1)
            factor = factor[..., None] * (self.kernel[axis] / counted)
        return factor
