"""Operators with parameters as modules of torch: what makes them, and what they are called with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit._base.registers import registering
from gluonkit.exporting.torch.constructs import (
    Argument,
    Construct,
    Name,
    Tensor,
    needed,
    option,
    sizes,
)
from gluonkit.exporting.torch.operators.layers import deconvolution_padding, windows
from gluonkit.exporting.torch.operators.use import Use, literal
from gluonkit.exporting.torch.parts import whole

_BIASED = "batch norm's running variance is of n - 1 in torch, of n in MXNet"
_EPSILON = 1e-5


@dataclass(frozen=True)
class Layer:
    """A module for an operator.

    Attributes
    ----------
    construct : Construct
        What makes it.
    before, after : str
        What is done to its input and its output, with {} in their place.
    notes : tuple of str
        What its user should know.
    """

    construct: Construct
    before: str = "{}"
    after: str = "{}"
    notes: tuple[str, ...] = ()


Describe = Callable[[Use, Sequence[gluon.Parameter]], "Layer | None"]
_TABLE: dict[str, Describe] = {}
_describes = registering(_TABLE)


def layer_of(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer | None:
    """Return the module for an operator whose inputs but the first are parameters; None without."""
    describe = _TABLE.get(use.operator)
    return None if describe is None or not parameters else describe(use, parameters)


def tensor(name: str, parameter: gluon.Parameter) -> Tensor:
    """Return a parameter of a module, trained if MXNet trains it."""
    return Tensor(name, parameter, trained=parameter.grad_req != "null")


def _made(
    callee: str,
    arguments: Sequence[Argument],
    tensors: Sequence[Tensor],
    helpers: tuple[str, ...] = (),
) -> Construct:
    """Return a construct with the data type of its parameters, if that is not torch's default."""
    parameter = tensors[0].parameter
    dtype = "float32" if parameter is None else numpy.dtype(parameter.dtype).name
    given = [*arguments, *([option("dtype", Name(f"torch.{dtype}"))] if dtype != "float32" else [])]
    return Construct(callee, tuple(given), tensors=tuple(tensors), helpers=helpers)


def _weight_and_bias(parameters: Sequence[gluon.Parameter]) -> list[Tensor]:
    names = ("weight", "bias")
    return [tensor(name, given) for name, given in zip(names, parameters, strict=False)]


