"""The networks of the comparison, and the files that everybody reads them from.

A folder holds, for one network and one batch size, the network's parameters (`net.params`), an ONNX
file (`net.onnx`), a list of layers (`layers.json`), and the weights by the names of that list, the
input and MXNet's own output (`arrays.npz`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import models
import numpy
from layers import layers_of

from gluonkit import autograd, create_model, export_onnx, mx, nd


@dataclass(frozen=True)
class Network:
    """A network: what makes it, the shape of a sample, and how it is printed.

    Attributes
    ----------
    title : as it is printed.
    model : what `create_model` calls it, or what makes it.
    shape : of a sample.
    options : for `model`.
    words : for networks of words, how many there are: samples are whole numbers below it.
    deep : allows for more rounding (see `run.tolerance`), and is not tried with one thread.
    many : the samples of a large batch.
    """

    title: str
    model: str | Callable[..., Any]
    shape: tuple[int, ...] = (3, 224, 224)
    options: dict[str, Any] = field(default_factory=dict)
    words: int = 0
    deep: bool = True
    many: int = 8

    def samples(self, count: int, draws: Any) -> Any:
        """Return random samples."""
        shape = (count, *self.shape)
        if self.words:
            return draws.integers(0, self.words, shape).astype("int32")
        return draws.standard_normal(shape, dtype="float32")

    def create(self, **others: Any) -> Any:
        """Make the network."""
        if callable(self.model):
            net = self.model(**self.options)
            if init := others.get("init"):
                net.initialize(init)
            return net
        return create_model(self.model, **self.options, **others)


NETWORKS = {
    "mlp": Network(
        "MLP 512-256-128-2",
        "mlp",
        (512,),
        {"units": (256, 128), "classes": 2},
        deep=False,
        many=64,
    ),
    "lenet": Network("LeNet", "lenet", (1, 28, 28), deep=False, many=64),
    "squeezenet": Network("SqueezeNet 1.1", "mxnet/squeezenet1.1"),
    "mobilenet": Network("MobileNet 1.0", "mxnet/mobilenet1.0"),
    "resnet18": Network("ResNet-18 v1", "mxnet/resnet18_v1"),
    "resnet50": Network("ResNet-50 v1", "mxnet/resnet50_v1"),
    "densenet": Network("DenseNet-121", "mxnet/densenet121"),
    "bert": Network("BERT-base, 128 tokens", models.BERTSequence, (128,), words=30522),
    "ssd": Network("SSD-MobileNet 512, without suppression", models.SSDHeads, (3, 512, 512)),
    "lstm": Network("LSTM 2 × 256, 50 steps", models.LSTMClassifier, (50, 256), many=64),
}


def write(folder: Path, name: str, batch: int) -> None:
    """Make a network and write its files, unless they are there."""
    if (folder / "net.onnx").exists():  # it is written last
        return
    folder.mkdir(parents=True, exist_ok=True)
    draws = numpy.random.default_rng(0)
    x = NETWORKS[name].samples(batch, draws)
    net = write_network(folder, name, NETWORKS[name], draws)
    with numpy.load(folder / "arrays.npz") as file:
        arrays = dict(file)
    expected = net(nd.array(x, dtype=x.dtype)).asnumpy()
    numpy.savez(folder / "arrays.npz", **arrays, x=x, expected=expected)
    export_onnx(net, folder / "net.onnx", nd.array(x, dtype=x.dtype), dynamic_batch=False)


def write_network(folder: Path, name: str, network: Network, draws: Any, **described: Any) -> Any:
    """Make a network, write its parameters and its list of layers, and return it."""
    net = with_weights(network, draws)
    net.save_parameters(str(folder / "net.params"))
    described |= layers_of(net, (1, *network.shape))
    arrays = weights(net)
    for layer in described["layers"]:
        if layer["op"] == "batch_norm" and not layer["scaled"]:  # MXNet takes its gamma for one
            arrays[layer["weights"][0]] = numpy.ones_like(arrays[layer["weights"][0]])
    (folder / "layers.json").write_text(json.dumps({"network": name, **described}))
    numpy.savez(folder / "arrays.npz", **arrays)
    return net


def weights(net: Any) -> dict[str, Any]:
    """Return a network's weights by name, as NumPy arrays."""
    return {
        parameter.name: parameter.data().asnumpy() for parameter in net.collect_params().values()
    }


