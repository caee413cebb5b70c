"""The doctor: what is right, and every problem with the command that mends it."""

import importlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gluonkit as gluonkit_package
from gluonkit import doctor as doctor_function
from gluonkit import environment
from gluonkit._base import cpu
from gluonkit.system import blas, compat, published
from gluonkit.system.doctor import (
    _cuda_libraries,
    _distributions,
    _gpu,
    _instructions,
    _numpy,
    _python,
    nvidia_gpus,
)
from gluonkit.system.findings import Check, DoctorReport
from tests.test_compat import FAILURES, HIDE, ROOT, fake_mxnet

DOCTOR = sys.modules["gluonkit.system.doctor"]


def checks(done):
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_all_is_well(gluonkit):
    done = gluonkit("doctor", "--json")
    results = checks(done)
    assert done.returncode == 0
    assert json.loads(done.stdout)["ok"]
    assert results["MXNet"]["status"] == "ok"
    assert results["MXNet"]["detail"].startswith("1.9.1")
    assert results["threads"]["detail"].endswith("(set by gluonkit)")
    assert results["engine"]["detail"] == "threaded (set by MXNet)"
    assert "MKLDNN" in results["MXNet features"]["detail"]
    assert results["NumPy"]["detail"].startswith(environment().numpy)
    assert results["MXNet's files"]["status"] == "ok"
    assert results["instruction set"]["detail"].startswith("oneDNN uses ")


def test_the_gluonkit_that_asks_is_the_one_that_is_tried(monkeypatch):
    seen = []

    def run(*args, env, **options):
        seen.append(env["PYTHONPATH"].split(os.pathsep)[0])
        raise subprocess.TimeoutExpired("python", 1)

    monkeypatch.setattr(subprocess, "run", run)
    report = doctor_function()
    assert not report.ok
    # That takes too long on a busy machine is no reason to install anything.
    assert report.commands == []
    check = next(check for check in report.checks if check.name == "MXNet")
    assert check.detail == "importing MXNet took more than five minutes"
    # Not the package's own folder, in which `data` and `errors` would be packages of their own.
    assert seen == [str(Path(gluonkit_package.__file__).parents[1])]


def test_text(gluonkit):
    done = gluonkit("doctor")
    assert done.returncode == 0
    assert "MXNet works." in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100 + len(sys.executable)


@pytest.mark.parametrize("kind", FAILURES)
def test_broken_mxnet(kind, gluonkit, tmp_path):
    """The command survives what makes ``import gluonkit`` fail."""
    body, expected = FAILURES[kind]
    (tmp_path / "site").mkdir()
    fake_mxnet(tmp_path / "site", body)
    path = os.pathsep.join([str(tmp_path / "site"), ROOT])
    done = gluonkit("doctor", "--json", env={"PYTHONPATH": path})
    # The doctor's own fresh process puts gluonkit's folder first, where no mxnet lies.
    actual = checks(done)
    assert done.returncode == 1
    assert actual["MXNet"]["status"] == "broken"
    assert expected[0] in actual["MXNet"]["detail"]
    fix = actual["MXNet"]["fix"]
    assert fix.startswith(("apt-get install", f"{sys.executable} -m pip "))
    assert kind == "unknown" or actual["MXNet"]["detail"].endswith(f"nstall it with: {fix}")
    assert actual["threads"]["status"] == "note"


