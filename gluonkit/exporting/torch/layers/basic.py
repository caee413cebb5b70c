"""Dense layers, embeddings, dropout, and what has no parameters."""

from __future__ import annotations

from typing import Any

from mxnet.gluon import contrib, nn

from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.constructs import Construct, needed, option
from gluonkit.exporting.torch.layers.table import (
    Layer,
    Wrap,
    activation,
    bias_option,
    describes,
    simple,
    tensor,
    weight_and_bias,
)
from gluonkit.exporting.torch.parts import UnmappedOperatorError
from gluonkit.tracing.tree import known_shape

_DROPS = "dropout draws other numbers than MXNet's"


@describes(nn.Dense)
def _dense(block: nn.Dense, spec: ArraySpec) -> Layer:
    shape = known_shape(block.weight)
    assert shape is not None
    units, inputs = shape
    main = Construct(
        "nn.Linear",
        (needed("in_features", inputs), needed("out_features", units), bias_option(block)),
        tensors=weight_and_bias(block),
    )
    flat = Wrap("{}.flatten(1)", Construct("nn.Flatten"))
    return Layer(
        main,
        (flat,) if block._flatten and len(spec.shape) > 2 else (),
        () if block.act is None else (activation(block.act._act_type),),
    )


@describes(nn.Embedding)
def _embedding(block: nn.Embedding, spec: ArraySpec) -> Layer:
    sizes = (
        needed("num_embeddings", block._kwargs["input_dim"]),
        needed("embedding_dim", block._kwargs["output_dim"]),
    )
    main = Construct("nn.Embedding", sizes, tensors=(tensor("weight", block.weight),))
    whole = Wrap("{}.long()", Construct("Whole", helpers=("Whole",)))
    return Layer(main, () if spec.dtype in ("int32", "int64") else (whole,))


@describes(nn.Dropout)
def _dropout(block: nn.Dropout, spec: ArraySpec) -> Layer:
    rate, rank = needed("p", block._rate), len(spec.shape)
    if not block._rate:
        return simple("nn.Identity")
    axes = tuple(sorted(axis % rank for axis in block._axes))
    if not axes:
        main = Construct("nn.Dropout", (rate,))
    elif axes == tuple(range(2, rank)) and rank in (4, 5):
        main = Construct(f"nn.Dropout{rank - 2}d", (rate,))
    else:
        dims = option("dims", axes)
        main = Construct("DropoutAlong", (rate, dims), helpers=("DropoutAlong",))
    return Layer(main, notes=(_DROPS,))


@describes(nn.Flatten)
def _flatten(block: nn.Flatten, spec: ArraySpec) -> Layer:
    return simple("nn.Flatten")


@describes(contrib.nn.Identity)
def _identity(block: Any, spec: ArraySpec) -> Layer:
    return simple("nn.Identity")


@describes(nn.ReflectionPad2D)
def _reflection(block: nn.ReflectionPad2D, spec: ArraySpec) -> Layer:
    if any(block._padding[:4]):
        raise UnmappedOperatorError("it pads the axes of samples or channels")
    top, bottom, left, right = block._padding[4:]
    equal = len({top, bottom, left, right}) == 1
    return simple(
        "nn.ReflectionPad2d", needed("padding", left if equal else (left, right, top, bottom))
    )
