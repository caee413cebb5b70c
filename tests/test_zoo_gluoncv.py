"""GluonCV's zoo behind the registry; what needs GluonCV itself is left out where it is not."""

import importlib.util
import json

import numpy
import pytest

import gluonkit
from gluonkit import create_model, errors, list_models, model_info, mx, nd, np, npx, summary
from gluonkit.system.modes import converts_arrays
from tests import zoo_records

RECORDS = json.loads(zoo_records.FILE.read_text())
HERE = importlib.util.find_spec("gluoncv") is not None
installed = pytest.mark.skipif(not HERE, reason="GluonCV is an extra that not every Python has")


def test_listing():
    names = list_models(source="gluoncv")
    assert names == [f"gluoncv/{name}" for name in sorted(RECORDS)]
    assert len(names) == 332
    everywhere = list_models("*resnet*50*")
    for name in ("gluoncv/resnet50_v1d", "gluoncv/ssd_512_resnet50_v1_voc", "mxnet/resnet50_v1"):
        assert name in everywhere
    assert list_models("*yolo3*voc", task="detection") == [
        "gluoncv/yolo3_darknet53_voc",
        "gluoncv/yolo3_mobilenet0.25_voc",
        "gluoncv/yolo3_mobilenet1.0_voc",
    ]


@pytest.mark.parametrize("name", list_models(source="gluoncv"))
def test_records_are_whole(name):
    info = model_info(name)
    assert info.summary
    assert "{" not in info.summary
    assert info.task
    assert info.reference
    assert {"pretrained", "root"} <= set(info.options)
    json.dumps(info.to_dict())
    if info.task == "classification" and name != "gluoncv/darknet53":
        assert info.classes in (1000, 10)
        assert info.options["classes"] == info.classes


@pytest.mark.parametrize(
    ("name", "task", "shapes", "classes"),
    [
        ("resnet50_v1d", "classification", [(1, 3, 224, 224)], 1000),
        ("ssd_512_resnet50_v1_voc", "detection", [(1, 3, 512, 512)], 20),
        ("fcn_resnet101_ade", "segmentation", [(1, 3, 480, 480)], 150),
        ("simple_pose_resnet18_v1b", "pose", [(1, 3, 256, 192)], None),
        ("slowfast_8x8_resnet50_kinetics400", "action recognition", [(1, 3, 40, 224, 224)], 400),
        ("i3d_resnet50_v1_ucf101", "action recognition", [(1, 3, 32, 224, 224)], 101),
        ("siamrpn_alexnet_v2_otb15", "tracking", [(1, 3, 127, 127), (1, 3, 287, 287)], None),
    ],
)
def test_what_is_known(name, task, shapes, classes):
    info = model_info(f"gluoncv/{name}")
    assert (info.task, info.classes) == (task, classes)
    assert [spec.shape for spec in info.inputs] == shapes
    assert info.hybridizable
    (sha1,) = info.published.values()
    assert len(sha1) == 40


LOOK = """
import sys
{first}
import gluonkit
assert len(gluonkit.list_models()) > 370
assert gluonkit.model_info("gluoncv/resnet50_v1d").published
print(sorted({{"gluoncv", "gluonnlp"}} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("first", "expected"),
    [("", "[]"), ("import types; sys.modules['gluoncv'] = types.ModuleType('x')", "['gluoncv']")],
)
def test_listing_imports_no_zoo(python, first, expected):
    """And the test can fail."""
    done = python("-c", LOOK.format(first=first))
    assert done.stdout.strip() == expected, done.stderr


ABSENT = """
import sys
sys.modules["gluoncv"] = None
import gluonkit
from gluonkit import errors
try:
    gluonkit.create_model("gluoncv/resnet18_v1")
except errors.MissingPackageError as error:
    print(error)
