"""Layers as functions: with weights that are given as expressions."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.moving import permuted
from gluonkit.exporting.torch.operators.use import (
    Use,
    infix,
    literal,
    options,
    primary,
    several,
    writes,
)
from gluonkit.exporting.torch.parts import Call


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
    if use.text("layout", "None").endswith("C"):
        raise use.refuse("its channels are the last axis")
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
    arguments = [use.arguments[0], *_weights(use, no_bias=True)]
    return f"F.conv_transpose{use.rank - 2}d({', '.join(arguments)}{given})"


def deconvolution_padding(use: Use) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what is cut off, and added at the end; both follow from a wanted size, if given."""
    sizes = windows(use, "kernel", "stride", "dilate", "pad", "adj")
    wanted = use.sizes("target_shape", use.rank - 2, 0)
    if not any(wanted):
        return sizes["pad"], sizes["adj"]
    beyond = [
        step * (size - 1) + (width - 1) * spread + 1 - target
        for step, size, width, spread, target in zip(
            sizes["stride"],
            use.inputs[0].shape[2:],
            sizes["kernel"],
            sizes["dilate"],
            wanted,
            strict=True,
        )
    ]
    adj = tuple(size % 2 for size in beyond)
    return tuple((size + more) // 2 for size, more in zip(beyond, adj, strict=True)), adj


@writes("BatchNorm", "_contrib_SyncBatchNorm", "_contrib_BatchNormWithReLU")
def _batch_norm(use: Use) -> str:
    """Write batch normalization; torch's running variance is that of a sample, not of the batch."""
    data, gamma, beta, mean, variance = use.arguments
    axis = use.axis(1)
    if use.flag("output_mean_var"):
        raise use.refuse("it gives the mean and variance too")
    training = None if use.flag("use_global_stats") else "self.training"
    momentum = literal(round(1 - float(use.value("momentum", 0.9)), 9))
    given = options(
        weight=None if use.flag("fix_gamma", default=True) else gamma,
        bias=beta,
        training=training,
        momentum=momentum if training and momentum != "0.1" else None,
        eps=_epsilon(use, 1e-3),
    )
    text = f"F.batch_norm({_turned(data, axis)}, {mean}, {variance}{given})"
    text = text if axis == 1 else f"{text}.transpose(1, {axis})"
    return f"F.relu({text})" if use.operator.endswith("ReLU") else text


def _turned(data: str, axis: int) -> str:
    return data if axis == 1 else f"{primary(data)}.transpose(1, {axis})"


def _epsilon(use: Use, default: float) -> str | None:
    """Return epsilon, if it is not torch's default."""
    epsilon = float(literal(float(use.value("eps", default))))
    return None if epsilon == 1e-5 else repr(epsilon)


@writes("LayerNorm")
def _layer_norm(use: Use) -> str:
    if use.flag("output_mean_var"):
        raise use.refuse("it gives the mean and variance too")
    axis = use.axis(-1)
    data, gamma, beta = use.arguments
    last = axis == use.rank - 1
    data = data if last else f"{primary(data)}.movedim({axis}, -1)"
    text = f"F.layer_norm({data}, {primary(gamma)}.shape, {gamma}, {beta}"
    text = f"{text}{options(eps=_epsilon(use, 1e-5))})"
    return text if last else f"{text}.movedim(-1, {axis})"


@writes("GroupNorm")
def _group_norm(use: Use) -> str:
    """Write group normalization; MXNet has one scale and shift for each group."""
    groups = int(use.value("num_groups", 1))
    data, *weights = use.arguments
    if use.inputs[1].shape == (groups,) and groups != use.inputs[0].shape[1]:
        times = use.inputs[0].shape[1] // groups
        weights = [f"{primary(weight)}.repeat_interleave({times})" for weight in weights]
    epsilon = options(eps=_epsilon(use, 1e-5))
    return f"F.group_norm({', '.join([data, str(groups), *weights])}{epsilon})"


@writes("InstanceNorm")
def _instance_norm(use: Use) -> str:
    data, gamma, beta = use.arguments
    given = options(weight=gamma, bias=beta, eps=_epsilon(use, 1e-3))
    return f"F.instance_norm({data}{given})"


@writes("Dropout")
def _dropout(use: Use) -> Call | str:
    share = literal(float(use.value("p", 0.5)))
    training = "True" if use.text("mode", "training") == "always" else "self.training"
    axes = use.value("axes", ())
    axes = (axes,) if isinstance(axes, int) else axes
    if axes:
        text = f"dropout_along({use.arguments[0]}, {share}, {tuple(axes)}, training={training})"
        return Call(text, ("dropout_along",))
    return f"F.dropout({use.arguments[0]}, {share}, {training})"


@writes("UpSampling")
def _up_sampling(use: Use) -> str:
    scale = int(use.value("scale"))
    if use.text("sample_type") == "bilinear":
        data, weight = use.arguments
        given = options(
            stride=scale, padding=-(-(scale - 1) // 2) or None, groups=use.value("num_filter")
        )
        return f"F.conv_transpose2d({data}, {weight}{given})"
    height = use.inputs[0].shape[2] * scale
    scaled = [
        f"F.interpolate({argument}, scale_factor={height // spec.shape[2]})"
        for argument, spec in zip(use.arguments, use.inputs, strict=True)
    ]
    if len(scaled) == 1:
        return scaled[0]
    if use.text("multi_input_mode", "concat") == "sum":
        return " + ".join(scaled)
    return f"torch.cat(({', '.join(scaled)}), dim=1)"


@writes("_contrib_BilinearResize2D")
def _bilinear_resize(use: Use) -> str:
    mode = use.text("mode", "size")
    height, width = use.outputs[0].shape[2:]
    size = f"({height}, {width})"
    scales = [use.value(f"scale_{side}") for side in ("height", "width")]
    if mode == "like":
        size = f"{use.y}.shape[2:]"
    elif mode == "size" and all(scales):
        sizes = (
            f"int({infix(f'{use.x}.shape[{axis}]', '*', literal(float(scale)))})"
            for axis, scale in zip((2, 3), scales, strict=True)
        )
        size = f"({', '.join(sizes)})"
    corners = options(align_corners=True if use.flag("align_corners", default=True) else None)
    return f'F.interpolate({use.arguments[0]}, {size}, mode="bilinear"{corners})'


@writes("BilinearSampler")
def _bilinear_sampler(use: Use) -> str:
    grid = f"{use.y}.permute(0, 2, 3, 1)"
    return f"F.grid_sample({use.arguments[0]}, {grid}, align_corners=True)"


@writes("im2col")
def _columns(use: Use) -> str:
    sizes = windows(use, "kernel", "stride", "dilate", "pad")
    given = options(
        dilation=unless(sizes["dilate"], 1),
        padding=unless(sizes["pad"], 0),
        stride=unless(sizes["stride"], 1),
    )
    return f"F.unfold({use.arguments[0]}, {several(sizes['kernel'])}{given})"
