"""The types for MXNet: made by the script, silent on right code, and of use on wrong code."""

import json
import os
import platform
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from gluonkit import mx
from gluonkit.system.environment import installed_version
from tests.launched import LONG

ROOT = Path(__file__).parents[1]
STUBS = ROOT / "mxnet-stubs"
PACKAGES = ("mxnet", "numpy", "typing_extensions.py")

pytest.importorskip("mypy")


def test_they_are_what_the_script_makes(python):
    """Of MXNet's build for x86-64: other builds have other operators."""
    if (installed_version("mxnet"), platform.machine()) != ("1.9.1", "x86_64"):
        pytest.skip("made from mxnet 1.9.1 for x86-64; here is another build")
    done = python(str(ROOT / "tools" / "stubs.py"), "--check")
    assert done.stdout == "up to date\n", "run: python tools/stubs.py"


def test_a_partial_package():
    assert (STUBS / "py.typed").read_text() == "partial\n"


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Return a function that runs mypy where MXNet is installed, with the types or without."""
    folder = tmp_path_factory.mktemp("types")
    builder = venv.EnvBuilder(symlinks=True, with_pip=False)
    site = Path(mx.__file__).parents[1]

    def run(files, *options, types=True):
        environment = folder / ("with" if types else "without")
        if not environment.exists():
            builder.create(environment)
            inside = next(environment.glob("lib/python*/site-packages"))
            linked = [*(site / name for name in PACKAGES), ROOT / "gluonkit"]
            for path in [*linked, *([STUBS] if types else [])]:
                (inside / path.name).symlink_to(path)
        python = environment / "bin" / "python"
        command = [sys.executable, "-m", "mypy", "--config-file", os.devnull, "--no-pretty"]
        command += ["--ignore-missing-imports", "--python-executable", python, *options, *files]
        done = subprocess.run(
            command,
            cwd=folder,
            # In a folder of PYTHONPATH that has `mxnet-stubs`, mypy would find the types always.
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return re.findall(r"^(\S+:\d+): error: (.*)$", done.stdout, re.M)

    return run


def test_the_notebooks_are_right(mypy, tmp_path):
    """What mypy says of them without the types (variables that are used anew) it may say."""
    files = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text())["cells"]
        cells = [cell for cell in cells if "install" not in cell["metadata"].get("tags", ())]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        files.append(tmp_path / f"notebook_{path.stem}.py")
        files[-1].write_text("\n\n".join(code))
    assert len(files) == 9
    assert set(mypy(files)) <= set(mypy(files, types=False))


FAULTS = {
    "nd.one_hoot(x, 3)": 'has no attribute "one_hoot"; maybe "one_hot"?',
    "nn.Dense('ten')": 'Argument 1 to "Dense" has incompatible type "str"; expected "int"',
    "nn.Dense(10, unit=3)": 'Unexpected keyword argument "unit" for "Dense"',
    "nd.Activation(x, 'rellu')": "expected \"Literal['relu', 'sigmoid'",
    "nn.Conv2D(3, kernel_size='3')": 'Argument "kernel_size" to "Conv2D" has incompatible type',
    "trainer.stepp(3)": '"Trainer" has no attribute "stepp"; maybe "step"?',
    "init.Xavier(magnitude='big')": 'Argument "magnitude" to "Xavier" has incompatible type "str"',
    "mx.metric.Acuracy()": 'has no attribute "Acuracy"; maybe "Accuracy"?',
    "mx.lr_scheduler.FactorSchedulr(1)": 'has no attribute "FactorSchedulr"; maybe',
    "mx.nothing": 'Module has no attribute "nothing"',
    "mx.optimizer.SGD(momentum='much')": 'Argument "momentum" to "SGD" has incompatible type "str"',
    "np.dot(y, x)": 'Argument 2 to "dot" has incompatible type "NDArray"; expected "ndarray"',
}
RIGHT = """
from collections.abc import Iterator
from gluonkit import autograd, gluon, init, mx, nd, nn, np, npx
from mxnet.contrib import amp

class Net(nn.HybridBlock):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.dense = nn.Dense(units, activation="relu", weight_initializer=init.Xavier())

    def hybrid_forward(self, F: object, x: nd.NDArray) -> object:
        return self.dense(x)

x = nd.random.uniform(0, 1, (2, 3))
y = np.random.uniform(size=(3, 2)) + 1
net = Net(4)
net.initialize(mx.init.Xavier(), ctx=[mx.cpu(0), mx.cpu(1)])
net.hybridize(static_alloc=True)
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
with autograd.record():
    loss = gluon.loss.L2Loss()(net(x), x).mean()
loss.backward()
trainer.step(2)
first: nd.NDArray = nd.softmax(nd.concat(x, x, dim=1)).sum(axis=0)[0] ** 2 - 1
second: np.ndarray = npx.softmax(y).reshape(3, 2).T.mean()
name: str = net.dense.weight.name
shape: tuple[int, ...] = x.shape
total: float = x.asnumpy().sum() + first.asscalar()
images = gluon.data.vision.MNIST
rows: Iterator[np.ndarray] = iter(y)
symbol = mx.sym.Convolution(mx.sym.var("data"), kernel=(3, 3), num_filter=8)
for batch in gluon.data.DataLoader(gluon.data.ArrayDataset(x, x), batch_size=2, shuffle=True):
    print(batch)
"""


def test_faults_are_found_and_nothing_else(mypy, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(RIGHT + "\n".join(FAULTS) + "\n")
    told = dict(mypy([program], "--strict"))
    lines = RIGHT.count("\n")
    expected = [f"{program}:{lines + number}" for number in range(1, len(FAULTS) + 1)]
    assert list(told) == expected, told
    for message, text in zip(told.values(), FAULTS.values(), strict=True):
        assert text in message
