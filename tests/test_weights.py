"""Pretrained weights: the zoo's own from a server on loopback, and files from disk."""

import hashlib
import io
import signal
import subprocess
import sys
import threading
import zipfile

import numpy
import pytest
import safetensors.numpy
from mxnet.gluon.model_zoo import model_store

from gluonkit import GluonkitError, create_model, load, mx, nd, nn, npx, save
from gluonkit._base import download
from gluonkit.errors import ArgumentError, ArgumentTypeError, CheckpointError, DroppedWeightsWarning
from gluonkit.models import ModelInfo, ModelInput, origin, register_source
from gluonkit.models import downloads as _weights
from gluonkit.models import registry as models
from gluonkit.models.downloads import ensure, folder, mirrors
from gluonkit.models.published import Published
from gluonkit.system.modes import legacy
from gluonkit.zoo._building import build
from tests.conftest import ROOT
from tests.launched import LONG, wait_until, waits_for_a_lock
from tests.servers import Handler, serving

NAME = "mobilenet0.25"
MODEL = f"mxnet/{NAME}"


def zipped(members):
    """Return an archive of files, given by name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, contents in members.items():
            file.writestr(name, contents)
    return stream.getvalue()


def parameters(net):
    """Return a network's numbers by path."""
    with legacy():
        by_path = net._collect_params_with_prefix()
        return {path: parameter.data().asnumpy() for path, parameter in by_path.items()}


def assert_same(actual, expected):
    """Compare two networks' numbers, given by path."""
    assert sorted(actual) == sorted(expected)
    for path in expected:
        numpy.testing.assert_array_equal(actual[path], expected[path])


def read(path):
    """Return a file's arrays, read by MXNet or by safetensors."""
    if path.suffix == ".safetensors":
        return safetensors.numpy.load_file(path)
    with legacy():
        return {name: array.asnumpy() for name, array in nd.load(str(path)).items()}


def made(classes=1000, name=MODEL, side=32):
    net = create_model(name, init="xavier", classes=classes)
    net(nd.ones((1, 3, side, side)))
    return net


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return a file of made-up weights, and its SHA-1."""
    path = tmp_path_factory.mktemp("weights") / "made-up.params"
    made().save_parameters(str(path))
    return path, hashlib.sha1(path.read_bytes()).hexdigest()


@pytest.fixture
def registry(monkeypatch):
    """Have the registry ask its zoos anew, and forget afterwards."""
    for name in ("_models", "_sources"):
        monkeypatch.setattr(models, name, dict(getattr(models, name)))
    monkeypatch.setattr(models, "_loaded", set())


@pytest.fixture
def published(weights, registry, monkeypatch):
    """Have MXNet's store publish the made-up weights."""
    monkeypatch.setitem(model_store._model_sha1, NAME, weights[1])
    return Published.weights(NAME, weights[1])


@pytest.fixture
def server(weights, published, monkeypatch):
    """Serve the store; return a function that says how well, mirror by mirror."""
    archive = zipped({published.file: weights[0].read_bytes()})
    with serving({published.address: archive}) as url:

        def mirrored(*how):
            monkeypatch.setenv("MXNET_GLUON_REPO", ", ".join(f"{url}/{part}" for part in how))

        mirrored("good")
        yield mirrored


@pytest.fixture
def ask(published):
    """Return a function that asks for the pretrained network in a process of its own."""
    code = (
        "import sys; from gluonkit import create_model, mx\nfrom gluonkit._base import download\n"
        f"download.TIMEOUT = {LONG}\n"
        "from mxnet.gluon.model_zoo import model_store\n"
        f"model_store._model_sha1[{NAME!r}] = {published.sha1!r}\n"
        "print('ready', flush=True)\n"
        f"create_model({MODEL!r}, pretrained=True, root=sys.argv[1])"
    )
    begun = []

    def start(root):
        command = [sys.executable, "-W", "error", "-c", code, str(root)]
        begun.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
        assert begun[-1].stdout.readline() == "ready\n"
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def left_in(root):
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


def test_published_weights_arrive(server, published, weights, tmp_path, array_mode):
    net = create_model(MODEL, pretrained=True, root=tmp_path / "new")
    assert_same(parameters(net), read(weights[0]))
    assert left_in(tmp_path / "new") == [published.file]
    assert Handler.asked == [("good", "")]
    assert origin(net) == MODEL
    array = mx.np.ones((1, 3, 32, 32)) if array_mode == "np" else nd.ones((1, 3, 32, 32))
    assert net(array).shape == (1, 1000)
    create_model(MODEL, pretrained=True, root=tmp_path / "new")
    assert len(Handler.asked) == 1


