"""Operators that reorder, join, split, repeat or pad."""

from __future__ import annotations

from collections.abc import Sequence

from gluonkit.exporting.torch.operators.use import (
    Use,
    literal,
    options,
    writes,
)


@writes("transpose", "_np_transpose")
def _transpose(use: Use) -> str:
    axes = use.value("axes") or tuple(reversed(range(use.rank)))
    return permuted(use.x, [axis % use.rank for axis in axes])


def permuted(x: str, order: Sequence[int]) -> str:
    """Return an array with its axes in another order."""
    moved = [place for place, axis in enumerate(order) if place != axis]
    if not moved:
        return x
    if len(moved) == 2:
        return f"{x}.transpose({moved[0]}, {moved[1]})"
    return f"{x}.permute({', '.join(map(str, order))})"


@writes("SwapAxis")
def _swap_axes(use: Use) -> str:
    return f"{use.x}.transpose({use.value('dim1', 0)}, {use.value('dim2', 0)})"


@writes("_np_moveaxis")
def _move_axes(use: Use) -> str:
    source, destination = use.value("source"), use.value("destination")
    if isinstance(source, tuple) and len(source) == 1:
        source, destination = source[0], destination[0]
    return f"{use.x}.movedim({source}, {destination})"


@writes("_npi_rot90")
def _rotate(use: Use) -> str:
    axes = use.value("axes") or (0, 1)
    return f"torch.rot90({use.arguments[0]}, {use.value('k', 1)}, {tuple(axes)})"


@writes("_np_roll")
def _roll(use: Use) -> str:
    shift, axis = use.value("shift"), use.value("axis")
    shift, axis = (v[0] if isinstance(v, tuple) and len(v) == 1 else v for v in (shift, axis))
    return f"torch.roll({use.arguments[0]}, {shift}{options(dims=axis)})"


@writes("reverse", "_npi_flip")
def _reverse(use: Use) -> str:
    axes = use.value("axis")
    axes = tuple(range(use.rank)) if axes in (None, ()) else axes
    return f"{use.x}.flip({axes if isinstance(axes, int) else ', '.join(map(str, axes))})"


@writes("tile")
def _tile(use: Use) -> str:
    times = use.value("reps")
    return f"{use.x}.tile({times if isinstance(times, int) else ', '.join(map(str, times))})"


@writes("repeat")
def _repeat(use: Use) -> str:
    return f"{use.x}.repeat_interleave({use.value('repeats')}{options(dim=use.value('axis'))})"


@writes("broadcast_to", "_npi_broadcast_to")
def _broadcast(use: Use) -> str:
    sizes = use.value("shape")
    sizes = (sizes,) if isinstance(sizes, int) else sizes
    if use.operator == "broadcast_to":  # 0 keeps an axis
        sizes = tuple(size or -1 for size in sizes)
    return f"{use.x}.expand({', '.join(map(str, sizes))})"


@writes("broadcast_axis")
def _broadcast_axes(use: Use) -> str:
    axes, sizes = use.value("axis", ()), use.value("size", ())
    axes, sizes = ((v,) if isinstance(v, int) else v for v in (axes, sizes))
    given = dict(zip((axis % use.rank for axis in axes), sizes, strict=True))
    return f"{use.x}.expand({', '.join(str(given.get(axis, -1)) for axis in range(use.rank))})"


@writes("broadcast_like")
def _broadcast_like(use: Use) -> str:
    axes, others = use.value("lhs_axes"), use.value("rhs_axes")
    if axes is None:
        return f"{use.x}.expand_as({use.arguments[1]})"
    axes, others = ((v,) if isinstance(v, int) else v for v in (axes, others))
    given = {
        axis % use.rank: f"{use.y}.shape[{other}]" for axis, other in zip(axes, others, strict=True)
    }
    return f"{use.x}.expand({', '.join(given.get(axis, '-1') for axis in range(use.rank))})"


_MODES = {"constant": None, "edge": '"replicate"', "reflect": '"reflect"'}


@writes("Pad")
def _pad(use: Use) -> str:
    widths = use.value("pad_width")
    return _padded(use, list(zip(widths[::2], widths[1::2], strict=True)))


@writes("_npi_pad")
def _numpy_pad(use: Use) -> str:
    return _padded(use, list(use.value("pad_width")))


def _padded(use: Use, widths: Sequence[Sequence[int]]) -> str:
    """Write padding; torch has the last axis first, and leaves out what is not padded."""
    mode = use.text("mode", "constant")
    if mode not in _MODES:
        raise use.refuse(f"its mode is {mode}")
    widths = list(widths)
    while widths and not any(widths[0]):
        widths.pop(0)
    if not widths:
        return use.arguments[0]
    if mode != "constant":
        # torch has these modes for the last one to three axes of 2 to 5
        if use.rank - len(widths) > 2 or use.rank - len(widths) < 1:
            widths = [(0, 0)] * (use.rank - len(widths) - 2) + widths
        if use.rank - len(widths) not in (1, 2):
            raise use.refuse(f"it pads the batch by mode {mode}")
    flat = [number for pair in reversed(widths) for number in pair]
    value = float(use.value("constant_value", 0))
    is_filled = mode == "constant" and value
    given = options(mode=_MODES[mode], value=literal(value) if is_filled else None)
    return f"F.pad({use.arguments[0]}, ({', '.join(map(str, flat))}){given})"


@writes("diag", "_np_diag", "_np_diagonal")
def _diagonal(use: Use) -> str:
    offset = use.value("k", use.value("offset", 0))
    if use.rank == 1:
        return f"torch.diag({use.arguments[0]}{options(diagonal=offset or None)})"
    axes = (use.value("axis1", 0), use.value("axis2", 1))
    return f"torch.diagonal({use.arguments[0]}, {offset}, {axes[0]}, {axes[1]})"


@writes("_np_trace")
def _trace(use: Use) -> str:
    axes = (use.value("axis1", 0), use.value("axis2", 1))
    inner = f"torch.diagonal({use.arguments[0]}, {use.value('offset', 0)}, {axes[0]}, {axes[1]})"
    return use.like(f"{inner}.sum(-1)", use.dtype)


@writes("_npi_tril")
def _lower_triangle(use: Use) -> str:
    return f"torch.tril({use.arguments[0]}{options(diagonal=use.value('k', 0) or None)})"


@writes("_npi_diff")
def _differences(use: Use) -> str:
    return f"torch.diff({use.arguments[0]}, {use.value('n', 1)}, {use.value('axis', -1)})"


@writes("_np_atleast_1d", "_np_atleast_2d", "_np_atleast_3d")
def _with_axes(use: Use) -> str:
    return f"torch.{use.operator.removeprefix('_np_')}({use.arguments[0]})"
