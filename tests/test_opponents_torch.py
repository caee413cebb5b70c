"""PyTorch as an opponent: a written model that another process runs, and times by its own clock."""

import json
import sys
import time
from pathlib import Path

import numpy
import pytest

from gluonkit import bench, mx, nn
from gluonkit.benchmark import opponents, pytorch
from gluonkit.benchmark.opponents import NotExportedError, Opponents
from gluonkit.benchmark.pytorch import TorchError, TorchProcess, TorchSampler
from gluonkit.errors import ArgumentError, EnvironmentVariableError, MissingPackageError
from gluonkit.exporting.torch import process
from gluonkit.plot import plot_bench
from tests.networks import sequential

QUICK = {"modes": ["forward"], "seconds": 0.01, "variants": ["hybrid"]}


class Two(nn.HybridBlock):
    """Two inputs, and outputs in a list."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(3)

    def hybrid_forward(self, F, one, other):
        return [self.dense(other), one * 2]


class Unwritten(nn.HybridBlock):
    def hybrid_forward(self, F, x):
        return F.linalg.potrf(x)


def made(net, *arrays):
    net.initialize("xavier")
    net(*arrays)
    return net


@pytest.mark.torch
def test_outputs_and_times_are_those_of_the_process(torch_python):
    draws = numpy.random.default_rng(0)
    arrays = [mx.nd.array(draws.normal(size=shape)) for shape in ((4, 2), (4, 5))]
    net = made(Two(), *arrays)
    torch = TorchProcess(net, arrays, 1)
    folder = torch._path
    try:
        took, outputs = torch.open("torch")
        for got, wanted in zip(outputs, net(*arrays), strict=True):
            numpy.testing.assert_allclose(got, wanted.asnumpy(), rtol=1e-5, atol=1e-6)
        assert took > 0
        sampler = TorchSampler(torch, "torch")
        sampler.first_call()
        sampler.warm_up(0.05)
        for _ in range(6):
            sampler.block()
        began = time.perf_counter()
        sampler.block()
        waited = time.perf_counter() - began
        measurement = sampler.measurement()
        assert len(measurement.times) == 7
        assert measurement.times == measurement.dispatch_times
        # The other process's clock ran no longer than this one's.
        assert 0 < measurement.times[-1] * measurement.calls_per_block <= waited
        with pytest.raises(TorchError, match="KeyError"):
            torch.timed("nobody", 3)
        torch._process.kill()
        with pytest.raises(TorchError, match="PyTorch's process has ended"):
            torch.timed("torch", 3)
    finally:
        torch.close()
    assert not folder.exists()
    assert torch._process is None


@pytest.mark.torch
def test_both_stand_in_the_same_table(torch_python):
    report = bench("mlp(units=(8,))", **QUICK, against="torch")
    names = [row.variant for row in report.rows]
    assert names == ["eager", "hybrid", "torch", "torch.compile"]
    assert report.ok
    eager, compiled = report.rows[2:]
    assert eager.measurement.median > 0
    assert eager.speed_up is not None
    assert eager.note.startswith("torch: PyTorch ")
    assert ", eager, in a process of its own on the CPU, " in eager.note
    # Where there is no C++ compiler, a note says so.
    assert compiled.note.startswith("torch.compile: ")
    assert not compiled.problem
    assert json.loads(json.dumps(report.to_dict()))["rows"][2]["variant"] == "torch"
    assert plot_bench(report)._repr_png_()


@pytest.mark.torch
def test_without_a_compiler_there_is_a_note(torch_python, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/c++")
    report = bench("mlp(units=(8,))", **QUICK, against=["torch"])
    row = report.rows[-1]
    assert row.variant == "torch.compile"
    assert row.measurement is None
    assert not row.problem
    assert row.note.startswith("torch.compile: ")
    assert report.rows[-2].measurement is not None
    assert report.ok


@pytest.mark.torch
def test_other_numbers_get_no_time(torch_python, monkeypatch):
    open_ = TorchProcess.open
    monkeypatch.setattr(
        TorchProcess,
        "open",
        lambda self, name: (1.0, [open_(self, "torch")[1][0] + 0.1]),
    )
    report = bench("mlp(units=(8,))", **QUICK, against=["torch"])
    for row in report.rows[2:]:
        assert row.measurement is None
        assert "output 0" in row.problem
    assert not report.ok


@pytest.mark.torch
def test_the_command(torch_python, gluonkit, monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/c++")
    options = ["--mode", "forward", "--seconds", "0.01", "--variants", "hybrid"]
    done = gluonkit("bench", "mlp", "--against", "torch", *options)
    assert done.returncode == 0, done.stderr
    assert "\ntorch " in done.stdout
    assert "  torch: PyTorch " in done.stdout


def test_a_network_that_cannot_be_written_is_no_failure(monkeypatch):
    # It is written before a process is started.
    monkeypatch.setattr(opponents, "check_torch", lambda: None)
    x = mx.nd.array(numpy.eye(3)[None])
    net = made(Unwritten(), x)
    report = bench(net, x, **QUICK, against=["torch"])
    for row in report.rows[2:]:
        assert row.measurement is None
        assert row.note.startswith(f"{row.variant}: the network cannot be written as PyTorch: ")
    assert report.ok
    with pytest.raises(NotExportedError, match="torch: the network cannot be written as PyTorch"):
        Opponents(net, [x]).sampler("torch")


def test_a_process_that_ends_at_once_is_a_problem(monkeypatch, tmp_path):
    """A program that is no Python with torch: what it said last is told."""
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho no such thing >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(opponents, "check_torch", lambda: None)
    monkeypatch.setattr(pytorch, "find_torch", lambda: program)
    x = mx.nd.ones((2, 4))
    report = bench(made(sequential(nn.Dense(3)), x), x, **QUICK, against=["torch"])
    eager, compiled = report.rows[2:]
    assert eager.problem == "PyTorch: PyTorch's process has ended: no such thing"
    assert compiled.note == "torch.compile: PyTorch's process has ended: no such thing"
    assert not report.ok


def test_it_must_be_there(monkeypatch):
    with pytest.raises(ArgumentError, match=r"`against` is 'troch'.*Did you mean 'torch'"):
        bench("mlp", against=["troch"])
    with pytest.raises(ArgumentError, match="`against` names other engines, which predict only"):
        bench("mlp", modes=["train"], against="torch")
    monkeypatch.setenv(process.VARIABLE, "/nowhere/python")
    with pytest.raises(EnvironmentVariableError, match="is '/nowhere/python', which is no program"):
        bench("mlp", against=["torch"])
    monkeypatch.setenv(process.VARIABLE, sys.executable)
    monkeypatch.setattr(process, "_NEEDED", ("no_such_torch", "json"))
    with pytest.raises(
        MissingPackageError, match=r"which is to run PyTorch, has no no_such_torch: .* -m pip ins"
    ):
        bench("mlp", against=["torch"])
    monkeypatch.delenv(process.VARIABLE)
    with pytest.raises(MissingPackageError, match="PyTorch is not installed beside gluonkit"):
        bench("mlp", against=["torch"])
    assert process.lacking(Path("/bin/false")) == ["no_such_torch", "json"]
