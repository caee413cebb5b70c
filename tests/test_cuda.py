"""CUDA builds of MXNet: their libraries from NVIDIA's wheels, and what is said without them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gluonkit.system import compat, cuda

ROOT = Path(__file__).parents[1]
CC = shutil.which("cc")
needs_compiler = pytest.mark.skipif(
    CC is None or not sys.platform.startswith("linux"), reason="no C compiler, or not Linux"
)

# As MXNet's libmxnet.so, this one is found with all that it needs, or not at all.
FAKE_MXNET = """
import ctypes, os
ctypes.CDLL(os.path.join(os.path.dirname(__file__), "libmxnet.so"), ctypes.RTLD_LOCAL)
"""
# Prints the files that the process has mapped, of those that are libraries of the test.
LIST = """
import mxnet
lines = open("/proc/self/maps").read().splitlines()
print(*sorted({line.split()[-1] for line in lines if "/nvidia/" in line or "/users/" in line}))
"""
PREPARE = "import _gluonkit_command as c; compat = c._module_without_init('system.compat')\n"


def library(file, needs=()):
    """Compile a shared library of a given name, which needs others that exist already."""
    file.parent.mkdir(parents=True, exist_ok=True)
    links = [
        f"-Wl,--no-as-needed,-soname,{file.name}",
        *map(str, needs),
        "-Wl,--allow-shlib-undefined",
    ]
    source = file.with_suffix(".c")
    source.write_text(f"int {re.sub('[^a-z]', '_', file.name.lower())}(void) {{ return 1; }}\n")
    subprocess.run([CC, "-shared", "-fPIC", "-o", file, source, *links], check=True)
    source.unlink()
    return file


def wheel(site, name, needs=()):
    return library(site / "nvidia" / cuda._part(cuda.LIBRARIES[name]) / "lib" / name, needs)


@pytest.fixture
def site(tmp_path):
    """Return a site-packages with a CUDA build of a made-up MXNet and some of NVIDIA's wheels."""
    if cuda.locate() or cuda.missing() != list(cuda.WHEELS):
        pytest.skip("CUDA's libraries are on this machine already")
    site = tmp_path / "site"
    light = wheel(site, "libcublasLt.so.11")
    cublas = wheel(site, "libcublas.so.11", [light])
    cudnn = wheel(site, "libcudnn.so.8")
    (site / "mxnet").mkdir()
    (site / "mxnet" / "__init__.py").write_text(FAKE_MXNET)
    library(site / "mxnet" / "libmxnet.so", [cublas, cudnn])
    (site / "mxnet_cu117-1.9.1.dist-info").mkdir()
    return site


@pytest.fixture
def run(python, site):
    """Return a function that runs code where `site` comes first; it returns the process."""

    def run(code, **variables):
        path = os.pathsep.join([str(site), str(ROOT)])
        return python("-c", PREPARE + code, env={"PYTHONPATH": path, **variables})

    return run


@needs_compiler
def test_libraries_of_the_wheels_are_loaded(run, site):
    assert "cannot open shared object file" in run(LIST).stderr  # without, there is nothing
    done = run("compat.prepare(); compat.prepare(); print(compat.applied[-1])\n" + LIST)
    noted, mapped = done.stdout.splitlines()
    names = ["libcublasLt.so.11", "libcublas.so.11", "libcudnn.so.8"]
    assert noted == f"CUDA: loaded {', '.join(names)} from NVIDIA's wheels"
    assert [Path(word).name for word in mapped.split()] == sorted(names)
    assert all(word.startswith(f"{site}/nvidia/") for word in mapped.split())


@needs_compiler
def test_under_gluonkit_run(run, site, gluonkit, tmp_path):
    (tmp_path / "program.py").write_text(LIST)
    path = os.pathsep.join([str(site), str(ROOT)])
    done = gluonkit("run", "program.py", env={"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 3


@needs_compiler
def test_the_users_own_libraries_come_first(run, site, tmp_path):
    own = library(tmp_path / "users" / "libcudnn.so.8")
    code = "compat.prepare(); print(*compat.cuda.preloaded)\n" + LIST
    loaded, mapped = run(code, LD_LIBRARY_PATH=str(own.parent)).stdout.splitlines()
    assert loaded == "libcublasLt.so.11 libcublas.so.11"
    assert str(own) in mapped.split()
    assert not [word for word in mapped.split() if "site/nvidia/cudnn" in word]


@needs_compiler
@pytest.mark.parametrize("change", ["CPU build", "no wheels", "imported before"])
def test_nothing_is_loaded_where_nothing_is_needed(change, run, site):
    code = "compat.prepare(); print(compat.cuda.preloaded, compat.cuda.failures)"
    if change == "CPU build":
        (site / "mxnet_cu117-1.9.1.dist-info").rename(site / "mxnet-1.9.1.dist-info")
    elif change == "no wheels":
        shutil.rmtree(site / "nvidia")
    else:
        code = "import sys; sys.modules['mxnet'] = sys; sys.gluon = 1\n" + code
    done = run(code)
    assert done.stdout == "{} {}\n", done.stderr


@needs_compiler
def test_a_broken_library_is_named_when_the_import_fails(run, site):
    (site / "nvidia/cudnn/lib/libcudnn.so.8").write_text("not a library")
    done = run("compat.import_mxnet()")
    last = done.stderr.splitlines()[-1]
    assert "needs the shared library libcudnn.so.8" in last
    assert "did not load: " in last
    assert "invalid ELF header" in last or "file too short" in last
    assert "install --no-deps --force-reinstall " in last
    assert last.endswith(cuda.LIBRARIES["libcudnn.so.8"])


@needs_compiler
def test_what_is_missing_is_named_all_at_once(run, site):
    shutil.rmtree(site / "nvidia/cudnn")
    last = run("compat.import_mxnet()").stderr.splitlines()[-1]
    command = last.partition("Install it with: ")[2]
    assert command.startswith(f"{sys.executable} -m pip install --no-deps ")
    wheels = set(command.split()[5:])
    assert "nvidia-cudnn-cu11==8.5.0.96" in wheels
    assert "nvidia-cublas-cu11==11.10.3.66" not in wheels  # it is there
    assert wheels <= set(cuda.WHEELS)


@pytest.fixture
def nowhere(monkeypatch):
    """Let no library be found by the loader, nor by LD_LIBRARY_PATH, nor any build by pip."""

    def refuse(name, **_):
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(cuda.ctypes, "CDLL", refuse)
    monkeypatch.setattr(cuda, "builds", lambda path=None: ["mxnet-cu117"])
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)


@pytest.mark.parametrize("name", cuda.LIBRARIES)
def test_every_library_has_its_wheel(name, nowhere):
    text = f"{name}: cannot open shared object file: No such file or directory"
    explained = compat.explain_import_failure(OSError(text)).text
    assert f"needs the shared library {name}" in explained
    assert f"{cuda.LIBRARIES[name]} brings it" in explained
    assert explained.endswith(" ".join(cuda.WHEELS))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("libcuda.so.1: cannot open shared object file: No such", "of NVIDIA's driver the shared"),
        ("/x/libmxnet.so: undefined symbol: cuGraphNodeGetType", "function cuGraphNodeGetType"),
        ("libcudart.so.10.1: cannot open shared object file: No", "of another CUDA than 11"),
    ],
)
def test_what_no_wheel_brings(text, expected, nowhere):
    explained = compat.explain_import_failure(OSError(text)).text
    assert expected in explained
    assert explained.endswith(f"Install it with: {cuda.cpu_command(sys.executable)}")


