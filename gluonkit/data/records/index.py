"""Index files: for each record a line with its key, a tab, and the byte where it begins."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy

from gluonkit._base.checks import described, is_flag, reason
from gluonkit._base.kinds import Array
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError


def beside(path: Path) -> Path:
    """Return where a record file's index is looked for, and written."""
    return path.with_suffix(".idx")


def lines_of(path: Path) -> list[str]:
    """Return the lines of a text file; a device, which may have no end, is an OSError."""
    if path.is_char_device():
        raise OSError(errno.EINVAL, "it is a device, and no file", str(path))
    return path.read_text().splitlines()


def read_index(
    path: Path, size: int, key_type: Callable[[str], Any]
) -> tuple[tuple[Any, ...], Array]:
    """Return the keys and the offsets of an index, whose record file has so many bytes.

    Raises
    ------
    DataError
        When it cannot be read, for lines of another form, and offsets that the file does not have.
    """
    try:
        lines = lines_of(path)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as an index: {reason(error)}") from error
    keys: list[Any] = []
    offsets: list[int] = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        words = line.strip().split("\t")
        try:
            key, offset = key_type(words[0]), int(words[1])
        except (ValueError, IndexError):
            raise DataError(
                f"{path}, line {number + 1}, is {line!r:.60}; a key and a byte offset are "
                "expected, with a tab between them. Delete the index, and the file is scanned"
            ) from None
        if not 0 <= offset <= size - 8 or offset % 4:
            raise DataError(
                f"{path}, line {number + 1}: record {len(keys)}, {key!r}, should begin at byte "
                f"{offset:,}, and a record file of {size:,} bytes has none there: the index is of "
                "another file. Delete it, and the file is scanned"
            )
        keys.append(key)
        offsets.append(offset)
    return tuple(keys), numpy.array(offsets, "int64")


def check_key(key: Any) -> None:
    """Refuse what cannot be read again as a key from a line of an index."""
    if is_flag(key) or not isinstance(key, (str, Integral)):
        raise ArgumentTypeError(f"`key` is {described(key)}; give a whole number or text")
    text = str(key)
    as_read = text.encode(errors="ignore").decode().strip()
    if not text or text != as_read or len(text.splitlines()) != 1 or "\t" in text:
        raise ArgumentError(
            f"`key` is {key!r:.60}; an index has keys without tabs, line ends and outer spaces"
        )


def index_text(keys: Iterable[Any], offsets: Iterable[int]) -> bytes:
    """Return an index as MXNet writes it."""
    lines = []
    for key, offset in zip(keys, offsets, strict=True):
        lines.append(f"{key}\t{offset}\n")
    return "".join(lines).encode()
