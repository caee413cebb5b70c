"""PyTorch source from the tree of blocks: what it computes, and how it reads."""

import json
import subprocess
from pathlib import Path

import numpy
import pytest

from gluonkit import autograd, create_model, errors, export_torch, gluon, materialize, mx, nn, npx
from gluonkit.cli.main import main
from gluonkit.exporting.network import prepared
from gluonkit.exporting.torch import process
from gluonkit.exporting.torch.layout import statement
from gluonkit.exporting.torch.process import WITHOUT, find_torch
from gluonkit.exporting.torch.tree import write
from gluonkit.files.contents import Tensor
from gluonkit.files.safetensors import write_safetensors
from gluonkit.tracing.inputs import as_array, spec_of
from tests import torch_imperative
from tests.torch_networks import CASES, row, ruff

TORCH = pytest.mark.torch


def initialized(net, *inputs):
    """Return a network whose parameters are all different from their defaults."""
    net.initialize()
    materialize(net, *inputs)
    draws = numpy.random.default_rng(0)
    for name, parameter in net.collect_params().items():
        if parameter._data is not None and not isinstance(parameter, gluon.Constant):
            low = 0.5 if name.endswith(("var", "gamma")) else -0.5
            dtype = parameter.data().dtype
            values = draws.uniform(low, low + 1, parameter.shape).astype(dtype)
            parameter.set_data(as_array(values, mx.cpu()))
    return net


def batches(network, axis):
    """Return the example, and batches of one and three."""
    draws = numpy.random.default_rng(1)
    arrays = [array.asnumpy() for array in network.inputs]
    yield arrays
    for size in (1, 3):
        more = [numpy.repeat(array.take([0], axis), size, axis) for array in arrays]
        yield [
            a + draws.uniform(-1, 1, a.shape).astype(a.dtype) if a.dtype.kind == "f" else a
            for a in more
        ]


def put(folder, net, inputs, axis=0):
    """Write a model into a folder, with inputs, and what MXNet computes of them."""
    network = prepared(net, inputs)
    model = write(net, [spec_of(array) for array in network.inputs])
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(model.source)
    with (folder / "model.safetensors").open("wb") as file:
        write_safetensors(file, {w.key: Tensor.of(w.array) for w in model.weights}, {})
    for number, arrays in enumerate(batches(network, axis)):
        numpy.savez(folder / f"given{number}.npz", *arrays)
        outputs = network.outputs([as_array(array, mx.cpu()) for array in arrays])
        numpy.savez(folder / f"expected{number}.npz", *outputs)
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return the folder with all models, and what was written, by the names of the cases."""
    root = tmp_path_factory.mktemp("models")
    written = {}
    for name, case in CASES.items():
        net = initialized(case.make(), *case.inputs)
        written[name] = put(root / name, net, case.inputs, case.axis)
    for name in ("lenet", "tied_mlp", "rgnet", "nest_mlp", "fancy_mlp", "chimera", "mix_mlp"):
        shape = (2, 1, 28, 28) if name == "lenet" else (2, 20)
        written[name] = put(root / name, create_model(name, init="xavier"), [shape])
    with NumpyMode():
        net = create_model("nest_mlp", init="xavier")
        written["numpy"] = put(root / "numpy", net, [(2, 20)])
        net = initialized(torch_imperative.Arrays(), (2, 5))
        written["numpy, shapes"] = put(root / "numpy, shapes", net, [(2, 5)])
    return root, written


class NumpyMode:
    """NumPy mode within a context."""

    def __enter__(self):
        npx.set_np()

    def __exit__(self, *_):
        npx.reset_np()


@pytest.fixture(scope="module")
def computed(models):
    """Let torch compute all models in one process."""
    python = find_torch() or pytest.skip(WITHOUT)
    root, written = models
    script = Path(__file__).with_name("torch_outputs.py")
    folders = [str(root / name) for name in written]
    subprocess.run(
        [python, "-W", "ignore", script, *folders], check=True, env={"OMP_NUM_THREADS": "1"}
    )
    return root, written


NAMES = [
    *CASES,
    "lenet",
    "tied_mlp",
    "rgnet",
    "nest_mlp",
    "fancy_mlp",
    "chimera",
    "mix_mlp",
    "numpy",
    "numpy, shapes",
]


@TORCH
@pytest.mark.parametrize("name", NAMES)
def test_torch_computes_what_mxnet_computes_at_every_batch(name, computed):
    root, written = computed
    facts = json.loads((root / name / "facts.json").read_text())
    assert "error" not in facts, facts
    assert facts["keys"] == [weight.key for weight in written[name].weights]
    assert facts["trained"] == [w.key for w in written[name].weights if w.trained]
    for number in range(3):
        expected = numpy.load(root / name / f"expected{number}.npz")
        outputs = numpy.load(root / name / f"computed{number}.npz")
        assert len(outputs.files) == len(expected.files) == written[name].outputs
        for key in expected.files:
            assert outputs[key].shape == expected[key].shape
            numpy.testing.assert_allclose(outputs[key], expected[key], rtol=2e-4, atol=2e-5)


@TORCH
def test_shared_parameters_are_one_in_torch(computed):
    facts = json.loads((computed[0] / "tied" / "facts.json").read_text())
    assert (len(facts["keys"]), facts["own"]) == (8, 4)


def test_all_sources_are_as_ruff_formats_them(models):
    root, _ = models
    sources = sorted(map(str, root.glob("*/model.py")))
    for verb in (["format", "--check"], ["check"]):
        done = ruff(*verb, "--no-cache", *sources)
        assert done.returncode == 0, done.stdout + done.stderr


def test_blocks_of_one_kind_are_one_class(models):
    source = models[1]["residual"].source
    assert source == RESIDUAL
    assert models[1]["unlike"].source.count("class Unlike") == 2


RESIDUAL = '''\
"""HybridSequential in PyTorch; model.safetensors has its weights."""

import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    """Gluon's Residual."""

    def __init__(self, in_channels, out_channels, stride=1, shortcut=False):
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size=3, stride=stride, padding=1
        )
        self.norm = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if shortcut:
            self.shortcut = nn.Conv2d(
                in_channels, out_channels, kernel_size=1, stride=stride
            )

    def forward(self, x):
        residual = x
        x = F.relu(self.norm(self.conv(x)))
        residual = self.shortcut(residual)
        return x + residual


