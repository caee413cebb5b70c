"""Files of arrays: checkpoints, parameters without a network, and plain arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from gluonkit.checkpoint.exported import graph_wanted
from gluonkit.checkpoint.loading import rebuilt
from gluonkit.checkpoint.names import kind_of, naming
from gluonkit.checkpoint.network import slots_of
from gluonkit.diagnosis.parts import ArrayInfo, Use
from gluonkit.diagnosis.ports import ports
from gluonkit.diagnosis.record import Diagnosis
from gluonkit.diagnosis.uses import Subject, call, conversion, network_uses, program, quoted
from gluonkit.errors import ArgumentError, CheckpointError
from gluonkit.files.contents import Contents, Entry
from gluonkit.graphs.capture import NotCompilableError, build_graph
from gluonkit.models import list_models, model_info, parse_model
from gluonkit.system.modes import array_mode
from gluonkit.tracing.inputs import parse_inputs
from gluonkit.tracing.symbols import graph_of

_WHAT = {
    "structure": "parameters by path",
    "prefix": "parameters by prefix",
    "export": "parameters of an exported network",
    "none": "arrays without names",
}
HALF = "float32"
"""The data type to which float16 is converted: processors do not compute in float16."""


def array_facts(contents: Contents, given: str) -> Diagnosis:
    """Return what a file of arrays says of itself."""
    record, own = contents.record, contents.kind == "gluonkit"
    entries, parameters = contents.entries, set(contents.parameters)
    training = record.get("training") or {}
    return Diagnosis(
        path=given,
        kind=contents.kind,
        bytes=contents.size,
        mxnet=contents.mxnet,
        names=naming(contents),
        parameters=tuple(_array(entry) for name, entry in entries.items() if name in parameters),
        others=tuple(_array(entry) for name, entry in entries.items() if name not in parameters),
        model=record.get("model"),
        network=record.get("class"),
        step=record.get("step"),
        metadata=record.get("metadata") if own else dict(contents.metadata) or None,
        optimizer=(record.get("optimizer") or training.get("optimizer") or {}).get("class"),
        tied=dict(contents.tied) or None,
        versions=record.get("versions"),
        checksums=own,
    )


def _array(entry: Entry) -> ArrayInfo:
    return ArrayInfo(entry.name, entry.shape, str(entry.dtype), entry.nbytes)


def main_dtype(contents: Contents) -> str:
    """Return the data type that most of a file's parameters have."""
    counts = Counter(contents.entries[name].dtype.name for name in contents.parameters)
    return max(counts, key=lambda dtype: counts[dtype], default="float32")


def converted_dtype(contents: Contents) -> str:
    """Return the data type to which a file's numbers are best converted; '' for none."""
    return HALF if main_dtype(contents) == "float16" else ""


def diagnosed_arrays(contents: Contents, given: str, *, is_archive: bool = False) -> Diagnosis:
    """Return what a file of arrays without a graph is, and what can be done with it."""
    facts = array_facts(contents, given)
    if contents.kind == "gluonkit" and contents.record.get("model"):
        return _checkpoint(contents, facts, is_archive=is_archive)
    if facts.names == "none" or not any(map(kind_of, contents.entries)):
        return _plain_arrays(facts)
    what = "gluonkit checkpoint" if contents.kind == "gluonkit" else _WHAT[facts.names]
    notes: tuple[str, ...] = ()
    if facts.names == "export":
        notes = (f"with {graph_wanted(contents.path)}, it would be a network",)
    dtype = converted_dtype(contents)
    made = "" if is_archive else _by_name(given)
    subject = Subject(given, dtype=dtype, needs_net=True, made=made, is_archive=is_archive)
    if subject.made:
        notes += ("by its name they are the weights of that model; `load` checks that they fit",)
    uses = network_uses(subject)
    return replace(facts, what=what, uses=uses, notes=notes + _half(dtype))


def _half(dtype: str) -> tuple[str, ...]:
    if not dtype:
        return ()
    return (f"its numbers are float16, with which processors do not compute: {dtype} it is",)


def _by_name(given: str) -> str:
    """Return the Python that makes the model after which a file is named; '' for other files.

    MXNet publishes ``resnet18_v1-a0666292.params``, with the begin of the file's SHA-1.
    """
    stem = given.rpartition("/")[2].rpartition(".")[0]
    name, _, begin = stem.rpartition("-")
    alike = [model for model in list_models() if model.rpartition("/")[2] in (stem, name)]
    published = [
        model
        for model in alike
        if name and any(sha1.startswith(begin) for sha1 in model_info(model).published.values())
    ]
    chosen = published or alike
    return f"net = gk.create_model({quoted(chosen[-1])})" if chosen else ""


def _plain_arrays(facts: Diagnosis) -> Diagnosis:
    what = "arrays by name" if facts.names != "none" else "arrays without names"
    module = "npx" if "NumPy" in facts.mxnet else "nd"
    uses = {}
    if facts.kind == "mxnet":
        target = f"{facts.path.removesuffix('.params')}.safetensors"
        read = call(f"{module}.load", quoted(facts.path), result="arrays")
        uses = {"read": Use(program(read)), "safetensors": conversion(facts.path, target)}
    note = "no name is that of a layer's parameter (weight, bias, gamma, …)"
    return replace(facts, what=what, uses=uses, notes=(note,) if facts.names != "none" else ())


def _checkpoint(contents: Contents, facts: Diagnosis, *, is_archive: bool) -> Diagnosis:
    """Return what a checkpoint is whose network `create_model` makes."""
    hindrances: tuple[str, ...] = ()
    dtype = converted_dtype(contents)
    size = sum(parameter.bytes for parameter in facts.parameters)
    subject = Subject(facts.path, dtype=dtype, bytes=size, is_archive=is_archive)
    try:
        facts, subject = _traced(contents, facts, subject)
    except CheckpointError as error:
        hindrances = (str(error),)
        subject = replace(subject, needs_net=True)
    return replace(
        facts,
        what="gluonkit checkpoint",
        uses=network_uses(subject),
        hindrances=hindrances,
        notes=_half(dtype),
    )


def _traced(contents: Contents, facts: Diagnosis, subject: Subject) -> tuple[Diagnosis, Subject]:
    """Add what the graph of a checkpoint's network tells, if it can be traced."""
    with array_mode(numpy_mode=False):
        net = rebuilt(contents)
        specs = _specs(str(contents.record["model"]))
        try:
            graph = graph_of(build_graph(net, specs, on_cpu=False).symbol)
        except (NotCompilableError, ArgumentError):
            return facts, subject
    paths = {parameter.name: slot.path for slot in slots_of(net) for parameter in slot.parameters}
    shapes = {
        name: contents.entries[path].shape
        for name, path in paths.items()
        if path in contents.entries
    }
    variables = [n.name for n in graph.nodes if n.is_variable and n.name not in paths]
    inputs, outputs = ports(graph, shapes, variables, main_dtype(contents), {})
    example = model_info(parse_model(str(contents.record["model"]))[0]).inputs
    named = tuple(
        replace(port, name=info.name, dtype=info.dtype)
        for port, info in zip(inputs, example, strict=False)
    )
    operators = tuple(node.operator for node in graph.operators)
    told = replace(facts, inputs=named, outputs=outputs, operators=len(operators))
    return told, replace(subject, inputs=named, operators=operators, outputs=len(graph.heads))


def _specs(model: str) -> Sequence[object]:
    return parse_inputs(model_info(parse_model(model)[0]).specs)