def test_the_numbers_are_those_of_mxnets_own_builder(server, tmp_path):
    net = create_model(MODEL, pretrained=True, root=tmp_path)
    theirs = mx.gluon.model_zoo.vision.get_model(NAME, pretrained=True, root=str(tmp_path))
    x = nd.random.uniform(shape=(2, 3, 32, 32))
    numpy.testing.assert_array_equal(net(x).asnumpy(), theirs(x).asnumpy())


def test_other_classes_get_a_new_head(server, weights, tmp_path, array_mode):
    net = create_model(MODEL, pretrained=True, classes=7, root=tmp_path)
    actual, expected = parameters(net), read(weights[0])
    assert actual.pop("output.weight").shape == (7, 256)
    assert actual.pop("output.bias").shape == (7,)
    del expected["output.weight"], expected["output.bias"]
    assert_same(actual, expected)
    assert origin(net) == f"{MODEL}(classes=7)"
    path = save(net, tmp_path / "tuned.safetensors")
    assert_same(parameters(load(path)), parameters(net))


def test_as_many_classes_as_it_has(server, weights, tmp_path):
    net = create_model(MODEL, pretrained=True, classes=1000, root=tmp_path)
    assert_same(parameters(net), read(weights[0]))


def test_devices(server, weights, tmp_path):
    both = [mx.cpu(0), mx.cpu(1)]
    for source in (True, weights[0]):
        net = create_model(MODEL, pretrained=source, root=tmp_path, ctx=both)
        assert net.output.weight.list_ctx() == both
        net = create_model(MODEL, pretrained=source, root=tmp_path, ctx=mx.cpu(1))
        assert net.output.weight.list_ctx() == [mx.cpu(1)]
        with mx.cpu(1):
            net = create_model(MODEL, pretrained=source, root=tmp_path)
        assert net.output.weight.list_ctx() == [mx.cpu(1)]


def test_default_folder(server, published, tmp_path, monkeypatch):
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "home"))
    create_model(MODEL, pretrained=True)
    assert left_in(tmp_path / "home" / "models") == [published.file]


def test_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MXNET_HOME", raising=False)
    assert folder() == tmp_path / ".mxnet" / "models"
    assert folder("~/mine") == folder("~/mine", home_first=True) == tmp_path / "mine"
    monkeypatch.setenv("MXNET_HOME", "~/home")
    assert folder() == tmp_path / "home" / "models"
    assert folder("~/mine") == tmp_path / "mine"
    assert folder("~/mine", home_first=True) == tmp_path / "home" / "models"
    with pytest.raises(ArgumentTypeError, match="`root` is 3, an int; give a path"):
        folder(3)


def test_gluoncv_looks_where_files_are_put(monkeypatch, tmp_path):
    store = pytest.importorskip("gluoncv.model_zoo.model_store")
    monkeypatch.setitem(store._model_sha1, "tiny", hashlib.sha1(b"weights").hexdigest())
    files = Published.weights("tiny", hashlib.sha1(b"weights").hexdigest())
    for home in (None, str(tmp_path / "home")):
        if home is not None:
            monkeypatch.setenv("MXNET_HOME", home)
        with serving({files.address: zipped({files.file: b"weights"})}) as url:
            monkeypatch.setenv("MXNET_GLUON_REPO", f"{url}/good")
            path = ensure(files, tmp_path / "root", home_first=True)
            assert store.get_model_file("tiny", root=str(tmp_path / "root")) == str(path)
            assert len(Handler.asked) == 1


def test_mirrors(monkeypatch):
    monkeypatch.delenv("MXNET_GLUON_REPO", raising=False)
    assert mirrors() == [model_store.apache_repo_url, _weights.CHINA]
    monkeypatch.setenv("MXNET_GLUON_REPO", " ")
    assert len(mirrors()) == 2
    monkeypatch.setenv("MXNET_GLUON_REPO", "http://a/, http://b http://c/x,file:///d")
    assert mirrors() == ["http://a/", "http://b/", "http://c/x/", "file:///d/"]


