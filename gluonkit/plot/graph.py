"""A network as a graph: its layers as boxes, what flows between them as arrows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mxnet import gluon

from gluonkit._base.checks import whole_number
from gluonkit.inspection import resolved
from gluonkit.inspection.layers import detail_of
from gluonkit.inspection.report import shapes
from gluonkit.plot.drawing.layout import Box
from gluonkit.plot.drawing.network import draw_network
from gluonkit.tracing import Call, Operator, Trace, trace
from gluonkit.tracing.inputs import as_spec, leaves, parse_inputs
from gluonkit.tracing.tree import array_key, own_parameters


def plot_network(net: gluon.Block | str, *inputs: Any, depth: int | None = None) -> Any:
    """Draw a network: layers with their output shapes, the data flow, shared parameters.

    Operators that a block calls itself, between its layers (the sum in a residual block), have
    their own box, named by them.

    Parameters
    ----------
    net : gluon.Block or str
        Any Gluon block, or the name of a registered model, with its options if needed.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `summary`; for a registered model, by default its
        example input.
    depth : int, optional
        Draw layers of this depth as one box, with everything below them.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig("net.svg")``; a notebook shows it.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError, ArgumentTypeError
        For inputs that do not go through the network.

    Notes
    -----
    `mx.viz.plot_network` draws operators by Graphviz, which must be installed; this draws layers,
    and needs matplotlib only.
    """
    if depth is not None:
        depth = whole_number("depth", depth)
    net, name, inputs = resolved(net, inputs)
    drawing = _Drawing(trace(net, *inputs), depth)
    for index, given in enumerate(leaves(parse_inputs(inputs))):
        drawing.add_input(-1 - index, str(as_spec(given)))
    drawing.add_output()
    return draw_network(list(drawing.boxes.values()), sorted(drawing.edges), title=name)


class _Drawing:
    """Boxes and edges: every operator of a trace, contracted to the layer that is drawn."""

    def __init__(self, traced: Trace, depth: int | None) -> None:
        self._depth = math.inf if depth is None else depth
        self._parents = {id(call.parent) for call in traced.calls}
        self._arrays: dict[int, int] = {}  # array -> number of the group that holds it
        self.boxes: dict[str, Box] = {}
        self.edges: set[tuple[str, str]] = set()
        self._box_of: dict[int, str] = {}  # operator -> key of its box
        # -2 is followed by no operator: the first has the number 0.
        self._last: tuple[Call | None, int, str] = (None, -2, "")
        self._output = shapes(traced.calls[0].outputs)
        # In the order in which they ran: an operator's sources have their boxes before it.
        for call, operator in sorted(traced.operators, key=lambda pair: pair[1].number):
            self._add(call, operator)

    def _add(self, call: Call, operator: Operator) -> None:
        drawn = self._drawn(call)
        own = self._is_split(drawn)
        key = self._own_key(drawn, operator) if own else f"{id(drawn)}"
        if key not in self.boxes:
            self.boxes[key] = self._own_box(key, operator) if own else self._layer_box(key, drawn)
        elif own:
            self._extend(key, operator)
        self._box_of[operator.number] = key
        for source in operator.sources:
            maker = f"input{source}" if (source or 0) < 0 else self._box_of.get(source or 0)
            if source is not None and maker is not None and maker != key:
                self.edges.add((maker, key))

    def _drawn(self, call: Call) -> Call:
        """Return the call in whose box a call is drawn: itself, or its ancestor at the depth limit.

        MXNet's own layers are one box with their activation.
        """
        line = [call, *_ancestors(call)][::-1]
        for depth, inner in enumerate(line):
            if depth >= self._depth or _is_layer(inner):
                return inner
        return call

    def _is_split(self, call: Call) -> bool:
        """Return whether the layers below a call are drawn, so that its operators need a box."""
        return (
            id(call) in self._parents
            and self._drawn(call) is call
            and len(list(_ancestors(call))) < self._depth
            and not _is_layer(call)
        )

    def _own_key(self, call: Call, operator: Operator) -> str:
        """Return the box for a block's own operators, one for each uninterrupted sequence."""
        last, number, key = self._last
        if last is not call or number != operator.number - 1:
            key = f"{id(call)}:{operator.number}"
        self._last = (call, operator.number, key)
        return key

    def _own_box(self, key: str, operator: Operator) -> Box:
        return Box(key, _plain(operator.name), (shapes(operator.outputs[:1]),), kind="operator")

    def _extend(self, key: str, operator: Operator) -> None:
        """Add an operator to a box: the second is named, further ones are counted."""
        box, shape = self.boxes[key], shapes(operator.outputs[:1])
        if "," not in box.title and len(box.lines) == 1:
            self.boxes[key] = Box(key, f"{box.title}, {_plain(operator.name)}", (shape,), box.kind)
            return
        more = int(box.lines[0].split()[1]) if len(box.lines) > 1 else 0
        self.boxes[key] = Box(key, box.title, (f"and {more + 1} more", shape), box.kind)

    def _layer_box(self, key: str, call: Call) -> Box:
        detail = detail_of(call.block)
        kind = type(call.block).__name__ + (f" {detail}" if detail else "")
        lines = (kind, shapes(call.outputs))
        return Box(key, call.path or "(network)", lines, shared=self._group(call.block))

    def _group(self, block: gluon.Block) -> int | None:
        """Return a number for a layer's arrays, equal for layers that share them."""
        keys = [array_key(parameter) for parameter in own_parameters(block).values()]
        if not keys:
            return None
        # One array in common is enough: tied embeddings share the weight and not the bias.
        number = next((self._arrays[key] for key in keys if key in self._arrays), len(self._arrays))
        self._arrays.update(dict.fromkeys(keys, number))
        return number

    def add_input(self, number: int, text: str) -> None:
        """Add the box of one of the network's inputs."""
        key = f"input{number}"
        # In front, since the layout breaks ties by the order of boxes.
        self.boxes = {key: Box(key, "input", (text,), kind="input"), **self.boxes}

    def add_output(self) -> None:
        """Add the network's output, connected to every box without a successor."""
        used = {source for source, _ in self.edges}
        self.edges |= {(key, "output") for key in self.boxes if key not in used}
        self.boxes["output"] = Box("output", "output", (self._output,), kind="output")


def _ancestors(call: Call) -> Iterator[Call]:
    while call.parent is not None:
        call = call.parent
        yield call


def _is_layer(call: Call) -> bool:
    """Return whether a call is one of MXNet's own layers, which are one box."""
    kind = type(call.block)
    is_container = kind.__name__ in ("HybridSequential", "Sequential")
    return kind.__module__.startswith("mxnet.gluon.nn") and not is_container


def _plain(name: str) -> str:
    """Return an operator's readable name: 'add' for ``_npi_add``."""
    for prefix in ("_npi_", "_np_", "_npx_", "elemwise_", "broadcast_", "_contrib_"):
        name = name.removeprefix(prefix)
    return name.strip("_").lower()
