"""Comparisons and logic: of two arrays, and of an array and a number."""

from __future__ import annotations

from gluonkit.exporting.torch.operators.use import (
    Use,
    infix,
    literal,
    writes,
)

_COMPARISONS = {
    "equal": "==",
    "not_equal": "!=",
    "greater": ">",
    "greater_equal": ">=",
    "lesser": "<",
    "less": "<",
    "lesser_equal": "<=",
    "less_equal": "<=",
}


_LEGACY = ("equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal")


_NUMPY = tuple(name.replace("lesser", "less") for name in _LEGACY)


@writes(
    *(f"{begin}{name}" for name in _LEGACY for begin in ("_", "broadcast_")),
    *(f"_{name}_scalar" for name in _LEGACY),
    *(f"_npi_{name}{end}" for name in _NUMPY for end in ("", "_scalar")),
)
def _comparison(use: Use) -> str:
    name = use.operator.removeprefix("broadcast").removeprefix("_npi").removeprefix("_")
    second = use.arguments[1] if len(use.arguments) > 1 else _compared(use)
    operator = _COMPARISONS[name.removesuffix("_scalar")]
    return use.like(infix(use.arguments[0], operator, second), "bool")


def _compared(use: Use) -> str:
    number = float(use.value("scalar", 1))
    return literal(number, "float32" if number % 1 else "int64")


@writes(
    *(f"{begin}logical_{name}" for name in ("and", "or", "xor") for begin in ("broadcast_", "_"))
)
def _logic(use: Use) -> str:
    name = use.operator.removeprefix("broadcast").removeprefix("_")
    return use.like(f"torch.{name}({', '.join(use.arguments)})", "bool")


@writes(*(f"_logical_{name}_scalar" for name in ("and", "or", "xor")))
def _logic_with_scalar(use: Use) -> str:
    name, number = use.operator.split("_")[2], bool(use.value("scalar", 1))
    if name == "xor":
        return use.like(infix(use.arguments[0], "==" if number else "!=", "0"), "bool")
    if number == (name == "and"):
        return use.like(use.truth(), "bool")
    return f"torch.{'ones' if number else 'zeros'}_like({use.arguments[0]})"


@writes("logical_not", "_npi_logical_not")
def _not(use: Use) -> str:
    return use.like(f"torch.logical_not({use.arguments[0]})", "bool")
