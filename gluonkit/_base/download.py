"""Getting a file from one of several places: checked, resumed, put in place atomically."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from gluonkit._base.atomic import move_durably
from gluonkit._base.checks import last_line
from gluonkit._base.optional import require
from gluonkit.errors import DataError

Watcher = Callable[[int, "int | None"], None]
"""Told how many bytes there are, and how many there will be, if that is known."""

Archive = Callable[[Path], "AbstractContextManager[IO[bytes]]"]
"""Opens the file that is wanted within an archive; a DataError where it cannot be read."""

Failed = Callable[[str, Exception], None]
"""Called with an address, and why it did not give the file."""

TIMEOUT = 30.0
"""Seconds without a byte after which a mirror is given up."""

FAILURES = (OSError, HTTPException, ValueError)
"""What an address may raise; urllib raises a ValueError for a malformed address."""

_PIECE = 1 << 16
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)


@dataclass(frozen=True)
class Checksum:
    """The expected checksum of a file.

    Attributes
    ----------
    kind : str
        'SHA-1' or 'SHA-256'.
    digits : str
        The sum, in hexadecimal digits.
    """

    kind: str
    digits: str

    def check(self, path: Path, archive: Archive | None = None) -> None:
        """Refuse a file with another checksum, or an archive that has another file.

        Raises
        ------
        DataError
            When the checksums differ; the message has both.
        """
        digits = sum_of(path, self.kind, archive or _plain)
        if digits != self.digits:
            raise DataError(
                f"its {self.kind} is {digits}, not {self.digits}: it is damaged, or another file"
            )


def _plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def sum_of(path: Path, kind: str, archive: Archive = _plain) -> str:
    """Compute the SHA-1 or SHA-256 of a file, or of one in an archive, in hexadecimal digits."""
    # OpenSSL in FIPS mode refuses SHA-1, unless it is told that nothing secret depends on it.
    digest = hashlib.new(kind.replace("-", ""), usedforsecurity=False)
    with archive(path) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def is_right(path: Path, checksum: Checksum, archive: Archive = _plain) -> bool:
    """Return whether a file, or the file in an archive, exists and has this checksum."""
    try:
        return path.exists() and sum_of(path, checksum.kind, archive) == checksum.digits
    except DataError:
        return False


def fetch(
    path: Path,
    urls: Sequence[str],
    checksum: Checksum,
    *,
    archive: Archive = _plain,
    packed: bool = False,
    watch: Watcher | None = None,
    failed: Failed | None = None,
) -> str:
    """Download a file to `path` from the first address that has it.

    The download goes to ``path.part``, is checked, and is then renamed to `path`, which is
    therefore always complete; an existing file with another checksum stays until then. An
    interrupted download leaves ``path.part`` and nothing else, and is resumed. Of several processes
    that want the file, one downloads it, and the others wait.

    Parameters
    ----------
    path : Path
        The file to write; its folder is created if needed.
    urls : sequence of str
        Addresses, tried in this order.
    checksum : Checksum
        The checksum of the file, after unpacking.
    archive : callable, optional
        For addresses of archives: opens the file within one; raises a DataError if it cannot.
    packed : bool, default False
        Whether to keep the archive itself.
    watch : callable, optional
        Called with the number of bytes so far, and the total if it is known.
    failed : callable, optional
        Called for each address that fails, with the address and the exception.

    Returns
    -------
    str
        The address that had it; '' if it was there already.

    Raises
    ------
    DataError
        When no address has the file; the message has the reason for each.
    """
    part = part_of(path)
    missing = [folder for folder in path.parents if not folder.exists()]
    with _locked(part):
        if is_right(path, checksum, archive if packed else _plain):  # another process was faster
            return ""
        put = partial(_put, path=path, checksum=checksum, archive=archive, packed=packed)
        failures = []
        for url in urls:
            try:
                _fetch_from(url, part, put, watch)
                return url
            except FAILURES as error:
                failures.append(f"  {url}: {_reason(error)}")
                if failed is not None:
                    failed(url, error)
    for folder in missing:  # what was made for nothing, such as for a name mistyped
        with suppress(OSError):
            folder.rmdir()
    if not failures:
        raise DataError("there is no store to ask: none has answered several times in a row")
    raise DataError("it was not to be had from\n" + "\n".join(failures))


def part_of(path: Path) -> Path:
    """Return where the beginning of a file is, until all of it has been downloaded."""
    return path.with_name(f"{path.name}.part")


def discard_part(path: Path) -> None:
    """Remove the beginning of a file that has come from elsewhere."""
    part = part_of(path)
    if part.exists():
        with _locked(part):
            part.unlink(missing_ok=True)


def _fetch_from(url: str, part: Path, put: Callable[[Path], None], watch: Watcher | None) -> None:
    begun = part.stat().st_size > 0
    _receive(url, part, watch)
    try:
        put(part)
    except DataError:
        os.truncate(part, 0)  # not removed: it holds the lock
        if not begun:
            raise
        # The resumed part may be another mirror's, so this one gets a second chance.
        _fetch_from(url, part, put, watch)


def _put(part: Path, *, path: Path, checksum: Checksum, archive: Archive, packed: bool) -> None:
    """Check the download, and move it, or the file within it, to its place."""
    # A checksum is that of the file that is wanted, not of the archive around it.
    if archive is _plain or packed:
        checksum.check(part, archive)
        move_durably(part, path)
        return
    # Beside the target, as a rename is atomic within one file system only.
    unpacked = path.with_name(f".{path.name}.unpacked")
    try:
        with archive(part) as source, unpacked.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
        checksum.check(unpacked)
        move_durably(unpacked, path)
    finally:
        unpacked.unlink(missing_ok=True)
    part.unlink()


def _receive(url: str, part: Path, watch: Watcher | None) -> None:
    """Download the rest of a file, or all of it if the server cannot resume."""
    done = part.stat().st_size
    response = _response(url, done)
    if response is None:
        return
    with response:
        # 206 is "Partial Content".
        resumed = done > 0 and response.status == 206  # otherwise the server sends the whole file
        done = done if resumed else 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with part.open("ab" if resumed else "wb") as file:
            while piece := response.read(_PIECE):
                file.write(piece)
                done += len(piece)
                if watch is not None:
                    watch(done, total)
            # What is on the disk is resumed later, also after a power failure.
            file.flush()
            os.fsync(file.fileno())
    # `read(n)` of a broken connection returns nothing, without an exception.
    if total is not None and done < total:
        raise DataError(f"it broke off after {done:,} of {total:,} bytes")


def _response(url: str, done: int) -> Any:
    """Return a server's response, or None if the file on the disk is complete already."""
    request = urllib.request.Request(url, headers={"User-Agent": "gluonkit"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        # 416 is "Range Not Satisfiable": nothing lies beyond the bytes that are there.
        if done and error.code == 416:  # the file is complete, or the checksum will differ
            return None
        raise


def request(url: str) -> None:
    """Ask an address for a file's first byte, and leave the rest.

    Raises
    ------
    OSError, HTTPException, ValueError
        When it does not have the file.
    """
    headers = {"User-Agent": "gluonkit", "Range": "bytes=0-0"}
    asked = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(asked, timeout=TIMEOUT) as response:
        response.read(1)


def unreachable(error: Exception) -> bool:
    """Return whether a server did not answer, rather than lack the file."""
    # urllib wraps what fails while it connects; what fails while it reads comes as it is.
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    silent = isinstance(cause, (TimeoutError, ConnectionError, socket.gaierror))
    return silent or getattr(cause, "errno", None) in _UNREACHABLE


def _reason(error: Exception) -> str:
    """Return why an address did not give a file, in words."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return last_line(error)


@contextmanager
def _locked(part: Path) -> Iterator[None]:
    """Hold a lock between processes: that of the beginning of a file, which need not exist yet."""
    # The system ends the lock with the process, however that ends, and no file is left for it.
    with _claimed(part):
        try:
            yield
        finally:
            # Of nothing, nothing can be resumed. It may have become the file itself.
            if part.exists() and not part.stat().st_size:
                part.unlink()


def _claimed(part: Path) -> IO[bytes]:
    """Return an open file that this process has the lock of, and that still has this name."""
    while True:
        # Here, as whoever had the lock before may have removed the folder, too.
        part.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("ab")
        fcntl.flock(file, fcntl.LOCK_EX)
        # Whoever had the lock before may have renamed or removed the file meanwhile.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), part.stat()):
                return file
        file.close()


@contextmanager
def progress_bar(name: str) -> Iterator[Watcher | None]:
    """Show a progress bar if standard error is a terminal; yield the callback for `fetch`."""
    if not sys.stderr.isatty():
        yield None
        return
    progress = require("rich.progress")
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        # On standard error, so that a command's output can be piped into a file.
        console=require("rich.console").Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(name, total=None)
    with bar:
        yield lambda done, total: bar.update(task, completed=done, total=total)
