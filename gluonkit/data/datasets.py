"""Data sets by name: those inside packages, those in standard files, and made-up ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from gluonkit._errors import ArgumentError, DataError, unknown_name, whole_number
from gluonkit._optional import require
from gluonkit.data.dataset import Array, Dataset
from gluonkit.data.digits import digits
from gluonkit.data.download import Watcher, fetch
from gluonkit.data.formats import check_labels, read_cifar, read_idx

SPLITS = ("train", "test", "all")
DIGITS = tuple("0123456789")
_CLOTHES = (
    "t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_THINGS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_DIGITS_TEST = 360  # a fifth


@dataclass(frozen=True)
class Remote:
    """Standard files that can be downloaded.

    Attributes
    ----------
    folder : what MXNet calls the folder that it keeps them in.
    mirrors : addresses that a file's name is put behind.
    files : each file's SHA-256.
    classes : what the labels mean.
    """

    folder: str
    mirrors: tuple[str, ...]
    files: dict[str, str]
    classes: tuple[str, ...]


def _four(*sums: str) -> dict[str, str]:
    names = [f"{s}-{k}-ubyte.gz" for s in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
    return dict(zip(names, sums, strict=True))


# Each sum stands in several public projects that check these files, found by searching for it.
REMOTES = {
    "mnist": Remote(
        "mnist",
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
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


def list_datasets() -> list[str]:
    """Return the names that `load` takes."""
    return ["digits", *REMOTES, "synthetic"]


def load(
    name: str,
    *,
    split: str = "train",
    root: str | Path | None = None,
    download: bool = True,
    **options: Any,
) -> Dataset:
    """Return a data set, or one of its splits.

    'digits': scikit-learn's real handwritten digits, always there, 1,437 to train with and 360 to
    test; float32 in [0, 1] of shape ``(n, 1, 28, 28)``, or with ``size=8`` as they were.
    'mnist', 'fashion_mnist', 'cifar10': the standard files, found on disk or downloaded; uint8
    of shapes ``(n, 1, 28, 28)`` and ``(n, 3, 32, 32)``, which a `BatchLoader` makes float32 in
    [0, 1]. 'synthetic': ``samples=1000`` made-up arrays of ``shape=(1, 28, 28)`` in
    ``classes=10``, each a pattern with noise, drawn from ``seed=0``.

    Parameters
    ----------
    name : one of those.
    split : 'train', 'test' or 'all'.
    root : a folder that has the files, or is to have them. By default ``$GLUONKIT_DATA/NAME``,
        then ``$MXNET_HOME/datasets/NAME`` and ``~/.mxnet/datasets/NAME``, where MXNet has them.
    download : False never to use the network. Files come from the addresses beneath
        ``$GLUONKIT_MIRROR``, if that is set, and from the set's own.
    **options : as above, for the sets that have some.

    Raises
    ------
    ArgumentError
        for an unknown name, split or option.
    DataError
        when files are neither found nor to be had, saying which were looked for, where, and what
        each mirror said; when one is damaged or is not what its name says.

    Examples
    --------
    >>> from gluonkit import data
    >>> data.load("digits", split="test")
    digits (test): 360 samples of 1x28x28 float32, labels int32, 10 classes
    >>> images, labels = data.load("synthetic", samples=100, shape=(3, 8, 8))
    >>> images.shape
    (100, 3, 8, 8)
    """
    if split not in SPLITS:
        raise ArgumentError(f"`split` is {split!r}; give one of {', '.join(SPLITS)}")
    if name in REMOTES:
        _no_options(name, options)
        return _from_files(name, split, None if root is None else Path(root), download=download)
    made: dict[str, Callable[..., Dataset]] = {"digits": _digits, "synthetic": _synthetic}
    if name not in made:
        known = list_datasets()
        raise unknown_name("name", str(name), known, f"Choose of: {', '.join(known)}.")
    try:
        return made[name](split, **options)
    except TypeError as error:
        if "unexpected keyword" not in str(error):
            raise
        taken = {"digits": "size", "synthetic": "shape, classes, samples, seed"}[name]
        raise ArgumentError(
            f"{name!r} does not take {', '.join(options)}; its options: {taken}"
        ) from None


def _no_options(name: str, options: dict[str, Any]) -> None:
    if options:
        raise ArgumentError(f"{name!r} takes no options, but got {', '.join(options)}")


def _digits(split: str, size: int = 28) -> Dataset:
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
    whole_number("samples", samples)
    whole_number("classes", classes, 2)
    shape = tuple(whole_number("shape", each) for each in shape)
    patterns = numpy.random.default_rng([seed, 0]).normal(size=(classes, *shape))
    parts = []
    for number in [each for each in (0, 1) if split in ("all", SPLITS[each])]:
        draws = numpy.random.default_rng([seed, 1 + number])
        label = draws.integers(0, classes, samples).astype("int32")
        noise = draws.normal(size=(samples, *shape))
        parts.append(((patterns[label] + noise).astype("float32"), label))
    data, labels = (numpy.concatenate(each) for each in zip(*parts, strict=True))
    return Dataset("synthetic", split, data, labels, tuple(map(str, range(classes))))


def _from_files(name: str, split: str, root: Path | None, *, download: bool) -> Dataset:
    remote = REMOTES[name]
    wanted = ("train", "test") if split == "all" else (split,)
    read = _read_cifar if name == "cifar10" else _read_idx
    with _watching() as watch:
        parts = [read(_Finder(name, root, download, watch), each) for each in wanted]
    data, label = (numpy.concatenate(each) for each in zip(*parts, strict=True))
    return Dataset(name, split, data, label.astype("int32"), remote.classes)


def _read_idx(find: _Finder, split: str) -> tuple[Array, Array]:
    prefix = "train" if split == "train" else "t10k"
    images_path = find(f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-images-idx3-ubyte")
    labels_path = find(f"{prefix}-labels-idx1-ubyte.gz", f"{prefix}-labels-idx1-ubyte")
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    check_labels(labels_path, labels, len(images), 10)
    return images[:, None], labels


def _read_cifar(find: _Finder, split: str) -> tuple[Array, Array]:
    path = find("cifar-10-binary.tar.gz", "cifar-10-batches-bin", "test_batch.bin")
    path = path.parent if path.name == "test_batch.bin" else path
    train = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    images, labels = read_cifar(path, train if split == "train" else ("test_batch.bin",))
    check_labels(path, labels, len(images), 10)
    return images, labels


@dataclass
class _Finder:
    """Finds a data set's files, and downloads what is missing."""

    name: str
    root: Path | None
    download: bool
    watch: Callable[[str], Watcher] | None

    def __call__(self, file: str, *others: str) -> Path:
        """Return the path of a file, or of what may stand for it."""
        folders = self._folders()
        for folder in folders:
            for each in (file, *others):
                if (folder / each).exists():
                    return folder / each
        failure = "download=False forbids to download it"
        if self.download:
            target = folders[0] / file
            urls = self._urls(file)
            try:
                fetch(
                    target,
                    urls,
                    REMOTES[self.name].files[file],
                    watch=None if self.watch is None else self.watch(file),
                )
                return target
            except (DataError, OSError) as error:
                failure = str(error)
        places = "\n".join(f"  {folder}" for folder in folders)
        raise DataError(
            f"{self.name} needs {' or '.join((file, *others))}, which is in none of\n{places}\n"
            f"and {failure}\nPut the file into one of these folders by hand, or name its folder "
            f"with root=. Mirrors: {', '.join(self._urls(file))}"
        )

    def _folders(self) -> list[Path]:
        """Return where files are looked for; the first is where they are downloaded to."""
        remote = REMOTES[self.name]
        if self.root is not None:
            return [self.root, self.root / self.name, self.root / remote.folder]
        found = []
        own = os.environ.get("GLUONKIT_DATA")
        if own:
            found += [Path(own) / self.name, Path(own) / remote.folder]
        home = os.environ.get("MXNET_HOME")
        bases = [Path(home)] if home else []
        for base in [*bases, Path.home() / ".mxnet"]:
            found.append(base / "datasets" / remote.folder)
        return list(dict.fromkeys(found))

    def _urls(self, file: str) -> list[str]:
        """Return the addresses of a file; where a project keeps it in a folder, that too."""
        mirror = os.environ.get("GLUONKIT_MIRROR")
        own = [f"{mirror.rstrip('/')}/{self.name}/{file}"] if mirror else []
        return own + [f"{mirror}{file}" for mirror in REMOTES[self.name].mirrors]


@contextmanager
def _watching() -> Iterator[Callable[[str], Watcher] | None]:
    """Show a progress bar for each download, if somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    progress = require("rich.progress")
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        console=require("rich.console").Console(stderr=True),
        transient=True,
    )

    def watch(file: str) -> Watcher:
        task = bar.add_task(file, total=None)
        return lambda done, total: bar.update(task, completed=done, total=total)

    with bar:
        yield watch
