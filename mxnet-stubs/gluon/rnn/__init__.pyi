# Generated from MXNet 1.9.1 by tools/stubs.py: do not edit.

from collections.abc import Iterator, Sequence
from typing import Any
import numpy as onp

from mxnet.autograd import Symbol
from mxnet.gluon.block import Block
from mxnet.gluon.block import HybridBlock
from mxnet.gluon.parameter import Parameter
from mxnet.gluon.parameter import ParameterDict
from mxnet.initializer import Initializer
from . import rnn_cell as rnn_cell
from . import rnn_layer as rnn_layer

DType = str | type[Any] | onp.dtype[Any] | None

class RecurrentCell(Block):
    """Abstract base class for RNN cells"""
    _modified: Any
    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def reset(self) -> None:
        """Reset before re-using the cell for another graph."""
        ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def begin_state(self, *args: Any, **kwargs: Any) -> Any:
        """Initial state for this cell."""
        ...
    def unroll(self, *args: Any, **kwargs: Any) -> Any:
        """Unrolls an RNN cell across time steps."""
        ...
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Unrolls the recurrent cell for one time step."""
        ...
class HybridRecurrentCell(RecurrentCell, HybridBlock):
    """HybridRecurrentCell supports hybridize."""
    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class BidirectionalCell(HybridRecurrentCell):
    """Bidirectional RNN cell."""
    _output_prefix: Any
    def __init__(self, l_cell: Any, r_cell: Any, output_prefix: Any = 'bi_') -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def begin_state(self, *args: Any, **kwargs: Any) -> Any:
        """Initial state for this cell."""
        ...
    def unroll(self, *args: Any, **kwargs: Any) -> Any:
        """Unrolls an RNN cell across time steps."""
        ...
class DropoutCell(HybridRecurrentCell):
    """Applies dropout on input."""
    _axes: Any
    _rate: Any
    def __init__(self, rate: float, axes: Sequence[int] = ..., prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
    def unroll(self, *args: Any, **kwargs: Any) -> Any:
        """Unrolls an RNN cell across time steps."""
        ...
class _RNNLayer(HybridBlock):
    """Implementation of recurrent layers."""
    _dir: Any
    _dropout: Any
    _dtype: Any
    _gates: Any
    _h2h_bias_initializer: Any
    _h2h_weight_initializer: Any
    _h2r_weight_initializer: Any
    _hidden_size: Any
    _i2h_bias_initializer: Any
    _i2h_weight_initializer: Any
    _input_size: Any
    _layout: Any
    _lstm_state_clip_max: Any
    _lstm_state_clip_min: Any
    _lstm_state_clip_nan: Any
    _mode: Any
    _num_layers: Any
    _projection_size: Any
    _use_sequence_length: Any
    skip_states: Any
    def __init__(self, hidden_size: Any, num_layers: Any, layout: Any, dropout: Any, bidirectional: Any, input_size: Any, i2h_weight_initializer: Initializer | str | None, h2h_weight_initializer: Initializer | str | None, i2h_bias_initializer: Initializer | str | None, h2h_bias_initializer: Initializer | str | None, mode: Any, projection_size: Any, h2r_weight_initializer: Initializer | str | None, lstm_state_clip_min: Any, lstm_state_clip_max: Any, lstm_state_clip_nan: Any, dtype: DType, use_sequence_length: Any = False, *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def state_info(self, batch_size: Any = 0) -> Any: ...
    def cast(self, dtype: DType) -> None:
        """Cast this Block to use another data type."""
        ...
    def begin_state(self, *args: Any, **kwargs: Any) -> Any:
        """Initial state for this cell."""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class GRU(_RNNLayer):
    """Applies a multi-layer gated recurrent unit (GRU) RNN to an input sequence."""
    def __init__(self, hidden_size: int, num_layers: int = 1, layout: str = 'TNC', dropout: float = 0, bidirectional: bool = False, input_size: int = 0, i2h_weight_initializer: Initializer | str | None = None, h2h_weight_initializer: Initializer | str | None = None, i2h_bias_initializer: Initializer | str | None = 'zeros', h2h_bias_initializer: Initializer | str | None = 'zeros', dtype: DType = 'float32', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def state_info(self, batch_size: Any = 0) -> Any: ...
class GRUCell(HybridRecurrentCell):
    """Gated Rectified Unit (GRU) network cell."""
    _hidden_size: Any
    _input_size: Any
    h2h_bias: Parameter
    h2h_weight: Parameter
    i2h_bias: Parameter
    i2h_weight: Parameter
    def __init__(self, hidden_size: int, i2h_weight_initializer: Initializer | str | None = None, h2h_weight_initializer: Initializer | str | None = None, i2h_bias_initializer: Initializer | str | None = 'zeros', h2h_bias_initializer: Initializer | str | None = 'zeros', input_size: Any = 0, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class HybridSequentialRNNCell(HybridRecurrentCell):
    """Sequentially stacking multiple HybridRNN cells."""
    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def add(self, cell: Any) -> None:
        """Appends a cell into the stack."""
        ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def begin_state(self, *args: Any, **kwargs: Any) -> Any:
        """Initial state for this cell."""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def unroll(self, *args: Any, **kwargs: Any) -> Any:
        """Unrolls an RNN cell across time steps."""
        ...
    def __getitem__(self, i: Any) -> Any: ...
    def __len__(self) -> int: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
    def __iter__(self) -> Iterator[Any]: ...
class LSTM(_RNNLayer):
    """Applies a multi-layer long short-term memory (LSTM) RNN to an input sequence."""
    def __init__(self, hidden_size: int, num_layers: int = 1, layout: str = 'TNC', dropout: float = 0, bidirectional: bool = False, input_size: int = 0, i2h_weight_initializer: Initializer | str | None = None, h2h_weight_initializer: Initializer | str | None = None, i2h_bias_initializer: Initializer | str | None = 'zeros', h2h_bias_initializer: Initializer | str | None = 'zeros', projection_size: int | None = None, h2r_weight_initializer: Initializer | str | None = None, state_clip_min: float | None = None, state_clip_max: float | None = None, state_clip_nan: bool = False, dtype: DType = 'float32', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def state_info(self, batch_size: Any = 0) -> Any: ...
class LSTMCell(HybridRecurrentCell):
    """Long-Short Term Memory (LSTM) network cell."""
    _activation: Any
    _hidden_size: Any
    _input_size: Any
    _recurrent_activation: Any
    h2h_bias: Parameter
    h2h_weight: Parameter
    i2h_bias: Parameter
    i2h_weight: Parameter
    def __init__(self, hidden_size: int, i2h_weight_initializer: Initializer | str | None = None, h2h_weight_initializer: Initializer | str | None = None, i2h_bias_initializer: Initializer | str | None = 'zeros', h2h_bias_initializer: Initializer | str | None = 'zeros', input_size: Any = 0, prefix: str | None = None, params: ParameterDict | None = None, activation: str = 'tanh', recurrent_activation: str = 'sigmoid') -> None: ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class ModifierCell(HybridRecurrentCell):
    """Base class for modifier cells."""
    base_cell: Any
    def __init__(self, base_cell: Any) -> None: ...
    @property
    def params(self) -> ParameterDict: ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def begin_state(self, *args: Any, **kwargs: Any) -> Any:
        """Initial state for this cell."""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class RNN(_RNNLayer):
    """Applies a multi-layer Elman RNN with `tanh` or `ReLU` non-linearity to an input sequence."""
    def __init__(self, hidden_size: int, num_layers: int = 1, activation: Any = 'relu', layout: str = 'TNC', dropout: float = 0, bidirectional: bool = False, i2h_weight_initializer: Initializer | str | None = None, h2h_weight_initializer: Initializer | str | None = None, i2h_bias_initializer: Initializer | str | None = 'zeros', h2h_bias_initializer: Initializer | str | None = 'zeros', input_size: int = 0, dtype: DType = 'float32', *, prefix: str | None = ..., params: ParameterDict | None = ...) -> None: ...
    def state_info(self, batch_size: Any = 0) -> Any: ...
class RNNCell(HybridRecurrentCell):
    """Elman RNN recurrent neural network cell."""
    _activation: Any
    _hidden_size: Any
    _input_size: Any
    h2h_bias: Parameter
    h2h_weight: Parameter
    i2h_bias: Parameter
    i2h_weight: Parameter
    def __init__(self, hidden_size: int, activation: str | Symbol = 'tanh', i2h_weight_initializer: Initializer | str | None = None, h2h_weight_initializer: Initializer | str | None = None, i2h_bias_initializer: Initializer | str | None = 'zeros', h2h_bias_initializer: Initializer | str | None = 'zeros', input_size: Any = 0, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
class ResidualCell(ModifierCell):
    """Adds residual connection as described in Wu et al, 2016 (https://arxiv.org/abs/1609.08144)."""
    def __init__(self, base_cell: Any) -> None: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
    def unroll(self, *args: Any, **kwargs: Any) -> Any:
        """Unrolls an RNN cell across time steps."""
        ...
class SequentialRNNCell(RecurrentCell):
    """Sequentially stacking multiple RNN cells."""
    def __init__(self, prefix: str | None = None, params: ParameterDict | None = None) -> None: ...
    def add(self, cell: Any) -> None:
        """Appends a cell into the stack."""
        ...
    def state_info(self, batch_size: Any = 0) -> Any:
        """shape and layout information of states"""
        ...
    def begin_state(self, *args: Any, **kwargs: Any) -> Any:
        """Initial state for this cell."""
        ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def unroll(self, *args: Any, **kwargs: Any) -> Any:
        """Unrolls an RNN cell across time steps."""
        ...
    def __getitem__(self, i: Any) -> Any: ...
    def __len__(self) -> int: ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
class ZoneoutCell(ModifierCell):
    """Applies Zoneout on base cell."""
    _prev_output: Any
    zoneout_outputs: Any
    zoneout_states: Any
    def __init__(self, base_cell: Any, zoneout_outputs: Any = 0.0, zoneout_states: Any = 0.0) -> None: ...
    def reset(self) -> None:
        """Reset before re-using the cell for another graph."""
        ...
    def hybrid_forward(self, *args: Any, **kwargs: Any) -> Any:
        """Overrides to construct symbolic graph for this `Block`."""
        ...
