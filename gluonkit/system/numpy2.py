"""MXNet's own functions and classes, mended where NumPy has changed under them.

NumPy 2 keeps a Python number plus a `float32` in `float32`, where NumPy 1 went on in `float64`, and
has no `ndarray.tostring`. No NumPy takes an NDArray for an array by itself.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

from gluonkit.system.patches import for_good

_SUMS = ("sum_metric", "global_sum_metric", "num_inst", "global_num_inst")


def install(numpy: Any) -> list[str]:
    """Mend what this NumPy needs; return what was mended, in words."""
    # Not imported here: a module of the program's own by that name, say, has nothing to mend.
    arrays = sys.modules.get("mxnet.ndarray.ndarray")
    array_class = getattr(arrays, "NDArray", None)
    if array_class is None or "__array__" in vars(array_class):
        return []
    for_good(array_class, "__array__", _as_numpy)
    recordio = importlib.import_module("mxnet.recordio")
    for name in ("pack", "pack_img"):
        for_good(recordio, name, _without_tostring(getattr(recordio, name)))
    if not _keeps_float32(numpy):
        return []
    metric = importlib.import_module("mxnet.metric").EvalMetric
    for name in _SUMS:
        for_good(metric, name, _Sum(name))
    return ["MXNet: metrics add in float64"]


def _keeps_float32(numpy: Any) -> bool:
    """Say whether a Python number plus a `float32` scalar is a `float32`, as since NumPy 2."""
    return bool((0.0 + numpy.float32(1)).dtype == numpy.float32)


def _as_numpy(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
    """Return the array as NumPy's, for ``numpy.array(x)``, ``numpy.sqrt(x)`` and all that ask."""
    if copy is False:
        raise ValueError(
            "an NDArray cannot become a NumPy array without a copy (`copy=False`); "
            "leave `copy` out, or use numpy.asarray"
        )
    array = self.asnumpy()
    return array if dtype is None else array.astype(dtype, copy=False)


class _Sum:
    """An attribute of a metric that adds in float64, and is kept and printed as Python's number.

    Parameters
    ----------
    name : str
        The attribute's name, under which the instance has the number, as without this class.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        try:
            value = vars(instance)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None
        return _Wide(value) if type(value) is float else value

    def __set__(self, instance: Any, value: Any) -> None:
        # NumPy's own float64 is a `float`, too, and is written `np.float64(0.5)` in a tuple.
        vars(instance)[self._name] = float(value) if _is_floating(value) else value


class _Wide(float):
    """A Python float to which a `float32` is added in float64."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        return float(self) + (float(other) if _is_floating(other) else other)

    def __sub__(self, other: Any) -> Any:
        return float(self) - (float(other) if _is_floating(other) else other)

    __radd__ = __add__


def _is_floating(value: Any) -> bool:
    """Say whether `value` is Python's float or a scalar of NumPy's with a fraction."""
    if isinstance(value, float):
        return True
    return getattr(getattr(value, "dtype", None), "kind", "") == "f" and hasattr(
        value, "is_integer"
    )


def _without_tostring(function: Any) -> Any:
    """Return MXNet's own function, calling `tobytes` where it calls `tostring`, its old name."""
    code = function.__code__
    names = tuple("tobytes" if name == "tostring" else name for name in code.co_names)
    mended = types.FunctionType(
        code.replace(co_names=names),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    mended.__doc__ = function.__doc__
    vars(mended)["mended_by"] = __name__
    return mended
