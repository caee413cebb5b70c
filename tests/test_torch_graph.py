"""PyTorch source from graphs: checkpoints of Module, exported networks, and their weights."""

import ast
import re
import subprocess

import numpy
import pytest
from mxnet.gluon import rnn

import gluonkit
from gluonkit import gluon, mx, nn, npx
from gluonkit._base.specs import ArraySpec
from gluonkit.checkpoint import training
from gluonkit.errors import ExportError
from gluonkit.exporting.network import prepared
from gluonkit.exporting.torch import tree
from gluonkit.exporting.torch.certificate import certify
from gluonkit.files.contents import Tensor
from gluonkit.files.safetensors import write_safetensors
from gluonkit.tracing.inputs import spec_of
from tests.torch_networks import ruff

sym = mx.sym


def block_of(symbol, folder, shapes):
    """Return a checkpoint of `Module`, with random weights, as gluonkit loads it."""
    names = [name for name in shapes if not name.endswith("label")]
    module = mx.mod.Module(symbol, names, [name for name in shapes if name not in names] or None)
    labels = [(name, shape) for name, shape in shapes.items() if name not in names] or None
    module.bind([(name, shapes[name]) for name in names], labels, for_training=bool(labels))
    module.init_params(mx.init.Uniform(0.5))
    arguments, states = module.get_params()
    states = {name: abs(values) + 0.5 for name, values in states.items()}
    mx.model.save_checkpoint(str(folder / "net"), 3, symbol, arguments, states)
    return gluonkit.load(folder / "net-0003.params")


def exported(net, folder, *inputs):
    """Return a network that has been exported by Gluon and loaded by gluonkit."""
    net.initialize(mx.init.Uniform(0.5))
    net.hybridize()
    net(*map(mx.nd.array, inputs))
    net.export(str(folder / "net"))
    return gluonkit.load(folder / "net-0000.params")


def model_of(net, *inputs):
    return tree.write(net, [spec_of(x) for x in inputs])


def check_certified(net, folder, python, *inputs):
    """Write a graph's model, have torch certify it, and return it."""
    model = model_of(net, *inputs)
    (folder / "model.py").write_text(model.source)
    with (folder / "model.safetensors").open("wb") as file:
        tensors = {weight.key: Tensor.of(weight.array) for weight in model.weights}
        write_safetensors(file, tensors, {})
    network = prepared(net, [mx.nd.array(x, dtype=x.dtype) for x in inputs])
    done = certify(network, model, folder, python=python, compiled=False)
    assert done.verified, str(done)
    return model


