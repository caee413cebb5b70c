"""Checkpoints of `Module`: what is missing in them, the shapes, the names, and what is refused."""

from copy import copy

import mxnet as mx
import numpy
import onnx
import pytest
from mxnet import gluon, nd
from safetensors.numpy import load_file

from gluonkit import (
    check_hybrid,
    create_model,
    evaluate,
    export_onnx,
    features,
    fit,
    load,
    materialize,
    nn,
    params,
    predict,
    register_model,
    replace_head,
    save,
    summary,
)
from gluonkit.errors import ArgumentError, CheckpointError
from gluonkit.models import registry
from tests.legacy import draws, graph, node, variable, written

DATA = variable("data")
DENSE = node("FullyConnected", "fc", 0, 1, 2, attrs={"num_hidden": "3"})
TEXT = graph(DATA, variable("fc_weight"), variable("fc_bias"), DENSE, version=10901)


def test_a_parameter_that_the_file_lacks_is_no_input(tmp_path):
    path = written(tmp_path, TEXT, {"arg:fc_weight": draws(3, 4)})
    with pytest.raises(CheckpointError, match="missing in the file: fc_bias") as error:
        load(path)
    assert "strict=False" in str(error.value)
    net, skipped = load(path, strict=False)
    assert skipped.missing == ("fc_bias",)
    net.params["fc_bias"].initialize("zeros")
    x = draws(2, 4)
    numpy.testing.assert_allclose(
        net(nd.array(x)).asnumpy(), x @ draws(3, 4).T, rtol=1e-5, atol=1e-6
    )


def test_a_parameter_under_another_name_is_told_by_where_it_stands(tmp_path):
    text = TEXT.replace("fc_weight", "w").replace("fc_bias", "b")
    path = written(tmp_path, text, {"arg:w": draws(3, 4)})
    with pytest.raises(CheckpointError, match="missing in the file: b"):
        load(path)
    # A weight that is an input has the name that exports give to inputs.
    path = written(tmp_path, text.replace('"w"', '"data1"'), {"arg:b": draws(3)})
    x, weight = draws(2, 4), draws(3, 4)
    expected = x @ weight.T + draws(3)
    actual = load(path)(nd.array(x), nd.array(weight)).asnumpy()
    numpy.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_statistics_that_the_file_lacks(tmp_path):
    norm = mx.sym.BatchNorm(mx.sym.Variable("data"), name="bn")
    parameters = {"arg:bn_gamma": numpy.ones(3), "arg:bn_beta": numpy.zeros(3)}
    path = written(tmp_path, norm.tojson(), parameters)
    with pytest.raises(CheckpointError, match="missing in the file: bn_moving_mean"):
        load(path)


def named(*names):
    """Return a chain of dense layers, saved by these names."""
    symbol = mx.sym.Variable("data")
    for name in names:
        symbol = mx.sym.FullyConnected(symbol, num_hidden=4, no_bias=True, name=name)
    return symbol.tojson(), {f"arg:{name}_weight": draws(4, 4) for name in names}


@pytest.mark.parametrize("names", [("fc1", "fc10"), ("only",), ("a_b", "a_c")])
def test_names_are_whole(names, tmp_path):
    net = load(written(tmp_path, *named(*names)))
    full = [f"{name}_weight" for name in names]
    assert list(params.values(net)) == full
    path = save(net, tmp_path / "net.safetensors")
    assert sorted(load_file(path)) == sorted(full)
    export_onnx(net, tmp_path / "net.onnx", (2, 4))
    graph_of = onnx.load(tmp_path / "net.onnx").graph
    # ONNX has dense layers with a bias only, which are of zeros here.
    assert full == [
        weight.name for weight in graph_of.initializer if weight.name.endswith("weight")
    ]
    summary(net, (2, 4))


def test_a_block_of_mxnets_has_whole_names_and_reads_files_with_cut_ones(tmp_path):
    path = written(tmp_path, *named("fc1", "fc10"))
    with pytest.warns(UserWarning, match="Cannot decide type"):
        theirs = gluon.SymbolBlock.imports(str(path), ["data"], str(tmp_path / "old-0001.params"))
    assert list(params.values(theirs)) == ["fc1_weight", "fc10_weight"]
    theirs.save_parameters(str(tmp_path / "cut.params"))
    assert sorted(nd.load(str(tmp_path / "cut.params"))) == ["0_weight", "_weight"]
    other = load(path)
    other.params["fc1_weight"].set_data(nd.zeros((4, 4)))
    load(tmp_path / "cut.params", net=other)
    assert (other.params["fc1_weight"].data().asnumpy() == draws(4, 4)).all()


def convolution():
    data = mx.sym.Variable("data")
    layer = mx.sym.Convolution(data, num_filter=2, kernel=(3, 3), no_bias=True, name="conv")
    return mx.sym.Flatten(layer).tojson(), {"arg:conv_weight": draws(2, 3, 3, 3)}


