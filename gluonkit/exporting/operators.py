"""Converters of operators that MXNet's own converters lack or get wrong."""

from __future__ import annotations

from typing import Any

import numpy

from gluonkit.exporting.step import Step, converts

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
    dtype = step.outputs[0].dtype
    data = step.inputs[0]
    if step.specs[0].dtype != dtype:
        data = step.add("Cast", [data], "cast", to=step.onnx_type(dtype))
    scalar = step.constant("scalar", float(step.attributes["scalar"]), dtype)
    step.add(operator, [scalar, data] if swapped else [data, scalar])


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
    other = (
        [step.constant("scalar", float(step.attributes["scalar"]), step.specs[0].dtype)]
        if step.operator.endswith("_scalar")
        else step.inputs[1:]
    )
    found = step.add(_COMPARISONS[name], [step.inputs[0], *other], "compared")
    if name == "not_equal":
        found = step.add("Not", [found], "not")
    step.add("Cast", [found], to=step.onnx_type(step.outputs[0].dtype))


@converts("Cast", "amp_cast", "_npi_cast")
def _cast(step: Step) -> None:
    step.add("Cast", step.inputs, to=step.onnx_type(step.outputs[0].dtype))


@converts("BatchNorm", "_npx_batch_norm")
def _batch_norm(step: Step) -> None:
    """MXNet's has the wrong scale for `scale=False`, and only one axis."""
    data, gamma, *others = step.inputs
    shape = step.specs[0].shape
    axis = step.value("axis", 1) % len(shape)
    order = list(range(len(shape)))
    order[1], order[axis] = axis, 1
    if step.value("fix_gamma", True):
        gamma = step.constant("gamma", numpy.ones(step.specs[1].shape), step.specs[1].dtype)
    moved = axis != 1
    if moved:
        data = step.add("Transpose", [data], "before", perm=order)
    normal = step.add(
        "BatchNormalization",
        [data, gamma, *others],
        "normal" if moved else "",
        epsilon=float(step.value("eps", 1e-3)),
    )
    if moved:
        step.add("Transpose", [normal], perm=order)


@converts("_npi_matmul", "_np_dot", "dot", "_npi_dot")
def _matrix_product(step: Step) -> None:
    """Where ONNX's product is MXNet's: `dot` is another for more than two axes on the right."""
    turned = any(step.value(f"transpose_{side}", False) for side in "ab")
    first, second = (len(spec.shape) for spec in step.specs)
    if "matmul" not in step.operator and (second > 2 or (turned and first > 2)):
        raise NotImplementedError(f"{step.operator} of arrays with more than two dimensions")
    operands = [
        step.add("Transpose", [name], side) if step.value(f"transpose_{side}", False) else name
        for side, name in zip("ab", step.inputs, strict=True)
    ]
    step.add("MatMul", operands)


@converts("_np_reshape", "_npi_reshape", "_npx_reshape")
def _numpy_reshape(step: Step) -> None:
    """By the shape that MXNet infers, as codes such as -5 mean other things to ONNX or nothing."""
    open_axes = [one != two for one, two in zip(step.outputs[0].shape, step.grown[0], strict=True)]
    if sum(open_axes) > 1 or 0 in step.outputs[0].shape:
        raise NotImplementedError(f"{step.operator} to {step.outputs[0].shape}")
    sizes = zip(step.outputs[0].shape, open_axes, strict=True)
    shape = [-1 if is_open else size for size, is_open in sizes]
    step.add("Reshape", [step.inputs[0], step.constant("shape", shape, "int64")])


_REDUCTIONS = {
    "_npi_mean": "ReduceMean",
    "_np_sum": "ReduceSum",
    "_np_max": "ReduceMax",
    "_np_min": "ReduceMin",
    "_np_prod": "ReduceProd",
}


