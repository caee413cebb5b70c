"""Recurrent layers and cells, whose gates torch has in MXNet's order."""

from __future__ import annotations

from typing import Any

from mxnet.gluon import rnn

from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.constructs import Construct, Tensor, needed, option
from gluonkit.exporting.torch.layers.table import Layer, describes, tensor
from gluonkit.exporting.torch.parts import UnmappedOperatorError
from gluonkit.tracing.tree import known_shape

_PARTS = {
    "weight_ih": "i2h_weight",
    "weight_hh": "h2h_weight",
    "bias_ih": "i2h_bias",
    "bias_hh": "h2h_bias",
    "weight_hr": "h2r_weight",
}
"""torch's names of a direction's weights, with MXNet's, in torch's order."""
_DROPS = "dropout draws other numbers than MXNet's"


@describes(rnn.RNN, rnn.LSTM, rnn.GRU)
def _layer(block: Any, spec: ArraySpec) -> Layer:
    if block._use_sequence_length:
        raise UnmappedOperatorError(
            "it takes the lengths of sequences, which MXNet leaves out of account on processors"
        )
    if block._lstm_state_clip_min is not None or block._lstm_state_clip_max is not None:
        raise UnmappedOperatorError("it clips its states")
    kind = "RNN" if block._mode.startswith("rnn") else block._mode.upper()
    activation = {"rnn_relu": "relu"}.get(block._mode, "tanh")
    arguments = (
        needed("input_size", spec.shape[-1]),
        needed("hidden_size", block._hidden_size),
        option("num_layers", block._num_layers, 1),
        option("nonlinearity", activation, "tanh"),
        option("batch_first", block._layout == "NTC", False),
        option("dropout", float(block._dropout), 0.0),
        option("bidirectional", block._dir == 2, False),
        option("proj_size", block._projection_size or 0, 0),
    )
    main = Construct(f"nn.{kind}", arguments, tensors=tuple(_tensors(block)))
    notes = (_DROPS,) if block._dropout else ()
    return Layer(main, states=2 if kind == "LSTM" else 1, notes=notes)


def _tensors(block: Any) -> list[Tensor]:
    return [
        tensor(f"{name}_l{number}{suffix}", getattr(block, f"{side}{number}_{theirs}"))
        for number in range(block._num_layers)
        for side, suffix in [("l", ""), ("r", "_reverse")][: block._dir]
        for name, theirs in _PARTS.items()
        if hasattr(block, f"{side}{number}_{theirs}")
    ]


@describes(rnn.RNNCell, rnn.LSTMCell, rnn.GRUCell)
def _cell(block: Any, spec: ArraySpec) -> Layer:
    kind = next(k for k in (rnn.RNNCell, rnn.LSTMCell, rnn.GRUCell) if isinstance(block, k))
    usual = {"_activation": "tanh", "_recurrent_activation": "sigmoid"}
    for name, activation in usual.items():
        allowed = ("tanh", "relu") if kind is rnn.RNNCell else (activation,)
        if hasattr(block, name) and getattr(block, name) not in allowed:
            raise UnmappedOperatorError(f"its activation is {getattr(block, name)}")
    inputs = known_shape(block.i2h_weight)
    assert inputs is not None
    activation = getattr(block, "_activation", "tanh")
    arguments = (
        needed("input_size", inputs[1]),
        needed("hidden_size", block._hidden_size),
        option("nonlinearity", activation, "tanh"),
    )
    tensors = [tensor(name, getattr(block, theirs)) for name, theirs in list(_PARTS.items())[:4]]
    main = Construct(f"nn.{kind.__name__}", arguments, tensors=tuple(tensors))
    return Layer(main, states=2 if kind is rnn.LSTMCell else 1, is_cell=True)
