"""One use of an operator, the table of functions that write it in torch, and pieces of source."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy

from gluonkit._base.registers import registering
from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.parts import Call, UnmappedOperatorError
from gluonkit.exporting.torch.sizes import Size, Sized

_CASTS = {
    "float16": "half",
    "float32": "float",
    "float64": "double",
    "int32": "int",
    "int64": "long",
    "bool": "bool",
}
_TRUE = {"True", "true", "1"}


@dataclass(frozen=True)
class Use:
    """An operator with its attributes, and the expressions that it is applied to.

    Attributes
    ----------
    operator : str
        MXNet's main name.
    attributes : mapping of str to str
        MXNet's; those that have their default value may be missing.
    arguments : sequence of str
        An expression of Python for each input.
    inputs, outputs : sequence of ArraySpec
        Shapes and data types for one batch size, which the source must not contain.
    anchor : tuple of str and str, or None
        The expression of a tensor whose data type and device new tensors take, and its type here.
    """

    operator: str
    attributes: Mapping[str, str]
    arguments: Sequence[str]
    inputs: Sequence[ArraySpec]
    outputs: Sequence[ArraySpec]
    anchor: tuple[str, str] | None = None

    @property
    def x(self) -> str:
        """The first argument, to be followed by a dot or a bracket."""
        return primary(self.arguments[0])

    @property
    def y(self) -> str:
        """The second argument, to be followed by a dot or a bracket."""
        return primary(self.arguments[1])

    @property
    def rank(self) -> int:
        """The number of axes of the first input."""
        return len(self.inputs[0].shape)

    @property
    def dtype(self) -> str:
        """The data type of the first output."""
        return self.outputs[0].dtype

    def text(self, name: str, default: str = "") -> str:
        """Return an attribute as text."""
        return self.attributes.get(name, default)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return an attribute that is true or false; None is the default."""
        text = self.attributes.get(name, "None")
        return default if text == "None" else text in _TRUE

    def value(self, name: str, default: Any = None) -> Any:
        """Return an attribute that is a number, a tuple, or None."""
        text = self.attributes.get(name)
        if text is None:
            return default
        if isinstance(text, Sized):
            return text.value
        plain = re.sub(r"(?<=\d)L\b", "", text.replace("[]", "()"))  # 3L: written by Python 2
        try:
            value = ast.literal_eval(plain)
        except ValueError:
            return float(plain)  # inf
        return tuple(value) if isinstance(value, list) else value

    def number(self, name: str, default: float, dtype: str = "float32") -> str:
        """Return an attribute that is a number as it is written in source."""
        value = self.value(name, default)
        return literal(value if isinstance(value, Size) else float(value), dtype)

    def sizes(self, name: str, count: int, default: int) -> tuple[int, ...]:
        """Return an attribute with a number for each of some axes; empty is the default."""
        value = self.value(name)
        if isinstance(value, int):
            return (value,) * count
        return tuple(value) if value else (default,) * count

    def axis(self, default: int = 0, *, name: str = "axis", source: int = 0) -> int:
        """Return an axis of an input, counted from the front."""
        return int(self.value(name, default)) % len(self.inputs[source].shape)

    def refuse(self, reason: str) -> UnmappedOperatorError:
        """Return the exception for what is not written in torch."""
        return UnmappedOperatorError(reason)

    def whole(self, index: int) -> str:
        """Return an argument as whole numbers that torch takes for indices."""
        argument = self.arguments[index]
        return argument if self.inputs[index].dtype == "int64" else f"{primary(argument)}.long()"

    def truth(self, index: int = 0) -> str:
        """Return an argument as Booleans."""
        argument = self.arguments[index]
        return argument if self.inputs[index].dtype == "bool" else f"{primary(argument)} != 0"

    def like(self, text: str, have: str, index: int = 0) -> str:
        """Return an expression cast to the data type of the output, if it has another one.

        Where that is the type of an argument, the source says so, and holds for other types too.
        """
        if have == self.dtype:
            return text
        if self.dtype == self.inputs[index].dtype and is_name(self.arguments[index]):
            return f"{primary(text)}.to({self.arguments[index]}.dtype)"
        if self.anchor is not None and self.anchor[1] == self.dtype:
            return f"{primary(text)}.to({self.anchor[0]}.dtype)"
        return cast(text, self.dtype)

    def placed(self, *, floating: bool = True) -> str:
        """Return the keyword arguments `dtype` and `device` of a new tensor, as the output's.

        So a model of another data type, or on another device, works as well.
        """
        dtype = None if self.dtype == "float32" and floating else torch_type(self.dtype)
        if self.anchor is None:
            return options(dtype=dtype)
        tensor, given = self.anchor
        dtype = f"{tensor}.dtype" if given == self.dtype else torch_type(self.dtype)
        return options(dtype=dtype, device=f"{tensor}.device")


