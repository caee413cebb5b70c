"""Readers of the standard data files: IDX (MNIST and its kin) and CIFAR-10's binary form."""

from __future__ import annotations

import gzip
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy

from gluonkit._errors import DataError

Array: TypeAlias = "numpy.ndarray[Any, Any]"

_UNSIGNED_BYTE = 8  # IDX's code for the type of all these files
CIFAR_RECORD = 1 + 3 * 32 * 32  # bytes: the label, then red, green, blue


def read_idx(path: Path, dimensions: int) -> Array:
    """Return the bytes of an IDX file, plain or compressed, in the shape that it tells.

    Parameters
    ----------
    path : the file.
    dimensions : how many it must have: 3 for images, 1 for labels.

    Raises
    ------
    DataError
        when it is not such a file, or its length is not what its head says.
    """
    contents = _contents(path)
    if len(contents) < 4 or contents[:2] != b"\0\0":
        raise _refused(path, f"it is no IDX file: it begins with {contents[:16]!r}")
    kind, found = contents[2], contents[3]
    if kind != _UNSIGNED_BYTE:
        raise _refused(path, f"its numbers have IDX type {kind:#04x}, not bytes (0x08)")
    if found != dimensions:
        what = {1: "labels", 3: "images"}
        raise _refused(
            path,
            f"it has {found} dimensions ({what.get(found, 'something else')}), where "
            f"{what.get(dimensions, 'others')}, with {dimensions}, are expected",
        )
    head = 4 + 4 * dimensions
    shape = struct.unpack(f">{dimensions}I", contents[4:head].ljust(4 * dimensions, b"\0"))
    expected = head + int(numpy.prod(shape, dtype="int64"))
    if len(contents) != expected:
        raise _refused(
            path,
            f"it has {len(contents):,} bytes, but its head announces {expected:,} for "
            f"{' x '.join(map(str, shape))}: it is cut off, or something was added",
        )
    return numpy.frombuffer(contents, "uint8", offset=head).reshape(shape)


def read_cifar(path: Path, members: tuple[str, ...]) -> tuple[Array, Array]:
    """Return images ``(n, 3, 32, 32)`` and labels ``(n,)`` of CIFAR-10's binary files.

    Parameters
    ----------
    path : the archive, or the folder that was unpacked from it.
    members : the files in it to read, joined in this order.

    Raises
    ------
    DataError
        when a file is missing, or its length is not that of whole records.
    """
    parts = [_member(path, name) for name in members]
    for name, part in zip(members, parts, strict=True):
        if not part or len(part) % CIFAR_RECORD:
            raise _refused(
                path,
                f"{name} has {len(part):,} bytes, which is not a multiple of {CIFAR_RECORD} (a "
                "label and an image): it is cut off, or is something else",
            )
    records = numpy.frombuffer(b"".join(parts), "uint8").reshape(-1, CIFAR_RECORD)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def check_labels(path: Path, labels: Array, images: int, classes: int) -> None:
    """Refuse labels that are not one for each image, and such as no class has."""
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


def _member(path: Path, name: str) -> bytes:
    """Return the bytes of a file in an archive, or in a folder."""
    if path.is_dir():
        if not (path / name).is_file():
            raise _refused(path, f"it has no {name}")
        return (path / name).read_bytes()
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name == name:
                    file = archive.extractfile(member)
                    assert file is not None  # it is a file
                    return file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise _refused(path, f"it cannot be unpacked: {error}") from error
    raise _refused(path, f"it has no {name}")


def _refused(path: Path, why: str) -> DataError:
    return DataError(f"{path} is refused: {why}. Delete it, and load again")
