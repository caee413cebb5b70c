"""Exported networks: ``-symbol.json`` with ``-0000.params``, loaded as a `gluon.SymbolBlock`."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import last_line
from gluonkit.checkpoint.graph import built, described, outputs, read_graph
from gluonkit.checkpoint.names import kind_of
from gluonkit.checkpoint.training import OutputLayers, block_of, note_layers
from gluonkit.errors import CheckpointError
from gluonkit.files.contents import Contents, Entry
from gluonkit.files.outputs import parts_of
from gluonkit.files.reading import read_arrays
from gluonkit.files.source import Source, opened
from gluonkit.files.symbols import Graph

_SYMBOL = "-symbol.json"
_PARAMETERS = re.compile(r"(.*)-\d{4,}\.params")
_WEIGHTED = {"FullyConnected": ("num_hidden", ""), "Convolution": ("num_filter", "kernel")}
"""Operators whose weights' shapes follow from their attributes."""
_WEIGHTS = {"weight", "bias", "gamma", "beta", "parameters"}
_WEIGHTS |= {f"{kind}_{what}" for kind in ("moving", "running") for what in ("mean", "var")}
"""What layers call inputs that are parameters."""
_DATA = re.compile(r"data_*\d*")
_INPUT = re.compile(r"data_*(\d{1,9})")
"""Names that MXNet gives to the inputs of a network that has several."""


def is_exported(path: Path) -> bool:
    """Return whether a path is that of an exported graph, or of its parameters."""
    return path.name.endswith(_SYMBOL) or (
        _PARAMETERS.fullmatch(path.name) is not None and os.path.exists(symbol_path(path))
    )


def symbol_path(path: Path) -> Path:
    """Return the path of the graph that belongs to exported parameters."""
    match = _PARAMETERS.fullmatch(path.name)
    return path if match is None else path.with_name(f"{match[1]}{_SYMBOL}")


def parameters_path(path: Path) -> Path:
    """Return the path of an exported network's parameters, given that of its graph.

    Raises
    ------
    CheckpointError
        When there is no such file, or several, or when the graph is missing.
    """
    if not path.name.endswith(_SYMBOL):
        return path
    if not os.path.exists(path):  # also False for names that are not allowed for files
        raise CheckpointError(f"{path} does not exist")
    prefix = path.name.removesuffix(_SYMBOL)
    files = [
        file
        for file in sorted(path.parent.glob("*.params"))
        if (match := _PARAMETERS.fullmatch(file.name)) and match[1] == prefix
    ]
    if len(files) != 1:
        several = ", ".join(file.name for file in files[:5])
        raise CheckpointError(
            f"{path} has no parameters beside it; {prefix}-0000.params is missing"
            if not files
            else f"{path} has the parameters of several epochs beside it ({several}); give the "
            ".params file that you mean"
        )
    return files[0]


def symbol_block(path: Path) -> tuple[gluon.SymbolBlock, Contents]:
    """Return an exported network without values, and the file that has them.

    It predicts: labels, which output layers take, are none of its inputs.

    Raises
    ------
    CheckpointError
        When one of the two files is missing or damaged, or they do not belong together.
    """
    contents = read_arrays(parameters_path(path))
    shapes = {name: entry.shape for name, entry in _entries(contents).items()}
    with opened(symbol_path(path)) as source:
        graph = read_graph(source)
        _check_shapes(path, graph.nodes, contents)
        symbols = built(source, graph, shapes)
        parts = parts_of(graph, shapes)
        predicting = symbols if parts.training is None else built(source, parts.predicting, shapes)
        symbol = outputs(source, predicting, parts.predicting.heads)
        inputs = _inputs(source, parts.predicting, shapes)
        try:
            net = block_of(symbol, inputs)
        except (AssertionError, ValueError, mx.MXNetError) as error:
            raise source.refused(last_line(error)) from error
        _set_rates(source, net, graph, module=parts.training is not None)
        if (training := parts.training) is not None:
            scores = outputs(source, symbols, training.scores)
            kept = (training.layers, parts.labels, inputs, scores, training.losses, training.flat)
            note_layers(net, OutputLayers(*kept))
    contents = _without(contents, parts.labels)
    _set_dtypes(net, contents)
    return net, contents


def _inputs(source: Source, graph: Graph, known: Collection[str]) -> tuple[str, ...]:
    """Return a graph's inputs: the variables that are no parameters, be these in the file or not.

    Whatever stands where a layer takes a weight or its like is a parameter, and so is what is
    called so, unless it has the name that exports give to inputs.
    """
    weights: set[str] = set()
    for node in graph.nodes:
        names = described(node["op"], node["attrs"]).inputs if node["op"] != "null" else ()
        for name, entry in zip(names, node["inputs"], strict=False):
            if name in _WEIGHTS:
                weights.add(graph.nodes[entry[0]]["name"])
    unknown = [n["name"] for n in graph.nodes if n["op"] == "null" and n["name"] not in known]
    inputs = [
        name for name in unknown if _DATA.fullmatch(name) or not (name in weights or kind_of(name))
    ]
    if not inputs:
        raise source.refused("it has no inputs that are not parameters")
    return tuple(_in_order(inputs))


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


def _set_rates(source: Source, net: gluon.SymbolBlock, graph: Graph, *, module: bool) -> None:
    """Give the parameters the factors of learning rate and decay that the graph's variables have.

    Of others `Module` decays those alone whose names end in weight or gamma.
    """
    for node in graph.nodes:
        if node["op"] != "null" or node["name"] not in net.params:
            continue
        decays = not module or node["name"].endswith(("_weight", "_gamma"))
        for kind, usual in (("lr_mult", "1"), ("wd_mult", "1" if decays else "0")):
            text = node["attrs"].get(f"__{kind}__", usual)
            try:
                setattr(net.params[node["name"]], kind, float(text))
            except ValueError:
                raise source.refused(
                    f"the node {node['name']!r:.60} has {kind}={text:.40}, which is no number"
                ) from None


def _entries(contents: Contents) -> dict[str, Entry]:
    """Return a file's arrays by their names in the graph, without arg: and aux:."""
    return {_plain(name): entry for name, entry in contents.entries.items()}


def _plain(name: str) -> str:
    return name.removeprefix("arg:").removeprefix("aux:")


def _check_shapes(path: Path, nodes: Sequence[Any], contents: Contents) -> None:
    """Check that the file's weights have the shapes that the graph's layers need."""
    shapes = {name: entry.shape for name, entry in _entries(contents).items()}
    for node in nodes:
        weight = nodes[node["inputs"][1][0]]["name"] if len(node["inputs"]) > 1 else ""
        attributes = node["attrs"]
        if weight not in shapes or node["op"] not in _WEIGHTED:
            continue
        units, kernel = (attributes.get(name) for name in _WEIGHTED[node["op"]])
        wanted = [int(text) for text in re.findall(r"\d+", f"{units} {kernel or ''}")]
        shape = shapes[weight]
        begin = 1 if attributes.get("layout", "None").endswith("C") else 2
        if [*shape[:1], *shape[begin : len(wanted) + begin - 1]] != wanted:
            raise CheckpointError(
                f"{symbol_path(path)} and {contents.path} do not belong together: "
                f"{node['name']} with {units} units or filters has a weight of shape {shape}"
            )
