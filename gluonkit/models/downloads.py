"""What the zoos publish, pretrained weights above all: got into the folder where a zoo looks.

MXNet, GluonCV and GluonNLP keep such files in one folder, and know them by their SHA-1. One that is
put there before a zoo's own builder asks for it is checked again by the zoo, and loaded by it.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from mxnet.base import data_dir
from mxnet.gluon.model_zoo.model_store import apache_repo_url

from gluonkit._base.checks import checked_path, last_line
from gluonkit._base.download import Checksum, fetch, is_right, progress_bar
from gluonkit.errors import CheckpointError, DataError
from gluonkit.models.published import Published

CHINA = "https://apache-mxnet.s3.cn-north-1.amazonaws.com.cn/"
"""Where MXNet keeps a copy of its store."""

# Weights are random numbers to a compressor, words not quite: none becomes much longer.
_MOST_TIMES = 50
_SMALL = 1 << 26


def folder(root: Any = None, *, home_first: bool = False) -> Path:
    """Return where a zoo keeps its files: `root`, ``$MXNET_HOME/models``, or ``~/.mxnet/models``.

    With `home_first` ``$MXNET_HOME`` takes precedence over `root`, as for GluonCV.
    """
    if root is None or (home_first and "MXNET_HOME" in os.environ):
        # MXNet's `data_dir` has $MXNET_HOME as it is written, with its "~".
        return Path(os.path.expanduser(data_dir()), "models")
    return checked_path("root", root)


def ensure(published: Published, root: Any = None, *, home_first: bool = False) -> Path:
    """Return the path of a published file in a zoo's `folder`; download it if needed.

    Raises
    ------
    CheckpointError
        When it cannot be downloaded, with the addresses that were tried and how to get the file.
    """
    path = folder(root, home_first=home_first) / published.file
    # SHA-1 is what the zoos publish, and what their own loaders check again.
    checksum = Checksum("SHA-1", published.sha1)
    addresses = [mirror + published.address for mirror in mirrors()]
    try:
        if not is_right(path, checksum):
            with progress_bar(published.file) as watch:
                archive = partial(opened, published.file)
                fetch(path, addresses, checksum, archive=archive, watch=watch)
    except (DataError, OSError) as error:
        raise _not_to_be_had(published, path, error) from error
    return path


def mirrors() -> list[str]:
    """Return the addresses of mirrors: the user's, or else MXNet's."""
    own = os.environ.get("MXNET_GLUON_REPO", "").replace(",", " ").split()
    return [f"{address.rstrip('/')}/" for address in own or (apache_repo_url, CHINA)]


def _not_to_be_had(published: Published, path: Path, error: Exception) -> CheckpointError:
    there = "is there, but damaged or another file" if os.path.exists(path) else "is not there"
    archive = published.address.rpartition("/")[2]
    return CheckpointError(
        f"{path} (SHA-1 {published.sha1}) is needed, and {there}; {error}\n"
        f"Put it there by hand, or unpack {archive} there; or name the folder that has it with "
        "root=, or the stores to ask, divided by commas, with the variable MXNET_GLUON_REPO"
    )


@contextmanager
def opened(name: str, archive: Path) -> Iterator[IO[bytes]]:
    """Open one file of an archive to read, whatever else the archive has.

    Raises
    ------
    DataError
        When it is not an archive, is damaged, or has no such file.
    """
    try:
        with zipfile.ZipFile(archive) as files:
            member = _member(files, name, archive.stat().st_size)
            with files.open(member) as file:
                yield file
    # Of another compression, encrypted, cut off, damaged.
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise DataError(f"it is no ZIP archive that can be read: {last_line(error)}") from error


def _member(files: zipfile.ZipFile, name: str, length: int) -> zipfile.ZipInfo:
    members = {member.filename: member for member in files.infolist()}
    if name not in members:
        others = ", ".join(repr(member)[:80] for member in list(members)[:5])
        raise DataError(f"its archive has no {name}, only {others or 'nothing'}")
    size = members[name].file_size
    if size > max(_SMALL, _MOST_TIMES * length):
        raise DataError(f"its archive of {length:,} bytes would become {size:,}: it is no weights")
    return members[name]
