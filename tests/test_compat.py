"""Importing: on this NumPy and Python, after others' failures, and with things missing."""

import os
import re
import sys
import textwrap
import warnings
from pathlib import Path

import numpy
import pytest

from gluonkit._base import optional
from gluonkit._base.optional import require
from gluonkit.errors import MissingPackageError
from gluonkit.system import compat


def test_import_says_nothing_and_changes_no_mode(python):
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "import gluonkit\n"
        "from gluonkit import mx, np, npx, nd, nn, init, autograd, gluon\n"
        "import mxnet\n"
        "assert mx is mxnet and np is mxnet.np and npx is mxnet.npx and nd is mxnet.nd\n"
        "assert nn is mxnet.gluon.nn and init is mxnet.init\n"
        "assert autograd is mxnet.autograd and gluon is mxnet.gluon\n"
        "assert not mxnet.util.is_np_array() and not mxnet.util.is_np_shape()"
    )
    done = python("-W", "error", "-c", code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("package", ["gluoncv", "gluonnlp", "matplotlib", "rich"])
def test_optional_packages_are_not_imported(package, python):
    """scikit-learn is not among them: MXNet itself imports it where it finds it."""
    done = python("-c", f"import sys, gluonkit; print({package!r} in sys.modules)")
    assert done.stdout == "False\n"


def test_the_test_above_can_fail(python):
    code = "import sys, gluonkit; print(gluonkit.runtime(), file=sys.stderr); import rich;"
    code += "print('rich' in sys.modules)"
    assert python("-c", code).stdout == "True\n"


def test_mxnet_imported_first(python):
    """A user who patches NumPy himself and imports mxnet first loses nothing."""
    code = (
        "import _gluonkit_command as c\n"
        "c._module_without_init('system.compat').prepare()\n"
        "import mxnet\n"
        "import gluonkit\n"
        "assert gluonkit.mx is mxnet\n"
        "print(gluonkit.create_model('mlp', init=True)(mxnet.nd.ones((2, 20))).shape)\n"
        "print(gluonkit.runtime().started)\n"
        "try: gluonkit.configure(engine='naive')\n"
        "except gluonkit.errors.StateError as error: print(error)\n"
    )
    done = python("-c", code)
    assert done.stderr == ""
    shape, started, message = done.stdout.splitlines()
    assert (shape, started) == ("(2, 10)", "None")
    assert "MXNet was imported before gluonkit, so its engine may have started already" in message


@pytest.mark.skipif(
    "bool" in vars(numpy) and numpy.__version__ < "1.24", reason="this NumPy has the names"
)
def test_recovers_from_a_failed_import(python):
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "try: import mxnet\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print(any(name.startswith('mxnet.') for name in sys.modules))\n"
        "import gluonkit\n"
        "print(gluonkit.nd.ones((2,)).sum().asscalar())\n"
        "print(any('failed import' in text for text in gluonkit.system.compat.applied))"
    )
    done = python("-c", code)
    assert done.stderr == ""
    failure, leftovers, total, noted = done.stdout.splitlines()
    assert failure in ("AttributeError", "ModuleNotFoundError")
    assert (leftovers, total, noted) == ("True", "2.0", "True")


def fake_mxnet(folder, body):
    (folder / "mxnet").mkdir()
    (folder / "mxnet" / "__init__.py").write_text(textwrap.dedent(body))


FAILURES = {
    "libgomp": (
        "raise OSError('libgomp.so.1: cannot open shared object file: No such file or directory')",
        ["libgomp.so.1", "apt-get install libgomp1 libquadmath0"],
    ),
    "cuda": (
        "raise OSError('libcudart.so.11.0: cannot open shared object file: No such file')",
        ["libcudart.so.11.0", "CUDA 11", "pip install --no-deps nvidia-cuda-runtime-cu11=="],
    ),
    "platform": (
        "raise OSError('libmxnet.so: invalid ELF header')",
        ["no native library for this platform", "--force-reinstall"],
    ),
    "no library": (
        "raise RuntimeError('Cannot find the MXNet library.')",
        ["no native library for this platform", "Linux (x86_64, aarch64)"],
    ),
    "dependency": (
        "import graphviz_that_is_missing",
        ["needs the Python package graphviz_that_is_missing", "pip install"],
    ),
    "unknown": (
        "raise AttributeError('module numpy has no attribute novelty')",
        ["AttributeError: module numpy has no attribute novelty", numpy.__version__],
    ),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failures_are_explained(kind, python, tmp_path):
    body, expected = FAILURES[kind]
    fake_mxnet(tmp_path, body)
    done = python("-c", "import gluonkit")  # the current folder comes first on the path
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("gluonkit.errors.MissingPackageError: ")
    assert all(text in last for text in expected), last


HIDE = """
import sys
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hide())
"""


@pytest.fixture
def hidden(tmp_path):
    """Return a function that gives an environment in which packages cannot be found."""

    def hide(*names):
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "sitecustomize.py").write_text(HIDE.format(names=names))
        return {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), *sys.path[:1], ROOT])}

    return hide


ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def test_mxnet_missing(hidden, python):
    """What needs none is there; see `test_records.py`."""
    done = python("-c", "import gluonkit; gluonkit.data; gluonkit.fit", env=hidden("mxnet"))
    assert done.returncode == 1
    assert "line 1, in <module>" in done.stderr
    assert "Apache MXNet is not installed in this Python" in done.stderr
    # pip lists it, and would not install it again unless it is uninstalled first.
    assert "pip still lists mxnet" in done.stderr
    assert f"Install it with: {sys.executable} -m pip uninstall -y mxnet mxnet-cu1" in done.stderr


