"""What does not work as GluonNLP 0.10 has it, put right on a network that was made.

A network's forward pass is replaced by one that gives the same numbers; its class stays.
"""

from __future__ import annotations

from types import MethodType
from typing import Any


def without_gradient_of_lengths(net: Any) -> None:
    """Make the gradient of lengths zero in BERT's encoder; MXNet's `softmax` does not write it."""
    # MXNet calls `hybrid_forward` of the instance, so this one comes before the class's.
    vars(net.encoder)["hybrid_forward"] = MethodType(_encoder_forward, net.encoder)


def _encoder_forward(
    self: Any, F: Any, inputs: Any, states: Any = None, valid_length: Any = None, **parameters: Any
) -> Any:
    if valid_length is not None:
        # Passes numbers on, and gives a gradient of zero.
        valid_length = F.BlockGrad(valid_length)
    return type(self).hybrid_forward(self, F, inputs, states, valid_length, **parameters)


def start_states(net: Any) -> None:
    """Let a language model that requires states begin with zeros if it gets none."""
    vars(net)["forward"] = MethodType(_forward_from_start, net)


def _forward_from_start(self: Any, inputs: Any, begin_state: Any = None) -> Any:
    # GluonNLP's has no default for the states, though its cells make zeros of None.
    return type(self).forward(self, inputs, begin_state)


def drop_by_symbols(net: Any) -> None:
    """Let a language model hybridize whose own dropout accepts arrays only."""
    vars(net)["hybrid_forward"] = MethodType(_recurrent_forward, net)


def _recurrent_forward(self: Any, F: Any, inputs: Any, begin_state: Any = None) -> Any:
    """Do as `StandardRNN` does."""
    if not begin_state and hasattr(inputs, "shape"):
        begin_state = self.begin_state(batch_size=inputs.shape[1])
    elif not begin_state:
        # The batch size of a symbol is unknown; 0 lets MXNet infer it.
        begin_state = self.begin_state(batch_size=0, func=F.zeros)
    encoded, states = self.encoder(self.embedding(inputs), begin_state)
    if self._dropout:
        encoded = F.Dropout(encoded, p=self._dropout, axes=(0,))
    return self.decoder(encoded), states


def start_elmo(net: Any) -> None:
    """Let ELMo begin with zeros if it gets no states, and hybridize with a mask too."""
    vars(net)["hybrid_forward"] = MethodType(_elmo_forward, net)


def _elmo_forward(self: Any, F: Any, inputs: Any, states: Any = None, mask: Any = None) -> Any:
    """Do as `ELMoBiLM` does, whose mask fails as a symbol; the caller's `states` stay."""
    tokens = self._elmo_char_encoder(inputs)
    by_time = F.transpose(tokens, axes=(1, 0, 2))
    if states is None:
        # Zeros of the input's batch size, which a symbol does not have as a number.
        output = F.zeros_like(F.squeeze(F.slice_axis(by_time, axis=0, begin=0, end=1), axis=0))
        column = F.slice_axis(output, axis=1, begin=0, end=1)
        cell = F.broadcast_axis(column, axis=1, size=self._hidden_size)
        # Forwards and backwards, for each layer: what it gives, and its cell.
        states = [[[output, cell]] * self._num_layers] * 2
    # Copied, since GluonNLP writes the new states into the lists.
    layers, states = self._elmo_lstm(by_time, tuple(map(list, states)), mask)
    first = F.concat(tokens, tokens, dim=-1)
    if mask is not None:
        first = F.broadcast_mul(first, F.expand_dims(mask, axis=-1))
    rest = F.split(F.transpose(layers, axes=(0, 2, 1, 3)), self._num_layers, axis=0)
    return [first, *(F.squeeze(output, axis=0) for output in rest)], states
