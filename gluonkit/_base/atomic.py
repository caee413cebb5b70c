"""Writing a file so that it is there whole, or as it was before."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces `path` when the context ends, flushed to the disk.

    If the process is killed, the disk is full, or the context raises, `path` stays as it was.
    Symbolic links are followed, and the permissions of an existing file are kept.

    Raises
    ------
    OSError
        When the file cannot be written; the temporary file is deleted. For a device or a pipe,
        which a file would replace for everybody.
    """
    # `os.replace` on a symbolic link would replace the link, and leave the file that it names.
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        what = "it is a folder" if target.is_dir() else "it is a device or a pipe, and no file"
        raise OSError(errno.EINVAL, what, str(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))
    # In the target's own folder: a rename is atomic within one file system only. A name may have
    # 255 bytes, so a long one is cut, at bytes: a letter may have four.
    begin = os.fsdecode(os.fsencode(target.name)[:100])
    name = target.with_name(f".{begin}.{secrets.token_hex(8)}.tmp")
    try:
        handle, named = _new_file(target.parent, name)
    except OSError as error:
        error.filename = str(path)  # rather than the temporary one
        raise
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            # By the open file, before it has a name: it is never seen with other permissions.
            if target.exists():
                os.fchmod(file.fileno(), target.stat().st_mode & 0o777)
            # Before the rename, or a power failure can leave the new name with an empty file.
            os.fsync(file.fileno())
            # A link cannot take the name of an existing file, so the file gets a temporary one
            # first.
            if not named:
                _give_name(file.fileno(), name)
            os.replace(name, target)
    # Ctrl-C is no Exception, and must not leave the temporary file either.
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _new_file(folder: Path, name: Path) -> tuple[int, bool]:
    """Open a new file, without a name where the system can (O_TMPFILE); return whether it has one.

    The kernel frees a file without a name when the process is killed. Elsewhere the file gets the
    given name.
    """
    try:
        if Path("/proc/self/fd").is_dir():
            return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666), False
    # Python has no O_TMPFILE outside of Linux, and some file systems (NFS) refuse it.
    except (AttributeError, OSError):
        pass
    # The mode of `open`, less the umask; `tempfile` would keep all others from reading it.
    return os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666), True


def _give_name(handle: int, name: Path) -> None:
    with _opened(name.parent) as folder:  # without a folder Python links to the name in /proc
        os.link(f"/proc/self/fd/{handle}", name, src_dir_fd=folder, follow_symlinks=True)


def write_atomically(path: Path, contents: bytes) -> None:
    """Write a file as `atomic_file` does."""
    with atomic_file(path) as file:
        file.write(contents)


def move_durably(source: Path, target: Path) -> None:
    """Move a finished file within one file system, atomically, and flush it to the disk."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    # Links are followed, as in `atomic_file`.
    os.replace(source, os.path.realpath(target))
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder to the disk, so that its new names survive a power failure."""
    with _opened(folder) as handle:
        os.fsync(handle)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)
