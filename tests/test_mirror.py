"""Published weights: where they can be had, and mirrors of them, from a server on loopback."""

import hashlib
import json
import signal
import subprocess
import sys
import urllib.error
import zipfile

import numpy
import pytest
from mxnet.gluon.model_zoo import model_store

from gluonkit import create_model, list_models, model_info
from gluonkit._base import download
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models import ModelInfo, ModelInput, register_source
from gluonkit.models import registry as models
from gluonkit.models.downloads import CHINA
from gluonkit.models.mirroring import mirror
from gluonkit.models.published import Published
from gluonkit.models.weights import Stores, published_files
from gluonkit.zoo._gluonnlp import VOCABULARIES, WEIGHTS
from tests.conftest import ROOT
from tests.launched import LONG, wait_until
from tests.servers import Handler, serving
from tests.test_weights import assert_same, made, parameters, read, zipped

# Large enough for several pieces, and as hard to compress as weights.
CONTENTS = {
    f"net{number}": numpy.random.default_rng(number).bytes(300_000 + number) for number in range(5)
}


def of(name):
    return Published.weights(name, hashlib.sha1(CONTENTS[name]).hexdigest())


ARCHIVES = {of(name).address: zipped({of(name).file: CONTENTS[name]}) for name in CONTENTS}


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Register a zoo of made-up models, two of which share a file; keep downloads apart."""
    for name in ("_models", "_sources"):
        monkeypatch.setattr(models, name, dict(getattr(models, name)))
    monkeypatch.setattr(models, "_loaded", set())
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))

    def info(name, task, *files):
        shape = (ModelInput((1, 3)),)
        downloads = tuple(of(file) for file in files)
        return ModelInfo(f"tiny/{name}", "tiny", "", shape, task, downloads=downloads, builder=dict)

    register_source(
        "tiny",
        lambda: [
            *(info(name, "classification", name) for name in CONTENTS),
            info("again", "detection", "net0"),
            info("none", "detection"),
        ],
    )


@pytest.fixture
def store(tiny, monkeypatch):
    """Serve the zoo's store; return a function that says how well, store by store."""
    with serving(ARCHIVES) as url:

        def stores(*how):
            named = [f"{url}/{word}/" for word in how]
            monkeypatch.setenv("MXNET_GLUON_REPO", ",".join(named))
            return named

        stores("good")
        yield stores


