"""Who takes part, and the processes in which they do."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, Any

from environments import variables

ROOT = Path(__file__).parents[2]
TIMEOUT = 900
"""Seconds after which a worker that says nothing is ended."""


@dataclass(frozen=True)
class Contestant:
    """Somebody who predicts.

    Attributes
    ----------
    title : as it is printed.
    peer : the option's name, and that of the environment.
    worker : the script that runs it, without its ending.
    kind : what the script is to do.
    chooses_threads : whether it finds its number of threads itself, or several are tried.
    """

    title: str
    peer: str
    worker: str
    kind: str
    chooses_threads: bool = False


OURS, EVERY_ENGINE = "gluonkit", "gluonkit, all engines"
CONTESTANTS = (
    Contestant(OURS, "gluonkit", "worker_gluonkit", "compiled, naive engine", chooses_threads=True),
    Contestant(
        EVERY_ENGINE, "engines", "worker_gluonkit", "compiled, all engines", chooses_threads=True
    ),
    Contestant("gluonkit, threaded engine", "gluonkit", "worker_gluonkit", "compiled"),
    Contestant("MXNet, hybridized", "mxnet", "worker_gluonkit", "hybridized"),
    Contestant("MXNet, eager", "mxnet", "worker_gluonkit", "eager"),
    Contestant("PyTorch, eager", "torch", "worker_torch", "eager"),
    Contestant("torch.jit", "torch", "worker_torch", "jit"),
    Contestant("torch.jit, optimized", "torch", "worker_torch", "jit, optimized"),
    Contestant("torch.compile", "torch", "worker_torch", "compile"),
    Contestant("torch.compile, frozen", "torch", "worker_torch", "compile, frozen"),
    Contestant("JAX, jit", "jax", "worker_jax", "jit"),
    Contestant("OpenVINO", "openvino", "worker_onnx", "openvino"),
    Contestant("ONNX Runtime", "onnxruntime", "worker_onnx", "onnxruntime"),
)
WITHIN_MXNET = ("gluonkit", "mxnet")
"""Those that run in this process's own environment."""
OF_GLUONKIT = (*WITHIN_MXNET, "engines")
"""Those that import gluonkit, this one."""


class WorkerError(Exception):
    """A worker could not do what it was asked for; the message says why."""


class Worker:
    """A contestant's process, which has loaded a network and waits for its turns."""

    def __init__(
        self,
        contestant: Contestant,
        python: Path,
        folder: Path,
        threads: int,
        limits: Mapping[str, str],
    ) -> None:
        script = Path(__file__).parent / f"{contestant.worker}.py"
        self.output = folder / f"{contestant.title}, {threads}.npy"
        self._log = folder / f"{contestant.title}, {threads}.log"
        arguments = [contestant.kind, str(threads), str(folder), str(self.output)]
        environment = variables() | limits
        if contestant.peer in OF_GLUONKIT:
            environment["PYTHONPATH"] = str(ROOT)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [str(python), "-W", "ignore", str(script), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        try:
            self.ready = self._answer()
        except WorkerError:
            self.close()
            raise

    def turn(self, seconds: float = 0.0) -> dict[str, Any]:
        """Let it call its network for about so many seconds; return a call's time.

        Who trains makes as many steps as its task says.
        """
        stream = self._stream(self._process.stdin)
        try:
            stream.write(json.dumps({"seconds": seconds}) + "\n")
            stream.flush()
        except BrokenPipeError:
            raise WorkerError(self._last_words()) from None
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._stream(self._process.stdin).close()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stream(self._process.stdout).close()

    def _answer(self) -> dict[str, Any]:
        timer = Timer(TIMEOUT, self._process.kill)
        timer.start()
        try:
            line = self._stream(self._process.stdout).readline()
        finally:
            timer.cancel()
        if not line:
            raise WorkerError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "problem" in answer:
            raise WorkerError(answer["problem"])
        return answer

    def _last_words(self) -> str:
        """Return what a process said last that has ended without an answer."""
        status = self._process.wait()
        lines = self._log.read_text(errors="replace").split("\n")
        words = next((line for line in reversed(lines) if line.strip()), "it said nothing")
        return f"ended with status {status}, or said nothing for {TIMEOUT} s: {words}"

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream
