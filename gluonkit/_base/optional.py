"""Importing packages that not every user needs, at the moment they are needed."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from gluonkit.errors import MissingPackageError

# Where pip's name is another than the module's.
_DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}
# The newest Python for which these had wheels when this gluonkit was made; so setup.cfg has it.
_NEWEST = {"onnxruntime": (3, 14), "openvino": (3, 14)}


def require(package: str, *, extra: str | None = None) -> Any:
    """Import `package` and return it, or say which command installs it.

    Parameters
    ----------
    package : str
        Dotted module name, such as ``"matplotlib.pyplot"``.
    extra : str, optional
        The extra of gluonkit that brings the package; None for a dependency of gluonkit itself that
        is merely slow to import.

    Raises
    ------
    MissingPackageError
        When the package is not installed. An ImportError raised by something *inside* an installed
        package is not caught.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        top = package.partition(".")[0]
        # The package is there, and lacks a module of its own: installing it again would not help.
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        distribution = _DISTRIBUTIONS.get(top, top)
        part = f' (gluonkit\'s extra "{extra}" brings it)' if extra else ""
        fix = f"pip install {distribution}"
        raise MissingPackageError(
            f"{distribution} is needed for this and is not installed{part}. {_wheels(top)}"
            f"Install it with: {fix}",
            name=top,
            fix=fix,
        ) from None


def _wheels(package: str) -> str:
    """Return a sentence on a package that may have no wheel for this Python; '' if it has."""
    newest = _NEWEST.get(package)
    if newest is None or sys.version_info[:2] <= newest:
        return ""
    return (
        f"It had no wheel for a Python after {newest[0]}.{newest[1]} when this gluonkit was made: "
        "where pip finds none, take an older Python, or do without. "
    )
