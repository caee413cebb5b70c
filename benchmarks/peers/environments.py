"""A virtual environment for each framework, made where there is none."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

REQUIREMENTS = {
    "torch": ("torch==2.13.0", "numpy"),  # later ones may bring gigabytes for GPUs along
    "jax": ("jax", "numpy"),
    "openvino": ("openvino", "numpy"),
    "onnxruntime": ("onnxruntime", "numpy"),
    "engines": ("openvino", "onnx", "onnxruntime"),
}
"""What pip installs for a framework, by the name it is imported by."""
IMPORTS = {"engines": "openvino, onnx, onnxruntime"}
BESIDE = ("engines",)
"""Environments that see this one's packages too, for gluonkit runs the others' engines there."""


def python_of(framework: str, folder: Path) -> Path:
    """Return the Python that imports a framework, in an environment of its own in a folder.

    Raises
    ------
    RuntimeError
        when it cannot be installed, with pip's own reason.
    """
    own = folder / framework
    python = own / "bin" / "python"
    modules = f"numpy, {IMPORTS.get(framework, framework)}"
    importing = [str(python), "-W", "ignore", "-c", f"import {modules}"]
    if python.exists() and not _problem(importing):
        return python
    print(f"installing {framework} into {own}", file=sys.stderr, flush=True)
    if problem := _problem([sys.executable, "-m", "venv", str(own)]):
        raise RuntimeError(problem)
    if framework in BESIDE:
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        beside = own / "lib" / version / "site-packages" / "beside.pth"
        beside.write_text(sysconfig.get_path("purelib") + "\n")
    for command in (
        [str(python), "-m", "pip", "install", "-q", *REQUIREMENTS[framework]],
        importing,
    ):
        if problem := _problem(command):
            raise RuntimeError(problem)
    return python


def variables() -> dict[str, str]:
    """Return the environment's variables without those that would change what is measured."""
    without = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if name not in without}


def _problem(command: list[str]) -> str:
    """Run a command, and return why it failed; an empty text if it did not."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=variables(),
        stdin=subprocess.DEVNULL,
    )
    if not done.returncode:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or [f"exit status {done.returncode}"])[-1]
