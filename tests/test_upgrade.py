"""Graphs of old versions of MXNet, held against MXNet's own upgrade and against NumPy."""

import json

import mxnet as mx
import numpy
import pytest
from mxnet import nd

from gluonkit import load
from gluonkit.checkpoint.graph import described
from gluonkit.errors import CheckpointError
from gluonkit.files.symbols import RawGraph
from gluonkit.files.upgrade import upgraded
from tests.legacy import by_mxnet, draws, graph, node, variable, written

DATA, X = variable("data"), numpy.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
NOTE = {"ctx_group": "dev1"}


def given(text, parameters, tmp_path, x=X):
    """Return what `load` gives for a graph, and what MXNet does."""
    path = written(tmp_path, text, parameters)
    return load(path)(nd.array(x)).asnumpy(), by_mxnet(path, {"data": x})[0]


PLAIN = (DATA, variable("ones"), node("elemwise_mul", "input", 0, 1))
"""How a network begins that has no parameters but this one, of ones."""
ONES = {"arg:ones": numpy.ones_like(X)}


@pytest.mark.parametrize("key", ["param", "attr", "attrs"])
@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("L2Normalization", {"mode": "channel"}),
        ("LeakyReLU", {"act_type": "elu", "slope": "0.7"}),
        ("SoftmaxActivation", {"mode": "channel"}),
        ("SwapAxis", {"dim1": "1", "dim2": "3"}),
        ("Reshape", {"shape": "(0, -1)"}),
        ("FullyConnected", {"num_hidden": "4", "no_bias": "True"}),
        ("Convolution", {"num_filter": "4", "kernel": "(3, 3)", "no_bias": "True"}),
    ],
)
def test_what_an_operator_is_told_counts_wherever_it_stands(operator, attributes, key, tmp_path):
    keys = {"param": attributes, "attr": NOTE} if key == "param" else {key: attributes | NOTE}
    shape = {"FullyConnected": (4, 60), "Convolution": (4, 3, 3, 3)}.get(operator)
    weights = {} if shape is None else {"arg:a_weight": draws(*shape)}
    variables = [variable("a_weight")] if weights else []
    last = node(operator, "a", *((2, 3) if weights else (2,)), **keys)
    mine, theirs = given(graph(*PLAIN, *variables, last), ONES | weights, tmp_path)
    assert mine.shape == theirs.shape
    numpy.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    if operator == "L2Normalization":  # by NumPy, too, for both might drop what they are told
        plain = X / numpy.sqrt((X**2).sum(1, keepdims=True) + 1e-10)
        numpy.testing.assert_allclose(mine, plain, rtol=1e-5)


def nodes_of(text):
    """Return the nodes as gluonkit upgrades them, and as MXNet does."""
    parts = json.loads(text)
    version = parts.get("attrs", {}).get("mxnet_version", (None, None))[1]
    mine = upgraded(RawGraph(parts["nodes"], parts["heads"], version), described).nodes
    theirs = json.loads(mx.sym.load_json(text).tojson())["nodes"]
    return mine, theirs


@pytest.mark.parametrize(
    "keys",
    [
        {"param": {"mode": "channel"}, "attr": {"mode": "spatial"}},
        {"attrs": {"mode": "channel"}, "attr": {"mode": "spatial"}},
        {"attr": {"mode": "spatial"}, "attrs": {"mode": "channel"}},
        {"attr": {"mode": "spatial"}, "param": {"eps": "0.5"}},
    ],
)
def test_of_several_places_the_same_one_counts_as_in_mxnet(keys):
    mine, theirs = nodes_of(graph(DATA, node("L2Normalization", "a", 0, **keys)))
    assert mine[1].attributes == theirs[1]["attrs"]


def test_hidden_keys_go_where_mxnet_puts_them():
    weight = variable("fc_weight", attr={"lr_mult": "5", "self": "kept"})
    said = {"weight_lr_mult": "3", "weight_wd_mult": "0", "force_mirroring": "True"}
    said |= {"ctx_group": "b", "mirror_stage": "True"}
    dense = node("FullyConnected", "fc", 0, 1, 2, param={"num_hidden": "3"}, attr=said)
    mine, theirs = nodes_of(graph(DATA, weight, variable("fc_bias"), dense))
    assert [node.attributes for node in mine] == [node.get("attrs", {}) for node in theirs]
    assert mine[1].attributes == {"__lr_mult__": "3", "__wd_mult__": "0", "self": "kept"}


