"""PyTorch as a benchmark's opponent: a network's written model, in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit.benchmark import torch_side
from gluonkit.benchmark.timing import Sampler
from gluonkit.errors import MissingPackageError
from gluonkit.exporting import export_torch
from gluonkit.exporting.torch.process import (
    WITHOUT,
    find_torch,
    kill,
    lacking,
    last_words,
    started,
)

TORCH, TORCH_COMPILED = "torch", torch_side.COMPILED
"""The variants of the opponent: called as it is, and compiled by torch.compile."""

_INSTALL = 'pip install "gluonkit[torch]"'


def check_torch() -> None:
    """Look for a Python with torch, without importing it.

    Raises
    ------
    MissingPackageError
        When there is none, or the one that is named lacks a package.
    EnvironmentVariableError
        When GLUONKIT_TORCH_PYTHON names no program.
    """
    python = find_torch()
    if python is None:
        raise MissingPackageError(WITHOUT, name=TORCH, fix=_INSTALL)
    if missing := lacking(python):
        fix = f"{python} -m pip install {' '.join(missing)}"
        raise MissingPackageError(
            f"{python}, which is to run PyTorch, has no {' and no '.join(missing)}: {fix}",
            name=missing[0],
            fix=fix,
        )


class TorchProcess:
    """A process that predicts by a network's written model; `close` ends it."""

    def __init__(self, net: gluon.Block, inputs: Sequence[Any], threads: int) -> None:
        """Write the network, and start the process.

        Raises
        ------
        ExportError
            When the network cannot be written as PyTorch.
        """
        self._threads = threads
        self.version = ""
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._start(net, inputs)
        except BaseException:
            self.close()
            raise

    def _start(self, net: gluon.Block, inputs: Sequence[Any]) -> None:
        export_torch(net, self._path, *inputs, verify=False)
        numpy.savez(self._path / torch_side.INPUTS, *(array.asnumpy() for array in inputs))
        script = self._path / "torch_side.py"
        shutil.copyfile(torch_side.__file__, script)
        python = find_torch()
        assert python is not None  # as `check_torch` has seen
        with (self._path / "errors").open("wb") as log:
            self._process = started([script.name], self._path, python, out=subprocess.PIPE, log=log)

    def open(self, name: str) -> tuple[float, list[Array]]:
        """Load the model, and predict once; return the seconds that it took, and the outputs."""
        answer = self._ask(name=name, threads=self._threads)
        self.version = answer["version"].partition("+")[0]
        with numpy.load(self._path / torch_side.OUTPUTS) as file:
            return answer["seconds"], [file[f"arr_{i}"] for i in range(answer["outputs"])]

    def timed(self, name: str, calls: int) -> float:
        """Return how many seconds some calls take, one after another."""
        return float(self._ask(name=name, calls=calls)["seconds"])

    def _ask(self, **request: Any) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            words = last_words(self._path / "errors")
            raise TorchError(f"PyTorch's process has ended{f': {words}' if words else ''}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise TorchError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process, and remove its files."""
        if self._process is not None:
            kill(self._process)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None
        self._folder.cleanup()


class TorchError(Exception):
    """What PyTorch's process has raised, in a line."""


class TorchSampler(Sampler):
    """Times the calls that another process makes, by that process's clock."""

    def __init__(self, process: TorchProcess, name: str) -> None:
        super().__init__(lambda: None)
        self._process, self._name = process, name

    def first_call(self) -> Any:
        """Have the model loaded and called; return the outputs."""
        took, outputs = self._process.open(self._name)
        self._first_calls.append(took)
        return outputs

    def _timed(self, calls: int) -> tuple[float, float]:
        # Calls return when their work is done.
        took = self._process.timed(self._name, calls)
        return took, took
