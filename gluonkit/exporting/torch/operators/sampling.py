"""Operators that read maps between pixels, or in regions: functions of torch, and their calls."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.layers import unless, windows
from gluonkit.exporting.torch.operators.use import Use, literal, options, writes
from gluonkit.exporting.torch.parts import Call

SAMPLING = {
    "bilinear": '''\
def bilinear(x, index, rows, columns):
    """Interpolate maps, chosen by index, at points; channels come last, beyond are zeros."""
    height, width = x.shape[2:]
    x = x.permute(0, 2, 3, 1)
    top, left = rows.floor(), columns.floor()
    total = 0
    for row, by_row in ((top, top + 1 - rows), (top + 1, rows - top)):
        for column, by_column in (
            (left, left + 1 - columns),
            (left + 1, columns - left),
        ):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            row_at = row.clamp(0, height - 1).long()
            column_at = column.clamp(0, width - 1).long()
            weight = by_row * by_column * inside
            total = total + x[index, row_at, column_at] * weight.unsqueeze(-1)
    return total
''',
    "roi_align": '''\
def roi_align(x, regions, size, scale, samples=None, aligned=False):
    """Average points of each part of regions (index, left, top, right, bottom) of maps.

    Without a number of samples, a part of a region has as many points as pixels.
    """
    index, corners = regions[:, 0].long(), regions[:, 1:].detach() * scale
    if aligned:
        corners = corners - 0.5
    extent = corners[:, 2:] - corners[:, :2]
    if not aligned:
        extent = extent.clamp(min=1)
    if samples is None:
        counts = (
            (extent.flip(1) / torch.as_tensor(size, device=x.device))
            .ceil()
            .long()
            .tolist()
        )
        pooled = [
            roi_align(x, region.unsqueeze(0), size, scale, count, aligned)
            for region, count in zip(regions, counts)
        ]
        return torch.cat(pooled) if pooled else x.new_zeros(0, x.shape[1], *size)
    places = []
    for axis in (1, 0):
        count = size[1 - axis] * samples[1 - axis]
        steps = (torch.arange(count, dtype=x.dtype, device=x.device) + 0.5) / count
        places.append(corners[:, axis, None] + extent[:, axis, None] * steps)
    rows, columns = places[0].unsqueeze(2), places[1].unsqueeze(1)
    height, width = x.shape[2:]
    inside = (rows >= -1) & (rows <= height) & (columns >= -1) & (columns <= width)
    inside = inside & (index >= 0)[:, None, None]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    points = bilinear(x, index.clamp(min=0)[:, None, None], rows, columns)
    return F.avg_pool2d((points * inside.unsqueeze(-1)).permute(0, 3, 1, 2), samples)
''',
    "roi_pool": '''\
def roi_pool(x, regions, size, scale):
    """Return the largest number in each part of regions (index, left, top, right, bottom) of maps.

    Parts without a pixel are 0.
    """

    def limits(low, high, parts, end):
        part = torch.clamp(high - low + 1, min=1) / parts
        at = torch.arange(parts, dtype=x.dtype, device=x.device)
        starts, ends = torch.floor(at * part) + low, torch.ceil((at + 1) * part) + low
        starts, ends = starts.clamp(0, end).long(), ends.clamp(0, end).long()
        return list(zip(starts.tolist(), ends.tolist()))

    results = []
    for index, left, top, right, bottom in regions.detach():
        left, top, right, bottom = (
            round_half_away(place * scale) for place in (left, top, right, bottom)
        )
        rows = limits(top, bottom, size[0], x.shape[2])
        columns = limits(left, right, size[1], x.shape[3])
        parts = [
            x[index.long(), :, a:b, c:d].flatten(1).max(dim=1).values
            if a < b and c < d
            else x.new_zeros(x.shape[1])
            for a, b in rows
            for c, d in columns
        ]
        results.append(torch.stack(parts, dim=1).unflatten(1, size))
    return torch.stack(results) if results else x.new_zeros(0, x.shape[1], *size)
''',
    "deformed_conv2d": '''\
def deformed_conv2d(
    x,
    offset,
    weight,
    bias=None,
    mask=None,
    stride=(1, 1),
    padding=(0, 0),
    dilation=(1, 1),
    groups=1,
):
    """Convolution, the points of whose window are moved by offsets, and scaled by a mask.

    Without a mask, points beyond the edge are 0, and none is mixed with what lies there.
    """
    given = {"dtype": x.dtype, "device": x.device}
    (high, wide), (height, width) = weight.shape[2:], offset.shape[2:]
    y = torch.arange(high, **given) * dilation[0]
    z = torch.arange(wide, **given) * dilation[1]
    y, z = (points.reshape(-1, 1, 1) for points in torch.meshgrid(y, z, indexing="ij"))
    rows = torch.arange(height, **given).reshape(-1, 1) * stride[0] - padding[0] + y
    columns = torch.arange(width, **given) * stride[1] - padding[1] + z
    offset = offset.reshape(-1, high * wide, 2, height, width)
    rows, columns = rows + offset[:, :, 0], columns + offset[:, :, 1]
    if mask is None:
        (down, right), inside = x.shape[2:], (rows >= 0) & (columns >= 0)
        scales = inside & (rows < down) & (columns < right)
        rows, columns = rows.clamp(0, down - 1), columns.clamp(0, right - 1)
    else:
        scales = mask.reshape(rows.shape)
    maps = x.reshape(len(rows), -1, *x.shape[2:])
    index = torch.arange(len(rows), device=x.device).reshape(-1, 1, 1, 1)
    points = bilinear(maps, index, rows, columns) * scales.unsqueeze(-1)
    points = points.permute(0, 4, 1, 2, 3).reshape(len(x), groups, -1, height * width)
    y = weight.reshape(groups, -1, points.shape[2]) @ points
    y = y.reshape(len(x), -1, height, width)
    return y if bias is None else y + bias.reshape(-1, 1, 1)
''',
}
"""Functions that written models define for these operators: their source, by name."""


@writes("_contrib_ROIAlign")
def _roi_align(use: Use) -> Call:
    if use.flag("position_sensitive"):
        raise use.refuse("it is position-sensitive")
    samples = int(use.value("sample_ratio", -1))
    given = options(
        samples=(samples, samples) if samples > 0 else None,
        aligned=True if use.flag("aligned") else None,
    )
    return Call(_pooled(use, "roi_align", given), ("bilinear", "roi_align"))


@writes("ROIPooling")
def _roi_pooling(use: Use) -> Call:
    return Call(_pooled(use, "roi_pool", ""), ("round_half_away", "roi_pool"))


def _pooled(use: Use, function: str, given: str) -> str:
    """Return the call of a function that pools regions."""
    size, scale = use.sizes("pooled_size", 2, 1), literal(float(use.value("spatial_scale")))
    x, regions = use.arguments
    return f"{function}({x}, {regions}, {size}, {scale}{given})"


@writes("_contrib_DeformableConvolution", "_contrib_ModulatedDeformableConvolution")
def _deformable(use: Use) -> Call:
    x, offset, *others = use.arguments
    masks = [others.pop(0)] if "Modulated" in use.operator else []
    sizes = windows(use, "stride", "pad", "dilate")
    groups = int(use.value("num_group", 1))
    given = options(
        mask=masks[0] if masks else None,
        stride=None if unless(sizes["stride"], 1) is None else sizes["stride"],
        padding=None if unless(sizes["pad"], 0) is None else sizes["pad"],
        dilation=None if unless(sizes["dilate"], 1) is None else sizes["dilate"],
        groups=groups if groups > 1 else None,
    )
    weights = others[: 1 if use.flag("no_bias") else 2]
    text = f"deformed_conv2d({', '.join([x, offset, *weights])}{given})"
    return Call(text, ("bilinear", "deformed_conv2d"))