Writer = Callable[[Use], "Call | str"]
TABLE: dict[str, Writer] = {}
"""The functions that write operators, by MXNet's name."""

writes = registering(TABLE)
"""Registers the decorated function for these operators."""


@lru_cache(maxsize=1024)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


_ORDER: dict[type, int] = {ast.Add: 1, ast.Sub: 1, ast.Pow: 4}
_WHOLE = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Tuple, ast.List, ast.Constant)


def _strength(text: str) -> int:
    """Return how strongly an expression holds together: 0 for a comparison, 5 for a name."""
    node = _parsed(text)
    if isinstance(node, ast.BinOp):
        return _ORDER.get(type(node.op), 2)
    if isinstance(node, ast.UnaryOp):
        return 3
    return 5 if isinstance(node, _WHOLE) else 0


def grouped(text: str, least: int) -> str:
    """Return an expression, in parentheses if it holds together less than needed."""
    return text if _strength(text) >= least else f"({text})"


def primary(text: str) -> str:
    """Return an expression that a dot or a bracket may follow."""
    return grouped(text, 5)


def infix(left: str, operator: str, right: str) -> str:
    """Return two expressions with an operator between."""
    order = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "@": 2, "**": 4}.get(operator, 0)
    first = 5 if operator == "**" else max(order, 1)
    return f"{grouped(left, first)} {operator} {grouped(right, order + 1)}"


def is_name(text: str) -> bool:
    """Return whether an expression may be repeated: a name, or an attribute of one."""
    return isinstance(_parsed(text), (ast.Name, ast.Attribute))


def literal(number: float, dtype: str = "float32") -> str:
    """Return a number as a literal; one that MXNet has rounded to float32 as it was meant."""
    if isinstance(number, Size):
        return number.text
    if numpy.dtype(dtype).kind in "iub":
        return str(int(number))
    if not numpy.isfinite(number):
        return f'float("{number}")'
    if number == int(number) and abs(number) < 2**24:
        return str(int(number))
    short = float(str(numpy.float32(number)))
    return repr(short if numpy.float32(number) == number else float(number))


def torch_type(dtype: str) -> str:
    """Return torch's name of a data type."""
    return f"torch.{dtype}"


def cast(text: str, dtype: str) -> str:
    """Return an expression cast to a data type."""
    method = _CASTS.get(dtype)
    return f"{primary(text)}.{method}()" if method else f"{primary(text)}.to({torch_type(dtype)})"


def several(sizes: Iterable[int]) -> str:
    """Return sizes by axis as torch takes them: one number if they are equal."""
    sizes = tuple(sizes)
    return str(sizes[0]) if len(set(sizes)) == 1 else str(sizes)


def options(**given: Any) -> str:
    """Return keyword arguments, without those that are None, each after a comma."""
    return "".join(f", {name}={value}" for name, value in given.items() if value is not None)


def listed(texts: Iterable[str]) -> str:
    """Return expressions as a tuple."""
    texts = list(texts)
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"
