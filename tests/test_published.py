"""MXNet's installed files, compared with the wheels that were published."""

import csv
import hashlib
import importlib.metadata
import sys
from base64 import urlsafe_b64encode

import pytest

from gluonkit.system import doctor, published
from gluonkit.system.doctor import _files
from gluonkit.system.published import PUBLISHED, Wheel, compare, contents_of

DOCTOR = sys.modules["gluonkit.system.doctor"]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs files as a distribution of MXNet, and its folder."""

    def install(record=True, **files):
        (tmp_path / "mxnet").mkdir()
        info = tmp_path / "mxnet-1.9.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mxnet\nVersion: 1.9.1\n")
        rows = [(f"mxnet/__pycache__/{name}.pyc", "", "") for name in files]
        for name, text in files.items():
            (tmp_path / "mxnet" / name).write_text(text)
            rows.append((f"mxnet/{name}", f"sha256={base64(text)}", len(text)))
        rows.append(("mxnet-1.9.1.dist-info/INSTALLER", f"sha256={base64('pip')}", 3))
        if record:
            with (info / "RECORD").open("w", newline="") as file:
                csv.writer(file).writerows(rows)
        monkeypatch.setattr(
            importlib.metadata,
            "distribution",
            lambda _: importlib.metadata.PathDistribution(info),
        )
        monkeypatch.setattr(DOCTOR, "mxnet_distributions", lambda: ["mxnet"])
        return tmp_path / "mxnet"

    return install


def base64(text):
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def known(monkeypatch):
    """Have the wheel with ``a`` and ``b`` be the only one that was published."""
    lines = f"mxnet/a,{base64('1')}\nmxnet/b,{base64('2')}\n"
    wheel = Wheel("mxnet-of-the-test.whl", "", hashlib.sha256(lines.encode()).hexdigest())
    monkeypatch.setattr(published, "PUBLISHED", (wheel,))
    return wheel


def test_as_published(installed, known):
    installed(b="2", a="1")
    compared = compare("mxnet")
    assert (compared.wheel, compared.files, compared.changed) == (known, 2, ())
    (check,) = _files()
    assert (check.status, check.fix) == ("ok", "")
    assert check.detail == "the SHA-256 of all 2 are those of mxnet-of-the-test.whl"


def test_files_that_were_changed_or_are_gone(installed, known):
    folder = installed(a="1", b="2")
    (folder / "a").write_text("3")
    (folder / "b").unlink()
    assert compare("mxnet").changed == ("mxnet/a", "mxnet/b")
    (check,) = _files()
    assert check.status == "warning"
    assert check.detail == "changed since they were installed: mxnet/a, mxnet/b"
    # Nothing that `doctor --fix` would run: the change may be wanted.
    assert check.fix.startswith("if you did not do that yourself: ")
    assert '"mxnet==1.9.1" --force-reinstall' in check.fix


def test_another_wheel(installed, known):
    installed(a="1", b="3")
    compared = compare("mxnet")
    assert (compared.wheel, compared.changed) == (None, ())
    (check,) = _files()
    assert check.status == "warning"
    assert check.detail == "of no wheel of MXNet 1.9.1 that gluonkit knows (2 files)"


def test_without_a_record(installed):
    installed(record=False, a="1")
    assert compare("mxnet") is None
    (check,) = _files()
    assert (check.status, check.fix) == ("note", "")


@pytest.mark.parametrize("names", [[], ["mxnet", "mxnet-cu117"]])
def test_what_is_not_one_distribution(names, monkeypatch):
    monkeypatch.setattr(DOCTOR, "mxnet_distributions", lambda: names)
    assert list(_files()) == []


def test_this_mxnet_is_one_of_them():
    """Whatever is tested on: a wheel that somebody else made would fail here."""
    (name,) = doctor.mxnet_distributions()
    compared = compare(name)
    assert compared.wheel in PUBLISHED
    assert compared.changed == ()
    assert compared.files > 400


def test_hashes_are_hashes():
    digits = [text for wheel in PUBLISHED for text in (wheel.sha256, wheel.contents)]
    assert {len(text) for text in digits} == {64}
    assert len({int(text, 16) for text in digits}) == len(digits)
    assert contents_of({"b": "y", "a": "x"}) == hashlib.sha256(b"a,x\nb,y\n").hexdigest()
