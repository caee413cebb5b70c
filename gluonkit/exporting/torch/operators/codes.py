"""MXNet's codes for new shapes: 0 keeps an axis, -1 is what is left, others merge and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

INFER = "-1"
"""A size that follows from the others."""


@dataclass(frozen=True)
class Part:
    """Axes of the new shape, and the axes of the old one that they are made of.

    Attributes
    ----------
    sizes : tuple of str
        The new axes' sizes, as texts; empty for one that is kept or merged.
    begin, end : int
        The old axes.
    """

    sizes: tuple[str, ...]
    begin: int
    end: int


def legacy_parts(codes: Sequence[int], count: int) -> list[Part]:
    """Read codes of legacy mode for an array with some number of axes."""
    reader = _Codes(codes, count)
    while reader.left:
        code = reader.next()
        if code == 0:
            reader.keep()
        elif code == -2:
            while reader.old < count:
                reader.keep()
        elif code == -3:
            reader.keep(2)
        elif code == -4:
            reader.split()
        else:
            reader.new(code)
    return reader.done()


def numpy_parts(codes: Sequence[int], count: int) -> list[Part]:
    """Read codes of NumPy mode for an array with some number of axes."""
    reader = _Codes(codes, count)
    while reader.left:
        code = reader.next()
        if code == -2:
            reader.keep()
        elif code == -3:
            reader.old += 1
        elif code == -4:
            while reader.old < count:
                reader.keep()
        elif code == -5:
            reader.keep(2)
        elif code == -6:
            reader.split()
        else:
            reader.new(code)
    return reader.done()


class _Codes:
    """A reader of codes, which knows which old axis is next."""

    def __init__(self, codes: Sequence[int], count: int) -> None:
        self.left = list(codes)
        self.old = 0
        self._count = count
        self._parts: list[Part] = []

    def next(self) -> int:
        """Take the next code."""
        return self.left.pop(0)

    def keep(self, count: int = 1) -> None:
        """Keep the next old axis, or merge the next few."""
        self._parts.append(Part((), self.old, self.old + count))
        self.old += count

    def split(self) -> None:
        """Split the next old axis in two, with the sizes that the next two codes give."""
        self._parts.append(Part((str(self.next()), str(self.next())), self.old, self.old + 1))
        self.old += 1

    def new(self, size: int) -> None:
        """Make an axis of a size, in the place of the next old one, or of any number with -1."""
        begin = min(self.old, self._count)
        self._parts.append(Part((str(size),), begin, min(begin + 1, self._count)))
        self.old += 1

    def done(self) -> list[Part]:
        """Return the parts; a single inferred axis stands for all that are left."""
        parts, count = self._parts, self._count
        if parts and parts[-1].sizes == (INFER,) and parts[-1].end < count:
            parts[-1] = Part((INFER,), parts[-1].begin, count)
        return parts
