"""Converters of the suppression of boxes by better ones."""

from __future__ import annotations

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import cast


@converts("_contrib_box_nms")
def _box_nms(step: Step) -> None:
    """Convert suppression, whose output begins with the boxes kept, sorted, and ends with -1."""
    count, width = step.specs[0].shape[-2:]
    if count != step.grown[0][-2]:
        raise NotImplementedError(f"{step.operator} along the batch")
    data = step.inputs[0]
    shape = step.constant("by-sample", [-1, count, width], "int64")
    rows = step.add("Reshape", [data, shape], "rows")
    first = count if step.value("topk") < 0 else min(step.value("topk"), count)
    if first == 0:
        step.add("Identity", [data])
        return
    scores = column(step, rows, step.value("score_index"), "score")
    id_at = step.value("id_index")
    top, valid = sorted_rows(step, rows, scores, _valid(step, rows, scores, id_at), first)
    at = step.value("coord_start")
    boxes = step.sliced(top, [at], [at + 4], [2], part="coordinates")
    if id_at < 0 or step.value("force_suppress"):
        apart = all_together(step, valid)
    else:
        apart = by_class(step, column(step, top, id_at, "top-id"), valid)
    threshold = float(step.value("overlap_thresh"))
    center = step.attributes["in_format"] == "center"
    keeps = marked(step, boxes, apart, first, threshold, center=center)
    marks, front = ranked(step, keeps, first, "kept")
    chosen = where_kept(step, marks, gathered(step, top, front, "chosen"))
    if count > first:
        pads = step.constant("pads", [0, 0, 0, 0, count - first, 0], "int64")
        chosen = step.add("Pad", [chosen, pads, f"{step.name}none"], "padded")
    if step.attributes["in_format"] != step.attributes["out_format"]:
        chosen = _converted(step, chosen, at, width, from_center=center)
    step.add("Reshape", [chosen, step.add("Shape", [data], "shape")])


def _valid(step: Step, rows: str, scores: str, id_at: int) -> str:
    """Return which rows have a score above the threshold, and are not of the background."""
    dtype = step.specs[0].dtype
    least = step.constant("least", step.value("valid_thresh"), dtype)
    valid = step.add("Greater", [scores, least], "above")
    if id_at < 0:
        return valid
    background = step.constant("background", step.value("background_id"), dtype)
    is_nothing = step.add("Equal", [column(step, rows, id_at, "id"), background], "no-object")
    return step.add("And", [valid, step.add("Not", [is_nothing], "object")], "valid")


def _converted(step: Step, rows: str, at: int, width: int, *, from_center: bool) -> str:
    """Convert corners to centers, or back; boxes that begin below 0 stay as they are."""
    dtype = step.outputs[0].dtype
    half = step.constant("half", 0.5, dtype)
    one, two = (step.sliced(rows, [n], [n + 2], [2], part=f"end{n}") for n in (at, at + 2))
    if from_center:
        reach = step.add("Mul", [two, half], "reach")
        ends = [step.add(sign, [one, reach], sign) for sign in ("Sub", "Add")]
    else:
        middle = step.add("Mul", [step.add("Add", [one, two], "ends-sum"), half], "center")
        ends = [middle, step.add("Sub", [two, one], "extent")]
    before = [step.sliced(rows, [0], [at], [2], part="before")] if at else []
    after = [step.sliced(rows, [at + 4], [width], [2], part="after")] if at + 4 < width else []
    new = step.add("Concat", [*before, *ends, *after], "new", axis=2)
    begin = step.sliced(rows, [at], [at + 1], [2], part="begin")
    outside = step.add("Less", [begin, step.constant("origin", 0, dtype)], "outside")
    return step.add("Where", [outside, rows, new], "in-format")


def ranked(step: Step, keys: str, count: int, part: str) -> tuple[str, str]:
    """Return the largest keys of each sample, and their positions; equal ones keep their order."""
    ranked, places = f"{step.name}{part}", f"{step.name}{part}-places"
    number = step.constant(f"{part}-count", [count], "int64")
    step.add_several("TopK", [keys, number], [ranked, places])
    return ranked, places


def column(step: Step, rows: str, place: int, part: str) -> str:
    """Return one column of rows, (batch, rows)."""
    return step.add("Gather", [rows, step.constant(f"{part}-at", place, "int64")], part, axis=2)


