"""PyTorch models written by hand, as `export_torch` would write them, and what is wrong in some."""

from dataclasses import dataclass, field, replace

import numpy
from safetensors.numpy import save_file

from gluonkit import gluon, mx, nn
from gluonkit.exporting.network import prepared
from gluonkit.exporting.torch.parts import TorchModel, Weight, whole
from gluonkit.tracing.inputs import spec_of

HEAD = """import torch
from torch import nn
from torch.nn import functional as F


class Model(nn.Module):
"""


@dataclass
class Written:
    """A network, and a model written for it by hand."""

    network: object
    model: TorchModel
    extra: dict = field(default_factory=dict)

    def into(self, folder, *changes):
        """Write the files, the source changed, and return the folder."""
        source = self.model.source
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        (folder / "model.py").write_text(source)
        tensors = {weight.key: weight.array for weight in self.model.weights}
        save_file(tensors, folder / "model.safetensors")
        return folder

    def changed(self, key, **options):
        """Return it with what is said of one weight changed."""
        weights = [
            replace(weight, **options) if weight.key == key else weight
            for weight in self.model.weights
        ]
        return Written(self.network, replace(self.model, weights=weights))


def written(net, body, keys, *inputs, fixed=()):
    """Return a network and its model; `keys` are in the order of the network's parameters."""
    mx.random.seed(0)
    net.initialize(mx.init.Xavier())
    network = prepared(net, inputs)
    parameters = [p for p in net.collect_params().values() if p.name in network.parameters]
    weights = [
        Weight(
            key,
            numpy.ones_like(p.data().asnumpy()) if key in fixed else p.data().asnumpy(),
            p.name,
            whole,
            "running" not in key and key not in fixed,
        )
        for key, p in zip(keys, parameters, strict=True)
    ]
    specs = {f"x{at}": spec_of(array) for at, array in enumerate(network.inputs)}
    return Written(network, TorchModel(HEAD + body, weights, specs))


def convolutional():
    """Return convolution, batch norm, both kinds of pooling, dropout and a dense layer."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(8, 3, padding=1), nn.BatchNorm(), nn.Activation("relu"))
    net.add(nn.MaxPool2D(3, 2, ceil_mode=True), nn.AvgPool2D(3, 1, 1, count_include_pad=False))
    net.add(nn.Dropout(0.5), nn.Dense(10))
    body = """    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8, eps=1e-05, momentum=0.1)
        self.drop = nn.Dropout(0.5)
        self.dense = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return self.dense(self.drop(x).flatten(1))
"""
    keys = ["conv.weight", "conv.bias", "norm.weight", "norm.bias"]
    keys += ["norm.running_mean", "norm.running_var", "dense.weight", "dense.bias"]
    return written(net, body, keys, (2, 3, 8, 8))


def of_fixed_gamma():
    """Return a batch norm whose gamma is fixed."""
    net = nn.HybridSequential()
    net.add(nn.Dense(6), nn.BatchNorm(scale=False), nn.Dense(2))
    body = """    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.norm.weight.requires_grad_(False)
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))
"""
    keys = ["first.weight", "first.bias", "norm.weight", "norm.bias", "norm.running_mean"]
    keys += ["norm.running_var", "last.weight", "last.bias"]
    return written(net, body, keys, (4, 4), fixed=["norm.weight"])


def recurrent():
    """Return an LSTM."""
    net = gluon.rnn.LSTM(5, layout="NTC", input_size=4)
    body = """    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 5, batch_first=True)

    def forward(self, x):
        x, _ = self.lstm(x)
        return x
"""
    keys = ["lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0", "lstm.bias_hh_l0"]
    return written(net, body, keys, (2, 3, 4))


def tied():
    """Return two layers of one weight."""
    net = nn.HybridSequential()
    net.add(nn.Dense(4, use_bias=False, activation="tanh", in_units=4))
    net.add(nn.Dense(4, use_bias=False, in_units=4, params=net[0].params))
    body = """    def __init__(self):
        super().__init__()
        self.one = nn.Linear(4, 4, bias=False)
        self.two = nn.Linear(4, 4, bias=False)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.two(torch.tanh(self.one(x)))
"""
    done = written(net, body, ["one.weight"], (3, 4))
    done.model.weights.append(replace(done.model.weights[0], key="two.weight"))
    return done