@converts(*_REDUCTIONS)
def _reduction(step: Step) -> None:
    axes = step.value("axis")
    kept = int(bool(step.value("keepdims", False)))
    axes = [axes] if isinstance(axes, int) else axes and list(axes)
    given: dict[str, Any] = {} if axes is None else {"axes": axes}
    data = step.inputs[0]
    if step.specs[0].dtype != step.outputs[0].dtype:
        data = step.add("Cast", [data], "cast", to=step.onnx_type(step.outputs[0].dtype))
    if step.operator == "_np_sum":  # the only one whose axes are an input by now
        inputs = [data] if axes is None else [data, step.constant("axes", axes, "int64")]
        step.add("ReduceSum", inputs, keepdims=kept)
    else:
        step.add(_REDUCTIONS[step.operator], [data], keepdims=kept, **given)


@converts("_npi_concatenate")
def _concatenate(step: Step) -> None:
    if step.attributes.get("axis") == "None":
        raise NotImplementedError("concatenation of flattened arrays")
    step.add("Concat", step.inputs, axis=int(step.attributes.get("axis", "0")))


_SAME = {  # operators of NumPy's names that ONNX has as they are
    "_npi_add": "Add",
    "_npi_subtract": "Sub",
    "_npi_multiply": "Mul",
    "_npi_true_divide": "Div",
    "_npi_power": "Pow",
    "_npi_maximum": "Max",
    "_npi_minimum": "Min",
    "broadcast_maximum": "Max",
    "broadcast_minimum": "Min",
    "_npx_relu": "Relu",
    "_npx_sigmoid": "Sigmoid",
    "_npi_tanh": "Tanh",
    "_npi_exp": "Exp",
    "_npi_log": "Log",
    "_npi_sqrt": "Sqrt",
    "_npi_sin": "Sin",
    "_npi_cos": "Cos",
    "_npi_absolute": "Abs",
    "_npi_negative": "Neg",
    "_npi_reciprocal": "Reciprocal",
    "_npi_floor": "Floor",
    "_npi_ceil": "Ceil",
    "_npi_sign": "Sign",
    "_np_copy": "Identity",
    "_copy": "Identity",
    "erf": "Erf",
    "sign": "Sign",
    "softsign": "Softsign",
}


@converts(*_SAME)
def _same(step: Step) -> None:
    dtype = step.outputs[0].dtype
    names = [
        name
        if spec.dtype == dtype
        else step.add("Cast", [name], f"cast{place}", to=step.onnx_type(dtype))
        for place, (name, spec) in enumerate(zip(step.inputs, step.specs, strict=True))
    ]
    step.add(_SAME[step.operator], names)


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
    """By group as an instance; MXNet 1.9.1 has one scale and shift per group, not per channel."""
    groups = step.value("num_groups", 1)
    data, *weights = step.inputs
    if step.specs[1].shape != (groups,):
        raise NotImplementedError("GroupNorm with weights that are not one per group")
    rows = step.constant("rows", [0, groups, -1], "int64")
    grouped = step.add("Reshape", [data, rows], "grouped")
    epsilon = float(step.value("eps", 1e-5))
    normal = step.add("InstanceNormalization", [grouped, *weights], "normal", epsilon=epsilon)
    step.add("Reshape", [normal, step.add("Shape", [data], "shape")])


@converts("L2Normalization")
def _unit_length(step: Step) -> None:
    axes = list(range(1, len(step.specs[0].shape)))
    mode = step.attributes.get("mode", "instance")
    axes = {"instance": axes, "channel": axes[:1], "spatial": axes[1:]}[mode]
    epsilon = step.constant("epsilon", float(step.value("eps", 1e-10)), step.specs[0].dtype)
    squares = step.add("ReduceSumSquare", step.inputs, "squares", axes=axes, keepdims=1)
    length = step.add("Sqrt", [step.add("Add", [squares, epsilon], "positive")], "length")
    step.add("Div", [step.inputs[0], length])


