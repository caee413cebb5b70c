"""Opening a file of arrays, whichever format it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy

from gluonkit._base.kinds import Array
from gluonkit.errors import CheckpointError
from gluonkit.files.contents import Contents, Entry
from gluonkit.files.mxnet import is_mxnet, parse_mxnet
from gluonkit.files.safetensors import check_sums, is_safetensors, parse_safetensors
from gluonkit.files.source import Source, opened
from gluonkit.files.threads import in_threads

_BEGINS = {
    b"PK\x03\x04": "a ZIP archive, such as NumPy's .npz or PyTorch's .pt; it is not unpacked",
    b"\x93NUMPY": "a NumPy .npy file; it holds one array without a name",
    b"\x80\x02": "a Python pickle; these are never loaded, for they run code",
    b"\x80\x03": "a Python pickle; these are never loaded, for they run code",
    b"\x80\x04": "a Python pickle; these are never loaded, for they run code",
    b"\x89HDF": "an HDF5 file",
    b"{": "JSON; let the graph of an exported network end in .json",
    b"\x1f\x8b": "compressed by gzip; unpack it, or give `load` a .tar.gz with one network",
    b"<": "HTML, perhaps a download that failed",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
}


_ARRAYS = (".params", ".safetensors")


def read_header(path: Path) -> Contents:
    """Return a file's contents without its arrays, after checking its structure.

    Raises
    ------
    CheckpointError
        When it is missing, cannot be read, is damaged, or is something else.
    """
    with opened(path) as source:
        return _parsed(source)


def read_arrays(path: Path) -> Contents:
    """Return a file's contents with its arrays, after checking all that can be checked.

    Needs as much memory as the file has bytes.

    Raises
    ------
    CheckpointError
        When it is missing, cannot be read, is damaged, or is something else.
    """
    with opened(path) as source:
        contents = _parsed(source)
        entries = contents.entries
        arrays = {name: _empty(source, entry) for name, entry in entries.items()}

        def fetch(name: str) -> str:
            memory = arrays[name].reshape(-1).view("uint8").data
            return source.fill(memory, entries[name].offset, f"the array {name}")

        sums = in_threads(fetch, {name: entry.nbytes for name, entry in entries.items()})
    if contents.kind == "gluonkit":
        check_sums(contents, sums)
    return replace(contents, arrays=arrays)


def _empty(source: Source, entry: Entry) -> Array:
    try:
        return numpy.empty(entry.shape, entry.dtype)
    except ValueError as error:  # (0, 2**62, 2**62) has no bytes, but is too much for NumPy
        raise source.refused(
            f"the array {entry.name!r:.80} has the shape {entry.shape}: {error}"
        ) from None


def is_arrays(source: Source) -> bool:
    """Return whether a file is one of MXNet's or safetensors, sound or damaged."""
    return is_mxnet(source) or is_safetensors(source) or source.path.suffix in _ARRAYS


def _parsed(source: Source) -> Contents:
    if not source.size:
        raise source.refused("it is empty")
    if is_mxnet(source):
        return parse_mxnet(source)
    # By its name as well, so that one with a damaged begin is called damaged.
    if is_safetensors(source) or source.path.suffix == ".safetensors":
        return parse_safetensors(source)
    raise _unknown(source)


def _unknown(source: Source) -> CheckpointError:
    begin = bytes(source.read(0, min(32, source.size), "the begin"))
    what = what_begins(begin) or f"neither safetensors nor MXNet's; it begins with {begin[:8]!r}"
    return source.refused(f"it is {what}")


def what_begins(begin: bytes) -> str:
    """Return what a file is that begins so, if it is a known kind that is not read; else ''."""
    return next((what for mark, what in _BEGINS.items() if begin.startswith(mark)), "")
