"""Functions of one array, element by element."""

from __future__ import annotations

import numpy

from gluonkit.exporting.torch.operators.use import (
    Use,
    cast,
    grouped,
    infix,
    literal,
    options,
    primary,
    writes,
)
from gluonkit.exporting.torch.parts import Call

_BOTH = {
    **{name: name for name in ("ceil", "cos", "cosh", "exp", "expm1", "floor", "log", "log10")},
    **{name: name for name in ("log1p", "log2", "reciprocal", "sign", "sin", "sinh", "sqrt")},
    **{name: name for name in ("square", "tan", "tanh", "trunc")},
    **{f"arc{name}": f"a{name}" for name in ("cos", "cosh", "sin", "sinh", "tan", "tanh")},
    "degrees": "rad2deg",
    "radians": "deg2rad",
    "fix": "trunc",
}
_NAMES = {
    **_BOTH,
    **{f"_npi_{name}": theirs for name, theirs in _BOTH.items()},
    **{name: name for name in ("abs", "erf", "erfinv", "rsqrt", "sigmoid")},
    "gammaln": "lgamma",
    "_npi_absolute": "abs",
    "_npi_bitwise_not": "bitwise_not",
    "_npx_sigmoid": "sigmoid",
    **{f"_npi_is{name}": f"is{name}" for name in ("nan", "inf", "finite", "posinf", "neginf")},
}
"""Torch's names of functions."""
_KEEPING = ("abs", "ceil", "floor", "trunc", "sign", "square", "bitwise_not")
"""Functions that give whole numbers for whole numbers."""


@writes(*_NAMES)
def _function(use: Use) -> str:
    name, given = _NAMES[use.operator], use.inputs[0].dtype
    text = f"torch.{name}({use.arguments[0]})"
    if name.startswith("is"):
        return text
    gives = given if name in _KEEPING or numpy.dtype(given).kind == "f" else "float32"
    return use.like(text, gives)


@writes("negative", "_npi_negative")
def _negative(use: Use) -> str:
    return f"-{grouped(use.arguments[0], 3)}"


@writes("cbrt", "_npi_cbrt")
def _cube_root(use: Use) -> Call:
    return Call(f"cube_root({use.arguments[0]})", ("cube_root",))


@writes("rcbrt")
def _reciprocal_cube_root(use: Use) -> Call:
    return Call(f"1 / cube_root({use.arguments[0]})", ("cube_root",))


@writes("round")
def _round(use: Use) -> Call | str:
    """Halves are rounded away from zero; torch rounds them to even numbers."""
    if numpy.dtype(use.dtype).kind != "f":
        return use.arguments[0]
    return Call(f"round_half_away({use.arguments[0]})", ("round_half_away",))


@writes("rint", "_npi_rint")
def _round_down(use: Use) -> str:
    """Halves are rounded down."""
    if numpy.dtype(use.dtype).kind != "f":
        return use.arguments[0]
    return f"torch.ceil({infix(use.arguments[0], '-', '0.5')})"


@writes("_npi_around")
def _round_to_even(use: Use) -> str:
    decimals = int(use.value("decimals", 0))
    if numpy.dtype(use.dtype).kind != "f":
        if decimals < 0:
            raise use.refuse("it rounds whole numbers to tens")
        return use.arguments[0]
    return f"torch.round({use.arguments[0]}{options(decimals=decimals or None)})"


@writes("_npi_nan_to_num")
def _without_nan(use: Use) -> str:
    limits = {name: use.value(name) for name in ("nan", "posinf", "neginf")}
    texts = {name: None if v is None else literal(v) for name, v in limits.items()}
    return f"torch.nan_to_num({use.arguments[0]}{options(**texts)})"


@writes("clip")
def _clip(use: Use) -> str:
    low, high = (literal(float(use.value(name)), use.dtype) for name in ("a_min", "a_max"))
    return f"torch.clamp({use.arguments[0]}, {low}, {high})"


@writes("Cast", "amp_cast")
def _cast(use: Use) -> str:
    if use.inputs[0].dtype == use.dtype:
        return use.arguments[0]
    return cast(use.arguments[0], use.dtype)


@writes("_copy", "_np_copy", "make_loss", "MakeLoss")
def _same(use: Use) -> str:
    return use.arguments[0]


@writes("BlockGrad")
def _no_gradient(use: Use) -> str:
    return f"{use.x}.detach()"


@writes("zeros_like", "ones_like", "_npi_full_like")
def _filled_like(use: Use) -> str:
    given, wanted = use.inputs[0].dtype, use.dtype
    dtype = None if given == wanted else f"torch.{wanted}"
    if use.operator == "_npi_full_like":
        value = literal(float(use.value("fill_value")), wanted)
        return f"torch.full_like({use.arguments[0]}, {value}{options(dtype=dtype)})"
    return f"torch.{use.operator}({use.arguments[0]}{options(dtype=dtype)})"


@writes("_contrib_div_sqrt_dim")
def _by_root_of_size(use: Use) -> str:
    return f"{grouped(use.arguments[0], 2)} / {primary(use.arguments[0])}.shape[-1] ** 0.5"
