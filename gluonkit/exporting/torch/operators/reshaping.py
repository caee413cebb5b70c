"""Operators that give the same elements another shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gluonkit.exporting.torch.operators.use import Use, primary, writes

_INFER = "-1"
_Reader = Callable[[Sequence[int], int], "list[_Part]"]


@dataclass(frozen=True)
class _Part:
    """Axes of the new shape, and the axes of the old one that they are made of.

    Attributes
    ----------
    sizes : tuple of str
        The new axes' sizes, as texts; empty for one that is kept or merged.
    begin, end : int
        The old axes.
    """

    sizes: tuple[str, ...]
    begin: int
    end: int


@writes("Reshape")
def _reshape(use: Use) -> str:
    """Write MXNet's codes: 0 keeps an axis, -2 the rest, -3 merges two, -4 splits one."""
    codes = use.value("shape", ())
    codes = (codes,) if isinstance(codes, int) else codes
    if not codes:
        return _old_reshape(use)
    return _written(use, codes, _legacy_parts)


@writes("_npx_reshape")
def _numpy_reshape(use: Use) -> str:
    """Write MXNet's codes: -2 keeps, -3 drops, -4 keeps the rest, -5 merges, -6 splits."""
    codes = use.value("newshape")
    if use.text("order", "C") != "C":
        raise use.refuse(f"its order is {use.text('order')}")
    return _written(use, (codes,) if isinstance(codes, int) else codes, _numpy_parts)


@writes("_np_reshape")
def _plain_reshape(use: Use) -> str:
    if use.text("order", "C") != "C":
        raise use.refuse(f"its order is {use.text('order')}")
    codes = use.value("newshape")
    return _reshaped(use.x, [str(size) for size in ((codes,) if isinstance(codes, int) else codes)])


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
            _Part(tuple(reversed(part.sizes)), count - part.end, count - part.begin)
            for part in reversed(parts)
        ]
    return _from_parts(use.x, parts, count)


def _from_parts(x: str, parts: Sequence[_Part], count: int) -> str:
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
    if merged and _INFER not in whole:
        sizes[sizes.index(merged[0])] = _INFER
    return _reshaped(x, sizes)


def _one_change(x: str, part: _Part, count: int) -> str:
    is_last = part.end == count
    if not part.sizes or part.sizes == (_INFER,):
        if part.end - part.begin == 1:
            return x
        ends = "" if part.begin == 0 and is_last else f"{part.begin}"
        return f"{x}.flatten({ends}{'' if is_last else f', {part.end - 1}'})"
    if part.end - part.begin == 1 and len(part.sizes) > 1:
        return f"{x}.unflatten({part.begin}, ({', '.join(part.sizes)}))"
    kept = [f"{x}.shape[{axis}]" for axis in range(count)]
    return _reshaped(x, [*kept[: part.begin], *part.sizes, *kept[part.end :]])


def _kept(x: str, part: _Part) -> str:
    return " * ".join(f"{x}.shape[{axis}]" for axis in range(part.begin, part.end))


def _reshaped(x: str, sizes: Iterable[str]) -> str:
    sizes = list(sizes)
    return f"{x}.flatten()" if sizes == [_INFER] else f"{x}.reshape({', '.join(sizes)})"


def _legacy_parts(codes: Sequence[int], count: int) -> list[_Part]:
    reader = _Codes(codes, count)
    while reader.left:
        code = reader.next()
        if code == 0:
            reader.keep()
        elif code == -2:
            while reader.old < count:
                reader.keep()
        elif code == -3:
            reader.keep(2)
        elif code == -4:
            reader.split()
        else:
            reader.new(code)
    return reader.done()


def _numpy_parts(codes: Sequence[int], count: int) -> list[_Part]:
    reader = _Codes(codes, count)
    while reader.left:
        code = reader.next()
        if code == -2:
            reader.keep()
        elif code == -3:
            reader.old += 1
        elif code == -4:
            while reader.old < count:
                reader.keep()
        elif code == -5:
            reader.keep(2)
        elif code == -6:
            reader.split()
        else:
            reader.new(code)
    return reader.done()


class _Codes:
    """A reader of codes, which knows which old axis is next."""

    def __init__(self, codes: Sequence[int], count: int) -> None:
        self.left = list(codes)
        self.old = 0
        self._count = count
        self._parts: list[_Part] = []

    def next(self) -> int:
        """Take the next code."""
        return self.left.pop(0)

    def keep(self, count: int = 1) -> None:
        """Keep the next old axis, or merge the next few."""
        self._parts.append(_Part((), self.old, self.old + count))
        self.old += count

    def split(self) -> None:
        """Split the next old axis in two, with the sizes that the next two codes give."""
        self._parts.append(_Part((str(self.next()), str(self.next())), self.old, self.old + 1))
        self.old += 1

    def new(self, size: int) -> None:
        """Make an axis of a size, in the place of the next old one, or of any number with -1."""
        begin = min(self.old, self._count)
        self._parts.append(_Part((str(size),), begin, min(begin + 1, self._count)))
        self.old += 1

    def done(self) -> list[_Part]:
        """Return the parts; a single inferred axis stands for all that are left."""
        parts, count = self._parts, self._count
        if parts and parts[-1].sizes == (_INFER,) and parts[-1].end < count:
            parts[-1] = _Part((_INFER,), parts[-1].begin, count)
        return parts


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
    text = f"{use.x}.squeeze({'' if axes is None else axes})"
    if (
        use.operator == "squeeze"
        and use.outputs[0].shape == (1,)
        and set(use.inputs[0].shape) == {1}
    ):
        return f"{use.x}.reshape(1)"
    return text


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