@converts("LRN")
def _local_response(step: Step) -> None:
    step.add(
        "LRN",
        step.inputs,
        size=step.value("nsize"),
        alpha=float(step.value("alpha", 1e-4)),
        beta=float(step.value("beta", 0.75)),
        bias=float(step.value("knorm", 2.0)),
    )


@converts("reverse", "_npi_flip")
def _reverse(step: Step) -> None:
    axes = step.value("axis")
    axes = [axes] if isinstance(axes, int) else list(axes or range(len(step.specs[0].shape)))
    limits: dict[str, Any] = {
        "starts": -1,
        "ends": numpy.iinfo("int64").min,
        "axes": axes,
        "steps": -1,
    }
    names = [
        step.constant(part, numpy.broadcast_to(value, len(axes)), "int64")
        for part, value in limits.items()
    ]
    step.add("Slice", [step.inputs[0], *names])


@converts("_npi_argmax", "_npi_argmin")
def _extreme_place(step: Step) -> None:
    if step.attributes.get("axis", "None") == "None":
        raise NotImplementedError(f"{step.operator} over all axes")
    kept = int(bool(step.value("keepdims", False)))
    operator = "ArgMax" if step.operator.endswith("max") else "ArgMin"
    place = step.add(operator, step.inputs, "place", axis=step.value("axis"), keepdims=kept)
    step.add("Cast", [place], to=step.onnx_type(step.outputs[0].dtype))


@converts("_npi_einsum")
def _einsum(step: Step) -> None:
    step.add("Einsum", step.inputs, equation=step.attributes["subscripts"])


@converts("_npi_square")
def _square(step: Step) -> None:
    step.add("Mul", [step.inputs[0], step.inputs[0]])


@converts("_np_transpose")
def _numpy_transpose(step: Step) -> None:
    axes = step.value("axes")
    options: dict[str, Any] = {"perm": list(axes)} if axes else {}
    step.add("Transpose", step.inputs, **options)


@converts("_npi_where")
def _numpy_where(step: Step) -> None:
    condition = step.add("Cast", [step.inputs[0]], "condition", to=step.onnx_type("bool"))
    step.add("Where", [condition, *step.inputs[1:]])


def rounds_up(step: Step) -> bool:
    """Return whether it is an average over windows that may reach beyond the padding."""
    is_average = step.attributes.get("pool_type") == "avg"
    is_local = step.attributes.get("global_pool", "False") == "False"
    return is_average and is_local and step.attributes.get("pooling_convention") == "full"


def average_rounding_up(step: Step) -> None:
    """Average over padded windows, then by the number of elements that MXNet counts in each.

    ONNX Runtime 1.23 divides by another number where a window reaches beyond the padding.
    """
    kernel = list(step.value("kernel"))
    stride = list(step.value("stride", (1,) * len(kernel)))
    padding = list(step.value("pad", (0,) * len(kernel)))
    inner = step.attributes.get("count_include_pad", "True") == "False"
    factor = numpy.ones((1, 1), "float64")
    beyond = []
    sides = zip(step.specs[0].shape[2:], step.outputs[0].shape[2:], strict=True)
    for axis, (size, count) in enumerate(sides):
        begins = numpy.arange(count) * stride[axis] - padding[axis]
        ends = begins + kernel[axis]
        beyond.append(max(int(ends[-1]) - size, 0))
        low, high = (0, size) if inner else (-padding[axis], size + padding[axis])
        counted = numpy.minimum(ends, high) - numpy.maximum(begins, low)
        factor = factor[..., None] * (kernel[axis] / counted)
    dtype = step.outputs[0].dtype
    pads = step.constant("pads", [0, 0, *padding, 0, 0, *beyond], "int64")
    padded = step.add("Pad", [step.inputs[0], pads, step.constant("zero", 0, dtype)], "padded")
    mean = step.add("AveragePool", [padded], "mean", kernel_shape=kernel, strides=stride)
    step.add("Mul", [mean, step.constant("factor", factor, dtype)])
