"""Lists of images (``.lst``), as MXNet's ``im2rec`` makes and reads them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path, described, reason, whole_number
from gluonkit.data.records.index import lines_of
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError

EXTENSIONS = (".jpeg", ".jpg", ".png")


class ListEntry(NamedTuple):
    """A line of a list of images.

    Attributes
    ----------
    key : int
        The image's number.
    labels : tuple of float
        Its labels, one or more.
    path : str
        Where it lies, beneath the list's folder.
    """

    key: int
    labels: tuple[float, ...]
    path: str


@checked
def list_images(
    folder: str | os.PathLike[str],
    *,
    recursive: bool = True,
    shuffle: bool = False,
    extensions: Sequence[str] = EXTENSIONS,
) -> list[ListEntry]:
    """Return the images of a folder as ``im2rec --list`` does, a label for each folder in it.

    Parameters
    ----------
    folder : str or Path
        Where the images are.
    recursive : bool, default True
        True for the folders in it, each of which is a class, in the order of their names; False
        for the folder itself only, whose images have the label 0.
    shuffle : bool, default False
        True for another order, always the same: the one of ``im2rec``.
    extensions : sequence of str
        Ends of the names of images, with or without their dots, in any case.

    Returns
    -------
    list of ListEntry
        What `pack_images` takes.

    Raises
    ------
    ArgumentError
        For what is no folder.
    """
    root = checked_path("folder", folder)
    if not root.is_dir():
        raise ArgumentError(f"`folder` is {str(root)!r}, which is no folder")
    given = [extensions] if isinstance(extensions, str) else extensions
    ends = {f".{end.lower().removeprefix('.')}" for end in given}
    entries: list[ListEntry] = []
    classes = 0
    for path, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(folders) if recursive else []
        images = [
            Path(path, name)
            for name in sorted(names)
            if os.path.splitext(name)[1].lower() in ends and Path(path, name).is_file()
        ]
        for image in images:
            relative = str(image.relative_to(root))
            entries.append(ListEntry(len(entries), (float(classes),), relative))
        classes += bool(images)
    if shuffle:
        random.Random(100).shuffle(entries)
    return entries


@checked
def split_list(
    entries: Sequence[ListEntry],
    *,
    chunks: int = 1,
    train_ratio: float = 1.0,
    test_ratio: float = 0.0,
) -> dict[str, list[ListEntry]]:
    """Divide a list of images into several, as ``im2rec --list`` does by options of these names.

    Parameters
    ----------
    entries : sequence of ListEntry
        The list, in the order in which it is cut.
    chunks : int, default 1
        How many parts of equal size there are; the last one may be smaller.
    train_ratio, test_ratio : float
        Shares of each part that are to train and to test; what remains is to validate. The shares
        of a smaller last part are counted by the others' size.

    Returns
    -------
    dict of str to list of ListEntry
        The entries by what ``im2rec`` appends to a file's name: ``''``, ``'_0'``, ``'_train'``,
        ``'_0_val'``.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For no entries, parts without any, and shares out of range.

    Examples
    --------
    >>> import gluonkit as gk
    >>> entries = [gk.data.ListEntry(key, (0.0,), f"{key}.jpg") for key in range(10)]
    >>> parts = gk.data.split_list(entries, train_ratio=0.7, test_ratio=0.1)
    >>> {name: len(part) for name, part in parts.items()}
    {'_test': 1, '_train': 7, '_val': 2}
    """
    entries = checked_entries("entries", entries)
    if not entries:
        raise ArgumentError("`entries` is empty; give images to divide")
    size = -(-len(entries) // whole_number("chunks", chunks))
    if size * (chunks - 1) >= len(entries):
        raise ArgumentError(
            f"`chunks` is {chunks}, but of {len(entries)} images at {size} each, some would have "
            "none; give a smaller number"
        )
    if not (0 < train_ratio <= 1 and test_ratio >= 0 and train_ratio + test_ratio <= 1):
        raise ArgumentError(
            f"`train_ratio` is {train_ratio} and `test_ratio` is {test_ratio}; give shares between "
            "0 and 1, of which the first is not 0, and whose sum is 1 at most"
        )
    made: dict[str, list[ListEntry]] = {}
    for number in range(chunks):
        chunk = list(entries[number * size : (number + 1) * size])
        begin, count = int(size * test_ratio), int(size * train_ratio)
        parts = {"": chunk}
        if train_ratio < 1:
            parts = {
                "_test": chunk[:begin],
                "_train": chunk[begin : begin + count],
                "_val": chunk[begin + count :] if train_ratio + test_ratio < 1 else [],
            }
        name = f"_{number}" if chunks > 1 else ""
        made |= {name + kind: part for kind, part in parts.items() if part}
    return made


def checked_entries(argument: str, entries: Iterable[Any]) -> list[ListEntry]:
    """Return entries, of which others' are tuples; refuse anything else, naming the argument."""
    made = []
    for entry in entries:
        try:
            key, labels, path = entry
            numbers, name = tuple(map(float, labels)), os.fspath(path)
            checked_path("path", name)
            if not numbers or not isinstance(name, str):
                raise TypeError
            made.append(ListEntry(whole_number("key", key, least=0), numbers, name))
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                f"`{argument}` has {described(entry)}; give ListEntry(key, labels, path), as "
                "read_list returns them"
            ) from None
    return made


@checked
def read_list(path: str | os.PathLike[str]) -> list[ListEntry]:
    """Return the entries of a ``.lst`` file.

    Parameters
    ----------
    path : str or Path
        A text file: a number, labels and a path in each line, with tabs between them.

    Returns
    -------
    list of ListEntry
        In the file's order.

    Raises
    ------
    DataError
        For a line of another form, with its number.
    """
    file = checked_path("path", path)
    try:
        lines = lines_of(file)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as a list of images: {reason(error)}") from error
    entries = []
    for number, line in enumerate(lines, 1):
        words = [word.strip() for word in line.strip().split("\t")]
        try:
            if len(words) < 3:
                raise ValueError("it has fewer than three parts")
            entries.append(ListEntry(int(words[0]), tuple(map(float, words[1:-1])), words[-1]))
        except ValueError as error:
            raise DataError(
                f"{file}, line {number}, is {line!r:.80}: {error}; a number, labels and a path are "
                "expected, with tabs between them"
            ) from None
    return entries


def list_text(entries: Iterable[ListEntry]) -> bytes:
    """Return a list as ``im2rec`` writes it; labels that six digits do not hold have more."""
    lines = ("\t".join([str(e.key), *map(_number, e.labels), e.path]) + "\n" for e in entries)
    return "".join(lines).encode()


def _number(label: float) -> str:
    short = f"{label:f}"
    return short if numpy.float32(short) == numpy.float32(label) else repr(float(label))
