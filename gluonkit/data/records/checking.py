"""All faults of a record file, each with its number and its byte."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path
from gluonkit._base.tables import Shown
from gluonkit.data.records.file import mapped
from gluonkit.data.records.framing import DamageError, Fault, Memory, contents, parts, scan
from gluonkit.data.records.header import unpack_record
from gluonkit.data.records.images import decode_image, kind_of
from gluonkit.data.records.index import beside, read_index
from gluonkit.errors import DataError


@dataclass(frozen=True)
class RecordReport(Shown):
    """What a record file holds, and what is wrong with it. `str` gives it as text.

    Attributes
    ----------
    path : str
        The file.
    index : str or None
        The index that was held against it.
    nbytes : int
        Its length.
    records : int
        Whole records in it.
    multipart : int
        How many of them are of several parts.
    labels : dict of str to int
        How many records have which label: 'number', '5 numbers', or 'none' for such as are no
        samples.
    kinds : dict of str to int
        How many hold which kind of contents: 'jpg', 'png', 'npy', ..., 'bin' for others.
    faults : tuple of Fault
        What is wrong, in the file's order.
    """

    path: str
    index: str | None
    nbytes: int
    records: int
    multipart: int
    labels: dict[str, int]
    kinds: dict[str, int]
    faults: tuple[Fault, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)

    def __str__(self) -> str:
        several = f", {self.multipart:,} of several parts" if self.multipart else ""
        lines = [
            f"{self.path}: {self.records:,} records{several}, {self.nbytes:,} bytes",
            f"Index     {self.index or 'none'}",
            f"Labels    {_counts(self.labels)}",
            f"Contents  {_counts(self.kinds)}",
            *(f"Fault     {fault}" for fault in self.faults),
        ]
        return "\n".join(lines)


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counted.items()) or "none"


@checked
def check_records(
    path: str | os.PathLike[str],
    *,
    index: str | os.PathLike[str] | None = None,
    images: bool = False,
) -> RecordReport:
    """Read a whole record file, and its index, and return all that is wrong with them.

    Parameters
    ----------
    path : str or Path
        The ``.rec`` file.
    index : str or Path, optional
        Its index; by default the ``.idx`` file beside, if there is one.
    images : bool, default False
        True to decode each image as well, which takes long.

    Returns
    -------
    RecordReport
        Its `faults` are empty where all is well.

    Raises
    ------
    ArgumentTypeError
        For what is no path.
    DataError
        When the file cannot be read at all.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import gluonkit as gk
    >>> path = pathlib.Path(tempfile.mkdtemp(), "cut.rec")
    >>> with gk.data.RecordWriter(path, index=False) as writer:
    ...     for content in (b"one", b"two", b"three"):
    ...         writer.write(content)
    >>> _ = path.write_bytes(path.read_bytes()[:-4])
    >>> fault, = gk.data.check_records(path).faults
    >>> print(str(fault)[:71])
    record 2 at byte 24: its length is 5 bytes, and the file has 4 more: it
    """
    file = checked_path("path", path)
    memory = mapped(file)
    index_path = beside(file) if index is None else checked_path("index", index)
    has_index = index is not None or index_path.exists()
    faults: list[Fault] = []
    offsets: list[int] = []
    labels: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for number, offset in enumerate(scan(memory)):
        if isinstance(offset, DamageError):
            faults.append(Fault(number, offset.offset, offset.what))
            continue
        offsets.append(offset)
        label, kind, fault = _looked_at(contents(memory, offset), images=images)
        labels[label] += 1
        kinds[kind] += 1
        faults += [Fault(number, offset, fault)] if fault else []
    if has_index:
        faults += _index_faults(index_path, memory, set(offsets))
    return RecordReport(
        path=str(file),
        index=str(index_path) if has_index else None,
        nbytes=len(memory),
        records=len(offsets),
        multipart=sum(len(parts(memory, offset)[0]) > 1 for offset in offsets),
        labels=dict(labels),
        kinds=dict(kinds),
        faults=tuple(faults),
    )


def _looked_at(record: bytes, *, images: bool) -> tuple[str, str, str]:
    """Return what label a record has, what it holds, and what is wrong with its image."""
    try:
        header, content = unpack_record(record)
    except DataError:
        return "none", kind_of(record), ""
    if header.flag:
        label = f"{header.flag} number{'s' if header.flag > 1 else ''}, packed"
    else:
        label = "number"
    kind, fault = kind_of(content), ""
    if images and kind != "bin":
        try:
            decode_image(content)
        except DataError as error:
            fault = str(error)
    return label, kind, fault


def _index_faults(path: Path, memory: Memory, offsets: set[int]) -> Iterator[Fault]:
    try:
        keys, places = read_index(path, len(memory), str)
    except DataError as error:
        yield Fault(None, None, str(error))
        return
    seen: dict[Any, int] = {}
    for number, (key, place) in enumerate(zip(keys, places.tolist(), strict=True)):
        if place not in offsets:
            yield Fault(number, place, f"the index has {key!r} there, where no whole record begins")
        if key in seen:
            yield Fault(
                number, place, f"the index has the key {key!r} already, for record {seen[key]}"
            )
        seen[key] = number
    left = sorted(offsets.difference(places.tolist()))
    if left:
        yield Fault(
            None,
            left[0],
            f"{len(left):,} records are not in the index, of which this is the first",
        )
