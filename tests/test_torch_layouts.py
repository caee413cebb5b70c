"""Channels as the last axis in PyTorch: MXNet computes no such convolutions on processors.

Written source is held against convolutions by hand, whose weights are as MXNet holds them:
(filters, window, channels), and (channels, window, filters) where they are transposed.
"""

import itertools
import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy
import pytest

from gluonkit import export_torch, gluon, nn
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ExportError
from gluonkit.exporting.torch.process import WITHOUT, find_torch
from gluonkit.exporting.torch.tree import write
from gluonkit.files.contents import Tensor
from gluonkit.files.safetensors import write_safetensors


class Window(NamedTuple):
    """What a convolution does along each axis of an image."""

    stride: tuple
    pad: tuple
    dilate: tuple
    adj: tuple
    groups: int = 1


def windows(weight):
    """Yield the places in a window."""
    return itertools.product(*map(range, weight.shape[1:-1]))


def cut(places, steps, counts):
    """Return the index of every so-maniest pixel from some places on."""
    return (
        slice(None),
        *(
            slice(place, place + step * (count - 1) + 1, step)
            for place, step, count in zip(places, steps, counts, strict=True)
        ),
    )


def convolved(x, weight, bias, window):
    """Return a convolution, the channels of whose arrays are the last axis."""
    pads = [(0, 0), *((pad, pad) for pad in window.pad), (0, 0)]
    x = numpy.pad(x, pads)
    reach = [d * (k - 1) + 1 for d, k in zip(window.dilate, weight.shape[1:-1], strict=True)]
    counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, window.stride, strict=True)]
    groups = numpy.split(x, window.groups, axis=-1)
    kernels = numpy.split(weight, window.groups, axis=0)
    outputs = []
    for part, kernel in zip(groups, kernels, strict=True):
        total = 0
        for place in windows(kernel):
            begin = [p * d for p, d in zip(place, window.dilate, strict=True)]
            total = (
                total + part[cut(begin, window.stride, counts)] @ kernel[(slice(None), *place)].T
            )
        outputs.append(total)
    return numpy.concatenate(outputs, axis=-1) + bias


def transposed(x, weight, bias, window):
    """Return a transposed convolution: each pixel adds its window to what comes out."""
    sizes = [
        s * (n - 1) + d * (k - 1) + 1 + a
        for n, k, s, d, a in zip(
            *(x.shape[1:-1], weight.shape[1:-1], window.stride, window.dilate, window.adj),
            strict=True,
        )
    ]
    outputs = []
    kernels = numpy.split(weight, window.groups, axis=0)
    for part, kernel in zip(numpy.split(x, window.groups, axis=-1), kernels, strict=True):
        total = numpy.zeros((len(x), *sizes, kernel.shape[-1]))
        for place in windows(kernel):
            begin = [p * d for p, d in zip(place, window.dilate, strict=True)]
            total[cut(begin, window.stride, x.shape[1:-1])] += part @ kernel[(slice(None), *place)]
        outputs.append(total)
    inner = [slice(pad, size - pad) for pad, size in zip(window.pad, sizes, strict=True)]
    return numpy.concatenate(outputs, axis=-1)[(slice(None), *inner)] + bias


class Raw(gluon.HybridBlock):
    """A convolution as an operator, whose weights are the block's own."""

    def __init__(self, operator, shape, **options):
        super().__init__()
        self.weight = self.params.get("weight", shape=shape)
        self.bias = self.params.get("bias", shape=(options["num_filter"],))
        self._operator, self._options = operator, options

    def hybrid_forward(self, F, x, weight, bias):
        return getattr(F, self._operator)(x, weight, bias, **self._options)


class Case(NamedTuple):
    """A network, the shape of its input, what computes it by hand, and its windows."""

    make: object
    shape: tuple
    function: object
    window: Window


def _layer(kind, layout, **options):
    return lambda: kind(6, layout=layout, in_channels=4, **options)


