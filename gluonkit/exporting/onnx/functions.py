"""Converters of functions of each element, and of data types."""

from __future__ import annotations

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import as_wide, cast, finish, operands, working_type


@converts("Cast", "amp_cast", "_npi_cast")
def _cast(step: Step) -> None:
    step.add("Cast", step.inputs, to=step.onnx_type(step.outputs[0].dtype))


@converts("amp_multicast")
def _cast_all(step: Step) -> None:
    for number, (name, spec) in enumerate(zip(step.inputs, step.outputs, strict=True)):
        part = str(number) if len(step.outputs) > 1 else ""
        step.add("Cast", [name], part, to=step.onnx_type(spec.dtype))


@converts("_np_copy", "_copy")
def _copy(step: Step) -> None:
    step.add("Identity", step.inputs)


_ALSO_WHOLE = {
    "_npx_relu": "Relu",
    "relu": "Relu",
    "_npi_absolute": "Abs",
    "_npi_negative": "Neg",
    "_npi_sign": "Sign",
    "sign": "Sign",
}
"""Operators that give whole numbers for whole numbers."""


@converts(*_ALSO_WHOLE)
def _also_of_whole_numbers(step: Step) -> None:
    operator, work = _ALSO_WHOLE[step.operator], working_type(step.outputs[0].dtype)
    names = operands(step, work)
    if operator == "Relu" and numpy.dtype(work).kind != "f":  # for ONNX only of floats
        operator = "Max"
        names.append(step.constant("zero", 0, work))
    finish(step, step.add(operator, names, "result"), work)


_REAL = {
    **{
        f"{begin}{name}": operator
        for name, operator in {
            "tanh": "Tanh",
            "exp": "Exp",
            "log": "Log",
            "sqrt": "Sqrt",
            "sin": "Sin",
            "cos": "Cos",
            "tan": "Tan",
            "arcsin": "Asin",
            "arccos": "Acos",
            "arctan": "Atan",
            "sinh": "Sinh",
            "cosh": "Cosh",
            "arcsinh": "Asinh",
            "arccosh": "Acosh",
            "arctanh": "Atanh",
            "reciprocal": "Reciprocal",
            "floor": "Floor",
            "ceil": "Ceil",
        }.items()
        for begin in ("", "_npi_")
    },
    "_npx_sigmoid": "Sigmoid",
    "erf": "Erf",
    "softsign": "Softsign",
}
"""Operators that are ONNX's, which has them for floats only."""


@converts(*_REAL)
def _real(step: Step) -> None:
    spec = step.specs[0]
    data, done = as_wide(step, step.inputs[0], spec.dtype, step.outputs[0].dtype, floating=True)
    done(step.add(_REAL[step.operator], [data], "result"))


@converts("_npi_square")
def _square(step: Step) -> None:
    step.add("Mul", [step.inputs[0], step.inputs[0]])


@converts("_npi_log2", "log2", "_npi_log10", "log10")
def _logarithm(step: Step) -> None:
    base = numpy.log(10 if step.operator.endswith("10") else 2)
    natural = step.add("Log", step.inputs, "natural")
    step.add("Div", [natural, step.constant("base", base, step.outputs[0].dtype)])


@converts("rsqrt")
def _reciprocal_root(step: Step) -> None:
    step.add("Reciprocal", [step.add("Sqrt", step.inputs, "root")])


@converts("_npi_cbrt", "cbrt")
def _cube_root(step: Step) -> None:
    power = step.constant("third", 1 / 3, step.outputs[0].dtype)
    root = step.add("Pow", [step.add("Abs", step.inputs, "abs"), power], "root")
    step.add("Mul", [step.add("Sign", step.inputs, "sign"), root])


@converts("log1p", "_npi_log1p")
def _log_one_more(step: Step) -> None:
    one = step.constant("one", 1, step.outputs[0].dtype)
    step.add("Log", [step.add("Add", [*step.inputs, one], "sum")])


@converts("expm1", "_npi_expm1")
def _exp_one_less(step: Step) -> None:
    one = step.constant("one", 1, step.outputs[0].dtype)
    step.add("Sub", [step.add("Exp", step.inputs, "exp"), one])


@converts("round", "rint", "fix", "trunc", "_npi_rint", "_npi_fix", "_npi_trunc", "_npi_around")
def _rounding(step: Step) -> None:
    """Of halves, `round` goes away from zero, `rint` down, and `around` to the even number."""
    dtype, name = step.outputs[0].dtype, step.operator.removeprefix("_npi_")
    decimals = step.value("decimals", 0)
    if numpy.dtype(dtype).kind != "f":
        if decimals < 0:
            raise NotImplementedError(f"{step.operator} of whole numbers to tens")
        step.add("Identity", step.inputs)
    elif name == "around":
        _to_even(step, decimals)
    elif name == "rint":
        low, high = (step.add(rounding, step.inputs, rounding) for rounding in ("Floor", "Ceil"))
        below = step.add("Sub", [step.inputs[0], low], "below")
        above = step.add("Sub", [high, step.inputs[0]], "above")
        step.add("Where", [step.add("LessOrEqual", [below, above], "down"), low, high])
    else:
        size = step.add("Abs", step.inputs, "size")
        whole = step.add("Floor", [size], "floor")
        if name == "round":
            more = step.add("Sub", [size, whole], "more")
            half = step.constant("half", 0.5, dtype)
            up = step.add("GreaterOrEqual", [more, half], "up")
            one = step.add("Cast", [up], "one", to=step.onnx_type(dtype))
            whole = step.add("Add", [whole, one], "whole")
        step.add("Mul", [step.add("Sign", step.inputs, "sign"), whole])


def _to_even(step: Step, decimals: int) -> None:
    if not decimals:
        step.add("Round", step.inputs)
        return
    factor = step.constant("factor", 10.0 ** abs(decimals), step.outputs[0].dtype)
    there, back = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    scaled = step.add(there, [step.inputs[0], factor], "scaled")
    step.add(back, [step.add("Round", [scaled], "rounded"), factor])


@converts("logical_not", "_npi_logical_not")
def _logical_not(step: Step) -> None:
    data = cast(step, step.inputs[0], step.specs[0].dtype, "bool", "boolean")
    finish(step, step.add("Not", [data], "result"), "bool")


@converts("smooth_l1", "_npx_smooth_l1")
def _smooth_l1(step: Step) -> None:
    dtype = step.outputs[0].dtype
    square = float(step.value("scalar", 1.0)) ** 2
    size = step.add("Abs", step.inputs, "size")
    limit, factor = step.constants(dtype, limit=1 / square, factor=square / 2)
    less = step.constant("less", 0.5 / square, dtype)
    near = step.add("Mul", [step.add("Mul", [size, size], "square"), factor], "near")
    far = step.add("Sub", [size, less], "far")
    step.add("Where", [step.add("Less", [size, limit], "is-near"), near, far])


@converts("_npi_full_like", "_full_like", "full_like")
def _full_like(step: Step) -> None:
    shape = step.add("Shape", step.inputs, "shape")
    value = step.attributes.get("fill_value") or step.attributes["value"]
    scalar = step.constant("value", float(value), step.outputs[0].dtype)
    step.add("Expand", [scalar, shape])
