"""Operators that choose elements: slices, indices, conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluonkit.exporting.torch.operators.use import (
    Use,
    infix,
    is_name,
    literal,
    primary,
    writes,
)


@writes("slice")
def _slice(use: Use) -> str:
    begins, ends, steps = (_tuple(use.value(name, ())) for name in ("begin", "end", "step"))
    parts, turned = [], []
    for axis, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        step = (steps[axis] if axis < len(steps) else None) or 1
        if step > 0:
            parts.append(between(begin, end, step))
        else:  # which torch does not have; counted from the other end
            turned.append(axis)
            first, last = (None if at is None else -1 - at for at in (begin, end))
            parts.append(between(first, last, -step))
    text = f"{use.x}.flip({', '.join(map(str, turned))})" if turned else use.x
    return sliced(text, parts)


def _tuple(value: Any) -> tuple[int | None, ...]:
    return value if isinstance(value, tuple) else (value,)


def between(begin: int | str | None, end: int | str | None, step: int = 1) -> str:
    """Return a slice in brackets as ruff writes it."""
    first = "" if begin in (None, 0) else str(begin)
    last = "" if end is None else str(end)
    is_long = any("." in text for text in (first, last))
    gap = " " if is_long else ""
    text = f"{first}{gap if first else ''}:{gap if last else ''}{last}"
    return text if step == 1 else f"{text}:{step}"


def sliced(x: str, parts: Sequence[str]) -> str:
    """Return an array with what stands in the brackets, without whole axes at the end."""
    kept = list(parts)
    while kept and kept[-1] == ":":
        kept.pop()
    return f"{x}[{', '.join(kept)}]" if kept else x


@writes("slice_axis")
def _slice_axis(use: Use) -> str:
    axis = use.axis()
    return sliced(use.x, [":"] * axis + [between(use.value("begin"), use.value("end"))])


@writes("slice_like")
def _slice_like(use: Use) -> str:
    axes = _tuple(use.value("axes", ())) or tuple(range(use.rank))
    chosen = {axis % use.rank for axis in axes if axis is not None}
    parts = [
        between(None, f"{use.y}.shape[{axis}]") if axis in chosen else ":"
        for axis in range(use.rank)
    ]
    return sliced(use.x, parts)


@writes("Crop")
def _crop(use: Use) -> str:
    """Crop images to a size, or to that of others."""
    offsets = use.sizes("offset", 2, 0)
    sizes = [str(size) for size in use.sizes("h_w", 2, 0)]
    if len(use.arguments) > 1:
        sizes = [f"{use.y}.shape[{axis}]" for axis in (2, 3)]
    begins = [str(offset) for offset in offsets]
    if use.flag("center_crop"):
        begins = [
            f"({use.x}.shape[{axis}] - {size}) // 2"
            for axis, size in zip((2, 3), sizes, strict=True)
        ]
        parts = [f"{begin} :" for begin in begins]
        cut = f"{use.x}[:, :, {', '.join(parts)}]"
        return f"{cut}[:, :, {', '.join(between(None, size) for size in sizes)}]"
    ends = [
        size if begin == "0" else f"{begin} + {size}"
        for begin, size in zip(begins, sizes, strict=True)
    ]
    if len(use.arguments) == 1:
        ends = [str(int(begin) + int(size)) for begin, size in zip(begins, sizes, strict=True)]
    return sliced(
        use.x, [":", ":", *(between(int(b), e) for b, e in zip(begins, ends, strict=True))]
    )


@writes("take")
def _take(use: Use) -> str:
    axis = use.axis()
    return f"{use.x}[{', '.join([':'] * axis + [_places(use, f'{use.x}.shape[{axis}]')])}]"


def _places(use: Use, size: str) -> str:
    """Return indices, those out of range clipped or wrapped as MXNet does."""
    places = use.whole(1)
    if use.text("mode", "clip") == "wrap":
        return infix(places, "%", size)
    return f"{primary(places)}.clamp(0, {size} - 1)"


@writes("Embedding")
def _embedding(use: Use) -> str:
    places = use.arguments[0] if use.inputs[0].dtype in ("int32", "int64") else use.whole(0)
    return f"F.embedding({places}, {use.arguments[1]})"


@writes("pick")
def _pick(use: Use) -> str:
    axis = use.value("axis", -1)
    if axis is None:
        raise use.refuse("it picks from the flattened array")
    axis %= use.rank
    places = _places(use, f"{use.x}.shape[{axis}]")
    if len(use.inputs[1].shape) < use.rank:
        places = f"{primary(places)}.unsqueeze({axis})"
    text = f"{use.x}.gather({axis}, {places})"
    return text if use.flag("keepdims") else f"{text}.squeeze({axis})"


@writes("batch_take")
def _batch_take(use: Use) -> str:
    places = _places(use, f"{use.x}.shape[1]")
    return f"{use.x}.gather(1, {primary(places)}.unsqueeze(1)).squeeze(1)"


@writes("gather_nd")
def _gather(use: Use) -> str:
    return f"{use.x}[tuple({use.whole(1)})]"


@writes("one_hot")
def _one_hot(use: Use) -> str:
    """Indices out of range give a row without a one."""
    depth = use.value("depth")
    columns = f"torch.arange({depth}, device={use.x}.device)" if is_name(use.x) else None
    columns = columns or f"torch.arange({depth})"
    same = f"{primary(use.whole(0))}.unsqueeze(-1) == {columns}"
    on, off = (
        literal(float(use.value(n, d)), use.dtype) for n, d in (("on_value", 1), ("off_value", 0))
    )
    if (on, off) == ("1", "0"):
        return use.like(same, "bool")
    return use.like(f"torch.where({same}, {on}, {off})", "")


@writes("where", "_npi_where", "_npi_where_lscalar", "_npi_where_rscalar", "_npi_where_scalar2")
def _where(use: Use) -> str:
    condition, choices = use.truth(), list(use.arguments[1:])
    numbers = {
        "lscalar": (("scalar", 0),),
        "rscalar": (("scalar", 1),),
        "scalar2": (("x", 0), ("y", 1)),
    }.get(use.operator.rpartition("_")[2], ())
    for name, place in numbers:
        number = float(use.value(name, 0))
        choices.insert(place, repr(number) if use.dtype[0] == "f" else literal(number, use.dtype))
    if use.operator == "where" and len(use.inputs[0].shape) == 1 < len(use.inputs[1].shape):
        ones = ", 1" * (len(use.inputs[1].shape) - 1)
        condition = f"{primary(condition)}.reshape(-1{ones})"
    return f"torch.where({condition}, {', '.join(choices)})"