def read(folder: Path, network: Network) -> Any:
    """Return the network that was written, as Gluon has it."""
    net = network.create()
    net.load_parameters(str(folder / "net.params"))
    return net


def with_weights(network: Network, draws: Any) -> Any:
    """Return a network in which no weight is trivial, and whose output depends on its input.

    Xavier's weights, random biases and scales; batch normalization has the statistics of a batch.
    """
    mx.random.seed(0)
    xavier = mx.init.Xavier("gaussian", "in", 2)  # as much comes out of a relu as went in
    net = network.create(init=xavier)
    sample = network.samples(8, draws)
    sample = nd.array(sample, dtype=sample.dtype)
    net(sample[:1])  # draws the weights whose shapes are inferred
    ranges = {"bias": (-0.1, 0.1), "beta": (-0.1, 0.1), "gamma": (0.5, 1.5)}
    for parameter in net.collect_params().values():
        if low_high := ranges.get(parameter.name.rpartition("_")[2]):
            parameter.set_data(nd.array(draws.uniform(*low_high, parameter.shape)))
    _statistics_of(net, sample)
    return net


def _statistics_of(net: Any, sample: Any) -> None:
    """Let the running statistics of batch normalization be those of a batch.

    After one step of training they are 0.9 of what they were, and a tenth of the batch's.
    """
    running = net.collect_params(".*running_(mean|var)").values()
    if not running:
        return
    before = [parameter.data().asnumpy() for parameter in running]
    with autograd.record():
        output = net(sample)
    output.backward()  # only here does MXNet move the statistics
    for parameter, old in zip(running, before, strict=True):
        parameter.set_data(nd.array((parameter.data().asnumpy() - 0.9 * old) / 0.1))


@dataclass(frozen=True)
class Trained:
    """How a network is trained: samples a step, steps a turn, and how its losses are compared."""

    network: Network
    batch: int
    steps: int
    batches: int
    checked: int = 8
    rate: float = 0.05
    tolerance: float = 1e-4


def _small_images(title: str, model: str, checked: int) -> Trained:
    """Return how a deep network is trained: its rounding errors grow from step to step."""
    network = Network(f"{title}, 64 × 64", model, (3, 64, 64), {"classes": 10})
    return Trained(network, 32, steps=4, batches=4, checked=checked, rate=0.001, tolerance=1e-3)


TRAINED = {
    "mlp": Trained(
        Network("MLP 784-128-64-10", "mlp", (784,), {"units": (128, 64)}, deep=False), 64, 200, 40
    ),
    "lenet": Trained(NETWORKS["lenet"], 64, 100, 40),
    "resnet18": _small_images("ResNet-18 v1", "mxnet/resnet18_v1", 3),
    "mobilenet": _small_images("MobileNet 1.0", "mxnet/mobilenet1.0", 2),
    "lstm": Trained(NETWORKS["lstm"], batch=32, steps=10, batches=4),
}


def write_training(folder: Path, name: str) -> None:
    """Make a network to be trained, samples and labels, and write them."""
    trained, draws = TRAINED[name], numpy.random.default_rng(0)
    described = {key: getattr(trained, key) for key in ("steps", "batches", "checked", "rate")}
    write_network(folder, name, trained.network, draws, training=described)
    with numpy.load(folder / "arrays.npz") as file:
        arrays = dict(file)
    count = trained.batch * trained.batches
    x, y = trained.network.samples(count, draws), draws.integers(0, 10, count).astype("int32")
    numpy.savez(folder / "arrays.npz", **arrays, x=x, y=y)
