"""MXNet's own files of arrays: what `nd.save`, `npx.save`, `save_parameters` and `export` write.

A list of arrays, each with its data type, shape and device, then their names, if they have some.
All versions that MXNet 1.x wrote are read. There are no checksums: a flipped bit among the numbers
cannot be noticed.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import IO

import numpy

from gluonkit.files.contents import Contents, Entry, Tensor
from gluonkit.files.source import Source

_LIST = 0x112  # begins every file
_V1, _V2, _V3 = (
    0xF993FAC8,
    0xF993FAC9,
    0xF993FACA,
)  # begin each array; before V1, its dimensions did
_WRITERS = {_V2: "0.12 or newer", _V3: "1.5 or newer in NumPy mode"}
"""Which versions of MXNet wrote arrays so; 1.9.1 and gluonkit still write the former."""
# In the order of MXNet's numbers for them, from 0 on.
_DTYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")
_CODES = {numpy.dtype(dtype): code for code, dtype in enumerate(_DTYPES)}
_DEVICES = {1: "cpu", 2: "gpu", 3: "cpu_pinned", 5: "cpu_shared"}
_MOST_DIMENSIONS = 32
_SMALLEST_ARRAY = 4  # bytes of one without values


def write_mxnet(
    file: IO[bytes],
    tensors: Mapping[str, Tensor],
    *,
    named: bool = True,
    numpy_mode: bool = False,
) -> None:
    """Write arrays, with or without names, as `nd.save` does; arrays are fetched one by one.

    `load_parameters` reads the file in both array modes, unless it is written with `numpy_mode`, or
    an array has no axis, or an axis of length 0: then in NumPy mode only. `nd.load`, and so
    `SymbolBlock.imports`, reads it in legacy mode only, or then in NumPy mode only.
    """
    plain = not numpy_mode and all(
        tensor.shape and 0 not in tensor.shape for tensor in tensors.values()
    )
    magic = _V2 if plain else _V3  # with both kinds, MXNet could read the file in neither mode
    file.write(struct.pack("<QQQ", _LIST, 0, len(tensors)))
    for tensor in tensors.values():
        shape = struct.pack(f"<i{len(tensor.shape)}q", len(tensor.shape), *tensor.shape)
        # 0 is MXNet's storage type of dense arrays.
        file.write(struct.pack("<Ii", magic, 0) + shape)
        # 1 and 0 are cpu(0), from where MXNet copies an array to wherever it is wanted.
        file.write(struct.pack("<iii", 1, 0, _CODES[tensor.dtype]))
        file.write(tensor.bytes())
    names = [name.encode() for name in tensors] if named else []
    file.write(struct.pack("<Q", len(names)))
    for name in names:
        file.write(struct.pack("<Q", len(name)) + name)


def is_mxnet(source: Source) -> bool:
    """Return whether a file has the magic number of MXNet's files."""
    return source.size >= 24 and bytes(source.read(0, 8, "the begin")) == struct.pack("<Q", _LIST)


def parse_mxnet(source: Source) -> Contents:
    """Return a file's contents, after checking its structure.

    Raises
    ------
    CheckpointError
        When the structure is damaged, and for sparse arrays.
    """
    reader = _Reader(source)
    _, reserved, count = reader.take("QQQ", "the begin")
    if reserved:
        raise source.refused("bytes 8 to 15, which are always 0, are not")
    # Before anything of that number is made: a damaged one could be 2**60.
    if count * _SMALLEST_ARRAY > source.size:
        raise source.refused(f"it announces {count:,} arrays, more than it has room for")
    arrays = [reader.array(number) for number in range(count)]
    names = reader.names(count)
    if reader.at != source.size:
        raise source.refused(f"something was added after byte {reader.at:,}, where it should end")
    entries = {
        name: Entry(name, array.dtype, array.shape, array.offset)
        for name, array in zip(names or map(str, range(count)), arrays, strict=True)
    }
    return Contents(
        source.path,
        "mxnet",
        source.size,
        entries,
        named=bool(names) or not count,
        mxnet=_WRITERS.get(reader.magic, "0.11 or older") if count else "",
    )


