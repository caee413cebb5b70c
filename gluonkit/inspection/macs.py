"""Multiply-adds of operators: one for each multiplication whose product is added to others.

Convolutions, matrix products and recurrent layers are counted. What the literature leaves out
(elementwise arithmetic, activations, normalization, pooling, data movement) has none by that
convention. Whatever is in neither list is *not counted*, and a summary names it.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.tracing import Operator

Count = Callable[[Operator], int]
CountFunction = TypeVar("CountFunction", bound=Count)

_counts: dict[str, Count] = {}
_users: dict[str, Count] = {}


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
        When `operator` is not text, which happens if the decorator is used without a name.

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
    return 0 if _NONE.fullmatch(name) else None


def operator_key(operator: Operator) -> str:
    """Return the name by which an operator is counted; for custom operators with their type."""
    if operator.name == "Custom":
        return f"Custom:{operator.attributes.get('op_type', '')}"
    return operator.name


def _counts_for(*names: str) -> Callable[[Count], Count]:
    def decorate(function: Count) -> Count:
        _counts.update(dict.fromkeys(names, function))
        return function

    return decorate


def _value(operator: Operator, name: str, default: Any) -> Any:
    """Return an attribute as a Python value."""
    text = operator.attributes.get(name)
    try:
        return default if text in (None, "None", "<no value>") else ast.literal_eval(str(text))
    except (SyntaxError, ValueError):
        return text


@_counts_for("Convolution", "Convolution_v1")
def _convolution(operator: Operator) -> int:
    # Of each filter, all weights take part in each output number, in any layout and grouping.
    weight = operator.inputs[1]
    return operator.outputs[0].size * (weight.size // int(_value(operator, "num_filter", 1)))


@_counts_for("_contrib_DeformableConvolution", "_contrib_ModulatedDeformableConvolution")
def _deformable(operator: Operator) -> int:
    weight = operator.inputs[3 if "Modulated" in operator.name else 2]
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
    out = projected or hidden
    total = 0
    for _ in range(_value(operator, "num_layers", 1)):
        total += directions * (gates * hidden * (units + out) + hidden * projected)
        units = directions * out
    return total * int(steps) * int(batch)


@_counts_for("_contrib_interleaved_matmul_selfatt_qk")
def _self_attention_scores(operator: Operator) -> int:
    return operator.outputs[0].size * (operator.inputs[0].shape[-1] // 3 // _heads(operator))


@_counts_for("_contrib_interleaved_matmul_selfatt_valatt")
def _self_attention_values(operator: Operator) -> int:
    return operator.inputs[1].size * (operator.inputs[0].shape[-1] // 3 // _heads(operator))


@_counts_for("_contrib_interleaved_matmul_encdec_qk")
def _attention_scores(operator: Operator) -> int:
    return operator.outputs[0].size * (operator.inputs[0].shape[-1] // _heads(operator))


@_counts_for("_contrib_interleaved_matmul_encdec_valatt")
def _attention_values(operator: Operator) -> int:
    return operator.inputs[1].size * (operator.inputs[0].shape[-1] // 2 // _heads(operator))


def _heads(operator: Operator) -> int:
    return int(_value(operator, "heads", 1))


# What has no multiply-adds by convention, family by family.
_NONE = re.compile(
    "|".join(
        (
            # arithmetic, comparison and logic, element by element, also with a scalar
            r"(elemwise|broadcast|_scatter_elemwise)_\w+|_\w+_scalar|_grad_add|add_n|_hypot|_power",
            r"_(equal|not_equal|greater|greater_equal|lesser|lesser_equal|maximum|minimum|mod)",
            r"_logical_(and|or|xor)|logical_not|clip|smooth_l1|_contrib_(div_sqrt_dim|quadratic)",
            r"_npi_(add|subtract|multiply|true_divide|mod|power|arctan2|copysign|hypot|ldexp|lcm)",
            r"_npi_(r\w+|\w+)_scalar|_npi_(bitwise|logical|less|greater|equal|not_equal)\w*",
            r"_npi_where\w*|where|_npi_nan_to_num|_npi_(isfinite|isinf|isnan|isneginf|isposinf)",
            # functions of one variable, activations
            r"(_npi_)?(abs|absolute|arc\w+|a?r?c?(sin|cos|tan)h?|cbrt|ceil|degrees|exp|expm1|fix)",
            r"(_npi_)?(floor|log|log10|log1p|log2|negative|radians|reciprocal|rint|round|sign|sqrt)",
            r"(_npi_)?(around|square|trunc)|erf|erfinv|gamma|gammaln|rcbrt|rsqrt|sigmoid|softsign",
            r"relu|hard_sigmoid|softmax|log_softmax|softmin|Activation|LeakyReLU|SoftmaxActivation",
            r"_npx_(relu|sigmoid)|SoftmaxOutput|\w+RegressionOutput|_contrib_(round|sign)_ste",
            # normalization, reduction, pooling, dropout
            r"BatchNorm(_v1)?|_contrib_BatchNormWithReLU|_contrib_SyncBatchNorm|LayerNorm|GroupNorm",
            r"InstanceNorm|L2Normalization|LRN|norm|_npi_norm|moments|Dropout|Pooling(_v1)?",
            r"_contrib_AdaptiveAvgPooling2D|ROIPooling|_contrib_(ROIAlign|RROIAlign|PSROIPooling)",
            r"(_np_|_npi_)?(all|any|argmax|argmin|max|mean|min|nanprod|nansum|prod|std|sum|var)",
            r"_square_sum|argmax_channel|_npi_(average|cumsum)|_np_cumsum",
            # data movement, indexing, shapes, types
            r"Flatten|Reshape|reshape_like|_np_reshape|_npx_reshape|Concat|_rnn_param_concat|Cast",
            r"SliceChannel|_split_v2|SwapAxis|Crop|Pad|Embedding|_contrib_SparseEmbedding|BlockGrad",
            r"MakeLoss|make_loss|amp_cast|amp_multicast|_copy|_copyto|_np_copy|cast_storage|UpSampling",
            r"_identity_with_attr_like_rhs|_npi_share_memory|_contrib_gradientmultiplier",
            r"(_np_|_npi_)?(squeeze|transpose|moveaxis|roll|rot90|flip|diag|diagonal|diagflat|trace)",
            r"(_np_|_npi_)?(stack|[hvd]stack|column_stack|concatenate|[hd]split|pad|tril|atleast_\dd)",
            r"expand_dims|slice|slice_axis|slice_like|_slice_assign\w*|take|batch_take|pick|one_hot",
            r"gather_nd|scatter_nd|_scatter_set_nd|repeat|tile|reverse|depth_to_space|space_to_depth",
            r"stack|sort|argsort|topk|Sequence(Last|Mask|Reverse)|shape_array|size_array|im2col|col2im",
            r"_contrib_(BilinearResize2D|arange_like|boolean_mask|index_array|index_copy|box_\w+)",
            r"_contrib_(MultiBox\w+|Proposal|MultiProposal|bipartite_matching)|_npi_broadcast_to",
            r"_npi_(delete|unique|diff|ediff1d|insert_\w+|boolean_mask\w*)|_npx_(nonzero|constraint_check)",
            # arrays made from nothing, random numbers
            r"_(zeros|ones|full|arange|eye|linspace|zeros_without_dtype|set_value)|(ones|zeros)_like",
            r"_npi_(zeros|ones|full_like|arange|eye|identity|logspace|indices|hanning|hamming|blackman)",
            r"_(random|sample)_\w+|_shuffle|_npi_(normal|uniform|bernoulli|choice|gamma|gumbel)\w*",
            r"_npi_(exponential|laplace|logistic|multinomial|pareto|powerd|rayleigh|weibull)",
        )
    )
)