def left_in(folder):
    """Return the files of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in files)


def outcomes(made):
    return {file.file.partition("-")[0]: file.outcome for file in made.files}


def test_published_files(store, tmp_path):
    place = tmp_path / "root"
    place.mkdir()
    (place / of("net1").file).write_bytes(CONTENTS["net1"])
    (place / of("net2").file).write_bytes(b"other")
    listing = published_files("tiny/*", root=place)
    assert [file.file for file in listing.files] == [
        of(name).file for name in ("net0", "net1", "net2", "net3", "net4")
    ]
    assert [file.on_disk for file in listing.files] == ["no", "yes", "damaged", "no", "no"]
    assert listing.files[0].models == ("tiny/again", "tiny/net0")
    assert Handler.asked == []
    text = str(listing)
    assert repr(listing) == text
    assert of("net1").sha1 in text
    assert f"5 files, 1 of them in {place}. Stores (not asked):\n  1 http://127" in text
    record = json.loads(json.dumps(listing.to_dict()))
    assert record["files"][0]["models"] == ["tiny/again", "tiny/net0"]
    assert not record["asked"]


def test_stores_are_asked_for_each_file(store, tmp_path):
    gone, good = store("gone", "good")
    listing = published_files("tiny/net[12]", online=True)
    assert [file.found_at for file in listing.files] == [
        good + of(name).address for name in ("net1", "net2")
    ]
    assert [how for how, _ in Handler.asked] == ["gone", "good"] * 2
    lines = str(listing).splitlines()
    assert lines[0].split() == ["name", "SHA-1", "on", "disk", "store"]
    assert lines[2].split() == ["tiny/net1", of("net1").sha1, "no", "2"]
    assert lines[-2:] == [f"  1 {gone}", f"  2 {good}"]
    store("gone")
    listing = published_files("tiny/net1", online=True)
    assert listing.files[0].found_at == ""
    assert str(listing).splitlines()[2].split()[-1] == "none"


def test_without_a_variable_the_stores_are_mxnets(tiny, monkeypatch):
    monkeypatch.delenv("MXNET_GLUON_REPO", raising=False)
    assert published_files("tiny/*").stores == (model_store.apache_repo_url, CHINA)


def test_all_weights_of_the_zoos_are_listed():
    files = {file.file: file for file in published_files().files}
    for name in list_models():
        for file, sha1 in model_info(name).published.items():
            assert files[file].sha1 == sha1
            assert name in files[file].models
    # GluonNLP's weights need their vocabularies.
    for dataset in (dataset for datasets in WEIGHTS.values() for dataset in datasets):
        if dataset in VOCABULARIES:
            kept = VOCABULARIES[dataset]
            assert files[f"{dataset}-{kept.sha1[:8]}{kept.suffix}"].sha1 == kept.sha1
    labels = [file.label for file in files.values()]
    assert len(set(labels)) == len(labels)
    assert "gluonnlp/bert_12_768_12 wiki_cn_cased" in labels
    assert "gluonnlp/bert_12_768_12 vocabulary wiki_cn_cased" in labels


@pytest.mark.parametrize("pattern", ["zzz*", "tiny/none"])
def test_patterns_that_match_nothing(tiny, tmp_path, pattern):
    for call in (published_files, lambda pattern: mirror(pattern, tmp_path / "m")):
        with pytest.raises(ArgumentError, match="matches no model with published weights"):
            call(pattern)
    assert not (tmp_path / "m").exists()


def test_a_mirror_has_what_the_store_has(store, tmp_path):
    told = []
    made = mirror("tiny/*", tmp_path / "m", watch=told.append)
    assert outcomes(made) == dict.fromkeys(CONTENTS, "downloaded")
    assert tuple(told) == made.files
    assert left_in(tmp_path / "m") == sorted(ARCHIVES)
    for address, archive in ARCHIVES.items():
        assert (tmp_path / "m" / address).read_bytes() == archive
    assert (made.failed, made.address) == ((), f"file://{tmp_path}/m")
    size = sum(map(len, ARCHIVES.values()))
    assert sum(file.size for file in made.files) == size
    assert str(made) == (
        f"5 of 5 files in {tmp_path}/m ({size / 1024**2:.2f} MiB), 0 failed. They are served by "
        f"MXNET_GLUON_REPO=file://{tmp_path}/m"
    )
    assert json.loads(json.dumps(made.to_dict()))["files"][0]["outcome"] == "downloaded"
    Handler.asked.clear()
    assert outcomes(mirror("tiny/*", tmp_path / "m")) == dict.fromkeys(CONTENTS, "there")
    assert Handler.asked == []


def test_networks_are_made_from_a_mirror(tmp_path, tiny, monkeypatch):
    made().save_parameters(str(tmp_path / "w.params"))
    contents = (tmp_path / "w.params").read_bytes()
    sha1 = hashlib.sha1(contents).hexdigest()
    monkeypatch.setitem(model_store._model_sha1, "mobilenet0.25", sha1)
    monkeypatch.setattr(models, "_loaded", set())  # the zoo is asked again
    published = Published.weights("mobilenet0.25", sha1)
    with serving({published.address: zipped({published.file: contents})}) as url:
        monkeypatch.setenv("MXNET_GLUON_REPO", f"{url}/good")
        address = mirror("mxnet/mobilenet0.25", tmp_path / "m").address
    monkeypatch.setenv("MXNET_GLUON_REPO", address)
    net = create_model("mxnet/mobilenet0.25", pretrained=True)
    expected = read(tmp_path / "w.params")
    assert_same(parameters(net), expected)
    # What is here already needs no store, and makes another mirror.
    monkeypatch.setenv("MXNET_GLUON_REPO", "http://127.0.0.1:1/")
    # A download that had begun is not needed for it.
    part = tmp_path / "other" / f"{published.address}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"begun")
    (file,) = mirror("mxnet/mobilenet0.25", tmp_path / "other").files
    assert left_in(tmp_path / "other") == [published.address]
    assert (file.outcome, file.source) == ("copied", str(tmp_path / "home/models" / published.file))
    with zipfile.ZipFile(tmp_path / "other" / published.address) as archive:
        assert archive.namelist() == [published.file]
        assert archive.read(published.file) == contents
    monkeypatch.setenv("MXNET_GLUON_REPO", f"file://{tmp_path}/other")
    net = create_model("mxnet/mobilenet0.25", pretrained=True, root=tmp_path / "new")
    assert_same(parameters(net), expected)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("gone", "the server answers 404 Not Found"),
        ("wrong", "it is no ZIP archive that can be read: "),
        ("broken", "it broke off after "),
        ("slow", "timed out"),
    ],
)
def test_what_fails_is_told_and_not_there(store, tmp_path, monkeypatch, how, reason):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    (named,) = store(how)
    made = mirror("tiny/net1", tmp_path / "m")
    (file,) = made.failed
    assert file.outcome == "failed"
    assert f"{named}{of('net1').address}: {reason}" in file.reason
    assert str(file).startswith(f"failed      {of('net1').file} (SHA-1 {of('net1').sha1}): it")
    # Of nothing, nothing is resumed.
    part = [f"{of('net1').address}.part"] if how == "broken" else []
    assert left_in(tmp_path / "m") == part
    begun = (tmp_path / "m" / part[0]).stat().st_size if part else 0
    assert file.begun == file.to_dict()["begun"] == begun
    assert ("of it are kept, to be resumed" in str(file)) == bool(part)
    store("good")
    monkeypatch.setattr(download, "TIMEOUT", LONG)
    assert outcomes(mirror("tiny/net1", tmp_path / "m")) == {"net1": "downloaded"}
    if how == "broken":
        half = len(ARCHIVES[of("net1").address]) // 2
        assert Handler.asked[-1] == ("good", f"bytes={half}-")
    assert left_in(tmp_path / "m") == [of("net1").address]


def test_contents_are_checked_not_archives(store, tmp_path, monkeypatch):
    """An archive that can be read, with other weights under the right name, is none."""
    with serving({of("net1").address: zipped({of("net1").file: b"other"})}) as url:
        monkeypatch.setenv("MXNET_GLUON_REPO", f"{url}/good")
        (file,) = mirror("tiny/net1", tmp_path / "m").failed
    assert f"not {of('net1').sha1}: it is damaged, or another file" in file.reason
    assert left_in(tmp_path / "m") == []


def test_a_damaged_archive_of_a_mirror_is_replaced(store, tmp_path):
    path = tmp_path / "m" / of("net1").address
    mirror("tiny/net1", tmp_path / "m")
    for contents in (path.read_bytes()[:-50], zipped({of("net1").file: b"other"})):
        path.write_bytes(contents)
        assert outcomes(mirror("tiny/net1", tmp_path / "m")) == {"net1": "downloaded"}
        assert path.read_bytes() == ARCHIVES[of("net1").address]


def test_the_rest_is_collected_where_one_fails(store, tmp_path, monkeypatch):
    monkeypatch.setattr(Handler, "files", {k: v for k, v in ARCHIVES.items() if "net2" not in k})
    made = mirror("tiny/*", tmp_path / "m")
    assert [file.file for file in made.failed] == [of("net2").file]
    assert len(left_in(tmp_path / "m")) == 4
    assert str(made).startswith("4 of 5 files in ")


def test_a_store_that_does_not_answer_is_asked_three_times(store, tmp_path, monkeypatch, nobody):
    monkeypatch.setenv("MXNET_GLUON_REPO", nobody)
    refused, silent = "Connection refused", "none has answered several times in a row"
    reasons = [file.reason for file in mirror("tiny/*", tmp_path / "m").failed]
    assert [refused in text for text in reasons] == [True] * 3 + [False] * 2
    assert [silent in text for text in reasons] == [False] * 3 + [True] * 2
    (good,) = store("good")
    monkeypatch.setenv("MXNET_GLUON_REPO", f"{nobody},{good}")
    assert outcomes(mirror("tiny/*", tmp_path / "m")) == dict.fromkeys(CONTENTS, "downloaded")


def test_an_answer_of_any_kind_counts(monkeypatch):
    monkeypatch.setenv("MXNET_GLUON_REPO", "http://a")
    stores, url = Stores(), "http://a/gluon/models/x.zip"
    refused = urllib.error.URLError(ConnectionRefusedError())
    missing = urllib.error.HTTPError(url, 404, "Not Found", None, None)
    for error in (refused, TimeoutError(), missing, refused, refused, None, refused, refused):
        stores.note(url, error)
        assert stores.urls(of("net1"))
    stores.note(url, urllib.error.URLError(FileNotFoundError(2, "none")))  # of a file:// folder
    assert stores.urls(of("net1"))
    for _ in range(3):
        stores.note(url, refused)
    assert stores.urls(of("net1")) == []


def test_a_killed_mirror_goes_on(store, tmp_path, monkeypatch):
    store("stuck")
    code = (
        "import sys; from gluonkit._base import download as d; from pathlib import Path\n"
        f"d.TIMEOUT = {LONG}\n"
        "from gluonkit.models import ModelInfo, ModelInput, register_source\n"
        "from gluonkit.models.mirroring import mirror\n"
        "from gluonkit.models.published import Published\n"
        "file = Published.weights('net1', sys.argv[1])\n"
        "info = ModelInfo('tiny/net1', 'tiny', '', (ModelInput((1,)),), downloads=(file,),"
        " builder=dict)\n"
        "register_source('tiny', lambda: [info])\n"
        "mirror('tiny/net1', sys.argv[2])\n"
    )
    command = [sys.executable, "-c", code, of("net1").sha1, str(tmp_path / "m")]
    process = subprocess.Popen(command, cwd=ROOT)
    part = tmp_path / "m" / f"{of('net1').address}.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 0)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert left_in(tmp_path / "m") == [f"{of('net1').address}.part"]
    begun = part.stat().st_size
    store("good")
    assert outcomes(mirror("tiny/net1", tmp_path / "m")) == {"net1": "downloaded"}
    assert Handler.asked == [("stuck", ""), ("good", f"bytes={begun}-")]
    assert left_in(tmp_path / "m") == [of("net1").address]


def test_a_folder_that_cannot_be(store, tmp_path):
    (tmp_path / "file").touch()
    (file,) = mirror("tiny/net1", tmp_path / "file").failed
    assert "Not a directory" in file.reason or "File exists" in file.reason
    with pytest.raises(ArgumentTypeError, match="`target` is 3, an int; give a path"):
        mirror("tiny/net1", 3)


def test_the_commands(gluonkit, nobody, tmp_path):
    env = {"MXNET_GLUON_REPO": nobody, "MXNET_HOME": str(tmp_path)}
    done = gluonkit("models", "--weights", "mxnet/mobilenet0.25", env=env)
    sha1 = model_store._model_sha1["mobilenet0.25"]
    assert done.returncode == 0
    assert f"mxnet/mobilenet0.25  {sha1}       no" in done.stdout
    assert done.stdout.endswith(f"Stores (not asked):\n  1 {nobody}/\n")
    done = gluonkit("models", "--weights", "mxnet/mobilenet0.25", "--online", "--json", env=env)
    record = json.loads(done.stdout)
    assert (record["asked"], record["files"][0]["found_at"]) == (True, "")
    done = gluonkit("models", "--online")
    assert done.returncode == 2
    assert "`--online` asks for weights; give it with --weights" in done.stderr
    done = gluonkit("mirror", "mxnet/mobilenet0.25", "m", "--json", "m.json", env=env)
    assert done.returncode == 1
    assert done.stdout.startswith(f"failed      mobilenet0.25-{sha1[:8]}.params (SHA-1 {sha1}): ")
    assert f"  {nobody}/gluon/models/mobilenet0.25-{sha1[:8]}.zip: [Errno 111] Conn" in done.stdout
    assert "0 of 1 files in m (0 B), 1 failed. They are served by MXNET_GLUON_REPO" in done.stdout
    assert json.loads((tmp_path / "m.json").read_text())["files"][0]["outcome"] == "failed"
    done = gluonkit("mirror", "zzz*", "m", env=env)
    assert done.returncode == 2
    assert "`PATTERN` is 'zzz*', which matches no model with published weights" in done.stderr
