"""Data sets by name: those inside packages, those in standard files, and made-up ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import described, unknown_name, whole_number
from gluonkit._base.download import Checksum, fetch, progress_bar, sum_of
from gluonkit._base.kinds import Array
from gluonkit.data.dataset import Dataset
from gluonkit.data.formats import check_labels, read_cifar, read_idx
from gluonkit.data.sklearn_digits import digits
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError
from gluonkit.system.seeding import checked_seed

SPLITS = ("train", "test", "all")
DIGITS = tuple("0123456789")
_CLOTHES = ("t-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker",
            "bag", "ankle boot")  # fmt: skip
_THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
           "truck")  # fmt: skip
_DIGITS_TEST = 360  # a fifth
_OPTIONS = {"digits": ("size",), "synthetic": ("shape", "classes", "samples", "seed")}
_MXNET = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/dataset"


@dataclass(frozen=True)
class Remote:
    """A data set whose files can be downloaded.

    Attributes
    ----------
    folder : str
        The name of MXNet's folder for them.
    mirrors : tuple of str
        Addresses to which a file's name is appended.
    files : dict of str to str
        Each file's SHA-256.
    classes : tuple of str
        The name of each class, by label.
    """

    folder: str
    mirrors: tuple[str, ...]
    files: dict[str, str]
    classes: tuple[str, ...]


def _four(*sums: str) -> dict[str, str]:
    names = [f"{s}-{k}-ubyte.gz" for s in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
    return dict(zip(names, sums, strict=True))


# The sums are those of tensorflow/datasets, tensorflow_datasets/url_checksums/{mnist,fashion_mnist,
# cifar10}.txt; pytorch/vision, torchvision/prototype/datasets/_builtin/mnist.py, has the same eight
# of the IDX files. MXNet's own archive of CIFAR-10 is another file, so it is no mirror.
REMOTES = {
    "mnist": Remote(
        "mnist",
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            f"{_MXNET}/mnist/",
        ),
        _four(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        DIGITS,
    ),
    "fashion_mnist": Remote(
        "fashion-mnist",
        (
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            f"{_MXNET}/fashion-mnist/",
        ),
        _four(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        _CLOTHES,
    ),
    "cifar10": Remote(
        "cifar10",
        ("https://www.cs.toronto.edu/~kriz/",),
        {
            "cifar-10-binary.tar.gz": (
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
            )
        },
        _THINGS,
    ),
}

# The begin of the training and test labels, by which files are known that are not compressed, or
# compressed anew.
_FIRST_LABELS = {
    (5, 0, 4, 1, 9, 2, 1, 3, 1, 4): "mnist",
    (7, 2, 1, 0, 4, 1, 4, 9, 5, 9): "mnist",
    (9, 0, 0, 3, 0, 2, 7, 2, 5, 5): "fashion_mnist",
    (9, 2, 1, 1, 6, 1, 4, 6, 5, 7): "fashion_mnist",
}


def list_datasets() -> list[str]:
    """Return the names of the data sets that `load` knows.

    Returns
    -------
    list of str
        Such as ``"mnist"``.
    """
    return ["digits", *REMOTES, "synthetic"]


@checked_but("name")
def load(
    name: str,
    *,
    split: str = "train",
    root: str | Path | None = None,
    download: bool = True,
    **options: Any,
) -> Dataset:
    """Return a data set, or one of its splits.

    'digits': scikit-learn's handwritten digits, which need no download, 1,437 for training and 360
    for testing; float32 in [0, 1] of shape ``(n, 1, 28, 28)``, or with ``size=8`` in their original
    size. 'mnist', 'fashion_mnist', 'cifar10': the standard files, found on disk or downloaded;
    uint8 of shapes ``(n, 1, 28, 28)`` and ``(n, 3, 32, 32)``, which a `BatchLoader` makes float32
    in [0, 1]. 'synthetic': ``samples=1000`` random arrays of ``shape=(1, 28, 28)`` in
    ``classes=10``, each a pattern with noise, drawn with ``seed=0``.

    Parameters
    ----------
    name : str
        The data set: 'digits', 'mnist', 'fashion_mnist', 'cifar10' or 'synthetic'.
    split : str, default 'train'
        'train', 'test' or 'all'.
    root : str or Path, optional
        A folder that has the files, or has them in ``root/NAME``, to which they are downloaded. By
        default ``$GLUONKIT_DATA/NAME``, then MXNet's own ``$MXNET_HOME/datasets/NAME`` and
        ``~/.mxnet/datasets/NAME``.
    download : bool, default True
        Whether to download missing files, from the addresses beneath ``$GLUONKIT_MIRROR``, if that
        is set, and then from the data set's own.
    **options : object
        Options of the data set, as above.

    Returns
    -------
    Dataset
        Unpacks as a pair ``(data, label)``.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an unknown name, split or option, and values that are not allowed.
    MissingPackageError
        For 'digits' when scikit-learn is not installed.
    DataError
        When files are missing and cannot be downloaded, with their names, the folders that were
        searched, and each mirror's answer; when a file is damaged or is another one.

    Examples
    --------
    >>> import gluonkit as gk
    >>> gk.data.load("digits", split="test")
    digits (test): 360 samples of 1x28x28 float32, labels int32, 10 classes
    >>> images, labels = gk.data.load("synthetic", samples=100, shape=(3, 8, 8))
    >>> images.shape
    (100, 3, 8, 8)
    """
    _check(name, split, root, options)
    if name in REMOTES:
        folder = None if root is None else Path(root).expanduser()
        return _from_files(name, split, folder, download=download)
    made: dict[str, Callable[..., Dataset]] = {"digits": _digits, "synthetic": _synthetic}
    return made[name](split, **options)


def _check(name: Any, split: Any, root: Any, options: dict[str, Any]) -> None:
    """Refuse unknown names and splits, and options that this data set does not have."""
    known = list_datasets()
    if not isinstance(name, str):
        raise ArgumentTypeError(f"`name` is {described(name)}; give one of {', '.join(known)}")
    if name not in known:
        raise unknown_name("name", name, known, f"Choose of: {', '.join(known)}.")
    if split not in SPLITS:
        raise ArgumentError(f"`split` is {split!r}; give one of {', '.join(SPLITS)}")
    if root is not None and not isinstance(root, (str, os.PathLike)):
        raise ArgumentTypeError(f"`root` is {described(root)}; give a folder's path")
    if root is not None and name not in REMOTES:
        raise ArgumentError(
            f"`root` is {str(root)!r}, and {name!r} is not read from files; leave `root` out, or "
            f"load one of {', '.join(REMOTES)}"
        )
    taken = _OPTIONS.get(name, ())
    unknown = ", ".join(option for option in options if option not in taken)
    if unknown and not taken:
        raise ArgumentError(f"{name!r} takes no options, but got {unknown}")
    if unknown:
        raise ArgumentError(f"{name!r} does not take {unknown}; its options: {', '.join(taken)}")


def _digits(split: str, size: int = 28) -> Dataset:
    size = whole_number("size", size, 8, 512)  # from as many pixels as they have
    images, labels = digits(size, size)
    order = numpy.random.default_rng(0).permutation(len(labels))
    cut = len(labels) - _DIGITS_TEST
    chosen = {"train": order[:cut], "test": order[cut:], "all": order}[split]
    return Dataset("digits", split, images[chosen], labels[chosen], DIGITS)


def _synthetic(
    split: str,
    shape: tuple[int, ...] = (1, 28, 28),
    classes: int = 10,
    samples: int = 1000,
    seed: int = 0,
) -> Dataset:
    samples = whole_number("samples", samples)
    classes = whole_number("classes", classes, 2)
    seed = checked_seed(seed)
    if not isinstance(shape, (tuple, list)) or not shape:
        raise ArgumentTypeError(
            f"`shape` is {shape!r:.40}; give a tuple of at least one dimension, such as (1, 28, 28)"
        )
    shape = tuple(whole_number("shape", size) for size in shape)
    draws = numpy.random.default_rng([seed, 0])
    patterns = draws.standard_normal((classes, *shape), dtype="float32")
    parts = []
    for number in [part for part in (0, 1) if split in ("all", SPLITS[part])]:
        draws = numpy.random.default_rng([seed, 1 + number])
        label = draws.integers(0, classes, samples).astype("int32")
        made = draws.standard_normal((samples, *shape), dtype="float32")
        made += patterns[label]
        parts.append((made, label))
    data, labels = (numpy.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Dataset("synthetic", split, data, labels, tuple(map(str, range(classes))))


def _from_files(name: str, split: str, root: Path | None, *, download: bool) -> Dataset:
    wanted = ("train", "test") if split == "all" else (split,)
    read = _read_cifar if name == "cifar10" else _read_idx
    find = _Finder(name, root, download)
    parts = [part for kind in wanted for part in read(find, kind)]
    data, label = (numpy.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Dataset(name, split, data, label.astype("int32"), REMOTES[name].classes)


def _read_idx(find: _Finder, split: str) -> list[tuple[Array, Array]]:
    prefix = "train" if split == "train" else "t10k"
    images_path = find(f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-images-idx3-ubyte")
    labels_path = find(f"{prefix}-labels-idx1-ubyte.gz", f"{prefix}-labels-idx1-ubyte")
    images, labels = read_idx(images_path, (28, 28)), read_idx(labels_path)
    check_labels(labels_path, labels, len(images), 10)
    for path in (images_path, labels_path):
        _check_owner(find.name, path, _by_checksum(path))
    _check_owner(find.name, labels_path, _FIRST_LABELS.get(tuple(labels[:10].tolist())))
    return [(images[:, None], labels)]


def _by_checksum(path: Path) -> str | None:
    """Return the name of the data set that has this compressed file, if it is a known one."""
    known = {r.files[path.name]: name for name, r in REMOTES.items() if path.name in r.files}
    return known.get(sum_of(path, "SHA-256")) if known else None


def _check_owner(name: str, path: Path, owner: str | None) -> None:
    """Refuse the file of another data set: MNIST's and Fashion-MNIST's have the same names."""
    if owner not in (None, name):
        raise DataError(
            f"{path} is {owner}'s, not {name}'s, as its contents say. Keep the files of each data "
            f"set in its own folder, {owner} and {name}, and name the folder of both with root="
        )


def _read_cifar(find: _Finder, split: str) -> list[tuple[Array, Array]]:
    train = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    wanted = train if split == "train" else ("test_batch.bin",)
    path = find("cifar-10-binary.tar.gz", "cifar-10-batches-bin", wanted[0])
    return read_cifar(path.parent if path.name == wanted[0] else path, wanted)


@dataclass
class _Finder:
    """Finds a data set's files, and downloads what is missing."""

    name: str
    root: Path | None
    download: bool

    def __call__(self, file: str, *others: str) -> Path:
        """Return the path of a file, compressed or not."""
        folders = self._folders()
        for folder in folders:
            for name in (file, *others):
                if (folder / name).exists():
                    return folder / name
        urls = self._urls(file)
        failure = f"download=False forbids to download it from {' or '.join(urls)}"
        if self.download:
            target = folders[0] / file
            checksum = Checksum("SHA-256", REMOTES[self.name].files[file])
            try:
                with progress_bar(file) as watch:
                    fetch(target, urls, checksum, watch=watch)
                return target
            except (DataError, OSError) as error:
                failure = str(error)
        places = "\n".join(f"  {folder}" for folder in folders)
        raise DataError(
            f"{self.name} needs {' or '.join((file, *others))}, which is in none of\n{places}\n"
            f"and {failure}\nPut the file into one of these folders by hand, or name its folder "
            "with root="
        )

    def _folders(self) -> list[Path]:
        """Return the folders to search; files are downloaded to the first."""
        names = (self.name, REMOTES[self.name].folder)
        if self.root is not None:
            # Not the bare root first, for MNIST's and Fashion-MNIST's files have the same names.
            inside = [self.root / name for name in names]
            folders = [self.root, *inside] if self.root.name in names else [*inside, self.root]
            return list(dict.fromkeys(folders))
        own = os.environ.get("GLUONKIT_DATA")
        folders = [Path(own).expanduser() / name for name in names] if own else []
        home = os.environ.get("MXNET_HOME")
        for base in [*([Path(home).expanduser()] if home else []), Path.home() / ".mxnet"]:
            folders += [base / "datasets" / name for name in reversed(names)]
        return list(dict.fromkeys(folders))

    def _urls(self, file: str) -> list[str]:
        """Return the addresses of a file, the user's own mirror first."""
        mirror = os.environ.get("GLUONKIT_MIRROR")
        own = [f"{mirror.rstrip('/')}/{self.name}/{file}"] if mirror else []
        return own + [f"{mirror}{file}" for mirror in REMOTES[self.name].mirrors]
