"""CUDA builds of MXNet: their shared libraries from NVIDIA's wheels, loaded before MXNet.

`mxnet-cu112` and `mxnet-cu117` need CUDA 11's libraries, which they do not bring and do not look
for in site-packages. NVIDIA has them on PyPI (``nvidia-cublas-cu11``, ...): once a library is
loaded, whatever needs one of its name gets it, so no CUDA need be installed on the system.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Sequence
from typing import NamedTuple

BUILD = "mxnet-cu117==1.9.1"
"""The build for GPUs that gluonkit recommends: the one for the newest CUDA."""

# What libmxnet.so of both builds needs, dependencies first, and the wheels for it: CUDA 11.7's,
# which `BUILD` is made with, but for NVRTC: MXNet compiles fused operators for the very card it
# finds, and 11.7's knows none of compute capability 8.9. Unpinned, pip would take cuDNN 9, which
# has no libcudnn.so.8.
_CUBLAS = "nvidia-cublas-cu11==11.10.3.66"
LIBRARIES = {
    "libcudart.so.11.0": "nvidia-cuda-runtime-cu11==11.7.99",
    "libnvToolsExt.so.1": "nvidia-nvtx-cu11==11.7.91",
    "libnvrtc.so.11.2": "nvidia-cuda-nvrtc-cu11==11.8.89",
    "libcublasLt.so.11": _CUBLAS,
    "libcublas.so.11": _CUBLAS,
    "libcufft.so.10": "nvidia-cufft-cu11==10.7.2.91",
    "libcurand.so.10": "nvidia-curand-cu11==10.2.10.91",
    "libcusparse.so.11": "nvidia-cusparse-cu11==11.7.4.91",
    "libcusolver.so.11": "nvidia-cusolver-cu11==11.4.0.1",
    "libnccl.so.2": "nvidia-nccl-cu11==2.14.3",
    "libcudnn.so.8": "nvidia-cudnn-cu11==8.5.0.96",
}
WHEELS = tuple(dict.fromkeys(LIBRARIES.values()))
"""NVIDIA's wheels that a CUDA build of MXNet needs, as pip takes them."""

DRIVER = "libcuda.so.1"
"""The library that comes with NVIDIA's driver, and from nowhere else."""

preloaded: dict[str, str] = {}
"""The libraries that `preload` loaded in this process, and their files."""

failures: dict[str, str] = {}
"""The libraries that `preload` could not load, and why."""


def preload() -> list[str]:
    """Load CUDA's libraries from NVIDIA's wheels, once, if MXNet is a CUDA build.

    Nothing is raised: libraries that cannot be loaded are in `failures`. Folders of
    ``LD_LIBRARY_PATH`` take precedence, as for the system's loader.

    Returns
    -------
    list of str
        What was done, as text: at most one entry, none for a CPU build or without the wheels.
    """
    if preloaded or failures or "mxnet" in sys.modules:
        return []
    wheels = {name: file for name, (file, by_user) in locate().items() if not by_user}
    if not wheels or not cuda_builds():
        return []
    for name, file in wheels.items():
        try:
            # Local, as the loader would have it: another framework's CUDA must not meet these.
            ctypes.CDLL(file, mode=ctypes.RTLD_LOCAL)
        except OSError as error:
            failures[name] = str(error)
        else:
            preloaded[name] = file
    return [f"CUDA: loaded {', '.join(preloaded)} from NVIDIA's wheels"] if preloaded else []


def locate(path: Sequence[str] | None = None) -> dict[str, tuple[str, bool]]:
    """Find CUDA's libraries in ``LD_LIBRARY_PATH`` and in NVIDIA's wheels, without loading them.

    Parameters
    ----------
    path : sequence of str, optional
        Folders in which wheels may be installed; by default ``sys.path``.

    Returns
    -------
    dict
        For each library its file, and whether that is in ``LD_LIBRARY_PATH``; dependencies first.
        Empty, at almost no cost, if `path` has no folder ``nvidia``.
    """
    if not sys.platform.startswith("linux"):
        return {}
    folders = [os.path.join(folder, "nvidia") for folder in _folders(path)]
    folders = [folder for folder in folders if os.path.isdir(folder)]
    if not folders:
        return {}
    users = [part for part in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if part]
    located = {}
    for name, wheel in LIBRARIES.items():
        theirs = [os.path.join(user, name) for user in users]
        ours = [os.path.join(folder, _part(wheel), "lib", name) for folder in folders]
        for file in theirs + ours:
            if os.path.isfile(file):
                located[name] = (file, file in theirs)
                break
    return located


def builds(path: Sequence[str] | None = None) -> list[str]:
    """Return the installed distributions of MXNet, such as ``['mxnet', 'mxnet-cu117']``.

    Only names of folders are read: `importlib.metadata` takes longer to import.
    """
    names = set()
    for folder in _folders(path):
        try:
            entries = os.listdir(folder)
        except OSError:  # a zip file, or a folder that is not there
            continue
        for entry in entries:
            if match := re.fullmatch(r"(mxnet(?:[-_]cu\d+)?)-.+\.(?:dist|egg)-info", entry):
                names.add(match[1].replace("_", "-"))
    return sorted(names)


