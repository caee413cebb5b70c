"""Converters of operators that MXNet's own converters lack or get wrong."""

from __future__ import annotations

import numpy

from gluonkit.exporting.onnx.conversion import Step, converts
from gluonkit.exporting.onnx.wide import as_wide, cast, finish, working_type

# MXNet's converters take the second operand for a part of the weights, and the order of the
# operands from the node's name.
_ARITHMETIC = {
    "_plus_scalar": ("Add", False),
    "_npi_add_scalar": ("Add", False),
    "_minus_scalar": ("Sub", False),
    "_npi_subtract_scalar": ("Sub", False),
    "_rminus_scalar": ("Sub", True),
    "_npi_rsubtract_scalar": ("Sub", True),
    "_mul_scalar": ("Mul", False),
    "_npi_multiply_scalar": ("Mul", False),
    "_div_scalar": ("Div", False),
    "_npi_true_divide_scalar": ("Div", False),
    "_rdiv_scalar": ("Div", True),
    "_npi_rtrue_divide_scalar": ("Div", True),
    "_power_scalar": ("Pow", False),
    "_npi_power_scalar": ("Pow", False),
    "_rpower_scalar": ("Pow", True),
    "_npi_rpower_scalar": ("Pow", True),
    "_maximum_scalar": ("Max", False),
    "_npi_maximum_scalar": ("Max", False),
    "_minimum_scalar": ("Min", False),
    "_npi_minimum_scalar": ("Min", False),
}


@converts(*_ARITHMETIC)
def _with_scalar(step: Step) -> None:
    operator, swapped = _ARITHMETIC[step.operator]
    data, done = as_wide(step, step.inputs[0], step.specs[0].dtype, step.outputs[0].dtype)
    work = working_type(step.outputs[0].dtype)
    scalar = step.constant("scalar", float(step.attributes["scalar"]), work)
    done(step.add(operator, [scalar, data] if swapped else [data, scalar], "wide-result"))


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
    work = working_type(step.specs[0].dtype)
    operands = [
        cast(step, operand, spec.dtype, work, f"wide{place}")
        for place, (operand, spec) in enumerate(zip(step.inputs, step.specs, strict=True))
    ]
    if step.operator.endswith("_scalar"):
        operands.append(step.constant("scalar", float(step.attributes["scalar"]), work))
    compared = step.add(_COMPARISONS[name], operands, "compared")
    if name == "not_equal":
        compared = step.add("Not", [compared], "not")
    step.add("Cast", [compared], to=step.onnx_type(step.outputs[0].dtype))


@converts("Cast", "amp_cast", "_npi_cast")
def _cast(step: Step) -> None:
    step.add("Cast", step.inputs, to=step.onnx_type(step.outputs[0].dtype))


@converts("_npi_matmul", "_np_dot", "dot", "_npi_dot")
def _matrix_product(step: Step) -> None:
    """Convert matrix products; MXNet's `dot` is another for more than two axes on the right."""
    turned = any(step.value(f"transpose_{side}", False) for side in "ab")
    first, second = (len(spec.shape) for spec in step.specs)
    if "matmul" not in step.operator and (second > 2 or (turned and first > 2)):
        raise NotImplementedError(f"{step.operator} of arrays with more than two dimensions")
    operands = [
        step.add("Transpose", [name], side) if step.value(f"transpose_{side}", False) else name
        for side, name in zip("ab", step.inputs, strict=True)
    ]
    step.add("MatMul", operands)


@converts("_linalg_gemm2", "_linalg_gemm")
def _scaled_product(step: Step) -> None:
    """Convert products of matrices, whose rows lie along any axis, plus a third matrix."""
    shape, dtype = step.specs[0].shape, step.outputs[0].dtype
    rows = step.value("axis") % len(shape)
    order = [axis for axis in range(len(shape)) if axis != rows]
    order.insert(-1, rows)
    operands = []
    for side, name in zip("ab", step.inputs[:2], strict=True):
        axes = list(order)
        if step.value(f"transpose_{side}"):
            axes[-2:] = axes[:-3:-1]
        operands.append(step.add("Transpose", [name], side, perm=axes))
    product = step.add("MatMul", operands, "product")
    factor = step.constant("alpha", float(step.value("alpha")), dtype)
    back = [order.index(axis) for axis in range(len(shape))]
    moved = step.add("Transpose", [step.add("Mul", [product, factor], "scaled")], "sum", perm=back)
    if step.operator == "_linalg_gemm":
        factor = step.constant("beta", float(step.value("beta")), dtype)
        moved = step.add("Add", [moved, step.add("Mul", [step.inputs[2], factor], "c")], "all")
    finish(step, moved, dtype)


