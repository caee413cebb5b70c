"""Converters of normalization: by batches, layers, groups, channels and lengths."""

from __future__ import annotations

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts


@converts(
    *("BatchNorm", "_npx_batch_norm", "BatchNorm_v1"),
    *("_contrib_SyncBatchNorm", "_contrib_BatchNormWithReLU"),
)
def _batch_norm(step: Step) -> None:
    """MXNet's converter has the wrong scale for `scale=False`, and supports one axis only."""
    data, gamma, *others = step.inputs
    shape = step.specs[0].shape
    axis = step.value("axis", 1) % len(shape)
    order = list(range(len(shape)))
    order[1], order[axis] = axis, 1
    if step.value("fix_gamma"):
        gamma = step.constant("gamma", numpy.ones(step.specs[1].shape), step.specs[1].dtype)
    moved, active = axis != 1, "ReLU" in step.operator
    if moved:
        data = step.add("Transpose", [data], "before", perm=order)
    normal = step.add(
        "BatchNormalization",
        [data, gamma, *others],
        "normal" if moved or active else "",
        epsilon=float(step.value("eps")),
    )
    if active:
        normal = step.add("Relu", [normal], "active" if moved else "")
    if moved:
        step.add("Transpose", [normal], perm=order)


@converts("GroupNorm")
def _group_norm(step: Step) -> None:
    """Convert by instance norm; MXNet 1.9.1 has one scale and shift per group, not per channel."""
    groups = step.value("num_groups")
    data, *weights = step.inputs
    if step.specs[1].shape != (groups,):
        raise NotImplementedError("GroupNorm with weights that are not one per group")
    rows = step.constant("rows", [0, groups, -1], "int64")
    grouped = step.add("Reshape", [data, rows], "grouped")
    epsilon = float(step.value("eps"))
    normal = step.add("InstanceNormalization", [grouped, *weights], "normal", epsilon=epsilon)
    step.add("Reshape", [normal, step.add("Shape", [data], "shape")])


@converts("LayerNorm", "_npx_layer_norm")
def _layer_norm(step: Step) -> None:
    """MXNet's own converter supports float32 only."""
    if step.value("output_mean_var"):
        raise NotImplementedError("LayerNorm that gives its statistics too")
    data, *weights = step.inputs
    shape, dtype = step.specs[0].shape, step.specs[0].dtype
    axis = step.value("axis") % len(shape)
    two, epsilon = step.constants(dtype, two=2, epsilon=float(step.value("eps")))
    mean = step.add("ReduceMean", [data], "mean", axes=[axis])
    far = step.add("Sub", [data, mean], "far")
    # By powers ONNX Runtime knows the pattern, in which it loses a cast of the data.
    factors = ("Mul", [far, far]) if "cast" in step.sources[0].lower() else ("Pow", [far, two])
    squares = step.add(*factors, "squares")
    variance = step.add("ReduceMean", [squares], "variance", axes=[axis])
    root = step.add("Sqrt", [step.add("Add", [variance, epsilon], "positive")], "root")
    if axis != len(shape) - 1:
        along = step.constant("along", [-1] + [1] * (len(shape) - axis - 1), "int64")
        weights = [step.add("Reshape", [w, along], f"w{n}") for n, w in enumerate(weights)]
    scaled = step.add("Mul", [step.add("Div", [far, root], "normal"), weights[0]], "scaled")
    step.add("Add", [scaled, weights[1]])


@converts("L2Normalization")
def _unit_length(step: Step) -> None:
    axes = list(range(1, len(step.specs[0].shape)))
    mode = step.attributes["mode"]
    axes = {"instance": axes, "channel": axes[:1], "spatial": axes[1:]}[mode]
    epsilon = step.constant("epsilon", float(step.value("eps")), step.specs[0].dtype)
    squares = step.add("ReduceSumSquare", step.inputs, "squares", axes=axes, keepdims=1)
    length = step.add("Sqrt", [step.add("Add", [squares, epsilon], "positive")], "length")
    step.add("Div", [step.inputs[0], length])


@converts("LRN")
def _local_response(step: Step) -> None:
    step.add(
        "LRN",
        step.inputs,
        size=step.value("nsize"),
        alpha=float(step.value("alpha")),
        beta=float(step.value("beta")),
        bias=float(step.value("knorm")),
    )
