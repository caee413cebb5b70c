"""MXNet's fused recurrent operator as a module of torch: its weights are one vector, or many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit.exporting.torch.constructs import Construct, Tensor, needed, option
from gluonkit.exporting.torch.nodes import Layer, tensor
from gluonkit.exporting.torch.operators.use import Use
from gluonkit.exporting.torch.parts import UnmappedOperatorError

_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "gru": 3, "lstm": 4}
"""How many gates each kind has; torch has them in the same order."""
_DROPS = "dropout draws other numbers than MXNet's"


class _Slice:
    """The part of a vector that is one of torch's weights."""

    def __init__(self, begin: int, shape: tuple[int, ...]) -> None:
        self._begin, self._shape = begin, shape

    def __call__(self, vector: Array) -> Array:
        flat = vector.reshape(-1)[self._begin : self._begin + prod(self._shape)]
        return numpy.ascontiguousarray(flat.reshape(self._shape))


def recurrent(use: Use, parameters: Sequence[gluon.Parameter]) -> Layer:
    """Return the module of an RNN operator, given the parameters that make up its weights.

    Raises
    ------
    UnmappedOperatorError
        When torch's layers cannot do what it does.
    """
    odd = ("projection_size", "lstm_state_clip_min", "lstm_state_clip_max")
    if use.flag("use_sequence_length") or any(use.value(name) for name in odd):
        raise UnmappedOperatorError("it has sequence lengths, projections or clipped states")
    mode, dropped = use.text("mode"), float(use.value("p", 0))
    layers = int(use.value("num_layers"))
    arguments = (
        needed("input_size", use.inputs[0].shape[2]),
        needed("hidden_size", int(use.value("state_size"))),
        option("num_layers", layers, 1),
        option("nonlinearity", "relu" if mode == "rnn_relu" else "tanh", "tanh"),
        option("dropout", dropped if layers > 1 else 0.0, 0.0),
        option("bidirectional", use.flag("bidirectional"), False),
    )
    kind = "RNN" if mode.startswith("rnn") else mode.upper()
    tensors = _tensors(list(_weights(use)), parameters)
    made = Construct(f"nn.{kind}", arguments, tensors=tuple(tensors))
    return Layer(made, notes=(_DROPS,) if dropped else ())


def _weights(use: Use) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield names and shapes of torch's weights in MXNet's order: all matrices, then all biases."""
    hidden, width = int(use.value("state_size")), use.inputs[0].shape[2]
    rows = _GATES[use.text("mode")] * hidden
    endings = ("", "_reverse")[: 2 if use.flag("bidirectional") else 1]
    names = [
        (f"l{number}{ending}", width if number == 0 else hidden * len(endings))
        for number in range(int(use.value("num_layers")))
        for ending in endings
    ]
    for name, taken in names:
        yield f"weight_ih_{name}", (rows, taken)
        yield f"weight_hh_{name}", (rows, hidden)
    for name, _ in names:
        yield f"bias_ih_{name}", (rows,)
        yield f"bias_hh_{name}", (rows,)


def _tensors(
    weights: Sequence[tuple[str, tuple[int, ...]]], parameters: Sequence[gluon.Parameter]
) -> list[Tensor]:
    """Return torch's weights, in its own order: of one layer and direction after the other."""
    made: list[Tensor] = []
    begin = 0
    for place, (name, shape) in enumerate(weights):
        if len(parameters) == 1:
            packed = tensor(name, parameters[0])
            made.append(Tensor(name, parameters[0], _Slice(begin, shape), packed.trained))
        elif len(parameters) == len(weights):
            made.append(tensor(name, parameters[place]))
        else:
            raise UnmappedOperatorError(f"its weights come from {len(parameters)} parameters")
        begin += prod(shape)
    count = len(made) // 2
    groups = [[*made[at : at + 2], *made[count + at : count + at + 2]] for at in range(0, count, 2)]
    return [weight for group in groups for weight in group]
