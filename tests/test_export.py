"""Exporting: what is written computes the same elsewhere, or is not written."""

import json
import os
import sys

import numpy
import pytest
from mxnet.gluon import rnn
from mxnet.gluon.contrib import nn as contrib

import gluonkit
from gluonkit import autograd, errors, export, export_onnx, gluon, load, mx, nd, nn, npx
from gluonkit.exporting.onnx.conversion import OWN
from tests.networks import Function, sequential

onnx = pytest.importorskip("onnx", reason="it is an extra, which the wheel's tests leave out")
runtime = pytest.importorskip("onnxruntime", reason="as for onnx")

IMAGE = (2, 3, 9, 9)
ZOO = gluonkit.list_models(source="mxnet")


def filled(net, *inputs):
    """Return a network with values that nothing is hidden by: no ones, no zeros."""
    net.initialize(mx.init.Uniform(0.5))
    gluonkit.materialize(net, *inputs)
    for parameter in net.collect_params().values():
        if "running" in parameter.name or "gamma" in parameter.name:
            parameter.set_data(parameter.data() * 0 + 1.7)
    return net


def concurrent():
    block = contrib.HybridConcurrent(axis=1)
    block.add(nn.Conv2D(2, 1), nn.Conv2D(3, 1))
    return block


LAYERS = {
    "dense": (lambda: nn.Dense(4), IMAGE),
    "dense-last-axis": (lambda: nn.Dense(4, flatten=False, activation="relu"), IMAGE),
    "dense-no-bias": (lambda: nn.Dense(4, use_bias=False), (2, 5)),
    "conv1d": (lambda: nn.Conv1D(4, 3, padding=1), (2, 3, 9)),
    "conv2d": (lambda: nn.Conv2D(4, 3, strides=2, padding=1, dilation=2), IMAGE),
    "conv2d-groups": (lambda: nn.Conv2D(6, 3, groups=3, use_bias=False), IMAGE),
    "conv3d": (lambda: nn.Conv3D(4, 3), (2, 3, 5, 5, 5)),
    "deconv1d": (lambda: nn.Conv1DTranspose(4, 3, strides=2, output_padding=1), (2, 3, 9)),
    "deconv2d": (lambda: nn.Conv2DTranspose(4, 3, strides=2, padding=1), IMAGE),
    "maxpool": (lambda: nn.MaxPool2D(3, 2), IMAGE),
    "maxpool-ceil": (lambda: nn.MaxPool2D(2, 2, ceil_mode=True), IMAGE),
    "avgpool": (lambda: nn.AvgPool2D(3, 2, 1), IMAGE),
    "avgpool-inside": (lambda: nn.AvgPool2D(3, 2, 1, count_include_pad=False), IMAGE),
    "avgpool-ceil": (lambda: nn.AvgPool2D(2, 2, ceil_mode=True), IMAGE),
    "avgpool-ceil-padded": (lambda: nn.AvgPool2D((3, 2), (2, 3), 1, ceil_mode=True), IMAGE),
    "avgpool-ceil-inside": (
        lambda: nn.AvgPool2D(3, 2, 1, ceil_mode=True, count_include_pad=False),
        (2, 3, 10, 9),
    ),
    "maxpool1d": (lambda: nn.MaxPool1D(3, 2), (2, 3, 9)),
    "avgpool1d": (lambda: nn.AvgPool1D(3, 2), (2, 3, 9)),
    "maxpool3d": (lambda: nn.MaxPool3D(2), (2, 3, 4, 4, 4)),
    "global-avg": (nn.GlobalAvgPool2D, IMAGE),
    "global-avg-1d": (nn.GlobalAvgPool1D, (2, 3, 9)),
    "global-max": (nn.GlobalMaxPool2D, IMAGE),
    "batchnorm": (nn.BatchNorm, IMAGE),
    "batchnorm-no-scale": (lambda: nn.BatchNorm(scale=False), IMAGE),
    "batchnorm-last-axis": (lambda: nn.BatchNorm(axis=-1), IMAGE),
    "batchnorm-2d": (nn.BatchNorm, (2, 5)),
    "layernorm": (nn.LayerNorm, IMAGE),
    "embedding": (lambda: nn.Embedding(10, 4), ((2, 5), "int32")),
    "flatten": (nn.Flatten, IMAGE),
    "dropout": (lambda: nn.Dropout(0.5), IMAGE),
    **{
        name: (lambda name=name: nn.Activation(name), IMAGE)
        for name in ("relu", "sigmoid", "tanh", "softrelu", "softsign")
    },
    "leaky": (lambda: nn.LeakyReLU(0.1), IMAGE),
    "prelu": (nn.PReLU, IMAGE),
    "elu": (lambda: nn.ELU(0.5), IMAGE),
    "selu": (nn.SELU, IMAGE),
    "gelu": (nn.GELU, IMAGE),
    "swish": (nn.Swish, IMAGE),
    **{
        f"{kind}-{layers}-{directions}-{layout}": (
            lambda kind=kind, layers=layers, directions=directions, layout=layout: getattr(
                rnn, kind
            )(6, num_layers=layers, bidirectional=directions == 2, layout=layout),
            (4, 2, 5),
        )
        for kind in ("RNN", "LSTM", "GRU")
        for layers in (1, 3)
        for directions in (1, 2)
        for layout in ("TNC", "NTC")
    },
}
# MXNet's own layers and functions that fail in NumPy mode.
LEGACY_LAYERS = {
    "instancenorm": (nn.InstanceNorm, IMAGE),
    "groupnorm": (lambda: nn.GroupNorm(3), IMAGE),
    "reflection": (lambda: nn.ReflectionPad2D(2), IMAGE),
    "lambda": (lambda: nn.HybridLambda("tanh"), IMAGE),
    "concurrent": (concurrent, IMAGE),
    "pixelshuffle": (lambda: contrib.PixelShuffle2D(2), (2, 8, 3, 3)),
}
LEGACY = {
    "softmax": lambda F, x: F.softmax(x),
    "softmax-axis": lambda F, x: F.softmax(x, axis=1),
    "log-softmax": lambda F, x: F.log_softmax(x),
    "sum": lambda F, x: F.sum(x, axis=1),
    "mean": lambda F, x: F.mean(x, axis=(2, 3)),
    "max": lambda F, x: F.max(x, axis=1, keepdims=True),
    "concat": lambda F, x: F.concat(x, x, dim=1),
    "stack": lambda F, x: F.stack(x, x, axis=1),
    "transpose": lambda F, x: F.transpose(x, axes=(0, 2, 3, 1)),
    "reshape": lambda F, x: F.reshape(x, (0, -1)),
    "batch-dot": lambda F, x: F.batch_dot(
        x.reshape((0, 3, -1)), x.reshape((0, 3, -1)), transpose_b=True
    ),
    "dot": lambda F, x: F.dot(x.reshape((0, -1)), x.reshape((0, -1)), transpose_b=True),
    "gemm2": lambda F, x: F.linalg.gemm2(x, x, transpose_b=True),
    "scalars": lambda F, x: 1 - 2 / (x + 1) * 3**x - x / 2 + x**2,
    "comparisons": lambda F, x: (
        (x > 0.5) + (x <= 0.3) * 2 + (x >= 0.9) * 4 + (x < 0.1) * 8 + (x == x * 1) * 3 + (x != 0.1)
    ),
    "where": lambda F, x: F.where(x > 0.5, x, -x),
    "clip": lambda F, x: F.clip(x, 0.2, 0.7),
    "argmax": lambda F, x: F.argmax(x, axis=1),
    "slice-axis": lambda F, x: F.slice_axis(x, axis=1, begin=1, end=3),
    "slice-like": lambda F, x: F.slice_like(x, F.ones((2, 3, 4, 4)), axes=(2, 3)),
    "split": lambda F, x: F.split(x, num_outputs=3, axis=1)[1],
    "pad": lambda F, x: F.pad(
        x, mode="constant", pad_width=(0, 0, 0, 0, 1, 1, 2, 2), constant_value=1
    ),
    "powers": lambda F, x: F.exp(x) + F.log(x + 1) + F.sqrt(x) + F.square(x) + F.expm1(x),
    "roots": lambda F, x: F.rsqrt(x + 1) + F.cbrt(x - 0.5) + F.log1p(x) + F.log2(x + 1),
    "rounding": lambda F, x: F.abs(x - 1) + F.floor(x * 9) + F.ceil(x * 9) + F.sign(x - 0.5),
    "erf": lambda F, x: F.erf(x) + F.sin(x) + F.cos(x),
    "l2-instance": lambda F, x: F.L2Normalization(x),
    "l2-channel": lambda F, x: F.L2Normalization(x, mode="channel"),
    "l2-spatial": lambda F, x: F.L2Normalization(x, mode="spatial"),
    "lrn": lambda F, x: F.LRN(x, nsize=3),
    "upsampling": lambda F, x: F.UpSampling(x, scale=2, sample_type="nearest"),
    "bilinear": lambda F, x: F.contrib.BilinearResize2D(x, scale_height=2, scale_width=2),
    "maximum": lambda F, x: F.maximum(x, 0.5) + F.broadcast_maximum(x, 1 - x),
    "tile": lambda F, x: F.tile(x, (1, 2, 1, 1)),
    "repeat": lambda F, x: F.repeat(x, 2, axis=1),
    "squeeze": lambda F, x: F.squeeze(F.sum(x, axis=1, keepdims=True), axis=1),
    "like": lambda F, x: F.zeros_like(x) + F.ones_like(x),
    "broadcast": lambda F, x: F.broadcast_add(x, F.mean(x, axis=1, keepdims=True)),
    "flip": lambda F, x: F.flip(x, axis=2),
    "cast": lambda F, x: F.cast(F.cast(x * 9, "int32"), "float32"),
    "add-n": lambda F, x: F.add_n(x, x, x),
    "block-grad": lambda F, x: F.BlockGrad(x),
    "one-hot": lambda F, x: F.one_hot(F.argmax(x, axis=1), 3),
    "two-outputs": lambda F, x: (x * 2, x + 1),
    "topk": lambda F, x: F.topk(x, k=2, axis=1, ret_typ="both"),
    "one-output-twice": lambda F, x: (x * 2,) * 2,
    "input-itself": lambda F, x: x,
    "mask": lambda F, x: F.SequenceMask(x, F.ones((3,)) * 2, use_sequence_length=True),
}
NUMPY = {
    "elementwise": lambda F, x: F.np.tanh(x) + F.np.exp(x) - x * 2 / (1 + x) + F.np.maximum(x, 0.5),
    "powers": lambda F, x: F.np.abs(-x) ** 2 + F.np.sqrt(x) + F.np.square(x) + F.np.log(x + 1),
    "comparison": lambda F, x: (x > 0.5) * x,
    "mean": lambda F, x: x.mean(axis=(2, 3)),
    "sum": lambda F, x: x.sum(axis=(1, 2, 3)),
    "all": lambda F, x: x.mean() + x.sum(),
    "max": lambda F, x: x.max(axis=1),
    "normal": lambda F, x: x - x.mean(axis=1, keepdims=True),
    "reshape": lambda F, x: x.reshape((-1, 27, 9)),
    "npx-reshape": lambda F, x: F.npx.reshape(x, (-2, -1)),
    "merged": lambda F, x: F.npx.reshape(x, (-5, -2, -2)),
    "transpose": lambda F, x: F.np.transpose(x, (0, 2, 3, 1)),
    "swap": lambda F, x: F.np.swapaxes(x, 1, 2),
    "concatenate": lambda F, x: F.np.concatenate([x, x], axis=1),
    "stack": lambda F, x: F.np.stack([x, x], axis=1),
    "split": lambda F, x: F.np.split(x, 3, axis=1)[1],
    "squeeze": lambda F, x: F.np.squeeze(x.sum(axis=1, keepdims=True), axis=1),
    "expand": lambda F, x: F.np.expand_dims(x, 1),
    "where": lambda F, x: F.np.where(x > 0.5, x, -x),
    "clip": lambda F, x: F.np.clip(x, 0.2, 0.7),
    "matmul": lambda F, x: F.np.matmul(x, x),
    "dot": lambda F, x: F.np.dot(x.reshape((-1, 243)), x.reshape((-1, 243)).T),
    "batch-dot": lambda F, x: F.npx.batch_dot(x.reshape((-1, 9, 27)), x.reshape((-1, 27, 9))),
    "einsum": lambda F, x: F.np.einsum("bcij,bcjk->bcik", x, x),
    "softmax": lambda F, x: F.npx.softmax(x, axis=1),
    "log-softmax": lambda F, x: F.npx.log_softmax(x),
    "relu": lambda F, x: F.npx.relu(x - 0.5) + F.npx.sigmoid(x),
    "argmax": lambda F, x: F.np.argmax(x, axis=1),
    "like": lambda F, x: F.np.ones_like(x) + F.np.full_like(x, 3),
}

