"""GluonCV's zoo, `gluoncv.model_zoo`: classifiers, detectors, segmentation, pose, video, depth.

What the zoo holds is in gluoncv.json beside this file, so that it can be listed where GluonCV is
not installed; `python -m tests.zoo_records` reads it off the package, and a test compares them.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from types import FunctionType, MappingProxyType
from typing import Any

from mxnet import gluon

from gluonkit._base.optional import require
from gluonkit.errors import StateError
from gluonkit.models import ModelInfo, ModelInput
from gluonkit.tracing.tree import is_initialized
from gluonkit.zoo._records import Published, build

_RECORDS = Path(__file__).with_suffix(".json")


def _picture(height: int = 224, width: int = 0, *, channels: int = 3) -> tuple[ModelInput, ...]:
    return (ModelInput((1, channels, height, width or height)),)


def _video(frames: int, side: int) -> tuple[ModelInput, ...]:
    return (ModelInput((1, 3, frames, side, side)),)


_SIAMESE = (
    ModelInput((1, 3, 127, 127), name="template"),
    ModelInput((1, 3, 287, 287), name="search"),
)


@dataclass(frozen=True)
class _Family:
    """Models whose names match a pattern; `summary` refers to its groups."""

    pattern: str
    task: str
    summary: str
    reference: str
    inputs: tuple[ModelInput, ...] = _picture()
    problem: str = ""
    weights_only: bool = False
    hybridizable: bool = True


def _classifier(
    pattern: str, summary: str, reference: str, side: int = 224, **more: Any
) -> _Family:
    return _Family(pattern, "classification", summary, reference, _picture(side), **more)


def _detector(pattern: str, summary: str, reference: str, side: int) -> _Family:
    return _Family(pattern, "detection", summary, reference, _picture(side))


def _segmenter(pattern: str, summary: str, reference: str, side: int = 480) -> _Family:
    return _Family(pattern, "segmentation", summary, reference, _picture(side))


def _actions(pattern: str, summary: str, reference: str, *inputs: ModelInput) -> _Family:
    return _Family(pattern, "action recognition", summary, reference, inputs or _picture())


_RESNET, _RESNET2 = "He et al., arXiv:1512.03385", "He et al., arXiv:1603.05027"
_TRICKS = "He et al., arXiv:1812.01187"
_SENET = "Hu et al., arXiv:1709.01507"
_RESNEXT = "Xie et al., arXiv:1611.05431"
_INCEPTION, _GOOGLENET = "Szegedy et al., arXiv:1512.00567", "Szegedy et al., arXiv:1409.4842"
_VGG = "Simonyan and Zisserman, arXiv:1409.1556"
_ATTENTION = "Wang et al., arXiv:1704.06904"
_YOLO = "Redmon and Farhadi, arXiv:1804.02767"
_HRNET = "Wang et al., arXiv:1908.07919"
_FASTER = "Ren et al., arXiv:1506.01497"
_PYRAMID = "Lin et al., arXiv:1612.03144"
_MASK = "He et al., arXiv:1703.06870"
_POSE = "Xiao et al., arXiv:1804.06208"
_SEGMENTS = "Wang et al., arXiv:1608.00859"
_I3D = "Carreira and Zisserman, arXiv:1705.07750"
_DEPTH = "Godard et al., arXiv:1806.01260"
_ON = r"_(voc|coco|ade|citys|mhpv1)"  # the data set, whose classes it tells apart
_OF = r"_(kinetics400|kinetics700|sthsthv2|ucf101|hmdb51|custom)"

_FAMILIES = (
    _Family(
        r"(.*)_int8",
        "quantized",
        "{0} in 8-bit integers, for prediction on Intel processors",
        "GluonCV, gluoncv.model_zoo.quantized",
        problem="it is made from the zoo's weights only: pass pretrained=True",
        weights_only=True,
        hybridizable=False,
    ),
    _classifier("alexnet", "AlexNet: five convolutions, three dense layers", "arXiv:1404.5997"),
    _classifier(r"densenet(\d+)", "DenseNet of {0} layers", "Huang et al., arXiv:1608.06993"),
    _classifier("googlenet", "GoogLeNet (Inception v1), with batch normalization", _GOOGLENET),
    _classifier("inceptionv3", "Inception v3", _INCEPTION, 299),
    _classifier(r"mobilenet([\d.]+)", "MobileNet of width {0}", "arXiv:1704.04861"),
    _classifier(r"mobilenetv2_([\d.]+)", "MobileNet v2 of width {0}", "arXiv:1801.04381"),
    _classifier(r"mobilenetv3_(.*)", "MobileNet v3, {0}", "Howard et al., arXiv:1905.02244"),
    _classifier("nasnet_4_1056", "NASNet-A (4 @ 1056), mobile", "Zoph et al., arXiv:1707.07012"),
    _classifier(r"nasnet_(\d)_(\d+)", "NASNet-A ({0} @ {1})", "arXiv:1707.07012", 331),
    _classifier(
        r"resnest(\d+)", "ResNeSt of {0} layers: split attention", "Zhang et al., arXiv:2004.08955"
    ),
    _classifier(r"resnet(\d+)_v1", "ResNet v1 of {0} layers", _RESNET),
    _classifier(r"resnet(\d+)_v2", "ResNet v2 of {0} layers", _RESNET2),
    _classifier(r"se_resnet(\d+)_v(\d)", "SE-ResNet v{1} of {0} layers", _SENET),
    _classifier(
        r"resnet(\d+)_v1b_gn",
        "ResNet v1b of {0} layers, with group normalization",
        _RESNET,
        hybridizable=False,  # GluonCV's GroupNorm reshapes as arrays can be, and symbols cannot
    ),
    _classifier(r"resnet(\d+)_v1([b-es])", "ResNet v1{1} of {0} layers", _TRICKS),
    _classifier(
        r"resnet(\d+)_v1([bd])_([\d.]+)",
        "ResNet v1{1} of {0} layers, pruned: {2} of the channels left out",
        _TRICKS,
    ),
    _classifier(r"resnext(\d+)e_(\d+)x(\d+)d", "ResNeXt of {0} layers ({1}x{2}d), v1e", _RESNEXT),
    _classifier(r"resnext(\d+)_(\d+)x(\d+)d", "ResNeXt of {0} layers ({1}x{2}d)", _RESNEXT),
    _classifier(r"se_resnext(\d+)e?_(\d+)x(\d+)d", "SE-ResNeXt of {0} layers ({1}x{2}d)", _SENET),
    _classifier(r"senet_(\d+)e?", "SENet of {0} layers", _SENET),
    _classifier("shufflenet_v1", "ShuffleNet v1", "Zhang et al., arXiv:1707.01083"),
    _classifier("shufflenet_v2", "ShuffleNet v2", "Ma et al., arXiv:1807.11164"),
    _classifier(r"squeezenet([\d.]+)", "SqueezeNet {0}", "Iandola et al., arXiv:1602.07360"),
    _classifier(r"vgg(\d+)", "VGG of {0} layers", _VGG),
    _classifier(r"vgg(\d+)_bn", "VGG of {0} layers, with batch normalization", _VGG),
    _classifier(r"xception(\d*)", "Xception{0}", "Chollet, arXiv:1610.02357", 299),
    _classifier("dla34", "Deep layer aggregation, 34 layers", "Yu et al., arXiv:1707.06484"),
    _classifier(r"hrnet_w(\d+)_(.*)c", "HRNet of width {0}, a classifier", _HRNET),
    _classifier("darknet53", "Darknet of 53 layers, the base of YOLO v3", _YOLO),
    _classifier(r"residualattentionnet(\d+)", "Residual attention, {0} layers", _ATTENTION),
    _classifier(
        r"cifar_residualattentionnet(\d+)", "Residual attention, {0} layers", _ATTENTION, 32
    ),
    _classifier(r"cifar_resnet(\d+)_v1", "ResNet v1 of {0} layers for CIFAR", _RESNET, 32),
    _classifier(r"cifar_resnet(\d+)_v2", "ResNet v2 of {0} layers for CIFAR", _RESNET2, 32),
    _classifier(
        r"cifar_resnext(\d+)_(\d+)x(\d+)d", "ResNeXt of {0} layers for CIFAR", _RESNEXT, 32
    ),
    _classifier(
        r"cifar_wideresnet(\d+)_(\d+)",
        "Wide ResNet of {0} layers, {1} times as wide, for CIFAR",
        "Zagoruyko and Komodakis, arXiv:1605.07146",
        32,
    ),
    _detector(
        r"ssd_300_(.*)_(voc|coco|custom)", "SSD 300 on {0}", "Liu et al., arXiv:1512.02325", 300
    ),
    _detector(
        r"ssd_512_(.*)_(voc|coco|custom)", "SSD 512 on {0}", "Liu et al., arXiv:1512.02325", 512
    ),
    _detector(r"yolo3_(.*)_(voc|coco|custom)", "YOLO v3 on {0}", _YOLO, 416),
    _detector(
        r"center_net_(.*)_(voc|coco)", "CenterNet on {0}", "Zhou et al., arXiv:1904.07850", 512
    ),
    _detector(
        r"doublehead_rcnn_(.*)_voc", "Double-Head R-CNN on {0}", "Wu et al., arXiv:1904.06493", 320
    ),
    _detector(r"faster_rcnn_fpn_(.*)_coco", "Faster R-CNN on {0}, feature pyramid", _PYRAMID, 320),
    _detector(r"faster_rcnn_(.*)_(voc|coco|custom)", "Faster R-CNN on {0}", _FASTER, 320),
    _Family(
        "custom_faster_rcnn_fpn",
        "detection",
        "Double-Head R-CNN, feature pyramid, own base",
        _PYRAMID,
        _picture(320),
        problem="GluonCV's forward fails: it needs `box_features` to be None, and sets them",
    ),
    _Family(
        r"mask_rcnn_(.*)_coco",
        "instance segmentation",
        "Mask R-CNN on {0}",
        _MASK,
        _picture(320),
    ),
    _Family(
        "custom_mask_rcnn_fpn",
        "instance segmentation",
        "Mask R-CNN, feature pyramid, own base",
        _MASK,
        _picture(320),
    ),
    _segmenter(rf"fcn_(.*){_ON}", "FCN on {0}, for {1}", "Long et al., arXiv:1411.4038"),
    _segmenter(rf"psp_(.*){_ON}", "PSPNet on {0}, for {1}", "Zhao et al., arXiv:1612.01105"),
    _segmenter(
        "deeplab_v3b_plus_wideresnet_citys", "DeepLab v3+ on a wide ResNet", "arXiv:1812.01593"
    ),
    _segmenter(rf"deeplab_(.*){_ON}", "DeepLab v3 on {0}, for {1}", "arXiv:1706.05587"),
    _segmenter(rf"danet_(.*){_ON}", "Dual attention on {0}, for {1}", "arXiv:1809.02983"),
    _segmenter(rf"icnet_(.*){_ON}", "ICNet on {0}, for {1}", "Zhao et al., arXiv:1704.08545"),
    _segmenter("fastscnn_citys", "Fast-SCNN", "Poudel et al., arXiv:1902.04502", 1024),
    _segmenter(r"hrnet_w(\d+)_(.*)s", "HRNet of width {0}, for citys", _HRNET),
    _Family(r"simple_pose_(.*)", "pose", "Heat maps of joints, {0}", _POSE, _picture(256, 192)),
    _Family(
        r"mobile_pose_(.*)",
        "pose",
        "Heat maps of joints, {0}, without deconvolutions",
        _POSE,
        _picture(256, 192),
    ),
    _Family(
        r"alpha_pose_(.*)_coco",
        "pose",
        "AlphaPose on {0}",
        "Fang et al., arXiv:1612.00137",
        _picture(320, 256),
    ),
    _actions(rf"(vgg16|inceptionv1){_OF}", "{0} on frames of a video ({1})", _SEGMENTS),
    _actions(rf"(inceptionv3){_OF}", "{0} on frames of a video ({1})", _SEGMENTS, *_picture(299)),
    _actions(rf"resnet(\d+)_v1b{_OF}", "ResNet v1b of {0} layers on frames ({1})", _SEGMENTS),
    _actions(rf"c3d{_OF}", "C3D on 16 frames", "Tran et al., arXiv:1412.0767", *_video(16, 112)),
    _actions(rf"i3d_slow_(.*){_OF}", "I3D of the slow path, {0} ({1})", _I3D, *_video(32, 224)),
    _actions(
        rf"i3d_nl(\d+)_(.*)_v1{_OF}",
        "I3D on {1} with {0} non-local blocks ({2})",
        "Wang et al., arXiv:1711.07971",
        *_video(32, 224),
    ),
    _actions(rf"i3d_(.*?){_OF}", "I3D on {0}, 32 frames ({1})", _I3D, *_video(32, 224)),
    _actions(
        rf"p3d_(.*){_OF}",
        "P3D on {0}, 16 frames ({1})",
        "Qiu et al., arXiv:1711.10305",
        *_video(16, 160),
    ),
    _actions(
        rf"r2plus1d_(.*){_OF}",
        "R(2+1)D on {0}, 16 frames ({1})",
        "Tran et al., arXiv:1711.11248",
        *_video(16, 112),
    ),
    *(
        _actions(
            rf"slowfast_({slow}x{stride})_(.*){_OF}",
            f"SlowFast {{0}} on {{1}}, {frames} frames ({{2}})",
            "Feichtenhofer et al., arXiv:1812.03982",
            *_video(frames, 224),
        )
        for slow, stride, frames in ((4, 16, 32 + 4), (8, 8, 32 + 8), (16, 8, 64 + 16))
    ),
    _Family(
        "siamrpn_alexnet_v2_otb15",
        "tracking",
        "SiamRPN on AlexNet: a template, and where to search it",
        "Li et al., CVPR 2018",
        _SIAMESE,
    ),
    _Family(
        r"monodepth2_resnet18_posenet_(.*)",
        "ego-motion",
        "Monodepth2's motion between two pictures ({0})",
        _DEPTH,
        _picture(192, 640, channels=6),
    ),
    _Family(
        r"monodepth2_resnet18_(.*)",
        "depth",
        "Monodepth2: depth from one picture ({0})",
        _DEPTH,
        _picture(192, 640),
    ),
)


def models() -> Iterator[ModelInfo]:
    """Yield a record for every model of GluonCV's zoo."""
    families = [(re.compile(family.pattern), family) for family in _FAMILIES]
    for name, record in json.loads(_RECORDS.read_text()).items():
        match, family = next(
            (matched, family)
            for pattern, family in families
            if (matched := pattern.fullmatch(name))
        )
        yield _info(name, record, family, match.groups())


