"""Batch, layer, instance and group normalization."""

from __future__ import annotations

from typing import Any

import numpy
from mxnet.gluon import contrib, nn

from gluonkit._base.kinds import Array
from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.constructs import Construct, Tensor, needed, option
from gluonkit.exporting.torch.layers.table import Layer, activation, describes, tensor
from gluonkit.exporting.torch.parts import UnmappedOperatorError
from gluonkit.tracing.tree import known_shape

_BIASED = "batch norm's running variance is of n - 1 in torch, of n in MXNet"
_EPSILON = 1e-5


def _ones(array: Array) -> Array:
    return numpy.ones_like(array)


def _channels(block: Any) -> int:
    shape = known_shape(block.gamma)
    assert shape is not None
    return int(shape[0] or 0)


def _scale_and_shift(block: Any, **gamma: Any) -> tuple[Tensor, ...]:
    return tensor("weight", block.gamma, **gamma), tensor("bias", block.beta)


def _rank(spec: ArraySpec, least: int) -> int:
    """Return the number of axes besides samples and channels, as torch counts them."""
    rank = max(len(spec.shape) - 2, 1)
    if not least <= len(spec.shape) <= 5:
        raise UnmappedOperatorError(f"its input has {len(spec.shape)} axes")
    return rank


@describes(nn.BatchNorm, nn.BatchNormReLU, contrib.nn.SyncBatchNorm)
def _batch_norm(block: Any, spec: ArraySpec) -> Layer:
    settings, rank = block._kwargs, _rank(spec, 2)
    fixed = settings["fix_gamma"]
    gamma = Tensor("weight", block.gamma, _ones if fixed else _same, _trains(block.gamma, fixed))
    tensors = (
        gamma,
        tensor("bias", block.beta),
        Tensor("running_mean", block.running_mean, trained=False, buffer=True),
        Tensor("running_var", block.running_var, trained=False, buffer=True),
        Tensor(
            "num_batches_tracked",
            None,
            trained=False,
            value=numpy.zeros((), "int64"),
            buffer=True,
        ),
    )
    arguments = (
        needed("num_features", _channels(block)),
        option("eps", settings["eps"], _EPSILON),
        option("momentum", round(1 - settings["momentum"], 12), 0.1),
    )
    kind = f"nn.BatchNorm{rank}d"
    helpers: tuple[str, ...] = ()
    if settings.get("use_global_stats"):
        kind, helpers = "FrozenBatchNorm", ("FrozenBatchNorm",)
    main = Construct(kind, arguments, tensors=tensors, helpers=helpers)
    after = (activation("relu"),) if getattr(block, "fuse_relu", False) else ()
    axis = settings.get("axis", 1) % len(spec.shape)
    return Layer(main, after=after, notes=(_BIASED,)).turned(axis)


def _same(array: Array) -> Array:
    return array


def _trains(gamma: Any, fixed: bool) -> bool:
    return not fixed and gamma.grad_req != "null"


@describes(nn.LayerNorm)
def _layer_norm(block: nn.LayerNorm, spec: ArraySpec) -> Layer:
    last = len(spec.shape) - 1
    arguments = (
        needed("normalized_shape", _channels(block)),
        option("eps", block._epsilon, _EPSILON),
    )
    main = Construct("nn.LayerNorm", arguments, tensors=_scale_and_shift(block))
    return Layer(main).turned(block._axis % (last + 1), last)


@describes(nn.InstanceNorm)
def _instance_norm(block: nn.InstanceNorm, spec: ArraySpec) -> Layer:
    arguments = (
        needed("num_features", _channels(block)),
        option("eps", block._epsilon, _EPSILON),
        option("affine", True, False),
    )
    kind = f"nn.InstanceNorm{_rank(spec, 3)}d"
    main = Construct(kind, arguments, tensors=_scale_and_shift(block))
    return Layer(main).turned(block._axis % len(spec.shape))


@describes(nn.GroupNorm)
def _group_norm(block: nn.GroupNorm, spec: ArraySpec) -> Layer:
    arguments = (
        needed("num_groups", block._num_groups),
        option("eps", block._epsilon, _EPSILON),
    )
    tensors = _scale_and_shift(block)
    return Layer(Construct("GroupNorm", arguments, tensors=tensors, helpers=("GroupNorm",)))
