"""Converters of detectors' operators: boxes from anchors, and boxes suppressed by better ones."""

from __future__ import annotations

from typing import Any

import numpy

from gluonkit.exporting.onnx.alone import run_alone
from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import cast, finish


@converts("_contrib_MultiBoxPrior")
def _anchors(step: Step) -> None:
    """Convert to a constant, as anchors depend on the shape of the feature map only."""
    features = numpy.zeros((1, *step.specs[0].shape[1:]), step.specs[0].dtype)
    (boxes,) = run_alone(step.operator, step.given, [features])
    step.add("Identity", [step.constant("anchors", boxes, boxes.dtype)])


@converts("_contrib_ROIAlign")
def _region_features(step: Step) -> None:
    """Convert regions (batch index, corners); a negative index gives zeros."""
    if step.value("position_sensitive"):
        raise NotImplementedError(f"{step.operator} with position_sensitive=True")
    place = step.sliced(step.inputs[1], [0], [1], [1], part="place")
    place = step.add("Squeeze", [place, step.constant("one", [1], "int64")], "places")
    zero = step.constant("zero", 0, step.outputs[0].dtype)
    whole = step.add(
        "Cast", [step.add("Max", [place, zero], "real")], "whole", to=step.onnx_type("int64")
    )
    corners = step.sliced(step.inputs[1], [1], [5], [1], part="corners")
    height, width = step.value("pooled_size")
    options: dict[str, Any] = {"output_height": height, "output_width": width}
    if step.value("aligned"):
        step.needs(16, "aligned=True")
        options["coordinate_transformation_mode"] = "half_pixel"
    aligned = step.add(
        "RoiAlign",
        [step.inputs[0], corners, whole],
        "aligned",
        sampling_ratio=max(step.value("sample_ratio"), 0),
        spatial_scale=float(step.value("spatial_scale")),
        **options,
    )
    wanted = step.add("GreaterOrEqual", [place, zero], "wanted")
    shape = step.constant("column", [-1, 1, 1, 1], "int64")
    wanted = step.add("Reshape", [wanted, shape], "wanted-column")
    step.add("Where", [wanted, aligned, zero])


@converts("_contrib_box_decode")
def _box_decode(step: Step) -> None:
    stds = [float(step.value(f"std{place}")) for place in range(4)]
    corners = step.attributes["format"] == "corner"
    most = float(step.value("clip"))
    decoded = _decoded(step, step.inputs[0], step.inputs[1], stds, corners=corners, most=most)
    finish(step, decoded, step.outputs[0].dtype)


def _decoded(
    step: Step, deltas: str, anchors: str, stds: Any, *, corners: bool, most: float = 0.0
) -> str:
    """Return corners of boxes, (batch, anchors, 4), from their differences from anchors.

    `most` limits the logarithms of width and height, if it is positive.
    """
    dtype = step.outputs[0].dtype
    half = step.constant("half", 0.5, dtype)
    scaled = step.add("Mul", [deltas, step.constant("stds", stds, dtype)], "scaled")
    (center, size), (shift, growth) = (
        [step.sliced(name, [at], [at + 2], [2], part=f"{part}{at}") for at in (0, 2)]
        for name, part in ((anchors, "anchor"), (scaled, "delta"))
    )
    if corners:
        size = step.add("Sub", [size, center], "size")
        center = step.add("Add", [center, step.add("Mul", [size, half], "half-size")], "center")
    moved = step.add("Add", [step.add("Mul", [shift, size], "shift"), center], "moved")
    if most > 0:
        growth = step.add("Min", [growth, step.constant("most", most, dtype)], "growth")
    wide = step.add("Mul", [step.add("Exp", [growth], "factor"), size], "wide")
    reach = step.add("Mul", [wide, half], "reach")
    ends = [step.add(sign, [moved, reach], sign) for sign in ("Sub", "Add")]
    return step.add("Concat", ends, "boxes", axis=2)


