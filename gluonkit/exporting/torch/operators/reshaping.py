"""Operators that give the same elements another shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gluonkit.exporting.torch.operators.codes import INFER, Part, legacy_parts, numpy_parts
from gluonkit.exporting.torch.operators.use import Use, primary, writes
from gluonkit.exporting.torch.sizes import Size

_Reader = Callable[[Sequence[int], int], list[Part]]


@writes("Reshape")
def _reshape(use: Use) -> str:
    """Write MXNet's codes: 0 keeps an axis, -2 the rest, -3 merges two, -4 splits one."""
    codes = use.value("shape", ())
    codes = (codes,) if isinstance(codes, int) else codes
    if not codes:
        return _old_reshape(use)
    return _written(use, _inferred(codes), legacy_parts)


@writes("_npx_reshape")
def _numpy_reshape(use: Use) -> str:
    """Write MXNet's codes: -2 keeps, -3 drops, -4 keeps the rest, -5 merges, -6 splits."""
    codes = use.value("newshape")
    if use.text("order", "C") != "C":
        raise use.refuse(f"its order is {use.text('order')}")
    return _written(use, _inferred((codes,) if isinstance(codes, int) else codes), numpy_parts)


@writes("_np_reshape")
def _plain_reshape(use: Use) -> str:
    if use.text("order", "C") != "C":
        raise use.refuse(f"its order is {use.text('order')}")
    codes = use.value("newshape")
    codes = _inferred((codes,) if isinstance(codes, int) else codes)
    return _reshaped(use.x, [str(size) for size in codes])


def _inferred(codes: Sequence[int]) -> Sequence[int]:
    """Return codes with -1 for the one size that depends on the batch, if there is one."""
    sizes = [place for place, code in enumerate(codes) if isinstance(code, Size)]
    if len(sizes) != 1 or -1 in codes:
        return codes
    return [-1 if place == sizes[0] else code for place, code in enumerate(codes)]


def _old_reshape(use: Use) -> str:
    """Write the form of old graphs, where 0 is what is to be inferred."""
    sizes = [str(size or -1) for size in use.value("target_shape", ())]
    if use.flag("keep_highest"):
        sizes[0] = f"{use.x}.shape[0]"
    return _reshaped(use.x, sizes)


def _written(use: Use, codes: Sequence[int], read: _Reader) -> str:
    count, backward = use.rank, use.flag("reverse")
    parts = read(tuple(reversed(codes)) if backward else codes, count)
    if backward:
        parts = [
            Part(tuple(reversed(part.sizes)), count - part.end, count - part.begin)
            for part in reversed(parts)
        ]
    return _from_parts(use.x, parts, count)


def _from_parts(x: str, parts: Sequence[Part], count: int) -> str:
    """Return the shortest text: flatten, unflatten, squeeze, or a reshape with all sizes."""
    changed = [part for part in parts if part.sizes or part.end - part.begin > 1]
    whole = [size for part in parts for size in part.sizes]
    covers = [axis for part in parts for axis in range(part.begin, part.end)] == list(range(count))
    if not changed and covers:
        return x
    if len(changed) == 1 and covers and all(part.end > part.begin for part in parts):
        return _one_change(x, changed[0], count)
    sizes = [size for part in parts for size in (part.sizes or (_kept(x, part),))]
    merged = [size for size in sizes if " * " in size]
    if merged and INFER not in whole:
        sizes[sizes.index(merged[0])] = INFER
    return _reshaped(x, sizes)


def _one_change(x: str, part: Part, count: int) -> str:
    is_last = part.end == count
    if not part.sizes or part.sizes == (INFER,):
        if part.end - part.begin == 1:
            return x
        ends = "" if part.begin == 0 and is_last else f"{part.begin}"
        return f"{x}.flatten({ends}{'' if is_last else f', {part.end - 1}'})"
    if part.end - part.begin == 1 and len(part.sizes) > 1:
        return f"{x}.unflatten({part.begin}, ({', '.join(part.sizes)}))"
    kept = [f"{x}.shape[{axis}]" for axis in range(count)]
    return _reshaped(x, [*kept[: part.begin], *part.sizes, *kept[part.end :]])


