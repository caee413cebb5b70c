"""From MXNet's operators to ONNX's: gluonkit's converters, and else MXNet's own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

from gluonkit.exporting import (  # noqa: F401  (they fill OWN)
    operators,
    recurrent,
    reductions,
    shapes,
)
from gluonkit.exporting.step import OPSET, OWN, Edge, Step
from gluonkit.trace.recorder import replaced

_TRANSLATIONS = "mxnet.onnx.mx2onnx._op_translations._op_translations_opset"


_LEGACY = {"_np_squeeze": "squeeze", "_npi_stack": "stack"}
"""Operators of NumPy's names with the same attributes as those of the long-known names."""


@contextmanager
def all_converters(onnx: Any) -> Iterator[Callable[[str], Callable[..., None] | None]]:
    """Give a function that finds an operator's converter, which is called with a `Step`."""
    with _mxnets(onnx) as theirs:

        def find(operator: str) -> Callable[..., None] | None:
            own = OWN.get(operator)
            if own is not None:
                return lambda step, **_: own(step)
            function = theirs.get(_LEGACY.get(operator, operator))
            return None if function is None else lambda step, **more: _run(function, step, **more)

        yield find


@contextmanager
def _mxnets(onnx: Any) -> Iterator[Mapping[str, Callable[..., Any]]]:
    """Give MXNet's converters, for the time of which `onnx` has again what they use of it."""
    modules = [importlib.import_module(f"{_TRANSLATIONS}{version}") for version in (12, OPSET)]
    registry = modules[0].mx_op.registry_
    stand_in = SimpleNamespace(**{**vars(onnx), "mapping": _mapping(onnx)})
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(replaced(module, "onnx", stand_in))
        yield {**registry.get(12, {}), **registry.get(OPSET, {})}


def _mapping(onnx: Any) -> SimpleNamespace:
    """Return the tables of data types that newer versions of `onnx` no longer have."""
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
    """Have one of MXNet's converters do its work."""
    if step.operator == "Pooling" and operators.rounds_up(step):
        operators.average_rounding_up(step)
        return
    if step.operator in ("Reshape", "reshape") and shapes.inferred_shape(step) is not None:
        shapes.reshape(step)
        return
    operators.refuse_what_differs(step)
    target, attributes = step.target, dict(step.attributes)
    if attributes.get("layout") == "NCW":  # as refused by them, but the same to ONNX
        attributes["layout"] = "NCHW"
    made = function(
        {
            "op": step.operator,
            "name": step.name,
            "attrs": attributes,
            "inputs": [[*place, 0] for place in node.inputs],
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
    target.nodes += [each for each in nodes if each.DESCRIPTOR.name == "NodeProto"]
