"""Activations."""

from __future__ import annotations

from mxnet.gluon import nn

from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.constructs import Construct, needed, option
from gluonkit.exporting.torch.layers.table import (
    ACTIVATIONS,
    Layer,
    describes,
    simple,
    tensor,
)
from gluonkit.exporting.torch.parts import UnmappedOperatorError
from gluonkit.tracing.tree import known_shape


@describes(nn.Activation)
def _activation(block: nn.Activation, spec: ArraySpec) -> Layer:
    if block._act_type not in ACTIVATIONS:
        raise UnmappedOperatorError(f"its activation is {block._act_type}")
    return simple(ACTIVATIONS[block._act_type][1])


@describes(nn.LeakyReLU)
def _leaky(block: nn.LeakyReLU, spec: ArraySpec) -> Layer:
    return simple("nn.LeakyReLU", needed("negative_slope", block._alpha))


@describes(nn.PReLU)
def _prelu(block: nn.PReLU, spec: ArraySpec) -> Layer:
    shape = known_shape(block.alpha)
    assert shape is not None
    number = option("num_parameters", shape[0], 1)
    return Layer(Construct("nn.PReLU", (number,), tensors=(tensor("weight", block.alpha),)))


@describes(nn.ELU)
def _elu(block: nn.ELU, spec: ArraySpec) -> Layer:
    return simple("nn.ELU", option("alpha", block._alpha, 1.0))


@describes(nn.SELU)
def _selu(block: nn.SELU, spec: ArraySpec) -> Layer:
    return simple("nn.SELU")


@describes(nn.GELU)
def _gelu(block: nn.GELU, spec: ArraySpec) -> Layer:
    return simple("nn.GELU")


@describes(nn.Swish)
def _swish(block: nn.Swish, spec: ArraySpec) -> Layer:
    if block._beta == 1:
        return simple("nn.SiLU")
    beta = (needed("beta", block._beta),)
    main = Construct("Swish", beta, helpers=("Swish",))
    return Layer(main)