def test_mirrors_are_tried_in_order(server, published, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    server("gone", "wrong", "slow", "broken", "good", "norange")
    create_model(MODEL, pretrained=True, root=tmp_path)
    assert [how for how, _ in Handler.asked] == ["gone", "wrong", "slow", "broken", "good"]
    assert Handler.asked[-1][1].startswith("bytes=")
    assert left_in(tmp_path) == [published.file]


def test_a_folder_can_be_a_mirror(weights, published, tmp_path, monkeypatch):
    archive = tmp_path / "mirror" / published.address
    archive.parent.mkdir(parents=True)
    archive.write_bytes(zipped({published.file: weights[0].read_bytes()}))
    monkeypatch.setenv("MXNET_GLUON_REPO", f"file://{tmp_path}/none file://{tmp_path}/mirror")
    net = create_model(MODEL, pretrained=True, root=tmp_path)
    assert_same(parameters(net), read(weights[0]))


def test_offline(published, tmp_path, monkeypatch, nobody):
    monkeypatch.setenv("MXNET_GLUON_REPO", f"{nobody}/a,{nobody}/b")
    with pytest.raises(CheckpointError) as error:
        create_model(MODEL, pretrained=True, root=tmp_path)
    stem = published.file.removesuffix(".params")
    refused = f"gluon/models/{stem}.zip: [Errno 111] Connection refused"
    assert str(error.value) == (
        f"{tmp_path / published.file} (SHA-1 {published.sha1}) is needed, and is not there; it was "
        f"not to be had from\n  {nobody}/a/{refused}\n  {nobody}/b/{refused}\n"
        f"Put it there by hand, or unpack {stem}.zip there; or name the folder that has it with "
        "root=, or the stores to ask, divided by commas, with the variable MXNET_GLUON_REPO"
    )
    assert isinstance(error.value, ValueError)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    "case",
    [
        ("wrong", "it is no ZIP archive that can be read: "),
        ("gone", "the server answers 404 Not Found"),
        ("broken", r"it broke off after [\d,]+ of [\d,]+ bytes"),
        ("slow", "timed out"),
    ],
)
def test_what_a_server_does_wrong_is_told(server, published, tmp_path, monkeypatch, case):
    how, reason = case
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    server(how)
    with pytest.raises(CheckpointError, match=rf"/{how}/gluon/models/{NAME}-\w+.zip: {reason}"):
        create_model(MODEL, pretrained=True, root=tmp_path)
    assert published.file not in left_in(tmp_path)
    server("good")
    create_model(MODEL, pretrained=True, root=tmp_path)
    assert left_in(tmp_path) == [published.file]


def spoilt(archive, at, change):
    """Return an archive with a field of its headers changed, given where it is after PK34."""
    changed = bytearray(archive)
    central = archive.rindex(b"PK\x01\x02")
    for place in (at, central + at + 2):
        changed[place : place + 2] = change
    return bytes(changed)


@pytest.mark.parametrize(
    "case",
    [
        (lambda good, file: zipped({file: b"others"}), "its SHA-1 is .*, not .*another file"),
        (lambda good, file: zipped({"x.params": b""}), "has no mobilenet.*, only 'x.params'"),
        (lambda good, file: zipped({}), "its archive has no mobilenet.*, only nothing"),
        (lambda good, file: good[:-30], "no ZIP archive that can be read: File is not a zip file"),
        (lambda good, file: b"<html>", "no ZIP archive that can be read: File is not a zip file"),
        (lambda good, file: spoilt(good, 6, b"\x01\0"), "can be read: .* is encrypted"),
        (lambda good, file: spoilt(good, 8, b"\x63\0"), "can be read: That compression method"),
        (lambda good, file: good[:300] + b"?" * 9 + good[309:], "archive that can be read: "),
        (lambda good, file: zipped({file: bytes(300_000)}), "would become 300,000: it is no we"),
    ],
)
def test_bad_archives(weights, published, tmp_path, monkeypatch, case):
    change, reason = case
    monkeypatch.setattr(_weights, "_SMALL", 100_000)
    contents = weights[0].read_bytes()
    served = {published.address: change(zipped({published.file: contents}), published.file)}
    with serving(served) as url:
        monkeypatch.setenv("MXNET_GLUON_REPO", f"{url}/good")
        with pytest.raises(CheckpointError, match=reason):
            create_model(MODEL, pretrained=True, root=tmp_path)
    assert left_in(tmp_path) == []