def _info(
    name: str, record: Mapping[str, Any], family: _Family, groups: tuple[str | Any, ...]
) -> ModelInfo:
    options = {"pretrained": False, "root": None} | record["options"]
    own_head = "classes" in record["options"]
    if record["classes"] is not None and not own_head and not family.weights_only:
        options = {"classes": None} | options
    published = [Published.weights(*entry) for entry in record["published"].items()]
    return ModelInfo(
        name=f"gluoncv/{name}",
        source="gluoncv",
        summary=family.summary.format(*groups),
        inputs=family.inputs,
        task=family.task,
        classes=record["classes"],
        hybridizable=family.hybridizable,
        options=MappingProxyType(options),
        published=MappingProxyType({weights.file: weights.sha1 for weights in published}),
        problem=family.problem,
        reference=family.reference,
        builder=partial(_build, name, record, published, family),
    )


def _build(
    name: str,
    record: Mapping[str, Any],
    published: Sequence[Published],
    family: _Family,
    **options: Any,
) -> Any:
    """Build a network by GluonCV; options that are None get GluonCV's defaults."""
    if family.weights_only and not options.get("pretrained"):
        raise StateError(f"gluoncv/{name} cannot be made so: {family.problem}")
    return build(
        partial(_made, name, record),
        own_head="classes" in record["options"],
        name=f"gluoncv/{name}",
        options=record["options"] | record["fixed"] | options,
        published=published,
        base=[Published.weights(*entry) for entry in record["base"].items()] or None,
        classes=record["classes"],
        home_first=True,
    )


