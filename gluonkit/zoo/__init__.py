"""Outside zoos: one file each, found by its name in this folder and imported on first use.

A zoo's file defines ``models()``, which yields a `ModelInfo` for each model, named with the
file's name as prefix, and imports the zoo's own package only inside a builder. To add a zoo, add
its file. Files that begin with an underscore are what the zoos share.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import partial

from gluonkit.models import ModelInfo, register_source


def _models(zoo: str) -> Iterable[ModelInfo]:
    module = importlib.import_module(f"{__name__}.{zoo}")
    return module.models()  # type: ignore[no-any-return]


for _file in pkgutil.iter_modules(__path__):
    if not _file.name.startswith("_"):
        # `partial` keeps this name; a lambda would see that of the last file.
        register_source(_file.name, partial(_models, _file.name))
