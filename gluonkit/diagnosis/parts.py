"""What a diagnosis has several of: arrays, inputs and outputs, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gluonkit._base.tables import Shown

PortShape: TypeAlias = "tuple[int | str | None, ...] | None"


@dataclass(frozen=True)
class ArrayInfo(Shown):
    """One array of a file.

    Attributes
    ----------
    name : str
        Its name; the index in a list without names.
    shape : tuple of int
        Its shape.
    dtype : str
        Its data type.
    bytes : int
        Its length in bytes.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclass(frozen=True)
class Port(Shown):
    """An input or an output of a network.

    Attributes
    ----------
    name : str
        Its name in the graph; '' where a network has names for neither.
    shape : tuple of (int, str or None), or None
        Its shape, as far as the files fix it: 'batch' is the number of samples, None a length that
        is not known. None where not even the number of axes is known.
    dtype : str
        Its data type.
    sides : tuple of int, or None
        The least and the greatest height and width that fit, where dense layers fix them;
        ``shape`` has one of these.
    """

    name: str
    shape: PortShape
    dtype: str = "float32"
    sides: tuple[int, int] | None = None

    def __str__(self) -> str:
        sides = ""
        if self.sides is not None and self.sides[0] < self.sides[1]:
            sides = f", or sides of {self.sides[0]} to {self.sides[1]}"
        return f"{self.name} {self.dtype} {_shape(self.shape)}{sides}".strip()


@dataclass(frozen=True)
class Use(Shown):
    """Something that can be done with a file, or cannot.

    Attributes
    ----------
    python : str
        A program that does it; ``x`` is the input, ``y`` the label, ``net`` the network where the
        file has none. '' where it cannot be done.
    command : str
        A command that does it; '' where there is none.
    hindrance : str
        What stands in the way, and what to do; '' where nothing does.
    """

    python: str = ""
    command: str = ""
    hindrance: str = ""


def _shape(shape: PortShape) -> str:
    """Return a shape with ? for what is not known."""
    if shape is None:
        return "of unknown shape"
    lengths = ["?" if length is None else str(length) for length in shape]
    return f"({', '.join(lengths)}{',' * (len(lengths) == 1)})"
