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


@writes("relu", "_npx_relu")
def _relu(use: Use) -> str:
    return f"F.relu({use.arguments[0]})"


@writes("softsign")
def _softsign(use: Use) -> str:
    return f"F.softsign({use.arguments[0]})"


@writes("hard_sigmoid")
def _hard_sigmoid(use: Use) -> str:
    alpha, beta = (literal(use.value(n, d)) for n, d in (("alpha", 0.2), ("beta", 0.5)))
    return f"torch.clamp({infix(infix(alpha, '*', use.arguments[0]), '+', beta)}, 0, 1)"


_ACTIVATIONS = {
    "relu": "F.relu",
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "softrelu": "F.softplus",
    "softsign": "F.softsign",
}


@writes("Activation")
def _activation(use: Use) -> str:
    kind = use.text("act_type")
    if kind not in _ACTIVATIONS:
        raise use.refuse(f"act_type={kind} is not known")
    return f"{_ACTIVATIONS[kind]}({use.arguments[0]})"


@writes("LeakyReLU")
def _leaky(use: Use) -> str:
    kind, slope = use.text("act_type", "leaky"), literal(float(use.value("slope", 0.25)))
    if kind == "prelu":
        return _prelu(use)
    if kind == "rrelu":
        low, high = (
            literal(use.value(n, d)) for n, d in (("lower_bound", 0.125), ("upper_bound", 0.334))
        )
        return f"F.rrelu({use.arguments[0]}, {low}, {high}, training=self.training)"
    if kind in ("leaky", "elu"):
        return f"F.{'leaky_relu' if kind == 'leaky' else 'elu'}({use.arguments[0]}, {slope})"
    if kind in ("selu", "gelu"):
        return f"F.{kind}({use.arguments[0]})"
    raise use.refuse(f"act_type={kind} is not known")


def _prelu(use: Use) -> str:
    """Write PReLU; its slopes belong to the second axis, or have the shape of the array."""
    shape, slopes = use.inputs[0].shape, use.inputs[1].shape
    if slopes == (1,) or (len(shape) > 1 and slopes == shape[1:2]):
        return f"F.prelu({', '.join(use.arguments)})"
    data = use.arguments[0]
    return f"torch.where({infix(data, '>', '0')}, {data}, {infix(use.arguments[1], '*', data)})"


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


@writes("LinearRegressionOutput", "MAERegressionOutput", "SVMOutput")
def _prediction(use: Use) -> str:
    return use.arguments[0]


@writes("LogisticRegressionOutput")
def _logistic_prediction(use: Use) -> str:
    return f"torch.sigmoid({use.arguments[0]})"