def forward_of(model):
    """Return the statements of `forward`."""
    tree = ast.parse(model.source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [ast.unparse(line) for line in functions[-1].body]


def floats(*shape):
    return numpy.random.default_rng(shape).uniform(-1, 1, shape).astype("float32")


def classifier():
    """Return an old network of images, as `Module` trained them."""
    x = sym.Convolution(sym.var("data"), num_filter=4, kernel=(3, 3), pad=(1, 1), name="conv1")
    x = sym.BatchNorm(x, name="bn1", momentum=0.8)  # whose gamma is fixed
    x = sym.Activation(x, act_type="relu", name="relu1")
    x = sym.Pooling(x, kernel=(3, 3), stride=(2, 2), pooling_convention="full", name="pool1")
    y = sym.Convolution(x, num_filter=4, kernel=(1, 1), no_bias=True, name="conv2")
    x = sym.BatchNorm(x + y, name="bn2", fix_gamma=False, eps=2e-5)
    x = sym.LeakyReLU(x, act_type="prelu", name="prelu")
    x = sym.FullyConnected(sym.Dropout(sym.Flatten(x), p=0.5), num_hidden=6, name="fc1")
    x = sym.FullyConnected(x, num_hidden=3, name="fc2")
    return sym.SoftmaxOutput(x, sym.var("softmax_label"), name="softmax")


@pytest.mark.torch
def test_an_old_classifier(tmp_path, torch_python):
    shapes = {"data": (2, 3, 8, 8), "softmax_label": (2,)}
    net = block_of(classifier(), tmp_path, shapes)
    model = check_certified(net, tmp_path, torch_python, floats(2, 3, 8, 8))
    assert forward_of(model) == [
        "x = self.conv1(data)",
        "x = F.max_pool2d(F.relu(self.bn1(x)), 3, stride=2, ceil_mode=True)",
        "x = self.bn2(x + self.conv2(x))",
        "x = self.fc1(F.dropout(self.prelu(x).flatten(1), 0.5, self.training))",
        "return F.softmax(self.fc2(x), dim=-1)",
    ]


def test_weights_and_names_of_an_old_classifier(tmp_path):
    net = block_of(classifier(), tmp_path, {"data": (2, 3, 8, 8), "softmax_label": (2,)})
    model = model_of(net, floats(2, 3, 8, 8))
    weights = {weight.key: weight for weight in model.weights}
    names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert list(weights) == [
        *("conv1.weight", "conv1.bias", *(f"bn1.{name}" for name in names)),
        *("conv2.weight", *(f"bn2.{name}" for name in names), "prelu.weight"),
        *("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"),
    ]
    assert [w.key for w in model.weights if not w.trained] == [
        *(f"bn1.{name}" for name in names if name != "bias"),
        *(f"bn2.{name}" for name in names[2:]),
    ]
    assert (weights["bn1.weight"].array == 1).all()
    stored = net.collect_params()["fc1_weight"].data().asnumpy()
    numpy.testing.assert_array_equal(weights["fc1.weight"].array, stored)
    assert "nn.BatchNorm2d(4, eps=0.001, momentum=0.2)" in model.source
    assert "nn.BatchNorm2d(4, eps=2e-05)" in model.source
    assert list(model.inputs) == ["data"]
    assert len(model.notes) == 1


def segmentation():
    data = sym.var("data")
    x = sym.Convolution(data, num_filter=4, kernel=(3, 3), pad=(20, 20), name="conv1")
    x = sym.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    x = sym.Deconvolution(x, num_filter=2, kernel=(4, 4), stride=(2, 2), name="bigscore")
    x = sym.Deconvolution(
        x,
        num_filter=2,
        kernel=(3, 3),
        stride=(2, 2),
        adj=(1, 1),
        num_group=2,
        no_bias=False,
        name="up",
    )
    return sym.Crop(x, data, offset=(19, 17), num_args=2, name="score")


def recurrent_unrolled():
    """Return LSTM cells over four steps, which share their weights, and a fused layer."""
    cell = mx.rnn.LSTMCell(5, prefix="lstm_")
    shared = sym.var("embed_weight")
    embedded = sym.Embedding(sym.var("data"), shared, input_dim=9, output_dim=6, name="embed")
    outputs, _ = cell.unroll(4, embedded, layout="NTC", merge_outputs=True)
    return sym.FullyConnected(
        sym.FullyConnected(outputs, num_hidden=6, flatten=False, name="wide"),
        weight=shared,
        num_hidden=9,
        flatten=False,
        name="decoder",
    )


def fused(mode, *, bidirectional=False):
    cell = mx.rnn.FusedRNNCell(
        5,
        num_layers=2,
        mode=mode,
        bidirectional=bidirectional,
        prefix=f"{mode}_",
        get_next_state=True,
    )
    outputs, states = cell.unroll(4, sym.var("data"), layout="TNC", merge_outputs=True)
    return sym.Group([outputs, *states])


def normalized():
    x, shift = sym.var("data"), sym.var("shift_bias", shape=(1, 4, 1))
    x = sym.InstanceNorm(x, sym.var("in_gamma"), sym.var("in_beta"), name="in")
    x = sym.LayerNorm(x, sym.var("ln_gamma"), sym.var("ln_beta"), axis=1, name="ln")
    x = sym.broadcast_add(x, shift)
    x = sym.BatchNorm(x, axis=2, fix_gamma=False, use_global_stats=False, name="bn")
    return sym.Group([sym.tanh(x), sym.mean(x, axis=(1, 2))])


CHECKPOINTS = {
    "segmentation": (segmentation, floats(2, 3, 9, 9)),
    "unrolled": (
        recurrent_unrolled,
        numpy.random.default_rng(0).integers(0, 9, (2, 4)).astype("float32"),
    ),
    "normalized": (normalized, floats(6, 4, 12)),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints(name, tmp_path, torch_python):
    make, given = CHECKPOINTS[name]
    net = block_of(make(), tmp_path, {"data": given.shape})
    check_certified(net, tmp_path, torch_python, given)


def test_tied_weights_and_cells_that_are_called_often(tmp_path):
    net = block_of(recurrent_unrolled(), tmp_path, {"data": (2, 4)})
    source = model_of(net, floats(2, 4)).source
    assert "self.decoder.weight = self.embed.weight" in source
    assert source.count("nn.Linear(") == 4
    assert source.count("self.lstm_i2h(") == 4


def test_a_graph_is_the_same_in_numpy_mode(tmp_path):
    shapes = {"data": (2, 3, 8, 8), "softmax_label": (2,)}
    given = floats(2, 3, 8, 8)
    model = model_of(block_of(classifier(), tmp_path, shapes), given)
    npx.set_np()
    other = model_of(gluonkit.load(tmp_path / "net-0003.params"), given)
    assert other.source == model.source
    for weight, same in zip(model.weights, other.weights, strict=True):
        numpy.testing.assert_array_equal(weight.array, same.array)


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_fused_layers_with_packed_weights(mode, tmp_path, torch_python):
    net = block_of(fused(mode, bidirectional=mode == "lstm"), tmp_path, {"data": (4, 2, 3)})
    model = model_of(net, floats(4, 2, 3))
    (packed,) = net.collect_params().values()
    vector = packed.data().asnumpy()
    parts = {weight.key: weight.part(numpy.arange(vector.size)) for weight in model.weights}
    assert sorted(numpy.concatenate([part.ravel() for part in parts.values()])) == list(
        range(vector.size)
    )
    weights = {w.key: Tensor.of(w.array) for w in model.weights}
    (tmp_path / "model.py").write_text(model.source)
    with (tmp_path / "model.safetensors").open("wb") as file:
        write_safetensors(file, weights, {})
    for batch in (1, 3):
        given = floats(4, batch, 3)
        wanted = net(mx.nd.array(given))
        results = run(tmp_path, torch_python, given)
        for result, output in zip(results, wanted, strict=True):
            numpy.testing.assert_allclose(result, output.asnumpy(), rtol=1e-4, atol=1e-5)


RUN = """
import numpy, safetensors.torch, torch
from model import Model
model = Model()
model.load_state_dict(safetensors.torch.load_file("model.safetensors"))
outputs = model.eval()(torch.from_numpy(numpy.load("given.npy")))
numpy.savez("outputs.npz", *[output.detach().numpy() for output in outputs])
"""


def run(folder, python, given):
    numpy.save(folder / "given.npy", given)
    done = subprocess.run(
        [python, "-c", RUN], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with numpy.load(folder / "outputs.npz") as outputs:
        return [outputs[name] for name in outputs.files]


class Together(gluon.HybridBlock):
    """Two inputs, two outputs, a constant, and a layer that is called twice."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.one = nn.Dense(4, flatten=False)
            self.gru = rnn.GRU(3, layout="NTC", bidirectional=True)
            self.shift = self.params.get_constant("shift", floats(1, 1, 4))

    def hybrid_forward(self, F, x, y, shift):
        z = F.broadcast_add(self.one(x) + self.one(y), shift)
        places = F.reshape(F.arange(5), (1, 5, 1))
        return self.gru(z), F.broadcast_mul(z, places)


@pytest.mark.torch
def test_several_inputs_and_outputs(tmp_path, torch_python):
    given = floats(2, 5, 4), floats(2, 5, 4) / 2
    net = exported(Together(), tmp_path, *given)
    model = check_certified(net, tmp_path, torch_python, *given)
    assert model.outputs == 2
    assert list(model.inputs) == ["data0", "data1"]
    assert "device=data0.device" in model.source


@pytest.mark.torch
@pytest.mark.parametrize("name", ["resnet18_v2", "mobilenetv2_0.25"])
def test_exported_networks_of_the_zoo(name, tmp_path, torch_python):
    net = gluon.model_zoo.vision.get_model(name, classes=7)
    given = floats(2, 3, 64, 64)
    check_certified(exported(net, tmp_path, given), tmp_path, torch_python, given)


def test_the_source_is_formatted(tmp_path):
    net = gluon.model_zoo.vision.get_model("densenet121", classes=7)
    net = exported(net, tmp_path, floats(1, 3, 224, 224))
    (tmp_path / "model.py").write_text(model_of(net, floats(1, 3, 224, 224)).source)
    for command in (["format", "--check"], ["check"]):
        done = ruff(*command, "model.py", cwd=tmp_path)
        assert done.returncode == 0, done.stdout


def test_what_cannot_be_mapped_is_named():
    roi = sym.contrib.RROIAlign(
        sym.var("data"), sym.var("rois"), pooled_size=(2, 2), spatial_scale=1.0
    )
    grid = sym.GridGenerator(sym.var("angles"), transform_type="affine", target_shape=(4, 4))
    shapes = {"data": (2, 3, 8, 8), "rois": (4, 6), "angles": (2, 6)}
    net = training.block_of(sym.Group([roi, grid]), list(shapes))
    reason = "torch has no pooling of turned, moved or position-sensitive regions"
    text = f"_contrib_RROIAlign in {roi.name} ({reason}); GridGenerator in {grid.name} ("
    with pytest.raises(ExportError, match=re.escape(text)):
        tree.write(net, [ArraySpec(shape) for shape in shapes.values()])


@pytest.mark.torch
def test_a_graph_inside_of_a_network(tmp_path, torch_python):
    shapes = {"data": (2, 3, 8, 8), "softmax_label": (2,)}
    net = nn.HybridSequential(prefix="outer_")
    net.add(block_of(classifier(), tmp_path, shapes), nn.Dense(2, in_units=3))
    net[1].initialize(mx.init.Uniform(0.5))
    model = check_certified(net, tmp_path, torch_python, floats(2, 3, 8, 8))
    assert "class Graph(nn.Module):" in model.source


@pytest.mark.torch
def test_a_graph_of_several_inputs_inside_of_a_network(tmp_path, torch_python):
    class Outer(gluon.HybridBlock):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def hybrid_forward(self, F, x):
            total, product = self.inner(x, x + 1)
            return total * product

    a, b = sym.var("a"), sym.var("b")
    net = Outer(training.block_of(sym.Group([a + b, a * b]), ["a", "b"]))
    model = check_certified(net, tmp_path, torch_python, floats(2, 3))
    assert "self.inner(x, x + 1)" in model.source