def test_missing_mxnet(gluonkit, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(HIDE.format(names=("mxnet",)))
    path = os.pathsep.join([str(tmp_path / "site"), ROOT])
    done = gluonkit("doctor", env={"PYTHONPATH": path})
    assert done.returncode == 1
    assert "Something is broken." in done.stdout
    assert "pip install --no-deps mxnet" in done.stdout  # pip lists it, but it is gone


def test_crash_while_importing(gluonkit, tmp_path):
    (tmp_path / "site").mkdir()
    fake_mxnet(tmp_path / "site", "import os; os.kill(os.getpid(), 4)")
    path = os.pathsep.join([str(tmp_path / "site"), ROOT])
    done = gluonkit("doctor", "--json", env={"PYTHONPATH": path})
    assert done.returncode == 1
    assert "died of SIGILL" in checks(done)["MXNet"]["detail"]


@pytest.mark.parametrize(
    ("variables", "name", "status", "text"),
    [
        ({"OMP_NUM_THREADS": "many"}, "threads", "broken", "'many', which is not a number"),
        ({"OMP_NUM_THREADS": "999"}, "threads", "warning", "OMP_NUM_THREADS=999 (set by user) is"),
        ({"OMP_NUM_THREADS": "1"}, "threads", "ok", "1 (set by user)"),
        (
            {"OMP_WAIT_POLICY": "passive"},
            "waiting threads",
            "ok",
            "OMP_WAIT_POLICY=passive (set by",
        ),
        ({"OMP_WAIT_POLICY": "active"}, "waiting threads", "warning", "they never sleep"),
        ({"GOMP_SPINCOUNT": "700"}, "waiting threads", "ok", "spin 700 times, then sleep (set by"),
        ({"MXNET_ENGINE_TYPE": "NaiveEngine"}, "engine", "ok", "naive (set by user"),
        ({"MXNET_ENGINE_TYPE": "Fast"}, "engine", "broken", "MXNet's first operation will fail"),
        (
            {"DNNL_MAX_CPU_ISA": "AVX2"},
            "mixed precision",
            "note",
            "none: bfloat16 takes a processor",
        ),
        ({"DNNL_MAX_CPU_ISA": "SSE41"}, "instruction set", "note", "oneDNN uses Intel SSE4.1: bf"),
        ({"DMLC_ROLE": "server"}, "DMLC_ROLE", "broken", "turns into that process and exits"),
    ],
)
def test_settings(variables, name, status, text, gluonkit):
    done = gluonkit("doctor", "--json", env=variables)
    check = checks(done)[name]
    assert check["status"] == status
    assert text in check["detail"]
    assert bool(check["fix"]) == (status != "ok" and name != "instruction set")
    assert done.returncode == (1 if status == "broken" else 0)


def test_from_python():
    report = doctor_function()
    assert report.ok
    assert "MXNet" in {check.name for check in report.checks}
    assert "<table>" in report._repr_html_()


def test_untested_python(monkeypatch):
    monkeypatch.setattr(DOCTOR.platform, "python_version", lambda: "3.9.18")
    assert _python().status == "warning"
    monkeypatch.setattr(DOCTOR.platform, "python_version", lambda: "3.13.0rc2")
    assert _python().fix == "" or "3.15" in _python().fix


@pytest.mark.parametrize(
    ("numpy", "python", "fix"),
    [
        ("1.26.4", (3, 12), ""),
        ("2.3.5", (3, 14), ""),
        ("2.4.0", (3, 14), f'{sys.executable} -m pip install "numpy<2.4"'),
        ("2.5.5", (3, 15), "write x.asscalar()"),
        ("not installed", (3, 12), ""),
    ],
)
def test_a_numpy_on_which_old_scripts_stumble(numpy, python, fix, monkeypatch):
    monkeypatch.setattr(DOCTOR, "installed_version", lambda name: numpy)
    monkeypatch.setattr(sys, "version_info", python)
    check = _numpy()
    assert check.detail.startswith(numpy)
    assert (check.status, check.fix) == ("note" if fix else "ok", fix)


@pytest.mark.parametrize(
    ("name", "bfloat16", "status", "text"),
    [
        ("", False, "note", "this MXNet computes without oneDNN"),
        (
            "Intel AVX2",
            False,
            "note",
            "Intel AVX2: bfloat16 none; int8 emulated, sums may overflow",
        ),
        (
            "Intel AVX-512 with AVX512BW, AVX512VL, and AVX512DQ extensions",
            True,
            "note",
            "extensions: bfloat16 emulated, slower than float32; int8 emulated, sums may overflow",
        ),
        (
            "Intel AVX-512 with Intel DL Boost",
            True,
            "note",
            "Boost: bfloat16 emulated, slower than float32; int8 native",
        ),
        (
            "Intel AVX-512 with Intel DL Boost and bfloat16 support",
            True,
            "ok",
            "support: bfloat16 native; int8 native",
        ),
    ],
)
def test_instructions(name, bfloat16, status, text, monkeypatch):
    """The names are those that oneDNN 2.4.4 has in it."""
    monkeypatch.setattr(DOCTOR.platform, "machine", lambda: "x86_64")
    check = _instructions({"instructions": name, "bfloat16": bfloat16})
    assert (check.status, check.fix) == (status, "")
    assert text in check.detail


@pytest.fixture
def on_arm(monkeypatch, tmp_path):
    """Return a function that has the doctor look at a Graviton2, on which MXNet works or not."""
    works = {
        "environment": {
            "mxnet": "1.9.1",
            "threads": 2,
            "threads_set_by": "gluonkit",
            "spin_count": 50_000,
            "spin_count_busy": None,
            "spin_count_set_by": "gluonkit",
        },
        "applied": ["BLAS: libscipy_openblas.so in the place of libarmpl_lp64_mp.so"],
        "features": ["BLAS_OPEN", "CPU_NEON", "LAPACK", "MKLDNN"],
        "gpus": 0,
        "bfloat16": False,
        "cuda": [],
        "blas": "OpenBLAS 0.3.34 NEOVERSEN1 (libscipy_openblas.so)",
        "file": "mxnet/__init__.py",
        "total": 12.0,
        "instructions": "AArch64 (with Advanced SIMD & floating-point)",
    }
    (tmp_path / "proc").mkdir()
    arm = "processor\t: 0\nFeatures\t: asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"
    (tmp_path / "proc" / "cpuinfo").write_text(arm)
    names = cpu.model_name
    monkeypatch.setattr(DOCTOR.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(DOCTOR.platform, "processor", lambda: "")
    monkeypatch.setattr(DOCTOR.cpu, "model_name", lambda: names(tmp_path))
    monkeypatch.setattr(DOCTOR, "nvidia_gpus", lambda: ["A card"])
    wheel = next(wheel for wheel in published.PUBLISHED if "aarch64" in wheel.file)
    compared = published.Comparison(wheel, 1200, ())
    monkeypatch.setattr(DOCTOR.published, "compare", lambda name: compared)
    monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX2")  # which means nothing there

    def look(failure=None):
        given = ({}, failure) if failure else (works, DOCTOR._Failure())
        monkeypatch.setattr(DOCTOR, "_probe", lambda: given)
        return {check.name: check for check in doctor_function().checks}

    return look


def test_every_line_on_arm(on_arm):
    told = on_arm()
    text = " ".join(f"{check.detail} {check.fix}" for check in told.values())
    for foreign in ("AVX", "DL Boost", "Intel", "cu117", "libquadmath", "SSE"):
        assert foreign not in text, foreign
    assert not [check for check in told.values() if check.status in ("broken", "warning")]
    assert told["platform"].detail.endswith(" aarch64")
    assert told["processor"].detail.startswith("Neoverse-N1 (Graviton2, Ampere Altra): ")
    assert told["BLAS"].detail.startswith("OpenBLAS 0.3.34 NEOVERSEN1")
    assert "MKLDNN" in told["MXNet features"].detail
    assert told["MXNet's files"].detail.endswith("mxnet-1.9.1-py3-none-manylinux2014_aarch64.whl")
    assert told["instruction set"].detail == (
        "oneDNN uses AArch64 (with Advanced SIMD & floating-point): bfloat16 none; int8 not tried "
        "on ARM"
    )
    assert told["mixed precision"].detail.startswith("none: MXNet has no bfloat16 for ARM")
    assert told["GPU"].detail == "A card: MXNet's builds for NVIDIA's GPUs are for x86-64 only"
    assert told["waiting threads"].detail == "spin 50,000 times, then sleep (set by gluonkit)"


def test_mxnet_fails_on_arm(on_arm):
    """The command that brings a BLAS is the one that is shown, and that `--fix` runs."""
    library = blas.STANDS_FOR
    error = OSError(f"{library}: cannot open shared object file: No such file or directory")
    explained = compat.explain_import_failure(error)
    assert explained.fix.endswith("pip install scipy-openblas32")
    told = on_arm(DOCTOR._Failure(explained.text, explained.fix))
    assert (told["MXNet"].status, told["MXNet"].fix) == ("broken", explained.fix)
    assert told["GPU"].status == "note"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="DL Boost is of Intel's and AMD's")
def test_sums_of_int8_overflow_where_the_doctor_says_so(python):
    """255 * 127, 64 times: two products at a time are added in 16 bits, without DL Boost."""
    code = """
import gluonkit
from gluonkit import nd
from gluonkit.system import doctor
def ranges(most):
    return nd.array([-most if most < 255 else 0]), nd.array([most])
x, w = nd.ones((1, 16, 4, 4)).astype("uint8") * 255, nd.ones((16, 16, 2, 2)).astype("int8") * 127
total = nd.contrib.quantized_conv(
    x, w, None, *ranges(255.0), *ranges(127.0), kernel=(2, 2), num_filter=16, no_bias=True
)[0].max().asscalar()
check = next(c for c in doctor.doctor().checks if c.name == "instruction set")
print(total == 255 * 127 * 64, "int8 native" in check.detail)
"""
    for isa in ("AVX2", "DEFAULT"):
        done = python("-c", code, env={"DNNL_MAX_CPU_ISA": isa})
        exact, said = done.stdout.split()
        assert exact == said, (isa, done.stderr)


@pytest.mark.parametrize(
    "names", [["mxnet", "mxnet-cu117"], ["mxnet", "mxnet-cu112", "mxnet-cu117"]]
)
def test_builds_over_one_another(names, monkeypatch):
    monkeypatch.setattr(DOCTOR, "mxnet_distributions", lambda: names)
    (check,) = _distributions()
    assert check.status == "broken"
    assert check.detail.startswith(f"{', '.join(names)} are installed over one another")
    # Removing one takes the others' files: all of them have to go, on every Python alike.
    to_cpu, to_gpu = check.fix.split("; or, for GPUs: ")
    for command in (to_cpu, to_gpu):
        assert f"{sys.executable} -m pip uninstall -y mxnet mxnet-cu112 mxnet-cu117 && " in command
    assert to_cpu.endswith("pip install --no-deps mxnet==1.9.1")
    assert "pip install --no-deps mxnet-cu117==1.9.1 nvidia-" in to_gpu


@pytest.fixture
def gpu(monkeypatch):
    """Return a function that checks for GPUs where there are the given cards and builds."""

    def look(cards, builds=(), machine="x86_64", **facts):
        monkeypatch.setattr(DOCTOR, "nvidia_gpus", lambda: cards)
        monkeypatch.setattr(DOCTOR.cuda, "cuda_builds", lambda: list(builds))
        monkeypatch.setattr(DOCTOR.platform, "machine", lambda: machine)
        return _gpu(facts)

    return look


def test_gpu(gpu):
    works = gpu(["A card"], gpus=1, features=["CUDA"])
    assert (works.status, works.detail) == ("ok", "MXNet can use 1: A card")
    cpu_build = gpu(["A card"], gpus=0, features=["MKLDNN"])
    assert cpu_build.status == "warning"
    assert cpu_build.fix == DOCTOR.cuda.gpu_command(sys.executable)
    assert "mxnet-cu117==1.9.1" in cpu_build.fix
    on_arm = gpu(["A card"], machine="aarch64", gpus=0, features=["MKLDNN"])
    assert (on_arm.status, on_arm.fix) == ("note", "")
    assert on_arm.detail == "A card: MXNet's builds for NVIDIA's GPUs are for x86-64 only"
    no_card = gpu([], gpus=0, features=["CUDA"])
    assert no_card.status == "warning"
    assert "install NVIDIA's driver" in no_card.fix
    assert no_card.fix.endswith(DOCTOR.cuda.cpu_command(sys.executable))
    unused = gpu(["A card"], gpus=0, features=["CUDA"])
    assert unused.detail.endswith("no GPU can be used although the system has A card")
    assert gpu([], gpus=0, features=[]).detail == "none seen"
    assert gpu([], builds=["mxnet-cu117"]).status == "warning"  # and it cannot be imported
    assert gpu(["A card"]).status == "note"


@pytest.mark.parametrize(
    ("card", "too_new"),
    [
        ("NVIDIA H100 80GB HBM3", True),
        ("NVIDIA GH200 480GB", True),
        ("NVIDIA B200", True),
        ("NVIDIA GeForce RTX 5090", True),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", True),
        ("NVIDIA L4", False),
        ("NVIDIA A100-SXM4-80GB", False),
        ("NVIDIA GeForce RTX 4090", False),
        ("Quadro RTX 5000", False),
        ("NVIDIA RTX 5000 Ada Generation", False),
        ("Tesla V100-SXM2-16GB", False),
    ],
)
def test_a_card_that_no_build_has_code_for(card, too_new, gpu):
    under_cpu_build = gpu([card], gpus=0, features=["MKLDNN"])
    under_cuda_build = gpu([card], gpus=1, features=["CUDA"])
    if too_new:
        assert (under_cpu_build.status, under_cpu_build.fix) == ("note", "")
        assert under_cuda_build.status == "warning"
        assert "no build of MXNet 1.9.1 has code for" in under_cuda_build.detail
    else:
        assert "mxnet-cu117" in under_cpu_build.fix
        assert under_cuda_build.status == "ok"
    # One card that works is enough.
    assert gpu([card, "NVIDIA L4"], gpus=2, features=["CUDA"]).status == "ok"


def test_gpu_names(tmp_path):
    folder = tmp_path / "proc/driver/nvidia/gpus/0000:00:04.0"
    folder.mkdir(parents=True)
    (folder / "information").write_text("Model: \t\t NVIDIA Test\nIRQ: 1\n")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").write_text("")
    assert nvidia_gpus(tmp_path) == ["NVIDIA Test"]
    assert nvidia_gpus(tmp_path / "none") == []


def test_gpus_without_names(tmp_path):
    """A container may have the devices only; WSL has one device for GPUs of any make."""
    (tmp_path / "dev").mkdir()
    for name in ("nvidiactl", "nvidia-uvm", "dxg"):
        (tmp_path / "dev" / name).write_text("")
    assert nvidia_gpus(tmp_path) == []
    (tmp_path / "usr/lib/wsl/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/wsl/lib/libcuda.so.1").write_text("")
    assert nvidia_gpus(tmp_path) == ["unnamed NVIDIA GPU"]
    for name in ("nvidia0", "nvidia1"):
        (tmp_path / "dev" / name).write_text("")
    assert nvidia_gpus(tmp_path) == ["unnamed NVIDIA GPU"] * 2


def test_where_cudas_libraries_come_from(monkeypatch):
    cuda = DOCTOR.cuda
    monkeypatch.setattr(cuda, "cuda_builds", list)
    assert list(_cuda_libraries({})) == []
    monkeypatch.setattr(cuda, "cuda_builds", lambda: ["mxnet-cu117"])
    (check,) = _cuda_libraries({"cuda": {"libcudnn.so.8": "x"}})
    assert check.status == "ok"
    assert check.detail.startswith(
        "from NVIDIA's wheels: libcudnn.so.8; from the system: libcudart"
    )
    monkeypatch.setattr(cuda, "locate", lambda: {"libnccl.so.2": ("x", False)})
    monkeypatch.setattr(cuda, "missing", lambda: ["nvidia-cudnn-cu11==8.5.0.96"])
    (check,) = _cuda_libraries({})
    assert check.status == "broken"
    assert check.fix.endswith(" -m pip install --no-deps nvidia-cudnn-cu11==8.5.0.96")
    monkeypatch.setattr(cuda, "missing", list)
    (check,) = _cuda_libraries({})
    assert check.detail.startswith("from NVIDIA's wheels: libnccl.so.2; from the system: ")


def test_what_to_mend_and_what_to_add():
    report = DoctorReport(
        (
            Check("a", "broken", "x", "mend a"),
            Check("b", "note", "x", "add b"),
            Check("c", "ok", ""),
        )
    )
    lines = str(report).splitlines()
    assert not report.ok
    assert lines[lines.index("To mend:") + 1] == "  a: mend a"
    assert lines[lines.index("To add:") + 1] == "  b: add b"


# Stands for Python, which has pip: writes down what it is asked, and MXNet is there from then on.
FAKE_PYTHON = """#!/bin/sh
echo "$@" >>"{folder}/asked"
exit {status}
"""


@pytest.fixture
def mend(monkeypatch, tmp_path):
    """Return a function that runs the command where MXNet is missing until pip has been run.

    Within this process, with a Python that is a script: no test may reach the real pip.
    """
    command = importlib.import_module("gluonkit.cli.doctor")
    fake = tmp_path / "python"
    asked = tmp_path / "asked"

    def examine():
        lines = asked.read_text().splitlines() if asked.exists() else []
        fix = f'{fake} -m pip uninstall -y mxnet && {fake} -m pip install --no-deps "mxnet==1.9.1"'
        there = any("install --no-deps" in line for line in lines)
        return DoctorReport((Check("MXNet", *(("ok", "") if there else ("broken", "gone", fix))),))

    def run(*args, answer="", status=0):
        fake.write_text(FAKE_PYTHON.format(folder=tmp_path, status=status))
        fake.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(fake))
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        monkeypatch.setattr(command, "doctor", examine)
        result = command.main(args)
        return result, asked.read_text().splitlines() if asked.exists() else []

    return run


