"""Converters of operators without inputs, whose outputs are constants of the file."""

from __future__ import annotations

import numpy

from gluonkit._base.kinds import Array
from gluonkit.exporting.onnx.alone import run_alone
from gluonkit.exporting.onnx.conversion import Step, converts

_FILLED = {"_npi_zeros": 0.0, "_npi_ones": 1.0}


@converts(*_FILLED, "_full", "_npi_full")
def _filled(step: Step) -> None:
    """Convert a filled array of the inferred shape."""
    given = step.attributes.get("value") or step.attributes.get("fill_value")
    number = _FILLED.get(step.operator, float(given or 0))
    _add(step, numpy.full(step.outputs[0].shape, number))


@converts("_npi_arange", "_arange", "_linspace", "_npi_logspace", "_npi_indices")
@converts("_eye", "_npi_eye", "_npi_identity")
def _computed(step: Step) -> None:
    """Convert what MXNet computes of the attributes alone."""
    _add(step, run_alone(step.operator, step.given, [])[0])


def _add(step: Step, values: Array) -> None:
    if step.outputs[0].shape != tuple(step.grown[0]):
        raise NotImplementedError(f"{step.operator} of a shape that follows the batch")
    step.add("Identity", [step.constant("values", values, step.outputs[0].dtype)])
