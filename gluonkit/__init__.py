"""gluonkit: the best way to use Apache MXNet's Gluon on today's Python.

Importing this makes ``import mxnet`` work, chooses MXNet's thread count where the user has not,
and changes nothing else: array modes stay as they are.
"""

import importlib
from pathlib import Path
from typing import Any

from gluonkit._base.stub import public_names
from gluonkit.system import compat, engine

mx = compat.import_mxnet()
engine.watch(mx)

# MXNet is importable from here on, and only from here on.
from mxnet import autograd, gluon, init, nd, np, npx  # noqa: E402, F401
from mxnet.gluon import nn  # noqa: E402, F401

from gluonkit import zoo as _zoo  # noqa: E402, F401  (registers the outside zoos)
from gluonkit.models import own as _own  # noqa: E402, F401  (registers gluonkit's own)

# Rooms are imported at the first use of a name; all of them would add a twentieth to the import.
_MODULES = public_names(Path(__file__).with_suffix(".pyi").read_text(), __name__)
_ROOMS = ("benchmark", "check", "checkpoint", "compiling", "exporting", "inspection", "train")

__all__ = sorted(_MODULES)  # noqa: PLE0605  (a list, though not one that is written here)


def __getattr__(name: str) -> Any:
    """Import what is needed for a public name at its first use."""
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_MODULES[name])
    is_module = module.__name__ == f"{__name__}.{name}"
    globals()[name] = value = module if is_module else getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
