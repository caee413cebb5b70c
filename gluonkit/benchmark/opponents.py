"""Other engines as a benchmark's opponents, called as their own documentation calls them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.benchmark.pytorch import (
    TORCH,
    TORCH_COMPILED,
    TorchProcess,
    TorchSampler,
    check_torch,
)
from gluonkit.benchmark.timing import Sampler
from gluonkit.compiling.engines import OTHERS
from gluonkit.compiling.program import usual_threads
from gluonkit.errors import ExportError
from gluonkit.exporting import export_onnx

Call = Callable[[], list[Array]]

_SPINNING = 200
"""Microseconds that ONNX Runtime's threads look for more work before they sleep.

By default they go on for milliseconds after a call, and would take a core from the variant that is
timed next.
"""


class NotExportedError(Exception):
    """A network that cannot be written for other engines; no failure of the benchmark."""


OPPONENTS = (*OTHERS, TORCH)
"""The names that `bench` takes."""


def rows_of(names: Sequence[str]) -> list[str]:
    """Return the variants of opponents; PyTorch has two."""
    return [row for name in names for row in _ROWS.get(name, (name,))]


_ROWS = {TORCH: (TORCH, TORCH_COMPILED)}


class Opponents:
    """A network for other engines: written for each once, and opened when it is asked for.

    They get as many threads as an operator of MXNet's, and compute in the network's own data types.
    NumPy arrays go in, and come out.
    """

    def __init__(self, net: gluon.Block, inputs: Sequence[Any]) -> None:
        self._net, self._inputs = net, inputs
        self._contents: bytes | None = None
        self._arrays: dict[str, Array] = {}
        self._why = ""
        self._torch: TorchProcess | None = None

    def sampler(self, name: str) -> Sampler | None:
        """Return what times an engine that runs in a process of its own; None for others.

        Raises
        ------
        NotExportedError
            When the network cannot be written for it.
        """
        if name not in _ROWS[TORCH]:
            return None
        try:
            self._torch = self._torch or TorchProcess(self._net, self._inputs, usual_threads())
        except ExportError as error:
            raise NotExportedError(
                f"{name}: the network cannot be written as PyTorch: {error}"
            ) from error
        return TorchSampler(self._torch, name)

    def close(self) -> None:
        """End what was started."""
        if self._torch is not None:
            self._torch.close()
            self._torch = None

    def open(self, name: str) -> Call:
        """Return a function that predicts by an engine.

        Raises
        ------
        NotExportedError
            When the network cannot be written as ONNX.
        """
        contents = self._written(name)
        return _OPENED[name](contents, self._arrays, usual_threads())

    def note(self, name: str) -> str:
        """Return what is said beside the engine's row."""
        threads = usual_threads()
        if self._torch is not None and name in _ROWS[TORCH]:
            how = "" if name == TORCH_COMPILED else ", eager"
            version = f"PyTorch {self._torch.version}{how}, in a process of its own"
        else:
            version = require(name, extra=OTHERS[name].extra).__version__.partition("-")[0]
        return f"{name}: {version} on the CPU, {threads} thread{'s' * (threads > 1)}"

    def _written(self, name: str) -> bytes:
        """Return the network as an ONNX file, which is written once for all of them."""
        if self._contents is None and not self._why:
            try:
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "net.onnx"
                    done = export_onnx(self._net, path, *self._inputs, dynamic_batch=False)
                    self._contents = path.read_bytes()
                arrays = [array.asnumpy() for array in self._inputs]
                self._arrays = dict(zip(done.inputs, arrays, strict=True))
            except ExportError as error:
                self._why = str(error)
        if self._contents is None:
            raise NotExportedError(f"{name}: the network cannot be written as ONNX: {self._why}")
        return self._contents


def check_opponents(names: Sequence[str]) -> None:
    """Import the packages of opponents.

    Raises
    ------
    MissingPackageError
        When one is not installed.
    EnvironmentVariableError
        When GLUONKIT_TORCH_PYTHON names no program.
    """
    for name in names:
        if name == TORCH:
            check_torch()
            continue
        require("onnx", extra=OTHERS[name].extra)
        require(name, extra=OTHERS[name].extra)


def _onnxruntime(contents: bytes, arrays: Mapping[str, Array], threads: int) -> Call:
    package = require("onnxruntime", extra=OTHERS["onnxruntime"].extra)
    options = package.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors are raised as well
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(_SPINNING))
    session = package.InferenceSession(contents, options, providers=["CPUExecutionProvider"])
    # Without inputs that the network does not use.
    given = {place.name: arrays[place.name] for place in session.get_inputs()}
    run: Callable[..., list[Array]] = session.run
    return lambda: run(None, given)


def _openvino(contents: bytes, arrays: Mapping[str, Array], threads: int) -> Call:
    package = require("openvino", extra=OTHERS["openvino"].extra)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        # By default bfloat16 where the processor has it, whose outputs would differ.
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # the cores are MXNet's, too
    }
    core = package.Core()
    compiled = core.compile_model(core.read_model(contents), "CPU", settings)
    given = {place: arrays[place.any_name] for place in compiled.inputs}
    count = len(compiled.outputs)

    def call() -> list[Array]:
        results = compiled(given)
        return [results[place] for place in range(count)]

    return call


_OPENED = {"onnxruntime": _onnxruntime, "openvino": _openvino}