@pytest.mark.parametrize("by", ["load", "imports"])
def test_the_shapes_of_loaded_parameters_count(by, tmp_path):
    path = written(tmp_path, *convolution())
    net = load(path)
    if by == "imports":
        with pytest.warns(UserWarning, match="Cannot decide type"):
            net = gluon.SymbolBlock.imports(str(path), ["data"], str(path)[:-11] + "0001.params")
    assert summary(net, (1, 3, 8, 8)).total_params == 54
    x, labels = draws(4, 1, 8, 8), numpy.arange(4) % 2
    why = r"\(SymbolBlock\), which got \(\d, 1, 8, 8\): .*operator conv: Shape inconsistent"
    for call in (
        lambda: summary(net, (1, 1, 8, 8)),
        lambda: predict(net, x),
        lambda: evaluate(net, (x, labels)),
        lambda: fit(net, (x, labels), epochs=1),
        lambda: export_onnx(net, tmp_path / "net.onnx", (1, 1, 8, 8)),
        lambda: check_hybrid(net, nd.array(x)),
    ):
        with pytest.raises(ArgumentError, match=why):
            call()
    assert predict(net, draws(4, 3, 8, 8)).shape == (4, 72)


def test_weights_with_channels_last(tmp_path):
    data = mx.sym.Variable("data")
    layer = mx.sym.Convolution(data, num_filter=2, kernel=(3, 5), layout="NHWC", name="conv")
    parameters = {"arg:conv_weight": draws(2, 3, 5, 4), "arg:conv_bias": draws(2)}
    net = load(written(tmp_path, layer.tojson(), parameters))
    assert net.params["conv_weight"].shape == (2, 3, 5, 4)
    wrong = parameters | {"arg:conv_weight": draws(2, 4, 3, 5)}
    with pytest.raises(CheckpointError, match="do not belong together: conv with 2 units"):
        load(written(tmp_path, layer.tojson(), wrong))


def test_names_with_colons(tmp_path):
    text = TEXT.replace("fc_weight", "scope/w:0").replace("fc_bias", "scope/b:0")
    for kind in ("", "arg:"):
        parameters = {f"{kind}scope/w:0": draws(3, 4), f"{kind}scope/b:0": draws(3)}
        net = load(written(tmp_path, text, parameters))
        x = draws(2, 4)
        expected = x @ draws(3, 4).T + draws(3)
        numpy.testing.assert_allclose(net(nd.array(x)).asnumpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("init", [True, "xavier", "msraprelu", "normal"])
def test_vectors_of_graphs_are_initialized_as_gluons_are(init, monkeypatch):
    """SSD's and FPN's feature maps are SymbolBlocks, whose parameters MXNet initializes alike."""

    def build():
        data = mx.sym.var("data", dtype="float32")
        layer = mx.sym.Convolution(data, num_filter=4, kernel=(3, 3), name="conv")
        return gluon.SymbolBlock(mx.sym.BatchNorm(layer, fix_gamma=False, name="bn"), data)

    for name in ("_models", "_aliases", "_sources", "_loaded"):
        monkeypatch.setattr(registry, name, copy(getattr(registry, name)))
    register_model("vectors", input_shape=(1, 3, 8, 8))(build)
    net = create_model("vectors", init=init)
    materialize(net, (1, 3, 8, 8))
    values = params.values(net)
    for vector in ("conv_bias", "bn_beta", "bn_moving_mean"):
        assert (values[vector] == 0).all()
    for vector in ("bn_gamma", "bn_moving_var"):
        assert (values[vector] == 1).all()
    assert values["conv_weight"].std() > 0


def test_a_graph_has_no_layers_to_replace_and_is_told_how_to_get_a_new_head(tmp_path):
    data = mx.sym.Variable("data")
    hidden = mx.sym.Activation(
        mx.sym.FullyConnected(data, num_hidden=4, name="fc1"), "relu", name="r"
    )
    symbol = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=3, name="fc2"))
    shapes = {"fc1_weight": (4, 5), "fc1_bias": (4,), "fc2_weight": (3, 4), "fc2_bias": (3,)}
    net = load(
        written(tmp_path, symbol.tojson(), {f"arg:{k}": draws(*v) for k, v in shapes.items()})
    )
    for call in (
        lambda: replace_head(net, 7),
        lambda: replace_head(net, 7, at="fc2"),
        lambda: features(net),
    ):
        with pytest.raises(ArgumentError, match="one graph without layers") as error:
            call()
        assert "net(x).get_internals()['r_output'], x, params=net.params)" in str(error.value)
    x = mx.sym.var("data", dtype="float32")
    body = gluon.SymbolBlock(net(x).get_internals()["r_output"], x, params=net.params)
    whole = nn.HybridSequential()
    whole.add(body, nn.Dense(7))
    whole[1].initialize()
    history = fit(whole, (draws(8, 5), numpy.arange(8) % 7), epochs=3, seed=0)
    assert history.epochs[0]["loss"] > history.last["loss"]
    assert whole[0].params["fc1_weight"] is net.params["fc1_weight"]


def test_a_graph_taken_from_a_network_has_the_same_paths_in_each_instance(tmp_path):
    """Feature extractors, as detectors have them: Gluon counts the networks that it has made."""

    class Detector(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                body = nn.HybridSequential()
                body.add(nn.Conv2D(4, 3), nn.BatchNorm())
                data = mx.sym.var("data", dtype="float32")
                self.features = gluon.SymbolBlock(body(data), data, params=body.collect_params())

        def hybrid_forward(self, F, x):
            return self.features(x)

    x = nd.array(draws(2, 3, 8, 8))
    first, second = Detector(), Detector()
    for net in (first, second):
        net.initialize(mx.init.Normal(1))
        materialize(net, x)
    expected = first(x).asnumpy()
    assert list(params.values(first)) == list(params.values(second))
    load(save(first, tmp_path / "net.safetensors"), net=second)
    numpy.testing.assert_array_equal(second(x).asnumpy(), expected)
