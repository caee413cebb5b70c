"""Data sets by name: what they give, where files are looked for, which files are refused."""

import gzip
import hashlib
import io
import struct
import tarfile

import numpy
import pytest

from gluonkit import data
from gluonkit.data import datasets
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError

IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


def idx(array):
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return head + array.astype("uint8").tobytes()


def pictures(count=6):
    draws = numpy.random.default_rng(0)
    return draws.integers(0, 256, (count, 28, 28)), draws.integers(0, 10, count)


def write_mnist(folder, *, packed=True, prefixes=("train", "t10k")):
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = pictures()
    for prefix in prefixes:
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            contents = idx(array)
            name = f"{prefix}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(contents))
            else:
                (folder / name).write_bytes(contents)
    return images, labels


def cifar_files():
    draws = numpy.random.default_rng(1)
    records = {}
    for name in [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]:
        labels = draws.integers(0, 10, 2).astype("uint8")
        images = draws.integers(0, 256, (2, 3, 32, 32)).astype("uint8")
        rows = [
            bytes([label]) + image.tobytes() for label, image in zip(labels, images, strict=True)
        ]
        records[name] = (b"".join(rows), images, labels)
    return records


def write_tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, contents in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(contents)
            archive.addfile(member, io.BytesIO(contents))


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """Keep this machine's own files, and the network, out of the tests."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("GLUONKIT_DATA", "MXNET_HOME", "GLUONKIT_MIRROR"):
        monkeypatch.delenv(name, raising=False)


def test_digits_split_without_overlap():
    train, test, everything = (data.load("digits", split=s) for s in ("train", "test", "all"))
    assert (len(train), len(test), len(everything)) == (1437, 360, 1797)
    assert sorted(numpy.concatenate([train.label, test.label])) == sorted(everything.label)
    joined = numpy.concatenate([train.data, test.data]).reshape(1797, -1)
    assert numpy.array_equal(joined, everything.data.reshape(1797, -1))
    images, labels = data.digits()
    assert sorted(map(bytes, joined)) == sorted(bytes(image) for image in images.reshape(1797, -1))
    assert numpy.bincount(test.label, minlength=10).min() > 20
    assert set(labels) == set(range(10))


def test_digits_as_they_were():
    train = data.load("digits", size=8)
    assert train.data.shape == (1437, 1, 8, 8)
    assert str(train) == (
        "digits (train): 1,437 samples of 1x8x8 float32, labels int32, 10 classes"
    )


def test_a_data_set_unpacks_and_can_be_cut():
    train = data.load("digits")
    images, labels = train
    assert images is train.data
    assert labels is train.label
    assert len(train.take(5)) == 5
    assert numpy.array_equal(train.take([3, 1]).label, labels[[3, 1]])
    for bad in (2000, [0, 5000], [-1]):
        with pytest.raises(ArgumentError, match="the data set has 1437 samples"):
            train.take(bad)


def test_synthetic_is_drawn_from_its_seed():
    one, two = (data.load("synthetic", samples=50, shape=(2, 4), classes=3) for _ in range(2))
    assert numpy.array_equal(one.data, two.data)
    assert one.data.shape == (50, 2, 4)
    assert set(one.label) == {0, 1, 2}
    other = data.load("synthetic", samples=50, shape=(2, 4), classes=3, seed=1)
    assert not numpy.array_equal(one.data, other.data)
    test = data.load("synthetic", split="test", samples=50, shape=(2, 4), classes=3)
    assert not numpy.array_equal(one.data, test.data)
    both = data.load("synthetic", split="all", samples=50, shape=(2, 4), classes=3)
    assert numpy.array_equal(both.data, numpy.concatenate([one.data, test.data]))


def test_synthetic_classes_can_be_told_apart():
    train, test = (data.load("synthetic", split=s, shape=(64,)) for s in ("train", "test"))
    means = numpy.stack([train.data[train.label == k].mean(0) for k in range(10)])
    nearest = ((test.data[:, None] - means) ** 2).sum(-1).argmin(1)
    assert (nearest == test.label).mean() > 0.95


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_from_files(tmp_path, packed):
    images, labels = write_mnist(tmp_path, packed=packed)
    dataset = data.load("mnist", root=tmp_path, download=False)
    assert numpy.array_equal(dataset.data, images[:, None])
    assert numpy.array_equal(dataset.label, labels)
    assert (dataset.data.dtype, dataset.label.dtype) == (numpy.uint8, numpy.int32)
    assert len(data.load("mnist", split="all", root=tmp_path)) == 12
    assert data.load("fashion_mnist", root=tmp_path).classes[9] == "ankle boot"


@pytest.mark.parametrize("unpacked", [True, False])
def test_cifar10_from_files(tmp_path, unpacked):
    files = cifar_files()
    if unpacked:
        folder = tmp_path / "cifar-10-batches-bin"
        folder.mkdir()
        for name, (contents, _, _) in files.items():
            (folder / name).write_bytes(contents)
    else:
        write_tar(tmp_path / "cifar-10-binary.tar.gz", {k: v[0] for k, v in files.items()})
    train = data.load("cifar10", root=tmp_path)
    parts = [files[f"data_batch_{i}.bin"] for i in range(1, 6)]
    assert numpy.array_equal(train.data, numpy.concatenate([images for _, images, _ in parts]))
    assert numpy.array_equal(train.label, numpy.concatenate([labels for *_, labels in parts]))
    assert numpy.array_equal(
        data.load("cifar10", split="test", root=tmp_path).data, files["test_batch.bin"][1]
    )
    assert train.classes[0] == "airplane"


@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        ("GLUONKIT_DATA", "mnist"),
        ("MXNET_HOME", "datasets/mnist"),
        ("HOME", ".mxnet/datasets/mnist"),
    ],
)
def test_where_files_are_looked_for(monkeypatch, tmp_path, variable, folder):
    monkeypatch.setenv(variable, str(tmp_path / "base"))
    write_mnist(tmp_path / "base" / folder)
    assert len(data.load("mnist", download=False)) == 6


def test_root_may_have_a_folder_for_each_set(tmp_path):
    write_mnist(tmp_path / "fashion-mnist")
    assert len(data.load("fashion_mnist", root=tmp_path, download=False)) == 6


def test_not_found_names_files_folders_and_mirrors(monkeypatch, tmp_path):
    monkeypatch.setenv("GLUONKIT_DATA", str(tmp_path / "here"))
    with pytest.raises(DataError) as error:
        data.load("mnist", download=False)
    text = str(error.value)
    assert "mnist needs train-images-idx3-ubyte.gz or train-images-idx3-ubyte" in text
    assert str(tmp_path / "here/mnist") in text
    assert str(tmp_path / "home/.mxnet/datasets/mnist") in text
    assert "download=False forbids" in text
    assert "https://storage.googleapis.com/cvdf-datasets/mnist/train-images" in text
    assert not (tmp_path / "here").exists()


def test_offline_each_mirror_and_its_failure_is_named(monkeypatch, tmp_path, nobody):
    mirrors = (f"{nobody}/one/", f"{nobody}/two/")
    remote = datasets.REMOTES["mnist"]
    changed = datasets.Remote(remote.folder, mirrors, remote.files, remote.classes)
    monkeypatch.setitem(datasets.REMOTES, "mnist", changed)
    with pytest.raises(DataError) as error:
        data.load("mnist", root=tmp_path)
    for mirror in mirrors:
        assert f"{mirror}{IMAGES}: [Errno 111] Connection refused" in str(error.value)
    assert "Put the file into one of these folders by hand" in str(error.value)


def damaged(folder, name, contents, *, packed=True):
    write_mnist(folder)
    (folder / name).write_bytes(gzip.compress(contents) if packed else contents)
    with pytest.raises(DataError) as error:
        data.load("mnist", root=folder, download=False)
    assert str(folder / name) in str(error.value)
    assert "Delete it, and load again" in str(error.value)
    return str(error.value)


def test_damaged_files_are_refused_by_name(tmp_path):
    images, _ = pictures()
    whole = idx(images)
    assert "it is cut off, or something was added" in damaged(tmp_path, IMAGES, whole[:-1])
    assert "has 4,721 bytes, but its head announces 4,720" in damaged(
        tmp_path, IMAGES, whole + b"x"
    )
    assert "cannot be uncompressed" in damaged(tmp_path, IMAGES, whole, packed=False)
    broken = bytearray(gzip.compress(whole))
    broken[len(broken) // 2] ^= 255
    assert "cannot be uncompressed" in damaged(tmp_path, IMAGES, bytes(broken), packed=False)
    half = gzip.compress(whole)[:1000]
    assert "cannot be uncompressed" in damaged(tmp_path, IMAGES, half, packed=False)
    page = b"<!DOCTYPE html><title>404</title>"
    assert "it is no IDX file: it begins with b'<!DOCTYPE html><'" in damaged(
        tmp_path, IMAGES, page
    )
    assert "it is no IDX file" in damaged(tmp_path, IMAGES, b"")
    assert "it is cut off" in damaged(tmp_path, IMAGES, whole[:6])
    floats = whole[:2] + b"\x0d" + whole[3:]
    assert "IDX type 0x0d, not bytes" in damaged(tmp_path, IMAGES, floats)


def test_mislabelled_files_are_refused(tmp_path):
    images, labels = pictures()
    assert "1 dimensions (labels), where images" in damaged(tmp_path, IMAGES, idx(labels))
    assert "3 dimensions (images), where labels" in damaged(tmp_path, LABELS, idx(images))
    assert "it has 5 labels for 6 images" in damaged(tmp_path, LABELS, idx(labels[:5]))
    bad = labels.copy()
    bad[0] = 10
    assert "it has the label 10, but there are 10 classes" in damaged(tmp_path, LABELS, idx(bad))


def test_damaged_archives_are_refused(tmp_path):
    files = {name: contents for name, (contents, _, _) in cifar_files().items()}
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_tar(path, {**files, "test_batch.bin": files["test_batch.bin"][:-1]})
    assert len(data.load("cifar10", root=tmp_path)) == 10
    with pytest.raises(
        DataError, match=r"test_batch\.bin has 6,145 bytes, which is not a multiple"
    ):
        data.load("cifar10", split="test", root=tmp_path)
    del files["data_batch_3.bin"]
    write_tar(path, files)
    with pytest.raises(DataError, match=r"it has no data_batch_3\.bin"):
        data.load("cifar10", root=tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="cannot be unpacked"):
        data.load("cifar10", root=tmp_path)
    path.write_bytes(b"<html>")
    with pytest.raises(DataError, match="cannot be unpacked"):
        data.load("cifar10", root=tmp_path)
    path.unlink()
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    (folder / "data_batch_1.bin").write_bytes(cifar_files()["data_batch_1.bin"][0])
    with pytest.raises(DataError, match=r"bin has no data_batch_2\.bin, .*Put it there") as error:
        data.load("cifar10", root=tmp_path)
    assert "Delete" not in str(error.value)
    for name, (contents, _, _) in cifar_files().items():
        (folder / name).write_bytes(contents[:-1] if "4" in name else contents)
    with pytest.raises(DataError, match=r"data_batch_4\.bin .* not a multiple of 3073"):
        data.load("cifar10", root=tmp_path)
    assert len(data.load("cifar10", split="test", root=tmp_path)) == 2


@pytest.mark.parametrize("packed", [True, False])
def test_another_data_sets_labels_are_refused(tmp_path, packed):
    write_mnist(tmp_path, packed=packed)
    begin = numpy.array([9, 0, 0, 3, 0, 2, 7, 2, 5, 5])
    for kind, array in (("images-idx3", numpy.zeros((10, 28, 28))), ("labels-idx1", begin)):
        path = tmp_path / f"train-{kind}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    assert len(data.load("fashion_mnist", root=tmp_path, download=False)) == 10
    with pytest.raises(DataError, match="is fashion_mnist's, not mnist's"):
        data.load("mnist", root=tmp_path, download=False)


def test_another_data_sets_file_is_known_by_its_checksum(monkeypatch, tmp_path):
    write_mnist(tmp_path)
    remote = datasets.REMOTES["mnist"]
    sums = {**remote.files, IMAGES: hashlib.sha256((tmp_path / IMAGES).read_bytes()).hexdigest()}
    changed = datasets.Remote(remote.folder, remote.mirrors, sums, remote.classes)
    monkeypatch.setitem(datasets.REMOTES, "mnist", changed)
    assert len(data.load("mnist", root=tmp_path)) == 6
    with pytest.raises(DataError, match=rf"{IMAGES} is mnist's, not fashion_mnist's"):
        data.load("fashion_mnist", root=tmp_path)


def test_two_data_sets_live_in_one_root(tmp_path):
    write_mnist(tmp_path / "mnist")
    write_mnist(tmp_path / "fashion_mnist", prefixes=("train",))
    assert len(data.load("fashion_mnist", root=tmp_path, download=False)) == 6
    assert len(data.load("mnist", split="test", root=tmp_path, download=False)) == 6
    with pytest.raises(DataError, match="fashion_mnist needs t10k-images"):
        data.load("fashion_mnist", split="test", root=tmp_path, download=False)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("minst", {}, "`name` is 'minst', which is not known. Did you mean 'mnist'"),
        ("mnist", {"split": "val"}, "`split` is 'val'; give one of train, test, all"),
        ("mnist", {"size": 8}, "'mnist' takes no options, but got size"),
        ("digits", {"samples": 8}, "'digits' does not take samples; its options: size"),
        ("digits", {"size": 4}, "`size` is 4; give a whole number from 8"),
        ("synthetic", {"samples": 0}, "`samples` is 0; give a whole number from 1"),
        ("synthetic", {"classes": 1}, "`classes` is 1; give a whole number from 2"),
    ],
)
def test_bad_arguments_are_refused(name, options, message):
    with pytest.raises(ArgumentError, match=message):
        data.load(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (7, {}, "`name` is 7, an int; give one of digits, mnist"),
        ("mnist", {"root": 7}, "`root` is 7, an int; give a path"),
        ("digits", {"size": "8"}, "`size` is '8'"),
        ("synthetic", {"shape": 28}, "`shape` is 28; give a tuple of at least one dimension"),
        ("synthetic", {"shape": ()}, r"`shape` is \(\); give a tuple"),
        ("synthetic", {"shape": (1.5,)}, "`shape` is 1.5"),
        ("synthetic", {"samples": 2.5}, "`samples` is 2.5"),
        ("synthetic", {"seed": "a"}, "`seed` is 'a'"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(name, options, message):
    with pytest.raises(ArgumentTypeError, match=message):
        data.load(name, **options)


@pytest.mark.parametrize("bad", ["ten", 1.5, [[1, 2]], {"a": 1}, None])
def test_what_picks_no_samples_is_refused(bad):
    with pytest.raises(ArgumentTypeError, match="give a number of samples, or a list of positions"):
        data.load("synthetic").take(bad)


def test_samples_are_picked_by_a_mask():
    made = data.load("synthetic", samples=20, classes=2)
    assert set(made.take(made.label == 1).label) == {1}
    assert len(made.take([])) == 0
    with pytest.raises(ArgumentError, match="the data set has 20 samples"):
        made.take([True])


def test_all_names_are_listed():
    assert data.list_datasets() == ["digits", "mnist", "fashion_mnist", "cifar10", "synthetic"]
