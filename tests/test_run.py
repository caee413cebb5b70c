"""`gluonkit run`: as `python` in arguments, exit status and tracebacks, and MXNet imports."""

import signal
import sys
import zipfile

import pytest

SCRIPT = """
import sys
print(sys.argv, __name__, __file__, __package__, __spec__, sys.path[0])
print('mxnet' in sys.modules)
"""


@pytest.fixture
def both(python, gluonkit, tmp_path):
    """Return a function that runs a program by `python` and by `gluonkit run`, as results."""

    def run(*args, source=None, **options):
        if source is not None:
            (tmp_path / "program.py").write_text(source)
        return python(*args, **options), gluonkit("run", *args, **options)

    return run


def same(theirs, ours):
    assert ours.returncode == theirs.returncode
    assert ours.stdout == theirs.stdout
    assert ours.stderr == theirs.stderr


@pytest.mark.parametrize(
    "source",
    [
        SCRIPT,
        "import sys; sys.exit(7)",
        "import sys; sys.exit('a message')",
        "raise SystemExit",
        "def f():\n    raise KeyError('deep')\n\nf()\n",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('x') from error",
        "def (:\n",
        "# -*- coding: latin-1 -*-\nprint('caf\u00e9')",
        "import __main__; x = 3; print(__main__.x, __main__.__file__)",
        "import atexit; atexit.register(lambda: print('bye', x)); x = 1",
        "import pickle\nclass C: pass\nprint(type(pickle.loads(pickle.dumps(C()))))",
        "import sys; sys.excepthook = lambda *_: print('mine'); raise OSError",
        # What goes last still has its modules.
        "import os\nclass C:\n    def __del__(self): print(os.sep)\nc = C()",
    ],
)
def test_same_as_python(source, both):
    same(*both("program.py", "a", "--flag", "-m", source=source))


@pytest.mark.parametrize("source", [SCRIPT.replace(", __spec__", ""), "raise KeyError", "exit(3)"])
def test_module_same_as_python(source, both):
    same(*both("-m", "program", "a", "--flag", source=source))


def test_missing_module(both):
    theirs, ours = both("-m", "there_is_none")
    assert ours.returncode == theirs.returncode == 1
    assert ours.stderr == theirs.stderr


def test_missing_file(both):
    theirs, ours = both("there_is_none.py")
    assert ours.returncode == theirs.returncode == 2
    assert ours.stderr.partition(": ")[2] == theirs.stderr.partition(": ")[2]


def test_folder_and_archive(both, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__main__.py").write_text("import sys; print(sys.argv)")
    same(*both("folder", "x"))
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", "import sys; print(sys.argv)")
    same(*both("app.zip", "x"))


def test_imports_from_beside_the_script(both, tmp_path):
    (tmp_path / "helper_module.py").write_text("value = 3")
    same(*both("program.py", source="import helper_module; print(helper_module.value)"))


def test_killed_by_signal(both):
    theirs, ours = both("program.py", source="import os; os.kill(os.getpid(), 15)")
    assert ours.returncode == theirs.returncode == -signal.SIGTERM


def test_ctrl_c(both):
    source = "import os, signal; os.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(600)"
    theirs, ours = both("program.py", source=source)
    assert ours.returncode == theirs.returncode == -signal.SIGINT
    assert ours.stderr.splitlines()[-1] == "KeyboardInterrupt"
    assert "_script.py" not in ours.stderr


def test_environment_set_by_the_script_counts(gluonkit, tmp_path):
    """MXNet is imported by the script, not before it."""
    (tmp_path / "program.py").write_text(
        "import os; os.environ['OMP_NUM_THREADS'] = '1'; os.environ['MXNET_ENGINE_TYPE'] = "
        "'NaiveEngine'\n"
        "import mxnet as mx; mx.nd.ones((2,)).wait_to_read()\n"
        "from gluonkit import runtime; print(runtime())"
    )
    done = gluonkit("run", "program.py")
    assert "engine='naive', engine_set_by='user', threads=1, threads_set_by='user'" in done.stdout
    assert "NaiveEngine" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "only 0-dimensional arrays can be converted to Python scalars",
        "%d format: a real number is required, not numpy.ndarray",  # "%d" % x.asnumpy()
        "format argument: %f requires a real number, not numpy.ndarray",  # "%.3f", Python 3.15
    ],
)
def test_one_element_as_a_number(text, gluonkit, tmp_path):
    """NumPy 2.4's error, whichever NumPy is here, ends with what to write instead."""
    (tmp_path / "program.py").write_text(f"raise TypeError({text!r})")
    done = gluonkit("run", "program.py")
    *_, error, fix = done.stderr.splitlines()
    assert error == f"TypeError: {text}"
    assert fix.startswith("gluonkit: since NumPy 2.4 an array with one element is no number. Write")
    assert ("numpy<2.4" in fix) == (sys.version_info < (3, 15))


def test_mxnet_imports(gluonkit, tmp_path):
    (tmp_path / "program.py").write_text(
        "from mxnet import nd\nprint(nd.ones((2, 3)).sum().asscalar())"
    )
    done = gluonkit("run", "program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "6.0\n", "")


@pytest.mark.parametrize(
    ("args", "status", "text"),
    [
        ([], 2, "usage: gluonkit run [--audit] SCRIPT"),
        (["--help"], 0, "usage: gluonkit run [--audit] SCRIPT"),
        (["-m"], 2, "-m needs a module's name"),
        (["--fast", "x.py"], 2, "unknown option --fast"),
    ],
)
def test_usage(args, status, text, gluonkit):
    done = gluonkit("run", *args)
    assert done.returncode == status
    assert text in done.stdout + done.stderr


def test_as_python_m_gluonkit(python, tmp_path):
    (tmp_path / "program.py").write_text("import sys; print(sys.argv); raise KeyError(1)")
    done = python("-m", "gluonkit", "run", "program.py", "x")
    assert done.stdout == "['program.py', 'x']\n"
    assert done.returncode == 1
    assert done.stderr.splitlines()[1].strip().startswith(f'File "{tmp_path}')


def test_standard_input_is_the_programs(gluonkit, tmp_path):
    (tmp_path / "program.py").write_text("print(input())")
    assert gluonkit("run", "program.py", input="hello\n").stdout == "hello\n"
