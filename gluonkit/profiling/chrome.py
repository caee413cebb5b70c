"""The operators of a pass within their layers, as a trace for Perfetto or chrome://tracing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gluonkit._base import atomic
from gluonkit._base.checks import checked_path
from gluonkit.errors import ArgumentError


class Slice(NamedTuple):
    """One operator of a pass.

    Attributes
    ----------
    path : str or None
        Path of its layer; None outside of all layers.
    phase : str
        'forward' or 'backward'.
    name : str
        MXNet's name of the operator.
    began, seconds : float
        When it began after the pass did, and how long it took, in seconds.
    """

    path: str | None
    phase: str
    name: str
    began: float
    seconds: float


OUTSIDE = "(outside of layers)"


def write_trace(name: str, slices: Sequence[Slice], path: str | os.PathLike[str]) -> Path:
    """Write a trace, atomically."""
    target = checked_path("path", path)
    if target.suffix != ".json":
        raise ArgumentError(f"`path` is {str(path)!r}; give a name that ends in .json")
    record = {"displayTimeUnit": "ms", "traceEvents": list(_events(name, slices))}
    atomic.write_atomically(target, f"{json.dumps(record)}\n".encode())
    return target


def _events(name: str, slices: Sequence[Slice]) -> Iterator[dict[str, Any]]:
    for kind, title in (("process_name", name), ("thread_name", "layers")):
        yield {"ph": "M", "pid": 1, "tid": 1, "name": kind, "args": {"name": title}}
    for index, part in enumerate(slices):
        yield _event(part.name, part.phase, part.began, part.began + part.seconds, part.path)
        yield from _begun(slices, index)


def _begun(slices: Sequence[Slice], index: int) -> Iterator[dict[str, Any]]:
    """Yield the layers that begin with an operator, as long as operators of theirs follow."""
    own = _names(slices[index])
    before = _names(slices[index - 1]) if index else ()
    for depth in range(len(own)):
        layer = own[: depth + 1]
        if before[: depth + 1] == layer:
            continue
        last = index
        while last + 1 < len(slices) and _names(slices[last + 1])[: depth + 1] == layer:
            last += 1
        ended = slices[last].began + slices[last].seconds
        yield _event(own[depth], slices[index].phase, slices[index].began, ended, ".".join(layer))


def _names(part: Slice) -> tuple[str, ...]:
    """Return the names of an operator's layers, from the network down."""
    if part.path is None:
        return (OUTSIDE,)
    return (f"(network, {part.phase})", *filter(None, part.path.split(".")))


def _event(name: str, phase: str, began: float, ended: float, path: str | None) -> dict[str, Any]:
    times = {"ts": round(began * 1e6, 3), "dur": round((ended - began) * 1e6, 3)}
    where = {"layer": OUTSIDE if path is None else path}
    return {"ph": "X", "pid": 1, "tid": 1, "name": name, "cat": phase, **times, "args": where}
