"""The safetensors format, with gluonkit's record and checksums among its metadata.

A file is the header's length (8 bytes), the header (JSON: data type, shape and place of every
array) and the arrays. Other tools read it as any safetensors file. The record holds the SHA-256 of
each array; the SHA-256 of the header, with zeros where it stands itself, is in the header too, so
that no byte of the file can change unnoticed.

The safetensors package reads such files as well, but through a memory map, which kills the process
when somebody else shortens the file; and to write one it wants copies of all arrays at once. So
this is written here, and held against that package by the tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import IO, Any

import numpy

from gluonkit.files.contents import Contents, Entry, Tensor
from gluonkit.files.source import Source, refusal
from gluonkit.files.threads import in_threads, sha256, write_at

FORMAT = "gluonkit 1"
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}
"""Names of the data types that MXNet has, with NumPy's."""
_NAMES = {numpy.dtype(dtype): name for name, dtype in DTYPES.items()}
_METADATA = "__metadata__"
_LONGEST = 100_000_000  # bytes of a header, as in the package safetensors
_ZEROS = "0" * 64
_MARKS = ("format", "gluonkit", "sha256")


def write_safetensors(
    file: IO[bytes], tensors: Mapping[str, Tensor], record: Mapping[str, Any]
) -> None:
    """Write arrays and a record; arrays are fetched one by one, and their checksums computed.

    The header has the arrays in the given order; the data are sorted by item size, which aligns
    them.
    """
    # Large items first: each array's length is a multiple of its item, so the next one is aligned.
    names = sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize)
    zeros = dict.fromkeys(names, _ZEROS)
    at, places = 0, {}
    for name in names:
        places[name] = at
        at += tensors[name].nbytes
    # Checksums are known after the arrays are written, but all have 64 digits: so has this.
    length = len(_header(places, tensors, record, zeros))
    sums = in_threads(
        lambda name: write_at(file.fileno(), 8 + length + places[name], tensors[name].bytes()),
        {name: tensors[name].nbytes for name in names},
    )
    header = _header(places, tensors, record, sums)
    assert len(header) == length
    # The first, which is the header's own, as the metadata come first in it.
    header = header.replace(_mark(_ZEROS), _mark(sha256(header)), 1)
    write_at(file.fileno(), 0, length.to_bytes(8, "little") + header)


def _header(
    places: Mapping[str, int],
    tensors: Mapping[str, Tensor],
    record: Mapping[str, Any],
    sums: Mapping[str, str],
) -> bytes:
    """Return the header, with zeros for its own checksum, padded to align the arrays."""
    text = json.dumps({**record, "sha256": dict(sums)}, separators=(",", ":"))
    metadata = {"format": FORMAT, "sha256": _ZEROS, "gluonkit": text}
    parts: dict[str, Any] = {_METADATA: metadata}
    for name, tensor in tensors.items():
        offsets = [places[name], places[name] + tensor.nbytes]
        place = {"shape": list(tensor.shape), "data_offsets": offsets}
        parts[name] = {"dtype": _NAMES[tensor.dtype], **place}
    header = json.dumps(parts, separators=(",", ":")).encode()
    # 64 bytes are a cache line and the widest vector; JSON allows spaces at its end.
    return header + b" " * (-(len(header) + 8) % 64)


def _mark(digest: str) -> bytes:
    return f'"sha256":"{digest}"'.encode()


def is_safetensors(source: Source) -> bool:
    """Return whether a file begins like a safetensors file."""
    if source.size < 10:
        return False
    begin = bytes(source.read(0, 9, "the begin"))
    return begin[8:] == b"{" and int.from_bytes(begin[:8], "little") <= source.size - 8


def parse_safetensors(source: Source) -> Contents:
    """Return a file's contents; its structure is checked, the arrays' checksums are not.

    Raises
    ------
    CheckpointError
        When the header is damaged.
    """
    length = int.from_bytes(source.read(0, 8, "the header's length"), "little")
    if _LONGEST < length <= source.size:
        raise source.refused(f"its header has {length:,} bytes; the format allows {_LONGEST:,}")
    header = bytes(source.read(8, length, "the header"))
    parts = _json(source, header, "its header")
    metadata = parts.pop(_METADATA, {})
    if not (isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())):
        raise source.refused("its metadata are not texts by name")
    entries = {name: _entry(source, name, part, 8 + length) for name, part in parts.items()}
    _check_places(source, entries, 8 + length)
    record: dict[str, Any] = {}
    if "gluonkit" in metadata or metadata.get("format") == FORMAT:  # an entry may be damaged
        record = _checked_record(source, header, metadata, entries)
    return Contents(
        source.path,
        "gluonkit" if record else "safetensors",
        source.size,
        entries,
        named=bool(record.get("named", True)),
        record=record,
        metadata={} if record else metadata,
    )


