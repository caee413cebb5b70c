"""Large batches in slices: what one slice leaves behind lies in the caches when it is read again.

A batch of 64 images has activations of hundreds of megabytes, each of which goes to memory and back
between two layers. A few samples at a time need a hundredth of that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.compiling.runner import Runner
from gluonkit.files.graph import Node
from gluonkit.tracing.symbols import NotInferableError, shaped

SIZES = (8, 16)
"""Samples in a slice, to be tried."""

SMALLEST = 16
"""Samples in a batch below which there is nothing to gain."""

_BY_SAMPLE = (
    {"Activation", "BatchNorm", "Convolution", "Deconvolution", "Dropout", "Flatten", "LRN"}
    | {"FullyConnected", "LeakyReLU", "Pooling", "Reshape", "UpSampling", "_copy", "clip"}
    | {"exp", "log", "relu", "sigmoid", "tanh", "broadcast_add", "broadcast_mul"}
    | {f"elemwise_{name}" for name in ("add", "div", "mul", "sub")}
    | {f"_{name}_scalar" for name in ("div", "minus", "mul", "plus")}
    | {"_npi_add", "_npi_add_scalar", "_npi_multiply", "_npi_multiply_scalar"}
)
"""Operators that treat each sample by itself, if the first axis stays the batch."""

_ALONG = {
    "Concat": ("dim", 1),
    "log_softmax": ("axis", -1),
    "slice_axis": ("axis", 0),
    "softmax": ("axis", -1),
}
"""Operators that do so unless they work along the first axis; the attribute for it, its default."""


def is_by_sample(symbol: Symbol, inputs: Mapping[str, ArraySpec]) -> bool:
    """Return whether the outputs for a sample do not depend on other samples of the batch."""
    # Only where all inputs have the same first axis is it surely the batch.
    sizes = {array.shape[:1] for array in inputs.values()}
    if len(sizes) != 1 or sizes == {()}:
        return False
    try:
        graph = shaped(symbol, inputs)
    except NotInferableError:
        return False
    depends: list[bool] = []
    for node in graph.nodes:
        given = any(depends[entry.node] for entry in node.inputs)
        if given and not _is_allowed(node, sizes):
            return False
        depends.append(given or (node.is_variable and node.name in inputs))
    # What depends on no input has no samples that could be divided.
    return all(depends[head.node] for head in graph.heads)


def _is_allowed(node: Node, sizes: Collection[tuple[int, ...]]) -> bool:
    """Return whether an operator treats samples independently, and keeps the batch axis first."""
    shapes = [output.shape for output in node.outputs]
    if any(shape[:1] not in sizes for shape in shapes):
        return False
    if node.operator not in _ALONG:
        return node.operator in _BY_SAMPLE
    attribute, default = _ALONG[node.operator]
    # An axis counts from the end if it is negative: -1 of one axis is the batch, too.
    return int(node.attributes.get(attribute, default)) % len(shapes[0]) != 0


class SlicedRunner(Runner):
    """Runs a batch in slices, by runners for fewer samples."""

    def __init__(self, parts: Sequence[Runner], specs: Sequence[ArraySpec]) -> None:
        """`parts` has the runner of each slice, in order; a runner may appear several times."""
        # The parts are bound to graphs; this has none, so that `Runner.__init__` has nothing to
        # do.
        self._parts = parts
        self.inputs = [numpy.zeros(spec.shape, spec.dtype) for spec in specs]
        batch = self.inputs[0].shape[0]
        self.outputs = [
            numpy.empty((batch, *output.shape[1:]), output.dtype) for output in parts[0].outputs
        ]

    def run(self) -> None:
        """Compute the outputs, and wait for them."""
        start = 0
        for part in self._parts:
            stop = start + part.inputs[0].shape[0]
            for place, numbers in zip(part.inputs, self.inputs, strict=True):
                numpy.copyto(place, numbers[start:stop])
            part.run()
            for place, numbers in zip(self.outputs, part.outputs, strict=True):
                place[start:stop] = numbers
            start = stop
