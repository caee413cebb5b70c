"""What the zoos' files begin with. It is light: a listing of all models needs no more of a zoo."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """A file that a zoo publishes, in a ZIP archive.

    Attributes
    ----------
    file : str
        Its name, in the archive and in the folder.
    sha1 : str
        The SHA-1 of the file, not of the archive, in hexadecimal digits.
    address : str
        The archive's address, relative to a mirror's.
    """

    file: str
    sha1: str
    address: str

    @classmethod
    def weights(cls, name: str, sha1: str) -> Published:
        """Return the record of a zoo's pretrained weights."""
        stem = f"{name}-{sha1[:8]}"
        return cls(f"{stem}.params", sha1, f"gluon/models/{stem}.zip")

    @classmethod
    def vocabulary(cls, name: str, sha1: str, suffix: str = ".vocab") -> Published:
        """Return the record of one of GluonNLP's vocabularies."""
        stem = f"{name}-{sha1[:8]}"
        return cls(f"{stem}{suffix}", sha1, f"gluon/dataset/vocab/{stem}.zip")


def _later(module: str, function: str) -> Callable[..., Any]:
    """Return a function of a sibling module, which is imported when it is called."""

    def call(*args: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(f"gluonkit.zoo.{module}"), function)(
            *args, **options
        )

    return call


build = _later("_building", "build")
ensure = _later("_weights", "ensure")
folder = _later("_weights", "folder")