@converts("_contrib_box_nms")
def _box_nms(step: Step) -> None:
    """Convert suppression, whose output begins with the boxes kept, sorted, and ends with -1."""
    count, width = step.specs[0].shape[-2:]
    if count != step.grown[0][-2]:
        raise NotImplementedError(f"{step.operator} along the batch")
    data = step.inputs[0]
    apart = [-1, count, width]
    rows = step.add("Reshape", [data, step.constant("apart", apart, "int64")], "rows")
    first = count if step.value("topk") < 0 else min(step.value("topk"), count)
    if first == 0:
        step.add("Identity", [data])
        return
    scores = _column(step, rows, step.value("score_index"), "score")
    valid = _above(step, scores, step.value("valid_thresh"))
    ids = None
    if step.value("id_index") >= 0:
        ids = _column(step, rows, step.value("id_index"), "id")
        dtype = step.specs[0].dtype
        background = step.constant("background", step.value("background_id"), dtype)
        some = step.add("Not", [step.add("Equal", [ids, background], "no-object")], "object")
        valid = step.add("And", [valid, some], "valid")
    top, valid = _sorted_rows(step, rows, scores, valid, first)
    at = step.value("coord_start")
    boxes = step.sliced(top, [at], [at + 4], [2], part="coordinates")
    if ids is not None and not step.value("force_suppress"):
        ids = _column(step, top, step.value("id_index"), "top-id")
        valid = _by_class(step, ids, valid)
    threshold = float(step.value("overlap_thresh"))
    center = step.attributes["in_format"] == "center"
    kept = _kept(step, boxes, valid, first, threshold, center=center)
    marks, front = _ranked(step, kept, first, "kept")
    chosen = _where_kept(step, marks, _gathered(step, top, front, "chosen"))
    if count > first:
        pads = step.constant("pads", [0, 0, 0, 0, count - first, 0], "int64")
        chosen = step.add("Pad", [chosen, pads, f"{step.name}none"], "padded")
    if step.attributes["in_format"] != step.attributes["out_format"]:
        chosen = _converted(step, chosen, at, width, from_center=center)
    step.add("Reshape", [chosen, step.add("Shape", [data], "shape")])


def _ranked(step: Step, keys: str, count: int, part: str) -> tuple[str, str]:
    """Return the largest keys of each sample, and their positions; equal ones keep their order."""
    ranked, places = f"{step.name}{part}", f"{step.name}{part}-places"
    number = step.constant(f"{part}-count", [count], "int64")
    step.add_several("TopK", [keys, number], [ranked, places])
    return ranked, places


def _column(step: Step, rows: str, place: int, part: str) -> str:
    """Return one column of rows, (batch, rows)."""
    return step.add("Gather", [rows, step.constant(f"{part}-at", place, "int64")], part, axis=2)


def _above(step: Step, scores: str, threshold: float) -> str:
    return step.add(
        "Greater", [scores, step.constant("least", threshold, step.specs[0].dtype)], "above"
    )


def _gathered(step: Step, rows: str, order: str, part: str) -> str:
    """Return rows of each sample in another order."""
    last = step.constant(f"{part}-last", [-1], "int64")
    places = step.add("Unsqueeze", [order, last], f"{part}-places")
    return step.add("GatherND", [rows, places], part, batch_dims=1)


def _sorted_rows(step: Step, rows: str, scores: str, valid: str, first: int) -> tuple[str, str]:
    """Return the first rows by score, and whether they are valid."""
    never = step.constant("never", -numpy.inf, step.outputs[0].dtype)
    key = step.add("Where", [valid, scores, never], "key")
    keys, order = _ranked(step, key, first, "sorted")
    valid = step.add("Greater", [keys, never], "valid-sorted")
    return _gathered(step, rows, order, "top"), valid


def _by_class(step: Step, ids: str, valid: str) -> str:
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


def _kept(
    step: Step, boxes: str, valid: str, first: int, threshold: float, *, center: bool = False
) -> str:
    """Return 1 for the sorted boxes that no better one suppresses, (batch, rows), else 0.

    `valid` is (batch, rows), or (batch, classes, rows) for classes that do not suppress each other.
    Ranks take the place of scores, as ONNX Runtime's own order of equal ones could differ.
    """
    boxes = cast(step, boxes, step.outputs[0].dtype, "float32", "plain-boxes")
    low, high = (step.sliced(boxes, [at], [at + 2], [2], part=f"box{at}") for at in (0, 2))
    # A box whose ends are exchanged has no area in MXNet; ONNX exchanges them back.
    least = step.constant("no-size", 0, "float32") if center else low
    boxes = step.add("Concat", [low, step.add("Max", [high, least], "ends")], "sound", axis=2)
    ranks = step.constant("ranks", numpy.arange(first, 0, -1).reshape(1, 1, -1), "float32")
    nothing = step.constant("nothing", 0, "float32")
    if not valid.endswith("by-class"):
        valid = step.add("Unsqueeze", [valid, step.constant("classes-at", [1], "int64")], "alone")
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


