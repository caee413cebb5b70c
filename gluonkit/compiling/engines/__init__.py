"""The engines that a plan may be run by: MXNet's, and others that take the network as ONNX.

Each of the others has a file here, called like its package. `running`, which puts them together, is
imported where a plan of one is made: neither the package nor what writes ONNX is loaded before.
To add an engine, add its file with a function ``opened``, and its entries in `OTHERS` and in
`running`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gluonkit._base.checks import described, unknown_name
from gluonkit.errors import ArgumentError, ArgumentTypeError, MissingPackageError
from gluonkit.system.environment import installed_version, mxnet_version

if TYPE_CHECKING:
    from gluonkit.compiling.engines.binding import Model, Source
    from gluonkit.compiling.engines.timing import Ran
    from gluonkit.compiling.runner import Runner

MXNET = "mxnet"
ALL = "all"


@dataclass(frozen=True)
class Engine:
    """An engine other than MXNet.

    Attributes
    ----------
    title : str
        As its makers write it.
    extra : str
        The extra of gluonkit that brings it, with all else that it needs.
    """

    title: str
    extra: str


OTHERS = {
    "onnxruntime": Engine("ONNX Runtime", "onnx"),
    "openvino": Engine("OpenVINO", "openvino"),
}
"""By the names of their packages."""


def parsed_engines(engines: Any) -> tuple[str, ...]:
    """Return the names of engines in the order of `OTHERS`, MXNet first; `ALL` for every one."""
    known = (MXNET, *OTHERS)
    if not isinstance(engines, (str, Sequence)):
        raise ArgumentTypeError(
            f"`engines` is {described(engines)}; give 'all', or names of: {', '.join(known)}"
        )
    wanted = [engines] if isinstance(engines, str) else list(engines)
    if not wanted:
        raise ArgumentError(f"`engines` is empty; give 'all', or names of: {', '.join(known)}")
    for name in wanted:
        if not isinstance(name, str) or name not in (ALL, *known):
            raise unknown_name("engines", name, known, f"Choose of: {', '.join(known)}, or 'all'.")
    return tuple(name for name in known if name in wanted or ALL in wanted)


def lacking(name: str) -> str:
    """Return which packages an engine lacks, with the command that installs them; '' for none.

    They are looked for, and not imported.
    """
    missing = [package for package in (name, "onnx") if importlib.util.find_spec(package) is None]
    if not missing:
        return ""
    return (
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: "
        f'pip install {" ".join(missing)} (gluonkit\'s extra "{OTHERS[name].extra}" brings all '
        f"that {OTHERS[name].title} needs)"
    )


def versioned(name: str) -> str:
    """Return an engine as its makers write it, with the version that is installed."""
    if name == MXNET:
        return f"MXNet {mxnet_version()}"
    return f"{OTHERS[name].title} {installed_version(name)}"


def exported(program: Source) -> Model:
    """Write a program as ONNX, with its current weights.

    Raises
    ------
    ExportError
        As `gluonkit.export_onnx`, with the names of operators that cannot be converted.
    """
    model: Model = _running().exported(program)
    return model


def runner_of(program: Source, name: str, threads: int) -> Runner:
    """Return a runner of a program by an engine, with its current weights.

    Raises
    ------
    MissingPackageError
        When a package is not installed.
    ExportError
        As `exported`.
    """
    if problem := lacking(name):
        raise MissingPackageError(problem, name=name)
    runner: Runner = _running().runner_of(program, name, threads)
    return runner


def timed_runner_of(
    program: Source, name: str, threads: int
) -> tuple[Runner, Callable[[], list[Ran]]]:
    """Return a runner as `runner_of` does, and what returns, once, the operators that it has run.

    They take longer, as each is recorded.
    """
    timed: tuple[Runner, Callable[[], list[Ran]]]
    timed = _running().timed_runner_of(program, name, threads)
    return timed


def _running() -> ModuleType:
    return importlib.import_module(f"{__name__}.running")