WHOLE = ((2, 3), "int32")
# In NumPy mode; what of it cannot be written as ONNX must not be written wrongly either.
OTHERWISE = {
    "division": (lambda F, x: x / 2, WHOLE),
    "hidden-division": (lambda F, x: (x / 2).astype("float32"), WHOLE),
    "hidden-mean": (lambda F, x: x.mean(axis=1).astype("float32"), WHOLE),
    "argmax": (lambda F, x: x.argmax(1), (2, 3)),
    "comparison": (lambda F, x: x > 0.5, (2, 3)),
    "truth-values": (lambda F, x: ((x > 0) + (x > 1)).astype("float32"), (2, 3)),
    "rounding": (lambda F, x: F.np.rint(x), (2, 3)),
    "all": (lambda F, x: x.mean(), (2, 3)),
}


def both_ways(net, tmp_path, *inputs):
    """Export a network both ways, and look at the files by other means than `export` does."""
    symbol = export(net, tmp_path / "net", *inputs)
    assert symbol.difference <= 1e-6
    done = export_onnx(net, tmp_path / "net.onnx", *inputs)
    assert done.difference <= 1e-5
    assert done.batches
    model = onnx.load(str(done.path))
    weights = {weight.name for weight in model.graph.initializer}
    assert not weights.intersection(value.name for value in model.graph.input)
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    return done