def cuda_builds(path: Sequence[str] | None = None) -> list[str]:
    """Return the installed distributions of MXNet that are built for CUDA."""
    return [name for name in builds(path) if name != "mxnet"]


def missing() -> list[str]:
    """Return the names of the wheels, for pip, of all libraries that are missing.

    The system's loader is asked for each library, so call this only to explain a failure.
    """
    located = locate()
    wheels = []
    for name, wheel in LIBRARIES.items():
        try:
            ctypes.CDLL(located.get(name, (name, True))[0], mode=ctypes.RTLD_LOCAL)
        except OSError:
            wheels.append(wheel)
    return list(dict.fromkeys(wheels))


class Explanation(NamedTuple):
    """Why MXNet cannot be imported, in one paragraph, and the command that mends it.

    Attributes
    ----------
    fix : str
        The command, which the text has too; empty if none is known.
    """

    text: str
    fix: str = ""

    @classmethod
    def ending_with(cls, why: str, fix: str) -> Explanation:
        """Return an explanation whose text ends with the command."""
        return cls(f"{why} Install it with: {fix}", fix)


def explain(error: str, python: str) -> Explanation | None:
    """Explain why a CUDA build of MXNet cannot be imported, and which command fixes that.

    `error` is the text of the loader's error, `python` the Python for which the command installs.

    Returns
    -------
    Explanation or None
        An explanation whose text ends with ``Install it with: COMMAND``; None if the error is not
        about CUDA.
    """
    if match := re.match(r"(\S+?): cannot open shared object file", error):
        if match[1] == DRIVER:
            return _explain_driver(f"the shared library {DRIVER}, which this system lacks", python)
        if match[1] in LIBRARIES:
            return _explain_library(match[1], python)
        if match[1].startswith(("libcu", "libnv", "libnccl")):
            return Explanation.ending_with(
                f"This MXNet needs the shared library {match[1]}, of another CUDA than 11, which "
                "gluonkit knows no wheel for. MXNet's build for processors does without.",
                cpu_command(python),
            )
    if match := re.search(r"undefined symbol: (cu[A-Z]\w+)", error):
        return _explain_driver(f"the function {match[1]}, which this system's lacks", python)
    return None


def explain_lost(names: Sequence[str], python: str) -> Explanation:
    """Explain that pip lists MXNet, under these names, although its files are gone."""
    command = cpu_command(python) if "mxnet" in names else gpu_command(python)
    return Explanation.ending_with(
        f"Apache MXNet is not installed in this Python ({python}) any more: pip still lists "
        f"{', '.join(names)}, but the folder is gone. All builds of MXNet share one folder, and "
        "uninstalling one takes the others' files with it.",
        command,
    )


def _explain_driver(what: str, python: str) -> Explanation:
    return Explanation.ending_with(
        f"This MXNet is built for CUDA and needs of NVIDIA's driver {what}. Install a driver for "
        "CUDA 11.8 or later (a container is started with one: docker run --gpus all), or go back "
        "to MXNet's build for processors.",
        cpu_command(python),
    )


def _explain_library(name: str, python: str) -> Explanation:
    why, force = "", ""
    if name in failures:
        why, force = (
            f" The one in NVIDIA's wheel did not load: {failures[name]}.",
            "--force-reinstall ",
        )
    wheels = missing() or [LIBRARIES[name]]
    return Explanation.ending_with(
        f"This MXNet is built for CUDA 11 and needs the shared library {name}, which the system's "
        f"loader does not find.{why} {LIBRARIES[name]} brings it, and gluonkit loads it from "
        "there; the command names the wheels for all libraries that are missing.",
        f"{python} -m pip install --no-deps {force}{' '.join(wheels)}",
    )


def gpu_command(python: str) -> str:
    """Return the command that installs MXNet for GPUs, alone, with the libraries it needs."""
    return f"{_uninstall(python)} && {python} -m pip install --no-deps {BUILD} {' '.join(WHEELS)}"


def cpu_command(python: str) -> str:
    """Return the command that installs MXNet for CPUs, alone."""
    # Without dependencies: gluonkit has brought them, and MXNet's metadata refuses NumPy 2.
    return f"{_uninstall(python)} && {python} -m pip install --no-deps mxnet==1.9.1"


def _uninstall(python: str) -> str:
    # Every build that may be there, wanted or not: they share one folder, and removing one takes
    # the others' files with it. What is not installed gets a warning, no failure.
    names = sorted({"mxnet", "mxnet-cu112", "mxnet-cu117", *builds()})
    return f"{python} -m pip uninstall -y {' '.join(names)}"


def _part(wheel: str) -> str:
    """Return the folder of a wheel within ``nvidia``: nvidia-cuda-runtime-cu11 → cuda_runtime."""
    return wheel.partition("==")[0].removeprefix("nvidia-").removesuffix("-cu11").replace("-", "_")


def _folders(path: Sequence[str] | None) -> list[str]:
    return [folder or os.curdir for folder in (sys.path if path is None else path)]
