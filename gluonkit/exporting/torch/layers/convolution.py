"""Convolutions, their transposes, and pooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy
from mxnet.gluon import nn

from gluonkit._base.kinds import Array
from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.constructs import Argument, Construct, needed, option, sizes
from gluonkit.exporting.torch.layers.table import (
    Layer,
    Wrap,
    activation,
    bias_option,
    describes,
    simple,
    weight_and_bias,
)
from gluonkit.exporting.torch.parts import UnmappedOperatorError, whole


def _channels_first(array: Array) -> Array:
    return numpy.moveaxis(array, -1, 1)


def _channel_axis(block: Any) -> int:
    """Return the axis of the channels in a layer's arrays; the batch must be the first axis."""
    layout = block._kwargs["layout"]
    axis = layout.find("C")
    if layout.find("N") != 0 or axis not in (1, len(layout) - 1):
        raise UnmappedOperatorError(f"its layout is {layout}")
    return int(axis)


def _window(block: Any, **names: str) -> list[Argument]:
    """Return stride, padding and so on, by torch's names for MXNet's."""
    defaults = {"stride": 1, "dilation": 1}
    return [
        option(name, sizes(block._kwargs[theirs]), defaults.get(name, 0))
        for name, theirs in names.items()
    ]


@describes(nn.Conv1D, nn.Conv2D, nn.Conv3D)
def _convolution(block: Any, spec: ArraySpec) -> Layer:
    window = _window(block, stride="stride", padding="pad", dilation="dilate")
    return _layer("nn.Conv", block, spec, window)


@describes(nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose)
def _transposed(block: Any, spec: ArraySpec) -> Layer:
    window = _window(block, stride="stride", padding="pad", output_padding="adj", dilation="dilate")
    return _layer("nn.ConvTranspose", block, spec, window)


def _layer(kind: str, block: Any, spec: ArraySpec, window: Sequence[Argument]) -> Layer:
    axis = _channel_axis(block)
    arguments = (
        needed("in_channels", spec.shape[axis]),
        needed("out_channels", block._channels),
        option("kernel_size", sizes(block._kwargs["kernel"])),
        *window,
        option("groups", block._kwargs["num_group"], 1),
        bias_option(block),
    )
    tensors = weight_and_bias(block, part=whole if axis == 1 else _channels_first)
    named = f"{kind}{len(block._kwargs['kernel'])}d"
    after = () if block.act is None else (activation(block.act._act_type),)
    return Layer(Construct(named, arguments, tensors=tensors), after=after).turned(axis)


_MAX = (nn.MaxPool1D, nn.MaxPool2D, nn.MaxPool3D)
_AVERAGE = (nn.AvgPool1D, nn.AvgPool2D, nn.AvgPool3D)
_GLOBAL = (
    *(nn.GlobalMaxPool1D, nn.GlobalMaxPool2D, nn.GlobalMaxPool3D),
    *(nn.GlobalAvgPool1D, nn.GlobalAvgPool2D, nn.GlobalAvgPool3D),
)


@describes(*_GLOBAL)
def _global(block: Any, spec: ArraySpec) -> Layer:
    kind = {"max": "Max", "avg": "Avg"}[block._kwargs["pool_type"]]
    rank = len(block._kwargs["kernel"])
    pool = simple(f"nn.Adaptive{kind}Pool{rank}d", needed("output_size", 1))
    return pool.turned(_channel_axis(block))


@describes(*_MAX, *_AVERAGE)
def _pooling(block: Any, spec: ArraySpec) -> Layer:
    settings, axis = block._kwargs, _channel_axis(block)
    kernel, stride, pad = (settings[name] for name in ("kernel", "stride", "pad"))
    is_max, is_full = settings["pool_type"] == "max", settings["pooling_convention"] == "full"
    sides = [size for place, size in enumerate(spec.shape) if place not in (0, axis)]
    shapes = list(zip(sides, kernel, stride, pad, strict=True))
    # torch's average in three dimensions refuses arrays smaller than its window, padded or not.
    is_small = not is_max and len(kernel) == 3 and any(side < k for side, k, _, _ in shapes)
    too_much = is_small or any(2 * p > k for _, k, _, p in shapes)
    if is_full and any(_starts_outside(*shape) for shape in shapes):
        raise UnmappedOperatorError("its last window lies wholly outside of the array")
    if too_much and not (is_max or settings["count_include_pad"]):
        return _inside(settings, is_full).turned(axis)
    arguments = [
        needed("kernel_size", sizes(kernel)),
        option("stride", sizes(stride), sizes(kernel)),
        option("padding", 0 if too_much else sizes(pad), 0),
        option("ceil_mode", is_full and any(_is_ragged(*shape) for shape in shapes), False),
    ]
    if not is_max:
        counted = settings["count_include_pad"] or not any(pad)
        arguments.append(option("count_include_pad", bool(counted), True))
    kind = f"nn.{'Max' if is_max else 'Avg'}Pool{len(kernel)}d"
    before = (_padding(pad, float("-inf") if is_max else 0.0),) if too_much else ()
    return Layer(Construct(kind, tuple(arguments)), before).turned(axis)


def _inside(settings: Mapping[str, Any], is_full: bool) -> Layer:
    """Return average pooling that leaves out padding which torch does not allow."""
    arguments = (
        needed("kernel_size", tuple(settings["kernel"])),
        needed("stride", tuple(settings["stride"])),
        needed("padding", tuple(settings["pad"])),
        option("ceil_mode", is_full, False),
    )
    return Layer(
        Construct("AvgPoolInside", arguments, helpers=("avg_pool_inside", "AvgPoolInside"))
    )


def _is_ragged(size: int, kernel: int, stride: int, pad: int) -> bool:
    """Return whether the last window does not end where the padded array ends."""
    return (size + 2 * pad - kernel) % stride != 0


def _starts_outside(size: int, kernel: int, stride: int, pad: int) -> bool:
    """Return whether the last window begins in the padding on the right; torch leaves it out."""
    windows = ceil((size + 2 * pad - kernel) / stride) + 1
    return (windows - 1) * stride >= size + pad


def _padding(pad: Sequence[int], value: float) -> Wrap:
    both = tuple(size for one in reversed(pad) for size in (one, one))
    amount, filled = needed("padding", both), needed("value", value)
    text = 'float("-inf")' if value else "0.0"
    module = Construct(f"nn.ConstantPad{len(pad)}d", (amount, filled))
    return Wrap(f"F.pad({{}}, {both}, value={text})", module)