def _json(source: Source, text: bytes | str, what: str) -> dict[str, Any]:
    try:
        # JSON has a name twice without an error, and Python would keep the last, others the first.
        header = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise source.refused(f"{what} is not JSON as it should be: {error}") from None
    if not isinstance(header, dict):
        raise source.refused(f"{what} is JSON, but not an object")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{max(names, key=names.count)!r:.80} stands in it twice")
    return unique


def _entry(source: Source, name: str, part: Any, base: int) -> Entry:
    where = f"the array {name!r:.80}"
    if not isinstance(part, dict) or set(part) != {"dtype", "shape", "data_offsets"}:
        raise source.refused(f"{where} lacks dtype, shape or data_offsets, or has more than these")
    dtype, shape, offsets = part["dtype"], part["shape"], part["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise source.refused(
            f"{where} has the dtype {dtype!r:.40}; MXNet has {', '.join(DTYPES)} only"
        )
    if not (_sizes(shape) and _sizes(offsets) and len(offsets) == 2):
        raise source.refused(
            f"{where} has the shape {shape!r:.80} and the data_offsets {offsets!r:.80}, which "
            "should be lists of whole numbers"
        )
    entry = Entry(name, numpy.dtype(DTYPES[dtype]), tuple(shape), base + offsets[0])
    if entry.nbytes != offsets[1] - offsets[0]:
        raise source.refused(
            f"{where}, {dtype} of shape {shape!r:.80}, takes {entry.nbytes:,} bytes, but has "
            f"{offsets[1] - offsets[0]:,}"
        )
    return entry


def _sizes(value: Any) -> bool:
    # By `type`, as JSON's true is an instance of int in Python.
    return isinstance(value, list) and all(type(number) is int and number >= 0 for number in value)


def _check_places(source: Source, entries: Mapping[str, Entry], begin: int) -> None:
    """Refuse arrays that overlap, leave gaps, or do not end where the file ends."""
    at = begin
    # By length, too: an array without bytes begins where the next one does, and comes before it.
    for entry in sorted(entries.values(), key=lambda entry: (entry.offset, entry.nbytes)):
        if entry.offset != at:
            raise source.refused(
                f"the array {entry.name!r:.80} begins at byte {entry.offset:,}, where "
                f"{at:,} is expected: arrays overlap, or leave a gap"
            )
        at += entry.nbytes
    if at != source.size:
        raise source.refused(
            f"its arrays end at byte {at:,}, but it has {source.size:,} bytes: it is cut off, or "
            "something was added"
        )


def _checked_record(
    source: Source, header: bytes, metadata: Mapping[str, str], entries: Mapping[str, Entry]
) -> dict[str, Any]:
    """Return gluonkit's record, once the header's checksum is right."""
    digest = metadata.get("sha256", "")
    # The digest's form matters, too, as it is looked for in the header below.
    if set(metadata) != set(_MARKS) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise source.refused("gluonkit's metadata are not complete: it is damaged")
    if metadata["format"] != FORMAT:
        raise source.refused(
            f"its format is {metadata['format']!r:.40}, this gluonkit reads {FORMAT!r}: it is "
            "damaged, or was written by another gluonkit"
        )
    if sha256(header.replace(_mark(digest), _mark(_ZEROS), 1)) != digest:
        raise source.refused("its header is damaged: the SHA-256 is another than it says")
    record = _json(source, metadata["gluonkit"], "gluonkit's record")
    sums = record.get("sha256")
    if not isinstance(sums, dict) or set(sums) != set(entries):
        raise source.refused("its checksums are not those of its arrays")
    return record


def check_sums(contents: Contents, sums: Mapping[str, str]) -> None:
    """Compare the SHA-256 of every array that was read with that in the file.

    Raises
    ------
    CheckpointError
        When arrays are damaged; the message has their names.
    """
    said = contents.record["sha256"]
    wrong = [name for name in contents.entries if said[name] != sums[name]]
    if wrong:
        raise refusal(
            contents.path,
            f"it is damaged: the SHA-256 of {', '.join(wrong[:5])} is another than it says",
        )