class _Reader:
    """Reads a file sequentially."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.at = 0
        self.magic = 0  # the last array's

    def take(self, layout: str, what: str) -> tuple[int, ...]:
        """Read numbers, and advance."""
        length = struct.calcsize(f"<{layout}")
        numbers = struct.unpack(f"<{layout}", self.source.read(self.at, length, what))
        self.at += length
        return numbers

    def array(self, number: int) -> Entry:
        """Read the header of the next array, and skip its data."""
        what = f"array {number}"
        (magic,) = self.take("I", what)
        self.magic = magic
        if magic in (_V2, _V3):
            (storage,) = self.take("i", what)
            if storage != 0:
                kind = {1: "row-sparse", 2: "CSR"}.get(storage, f"of storage type {storage}")
                raise self.source.refused(
                    f"{what} is {kind}; only dense arrays are read, use tostype('default') in MXNet"
                )
            (dimensions,) = self.take("i", what)
            sizes = "q"
        else:
            # Before V1 the number of dimensions stood first, which is far smaller than these.
            (dimensions,) = self.take("I", what) if magic == _V1 else (magic,)
            sizes = "q" if magic == _V1 else "I"
        shape = self._shape(what, dimensions, sizes, numpy_shape=magic == _V3)
        device, number_of, code = self.take("iii", what)
        if device not in _DEVICES or not 0 <= number_of < 1024 or not 0 <= code < len(_DTYPES):
            raise self.source.refused(
                f"{what} has device {device}, {number_of} and data type {code}, of which MXNet has "
                "no such: it is damaged, or was written by another MXNet"
            )
        entry = Entry("", numpy.dtype(_DTYPES[code]), shape, self.at)
        self.skip(entry.nbytes, f"{what}, {entry.dtype} of shape {shape}")
        return entry

    def _shape(
        self, what: str, dimensions: int, sizes: str, *, numpy_shape: bool
    ) -> tuple[int, ...]:
        # In legacy mode a shape () or a length of 0 means "not known yet", so that there are no
        # values.
        least = 0 if numpy_shape else 1
        if dimensions in (0, -1) and dimensions < least:
            raise self.source.refused(f"{what} has no values; MXNet saved it before it had any")
        if not least <= dimensions <= _MOST_DIMENSIONS:
            raise self.source.refused(f"{what} has {dimensions:,} dimensions: it is damaged")
        shape = self.take(f"{dimensions}{sizes}", f"the shape of {what}")
        if min(shape, default=1) < least or math.prod(shape) > self.source.size:
            raise self.source.refused(f"{what} has the shape {shape}, for which it has no room")
        return shape

    def skip(self, length: int, what: str) -> None:
        """Skip bytes, if the file has them."""
        if self.at + length > self.source.size:
            self.source.read(self.at, length, what)  # says so
        self.at += length

    def names(self, count: int) -> list[str]:
        """Read the arrays' names, one for each array, or none at all."""
        (announced,) = self.take("Q", "the number of names")
        if announced not in (0, count):
            raise self.source.refused(f"it has {count:,} arrays, but {announced:,} names")
        names = [self._name(number) for number in range(announced)]
        if len(set(names)) != len(names):
            raise self.source.refused(
                f"the name {max(names, key=names.count)!r:.80} stands in it twice"
            )
        return names

    def _name(self, number: int) -> str:
        what = f"name {number}"
        (length,) = self.take("Q", what)
        text = self.source.read(self.at, length, what)
        self.at += length
        try:
            name = bytes(text).decode()
        except UnicodeDecodeError:
            name = ""
        # Names are shown to users, and a damaged length makes names of arbitrary bytes.
        if not name.isprintable() or not name:
            raise self.source.refused(f"{what} is no name: {bytes(text[:40])!r}")
        return name