def test_mxnet_never_installed(monkeypatch):
    monkeypatch.setattr(compat.cuda, "builds", list)
    error = ModuleNotFoundError("No module named 'mxnet'", name="mxnet")
    explained = compat.explain_import_failure(error).text
    assert explained.endswith(f"Install it with: {compat.mxnet_install_command()}")
    assert ("--no-deps" in explained) == (sys.version_info >= (3, 13))


def test_command_without_mxnet_prints_no_traceback(hidden, python):
    done = python("-m", "_gluonkit_command", "summary", "lenet", env=hidden("mxnet"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gluonkit summary: error: Apache MXNet is not")
    assert len(done.stderr.splitlines()) == 1


def test_numpy_missing(hidden, python):
    done = python("-c", "import gluonkit", env=hidden("numpy"))
    assert "gluonkit and MXNet need NumPy. Install it with: " in done.stderr


def test_an_interrupted_import_is_explained_in_process(monkeypatch):
    error = ModuleNotFoundError("No module named 'requests'", name="requests")
    assert "needs the Python package requests" in compat.explain_import_failure(error).text


def test_what_numpy_dropped_works_again():
    assert numpy.bool in (bool, numpy.bool_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a NumPy that still has them says that it will not
        assert numpy.alltrue([1, 1])
        assert numpy.msort(numpy.array([[2], [1]])).tolist() == [[1], [2]]


def test_require_names_the_extra():
    with pytest.raises(MissingPackageError, match=r'extra "plot" brings it\)') as caught:
        require("matplotlib_that_is_missing", extra="plot")
    assert caught.value.name == "matplotlib_that_is_missing"
    with pytest.raises(ImportError, match="Install it with: pip install nothing_of_that_name"):
        require("nothing_of_that_name.sub")


@pytest.mark.parametrize(("newest", "told"), [((3, 0), True), ((4, 0), False)])
def test_require_says_where_there_may_be_no_wheel(newest, told, monkeypatch):
    monkeypatch.setitem(optional._NEWEST, "no_such_package", newest)
    with pytest.raises(MissingPackageError) as caught:
        require("no_such_package", extra="onnx")
    assert ("It had no wheel for a Python after 3.0 when" in str(caught.value)) == told
    assert str(caught.value).endswith("Install it with: pip install no_such_package")


def test_what_may_have_no_wheel_is_what_setup_leaves_out():
    lines = (Path(ROOT) / "setup.cfg").read_text().splitlines()
    left_out = {
        re.match(r"\w+", line.strip())[0]: tuple(map(int, newer.split(".")))
        for line in lines
        if (newer := line.partition('; python_version < "')[2].rstrip('"')) == "3.15"
    }
    expected = {name: (major, minor + 1) for name, (major, minor) in optional._NEWEST.items()}
    assert left_out == expected


def test_require_passes_on_an_installed_packages_own_failure(tmp_path, monkeypatch):
    (tmp_path / "broken_inside.py").write_text("import absent_dependency")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="absent_dependency") as caught:
        require("broken_inside", extra="plot")
    assert not isinstance(caught.value, MissingPackageError)


def test_functions_that_numpy_gave_up_say_so():
    with pytest.raises(NotImplementedError, match=r"numpy.npv was removed.*numpy-financial"):
        compat._gone("npv")(0.1, [1, 2])


def test_command_without_the_package(python):
    command = str(Path(ROOT) / "_gluonkit_command.py")
    done = python("-I", "-S", command, "doctor")
    assert done.returncode == 1
    assert done.stderr.endswith("ImportError: the package gluonkit is not installed\n")
