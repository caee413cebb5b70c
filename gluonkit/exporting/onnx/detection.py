"""The converter of MultiBoxDetection: boxes from anchors, suppressed by better ones."""

from __future__ import annotations

import numpy

from gluonkit.exporting.onnx.anchors import decoded
from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.suppression import (
    all_together,
    by_class,
    column,
    gathered,
    marked,
    ranked,
    sorted_rows,
    where_kept,
)
from gluonkit.exporting.onnx.wide import finish


@converts("_contrib_MultiBoxDetection")
def _detection(step: Step) -> None:
    """Convert detection: rows of class, score, corners.

    As in MXNet, a suppressed row has the class -1, and rows after `nms_topk` keep the order of the
    anchors.
    """
    dtype, count = step.outputs[0].dtype, step.outputs[0].shape[1]
    rows, scores, valid = _candidates(step)
    whole = step.add("Cast", [valid], "valid-whole", to=step.onnx_type("int64"))
    marks, order = ranked(step, whole, count, "compact")
    compact = where_kept(step, marks, gathered(step, rows, order, "in-front"))
    threshold = float(step.value("nms_threshold"))
    if not 0 < threshold <= 1:
        finish(step, compact, dtype)
        return
    first = min(step.value("nms_topk"), count) if step.value("nms_topk") > 0 else count
    top, valid = sorted_rows(step, rows, scores, valid, first)
    boxes = step.sliced(top, [2], [6], [2], part="corners")
    if step.value("force_suppress"):
        apart = all_together(step, valid)
    else:
        apart = by_class(step, column(step, top, 0, "top-id"), valid)
    below = numpy.nextafter(numpy.float32(threshold), numpy.float32(0))  # MXNet's "at least"
    keeps = marked(step, boxes, apart, first, float(below))
    none = f"{step.name}none"
    last = step.constant("behind", [2], "int64")
    is_kept = step.add("Cast", [keeps], "is-kept", to=step.onnx_type("bool"))
    is_kept_row = step.add("Unsqueeze", [is_kept, last], "kept-column")
    ids = step.sliced(top, [0], [1], [2], part="ids")
    ids = step.add("Where", [is_kept_row, ids, none], "new-ids")
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
    boxes = decoded(step, deltas, anchors, step.value("variances"), corners=True)
    if step.value("clip"):
        ends = [step.constant(f"end{n}", n, dtype) for n in (0, 1)]
        boxes = step.add("Clip", [boxes, *ends], "clipped")
    last = step.constant("columns", [2], "int64")
    columns = [step.add("Unsqueeze", [x, last], f"column{n}") for n, x in enumerate((ids, score))]
    return step.add("Concat", [*columns, boxes], "candidates", axis=2), score, valid