@_describes("FullyConnected")
def _dense(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer:
    units, width = parameters[0].shape
    bias = option("bias", len(parameters) > 1, True)
    arguments = (needed("in_features", width), needed("out_features", units), bias)
    flat = use.flag("flatten", default=True) and use.rank != 2
    made = _made("nn.Linear", arguments, _weight_and_bias(parameters))
    return Layer(made, "{}.flatten(1)" if flat else "{}")


@_describes("Embedding")
def _embedding(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer:
    count, width = parameters[0].shape
    arguments = (needed("num_embeddings", count), needed("embedding_dim", width))
    is_whole = use.inputs[0].dtype in ("int32", "int64")
    made = _made("nn.Embedding", arguments, _weight_and_bias(parameters))
    return Layer(made, "{}" if is_whole else "{}.long()")


@_describes("Convolution")
def _convolution(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer | None:
    if use.text("layout", "None").endswith("C"):
        return None
    given = windows(use, "kernel", "stride", "pad", "dilate")
    arguments = (
        needed("in_channels", use.inputs[0].shape[1]),
        needed("out_channels", parameters[0].shape[0]),
        option("kernel_size", sizes(given["kernel"])),
        option("stride", sizes(given["stride"]), 1),
        option("padding", sizes(given["pad"]), 0),
        option("dilation", sizes(given["dilate"]), 1),
        option("groups", int(use.value("num_group", 1)), 1),
        option("bias", len(parameters) > 1, True),
    )
    kind = f"nn.Conv{use.rank - 2}d"
    return Layer(_made(kind, arguments, _weight_and_bias(parameters)))


@_describes("Deconvolution")
def _deconvolution(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer | None:
    if use.text("layout", "None").endswith("C"):
        return None
    given = windows(use, "kernel", "stride", "dilate")
    pad, adj = deconvolution_padding(use)
    groups = int(use.value("num_group", 1))
    arguments = (
        needed("in_channels", parameters[0].shape[0]),
        needed("out_channels", parameters[0].shape[1] * groups),
        option("kernel_size", sizes(given["kernel"])),
        option("stride", sizes(given["stride"]), 1),
        option("padding", sizes(pad), 0),
        option("output_padding", sizes(adj), 0),
        option("dilation", sizes(given["dilate"]), 1),
        option("groups", groups, 1),
        option("bias", len(parameters) > 1, True),
    )
    kind = f"nn.ConvTranspose{use.rank - 2}d"
    return Layer(_made(kind, arguments, _weight_and_bias(parameters)))


def _ones(array: Array) -> Array:
    return numpy.ones_like(array)


@_describes("BatchNorm", "_contrib_SyncBatchNorm", "_contrib_BatchNormWithReLU")
def _batch_norm(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer | None:
    """Make batch normalization; a fixed gamma is one, whatever numbers its parameter has."""
    if use.flag("output_mean_var") or not 2 <= use.rank <= 5:
        return None
    gamma, beta, mean, variance = parameters
    is_fixed = use.flag("fix_gamma", default=True)
    scale = Tensor("weight", gamma, _ones if is_fixed else whole, tensor("", gamma).trained)
    tensors = (
        Tensor("weight", gamma, _ones, trained=False) if is_fixed else scale,
        tensor("bias", beta),
        Tensor("running_mean", mean, trained=False, buffer=True),
        Tensor("running_var", variance, trained=False, buffer=True),
        Tensor("num_batches_tracked", None, whole, False, numpy.zeros((), "int64"), buffer=True),
    )
    arguments = (
        needed("num_features", gamma.shape[0]),
        option("eps", _number(use, "eps", 1e-3), _EPSILON),
        option("momentum", round(1 - _number(use, "momentum", 0.9), 9), 0.1),
    )
    frozen = use.flag("use_global_stats")
    kind = "FrozenBatchNorm" if frozen else f"nn.BatchNorm{max(use.rank - 2, 1)}d"
    made = _made(kind, arguments, tensors, ("FrozenBatchNorm",) if frozen else ())
    axis = use.axis(1)
    turned = "{}" if axis == 1 else f"{{}}.transpose(1, {axis})"
    after = "F.relu({})" if use.operator.endswith("ReLU") else "{}"
    return Layer(made, turned, after.format(turned), () if frozen else (_BIASED,))


def _number(use: Use, name: str, default: float) -> float:
    """Return a number as it was meant, before MXNet rounded it to float32."""
    return float(literal(float(use.value(name, default))))


@_describes("LayerNorm")
def _layer_norm(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer | None:
    if use.flag("output_mean_var"):
        return None
    axis = use.axis(-1)
    is_last = axis == use.rank - 1
    arguments = (
        needed("normalized_shape", parameters[0].shape[0]),
        option("eps", _number(use, "eps", _EPSILON), _EPSILON),
    )
    made = _made("nn.LayerNorm", arguments, _weight_and_bias(parameters))
    if is_last:
        return Layer(made)
    return Layer(made, f"{{}}.movedim({axis}, -1)", f"{{}}.movedim(-1, {axis})")


@_describes("InstanceNorm")
def _instance_norm(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer | None:
    if not 3 <= use.rank <= 5:
        return None
    arguments = (
        needed("num_features", parameters[0].shape[0]),
        option("eps", _number(use, "eps", 1e-3), _EPSILON),
        option("affine", True, False),
    )
    kind = f"nn.InstanceNorm{use.rank - 2}d"
    return Layer(_made(kind, arguments, _weight_and_bias(parameters)))


@_describes("GroupNorm")
def _group_norm(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer:
    arguments = (
        needed("num_groups", int(use.value("num_groups", 1))),
        option("eps", _number(use, "eps", _EPSILON), _EPSILON),
    )
    return Layer(_made("GroupNorm", arguments, _weight_and_bias(parameters), ("GroupNorm",)))


@_describes("LeakyReLU")
def _prelu(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer | None:
    shape = parameters[0].shape
    if use.text("act_type") != "prelu" or len(shape) != 1 or use.rank < 2:
        return None
    arguments = (option("num_parameters", shape[0], 1),)
    return Layer(_made("nn.PReLU", arguments, (tensor("weight", parameters[0]),)))
