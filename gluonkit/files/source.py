"""A file's bytes, by offset and length: what lies outside of the file is refused, not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy

from gluonkit._errors import CheckpointError, last_line

_LARGEST_READ = 1 << 30  # Linux reads no more than 2 GiB at once


class Source:
    """An open file, or its contents in memory.

    Attributes
    ----------
    path : the file.
    size : its length in bytes.
    """

    def __init__(self, path: Path, file: IO[bytes], *, whole: bool) -> None:
        self.path = path
        self.size = os.fstat(file.fileno()).st_size
        self._file = file
        self._memory: memoryview | None = None
        if whole:
            self._memory = self._read(0, self.size, "the file")

    def read(self, offset: int, length: int, what: str) -> memoryview:
        """Return bytes of the file; `what` they are stands in the error if it has no such bytes."""
        if length < 0 or offset < 0 or offset + length > self.size:
            raise self.refused(
                f"{what} should have {length:,} bytes from byte {offset:,} on, but the file has "
                f"{self.size:,}: it is cut off, or damaged"
            )
        if self._memory is not None:
            return self._memory[offset : offset + length]
        return self._read(offset, length, what)

    def refused(self, why: str) -> CheckpointError:
        """Return the error that says why this file is not believed."""
        return refusal(self.path, why)

    def _read(self, offset: int, length: int, what: str) -> memoryview:
        memory = numpy.empty(length, "uint8").data  # not zeroed first
        self._file.seek(offset)
        done = 0
        while done < length:
            count = self._file.readinto(memory[done : done + _LARGEST_READ])  # type: ignore[attr-defined]
            if not count:
                raise self.refused(f"{what} ended while it was read: somebody else is writing it")
            done += count
        return memory


def refusal(path: Path, why: str) -> CheckpointError:
    """Return the error that says why a file is not believed."""
    return CheckpointError(f"{path} cannot be used: {why}")


@contextmanager
def opened(path: Path, *, whole: bool) -> Iterator[Source]:
    """Open a file of arrays, to be read piece by piece, or read it whole.

    Raises
    ------
    CheckpointError
        when it does not exist, is no file, or cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CheckpointError(f"{path} is not a file")
            yield Source(path, file, whole=whole)
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder; give a file") from None
    except (OSError, MemoryError) as error:
        raise CheckpointError(f"{path} cannot be read: {last_line(error)}") from error