@pytest.mark.parametrize(("args", "answer"), [(["--fix"], "y\n"), (["--fix", "--yes"], "")])
def test_what_is_broken_is_mended(args, answer, mend, capfd):
    status, asked = mend(*args, answer=answer)
    assert status == 0
    assert asked == ["-m pip uninstall -y mxnet", "-m pip install --no-deps mxnet==1.9.1"]
    shown = capfd.readouterr().out
    assert shown.index("Something is broken.") < shown.index("$ ") < shown.index("MXNet works.")


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_nothing_is_run_without_a_yes(answer, mend, capfd):
    assert mend("--fix", answer=answer) == (1, [])
    assert "Not run." in capfd.readouterr().out


def test_a_command_that_fails_is_run_once(mend, capfd):
    assert mend("--fix", "--yes", status=3) == (1, ["-m pip uninstall -y mxnet"])
    assert "It failed: pip ended with 3." in capfd.readouterr().out


def test_nothing_to_mend(mend, capfd, tmp_path):
    (tmp_path / "asked").write_text("-m pip install --no-deps mxnet==1.9.1\n")
    assert mend("--fix", "--yes")[0] == 0
    assert capfd.readouterr().out.endswith("Nothing that a command would mend.\n")


@pytest.mark.parametrize(
    ("args", "text"), [(["--yes"], "add --fix"), (["--fix", "--json"], "take one of the two")]
)
def test_options_that_do_not_go_together(args, text, mend, capsys):
    with pytest.raises(SystemExit) as caught:
        mend(*args)
    assert caught.value.code == 2
    assert text in capsys.readouterr().err


