"""MXNet's own zoo of image classifiers, `gluon.model_zoo.vision`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from mxnet.gluon.model_zoo import vision
from mxnet.gluon.model_zoo.model_store import _model_sha1

from gluonkit.models import ModelInfo, ModelInput
from gluonkit.models.published import Published
from gluonkit.zoo._pictures import MXNET, imagenet
from gluonkit.zoo._records import build


@dataclass(frozen=True)
class _Family:
    """Models that share a paper, an input size and options."""

    names: tuple[str, ...]
    summary: str
    reference: str
    side: int = 224
    options: dict[str, Any] = field(default_factory=dict)


_CLASSES = 1000  # ImageNet's

_FAMILIES = (
    _Family(
        ("alexnet",),
        "AlexNet: five convolutions, three dense layers",
        "Krizhevsky, arXiv:1404.5997",
    ),
    _Family(
        tuple(f"densenet{layers}" for layers in (121, 161, 169, 201)),
        "DenseNet of {} layers: each layer sees all before it in its block",
        "Huang et al., arXiv:1608.06993",
        options={"dropout": 0},
    ),
    _Family(("inceptionv3",), "Inception v3", "Szegedy et al., arXiv:1512.00567", side=299),
    _Family(
        tuple(f"mobilenet{width}" for width in ("1.0", "0.75", "0.5", "0.25")),
        "MobileNet of width {}: depthwise separable convolutions",
        "Howard et al., arXiv:1704.04861",
    ),
    _Family(
        tuple(f"mobilenetv2_{width}" for width in ("1.0", "0.75", "0.5", "0.25")),
        "MobileNet v2 of width {}: inverted residuals, linear bottlenecks",
        "Sandler et al., arXiv:1801.04381",
    ),
    _Family(
        tuple(f"resnet{layers}_v1" for layers in (18, 34, 50, 101, 152)),
        "ResNet v1 of {} layers",
        "He et al., arXiv:1512.03385",
        options={"thumbnail": False},
    ),
    _Family(
        tuple(f"resnet{layers}_v2" for layers in (18, 34, 50, 101, 152)),
        "ResNet v2 of {} layers: activation before convolution",
        "He et al., arXiv:1603.05027",
        options={"thumbnail": False},
    ),
    _Family(
        ("squeezenet1.0", "squeezenet1.1"),
        "SqueezeNet {}: fire modules, few parameters",
        "Iandola et al., arXiv:1602.07360",
    ),
    _Family(
        tuple(f"vgg{layers}{bn}" for layers in (11, 13, 16, 19) for bn in ("", "_bn")),
        "VGG of {} layers",
        "Simonyan and Zisserman, arXiv:1409.1556",
    ),
)


def models() -> Iterator[ModelInfo]:
    """Yield a record for every model of MXNet's zoo."""
    for family in _FAMILIES:
        for name in family.names:
            # MXNet has the sums in a private dictionary only.
            weights = Published.weights(name, _model_sha1[name])
            yield ModelInfo(
                name=f"mxnet/{name}",
                source="mxnet",
                summary=family.summary.format(_size(name)) + _suffix(name),
                inputs=(ModelInput((1, 3, family.side, family.side)),),
                task="classification",
                classes=_CLASSES,
                options=MappingProxyType(
                    {"classes": _CLASSES, "pretrained": False, "root": None} | family.options
                ),
                downloads=(weights,),
                preprocess=imagenet(family.side, MXNET),
                reference=family.reference,
                builder=partial(_build, name, weights),
            )


def _size(name: str) -> str:
    """Return the depth or width in a model's name: '50' of 'resnet50_v1', '0.5' of a MobileNet."""
    digits = name.removesuffix("_bn").removesuffix("_v1").removesuffix("_v2").rpartition("_")[2]
    return digits.lstrip("abcdefghijklmnopqrstuvwxyz")


def _suffix(name: str) -> str:
    return ", with batch normalization" if name.endswith("_bn") else ""


def _build(name: str, weights: Published, **options: Any) -> Any:
    """Call MXNet's own builder; options that are None get MXNet's defaults."""
    return build(
        partial(vision.get_model, name),
        name=f"mxnet/{name}",
        options=options,
        published=[weights],
        classes=_CLASSES,
    )
