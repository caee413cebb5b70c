"""The doctor: what is right, and every problem with the command that mends it."""

import json
import os
import sys

import pytest

from gluonkit import doctor as doctor_function
from gluonkit import environment
from gluonkit.doctor import Check, DoctorReport, _distributions, _gpu, _python, nvidia_gpus
from tests.test_compat import FAILURES, HIDE, ROOT, fake_mxnet

DOCTOR = sys.modules["gluonkit.doctor"]


def checks(done):
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_all_is_well(gluonkit):
    done = gluonkit("doctor", "--json")
    found = checks(done)
    assert done.returncode == 0
    assert json.loads(done.stdout)["ok"]
    assert found["MXNet"]["status"] == "ok"
    assert found["MXNet"]["detail"].startswith("1.9.1")
    assert found["threads"]["detail"].endswith("(set by gluonkit)")
    assert found["engine"]["detail"] == "threaded (set by MXNet)"
    assert "MKLDNN" in found["MXNet features"]["detail"]
    assert found["NumPy"]["detail"] == environment().numpy


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
    found = checks(done)
    assert done.returncode == 1
    assert found["MXNet"]["status"] == "broken"
    assert expected[0] in found["MXNet"]["detail"]
    assert found["MXNet"]["fix"]
    assert found["threads"]["status"] == "note"


def test_missing_mxnet(gluonkit, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(HIDE.format(names=("mxnet",)))
    path = os.pathsep.join([str(tmp_path / "site"), ROOT])
    done = gluonkit("doctor", env={"PYTHONPATH": path})
    assert done.returncode == 1
    assert "Something is broken." in done.stdout
    assert 'install "mxnet==1.9.1"' in done.stdout or "--no-deps" in done.stdout


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
        ({"MXNET_ENGINE_TYPE": "NaiveEngine"}, "engine", "ok", "naive (set by user"),
        ({"MXNET_ENGINE_TYPE": "Fast"}, "engine", "broken", "MXNet's first operation will fail"),
        ({"DMLC_ROLE": "server"}, "DMLC_ROLE", "broken", "turns into that process and exits"),
    ],
)
def test_settings(variables, name, status, text, gluonkit):
    done = gluonkit("doctor", "--json", env=variables)
    check = checks(done)[name]
    assert check["status"] == status
    assert text in check["detail"]
    assert bool(check["fix"]) == (status != "ok")
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
    assert _python().fix == "" or "3.13" in _python().fix


def test_two_builds_in_one_folder(monkeypatch):
    monkeypatch.setattr(DOCTOR, "mxnet_distributions", lambda: ["mxnet", "mxnet-cu117"])
    (check,) = _distributions()
    assert check.status == "broken"
    assert check.fix.startswith("pip uninstall -y mxnet mxnet-cu117")


def gpu(monkeypatch, cards, **found):
    monkeypatch.setattr(DOCTOR, "nvidia_gpus", lambda: cards)
    return _gpu(found)


def test_gpu(monkeypatch):
    works = gpu(monkeypatch, ["A card"], gpus=1, features=["CUDA"])
    assert (works.status, works.detail) == ("ok", "MXNet can use 1: A card")
    cpu_build = gpu(monkeypatch, ["A card"], gpus=0, features=["MKLDNN"])
    assert cpu_build.status == "warning"
    assert "mxnet-cu117==1.9.1" in cpu_build.fix
    no_card = gpu(monkeypatch, [], gpus=0, features=["CUDA"])
    assert no_card.status == "warning"
    assert "install NVIDIA's driver" in no_card.fix
    assert gpu(monkeypatch, [], gpus=0, features=[]).detail == "none seen"


def test_gpu_names(tmp_path):
    folder = tmp_path / "proc/driver/nvidia/gpus/0000:00:04.0"
    folder.mkdir(parents=True)
    (folder / "information").write_text("Model: \t\t NVIDIA Test\nIRQ: 1\n")
    assert nvidia_gpus(tmp_path) == ["NVIDIA Test"]
    assert nvidia_gpus(tmp_path / "none") == []


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
