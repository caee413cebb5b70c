"""`inspect`: what a file is, what it holds, and what can be done with it, which then is done."""

import io
import json
import os
import pickle
import shlex
import struct
import tarfile
import tracemalloc
from pathlib import Path

import mxnet as mx
import numpy
import pytest
from mxnet import gluon, nd

import gluonkit as gk
from gluonkit import create_model, export, inspect, load, save, verify
from gluonkit.checkpoint.exported import only_network
from gluonkit.cli.main import main
from gluonkit.data import RecordHeader, RecordWriter, encode_image, pack_record
from gluonkit.diagnosis import Use
from gluonkit.errors import CheckpointError
from tests.conftest import ROOT
from tests.legacy import draws, graph, node, variable, written
from tests.test_module_reasons import fused

DENSE = node("FullyConnected", "fc", 0, 1, 2, attrs={"num_hidden": "3"})
TEXT = graph(variable("data"), variable("fc_weight"), variable("fc_bias"), DENSE, version=10901)
PARAMETERS = {"arg:fc_weight": draws(3, 4), "arg:fc_bias": draws(3)}


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    """Run in a folder of its own, so that paths are short, as people have them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def module_checkpoint(prefix="net", epoch=7, side=28, head="SoftmaxOutput"):
    """Save a small LeNet by `Module`, and return the module."""
    layer = mx.sym.Convolution(mx.sym.Variable("data"), kernel=(5, 5), num_filter=4, name="conv1")
    layer = mx.sym.Activation(layer, act_type="tanh", name="tanh1")
    layer = mx.sym.Pooling(layer, pool_type="max", kernel=(2, 2), stride=(2, 2), name="pool1")
    layer = mx.sym.FullyConnected(layer, num_hidden=3, name="fc1")
    symbol = getattr(mx.sym, head)(layer, name="softmax")
    labels = ["softmax_label"] if head.endswith("Output") else None
    module = mx.mod.Module(symbol, label_names=labels)
    module.bind([("data", (2, 3, side, side))], [("softmax_label", (2,))] if labels else None)
    module.init_params(mx.init.Xavier())
    module.save_checkpoint(prefix, epoch)
    return module


def by_module(module, x):
    return module.predict(mx.io.NDArrayIter(x, batch_size=2)).asnumpy()


def lines(text):
    """Return a text's lines, after a look at how long they are."""
    listed = str(text).splitlines()
    assert max(map(len, listed)) <= 80, max(listed, key=len)
    assert not [line for line in listed if line != line.rstrip()]
    return listed


def done(diagnosis, **given):
    """Run all Python and all commands of a diagnosis, and return the scores of both."""
    lines(diagnosis)
    json.loads(json.dumps(diagnosis.to_dict()))
    scores = None
    for name, use in diagnosis.uses.items():
        if use.python:
            known = dict(given)
            exec(use.python, known)
            scores = known["scores"] if name == "predict" else scores
        if use.command:
            for key in (key for key in given if key.startswith("x")):
                numpy.save(f"{key}.npy", given[key])
            assert main(shlex.split(use.command)[1:]) == 0, use.command
    outcome = None if scores is None else numpy.asarray(getattr(scores, "asnumpy", scores.copy)())
    if "predict" in diagnosis.uses and diagnosis.uses["predict"].command:
        numpy.testing.assert_allclose(numpy.load("scores.npy"), outcome, rtol=1e-5, atol=1e-6)
    return outcome


def test_a_checkpoint_of_module():
    module = module_checkpoint()
    diagnosis = inspect("net-0007.params")
    assert (diagnosis.what, diagnosis.epoch) == ("checkpoint of Module", 7)
    assert (diagnosis.mxnet, diagnosis.operators) == ("1.9.1", 5)
    assert diagnosis.files == ("net-symbol.json", "net-0007.params")
    (given,), (output,) = diagnosis.inputs, diagnosis.outputs
    assert (given.name, given.shape, given.sides) == ("data", ("batch", 3, 28, 28), (28, 29))
    assert (output.name, output.shape) == ("softmax", ("batch", 3))
    assert diagnosis.labels == ("softmax_label",)
    assert diagnosis.layers == "softmax (SoftmaxOutput)"
    assert not diagnosis.hindrances
    x = draws(2, 3, 28, 28)
    scores = done(diagnosis, x=x, y=numpy.array([0, 2]))
    numpy.testing.assert_allclose(scores, by_module(module, x), rtol=1e-5)
    for kind in ("net-0007-new-symbol.json", "net-0007.onnx", "net-0007.safetensors"):
        assert os.path.exists(kind)


