"""Folders of images, lists and arrays as record files, and back."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type, checked_path, reason, whole_number
from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.data.records.file import RecordFile
from gluonkit.data.records.header import RecordHeader, pack_record
from gluonkit.data.records.images import decode_image, encode_image, kind_of
from gluonkit.data.records.lists import (
    ListEntry,
    checked_entries,
    list_images,
    list_text,
    read_list,
)
from gluonkit.data.records.writer import RecordWriter
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError

LIST = "records.lst"
"""The list that `unpack_records` puts beside the files."""


_MOST_PIXELS = 65_535  # of an edge, in a JPEG file


@checked
def pack_images(
    images: Any,
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    encoding: str | None = None,
    quality: int | None = None,
    resize: int | None = None,
    center_crop: bool = False,
    pack_label: bool = True,
) -> int:
    """Write images as a record file with an index, as MXNet's ``im2rec`` does.

    Files go in as they are, which is ``im2rec --pass-through`` byte for byte, unless one of
    `encoding`, `quality`, `resize` and `center_crop` is given, which decode and encode them anew.
    A damaged file is an error, where ``im2rec`` leaves the image out or fails.

    Parameters
    ----------
    images : str, Path or sequence of ListEntry
        A folder, whose folders are the classes; a ``.lst`` file; or entries of `list_images` or
        `read_list`.
    path : str or Path
        The ``.rec`` file; the index goes beside.
    root : str or Path, optional
        Where the paths of a list begin; by default the folder of the ``.lst`` file.
    encoding : str, optional
        'jpg', 'png' or 'npy', as in `encode_image`.
    quality : int, optional
        As in `encode_image`.
    resize : int, optional
        Pixels to scale the shorter edge to (Pillow's bilinear filter, which OpenCV's is not).
    center_crop : bool, default False
        True to cut out the square in the middle first.
    pack_label : bool, default True
        Several labels are packed as an array; False for the first of them only.

    Returns
    -------
    int
        How many records there are.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For images that are none of these, and a missing `root`.
    DataError
        For a damaged list, and for images that cannot be read, by name. Nothing is written then.
    """
    entries, folder = _entries(images, root)
    change = encoding is not None or quality is not None or resize is not None or center_crop
    kind = "jpg" if encoding is None else encoding
    if resize is not None:
        resize = whole_number("resize", resize, most=_MOST_PIXELS)
    with RecordWriter(path) as writer:
        for entry in entries:
            try:
                content = (folder / entry.path).read_bytes()
                if change:
                    image = _scaled(decode_image(content), resize, center_crop=center_crop)
                    content = encode_image(image, kind, quality=quality)
            except (OSError, DataError) as error:
                raise DataError(
                    f"{folder / entry.path} cannot be packed: {reason(error)}"
                ) from error
            several = len(entry.labels) > 1 and pack_label
            label = entry.labels if several else entry.labels[0]
            writer.write(pack_record((0, label, entry.key, 0), content), entry.key)
    return len(entries)


def _entries(images: Any, root: Any) -> tuple[Sequence[ListEntry], Path]:
    if isinstance(images, (str, os.PathLike)):
        source = checked_path("images", images)
        if source.is_dir():
            entries, folder = list_images(source), source
        else:
            entries, folder = read_list(source), source.parent
    elif not isinstance(images, Iterable):
        raise ArgumentTypeError(
            f"`images` is {a_type(images)}; give a folder, a .lst file, or entries of list_images"
        )
    elif root is None:
        raise ArgumentError("`root` is missing; give the folder where the entries' paths begin")
    else:
        entries, folder = checked_entries("images", images), Path()
    if not entries:
        raise ArgumentError(f"`images` is {str(images)!r:.80}, in which there are no images")
    return entries, folder if root is None else checked_path("root", root)


def _scaled(image: Array, resize: int | None, *, center_crop: bool) -> Array:
    """Return an image as ``im2rec`` makes it: cut to a square, then its shorter edge scaled."""
    height, width = image.shape[:2]
    if center_crop:
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[top : top + side, left : left + side]
        height = width = side
    if resize is None:
        return image
    size = (
        (resize, height * resize // width) if height > width else (width * resize // height, resize)
    )
    pillow = require("PIL.Image", extra="data")
    return numpy.asarray(pillow.fromarray(image).resize(size, pillow.Resampling.BILINEAR))


@checked
def pack_arrays(
    arrays: Any, path: str | os.PathLike[str], *, encoding: str = "npy", quality: int | None = None
) -> int:
    """Write arrays as a record file with an index, a record for each sample.

    Parameters
    ----------
    arrays : tuple of array
        ``(data, label)``: samples of shape ``(samples, ...)``, and a label for each, of shape
        ``(samples,)`` or ``(samples, numbers)``.
    path : str or Path
        The ``.rec`` file; the index goes beside.
    encoding : str, default 'npy'
        'npy' for arrays as they are; 'png' or 'jpg' for images, ``(samples, height, width, 3)`` of
        uint8.
    quality : int, optional
        As in `encode_image`.

    Returns
    -------
    int
        How many records there are.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arrays of other shapes and types, and unknown encodings. Nothing is written then.
    """
    try:
        data, label = (numpy.asarray(part) for part in arrays)
    except (TypeError, ValueError):
        raise ArgumentTypeError(f"`arrays` is {a_type(arrays)}; give (data, label)") from None
    if not data.ndim or label.ndim not in (1, 2) or len(data) != len(label):
        raise ArgumentError(
            f"`arrays` have shapes {data.shape} and {label.shape}; give samples, and as many labels"
        )
    with RecordWriter(path) as writer:
        for number, (sample, its_label) in enumerate(zip(data, label, strict=True)):
            content = encode_image(sample, encoding, quality=quality)
            given = its_label if label.ndim > 1 else float(its_label)
            writer.write(pack_record((0, given, number, 0), content))
    return len(data)


@checked
def unpack_records(
    records: RecordFile | str | os.PathLike[str], folder: str | os.PathLike[str]
) -> int:
    """Write each sample of a record file as a file of its own, and a list of them.

    The list is ``records.lst``; `pack_images` makes the same records of it again, where keys are
    the samples' numbers, as ``im2rec`` has them.

    Parameters
    ----------
    records : RecordFile or str or Path
        The record file.
    folder : str or Path
        A new folder, or an empty one. It is there whole, or not at all.

    Returns
    -------
    int
        How many files there are.

    Raises
    ------
    ArgumentError
        When the folder is not empty.
    DataError
        When the file is damaged, and for records that are no samples, with number and byte.
    """
    opened = records if isinstance(records, RecordFile) else RecordFile(records)
    target = checked_path("folder", folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ArgumentError(f"`folder` is {str(target)!r}, which is there; give a new folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        made.mkdir()
    except OSError as error:
        error.filename = str(target)  # rather than the temporary one
        raise
    try:
        entries = list(_written(opened, made))
        (made / LIST).write_bytes(list_text(entries))
        os.replace(made, target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return len(entries)


def _written(records: RecordFile, folder: Path) -> Iterator[ListEntry]:
    for position in range(len(records)):
        header, content = records.sample(position)
        name = f"{position:08d}.{kind_of(content)}"
        (folder / name).write_bytes(content)
        yield ListEntry(header.id, _labels(header), name)


def _labels(header: RecordHeader) -> tuple[float, ...]:
    return tuple(map(float, numpy.atleast_1d(header.label)))
