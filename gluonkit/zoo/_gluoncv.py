"""GluonCV's models by family: name patterns, tasks, example inputs, preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gluonkit.models import ModelInput, Preprocess
from gluonkit.zoo import _pictures


def _picture(height: int = 224, width: int = 0, *, channels: int = 3) -> tuple[ModelInput, ...]:
    return (ModelInput((1, channels, height, width or height)),)


def _video(frames: int, side: int) -> tuple[ModelInput, ...]:
    return (ModelInput((1, 3, frames, side, side)),)


_FRAMES = _pictures.frames(224, 256, 340)
_LARGE_FRAMES = _pictures.frames(299, 340, 450)
_CLIPS = _pictures.frames(224, 256, 340, clips=True)
_LARGE_CLIPS = _pictures.frames(299, 340, 450, clips=True)
_SMALL_CLIPS = _pictures.frames(112, 128, 171, clips=True)

_SIAMESE = (
    ModelInput((1, 3, 127, 127), name="template"),
    ModelInput((1, 3, 287, 287), name="search"),
)


@dataclass(frozen=True)
class Family:
    """Models whose names match a pattern; `summary` refers to its groups."""

    pattern: str
    task: str
    summary: str
    reference: str
    inputs: tuple[ModelInput, ...] = _picture()
    problem: str = ""
    weights_only: bool = False
    hybridizable: bool = True
    takes: Preprocess | None = None


def _classifier(
    pattern: str,
    summary: str,
    reference: str,
    side: int = 224,
    takes: Preprocess | None = None,
    **more: Any,
) -> Family:
    takes = takes or (_pictures.CIFAR if side == 32 else _pictures.imagenet(side))
    inputs = _picture(side)
    return Family(pattern, "classification", summary, reference, inputs, takes=takes, **more)


def _detector(
    pattern: str, summary: str, reference: str, side: int, takes: Preprocess | None = None
) -> Family:
    return Family(pattern, "detection", summary, reference, _picture(side), takes=takes)


def _segmenter(pattern: str, summary: str, reference: str, side: int = 480) -> Family:
    takes = _pictures.SEGMENTATION
    return Family(pattern, "segmentation", summary, reference, _picture(side), takes=takes)


def _actions(
    pattern: str,
    summary: str,
    reference: str,
    inputs: tuple[ModelInput, ...] = _picture(),
    takes: Preprocess | None = _FRAMES,
) -> Family:
    return Family(pattern, "action recognition", summary, reference, inputs, takes=takes)


_RESNET, _RESNET2 = "He et al., arXiv:1512.03385", "He et al., arXiv:1603.05027"
_TRICKS = "He et al., arXiv:1812.01187"
_SENET = "Hu et al., arXiv:1709.01507"
_RESNEST = "ResNeSt of {0} layers: split attention"
_RESNEXT = "Xie et al., arXiv:1611.05431"
_INCEPTION, _GOOGLENET = "Szegedy et al., arXiv:1512.00567", "Szegedy et al., arXiv:1409.4842"
_VGG = "Simonyan and Zisserman, arXiv:1409.1556"
_ATTENTION = "Wang et al., arXiv:1704.06904"
_YOLO = "Redmon and Farhadi, arXiv:1804.02767"
_HRNET = "Wang et al., arXiv:1908.07919"
_REN = "Ren et al., arXiv:1506.01497"
_FASTER, _FASTER_FPN = "Faster R-CNN on {0}", "Faster R-CNN on {0}, feature pyramid"
_OF_VOC = _pictures.detector("rcnn", 600, 1000)
_OF_COCO = _pictures.detector("rcnn", 800, 1333)
_OF_COCO_LARGE = _pictures.detector("rcnn", 864, 1440)
_PYRAMID = "Lin et al., arXiv:1612.03144"
_MASK = "He et al., arXiv:1703.06870"
_POSE = "Xiao et al., arXiv:1804.06208"
_SEGMENTS = "Wang et al., arXiv:1608.00859"
_I3D = "Carreira and Zisserman, arXiv:1705.07750"
_I3D_FRAMES = "I3D on {0}, 32 frames ({1})"
_DEPTH = "Godard et al., arXiv:1806.01260"
_ON = r"_(voc|coco|ade|citys|mhpv1)"  # the data set, whose classes it tells apart
_OF = r"_(kinetics400|kinetics700|sthsthv2|ucf101|hmdb51|custom)"

# The first pattern that fits a name counts, so that special ones stand before general ones.
FAMILIES = (
    Family(
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
    *(
        _classifier(f"resnest({layers})", _RESNEST, "Zhang et al., arXiv:2004.08955", side, takes)
        for layers, side, takes in (
            ("14|26|50", 224, _pictures.imagenet(224, _pictures.RESNEST)),
            ("101", 256, _pictures.imagenet(256, _pictures.RESNEST)),
            ("200", 320, _pictures.imagenet(320, _pictures.RESNEST)),
            ("269", 416, _pictures.RESNEST_269),
        )
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
    *(
        _detector(
            rf"ssd_{side}_(.*)_(voc|coco|custom)",
            f"SSD {side} on {{0}}",
            "Liu et al., arXiv:1512.02325",
            side,
            _pictures.detector("ssd", side),
        )
        for side in (300, 512)
    ),
    _detector(
        r"yolo3_(.*)_(voc|coco|custom)",
        "YOLO v3 on {0}",
        _YOLO,
        416,
        _pictures.detector("yolo", 416),
    ),
    _detector(
        r"center_net_(.*)_(voc|coco)",
        "CenterNet on {0}",
        "Zhou et al., arXiv:1904.07850",
        512,
        _pictures.detector("center_net", 512),
    ),
    _detector(
        r"doublehead_rcnn_(.*)_voc",
        "Double-Head R-CNN on {0}",
        "Wu et al., arXiv:1904.06493",
        320,
        _OF_VOC,
    ),
    _detector(
        r"faster_rcnn_fpn_(syncbn_resnest269)_coco", _FASTER_FPN, _PYRAMID, 320, _OF_COCO_LARGE
    ),
    _detector(r"faster_rcnn_fpn_(.*)_coco", _FASTER_FPN, _PYRAMID, 320, _OF_COCO),
    _detector(r"faster_rcnn_(.*)_voc", _FASTER, _REN, 320, _OF_VOC),
    _detector(r"faster_rcnn_(.*)_coco", _FASTER, _REN, 320, _OF_COCO),
    _detector(r"faster_rcnn_(.*)_custom", _FASTER, _REN, 320),
    Family(
        "custom_faster_rcnn_fpn",
        "detection",
        "Double-Head R-CNN, feature pyramid, own base",
        _PYRAMID,
        _picture(320),
        problem="GluonCV's forward fails: it needs `box_features` to be None, and sets them",
    ),
    Family(
        r"mask_rcnn_(.*)_coco",
        "instance segmentation",
        "Mask R-CNN on {0}",
        _MASK,
        _picture(320),
        takes=_OF_COCO,
    ),
    Family(
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
    Family(
        r"simple_pose_(.*)",
        "pose",
        "Heat maps of joints, {0}",
        _POSE,
        _picture(256, 192),
        takes=_pictures.POSE,
    ),
    Family(
        r"mobile_pose_(.*)",
        "pose",
        "Heat maps of joints, {0}, without deconvolutions",
        _POSE,
        _picture(256, 192),
        takes=_pictures.POSE,
    ),
    Family(
        r"alpha_pose_(.*)_coco",
        "pose",
        "AlphaPose on {0}",
        "Fang et al., arXiv:1612.00137",
        _picture(320, 256),
        takes=_pictures.ALPHA_POSE,
    ),
    _actions(rf"(vgg16|inceptionv1){_OF}", "{0} on frames of a video ({1})", _SEGMENTS),
    _actions(
        rf"(inceptionv3){_OF}",
        "{0} on frames of a video ({1})",
        _SEGMENTS,
        _picture(299),
        _LARGE_FRAMES,
    ),
    _actions(rf"resnet(\d+)_v1b{_OF}", "ResNet v1b of {0} layers on frames ({1})", _SEGMENTS),
    _actions(
        rf"c3d{_OF}",
        "C3D on 16 frames",
        "Tran et al., arXiv:1412.0767",
        _video(16, 112),
        _SMALL_CLIPS,
    ),
    _actions(
        rf"i3d_slow_(.*){_OF}", "I3D of the slow path, {0} ({1})", _I3D, _video(32, 224), _CLIPS
    ),
    _actions(
        rf"i3d_nl(\d+)_(.*)_v1{_OF}",
        "I3D on {1} with {0} non-local blocks ({2})",
        "Wang et al., arXiv:1711.07971",
        _video(32, 224),
        _CLIPS,
    ),
    _actions(rf"i3d_(inceptionv3){_OF}", _I3D_FRAMES, _I3D, _video(32, 299), _LARGE_CLIPS),
    _actions(rf"i3d_(.*?){_OF}", _I3D_FRAMES, _I3D, _video(32, 224), _CLIPS),
    _actions(
        rf"p3d_(.*){_OF}",
        "P3D on {0}, 16 frames ({1})",
        "Qiu et al., arXiv:1711.10305",
        _video(16, 160),
        None,  # neither GluonCV nor its scripts say how large frames are before the cut
    ),
    _actions(
        rf"r2plus1d_(.*){_OF}",
        "R(2+1)D on {0}, 16 frames ({1})",
        "Tran et al., arXiv:1711.11248",
        _video(16, 112),
        _SMALL_CLIPS,
    ),
    *(
        _actions(
            rf"slowfast_({slow}x{stride})_(.*){_OF}",
            f"SlowFast {{0}} on {{1}}, {frames} frames ({{2}})",
            "Feichtenhofer et al., arXiv:1812.03982",
            _video(frames, 224),
            _CLIPS,
        )
        # A clip has the frames of the fast path, then those of the slow one.
        for slow, stride, frames in ((4, 16, 32 + 4), (8, 8, 32 + 8), (16, 8, 64 + 16))
    ),
    Family(
        "siamrpn_alexnet_v2_otb15",
        "tracking",
        "SiamRPN on AlexNet: a template, and where to search it",
        "Li et al., CVPR 2018",
        _SIAMESE,
    ),
    Family(
        r"monodepth2_resnet18_posenet_(.*)",
        "ego-motion",
        "Monodepth2's motion between two pictures ({0})",
        _DEPTH,
        _picture(192, 640, channels=6),
    ),
    Family(
        r"monodepth2_resnet18_(.*)",
        "depth",
        "Monodepth2: depth from one picture ({0})",
        _DEPTH,
        _picture(192, 640),
        takes=_pictures.DEPTH,
    ),
)
