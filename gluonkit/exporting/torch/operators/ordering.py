"""Operators that order elements, or that know the lengths of sequences."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.indexing import between, sliced
from gluonkit.exporting.torch.operators.use import (
    Use,
    is_name,
    literal,
    options,
    primary,
    writes,
)
from gluonkit.exporting.torch.parts import Call


@writes("topk")
def _topk(use: Use) -> Call | str:
    """Write the largest or smallest; of equal ones the first come first, as in MXNet."""
    axis, data = use.value("axis", -1), use.arguments[0]
    if axis is None:
        axis, data = 0, f"{use.x}.flatten()"
    rank = 1 if use.value("axis", -1) is None else use.rank
    axis %= rank
    count, kind = int(use.value("k", 1)), use.text("ret_typ", "indices")
    order = options(dim=axis, descending=None if use.flag("is_ascend") else True, stable=True)
    first = sliced("", [":"] * axis + [between(None, count if count > 0 else None)])
    places = f"torch.argsort({data}{order}){first}"
    if kind == "mask":
        mask = f"torch.zeros_like({data}).scatter({axis}, {places}, 1)"
        return mask if use.value("axis", -1) is not None else f"{mask}.reshape({use.x}.shape)"
    values = f"torch.sort({data}{order}).values{first}"
    if kind == "value":
        return values
    if kind == "indices":
        return use.like(places, "int64")
    whole = use.outputs[1].dtype
    places = places if whole == "int64" else f"{places}.to({_type(use, whole)})"
    return Call(f"({values}, {places})", results=2)


def _type(use: Use, dtype: str) -> str:
    given = use.inputs[0].dtype == dtype and is_name(use.arguments[0])
    return f"{use.arguments[0]}.dtype" if given else f"torch.{dtype}"


@writes("sort", "argsort")
def _sort(use: Use) -> str:
    axis, data = use.value("axis", -1), use.arguments[0]
    if axis is None:
        axis, data = -1, f"{use.x}.flatten()"
    order = options(dim=axis, descending=None if use.flag("is_ascend", default=True) else True)
    if use.operator == "sort":
        return f"torch.sort({data}{order}).values"
    return use.like(f"torch.argsort({data}{order}, stable=True)", "int64")


@writes("SequenceMask")
def _sequence_mask(use: Use) -> Call | str:
    if not use.flag("use_sequence_length"):
        return use.arguments[0]
    value = literal(float(use.value("value", 0)))
    text = f"sequence_mask({use.arguments[0]}, {use.arguments[1]}"
    return Call(f"{text}, {use.value('axis', 0)}, {value})", ("sequence_mask",))


@writes("SequenceLast")
def _sequence_last(use: Use) -> str:
    axis = int(use.value("axis", 0))
    if not use.flag("use_sequence_length"):
        return f"{use.x}[-1]" if axis == 0 else f"{use.x}[:, -1]"
    last = f"{primary(use.whole(1))} - 1"
    rows = f"torch.arange({use.x}.shape[{1 - axis}], device={use.x}.device)"
    return f"{use.x}[{last}, {rows}]" if axis == 0 else f"{use.x}[{rows}, {last}]"


@writes("SequenceReverse")
def _sequence_reverse(use: Use) -> Call | str:
    if not use.flag("use_sequence_length"):
        return f"{use.x}.flip(0)"
    return Call(f"sequence_reverse({', '.join(use.arguments[:2])})", ("sequence_reverse",))
