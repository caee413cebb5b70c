"""Tar archives, such as SageMaker's ``model.tar.gz``: loaded safely, or refused."""

import gzip
import io
import os
import tarfile
import tempfile

import numpy
import pytest
from mxnet import nd

from gluonkit import create_model, load, save
from gluonkit.errors import CheckpointError
from gluonkit.files import archive as archives
from gluonkit.files.archive import unpacked
from tests.legacy import draws, graph, node, variable, written

DENSE = node("FullyConnected", "fc", 0, 1, 2, attrs={"num_hidden": "3"})
TEXT = graph(variable("data"), variable("fc_weight"), variable("fc_bias"), DENSE, version=10901)
PARAMETERS = {"arg:fc_weight": draws(3, 4), "arg:fc_bias": draws(3)}


def files_of_a_network(folder, name="net"):
    """Return the bytes of an exported network's files, by name."""
    written(folder, TEXT, PARAMETERS, name)
    names = (f"{name}-symbol.json", f"{name}-0001.params")
    return {file: (folder / file).read_bytes() for file in names}


def packed(path, members, mode="w:gz"):
    """Write an archive of bytes by name, or of tarfile's records."""
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = content
            if isinstance(content, bytes):
                info = tarfile.TarInfo(name)
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


@pytest.fixture
def files(tmp_path):
    (tmp_path / "source").mkdir()
    return files_of_a_network(tmp_path / "source")


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Show that nothing stays behind of what was unpacked."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


@pytest.mark.parametrize(("name", "mode"), [("model.tar.gz", "w:gz"), ("model.tar", "w")])
@pytest.mark.parametrize("inside", ["", "./", "model/1/"])
def test_a_network_in_an_archive(files, tmp_path, name, mode, inside):
    others = {"hyperparams.json": b"{}", "._net-symbol.json": b"by macOS", "log.txt": b""}
    members = {inside + file: content for file, content in (others | files).items()}
    x = draws(2, 4)
    net = load(packed(tmp_path / name, members, mode))
    expected = x @ PARAMETERS["arg:fc_weight"].T + PARAMETERS["arg:fc_bias"]
    numpy.testing.assert_allclose(net(nd.array(x)).asnumpy(), expected, rtol=1e-5)


def test_a_checkpoint_in_an_archive(tmp_path):
    net = create_model("mlp", units=(5,), classes=3, init=True)
    x = nd.ones((2, 4))
    expected = net(x).asnumpy()
    content = save(net, tmp_path / "net.safetensors").read_bytes()
    path = packed(tmp_path / "model.tgz", {"net.safetensors": content})
    assert (load(path)(x).asnumpy() == expected).all()
    other = create_model("mlp", units=(5,), classes=3)
    assert load(path, net=other, strict=False).net is other


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"readme.txt": b"nothing"}, "is an archive in which there is no network$"),
        ({"a.params": b"a", "b.params": b"b"}, r"several networks \(a.params, b.params\); unpack"),
        ({"a/x.params": b"a", "b/x.params": b"b"}, "has two files called x.params"),
        ({"x.params": b"damaged"}, r"model.tar.gz:x.params cannot be used: it is neither"),
        ({"x-symbol.json": b"["}, r"model.tar.gz:x-symbol.json has no parameters beside it"),
    ],
)
def test_archives_without_one_network(tmp_path, members, words):
    with pytest.raises(CheckpointError, match=words):
        load(packed(tmp_path / "model.tar.gz", members))


def link(name, kind, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_what_leads_out_of_an_archive(files, tmp_path):
    """Links, devices, absolute paths and those with .. are not unpacked, nor followed."""
    secret = tmp_path / "secret.params"
    secret.write_bytes(b"not to be read")
    hostile = {
        "a": link("soft.params", tarfile.SYMTYPE, str(secret)),
        "b": link("hard.params", tarfile.LNKTYPE, "../secret.params"),
        "c": link("fifo.params", tarfile.FIFOTYPE, ""),
        str(tmp_path / "absolute.params"): b"x",
        "../../up.params": b"x",
        "net/../../up.params": b"x",
    }
    path = packed(tmp_path / "model.tar.gz", hostile | files)
    with unpacked(path) as result:
        assert sorted(os.listdir(result.folder)) == sorted(files)
        assert len(result.left) == 6
    load(path)
    there = {file.name for file in tmp_path.iterdir()}
    assert there == {"source", "temporary", "secret.params", "model.tar.gz"}
    assert secret.read_bytes() == b"not to be read"


def test_a_refusal_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS", 1 << 16)
    path = packed(tmp_path / "model.tar.gz", {"x.params": bytes(1 << 22)})
    with pytest.raises(CheckpointError, match="unpacks to more") as error:
        load(path)
    assert str(error.value).count("cannot be used") == 1


def test_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS", 1 << 16)
    path = packed(tmp_path / "model.tar.gz", {"x.params": bytes(1 << 22)})
    words = r"it unpacks to more than .*, as weights do not: it is made to fill a disk"
    with pytest.raises(CheckpointError, match=words):
        load(path)
    path = packed(tmp_path / "model.tar.gz", {"skipped.txt": bytes(1 << 22), "x.params": b"x"})
    with pytest.raises(CheckpointError, match=words):  # nor is it skipped, byte for byte
        load(path)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_huge_headers(tmp_path, kind, monkeypatch):
    """A name may be announced to have as many bytes as there are: none of them is read."""
    monkeypatch.setattr(archives, "_ALWAYS", 1 << 40)
    info = tarfile.TarInfo("x.params")
    info.type, info.size = kind, 1 << 33
    header = info.tobuf(format=tarfile.GNU_FORMAT)
    for content in (header, gzip.compress(header)):
        path = tmp_path / "model.tar"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"the names in it take more than 4\.00 MiB"):
            load(path)


def test_names_without_end(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = b"L", 1
    block = info.tobuf(format=tarfile.GNU_FORMAT) + bytes(512)
    path = tmp_path / "model.tar"
    path.write_bytes(block * 3000)
    with pytest.raises(CheckpointError, match=r"no whole tar archive|the names in it take more"):
        load(path)


@pytest.mark.parametrize("cut", [100, 600, -700])
def test_archives_that_are_cut_off(files, tmp_path, cut):
    noise = numpy.random.default_rng(0).bytes(5000)
    for mode in ("w:gz", "w"):
        path = packed(tmp_path / "model.tar.gz", files | {"noise.params": noise}, mode)
        path.write_bytes(path.read_bytes()[: cut if mode == "w:gz" else cut - 9500])
        with pytest.raises(CheckpointError):
            load(path)


@pytest.mark.parametrize("content", [b"no archive at all", b""])
def test_what_is_compressed_and_no_archive(tmp_path, content):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(CheckpointError, match="cannot be used: it is no whole tar archive"):
        load(path)


def test_no_room(files, tmp_path, monkeypatch):
    path = packed(tmp_path / "model.tar.gz", files)
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(CheckpointError, match=r"there is no room for net-symbol\.json in "):
        load(path)


def test_a_sparse_member_is_not_unpacked(files, tmp_path):
    info = tarfile.TarInfo("x.params")
    info.type = tarfile.GNUTYPE_SPARSE
    path = packed(tmp_path / "model.tar", {"x": info} | files, "w")
    load(path)
