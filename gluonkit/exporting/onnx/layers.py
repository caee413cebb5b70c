"""Converters of layers: output layers of `Module`, batch norms, and what has no like in ONNX."""

from __future__ import annotations

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts


@converts("LinearRegressionOutput", "MAERegressionOutput", "SVMOutput", "make_loss")
def _output(step: Step) -> None:
    """Convert an output layer that changes gradients only."""
    step.add("Identity", step.inputs[:1])


@converts("SoftmaxOutput", "SoftmaxActivation")
def _softmax_output(step: Step) -> None:
    """Convert softmax over the channels, the last axis, or all axes but the first.

    By default SoftmaxOutput is over all axes but the first; oneDNN's, which MXNet runs on
    processors for four axes of float32, is over the last.
    """
    count = len(step.specs[0].shape)
    is_last = count <= 2 or (count == 4 and step.specs[0].dtype == "float32")
    if step.value("multi_output") or step.attributes.get("mode") == "channel":
        step.add("Softmax", step.inputs[:1], axis=1)
    elif is_last or step.value("preserve_shape") or "mode" in step.attributes:
        step.add("Softmax", step.inputs[:1], axis=-1)
    else:
        flat = step.add("Flatten", step.inputs[:1], "flat", axis=1)
        shape = step.add("Shape", step.inputs[:1], "shape")
        step.add("Reshape", [step.add("Softmax", [flat], "weights", axis=1), shape])


@converts("amp_multicast")
def _cast_all(step: Step) -> None:
    for number, (name, spec) in enumerate(zip(step.inputs, step.outputs, strict=True)):
        part = str(number) if len(step.outputs) > 1 else ""
        step.add("Cast", [name], part, to=step.onnx_type(spec.dtype))


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


@converts("im2col")
def _patches(step: Step) -> None:
    """Convert to a convolution of each channel that picks one pixel of the window at a time."""
    kernel = step.several("kernel")
    dtype, channels = step.outputs[0].dtype, step.specs[0].shape[1]
    size = int(numpy.prod(kernel))
    picks = numpy.tile(
        numpy.eye(size).reshape(size, 1, *kernel), (channels, *[1] * (1 + len(kernel)))
    )
    pad = step.several("pad") or (0,) * len(kernel)
    patches = step.add(
        "Conv",
        [step.inputs[0], step.constant("picks", picks, dtype)],
        "patches",
        kernel_shape=kernel,
        strides=step.several("stride") or (1,) * len(kernel),
        dilations=step.several("dilate") or (1,) * len(kernel),
        pads=pad * 2,
        group=channels,
    )
    step.add("Reshape", [patches, step.constant("shape", [0, channels * size, -1], "int64")])


@converts("_contrib_ModulatedDeformableConvolution")
def _deformable(step: Step) -> None:
    """Convert convolutions that sample where offsets say, with factors."""
    step.needs(19, step.operator)
    data, offset, mask, weight, *bias = step.inputs
    kernel = step.several("kernel")
    step.add(
        "DeformConv",
        [data, weight, offset, *(bias or [""]), mask],
        kernel_shape=kernel,
        strides=step.several("stride") or (1,) * len(kernel),
        dilations=step.several("dilate") or (1,) * len(kernel),
        pads=(step.several("pad") or (0,) * len(kernel)) * 2,
        group=step.value("num_group"),
        offset_group=step.value("num_deformable_group"),
    )


@converts("_contrib_DeformableConvolution")
def _first_deformable(step: Step) -> None:
    raise NotImplementedError(
        "without factors, MXNet drops samples less than a pixel beyond the border; ONNX does not"
    )
