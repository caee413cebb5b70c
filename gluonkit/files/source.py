"""A file's bytes, by offset and length: what lies outside of the file is refused, not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy

from gluonkit._base.checks import reason
from gluonkit.errors import CheckpointError
from gluonkit.files.threads import read_at


class Source:
    """An open file.

    Attributes
    ----------
    path : Path
        The file.
    size : int
        Its length in bytes.
    """

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.size = os.fstat(handle).st_size
        self._handle = handle

    def read(self, offset: int, length: int, what: str) -> memoryview:
        """Read bytes of the file; `what` names them in the error if the file is too short."""
        # Before any memory is taken: a damaged length may be anything.
        if length < 0 or offset < 0 or offset + length > self.size:
            raise self.refused(
                f"{what} should have {length:,} bytes from byte {offset:,} on, but the file has "
                f"{self.size:,}: it is cut off, or damaged"
            )
        memory = numpy.empty(length, "uint8").data  # not zeroed first
        self.fill(memory, offset, what)
        return memory

    def fill(self, memory: memoryview, offset: int, what: str) -> str:
        """Read the file from `offset` on into memory, and return the SHA-256.

        Several threads may do so at once.
        """
        done, digest = read_at(self._handle, offset, memory)
        if done < len(memory):
            raise self.refused(f"{what} ended while it was read: somebody else is writing it")
        return digest

    def refused(self, why: str) -> CheckpointError:
        """Return the error for this file."""
        return refusal(self.path, why)


def refusal(path: Path, why: str) -> CheckpointError:
    """Return the error for a damaged file."""
    return CheckpointError(f"{path} cannot be used: {why}")


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting for a writer, as a named pipe would have it."""
    return os.open(path, flags | os.O_NONBLOCK)


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a file for reading.

    Raises
    ------
    CheckpointError
        When it does not exist, is not a file, or cannot be read.
    """
    try:
        # Only the descriptor is used, at offsets that several threads give.
        with open(path, "rb", buffering=0, opener=_at_once) as file:
            # Pipes and devices have no size, and some never end. Asked of the open file: the path
            # may be another one's by now.
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CheckpointError(f"{path} is not a file")
            yield Source(path, file.fileno())
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise CheckpointError(f"{path} is a folder; give a file") from None
    except (OSError, MemoryError) as error:
        raise CheckpointError(f"{path} cannot be read: {reason(error)}") from error
