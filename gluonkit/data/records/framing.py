"""How records lie in a file: dmlc-core's RecordIO, whose numbers are little-endian.

A record is one part, or several where its contents have the magic number at a multiple of 4 bytes:
there they are cut, and the magic number is left out. A part is the magic number, a word with its
kind (3 bits) and its length (29 bits), its bytes, and zeros up to a multiple of 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import TypeAlias

from gluonkit._base.tables import Shown
from gluonkit.errors import ArgumentError

Memory: TypeAlias = "bytes | mmap"

MAGIC = b"\x0a\x23\xd7\xce"
LONGEST = (1 << 29) - 1
"""Bytes in a record, at the most."""

_HEAD = struct.Struct("<4sI")
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_KINDS = ("a whole record", "a first part", "a middle part", "a last part")


@dataclass(frozen=True)
class Fault(Shown):
    """What is wrong with a record.

    Attributes
    ----------
    number : int or None
        Which record it is, from 0 in the file or, where there is one, in the index; None for what
        belongs to no record.
    offset : int or None
        The byte of the file where the fault lies, None where it lies in none.
    what : str
        What is wrong.
    """

    number: int | None
    offset: int | None
    what: str

    def __str__(self) -> str:
        record = "" if self.number is None else f"record {self.number}"
        place = "" if self.offset is None else f"byte {self.offset:,}"
        return f"{' at '.join(filter(None, (record, place))) or 'index'}: {self.what}"


class DamageError(Exception):
    """A record that cannot be read: at which byte, and why."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(what)
        self.offset = offset
        self.what = what


def parts(memory: Memory, start: int) -> tuple[list[tuple[int, int]], int]:
    """Return where the parts of a record begin and end, and where the next record begins.

    Raises
    ------
    DamageError
        Where no whole record lies.
    """
    extents: list[tuple[int, int]] = []
    size, place = len(memory), start
    while True:
        begin = place + _HEAD.size
        if begin > size:
            raise DamageError(
                place,
                f"a record's head has 8 bytes, and the file ends after {size - place}: it is "
                "cut off",
            )
        magic, word = _HEAD.unpack_from(memory, place)
        if magic != MAGIC:
            raise DamageError(
                place, f"it begins with {magic.hex(' ')} where records have {MAGIC.hex(' ')}"
            )
        kind, length = word >> 29, word & LONGEST
        following = begin + (length + 3 & ~3)
        if following > size:
            raise DamageError(
                place,
                f"its length is {length:,} bytes, and the file has {size - begin:,} more: it is "
                "cut off, or the length is damaged",
            )
        if kind not in ((_MIDDLE, _LAST) if extents else (_WHOLE, _FIRST)):
            name = _KINDS[kind] if kind < len(_KINDS) else f"a part of kind {kind}"
            where = "inside a record" if extents else "where a record should begin"
            raise DamageError(place, f"{name} lies {where}")
        extents.append((begin, begin + length))
        if kind in (_WHOLE, _LAST):
            return extents, following
        place = following


def contents(memory: Memory, start: int) -> bytes:
    """Return the bytes of the record that begins at a byte of the file."""
    extents, _ = parts(memory, start)
    return MAGIC.join([memory[begin:end] for begin, end in extents])


def scan(memory: Memory) -> Iterator[int | DamageError]:
    """Yield where each record begins; after a fault, go on at the next record that is whole."""
    place: int | None = 0
    while place is not None and place < len(memory):
        try:
            following = parts(memory, place)[1]
            yield place
            place = following
        except DamageError as damage:
            yield damage
            place = _next_whole(memory, place + 4)


def _next_whole(memory: Memory, place: int) -> int | None:
    """Return the first multiple of 4 from `place` on where a whole record lies."""
    place = memory.find(MAGIC, place)
    while place >= 0:
        if place % 4 == 0:
            try:
                parts(memory, place)
                return place
            except DamageError:
                pass
        place = memory.find(MAGIC, place + 1)
    return None


def framed(content: bytes) -> Sequence[bytes]:
    """Return a record as it stands in a file, piece by piece.

    Raises
    ------
    ArgumentError
        When it is longer than the format allows.
    """
    if len(content) > LONGEST:
        raise ArgumentError(
            f"`content` has {len(content):,} bytes; a record has {LONGEST:,} at the most"
        )
    cuts = _magic_inside(content)
    if not cuts:
        return (_HEAD.pack(MAGIC, len(content)), content, bytes(-len(content) % 4))
    pieces, begin = [], 0
    for number, end in enumerate((*cuts, len(content))):
        kind = _LAST if number == len(cuts) else _MIDDLE if number else _FIRST
        pieces += [_HEAD.pack(MAGIC, kind << 29 | end - begin), content[begin:end]]
        begin = end + len(MAGIC)
    return (*pieces, bytes(-len(content) % 4))


def _magic_inside(content: bytes) -> list[int]:
    """Return the multiples of 4 at which the magic number stands."""
    cuts, place = [], content.find(MAGIC)
    while place >= 0:
        if place % 4 == 0:
            cuts.append(place)
        place = content.find(MAGIC, place + 1)
    return cuts