def _kept(x: str, part: Part) -> str:
    return " * ".join(f"{x}.shape[{axis}]" for axis in range(part.begin, part.end))


def _reshaped(x: str, sizes: Iterable[str]) -> str:
    sizes = list(sizes)
    return f"{x}.flatten()" if sizes == [INFER] else f"{x}.reshape({', '.join(sizes)})"


@writes("reshape_like")
def _reshape_like(use: Use) -> str:
    begins = [use.value(f"{side}_{end}") for side in ("lhs", "rhs") for end in ("begin", "end")]
    if begins == [None] * 4:
        return f"{use.x}.reshape({use.y}.shape)"
    left_begin, left_end, right_begin, right_end = (
        "" if place is None else str(place) for place in begins
    )
    sizes = [f"*{use.x}.shape[:{left_begin}]"] if left_begin not in ("", "0") else []
    sizes.append(f"*{use.y}.shape[{right_begin}:{right_end}]")
    if left_end:
        sizes.append(f"*{use.x}.shape[{left_end}:]")
    return f"{use.x}.reshape({', '.join(sizes)})"


@writes("Flatten")
def _flatten(use: Use) -> str:
    return f"{use.x}.unsqueeze(1)" if use.rank == 1 else f"{use.x}.flatten(1)"


@writes("expand_dims")
def _new_axis(use: Use) -> str:
    return f"{use.x}.unsqueeze({use.value('axis')})"


@writes("squeeze", "_np_squeeze")
def _squeeze(use: Use) -> str:
    axes = use.value("axis")
    axes = axes[0] if isinstance(axes, tuple) and len(axes) == 1 else axes
    if (chosen := _chosen(use.x, axes)) is not None:
        return chosen
    text = f"{use.x}.squeeze({'' if axes is None else axes})"
    if (
        use.operator == "squeeze"
        and use.outputs[0].shape == (1,)
        and set(use.inputs[0].shape) == {1}
    ):
        return f"{use.x}.reshape(1)"
    return text


_SLICED = re.compile(r"(.+)\[([^\[\]()]+)\]")
_ONE = {":1": "0", "-1:": "-1"}


def _chosen(x: str, axes: Any) -> str | None:
    """Return a slice of single rows, whose axes are dropped, as rows by number; None for others."""
    sliced = _SLICED.fullmatch(x)
    if sliced is None or axes is None:
        return None
    parts = sliced[2].split(", ")
    for axis in axes if isinstance(axes, tuple) else (axes,):
        if not 0 <= axis < len(parts):
            return None
        begin, _, end = parts[axis].partition(":")
        follows = begin.isdigit() and end.isdigit() and int(end) == int(begin) + 1
        if parts[axis] not in _ONE and not follows:
            return None
        parts[axis] = _ONE.get(parts[axis], begin)
    return f"{sliced[1]}[{', '.join(parts)}]"


@writes("depth_to_space")
def _depth_to_space(use: Use) -> str:
    size = use.value("block_size")
    blocks = f"{use.x}.unflatten(1, ({size}, {size}, -1)).permute(0, 3, 4, 1, 5, 2)"
    return f"{blocks}.flatten(4, 5).flatten(2, 3)"


@writes("space_to_depth")
def _space_to_depth(use: Use) -> str:
    size = use.value("block_size")
    blocks = f"{use.x}.unflatten(3, (-1, {size})).unflatten(2, (-1, {size}))"
    return f"{blocks}.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)"


@writes("shape_array", "size_array")
def _shape(use: Use) -> str:
    name = "x.shape" if use.operator == "shape_array" else "[x.numel()]"
    return f"torch.tensor({name.replace('x.', f'{primary(use.arguments[0])}.')})"
