"""Converters of layers: output layers of `Module`, activations, deformable convolutions."""

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


@converts("LeakyReLU", "_npx_leaky_relu")
def _leaky(step: Step) -> None:
    kind, slope = step.attributes["act_type"], float(step.value("slope"))
    if kind == "prelu":
        data, weights = step.inputs
        count, shape = len(step.specs[0].shape), step.specs[1].shape
        if len(shape) == 1 and count > 2:  # one for each channel
            ones = step.constant("shape", [*shape, *[1] * (count - 2)], "int64")
            weights = step.add("Reshape", [weights, ones], "weights")
        step.add("PRelu", [data, weights])
    elif kind == "gelu":
        root, one, half = step.constants(step.specs[0].dtype, root=2**0.5, one=1, half=0.5)
        part = step.add("Erf", [step.add("Div", [*step.inputs, root], "scaled")], "erf")
        twice = step.add("Mul", [step.inputs[0], step.add("Add", [part, one], "sum")], "twice")
        step.add("Mul", [twice, half])
    elif kind == "selu":
        step.add("Selu", step.inputs)
    elif kind in ("leaky", "elu"):
        step.add({"leaky": "LeakyRelu", "elu": "Elu"}[kind], step.inputs, alpha=slope)
    else:
        raise NotImplementedError(f"LeakyReLU with act_type {kind}")