SYSTEMS = "apt-get install libgomp1 libq0 (Debian, Ubuntu), dnf install libgomp libq (Fedora)"


@pytest.mark.parametrize(
    ("here", "command"),
    [
        ("apt-get", ["apt-get update && apt-get install -y libgomp1 libq0"]),
        ("dnf", ["dnf install -y libgomp libq"]),
        ("apk", []),
    ],
)
def test_commands_of_the_manager_that_is_here(here, command, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == here else None)
    checks = (Check("MXNet", "broken", "x", SYSTEMS), Check("MXNet", "broken", "x", SYSTEMS))
    assert DoctorReport(checks).commands == command


FAKE_MANAGER = """#!/bin/sh
echo "$@" >>"{folder}/asked"
"""


@pytest.fixture
def missing_runtime(monkeypatch, tmp_path):
    """Return a function that runs the command where a library is missing until it is installed.

    With a package manager that is a script: no test may reach the real one.
    """
    command = importlib.import_module("gluonkit.cli.doctor")
    asked = tmp_path / "asked"
    (tmp_path / "apt-get").write_text(FAKE_MANAGER.format(folder=tmp_path))
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def examine():
        there = asked.exists() and "install" in asked.read_text()
        check = Check("MXNet", "ok", "") if there else Check("MXNet", "broken", "gone", SYSTEMS)
        return DoctorReport((check,))

    def run(user):
        monkeypatch.setattr(os, "geteuid", lambda: user)
        monkeypatch.setattr(command, "doctor", examine)
        status = command.main(["--fix", "--yes"])
        return status, asked.read_text().splitlines() if asked.exists() else []

    return run


def test_root_gets_the_systems_packages(missing_runtime):
    assert missing_runtime(0) == (0, ["update", "install -y libgomp1 libq0"])


def test_others_are_told_that_they_are_roots(missing_runtime, capfd):
    assert missing_runtime(1000) == (1, [])
    shown = capfd.readouterr().out
    assert "$ apt-get update && apt-get install -y libgomp1 libq0\nNot run: the sys" in shown


def test_commands_are_pips_and_come_once():
    pip = f"{sys.executable} -m pip"
    checks = (
        Check("a", "broken", "x", f"{pip} install one; or, for GPUs: {pip} install two"),
        Check("b", "warning", "x", f"{pip} install one"),
        Check("c", "broken", "x", "unset DMLC_ROLE"),
        Check("d", "note", "x", "pip install three"),
    )
    assert DoctorReport(checks).commands == [f"{pip} install one"]