GALLERY = ("lenet-0007.params", "model.tar.gz", "resnet.params", "fused", "scores.pkl")
"""The files that docs/migration.md shows, in its order."""


def make_gallery(folder):
    """Make the files of the gallery in the current folder, which is empty."""
    module_checkpoint("lenet")
    sagemaker(folder / "model")
    with tarfile.open("model.tar.gz", "w:gz", compresslevel=0) as archive:
        for name in sorted(os.listdir("model")):
            archive.add(f"model/{name}", name)
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(8, 3, in_channels=3), gluon.nn.Dense(10, in_units=8))
    net.initialize()
    net.save_parameters("resnet.params")
    fused(folder, quantized=False)
    for ending in ("-symbol.json", "-0000.params"):
        os.rename(f"net{ending}", f"fused{ending}")
    (folder / "scores.pkl").write_bytes(pickle.dumps([1.5]))


def test_the_gallery_is_true(inside):
    make_gallery(inside)
    text = (ROOT / "docs" / "migration.md").read_text()
    for name in GALLERY:
        # How long a graph's text is depends on names that MXNet counts up.
        shown = str(inspect(name)).splitlines()[1:]
        assert f"$ gluonkit inspect {name}\n{name} · " in text
        assert "\n".join(shown) in text, name


@pytest.mark.parametrize("given", ["net", "net-symbol.json"])
def test_a_prefix_and_a_graph(given):
    module_checkpoint()
    diagnosis = inspect(given)
    assert (diagnosis.path, diagnosis.kind, diagnosis.epoch) == (given, "mxnet", 7)
    done(diagnosis, x=draws(2, 3, 28, 28), y=numpy.array([0, 2]))


def test_several_epochs():
    module_checkpoint(epoch=7)
    module_checkpoint(epoch=12)
    diagnosis = inspect("net")
    assert diagnosis.epoch == 12
    assert diagnosis.notes == ("it has the parameters of 2 epochs; this is the last",)
    assert 'gk.load("net-0012.params")' in diagnosis.uses["predict"].python
    done(diagnosis, x=draws(2, 3, 28, 28), y=numpy.array([0, 2]))
    assert inspect("net-0007.params").epoch == 7


def test_probabilities_are_trained_as_such():
    module = module_checkpoint(head="softmax")
    diagnosis = inspect("net")
    assert (diagnosis.what, diagnosis.labels) == ("exported network", ())
    x, y = draws(2, 3, 28, 28), numpy.array([0, 2])
    scores = done(diagnosis, x=x, y=y)
    numpy.testing.assert_allclose(scores, by_module(module, x), rtol=1e-5)
    known = {"x": x, "y": y}
    exec(diagnosis.uses["train"].python, known)
    expected = -numpy.log(scores[[0, 1], y]).mean()  # before the one step that there is
    assert known["history"].epochs[0]["loss"] == pytest.approx(expected, rel=1e-4)


def test_an_exported_gluon_network(array_mode):
    net = create_model("lenet", init="xavier")
    export(net, "net", (1, 1, 28, 28))
    diagnosis = inspect("net")
    assert diagnosis.what == "exported Gluon network"
    assert diagnosis.inputs[0].shape == ("batch", 1, 28, 28)
    assert diagnosis.outputs[0].shape == ("batch", 10)
    gk.npx.reset_np()
    done(diagnosis, x=draws(2, 1, 28, 28), y=numpy.array([0, 2]))


def test_open_sizes():
    """Nothing fixes the height and width of a network that pools globally."""
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(4, 3), gluon.nn.GlobalAvgPool2D(), gluon.nn.Dense(3))
    net.initialize()
    export(net, "net", (1, 2, 16, 16))
    diagnosis = inspect("net")
    assert diagnosis.inputs[0].shape == ("batch", 2, None, None)
    assert diagnosis.outputs[0].shape == ("batch", 3)
    assert "data float32 (batch, 2, ?, ?)" in str(diagnosis)
    assert diagnosis.uses["onnx"].hindrance == "224 stands for your own height and width"
    done(diagnosis, x=draws(2, 2, 10, 12), y=numpy.array([0, 2]))