def test_an_archive_puts_one_file_into_the_folder(weights, published, tmp_path, monkeypatch):
    root = tmp_path / "a" / "root"
    members = {
        "../evil": b"1",
        str(tmp_path / "evil"): b"2",
        f"../{published.file}": b"3",
        published.file: weights[0].read_bytes(),
        f"x/{published.file}": b"4",
    }
    with serving({published.address: zipped(members)}) as url:
        monkeypatch.setenv("MXNET_GLUON_REPO", f"{url}/good")
        create_model(MODEL, pretrained=True, root=root)
    assert left_in(root) == [published.file]
    assert left_in(tmp_path / "a") == ["root"]
    assert left_in(tmp_path) == ["a"]


def test_a_killed_download_goes_on(server, published, weights, tmp_path, ask):
    server("stuck")
    process = ask(tmp_path)
    part = tmp_path / f"{published.file}.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 100_000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert left_in(tmp_path) == [part.name]
    begun = part.stat().st_size
    server("good")
    net = create_model(MODEL, pretrained=True, root=tmp_path)
    assert Handler.asked == [("stuck", ""), ("good", f"bytes={begun}-")]
    assert left_in(tmp_path) == [published.file]
    assert_same(parameters(net), read(weights[0]))


def test_a_second_process_waits(server, published, tmp_path, ask):
    """And asks the server for nothing."""
    server("stuck")
    first = ask(tmp_path)
    wait_until((tmp_path / f"{published.file}.part").exists)
    second = ask(tmp_path)
    wait_until(lambda: waits_for_a_lock(second))
    Handler.slow.set()
    assert [first.wait(LONG), second.wait(LONG)] == [0, 0]
    assert Handler.asked == [("stuck", "")]
    assert left_in(tmp_path) == [published.file]


