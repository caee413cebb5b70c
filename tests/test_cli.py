"""The `gluonkit` command: what it prints, what it writes, how it ends."""

import csv
import json
import subprocess
import sys

import pytest

import gluonkit as package
from gluonkit import create_model, materialize, mx, save
from gluonkit.distributed.launch import kernel
from tests.conftest import ROOT
from tests.launched import wait_until

QUICK = ("--seconds", "0.02")


def test_version(gluonkit):
    assert gluonkit("--version").stdout == f"gluonkit {package.__version__}\n"


@pytest.mark.parametrize("args", [("bench", "--batches", "0"), ("info",), ("--nonsense",)])
def test_usage(args, gluonkit):
    done = gluonkit(*args)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: gluonkit")


def test_models(gluonkit):
    done = gluonkit("models", "*mlp")
    assert done.returncode == 0
    names = [line.split()[0] for line in done.stdout.splitlines()[2:-2]]  # one line a model
    assert names == ["fancy_mlp", "mix_mlp", "mlp", "nest_mlp", "tied_mlp"]
    assert done.stdout.endswith("5 models. `gluonkit info NAME` tells more of one.\n")
    done = gluonkit("models", "--source", "mxnet", "--json")
    assert len(json.loads(done.stdout)) == 34
    assert json.loads(done.stdout)[0]["name"] == "mxnet/alexnet"


def test_models_nothing(gluonkit):
    done = gluonkit("models", "zzz*")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing matches 'zzz*'" in done.stderr
    done = gluonkit("models", "zzz", "--json")
    assert (done.returncode, done.stdout) == (1, "[]\n")
    assert done.stderr == "gluonkit models: nothing matches 'zzz'\n"
    done = gluonkit("models", "--source", "nowhere")
    assert done.returncode == 2
    assert "`--source` is 'nowhere', which is not known" in done.stderr
    assert "Sources: gluonkit, user, gluoncv, gluonnlp, mxnet" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel ends the other")
