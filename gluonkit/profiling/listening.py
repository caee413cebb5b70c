"""Where Python waits for MXNet's engine: the native calls that wait, and who made them."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter
from types import FrameType
from typing import Any

import mxnet as mx
import numpy
from mxnet.base import _LIB

from gluonkit.system.patches import WAITING, for_good

_PACKAGES = tuple(
    os.path.dirname(path) + os.sep
    for path in (mx.__file__, numpy.__file__, os.path.dirname(__file__))
)
_STANDARD = sysconfig.get_paths()["stdlib"] + os.sep
_OTHERS = tuple(
    os.path.join(_STANDARD, folder) + os.sep for folder in ("site-packages", "dist-packages")
)


@dataclass
class Tally:
    """What happened at one place of the user's code.

    Attributes
    ----------
    count : int
        Number of waits, or of copies.
    seconds : float
        Time that Python waited there.
    size : int
        Bytes that were copied between devices.
    steps : set of int
        In which steps it happened: the number of backward passes before.
    """

    count: int = 0
    seconds: float = 0.0
    size: int = 0
    steps: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Place:
    """A line of the user's code, and what it called there.

    Attributes
    ----------
    file : str
        The file's path; '' where no code of the user's was on the way.
    line : int
        The line's number, from 1.
    call : str
        What the line called: 'asscalar', 'Accuracy.update', '__float__'.
    kind : str
        'metric', 'scalar', 'array', 'text', 'wait', 'write', 'made', 'mode', 'device', 'save' or
        'other'.
    """

    file: str
    line: int
    call: str
    kind: str


class Listener:
    """Counts waits, and their time, by the line of the user's code that they come from.

    Attributes
    ----------
    tallies : dict of Place to Tally
        What was heard.
    steps : int
        Number of backward passes.
    """

    def __init__(self) -> None:
        self.tallies: dict[Place, Tally] = {}
        self.steps = 0
        self._undo: list[Callable[[], None]] = []
        self._began = self._ended = 0.0

    @property
    def seconds(self) -> float:
        """How long it listened."""
        return (self._ended or perf_counter()) - self._began

    def begin(self) -> None:
        """Listen to all threads, until `end`."""
        # By `for_good`, as `replaced` would make other threads' traces wait for the end.
        for name in WAITING:
            # Builds differ in what they export.
            if (function := getattr(_LIB, name, None)) is not None:
                self._replace(_LIB, name, self._waiting(name, function))
        self._replace(_LIB, "MXAutogradBackwardEx", self._stepping(_LIB.MXAutogradBackwardEx))
        for kind in (mx.nd.NDArray, mx.np.ndarray):
            self._replace(kind, "copyto", self._copying(kind.copyto))
        self._began = perf_counter()

    def end(self) -> None:
        """Put everything back."""
        self._ended = perf_counter()
        while self._undo:
            self._undo.pop()()

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        original = getattr(owner, name)
        for_good(owner, name, value)
        self._undo.append(lambda: for_good(owner, name, original))

    def _waiting(self, name: str, function: Any) -> Any:
        def waiting(*args: Any) -> Any:
            began = perf_counter()
            try:
                return function(*args)
            finally:
                waited = perf_counter() - began
                self._note(_place(sys._getframe(1), name), seconds=waited)

        return waiting

    def _stepping(self, function: Any) -> Any:
        def backward(*args: Any) -> Any:
            self.steps += 1
            return function(*args)

        return backward

    def _copying(self, original: Any) -> Any:
        def copyto(array: Any, other: Any) -> Any:
            target = other if isinstance(other, mx.Context) else getattr(other, "ctx", array.ctx)
            if target != array.ctx:
                file, line, inner = _user(sys._getframe(1))
                call = inner[-1].f_code.co_name if inner else "copyto"
                place = Place(file, line, f"{call}: {array.ctx} to {target}", "device")
                self._note(place, size=array.size * numpy.dtype(array.dtype).itemsize)
            return original(array, other)

        return copyto

    def _note(self, place: Place, *, seconds: float = 0.0, size: int = 0) -> None:
        tally = self.tallies.setdefault(place, Tally())
        tally.count += 1
        tally.seconds += seconds
        tally.size += size
        tally.steps.add(self.steps)


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen in a context."""
    listener = Listener()
    # MXNet's engine starts here at the latest: its first operation takes `engine`'s trip-wires
    # away, and would take what is put over them too.
    mx.nd.waitall()
    listener.begin()
    try:
        yield listener
    finally:
        listener.end()


@lru_cache(maxsize=4096)
def _is_library(file: str) -> bool:
    """Return whether a file is none of the user's: MXNet, NumPy, gluonkit, Python."""
    if file.startswith("<"):
        return not file.startswith(("<ipython", "<stdin", "<string", "<doctest"))
    if file.startswith(_PACKAGES):
        return True
    return file.startswith(_STANDARD) and not file.startswith(_OTHERS)


def _user(frame: FrameType | None) -> tuple[str, int, list[FrameType]]:
    """Return the user's file and line, and the frames that it called, the innermost first."""
    inner = []
    while frame is not None and _is_library(frame.f_code.co_filename):
        inner.append(frame)
        frame = frame.f_back
    if frame is None:
        return "", 0, inner
    return frame.f_code.co_filename, frame.f_lineno, inner


_CALLS = {
    **dict.fromkeys(
        ("asscalar", "item", "__float__", "__int__", "__bool__", "__index__"), "scalar"
    ),
    **dict.fromkeys(("asnumpy", "tolist"), "array"),
    **dict.fromkeys(("__repr__", "__str__", "__format__"), "text"),
    **dict.fromkeys(("wait_to_read", "wait_to_write", "waitall"), "wait"),
    # These read the numbers of one kind of array to make the other; `_as_numpy` is what gluonkit
    # gives MXNet's arrays for `__array__`.
    **dict.fromkeys(("array", "__array__", "_as_numpy"), "mode"),
    **dict.fromkeys(("__array_function__", "__array_ufunc__"), "mode"),
    **dict.fromkeys(("save", "save_parameters", "savez"), "save"),
}
"""The kinds of waits, by what the user's line calls."""

_METRICS = os.path.join(os.path.dirname(mx.__file__), "metric.py")


def _place(frame: FrameType, native: str) -> Place:
    """Return where a wait comes from, and of what kind it is."""
    file, line, inner = _user(frame)
    if not inner:
        return Place(file, line, native, "other")
    outer = inner[-1]
    call = _named(outer)
    if native == "MXNDArraySyncCopyFromCPU":
        return Place(file, line, call, "write" if call == "__setitem__" else "made")
    if outer.f_code.co_filename == _METRICS:
        return Place(file, line, call, "metric")
    if native.startswith("MXNDArraySave"):
        return Place(file, line, call, "save")
    return Place(file, line, call, _CALLS.get(call, "other"))


def _named(frame: FrameType) -> str:
    """Return the name of the function that a frame runs, a method's with its class."""
    name, owner = frame.f_code.co_name, frame.f_locals.get("self")
    if owner is None or isinstance(owner, mx.nd.NDArray):
        return name
    kind = type(owner).__name__
    # A loop over it calls these.
    return kind if name in ("__iter__", "__next__") else f"{kind}.{name}"
