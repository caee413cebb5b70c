"""A network run by another engine: written as ONNX in memory, and bound to arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import TypeAlias

import numpy

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit._base.specs import ArraySpec
from gluonkit.compiling.engines import onnxruntime, openvino
from gluonkit.compiling.engines.binding import Bind, Model, Source
from gluonkit.compiling.engines.timing import Ran
from gluonkit.compiling.runner import Runner
from gluonkit.exporting.network import Network, Traced, with_graph
from gluonkit.exporting.onnx.conversion import OPSET
from gluonkit.exporting.onnx.model import onnx_model
from gluonkit.tracing.tree import all_paths

Specs: TypeAlias = Mapping[str, ArraySpec]

_OPENED = {"onnxruntime": onnxruntime.opened, "openvino": openvino.opened}
_TIMED = {"onnxruntime": onnxruntime.timed, "openvino": openvino.timed}


def exported(program: Source) -> Model:
    """Write a program as ONNX.

    Raises
    ------
    ExportError
        As `gluonkit.export_onnx`, with the names of operators that cannot be converted.
    """
    onnx = require("onnx", extra="onnx")
    began = perf_counter()
    outputs = program.outputs()
    paths: dict[str, str] = {}
    for path, parameter in all_paths(program.net):
        if parameter.name in program.parameters:
            paths.setdefault(parameter.name, path)
    network = Network(program.net, program.nested, program.parameters, paths, program.ctx)

    def written(traced: Traced) -> Model:
        model = onnx_model(
            *(onnx, network, traced, outputs), dynamic_batch=False, opset=OPSET, half=False
        )
        names = [output.name for output in model.graph.output]
        named = dict(zip(names, outputs, strict=True))
        return Model(model.contents, traced.inputs, named, perf_counter() - began)

    return with_graph(network, written)


class EngineRunner(Runner):
    """Runs a model by another engine.

    Attributes
    ----------
    names : tuple of str
        Of the outputs, in the model.
    """

    def __init__(self, bind: Bind, inputs: Specs, outputs: Specs) -> None:
        # The memory is NumPy's: there is nothing of MXNet's to set up.
        arrays = _arrays(inputs), _arrays(outputs)
        self.inputs, self.outputs = (list(named.values()) for named in arrays)
        self.run = bind(*arrays)  # type: ignore[method-assign]
        self.names = tuple(outputs)
        self.another = partial(EngineRunner, bind, inputs, outputs)


def runner_of(program: Source, name: str, threads: int) -> Runner:
    """Return a runner of a program by an engine, for `engines.runner_of`."""
    model = program.model or exported(program)
    began = perf_counter()
    runner = EngineRunner(_OPENED[name](model.contents, threads), model.inputs, model.outputs)
    runner.making = model.seconds + perf_counter() - began
    return runner


def timed_runner_of(
    program: Source, name: str, threads: int
) -> tuple[Runner, Callable[[], list[Ran]]]:
    """Return a runner whose operators are recorded, and what returns these once."""
    model = program.model or exported(program)
    bind, ran = _TIMED[name](model.contents, threads)
    return EngineRunner(bind, model.inputs, model.outputs), ran


def _arrays(specs: Specs) -> dict[str, Array]:
    return {name: numpy.zeros(spec.shape, spec.dtype) for name, spec in specs.items()}
