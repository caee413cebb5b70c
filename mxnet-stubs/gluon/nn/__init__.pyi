# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from typing_extensions import Self
import numpy as onp

from mxnet.gluon.block import Block as Block
from mxnet.gluon.block import HybridBlock as HybridBlock
from mxnet.gluon.block import SymbolBlock as SymbolBlock
from mxnet.gluon.parameter import Parameter
from mxnet.gluon.parameter import ParameterDict
from mxnet.initializer import Initializer
from . import activations as activations
from . import basic_layers as basic_layers
from . import conv_layers as conv_layers

DType = str | type[Any] | onp.dtype[Any] | None

class Activation(HybridBlock):
    """Applies an activation function to input."""
    _act_type: Any
    def __init__(self, activation: str, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class _Pooling(HybridBlock):
    """Abstract class for different pooling layers."""
    _kwargs: Any
    def __init__(self, pool_size: Any, strides: Any, padding: Any, ceil_mode: Any, global_pool: Any, pool_type: Any, layout: Any, count_include_pad: Any = None, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class AvgPool1D(_Pooling):
    """Average pooling operation for temporal data."""
    def __init__(self, pool_size: int = 2, strides: Any = None, padding: int = 0, layout: str = 'NCW', ceil_mode: bool = False, count_include_pad: bool = True, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class AvgPool2D(_Pooling):
    """Average pooling operation for spatial data."""
    def __init__(self, pool_size: Any = ..., strides: Any = None, padding: Any = 0, ceil_mode: bool = False, layout: str = 'NCHW', count_include_pad: bool = True, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class AvgPool3D(_Pooling):
    """Average pooling operation for 3D data (spatial or spatio-temporal)."""
    def __init__(self, pool_size: Any = ..., strides: Any = None, padding: Any = 0, ceil_mode: bool = False, layout: str = 'NCDHW', count_include_pad: bool = True, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class _BatchNorm(HybridBlock):
    """Abstract BatchNorm layer (private, used as implementation base)."""
    _kwargs: Any
    beta: Parameter
    fuse_relu: Any
    gamma: Parameter
    in_channels: Any
    running_mean: Parameter
    running_var: Parameter
    def __init__(self, axis: int = 1, momentum: float = 0.9, epsilon: float = 1e-05, center: bool = True, scale: bool = True, use_global_stats: bool = False, fuse_relu: bool = False, beta_initializer: Initializer | str | None = 'zeros', gamma_initializer: Initializer | str | None = 'ones', running_mean_initializer: Initializer | str | None = 'zeros', running_variance_initializer: Initializer | str | None = 'ones', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def cast(self, dtype: DType) -> None:
        """Cast this Block to use another data type."""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class BatchNorm(_BatchNorm):
    """Batch normalization layer (Ioffe and Szegedy, 2014)."""
    def __init__(self, axis: int = 1, momentum: float = 0.9, epsilon: float = 1e-05, center: bool = True, scale: bool = True, use_global_stats: bool = False, beta_initializer: Initializer | str | None = 'zeros', gamma_initializer: Initializer | str | None = 'ones', running_mean_initializer: Initializer | str | None = 'zeros', running_variance_initializer: Initializer | str | None = 'ones', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class BatchNormReLU(_BatchNorm):
    """Batch normalization layer (Ioffe and Szegedy, 2014)."""
    def __init__(self, axis: int = 1, momentum: float = 0.9, epsilon: float = 1e-05, center: bool = True, scale: bool = True, use_global_stats: bool = False, beta_initializer: Initializer | str | None = 'zeros', gamma_initializer: Initializer | str | None = 'ones', running_mean_initializer: Initializer | str | None = 'zeros', running_variance_initializer: Initializer | str | None = 'ones', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class _Conv(HybridBlock):
    """Abstract nD convolution layer (private, used as implementation base)."""
    _channels: Any
    _in_channels: Any
    _kwargs: Any
    _op_name: Any
    act: Any
    bias: Any
    weight: Parameter
    def __init__(self, channels: int, kernel_size: int | Sequence[int], strides: int | Sequence[int], padding: int | Sequence[int], dilation: int | Sequence[int], groups: int, layout: str, in_channels: int = 0, activation: str | None = None, use_bias: bool = True, weight_initializer: Initializer | str | None = None, bias_initializer: Initializer | str | None = 'zeros', op_name: Any = 'Convolution', adj: Any = None, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Conv1D(_Conv):
    """1D convolution layer (e.g."""
    def __init__(self, channels: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: int | Sequence[int] = 0, dilation: int | Sequence[int] = 1, groups: int = 1, layout: str = 'NCW', activation: str | None = None, use_bias: bool = True, weight_initializer: Initializer | str | None = None, bias_initializer: Initializer | str | None = 'zeros', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class Conv1DTranspose(_Conv):
    """Transposed 1D convolution layer (sometimes called Deconvolution)."""
    outpad: Any
    def __init__(self, channels: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = 1, padding: int | Sequence[int] = 0, output_padding: int | Sequence[int] = 0, dilation: int | Sequence[int] = 1, groups: int = 1, layout: str = 'NCW', activation: str | None = None, use_bias: bool = True, weight_initializer: Initializer | str | None = None, bias_initializer: Initializer | str | None = 'zeros', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class Conv2D(_Conv):
    """2D convolution layer (e.g."""
    def __init__(self, channels: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = ..., padding: int | Sequence[int] = ..., dilation: int | Sequence[int] = ..., groups: int = 1, layout: str = 'NCHW', activation: str | None = None, use_bias: bool = True, weight_initializer: Initializer | str | None = None, bias_initializer: Initializer | str | None = 'zeros', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class Conv2DTranspose(_Conv):
    """Transposed 2D convolution layer (sometimes called Deconvolution)."""
    outpad: Any
    def __init__(self, channels: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = ..., padding: int | Sequence[int] = ..., output_padding: int | Sequence[int] = ..., dilation: int | Sequence[int] = ..., groups: int = 1, layout: str = 'NCHW', activation: str | None = None, use_bias: bool = True, weight_initializer: Initializer | str | None = None, bias_initializer: Initializer | str | None = 'zeros', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class Conv3D(_Conv):
    """3D convolution layer (e.g."""
    def __init__(self, channels: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = ..., padding: int | Sequence[int] = ..., dilation: int | Sequence[int] = ..., groups: int = 1, layout: str = 'NCDHW', activation: str | None = None, use_bias: bool = True, weight_initializer: Initializer | str | None = None, bias_initializer: Initializer | str | None = 'zeros', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class Conv3DTranspose(_Conv):
    """Transposed 3D convolution layer (sometimes called Deconvolution)."""
    outpad: Any
    def __init__(self, channels: int, kernel_size: int | Sequence[int], strides: int | Sequence[int] = ..., padding: int | Sequence[int] = ..., output_padding: int | Sequence[int] = ..., dilation: int | Sequence[int] = ..., groups: int = 1, layout: str = 'NCDHW', activation: str | None = None, use_bias: bool = True, weight_initializer: Initializer | str | None = None, bias_initializer: Initializer | str | None = 'zeros', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class Dense(HybridBlock):
    """Just your regular densely-connected NN layer."""
    _flatten: Any
    _in_units: Any
    _units: Any
    act: Any
    bias: Any
    weight: Parameter
    def __init__(self, units: int, activation: str | None = None, use_bias: bool = True, flatten: bool = True, dtype: DType = 'float32', weight_initializer: Initializer | str | None = None, bias_initializer: Initializer | str | None = 'zeros', in_units: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Dropout(HybridBlock):
    """Applies Dropout to the input."""
    _axes: Any
    _rate: Any
    def __init__(self, rate: float, axes: Sequence[int] = ..., *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class ELU(HybridBlock):
    """Exponential Linear Unit (ELU) 'Fast and Accurate Deep Network Learning by Exponential Linear Units', Clevert et al, 2016 https://arxiv.org/abs/1511.07289 Published as a conference paper at ICLR 2016"""
    _alpha: Any
    def __init__(self, alpha: float = 1.0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Embedding(HybridBlock):
    """Turns non-negative integers (indexes/tokens) into dense vectors of fixed size."""
    _kwargs: Any
    weight: Parameter
    def __init__(self, input_dim: int, output_dim: int, dtype: DType = 'float32', weight_initializer: Initializer | str | None = None, sparse_grad: bool = False, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Flatten(HybridBlock):
    """Flattens the input to two dimensional."""
    def __init__(self, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class GELU(HybridBlock):
    """Gaussian Exponential Linear Unit (GELU) 'Gaussian Error Linear Units (GELUs)', Hendrycks et al, 2016 https://arxiv.org/abs/1606.08415"""
    def __init__(self, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class GlobalAvgPool1D(_Pooling):
    """Global average pooling operation for temporal data."""
    def __init__(self, layout: str = 'NCW', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class GlobalAvgPool2D(_Pooling):
    """Global average pooling operation for spatial data."""
    def __init__(self, layout: str = 'NCHW', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class GlobalAvgPool3D(_Pooling):
    """Global average pooling operation for 3D data (spatial or spatio-temporal)."""
    def __init__(self, layout: str = 'NCDHW', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class GlobalMaxPool1D(_Pooling):
    """Gloabl max pooling operation for one dimensional (temporal) data."""
    def __init__(self, layout: str = 'NCW', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class GlobalMaxPool2D(_Pooling):
    """Global max pooling operation for two dimensional (spatial) data."""
    def __init__(self, layout: str = 'NCHW', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class GlobalMaxPool3D(_Pooling):
    """Global max pooling operation for 3D data (spatial or spatio-temporal)."""
    def __init__(self, layout: str = 'NCDHW', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class GroupNorm(HybridBlock):
    """Applies group normalization to the n-dimensional input array."""
    _center: Any
    _epsilon: Any
    _kwargs: Any
    _num_groups: Any
    _scale: Any
    beta: Parameter
    gamma: Parameter
    def __init__(self, num_groups: int = 1, epsilon: float = 1e-05, center: bool = True, scale: bool = True, beta_initializer: Initializer | str | None = 'zeros', gamma_initializer: Initializer | str | None = 'ones', prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class HybridLambda(HybridBlock):
    """Wraps an operator or an expression as a HybridBlock object."""
    _func: Any
    _func_name: Any
    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class HybridSequential(HybridBlock):
    """Stacks HybridBlocks sequentially."""
    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def add(self, *blocks: Any) -> None:
        """Adds block on top of the stack."""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
    def __getitem__(self, key: Any) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
class InstanceNorm(HybridBlock):
    """Applies instance normalization to the n-dimensional input array."""
    _axis: Any
    _epsilon: Any
    _kwargs: Any
    beta: Parameter
    gamma: Parameter
    def __init__(self, axis: int = 1, epsilon: float = 1e-05, center: bool = True, scale: bool = False, beta_initializer: Initializer | str | None = 'zeros', gamma_initializer: Initializer | str | None = 'ones', in_channels: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Lambda(Block):
    """Wraps an operator or an expression as a Block object."""
    _func_impl: Any
    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None) -> None: ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to implement forward computation using :py:class:`NDArray`."""
        ...
class LayerNorm(HybridBlock):
    """Applies layer normalization to the n-dimensional input array."""
    _axis: Any
    _center: Any
    _epsilon: Any
    _kwargs: Any
    _scale: Any
    beta: Parameter
    gamma: Parameter
    def __init__(self, axis: int = -1, epsilon: float = 1e-05, center: bool = True, scale: bool = True, beta_initializer: Initializer | str | None = 'zeros', gamma_initializer: Initializer | str | None = 'ones', in_channels: int = 0, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class LeakyReLU(HybridBlock):
    """Leaky version of a Rectified Linear Unit."""
    _alpha: Any
    def __init__(self, alpha: float, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class MaxPool1D(_Pooling):
    """Max pooling operation for one dimensional data."""
    def __init__(self, pool_size: int = 2, strides: Any = None, padding: int = 0, layout: str = 'NCW', ceil_mode: bool = False, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class MaxPool2D(_Pooling):
    """Max pooling operation for two dimensional (spatial) data."""
    def __init__(self, pool_size: Any = ..., strides: Any = None, padding: Any = 0, layout: str = 'NCHW', ceil_mode: bool = False, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class MaxPool3D(_Pooling):
    """Max pooling operation for 3D data (spatial or spatio-temporal)."""
    def __init__(self, pool_size: Any = ..., strides: Any = None, padding: Any = 0, ceil_mode: bool = False, layout: str = 'NCDHW', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
class PReLU(HybridBlock):
    """Parametric leaky version of a Rectified Linear Unit."""
    alpha: Parameter
    def __init__(self, alpha_initializer: Initializer | str | None = ..., in_channels: int = 1, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class ReflectionPad2D(HybridBlock):
    """Pads the input tensor using the reflection of the input boundary."""
    _padding: Any
    def __init__(self, padding: int = 0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class SELU(HybridBlock):
    """Scaled Exponential Linear Unit (SELU) 'Self-Normalizing Neural Networks', Klambauer et al, 2017 https://arxiv.org/abs/1706.02515"""
    def __init__(self, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class Sequential(Block):
    """Stacks Blocks sequentially."""
    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def add(self, *blocks: Any) -> None:
        """Adds block on top of the stack."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to implement forward computation using :py:class:`NDArray`."""
        ...
    def __getitem__(self, key: Any) -> Any: ...
    def __len__(self) -> int: ...
    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Activates or deactivates `HybridBlock` s recursively."""
        ...
    def __iter__(self) -> Iterator[Any]: ...
class Swish(HybridBlock):
    """Swish Activation function https://arxiv.org/pdf/1710.05941.pdf"""
    _beta: Any
    def __init__(self, beta: float = 1.0, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
