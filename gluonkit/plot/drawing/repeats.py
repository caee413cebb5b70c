"""Repeated parts of a network: calls that do the same one after the other, drawn once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gluonkit.inspection.layers import detail_of, known_size
from gluonkit.plot.drawing.kinds import BEHIND, WEIGHTED, kind_of
from gluonkit.tracing import Call, Trace
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.tree import array_key, own_parameters, walk

_LONGEST = 12
"""Calls in a unit at most: MobileNet's has six, in one flat sequence."""


@dataclass(frozen=True)
class Repeat:
    """A unit of calls that comes several times.

    Attributes
    ----------
    first : tuple of int
        Numbers of the operators of the first unit, in the order in which they run.
    times : int
        How often it comes.
    calls : tuple of Call
        The calls of the first unit.
    last : Call
        The last call of the last unit.
    """

    first: tuple[int, ...]
    times: int
    calls: tuple[Call, ...]
    last: Call


@dataclass(frozen=True)
class Repeats:
    """All repeats of a network.

    Attributes
    ----------
    units : tuple of Repeat
        The repeats; one may be within another's first unit.
    same : dict of int to int
        For each operator of a further unit, the one of the first unit that does the same.
    """

    units: tuple[Repeat, ...] = ()
    same: dict[int, int] | None = None

    def of(self, operator: int) -> int | None:
        """Return the operator that is drawn in place of another one; None for that itself."""
        return None if self.same is None else self.same.get(operator)


def repeats_of(traced: Trace) -> Repeats:
    """Return the repeats among the calls of each block, each unit fed by the one before."""
    return _Finder(traced).found()


class _Finder:
    """Compares the calls of a trace."""

    def __init__(self, traced: Trace) -> None:
        self._shapes = traced.shapes
        self._children: dict[int, list[Call]] = {}
        for call in traced.calls[1:]:
            self._children.setdefault(id(call.parent), []).append(call)
        self._root = traced.calls[0]
        self._sources = {
            operator.number: {source for source in operator.sources if source is not None}
            for _, operator in traced.operators
        }
        # An array that two blocks hold is to be seen at both.
        self._holders: Counter[int] = Counter(
            array_key(parameter)
            for block in {id(call.block): call.block for call in traced.calls}.values()
            for parameter in own_parameters(block).values()
        )
        self._signatures: dict[int, Any] = {}
        self._units: list[Repeat] = []
        self._same: dict[int, int] = {}

    def found(self) -> Repeats:
        """Search the whole tree, from the top; what is not drawn is not searched."""
        pending = [self._root]
        while pending:
            call = pending.pop()
            pending += self._folded(self._children.get(id(call), []))
        return Repeats(tuple(self._units), self._same)

    def _folded(self, calls: list[Call]) -> list[Call]:
        """Note the repeats in a sequence of calls, and return those that are drawn."""
        signatures = [self._signature(call) for call in calls]
        drawn, place = [], 0
        while place < len(calls):
            length, times = 1, 1
            # An activation belongs to the layer before it, and begins no unit.
            if not _is_behind(calls, place):
                length, times = self._best(calls, signatures, place)
            unit = calls[place : place + length]
            drawn += unit
            if times > 1:
                self._note(calls[place : place + length * times], length)
            place += length * times
        return drawn

    def _best(self, calls: list[Call], signatures: list[Any], place: int) -> tuple[int, int]:
        """Return the length of the unit that begins at a place, and how often it comes."""
        best = (1, 1)
        for length in range(1, min(_LONGEST, (len(calls) - place) // 2) + 1):
            unit, times = signatures[place : place + length], 1
            while self._goes_on(calls, signatures, place + length * times, unit):
                times += 1
            # What saves most; of equal ones the shorter unit.
            if length * (times - 1) > best[0] * (best[1] - 1):
                best = (length, times)
        return best

    def _goes_on(
        self, calls: list[Call], signatures: list[Any], start: int, unit: Sequence[Any]
    ) -> bool:
        """Return whether a unit comes again at a place, fed by the one before it.

        Both may have further inputs if these are the same, such as a mask.
        """
        length = len(unit)
        if signatures[start : start + length] != list(unit):
            return False
        before = self._operators(calls[start - length : start])
        outer = self._outer(self._operators(calls[start : start + length]))
        return bool(outer & set(before)) and outer <= {*before, *self._outer(before)}

    def _outer(self, operators: list[int]) -> set[int]:
        """Return the operators, or inputs of the network, that feed some operators."""
        fed = {source for number in operators for source in self._sources[number]}
        return fed - set(operators)

    def _note(self, calls: list[Call], length: int) -> None:
        first = self._operators(calls[:length])
        for start in range(length, len(calls), length):
            further = self._operators(calls[start : start + length])
            self._same.update(zip(further, first, strict=True))
        times = len(calls) // length
        self._units.append(Repeat(tuple(first), times, tuple(calls[:length]), calls[-1]))

    def _operators(self, calls: Iterable[Call]) -> list[int]:
        """Return the numbers of all operators below some calls, in order."""
        numbers: list[int] = []
        pending = list(calls)
        while pending:
            call = pending.pop()
            numbers += [operator.number for operator in call.operators]
            pending += self._children.get(id(call), [])
        return sorted(numbers)

    def _signature(self, call: Call) -> Any:
        """Return what two calls have in common that do the same, and share no parameters."""
        known = self._signatures.get(id(call))
        if known is None:
            known = self._signatures[id(call)] = self._made(call)
        return known

    def _made(self, call: Call) -> Any:
        parameters = own_parameters(call.block).values()
        if any(self._holders[array_key(parameter)] > 1 for parameter in parameters):
            return id(call)
        operators = tuple(
            (operator.name, tuple(sorted(operator.attributes.items())))
            for operator in call.operators
        )
        return (
            type(call.block),
            detail_of(call.block),
            tuple(map(str, leaves(call.inputs))),
            tuple(map(str, leaves(call.outputs))),
            tuple(known_size(parameter, self._shapes) for parameter in parameters),
            operators,
            tuple(self._signature(child) for child in self._children.get(id(call), [])),
        )


def _is_behind(calls: Sequence[Call], place: int) -> bool:
    """Return whether a call is a normalization or an activation behind a layer with weights."""
    kinds = [kind_of(call.block) for call in calls[: place + 1]]
    while kinds and kinds[-1] in BEHIND:
        kinds.pop()
    return 0 < len(kinds) <= place and kinds[-1] in WEIGHTED


def parameters_below(call: Call, traced: Trace) -> int | None:
    """Return the number of elements of all parameters below a call; None if one is unknown."""
    arrays = {
        array_key(parameter): known_size(parameter, traced.shapes)
        for _, block in walk(call.block)
        for parameter in own_parameters(block).values()
    }
    sizes = [size for size in arrays.values() if size is not None]
    return sum(sizes) if len(sizes) == len(arrays) else None
