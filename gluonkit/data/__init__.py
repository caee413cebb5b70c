"""Data for the networks: data sets by name, batches from arrays in memory, record files."""

import importlib
from pathlib import Path
from typing import Any

from gluonkit._base.stub import public_names

# Names are imported at their first use, for record files are read without MXNet too.
_MODULES = public_names(Path(__file__).with_suffix(".pyi").read_text(), __name__)

__all__ = sorted(_MODULES)  # noqa: PLE0605  (a list, though not one that is written here)


def __getattr__(name: str) -> Any:
    """Import what is needed for a public name at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
