"""What a file holds, without loading it; and whether it is still what was written."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gluonkit._base import tables
from gluonkit._base.tables import Column, Shown
from gluonkit.checkpoint.exported import parameters_path
from gluonkit.files.contents import Contents, Entry
from gluonkit.files.reading import checked_path, read_arrays, read_header
from gluonkit.params.records import shape_text

_KINDS = {"gluonkit": "gluonkit checkpoint", "safetensors": "safetensors file", "mxnet": "MXNet's"}


@dataclass(frozen=True)
class ArrayInfo:
    """One array of a file: its name, shape, data type, and length in bytes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclass(frozen=True, repr=False)
class CheckpointInfo(Shown):
    """What is in a file of arrays.

    Attributes
    ----------
    path : str
        The file.
    kind : str
        'gluonkit', 'safetensors', or 'mxnet'.
    bytes : int
        Its length.
    names : str
        How parameters are named: 'structure' (``0.weight``), 'prefix' (``dense0_weight``), 'export'
        (``arg:dense0_weight``), or 'none' for a list without names.
    parameters : tuple of ArrayInfo
        The network's arrays, shared ones once.
    others : tuple of ArrayInfo
        The arrays of optimizer and training.
    model : str or None
        The call by which `create_model` built the network, if it did.
    network : str or None
        The name of the network's class, as information only; it is never imported.
    step : int or None
        Number of updates so far.
    metadata : mapping or None
        The user's metadata.
    optimizer : str or None
        The optimizer's class.
    tied : mapping of str to str or None
        For each further path of a shared parameter, the path that has the array.
    versions : mapping of str to str or None
        Versions of gluonkit, MXNet, NumPy and Python that wrote the file.
    checksums : bool
        Whether the file has checksums.
    """

    path: str
    kind: str
    bytes: int
    names: str
    parameters: tuple[ArrayInfo, ...]
    others: tuple[ArrayInfo, ...] = ()
    model: str | None = None
    network: str | None = None
    step: int | None = None
    metadata: Mapping[str, Any] | None = None
    optimizer: str | None = None
    tied: Mapping[str, str] | None = None
    versions: Mapping[str, str] | None = None
    checksums: bool = False

    @property
    def total_params(self) -> int:
        """Number of elements of all parameters."""
        return sum(math.prod(parameter.shape) for parameter in self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, ready for JSON."""
        arrays = {
            kind: [vars(array) | {"shape": list(array.shape)} for array in getattr(self, kind)]
            for kind in ("parameters", "others")
        }
        return {**vars(self), **arrays, "total_params": self.total_params}

    def __str__(self) -> str:
        lines = [f"{self.path} · {_KINDS[self.kind]} · {tables.memory(self.bytes)}"]
        lines += [tables.text_table(self.parameters, _COLUMNS)] if self.parameters else []
        memory = tables.memory(sum(parameter.bytes for parameter in self.parameters))
        lines += [
            "",
            f"Parameters  {self.total_params:,} in {len(self.parameters)} arrays · {memory}",
        ]
        return "\n".join(lines + [f"{name:<11} {text}" for name, text in self._facts() if text])

    def _facts(self) -> list[tuple[str, str]]:
        others = tables.memory(sum(other.bytes for other in self.others))
        return [
            ("Network", self.model or self.network or ""),
            ("Shared", ", ".join(f"{a} = {b}" for a, b in (self.tied or {}).items())),
            ("Step", "" if self.step is None else f"{self.step:,}"),
            ("Optimizer", self.optimizer or ""),
            ("Others", f"{len(self.others)} arrays · {others}" if self.others else ""),
            ("Metadata", ", ".join(f"{k}={v!r}" for k, v in (self.metadata or {}).items())),
            ("Written by", ", ".join(f"{k} {v}" for k, v in (self.versions or {}).items())),
            ("Names", self.names),
            ("Checksums", "SHA-256" if self.checksums else "none, so that damage may go unnoticed"),
        ]


_COLUMNS = (
    Column("array", lambda array: array.name),
    Column("shape", lambda array: shape_text(array.shape)),
    Column("dtype", lambda array: array.dtype),
    Column("memory", lambda array: tables.memory(array.bytes), "right"),
)


def inspect(path: str | os.PathLike[str]) -> CheckpointInfo:
    """Return what is in a file of arrays, without reading the arrays.

    Parameters
    ----------
    path : str or os.PathLike
        A file that `load` reads; for an exported ``-symbol.json``, its parameters are looked at.

    Returns
    -------
    CheckpointInfo
        Names, shapes and data types of the arrays, and what the file says of itself.

    Raises
    ------
    CheckpointError
        When the file is missing, is damaged, or has another format.
    """
    return _info(read_header(parameters_path(checked_path("path", path))))


def verify(path: str | os.PathLike[str]) -> CheckpointInfo:
    """Read a whole file, verify its checksums, and return what is in it.

    Files that gluonkit did not write have no checksums; only their structure is checked, and
    ``.checksums`` is False.

    Parameters
    ----------
    path : str or os.PathLike
        A file that `load` reads; for an exported ``-symbol.json``, its parameters are looked at.

    Returns
    -------
    CheckpointInfo
        As `inspect` gives it.

    Raises
    ------
    CheckpointError
        When the file is missing, or damaged anywhere.
    """
    return _info(read_arrays(parameters_path(checked_path("path", path))))


def _info(contents: Contents) -> CheckpointInfo:
    record, own = contents.record, contents.kind == "gluonkit"
    entries, parameters = contents.entries, set(contents.parameters)
    training = record.get("training") or {}
    return CheckpointInfo(
        path=str(contents.path),
        kind=contents.kind,
        bytes=contents.size,
        names=naming(contents),
        parameters=tuple(_array(entry) for name, entry in entries.items() if name in parameters),
        others=tuple(_array(entry) for name, entry in entries.items() if name not in parameters),
        model=record.get("model"),
        network=record.get("class"),
        step=record.get("step"),
        metadata=record.get("metadata") if own else dict(contents.metadata) or None,
        optimizer=(record.get("optimizer") or training.get("optimizer") or {}).get("class"),
        tied=dict(contents.tied) or None,
        versions=record.get("versions"),
        checksums=own,
    )


def naming(contents: Contents) -> str:
    """Return how a file names its parameters."""
    if not contents.named:
        return "none"
    if said := contents.record.get("naming"):  # by `convert`
        return str(said)
    names = list(contents.entries)
    if names and all(name.startswith(("arg:", "aux:")) for name in names):
        return "export"
    structural = contents.kind == "gluonkit" or any("." in name for name in names)
    return "structure" if structural or not names else "prefix"


def _array(entry: Entry) -> ArrayInfo:
    return ArrayInfo(entry.name, entry.shape, str(entry.dtype), entry.nbytes)
