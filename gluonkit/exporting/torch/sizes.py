"""Numbers in a graph that depend on the batch, told by two passes with batches of two sizes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gluonkit.exporting.torch.parts import UnmappedOperatorError

Shapes: TypeAlias = "tuple[tuple[int, ...], tuple[int, ...]]"
"""The shape of an array in both passes."""


class Size(int):
    """A number that is another one with another batch; its text is an expression."""

    text: str

    def __new__(cls, number: float, text: str) -> Size:
        """Make a number with its text."""
        made = super().__new__(cls, number)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __format__(self, _: str) -> str:
        return self.text


class Sized(str):
    """An attribute with such numbers in it: its text in one pass, and its value."""

    __slots__ = ("value",)
    value: Any


@dataclass(frozen=True)
class Sizes:
    """What two passes with batches of two sizes have done.

    Attributes
    ----------
    attributes : dict of str to dict
        The attributes of each operator in the other pass, by its node's name.
    shapes : dict of tuple to Shapes
        The shapes of values: of a variable, or of a node's output, by name and number.
    lines : dict of str to str
        The line of the network's code that runs each operator.
    """

    attributes: Mapping[str, Mapping[str, str]]
    shapes: Mapping[tuple[str, int], Shapes]
    lines: Mapping[str, str]

    def written(
        self, name: str, attributes: Mapping[str, str], known: Iterable[tuple[str, Shapes]]
    ) -> dict[str, str]:
        """Return an operator's attributes; those that differ have expressions of known arrays.

        Raises
        ------
        UnmappedOperatorError
            When a number cannot be expressed by the shapes of these.
        """
        made = dict(attributes)
        for key, other in self.attributes.get(name, {}).items():
            if key not in made or made[key] == other:
                continue
            sized = Sized(made[key])
            told = _told(list(known), key, self.lines.get(name, ""))
            sized.value = _joined(_value(made[key]), _value(other), told)
            made[key] = sized
        return made


def check_sizes(attributes: Mapping[str, str], text: str) -> None:
    """Refuse an expression in which a number that depends on the batch is that of one batch.

    Raises
    ------
    UnmappedOperatorError
        When an attribute has such numbers, and the expression neither these nor an inferred size.
    """
    for key, value in attributes.items():
        if isinstance(value, Sized) and "-1" not in text and "shape[" not in text:
            raise UnmappedOperatorError(
                f"its {key} depends on the batch, for which there is no way"
            )


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _joined(one: Any, other: Any, told: Callable[[Any, Any], Any]) -> Any:
    if isinstance(one, (tuple, list)) and isinstance(other, type(one)) and len(one) == len(other):
        return tuple(_joined(*pair, told) for pair in zip(one, other, strict=True))
    return one if one == other else told(one, other)


def _told(known: list[tuple[str, Shapes]], key: str, line: str) -> Callable[[Any, Any], Any]:
    def told(one: Any, other: Any) -> Any:
        numbers = (int, float)
        if isinstance(one, numbers) and isinstance(other, numbers):
            for text in _expressions(one, other, known):
                return Size(one, text)
        raise UnmappedOperatorError(
            f"its {key} is {one} or {other}, as the batch is, which no shape of its arrays tells, "
            f"in {line}; compute it from `x.shape` there"
        )

    return told


def _expressions(one: float, other: float, known: list[tuple[str, Shapes]]) -> Iterator[str]:
    """Yield expressions of the shapes of arrays that are one number, and the other one."""
    sizes = [
        (f"{text}.shape[{axis}]", *pair)
        for text, shapes in known
        for axis, pair in enumerate(zip(*shapes, strict=False))
        if pair[0] != pair[1]
    ]
    for text, size, another in sizes:
        if (one, other) == (size, another):
            yield text
    for text, size, another in sizes:
        times, rest = divmod(one, size)
        if not rest and times * another == other:
            yield f"{int(times)} * {text}"
        if one and not size % one and size // one * other == another:
            yield f"{text} // {int(size // one)}"
        if one - size == other - another and one == int(one):
            yield f"{text} {'-' if one < size else '+'} {abs(int(one - size))}"
        if abs(one * size - other * another) < 1e-6 * abs(one * size):
            yield f"{round(one * size, 6):g} / {text}"