_SAME = {  # operators that ONNX has as they are
    **{
        name: operator
        for names, operator in (
            (("_npi_add", "elemwise_add", "broadcast_add", "_plus"), "Add"),
            (("_npi_subtract", "elemwise_sub", "broadcast_sub", "_minus"), "Sub"),
            (("_npi_multiply", "elemwise_mul", "broadcast_mul", "_mul"), "Mul"),
            (("_npi_true_divide", "elemwise_div", "broadcast_div", "_div"), "Div"),
            (("_npi_power", "broadcast_power", "_power"), "Pow"),
            (("_npi_maximum", "broadcast_maximum", "_maximum"), "Max"),
            (("_npi_minimum", "broadcast_minimum", "_minimum"), "Min"),
            (("_npx_relu", "relu"), "Relu"),
        )
        for name in names
    },
    "_npi_absolute": "Abs",
    "_npi_negative": "Neg",
    "_npi_sign": "Sign",
    "_np_copy": "Identity",
    "_copy": "Identity",
    "sign": "Sign",
}


@converts(*_SAME)
def _same(step: Step) -> None:
    operator = _SAME[step.operator]
    dtype = step.outputs[0].dtype
    work = working_type(dtype)
    if operator == "Relu" and numpy.dtype(work).kind != "f":  # for ONNX only of floats
        zero = step.constant("zero", 0, work)
        names, operator = [*step.inputs, zero], "Max"
    elif operator == "Identity":
        names, work = list(step.inputs), dtype
    else:
        names = list(step.inputs)
    names[: len(step.specs)] = [
        cast(step, name, spec.dtype, work, f"cast{place}")
        for place, (name, spec) in enumerate(zip(step.inputs, step.specs, strict=True))
    ]
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


@converts(
    *("_mod_scalar", "_rmod_scalar", "_npi_mod_scalar", "_npi_rmod_scalar"),
    *("_mod", "broadcast_mod", "_npi_mod"),
)
def _remainder(step: Step) -> None:
    """The remainder has the sign of the divisor, as in Python, and is 0 for a divisor of 0."""
    work = working_type(step.outputs[0].dtype)
    operands = [
        cast(step, operand, spec.dtype, work, f"wide{place}")
        for place, (operand, spec) in enumerate(zip(step.inputs, step.specs, strict=True))
    ]
    if step.operator.endswith("scalar"):
        scalar = step.constant("scalar", float(step.attributes["scalar"]), work)
        operands.insert(0 if "rmod" in step.operator else 1, scalar)
    zero, one = (step.constant(name, n, work) for n, name in enumerate(("zero", "one")))
    is_zero = step.add("Equal", [operands[1], zero], "by-zero")
    divisor = step.add("Where", [is_zero, one, operands[1]], "divisor")
    if numpy.dtype(work).kind == "f":
        rest = step.add("Mod", [operands[0], divisor], "rest", fmod=1)
        rest = _of_divisors_sign(step, rest, divisor, zero)
    else:
        rest = step.add("Mod", [operands[0], divisor], "rest")
    finish(step, step.add("Where", [is_zero, zero, rest], "result"), work)


def _of_divisors_sign(step: Step, rest: str, divisor: str, zero: str) -> str:
    below = [step.add("Less", [part, zero], f"below{n}") for n, part in enumerate((rest, divisor))]
    other = step.add("Xor", below, "other-sign")
    some = step.add("Not", [step.add("Equal", [rest, zero], "none")], "some")
    moved = step.add("Add", [rest, divisor], "moved")
    return step.add("Where", [step.add("And", [other, some], "wrong"), moved, rest], "right")


@converts("logical_not", "_npi_logical_not")
def _logical_not(step: Step) -> None:
    data = cast(step, step.inputs[0], step.specs[0].dtype, "bool", "boolean")
    finish(step, step.add("Not", [data], "result"), "bool")


@converts("smooth_l1", "_npx_smooth_l1")
def _smooth_l1(step: Step) -> None:
    dtype = step.outputs[0].dtype
    square = float(step.value("scalar", 1.0)) ** 2
    size = step.add("Abs", step.inputs, "size")
    names = ("limit", "factor", "less")
    values = (1 / square, square / 2, 0.5 / square)
    limit, factor, less = (step.constant(*pair, dtype) for pair in zip(names, values, strict=True))
    near = step.add("Mul", [step.add("Mul", [size, size], "square"), factor], "near")
    far = step.add("Sub", [size, less], "far")
    step.add("Where", [step.add("Less", [size, limit], "is-near"), near, far])


@converts("LeakyReLU", "_npx_leaky_relu")
def _leaky(step: Step) -> None:
    kind, slope = step.attributes["act_type"], float(step.value("slope"))
    if kind == "prelu":
        data, weights = step.inputs
        count, shape = len(step.specs[0].shape), step.specs[1].shape
        if len(shape) == 1 and count > 2:  # one for each channel
            ones = step.constant("shape", [*shape, *[1] * (count - 2)], "int64")
            weights = step.add("Reshape", [weights, ones], "weights")
        step.add("PRelu", [data, weights])
    elif kind == "gelu":
        numbers = {"root": 2**0.5, "one": 1, "half": 0.5}
        root, one, half = (step.constant(*n, step.specs[0].dtype) for n in numbers.items())
        part = step.add("Erf", [step.add("Div", [*step.inputs, root], "scaled")], "erf")
        twice = step.add("Mul", [step.inputs[0], step.add("Add", [part, one], "sum")], "twice")
        step.add("Mul", [twice, half])
    elif kind == "selu":
        step.add("Selu", step.inputs)
    elif kind in ("leaky", "elu"):
        step.add({"leaky": "LeakyRelu", "elu": "Elu"}[kind], step.inputs, alpha=slope)
    else:
        raise NotImplementedError(f"LeakyReLU with act_type {kind}")


