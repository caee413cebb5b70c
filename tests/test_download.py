"""Downloading from a server on loopback: good, wrong, broken off, gone, slow, resumed, shared."""

import hashlib
import io
import subprocess
import sys
import urllib.request

import pytest

from gluonkit import data
from gluonkit._base import download
from gluonkit._base.download import Checksum, fetch
from gluonkit.data import datasets
from gluonkit.errors import DataError
from tests.conftest import ROOT
from tests.launched import LONG, wait_until, waits_for_a_lock
from tests.servers import Handler, serving
from tests.test_datasets import IMAGES, LABELS, idx, pictures, write_mnist

CONTENTS = bytes(range(256)) * 2000
SUM = Checksum("SHA-256", hashlib.sha256(CONTENTS).hexdigest())


@pytest.fixture
def url():
    with serving({"f.bin": CONTENTS}) as address:
        yield address


def test_a_good_file_arrives_whole(url, tmp_path):
    told = []
    path = tmp_path / "new" / "f.bin"
    good = f"{url}/good/f.bin"
    assert fetch(path, [good], SUM, watch=lambda done, total: told.append((done, total))) == good
    assert path.read_bytes() == CONTENTS
    assert fetch(path, [good], SUM) == ""
    assert told[-1] == (len(CONTENTS), len(CONTENTS))
    assert len(told) > 2
    assert not path.with_name("f.bin.part").exists()


