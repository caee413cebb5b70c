"""Names in an ONNX graph: unique, without marks, and none for what nobody reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gluonkit.exporting.network import Network, Traced
from gluonkit.exporting.onnx.conversion import Edge, Target
from gluonkit.exporting.onnx.parting import Operation
from gluonkit.files.graph import Graph

_MARK = ":"  # ends an operator's name, so that no name with something added is another operator's


def with_names(graph: Graph, network: Network, traced: Traced) -> list[str]:
    """Return a unique name for each node: the path of a weight, a marked name for others."""
    variables = {**network.paths, **{name: name for name in traced.inputs}}
    variables |= {name: f"constant{n}" for n, name in enumerate(traced.constants)}
    taken = set(variables.values())
    names = []
    for node in graph.nodes:
        if node.is_variable:
            names.append(variables[node.name])
            continue
        wanted = node.name.replace(_MARK, "_")
        name, number = wanted, 1
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        taken.add(name)
        names.append(name + _MARK)
    return names


def made_outputs(name: str, nodes: Sequence[Any], count: int) -> list[str]:
    """Return the outputs of an operator's nodes: its name, with numbers appended."""
    produced = {output for node in nodes for output in node.output}
    outputs = [
        output for output in produced if output == name or output.removeprefix(name).isdigit()
    ]
    ordered = sorted(outputs, key=lambda output: int(output.removeprefix(name) or -1))
    if len(ordered) < count:
        raise NotImplementedError(f"only {len(ordered)} of its {count} outputs")
    return ordered[:count]


def name_outputs(target: Target, edges: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Name the graph's outputs, and remove the mark from all other names; return new names."""
    produced = {output for node in target.nodes for output in node.output}
    renamed: dict[str, str] = {}
    for edge, name in zip(edges, names, strict=True):
        if edge in produced and edge not in renamed:
            renamed[edge] = name
        else:  # an input, a weight, or the same output again
            target.nodes.append(target.onnx.helper.make_node("Identity", [edge], [name]))
    for node in target.nodes:
        for field in (node.input, node.output):
            field[:] = [renamed.get(text, text.removesuffix(_MARK)) for text in field]
    return renamed


def operations(
    graph: Graph, lookup: Sequence[Sequence[Edge]], renamed: Mapping[str, str]
) -> Iterator[Operation]:
    """Yield MXNet's operators, with the names of their inputs and outputs in the model."""

    def name(edge: Edge) -> str:
        return renamed.get(edge.name, edge.name.removesuffix(_MARK))

    for node, edges in zip(graph.nodes, lookup, strict=True):
        if not node.is_variable:
            inputs = (name(lookup[entry.node][entry.output]) for entry in node.inputs)
            yield Operation(node, tuple(inputs), tuple(map(name, edges)))


def tidy(target: Target, outputs: Sequence[str]) -> None:
    """Drop duplicates and unused nodes; name each node by its first output."""
    needed = set(outputs)
    kept: dict[str, Any] = {}
    for node in reversed(target.nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            node.name = node.output[0]
            kept.pop(
                node.name, None
            )  # of two equal ones the first stays, which is the last one here
            kept[node.name] = node
    target.nodes[:] = reversed(kept.values())
    weights = {
        initializer.name: initializer
        for initializer in target.initializers
        if initializer.name in needed
    }
    target.initializers[:] = weights.values()
