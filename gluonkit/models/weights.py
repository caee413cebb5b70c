"""Which weights the zoos publish, and where they can be had."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.download import FAILURES, Checksum, is_right, request, unreachable
from gluonkit._base.tables import Column, Shown
from gluonkit.errors import ArgumentError
from gluonkit.models.downloads import folder, mirrors
from gluonkit.models.published import Published
from gluonkit.models.registry import list_models, model_info

_GIVEN_UP_AFTER = 3  # connections in a row that a store does not answer


@dataclass(frozen=True)
class PublishedFile(Shown):
    """A published file, and where it was found.

    Attributes
    ----------
    file : str
        Its name.
    sha1 : str
        Its SHA-1, in hexadecimal digits.
    models : tuple of str
        The models that it belongs to.
    on_disk : str
        'yes', 'no', or 'damaged' where a file of that name has another SHA-1.
    found_at : str
        The address that has it; '' if none was asked, or none has it.
    """

    file: str
    sha1: str
    models: tuple[str, ...]
    on_disk: str
    found_at: str = ""

    @property
    def label(self) -> str:
        """The model's name, with what distinguishes the file from others of that model."""
        first = self.models[0]
        if not self.file.endswith(".params"):
            return f"{first} vocabulary {self.file.rpartition('-')[0]}"
        # A file's name ends in the first eight digits of its SHA-1.
        stem = self.file.rpartition("-")[0]
        rest = stem.removeprefix(first.partition("/")[2]).strip("_")
        return f"{first} {rest}" if rest else first


@dataclass(frozen=True, repr=False)
class PublishedFiles(Shown):
    """Which published files there are, and where they were looked for; `str` gives a table.

    Attributes
    ----------
    files : tuple of PublishedFile
        By the names of models.
    folder : Path
        The folder on this machine that was searched.
    stores : tuple of str
        Addresses of stores, in the order in which downloads try them.
    asked : bool
        Whether the stores were asked.
    """

    files: tuple[PublishedFile, ...]
    folder: Path
    stores: tuple[str, ...]
    asked: bool

    def __str__(self) -> str:
        columns = [*_COLUMNS, *([Column("store", self._store, "right")] if self.asked else [])]
        there = sum(file.on_disk == "yes" for file in self.files)
        stores = (f"  {number} {store}" for number, store in enumerate(self.stores, 1))
        lines = (
            tables.text_table(self.files, columns),
            "",
            f"{len(self.files)} files, {there} of them in {self.folder}. Stores"
            f"{'' if self.asked else ' (not asked)'}:",
            *stores,
        )
        return "\n".join(lines)

    def _store(self, file: PublishedFile) -> str:
        """Return the number of the store that has a file."""
        numbers = enumerate(self.stores, 1)
        has = (str(number) for number, store in numbers if file.found_at.startswith(store))
        return next(has, "none")

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON.

        Returns
        -------
        dict
            Each attribute by its name.
        """
        files = [asdict(file) | {"models": list(file.models)} for file in self.files]
        where = {"folder": str(self.folder), "stores": list(self.stores), "asked": self.asked}
        return {"files": files} | where


_COLUMNS = (
    Column("name", lambda file: file.label),
    Column("SHA-1", lambda file: file.sha1, "right", drop=1),
    Column("on disk", lambda file: file.on_disk, "right"),
)


@checked
def published_files(
    pattern: str = "*",
    *,
    source: str | None = None,
    task: str | None = None,
    root: Any = None,
    online: bool = False,
) -> PublishedFiles:
    """Find out which files the zoos publish for models, and where these can be had.

    Parameters
    ----------
    pattern : str, default '*'
        Models by name, as in `list_models`.
    source, task : str, optional
        Only models of this source, or for this task.
    root : path, optional
        The folder to search; by default that of `create_model`.
    online : bool, default False
        Whether to ask the stores that ``MXNET_GLUON_REPO`` names, or MXNet's, for each file.

    Returns
    -------
    PublishedFiles
        The files, and where they were looked for.

    Raises
    ------
    ArgumentError
        (a ValueError) For a pattern that matches no model with published files.
    """
    place, stores = folder(root), Stores()
    files = [
        PublishedFile(
            published.file,
            published.sha1,
            models,
            on_disk=_state(published, place),
            found_at=stores.having(published) if online else "",
        )
        for published, models in selected(pattern, source, task).items()
    ]
    return PublishedFiles(tuple(files), place, tuple(stores.addresses), online)


def selected(
    pattern: str, source: str | None, task: str | None
) -> dict[Published, tuple[str, ...]]:
    """Return the published files of models, each once, with the models' names."""
    names: dict[Published, tuple[str, ...]] = {}
    for name in list_models(pattern, source=source, task=task):
        for published in model_info(name).downloads:
            # Several models may share a file, such as a vocabulary.
            names[published] = (*names.get(published, ()), name)
    if not names:
        raise ArgumentError(
            f"`pattern` is {pattern!r}, which matches no model with published weights; "
            "`gluonkit models --weights` lists all"
        )
    return names


def _state(published: Published, place: Path) -> str:
    path = place / published.file
    if not path.exists():
        return "no"
    return "yes" if is_right(path, Checksum("SHA-1", published.sha1)) else "damaged"


class Stores:
    """Stores to ask; those that do not answer several times in a row are not asked again."""

    def __init__(self) -> None:
        self.addresses = mirrors()
        self._unanswered: Counter[str] = Counter()

    def urls(self, published: Published) -> list[str]:
        """Return a file's addresses in the stores that answer."""
        asked = (s for s in self.addresses if self._unanswered[s] < _GIVEN_UP_AFTER)
        return [store + published.address for store in asked]

    def having(self, published: Published) -> str:
        """Ask for a file; return the address of the first store that has it, or ''."""
        for url in self.urls(published):
            try:
                request(url)
            except FAILURES as error:
                self.note(url, error)
            else:
                self.note(url, None)
                return url
        return ""

    def note(self, url: str, error: Exception | None) -> None:
        """Note that a store has answered, or why it has not."""
        store = next(store for store in self.addresses if url.startswith(store))
        if error is not None and unreachable(error):
            self._unanswered[store] += 1
        else:
            # An answer that says no is an answer: only silence in a row counts.
            self._unanswered[store] = 0
