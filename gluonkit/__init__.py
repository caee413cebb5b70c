"""gluonkit: the best way to use Apache MXNet's Gluon on today's Python.

Importing this makes ``import mxnet`` work, chooses MXNet's thread count where the user has not,
and changes nothing else: array modes stay as they are. Where MXNet is not installed, what needs
none is there (record files, in `gluonkit.data`), and any other name says so when it is used.
"""

import importlib
from pathlib import Path
from typing import Any

from gluonkit._base.stub import public_names
from gluonkit.system import compat, engine

_absent = compat.absence()
if _absent is None:
    # MXNet is importable from here on, and only from here on.
    import mxnet as mx

    engine.watch(mx)
    from mxnet import autograd, gluon, init, nd, np, npx  # noqa: F401
    from mxnet.gluon import nn  # noqa: F401

    from gluonkit import zoo as _zoo  # noqa: F401  (registers the outside zoos)

# Rooms are imported at the first use of a name; all of them would add a twentieth to the import.
_MODULES = public_names(Path(__file__).with_suffix(".pyi").read_text(), __name__)
_ROOMS = (
    *("benchmark", "check", "checkpoint", "compiling", "diagnosis", "exporting", "inspection"),
    *("integrations", "profiling", "train"),
)

__all__ = sorted(_MODULES)  # noqa: PLE0605  (a list, though not one that is written here)


def __getattr__(name: str) -> Any:
    """Import what is needed for a public name at its first use."""
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        if _absent is not None and _MODULES[name] == __name__:
            raise _absent
        module = importlib.import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        if _absent is None or error.name != "mxnet":
            raise
        raise _absent from None
    is_module = module.__name__ == f"{__name__}.{name}"
    globals()[name] = value = module if is_module else getattr(module, name)
    return value


def __dir__() -> list[str]:
    # What is public; the rooms are found by their names all the same.
    return __all__
