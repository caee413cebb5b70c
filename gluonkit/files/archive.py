"""Tar archives, such as SageMaker's ``model.tar.gz``: the files in them that gluonkit reads.

A member's name decides nothing but the name of a file in a new, temporary folder. Links are never
followed, and an archive that unpacks to far more than weights do is refused before it fills
memory or disk.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from gluonkit._base.checks import last_line
from gluonkit._base.tables import memory
from gluonkit.errors import CheckpointError
from gluonkit.files.source import refusal

ENDINGS = (".tar.gz", ".tgz", ".tar")
"""How archives are called."""
_READ = (".json", ".params", ".safetensors")
"""How the files are called that are unpacked."""
# A tar file has its mark not at the very start, but within the header of its first member.
_GZIP, _TAR, _TAR_AT = b"\x1f\x8b", b"ustar", 257
_MOST_HEADERS = 1 << 22
"""Bytes of all headers that are read: names and sizes of some 8,000 members."""
_MOST_FOLD = 100
"""Weights become a few per cent shorter; a bomb unpacks to a thousand times its length."""
_ALWAYS = 1 << 26
"""Bytes that any archive may unpack to."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Unpacked:
    """What of an archive lies in a temporary folder.

    Attributes
    ----------
    folder : Path
        The folder.
    names : tuple of str
        The names of all files of the archive, in its order.
    left : tuple of str
        The names of links, devices, and what would lie outside of the folder: never unpacked.
    """

    folder: Path
    names: tuple[str, ...]
    left: tuple[str, ...]


def is_archive(path: Path) -> bool:
    """Return whether a file is a tar archive, or compressed by gzip."""
    try:
        if not path.is_file():  # a named pipe would have its reader wait
            return False
        with path.open("rb") as file:
            begin = file.read(_TAR_AT + len(_TAR))
    except (OSError, ValueError):
        return False
    return begin.startswith(_GZIP) or begin[_TAR_AT:] == _TAR


@contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    """Unpack an archive's graphs, parameters and checkpoints for the time of the context.

    Raises
    ------
    CheckpointError
        When it is damaged, no tar archive, made to fill memory or disk, or has two files of one
        name; and what is raised inside, with the archive's name in place of the folder's.
    """
    with tempfile.TemporaryDirectory(prefix="gluonkit-") as folder:
        try:
            result = _unpack(path, Path(folder))
        except CheckpointError:  # which is a ValueError, but says already what is wrong
            raise
        except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError, RecursionError) as e:
            raise refusal(path, f"it is no whole tar archive: {last_line(e)}") from e
        try:
            yield result
        except CheckpointError as error:
            inside = str(error).replace(f"{folder}/", f"{path}:").replace(folder, str(path))
            raise CheckpointError(inside) from error


def _unpack(path: Path, folder: Path) -> Unpacked:
    names: list[str] = []
    left: list[str] = []
    with path.open("rb") as file, _decompressed(file) as plain:
        stream = _Stream(path, plain, _MOST_FOLD * path.stat().st_size + _ALWAYS)
        # "r:" is without compression: `tarfile` would unpack by itself, past the limits of
        # `_Stream`.
        with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
            # One by one, so that the limits hold before a list of millions is made.
            for member in archive:
                name = PurePosixPath(member.name)
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse() or _leads_out(name):
                    left.append(_shown(member.name))
                    continue
                names.append(_shown(str(name)))
                if name.name.endswith(_READ) and not name.name.startswith("."):
                    # By its last name alone, whatever folders it names, and not by `extract`,
                    # which sets owners and modes and follows links.
                    stream.copy(member.offset_data, member.size, folder / name.name)
    return Unpacked(folder, tuple(names), tuple(left))


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    begin = file.read(len(_GZIP))
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if begin == _GZIP else file  # type: ignore[return-value]


def _leads_out(name: PurePosixPath) -> bool:
    return name.is_absolute() or ".." in name.parts


def _shown(name: str) -> str:
    """Return a name as it can be printed."""
    return name if name.isprintable() else repr(name)[1:-1]


class _Stream:
    """A file that `tarfile` reads headers from, and not more than there is memory for."""

    def __init__(self, path: Path, file: IO[bytes], most: int) -> None:
        self._path, self._file, self._most = path, file, most
        self._headers = 0

    def read(self, size: int) -> bytes:
        """Read a part of a header."""
        # The size is the file's own word, and may be negative or more than there is memory for.
        self._headers += size
        if not 0 <= self._headers <= _MOST_HEADERS:
            raise refusal(
                self._path,
                f"the names in it take more than {memory(_MOST_HEADERS)}: it is damaged, or made "
                "to fill memory",
            )
        return self._file.read(size)

    def seek(self, place: int) -> None:
        """Skip to a byte of the unpacked archive."""
        self._check(place)
        self._file.seek(place)

    def _check(self, place: int) -> None:
        if place > self._most:
            raise refusal(
                self._path,
                f"it unpacks to more than {memory(self._most)}, as weights do not: it is made to "
                "fill a disk. If you trust it, unpack it with `tar -xf`, and give the folder",
            )

    def tell(self) -> int:
        """Return the byte of the unpacked archive that is read next."""
        return self._file.tell()

    def copy(self, place: int, size: int, target: Path) -> None:
        """Write a member's bytes to a new file."""
        self._check(place + size)
        self._file.seek(place)
        if size > shutil.disk_usage(target.parent).free:
            raise refusal(self._path, f"there is no room for {target.name} in {target.parent}")
        try:
            # "x" fails where a file is: two folders of the archive may have one of the same name.
            with target.open("xb") as file:
                while size:
                    chunk = self._file.read(min(size, _CHUNK))
                    if not chunk:
                        raise EOFError(f"it ends within {target.name}")
                    file.write(chunk)
                    size -= len(chunk)
        except FileExistsError:
            raise refusal(self._path, f"it has two files called {target.name}") from None
