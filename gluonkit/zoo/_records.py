"""What the zoos' files begin with. It is light: a listing of all models needs no more of a zoo."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def _later(module: str, function: str) -> Callable[..., Any]:
    """Return a function of a module of gluonkit, which is imported when it is called."""

    def call(*args: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(f"gluonkit.{module}"), function)(*args, **options)

    return call


build = _later("zoo._building", "build")
ensure = _later("models.downloads", "ensure")
folder = _later("models.downloads", "folder")
