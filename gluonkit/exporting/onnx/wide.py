"""Casts around ONNX operators, most of which take fewer data types than MXNet's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from gluonkit.exporting.onnx.conversion import Step


def working_type(dtype: Any, *, floating: bool = False) -> Any:
    """Return the data type to compute in: most of ONNX's operators support wide types only."""
    dtype = numpy.dtype(dtype)
    if floating:
        return dtype if dtype.kind == "f" else numpy.dtype("float32")
    return numpy.dtype("int32") if dtype.kind in "iub" and dtype.itemsize < 4 else dtype


def cast(step: Step, name: str, have: Any, wanted: Any, part: str) -> str:
    """Cast an array to a data type."""
    if numpy.dtype(have) == numpy.dtype(wanted):
        return name
    return step.add("Cast", [name], part, to=step.onnx_type(wanted))


def operands(step: Step, dtype: Any) -> list[str]:
    """Return all inputs in a data type, and after them the number of an operator that has one."""
    names = [
        cast(step, name, spec.dtype, dtype, f"operand{place}")
        for place, (name, spec) in enumerate(zip(step.inputs, step.specs, strict=True))
    ]
    if "scalar" in step.attributes:
        names.append(step.constant("scalar", float(step.attributes["scalar"]), dtype))
    return names


def as_wide(
    step: Step, name: str, have: Any, dtype: Any, *, floating: bool = False
) -> tuple[str, Callable[[str], None]]:
    """Return an array in a wide data type, and a function that casts the result back."""
    work = working_type(dtype, floating=floating)
    return cast(step, name, have, work, "wide"), lambda result: finish(step, result, work)


def finish(step: Step, result: str, have: Any) -> None:
    """Make the output of the last node the output of this step."""
    dtype = step.outputs[0].dtype
    if numpy.dtype(have) != numpy.dtype(dtype):
        step.add("Cast", [result], to=step.onnx_type(dtype))
    else:
        last = step.target.nodes[-1].output
        last[list(last).index(result)] = step.name