def gathered(step: Step, rows: str, order: str, part: str) -> str:
    """Return rows of each sample in another order."""
    last = step.constant(f"{part}-last", [-1], "int64")
    places = step.add("Unsqueeze", [order, last], f"{part}-places")
    return step.add("GatherND", [rows, places], part, batch_dims=1)


def sorted_rows(step: Step, rows: str, scores: str, valid: str, first: int) -> tuple[str, str]:
    """Return the first rows by score, and whether they are valid."""
    never = step.constant("never", -numpy.inf, step.outputs[0].dtype)
    key = step.add("Where", [valid, scores, never], "key")
    keys, order = ranked(step, key, first, "sorted")
    valid = step.add("Greater", [keys, never], "valid-sorted")
    return gathered(step, rows, order, "top"), valid


def by_class(step: Step, ids: str, valid: str) -> str:
    """Return which rows are valid, for each class, (batch, classes, rows)."""
    whole = step.add("Cast", [ids], "whole-ids", to=step.onnx_type("int64"))
    one = step.constant("next", 1, "int64")
    low, high = (
        step.add(f"Reduce{end}", [whole], f"{end}-id", keepdims=0) for end in ("Min", "Max")
    )
    classes = step.add("Range", [low, step.add("Add", [high, one], "end"), one], "range")
    column = step.constant("column", [1, -1, 1], "int64")
    middle = step.constant("middle", [1], "int64")
    same = step.add(
        "Equal",
        [
            step.add("Unsqueeze", [whole, middle], "row-ids"),
            step.add("Reshape", [classes, column], "class-ids"),
        ],
        "same",
    )
    return step.add("And", [same, step.add("Unsqueeze", [valid, middle], "valid-row")], "by-class")


def all_together(step: Step, valid: str) -> str:
    """Return which rows are valid, as of one class, (batch, 1, rows)."""
    return step.add("Unsqueeze", [valid, step.constant("middle", [1], "int64")], "together")


def marked(
    step: Step, boxes: str, valid: str, first: int, threshold: float, *, center: bool = False
) -> str:
    """Return 1 for the sorted boxes that no better one suppresses, (batch, rows), else 0.

    `valid` is (batch, classes, rows); classes do not suppress each other.
    Ranks take the place of scores, as ONNX Runtime's own order of equal ones could differ.
    """
    boxes = cast(step, boxes, step.outputs[0].dtype, "float32", "plain-boxes")
    low, high = (step.sliced(boxes, [at], [at + 2], [2], part=f"box{at}") for at in (0, 2))
    # A box whose ends are exchanged has no area in MXNet; ONNX exchanges them back.
    least = step.constant("no-size", 0, "float32") if center else low
    boxes = step.add("Concat", [low, step.add("Max", [high, least], "ends")], "sound", axis=2)
    ranks = step.constant("ranks", numpy.arange(first, 0, -1).reshape(1, 1, -1), "float32")
    nothing = step.constant("nothing", 0, "float32")
    limits = (step.constant("most-boxes", [first], "int64"),)
    overlap = step.constant("overlap", [threshold], "float32")
    none = step.constant("no-score", [0], "float32")
    selected = step.add(
        "NonMaxSuppression",
        [boxes, step.add("Where", [valid, ranks, nothing], "scores"), *limits, overlap, none],
        "selected",
        center_point_box=int(center),
    )
    columns = step.constant("sample-and-box", [0, 2], "int64")
    places = step.add("Gather", [selected, columns], "kept-at", axis=1)
    size = step.sliced(step.add("Shape", [places], "kept-shape"), [0], [1], [0], part="kept-number")
    ones = step.add("Expand", [step.constant("keep", 1, "int64"), size], "ones")
    zeros = step.add("Sub", [f"{step.name}sorted-places"] * 2, "zeros")
    return step.add("ScatterND", [zeros, places, ones], "keeps")


def where_kept(step: Step, kept: str, rows: str) -> str:
    """Return rows, and -1 for those that are not kept."""
    yes = step.add("Cast", [kept], "yes", to=step.onnx_type("bool"))
    column = step.add("Unsqueeze", [yes, step.constant("last-axis", [2], "int64")], "yes-column")
    return step.add("Where", [column, rows, step.constant("none", -1, step.outputs[0].dtype)], "or")
