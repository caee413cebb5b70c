"""Exported networks: ``-symbol.json`` with ``-0000.params``, loaded as a `gluon.SymbolBlock`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._errors import CheckpointError, last_line
from gluonkit.files.contents import Contents
from gluonkit.files.reading import read_arrays
from gluonkit.files.source import Source, opened
from gluonkit.files.symbols import read_symbol
from gluonkit.trace.graph import create, outputs_of

_SYMBOL = "-symbol.json"
_PARAMETERS = re.compile(r"(.*)-\d{4,}\.params")
_POSITIVE = {"num_group", "num_hidden", "num_filter", "num_deconv_group", "stride", "dilate"}
"""Attributes whose zero makes MXNet divide by it, which ends the process."""


def is_exported(path: Path) -> bool:
    """Return whether a path is that of an exported network, or of its parameters."""
    return path.name.endswith(_SYMBOL) or (
        _PARAMETERS.fullmatch(path.name) is not None and symbol_path(path).exists()
    )


def symbol_path(path: Path) -> Path:
    """Return the path of the graph that belongs to exported parameters."""
    found = _PARAMETERS.fullmatch(path.name)
    return path if found is None else path.with_name(f"{found[1]}{_SYMBOL}")


def parameters_path(path: Path) -> Path:
    """Return the path of an exported network's parameters, given that of its graph.

    Raises
    ------
    CheckpointError
        when there is none, or several.
    """
    if not path.name.endswith(_SYMBOL):
        return path
    prefix = path.name.removesuffix(_SYMBOL)
    found = [
        each
        for each in sorted(path.parent.glob("*.params"))
        if (match := _PARAMETERS.fullmatch(each.name)) and match[1] == prefix
    ]
    if len(found) != 1:
        several = ", ".join(each.name for each in found[:5])
        raise CheckpointError(
            f"{path} has no parameters beside it; {prefix}-0000.params is missing"
            if not found
            else f"{path} has the parameters of several epochs beside it ({several}); give the "
            ".params file that you mean"
        )
    return found[0]


def symbol_block(path: Path) -> tuple[gluon.SymbolBlock, Contents]:
    """Return an exported network without values, and the file that has them.

    Raises
    ------
    CheckpointError
        when one of both files is missing, damaged, or does not belong to the other.
    """
    contents = read_arrays(parameters_path(path))
    known = {name.partition(":")[2] or name for name in contents.entries}
    with opened(symbol_path(path), whole=True) as source:
        symbol, variables = _read(source)
    _check_shapes(path, symbol, contents)
    inputs = [name for name in variables if name not in known]
    if not inputs:
        raise CheckpointError(f"{symbol_path(path)} has no inputs that are not parameters")
    numpy_mode = mx.util.is_np_array()
    given = [mx.sym.var(name) for name in inputs]
    try:
        net = gluon.SymbolBlock(
            symbol.as_np_ndarray() if numpy_mode else symbol,
            [each.as_np_ndarray() for each in given] if numpy_mode else given,
        )
    except (AssertionError, ValueError, mx.MXNetError) as error:
        raise CheckpointError(f"{symbol_path(path)} cannot be used: {last_line(error)}") from error
    return net, contents


def _check_shapes(path: Path, symbol: Any, contents: Contents) -> None:
    """Refuse a graph whose operators want other shapes than the parameters have."""
    shapes = {name.partition(":")[2] or name: e.shape for name, e in contents.entries.items()}
    wanted = set(symbol.list_arguments())
    try:
        symbol.infer_shape_partial(**{name: shapes[name] for name in shapes if name in wanted})
    except mx.MXNetError as error:
        raise CheckpointError(
            f"{symbol_path(path)} and {contents.path} do not belong together: {last_line(error)}"
        ) from error


def _read(source: Source) -> tuple[Any, tuple[str, ...]]:
    """Return a file's graph, built anew by MXNet's own calls, which check every operator."""
    found = read_symbol(source, mx.operator.get_all_registered_operators())
    graph = json.loads(found.text)
    if any(node.get("subgraphs") for node in graph["nodes"]):
        raise source.refused(
            "it has control flow (foreach, while_loop, cond), which is not loaded without "
            "checksums; make the network in Python and give it as net="
        )
    built: list[Any] = []
    for node in graph["nodes"]:
        attributes = node.get("attrs") or node.get("attr") or node.get("param") or {}
        _check_attributes(source, node["name"], attributes)
        try:
            built.append(_node(node, attributes, built))
        except (mx.MXNetError, ValueError, TypeError, IndexError) as error:
            raise source.refused(f"the node {node['name']!r:.60}: {last_line(error)}") from error
    heads = [_output(built[head[0]], head[1]) for head in graph["heads"]]
    return (heads[0] if len(heads) == 1 else mx.sym.Group(heads)), found.variables


def _check_attributes(source: Source, name: str, attributes: Mapping[str, str]) -> None:
    for key in _POSITIVE & set(attributes):
        if any(int(number) <= 0 for number in re.findall(r"-?\d+", attributes[key])):
            raise source.refused(f"the node {name!r:.60} has {key}={attributes[key]:.40}")


def _node(node: Mapping[str, Any], attributes: Mapping[str, str], built: Sequence[Any]) -> Any:
    if node["op"] == "null":
        notes = {key: value for key, value in attributes.items() if key.startswith("__")}
        return mx.sym.var(node["name"], attr=notes)
    inputs = [_output(built[each[0]], each[1]) for each in node["inputs"]]
    made = create(node["op"], inputs, attributes, node["name"])
    children = made.get_children()
    if (0 if children is None else len(children)) != len(inputs):
        raise ValueError(f"{node['op']} does not take {len(inputs)} inputs")
    return made


def _output(symbol: Any, index: int) -> Any:
    count = outputs_of(symbol)
    if index >= count:
        raise IndexError(f"output {index} is taken of a node that has {count}")
    return symbol if count == 1 else symbol[index]
