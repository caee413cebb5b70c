"""Operators without inputs, or whose result depends on the shape of their input only."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import Use, infix, literal, options, primary, writes
from gluonkit.exporting.torch.sizes import Size


def _sizes(use: Use) -> tuple[int, ...]:
    """Return the shape; a size that MXNet infers is 1, which broadcasts."""
    shape = use.value("shape", ())
    shape = (shape,) if isinstance(shape, int) else shape or ()
    return tuple(size if size > 0 else 1 for size in shape)


@writes("_zeros", "_ones", "_npi_zeros", "_npi_ones")
def _filled(use: Use) -> str:
    name = "ones" if "ones" in use.operator else "zeros"
    sizes = _sizes(use)
    shape = ", ".join(map(str, sizes)) if sizes else "()"
    return f"torch.{name}({shape}{use.placed()})"


@writes("_full")
def _full(use: Use) -> str:
    value = use.number("value", 0, use.dtype)
    return f"torch.full({_sizes(use)}, {value}{use.placed(floating=False)})"


@writes("_eye", "_npi_eye", "_npi_identity")
def _identity(use: Use) -> str:
    rows, columns = use.outputs[0].shape
    given = use.value("N", use.value("n", rows))
    if isinstance(given, Size):
        rows, columns = given, use.value("M") or given
    if offset := use.value("k", 0):
        return f"torch.ones({rows}, {columns}{use.placed()}).triu({offset}).tril({offset})"
    sizes = f"{rows}" if rows == columns else f"{rows}, {columns}"
    return f"torch.eye({sizes}{use.placed()})"


@writes("_arange", "_npi_arange")
def _range(use: Use) -> str:
    """Write a range; if MXNet has only `start`, it is the end."""
    start, stop = use.value("start", 0), use.value("stop")
    step, repeat = use.value("step", 1), int(use.value("repeat", 1))
    if stop is None and use.flag("infer_range"):
        stop = start + step * (use.outputs[0].shape[0] // repeat)
    elif stop is None:
        start, stop = 0, start
    numbers = [literal(n if isinstance(n, Size) else float(n)) for n in (start, stop, step)]
    given = numbers[:2] if numbers[2] == "1" else numbers
    given = given[1:] if len(given) == 2 and given[0] == "0" else given
    text = f"torch.arange({', '.join(given)}{use.placed(floating=False)})"
    return text if repeat == 1 else f"{text}.repeat_interleave({repeat})"


@writes("_linspace")
def _evenly_spaced(use: Use) -> str:
    if not use.flag("endpoint", default=True):
        raise use.refuse("it leaves out the end")
    start, stop = (literal(float(use.value(name))) for name in ("start", "stop"))
    return f"torch.linspace({start}, {stop}, {use.outputs[0].shape[0]}{use.placed()})"


@writes("_contrib_arange_like")
def _range_like(use: Use) -> str:
    axis, start = use.value("axis"), float(use.value("start", 0))
    step, repeat = float(use.value("step", 1)), int(use.value("repeat", 1))
    size = f"{use.x}.numel()" if axis is None else f"{use.x}.shape[{axis}]"
    given = options(dtype=f"{use.x}.dtype", device=f"{use.x}.device")
    text = f"torch.arange({size}{given})"
    if repeat != 1:
        text = f"{text}.repeat_interleave({repeat})[:{size}]"
    text = text if step == 1 else infix(literal(step), "*", text)
    text = text if start == 0 else infix(literal(start), "+", text)
    return f"{primary(text)}.reshape({use.x}.shape)" if axis is None else text
