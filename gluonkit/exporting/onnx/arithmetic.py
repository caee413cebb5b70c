"""Converters of arithmetic: of two arrays, or of an array and a number."""

from __future__ import annotations

import math

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import cast, finish, operands, working_type

_ARITHMETIC = {
    name: operator
    for operator, names in {
        "Add": ("_npi_add", "elemwise_add", "broadcast_add", "_plus"),
        "Sub": ("_npi_subtract", "elemwise_sub", "broadcast_sub", "_minus"),
        "Mul": ("_npi_multiply", "elemwise_mul", "broadcast_mul", "_mul"),
        "Div": ("_npi_true_divide", "elemwise_div", "broadcast_div", "_div"),
        "Pow": ("_npi_power", "broadcast_power", "_power"),
        "Max": ("_npi_maximum", "broadcast_maximum", "_maximum"),
        "Min": ("_npi_minimum", "broadcast_minimum", "_minimum"),
    }.items()
    for name in (
        *names,
        # MXNet's converters take the second operand for a part of the weights, and the order of
        # the operands from the node's name.
        *(f"{begin}_scalar" for begin in names if begin.startswith("_")),
    )
}
_REVERSED = {
    f"{begin}{name}_scalar": operator
    for operator, name, numpys in (
        ("Sub", "minus", "subtract"),
        ("Div", "div", "true_divide"),
        ("Pow", "power", "power"),
    )
    for begin, name in (("_r", name), ("_npi_r", numpys))
}
"""Operators of which the number is the first operand."""


@converts(*_ARITHMETIC, *_REVERSED)
def _arithmetic(step: Step) -> None:
    work = working_type(step.outputs[0].dtype)
    pair = operands(step, work)
    if step.operator in _REVERSED:
        result = step.add(_REVERSED[step.operator], pair[::-1], "result")
    else:
        result = step.add(_ARITHMETIC[step.operator], pair, "result")
    finish(step, result, work)


_COMPARISONS = {
    "equal": "Equal",
    "not_equal": "Equal",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "lesser": "Less",
    "less": "Less",
    "lesser_equal": "LessOrEqual",
    "less_equal": "LessOrEqual",
}


@converts(
    *(
        f"{begin}{name}{end}"
        for name in _COMPARISONS
        for begin in ("_", "broadcast_", "_npi_")
        for end in ("", "_scalar")
    )
)
def _comparison(step: Step) -> None:
    name = step.operator.removeprefix("broadcast").removeprefix("_npi").removeprefix("_")
    name = name.removesuffix("_scalar")
    pair = operands(step, working_type(step.specs[0].dtype))
    compared = step.add(_COMPARISONS[name], pair, "compared")
    if name == "not_equal":
        compared = step.add("Not", [compared], "not")
    step.add("Cast", [compared], to=step.onnx_type(step.outputs[0].dtype))


@converts(
    *("_mod_scalar", "_rmod_scalar", "_npi_mod_scalar", "_npi_rmod_scalar"),
    *("_mod", "broadcast_mod", "_npi_mod"),
)
def _remainder(step: Step) -> None:
    """The remainder has the sign of the divisor, as in Python, and is 0 for a divisor of 0."""
    work = working_type(step.outputs[0].dtype)
    pair = operands(step, work)
    number, by = pair[::-1] if "rmod" in step.operator else pair
    zero, one = step.constants(work, zero=0, one=1)
    is_zero = step.add("Equal", [by, zero], "by-zero")
    divisor = step.add("Where", [is_zero, one, by], "divisor")
    if numpy.dtype(work).kind == "f":
        rest = step.add("Mod", [number, divisor], "rest", fmod=1)
        rest = _of_divisors_sign(step, rest, divisor, zero)
    else:
        rest = step.add("Mod", [number, divisor], "rest")
    finish(step, step.add("Where", [is_zero, zero, rest], "result"), work)


def _of_divisors_sign(step: Step, rest: str, divisor: str, zero: str) -> str:
    below = [step.add("Less", [part, zero], f"below{n}") for n, part in enumerate((rest, divisor))]
    other = step.add("Xor", below, "other-sign")
    some = step.add("Not", [step.add("Equal", [rest, zero], "none")], "some")
    moved = step.add("Add", [rest, divisor], "moved")
    return step.add("Where", [step.add("And", [other, some], "wrong"), moved, rest], "right")


@converts("_npi_hypot", "_hypot", "_hypot_scalar", "broadcast_hypot")
def _hypotenuse(step: Step) -> None:
    pair = operands(step, step.outputs[0].dtype)
    squares = [step.add("Mul", [x, x], f"square{n}") for n, x in enumerate(pair)]
    step.add("Sqrt", [step.add("Add", squares, "squares")])


@converts("_npi_arctan2", "_npi_arctan2_scalar", "_npi_rarctan2_scalar")
def _angle(step: Step) -> None:
    """Convert by the arc tangent of the smaller over the larger coordinate, and the quadrant."""
    dtype = step.outputs[0].dtype
    pair = operands(step, dtype)
    y, x = pair[::-1] if step.operator == "_npi_rarctan2_scalar" else pair
    zero, one = step.constants(dtype, zero=0, one=1)
    quarter, half = step.constants(dtype, quarter=math.pi / 2, half=math.pi)
    up, right = (step.add("Abs", [side], f"size-{n}") for n, side in enumerate((y, x)))
    larger = step.add("Max", [up, right], "larger")
    divisor = step.add("Where", [step.add("Equal", [larger, zero], "origin"), one, larger], "by")
    slope = step.add("Div", [step.add("Min", [up, right], "smaller"), divisor], "slope")
    angle = step.add("Atan", [slope], "octant")
    steep, left = step.add("Greater", [up, right], "steep"), step.add("Less", [x, zero], "left")
    turned = step.add("Sub", [quarter, angle], "from-above")
    angle = step.add("Where", [steep, turned, angle], "quadrant")
    angle = step.add("Where", [left, step.add("Sub", [half, angle], "behind"), angle], "upper")
    below = step.add("Less", [y, zero], "below")
    step.add("Where", [below, step.add("Neg", [angle], "lower"), angle])


@converts("_npi_where", "_npi_where_lscalar", "_npi_where_rscalar", "_npi_where_scalar2")
def _numpy_where(step: Step) -> None:
    dtype = step.outputs[0].dtype
    condition = cast(step, step.inputs[0], step.specs[0].dtype, "bool", "condition")
    chosen = [
        cast(step, choice, spec.dtype, dtype, f"cast{place}")
        for place, (choice, spec) in enumerate(zip(step.inputs[1:], step.specs[1:], strict=True))
    ]
    names = {"lscalar": ("scalar",), "rscalar": ("scalar",), "scalar2": ("x", "y")}
    kind = step.operator.rpartition("_")[2]
    scalars = [
        step.constant(name, float(step.attributes[name]), dtype) for name in names.get(kind, ())
    ]
    step.add("Where", [condition, *(scalars + chosen if kind == "lscalar" else chosen + scalars)])
