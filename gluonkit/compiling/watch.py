"""Noticing that the weights, of which a plan keeps copies, have changed."""

from __future__ import annotations

import hashlib
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter, is_
from threading import Lock
from time import perf_counter
from typing import Any, SupportsIndex

import numpy
from mxnet import autograd, gluon

from gluonkit._base.kinds import Array
from gluonkit.compiling import views
from gluonkit.system import memory

_PASSING_ON = ("mxnet.gluon.parameter", "gluonkit.system.modes")
"""Modules that fetch a parameter's array for somebody else."""

_FORWARD = ("mxnet.gluon.block",)
"""Modules that fetch it to compute with: they do not write into it, except in training."""

_data = attrgetter("_data")

_SHARE = 100  # checks of single parameters may take this fraction of the time, 1 in 100


@dataclass(frozen=True)
class Weights:
    """The state of the weights at one time.

    Attributes
    ----------
    lists : list
        Each parameter's list of arrays.
    digests : list of bytes
        A checksum of each parameter's values, if they are compared.
    heard : object
        The ring's `last` at that time.
    """

    lists: list[Any]
    digests: list[bytes]
    heard: object


class Watch:
    """Detects whether the parameters of a network have changed since the last `settle`.

    For a plan that reads the network's own arrays, the identity of the arrays is checked. For a
    plan with copies, each parameter's list of arrays reports when an array is fetched, except for a
    forward pass in prediction mode; then values are compared by a checksum. Arrays with further
    references, or with views, are compared at each call. For older views, and pointers, the
    parameters are also compared in turn, as time passes.

    It is thread-safe. Once the weights differ, all threads are told so until one settles; while one
    compares, the others wait for the result.
    """

    def __init__(self, parameters: Sequence[gluon.Parameter]) -> None:
        self._parameters = list(parameters)
        self._copies = True
        self._ring = _Ring()
        self._heard: object = self._ring.last
        self._comparing = Lock()
        # Of a watch that nobody uses, the parameters get plain lists again. The arguments must not
        # refer to it, or it would never go.
        weakref.finalize(self, _disarm, self._parameters, self._ring)
        self._lists: list[Any] = []  # not the arrays: another watch would count the references
        self._handles: list[set[int]] = []  # of each parameter's arrays, to know their views by
        self._alone: list[int] = []  # number of references to an array without other holders
        self._counted: object = None  # the ring's `taken` when nobody else held any
        self._digests: list[bytes] = []
        self._kept: dict[int, list[Array]] = {}  # copies of parameters that have further references
        self._next, self._looked, self._took = 0, 0.0, 0.0

    def weights(self) -> Weights:
        """Return the current state of the weights, for `settle` once they have been read.

        The state is taken before the weights are read, so that changes in between are detected.
        """
        if self._copies:
            self._arm()
        heard = self._ring.last
        return Weights(
            # `_arm` and `heard` came first: what is fetched from here on, `changed` will hear of.
            lists=[parameter._data for parameter in self._parameters],
            digests=[_digest(parameter) for parameter in self._parameters] if self._copies else [],
            heard=heard,
        )

    def settle(self, weights: Weights) -> None:
        """Take this state as the reference."""
        self._kept.clear()
        self._digests, self._heard = weights.digests, weights.heard
        self._looked = perf_counter()
        self._lists = weights.lists
        self._counted = None
        self._alone = [_ALONE] * sum(map(len, weights.lists))

    def ignore_numbers(self) -> None:
        """Check the identity of the arrays only, for a plan without copies."""
        self._copies = False
        _disarm(self._parameters, self._ring)

    def changed(self) -> bool:
        """Return whether the weights may have changed since the last `settle`."""
        # Without a Python frame for each parameter, as this is done at every call.
        if not all(map(is_, map(_data, self._parameters), self._lists)):
            return self._others()
        return self._copies and self._differ()

    def _arm(self) -> None:
        for parameter in self._parameters:
            if not isinstance(parameter._data, _Tripwire):
                parameter._data = _Tripwire(parameter._data)
            parameter._data.rings.add(self._ring)
        self._handles = [
            # By list's own method, which trips nothing.
            {views.follow(array, self._ring.ring) for array in list.__iter__(parameter._data)}
            for parameter in self._parameters
        ]

    def _others(self) -> bool:
        """Return whether there are other arrays, not only the same in other lists."""
        now = [parameter._data for parameter in self._parameters]
        if self._copies or not all(isinstance(arrays, list) for arrays in now):
            return True
        arrays, before = list(_arrays(now)), list(_arrays(self._lists))
        if len(arrays) != len(before) or not all(map(is_, arrays, before)):
            return True
        self._lists = now
        return False

    def _differ(self) -> bool:
        if self._ring.last is not self._heard:
            with self._comparing:
                return self._fetched_differ()
        if self._are_held() or self._are_viewed() or self._kept:
            return self._kept_differ()
        now = perf_counter()
        if self._parameters and now - self._looked > _SHARE * self._took:
            self._next = (self._next + 1) % len(self._parameters)
            differ = self._numbers_differ([self._next])
            if differ:
                self._ring.ring()  # for whoever asks next
            self._looked = perf_counter()
            # At least 0.1 ms, so that a tiny network is compared every 10 ms at most.
            self._took = max(self._looked - now, 1e-4)
            return differ
        return False

    def _fetched_differ(self) -> bool:
        """Compare all parameters, unless another thread has done so meanwhile."""
        # Read before the numbers: what is fetched meanwhile rings again, and is compared once
        # more.
        last = self._ring.last
        if last is not self._heard:
            if self._numbers_differ(range(len(self._parameters))):
                return True
            self._heard = last
        return False

    def _kept_differ(self) -> bool:
        """Compare parameters whose arrays have further references, by copies, which is faster."""
        for index, parameter in enumerate(self._parameters):
            is_kept, before = self._is_kept(index), self._kept.get(index)
            if before is None:
                if not is_kept:
                    continue
                if self._numbers_differ([index]):
                    return True
                # Comparing bytes takes half as long as their SHA-1, or less.
                self._kept[index] = [numbers.copy() for numbers in _bytes(parameter)]
            elif not all(map(numpy.array_equal, _bytes(parameter), before)):
                return True
            elif not is_kept:
                # Once more: whoever had it may have written before letting it go.
                self._kept.pop(index, None)
        return False

    def _are_held(self) -> bool:
        """Return whether anybody else has one of the arrays, which is fetched first."""
        # Read before the count: what is fetched meanwhile is counted once more.
        taken = self._ring.taken
        if taken is self._counted:
            return False
        if list(map(sys.getrefcount, _arrays(self._lists))) != self._alone:
            return True
        self._counted = taken
        return False

    def _are_viewed(self) -> bool:
        viewed = views.viewed()
        return bool(viewed) and not all(map(viewed.isdisjoint, self._handles))

    def _is_kept(self, index: int) -> bool:
        counts = map(sys.getrefcount, list.__iter__(self._parameters[index]._data))
        is_viewed = not self._handles[index].isdisjoint(views.viewed())
        return is_viewed or any(count != _ALONE for count in counts)

    def _numbers_differ(self, which: Iterable[int]) -> bool:
        return any(_digest(self._parameters[i]) != self._digests[i] for i in which)