class Model(nn.Sequential):
    """Gluon's HybridSequential."""

    def __init__(self):
        super().__init__(
            Residual(3, 4, shortcut=True),
            Residual(4, 4),
            Residual(4, 8, stride=2, shortcut=True),
            nn.Flatten(),
            nn.Linear(128, 3),
        )
'''


def test_networks_of_the_zoo_are_short():
    source = written_from("mxnet/resnet18_v1", (1, 3, 32, 32))
    assert [line for line in source.splitlines() if line.startswith("class")] == [
        "class BasicBlockV1(nn.Module):",
        "class Model(nn.Module):",
    ]
    assert "BasicBlockV1(64, 128, stride=2, downsample=True), BasicBlockV1(128, 128)" in source
    assert len(source.splitlines()) < 80
    dense = written_from("mxnet/densenet121", (1, 3, 224, 224))
    assert "*[Joined(in_channels) for in_channels in range(128, 512, 32)]" in dense


def written_from(name, shape):
    """Return the source of a model by name."""
    net = create_model(name, init="xavier")
    materialize(net, shape)
    return write(net, [spec_of(numpy.zeros(shape, "float32"))]).source


def test_names_of_the_code_and_arguments_are_kept(models):
    source = models[1]["attention"].source
    assert "scores = torch.bmm(self.query(x), self.key(x).transpose(-2, -1))" in source
    assert "weights = F.softmax(scores / 2, dim=-1)" in source
    assert "def forward(self, x):" in source


def test_steps_of_a_cell_are_a_loop(models):
    sources = {name: model.source for name, model in models[1].items()}
    assert "x, (_, _) = unroll(self.cell, x, dim=1)" in sources["steps"]
    assert "unroll_block(self.cell, " in sources["for each step of an own cell"]
    for name in ("steps of a stack", "for each step", "cell in a loop", "steps, both ways"):
        assert "unroll(self.cell" in sources[name], name
    assert "unroll" not in sources["watched steps"]


def test_parameters_of_training_are_noted(tmp_path):
    net = Auxiliary()
    net.initialize()
    materialize(net, (2, 3))
    done = export_torch(net, tmp_path / "net", (2, 3), verify=False)
    (note,) = done.certificate.notes
    assert note == (
        "head.0.weight, head.0.bias, head.1.weight and 1 more are not in the model, as prediction "
        "does not use them"
    )
    assert "head" not in done.source.read_text()


class Auxiliary(gluon.HybridBlock):
    """Has a head that training uses only."""

    def __init__(self):
        super().__init__()
        self.body = nn.Dense(4)
        self.head = row(nn.Dense(3, in_units=4), nn.Dense(2, in_units=3))

    def hybrid_forward(self, F, x):
        y = self.body(x)
        return (y, self.head(y)) if autograd.is_training() else y


def test_weights_are_the_networks():
    net = initialized(row(nn.Dense(4)), (2, 3))
    model = write(net, [spec_of(numpy.zeros((2, 3), "float32"))])
    (kernel, bias) = model.weights
    assert (kernel.key, bias.key) == ("0.weight", "0.bias")
    assert (kernel.array == net[0].weight.data().asnumpy()).all()
    assert (kernel.origin, kernel.trained) == (net[0].weight.name, True)


def test_all_that_torch_lacks_is_named_at_once(tmp_path):
    net = row(gluon.rnn.LSTM(4, state_clip_min=-1, state_clip_max=1, state_clip_nan=False))
    outer = row(net, Unknown(), nn.Dense(2))
    initialized(outer, (5, 2, 3))
    message = (
        r"`net` has parts that torch does not have: LSTM in 0\.0 \(it clips its states\); "
        r"_linalg_syevd in 1 \("
    )
    with pytest.raises(errors.ExportError, match=message):
        export_torch(outer, tmp_path / "net", (5, 2, 3), verify=False)
    assert not list(tmp_path.iterdir())


class Unknown(gluon.HybridBlock):
    """Applies an operator that nothing in torch is like."""

    def hybrid_forward(self, F, x):
        return F.linalg.syevd(F.batch_dot(x, x, transpose_b=True))[0]


class Twice(gluon.HybridBlock):
    """Does one thing at the first call, and another at the second."""

    def hybrid_forward(self, F, x, y=None):
        return x * 2 if y is None else x + y


class Caller(gluon.HybridBlock):
    """Calls a block in two ways."""

    def __init__(self):
        super().__init__()
        self.inner = Twice()

    def hybrid_forward(self, F, x):
        return self.inner(self.inner(x), x)


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(
        errors.ExportError, match="its code does different things at different calls"
    ):
        export_torch(Caller(), tmp_path / "net", (2, 3), verify=False)


def test_numbers_of_the_batch_are_written_as_shapes(models):
    sources = {name: model.source for name, model in models[1].items()}
    assert "h = h.reshape(-1, 3, 2, 25)" in sources["shapes"]
    assert "return self.out(h.reshape(x.shape[0], -1)) / x.shape[0]" in sources["shapes"]
    assert "torch.zeros(x.shape[0], 4, dtype=" in sources["plain block"]
    assert 'self.register_buffer("mask", torch.empty(1, 4))' in sources["plain block"]
    assert "y, (_, _) = self.lstm(x)" in sources["states by itself"]
    assert "x, _ = unroll(self.cell, x, dim=1)" in sources["cell in a loop"]
    assert "return x.reshape(-1, 2, 3)" in sources["functions of shapes"]
    assert "torch.arange(x.shape[0], dtype=" in sources["numpy, shapes"]


@pytest.mark.parametrize("name", ["plain block", "functions of shapes"])
def test_what_was_taken_from_arrays_is_noted(name, models):
    (note,) = models[1][name].notes
    assert "its code does not run with symbols" in note
    assert "so its forward is what a pass of arrays ran" in note


REFUSED = {
    "Reading": r"`net` \(Reading\) cannot be written as source: line \d+ of torch_imperative.py "
    "reads the numbers of an array, which a model cannot depend on",
    "Writing": "line .* writes into an array, which a model cannot; make a new array, with",
    "Training": "line .* computes as in training, where the network predicts",
    "Drawing": "line .* draws random numbers, which others draw otherwise",
    "Separate": "it runs other operators with a batch of another size, from line",
    "Counted": r"an array of shape \(2,\) that its code makes of numbers is another one with",
    "Squared": r"its scalar is 5.0 or 10.0, as the batch is, which no shape of its arrays tells, "
    r"in line \d+ of torch_imperative.py; compute it from `x.shape` there",
}


@pytest.mark.parametrize("name", REFUSED)
def test_code_that_no_graph_can_hold_is_refused_by_its_line(name, tmp_path):
    net = getattr(torch_imperative, name)()
    with pytest.raises(errors.ExportError, match=REFUSED[name]):
        export_torch(net, tmp_path / "net", (2, 3), verify=False)
    assert not list(tmp_path.iterdir())


def test_wrong_arguments_are_refused_before_any_work(tmp_path, monkeypatch):
    net = row(nn.Dense(2))
    with pytest.raises(errors.ArgumentTypeError, match="`verify` is 1, an int; give True, False"):
        export_torch(net, tmp_path / "net", (2, 3), verify=1)
    with pytest.raises(errors.CheckpointError, match="there is no folder"):
        export_torch(net, tmp_path / "none" / "net", (2, 3))
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.CheckpointError, match="is a file; give a folder"):
        export_torch(net, tmp_path / "file", (2, 3))
    monkeypatch.delenv(process.VARIABLE, raising=False)
    monkeypatch.setattr(process.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(errors.MissingPackageError, match="PyTorch is not installed"):
        export_torch(net, tmp_path / "net", (2, 3), verify=True)


def test_without_torch_the_files_are_there_and_say_so(tmp_path, monkeypatch):
    monkeypatch.delenv(process.VARIABLE, raising=False)
    monkeypatch.setattr(process.importlib.util, "find_spec", lambda name: None)
    done = export_torch(initialized(row(nn.Dense(2)), (2, 3)), tmp_path / "net", (2, 3))
    assert sorted(path.name for path in (tmp_path / "net").iterdir()) == [
        "certificate.json",
        "model.py",
        "model.safetensors",
    ]
    assert not done.certificate.verified
    assert "Unverified: PyTorch is not installed" in str(done)
    assert json.loads(done.certified.read_text())["verified"] is False
    done = export_torch(
        initialized(row(nn.Dense(3)), (2, 3)), tmp_path / "net", (2, 3), verify=False
    )
    assert "Unverified: no certificate was asked for (verify=False)" in str(done)
    assert "nn.Linear(3, 3)" in done.source.read_text()


def test_lists_that_a_networks_own_call_puts_between_are_no_arguments(tmp_path):
    class Odd(nn.HybridBlock):  # as DistilBERT of GluonNLP
        def __call__(self, x, length=None):
            return super().__call__(x, [], length)

        def hybrid_forward(self, F, x, states, length, mask=None):
            return F.broadcast_mul(x, F.expand_dims(length, axis=1))

    done = export_torch(Odd(), tmp_path / "net", (2, 3), (2,), verify=False)
    assert list(done.inputs) == ["x", "length"]
    source = done.source.read_text()
    assert "def forward(self, x, length):" in source
    assert "return x * length" in source


def test_the_network_does_not_change(tmp_path):
    net = initialized(row(nn.Dense(4), nn.BatchNorm(scale=False)), (2, 3))
    net.hybridize()
    x = as_array(numpy.ones((2, 3), "float32"), mx.cpu())
    before = net(x).asnumpy()
    export_torch(net, tmp_path / "net", (2, 3), verify=False)
    assert (net(x).asnumpy() == before).all()


@TORCH
def test_a_certificate_comes_with_the_files(tmp_path, torch_python):
    net = initialized(CASES["tied"].make(), (2, 3))
    done = export_torch(net, tmp_path / "net", (2, 3), python=torch_python)
    assert done.certificate.verified
    assert json.loads(done.certified.read_text())["verified"] is True


def test_the_command_writes_torch(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv(process.VARIABLE, raising=False)
    monkeypatch.setattr(process.importlib.util, "find_spec", lambda name: None)
    folder = tmp_path / "lenet"
    assert main(["export", "lenet", "--format", "torch", "-o", str(folder)]) == 0
    assert "Unverified" in capsys.readouterr().out
    assert "class Model(nn.Sequential)" in (folder / "model.py").read_text()


LAID_OUT = {
    "x = (a + b) * c": ["x = (a + b) * c"],
    "x = f((a + b))": ["x = f(a + b)"],
    "x = y ** 2 + a.b ** -1 + f(z) ** 2": ["x = y**2 + a.b**-1 + f(z) ** 2"],
    "x = y[:, a + 1:, :-1, None]": ["x = y[:, a + 1 :, :-1, None]"],
    "return 'it' if not a else -b": ['return "it" if not a else -b'],
    "(x,) = y": ["(x,) = y"],
    "x = -(-y) @ z.T": ["x = --y @ z.T"],
}


@pytest.mark.parametrize("text", LAID_OUT)
def test_statements_are_laid_out_as_by_ruff(text):
    lines = statement(text, "")
    assert lines == LAID_OUT[text]
    whole = "\n".join(lines) + "\n"
    done = ruff("format", "-", input=whole)
    assert done.returncode == 0, done.stderr
    assert done.stdout == whole
