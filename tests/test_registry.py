"""The registry: names, options, sources, errors, users' own registry."""

import itertools

import pytest

from gluonkit import create_model, init, list_models, model_info, mx, nd, nn, register_model
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models import ModelInfo, ModelInput, parse_model, register_source, registry


@pytest.fixture(autouse=True)
def clean_registry(monkeypatch):
    """Let every test register what it likes."""
    for name in ("_models", "_aliases", "_sources"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))
    monkeypatch.setattr(registry, "_loaded", set(registry._loaded))


OWN = ["chimera", "fancy_mlp", "lenet", "mix_mlp", "mlp", "nest_mlp", "rgnet", "tied_mlp"]


def test_listing():
    assert list_models(source="gluonkit") == OWN
    everything = list_models()
    assert everything[: len(OWN)] == OWN
    assert "mxnet/resnet50_v2" in everything
    assert list_models("*resnet*50*", source="mxnet") == ["mxnet/resnet50_v1", "mxnet/resnet50_v2"]
    assert list_models("resnet18_v?", exclude="gluoncv/*") == [
        "mxnet/resnet18_v1",
        "mxnet/resnet18_v2",
    ]
    assert list_models("MLP") == ["mlp"]
    assert list_models("fixed_hidden*") == ["fancy_mlp"]
    assert list_models("*mlp", exclude="f*") == ["mix_mlp", "mlp", "nest_mlp", "tied_mlp"]
    assert list_models("*mlp", exclude=["f*", "t*"]) == ["mix_mlp", "mlp", "nest_mlp"]
    assert list_models("nothing_like_it") == []
    plain = list_models(hybridizable=False)
    assert "gluoncv/resnet50_v1_int8" in plain
    assert "gluonkit" not in {model_info(name).source for name in plain}
    assert sorted(list_models(hybridizable=True) + plain) == sorted(everything)
    assert list_models(hybridizable=True, source="mxnet") == list_models(source="mxnet")
    assert list_models(hybridizable=False, source="gluonkit") == []


def test_info():
    info = model_info("mlp")
    assert info.name == "mlp"
    assert info.source == "gluonkit"
    assert info.input_shape == (2, 20)
    assert info.dtype == "float32"
    assert info.hybridizable
    assert dict(info.options) == {"units": (256,), "classes": 10, "activation": "relu"}
    assert info.reference
    assert info.summary.startswith("Multilayer perceptron")
    with pytest.raises(AttributeError):
        info.name = "other"
    with pytest.raises(TypeError):
        info.options["classes"] = 3
    assert "builder" not in info.to_dict()


def test_names_and_aliases():
    assert model_info("fixed_hidden_mlp").name == "fancy_mlp"
    assert model_info("mobilenetv3_large").name == "gluoncv/mobilenetv3_large"
    assert type(create_model("fixed_hidden_mlp")).__name__ == "FancyMLP"


def test_uninitialized_unless_asked():
    net = create_model("mlp")
    with pytest.raises(RuntimeError, match="not been initialized"):
        net(nd.ones((2, 20)))
    for choice in (True, "xavier", init.Xavier()):
        assert create_model("mlp", init=choice)(nd.ones((2, 20))).shape == (2, 10)
    with pytest.raises(RuntimeError, match="not been initialized"):
        create_model("mlp", init=False)(nd.ones((2, 20)))


