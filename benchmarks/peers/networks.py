"""The networks of the comparison, and the files that everybody reads them from.

A folder holds, for one network and one batch size, the network's parameters (`net.params`), an ONNX
file (`net.onnx`), a list of layers (`layers.json`), and the weights by the names of that list, the
input and MXNet's own output (`arrays.npz`).
"""

import ast
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from gluonkit import autograd, create_model, export_onnx, gluon, mx, nd
from gluonkit._base.specs import ArraySpec
from gluonkit.graphs.capture import build_graph

INPUT = "input"


@dataclass(frozen=True)
class Network:
    """A network: what `create_model` calls it, the shape of a sample, and how it is printed.

    `deep` allows for more rounding: see `run.tolerance`.
    """

    title: str
    model: str
    shape: tuple[int, ...] = (3, 224, 224)
    options: dict[str, Any] = field(default_factory=dict)
    deep: bool = True


NETWORKS = {
    "mlp": Network(
        "MLP 512-256-128-2", "mlp", (512,), {"units": (256, 128), "classes": 2}, deep=False
    ),
    "lenet": Network("LeNet", "lenet", (1, 28, 28), deep=False),
    "resnet18": Network("ResNet-18 v1", "mxnet/resnet18_v1"),
    "resnet50": Network("ResNet-50 v1", "mxnet/resnet50_v1"),
    "mobilenet": Network("MobileNet 1.0", "mxnet/mobilenet1.0"),
    "squeezenet": Network("SqueezeNet 1.1", "mxnet/squeezenet1.1"),
}


def write(folder: Path, name: str, batch: int) -> None:
    """Make a network and write its files."""
    draws = numpy.random.default_rng(0)
    x = draws.standard_normal((batch, *NETWORKS[name].shape), dtype="float32")
    net = _with_weights(name, draws)
    net.save_parameters(str(folder / "net.params"))
    layers = _layers(net, x.shape)
    (folder / "layers.json").write_text(json.dumps(layers))
    arrays = {
        parameter.name: parameter.data().asnumpy() for parameter in net.collect_params().values()
    }
    numpy.savez(folder / "arrays.npz", **arrays, x=x, expected=net(nd.array(x)).asnumpy())
    export_onnx(net, folder / "net.onnx", x.shape, dynamic_batch=False)


def read(folder: Path, name: str) -> Any:
    """Return the network that was written, as Gluon has it."""
    net = create_model(NETWORKS[name].model, **NETWORKS[name].options)
    net.load_parameters(str(folder / "net.params"))
    return net


def _with_weights(name: str, draws: Any) -> Any:
    """Return a network in which no weight is trivial, and whose output depends on its input.

    Xavier's weights, random biases and scales; batch normalization has the statistics of a batch.
    """
    mx.random.seed(0)
    xavier = mx.init.Xavier("gaussian", "in", 2)  # as much comes out of a relu as went in
    net = create_model(NETWORKS[name].model, init=xavier, **NETWORKS[name].options)
    sample = nd.array(draws.standard_normal((8, *NETWORKS[name].shape), dtype="float32"))
    net(sample[:1])  # draws the weights whose shapes are inferred
    ranges = {"bias": (-0.1, 0.1), "beta": (-0.1, 0.1), "gamma": (0.5, 1.5)}
    for parameter in net.collect_params().values():
        if low_high := ranges.get(parameter.name.rpartition("_")[2]):
            parameter.set_data(nd.array(draws.uniform(*low_high, parameter.shape)))
    net.apply(_statistics_at_once)
    with autograd.record():
        output = net(sample)
    output.backward()  # only here does MXNet move the statistics
    return net


def _statistics_at_once(block: Any) -> None:
    """Let a batch normalization's running statistics be those of the last batch."""
    if isinstance(block, gluon.nn.BatchNorm):
        block._kwargs["momentum"] = 0.0


def _layers(net: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return a network as a list of layers, each with its inputs and weights by name."""
    graph = build_graph(net, [ArraySpec(shape)], on_cpu=False)
    described = json.loads(graph.symbol.tojson())
    internals = graph.symbol.get_internals()
    _, shapes, _ = internals.infer_shape(**{graph.inputs[0]: shape})
    ranks = dict(zip(internals.list_outputs(), map(len, shapes), strict=True))
    layers: list[dict[str, Any]] = []
    known: dict[str, str] = {}  # what a node's output is called in the list

    def add(op: str, inputs: list[str], **others: Any) -> str:
        layers.append({"name": f"{op}{len(layers)}", "op": op, "inputs": inputs, **others})
        return layers[-1]["name"]

    nodes = described["nodes"]
    for node in nodes:
        name, op = node["name"], node["op"]
        sources = [nodes[index]["name"] for index, *_ in node["inputs"]]
        given = {key: _value(text) for key, text in node.get("attrs", {}).items()}
        inputs = [known[source] for source in sources if source in known]
        weights = [source for source in sources if source not in known]
        if op == "null":
            if name == graph.inputs[0]:
                known[name] = INPUT
        elif op == "Dropout":
            known[name] = inputs[0]
        elif op == "Flatten":
            known[name] = add("flatten", inputs)
        elif op == "FullyConnected":
            flat = ranks.get(f"{sources[0]}_output", len(shape)) == 2
            known[name] = add(
                "dense", inputs if flat else [add("flatten", inputs)], weights=weights
            )
        else:
            known[name] = add(*_layer(op, given, inputs), weights=weights, **_options(op, given))
    return {"layers": layers, "output": known[nodes[described["heads"][0][0]]["name"]]}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _layer(op: str, given: dict[str, Any], inputs: list[str]) -> tuple[str, list[str]]:
    """Return what an operator is called in the list, and its inputs."""
    names = {
        "Convolution": "convolution",
        "BatchNorm": "batch_norm",
        "elemwise_add": "add",
        "_plus": "add",
        "Concat": "concat",
    }
    if op == "Activation" and given["act_type"] == "relu":
        return "relu", inputs
    if op == "Pooling":
        return ("global_average" if given["global_pool"] else f"{given['pool_type']}_pool"), inputs
    return names[op], inputs  # a KeyError names the operator that is missing here


def _options(op: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return those attributes of an operator that the list needs."""
    if op == "Convolution":
        return {
            "stride": given["stride"],
            "pad": given["pad"],
            "dilation": given["dilate"],
            "groups": given["num_group"],
        }
    if op == "BatchNorm":
        assert not given["fix_gamma"]
        assert given["axis"] == 1
        return {"eps": given["eps"]}
    if op == "Pooling":
        assert given["pool_type"] == "max" or given["pad"] == (0, 0)
        ceil = given["pooling_convention"] == "full"
        return {
            "kernel": given["kernel"],
            "stride": given["stride"],
            "pad": given["pad"],
            "ceil": ceil,
        }
    return {}
