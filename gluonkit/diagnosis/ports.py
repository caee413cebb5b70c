"""Inputs and outputs of a network, with the shapes that its parameters fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gluonkit.diagnosis.parts import Port, PortShape
from gluonkit.diagnosis.shapes import (
    Shape,
    Sides,
    Weights,
    fitted_shape,
    fitting_sides,
    output_shapes,
    stated_shapes,
    wanted_shapes,
)
from gluonkit.files.graph import Graph

BATCH = "batch"


def ports(
    graph: Graph,
    weights: Weights,
    names: Sequence[str],
    dtype: str,
    stated: Mapping[str, tuple[int, ...]],
) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Return the inputs and outputs of a graph.

    Parameters
    ----------
    graph : Graph
        The graph that predicts.
    weights : mapping of str to tuple of int
        The shapes of its parameters.
    names : sequence of str
        Its inputs.
    dtype : str
        The data type of its parameters.
    stated : mapping of str to tuple of int
        Shapes of inputs that files beside it state.
    """
    wanted = wanted_shapes(graph, weights)
    needed = {name: wanted.get(name) for name in names}
    sides = fitting_sides(graph, weights, needed) if names else None
    told = {**stated_shapes(graph), **stated}
    shapes = {name: fitted_shape(shape, told.get(name), sides) for name, shape in needed.items()}
    inputs = tuple(_port(name, shape, dtype, sides) for name, shape in shapes.items())
    # The batch is unknown to whatever is inferred, so that outputs that have it show it.
    open_shapes = {name: shape and (None, *shape[1:]) for name, shape in shapes.items()}
    results = output_shapes(graph, weights, open_shapes)
    heads = (graph.nodes[head.node].name for head in graph.heads)
    outputs = tuple(
        _port(name, shape, dtype, None) for name, shape in zip(heads, results, strict=True)
    )
    return inputs, outputs


def _port(name: str, shape: Shape, dtype: str, sides: Sides | None) -> Port:
    port = Port(name, _batched(shape), "float32" if dtype == "float16" else dtype)
    return port if sides is None else replace(port, sides=(sides.least, sides.most))


def _batched(shape: Shape) -> PortShape:
    """Return a shape whose first axis is the batch."""
    return (BATCH, *shape[1:]) if shape else None
