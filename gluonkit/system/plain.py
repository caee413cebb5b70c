"""Operator arguments in plain digits, for NumPy 2.

MXNet hands an operator's arguments to its engine as text, made by `str`. Of a NumPy integer inside
a tuple NumPy 2 prints ``np.int64(4)``, which the engine cannot read, so that ``nd.zeros((n, n))``
fails for an `n` that came from a NumPy array. `install` gives MXNet's modules a `str` of their
own that unwraps NumPy's scalars first.
"""

from __future__ import annotations

import importlib
from typing import Any

from gluonkit.system.patches import for_good

_MODULES = ("mxnet._ctypes.ndarray", "mxnet._ctypes.symbol", "mxnet.symbol.symbol", "mxnet.io.io")


def install(numpy: Any) -> bool:
    """Make MXNet write arguments as plain numbers; return whether this NumPy needs it."""
    if str((numpy.int64(4),)) == "(4,)":
        return False
    # NumPy 2 writes its scalars as `np.int64(4)`, which operators cannot parse. These modules write
    # arguments by `str`.
    for name in _MODULES:
        for_good(importlib.import_module(name), "str", _PlainText)
    return True


class _AnyText(type):
    """Makes ``isinstance(x, _PlainText)`` mean ``isinstance(x, str)``."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, str)


class _PlainText(str, metaclass=_AnyText):
    """Replaces `str` in MXNet's modules."""

    __slots__ = ()

    def __new__(cls, value: Any = "") -> Any:
        """Return ``str(value)``, with NumPy's scalars written as Python's."""
        return str(plain(value) if isinstance(value, (tuple, list)) else value)


def plain(value: Any) -> Any:
    """Return `value` with every NumPy scalar in its tuples and lists as a Python number."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return value.item()
    if type(value) in (tuple, list):
        return type(value)(plain(part) for part in value)
    return value
