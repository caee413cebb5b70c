"""The start of the `gluonkit` command, outside the package because it must survive its failure.

``import gluonkit`` imports MXNet, which takes seconds. So the package is set up here without
running its ``__init__``: arguments are parsed, and mistakes told, by modules that need no MXNet,
and the ``__init__`` is run only when a command needs it. `gluonkit doctor` must say what is wrong
when that fails, `gluonkit run` must not import MXNet before the user's program does, and
`gluonkit launch` and `gluonkit records` never need it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType, ModuleType
from typing import Any

_WITHOUT_MXNET = {
    "doctor": "cli.doctor",
    "run": "cli.run",
    "launch": "cli.launch",
    "records": "cli.records",
    # `gluonkit launch` starts these two: beside each process, and as scheduler and servers.
    "agent": "distributed.launch.agent",
    "serve": "system.roles",
}


def main() -> int:
    """Run the command in `sys.argv` and return its exit status."""
    # Unless Ctrl-C is ignored, as in the background of a script.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in _WITHOUT_MXNET:
        return _alone(command)
    package = sys.modules.get("gluonkit")
    start = partial(_start, _package() if package is None else None)
    result: int = importlib.import_module("gluonkit.cli.main").main(
        sys.argv[1:], start=start, working=_working
    )
    return result


def _alone(command: str) -> int:
    """Run a command that parses its arguments itself, and return its exit status."""
    module = _module_without_init(_WITHOUT_MXNET[command])
    if command not in ("doctor", "launch", "records"):
        # What Ctrl-C does to the user's program is Python's affair, as without gluonkit; the
        # processes of a job are ended by their launcher.
        if signal.getsignal(signal.SIGINT) is _end_at_once:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        status: int = module.main(sys.argv[2:])
        return status
    with _working():
        try:
            status = module.main(sys.argv[2:])
        except KeyboardInterrupt:  # before the command had begun, or after its end
            _end_at_once(signal.SIGINT, None)
    return status


def prepare_child() -> None:
    """Prepare a process that `multiprocessing` has started for the program's ``import mxnet``."""
    _module_without_init("system.script").prepare_imports()


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """End the process: while it starts, and while it ends, there is nothing to clean up."""
    # Written and ended by the system's own calls: an exception might be swallowed by an import,
    # or be shown with a traceback.
    os.write(2, b"gluonkit: interrupted\n")
    os._exit(130)


@contextmanager
def _working() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in a context, which has something to clean up."""
    if signal.getsignal(signal.SIGINT) is not _end_at_once:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
        sys.stdout.flush()
    finally:
        # Python ends, and MXNet with it, which takes a while.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _end_at_once)


def _package() -> ModuleType:
    """Put the package into `sys.modules` without running its ``__init__``."""
    spec = importlib.util.find_spec("gluonkit")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("the package gluonkit is not installed")
    package = importlib.util.module_from_spec(spec)
    sys.modules["gluonkit"] = package
    return package


def _start(package: Any) -> None:
    """Run the package's ``__init__``, which imports MXNet; say how to install it, if need be."""
    if package is not None:
        package.__spec__.loader.exec_module(package)
    importlib.import_module("gluonkit").mx  # noqa: B018


def _module_without_init(name: str) -> Any:
    """Import ``gluonkit.<name>`` without running ``gluonkit/__init__.py``."""
    _package()
    try:
        return importlib.import_module(f"gluonkit.{name}")
    finally:
        del sys.modules["gluonkit"]  # so that a later `import gluonkit` is the real one


if __name__ == "__main__":
    sys.exit(main())
