"""The converter of MXNet's fused recurrent layers: any number of layers, both directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gluonkit.exporting.onnx.conversion import Step, converts

_KINDS = {  # ONNX's operator, its gates as MXNet numbers them, its activation where it has a choice
    "rnn_relu": ("RNN", (0,), "Relu"),
    "rnn_tanh": ("RNN", (0,), "Tanh"),
    "lstm": ("LSTM", (0, 3, 1, 2), ""),
    "gru": ("GRU", (1, 0, 2), ""),
}


@converts("RNN")
def _recurrent(step: Step) -> None:
    """MXNet's own converter supports one layer or two, bidirectional ones only of one."""
    odd = ("projection_size", "lstm_state_clip_min", "lstm_state_clip_max")
    if step.value("use_sequence_length") or any(step.value(option) for option in odd):
        raise NotImplementedError("RNN with sequence lengths, projections or clipped states")
    cells = _Cells(step)
    data = step.inputs[0]
    for layer in range(cells.layers):
        data = cells.add(layer, data)
    for place in range(len(step.outputs) - 1):
        ends = [f"{step.name}end{layer}.{place}" for layer in range(cells.layers)]
        step.add("Concat", ends, f"{place + 1}", axis=0)


@dataclass(frozen=True)
class _Cells:
    """The layers of an RNN, whose weights are one vector: all matrices, then all biases."""

    step: Step

    @cached_property
    def kind(self) -> tuple[str, tuple[int, ...], str]:
        return _KINDS[self.step.attributes["mode"]]

    @cached_property
    def layers(self) -> int:
        return int(self.step.attributes["num_layers"])

    @cached_property
    def hidden(self) -> int:
        return int(self.step.attributes["state_size"])

    @cached_property
    def directions(self) -> int:
        return 2 if self.step.value("bidirectional") else 1

    @cached_property
    def widths(self) -> list[int]:
        """The input size of each layer, per time step."""
        later = [self.directions * self.hidden] * (self.layers - 1)
        return [self.step.specs[0].shape[2], *later]

    def add(self, layer: int, data: str) -> str:
        """Add one layer; return its output, (time, batch, directions × hidden)."""
        step, (operator, _, activation) = self.step, self.kind
        states = range(len(step.inputs) - 2)
        options: dict[str, Any] = {"hidden_size": self.hidden}
        if self.directions == 2:
            options["direction"] = "bidirectional"
        if activation:
            options["activations"] = [activation] * self.directions
        if operator == "GRU":
            options["linear_before_reset"] = 1
        raw, ends = f"{step.name}raw{layer}", [f"{step.name}end{layer}.{n}" for n in states]
        inputs = [data, *self._weights(layer), "", *(self._state(layer, n) for n in states)]
        step.add_several(operator, inputs, [raw, *ends], **options)
        turned = step.add("Transpose", [raw], f"turned{layer}", perm=[0, 2, 1, 3])
        shape = step.constant(f"shape{layer}", [0, 0, self.directions * self.hidden], "int64")
        ends_here = "0" if len(step.outputs) > 1 else ""
        part = ends_here if layer == self.layers - 1 else f"layer{layer}"
        return step.add("Reshape", [turned, shape], part)

    def _weights(self, layer: int) -> list[str]:
        """Return ONNX's matrices for the input and for the state, and its biases."""
        widths = []
        for part, width in (("W", self.widths[layer]), ("R", self.hidden), ("B", 0)):
            pieces = [
                self._piece(f"{part}{layer}.{direction}", layer, direction, part, width)
                for direction in range(self.directions)
            ]
            widths.append(self.step.add("Concat", pieces, f"{part}{layer}", axis=0))
        return widths

    def _piece(self, name: str, layer: int, direction: int, part: str, width: int) -> str:
        """Return the weights of one direction, its gates in ONNX's order."""
        step, gates = self.step, self.kind[1]
        rows = len(gates) * self.hidden
        if part == "B":
            begin, length, inner, outer = self._bias(layer, direction), 2 * rows, [2], [2 * rows]
        else:
            begin, length = self._matrix(layer, direction, part), rows * width
            inner, outer = [], [rows, width]
        cut = step.sliced(step.inputs[1], [begin], [begin + length], [0], part=f"{name}cut")
        tail = [self.hidden] if part == "B" else [self.hidden * width]
        split = step.constant(f"{name}gates", [*inner, len(gates), *tail], "int64")
        gated = step.add("Reshape", [cut, split], f"{name}gated")
        order = step.constant(f"{name}order", gates, "int64")
        ordered = step.add("Gather", [gated, order], f"{name}ordered", axis=len(inner))
        shape = step.constant(f"{name}shape", [1, *outer], "int64")
        return step.add("Reshape", [ordered, shape], name)

    def _matrix(self, layer: int, direction: int, part: str) -> int:
        """Return the offset of a matrix in the vector."""
        rows = len(self.kind[1]) * self.hidden
        before = sum(self.directions * rows * (w + self.hidden) for w in self.widths[:layer])
        width = self.widths[layer]
        own = direction * rows * (width + self.hidden)
        return before + own + (rows * width if part == "R" else 0)

    def _bias(self, layer: int, direction: int) -> int:
        """Return the offsets of a direction's two biases in the vector."""
        rows = len(self.kind[1]) * self.hidden
        matrices = self._matrix(self.layers - 1, self.directions, "")
        return matrices + (layer * self.directions + direction) * 2 * rows

    def _state(self, layer: int, number: int) -> str:
        """Return a layer's part of the initial states; "" if they are zero."""
        step = self.step
        if step.sources[2 + number] == "_zeros":  # of a shape that leaves the batch open
            return ""
        name = f"state{layer}.{number}"
        begin = layer * self.directions
        end = begin + self.directions
        return step.sliced(step.inputs[2 + number], [begin], [end], [0], part=name)