def test_an_unknown_shape(inside):
    text = graph(variable("data"), node("sum", "total", 0, attrs={"axis": "1"}), version=10901)
    written(inside, text, {"arg:unused": draws(2)}, "net")
    diagnosis = inspect("net")
    assert (diagnosis.inputs[0].shape, diagnosis.outputs[0].shape) == (None, None)


def test_several_inputs_and_outputs():
    one, two = mx.sym.Variable("data0"), mx.sym.Variable("data1")
    layers = [
        mx.sym.FullyConnected(data, num_hidden=3, name=f"fc{number}")
        for number, data in enumerate((one, two))
    ]
    symbol = mx.sym.Group([layers[0] + layers[1], layers[0]])
    parameters = {f"fc{n}_weight": nd.array(draws(3, 4 + n)) for n in range(2)}
    parameters |= {f"fc{n}_bias": nd.zeros(3) for n in range(2)}
    mx.model.save_checkpoint("net", 0, symbol, parameters, {})
    diagnosis = inspect("net")
    assert [port.shape for port in diagnosis.inputs] == [("batch", 4), ("batch", 5)]
    assert len(diagnosis.outputs) == 2
    assert diagnosis.uses["train"] == Use(
        hindrance="it has 2 outputs: `fit` needs a loss that takes them, loss="
    )
    known = {"x1": draws(2, 4), "x2": draws(2, 5)}
    exec(diagnosis.uses["predict"].python, known)
    first = known["x1"] @ parameters["fc0_weight"].asnumpy().T
    numpy.testing.assert_allclose(known["scores"][1], first, rtol=1e-5)
    for name in ("x1", "x2"):
        numpy.save(f"{name}.npy", known[name])
    assert main(shlex.split(diagnosis.uses["predict"].command)[1:]) == 0
    numpy.testing.assert_allclose(numpy.load("scores1.npy"), first, rtol=1e-5)
    assert main(shlex.split(diagnosis.uses["onnx"].command)[1:]) == 0


def test_float16(inside):
    half = {name: array.astype("float16") for name, array in PARAMETERS.items()}
    written(inside, TEXT, half, "net")
    diagnosis = inspect("net")
    assert 'dtype="float32"' in diagnosis.uses["predict"].python
    assert "processors do not compute" in diagnosis.notes[0]
    x = draws(2, 4)
    scores = done(diagnosis, x=x, y=numpy.array([0, 2]))
    weight, bias = (array.astype("float32") for array in half.values())
    numpy.testing.assert_allclose(scores, x @ weight.T + bias, rtol=1e-5)


def test_names_that_a_shell_and_python_would_misread(inside):
    written(inside, TEXT, PARAMETERS, 'it\'s $HOME "net"')
    done(inspect('it\'s $HOME "net"'), x=draws(2, 4), y=numpy.array([0, 2]))


@pytest.mark.parametrize(
    ("keys", "version", "said"),
    [
        ({"param": {"num_hidden": "3"}}, None, "0.8 or older"),
        ({"param": {"num_hidden": "3"}, "attr": {"ctx_group": "a"}}, None, "0.8 or older"),
        ({"attr": {"num_hidden": "3"}}, None, "0.9 or 0.10"),
        ({"attr": {"num_hidden": "3"}}, 905, "0.9.5"),
        ({"attrs": {"num_hidden": "3"}}, None, "0.11 or newer"),
        ({"attrs": {"num_hidden": "3"}}, 10501, "1.5.1"),
    ],
)
def test_which_mxnet_wrote_it(keys, version, said, inside):
    dense = node("FullyConnected", "fc", 0, 1, 2, **keys)
    variables = [variable(name) for name in ("data", "fc_weight", "fc_bias")]
    written(inside, graph(*variables, dense, version=version), PARAMETERS, "net")
    diagnosis = inspect("net")
    assert diagnosis.mxnet == said
    assert f"exported network, epoch 1, written by MXNet {said}" in str(diagnosis)
    done(diagnosis, x=draws(2, 4), y=numpy.array([0, 2]))


def old_arrays(magic):
    """Return a file with one array, as MXNet wrote it with the magic number of a version."""
    if magic is None:
        begin = struct.pack("<III", 2, 2, 3)
    elif magic == 0xF993FAC8:
        begin = struct.pack("<IIqq", magic, 2, 2, 3)
    else:
        begin = struct.pack("<Iiiqq", magic, 0, 2, 2, 3)
    array = begin + struct.pack("<iii", 1, 0, 0) + bytes(24)
    return struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<Q", 0)


