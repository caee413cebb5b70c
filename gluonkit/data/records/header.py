"""The head of a record that is a sample: its label and its number, as MXNet's `pack` writes it."""

from __future__ import annotations

import struct
from numbers import Number
from typing import Any, NamedTuple

import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError

_HEAD = struct.Struct("<IfQQ")


class RecordHeader(NamedTuple):
    """What stands before a sample's bytes in a record. A tuple like `mx.recordio.IRHeader`.

    Attributes
    ----------
    flag : int
        How many numbers `label` has where it is an array; 0 where it is one number.
    label : float or numpy.ndarray
        A number, or a float32 array of shape ``(flag,)``.
    id : int
        The sample's number.
    id2 : int
        Anything; 0 as a rule.
    """

    flag: int
    label: Any
    id: int = 0
    id2: int = 0


@checked
def pack_record(header: Any, content: bytes) -> bytes:
    """Return a sample as a record: its label and number, then its bytes.

    The same bytes as `mx.recordio.pack`, also on NumPy 2, where that fails for arrays of labels.

    Parameters
    ----------
    header : RecordHeader, tuple, float or array
        ``(flag, label, id, id2)``, whose `flag` is not looked at; or the label alone: a number, or
        an array or list of any length.
    content : bytes
        The sample, such as the bytes of a JPEG file.

    Returns
    -------
    bytes
        What `RecordWriter.write` takes.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For labels that are no numbers, and numbers out of range.

    Examples
    --------
    >>> import gluonkit as gk
    >>> record = gk.data.pack_record((0, [1, 2.5], 7, 0), b"pixels")
    >>> gk.data.unpack_record(record)
    (RecordHeader(flag=2, label=array([1. , 2.5], dtype=float32), id=7, id2=0), b'pixels')
    """
    is_header = isinstance(header, tuple) and len(header) == len(RecordHeader._fields)
    _, label, number, second = header if is_header else (0, header, 0, 0)
    try:
        if isinstance(label, Number):
            return _HEAD.pack(0, label, number, second) + content
        numbers = numpy.asarray(label)
        if numbers.dtype.kind not in "biuf":  # None would become NaN
            raise TypeError("its label is no number")
        labels = numpy.ascontiguousarray(numbers, "<f4")
        return _HEAD.pack(labels.size, 0, number, second) + labels.tobytes() + content
    except (TypeError, ValueError, struct.error, OverflowError) as error:
        kind = ArgumentTypeError if isinstance(error, TypeError) else ArgumentError
        raise kind(
            f"`header` is {header!r:.80}, and cannot be packed: {error}; give (flag, label, id, "
            f"id2) or a label of numbers, with `content` bytes (it is {a_type(content)})"
        ) from None


@checked
def unpack_record(record: bytes) -> tuple[RecordHeader, bytes]:
    """Return the head of a record and the sample's bytes, as `mx.recordio.unpack` does.

    Parameters
    ----------
    record : bytes
        A whole record.

    Returns
    -------
    header : RecordHeader
        Label and number.
    content : bytes
        The sample.

    Raises
    ------
    DataError
        When the record is shorter than its head says.
    """
    header = header_of(record)
    return header, record[_HEAD.size + 4 * header.flag :]


def header_of(record: bytes) -> RecordHeader:
    """Return the head of a record."""
    if len(record) < _HEAD.size:
        raise DataError(
            f"a sample's head has {_HEAD.size} bytes, and the record has {len(record)}: it is no "
            "sample, but something else"
        )
    flag, label, number, second = _HEAD.unpack_from(record)
    if not flag:
        return RecordHeader(0, label, number, second)
    if 4 * flag > len(record) - _HEAD.size:
        raise DataError(
            f"its label should have {flag:,} numbers, and {len(record) - _HEAD.size:,} bytes are "
            "left: it is damaged, or no sample"
        )
    labels = numpy.frombuffer(record, "<f4", flag, _HEAD.size)
    return RecordHeader(flag, labels, number, second)
