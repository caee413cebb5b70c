"""Sets of ONNX's operators: which are known here, and graphs in the newer ones.

Graphs are made of the operators of `OPSET`, and then raised. onnx's own `version_converter` lacks
some of the steps, as for `RoiAlign`, and takes no model without the shapes of all values.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

from gluonkit._base.checks import whole_number
from gluonkit.errors import ArgumentError, MissingPackageError
from gluonkit.exporting.onnx.conversion import OPSET, Target
from gluonkit.exporting.onnx.running import runtime, session

_AXES_AS_INPUT = {f"Reduce{kind}" for kind in ("Mean", "Max", "Min", "Prod", "L1", "L2")}
_AXES_AS_INPUT.add("ReduceSumSquare")


def checked_opset(onnx: Any, opset: int) -> int:
    """Return a number of a set of operators that onnx and ONNX Runtime know.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For another; the message says which are known.
    """
    number = whole_number("opset", opset, 0)
    known = {f"onnx {onnx.__version__}": int(onnx.defs.onnx_opset_version())}
    with suppress(MissingPackageError):
        known[f"ONNX Runtime {runtime().__version__}"] = _newest_run(onnx)
    if not OPSET <= number <= min(known.values()):
        newest = " and ".join(f"{name} knows up to {most}" for name, most in known.items())
        raise ArgumentError(
            f"`opset` is {number}; give a number from {OPSET} to {min(known.values())}, as {newest}"
        )
    return number


@lru_cache(maxsize=1)
def _newest_run(onnx: Any) -> int:
    """Return the newest set of operators that ONNX Runtime takes, which it does not tell."""
    helper = onnx.helper
    ends = [helper.make_tensor_value_info(name, 1, [1]) for name in ("from", "to")]
    graph = helper.make_graph(
        [helper.make_node("Neg", ["from"], ["to"])], "probe", *([e] for e in ends)
    )
    for number in range(int(onnx.defs.onnx_opset_version()), OPSET, -1):
        imports = [helper.make_opsetid("", number)]
        version = helper.find_min_ir_version_for(imports)
        model = helper.make_model(graph, opset_imports=imports, ir_version=version)
        try:
            session(model.SerializeToString())
        except Exception:  # of classes that are not in its public interface
            continue
        return number
    return OPSET


def raise_opset(target: Target) -> None:
    """Change what the nodes of a graph mean otherwise in the set of operators that is wanted."""
    for node in target.nodes:
        axes = next((given for given in node.attribute if given.name == "axes"), None)
        if target.opset >= 18 and node.op_type in _AXES_AS_INPUT and axes is not None:
            name = f"{node.output[0]}-axes"
            node.input.append(target.constant(name, list(axes.ints), "int64"))
            node.attribute.remove(axes)
        if target.opset >= 18 and node.op_type == "Split" and len(node.input) == 1:
            _set(target, node, "num_outputs", len(node.output))
        if target.opset >= 16 and node.op_type == "RoiAlign":
            _set(target, node, "coordinate_transformation_mode", "output_half_pixel")


def _set(target: Target, node: Any, name: str, value: Any) -> None:
    """Set an attribute, unless it is set."""
    if all(given.name != name for given in node.attribute):
        node.attribute.append(target.onnx.helper.make_attribute(name, value))
