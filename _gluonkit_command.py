"""The start of the `gluonkit` command, outside the package because it must survive its failure.

``import gluonkit`` imports MXNet. `gluonkit doctor` must say what is wrong when that fails,
`gluonkit run` must not import MXNet before the user's program does, and `gluonkit launch` and
`gluonkit records` need none at all; these are served without running the package's ``__init__``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
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
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in _WITHOUT_MXNET:
        status: int = _module_without_init(_WITHOUT_MXNET[command]).main(sys.argv[2:])
        return status
    try:
        importlib.import_module("gluonkit").mx  # noqa: B018  (says how to install it)
        cli = importlib.import_module("gluonkit.cli.main")
    except ImportError as error:
        print(f"gluonkit: error: {error}", file=sys.stderr)
        return 1
    result: int = cli.main(sys.argv[1:])
    return result


def prepare_child() -> None:
    """Prepare a process that `multiprocessing` has started for the program's ``import mxnet``."""
    _module_without_init("system.script").prepare_imports()


def _module_without_init(name: str) -> Any:
    """Import ``gluonkit.<name>`` without running ``gluonkit/__init__.py``."""
    spec = importlib.util.find_spec("gluonkit")
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError("the package gluonkit is not installed")
    package = types.ModuleType("gluonkit")
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["gluonkit"] = package
    try:
        return importlib.import_module(f"gluonkit.{name}")
    finally:
        del sys.modules["gluonkit"]  # so that a later `import gluonkit` is the real one


if __name__ == "__main__":
    sys.exit(main())
