"""A mirror of published weights: a folder that ``MXNET_GLUON_REPO`` can name as a store."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.atomic import atomic_file
from gluonkit._base.checks import checked_path
from gluonkit._base.download import (
    Checksum,
    discard_part,
    fetch,
    is_right,
    part_of,
    progress_bar,
)
from gluonkit._base.tables import Shown
from gluonkit.errors import DataError
from gluonkit.models.downloads import folder, opened
from gluonkit.models.published import Published
from gluonkit.models.weights import Stores, selected


@dataclass(frozen=True, repr=False)
class MirroredFile(Shown):
    """What became of one file of a mirror; `str` gives a line, or several if it failed.

    Attributes
    ----------
    file : str
        Its name.
    sha1 : str
        Its SHA-1, in hexadecimal digits.
    models : tuple of str
        The models that it belongs to.
    outcome : str
        'there' (before, and right), 'copied' (from this machine's folder of downloads),
        'downloaded', or 'failed'.
    source : str
        The address or path that it comes from; '' if it was there, or failed.
    size : int
        Bytes of its archive; 0 if it failed.
    reason : str
        Why it failed, for each address; '' otherwise.
    begun : int
        Bytes of a failed download that are kept, under its name with '.part', to be resumed.
    """

    file: str
    sha1: str
    models: tuple[str, ...]
    outcome: str
    source: str = ""
    size: int = 0
    reason: str = ""
    begun: int = 0

    def __str__(self) -> str:
        if self.outcome == "failed":
            kept = (
                f"\n  {tables.memory(self.begun)} of it are kept, to be resumed"
                if self.begun
                else ""
            )
            return f"failed      {self.file} (SHA-1 {self.sha1}): {self.reason}{kept}"
        whence = f" from {self.source}" if self.source else ""
        return f"{self.outcome:10}  {self.file} ({tables.memory(self.size)}){whence}"

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON.

        Returns
        -------
        dict
            Each attribute by its name.
        """
        return asdict(self) | {"models": list(self.models)}


@dataclass(frozen=True, repr=False)
class Mirror(Shown):
    """A folder of archives, as the stores have them; `str` says what is in it.

    Attributes
    ----------
    folder : Path
        The folder.
    files : tuple of MirroredFile
        What was asked for, and what became of it.
    """

    folder: Path
    files: tuple[MirroredFile, ...]

    @property
    def failed(self) -> tuple[MirroredFile, ...]:
        """The files that were not to be had."""
        return tuple(file for file in self.files if file.outcome == "failed")

    @property
    def address(self) -> str:
        """What ``MXNET_GLUON_REPO`` has to be for this folder to serve its files."""
        return self.folder.absolute().as_uri()

    def __str__(self) -> str:
        whole = len(self.files) - len(self.failed)
        size = tables.memory(sum(file.size for file in self.files))
        return (
            f"{whole} of {len(self.files)} files in {self.folder} ({size}), {len(self.failed)} "
            f"failed. They are served by MXNET_GLUON_REPO={self.address}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON.

        Returns
        -------
        dict
            The folder, its address, and the files.
        """
        files = [file.to_dict() for file in self.files]
        return {"folder": str(self.folder), "address": self.address, "files": files}


@checked
def mirror(
    pattern: str,
    target: str | os.PathLike[str],
    *,
    source: str | None = None,
    task: str | None = None,
    root: Any = None,
    watch: Callable[[MirroredFile], None] | None = None,
) -> Mirror:
    """Collect the published files of models in a folder that serves as a store.

    Each file is checked by its SHA-1, and takes its own name atomically; what is there and right
    already stays, and a download that broke off is resumed: its beginning, a file whose name ends
    in ``.part``, is all that is left beside the files. Files come from the folder of
    downloads on this machine, then from the stores that ``MXNET_GLUON_REPO`` names, or MXNet's; a
    store that does not answer three times in a row is not asked again.

    Parameters
    ----------
    pattern : str
        Models by name, as in `list_models`.
    target : path
        The folder; made if needed.
    source, task : str, optional
        Only models of this source, or for this task.
    root : path, optional
        The folder of downloads; by default that of `create_model`.
    watch : callable, optional
        Called with each `MirroredFile` when it is done.

    Returns
    -------
    Mirror
        The files, and what became of each.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        (a ValueError, a TypeError) For a pattern that matches no model with published files, and
        for a `target` that is no path.
    """
    place, stores, done = checked_path("target", target), Stores(), []
    for published, models in selected(pattern, source, task).items():
        outcome = _collect(published, place / published.address, folder(root), stores)
        done.append(MirroredFile(published.file, published.sha1, models, **outcome))
        if watch is not None:
            watch(done[-1])
    return Mirror(place, tuple(done))


def _collect(published: Published, path: Path, cache: Path, stores: Stores) -> dict[str, Any]:
    """Put a file's archive into the mirror; return what became of it."""
    checksum, archive = Checksum("SHA-1", published.sha1), partial(opened, published.file)
    try:
        if is_right(path, checksum, archive):
            discard_part(path)
            return {"outcome": "there", "size": path.stat().st_size}
        copy = cache / published.file
        # The folder of downloads has files as they are; a store has each in an archive.
        if is_right(copy, checksum):
            _pack(copy, path)
            discard_part(path)
            whence, outcome = str(copy), "copied"
        else:
            whence, outcome = _download(published, path, stores), "downloaded"
        return {"outcome": outcome, "source": whence, "size": path.stat().st_size}
    except (DataError, OSError) as error:
        part = part_of(path)
        begun = part.stat().st_size if part.exists() else 0
        return {"outcome": "failed", "reason": str(error), "begun": begun}


def _download(published: Published, path: Path, stores: Stores) -> str:
    with progress_bar(published.file) as watch:
        url = fetch(
            path,
            stores.urls(published),
            Checksum("SHA-1", published.sha1),
            archive=partial(opened, published.file),
            # The archive itself is kept: whoever asks a store for a file gets an archive.
            packed=True,
            watch=watch,
            failed=stores.note,
        )
    # '' where another process has fetched it meanwhile: no store has answered.
    if url:
        stores.note(url, None)
    return url


def _pack(file: Path, path: Path) -> None:
    """Write an archive of one file, as the stores have it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as target, zipfile.ZipFile(target, "w") as archive:
        archive.write(file, file.name)  # not compressed: weights hardly become smaller
