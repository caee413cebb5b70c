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
