# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Sequence
from typing import Any, Literal
import numpy as onp

from mxnet.context import Context as Context
from mxnet.context import check_call as check_call
from mxnet.context import classproperty as classproperty
from mxnet.context import cpu as cpu
from mxnet.context import cpu_pinned as cpu_pinned
from mxnet.context import current_context as current_context
from mxnet.context import gpu as gpu
from mxnet.context import gpu_memory_info as gpu_memory_info
from mxnet.context import num_gpus as num_gpus
from mxnet.context import with_metaclass as with_metaclass
from mxnet.ndarray.ndarray import waitall as waitall
from mxnet.numpy import ndarray
from . import image as image
from . import random as random
from . import utils as utils

DType = str | type[Any] | onp.dtype[Any] | None

def activation(data: ndarray | None, act_type: Literal['relu', 'sigmoid', 'softrelu', 'softsign', 'tanh'] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Applies an activation function element-wise to the input."""
    ...
def arange_like(data: ndarray | None, start: float = ..., step: float = ..., repeat: int = ..., ctx: Context | Sequence[Context] | None = ..., axis: int | None = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Return an array with evenly spaced values."""
    ...
def batch_dot(lhs: ndarray | None, rhs: ndarray | None = ..., transpose_a: bool = ..., transpose_b: bool = ..., forward_stype: Any = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Batchwise dot product."""
    ...
def batch_flatten(data: ndarray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Flattens the input array into a 2-D array by collapsing the higher dimensions."""
    ...
def batch_norm(data: ndarray | None, gamma: ndarray | None = ..., beta: ndarray | None = ..., moving_mean: ndarray | None = ..., moving_var: ndarray | None = ..., eps: float = ..., momentum: float = ..., fix_gamma: bool = ..., use_global_stats: bool = ..., output_mean_var: bool = ..., axis: int = ..., cudnn_off: bool = ..., min_calib_range: float | None = ..., max_calib_range: float | None = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Batch normalization."""
    ...
def cast(data: ndarray | None, dtype: DType = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Casts all elements of the input to a new type."""
    ...
def constraint_check(x: ndarray, msg: str) -> Any:
    """This operator will check if all the elements in a boolean tensor is true."""
    ...
def convolution(data: ndarray | None, weight: ndarray | None = ..., bias: ndarray | None = ..., kernel: int | Sequence[int] = ..., stride: int | Sequence[int] = ..., dilate: int | Sequence[int] = ..., pad: int | Sequence[int] = ..., num_filter: int = ..., num_group: int = ..., workspace: int = ..., no_bias: bool = ..., cudnn_tune: Literal[None, 'fastest', 'limited_workspace', 'off'] = ..., cudnn_off: bool = ..., layout: Literal[None, 'NCDHW', 'NCHW', 'NCW', 'NDHWC', 'NHWC'] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Compute *N*-D convolution on *(N+2)*-D input."""
    ...
def deconvolution(data: ndarray | None, weight: ndarray | None = ..., bias: ndarray | None = ..., kernel: int | Sequence[int] = ..., stride: int | Sequence[int] = ..., dilate: int | Sequence[int] = ..., pad: int | Sequence[int] = ..., adj: int | Sequence[int] = ..., target_shape: int | Sequence[int] = ..., num_filter: int = ..., num_group: int = ..., workspace: int = ..., no_bias: bool = ..., cudnn_tune: Literal[None, 'fastest', 'limited_workspace', 'off'] = ..., cudnn_off: bool = ..., layout: Literal[None, 'NCDHW', 'NCHW', 'NCW', 'NDHWC', 'NHWC'] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Computes 1D or 2D transposed convolution (aka fractionally strided convolution) of the input tensor."""
    ...
def dropout(data: ndarray | None, p: float = ..., mode: Literal['always', 'training'] = ..., axes: int | Sequence[int] = ..., cudnn_off: bool | None = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Applies dropout operation to input array."""
    ...
def embedding(data: ndarray | None, weight: ndarray | None = ..., input_dim: int = ..., output_dim: int = ..., dtype: DType = ..., sparse_grad: bool = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Maps integer indices to vector representations (embeddings)."""
    ...
def erf(data: ndarray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Returns element-wise gauss error function of the input."""
    ...
def erfinv(data: ndarray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Returns element-wise inverse gauss error function of the input."""
    ...
def fully_connected(data: ndarray | None, weight: ndarray | None = ..., bias: ndarray | None = ..., num_hidden: int = ..., no_bias: bool = ..., flatten: bool = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Applies a linear transformation: :math:`Y = XW^T + b`."""
    ...
def gamma(data: ndarray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    r"""Returns the gamma function (extension of the factorial function \ to the reals), computed element-wise on the input array."""
    ...
def gammaln(data: ndarray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    r"""Returns element-wise log of the absolute value of the gamma function \ of the input."""
    ...
def gather_nd(data: ndarray | None, indices: ndarray | None = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Gather elements or slices from `data` and store to a tensor whose shape is defined by `indices`."""
    ...
def get_cuda_compute_capability(ctx: Context | Sequence[Context] | None) -> int:
    """Returns the cuda compute capability of the input `ctx`."""
    ...
def is_np_array() -> bool:
    """Checks whether the NumPy-array semantics is currently turned on."""
    ...
def is_np_shape() -> bool:
    """Checks whether the NumPy shape semantics is currently turned on."""
    ...
def layer_norm(data: ndarray | None, gamma: ndarray | None = ..., beta: ndarray | None = ..., axis: int = ..., eps: float = ..., output_mean_var: bool = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Layer normalization."""
    ...
def leaky_relu(data: ndarray | None, gamma: ndarray | None = ..., act_type: Literal['elu', 'gelu', 'leaky', 'prelu', 'rrelu', 'selu'] = ..., slope: float = ..., lower_bound: float = ..., upper_bound: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Applies Leaky rectified linear unit activation element-wise to the input."""
    ...
def load(file: str) -> Any:
    """Loads an array from file."""
    ...
def log_softmax(data: ndarray | None, axis: int = ..., temperature: float | None = ..., dtype: DType = ..., use_length: bool | None = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Computes the log softmax of the input."""
    ...
def multibox_detection(cls_prob: ndarray | None, loc_pred: ndarray | None = ..., anchor: ndarray | None = ..., clip: bool = ..., threshold: float = ..., background_id: int = ..., nms_threshold: float = ..., force_suppress: bool = ..., variances: Sequence[float] = ..., nms_topk: int = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Convert multibox detection predictions."""
    ...
def multibox_prior(data: ndarray | None, sizes: Sequence[float] = ..., ratios: Sequence[float] = ..., clip: bool = ..., steps: Sequence[float] = ..., offsets: Sequence[float] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Generate prior(anchor) boxes from data, sizes and ratios."""
    ...
def multibox_target(anchor: ndarray | None, label: ndarray | None = ..., cls_pred: ndarray | None = ..., overlap_threshold: float = ..., ignore_label: float = ..., negative_mining_ratio: float = ..., negative_mining_thresh: float = ..., minimum_negative_samples: int = ..., variances: Sequence[float] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Compute Multibox training targets"""
    ...
def nonzero(a: Any) -> Any:
    """Return the indices of the elements that are non-zero."""
    ...
def one_hot(indices: ndarray | None, depth: int = ..., on_value: float = ..., off_value: float = ..., dtype: DType = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Returns a one-hot array."""
    ...
def pick(data: ndarray | None, index: ndarray | None = ..., axis: int | None = ..., keepdims: bool = ..., mode: Literal['clip', 'wrap'] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Picks elements from an input array according to the input indices along the given axis."""
    ...
def pooling(data: ndarray | None, kernel: int | Sequence[int] = ..., pool_type: Literal['avg', 'lp', 'max', 'sum'] = ..., global_pool: bool = ..., cudnn_off: bool = ..., pooling_convention: Literal['full', 'same', 'valid'] = ..., stride: int | Sequence[int] = ..., pad: int | Sequence[int] = ..., p_value: int | None = ..., count_include_pad: bool | None = ..., layout: Literal[None, 'NCDHW', 'NCHW', 'NCW', 'NDHWC', 'NHWC', 'NWC'] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Performs pooling on the input."""
    ...
def relu(data: ndarray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Computes rectified linear activation."""
    ...
def reset_np() -> None:
    """Deactivate NumPy shape and array semantics at the same time."""
    ...
def reshape(a: ndarray, newshape: int | Sequence[int], reverse: bool = False, order: Literal['C'] = 'C') -> ndarray:
    """Gives a new shape to an array without changing its data."""
    ...
def reshape_like(lhs: ndarray | None, rhs: ndarray | None = ..., lhs_begin: int | None = ..., lhs_end: int | None = ..., rhs_begin: int | None = ..., rhs_end: int | None = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Reshape some or all dimensions of `lhs` to have the same shape as some or all dimensions of `rhs`."""
    ...
def rnn(data: ndarray | None, parameters: ndarray | None = ..., state: ndarray | None = ..., state_cell: ndarray | None = ..., sequence_length: ndarray | None = ..., state_size: int = ..., num_layers: int = ..., bidirectional: bool = ..., mode: Literal['gru', 'lstm', 'rnn_relu', 'rnn_tanh'] = ..., p: float = ..., state_outputs: bool = ..., projection_size: int | None = ..., lstm_state_clip_min: float | None = ..., lstm_state_clip_max: float | None = ..., lstm_state_clip_nan: bool = ..., use_sequence_length: bool = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Applies recurrent layers to input data."""
    ...
def roi_pooling(data: ndarray | None, rois: ndarray | None = ..., pooled_size: int | Sequence[int] = ..., spatial_scale: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Performs region of interest(ROI) pooling on the input array."""
    ...
def save(file: str, arr: Any) -> Any:
    """Saves a list of `ndarray`s or a dict of `str`->`ndarray` to file."""
    ...
def sequence_mask(data: ndarray | None, sequence_length: ndarray | None = ..., use_sequence_length: bool = ..., value: float = ..., axis: int = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Sets all elements outside the sequence to a constant value."""
    ...
def set_np(shape: int | Sequence[int] | None = True, array: bool = True) -> Any:
    """Setting NumPy shape and array semantics at the same time."""
    ...
def shape_array(data: ndarray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Returns a 1D int64 array containing the shape of data."""
    ...
def sigmoid(data: ndarray | None, out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Computes sigmoid of x element-wise."""
    ...
def slice(data: ndarray | None, begin: int | Sequence[int] = ..., end: int | Sequence[int] = ..., step: int | Sequence[int] = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Slices a region of the array."""
    ...
def smooth_l1(data: ndarray | None, scalar: float = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Calculate Smooth L1 Loss(lhs, scalar) by summing"""
    ...
def softmax(data: ndarray | None, length: ndarray | None = ..., axis: int = ..., temperature: float | None = ..., dtype: DType = ..., use_length: bool | None = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> ndarray:
    """Applies the softmax function."""
    ...
def topk(data: ndarray | None, axis: int | None = ..., k: int = ..., ret_typ: Literal['both', 'indices', 'mask', 'value'] = ..., is_ascend: bool = ..., dtype: DType = ..., out: Any = None, name: str | None = None, **kwargs: Any) -> Any:
    """Returns the indices of the top *k* elements in an input array along the given axis (by default)."""
    ...
