"""Exported networks and checkpoints of `Module`: a graph, and its parameters."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gluonkit.checkpoint.exported import (
    epoch_of,
    parameter_files,
    parameters_path,
    symbol_path,
)
from gluonkit.checkpoint.graph import hidden_in, raw_graph
from gluonkit.checkpoint.loading import fitting
from gluonkit.checkpoint.symbol import GraphFile, read_graph_file, symbol_block
from gluonkit.diagnosis.arrays import HALF, array_facts, converted_dtype, main_dtype
from gluonkit.diagnosis.ports import ports
from gluonkit.diagnosis.record import Diagnosis
from gluonkit.diagnosis.uses import Subject, network_uses
from gluonkit.errors import CheckpointError
from gluonkit.files.contents import Contents
from gluonkit.files.reading import read_header
from gluonkit.files.source import opened

_HIDDEN = {
    "fused": "graph fused by a backend",
    "quantized": "graph quantized by a backend",
    "control flow": "graph with control flow",
}
_DETECTION = "_contrib_MultiBoxDetection"
_SIDECAR = 1 << 20
"""Bytes of the JSON files beside a network that are looked into."""


@dataclass(frozen=True)
class Place:
    """Where a network's files are, and what the user gave.

    Attributes
    ----------
    file : Path
        A file of the network, or its prefix.
    given : str
        What the user gave, which stands in programs.
    is_archive : bool
        Whether that is an archive, which has been unpacked.
    """

    file: Path
    given: str
    is_archive: bool = False


def diagnosed_network(place: Place) -> Diagnosis:
    """Return what a graph with its parameters is, and what can be done with it.

    Raises
    ------
    CheckpointError
        When the file that was given is damaged.
    """
    graph = symbol_path(place.file)
    if not os.path.exists(graph):
        parameters_path(place.file)  # says that it does not exist, and what there is
    contents, missing = _parameters(place, graph)
    with opened(graph) as source:
        raw = raw_graph(source)
        size = source.size
    known = {} if contents is None else _shapes(contents)
    facts = (
        Diagnosis(place.given, "graph")
        if contents is None
        else (array_facts(contents, place.given))
    )
    parameters = () if contents is None else (contents.path.name,)
    facts = replace(
        facts,
        bytes=facts.bytes + size,
        files=(graph.name, *parameters),
        epoch=None if contents is None else epoch_of(contents.path),
        mxnet=raw.mxnet,
        hindrances=(missing,) if missing else (),
    )
    if hidden := hidden_in(raw):
        facts = replace(facts, what=_HIDDEN[hidden])
    try:
        with opened(graph) as source:
            file = read_graph_file(source, known)
    except CheckpointError as error:
        what = facts.what or "exported network"
        return replace(facts, what=what, hindrances=(*facts.hindrances, str(error)))
    return _usable(place, graph, contents, file, facts)


def _parameters(place: Place, graph: Path) -> tuple[Contents | None, str]:
    """Return the header of the parameters that belong to a graph, or why there is none.

    Of several epochs the newest, unless one was given.
    """
    files = parameter_files(graph)
    if place.file.suffix == ".params" and os.path.exists(place.file):
        files = [place.file]
    if not files:
        prefix = graph.name.removesuffix(".json").removesuffix("-symbol")
        return None, f"its parameters are missing: there is no {prefix}-0000.params beside it"
    return read_header(files[-1]), ""


def _usable(
    place: Place, graph: Path, contents: Contents | None, file: GraphFile, facts: Diagnosis
) -> Diagnosis:
    """Add what a readable graph tells: inputs, outputs, and what can be done."""
    predicting = file.parts.predicting
    known = {} if contents is None else _shapes(contents)
    dtype = "float32" if contents is None else main_dtype(contents)
    beside = _stated(graph, file.inputs)
    inputs, outputs = ports(predicting, known, file.inputs, dtype, beside)
    operators = tuple(node.operator for node in predicting.operators)
    layers = file.parts.training.layers if file.parts.training is not None else ()
    facts = replace(
        facts,
        what=_what(graph, file),
        operators=len(operators),
        inputs=inputs,
        outputs=outputs,
        labels=file.parts.labels,
        layers=", ".join(f"{layer.name} ({layer.operator})" for layer in layers),
    )
    if contents is None:
        return facts
    if problem := _problem(place, contents):
        return replace(facts, hindrances=(*facts.hindrances, problem))
    return _with_uses(place, contents, facts, file)


def _with_uses(place: Place, contents: Contents, facts: Diagnosis, file: GraphFile) -> Diagnosis:
    """Add what can be done with a network that can be loaded."""
    dtype, predicting = converted_dtype(contents), file.parts.predicting
    given = place.given
    epochs = parameter_files(symbol_path(place.file))
    notes: tuple[str, ...] = ()
    if len(epochs) > 1 and not place.is_archive and not given.endswith(".params"):
        given = str(contents.path)
        notes = (f"it has the parameters of {len(epochs)} epochs; this is the last",)
    if dtype:
        notes += (f"its numbers are float16, with which processors do not compute: {HALF} it is",)
    subject = Subject(
        given,
        inputs=facts.inputs,
        dtype=dtype,
        operators=tuple(node.operator for node in predicting.operators),
        outputs=len(facts.outputs),
        labels=len(facts.labels),
        is_layered=file.parts.training is not None,
        is_archive=place.is_archive,
        bytes=sum(parameter.bytes for parameter in facts.parameters),
    )
    return replace(facts, uses=network_uses(subject), notes=notes)


def _problem(place: Place, contents: Contents) -> str:
    """Return why `load` would refuse a network; '' if it would not. Nothing is allocated."""
    try:
        net, contents = symbol_block(symbol_path(place.file), contents)
        fitting(contents, net, "auto", strict=True)
    except CheckpointError as error:
        return str(error)
    return ""


def _what(graph: Path, file: GraphFile) -> str:
    """Return what a graph that can be read is."""
    operators = {node.operator for node in file.graph.operators}
    if graph.name == "image-classification-symbol.json":
        return "SageMaker image classification network"
    if graph.name.startswith("model_algo_1-") and _DETECTION in operators:
        return "SageMaker object detection network (SSD)"
    if file.parts.training is not None or file.parts.labels:
        return "checkpoint of Module"
    is_gluon = any(node.name.endswith("_fwd") for node in file.graph.operators)
    return "exported Gluon network" if is_gluon else "exported network"


def _shapes(contents: Contents) -> dict[str, tuple[int, ...]]:
    return {
        name.removeprefix("arg:").removeprefix("aux:"): entry.shape
        for name, entry in contents.entries.items()
    }


def _stated(graph: Path, inputs: Collection[str]) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of inputs that SageMaker keeps beside a network."""
    prefix = graph.name.removesuffix(".json").removesuffix("-symbol")
    for name in (f"{prefix}-shapes.json", "model-shapes.json"):
        given = _json(graph.with_name(name))
        entries = given if isinstance(given, list) else []
        shapes = dict(filter(None, map(_entry, entries)))
        if set(inputs) <= set(shapes):
            return {name: shapes[name] for name in inputs}
    return {}


def _entry(given: Any) -> tuple[str, tuple[int, ...]] | None:
    """Return the name and shape of an entry of such a file; None for anything else."""
    if not isinstance(given, dict):
        return None
    name, shape = given.get("name"), given.get("shape")
    is_shape = isinstance(shape, list) and all(type(n) is int and 0 < n < 1 << 31 for n in shape)
    return (name, tuple(shape)) if isinstance(name, str) and is_shape and shape else None


def _json(path: Path) -> Any:
    """Return what a small JSON file holds; None if it is none."""
    try:
        with opened(path) as source:
            text = bytes(source.read(0, source.size, "it")) if source.size <= _SIDECAR else b""
        return json.loads(text)
    except (CheckpointError, ValueError, RecursionError):
        return None
