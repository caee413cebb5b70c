"""Parameters whose numbers a network's code reads while it is traced: a graph would keep them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import Any, SupportsIndex

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.base import _LIB

from gluonkit._base.kinds import NDArray
from gluonkit.system import memory
from gluonkit.system.patches import replaced

Give = Callable[[gluon.Parameter, Any], Any]
"""Returns what is lent instead of a parameter's array."""


@contextmanager
def lent(
    parameters: Iterable[gluon.Parameter], give: Give = lambda _, array: array
) -> Iterator[list[gluon.Parameter]]:
    """Yield a list of the parameters whose arrays this thread fetches in the context.

    This thread gets the arrays from `give`; other threads get the parameters' own.
    """
    fetched: list[gluon.Parameter] = []
    given = [(parameter, parameter._data) for parameter in parameters if parameter._data]
    loans = [_Lent(parameter, arrays, give, fetched) for parameter, arrays in given]
    try:
        for (parameter, _), loan in zip(given, loans, strict=True):
            parameter._data = loan
        yield fetched
    finally:
        for (parameter, arrays), loan in zip(given, loans, strict=True):
            parameter._data = arrays
            # Code may have kept the loan, which then is a plain list to it.
            loan.thread = None


def deciding(trace: Callable[[], str], fetched: list[gluon.Parameter]) -> list[gluon.Parameter]:
    """Return those of the fetched parameters whose values the code reads in a trace.

    `trace` returns the graph as text. Code that fetches an array for its shape only converts
    nothing to a Python number, and traces the same graph with other values.
    """
    if not fetched:
        return []
    before = _seen(trace, fetched, [])

    def reads(changed: list[gluon.Parameter]) -> bool:
        seen = _seen(trace, fetched, changed)
        return seen.derived or seen.graph != before.graph

    # All at once first: mostly no numbers are read, and each question is a trace.
    if not reads(fetched):
        return []
    # All of them, where only several together make a difference.
    return [parameter for parameter in fetched if reads([parameter])] or fetched


@dataclass
class _Seen:
    """Result of a trace: the graph, and whether Python numbers were derived from lent arrays."""

    graph: str = ""
    derived: bool = False


def _seen(
    trace: Callable[[], str], fetched: list[gluon.Parameter], changed: list[gluon.Parameter]
) -> _Seen:
    """Trace with other values in some parameters; MXNet records what is derived from them."""
    original, thread, seen = mx.nd.NDArray.asnumpy, get_ident(), _Seen()

    def asnumpy(array: NDArray) -> Any:
        seen.derived = seen.derived or (get_ident() == thread and _is_recorded(array))
        return original(array)

    def give(parameter: gluon.Parameter, array: NDArray) -> NDArray:
        is_changed = any(other is parameter for other in changed)
        # A copy of what stays the same, as the code may write into what it fetches.
        made = _with_other_numbers(array) if is_changed else array.copy()
        if is_changed:
            # With a gradient, so that MXNet records what is computed from it.
            made.attach_grad()
        return made

    mode = autograd.record(train_mode=autograd.is_training())
    with lent(fetched, give), replaced(mx.nd.NDArray, "asnumpy", asnumpy), mode:
        try:
            seen.graph = trace()
        except Exception as error:  # code that fails with other numbers reads them
            seen.graph = repr(error)
    return seen


def _is_recorded(array: NDArray) -> bool:
    """Return whether an array was computed under recording from one with a gradient."""
    handle = ctypes.c_void_p()
    # MXNet returns a symbol only for arrays that were recorded.
    if _LIB.MXAutogradGetSymbol(array.handle, ctypes.byref(handle)):
        return False
    mx.sym.Symbol(handle)  # which frees it
    return True


class _Lent(list[Any]):
    """A parameter's list of arrays that detects when one thread fetches an array."""

    def __init__(
        self,
        parameter: gluon.Parameter,
        arrays: list[Any],
        give: Give,
        fetched: list[gluon.Parameter],
    ) -> None:
        # Past the `__iter__` of a loan, which would count as fetching where loans are nested.
        super().__init__(list.__iter__(arrays))
        self.thread: int | None = get_ident()
        self._parameter, self._give, self._fetched = parameter, give, fetched

    def __getitem__(self, index: Any) -> Any:
        if self.thread != get_ident():
            return list.__getitem__(self, index)
        return self._fetch()[index]

    def __iter__(self) -> Iterator[Any]:
        return list.__iter__(self) if self.thread != get_ident() else iter(self._fetch())

    def _fetch(self) -> list[Any]:
        if all(self._parameter is not other for other in self._fetched):
            self._fetched.append(self._parameter)
        return [self._give(self._parameter, array) for array in list.__iter__(self)]

    # A copy of the parameter must have a plain list.
    def __reduce_ex__(self, _: SupportsIndex) -> Any:
        return list, (list.copy(self),)


def _with_other_numbers(array: NDArray) -> NDArray:
    """Return an array like another one with other values, of other sign and size."""
    numbers = numpy.empty(array.shape, array.dtype)
    memory.copy_out(array, numbers)
    if numbers.dtype.kind == "f":
        # Another value for every number but 1/6, and for most the other sign.
        numbers = (numbers * -1.25 + 0.375).astype(numbers.dtype)
    else:
        numbers = (numbers + 1).astype(numbers.dtype)
    return memory.copied(numbers, array.ctx, np_mode=isinstance(array, mx.np.ndarray))