def test_ctx():
    net = create_model("mlp", init=True, ctx=mx.cpu(1))
    assert net(nd.ones((2, 20), ctx=mx.cpu(1))).context == mx.cpu(1)
    net = create_model("mlp", init=True, ctx=[mx.cpu(0), mx.cpu(1)])
    assert net[0].bias.list_ctx() == [mx.cpu(0), mx.cpu(1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lenett",), r"`name` is 'lenett', which is not known. Did you mean 'lenet'"),
        (("qqqqqqq",), r"which is not known. list_models\(\) gives all names"),
        (("mxnet/resnet50",), "Did you mean 'mxnet/resnet50_v2'"),
    ],
)
def test_unknown_names(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        create_model(*arguments)
    with pytest.raises(ValueError, match=message):
        model_info(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": 3}, "`options of 'mlp'` is 'unit'.*Did you mean 'units'.*units, classes, act"),
        ({"init": "xavierr"}, "`init` is 'xavierr', which is not known. Did you mean 'xavier'"),
        ({"init": "constant"}, "cannot be made without arguments.*mx.init.Constant"),
        ({"ctx": mx.cpu()}, r"`ctx` is cpu\(0\), but `init` is None"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ArgumentError, match=message):
        create_model("mlp", **options)


@pytest.mark.parametrize("choice", [3, init.Xavier])
def test_bad_initializer_type(choice):
    with pytest.raises(ArgumentTypeError, match=r"`init` is .*give None, True, an initializer"):
        create_model("mlp", init=choice)


def test_pretrained_and_init_contradict():
    with pytest.raises(ArgumentError, match="give only one of them"):
        create_model("mxnet/alexnet", init=True, pretrained=True)


def test_options_with_which_it_cannot_be_made():
    with pytest.raises(ArgumentTypeError, match=r"`classes` is 'a', a str; give a whole number"):
        create_model("mxnet/alexnet", classes="a")

    @register_model("broken", input_shape=(1, 2))
    def broken(*, units=2):
        raise ValueError("of its own")

    with pytest.raises(ValueError, match=r"^of its own$"):  # nothing was given
        create_model("broken")
    with pytest.raises(
        ArgumentError, match=r"'broken' cannot be made with units=3: ValueError: of"
    ):
        create_model("broken", units=3)


def test_options_of_a_model_without_any():
    with pytest.raises(ArgumentError, match="Its options: none"):
        create_model("rgnet", units=3)


@pytest.mark.parametrize("name", [3, None, nn.Dense(1)])
def test_name_of_another_type(name):
    with pytest.raises(ArgumentTypeError, match="give a model's name, such as 'lenet'"):
        create_model(name)


def test_listing_by_what_is_no_text():
    with pytest.raises(ArgumentTypeError, match="`pattern` is 3, an int; give text"):
        list_models(3)
    with pytest.raises(ArgumentTypeError, match="`source` is 3, an int; give text"):
        list_models(source=3)


def test_unknown_source():
    with pytest.raises(
        ArgumentError, match=r"`source` is 'gluoncvv'.*Sources: gluonkit, user, gluon"
    ):
        list_models(source="gluoncvv")


def register_tiny(name="tiny", **options):
    @register_model(name, input_shape=(1, 4), **options)
    def tiny(*, units=2):
        """A tiny network.

        More about it.
        """
        net = nn.HybridSequential()
        net.add(nn.Dense(units))
        return net

    return tiny


def test_users_model_appears_everywhere():
    function = register_tiny(aliases=("small",), hybridizable=False)
    assert callable(function)
    assert len(function()) == 1
    assert list_models(source="user") == ["tiny"]
    assert "tiny" in list_models(hybridizable=False)
    assert "tiny" not in list_models(hybridizable=True)
    assert "tiny" in list_models()
    assert model_info("small").summary == "A tiny network."
    assert create_model("tiny", units=3, init=True)(nd.ones((1, 4))).shape == (1, 3)


def test_registering_twice():
    register_tiny(aliases=("small",))
    with pytest.raises(ArgumentError, match=r"'tiny', which is registered already \(source 'user'"):
        register_tiny()
    with pytest.raises(ArgumentError, match="'small', which is registered already"):
        register_tiny("small")
    with pytest.raises(ArgumentError, match="'mlp', which is registered already"):
        register_tiny("mlp")
    register_tiny(summary="anew", replace=True)
    assert model_info("tiny").summary == "anew"
    with pytest.raises(ArgumentError, match="'small', which is not known"):  # its alias is gone
        model_info("small")


def test_a_block_class_can_be_registered():
    @register_model("layer", input_shape=(1, 2))
    class Layer(nn.HybridBlock):
        """A layer."""

        def __init__(self, scale=2):
            super().__init__()
            self.scale = scale

    assert dict(model_info("layer").options) == {"scale": 2}
    assert create_model("layer", scale=3).scale == 3


@pytest.mark.parametrize("name", ["a/b", "", "a b", "ä*"])
def test_malformed_names(name):
    with pytest.raises(ArgumentError, match="a model's name has letters, digits"):
        register_tiny(name)


@pytest.mark.parametrize("shape", [(), 3, (0, 2), (2.5,), "ab"])
def test_malformed_shapes(shape):
    with pytest.raises(ArgumentError, match=r"`input_shape` is .*give the shape of an example"):
        register_model("tiny", input_shape=shape)


def test_decorator_without_arguments():
    with pytest.raises(TypeError):
        register_model(lambda: None)
    with pytest.raises(ArgumentTypeError, match="write @register_model"):
        register_model(lambda: None, input_shape=(1, 2))


def test_option_without_default():
    with pytest.raises(ArgumentError, match="`units` of the builder of 'tiny' has no default"):
        register_model("tiny", input_shape=(1, 2))(lambda units: None)


def zoo(name, *models):
    calls = itertools.count()

    def records():
        next(calls)
        for model in models:
            yield ModelInfo(
                f"{name}/{model}", name, "", (ModelInput((1, 2)),), builder=lambda: nn.Dense(1)
            )

    register_source(name, records)
    return calls


def test_a_zoo_is_asked_only_when_needed():
    calls = zoo("extra", "alexnet", "own_net")
    assert next(calls) == 0
    assert list_models(source="gluonkit") == OWN
    assert next(calls) == 1  # untouched by the listing of another source
    assert list_models(source="extra") == ["extra/alexnet", "extra/own_net"]
    list_models(source="extra")
    assert next(calls) == 3  # asked once
    assert model_info("own_net").name == "extra/own_net"
    with pytest.raises(
        ArgumentError,
        match="several zoos have; write 'extra/alexnet', 'gluoncv/alexnet' or 'mxnet/alexnet'",
    ):
        create_model("alexnet")
    assert create_model("extra/alexnet") is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mlp", ("mlp", {})),
        (" mlp ", ("mlp", {})),
        ("mlp()", ("mlp", {})),
        ("mlp(units=(256, 128), classes=2)", ("mlp", {"units": (256, 128), "classes": 2})),
        ("mlp(activation=None)", ("mlp", {"activation": None})),
    ],
)
def test_parse_model(text, expected):
    assert parse_model(text) == expected


@pytest.mark.parametrize(
    "text",
    ["mlp(3)", "mlp(units=", "mlp(units=f())", "mlp(units=2", "mlp(**x)", "mlp(units=2)+1"],
)
def test_parse_model_refuses(text):
    with pytest.raises(ArgumentError, match="which is not a model with options"):
        parse_model(text)
