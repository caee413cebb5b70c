"""Multiply-adds of operators: one for each multiplication whose product is added to others.

Convolutions, matrix products and recurrent layers are counted. What the literature leaves out
(elementwise arithmetic, activations, normalization, pooling, data movement) has none by that
convention. Whatever is in neither list is *not counted*, and a summary names it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any, TypeVar

from gluonkit._base.arguments import check_argument, checked_but, function_of
from gluonkit._base.registers import registering
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.tracing import Operator

Count = Callable[[Operator], int]
CountFunction = TypeVar("CountFunction", bound=Count)

_counts: dict[str, Count] = {}
_counts_for = registering(_counts)
_users: dict[str, Count] = {}


@checked_but("operator")
def register_macs(operator: str) -> Callable[[CountFunction], CountFunction]:
    """Register the decorated function as the multiply-adds of an operator.

    The function is called with the operator, which has ``.inputs`` and ``.outputs`` (each with a
    ``.shape``) and ``.attributes`` (all text), and returns a whole number. It takes precedence over
    gluonkit's own count.

    Parameters
    ----------
    operator : str
        MXNet's name of the operator, as a summary gives it, such as ``"Correlation"``; for an
        operator written in Python, ``"Custom:"`` and the name that it is registered by.

    Returns
    -------
    callable
        A decorator, which returns the function unchanged.

    Raises
    ------
    ArgumentTypeError
        When `operator` is not text, which happens if the decorator is used without a name, and
        for anything but a function of one argument.

    Examples
    --------
    >>> from gluonkit.inspection import register_macs
    >>> @register_macs("Custom:my_attention")
    ... def attention(operator):
    ...     return operator.outputs[0].size * operator.inputs[0].shape[-1]
    """
    if not isinstance(operator, str):
        raise ArgumentTypeError(
            f"`operator` is {operator!r}; write @register_macs('NameOfTheOperator')"
        )

    def decorate(function: CountFunction) -> CountFunction:
        check_argument("function", function, [function_of(1)])
        _users[operator] = function
        return function

    return decorate


def macs_of(operator: Operator) -> int | None:
    """Return an operator's multiply-adds; 0 where there are none by convention, None if unknown.

    Raises
    ------
    ArgumentError
        When a registered function returns anything but a whole number from 0.
    """
    name = operator_key(operator)
    if name in _users:
        count = _users[name](operator)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ArgumentError(
                f"the count registered for {name!r} gave {count!r}; it must return a whole "
                "number from 0"
            )
        return count
    if name in _counts:
        return _counts[name](operator)
    return 0 if _has_none(name) else None


def operator_key(operator: Operator) -> str:
    """Return the name by which an operator is counted; for custom operators with their type."""
    if operator.name == "Custom":
        return f"Custom:{operator.attributes.get('op_type', '')}"
    return operator.name


def _value(operator: Operator, name: str, default: Any) -> Any:
    """Return an attribute as a Python value."""
    # MXNet keeps attributes as text.
    text = operator.attributes.get(name)
    try:
        return default if text in (None, "None", "<no value>") else ast.literal_eval(str(text))
    except (SyntaxError, ValueError):
        return text


_DEFORMABLE = {"_contrib_DeformableConvolution": 2, "_contrib_ModulatedDeformableConvolution": 3}
"""The places of their weights among the inputs."""


@_counts_for("Convolution", "Convolution_v1", *_DEFORMABLE)
def _convolution(operator: Operator) -> int:
    # Of each filter, all weights take part in each output number, in any layout and grouping.
    weight = operator.inputs[_DEFORMABLE.get(operator.name, 1)]
    return operator.outputs[0].size * (weight.size // int(_value(operator, "num_filter", 1)))


@_counts_for("Deconvolution")
def _deconvolution(operator: Operator) -> int:
    # Each number of the input is multiplied with all the weights of its channel.
    data, weight = operator.inputs[:2]
    return data.size * (weight.size // weight.shape[0])


@_counts_for("FullyConnected")
def _fully_connected(operator: Operator) -> int:
    return operator.outputs[0].size * operator.inputs[1].shape[-1]


@_counts_for("dot", "_np_dot")
def _dot(operator: Operator) -> int:
    left, right = operator.inputs
    if not left.shape or not right.shape:
        return 0  # a scalar: elementwise
    # Of a transposed left side the first axis is the one that is summed over.
    summed = left.shape[0 if _value(operator, "transpose_a", False) else -1]
    return operator.outputs[0].size * summed


@_counts_for("batch_dot", "_npi_matmul", "_linalg_gemm", "_linalg_gemm2")
def _batch_dot(operator: Operator) -> int:
    shape = operator.inputs[0].shape
    axis = -2 if _value(operator, "transpose_a", False) and len(shape) > 1 else -1
    return operator.outputs[0].size * shape[axis]


@_counts_for("_npi_tensordot_int_axes")
def _tensordot_last(operator: Operator) -> int:
    shape = operator.inputs[0].shape
    summed = shape[len(shape) - _value(operator, "axes", 2) :]
    return operator.outputs[0].size * math.prod(summed)


@_counts_for("_npi_tensordot")
def _tensordot(operator: Operator) -> int:
    axes = _value(operator, "a_axes_summed", ())
    summed = [
        operator.inputs[0].shape[axis] for axis in ((axes,) if isinstance(axes, int) else axes)
    ]
    return operator.outputs[0].size * math.prod(summed)


@_counts_for("_npi_einsum")
def _einsum(operator: Operator) -> int:
    # As one loop over all indices, the way MXNet computes it when told not to optimize.
    terms = str(operator.attributes["subscripts"]).replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, array in zip(terms, operator.inputs, strict=True):
        before, dots, after = term.partition("...")
        # Indices before the dots are of the first axes, those after it of the last.
        named = [*zip(before, array.shape, strict=False)]
        named += [*zip(reversed(after), reversed(array.shape), strict=False)]
        sizes |= dict(named)
        if dots:
            rest = array.shape[len(before) : len(array.shape) - len(after)]
            sizes["..."] = max(sizes.get("...", 1), math.prod(rest))
    return math.prod(sizes.values()) * (len(terms) - 1)


@_counts_for("RNN")
def _rnn(operator: Operator) -> int:
    steps, batch, units = operator.inputs[0].shape
    hidden = _value(operator, "state_size", 0)
    projected = _value(operator, "projection_size", None) or 0
    directions = 2 if _value(operator, "bidirectional", False) else 1
    gates = {"lstm": 4, "gru": 3}.get(operator.attributes["mode"], 1)
    # A projected state is what the next step, and the next layer, get.
    out = projected or hidden
    total = 0
    for _ in range(_value(operator, "num_layers", 1)):
        total += directions * (gates * hidden * (units + out) + hidden * projected)
        # Both directions' outputs go to the next layer, side by side.
        units = directions * out
    return total * int(steps) * int(batch)


_ATTENTION = {"selfatt_qk": 3, "selfatt_valatt": 3, "encdec_qk": 1, "encdec_valatt": 2}
"""How many of queries, keys and values the first input of GluonNLP's attention holds."""