def test_a_rate_said_at_an_operator_of_a_computed_weight_is_kept_as_a_note(tmp_path):
    twice = node("_PlusScalar", "twice", 1, param={"scalar": "1"})
    said = {"weight_lr_mult": "3"}
    dense = node("FullyConnected", "fc", 0, 2, param={"num_hidden": "3", "no_bias": "True"})
    text = graph(DATA, variable("w"), twice, {**dense, "attr": said})
    weight = numpy.ones((3, 60), "float32")
    path = written(tmp_path, text, {"arg:w": weight})  # which MXNet itself does not read
    expected = X.reshape(2, 60) @ (weight.T + 1)
    numpy.testing.assert_allclose(load(path)(nd.array(X)).asnumpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("op", ["argmax", "argmin"])
@pytest.mark.parametrize("version", [None, 800, 904, 905, 1200, 10901])
def test_an_axis_of_minus_one_was_none_before_0_9_5(op, version, tmp_path):
    text = graph(*PLAIN, node(op, "a", 2, attr={"axis": "-1"}), version=version)
    mine, theirs = given(text, ONES, tmp_path)
    expected = getattr(X, op)(-1 if (version or 0) >= 905 else None)
    assert mine.shape == theirs.shape
    assert (mine == theirs).all()
    assert (mine == expected).all()


STATISTICS = {
    "arg:bn_gamma": numpy.array([1, 2, 3], "float32"),
    "arg:bn_beta": numpy.array([4, 5, 6], "float32"),
    "aux:bn_moving_mean": numpy.array([0.1, 0.2, 0.3], "float32"),
    "aux:bn_moving_var": numpy.array([1, 4, 9], "float32"),
}


@pytest.mark.parametrize("op", ["BatchNorm", "BatchNorm_v1", "CuDNNBatchNorm"])
def test_statistics_that_stand_in_the_parameters_only(op, tmp_path):
    said = {"eps": "0.001", "fix_gamma": "False"}
    norm = node(op, "bn", 0, 1, 2, param=said, attr={"ctx_group": "a", "gamma_lr_mult": "2"})
    text = graph(DATA, variable("bn_gamma"), variable("bn_beta"), norm)
    net = load(written(tmp_path, text, STATISTICS))
    gamma, beta, mean, var = (statistic.reshape(3, 1, 1) for statistic in STATISTICS.values())
    expected = gamma * (X - mean) / numpy.sqrt(var + 1e-3) + beta
    numpy.testing.assert_allclose(net(nd.array(X)).asnumpy(), expected, rtol=1e-4, atol=1e-5)
    if op != "CuDNNBatchNorm":  # which the processor's MXNet does not have
        theirs = by_mxnet(tmp_path / "old-symbol.json", {"data": X})[0]
        numpy.testing.assert_allclose(theirs, expected, rtol=1e-4, atol=1e-5)


def test_inputs_that_were_left_out(tmp_path):
    dense = node("FullyConnected", "fc", 0, 1, param={"num_hidden": "3"})
    text = graph(
        DATA, variable("fc_weight"), dense, node("LeakyReLU", "p", 2, param={"act_type": "prelu"})
    )
    shapes = {"arg:fc_weight": (3, 60), "arg:fc_bias": (3,), "arg:p_gamma": (3,)}
    parameters = {name: draws(*shape) for name, shape in shapes.items()}
    mine, theirs = given(text, parameters, tmp_path)
    weight, bias, slope = parameters.values()
    sums = X.reshape(2, 60) @ weight.T + bias
    numpy.testing.assert_allclose(mine, theirs, rtol=1e-5)
    numpy.testing.assert_allclose(mine, numpy.where(sums > 0, sums, slope * sums), rtol=1e-4)


def test_a_shared_input_that_was_left_out_is_one_variable(tmp_path):
    said = {"num_hidden": "60"}
    flat, first = node("Flatten", "flat", 0), node("FullyConnected", "fc", 1, 2, param=said)
    other = node("FullyConnected", "other", 3, 2, 4, param=said)
    text = graph(DATA, flat, variable("w"), first, variable("fc_bias"), other)
    shapes = {"arg:w": (60, 60), "arg:fc_bias": (60,)}
    parameters = {name: draws(*shape) for name, shape in shapes.items()}
    path = written(tmp_path, text, parameters)
    weight, bias = parameters.values()
    expected = (X.reshape(2, 60) @ weight.T + bias) @ weight.T + bias
    numpy.testing.assert_allclose(load(path)(nd.array(X)).asnumpy(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["max", "avg", "sum"])
@pytest.mark.parametrize("rounding", ["valid", "full"])
@pytest.mark.parametrize("more", [{"pad": "(1, 1)"}, {"pad": "(0, 0)"}, {"global_pool": "True"}])
def test_layers_under_their_old_names(kind, rounding, more, tmp_path):
    said = {"num_filter": "4", "kernel": "(3, 3)", "pad": "(1, 1)"}
    layer = node("Convolution_v1", "c", 0, 1, 2, attr=said)
    pooled = {"kernel": "(3, 3)", "stride": "(2, 2)", "pool_type": kind, **more}
    pooling = node("Pooling_v1", "p", 3, attr=pooled | {"pooling_convention": rounding})
    text = graph(DATA, variable("c_weight"), variable("c_bias"), layer, pooling, version=905)
    shapes = {"arg:c_weight": (4, 3, 3, 3), "arg:c_bias": (4,)}
    parameters = {name: draws(*shape) for name, shape in shapes.items()}
    mine, theirs = given(text, parameters, tmp_path)
    assert mine.shape == theirs.shape
    numpy.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_factors_of_the_learning_rate_are_the_parameters(tmp_path):
    weight = variable("fc_weight", attrs={"__lr_mult__": "0.5"})
    said = {"num_hidden": "3", "bias_wd_mult": "0", "bias_lr_mult": "2"}
    text = graph(
        DATA, weight, variable("fc_bias"), node("FullyConnected", "fc", 0, 1, 2, attr=said)
    )
    parameters = {"arg:fc_weight": draws(3, 60), "arg:fc_bias": draws(3)}
    net = load(written(tmp_path, text, parameters))
    factors = {
        name: (parameter.lr_mult, parameter.wd_mult) for name, parameter in net.params.items()
    }
    assert factors == {"fc_weight": (0.5, 1), "fc_bias": (2, 0)}
    written(tmp_path, text.replace('"0.5"', '"half"'), parameters)
    with pytest.raises(CheckpointError, match="'fc_weight' has lr_mult=half, which is no number"):
        load(tmp_path / "old-symbol.json")