def test_a_wrong_file_is_not_kept_and_the_next_mirror_is_tried(url, tmp_path):
    path = tmp_path / "f.bin"
    fetch(path, [f"{url}/wrong/f.bin", f"{url}/gone/f.bin", f"{url}/good/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS
    assert Handler.asked == [("wrong", ""), ("gone", ""), ("good", "")]


def test_every_failure_is_told(url, nobody, tmp_path):
    path = tmp_path / "mistyped" / "folder" / "f.bin"
    mirrors = [f"{url}/wrong/f.bin", f"{url}/gone/f.bin", f"{nobody}/f.bin"]
    with pytest.raises(DataError) as error:
        fetch(path, mirrors, SUM)
    text = str(error.value)
    assert f"{mirrors[0]}: its SHA-256 is" in text
    assert f"not {SUM.digits}: it is damaged, or another file" in text
    assert f"{mirrors[1]}: the server answers 404 Not Found" in text
    assert f"{mirrors[2]}: [Errno 111] Connection refused" in text
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["my-mirror", "nowhere://x", "http://[", "http://a b"])
def test_an_address_that_is_none_is_one_failure_more(url, tmp_path, address):
    path = tmp_path / "f.bin"
    with pytest.raises(DataError, match="was not to be had from") as error:
        fetch(path, [f"{address}/f.bin"], SUM)
    assert f"{address}/f.bin: " in str(error.value)
    fetch(path, [f"{address}/f.bin", f"{url}/good/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS


def test_what_another_mirror_began_wrong_is_asked_for_anew(url, tmp_path):
    path = tmp_path / "f.bin"
    path.with_name("f.bin.part").write_bytes(b"wrong" * 100)
    fetch(path, [f"{url}/good/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS
    assert Handler.asked == [("good", "bytes=500-"), ("good", "")]


def test_what_broke_off_is_gone_on_with(url, tmp_path):
    path = tmp_path / "f.bin"
    with pytest.raises(DataError, match=f"broke off|{len(CONTENTS) // 2}"):
        fetch(path, [f"{url}/broken/f.bin"], SUM)
    assert not path.exists()
    part = path.with_name("f.bin.part")
    assert part.stat().st_size == len(CONTENTS) // 2
    fetch(path, [f"{url}/good/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS
    assert Handler.asked[-1] == ("good", f"bytes={len(CONTENTS) // 2}-")


def test_a_server_that_cannot_resume_sends_it_all(url, tmp_path):
    path = tmp_path / "f.bin"
    path.with_name("f.bin.part").write_bytes(CONTENTS[:1000])
    fetch(path, [f"{url}/norange/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS


def test_a_part_that_is_whole_is_taken(url, tmp_path):
    path = tmp_path / "f.bin"
    path.with_name("f.bin.part").write_bytes(CONTENTS)
    fetch(path, [f"{url}/good/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS


def test_a_spoiled_part_is_thrown_away(url, tmp_path):
    path = tmp_path / "f.bin"
    path.with_name("f.bin.part").write_bytes(b"y" * 1000)
    fetch(path, [f"{url}/good/f.bin", f"{url}/good/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS


def test_a_server_that_sends_nothing_is_given_up(url, tmp_path, monkeypatch):
    """The limit of the other one is its own: it may be slow on a busy machine."""
    original = urllib.request.urlopen

    def impatient(request, timeout):
        assert timeout == download.TIMEOUT
        return original(request, timeout=0.2 if "/slow/" in request.full_url else LONG)

    monkeypatch.setattr(urllib.request, "urlopen", impatient)
    path = tmp_path / "f.bin"
    fetch(path, [f"{url}/slow/f.bin", f"{url}/good/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS


def test_a_wrong_file_gives_way_only_to_the_right_one(url, tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(b"by hand, but damaged")
    with pytest.raises(DataError, match="its SHA-256 is"):
        fetch(path, [f"{url}/wrong/f.bin"], SUM)
    assert path.read_bytes() == b"by hand, but damaged"
    fetch(path, [f"{url}/good/f.bin"], SUM)
    assert path.read_bytes() == CONTENTS


def test_sums_are_those_of_hashlib(tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(CONTENTS)
    Checksum("SHA-1", hashlib.sha1(CONTENTS).hexdigest()).check(path)
    with pytest.raises(DataError, match=r"its SHA-1 is .*, not abc: it is damaged"):
        Checksum("SHA-1", "abc").check(path)


def test_two_processes_fetch_once(url, tmp_path):
    path = tmp_path / "f.bin"
    code = (
        "import sys; from pathlib import Path; from gluonkit._base import download as d\n"
        f"d.TIMEOUT = {LONG}\n"
        "d.fetch(Path(sys.argv[1]), [sys.argv[2]], d.Checksum('SHA-256', sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, str(path), f"{url}/slow/f.bin", SUM.digits]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    wait_until(lambda: sum(map(waits_for_a_lock, processes)) == 2 and Handler.asked)
    Handler.slow.set()
    assert [process.wait(LONG) for process in processes] == [0, 0, 0]
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == CONTENTS
    assert len(Handler.asked) == 1


def test_load_downloads_to_the_first_folder(monkeypatch, tmp_path):
    write_mnist(tmp_path / "served", prefixes=("train",))
    files = {p.name: p.read_bytes() for p in (tmp_path / "served").iterdir()}
    sums = {name: hashlib.sha256(contents).hexdigest() for name, contents in files.items()}
    for name in ("GLUONKIT_DATA", "MXNET_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    with serving({f"mnist/{name}": contents for name, contents in files.items()}) as address:
        remote = datasets.Remote("mnist", (f"{address}/gone/",), sums, datasets.DIGITS)
        monkeypatch.setitem(datasets.REMOTES, "mnist", remote)
        monkeypatch.setenv("GLUONKIT_MIRROR", f"{address}/good")
        dataset = data.load("mnist")
        assert len(dataset) == 6
        assert (tmp_path / "GLUONKIT_DATA/mnist" / IMAGES).exists()
        Handler.asked.clear()
        data.load("mnist")
        assert Handler.asked == []


def test_a_download_that_is_not_what_its_name_says(monkeypatch, tmp_path):
    images, _ = pictures()
    wrong = idx(images)
    with serving({IMAGES: wrong, LABELS: wrong}) as address:
        sums = dict.fromkeys((IMAGES, LABELS), hashlib.sha256(wrong).hexdigest())
        remote = datasets.Remote("mnist", (f"{address}/good/",), sums, datasets.DIGITS)
        monkeypatch.setitem(datasets.REMOTES, "mnist", remote)
        with pytest.raises(DataError, match="cannot be uncompressed"):
            data.load("mnist", root=tmp_path)


def test_a_bar_shows_downloads_in_a_terminal(monkeypatch, tmp_path):
    stream = io.StringIO()
    stream.isatty = lambda: True
    write_mnist(tmp_path / "served", prefixes=("train",))
    files = {p.name: p.read_bytes() for p in (tmp_path / "served").iterdir()}
    sums = {name: hashlib.sha256(contents).hexdigest() for name, contents in files.items()}
    with serving(files) as address:
        remote = datasets.Remote("mnist", (f"{address}/good/",), sums, datasets.DIGITS)
        monkeypatch.setitem(datasets.REMOTES, "mnist", remote)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        data.load("mnist", root=tmp_path / "new")
    assert IMAGES in stream.getvalue()
    stream.truncate(0)
    data.load("mnist", root=tmp_path / "new")
    assert IMAGES not in stream.getvalue()