def _made(name: str, record: Mapping[str, Any], **options: Any) -> Any:
    """Call GluonCV's builder, whose option for the number of classes may have another name."""
    if "classes" in options:
        classes = options.pop("classes")
        if isinstance(classes, int) and isinstance(record["options"]["classes"], list):
            classes = [str(number) for number in range(classes)]  # it wants names
        options[record["classes_as"]] = classes
    net = call(name, **{"pretrained": False} | options)
    if not options.get("pretrained") and not options.get("pretrained_base"):
        _forget_values(net)
    return net


def _forget_values(net: gluon.Block) -> None:
    """Reset a network to uninitialized, as GluonCV initializes some layers."""
    for parameter in net.collect_params().values():
        parameter._data = parameter._grad = None
        parameter._deferred_init = ()


def call(name: str, **options: Any) -> Any:
    """Call GluonCV's own builder, without its output and warnings."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        zoo = require("gluoncv.model_zoo.model_zoo", extra="vision")
        builder = zoo._models[name]
        if ".actionrec_" in builder.__module__:
            builder = _without_base(builder, wanted=bool(options.get("pretrained_base")))
        return builder(**options)


def _without_base(builder: FunctionType, *, wanted: bool) -> Callable[..., Any]:
    """Return a builder of action recognition that loads a trained base only if that is wanted.

    GluonCV's own builders either always load it, or fail without it as they move parameters without
    values to a device. The function is the same, with another class of networks.
    """

    def lenient(kind: Callable[..., Any]) -> Callable[..., Any]:
        def make(*args: Any, **options: Any) -> Any:
            net = kind(*args, **{"pretrained_base": wanted} | options)
            vars(net)["collect_params"] = partial(_Parameters.of, net)
            return net

        return make

    kinds = {
        name: lenient(kind)
        for name, kind in builder.__globals__.items()
        if name.startswith("ActionRec")
    }
    copy = FunctionType(builder.__code__, builder.__globals__ | kinds, None, builder.__defaults__)

    def whole(**options: Any) -> Any:
        net = copy(**options)
        del vars(net)["collect_params"]
        return net

    return whole


class _Parameters(gluon.ParameterDict):
    """A dictionary of parameters some of which may have no values yet."""

    @classmethod
    def of(cls, net: gluon.Block) -> _Parameters:
        copied = cls()
        copied.update(type(net).collect_params(net))
        return copied

    def reset_ctx(self, ctx: Any) -> None:
        for parameter in self.values():
            if is_initialized(parameter):
                parameter.reset_ctx(ctx)
