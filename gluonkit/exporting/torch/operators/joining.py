"""Operators that join arrays, or split them."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import (
    Use,
    listed,
    options,
    primary,
    writes,
)
from gluonkit.exporting.torch.parts import Call


@writes("Concat", "_rnn_param_concat")
def _join(use: Use) -> str:
    return _joined(use, int(use.value("dim", 1)))


def _joined(use: Use, axis: int) -> str:
    if len(use.arguments) == 1:
        return use.arguments[0]
    return f"torch.cat({listed(use.arguments)}{options(dim=axis or None)})"


@writes("_npi_concatenate")
def _concatenate(use: Use) -> str:
    axis = use.value("axis", 0)
    if axis is None:
        return f"torch.cat({listed(f'{primary(a)}.flatten()' for a in use.arguments)})"
    return _joined(use, int(axis))


@writes("_npi_vstack", "_npi_column_stack")
def _stack_along(use: Use) -> str:
    return f"torch.{use.operator.removeprefix('_npi_')}({listed(use.arguments)})"


@writes("stack", "_npi_stack")
def _stack(use: Use) -> str:
    return f"torch.stack({listed(use.arguments)}{options(dim=use.value('axis', 0) or None)})"


@writes("SliceChannel")
def _split_evenly(use: Use) -> Call:
    count, axis = int(use.value("num_outputs")), int(use.value("axis", 1))
    return _split(use, f".chunk({count}{options(dim=axis or None)})", count, axis)


@writes("_split_v2", "_npi_hsplit", "_npi_dsplit")
def _split_at(use: Use) -> Call:
    default = {"_npi_dsplit": 2, "_npi_hsplit": min(1, use.rank - 1)}.get(use.operator, 1)
    axis, sections = int(use.value("axis", default)), int(use.value("sections", 0))
    dim = options(dim=axis or None)
    if sections:
        return _split(use, f".chunk({sections}{dim})", sections, axis)
    begins = use.value("indices")
    begins = (begins,) if isinstance(begins, int) else begins
    # MXNet's list begins with 0, for the first part.
    places = f"({', '.join(map(str, begins[1:]))}{',' if len(begins) == 2 else ''})"
    return _split(use, f".tensor_split({places}{dim})", len(begins), axis)


def _split(use: Use, method: str, count: int, axis: int) -> Call:
    if use.flag("squeeze_axis"):
        text = f"{use.x}.squeeze({axis})" if count == 1 else f"{use.x}.unbind({axis})"
        return Call(text, results=count)
    return Call(use.arguments[0] if count == 1 else f"{use.x}{method}", results=count)
