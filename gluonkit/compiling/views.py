"""Noticing views of a parameter's array: whoever keeps one can write without fetching the array.

MXNet makes each view by one of few calls of its C interface, and frees each by another. Those calls
go through here, in a process that has compiled a plan with copies of weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from mxnet.base import _LIB

from gluonkit.system.patches import VIEW_MAKERS, for_good

Listener = Callable[[], object]
"""Is called when a view is freed, through which an array may have been written."""

_listeners: dict[int, set[Listener]] = {}  # of each array that is followed
_array_of: dict[int, int] = {}  # the array that a view is of, both by their handles
# One for all answers without views, as each call of a compiled network asks.
_NO_ARRAYS: set[int] = set()


def follow(array: Any, listener: Listener) -> int:
    """Count the views of an array from now on, and return the array's handle."""
    _listen()
    # By its native handle, which all calls of the C interface get.
    handle: int = array.handle.value
    _listeners.setdefault(handle, set()).add(listener)
    return handle


def viewed() -> set[int]:
    """Return the handles of the arrays that have views."""
    return set(_array_of.values()) if _array_of else _NO_ARRAYS


def leave(listener: Listener) -> None:
    """Remove a listener."""
    for listeners in list(_listeners.values()):
        listeners.discard(listener)


@cache
def _listen() -> None:
    """Replace MXNet's functions, once for the process."""
    for name in VIEW_MAKERS:
        for_good(_LIB, name, _maker(getattr(_LIB, name)))
    for_good(_LIB, "MXNDArrayFree", _freer(_LIB.MXNDArrayFree))


def _maker(original: Callable[..., int]) -> Callable[..., int]:
    """Return a function that makes a view and counts it for its array; views of views too.

    Exports by DLPack are counted for ever, as their end is not reported.
    """

    def make(source: Any, *others: Any) -> int:
        failed = original(source, *others)
        array = source.value
        # A view of a view is one of the array itself.
        array = array if array in _listeners else _array_of.get(array)
        if array is not None and not failed:
            # The last argument of each of these calls points to the handle of the new view.
            _array_of[others[-1]._obj.value] = array
        return failed

    return make


def _freer(original: Callable[..., int]) -> Callable[..., int]:
    """Return a function that frees an array, and notifies listeners if it was a view."""

    def free(handle: Any) -> int:
        address = handle.value
        # 0 is no array's handle.
        array = _array_of.pop(address, 0)
        for listener in list(_listeners.get(array, ())):
            listener()
        if address in _listeners:
            # The address may soon be that of another array.
            _forget(address)
        return original(handle)

    return free


def _forget(array: int) -> None:
    """Forget an array, as its handle may be reused."""
    _listeners.pop(array, None)
    for view in [view for view, of in list(_array_of.items()) if of == array]:
        _array_of.pop(view, None)
