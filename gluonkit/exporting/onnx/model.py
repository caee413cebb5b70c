"""An ONNX model of a network's graph, made operator by operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from gluonkit._base.checks import last_line
from gluonkit._base.specs import ArraySpec
from gluonkit._base.version import __version__
from gluonkit.errors import ExportError
from gluonkit.exporting.network import Network, Traced, check_specs
from gluonkit.exporting.onnx.conversion import Edge, Step, Target
from gluonkit.exporting.onnx.converters import all_converters
from gluonkit.exporting.onnx.defaults import complete
from gluonkit.exporting.onnx.half import halved
from gluonkit.exporting.onnx.naming import made_outputs, name_outputs, operations, tidy, with_names
from gluonkit.exporting.onnx.opsets import raise_opset
from gluonkit.exporting.onnx.parting import Operation
from gluonkit.files.graph import Graph
from gluonkit.tracing.inputs import spec_of
from gluonkit.tracing.symbols import NotInferableError, shaped

BATCH = "batch"
"""The name of an axis whose length is left open."""


@dataclass(frozen=True)
class Written:
    """A model in ONNX's format.

    Attributes
    ----------
    graph : onnx.GraphProto
        The graph without its weights.
    contents : bytes
        The serialized model.
    operations : sequence of Operation
        MXNet's operators, with the names that their inputs and outputs have in the model.
    """

    graph: Any
    contents: bytes
    operations: Sequence[Operation]


_MOST_BYTES = 2**31 - 2**20  # a protocol buffer cannot be longer


def onnx_model(
    onnx: Any,
    network: Network,
    traced: Traced,
    expected: Sequence[ArraySpec],
    *,
    dynamic_batch: bool,
    opset: int,
    half: bool,
) -> Written:
    """Return an ONNX model that has passed ONNX's own checker; with `half`, in float16.

    Raises
    ------
    ExportError
        For operators that cannot be converted, with all their names; for networks that are too
        large, or that support one batch size only although `dynamic_batch` is set; for a graph
        whose outputs have other shapes or data types than `expected`.
    """
    # By its array: MXNet does not know the shape of a parameter that was imported.
    size = sum(spec_of(network.held(name)).bytes for name in network.parameters)
    if size > _MOST_BYTES:
        raise ExportError(f"`net` has {size} bytes of weights; one ONNX file holds 2 GiB at most")
    with traced.mode():
        graph = _shaped(traced, more=0)
        other = _shaped(traced, more=1) if dynamic_batch else graph
    named = with_names(graph, network, traced)
    target = Target(onnx, opset)
    lookup = _converted(target, graph, other, named)
    _add_weights(target, network, traced, graph, named)
    heads = [head.place for head in graph.heads]
    check_specs("the graph", expected, list(map(graph.spec, heads)))
    names = ["output"] if len(heads) == 1 else [f"output{n}" for n in range(len(heads))]
    renamed = name_outputs(target, [lookup[node][output].name for node, output in heads], names)
    raise_opset(target)
    tidy(target, names)
    outputs = {
        name: _open(graph.spec(head), other.spec(head).shape)
        for name, head in zip(names, heads, strict=True)
    }
    given = {
        name: _open(spec, _more(spec, 1).shape if dynamic_batch else spec.shape)
        for name, spec in traced.inputs.items()
    }
    written, contents = _model(target, type(network.net).__name__, given, outputs, half=half)
    return Written(written, contents, list(operations(graph, lookup, renamed)))


def _shaped(traced: Traced, *, more: int) -> Graph:
    """Return the graph with its shapes for a batch with more rows."""
    inputs = {name: _more(spec, more) for name, spec in traced.inputs.items()}
    try:
        constants = {name: spec_of(array) for name, array in traced.constants.items()}
        return shaped(traced.symbol, inputs | constants)
    except NotInferableError as error:
        if not more:
            raise ExportError(f"`net` cannot be exported: {last_line(error)}") from error
        raise ExportError(
            f"`net` does not take a batch of another size ({last_line(error)}); give "
            "dynamic_batch=False"
        ) from error


def _more(spec: ArraySpec, rows: int) -> ArraySpec:
    return replace(spec, shape=(spec.shape[0] + rows, *spec.shape[1:])) if spec.shape else spec


def _open(spec: ArraySpec, other: tuple[int, ...]) -> tuple[str, list[int | str | None]]:
    """Return a data type, and a shape whose axes are open where the other shape differs."""
    if len(spec.shape) != len(other):
        raise ExportError(
            f"`net` gives {len(spec.shape)} axes for this batch, and {len(other)} for one with a "
            "row more; give dynamic_batch=False"
        )
    pairs = list(zip(spec.shape, other, strict=True))
    grows = [place for place, (one, two) in enumerate(pairs) if two == one + 1]
    return spec.dtype, [
        one if one == two else BATCH if grows[:1] == [place] else None
        for place, (one, two) in enumerate(pairs)
    ]


def _converted(
    target: Target, graph: Graph, other: Graph, names: Sequence[str]
) -> list[list[Edge]]:
    """Convert every operator, and return the outputs of every node."""
    lookup: list[list[Edge]] = []
    refused: dict[str, str] = {}
    with all_converters(target.onnx) as convert:
        for node, grown, name in zip(graph.nodes, other.nodes, names, strict=True):
            if node.is_variable:
                lookup.append([Edge(name, numpy.dtype(node.outputs[0].dtype))])
                continue
            before = len(target.nodes)
            try:
                step = Step(
                    operator=node.operator,
                    attributes=complete(node.operator, node.arguments),
                    given=node.arguments,
                    name=name,
                    inputs=[lookup[entry.node][entry.output].name for entry in node.inputs],
                    specs=[graph.spec(entry.place) for entry in node.inputs],
                    sources=[graph.nodes[entry.node].operator for entry in node.inputs],
                    outputs=node.outputs,
                    grown=[spec.shape for spec in grown.outputs],
                    grown_inputs=[other.spec(entry.place).shape for entry in node.inputs],
                    target=target,
                )
                convert(step, lookup=lookup, node=node)
                made = made_outputs(name, target.nodes[before:], len(node.outputs))
            except Exception as error:  # MXNet's converters raise anything
                refused.setdefault(node.operator, f"{node.operator} ({last_line(error)})")
                made = [name] * len(node.outputs)
            lookup.append(
                [Edge(e, numpy.dtype(s.dtype)) for e, s in zip(made, node.outputs, strict=True)]
            )
    if refused:
        raise ExportError(
            f"`net` has operators that cannot be converted to ONNX: {', '.join(refused.values())}"
        )
    return lookup


def _add_weights(
    target: Target, network: Network, traced: Traced, graph: Graph, names: Sequence[str]
) -> None:
    for node, name in zip(graph.nodes, names, strict=True):
        if node.is_variable and node.name not in traced.inputs:
            array = traced.constants.get(node.name)
            array = network.numbers(node.name) if array is None else array
            target.constant(name, array, array.dtype)


def _model(
    target: Target,
    name: str,
    inputs: Mapping[str, tuple[str, Any]],
    outputs: Mapping[str, tuple[str, Any]],
    *,
    half: bool,
) -> tuple[Any, bytes]:
    helper = target.onnx.helper

    def described(values: Mapping[str, tuple[str, Any]]) -> Iterator[Any]:
        for value, (dtype, shape) in values.items():
            number = helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype))
            yield helper.make_tensor_value_info(value, number, shape)

    graph = helper.make_graph(
        target.nodes,
        name,
        list(described(inputs)),
        list(described(outputs)),
        initializer=target.initializers,
    )
    opset = [helper.make_opsetid("", target.opset)]
    model = helper.make_model(
        graph,
        opset_imports=opset,
        ir_version=helper.find_min_ir_version_for(opset),
        producer_name="gluonkit",
        producer_version=__version__,
    )
    if half:
        model = halved(model)
    contents: bytes = model.SerializeToString()
    del model.graph.initializer[:], target.initializers[:]  # large, and in the contents by now
    try:
        target.onnx.checker.check_model(contents, full_check=True)
    except Exception as error:  # of several classes, some of them of native code
        why = last_line(error)
        raise ExportError(f"ONNX's checker refuses the converted graph: {why}") from error
    return model.graph, contents