@pytest.mark.parametrize(
    ("magic", "said"),
    [
        (None, "0.11 or older"),
        (0xF993FAC8, "0.11 or older"),
        (0xF993FAC9, "0.12 or newer"),
        (0xF993FACA, "1.5 or newer in NumPy mode"),
    ],
)
def test_which_mxnet_wrote_arrays(magic, said, inside):
    (inside / "a.nd").write_bytes(old_arrays(magic))
    diagnosis = inspect("a.nd")
    assert (diagnosis.what, diagnosis.mxnet) == ("arrays without names", said)
    if magic == 0xF993FACA:
        gk.npx.set_np()
    done(diagnosis)


def test_parameters_without_a_network():
    net = create_model("mlp", units=(5,), classes=3, init=True)
    x = draws(2, 4)
    expected = net(nd.array(x)).asnumpy()
    net.save_parameters("path.params")
    nd.save("prefix.params", {name: p.data() for name, p in net.collect_params().items()})
    save(wrapped(net), "own.safetensors")
    words = "the file has no network: make it in Python, as `net`"
    for name, what in (
        ("path.params", "parameters by path"),
        ("prefix.params", "parameters by prefix"),
        ("own.safetensors", "gluonkit checkpoint"),
    ):
        diagnosis = inspect(name)
        assert diagnosis.what == what
        assert diagnosis.uses["predict"].hindrance == words
        assert "onnx" not in diagnosis.uses
        fresh = create_model("mlp", units=(5,), classes=3)
        fresh = wrapped(fresh) if name.startswith("own") else fresh
        scores = done(diagnosis, x=x, y=numpy.array([0, 2]), net=fresh)
        assert (scores == expected).all() or name.startswith("own")


def wrapped(net):
    outer = gluon.nn.HybridSequential()
    outer.add(net)
    return outer


def test_a_published_file_names_its_model():
    net = create_model("mxnet/squeezenet1.1")
    net.initialize()
    net(nd.zeros((1, 3, 224, 224)))
    net.save_parameters("squeezenet1.1-33ba0f93.params")
    diagnosis = inspect("squeezenet1.1-33ba0f93.params")
    assert 'net = gk.create_model("mxnet/squeezenet1.1")' in diagnosis.uses["predict"].python
    known = {"x": draws(1, 3, 224, 224)}
    exec(diagnosis.uses["predict"].python, known)
    assert known["scores"].shape == (1, 1000)


def test_exported_parameters_without_their_graph(inside):
    written(inside, TEXT, PARAMETERS, "net").unlink()
    diagnosis = inspect("net-0001.params")
    assert diagnosis.what == "parameters of an exported network"
    assert "net-symbol.json" in diagnosis.notes[0]


def test_a_graph_without_parameters(inside):
    written(inside, TEXT, PARAMETERS, "net")
    (inside / "net-0001.params").unlink()
    diagnosis = inspect("net-symbol.json")
    assert (diagnosis.kind, diagnosis.what) == ("graph", "exported network")
    assert "there is no net-0000.params beside it" in diagnosis.hindrances[0]
    assert diagnosis.uses == {}
    assert main(["inspect", "net-symbol.json"]) == 1


def test_what_load_would_refuse_stands_in_the_way(inside):
    written(inside, TEXT, {"arg:fc_weight": draws(3, 4)}, "net")
    diagnosis = inspect("net")
    assert "missing in the file: fc_bias" in diagnosis.hindrances[0]
    assert (diagnosis.inputs[0].shape, diagnosis.uses) == (("batch", 4), {})
    attributes = {"num_hidden": "3", "fix_linear_trans": "True"}
    dense = node("FullyConnected", "fc", 0, 1, 2, attrs=attributes)
    variables = [variable(name) for name in ("data", "fc_weight", "fc_bias")]
    written(inside, graph(*variables, dense, version=1200), PARAMETERS, "fork")
    diagnosis = inspect("fork")
    assert "a fork has written it" in diagnosis.hindrances[0]
    lines(diagnosis)


@pytest.mark.parametrize("quantized", [False, True])
def test_graphs_of_a_backend(quantized, inside):
    fused(inside, quantized=quantized)
    diagnosis = inspect("net")
    kind = "quantized" if quantized else "fused"
    assert diagnosis.what == f"graph {kind} by a backend"
    assert "and call compile(net, x" in diagnosis.hindrances[0]
    assert diagnosis.uses == {}
    lines(diagnosis)