@_counts_for(*(f"_contrib_interleaved_matmul_{kind}" for kind in _ATTENTION))
def _attention(operator: Operator) -> int:
    kind = operator.name.removeprefix("_contrib_interleaved_matmul_")
    scores = operator.outputs[0] if kind.endswith("_qk") else operator.inputs[1]
    # Queries, keys and values lie interleaved along the last axis.
    units = operator.inputs[0].shape[-1] // _ATTENTION[kind]
    return scores.size * (units // int(_value(operator, "heads", 1)))


def _has_none(name: str) -> bool:
    """Return whether an operator has no multiply-adds by convention.

    MXNet has the same operator under several names: legacy, in NumPy mode, with a scalar.
    """
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    name = name.removesuffix("_scalar")
    return name in _NONE or name.startswith(_FAMILIES) or name.endswith("RegressionOutput")


_PREFIXES = ("_npi_", "_npx_", "_np_", "_contrib_", "_scatter_", "elemwise_", "broadcast_", "_")

_FAMILIES = ("random_", "sample_", "box_", "MultiBox", "insert", "where_", "slice_assign",
             "boolean_mask")  # fmt: skip

_NONE_BY_KIND = {
    "element by element": """
        add sub subtract plus minus mul multiply div true_divide mod power hypot grad_add add_n
        rsubtract rminus rdiv rtrue_divide rmod rpower rarctan2 rcopysign rldexp arctan2 copysign
        ldexp lcm maximum minimum equal not_equal greater greater_equal less less_equal lesser
        lesser_equal logical_and logical_or logical_xor logical_not bitwise_and bitwise_or
        bitwise_xor bitwise_not clip where nan_to_num isfinite isinf isnan isneginf isposinf
    """,
    "of one variable": """
        abs absolute negative sign square sqrt rsqrt cbrt rcbrt reciprocal exp expm1 log log10
        log1p log2 sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh degrees
        radians around ceil fix floor rint round trunc round_ste sign_ste erf erfinv gamma gammaln
        smooth_l1 quadratic div_sqrt_dim relu sigmoid hard_sigmoid softsign softmax log_softmax
        softmin Activation LeakyReLU SoftmaxActivation SoftmaxOutput
    """,
    "normalization, reduction, pooling": """
        BatchNorm BatchNorm_v1 BatchNormWithReLU SyncBatchNorm LayerNorm GroupNorm InstanceNorm
        L2Normalization LRN norm moments Dropout Pooling Pooling_v1 AdaptiveAvgPooling2D
        ROIPooling ROIAlign RROIAlign PSROIPooling all any argmax argmax_channel argmin average
        cumsum max mean min nanprod nansum prod square_sum std sum var
    """,
    "data movement, shapes, types": """
        Flatten Reshape reshape reshape_like Cast amp_cast amp_multicast cast_storage copy copyto
        identity identity_with_attr_like_rhs share_memory gradientmultiplier BlockGrad MakeLoss
        make_loss Concat concatenate rnn_param_concat stack hstack vstack dstack column_stack
        SliceChannel split_v2 hsplit dsplit SwapAxis transpose moveaxis expand_dims squeeze
        atleast_1d atleast_2d atleast_3d to axes axis like Crop crop_assign Pad pad UpSampling
        BilinearResize2D Embedding SparseEmbedding one_hot slice slice_axis slice_like take
        batch_take pick gather_nd scatter_nd set_nd set_value index_array index_copy nonzero
        constraint_check repeat tile reverse flip roll rot90 diag diagflat diagonal trace tril
        depth_to_space space_to_depth im2col col2im sort argsort topk unique delete diff ediff1d
        SequenceLast SequenceMask SequenceReverse shape_array size_array arange_like Proposal
        MultiProposal bipartite_matching
    """,
    "creation, random numbers": """
        zeros ones full zeros_like ones_like full_like zeros_without_dtype arange eye linspace
        logspace indices hanning hamming blackman shuffle bernoulli choice exponential gumbel
        logistic multinomial normal normal_n pareto powerd rayleigh uniform uniform_n weibull
    """,
}
"""Operators without multiply-adds by convention, by the rest of their names."""

_NONE = frozenset(" ".join(_NONE_BY_KIND.values()).split())
