"""What a file of arrays holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from gluonkit._base.kinds import Array
from gluonkit.errors import ArgumentError, CheckpointError

FLOATS = ("float16", "float32", "float64")
EXTRA = "/"
"""Stands in the names of arrays that are no parameters: ``optimizer/0.weight/0``."""
_KINDS = ("optimizer", "training")  # such arrays exist only if the record lists them


@dataclass(frozen=True)
class Entry:
    """One array of a file.

    Attributes
    ----------
    name : str
        Its name in the file; its index in MXNet's lists without names.
    dtype : numpy.dtype
        The data type of its numbers.
    shape : tuple of int
        Its length along each axis.
    offset : int
        Offset of its data in the file, in bytes.
    """

    name: str
    dtype: numpy.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    @property
    def nbytes(self) -> int:
        """Length of its numbers in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Contents:
    """A file's arrays by name, and its metadata.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        'gluonkit', 'safetensors', or 'mxnet'.
    size : int
        Size of the file in bytes.
    entries : mapping of str to Entry
        Its arrays, by name, in the file's order.
    named : bool
        False for MXNet's lists, whose arrays have indices only.
    record : mapping
        gluonkit's own record; empty for other files.
    metadata : mapping of str to str
        The metadata of a safetensors file that gluonkit did not write.
    mxnet : str
        Which versions of MXNet write arrays as one of MXNet's files has them.
    arrays : mapping of str to numpy.ndarray or None
        The arrays themselves, if the file was read completely.
    """

    path: Path
    kind: str
    size: int
    entries: Mapping[str, Entry]
    named: bool = True
    record: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    mxnet: str = ""
    arrays: Mapping[str, Array] | None = field(default=None, repr=False)

    @property
    def parameters(self) -> list[str]:
        """The names of the arrays that are parameters, without those of optimizer and training."""
        said = [kind + EXTRA for kind in _KINDS if self.record.get(kind) is not None]
        # `startswith` of an empty tuple is never true.
        return [name for name in self.entries if not name.startswith(tuple(said))]

    @property
    def tied(self) -> Mapping[str, str]:
        """Further names of shared parameters, with the name of the array."""
        tied = self.record.get("tied") or {}
        return {name: first for name, first in tied.items() if first in self.entries}

    def array(self, name: str) -> Array:
        """Return an array of a file that was read completely."""
        assert self.arrays is not None
        return self.arrays[name]


def cast(contents: Contents, dtype: str) -> Contents:
    """Return the contents of a file that was read whole, its parameters in another data type.

    Whole numbers stay as they are, and so do the states of an optimizer.

    Raises
    ------
    ArgumentError
        For a data type that is not a float of MXNet's.
    CheckpointError
        For numbers that the data type does not have.
    """
    if dtype not in FLOATS:
        raise ArgumentError(f"`dtype` is {dtype!r}; give one of {', '.join(FLOATS)}")
    entries, arrays = dict(contents.entries), dict(contents.arrays or {})
    for name in contents.parameters:
        array = arrays[name]
        if array.dtype.kind != "f":
            continue
        # Without NumPy's warning, as what has become infinite is refused below.
        with numpy.errstate(over="ignore"):
            arrays[name] = array.astype(dtype)
        if not (numpy.isfinite(arrays[name]) == numpy.isfinite(array)).all():
            raise CheckpointError(
                f"{contents.path} cannot be used with `dtype` {dtype!r}: the array {name!r:.80} "
                f"has numbers as large as {abs(array).max():.3g}, which {dtype} does not have"
            )
        entries[name] = replace(entries[name], dtype=numpy.dtype(dtype))
    return replace(contents, entries=entries, arrays=arrays)


@dataclass(frozen=True)
class Tensor:
    """An array to be written, fetched only when it is needed."""

    dtype: numpy.dtype[Any]
    shape: tuple[int, ...]
    fetch: Callable[[], Array]

    @classmethod
    def of(cls, array: Any, numbers: Callable[[Any], Array] = numpy.asarray) -> Tensor:
        """Return a tensor for an array; `numbers` makes a NumPy array of one that is none."""
        return cls(numpy.dtype(array.dtype), tuple(array.shape), partial(numbers, array))

    @property
    def nbytes(self) -> int:
        """Length of its numbers in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def bytes(self) -> memoryview:
        """Return its data as bytes, in C order and little endian."""
        array = self.fetch()
        assert (array.dtype, array.shape) == (self.dtype, self.shape), (array.dtype, array.shape)
        # Files are little endian whatever the processor is.
        plain = numpy.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        return plain.reshape(-1).view("uint8").data
