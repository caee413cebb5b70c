"""Exported networks: ``-symbol.json`` with ``-0000.params``, loaded as a `gluon.SymbolBlock`."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Symbol
from gluonkit.errors import CheckpointError
from gluonkit.files.contents import Contents, Entry
from gluonkit.files.reading import read_arrays
from gluonkit.files.source import Source, opened
from gluonkit.files.symbols import Graph, read_symbol
from gluonkit.files.upgrade import SUCCESSORS, Described, upgraded
from gluonkit.tracing.symbols import create, operator_handle, operator_name, outputs_of

_SYMBOL = "-symbol.json"
_PARAMETERS = re.compile(r"(.*)-\d{4,}\.params")
_WEIGHTED = {"FullyConnected": ("num_hidden", ""), "Convolution": ("num_filter", "kernel")}
"""Operators whose weights' shapes follow from their attributes."""
_POSITIVE = {"num_group", "num_hidden", "num_filter", "num_deconv_group", "stride", "dilate"}
"""Attributes whose zero makes MXNet divide by it, which ends the process."""
_INPUT = re.compile(r"data_*(\d{1,9})")
"""Names that MXNet gives to the inputs of a network that has several."""
_FILLED = {"_zeros", "_ones", "_full"}
"""Operators of legacy mode, where a zero in a shape stands for what the inputs determine."""


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
    if not os.path.exists(path):  # False for names that no file can have, too
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

    Raises
    ------
    CheckpointError
        When one of the two files is missing or damaged, or they do not belong together.
    """
    contents = read_arrays(parameters_path(path))
    known = _entries(contents)
    with opened(symbol_path(path)) as source:
        graph = _graph(source)
        _check_shapes(path, graph.nodes, contents)
        symbol = _built(source, graph)
    variables = [node["name"] for node in graph.nodes if node["op"] == "null"]
    inputs = _in_order([name for name in variables if name not in known])
    if not inputs:
        raise CheckpointError(f"{symbol_path(path)} has no inputs that are not parameters")
    try:
        net = _block(symbol, inputs)
    except (AssertionError, ValueError, mx.MXNetError) as error:
        raise CheckpointError(f"{symbol_path(path)} cannot be used: {last_line(error)}") from error
    _set_dtypes(net, contents)
    _set_rates(source, net, graph)
    return net, contents


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


def _set_rates(source: Source, net: gluon.SymbolBlock, graph: Graph) -> None:
    """Give the parameters the factors of learning rate and decay that `Module` trains them with."""
    for node in graph.nodes:
        if node["op"] != "null" or node["name"] not in net.params:
            continue
        for kind in ("lr_mult", "wd_mult"):
            text = node["attrs"].get(f"__{kind}__", "1")
            try:
                setattr(net.params[node["name"]], kind, float(text))
            except ValueError:
                raise source.refused(
                    f"the node {node['name']!r:.60} has {kind}={text:.40}, which is no number"
                ) from None


def _entries(contents: Contents) -> dict[str, Entry]:
    """Return a file's arrays by their names in the graph, without ``arg:`` and ``aux:``."""
    return {name.partition(":")[2] or name: entry for name, entry in contents.entries.items()}


def _block(symbol: Symbol, inputs: Sequence[str]) -> gluon.SymbolBlock:
    numpy_mode = mx.util.is_np_array()
    given = [mx.sym.var(name) for name in inputs]
    with warnings.catch_warnings():
        # MXNet infers data types from the inputs', which are not known; the file has them.
        warnings.filterwarnings("ignore", "Cannot decide type", UserWarning)
        return gluon.SymbolBlock(
            symbol.as_np_ndarray() if numpy_mode else symbol,
            [array.as_np_ndarray() for array in given] if numpy_mode else given,
        )


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
        if [shape[0], *shape[2 : len(wanted) + 1]] != wanted:
            raise CheckpointError(
                f"{symbol_path(path)} and {contents.path} do not belong together: "
                f"{node['name']} with {units} units or filters has a weight of shape {shape}"
            )


def _graph(source: Source) -> Graph:
    """Return a file's graph, its structure checked, as MXNet 1.9.1 would have written it."""
    graph = read_symbol(source, {*mx.operator.get_all_registered_operators(), *SUCCESSORS})
    if any(node.get("subgraphs") for node in graph.nodes):
        raise source.refused(
            "it has control flow (foreach, while_loop, cond), which is not loaded without "
            "checksums; make the network in Python and give it as net="
        )
    for node in graph.nodes:
        for kind in ("attrs", "attr", "param"):
            _check_attributes(source, node["name"], node.get(kind, {}))
    return upgraded(graph, _described)


def _described(operator: str, attributes: Mapping[str, str]) -> Described:
    """Return what MXNet knows of an operator; no inputs, if its attributes are wrong."""
    name = operator_name(operator_handle(operator))
    return Described(name, _inputs_of(name, tuple(sorted(attributes.items()))))


@lru_cache(maxsize=1024)
def _inputs_of(operator: str, attributes: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    try:
        inputs = create(operator, None, dict(attributes), "n").list_inputs()
    except mx.MXNetError:  # building the graph says what is wrong
        inputs = []
    return tuple(each.removeprefix("n_") for each in inputs)


def _built(source: Source, graph: Graph) -> Any:
    """Return a graph, built by MXNet's own functions, which check every operator."""
    built: list[Any] = []
    for node in graph.nodes:
        try:
            built.append(_node(node, node["attrs"], built))
        except (mx.MXNetError, ValueError, TypeError, IndexError) as error:
            raise source.refused(f"the node {node['name']!r:.60}: {last_line(error)}") from error
    try:
        outputs = [_output(built[head[0]], head[1]) for head in graph.heads]
    except IndexError as error:
        raise source.refused(str(error)) from None
    return outputs[0] if len(outputs) == 1 else mx.sym.Group(outputs)


def _check_attributes(source: Source, name: str, attributes: Mapping[str, str]) -> None:
    for key in _POSITIVE & set(attributes):
        if any(int(number) <= 0 for number in re.findall(r"-?\d+", attributes[key])):
            raise source.refused(f"the node {name!r:.60} has {key}={attributes[key]:.40}")


def _node(node: Mapping[str, Any], attributes: Mapping[str, str], built: Sequence[Any]) -> Any:
    if node["op"] == "null":
        notes = {key: value for key, value in attributes.items() if key.startswith("__")}
        return mx.sym.var(node["name"], attr=notes)
    inputs = [_output(built[source[0]], source[1]) for source in node["inputs"]]
    if node["op"] in _FILLED and "shape" in attributes and mx.util.is_np_shape():
        open_shape = re.sub(r"\b0\b", "-1", attributes["shape"])
        attributes = {**attributes, "shape": open_shape}
    made = create(node["op"], inputs, attributes, node["name"])
    children = made.get_children()
    if (0 if children is None else len(children)) != len(inputs):
        raise ValueError(f"{node['op']} does not take {len(inputs)} inputs")
    return made


def _output(symbol: Symbol, index: int) -> Any:
    count = outputs_of(symbol)
    if index >= count:
        raise IndexError(f"output {index} is taken of a node that has {count}")
    return symbol if count == 1 else symbol[index]