def test_control_flow(inside):
    data = mx.sym.Variable("data")
    looped, _ = mx.sym.contrib.foreach(lambda x, s: (x + s, s), data, mx.sym.Variable("state"))
    written(inside, looped.tojson(), PARAMETERS, "net")
    diagnosis = inspect("net")
    assert diagnosis.what == "graph with control flow"
    assert "make the network in Python" in diagnosis.hindrances[0]


def test_a_checkpoint_of_gluonkit():
    net = create_model("mlp", units=(5,), classes=3, init=True)
    x = draws(2, 4)
    expected = net(nd.array(x)).asnumpy()
    save(net, "net.safetensors", step=9)
    diagnosis = inspect("net.safetensors")
    assert (diagnosis.what, diagnosis.kind, diagnosis.step) == (
        "gluonkit checkpoint",
        "gluonkit",
        9,
    )
    assert diagnosis.inputs[0].shape == ("batch", 4)  # not that of the model's example
    assert diagnosis.outputs[0].shape == ("batch", 3)
    numpy.testing.assert_allclose(done(diagnosis, x=x, y=numpy.array([0, 2])), expected, rtol=1e-5)


def test_a_model_that_is_not_known(inside, monkeypatch):
    net = create_model("mlp", units=(5,), classes=3, init=True)
    net(nd.zeros((2, 4)))
    path = save(net, "net.safetensors")
    monkeypatch.setattr("gluonkit.checkpoint.loading.parse_model", _unknown_model)
    diagnosis = inspect(path)
    assert "cannot be made here: unknown" in diagnosis.hindrances[0]
    assert "net=net" in diagnosis.uses["predict"].python


def _unknown_model(text):
    raise gk.errors.ArgumentError("unknown")


def test_a_training_folder():
    x, y = draws(20, 4), numpy.arange(20) % 3
    net = create_model("mlp", units=(5,), classes=3, init=True)
    gk.fit(net, (x, y), epochs=2, resume="run", seed=0)
    diagnosis = inspect("run")
    assert (diagnosis.what, diagnosis.kind) == ("training folder", "folder")
    assert "last.safetensors" in diagnosis.files
    text = diagnosis.uses["resume"].python.replace("epochs=100", "epochs=3")
    known = {"x": x, "y": y}
    exec(text, known)
    assert known["history"].epochs[-1]["epoch"] == 3
    uses = {name: use for name, use in diagnosis.uses.items() if name != "resume"}
    done(type(diagnosis)(**{**vars(diagnosis), "uses": uses}), x=x, y=y)


def sagemaker(folder, prefix="image-classification", side=29):
    """Write what SageMaker keeps of an image classifier, and return the module."""
    folder.mkdir()
    module = module_checkpoint(str(folder / prefix), side=side)
    shapes = [{"name": "data", "shape": [1, 3, side, side]}]
    (folder / "model-shapes.json").write_text(json.dumps(shapes))
    return module


def test_sagemaker(inside):
    module = sagemaker(inside / "model")
    with tarfile.open("model.tar.gz", "w:gz") as archive:
        for name in sorted(os.listdir("model")):
            archive.add(f"model/{name}", name)
    x = draws(2, 3, 29, 29)
    for given, kind in (("model", "folder"), ("model.tar.gz", "archive")):
        diagnosis = inspect(given)
        assert (diagnosis.kind, diagnosis.path) == (kind, given)
        assert diagnosis.what == "SageMaker image classification network"
        (port,) = diagnosis.inputs
        assert port.shape == ("batch", 3, 29, 29)  # stated: 28 would fit, too
        scores = done(diagnosis, x=x, y=numpy.array([0, 2]))
        numpy.testing.assert_allclose(scores, by_module(module, x), rtol=1e-5)
    assert "model-shapes.json" in diagnosis.files
    assert verify("model.tar.gz").what == verify("model").what == diagnosis.what


