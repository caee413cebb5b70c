"""Arithmetic: of two arrays, and of an array and a number."""

from __future__ import annotations

import numpy

from gluonkit.exporting.torch.operators.use import (
    Use,
    cast,
    grouped,
    infix,
    is_name,
    literal,
    primary,
    writes,
)
from gluonkit.exporting.torch.parts import Call

_INFIX = {
    **{f"{begin}add": "+" for begin in ("elemwise_", "broadcast_", "_npi_", "_grad_")},
    **{f"{begin}sub": "-" for begin in ("elemwise_", "broadcast_")},
    **{f"{begin}mul": "*" for begin in ("elemwise_", "broadcast_")},
    **{f"{begin}div": "/" for begin in ("elemwise_", "broadcast_")},
    "_npi_subtract": "-",
    "_npi_multiply": "*",
    "_npi_true_divide": "/",
    **dict.fromkeys(("_power", "broadcast_power", "_npi_power"), "**"),
}


def _is_whole(dtype: str) -> bool:
    return numpy.dtype(dtype).kind in "iub"


@writes(*_INFIX)
def _of_two(use: Use) -> str:
    operator = _INFIX[use.operator]
    if operator == "/" and _is_whole(use.dtype):
        return use.like(f'torch.div({", ".join(use.arguments)}, rounding_mode="trunc")', use.dtype)
    return infix(use.arguments[0], operator, use.arguments[1])


_SCALAR = {
    "_plus_scalar": "+",
    "_scatter_plus_scalar": "+",
    "_npi_add_scalar": "+",
    "_minus_scalar": "-",
    "_scatter_minus_scalar": "-",
    "_npi_subtract_scalar": "-",
    "_rminus_scalar": "r-",
    "_npi_rsubtract_scalar": "r-",
    "_mul_scalar": "*",
    "_npi_multiply_scalar": "*",
    "_div_scalar": "/",
    "_npi_true_divide_scalar": "/",
    "_rdiv_scalar": "r/",
    "_npi_rtrue_divide_scalar": "r/",
    "_power_scalar": "**",
    "_npi_power_scalar": "**",
    "_rpower_scalar": "r**",
    "_npi_rpower_scalar": "r**",
}


@writes(*_SCALAR)
def _with_scalar(use: Use) -> str:
    operator = _SCALAR[use.operator].removeprefix("r")
    swapped = _SCALAR[use.operator].startswith("r")
    data, scalar = use.arguments[0], _scalar(use)
    if _is_whole(use.inputs[0].dtype):
        if not _is_whole(use.dtype):
            data = cast(data, use.dtype)
        elif operator == "/":
            order = (scalar, data) if swapped else (data, scalar)
            return f'torch.div({", ".join(order)}, rounding_mode="trunc")'
    return infix(scalar, operator, data) if swapped else infix(data, operator, scalar)


def _scalar(use: Use) -> str:
    """Return the number as a literal; whole only where all is whole, as MXNet computes."""
    return use.number("scalar", 1, use.dtype)


_FUNCTIONS = {"arctan2": "atan2"}
"""Torch's names of functions, where they are not MXNet's."""


@writes(
    *(f"{begin}hypot" for begin in ("_", "broadcast_", "_npi_")),
    *(f"{begin}{name}" for name in ("maximum", "minimum") for begin in ("_", "broadcast_")),
    *(f"_npi_{name}" for name in ("arctan2", "copysign", "lcm", "ldexp")),
    *(f"_npi_bitwise_{name}" for name in ("and", "or", "xor")),
)
def _function_of_two(use: Use) -> str:
    name = use.operator.removeprefix("broadcast").removeprefix("_npi").removeprefix("_")
    return f"torch.{_FUNCTIONS.get(name, name)}({', '.join(use.arguments)})"


_BOUNDS = {"maximum": "min", "minimum": "max"}


@writes(*(f"_{name}_scalar" for name in _BOUNDS))
def _bound(use: Use) -> str:
    name = use.operator.removeprefix("_").removesuffix("_scalar")
    return f"torch.clamp({use.arguments[0]}, {_BOUNDS[name]}={_scalar(use)})"


@writes(
    "_hypot_scalar",
    *(f"_npi_{name}_scalar" for name in ("arctan2", "copysign", "ldexp", "lcm")),
    *(f"_npi_r{name}_scalar" for name in ("arctan2", "copysign", "ldexp")),
    *(f"_npi_bitwise_{name}_scalar" for name in ("and", "or", "xor")),
)
def _function_with_scalar(use: Use) -> str:
    """Write a function of an array and a number, which torch has for arrays only."""
    name = use.operator.removeprefix("_npi").removeprefix("_").removesuffix("_scalar")
    swapped = name.startswith("r")
    number = f"torch.tensor({_scalar(use)})"
    order = (number, use.arguments[0]) if swapped else (use.arguments[0], number)
    name = name.removeprefix("r")
    return use.like(f"torch.{_FUNCTIONS.get(name, name)}({', '.join(order)})", use.inputs[0].dtype)


@writes("_mod", "broadcast_mod", "_npi_mod")
def _remainder(use: Use) -> Call:
    """The remainder is 0 for a divisor of 0."""
    return Call(f"remainder({', '.join(use.arguments)})", ("remainder",))


@writes("_mod_scalar", "_npi_mod_scalar")
def _remainder_by_scalar(use: Use) -> str:
    if not float(use.value("scalar", 1)):
        return f"torch.zeros_like({use.arguments[0]})"
    return infix(use.arguments[0], "%", _scalar(use))


@writes("_rmod_scalar", "_npi_rmod_scalar")
def _remainder_of_scalar(use: Use) -> Call:
    return Call(f"remainder({_scalar(use)}, {use.arguments[0]})", ("remainder",))


@writes("add_n")
def _sum_of_all(use: Use) -> str:
    return " + ".join(grouped(argument, 1) for argument in use.arguments)


@writes("amp_multicast")
def _common_type(use: Use) -> Call | str:
    """Cast all to the widest type, or the narrowest."""
    texts = [
        argument if spec.dtype == given.dtype else cast(argument, spec.dtype)
        for argument, given, spec in zip(use.arguments, use.inputs, use.outputs, strict=True)
    ]
    return Call(f"({', '.join(texts)})", results=len(texts)) if len(texts) > 1 else texts[0]


@writes("smooth_l1")
def _smooth_l1(use: Use) -> Call:
    return Call(
        f"smooth_l1({use.arguments[0]}, {literal(float(use.value('scalar', 1)))})", ("smooth_l1",)
    )


@writes("_contrib_gradientmultiplier")
def _scaled_gradient(use: Use) -> str:
    if not is_name(use.arguments[0]):
        raise use.refuse("its input is no variable")
    scale = float(use.value("scalar", 1))
    return f"{literal(scale)} * {use.x} + {literal(1 - scale)} * {primary(use.x)}.detach()"
