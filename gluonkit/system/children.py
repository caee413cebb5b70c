"""Processes that `multiprocessing` starts anew: they prepare for MXNet as this one has.

A process made by ``spawn``, or by ``forkserver``, which is Python 3.14's way on Linux, begins with
an empty Python, and imports the program or what it unpickles there. Without gluonkit's
preparations, ``import mxnet`` fails in it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

_FOLLOWED = "gluonkit"  # the key under which a child finds what prepares it


def follow() -> None:
    """Have every process that `multiprocessing` starts from now on prepare for MXNet."""
    spawn: Any = importlib.import_module("multiprocessing.spawn")
    original = spawn.get_preparation_data
    if getattr(original, "by_gluonkit", False):
        return

    def get_preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = original(name)
        # Another Python, named by `set_executable`, may have no gluonkit.
        if os.fsdecode(spawn.get_executable()) == sys.executable and _command() is not None:
            data[_FOLLOWED] = _Preparation()
        return data

    vars(get_preparation_data)["by_gluonkit"] = True
    spawn.get_preparation_data = get_preparation_data


def import_program_late() -> None:
    """Have ``forkserver`` import the program in each child, after `follow` has prepared it.

    Its server, from which the children are forked, would import it sooner, and die of it.
    """
    try:
        forkserver: Any = importlib.import_module("multiprocessing.forkserver")
    except ImportError:  # a system without it
        return
    original: Callable[..., Any] = forkserver.ForkServer.ensure_running

    def ensure_running(self: Any) -> Any:
        self._preload_modules = [name for name in self._preload_modules if name != "__main__"]
        return original(self)

    forkserver.ForkServer.ensure_running = ensure_running
    # The module's function is the method, bound when the module was imported.
    forkserver.ensure_running = forkserver._forkserver.ensure_running


class _Preparation:
    """What prepares the process that unpickles it."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        command = _command()
        assert command is not None
        return command.prepare_child, ()


def _command() -> Any:
    """Return the module beside the package: a child imports it without MXNet."""
    if importlib.util.find_spec("_gluonkit_command") is None:
        return None
    return importlib.import_module("_gluonkit_command")