@converts("_npi_full_like", "_full_like", "full_like")
def _full_like(step: Step) -> None:
    shape = step.add("Shape", step.inputs, "shape")
    value = step.attributes.get("fill_value") or step.attributes["value"]
    scalar = step.constant("value", float(value), step.outputs[0].dtype)
    step.add("Expand", [scalar, shape])


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


@converts("GroupNorm")
def _group_norm(step: Step) -> None:
    """Convert by instance norm; MXNet 1.9.1 has one scale and shift per group, not per channel."""
    groups = step.value("num_groups")
    data, *weights = step.inputs
    if step.specs[1].shape != (groups,):
        raise NotImplementedError("GroupNorm with weights that are not one per group")
    rows = step.constant("rows", [0, groups, -1], "int64")
    grouped = step.add("Reshape", [data, rows], "grouped")
    epsilon = float(step.value("eps"))
    normal = step.add("InstanceNormalization", [grouped, *weights], "normal", epsilon=epsilon)
    step.add("Reshape", [normal, step.add("Shape", [data], "shape")])


@converts("LayerNorm", "_npx_layer_norm")
def _layer_norm(step: Step) -> None:
    """MXNet's own converter supports float32 only."""
    if step.value("output_mean_var"):
        raise NotImplementedError("LayerNorm that gives its statistics too")
    data, *weights = step.inputs
    shape, dtype = step.specs[0].shape, step.specs[0].dtype
    axis = step.value("axis") % len(shape)
    two = step.constant("two", 2, dtype)
    epsilon = step.constant("epsilon", float(step.value("eps")), dtype)
    mean = step.add("ReduceMean", [data], "mean", axes=[axis])
    far = step.add("Sub", [data, mean], "far")
    # By powers ONNX Runtime knows the pattern, in which it loses a cast of the data.
    factors = ("Mul", [far, far]) if "cast" in step.sources[0].lower() else ("Pow", [far, two])
    squares = step.add(*factors, "squares")
    variance = step.add("ReduceMean", [squares], "variance", axes=[axis])
    root = step.add("Sqrt", [step.add("Add", [variance, epsilon], "positive")], "root")
    if axis != len(shape) - 1:
        along = step.constant("along", [-1] + [1] * (len(shape) - axis - 1), "int64")
        weights = [step.add("Reshape", [w, along], f"w{n}") for n, w in enumerate(weights)]
    scaled = step.add("Mul", [step.add("Div", [far, root], "normal"), weights[0]], "scaled")
    step.add("Add", [scaled, weights[1]])


@converts("L2Normalization")
def _unit_length(step: Step) -> None:
    axes = list(range(1, len(step.specs[0].shape)))
    mode = step.attributes["mode"]
    axes = {"instance": axes, "channel": axes[:1], "spatial": axes[1:]}[mode]
    epsilon = step.constant("epsilon", float(step.value("eps")), step.specs[0].dtype)
    squares = step.add("ReduceSumSquare", step.inputs, "squares", axes=axes, keepdims=1)
    length = step.add("Sqrt", [step.add("Add", [squares, epsilon], "positive")], "length")
    step.add("Div", [step.inputs[0], length])


@converts("LRN")
def _local_response(step: Step) -> None:
    step.add(
        "LRN",
        step.inputs,
        size=step.value("nsize"),
        alpha=float(step.value("alpha")),
        beta=float(step.value("beta")),
        bias=float(step.value("knorm")),
    )


@converts("reverse", "_npi_flip")
def _reverse(step: Step) -> None:
    axes = step.value("axis")
    axes = [axes] if isinstance(axes, int) else list(axes or range(len(step.specs[0].shape)))
    back, before_all = [-1] * len(axes), [numpy.iinfo("int64").min] * len(axes)
    step.sliced(step.inputs[0], back, before_all, axes, steps=back)


@converts("_npi_einsum")
def _einsum(step: Step) -> None:
    step.add("Einsum", step.inputs, equation=step.attributes["subscripts"])


@converts("_npi_square")
def _square(step: Step) -> None:
    step.add("Mul", [step.inputs[0], step.inputs[0]])


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


@converts("_contrib_BilinearResize2D")
def _bilinear_resize(step: Step) -> None:
    """Convert by the inferred size; corners are aligned, or pixels are areas."""
    way = "align_corners" if step.value("align_corners") else "half_pixel"
    rows = step.sliced(step.add("Shape", step.inputs[:1], "shape"), [0], [2], [0], part="channels")
    size = step.constant("size", step.outputs[0].shape[2:], "int64")
    sizes = step.add("Concat", [rows, size], "sizes", axis=0)
    inputs = [step.inputs[0], "", "", sizes]
    step.add("Resize", inputs, mode="linear", coordinate_transformation_mode=way)
