"""MXNet's own zoo: the list and the options are those of the installed MXNet."""

import inspect
import re

import numpy
import pytest
from mxnet.gluon.model_zoo import model_store

from gluonkit import create_model, gluon, list_models, model_info, mx, summary

vision = gluon.model_zoo.vision
NAMES = [name.partition("/")[2] for name in list_models(source="mxnet")]


def test_complete():
    source = inspect.getsource(vision.get_model)
    assert sorted(NAMES) == sorted(re.findall(r"'([\w.]+)': \w+", source))


@pytest.mark.parametrize("name", NAMES)
def test_options_are_those_of_the_class(name):
    info = model_info(f"mxnet/{name}")
    for option, default in info.options.items():
        if option not in ("pretrained", "root"):
            create_model(info.name, **{option: default})
    assert info.summary
    assert "{}" not in info.summary
    assert "arXiv" in info.reference
    net = create_model(info.name, classes=7)
    parameters = inspect.signature(type(net).__init__).parameters
    own = {
        option: parameter.default
        for option, parameter in parameters.items()
        if parameter.default is not inspect.Parameter.empty and option in info.options
    }
    mentioned = {"classes": 1000} | own
    assert {key: info.options[key] for key in mentioned} == mentioned


def test_summaries_name_depth_and_width():
    assert model_info("mxnet/resnet50_v2").summary.startswith("ResNet v2 of 50 layers")
    assert model_info("mxnet/mobilenetv2_0.25").summary.startswith("MobileNet v2 of width 0.25")
    assert model_info("mxnet/mobilenet0.5").summary.startswith("MobileNet of width 0.5")
    assert model_info("mxnet/vgg16_bn").summary == "VGG of 16 layers, with batch normalization"
    assert model_info("mxnet/squeezenet1.1").summary.startswith("SqueezeNet 1.1")
    assert model_info("mxnet/densenet121").summary.startswith("DenseNet of 121 layers")


def test_same_draws_as_mxnets_own_builder(uniform, seed):
    outputs = []
    for make in (vision.resnet18_v1, lambda: create_model("mxnet/resnet18_v1")):
        mx.random.seed(seed)
        net = make()
        net.initialize()
        outputs.append(net(uniform(1, 3, 64, 64)).asnumpy())
    numpy.testing.assert_array_equal(*outputs)


def test_thumbnail(uniform):
    net = create_model("mxnet/resnet18_v1", init=True, thumbnail=True, classes=10)
    assert net(uniform(2, 3, 32, 32)).shape == (2, 10)


def test_every_model_has_published_weights():
    for name in NAMES:
        ((file, sha1),) = model_info(f"mxnet/{name}").published.items()
        assert file == f"{name}-{model_store.short_hash(name)}.params"
        assert sha1 == model_store._model_sha1[name]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [  # as torchvision's documentation counts them, MobileNet as Keras': without running means
        ("resnet18_v1", 11_689_512),
        ("resnet50_v1", 25_557_032 + 18_880),  # its convolutions of 1 × 1 have biases
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
        ("densenet121", 7_978_856),
        ("mobilenet1.0", 4_231_976),
        ("squeezenet1.0", 1_248_424),
        ("alexnet", 61_100_840),
    ],
)
def test_published_parameter_counts(name, parameters):
    assert summary(f"mxnet/{name}").trainable_params == parameters
