"""Reading record files: by position, by key, one after the other."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cached_property
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path, described, reason, some, told
from gluonkit._base.kinds import Array, array_of
from gluonkit._base.tables import Shown
from gluonkit.data.records.framing import DamageError, Fault, Memory, contents, scan
from gluonkit.data.records.header import RecordHeader, header_of, unpack_record
from gluonkit.data.records.images import decode_image
from gluonkit.data.records.index import beside, read_index
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError, StateError

_Told = TypeVar("_Told")


class RecordFile(Shown, Sequence[bytes]):
    """A record file, mapped into memory: a sequence of its records, each of them bytes.

    Reads what `mx.recordio.MXRecordIO`, `MXIndexedRecordIO` and ``im2rec`` have written, with an
    index or without one, and needs no MXNet. Can be sent to other processes, which open it anew.
    While it is open, the file must not be shortened by anybody: reading what is gone ends the
    process.

    Parameters
    ----------
    path : str or Path
        The ``.rec`` file.
    index : str, Path or False, optional
        The index, whose records are then those of the sequence, in its order. By default the
        ``.idx`` file beside, if there is one; without one, or with False, the whole file is
        scanned, and keys are positions.
    key_type : callable, optional
        Makes keys of the words of an index; by default `int`, and ``str`` for other words.

    Attributes
    ----------
    path : Path
        The file.
    index_path : Path or None
        The index, None where the file was scanned.
    keys : sequence
        The key of each record.
    offsets : numpy.ndarray
        The byte where each record begins, shape ``(records,)``.

    Raises
    ------
    ArgumentTypeError
        For what is no path.
    DataError
        When a file cannot be read, is damaged (with the number of the record and the byte), or does
        not fit the index; the latter also when a record is read.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> path = tempfile.mkdtemp() + "/two.rec"
    >>> with gk.data.RecordWriter(path) as writer:
    ...     for key, content in ((10, b"ten"), (11, b"eleven")):
    ...         writer.write(content, key)
    >>> records = gk.data.RecordFile(path)
    >>> len(records), records[0], records.read(11)
    (2, b'ten', b'eleven')
    """

    @checked
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        index: str | os.PathLike[str] | Literal[False] | None = None,
        key_type: Callable[[str], Any] = int,
    ) -> None:
        self.path = checked_path("path", path)
        self._memory: Memory | None = mapped(self.path)
        self._key_type = key_type
        self.index_path: Path | None = None
        if index is None:
            self.index_path = beside(self.path) if beside(self.path).exists() else None
        elif index is not False:
            self.index_path = checked_path("index", index)
        self.keys: Sequence[Any]
        self.offsets: Array
        if self.index_path is None:
            self.offsets = numpy.fromiter(self._scanned(), "int64")
            self.keys = range(len(self.offsets))
        else:
            self.keys, self.offsets = read_index(self.index_path, len(self._memory), key_type)

    def _scanned(self) -> Iterator[int]:
        for number, offset in enumerate(scan(self._open())):
            if isinstance(offset, DamageError):
                raise self._damaged(Fault(number, offset.offset, offset.what))
            yield offset

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.offsets)

    def __getitem__(self, position: Any) -> Any:
        """Return the record at a position, or a list of those of a slice."""
        if isinstance(position, slice):
            return [self[place] for place in range(*position.indices(len(self)))]
        place = operator.index(position)
        if not -len(self) <= place < len(self):
            raise IndexError(f"record {place} of {self.path}, which has {len(self)}")
        place %= len(self)
        try:
            return contents(self._open(), int(self.offsets[place]))
        except DamageError as damage:
            raise self._damaged(Fault(place, damage.offset, damage.what)) from None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the records in order."""
        for place in range(len(self)):
            yield self[place]

    def read(self, key: Any) -> bytes:
        """Return the record with a key of the index; of several with it, the last.

        Parameters
        ----------
        key : int or str
            One of `keys`.

        Returns
        -------
        bytes
            The record.

        Raises
        ------
        ArgumentError
            For a key that the index does not have.
        """
        if not isinstance(key, Hashable) or key not in self._places:
            known = some(map(repr, self.keys[:6]))
            raise ArgumentError(f"`key` is {told(key)}, which {self.path} has not: it has {known}")
        record: bytes = self[self._places[key]]
        return record

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {key: place for place, key in enumerate(self.keys)}

    @checked
    def sample(self, position: int) -> tuple[RecordHeader, bytes]:
        """Return a record's label and number, and the bytes behind them.

        Parameters
        ----------
        position : int
            Which record, from 0.

        Returns
        -------
        header : RecordHeader
            Label and number.
        content : bytes
            The sample, such as a JPEG file's bytes.

        Raises
        ------
        DataError
            When the record is no sample, with its number and byte.
        """
        return self._told(position, unpack_record)

    @checked
    def image(self, position: int, *, color: str = "rgb", exif: bool = False) -> Array:
        """Return a record's image, or the array of a record that is an ``.npy`` file.

        Parameters
        ----------
        position : int
            Which record, from 0.
        color : str, default 'rgb'
            See `decode_image`.
        exif : bool, default False
            See `decode_image`.

        Returns
        -------
        numpy.ndarray
            uint8 of shape ``(height, width, 3)``, or ``(height, width, 1)`` for 'gray'.

        Raises
        ------
        DataError
            When it cannot be decoded, with the record's number and byte.
        """
        return self._told(
            position, lambda record: decode_image(unpack_record(record)[1], color, exif=exif)
        )

    @checked
    def labels(
        self, positions: Sequence[int] | Array | None = None, *, pad: float | None = None
    ) -> Array:
        """Return the labels of all records.

        Parameters
        ----------
        positions : sequence of int, optional
            Those of these records only.
        pad : float, optional
            What fills labels up to the longest one, at their end; without it all must have one
            length.

        Returns
        -------
        numpy.ndarray
            float32 of shape ``(records,)``, or ``(records, numbers)`` where labels are arrays.

        Raises
        ------
        ArgumentTypeError
            For positions that are no whole numbers.
        DataError
            When labels differ in length and there is no `pad`, naming the first record that does.
        """
        chosen = range(len(self)) if positions is None else whole_positions(positions).tolist()
        labels = [self._told(place, header_of).label for place in chosen]
        shapes = list(map(numpy.shape, labels))
        if pad is not None and len(set(shapes)) > 1:
            return _padded(labels, pad)
        for place, shape in zip(chosen, shapes, strict=True):
            if shape != shapes[0]:
                raise self.fault(
                    place,
                    f"its label has shape {shape}, that of record {chosen[0]} {shapes[0]}; give "
                    "pad=-1, to `record_dataset` or here, to fill the shorter ones up, or leave it "
                    "out with `positions`",
                )
        return numpy.array(labels, "float32")

    def _told(self, position: int, read: Callable[[bytes], _Told]) -> _Told:
        """Return what is read of a record; an error says which record it is."""
        record = self[position]
        try:
            return read(record)
        except DataError as error:
            raise self.fault(position, str(error)) from error

    def fault(self, position: int, what: str) -> DataError:
        """Return the error that says what is wrong with a record.

        Parameters
        ----------
        position : int
            Which record.
        what : str
            What is wrong.

        Returns
        -------
        DataError
            To be raised.
        """
        place = operator.index(position) % len(self)
        return self._damaged(Fault(place, int(self.offsets[place]), what))

    def _damaged(self, fault: Fault) -> DataError:
        hint = ""
        if self.index_path is not None:
            hint = f"; perhaps {self.index_path.name} is of another file"
        return DataError(f"{self.path}, {fault}{hint}. `gluonkit records check` tells all faults")

    def _open(self) -> Memory:
        if self._memory is None:
            raise StateError(f"{self.path} has been closed; open it again with RecordFile")
        return self._memory

    def close(self) -> None:
        """Close the file. Without this it is closed when nobody needs it any more."""
        if isinstance(self._memory, mmap):
            self._memory.close()
        self._memory = None

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_memory": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._memory = mapped(self.path)

    def __str__(self) -> str:
        index = "no index" if self.index_path is None else self.index_path.name
        return f"RecordFile({str(self.path)!r}): {len(self):,} records, {index}"


def mapped(path: Path) -> Memory:
    """Return a file's bytes, mapped into memory.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:  # nothing cannot be mapped
                return b""
            return mmap(file.fileno(), 0, access=ACCESS_READ)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a record file: {reason(error)}") from error


def whole_positions(positions: Any) -> Array:
    """Return positions of records as an array; refuse anything but a list of whole numbers."""
    chosen = array_of(positions)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise ArgumentTypeError(f"`positions` is {described(positions)}; give whole numbers")
    return chosen


def _padded(labels: Sequence[Any], pad: float) -> Array:
    """Return labels of any lengths as rows of one length."""
    rows = list(map(numpy.atleast_1d, labels))
    made = numpy.full((len(rows), max(map(len, rows))), pad, "float32")
    for row, label in zip(made, rows, strict=True):
        row[: len(label)] = label
    return made