def test_what_is_not_of_cuda_is_explained_elsewhere():
    for text in ("libgomp.so.1: cannot open shared object file: No", "cute", "undefined symbol: x"):
        assert cuda.explain(text, "python") is None
    quad = OSError("libquadmath.so.0: cannot open shared object file: No such file")
    assert (
        "apt-get install libgomp1 libquadmath0 (Debian" in compat.explain_import_failure(quad).text
    )
    other = OSError("libz.so.1: cannot open shared object file: No such file")
    assert "needs the shared library libz.so.1" in compat.explain_import_failure(other).text


def test_builds_are_found_by_name(tmp_path):
    for name in (
        "mxnet-1.9.1.dist-info",
        "mxnet_cu117-1.9.1.dist-info",
        "mxnet_cu112-1.9.1-py3.11.egg-info",
        "mxnet_model_server-1.0.dist-info",
        "mxnet",
    ):
        (tmp_path / name).mkdir()
    (tmp_path / "file.zip").write_text("")
    path = [str(tmp_path), str(tmp_path / "absent"), str(tmp_path / "file.zip")]
    assert cuda.builds(path) == ["mxnet", "mxnet-cu112", "mxnet-cu117"]
    assert cuda.cuda_builds(path) == ["mxnet-cu112", "mxnet-cu117"]


def test_without_the_folder_nothing_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(cuda.os, "listdir", pytest.fail)
    assert cuda.locate([str(tmp_path)]) == {}
    monkeypatch.setattr(cuda.sys, "platform", "darwin")
    (tmp_path / "nvidia/cudnn/lib").mkdir(parents=True)
    (tmp_path / "nvidia/cudnn/lib/libcudnn.so.8").write_text("")
    assert cuda.locate([str(tmp_path)]) == {}
    monkeypatch.setattr(cuda.sys, "platform", "linux")
    file = str(tmp_path / "nvidia/cudnn/lib/libcudnn.so.8")
    assert cuda.locate([str(tmp_path)]) == {"libcudnn.so.8": (file, False)}


def test_commands_leave_one_build(monkeypatch):
    monkeypatch.setattr(cuda, "builds", lambda path=None: ["mxnet", "mxnet-cu102"])
    for command in (cuda.gpu_command("py"), cuda.cpu_command("py")):
        removed, installed = command.split(" && ")
        assert removed == "py -m pip uninstall -y mxnet mxnet-cu102 mxnet-cu112 mxnet-cu117"
        assert len(re.findall(r"\bmxnet(?:-cu\d+)?==1\.9\.1", installed)) == 1
        assert "install --no-deps mxnet" in installed
    assert set(cuda.WHEELS) <= set(cuda.gpu_command("py").split())


def test_lost_files_are_explained(monkeypatch):
    error = ModuleNotFoundError("No module named 'mxnet'", name="mxnet")
    for names, command in (
        (["mxnet-cu117"], cuda.gpu_command),
        (["mxnet", "mxnet-cu117"], cuda.cpu_command),
    ):
        monkeypatch.setattr(cuda, "builds", lambda path=None, names=names: names)
        explained = compat.explain_import_failure(error).text
        assert f"pip still lists {', '.join(names)}, but the folder is gone" in explained
        assert explained.endswith(f"Install it with: {command(sys.executable)}")
    monkeypatch.setattr(cuda, "builds", lambda path=None: [])
    assert compat.mxnet_install_command() in compat.explain_import_failure(error).text


def test_wheels_are_pinned_and_documented():
    page = (ROOT / "docs" / "gpu.md").read_text()
    joined = re.sub(r"\s*\\\n\s*", " ", page)
    assert all(
        re.fullmatch(r"nvidia-[a-z-]+-cu11==[\d.]+", requirement) for requirement in cuda.WHEELS
    )
    assert f"pip install --no-deps {cuda.BUILD} {' '.join(cuda.WHEELS)}\n" in joined
