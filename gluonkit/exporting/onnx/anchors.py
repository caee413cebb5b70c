"""Converters of detectors' operators that make boxes, and that take features from them."""

from __future__ import annotations

from typing import Any

import numpy

from gluonkit.exporting.onnx.alone import run_alone
from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import finish


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
    boxes = decoded(step, step.inputs[0], step.inputs[1], stds, corners=corners, most=most)
    finish(step, boxes, step.outputs[0].dtype)


def decoded(
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