class _Ring:
    """Records whether an array has been fetched since the last check.

    Attributes
    ----------
    last : object
        A new object after each fetch; unlike a counter, it loses no update in a race.
    taken : object
        The same, after a fetch for a forward pass too, which may keep what it has.
    """

    def __init__(self) -> None:
        self.last = self.taken = object()

    def ring(self) -> None:
        """Record a fetch."""
        # `taken` first: who has seen the fetch, and compared, has to count the holders as well.
        self.taken = object()
        self.last = object()

    def take(self) -> None:
        """Record a fetch for a forward pass."""
        self.taken = object()


class _Tripwire(list[Any]):
    """A parameter's list of arrays that reports when an array is fetched."""

    def __init__(self, arrays: list[Any]) -> None:
        super().__init__(arrays)
        self.rings: set[_Ring] = set()

    def __getitem__(self, index: Any) -> Any:
        # Gluon's `Parameter.data` gets its array by index. Who iterates may do anything with it.
        # Taken first: who counts the references once it is told finds this one.
        array = list.__getitem__(self, index)
        if _is_forward():
            for ring in self.rings:
                ring.take()
        else:
            self._tell()
        return array

    def __iter__(self) -> Iterator[Any]:
        # Of a copy, which has references to the arrays until the last of them is taken.
        arrays = list.copy(self)
        self._tell()
        return iter(arrays)

    def _tell(self) -> None:
        for ring in self.rings:
            ring.ring()

    def __reduce_ex__(self, _: SupportsIndex) -> Any:
        # A plain list: a copy of the network, or its pickle, has nobody to tell.
        return list, (list.copy(self),)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [deepcopy(array, memo) for array in list.__iter__(self)]


def _disarm(parameters: Sequence[gluon.Parameter], ring: _Ring) -> None:
    """Restore the parameters' plain lists."""
    views.leave(ring.ring)
    for parameter in parameters:
        if isinstance(parameter._data, _Tripwire):
            parameter._data.rings.discard(ring)
            if not parameter._data.rings:
                parameter._data = list.copy(parameter._data)


def _is_forward() -> bool:
    """Return whether an array is fetched for a forward pass that does not change it."""
    # 0 is this function, 1 the list's method, 2 whoever took the array.
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _PASSING_ON:
        frame = frame.f_back
    return frame.f_globals.get("__name__") in _FORWARD and not autograd.is_training()


def _arrays(lists: Sequence[list[Any]]) -> Iterator[Any]:
    """Iterate over all arrays without triggering a tripwire."""
    return chain.from_iterable(map(list.__iter__, lists))


# Counted in the same way as later, for the iterators hold references, too, and how many depends on
# the version of Python.
_ALONE = next(map(sys.getrefcount, _arrays([[object()]])))
"""References to an array that only its parameter keeps."""


def _bytes(parameter: gluon.Parameter) -> Iterator[Array]:
    """Yield a parameter's values on each device, as bytes in MXNet's layout."""
    for array in list.__iter__(parameter._data):
        # An alias, as references to the parameter's own array are what `_alone` counts.
        legacy = memory.alias(array) if array.stype == "default" else array
        # As bytes, for NaN is not equal to itself, but -0.0 is to 0.0.
        yield numpy.ascontiguousarray(memory.numbers(legacy)).reshape(-1).view("uint8")


def _digest(parameter: gluon.Parameter) -> bytes:
    """Return a checksum of a parameter's values on every device."""
    # Processors have instructions for SHA-1. Without the argument, systems under FIPS refuse it.
    digest = hashlib.sha1(usedforsecurity=False)
    for numbers in _bytes(parameter):
        digest.update(numbers.data)
    return digest.digest()
