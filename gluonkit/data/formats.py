"""Readers of the standard data files: IDX (MNIST and its kin) and CIFAR-10's binary form."""

from __future__ import annotations

import gzip
import math
import struct
import tarfile
import zlib
from pathlib import Path

import numpy

from gluonkit._base.kinds import Array
from gluonkit.errors import DataError

_UNSIGNED_BYTE = 8  # IDX's code for the type of all these files
CIFAR_RECORD = 1 + 3 * 32 * 32  # bytes: the label, then red, green, blue


def read_idx(path: Path, item: tuple[int, ...] = ()) -> Array:
    """Return the bytes of an IDX file, plain or compressed: shape ``(n, *item)``.

    `item` is the shape of one item: ``(28, 28)`` for MNIST's images, ``()`` for labels.

    Raises
    ------
    DataError
        When it is not an IDX file, or its length does not match its header.
    """
    contents = _contents(path)
    if len(contents) < 4 or contents[:2] != b"\0\0":
        raise _refused(path, f"it is no IDX file: it begins with {contents[:16]!r}")
    kind, axes, dimensions = contents[2], contents[3], 1 + len(item)
    if kind != _UNSIGNED_BYTE:
        raise _refused(path, f"its numbers have IDX type {kind:#04x}, not bytes (0x08)")
    if axes != dimensions:
        what = {1: "labels", 3: "images"}
        raise _refused(
            path,
            f"it has {axes} dimensions ({what.get(axes, 'something else')}), where "
            f"{what.get(dimensions, 'others')}, with {dimensions}, are expected",
        )
    head = 4 + 4 * dimensions
    shape = struct.unpack(f">{dimensions}I", contents[4:head].ljust(4 * dimensions, b"\0"))
    expected = head + math.prod(shape)
    if len(contents) != expected:
        raise _refused(
            path,
            f"it has {len(contents):,} bytes, but its head announces {expected:,} for "
            f"{_by(shape)}: it is cut off, or something was added",
        )
    if shape[1:] != item:
        raise _refused(path, f"its images have {_by(shape[1:])} pixels, not {_by(item)}")
    return numpy.frombuffer(contents, "uint8", offset=head).reshape(shape)


def read_cifar(path: Path, members: tuple[str, ...]) -> list[tuple[Array, Array]]:
    """Return images ``(n, 3, 32, 32)`` and labels ``(n,)`` of each of CIFAR-10's binary files.

    `path` is the archive, or the folder into which it was extracted. The arrays are views of the
    file's contents; nothing is copied.

    Raises
    ------
    DataError
        When a file is missing, ends within a record, or has a label that is not a class.
    """
    files = _unpacked(path, members)
    parts = []
    for name in members:
        # In a folder one file is damaged, otherwise the archive.
        file, what = (path / name, "it") if path.is_dir() else (path, name)
        contents = files[name]
        if not contents or len(contents) % CIFAR_RECORD:
            raise _refused(
                file,
                f"{what} has {len(contents):,} bytes, which is not a multiple of {CIFAR_RECORD} "
                "(a label and an image): it is cut off, or is something else",
            )
        records = numpy.frombuffer(contents, "uint8").reshape(-1, CIFAR_RECORD)
        check_labels(file, records[:, 0], len(records), 10)
        parts.append((records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]))
    return parts


def check_labels(path: Path, labels: Array, images: int, classes: int) -> None:
    """Check that there is one label for each image, and that all are classes."""
    if len(labels) != images:
        raise _refused(path, f"it has {len(labels):,} labels for {images:,} images")
    if len(labels) and labels.max() >= classes:
        raise _refused(path, f"it has the label {labels.max()}, but there are {classes} classes")


def _contents(path: Path) -> bytes:
    """Return a file's bytes, uncompressed."""
    contents = path.read_bytes()
    if path.suffix != ".gz":
        return contents
    try:
        return gzip.decompress(contents)
    except (OSError, EOFError, zlib.error) as error:
        raise _refused(path, f"it cannot be uncompressed: {error}") from error


def _unpacked(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the bytes of files in a folder, or in an archive, which is read once, in order."""
    if path.is_dir():
        missing = [name for name in names if not (path / name).is_file()]
        if missing:
            raise DataError(
                f"{path} has no {', '.join(missing)}. Put it there, or have another folder "
                "looked in with root="
            )
        return {name: (path / name).read_bytes() for name in names}
    contents = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = Path(member.name).name
                file = archive.extractfile(member) if name in names else None
                if file is not None:
                    contents[name] = file.read()
                if len(contents) == len(names):
                    return contents
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise _refused(path, f"it cannot be unpacked: {error}") from error
    raise _refused(path, f"it has no {', '.join(name for name in names if name not in contents)}")


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _refused(path: Path, why: str) -> DataError:
    return DataError(f"{path} is refused: {why}. Delete it, and load again")