def test_sagemakers_detector(inside):
    data = mx.sym.Variable("data")
    body = mx.sym.Convolution(data, kernel=(3, 3), num_filter=8, stride=(2, 2), name="body")
    boxes = mx.sym.contrib.MultiBoxPrior(body, sizes=(0.2,), ratios=(1.0,), name="boxes")
    scores = mx.sym.Convolution(body, kernel=(1, 1), num_filter=2, name="scores")
    scores = mx.sym.SoftmaxActivation(mx.sym.Reshape(scores, shape=(0, 2, -1)), mode="channel")
    places = mx.sym.Flatten(mx.sym.Convolution(body, kernel=(1, 1), num_filter=4, name="places"))
    symbol = mx.sym.contrib.MultiBoxDetection(scores, places, boxes, name="detection")
    shapes, _, _ = symbol.infer_shape(data=(1, 3, 16, 16))
    names = symbol.list_arguments()
    parameters = {
        name: nd.array(draws(*shape))
        for name, shape in zip(names, shapes, strict=True)
        if name != "data"
    }
    mx.model.save_checkpoint("model_algo_1", 0, symbol, parameters, {})
    diagnosis = inspect("model_algo_1")
    assert diagnosis.what == "SageMaker object detection network (SSD)"
    assert diagnosis.inputs[0].shape == ("batch", 3, None, None)
    known = {"x": draws(1, 3, 16, 16)}
    exec(diagnosis.uses["predict"].python, known)
    assert known["scores"].shape == (1, 49, 6)


def test_a_folder_of_several_networks(inside):
    for name in ("a", "b"):
        written(inside, TEXT, PARAMETERS, name)
    diagnosis = inspect(".")
    assert (diagnosis.kind, diagnosis.uses) == ("folder", {})
    assert diagnosis.hindrances == (
        "it has several networks: inspect a-symbol.json, b-symbol.json",
    )
    assert main(["summary", "./"]) == 1
    words = r"is a folder with several networks \(a-symbol.json, b-symbol.json\); give one of them"
    with pytest.raises(CheckpointError, match=words):
        only_network(inside, inside)
    (inside / "empty").mkdir()
    assert inspect("empty").hindrances == ("there is no network in it",)


@pytest.mark.parametrize("index", [True, False])
def test_a_record_file(index):
    image = encode_image(numpy.zeros((8, 8, 3), "uint8"), ".jpg")
    with RecordWriter("faces.rec", index=index) as writer:
        for number in range(3):
            writer.write(pack_record(RecordHeader(0, 1.0, number, 0), image))
    diagnosis = inspect("faces.rec")
    assert (diagnosis.kind, diagnosis.what) == ("records", "record file")
    assert diagnosis.notes[0].startswith("3 records")
    assert diagnosis.notes[1] == "the first holds jpg, and has one number as label"
    known = {}
    exec(diagnosis.uses["read"].python, known)
    assert known["content"] == image
    text = diagnosis.uses["train"].python.rpartition("\n")[0].replace("224, 224", "8, 8")
    exec(text, known)
    assert next(iter(known["batches"]))[0].shape == (3, 3, 8, 8)
    if index:
        other = inspect("faces.idx")
        assert other.what == "index of a record file"
        exec(other.uses["read"].python)
        os.remove("faces.rec")
        assert "is not beside it" in inspect("faces.idx").hindrances[0]


def test_a_damaged_record_file(inside):
    (inside / "a.rec").write_bytes(b"\x0a\x23\xd7\xce\xff\xff\xff\x1f")
    diagnosis = inspect("a.rec")
    assert "its length is" in diagnosis.hindrances[0]
    assert not diagnosis.usable


def test_an_onnx_file():
    net = create_model("mlp", units=(5,), classes=3, init=True)
    x = draws(2, 4)
    expected = net(nd.array(x)).asnumpy()
    gk.export_onnx(net, "net.onnx", (1, 4))
    diagnosis = inspect("net.onnx")
    assert (diagnosis.kind, diagnosis.what) == ("onnx", "ONNX model written by gluonkit")
    known = {"x": x}
    exec(diagnosis.uses["predict"].python, known)
    numpy.testing.assert_allclose(known["scores"][0], expected, rtol=1e-4)
    lines(diagnosis)


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("trapped",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (pickle.dumps(Trap()), "a Python pickle; these are never loaded, for they run code"),
        (b"PK\x03\x04" + pickle.dumps(Trap()), "a ZIP archive, such as NumPy's .npz"),
        (b"<html>", "HTML, perhaps a download that failed"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (b"", "empty file"),
        (b"\xff\x00anything", r"neither MXNet's, nor of another kind that is known: it begins"),
    ],
)
def test_anything_else_is_said_to_be_what_it_is(content, what, inside, capsys):
    (inside / "file").write_bytes(content)
    diagnosis = inspect("file")
    assert diagnosis.kind == "other"
    assert what in diagnosis.what
    assert not diagnosis.usable
    lines(diagnosis)
    assert main(["inspect", "file"]) == 1
    assert "file · " in capsys.readouterr().out
    assert not os.path.exists("trapped")


