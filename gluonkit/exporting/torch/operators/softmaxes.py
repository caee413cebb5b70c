"""Softmax in all of MXNet's forms."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import (
    Use,
    infix,
    literal,
    options,
    primary,
    torch_type,
    writes,
)
from gluonkit.exporting.torch.parts import Call


@writes("softmax", "log_softmax", "softmin")
def _softmax(use: Use) -> Call | str:
    """Write softmax with a temperature, and with lengths of rows, beyond which it is 0."""
    data, axis = use.arguments[0], int(use.value("axis", -1))
    if use.operator == "softmin":
        data = f"-{primary(data)}"
    temperature = float(use.value("temperature") or 1)
    if temperature != 1:
        data = infix(data, "/", literal(temperature))
    name = "log_softmax" if use.operator == "log_softmax" else "softmax"
    if use.flag("use_length") and len(use.arguments) > 1:
        if name != "softmax":
            raise use.refuse("it has lengths")
        text = f"softmax_within({data}, {use.arguments[1]}, {axis})"
        return Call(use.like(text, use.inputs[0].dtype), ("softmax_within",))
    wider = use.dtype if use.dtype != use.inputs[0].dtype else None
    dtype = options(dtype=torch_type(wider) if wider else None)
    return f"F.{name}({data}, dim={axis}{dtype})"


@writes("SoftmaxActivation")
def _softmax_activation(use: Use) -> str:
    axis = 1 if use.text("mode", "instance") == "channel" else -1
    return f"F.softmax({use.arguments[0]}, dim={axis})"


@writes("SoftmaxOutput")
def _softmax_output(use: Use) -> str:
    """Write its prediction; its gradient is that of a loss.

    By default it is over all axes but the first; oneDNN's, which MXNet runs on processors for four
    axes of float32, is over the last.
    """
    is_last = use.rank == 4 and use.inputs[0].dtype == "float32"
    if use.flag("multi_output") or use.rank == 2:
        return f"F.softmax({use.arguments[0]}, dim=1)"
    if use.flag("preserve_shape") or is_last:
        return f"F.softmax({use.arguments[0]}, dim=-1)"
    return f"F.softmax({use.x}.flatten(1), dim=1).reshape({use.x}.shape)"


@writes("softmax_cross_entropy")
def _cross_entropy(use: Use) -> str:
    text = f'F.cross_entropy({use.arguments[0]}, {use.whole(1)}, reduction="sum")'
    return f"{text}.reshape(1)" if use.outputs[0].shape else text
