"""What an array is without its numbers: its shape and its data type."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy

from gluonkit._base.tables import Shown

FLOAT = "float32"


@dataclass(frozen=True)
class ArraySpec(Shown):
    """Shape and data type of an array."""

    shape: tuple[int, ...]
    dtype: str = FLOAT

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Memory that the array takes, in bytes."""
        return self.size * numpy.dtype(self.dtype).itemsize

    def __str__(self) -> str:
        return f"{self.shape}" if self.dtype == FLOAT else f"{self.shape} {self.dtype}"


def shape_text(shape: tuple[int | None, ...] | None) -> str:
    """Return a shape as text, with a question mark for unknown dimensions: ``(256, ?)``."""
    if shape is None:
        return "?"
    inner = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"
