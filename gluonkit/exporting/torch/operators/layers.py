"""Layers as functions: with weights that are given as expressions."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.moving import permuted
from gluonkit.exporting.torch.operators.use import (
    Use,
    options,
    primary,
    several,
    writes,
)


@writes("FullyConnected")
def _dense(use: Use) -> str:
    data = use.arguments[0]
    if use.flag("flatten", default=True) and use.rank != 2:
        data = f"{use.x}.flatten(1)"
    return f"F.linear({', '.join([data, *_weights(use)])})"


def _weights(use: Use, *, no_bias: bool = False) -> list[str]:
    """Return the weight, and the bias if the operator has one."""
    count = 2 if use.flag("no_bias", default=no_bias) else 3
    return list(use.arguments[1:count])


def windows(use: Use, *names: str) -> dict[str, tuple[int, ...]]:
    """Return attributes of a convolution or pooling: a number for each axis of the window."""
    count = use.rank - 2
    defaults = {"pad": 0, "adj": 0}
    return {name: use.sizes(name, count, defaults.get(name, 1)) for name in names}


def unless(sizes: tuple[int, ...], default: int) -> str | None:
    """Return sizes as torch takes them; None if all have the default."""
    return None if set(sizes) == {default} else several(sizes)


def channels_first(use: Use, text: str) -> tuple[str, list[int] | None]:
    """Return an array with the channels as its second axis, and the order that undoes this."""
    if not use.text("layout", "None").endswith("C"):
        return text, None
    last = use.rank - 1
    order = [0, last, *range(1, last)]
    return permuted(primary(text), order), [0, *range(2, last + 1), 1]


@writes("Convolution")
def _convolution(use: Use) -> str:
    sizes = windows(use, "stride", "pad", "dilate")
    data, back = channels_first(use, use.arguments[0])
    weight, *bias = _weights(use)
    weight, _ = channels_first(use, weight)
    given = options(
        stride=unless(sizes["stride"], 1),
        padding=unless(sizes["pad"], 0),
        dilation=unless(sizes["dilate"], 1),
        groups=_groups(use),
    )
    text = f"F.conv{use.rank - 2}d({', '.join([data, weight, *bias])}{given})"
    return text if back is None else permuted(text, back)


def _groups(use: Use) -> int | None:
    groups = int(use.value("num_group", 1))
    return None if groups == 1 else groups


@writes("Deconvolution")
def _deconvolution(use: Use) -> str:
    """Write a transposed convolution; without an attribute it has no bias."""
    sizes = windows(use, "stride", "dilate")
    pad, adj = deconvolution_padding(use)
    if any(
        extra >= max(step, spread)
        for extra, step, spread in zip(adj, sizes["stride"], sizes["dilate"], strict=True)
    ):
        raise use.refuse("it adds more beyond the edge than torch can")
    given = options(
        stride=unless(sizes["stride"], 1),
        padding=unless(pad, 0),
        output_padding=unless(adj, 0),
        groups=_groups(use),
        dilation=unless(sizes["dilate"], 1),
    )
    data, back = channels_first(use, use.arguments[0])
    weight, *bias = _weights(use, no_bias=True)
    weight, _ = channels_first(use, weight)
    text = f"F.conv_transpose{use.rank - 2}d({', '.join([data, weight, *bias])}{given})"
    return text if back is None else permuted(text, back)


def deconvolution_padding(use: Use) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what is cut off, and added at the end; both follow from a wanted size, if given."""
    sizes = windows(use, "kernel", "stride", "dilate", "pad", "adj")
    wanted = use.sizes("target_shape", use.rank - 2, 0)
    if not any(wanted):
        return sizes["pad"], sizes["adj"]
    shape = use.inputs[0].shape
    lengths = shape[1:-1] if use.text("layout", "None").endswith("C") else shape[2:]
    beyond = [
        step * (size - 1) + (width - 1) * spread + 1 - target
        for step, size, width, spread, target in zip(
            sizes["stride"],
            lengths,
            sizes["kernel"],
            sizes["dilate"],
            wanted,
            strict=True,
        )
    ]
    adj = tuple(size % 2 for size in beyond)
    return tuple((size + more) // 2 for size, more in zip(beyond, adj, strict=True)), adj


@writes("im2col")
def _columns(use: Use) -> str:
    sizes = windows(use, "kernel", "stride", "dilate", "pad")
    given = options(
        dilation=unless(sizes["dilate"], 1),
        padding=unless(sizes["pad"], 0),
        stride=unless(sizes["stride"], 1),
    )
    return f"F.unfold({use.arguments[0]}, {several(sizes['kernel'])}{given})"
