"""PyTorch in a process of its own: which Python has it, and running a job there."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gluonkit._base.checks import described
from gluonkit.errors import ArgumentError, ArgumentTypeError, EnvironmentVariableError
from gluonkit.exporting.torch import certify

VARIABLE = "GLUONKIT_TORCH_PYTHON"
"""The environment variable that names a Python with torch."""

WITHOUT = (
    "PyTorch is not installed beside gluonkit, nor was another Python named that has it: "
    f'pip install "gluonkit[torch]", or set {VARIABLE}'
)
_NEEDED = ("torch", "safetensors")
"""What runs a written model."""
_OTHERS = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV")
"""Variables that are about this Python, not about another one."""


def find_torch(python: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the Python that has torch, as an argument, the variable or this Python say.

    Nothing is imported. None where no Python is named, and this one has no torch.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `python` is no program.
    EnvironmentVariableError
        When the variable names no program.
    """
    if python is not None:
        if not isinstance(python, (str, os.PathLike)):
            raise ArgumentTypeError(
                f"`python` is {described(python)}; give the path of a Python that has torch"
            )
        if (program := shutil.which(python)) is None:
            raise ArgumentError(
                f"`python` is {str(python)!r}, which is no program; give the path of a Python "
                "that has torch"
            )
        return Path(program)
    if named := os.environ.get(VARIABLE):
        if (program := shutil.which(named)) is None:
            raise EnvironmentVariableError(
                f"{VARIABLE} is {named!r}, which is no program; set it to the path of a Python "
                "that has torch, or unset it"
            )
        return Path(program)
    has_all = all(importlib.util.find_spec(name) is not None for name in _NEEDED)
    return Path(sys.executable) if has_all else None


def lacking(python: Path) -> list[str]:
    """Return which packages another Python lacks, without importing them."""
    code = (
        "import importlib.util, sys; "
        "print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))"
    )
    kept = {name: value for name, value in os.environ.items() if name not in _OTHERS}
    command = [str(python), "-c", code, *_NEEDED]
    told = subprocess.run(command, env=kept, capture_output=True, text=True, check=False)
    return told.stdout.split() if told.returncode == 0 else list(_NEEDED)


def run_job(job: str, folder: Path, python: Path, timeout: float) -> tuple[list[Any], str]:
    """Run a job of `certify` in a folder, and return its answers, and why it ended early, or ''.

    Ctrl-C ends it. It ends by itself where this process dies.
    """
    answers, errors = folder / f"{job}.jsonl", folder / f"{job}.log"
    shutil.copyfile(certify.__file__, folder / "certify.py")
    answers.touch()
    with errors.open("wb") as log:
        process = started(["certify.py", job, answers.name], folder, python, out=log, log=log)
        try:
            ended = _ended(process.wait(timeout))
        except subprocess.TimeoutExpired:
            ended = f"it had not finished after {timeout:.0f} seconds"
        finally:
            kill(process)
    if ended.startswith("it ended") and (last := last_words(errors)):
        ended += f": {last}"
    return [json.loads(line) for line in answers.read_text("utf-8").splitlines()], ended


def started(
    command: Sequence[str], folder: Path, python: Path, *, out: Any, log: Any
) -> subprocess.Popen[bytes]:
    """Start a script in a folder by a Python that has torch, with a pipe as its standard input."""
    return subprocess.Popen(
        [python, "-W", "ignore", *command],
        cwd=folder,
        env=_variables(python, folder),
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=log,
        start_new_session=True,
    )


def _ended(status: int) -> str:
    if status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status}" if status else ""


def last_words(errors: Path) -> str:
    """Return the last line of what a process has written to its standard error."""
    lines = errors.read_text("utf-8", "replace").split("\n")
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it has started, which torch.compile's are."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # where it was told more than it has read
            process.stdin.close()


def _variables(python: Path, folder: Path) -> Mapping[str, str]:
    """Return the environment for torch: on the processor, and with its files in the folder."""
    other = python != Path(sys.executable)
    kept = {k: v for k, v in os.environ.items() if not (other and k in _OTHERS)}
    return kept | {
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }
