"""How a loss's gradients follow from the number that its backward pass begins with.

A step multiplies gradients with one over the batch's size, and with plain SGD also with the
learning rate. It costs nothing where that goes into the beginning of the backward pass, and is
right only where every operator multiplies what it is given with something. Loss operators
ignore what they are given, operators written in Python do as they please, and float16 rounds small
numbers to nothing: such gradients are multiplied after the pass, which begins with ones, as that of
Gluon's ``loss.backward()`` does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gluonkit.files.graph import Node
from gluonkit.tracing.symbols import graph_of

_PREDICTING = frozenset(
    (
        "SoftmaxOutput",
        "LinearRegressionOutput",
        "LogisticRegressionOutput",
        "MAERegressionOutput",
        "SVMOutput",
    )
)
"""Operators whose gradient is that of a loss which they do not return, summed over samples."""

_LOSSES = frozenset(("MakeLoss", "make_loss"))
"""Operators whose gradient is that of the sum of what they return, wherever they stand."""

_LINEAR = re.compile(
    r"""
    _np[ix]?_\w+|_contrib_\w+|_linalg_\w+|_(random|sample)_\w+|_image_\w+|_\w+_scalar
    |_scatter_\w+|broadcast_\w+|elemwise_\w+|abs|Activation|add_n|all_finite|amp_cast
    |amp_multicast|_arange|arccos|arccosh|arcsin|arcsinh|arctan|arctanh|argmax
    |argmax_channel|argmin|argsort|batch_dot|batch_take|BatchNorm|BatchNorm_v1
    |BilinearSampler|BlockGrad|Cast|cast_storage|cbrt|ceil|clip|col2im|Concat
    |Convolution|Convolution_v1|_copy|_copyto|Correlation|cos|cosh|Crop|_CrossDeviceCopy
    |CTCLoss|Deconvolution|degrees|depth_to_space|diag|dot|Dropout|Embedding|_equal|erf
    |erfinv|exp|expand_dims|expm1|_eye|fill_element_0index|fix|Flatten|floor|_full
    |FullyConnected|gamma|gammaln|gather_nd|_grad_add|_greater|_greater_equal
    |GridGenerator|GroupNorm|hard_sigmoid|_histogram|_hypot|_identity_with_attr_like_rhs
    |im2col|InstanceNorm|khatri_rao|L2Normalization|LayerNorm|LeakyReLU|_lesser
    |_lesser_equal|_linspace|log|log10|log1p|log2|log_softmax|_logical_and|logical_not
    |_logical_or|_logical_xor|LRN|max|_maximum|mean|min|_minimum|_mod|moments
    |multi_all_finite|multi_sum_sq|nanprod|nansum|negative|_NoGradient|norm|_not_equal
    |one_hot|_onehot_encode|_ones|ones_like|Pad|pick|Pooling|Pooling_v1|_power|prod
    |radians|_ravel_multi_index|rcbrt|reciprocal|relu|repeat|Reshape|reshape_like
    |reverse|rint|RNN|_rnn_param_concat|ROIPooling|round|rsqrt|scatter_nd|SequenceLast
    |SequenceMask|SequenceReverse|shape_array|_shuffle|sigmoid|sign|sin|sinh|size_array
    |slice|_slice_assign|slice_axis|slice_like|SliceChannel|smooth_l1|softmax
    |softmax_cross_entropy|SoftmaxActivation|softmin|softsign|sort|space_to_depth
    |_sparse_retain|SpatialTransformer|_split_v2|sqrt|square|_square_sum|squeeze|stack
    |sum|SwapAxis|take|tan|tanh|tile|topk|transpose|trunc|_unravel_index|UpSampling
    |where|_zeros|zeros_like|_zeros_without_dtype
    """,
    re.VERBOSE,
)
"""MXNet's operators whose gradients are multiples of the one that they are given, or none.

All that its release 1.9.1 has, by its source. Not among them: the operators above, those that run
Python code (`Custom`), and those that hide a graph (`_CachedOp`). An operator that is not known
here, of a loaded library, may do anything.
"""

_ZERO_GRADIENTS = {"_npi_var": "np.var", "_npi_std": "np.std", "_npi_percentile": "np.percentile"}
"""Operators for which MXNet has a gradient of zero where there is one."""

_HALF = ("float16", "2")  # as an operator's data type, and as a variable's


@dataclass(frozen=True)
class Backward:
    """What the gradients of a loss are when the backward pass begins with ones.

    Attributes
    ----------
    linear : bool
        Whether gradients are proportional to the head gradient, which may then have a factor.
    summed : bool
        Whether they are gradients of the sum over samples, whatever the loss's shape, as MXNet's
        loss operators compute them; otherwise of the sum of the loss's elements.
    predicting : str
        The operator whose output the loss returns, if that is a prediction, not a loss.
    slopes : bool
        Whether there is a PReLU, whose gradient is wrong in MXNet's graphs.
    wrong : tuple of str
        Descriptions of errors in MXNet's gradients, in graphs and in eager mode.
    """

    linear: bool = True
    summed: bool = False
    predicting: str = ""
    slopes: bool = False
    wrong: tuple[str, ...] = ()

    def divisor(self, samples: int, numbers: int) -> int:
        """Return the divisor that makes the gradients those of the mean.

        `numbers` is the number of elements of the loss: one for each sample, or fewer, or more.
        """
        return samples if self.summed else numbers


LINEAR = Backward()
"""What nearly every loss is."""


def backward_of(symbol: Any, *, head: bool = True) -> Backward:
    """Analyse the backward pass of a symbol with one output.

    Without `head`, its last operator is ignored.
    """
    graph = graph_of(symbol)
    last = graph.heads[0].node
    nodes = [node for place, node in enumerate(graph.nodes) if head or place != last]
    names = {node.operator for node in nodes if not node.is_variable}
    final = graph.nodes[last].operator
    return Backward(
        linear=all(map(is_linear, names)) and not any(map(_is_half, nodes)),
        # A MakeLoss that comes last has the gradient of the sum of the loss, as other losses do.
        summed=bool(names & (_PREDICTING | _LOSSES)) and final not in _LOSSES,
        predicting=final if head and final in _PREDICTING else "",
        slopes=any(map(is_prelu, nodes)),
        wrong=tuple(dict.fromkeys(filter(None, map(_wrong, nodes)))),
    )


def notes_on(backward: Backward) -> list[str]:
    """Return notes for the user on a loss."""
    notes = [
        f"MXNet's gradients are wrong here, in a loop by hand too: {fault}"
        for fault in backward.wrong
    ]
    if backward.predicting:
        notes.append(
            f"the loss returns what {backward.predicting} does: predictions, whose gradient is "
            "that of a loss; the figure `loss` is their mean, and no loss"
        )
    return notes


def is_linear(operator: str) -> bool:
    """Return whether an operator's gradient is known to be proportional to its head gradient."""
    return _LINEAR.fullmatch(operator) is not None


def is_prelu(node: Node) -> bool:
    """Return whether a node is a leaky ReLU with a trainable slope."""
    return node.operator == "LeakyReLU" and node.attributes.get("act_type") == "prelu"


def _wrong(node: Node) -> str:
    """Return what is wrong with an operator's gradient in MXNet; '' if nothing is."""
    operator, attributes = node.operator, node.attributes
    if operator in _ZERO_GRADIENTS:
        return f"that of {_ZERO_GRADIENTS[operator]} is zero"
    if operator == "LeakyReLU" and attributes.get("act_type") == "selu":
        return "that of SELU is off by up to 0.09 where its input is negative"
    kind = attributes.get("pool_type"), attributes.get("pooling_convention")
    # Attributes are text, such as "(0, 1, 1)" and, for three axes, a kernel of "(2, 2, 2)".
    pads = re.findall(r"[1-9]\d*", attributes.get("pad", ""))
    cubes = attributes.get("kernel", "").count(",") == 2
    if operator == "Pooling" and kind == ("avg", "full") and cubes and pads:
        return "that of AvgPool3D with ceil_mode and padding"
    return ""


def _is_half(node: Node) -> bool:
    attributes = node.attributes
    return attributes.get("dtype") in _HALF or attributes.get("__dtype__") in _HALF
