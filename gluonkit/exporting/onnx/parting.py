"""Operator by operator: which is the first that a file computes otherwise than MXNet.

Where outputs differ, each of MXNet's operators gets the inputs that it has in the file, so that
rounding, and orders of equal numbers, do not add up along the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from mxnet.base import MXNetError

from gluonkit._base.kinds import Array
from gluonkit.exporting.network import relative_gap
from gluonkit.exporting.onnx.alone import run_alone
from gluonkit.exporting.onnx.running import run, session
from gluonkit.files.graph import Node
from gluonkit.tracing.eager import is_random

ALLOWED = 1e-4
"""Largest difference of one operator, relative to the largest number of its output."""
ROUNDING = 1e-5
"""The same, where an operator adds the same numbers in another order."""

_AT_ONCE = 2**28  # bytes of intermediate results
_ORDERING = ("topk", "argsort", "_npi_argsort")


@dataclass(frozen=True)
class Operation:
    """One of MXNet's operators in a file.

    Attributes
    ----------
    node : Node
        The operator, with its outputs' shapes.
    inputs, outputs : tuple of str
        The names in the file.
    """

    node: Node
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """What was learned of a file, operator by operator.

    Attributes
    ----------
    difference : float
        The largest difference of an operator up to the first that parts, or of all.
    parted : Node or None
        The first operator that differs by more than rounding.
    excused : Node or None
        The first operator that differs for a reason of MXNet's.
    reason : str
        The reason, as the predicate of a sentence.
    unknown : Node or None
        The first operator that could not be compared.
    """

    difference: float
    parted: Node | None
    excused: Node | None
    reason: str
    unknown: Node | None

    @property
    def is_rounding(self) -> bool:
        """Whether all operators were compared, and round otherwise at most."""
        return self.unknown is self.parted is None and self.difference <= ROUNDING


def by_operator(
    onnx: Any, contents: bytes, operations: Sequence[Operation], feed: Mapping[str, Array]
) -> Comparison:
    """Compare a file's operators with MXNet's, in the active array mode."""
    model = onnx.load_model_from_string(contents)
    numbers = {tensor.name: tensor for tensor in model.graph.initializer}
    made = {name for node in model.graph.node for name in node.output}
    worst, excused, reason, unknown = 0.0, None, "", None
    for part in _parts(operations):
        wanted = {name for one in part for name in (*one.inputs, *one.outputs)} & made
        values: dict[str, Array] = {**feed, **_values(onnx, model, sorted(wanted), feed)}
        for one in part:
            for name in one.inputs:
                if name not in values and name in numbers:
                    values[name] = onnx.numpy_helper.to_array(numbers[name])
            difference, excuse = _difference(one, values)
            if difference is None:
                unknown = unknown or one.node
                continue
            if difference > ALLOWED:
                return Comparison(difference, one.node, excused, reason, unknown)
            worst = max(worst, difference)
            if excuse and excused is None:
                excused, reason = one.node, excuse
    return Comparison(worst, None, excused, reason, unknown)


def _parts(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Yield consecutive operators, as many as memory allows at once."""
    part: list[Operation] = []
    size = 0
    for one in operations:
        size += sum(spec.size * numpy.dtype(spec.dtype).itemsize for spec in one.node.outputs)
        if part and size > _AT_ONCE:
            yield part
            part, size = [], 0
        part.append(one)
    yield part


def _values(
    onnx: Any, model: Any, names: Sequence[str], feed: Mapping[str, Array]
) -> dict[str, Array]:
    """Return intermediate results of a file by name."""
    outputs = list(model.graph.output)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    try:
        opened = session(model.SerializeToString())
    finally:
        del model.graph.output[:]
        model.graph.output.extend(outputs)
    return dict(zip(names, run(opened, feed, names), strict=True))


def _difference(one: Operation, values: Mapping[str, Array]) -> tuple[float | None, str]:
    """Return how far an operator is from MXNet's, None for unknown, and why it may be so, or ''."""
    inputs = _inputs(one, values)
    is_drawn = is_random(one.node.operator, one.node.arguments)
    if is_drawn or inputs is None or not any(name in values for name in one.outputs):
        return None, ""
    try:
        expected = run_alone(one.node.operator, one.node.arguments, inputs)
    except MXNetError:  # some cannot be run without the graph that tells their shapes
        return None, ""
    pairs = [(e, values[n]) for e, n in zip(expected, one.outputs, strict=False) if n in values]
    if any(ours.shape != theirs.shape for ours, theirs in pairs):
        return numpy.inf, ""
    difference = max(relative_gap(ours, theirs) for ours, theirs in pairs)
    if difference > ALLOWED and (reason := _excuse(one.node, inputs, *pairs[-1])):
        return 0.0, reason
    return difference, ""


def _inputs(one: Operation, values: Mapping[str, Array]) -> list[Array] | None:
    """Return what an operator is given in the file; None where that is not known."""
    inputs = [values.get(name) for name in one.inputs]
    if one.node.operator == "BatchNorm" and inputs[1] is None and inputs[2] is not None:
        # The file does not have a gamma that is taken for 1.
        inputs[1] = numpy.ones_like(inputs[2])
    known = [array for array in inputs if array is not None]
    return known if len(known) == len(inputs) else None


def _excuse(node: Node, inputs: Sequence[Array], ours: Array, theirs: Array) -> str:
    """Return why MXNet's numbers may be others than the file's, which are right; else ''."""
    if node.operator in _ORDERING and _same_elements(node, inputs[0], ours, theirs):
        return "puts equal numbers in another order"
    if node.operator == "_contrib_ROIAlign" and _same_regions(inputs[1], ours, theirs):
        return "has regions with a negative index, at which MXNet writes where it should not"
    return ""


def _same_regions(regions: Array, ours: Array, theirs: Array) -> bool:
    """Return whether features differ only where MXNet's are wrong.

    For a region with a negative index it writes one zero, at the region's number in the whole
    array, and leaves the region's own features as they were in memory.
    """
    (skipped,) = numpy.nonzero(regions[:, 0] < 0)
    right = numpy.ones(ours.size, bool)
    right[skipped[skipped < right.size]] = False
    right = right.reshape(ours.shape)
    right[skipped] = False
    return len(skipped) > 0 and relative_gap(ours[right], theirs[right]) <= ALLOWED


def _same_elements(node: Node, data: Array, ours: Array, theirs: Array) -> bool:
    """Return whether positions differ among equal elements only."""
    axis = node.arguments.get("axis", "-1")
    flat, along = (data.ravel(), 0) if axis == "None" else (data, int(axis))

    def elements(places: Array) -> Array:
        return numpy.take_along_axis(flat, places.astype("int64") % flat.shape[along], along)

    return numpy.array_equal(elements(ours), elements(theirs))
