"""The certificate: MXNet's numbers, and what it finds in models that were written wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest

from gluonkit import autograd, gluon, mx, nn
from gluonkit.errors import (
    ArgumentError,
    ArgumentTypeError,
    EnvironmentVariableError,
    ExportError,
    MissingPackageError,
)
from gluonkit.exporting.network import prepared
from gluonkit.exporting.torch.certificate import certify
from gluonkit.exporting.torch.judge import Judge
from gluonkit.exporting.torch.numbers import Numbers
from gluonkit.exporting.torch.parts import TorchModel, Weight
from gluonkit.exporting.torch.process import VARIABLE, find_torch
from gluonkit.exporting.torch.record import unverified
from tests import written
from tests.conftest import ROOT

MADE = {
    "convolutional": written.convolutional,
    "fixed gamma": written.of_fixed_gamma,
    "recurrent": written.recurrent,
    "tied": written.tied,
}

RETURNED = "return self.dense(self.drop(x).flatten(1))"

GATES = """        order = torch.arange(20).reshape(4, 5)[[0, 2, 1, 3]].flatten()
        with torch.no_grad():
            self.lstm.weight_hh_l0.copy_(self.lstm.weight_hh_l0[order])
"""

FAULTS = {
    "epsilon": ("convolutional", ("eps=1e-05", "eps=1e-06"), "outputs, float64: output 0 for the"),
    "momentum": ("convolutional", ("momentum=0.1", "momentum=0.9"), "step: norm.running_mean"),
    "a little momentum": ("convolutional", ("m=0.1", "m=0.1001"), "step: norm.running_mean"),
    "ceil_mode": ("convolutional", ("2, ceil_mode=True", "2, padding=1"), "float64: output 0"),
    "count_include_pad": ("convolutional", ("_pad=False", "_pad=True"), "float64: output 0"),
    "no gradient": (
        "convolutional",
        ("self.conv(x)", "self.conv(x).detach()"),
        "gradients: conv.weight differs by 1 of its largest gradient",
    ),
    "data type": ("convolutional", (RETURNED, RETURNED + ".double()"), "output 0 is float64, the"),
    "one row": ("convolutional", (RETURNED, RETURNED + "[:1]"), r"has the shape \(1, 10\), the ne"),
    "two outputs": (
        "convolutional",
        ("return self", "return x, self"),
        "gives 2 outputs, the netw",
    ),
    "other shapes": (
        "convolutional",
        ("(128, 10)", "(128, 11)"),
        r"load: RuntimeError: Error\(s\)",
    ),
    "fixed batch": ("convolutional", ("self.drop(x)", "x.reshape(2, 8, 4, 4)"), "shape '.2, 8"),
    "gamma trained": (
        "fixed gamma",
        ("        self.norm.weight.requires_grad_(False)\n", ""),
        "norm.weight is trained in PyTorch, not in MXNet",
    ),
    "beta fixed": (
        "fixed gamma",
        ("weight.requires_grad_", "requires_grad_"),
        "norm.bias is trained in MXNet, not in PyTorch",
    ),
    "order of gates": (
        "recurrent",
        ("        x, _", GATES + "        x, _"),
        "float64: output 0",
    ),
    "not tied": (
        "tied",
        ("        self.two.weight = self.one.weight\n", ""),
        "gradients: one.weight",
    ),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", MADE)
def test_a_right_model_is_certified(name, tmp_path, torch_python):
    made = MADE[name]()
    certificate = certify(
        made.network, made.model, made.into(tmp_path), python=torch_python, compiled=False
    )
    assert certificate.verified
    assert all(check.holds for check in certificate.checks), certificate
    whats = [check.what for check in certificate.checks]
    assert whats[:2] == ["outputs, float64", "outputs"]
    assert {"trained parameters", "gradients", "parameters after SGD"} <= set(whats)
    assert ("statistics after a step" in whats) == (name in ("convolutional", "fixed gamma"))
    kept = json.loads((tmp_path / "certificate.json").read_text())
    assert kept["verified"]
    assert kept["checks"][0]["difference"] < 1e-12
    assert all(len(line) <= 80 for line in str(certificate).splitlines())


@pytest.mark.torch
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault, tmp_path, torch_python):
    name, change, message = FAULTS[fault]
    made = MADE[name]()
    folder = made.into(tmp_path, change)
    with pytest.raises(ExportError, match=message) as caught:
        certify(made.network, made.model, folder, python=torch_python, compiled=False)
    assert "verify=False writes the files all the same" in str(caught.value)
    assert not (folder / "certificate.json").exists()


@pytest.mark.torch
def test_compiled(tmp_path, torch_python):
    """torch.compile is measured as well, or said to fail, as without a C++ compiler."""
    made = written.of_fixed_gamma()
    done = certify(made.network, made.model, made.into(tmp_path), python=torch_python)
    compiled = [check for check in done.checks if "compile" in check.what]
    assert compiled
    assert all(check.holds or check.reason for check in compiled), done


def fake(tmp_path, code):
    """Return a program that stands for a Python with torch."""
    program = tmp_path / "python"
    start = f"#!{sys.executable}\nimport json, os, pathlib, signal, sys, time\n"
    start += "job, answers = sys.argv[-2:]\n"
    start += "tell = lambda **a: open(answers, 'a').write(json.dumps(a) + '\\n')\n"
    program.write_text(start + code)
    program.chmod(0o755)
    return program


ENDS = {
    "hangs": ("time.sleep(1000)", "PyTorch did not certify the model: it had not finished after"),
    "is killed": ("os.kill(os.getpid(), signal.SIGSEGV)", "it was ended by SIGSEGV"),
    "raises": ("raise OSError('no space')", "it ended with status 1: OSError: no space"),
}


@pytest.mark.parametrize("how", ENDS)
def test_torch_does_not_finish(how, tmp_path):
    code, message = ENDS[how]
    made = written.tied()
    program, timeout = fake(tmp_path, code), 1 if how == "hangs" else 300
    with pytest.raises(ExportError, match=message):
        certify(made.network, made.model, made.into(tmp_path), python=program, timeout=timeout)


def test_a_compiler_that_crashes_is_a_finding(tmp_path):
    """All else is certified, and the table says what became of torch.compile."""
    made = written.tied()
    code = "tell(torch='2.0')\n"
    code += "if job == 'compiled': os.abort()\n"
    code += "tell(check='outputs', where='output 0 for the inputs', difference=0.0, key=[0, 0])"
    program = fake(tmp_path, code)
    done = certify(made.network, made.model, made.into(tmp_path), python=program)
    assert done.verified
    assert [check.holds for check in done.checks] == [True, None]
    assert "torch.compile: it was ended by SIGABRT" in str(done)


def test_without_torch(tmp_path):
    made = written.tied()
    program = fake(tmp_path, "tell(missing=\"No module named 'torch'\")")
    with pytest.raises(
        MissingPackageError, match="cannot import what the certificate needs: No mo"
    ):
        certify(made.network, made.model, made.into(tmp_path), python=program)


def test_ctrl_c_ends_torch(tmp_path):
    """KeyboardInterrupt goes on, and no process is left."""
    code = "pathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(1000)"
    program = fake(tmp_path, code)
    (tmp_path / "run.py").write_text(
        "from pathlib import Path\n"
        "from gluonkit.exporting.torch.process import run_job\n"
        f"run_job('eager', Path({str(tmp_path)!r}), Path({str(program)!r}), 1000)\n"
    )
    process = subprocess.Popen(
        [sys.executable, tmp_path / "run.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert "KeyboardInterrupt" in errors
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


def test_the_script_ends_with_its_parent(tmp_path):
    """It waits for the end of a pipe that the parent holds, and needs no gluonkit."""
    code = (
        "import certify, time, threading\n"
        "threading.Thread(target=certify._end_with_parent, daemon=True).start()\n"
        "time.sleep(1000)"
    )
    where = ROOT / "gluonkit" / "exporting" / "torch"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, cwd=where)
    process.stdin.close()
    assert process.wait(300) == 1


def test_find_torch(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    program = fake(tmp_path, "")
    assert find_torch(str(program)) == program
    monkeypatch.setenv(VARIABLE, str(program))
    assert find_torch() == program
    assert find_torch(sys.executable) == Path(sys.executable)
    monkeypatch.setenv(VARIABLE, "/none")
    with pytest.raises(
        EnvironmentVariableError, match="GLUONKIT_TORCH_PYTHON is '/none', which is"
    ):
        find_torch()
    with pytest.raises(ArgumentError, match="`python` is '/none', which is no program"):
        find_torch("/none")
    with pytest.raises(ArgumentTypeError, match="`python` is 3, an int; give the path"):
        find_torch(3)
    monkeypatch.delenv(VARIABLE)
    for name in ("torch", "safetensors"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_torch() == Path(sys.executable)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert find_torch() is None


def test_numbers_are_those_of_gluons_own_loop():
    """Gradients, statistics and ten steps of a Trainer, whose learning rate is of float32."""
    made = written.convolutional()
    numbers = Numbers(made.network, made.model)
    assert numbers.wide
    assert [batch.inputs[0].shape[0] for batch in numbers.batches] == [2, 2, 3, 1]
    net = made.network.net
    net.cast("float64")
    net[5]._rate = 0.0
    x = mx.nd.array(numbers.batches[2].inputs[0], dtype="float64")
    head = mx.nd.array(numbers._heads[0], dtype="float64")
    before = {p.name: p.data().asnumpy() for p in net.collect_params().values()}
    rate = {"learning_rate": numbers.trained.speed}
    trainer = gluon.Trainer(net.collect_params(), "sgd", rate, kvstore=None)
    for step in range(10):
        with autograd.record():
            loss = (net(x) * head).sum()
        loss.backward()
        if not step:
            for name, gradient in numbers.trained.gradients.items():
                expected = net.collect_params()[name].grad().asnumpy()
                largest = abs(expected).max()
                assert abs(gradient - expected).max() <= max(1e-9 * largest, 1e-12)
        trainer.step(1)
        if not step:
            for name, statistic in numbers.trained.statistics.items():
                expected = net.collect_params()[name].data().asnumpy()
                numpy.testing.assert_allclose(statistic, expected, rtol=1e-6, atol=1e-9)
    for name, moved in numbers.trained.moved.items():
        after = net.collect_params()[name].data().asnumpy()
        numpy.testing.assert_allclose(moved, after - before[name], rtol=1e-6, atol=1e-12)
    for name, statistic in numbers.trained.last.items():
        expected = net.collect_params()[name].data().asnumpy()
        numpy.testing.assert_allclose(statistic, expected, rtol=1e-6, atol=1e-9)


def numbers_of(net, *inputs, trained=True):
    net.initialize(mx.init.Xavier())
    network = prepared(net, inputs)
    weights = [
        Weight(name, parameter.data().asnumpy(), name, trained=trained)
        for name, parameter in network.parameters.items()
    ]
    return Numbers(network, TorchModel("", weights, {}))


class Rounded(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return F.cast(x, "int32")


class Loss(nn.Dense):
    def hybrid_forward(self, F, x, weight, bias=None):
        return F.MakeLoss(super().hybrid_forward(F, x, weight, bias))


def scaled():
    net = nn.HybridSequential()
    net.add(nn.Dense(3), nn.SELU())
    return net


def rounded():
    net = nn.HybridSequential()
    net.add(nn.Dense(3), Rounded())
    return net


def test_a_batch_norm_of_the_input_learns():
    """MXNet leaves it as it is, where neither gamma nor beta nor the input has a gradient."""
    net = nn.HybridSequential()
    net.add(nn.BatchNorm(scale=False, center=False, in_channels=3), nn.Dense(2))
    numbers = numbers_of(net, (4, 3))
    inputs = numbers._training.inputs[0].astype("float64")
    (mean,) = [a for name, a in numbers.trained.statistics.items() if "mean" in name]
    numpy.testing.assert_allclose(mean, 0.1 * inputs.mean(0), rtol=1e-6)


UNTRAINED = {
    "no parameter that is trained": (nn.Flatten, True),
    "whole numbers only": (rounded, True),
    "MakeLoss ignores the gradient": (lambda: Loss(3), True),
    "MXNet's own gradients are wrong: that of SELU": (scaled, True),
}


@pytest.mark.parametrize("why", UNTRAINED)
def test_what_is_not_trained(why):
    make, trained = UNTRAINED[why]
    numbers = numbers_of(make(), (2, 4), trained=trained)
    assert why in numbers.untrained
    assert numbers.trained is None


def test_what_rounding_allows():
    """A difference of twice what rounding makes is none; where rounding is all, none is decided."""
    numbers = numbers_of(nn.Dense(3, in_units=4), (2, 4))
    judge, exact = Judge(numbers), numbers.batches[0].exact[0]
    largest = abs(exact).max()
    answer = {"check": "outputs, float64", "where": "output 0", "key": [0, 0]}
    (close,) = judge.checks([{**answer, "difference": 0.9e-7 * largest}])
    assert close.holds
    assert close.difference == pytest.approx(0.9e-7)
    (far,) = judge.checks([{**answer, "difference": 1e-6 * largest}])
    assert far.holds is False
    others = [numbers.other(moved_by)[0][0] for moved_by in (2.0**-50, 2.0**-24)]
    for other, times in zip(others, (10, 2), strict=True):
        other[0] = exact + 4e-6 / times * largest
        assert Judge(numbers).checks([{**answer, "difference": 3.5e-6 * largest}])[0].holds
        assert not Judge(numbers).checks([{**answer, "difference": 4.5e-6 * largest}])[0].holds
        other[0] = exact
    others[1][0] = exact + largest
    (open_one,) = Judge(numbers).checks([{**answer, "difference": 1e-6 * largest}])
    assert open_one.holds is None
    assert open_one.reason == "rounding alone moves output 0 by 1"
    (name, moved), *_ = numbers.trained.moved.items()
    moved[:] = numpy.inf
    answer = {"check": "parameters after SGD", "where": name, "difference": 1.0}
    (infinite,) = Judge(numbers).checks([answer])
    assert infinite.reason == f"{name} is not finite in MXNet"


def test_gradients_that_are_wrong_in_mxnet_are_not_held_against_torch():
    """MXNet's are compared with differences, where PyTorch's are others."""
    made = written.convolutional()
    numbers = Numbers(made.network, made.model)
    answers = [
        {"check": "gradients", "where": "conv.weight", "difference": 1.0},
        {"check": "parameters after SGD", "where": "conv.weight", "difference": 1.0},
    ]
    assert [check.holds for check in Judge(numbers).checks(answers)] == [False, False]
    numbers.trained.gradients[made.model.weights[0].origin] *= 1.05
    judge = Judge(numbers)
    numbers._others = {moved_by: ([], judge._learned) for moved_by in (2.0**-50, 2.0**-24)}
    right, *others = judge.checks(answers)
    assert right.reason == "MXNet's own gradient of conv.weight is not what differences give"
    assert [right.holds, *(check.holds for check in others)] == [None, None]


def test_no_array_moves_far():
    """A step of SGD moves one array by 1e-7 of its length, and none by more."""
    made = written.convolutional()
    numbers = Numbers(made.network, made.model)
    gradients, speed = numbers.trained.gradients, numbers.trained.speed
    parts = [
        speed * numpy.linalg.norm(gradients[name]) / numpy.linalg.norm(array)
        for name in gradients
        if (array := made.network.parameters[name].data().asnumpy()).any()
    ]
    assert max(parts) == pytest.approx(1e-7, rel=1e-5)


def test_a_batch_norm_of_one_number_is_not_decided():
    """PyTorch refuses to train it; MXNet makes it 0."""
    numbers = numbers_of(nn.Dense(3, in_units=4), (2, 4))
    reason = "ValueError: Expected more than 1 value per channel when training, got input size"
    (check,) = Judge(numbers).checks([{"check": "gradients", "failed": reason}])
    assert (check.holds, check.reason) == (None, reason)
    (check,) = Judge(numbers).checks([{"check": "gradients", "failed": "ValueError: another"}])
    assert (check.holds, check.reason) == (False, "ValueError: another")


def test_unverified(tmp_path):
    made = written.tied()
    done = unverified(made.into(tmp_path), "torch is not installed")
    assert not done.verified
    assert str(done) == "Unverified: torch is not installed"
    kept = json.loads((tmp_path / "certificate.json").read_text())
    assert kept["unverified"] == "torch is not installed"
    assert set(kept["files"]) == {"model.py", "model.safetensors"}
    assert kept["versions"]["torch"] == "not run"


def test_outputs_only():
    made = written.convolutional()
    numbers = Numbers(made.network, made.model, full=False)
    assert (numbers.dtype, numbers.trained) == ("float32", None)
    assert numbers.untrained == "only outputs were asked for"
    assert len(numbers.batches) == 4