@pytest.mark.parametrize("name", ZOO)
def test_the_whole_classification_zoo(name, tmp_path):
    # Networks whose pooling adapts get small images, which leaves their operators as they are.
    small = any(part in name for part in ("vgg", "alexnet", "resnet", "mobilenet"))
    side = 64 if small else gluonkit.model_info(name).input_shape[2]
    net = gluonkit.create_model(name, init="xavier")
    done = export_onnx(net, tmp_path / "net.onnx", (1, 3, side, side))
    assert done.difference < 1e-4
    assert done.batches == (1, 2)
    (tmp_path / "net.onnx").unlink()


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, array_mode, tmp_path):
    make, shape = LAYERS[name]
    both_ways(filled(make(), shape), tmp_path, shape)


@pytest.mark.parametrize("name", LEGACY_LAYERS)
def test_layers_of_legacy_mode(name, tmp_path):
    make, shape = LEGACY_LAYERS[name]
    both_ways(filled(make(), shape), tmp_path, shape)


@pytest.mark.parametrize("name", LEGACY)
def test_legacy_operators(name, tmp_path):
    both_ways(Function(LEGACY[name]), tmp_path, IMAGE)


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_operators(name, tmp_path):
    npx.set_np()
    both_ways(Function(NUMPY[name]), tmp_path, IMAGE)