"""


def test_not_installed(python):
    done = python("-c", ABSENT)
    assert "Install it with: pip install gluoncv" in done.stdout, done.stderr


def test_quantized_networks_need_weights():
    assert not model_info("gluoncv/resnet50_v1_int8").hybridizable
    assert "from the zoo's weights only" in model_info("gluoncv/resnet50_v1_int8").problem
    with pytest.raises(errors.StateError, match="resnet50_v1_int8 cannot be made so: it is"):
        create_model("gluoncv/resnet50_v1_int8")


@installed
def test_the_list_is_that_of_the_installed_zoo():
    assert zoo_records.names() == sorted(RECORDS)


SAMPLE = [
    "cifar_resnet20_v1",
    "custom_faster_rcnn_fpn",
    "fcn_resnet50_ade",
    "hrnet_w18_small_v1_c",
    "i3d_resnet50_v1_custom",
    "resnet18_v1b_sthsthv2",
    "resnext101e_64x4d",
    "ssd_300_mobilenet0.25_custom",
    "ssd_512_resnet50_v1_voc",
    "vgg16_kinetics400",
    "yolo3_mobilenet0.25_coco",
]


@installed
@pytest.mark.parametrize("name", SAMPLE)
def test_records_are_fresh(name):
    """All of them: `python -m tests.zoo_records`, and see whether git finds a difference."""
    assert zoo_records.record(name) == RECORDS[name]


@installed
@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("cifar_resnet20_v1", {}, 10),
        ("cifar_resnet20_v1", {"classes": 7}, 7),
        ("mobilenetv3_small", {"classes": 7}, 7),
        ("hrnet_w18_small_v1_c", {"classes": 7}, 7),
        ("resnet18_v1b_sthsthv2", {"classes": 7}, 7),
        ("vgg16_kinetics400", {"classes": 7}, 7),
    ],
)
def test_classes(name, options, expected):
    net = create_model(f"gluoncv/{name}", init=True, **options)
    info = model_info(f"gluoncv/{name}")
    assert net(nd.ones(info.input_shape)).shape == (1, expected)


@installed
@pytest.mark.parametrize("classes", [["cat", "dog"], 2])
@pytest.mark.parametrize("name", ["ssd_300_mobilenet0.25_custom", "ssd_300_mobilenet0.25_voc"])
def test_classes_of_detectors(name, classes):
    net = create_model(f"gluoncv/{name}", classes=classes, init=True)
    assert list(net.classes) == (["cat", "dog"] if classes != 2 else ["0", "1"])
    ids, scores, boxes = net(nd.ones((1, 3, 300, 300)))
    assert boxes.shape == (1, 100, 4)
    assert set(ids.asnumpy().ravel()) <= {-1, 0, 1}
    assert scores.shape == ids.shape == (1, 100, 1)


@installed
def test_a_file_for_other_classes_than_those_named(tmp_path):
    name = "gluoncv/ssd_300_mobilenet0.25_voc"
    net = create_model(name, init=True)
    x = draw((1, 3, 300, 300))
    net(x)
    path = gluonkit.save(net, tmp_path / "ssd.safetensors")
    with pytest.warns(errors.DroppedWeightsWarning, match="for 20 classes, the network for 2"):
        other = create_model(name, pretrained=path, classes=["cat", "dog"])
    assert list(other.classes) == ["cat", "dog"]
    assert set(other(x)[0].asnumpy().ravel()) <= {-1, 0, 1}
    ours, theirs = (list(network.features.collect_params().values()) for network in (other, net))
    for one, two in zip(ours, theirs, strict=True):
        assert numpy.array_equal(one.data().asnumpy(), two.data().asnumpy())


@installed
def test_classes_of_segmentation():
    net = create_model("gluoncv/fcn_resnet50_voc", classes=3, init=True, crop_size=64)
    assert net(nd.ones((1, 3, 64, 64)))[0].shape == (1, 3, 64, 64)


@installed
@pytest.mark.parametrize("name", ["resnet18_v1b_custom", "i3d_resnet50_v1_custom"])
def test_uninitialized_unless_asked(name):
    net = create_model(f"gluoncv/{name}")
    assert all(parameter._data is None for parameter in net.collect_params().values())
    net.initialize(mx.init.Constant(0.5))  # without a warning that it is initialized already
    weight = next(
        parameter for name, parameter in net.collect_params().items() if "conv0_weight" in name
    )
    gluonkit.materialize(net, model_info(f"gluoncv/{name}").input_shape)
    assert numpy.all(weight.data().asnumpy() == 0.5)


def draw(shape):
    numbers = numpy.random.RandomState(3).rand(*shape).astype("float32")
    return np.array(numbers) if mx.util.is_np_array() else nd.array(numbers)


@installed
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mobilenetv3_small", (1, 3, 64, 64)),
        ("resnest14", (1, 3, 64, 64)),
        ("shufflenet_v1", (1, 3, 224, 224)),
        ("cifar_resnet20_v2", (1, 3, 32, 32)),
        ("ssd_300_mobilenet0.25_voc", (1, 3, 300, 300)),
        ("yolo3_mobilenet0.25_voc", (1, 3, 128, 128)),
        ("simple_pose_resnet18_v1b", (1, 3, 128, 96)),
        ("resnet18_v1b_kinetics400", (1, 3, 64, 64)),
    ],
)
def test_both_array_modes(name, shape):
    net = create_model(f"gluoncv/{name}", init=True)
    assert converts_arrays(net)
    expected = outputs(net, shape)
    npx.set_np()
    for _ in range(3):
        for one, other in zip(outputs(net, shape), expected, strict=True):
            numpy.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * abs(other).max())
        net.hybridize()
    assert summary(net, shape).macs > 0


def outputs(net, shape):
    result = net(draw(shape))
    return [
        output.asnumpy() for output in (result if isinstance(result, (list, tuple)) else [result])
    ]


@installed
@pytest.mark.parametrize(
    ("name", "parameters"),
    [  # as torchvision's documentation counts them: without running means and variances
        ("resnet18_v1b", 11_689_512),
        ("resnet50_v1b", 25_557_032),
        ("resnet101_v1b", 44_549_160),
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
        ("densenet121", 7_978_856),
        ("resnet152_v1b", 60_192_808),
        ("mobilenet1.0", 4_231_976),  # as Keras counts it
        ("mobilenetv2_1.0", 3_504_872 - 1000),  # its classifier has no bias
        ("alexnet", 61_100_840),
    ],
)
def test_published_parameter_counts(name, parameters):
    assert summary(f"gluoncv/{name}").trainable_params == parameters