def test_settings_end_with_the_command_that_tries_them():
    arguments = ("bench", "mlp", "--threads", "1,2", "--seconds", "600")
    command = [sys.executable, "-m", "_gluonkit_command", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        wait_until(lambda: kernel.below(process.pid))
        (child,) = kernel.below(process.pid)
        process.terminate()
    wait_until(lambda: kernel._stat(child)[:1] in ([], ["Z"]))  # a zombie where nobody reaps


def test_a_terminal_without_our_signs(gluonkit):
    done = gluonkit("models", "lenet", env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "lenet" in done.stdout


def test_info(gluonkit):
    done = gluonkit("info", "lenet")
    assert "options     kernel_sizes=(5, 3), classes=10, activation='relu'" in done.stdout
    assert "input       1x1x28x28 float32" in done.stdout
    record = json.loads(gluonkit("info", "fixed_hidden_mlp", "--json").stdout)
    assert record["name"] == "fancy_mlp"
    done = gluonkit("info", "lenett")
    assert done.returncode == 2
    assert "Did you mean 'lenet'" in done.stderr
    assert "Traceback" not in done.stderr


def test_into_a_closed_pipe(python, tmp_path):
    command = [sys.executable, "-m", "_gluonkit_command", "models"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


USERS = """
from gluonkit import nn, register_model

@register_model("users_net", input_shape=(3, 4))
def users_net(*, units=2):
    "A user's network."
    net = nn.HybridSequential()
    net.add(nn.Dense(units))
    return net
"""


def test_users_models(gluonkit, tmp_path):
    (tmp_path / "my_models.py").write_text(USERS)
    args = ("--import", "my_models")
    assert "users_net" in gluonkit("models", *args, "--source", "user").stdout
    assert "A user's network." in gluonkit("info", "users_net", *args).stdout
    done = gluonkit("bench", "users_net(units=5)", *args, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "users_net(units=5) · forward · input 3x4, random" in done.stdout
    done = gluonkit("bench", "users_net", *args, "--threads", "1", *QUICK)  # in a child process
    assert done.returncode == 0, done.stderr
    done = gluonkit("models", "--import", "there_is_none")
    assert done.returncode == 2
    assert "`--import` is 'there_is_none', and there is no such module in" in done.stderr


def test_bench_writes_the_same_everywhere(gluonkit, tmp_path):
    files = ("--json", "b.json", "--csv", "b.csv", "--plot", "b.png")
    done = gluonkit("bench", "mlp", "lenet", "--batches", "1,2", *files, *QUICK)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert done.stdout.count("  per call  spread") == 8
    data = json.loads((tmp_path / "b.json").read_text())
    rows = list(csv.DictReader((tmp_path / "b.csv").read_text().splitlines()))
    assert [row["variant"] for row in data["rows"]] == [row["variant"] for row in rows]
    assert len(rows) == 28
    assert {row["data"] for row in rows} == {"random", "handwritten digits"}
    assert data["environment"]["threads"] == package.environment().threads
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")


def test_bench_of_the_tutorials_networks(gluonkit):
    done = gluonkit("bench", *QUICK, "--modes", "forward", "--variants", "static")
    assert done.returncode == 0, done.stderr
    headings = [line for line in done.stdout.splitlines() if " · forward · " in line]
    assert len(headings) == 13
    assert "MLP 256-128-2: mlp(units=(256, 128), classes=2) · forward · input 1x512, random" in (
        headings
    )
    assert "LeNet 5×5, 3×3: lenet · forward · input 4x1x28x28, handwritten digits" in headings
    assert "chimera · forward · input 2x20, random" in headings
    assert "variant  per call" in done.stdout
    assert "hybrid  " not in done.stdout


def test_bench_in_both_modes_and_of_a_zoo(gluonkit):
    for mode in ("np", "nd"):
        assert gluonkit("bench", "fancy_mlp", "--arrays", mode, *QUICK).returncode == 0
    args = ("--modes", "forward", *QUICK)
    done = gluonkit("bench", "mxnet/squeezenet1.1", *args)
    assert done.returncode == 0, done.stderr
    done = gluonkit("bench", "mxnet/squeezenet1.1", *args, "--arrays", "np")
    assert done.returncode == 0, done.stderr


def test_settings_get_a_process_each(gluonkit, tmp_path):
    settings = ("--engine", "threaded,naive", "--threads", "1,2")
    files = ("--json", "b.json", "--csv", "b.csv", "--plot", "b.png")
    done = gluonkit("bench", "mlp", "--modes", "forward", *settings, *files, *QUICK)
    assert done.returncode == 0, done.stderr
    reports = json.loads((tmp_path / "b.json").read_text())
    seen = [
        (report["environment"]["engine"], report["environment"]["threads"]) for report in reports
    ]
    assert seen == [("threaded", 1), ("threaded", 2), ("naive", 1), ("naive", 2)]
    rows = list(csv.DictReader((tmp_path / "b.csv").read_text().splitlines()))
    assert [(row["engine"], int(row["threads"])) for row in rows[::4]] == seen
    assert len(list(tmp_path.glob("b-*.png"))) == 4


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("nope",), "`NAME_OR_FILE` is 'nope', which is not known"),
        (("mlp(units=(",), "which is not a model with options"),
        (("mlp(unit=3)",), "Its options: units, classes, activation"),
        (("mlp", "--engine", "fast"), "`--engine` is 'fast', which is not known"),
        (("mlp", "--modes", "trian"), "Did you mean 'train'"),
        (("mlp", "--variants", "quick"), "`--variants` is 'quick'"),
        (("mlp", "--ctx", "tpu"), "argument --ctx: 'tpu' is no device; give cpu, gpu or gpu(1)"),
        (("mlp", "--ctx", "gpu(7)"), "`--ctx` is 'gpu(7)', but MXNet can use"),
        (("mlp", "--json", "no/such/folder.json"), "in a folder that does not exist"),
        (("mlp", "--plot", "b.xyz"), "give a file that ends in .png, .svg or .pdf"),
        (("mlp", "--seconds", "0"), "argument --seconds: 0 is not a positive number of seconds"),
    ],
)
def test_bench_refuses_before_it_runs(args, message, gluonkit):
    done = gluonkit("bench", *args)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


FAILING = """
from gluonkit import mx, nn, register_model

@register_model("failing", input_shape=(3, 4))
class Failing(nn.HybridBlock):
    "Cannot be run."
    def hybrid_forward(self, F, x):
        return F.reshape(x, shape=(5, 5)) if not mx.util.is_np_array() else x.reshape(5, 5)
"""


def test_one_networks_failure_loses_no_others_figures(gluonkit, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    args = ("mlp", "failing", "rgnet", "--import", "failing", "--modes", "forward", *QUICK)
    done = gluonkit("bench", *args, "--json", "b.json", cwd=tmp_path)
    assert done.returncode == 1
    assert "mlp · forward" in done.stdout
    assert "rgnet · forward" in done.stdout
    assert "gluonkit bench: error: `--inputs` of shape (3, 4) cannot be run" in done.stderr
    assert len(json.loads((tmp_path / "b.json").read_text())["rows"]) == 8


DEFECT = """
from gluonkit import mx, nn, register_model

@register_model("defect", input_shape=(3, 4))
class Defect(nn.HybridBlock):
    "Other numbers when traced."
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2)
    def hybrid_forward(self, F, x):
        return self.dense(x) * (1 if F is mx.nd else 2)
"""


def test_exit_status_tells_a_disagreement(gluonkit, tmp_path):
    (tmp_path / "defects.py").write_text(DEFECT)
    args = ("defect", "--import", "defects", *QUICK)
    done = gluonkit("bench", *args, "--json", "b.json")
    assert done.returncode == 1
    assert "hybrid: output 0 differs from eager by" in done.stdout
    rows = json.loads((tmp_path / "b.json").read_text())["rows"]
    assert "differs from eager" in rows[1]["problem"]
    assert gluonkit("bench", *args, "--threads", "1,2").returncode == 1


@pytest.mark.parametrize("settings", [(), ("--threads", "1,2")])
def test_ctrl_c_gives_what_was_measured(settings, tmp_path, python):
    """One process as in a terminal: the interrupt reaches it and its children."""
    command = ["-m", "_gluonkit_command", "bench", "mlp", "lenet", "--seconds", "0.5"]
    command += ["--json", "b.json", *settings]
    code = (
        "import subprocess, sys, signal, os\n"
        f"p = subprocess.Popen([sys.executable, *{command!r}], stdout=subprocess.PIPE,"
        " stderr=subprocess.PIPE, text=True, start_new_session=True)\n"
        "while 'mlp: train' not in (line := p.stderr.readline()): assert line\n"
        "os.killpg(p.pid, signal.SIGINT)\n"
        "out, err = p.communicate()\n"
        "print(out); print(err, file=sys.stderr); sys.exit(p.returncode)"
    )
    done = python("-c", code)
    assert done.returncode == 130, done.stderr
    assert "Interrupted: this is what had been measured by then." in done.stdout
    assert "mlp · forward · input 2x20, random" in done.stdout
    assert "Traceback" not in done.stderr
    written = json.loads((tmp_path / "b.json").read_text())
    assert (written[0] if settings else written)["interrupted"]


def test_without_scikit_learn(gluonkit, tmp_path):
    from tests.test_compat import HIDE, ROOT

    (tmp_path / "sitecustomize.py").write_text(HIDE.format(names=("sklearn",)))
    done = gluonkit(
        "bench", "lenet", "--modes", "forward", *QUICK, env={"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    )
    assert done.returncode == 0, done.stderr
    assert "lenet · forward · input 1x1x28x28, random" in done.stdout
    assert "random images instead of digits: scikit-learn is needed for this" in done.stderr
    assert "pip install scikit-learn" in done.stderr


def test_summary(gluonkit, tmp_path):
    pytest.importorskip("matplotlib")
    files = ["--json", "a.json", "--csv", "a.csv", "--graph", "a.svg"]
    done = gluonkit("summary", "mlp(units=(8,))", "--inputs", "3x4", *files)
    assert done.returncode == 0, done.stderr
    assert "Parameters     130 · all trainable" in done.stdout
    assert json.loads((tmp_path / "a.json").read_text())["macs"] == 3 * (4 * 8 + 8 * 10)
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 4
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    done = gluonkit("summary", "rgnet", "--depth", "1", "--columns", "layer,params", "--markdown")
    assert "| layer | params |" in done.stdout
    assert "| &emsp;0 … | 4,416 |" in done.stdout
    done = gluonkit("summary", "rgnet", "--pattern", "0.1.*", "--optimizer", "adam")
    assert "0.1.0.act" in done.stdout
    assert "Adam state" in done.stdout


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (("lenett",), "Did you mean 'lenet'"),
        (("lenet", "--inputs", "1x2"), "do not go through `0` (Conv2D)"),
        (("lenet", "--columns", "x"), "Choose of: layer"),
        (("lenet", "--depth", "-1"), "argument --depth: -1 is too small"),
        (("lenet", "--json", "no/x.json"), "in a folder that does not exist"),
        (("lenet", "--graph", "x.doc"), "ends in .png, .svg or .pdf"),
        (("lenet", "--inputs", "axb"), "is not an input; write its shape"),
    ],
)
def test_summary_called_wrongly(args, error, gluonkit):
    done = gluonkit("summary", *args)
    assert done.returncode == 2
    assert error in done.stderr
    assert "Traceback" not in done.stderr


def test_check(gluonkit, tmp_path):
    done = gluonkit("check", "mlp", "--json", "a.json")
    assert done.returncode == 0, done.stderr
    assert "hybridizes as a whole (4 of 4 blocks), no problem found" in done.stdout
    assert json.loads((tmp_path / "a.json").read_text())["ok"] is True
    (tmp_path / "mine.py").write_text(
        "from gluonkit import autograd, gluon, register_model\n"
        "@register_model('mine', input_shape=(2, 3))\n"
        "class Mine(gluon.HybridBlock):\n"
        "    def hybrid_forward(self, F, x):\n"
        "        return x * (2 if autograd.is_training() else 1)\n"
    )
    done = gluonkit("check", "mine", "--import", "mine")
    assert done.returncode == 1
    assert "mine.py:5  [branch-on-training]" in done.stdout
    assert "[numbers]" in done.stdout
    assert gluonkit("check", "lenet", "--inputs", "1x2").returncode == 2
    assert gluonkit("check", "lenet", "--json", "no/x.json").returncode == 2


@pytest.fixture
def checkpoint(tmp_path):
    """Return the prefix of a checkpoint of Module's, beside a file that `save` wrote."""
    dense = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")
    symbol = mx.sym.SoftmaxOutput(dense, name="softmax")
    weights = {"fc_weight": mx.nd.ones((3, 4)), "fc_bias": mx.nd.ones(3)}
    mx.model.save_checkpoint(str(tmp_path / "old"), 7, symbol, weights, {})
    net = create_model("mlp", units=(5,), init=True)
    materialize(net, (2, 20))
    save(net, tmp_path / "new.safetensors")
    return tmp_path / "old"


@pytest.mark.parametrize("ending", ["", "-symbol.json", "-0007.params"])
def test_summary_of_a_file(ending, checkpoint, gluonkit):
    done = gluonkit("summary", f"{checkpoint}{ending}", "--inputs", "2x4")
    assert done.returncode == 0, done.stderr
    assert "Parameters     15 · all trainable" in done.stdout
    done = gluonkit("summary", f"{checkpoint}{ending}")
    assert done.returncode == 2
    assert "`--inputs` is needed" in done.stderr


def test_commands_that_take_files(checkpoint, gluonkit):
    new = checkpoint.with_name("new.safetensors")
    done = gluonkit("summary", str(new))
    assert "Parameters     165 · all trainable" in done.stdout  # 20 · 5 + 5 + 5 · 10 + 10
    done = gluonkit("check", str(checkpoint), "--inputs", "2x4")
    assert "no problem found" in done.stdout, done.stderr
    for more in ([str(new)], [str(checkpoint), "--inputs", "2x4", "--threads", "1"]):
        done = gluonkit("bench", *more, "--seconds", "0.01", "--modes", "forward")
        assert done.returncode == 0, done.stderr
        assert "compiled" in done.stdout
    plain = checkpoint.with_name("plain.params")
    done = gluonkit("convert", str(new), str(plain))
    assert done.returncode == 0, done.stderr
    done = gluonkit("summary", str(plain))
    assert "`--net` is needed" in done.stderr
    done = gluonkit("summary", str(plain), "--net", "mlp(units=(5,))")
    assert "Parameters     165 · all trainable" in done.stdout