CASES = {
    "image": Case(
        _layer(nn.Conv2D, "NHWC", kernel_size=(3, 2), strides=(2, 1), padding=(1, 0), dilation=2),
        (2, 9, 7, 4),
        convolved,
        Window((2, 1), (1, 0), (2, 2), (0, 0)),
    ),
    "volume": Case(
        _layer(nn.Conv3D, "NDHWC", kernel_size=(1, 2, 3)),
        (2, 3, 4, 5, 4),
        convolved,
        Window((1, 1, 1), (0, 0, 0), (1, 1, 1), (0, 0, 0)),
    ),
    "image, transposed": Case(
        _layer(nn.Conv2DTranspose, "NHWC", kernel_size=(3, 2), strides=(2, 1), groups=2),
        (2, 5, 4, 4),
        transposed,
        Window((2, 1), (0, 0), (1, 1), (0, 0), 2),
    ),
    "operator": Case(
        lambda: Raw("Convolution", (6, 3, 2, 4), kernel=(3, 2), num_filter=6, layout="NHWC"),
        (2, 5, 4, 4),
        convolved,
        Window((1, 1), (0, 0), (1, 1), (0, 0)),
    ),
    "operator, transposed": Case(
        lambda: Raw(
            *("Deconvolution", (4, 3, 3, 6)),
            kernel=(3, 3),
            stride=(2, 2),
            pad=(1, 1),
            num_filter=6,
            no_bias=False,
            layout="NHWC",
        ),
        (2, 5, 4, 4),
        transposed,
        Window((2, 2), (1, 1), (1, 1), (0, 0)),
    ),
}


def put(folder, case):
    """Write a network's source, and return what it computes by hand."""
    draws = numpy.random.default_rng(0)
    net = case.make()
    net.initialize()
    for parameter in (net.weight, net.bias):
        parameter.set_data(draws.uniform(-1, 1, parameter.shape).astype("float32"))
    model = write(net, [ArraySpec(case.shape)])
    x = draws.uniform(-1, 1, case.shape).astype("float32")
    folder.mkdir()
    (folder / "model.py").write_text(model.source)
    with (folder / "model.safetensors").open("wb") as file:
        write_safetensors(file, {w.key: Tensor.of(w.array) for w in model.weights}, {})
    numpy.savez(folder / "given0.npz", x)
    weights = (p.data().asnumpy().astype("float64") for p in (net.weight, net.bias))
    return case.function(x.astype("float64"), *weights, case.window)


def test_moves_of_the_channels_are_written_once():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, layout="NHWC", in_channels=3))
    net.add(nn.BatchNorm(axis=-1, in_channels=4), nn.Activation("relu"))
    net.add(nn.MaxPool2D(layout="NHWC"), nn.Conv2D(2, 1, layout="NHWC", in_channels=4))
    net.initialize()
    source = write(net, [ArraySpec((2, 8, 8, 3))]).source
    modules = [line.strip(" ,") for line in source.splitlines()[-8:-1]]
    assert modules == [
        "Moved(3, 1)",
        "nn.Conv2d(3, 4, kernel_size=3)",
        "nn.BatchNorm2d(4)",
        "nn.ReLU()",
        "nn.MaxPool2d(2)",
        "nn.Conv2d(4, 2, kernel_size=1)",
        "Moved(1, 3)",
    ]


@pytest.mark.torch
def test_what_mxnet_cannot_run_is_not_certified(tmp_path):
    net = nn.Conv2D(4, 3, layout="NHWC", in_channels=3)
    net.initialize()
    python = find_torch() or pytest.skip(WITHOUT)
    with pytest.raises(
        ExportError, match=r"nothing can be compared: .* verify=False writes the fi"
    ):
        export_torch(net, tmp_path / "net", (2, 8, 8, 3), python=python)
    assert export_torch(net, tmp_path / "net", (2, 8, 8, 3), verify=False).lines


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """Return by hand and by torch, in one process, what the networks compute."""
    python = find_torch() or pytest.skip(WITHOUT)
    root = tmp_path_factory.mktemp("layouts")
    wanted = {name: put(root / name, case) for name, case in CASES.items()}
    script = Path(__file__).with_name("torch_outputs.py")
    command = [python, "-W", "ignore", script, *(root / name for name in CASES)]
    subprocess.run(command, check=True, env={"OMP_NUM_THREADS": "1"})
    return root, wanted


@pytest.mark.torch
@pytest.mark.parametrize("name", CASES)
def test_convolutions_with_channels_last(name, computed):
    root, wanted = computed
    facts = json.loads((root / name / "facts.json").read_text())
    assert "error" not in facts, facts
    outputs = numpy.load(root / name / "computed0.npz")["arr_0"]
    assert outputs.shape == wanted[name].shape
    numpy.testing.assert_allclose(outputs, wanted[name], rtol=1e-4, atol=1e-5)
