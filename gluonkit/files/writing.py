"""Writing a file whole or not at all, and what is said where that cannot be."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from gluonkit._base.atomic import atomic_file
from gluonkit.errors import CheckpointError


def check_place(path: Path) -> None:
    """Refuse a path that is a folder, or whose folder does not exist.

    Raises
    ------
    CheckpointError
        For such a path.
    """
    # `os.replace` would say "Is a directory" only after everything has been written.
    if os.path.isdir(path):
        raise CheckpointError(f"{path} is a folder; give a file in it")
    if not os.path.isdir(path.parent):
        raise CheckpointError(
            f"{path} cannot be written: there is no folder {path.parent}; make it first"
        )


def check_targets(*paths: Path) -> None:
    """Refuse paths that cannot be written, before any work is done.

    Raises
    ------
    CheckpointError
        For a path that is a folder, or whose folder does not exist, and for an invalid name.
    """
    for path in paths:
        check_place(path)
        try:
            path.stat()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise CheckpointError(f"{path} cannot be written: {error.strerror}") from error


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file by a function, completely or not at all.

    Raises
    ------
    CheckpointError
        When it cannot be written.
    """
    check_place(path)
    try:
        with atomic_file(path) as file:
            write(file)
    # A full disk, a folder that may not be written: what the user can change.
    except OSError as error:
        why = f"{error.strerror or error}. What was there before is as it was"
        raise CheckpointError(f"{path} cannot be written: {why}") from error