def deep(depth):
    return '{"nodes":' + "[" * depth + "]" * depth + ', "arg_nodes": [], "heads": []}'


HOSTILE = {
    "deep-symbol.json": (deep(100_000).encode(), "it is not JSON|has no nodes"),
    "cut-symbol.json": (TEXT[:100].encode(), "it is not JSON"),
    "odd-symbol.json": (b"[1, 2]", "no graph with nodes"),
    "cut.params": (old_arrays(0xF993FAC9)[:60], "should have"),
    "many.params": (struct.pack("<QQQ", 0x112, 0, 1 << 60), "more than it has room for"),
    "wide.params": (
        struct.pack("<QQQIiiq", 0x112, 0, 1, 0xF993FAC9, 0, 1, 1 << 50) + bytes(64),
        "for which it has no room",
    ),
    "axes.params": (
        struct.pack("<QQQIii", 0x112, 0, 1, 0xF993FAC9, 0, 1 << 30) + bytes(64),
        "dimensions: it is damaged",
    ),
    "huge.safetensors": (struct.pack("<Q", 1 << 60) + b"{" + bytes(64), "header|bytes"),
    "deep.safetensors": (
        struct.pack("<Q", 200_000) + b'{"a":' + b"[" * 199_995,
        "JSON|header|nest",
    ),
    "pickle.params": (pickle.dumps(Trap()), "Python pickle"),
    "bomb.tar.gz": (b"\x1f\x8b" + bytes(50), "no whole tar archive"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name, inside):
    content, words = HOSTILE[name]
    (inside / name).write_bytes(content)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=words):
        inspect(name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 26
    assert not os.path.exists("trapped")


def test_files_that_are_far_too_long(inside):
    """Sparse files of a tebibyte: nothing is read but what is needed."""
    begins = {
        "net-symbol.json": (b"{", "it is JSON of 1,099,511,627,776 bytes, which no graph has"),
        "net.safetensors": (
            struct.pack("<Q", 1 << 39) + b"{",
            "bytes; the format allows 100,000,000",
        ),
        "net.params": (struct.pack("<QQQ", 0x112, 0, 1 << 37), "cannot be used|cannot be read"),
    }
    for name, (begin, words) in begins.items():
        with open(name, "wb") as file:
            file.write(begin)
            file.truncate(1 << 40)
        tracemalloc.start()
        with pytest.raises(CheckpointError, match=words):
            inspect(name)
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
        tracemalloc.stop()
        os.remove(name)
    for name in ("plain", "net.rec"):
        with open(name, "wb") as file:
            file.write(b"\x0a\x23\xd7\xce" if name == "net.rec" else b"anything")
            file.truncate(1 << 40)
        assert inspect(name).bytes == 1 << 40


def test_hostile_archives(inside):
    """Links and names that lead out are told, not followed; a bomb is refused."""
    written(inside, TEXT, PARAMETERS, "net")
    with tarfile.open("model.tar.gz", "w:gz") as archive:
        for name in ("net-symbol.json", "net-0001.params"):
            archive.add(name)
        for name, kind, target in (
            ("link.params", tarfile.SYMTYPE, "/etc/passwd"),
            ("/etc/absolute.params", tarfile.REGTYPE, ""),
            ("../up.params", tarfile.REGTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    diagnosis = inspect("model.tar.gz")
    assert "link.params, /etc/absolute.params, ../up.params" in diagnosis.notes[-1]
    done(diagnosis, x=draws(2, 4), y=numpy.array([0, 2]))
    with tarfile.open("bomb.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("x.params")
        info.size = 1 << 28
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="made to fill a disk"):
        inspect("bomb.tar.gz")
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()


@pytest.mark.parametrize("shapes", ["[" * 99_999, '[{"name": "data", "shape": "x"}]', "{}", "[3]"])
def test_hostile_files_beside_a_network(shapes, inside):
    written(inside, TEXT, PARAMETERS, "net")
    (inside / "net-shapes.json").write_text(shapes)
    assert inspect("net").inputs[0].shape == ("batch", 4)


def test_attributes_that_would_end_the_process(inside):
    """Shapes are inferred without MXNet, which divides by them."""
    for operator, attributes in (
        ("Pooling", {"kernel": "(0, 0)", "pool_type": "max", "stride": "(1, 1)"}),
        ("Pooling", {"kernel": "(3)", "pool_type": "max"}),
        ("SliceChannel", {"num_outputs": "0"}),
        ("transpose", {"axes": "(7, 7)"}),
        ("Concat", {"dim": "9", "num_args": "1"}),
    ):
        text = graph(
            variable("data"),
            variable("c_weight"),
            variable("c_bias"),
            node("Convolution", "c", 0, 1, 2, attrs={"kernel": "(3, 3)", "num_filter": "3"}),
            node(operator, "odd", 3, attrs=attributes),
            version=10901,
        )
        parameters = {"arg:c_weight": draws(3, 2, 3, 3), "arg:c_bias": draws(3)}
        written(inside, text, parameters, "net")
        assert inspect("net").inputs[0].shape == ("batch", 2, None, None)


def test_a_named_pipe_has_nobody_wait():
    os.mkfifo("pipe.params")
    for read in (inspect, load, verify):
        with pytest.raises(CheckpointError, match=r"pipe\.params is not a file"):
            read("pipe.params")


def test_missing_files():
    with pytest.raises(CheckpointError, match="nothing does not exist"):
        inspect("nothing")
    assert main(["inspect", "nothing"]) == 1


def test_the_command(capsys):
    module_checkpoint()
    assert main(["inspect", "net", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["inputs"][0]["shape"] == ["batch", 3, 28, 28]
    assert record["uses"]["predict"]["command"] == "gluonkit predict net x.npy -o scores.npy"
    assert main(["inspect", "net", "--verify"]) == 0
    assert "Verified    its structure is sound" in capsys.readouterr().out
    export(create_model("lenet", init="xavier"), "long", (1, 1, 28, 28))
    assert main(["inspect", "long"]) == 0
    assert "… and 2 more; `gluonkit inspect --arrays` shows all" in capsys.readouterr().out
    assert main(["inspect", "long", "--arrays"]) == 0
    assert capsys.readouterr().out.count("arg:") == 10


def test_in_a_notebook():
    module_checkpoint()
    html = inspect("net")._repr_html_()
    assert "<th>Predict</th><td><pre># x: float32" in html
    assert "arg:conv1_weight" in html


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["net", "x.npy", "-o", "y.npz"], "`--output` is 'y.npz'; let it end in .npy"),
        (
            ["net", "missing.npy", "-o", "y.npy"],
            "`X.npy` is 'missing.npy', and there is no such file",
        ),
        (["net", "x.npz", "-o", "y.npy"], r"which has several arrays; give .npy files"),
        (
            ["net", "trap.npy", "-o", "y.npy"],
            "'trap.npy', which cannot be read: it is no .npy file of",
        ),
        (
            ["net", "text.npy", "-o", "y.npy"],
            "'text.npy', which cannot be read: it is no .npy file of",
        ),
    ],
)
def test_predict_refuses(arguments, words, inside, capsys):
    written(inside, TEXT, PARAMETERS, "net")
    numpy.save("x.npy", draws(2, 4))
    numpy.savez("x.npz", draws(2, 4))
    numpy.save("trap.npy", numpy.array([Trap()], dtype=object), allow_pickle=True)
    Path("text.npy").write_text("text")
    assert main(["predict", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not os.path.exists("trapped")


def test_export_converts_files_alone(inside, capsys):
    assert main(["export", "lenet", "--format", "onnx", "--load-dtype", "float32"]) == 2
    assert "`--load-dtype` is for files; a model's numbers are random" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("model.safetensors", "torch", "."),
        ("net-symbol.json", "symbol", "net"),
        ("net-0000.params", "symbol", "./net"),
    ],
    ids=" ".join,
)
def test_export_replaces_no_input(arguments, inside, capsys):
    net = create_model("lenet", init="xavier")
    gk.materialize(net, (1, 1, 28, 28))
    save(net, "model.safetensors")
    export(net, "net", (1, 1, 28, 28))
    before = {path: path.read_bytes() for path in Path().iterdir()}
    source, kind, output = arguments
    assert main(["export", source, "--format", kind, "-o", output]) == 2
    assert f"`--output` is {str(Path(output))!r}, which would write over" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_loading_stays_as_it_was():
    """Whatever `inspect` says can be loaded is loaded."""
    module_checkpoint()
    assert isinstance(load("net"), gluon.SymbolBlock)