def test_several_inputs(array_mode, tmp_path):
    net = Function(lambda F, x, y: x * 2 + y)
    done = both_ways(net, tmp_path, (2, 3), (2, 3))
    assert list(done.inputs) == ["data0", "data1"]


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_means_something_else_in_legacy_mode(name, tmp_path):
    npx.set_np()
    function, spec = OTHERWISE[name]
    net = Function(function)
    shape, dtype = spec if isinstance(spec[0], tuple) else (spec, "float32")
    numbers = numpy.random.RandomState(1).uniform(-5, 5, shape).round(1).astype(dtype)
    x = mx.np.array(numbers, dtype=dtype)
    expected = net(x).asnumpy()
    export(net, tmp_path / "net", spec)
    actual = [load(tmp_path / "net-symbol.json")(x).asnumpy()]
    export_onnx(net, tmp_path / "net.onnx", spec)
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    actual += session.run(None, {"data": numbers})
    for output in actual:
        assert (output.dtype, output.shape) == (expected.dtype, expected.shape)
        numpy.testing.assert_allclose(output, expected, rtol=1e-5)


def test_a_shape_that_is_another_is_seen_without_onnx_runtime(tmp_path, monkeypatch):
    npx.set_np()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = export_onnx(Function(lambda F, x: x.mean()), tmp_path / "net.onnx", (2, 3))
    assert done.outputs == {"output": ("float32", ())}


