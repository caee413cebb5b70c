"""From MXNet's operators to ONNX's: gluonkit's converters, and else MXNet's own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

from gluonkit.exporting.onnx import (  # noqa: F401  (they fill OWN)
    anchors,
    arithmetic,
    constants,
    detection,
    functions,
    layers,
    normalization,
    numeric,
    ordering,
    pooling,
    products,
    recurrent,
    reductions,
    shapes,
    suppression,
)
from gluonkit.exporting.onnx.conversion import OPSET, OWN, Edge, Step
from gluonkit.system.patches import replaced

_TRANSLATIONS = "mxnet.onnx.mx2onnx._op_translations._op_translations_opset"


_LIKE = {"_np_squeeze": "squeeze", "_npi_stack": "stack", "Convolution_v1": "Convolution"}
"""Operators with the attributes of another, for which MXNet has a converter."""


def unconvertible(names: Iterable[str]) -> list[str]:
    """Return those of MXNet's operators for which there is no converter at all, each once.

    Converters of others may still refuse what a node's attributes ask for.
    """
    theirs = _registered(_modules())
    return [
        name
        for name in dict.fromkeys(names)
        if name not in OWN and _LIKE.get(name, name) not in theirs
    ]


@contextmanager
def all_converters(onnx: Any) -> Iterator[Callable[..., None]]:
    """Yield a function that converts a `Step`; it raises if that is impossible."""
    with _mxnets(onnx) as theirs:

        def convert(step: Step, **place: Any) -> None:
            own = OWN.get(step.operator)
            if own is not None and own(step) is not False:
                return
            function = theirs.get(_LIKE.get(step.operator, step.operator))
            if function is None:
                raise NotImplementedError("there is no converter")
            _run(function, step, **place)

        yield convert


@contextmanager
def _mxnets(onnx: Any) -> Iterator[Mapping[str, Callable[..., Any]]]:
    """Yield MXNet's converters; names that `onnx` has removed are restored in the context."""
    modules = _modules()
    stand_in = SimpleNamespace(**{**vars(onnx), "mapping": _mapping(onnx)})
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(replaced(module, "onnx", stand_in))
        yield _registered(modules)


def _modules() -> list[Any]:
    return [importlib.import_module(f"{_TRANSLATIONS}{version}") for version in (12, OPSET)]


def _registered(modules: Sequence[Any]) -> Mapping[str, Callable[..., Any]]:
    registry = modules[0].mx_op.registry_
    return {**registry.get(12, {}), **registry.get(OPSET, {})}


def _mapping(onnx: Any) -> SimpleNamespace:
    """Return the tables of data types that newer versions of `onnx` have removed."""
    numbers = onnx.TensorProto.DataType.values()
    types = {}
    for number in numbers:
        try:
            types[number] = onnx.helper.tensor_dtype_to_np_dtype(number)
        except (KeyError, ValueError, TypeError):
            continue  # the type of nothing
    plain = {n: dtype for n, dtype in types.items() if dtype.kind in "biuf" and n != 16}
    return SimpleNamespace(
        TENSOR_TYPE_TO_NP_TYPE=types,
        NP_TYPE_TO_TENSOR_TYPE={dtype: number for number, dtype in plain.items()},
    )


def _run(
    function: Callable[..., Any], step: Step, *, lookup: Sequence[Sequence[Edge]], node: Any
) -> None:
    """Convert a step by one of MXNet's converters."""
    target, attributes = step.target, dict(step.attributes)
    if attributes.get("layout") == "NCW":  # as refused by them, but the same to ONNX
        attributes["layout"] = "NCHW"
    made = function(
        {
            "op": step.operator,
            "name": step.name,
            "attrs": attributes,
            "inputs": [[*entry.place, 0] for entry in node.inputs],
        },
        is_input=False,
        mx_graph=[],
        weights={},
        proc_nodes=target.nodes,
        initializer=target.initializers,
        outputs_lookup=lookup,
        idx=len(lookup),
        opset_version=OPSET,
    )
    nodes = made if isinstance(made, list) else made[0]
    target.nodes += [made for made in nodes if made.DESCRIPTOR.name == "NodeProto"]
