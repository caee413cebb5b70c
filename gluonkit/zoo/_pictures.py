"""Preprocessing of the zoos' pretrained networks, from MXNet's documentation and GluonCV's scripts.

The tests compare each with the transforms of the installed GluonCV.
"""

from __future__ import annotations

import math
from functools import partial

from gluonkit.models import Preprocess

_imagenet = partial(Preprocess, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
_PRESETS = "gluoncv.data.transforms.presets"


def imagenet(side: int, source: str = f"{_PRESETS}.imagenet.transform_eval") -> Preprocess:
    """Return the preprocessing of an ImageNet classifier: a center crop of 7/8 the short side."""
    return _imagenet(
        resize="short side",
        size=(math.ceil(side / 0.875),),
        crop=(side, side),
        interpolation="bilinear",
        source=source,
    )


MXNET = "MXNet's documentation of gluon.model_zoo; gluoncv's verify_pretrained.py"
RESNEST = "the authors' scripts/gluon/verify.py (github.com/zhanghang1989/ResNeSt)"

RESNEST_269 = _imagenet(
    resize="square",
    size=(416, 416),
    interpolation="bicubic",
    antialias=True,
    source=RESNEST,
)

CIFAR = Preprocess(
    resize="exact",
    size=(32, 32),
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2023, 0.1994, 0.201),
    interpolation="bilinear",
    source="gluoncv's demo_cifar10.py",
)


def detector(kind: str, short: int, longest: int = 1024) -> Preprocess:
    """Return the preprocessing of a detector, whose boxes are in pixels of the resized image."""
    return _imagenet(
        resize="within",
        size=(short, longest),
        interpolation="bicubic",
        source=f"{_PRESETS}.{kind}.transform_test",
        note="boxes are in pixels of the resized image",
    )


SEGMENTATION = _imagenet(
    resize="none",
    size=(),
    source=f"{_PRESETS}.segmentation.test_transform",
    note="call net.predict, which takes images of any size",
)

POSE = _imagenet(
    resize="exact",
    size=(256, 192),
    interpolation="bicubic",
    source="gluoncv.data.transforms.pose.detector_to_simple_pose",
    note="one person per image: a detector's box, scaled by 1.25",
)

ALPHA_POSE = Preprocess(
    resize="fit",
    size=(320, 256),
    mean=(0.406, 0.457, 0.48),
    std=(1.0, 1.0, 1.0),
    interpolation="bilinear",
    source="gluoncv.data.transforms.pose.detector_to_alpha_pose",
    note="one person per image: a detector's box, scaled by 1.2 to 1.3",
)

DEPTH = Preprocess(
    resize="exact",
    size=(192, 640),
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    interpolation="lanczos",
    antialias=True,
    source="gluoncv's tutorial demo_monodepth2.py",
)


def frames(side: int, height: int, width: int, *, clips: bool = False) -> Preprocess:
    """Return the preprocessing of an action recognizer: of video frames, or of clips."""
    return _imagenet(
        resize="exact",
        size=(height, width),
        crop=(side, side),
        interpolation="bilinear",
        layout="NCTHW" if clips else "NCHW",
        source="gluoncv.data.transforms.video.VideoGroupValTransform, and its scripts' sizes",
        note="the frames of one clip, in temporal order" if clips else "video frames",
    )
