"""Noticing that the weights, of which a plan keeps copies, have changed."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from operator import attrgetter, is_
from time import perf_counter
from typing import Any, SupportsIndex

import numpy
from mxnet import autograd, gluon

from gluonkit import _memory
from gluonkit._memory import Array

_PASSING_ON = ("mxnet.gluon.parameter", "gluonkit.modes")
"""Modules that fetch a parameter's array for somebody else."""

_FORWARD = ("mxnet.gluon.block",)
"""Modules that fetch it to compute with: they do not write into it, except in training."""

_data = attrgetter("_data")

_SHARE = 100  # a look at one parameter may take so much less than the time since the last look


class Watch:
    """Tells whether the parameters of a network have changed since the last `settle`.

    For a plan that reads the network's own arrays it is enough to see that they are still those.
    For one that keeps copies, each parameter's list of arrays tells when somebody fetches an
    array, other than for a forward pass in prediction mode: the numbers are compared then, by a
    checksum. An array that somebody keeps, which the count of references tells, is compared at each
    call. Against those who keep only a slice of one, the parameters are looked at in turn, as time
    passes.
    """

    def __init__(self, parameters: Sequence[gluon.Parameter], *, copies: bool) -> None:
        self._parameters = list(parameters)
        self._copies = copies
        self._ring = _Ring()
        self._lists: list[Any] = []
        self._arrays: list[Any] = []
        self._alone: list[int] = []  # references to each array that nobody else keeps
        self._digests: list[bytes] = []
        self._kept: dict[int, list[Array]] = {}  # the numbers of parameters that somebody keeps
        self._next, self._looked, self._took = 0, 0.0, 0.0

    def settle(self) -> None:
        """Take the weights as they are now for what is not to change."""
        self._kept.clear()
        if self._copies:
            self._digests = [_digest(each) for each in self._parameters]
            self._arm()
        self._remember()

    def release(self) -> None:
        """Leave the parameters alone: nothing is noticed any more."""
        for parameter in self._parameters:
            if isinstance(parameter._data, _Tripwire):
                parameter._data.rings.discard(self._ring)
                if not parameter._data.rings:
                    parameter._data = list.copy(parameter._data)

    def changed(self) -> bool:
        """Return whether the weights may differ from those at the last `settle`."""
        if not all(map(is_, map(_data, self._parameters), self._lists)):
            return self._others()
        return self._copies and self._differ()

    def _arm(self) -> None:
        self._ring.rung = False
        for parameter in self._parameters:
            if not isinstance(parameter._data, _Tripwire):
                parameter._data = _Tripwire(parameter._data)
            parameter._data.rings.add(self._ring)
        self._looked = perf_counter()

    def _remember(self) -> None:
        self._lists = [each._data for each in self._parameters]
        self._arrays = [array for each in self._lists for array in list.__iter__(each)]
        self._alone = [_ALONE] * len(self._arrays)

    def _others(self) -> bool:
        """Return whether there are other arrays, rather than the same in other lists."""
        now = [each._data for each in self._parameters]
        if self._copies or not all(isinstance(each, list) for each in now):
            return True
        before = self._arrays
        self._remember()
        return len(before) != len(self._arrays) or not all(map(is_, before, self._arrays))

    def _differ(self) -> bool:
        if self._ring.rung:
            self._ring.rung = False
            return self._numbers_differ(range(len(self._parameters)))
        if list(map(sys.getrefcount, self._arrays)) != self._alone:
            return self._kept_differ()
        now = perf_counter()
        if self._parameters and now - self._looked > _SHARE * self._took:
            self._next = (self._next + 1) % len(self._parameters)
            differ = self._numbers_differ([self._next])
            self._looked = perf_counter()
            self._took = max(self._looked - now, 1e-4)
            return differ
        return False

    def _kept_differ(self) -> bool:
        """Compare the parameters whose arrays somebody keeps, by copies, which is quicker."""
        for index, parameter in enumerate(self._parameters):
            if not self._is_kept(parameter):
                continue
            if index not in self._kept:
                if self._numbers_differ([index]):
                    return True
                self._kept[index] = [each.copy() for each in _bytes(parameter)]
            elif not all(map(numpy.array_equal, _bytes(parameter), self._kept[index])):
                return True
        return False

    def _is_kept(self, parameter: gluon.Parameter) -> bool:
        return any(
            count != _ALONE for count in map(sys.getrefcount, list.__iter__(parameter._data))
        )

    def _numbers_differ(self, which: Iterable[int]) -> bool:
        return any(_digest(self._parameters[i]) != self._digests[i] for i in which)


class _Ring:
    """Whether anybody has fetched an array."""

    rung = False


class _Tripwire(list[Any]):
    """A parameter's list of arrays, which tells when an array is fetched."""

    def __init__(self, arrays: list[Any]) -> None:
        super().__init__(arrays)
        self.rings: set[_Ring] = set()

    def __getitem__(self, index: Any) -> Any:
        if not _is_forward():
            self._tell()
        return list.__getitem__(self, index)

    def __iter__(self) -> Iterator[Any]:
        self._tell()
        return list.__iter__(self)

    def _tell(self) -> None:
        for ring in self.rings:
            ring.rung = True

    def __reduce_ex__(self, _: SupportsIndex) -> Any:
        return list, (list.copy(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [deepcopy(each, memo) for each in list.__iter__(self)]


def _is_forward() -> bool:
    """Return whether an array is fetched for a forward pass that does not change it."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _PASSING_ON:
        frame = frame.f_back
    return frame.f_globals.get("__name__") in _FORWARD and not autograd.is_training()


_LISTS = [[object()]]
_ARRAYS = [array for each in _LISTS for array in list.__iter__(each)]
_ALONE = next(map(sys.getrefcount, _ARRAYS))
"""References to an array that only its parameter, and a watch, keep."""


def _bytes(parameter: gluon.Parameter) -> Iterator[Array]:
    """Yield a parameter's numbers on each device, as bytes in the order of the array."""
    for array in list.__iter__(parameter._data):
        legacy = array.as_nd_ndarray()
        on_cpu = legacy.stype == "default" and _memory.on_cpu(legacy.context)
        numbers = _memory.settled(legacy) if on_cpu else legacy.asnumpy()
        yield numpy.ascontiguousarray(numbers).reshape(-1).view("uint8")


def _digest(parameter: gluon.Parameter) -> bytes:
    """Return a checksum of a parameter's numbers on every device."""
    found = hashlib.sha1(usedforsecurity=False)
    for each in _bytes(parameter):
        found.update(each.data)
    return found.digest()
