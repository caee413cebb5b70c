"""Operators that give images another size."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import (
    Use,
    infix,
    literal,
    options,
    writes,
)


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
