"""Who takes part, and the processes in which they do."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO, Any

from environments import variables

TIMEOUT = 900
"""Seconds after which a worker that says nothing is ended."""


@dataclass(frozen=True)
class Contestant:
    """Somebody who predicts.

    Attributes
    ----------
    title : as it is printed.
    peer : the option's name, and that of the environment.
    worker : the script that runs it.
    kind : what the script is to do.
    chooses_threads : whether it finds its number of threads itself, or several are tried.
    """

    title: str
    peer: str
    worker: str
    kind: str
    chooses_threads: bool = False


OURS = "gluonkit"
CONTESTANTS = (
    Contestant(OURS, "gluonkit", "gluonkit", "compiled, naive engine", chooses_threads=True),
    Contestant("gluonkit, threaded engine", "gluonkit", "gluonkit", "compiled"),
    Contestant("MXNet, hybridized", "mxnet", "gluonkit", "hybridized"),
    Contestant("MXNet, eager", "mxnet", "gluonkit", "eager"),
    Contestant("PyTorch, eager", "torch", "torch", "eager"),
    Contestant("torch.jit", "torch", "torch", "jit"),
    Contestant("torch.jit, optimized", "torch", "torch", "jit, optimized"),
    Contestant("torch.compile", "torch", "torch", "compile"),
    Contestant("torch.compile, frozen", "torch", "torch", "compile, frozen"),
    Contestant("JAX, jit", "jax", "jax", "jit"),
    Contestant("OpenVINO", "openvino", "onnx", "openvino"),
    Contestant("ONNX Runtime", "onnxruntime", "onnx", "onnxruntime"),
)
WITHIN_MXNET = ("gluonkit", "mxnet")
"""Those that run in this process's own environment."""


class WorkerError(Exception):
    """A worker could not do what it was asked for; the message says why."""


class Worker:
    """A contestant's process, which has loaded a network and waits for its turns."""

    def __init__(
        self, contestant: Contestant, python: Path, folder: Path, network: str, threads: int
    ) -> None:
        script = Path(__file__).parent / f"worker_{contestant.worker}.py"
        self.output = folder / f"{contestant.title}, {threads}.npy"
        self._log = folder / f"{contestant.title}, {threads}.log"
        arguments = [contestant.kind, str(threads), str(folder), network, str(self.output)]
        environment = variables()
        if contestant.peer in WITHIN_MXNET and "PYTHONPATH" in os.environ:
            environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
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

    def turn(self, seconds: float) -> dict[str, Any]:
        """Let it call its network for about so many seconds; return a call's time."""
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
