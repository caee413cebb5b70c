"""Exported networks: ``-symbol.json`` with ``-0000.params``, loaded as a `gluon.SymbolBlock`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Symbol
from gluonkit.checkpoint.exported import symbol_path
from gluonkit.checkpoint.graph import Shapes, built, described, outputs, read_graph
from gluonkit.checkpoint.names import kind_of
from gluonkit.checkpoint.training import OutputLayers, block_of, note_layers
from gluonkit.errors import CheckpointError
from gluonkit.files.contents import Contents, Entry
from gluonkit.files.graph import Graph, Node
from gluonkit.files.outputs import Parts, parts_of
from gluonkit.files.source import Source, opened

_WEIGHTED = {"FullyConnected": ("num_hidden", ""), "Convolution": ("num_filter", "kernel")}
"""Operators whose weights' shapes follow from their attributes."""
_WEIGHTS = {"weight", "bias", "gamma", "beta", "parameters"}
_WEIGHTS |= {f"{kind}_{what}" for kind in ("moving", "running") for what in ("mean", "var")}
"""What layers call inputs that are parameters."""
_DATA = re.compile(r"data_*\d*")
_INPUT = re.compile(r"data_*(\d{1,9})")
"""Names that MXNet gives to the inputs of a network that has several."""


@dataclass(frozen=True)
class GraphFile:
    """What an exported graph is, and how it is used.

    Attributes
    ----------
    path : Path
        The file.
    graph : Graph
        All of it, upgraded to MXNet 1.9.1.
    parts : Parts
        What predicts, and what trains.
    inputs : tuple of str
        The inputs of what predicts, in their order.
    missing : tuple of str
        Parameters that the file of parameters does not have.
    outputs : tuple of str
        The names of the nodes whose outputs the network returns when it predicts.
    """

    path: Path
    graph: Graph
    parts: Parts
    inputs: tuple[str, ...]
    missing: tuple[str, ...]
    outputs: tuple[str, ...]


def read_graph_file(source: Source, known: Collection[str]) -> GraphFile:
    """Return what a graph's file is, given the names of its parameters; nothing is built.

    Raises
    ------
    CheckpointError
        When it is damaged, or cannot be loaded.
    """
    graph = read_graph(source)
    parts = parts_of(graph, known)
    inputs, missing = _divided(parts.predicting, known)
    predicting = parts.predicting
    names = tuple(predicting.nodes[head.node].name for head in predicting.heads)
    return GraphFile(source.path, graph, parts, inputs, missing, names)


def symbol_block(path: Path, contents: Contents) -> tuple[gluon.SymbolBlock, Contents]:
    """Return an exported network without values, and the file that has them, without labels.

    It predicts: labels, which output layers take, are not among its inputs.

    Raises
    ------
    CheckpointError
        When the graph is missing or damaged, or does not belong to the parameters.
    """
    shapes = {name: entry.shape for name, entry in _entries(contents).items()}
    with opened(symbol_path(path)) as source:
        file = read_graph_file(source, shapes)
        _check_shapes(source.path, file.graph.nodes, contents)
        if not file.inputs:
            raise source.refused("it has no inputs that are not parameters")
        symbols = built(source, file.graph, shapes)
        net = _predicting(source, file, symbols, shapes)
        _set_rates(source, net, file)
        _note_training(source, net, file, shapes)
    contents = _without(contents, file.parts.labels)
    _set_dtypes(net, contents)
    return net, contents


def _predicting(
    source: Source, file: GraphFile, symbols: Sequence[Symbol], shapes: Shapes
) -> gluon.SymbolBlock:
    graph = file.parts.predicting
    if file.parts.training is not None:
        symbols = built(source, graph, shapes)
    try:
        return block_of(outputs(source, symbols, graph.heads), file.inputs)
    except (AssertionError, ValueError, mx.MXNetError) as error:
        raise source.refused(last_line(error)) from error


def _note_training(source: Source, net: gluon.SymbolBlock, file: GraphFile, shapes: Shapes) -> None:
    """Record the output layers, for `fit`."""
    training = file.parts.training
    if training is not None:
        whole = outputs(source, built(source, training.whole, shapes), training.whole.heads)
        note_layers(net, OutputLayers(training, file.parts.labels, file.inputs, whole))


def _divided(graph: Graph, known: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a graph's inputs, and the parameters that are not known.

    A variable where a layer takes a weight or the like is a parameter, and so is one with such a
    name, unless it has a name that exports give to inputs.
    """
    weights: set[str] = set()
    for node in graph.nodes:
        names = () if node.is_variable else described(node.operator, node.attributes).inputs
        for name, entry in zip(names, node.inputs, strict=False):
            if name in _WEIGHTS:
                weights.add(graph.nodes[entry.node].name)
    unknown = [n.name for n in graph.nodes if n.is_variable and n.name not in known]
    missing = [
        name for name in unknown if not _DATA.fullmatch(name) and (name in weights or kind_of(name))
    ]
    return tuple(_in_order([name for name in unknown if name not in missing])), tuple(missing)


def _without(contents: Contents, labels: Sequence[str]) -> Contents:
    """Return a file's contents without labels, of which some files have a value, too."""
    entries = {
        name: entry for name, entry in contents.entries.items() if _plain(name) not in labels
    }
    return replace(contents, entries=entries)


def _in_order(inputs: list[str]) -> list[str]:
    """Return the inputs in the order of their numbers; the graph has them in order of use."""
    numbers = [_INPUT.fullmatch(name) for name in inputs]
    if not all(numbers):
        return inputs
    return sorted(inputs, key=lambda name: int(_INPUT.sub(r"\1", name)))


def _set_dtypes(net: gluon.SymbolBlock, contents: Contents) -> None:
    """Set the parameters to the file's data types, which the graph does not have for all."""
    entries = _entries(contents)
    for name, parameter in net.params.items():
        if name in entries:
            parameter.dtype = entries[name].dtype.type


def _set_rates(source: Source, net: gluon.SymbolBlock, file: GraphFile) -> None:
    """Give the parameters the factors of learning rate and decay that the graph's variables have.

    Of others `Module` decays those alone whose names end in weight or gamma.
    """
    for node in file.graph.nodes:
        if not node.is_variable or node.name not in net.params:
            continue
        decays = file.parts.training is None or node.name.endswith(("_weight", "_gamma"))
        for kind, usual in (("lr_mult", "1"), ("wd_mult", "1" if decays else "0")):
            text = node.attributes.get(f"__{kind}__", usual)
            try:
                setattr(net.params[node.name], kind, float(text))
            except ValueError:
                raise source.refused(
                    f"the node {node.name!r:.60} has {kind}={text:.40}, which is no number"
                ) from None


def _entries(contents: Contents) -> dict[str, Entry]:
    """Return a file's arrays by their names in the graph, without arg: and aux:."""
    return {_plain(name): entry for name, entry in contents.entries.items()}


def _plain(name: str) -> str:
    return name.removeprefix("arg:").removeprefix("aux:")


def _check_shapes(path: Path, nodes: Sequence[Node], contents: Contents) -> None:
    """Check that the file's weights have the shapes that the graph's layers need."""
    shapes = {name: entry.shape for name, entry in _entries(contents).items()}
    for node in nodes:
        weight = nodes[node.inputs[1].node].name if len(node.inputs) > 1 else ""
        attributes = node.attributes
        if weight not in shapes or node.operator not in _WEIGHTED:
            continue
        units, kernel = (attributes.get(name) for name in _WEIGHTED[node.operator])
        wanted = [int(text) for text in re.findall(r"\d+", f"{units} {kernel or ''}")]
        shape = shapes[weight]
        begin = 1 if attributes.get("layout", "None").endswith("C") else 2
        if [*shape[:1], *shape[begin : len(wanted) + begin - 1]] != wanted:
            raise CheckpointError(
                f"{path} and {contents.path} do not belong together: "
                f"{node.name} with {units} units or filters has a weight of shape {shape}"
            )