def test_threads_fetch_once(server, published, tmp_path):
    threads = [threading.Thread(target=ensure, args=(published, tmp_path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Handler.asked == [("good", "")]


def test_a_file_put_there_by_hand(published, weights, tmp_path, monkeypatch, nobody):
    monkeypatch.setenv("MXNET_GLUON_REPO", nobody)
    (tmp_path / published.file).write_bytes(weights[0].read_bytes())
    net = create_model(MODEL, pretrained=True, root=tmp_path)
    assert_same(parameters(net), read(weights[0]))
    assert left_in(tmp_path) == [published.file]


def test_a_damaged_file_is_replaced_once_there_is_a_good_one(server, published, weights, tmp_path):
    path = tmp_path / published.file
    path.write_bytes(b"damaged")
    server("gone")
    with pytest.raises(CheckpointError, match="is needed, and is there, but damaged or another fi"):
        create_model(MODEL, pretrained=True, root=tmp_path)
    assert path.read_bytes() == b"damaged"
    server("good")
    create_model(MODEL, pretrained=True, root=tmp_path)
    assert path.read_bytes() == weights[0].read_bytes()


def test_a_folder_that_cannot_be(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"is needed, and is not there; \[Errno 17\] File ex"):
        create_model(MODEL, pretrained=True, root=tmp_path / "file")


def test_progress_is_shown(server, published, tmp_path, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    create_model(MODEL, pretrained=True, root=tmp_path)
    assert published.file in stream.getvalue()


def test_vocabularies_come_the_same_way(tmp_path, monkeypatch):
    utils = pytest.importorskip("gluonnlp.data.utils")
    sha1 = hashlib.sha1(b"{}").hexdigest()
    monkeypatch.setitem(utils._vocab_sha1, "tiny", [sha1, ".spiece", {}])
    with serving(
        {f"gluon/dataset/vocab/tiny-{sha1[:8]}.zip": zipped({f"tiny-{sha1[:8]}.spiece": b"{}"})}
    ) as url:
        monkeypatch.setenv("MXNET_GLUON_REPO", f"{url}/good")
        path = ensure(Published.vocabulary("tiny", sha1, ".spiece"), tmp_path)
    stem, suffix, *_ = utils._get_vocab_tokenizer_info("tiny", str(tmp_path))
    assert path == tmp_path / (stem + suffix)


@pytest.mark.parametrize("suffix", [".params", ".safetensors"])
def test_a_file_of_ones_own(weights, tmp_path, array_mode, suffix):
    path = tmp_path / f"mine{suffix}"
    written = made(5)
    with legacy():
        written.save_parameters(str(path)) if suffix == ".params" else save(written, path)
    expected = read(path)
    for given in (path, str(path)):
        net = create_model(MODEL, pretrained=given, classes=5)
        assert_same(parameters(net), expected)
    assert origin(net) == f"{MODEL}(classes=5)"
    with pytest.warns(DroppedWeightsWarning) as caught:
        net = create_model(MODEL, pretrained=path, classes=3)
    assert [str(warning.message) for warning in caught] == [
        f"{path} is for 5 classes, the network for 3: output.weight (5, 256), output.bias (5,) of "
        "the file are left out, and those of the network initialized; train them before use"
    ]
    assert caught[0].filename == __file__
    actual = parameters(net)
    assert actual.pop("output.weight").std() > 0
    numpy.testing.assert_array_equal(actual.pop("output.bias"), numpy.zeros(3))
    assert_same(actual, {key: expected[key] for key in expected if not key.startswith("output")})
    array = mx.np.ones((1, 3, 32, 32)) if array_mode == "np" else nd.ones((1, 3, 32, 32))
    assert net(array).shape == (1, 3)


def test_a_file_for_other_classes_without_a_word(tmp_path):
    path = save(made(5), tmp_path / "mine.safetensors")
    with pytest.raises(CheckpointError) as error:
        create_model(MODEL, pretrained=path)
    assert str(error.value) == (
        f"{path} is for 5 classes, {MODEL} for 1000; give classes=5 to load all of it, "
        "classes=1000 to leave out its head"
    )
    with pytest.warns(DroppedWeightsWarning, match="is for 5 classes, the network for 1000"):
        create_model(MODEL, pretrained=path, classes=1000)


@pytest.mark.parametrize("suffix", [".params", "-symbol.json"])
def test_an_exported_network_s_file(tmp_path, suffix):
    net = made(5)
    net.hybridize()
    net(nd.ones((1, 3, 32, 32)))
    net.export(str(tmp_path / "out"))
    path = tmp_path / ("out-0000.params" if suffix == ".params" else "out-symbol.json")
    assert_same(parameters(create_model(MODEL, pretrained=path, classes=5)), parameters(net))


def test_a_file_of_another_network(weights):
    text = rf"{weights[0]} does not fit mxnet/resnet18_v1:\n  missing in the file: features.4.0"
    with pytest.raises(CheckpointError, match=text):
        create_model("mxnet/resnet18_v1", pretrained=weights[0], classes=5)


def test_a_file_of_another_type(tmp_path):
    net = made(5)
    net.cast("float16")
    path = save(net, tmp_path / "half.safetensors")
    with pytest.raises(
        CheckpointError, match=r"does not fit [^$]*  another dtype: features.0.weig"
    ):
        create_model(MODEL, pretrained=path, classes=4)


def test_a_file_without_names(tmp_path):
    nd.save(str(tmp_path / "list.params"), [nd.ones(3)])
    with pytest.raises(CheckpointError, match=r"has arrays without names; load it in two steps"):
        create_model(MODEL, pretrained=tmp_path / "list.params")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.params does not exist"):
        create_model(MODEL, pretrained=tmp_path / "none.params")


@pytest.mark.parametrize(
    ("pretrained", "message"),
    [
        (3, "`pretrained` is 3, an int; give True for the weights that the zoo publishes, or the"),
        (["a"], r"`pretrained` is \['a'\], a list; give True for the weights"),
        ("", "`pretrained` is '', which is empty; give a path"),
    ],
)
def test_pretrained_by_what_is_nothing(pretrained, message):
    kind = ArgumentTypeError if pretrained else ArgumentError
    with pytest.raises(kind, match=message):
        create_model(MODEL, pretrained=pretrained)


def detector(*, classes=4, width=6, pretrained=False, pretrained_base=True, root=None, ctx=None):
    """Return a network whose head has several units for each class, and one that has none."""
    net = nn.HybridSequential()
    head = nn.Conv2D(3 * (classes + 1), 1, in_channels=width)
    net.add(nn.Conv2D(width, 3, in_channels=3), head, nn.Dense(2))
    if pretrained or pretrained_base:
        net[0].load_parameters(str(ensure(BASE, root)), ctx=ctx)
    return net


BASE = Published("", "", "")


def built(options, **more):
    given = {"name": "det", "options": options, "base": [BASE], "classes": 4} | more
    return build(detector, **given)


def written(path, **options):
    net = detector(pretrained_base=False, **options)
    net.initialize()
    net(nd.ones((1, 3, 8, 8)))
    net.save_parameters(str(path))
    return path


def test_a_head_of_several_units_for_each_class(tmp_path):
    path = written(tmp_path / "det.params", classes=9)
    with pytest.raises(CheckpointError, match="is for 9 classes, det for 4; give classes=9 to"):
        built({"pretrained": path})
    assert_same(parameters(built({"pretrained": path, "classes": 9})), read(path))
    with pytest.warns(DroppedWeightsWarning, match=r"is for 9 .*for 4: 1.weight \(30, 6, 1, 1\), "):
        net = built({"pretrained": path, "classes": 4})
    assert net[1].weight.shape == (15, 6, 1, 1)
    numpy.testing.assert_array_equal(parameters(net)["2.weight"], read(path)["2.weight"])


@pytest.mark.parametrize("odd", [(17, 6, 1, 1), (0, 6, 1, 1), (18, 5, 1, 1), (18, 6, 1)])
def test_a_head_that_no_number_of_classes_gives(tmp_path, odd):
    arrays = read(written(tmp_path / "det.params"))
    arrays["1.weight"] = numpy.ones(odd, "float32")
    path = tmp_path / "odd.safetensors"
    safetensors.numpy.save_file(arrays, path)
    with pytest.raises(CheckpointError, match="does not fit det:"):
        built({"pretrained": path, "classes": 4})


def test_something_else_than_the_head_differs(tmp_path):
    path = written(tmp_path / "det.params", classes=9, width=7)
    with pytest.raises(CheckpointError, match=r"another shape: 0.weight is \(7, 3, 3, 3\) in the"):
        built({"pretrained": path, "classes": 4})
    with pytest.raises(CheckpointError, match="does not fit det"):
        built({"pretrained": path}, classes=None)


def test_no_weights_are_published():
    text = "`pretrained` is True, but no weights of det are published; leave it out, or give a file"
    with pytest.raises(ArgumentError, match=text):
        built({"pretrained": True})


def test_an_option_that_is_none_is_left_to_the_zoo():
    assert (
        built({"classes": None, "pretrained": None, "root": None, "ctx": None})[1]._channels == 15
    )


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Have a base network's weights published, and return their file."""
    path = tmp_path / "base.params"
    layer = nn.Conv2D(6, 3, in_channels=3)
    layer.initialize()
    layer.save_parameters(str(path))
    contents = path.read_bytes()
    files = Published.weights("base", hashlib.sha1(contents).hexdigest())
    monkeypatch.setattr(sys.modules[__name__], "BASE", files)
    with serving({files.address: zipped({files.file: contents})}) as url:
        monkeypatch.setenv("MXNET_GLUON_REPO", f"{url}/good")
        yield path


def test_weights_of_the_base_network_only(base, tmp_path, registry):
    options = {"pretrained": False, "pretrained_base": False, "classes": 4, "root": None}
    record = ModelInfo(
        "test/det",
        "test",
        "",
        (ModelInput((1, 3, 8, 8)),),
        options=options,
        builder=lambda **given: built(given),
    )
    register_source("test", lambda: [record])
    root = tmp_path / "root"
    net = create_model("test/det", pretrained_base=True, root=root, ctx=mx.cpu(1), init="one")
    assert left_in(root) == [BASE.file]
    expected = read(base)["weight"]
    numpy.testing.assert_array_equal(net[0].weight.data().asnumpy(), expected)
    assert net[0].weight.list_ctx() == [mx.cpu(1)]
    net(nd.ones((1, 3, 8, 8), ctx=mx.cpu(1)))
    numpy.testing.assert_array_equal(net[1].weight.data().asnumpy(), numpy.ones((15, 6, 1, 1)))
    assert origin(net) == "test/det"
    bare = create_model("test/det", pretrained_base=True, root=root)
    assert bare[1].weight._data is None
    with pytest.raises(GluonkitError, match="`ctx` is"):
        create_model("test/det", ctx=mx.cpu(1))


def test_all_weights_make_those_of_the_base_needless(base, tmp_path):
    path = written(tmp_path / "det.params")
    net = built({"pretrained": path, "pretrained_base": True})
    assert_same(parameters(net), read(path))
    assert Handler.asked == []


def test_numpy_mode_has_the_last_word(weights):
    npx.set_np()
    net = create_model(MODEL, pretrained=weights[0])
    assert isinstance(net.output.weight.data(), mx.np.ndarray)