def _where_kept(step: Step, kept: str, rows: str) -> str:
    """Return rows, and -1 for those that are not kept."""
    yes = step.add("Cast", [kept], "yes", to=step.onnx_type("bool"))
    column = step.add("Unsqueeze", [yes, step.constant("last-axis", [2], "int64")], "yes-column")
    return step.add("Where", [column, rows, step.constant("none", -1, step.outputs[0].dtype)], "or")


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


@converts("_contrib_MultiBoxDetection")
def _detection(step: Step) -> None:
    """Convert detection: rows of class, score, corners.

    As in MXNet, a suppressed row has the class -1, and rows after `nms_topk` keep the order of the
    anchors.
    """
    dtype, count = step.outputs[0].dtype, step.outputs[0].shape[1]
    rows, scores, valid = _candidates(step)
    whole = step.add("Cast", [valid], "valid-whole", to=step.onnx_type("int64"))
    marks, order = _ranked(step, whole, count, "compact")
    compact = _where_kept(step, marks, _gathered(step, rows, order, "in-front"))
    threshold = float(step.value("nms_threshold"))
    if not 0 < threshold <= 1:
        finish(step, compact, dtype)
        return
    first = min(step.value("nms_topk"), count) if step.value("nms_topk") > 0 else count
    top, valid = _sorted_rows(step, rows, scores, valid, first)
    boxes = step.sliced(top, [2], [6], [2], part="corners")
    apart = valid
    if not step.value("force_suppress"):
        apart = _by_class(step, _column(step, top, 0, "top-id"), valid)
    below = numpy.nextafter(numpy.float32(threshold), numpy.float32(0))  # MXNet's "at least"
    kept = _kept(step, boxes, apart, first, float(below))
    none = f"{step.name}none"
    last = step.constant("behind", [2], "int64")
    is_kept = step.add("Cast", [kept], "is-kept", to=step.onnx_type("bool"))
    keeps = step.add("Unsqueeze", [is_kept, last], "kept-column")
    ids = step.sliced(top, [0], [1], [2], part="ids")
    ids = step.add("Where", [keeps, ids, none], "new-ids")
    head = step.add("Concat", [ids, step.sliced(top, [1], [6], [2], part="rest")], "head", axis=2)
    is_row = step.add("Unsqueeze", [valid, last], "is-row")
    head = step.add("Where", [is_row, head, none], "head-rows")
    tail = step.sliced(compact, [first, 1], [count, 6], [1, 2], part="tail")
    pads = step.constant("id-pads", [0, 0, 1, 0, 0, 0], "int64")
    step.add("Concat", [head, step.add("Pad", [tail, pads, none], "tail-rows")], axis=1)


def _candidates(step: Step) -> tuple[str, str, str]:
    """Return a row for each anchor, its score, and whether it is of a class."""
    dtype = step.outputs[0].dtype
    probabilities, deltas, anchors = step.inputs
    classes = step.specs[0].shape[1]
    objects = step.sliced(probabilities, [1], [classes], [1], part="objects")
    score = step.add("ReduceMax", [objects], "score", axes=[1], keepdims=0)
    ids = step.add("ArgMax", [objects], "class", axis=1, keepdims=0)
    ids = step.add("Cast", [ids], "class-number", to=step.onnx_type(dtype))
    least = step.constant("least", float(step.value("threshold")), dtype)
    valid = step.add("GreaterOrEqual", [score, least], "is-object")
    shape = step.constant("by-anchor", [0, -1, 4], "int64")
    deltas = step.add("Reshape", [deltas, shape], "deltas")
    boxes = _decoded(step, deltas, anchors, step.value("variances"), corners=True)
    if step.value("clip"):
        ends = [step.constant(f"end{n}", n, dtype) for n in (0, 1)]
        boxes = step.add("Clip", [boxes, *ends], "clipped")
    last = step.constant("columns", [2], "int64")
    columns = [step.add("Unsqueeze", [x, last], f"column{n}") for n, x in enumerate((ids, score))]
    return step.add("Concat", [*columns, boxes], "candidates", axis=2), score, valid
