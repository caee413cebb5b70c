"""Shapes that follow from parameters alone, held against MXNet's inference from the inputs on."""

import mxnet as mx
import pytest

from gluonkit.diagnosis.shapes import (
    fitted_shape,
    fitting_sides,
    output_shapes,
    stated_shapes,
    wanted_shapes,
)
from gluonkit.tracing.symbols import graph_of

sym = mx.sym


def conv(data, filters, kernel, **options):
    return sym.Convolution(data, num_filter=filters, kernel=kernel, **options)


def dense(data, units=3, **options):
    return sym.FullyConnected(data, num_hidden=units, **options)


def insightface(data):
    """Preprocess, and halve the sides four times, as insightface's networks do."""
    layer = (data - 127.5) * 0.0078125
    for number in range(4):
        layer = conv(layer, 4, (3, 3), pad=(1, 1), stride=(2, 2), name=f"c{number}")
        layer = sym.LeakyReLU(sym.BatchNorm(layer, name=f"b{number}"), act_type="prelu")
    return dense(sym.Dropout(sym.BatchNorm(layer, name="last")), 8)


def residual(data):
    layer = conv(sym.BatchNorm(data, name="bn_data"), 4, (3, 3), pad=(1, 1), name="c0")
    branch = conv(sym.Activation(layer, act_type="relu"), 4, (3, 3), pad=(1, 1), name="c1")
    layer = sym.Concat(layer + branch, sym.broadcast_mul(layer, sym.sigmoid(branch)), dim=1)
    return dense(sym.Pooling(layer, global_pool=True, kernel=(1, 1), pool_type="avg"))


NETWORKS = {
    "dense": (dense, (2, 7), ("batch", 7)),
    "flattened": (lambda data: dense(sym.Flatten(data)), (2, 7), ("batch", 7)),
    "insightface": (insightface, (2, 3, 112, 112), ("batch", 3, 112, 112)),
    "residual": (residual, (2, 3, 16, 16), ("batch", 3, None, None)),
    "groups": (lambda data: conv(data, 6, (3, 3), num_group=3), (2, 9, 8, 8), (0, 9, None, None)),
    "one axis": (lambda data: dense(conv(data, 4, (3,), stride=(1,))), (2, 5, 16), (0, 5, 16)),
    "three axes": (
        lambda data: conv(data, 4, (3, 3, 3)),
        (2, 5, 8, 8, 8),
        (0, 5, None, None, None),
    ),
    "up": (
        lambda data: sym.Deconvolution(
            data, num_filter=4, kernel=(4, 4), stride=(2, 2), pad=(1, 1), name="up"
        ),
        (2, 6, 8, 8),
        (0, 6, None, None),
    ),
    "transposed": (
        lambda data: conv(sym.transpose(data, axes=(0, 3, 1, 2)), 4, (3, 3)),
        (2, 8, 8, 3),
        (0, None, None, 3),
    ),
    "full pooling": (
        lambda data: dense(
            sym.Pooling(
                conv(data, 2, (3, 3), dilate=(2, 2)),
                kernel=(3, 3),
                stride=(2, 2),
                pooling_convention="full",
            )
        ),
        (2, 1, 32, 32),
        (0, 1, 32, 32),
    ),
    "lstm": (
        lambda data: sym.RNN(
            data,
            sym.Variable("rnn_parameters"),
            sym.Variable("rnn_state"),
            sym.Variable("rnn_state_cell"),
            mode="lstm",
            state_size=5,
            num_layers=2,
            bidirectional=True,
            name="rnn",
        ),
        (4, 2, 7),
        (0, None, 7),
    ),
}


def given(name):
    """Return a network, the shapes of its parameters, and of its outputs by MXNet."""
    make, shape, _ = NETWORKS[name]
    symbol = make(sym.Variable("data"))
    arguments, outputs, statistics = symbol.infer_shape(data=shape)
    names = symbol.list_arguments() + symbol.list_auxiliary_states()
    known = dict(zip(names, arguments + statistics, strict=True))
    weights = {n: s for n, s in known.items() if n != "data" and "state" not in n}
    return symbol, weights, outputs


@pytest.mark.parametrize("name", NETWORKS)
def test_what_parameters_fix(name):
    symbol, weights, outputs = given(name)
    graph = graph_of(symbol)
    needed = wanted_shapes(graph, weights)["data"]
    sides = fitting_sides(graph, weights, {"data": needed})
    whole = fitted_shape(needed, None, sides)
    _, shape, expected = NETWORKS[name]
    assert whole[1:] == expected[1:]
    assert whole[0] is None
    inferred = output_shapes(graph, weights, {"data": shape})
    for ours, theirs in zip(inferred, outputs, strict=True):
        assert ours is None or ours == theirs
    assert name == "lstm" or inferred[0] == outputs[0]


@pytest.mark.parametrize("name", ["insightface", "full pooling", "one axis"])
def test_all_sides_that_fit_and_no_others(name):
    """MXNet itself takes just these."""
    symbol, weights, _ = given(name)
    graph, shape = graph_of(symbol), NETWORKS[name][1]
    sides = fitting_sides(graph, weights, {"data": wanted_shapes(graph, weights)["data"]})

    def is_taken(side):
        size = (2, shape[1], *[side] * (len(shape) - 2))
        try:
            symbol.infer_shape(data=size, **{n: s for n, s in weights.items() if "weight" in n})
        except mx.MXNetError:
            return False
        return True

    around = range(sides.least - 2, sides.most + 3)
    taken = [side for side in around if is_taken(side)]
    assert taken == list(range(sides.least, sides.most + 1))


def test_channels_last():
    data = sym.Variable("data")
    graph = graph_of(conv(data, 4, (3, 3), layout="NHWC", name="c"))
    weights = {"c_weight": (4, 3, 3, 6), "c_bias": (4,)}  # MXNet infers it on GPUs only
    assert wanted_shapes(graph, weights) == {"data": (None, None, None, 6)}
    assert output_shapes(graph, weights, {"data": (2, 8, 9, 6)}) == [(2, 6, 7, 4)]


def test_stated_shapes():
    data = sym.Variable("data", shape=(0, 3, 20, 20))
    graph = graph_of(residual(data))
    assert stated_shapes(graph)["data"] == (None, 3, 20, 20)
    assert fitted_shape((None, 3, None, None), (None, 3, 20, 20), None) == (None, 3, 20, 20)
    assert fitted_shape((None, 4), (None, 20), None) == (None, 4)  # what layers need counts
    assert fitted_shape((None, 20), (None, 4, 5), None) == (None, 4, 5)
    assert fitted_shape((None, 20), (None, 4, 4), None) == (None, 20)
