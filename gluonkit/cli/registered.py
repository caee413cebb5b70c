"""The models of the registry, the user's own too, as the command knows those in its file."""

from __future__ import annotations

from typing import Any

from gluonkit.cli.known import KnownModel
from gluonkit.models import ModelInfo, list_models, model_info


def models() -> dict[str, KnownModel]:
    """Return all models, by name."""
    return {name: KnownModel(entry(model_info(name))) for name in list_models()}


def entry(info: ModelInfo) -> dict[str, Any]:
    """Return what known.json has of a model."""
    record = info.to_dict()
    del record["published"]  # among the downloads
    return record | {
        # As text, in which a tuple is no list.
        "options": {name: repr(default) for name, default in info.options.items()},
        "preprocess_text": "" if info.preprocess is None else str(info.preprocess),
    }