class Positions(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(4, flatten=False)
        self.places = self.params.get("places", shape=(1, 5, 4))

    def hybrid_forward(self, F, x, places):
        return self.dense(x + places)


def test_a_graph_takes_other_batches_if_the_network_does(array_mode, tmp_path):
    net = filled(Positions(), (1, 5, 4))
    if array_mode == "nd":  # where a graph adds without broadcasting
        with pytest.raises(errors.ExportError, match="does not take one row more"):
            export(net, tmp_path / "net", (1, 5, 4))
        assert not os.listdir(tmp_path)
        return
    export(net, tmp_path / "net", (1, 5, 4))
    x = mx.np.random.uniform(size=(3, 5, 4))
    actual = load(tmp_path / "net-symbol.json")(x).asnumpy()
    numpy.testing.assert_allclose(actual, net(x).asnumpy(), rtol=1e-5)
    fixed = Function(lambda F, x: F.npx.reshape(x, (2, 3)))
    export(fixed, tmp_path / "fixed", (1, 6))


def test_a_pair_of_files_is_never_mixed(tmp_path, monkeypatch):
    from gluonkit.exporting import symbol

    one, two = (gluonkit.create_model("mlp", init="xavier") for _ in range(2))
    (tmp_path / "net-symbol.json").mkdir()
    with pytest.raises(errors.CheckpointError, match="is a folder"):
        export(one, tmp_path / "net", (2, 20))
    assert os.listdir(tmp_path) == ["net-symbol.json"]
    (tmp_path / "net-symbol.json").rmdir()

    original = symbol.move_durably

    def fails(source, target):
        if target.name.endswith(".json"):
            raise OSError(28, "No space left on device")
        original(source, target)

    def contents():
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with monkeypatch.context() as patch:
        patch.setattr(symbol, "move_durably", fails)
        with pytest.raises(errors.CheckpointError, match="No space left"):
            export(one, tmp_path / "net", (2, 20))
        assert not contents()
    export(one, tmp_path / "net", (2, 20))
    before = contents()
    monkeypatch.setattr(symbol, "move_durably", fails)
    with pytest.raises(errors.CheckpointError, match="No space left"):
        export(two, tmp_path / "net", (2, 20))
    assert contents() == before


def test_a_place_that_cannot_be_leaves_the_network_without_shapes(tmp_path):
    net = nn.Dense(3)
    net.initialize()
    for call, name in ((export, "none/n"), (export_onnx, "none/n.onnx"), (export, "a" * 300)):
        with pytest.raises(errors.CheckpointError, match="cannot be written"):
            call(net, tmp_path / name, (2, 3))
    (tmp_path / "n.onnx").mkdir()
    with pytest.raises(errors.CheckpointError, match="is a folder"):
        export_onnx(net, tmp_path / "n.onnx", (2, 3))
    assert net.weight._data is None


def test_exporting_leaves_the_names_of_later_symbols(tmp_path):
    net = Function(lambda F, x: F.relu(x))
    with mx.name.NameManager() as names:
        export(net, tmp_path / "net", (2, 3))
        assert not names._counter


def test_outputs_of_rounding_noise_alone(tmp_path):
    from gluonkit.exporting.network import compare

    noise = numpy.array([1e-14, -1e-14], "float32")
    assert compare("it", [noise * 0], [noise]) < 1e-12
    with pytest.raises(errors.ExportError, match="does not compute"):
        compare("it", [noise * 0], [noise + 1])
    with pytest.raises(errors.ExportError, match="data types float64, the network float32"):
        compare("it", [noise], [noise.astype("float64")])


@pytest.mark.parametrize("made_by", ["gluonkit", "mxnet"])
def test_loaded_inputs_keep_their_order(made_by, array_mode, tmp_path):
    make = mx.np.array if array_mode == "np" else mx.nd.array
    inputs = [make(numpy.full((2, 3), 10.0**n)) for n in range(12)]
    net = Function(lambda F, *all_: sum(x * n for n, x in reversed(list(enumerate(all_, 1)))))
    net.hybridize()
    expected = net(*inputs).asnumpy()
    if made_by == "gluonkit":
        export(net, tmp_path / "net", *inputs)
        nodes = json.loads((tmp_path / "net-symbol.json").read_text())["nodes"]
        assert [node["name"] for node in nodes[:12]] == [f"data{n}" for n in range(12)]
    else:
        net.export(str(tmp_path / "net"))
    actual = load(tmp_path / "net-symbol.json")(*inputs).asnumpy()
    numpy.testing.assert_array_equal(actual, expected)


@pytest.mark.filterwarnings("ignore:.* input to HybridBlock is not used")
def test_a_loaded_graph_takes_inputs_without_effect(array_mode, tmp_path):
    ones = mx.np.ones((2, 3)) if array_mode == "np" else mx.nd.ones((2, 3))
    export(Function(lambda F, x, y, z: z - y * 3), tmp_path / "net", *[(2, 3)] * 3)
    again = load(tmp_path / "net-symbol.json")
    assert numpy.all(again(ones * 7, ones * 2, ones * 5).asnumpy() == -1)


@pytest.mark.filterwarnings("ignore:ndarray.context has been renamed")
def test_a_loaded_recurrent_layer_takes_any_batch(array_mode, tmp_path):
    net = filled(rnn.GRU(5), (4, 2, 3))
    export(net, tmp_path / "net", (4, 2, 3))
    x = mx.nd.random.uniform(shape=(4, 3, 3))
    x = x.as_np_ndarray() if array_mode == "np" else x
    again = load(tmp_path / "net-symbol.json")
    numpy.testing.assert_allclose(again(x).asnumpy(), net(x).asnumpy(), rtol=1e-5, atol=1e-6)


def test_a_loaded_network_has_the_data_types_of_the_file(array_mode, tmp_path):
    net = filled(nn.Dense(4), (2, 3))
    net.cast("float64")
    export(net, tmp_path / "net", ((2, 3), "float64"))
    again = load(tmp_path / "net-symbol.json")
    assert {numpy.dtype(p.data().dtype) for p in again.collect_params().values()} == {
        numpy.dtype("float64")
    }


def test_an_input_that_has_no_effect(tmp_path):
    done = both_ways(Function(lambda F, x, y: x * 2), tmp_path, (2, 3), (2, 3))
    assert list(done.inputs) == ["data0", "data1"]


def test_shared_weights_stand_once(tmp_path):
    net = gluonkit.create_model("tied_mlp", init="xavier")
    done = both_ways(net, tmp_path, (2, 20))
    weights = [weight.name for weight in onnx.load(str(done.path)).graph.initializer]
    assert len([name for name in weights if name.endswith(".weight")]) == len(
        {id(parameter) for parameter in net.collect_params(".*weight").values()}
    )


def test_float64(tmp_path):
    net = gluonkit.create_model("mlp", init="xavier")
    gluonkit.materialize(net, (2, 20))
    net.cast("float64")
    done = both_ways(net, tmp_path, ((2, 20), "float64"))
    assert done.inputs["data"] == ("float64", ("batch", 20))


def test_what_mxnet_cannot_run_here_is_not_exported(tmp_path):
    net = gluonkit.create_model("mlp", init="xavier")
    gluonkit.materialize(net, (2, 20))
    net.cast("float16")
    for call, path in ((export, "m"), (export_onnx, "m.onnx")):
        with pytest.raises(errors.ExportError, match=r"does not run with .* float16, .* float16"):
            call(net, tmp_path / path, ((2, 20), "float16"))
    assert not os.listdir(tmp_path)


def test_the_network_stays_as_it_was(array_mode, tmp_path):
    net = gluonkit.create_model("lenet", init="xavier")
    net.hybridize()
    gluonkit.materialize(net, (2, 1, 28, 28))
    before = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
    state = [dict(vars(block)) for block in (net, *net)]
    mx.random.seed(5)
    random = mx.nd.random.uniform(shape=(3,)).asnumpy()
    mx.random.seed(5)
    both_ways(net, tmp_path, (2, 1, 28, 28))
    numpy.testing.assert_array_equal(mx.nd.random.uniform(shape=(3,)).asnumpy(), random)
    assert [dict(vars(block)) for block in (net, *net)] == state
    assert net._cached_graph == ()
    for name, parameter in net.collect_params().items():
        numpy.testing.assert_array_equal(parameter.data().asnumpy(), before[name])
        assert not numpy.any(parameter.grad().asnumpy())


def test_running_statistics_do_not_move(tmp_path):
    net = filled(nn.BatchNorm(), IMAGE)
    with autograd.record():
        both_ways(net, tmp_path, IMAGE)
    assert numpy.all(net.running_mean.data().asnumpy() == numpy.float32(1.7))


def test_names(tmp_path):
    net = sequential(nn.Conv2D(2, 3), nn.BatchNorm(), nn.Dense(3))
    net.initialize()
    done = both_ways(net, tmp_path, (2, 1, 8, 8))
    weights = {weight.name for weight in onnx.load(str(done.path)).graph.initializer}
    assert {"0.weight", "0.bias", "1.gamma", "1.running_mean", "2.weight"} <= weights
    assert done.outputs == {"output": ("float32", ("batch", 3))}
    symbol = json.loads((tmp_path / "net-symbol.json").read_text())
    assert symbol["nodes"][0] == {"op": "null", "name": "data", "inputs": []}


def test_a_parameter_named_as_the_input_would_be(tmp_path):
    class Named(gluon.HybridBlock):
        def __init__(self):
            super().__init__(prefix="")
            self.data = self.params.get("data", shape=(3,))

        def hybrid_forward(self, F, x, data):
            return F.broadcast_mul(x, data)

    net = Named()
    net.initialize(mx.init.Uniform(1), force_reinit=True)
    done = both_ways(net, tmp_path, (3, 3))
    assert list(done.inputs) == ["data_"]


def test_a_parameter_whose_path_is_the_name_of_the_input(array_mode, tmp_path):
    class Named(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.data = self.params.get("weight", shape=(3,))

        def hybrid_forward(self, F, x, data):
            return x * data if array_mode == "np" else F.broadcast_mul(x, data)

    done = both_ways(filled(Named(), (3, 3)), tmp_path, (3, 3))
    assert list(done.inputs) == ["data_"]


def test_open_and_fixed_batches(tmp_path):
    net = Function(lambda F, x: x.reshape((2, -1)))
    with pytest.raises(errors.ExportError, match=r"does not run.*Give dynamic_batch=False"):
        export_onnx(net, tmp_path / "net.onnx", (2, 3))
    done = export_onnx(net, tmp_path / "net.onnx", (2, 3), dynamic_batch=False)
    assert (done.inputs["data"][1], done.batches) == ((2, 3), (2,))
    done = export_onnx(Function(lambda F, x: F.concat(x, x, dim=0)), tmp_path / "net.onnx", (2, 3))
    assert done.outputs["output"][1] == (None, 3)


def test_plain_mxnet_loads_an_export(python, tmp_path):
    net = gluonkit.create_model("lenet", init="xavier")
    x = nd.random.uniform(shape=(2, 1, 28, 28))
    done = export(net, tmp_path / "lenet", x, epoch=7)
    assert done.parameters.name == "lenet-0007.params"
    numpy.save(tmp_path / "x.npy", x.asnumpy())
    code = """
import gluonkit.system.compat
mx = gluonkit.system.compat.import_mxnet()
import numpy
net = mx.gluon.SymbolBlock.imports("lenet-symbol.json", ["data"], "lenet-0007.params")
numpy.save("y.npy", net(mx.nd.array(numpy.load("x.npy"))).asnumpy())
symbol, arguments, auxiliary = mx.model.load_checkpoint("lenet", 7)
module = mx.mod.Module(symbol, label_names=None)
module.bind([("data", (2, 1, 28, 28))], for_training=False)
module.set_params(arguments, auxiliary)
module.forward(mx.io.DataBatch([mx.nd.array(numpy.load("x.npy"))]), is_train=False)
numpy.save("z.npy", module.get_outputs()[0].asnumpy())
"""
    result = python("-W", "ignore", "-c", code, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    for name in "yz":
        actual = numpy.load(tmp_path / f"{name}.npy")
        numpy.testing.assert_allclose(actual, net(x).asnumpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Cannot decide type")  # MXNet's own, while it imports
def test_a_network_that_mxnet_has_imported(tmp_path):
    """MXNet does not know the shapes of its parameters, only those of their arrays."""
    net = gluonkit.create_model("lenet", init="xavier")
    export(net, tmp_path / "net", (2, 1, 28, 28))
    files = [str(tmp_path / name) for name in ("net-symbol.json", "net-0000.params")]
    imported = gluonkit.gluon.SymbolBlock.imports(files[0], ["data"], files[1])
    assert {parameter.shape for parameter in imported.collect_params().values()} == {None}
    export_onnx(imported, tmp_path / "net.onnx", (2, 1, 28, 28))  # which compares the outputs
    again = gluonkit.gluon.SymbolBlock.imports(files[0], ["data"], files[1])
    gluonkit.export_torch(again, tmp_path / "net", (2, 1, 28, 28), verify=False)
    assert "nn.Conv2d(1, 6" in (tmp_path / "net" / "model.py").read_text()


def test_an_exported_network_is_exported_again(array_mode, tmp_path):
    net = gluonkit.create_model("lenet", init="xavier")
    export(net, tmp_path / "one", (2, 1, 28, 28))
    both_ways(load(tmp_path / "one-symbol.json"), tmp_path, (2, 1, 28, 28))
    again = load(tmp_path / "net-symbol.json")
    # Neither that export nor `summary` has changed the block's own graph.
    assert gluonkit.summary(again, (2, 1, 28, 28)).total_params > 0
    x = mx.nd.ones((2, 1, 28, 28))
    x = x.as_np_ndarray() if array_mode == "np" else x
    numpy.testing.assert_allclose(again(x).asnumpy(), net(x).asnumpy(), rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- what is refused


def test_operators_without_converter_are_all_named(tmp_path):
    net = Function(lambda F, x: F.gammaln(x) + F.gamma(x))
    with pytest.raises(errors.ExportError, match=r"gammaln \(there is no .*gamma"):
        export_onnx(net, tmp_path / "net.onnx", (2, 3))
    assert not os.listdir(tmp_path)


def wrong(step):
    step.add("Identity", step.inputs)


@pytest.mark.parametrize("operator", ["_plus_scalar", "_copy"])
def test_a_file_that_computes_something_else_is_not_written(operator, tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    net = Function(lambda F, x: F.identity(x) + 1)
    export_onnx(net, path, (2, 3))
    before = path.read_bytes()
    monkeypatch.setitem(OWN, "_plus_scalar", wrong)
    if operator == "_copy":  # a wrong shape
        monkeypatch.setitem(OWN, "_copy", lambda step: step.add("Transpose", step.inputs))
    with pytest.raises(errors.ExportError, match=r"does not compute|outputs of shapes|refuses"):
        export_onnx(net, path, (2, 3))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.onnx"]


def test_what_onnx_runtime_refuses_is_told_in_its_first_line(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("there is no kernel for it\n one kernel\n)")

    monkeypatch.setattr(runtime, "InferenceSession", refuse)
    with pytest.raises(errors.ExportError, match=r"file: there is no kernel for it$"):
        export_onnx(Function(lambda F, x: x + 1), tmp_path / "net.onnx", (2, 3))


def test_what_is_wrong_for_negative_numbers_alone_is_noticed(tmp_path, monkeypatch):
    net = Function(lambda F, x: F.abs(x) + 1)
    export_onnx(net, tmp_path / "net.onnx", (2, 3))
    monkeypatch.setitem(OWN, "abs", wrong)
    with pytest.raises(errors.ExportError, match="does not compute"):
        export_onnx(net, tmp_path / "net.onnx", (2, 3))


def test_a_symbol_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    net = gluonkit.create_model("mlp", init="xavier")
    export(net, tmp_path / "net", (2, 20))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    from gluonkit.exporting import symbol

    original = symbol.memory.numbers
    monkeypatch.setattr(symbol.memory, "numbers", lambda array: original(array) + 1)
    with pytest.raises(errors.ExportError, match="does not compute what the network computes"):
        export(net, tmp_path / "net", (2, 20))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


class OnlyBlock(gluon.Block):
    def forward(self, x):
        return x


def hooked():
    net = nn.Dense(2)
    net.register_forward_hook(lambda *_: None)
    net.initialize()
    return net


def twice_the_same_names():
    net = sequential(nn.Dense(3, in_units=3, prefix="d_"), nn.Dense(3, in_units=3, prefix="d_"))
    for block in net:
        block.initialize()
    return net


def control_flow():
    return Function(
        lambda F, x: F.contrib.foreach(lambda a, s: (a + s[0], [s[0] + a]), x, [F.zeros((3,))])[0]
    )


def drawing(F, x):
    return F.broadcast_add(x, F.random.uniform(shape=(1, 3)))


REFUSED = {
    "block": (OnlyBlock, "OnlyBlock.* is a Block, not a HybridBlock"),
    "hooks": (hooked, "has forward hooks"),
    "names": (twice_the_same_names, r"two parameters named d_weight \(0.weight and 1.weight\)"),
    "control flow": (control_flow, r"control flow \(_foreach\)"),
    "random": (lambda: Function(drawing), "output 0 differs"),
    "text": (lambda: Function(lambda F, x: (x * 2, "y")), "gives a str besides or in place"),
    "number": (lambda: Function(lambda F, x: (x * 2, 3)), "gives an int besides or in place"),
}


def test_outputs_in_a_dictionary_are_exported_in_its_order(tmp_path):
    net = Function(lambda F, x: {"twice": x * 2, "negative": -x})
    x = numpy.arange(6, dtype="float32").reshape(2, 3)
    files = export(net, tmp_path / "net", (2, 3))
    twice, negative = gluonkit.load(files.symbol)(mx.nd.array(x))
    numpy.testing.assert_array_equal(twice.asnumpy(), 2 * x)
    numpy.testing.assert_array_equal(negative.asnumpy(), -x)
    export_onnx(net, tmp_path / "net.onnx", (2, 3))
    session = runtime.InferenceSession(tmp_path / "net.onnx")
    twice, negative = session.run(None, {session.get_inputs()[0].name: x})
    numpy.testing.assert_array_equal(twice, 2 * x)
    numpy.testing.assert_array_equal(negative, -x)


@pytest.mark.parametrize("case", REFUSED)
def test_networks_that_cannot_be_exported(case, tmp_path):
    make, message = REFUSED[case]
    net = make()
    for call, path in ((export, "net"), (export_onnx, "net.onnx")):
        with pytest.raises(errors.ExportError, match=message):
            call(net, tmp_path / path, (2, 3))
    assert not os.listdir(tmp_path)


WRONG_CALLS = {
    "no input": ((), "no input is given"),
    "too many": (((2, 20), (2, 20)), "2 inputs are given"),
    "a list": (([(2, 20)],), "input 1 is a list of arrays.*wrap the network"),
    "none": ((None,), "input 1 is None"),
    "text": (("2x20",), "input 1 is '2x20', a str"),
    "shape": (((2, 3, "a"),), "is no shape"),
    "empty": ((numpy.ones((0, 20)),), r"input 1 has the shape \(0, 20\) without any element"),
    "zero": (((0, 20),), "is no shape; give whole numbers from 1"),
    "complex": ((((2, 20), "complex64"),), "complex64, which MXNet does not have"),
    "uint16": ((((2, 20), "uint16"),), "uint16, which MXNet does not have"),
    "objects": ((numpy.array([[{}] * 20]),), "object, which MXNet does not have"),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_wrong_inputs(case, tmp_path):
    inputs, message = WRONG_CALLS[case]
    net = gluonkit.create_model("mlp", init="xavier")
    for call, path in ((export, "net"), (export_onnx, "net.onnx")):
        with pytest.raises((errors.ArgumentError, errors.ArgumentTypeError), match=message):
            call(net, tmp_path / path, *inputs)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("call", "path", "options", "error", "message"),
    [
        (export, ".", {}, errors.ArgumentError, "a folder; give the begin"),
        (export, "net.params", {}, errors.ArgumentError, "give it without ending"),
        (export, "", {}, errors.ArgumentError, "give a path"),
        (
            export,
            "none/net",
            {},
            errors.CheckpointError,
            "there is no folder .*none; make it first",
        ),
        (export, "net", {"epoch": -1}, errors.ArgumentError, "`epoch` is -1"),
        (export_onnx, "net", {}, errors.ArgumentError, r"should end in \.onnx"),
        (export_onnx, "none/net.onnx", {}, errors.CheckpointError, "there is no folder"),
        (
            export_onnx,
            "net.onnx",
            {"dynamic_batch": "no"},
            errors.ArgumentTypeError,
            "`dynamic_batch` is 'no', a str",
        ),
    ],
)
def test_paths_and_options_that_are_refused(*, call, path, options, error, message, tmp_path):
    net = gluonkit.create_model("mlp", init="xavier")
    with pytest.raises(error, match=message):
        call(net, f"{tmp_path}/{path}" if path else path, (2, 20), **options)
    assert not os.listdir(tmp_path)


def test_a_network_without_values(tmp_path):
    with pytest.raises(errors.StateError, match="initialize"):
        export(nn.Dense(2), tmp_path / "net", (2, 20))
    assert not os.listdir(tmp_path)


def test_without_onnx(tmp_path, monkeypatch):
    net = gluonkit.create_model("mlp", init="xavier")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = export_onnx(net, tmp_path / "net.onnx", (2, 20))
    assert (done.difference, done.batches) == (None, ())
    assert "pip install onnxruntime" in str(done)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(errors.MissingPackageError, match=r'extra "onnx" .*pip install onnx'):
        export_onnx(net, tmp_path / "net.onnx", (2, 20))


def test_more_than_a_file_holds(tmp_path, monkeypatch):
    from gluonkit.exporting.onnx import model as onnx_model

    monkeypatch.setattr(onnx_model, "_MOST_BYTES", 1000)
    net = gluonkit.create_model("mlp", init="xavier")
    with pytest.raises(errors.ExportError, match="one ONNX file holds 2 GiB at most"):
        export_onnx(net, tmp_path / "net.onnx", (2, 20))


# ---------------------------------------------------------------- the command


@pytest.fixture
def command(python, tmp_path):
    def run(*args):
        return python("-m", "gluonkit", *args, cwd=tmp_path)

    return run


def test_the_command(command, tmp_path):
    net = gluonkit.create_model("lenet", init="xavier")
    gluonkit.materialize(net, (1, 1, 28, 28))
    gluonkit.save(net, tmp_path / "mine.safetensors")
    result = command("export", "mine.safetensors", "--format", "onnx")
    assert result.returncode == 0, result.stderr
    assert "run by ONNX Runtime, batches of 1 and 2" in result.stdout
    result = command("export", "mine.safetensors", "--format", "symbol", "-o", "out")
    assert "equal outputs" in result.stdout
    assert {"mine.onnx", "out-symbol.json", "out-0000.params"} <= set(os.listdir(tmp_path))
    result = command("export", "out-symbol.json", "--format", "onnx")
    assert result.returncode == 2
    assert "`--inputs` is needed" in result.stderr
    result = command("export", "out-symbol.json", "--format", "onnx", "--inputs", "1x1x28x28")
    assert result.returncode == 0, result.stderr
    result = command("export", "mlp(units=(5,))", "--format", "onnx", "--no-dynamic-batch")
    assert "its weights are random" in result.stdout
    assert "data float32 (1 × 20)" in result.stdout or "batches of" in result.stdout
    gluonkit.convert(tmp_path / "mine.safetensors", tmp_path / "plain.params")
    result = command("export", "plain.params", "--format", "onnx")
    assert (result.returncode, "`--net` is needed" in result.stderr) == (2, True)
    result = command("export", "plain.params", "--format", "onnx", "--net", "lenet")
    assert "File     plain.onnx" in result.stdout
    result = command("export", "nothing.safetensors", "--format", "onnx")
    assert (result.returncode, "does not exist" in result.stderr) == (1, True)


def test_the_commands_own_names(command, tmp_path):
    for units in (3, 4):
        net = gluonkit.create_model("mlp", init="xavier", units=(units,))
        gluonkit.materialize(net, (1, 20))
        gluonkit.save(net, tmp_path / f"mlp0.{units}.safetensors")
        result = command("export", f"mlp0.{units}.safetensors", "--format", "onnx")
        assert result.returncode == 0, result.stderr
    assert {"mlp0.3.onnx", "mlp0.4.onnx"} <= set(os.listdir(tmp_path))
    export(net, tmp_path / "net", (1, 20))
    for source in ("net-symbol.json", "net-0000.params"):
        result = command("export", source, "--format", "symbol", "--inputs", "1x20")
        assert (result.returncode, "`--output` is needed" in result.stderr) == (2, True)
    result = command("export", "mlp", "--format", "symbol", "--no-dynamic-batch")
    assert (result.returncode, "`--dynamic-batch` is for ONNX" in result.stderr) == (2, True)
    result = command("export", "net-symbol.json", "--format", "onnx", "--inputs", "0x20")
    assert (result.returncode, "0x20" in result.stderr) == (2, True)
