"""Networks by name: the registry, gluonkit's own models, their layers, fine-tuning."""

from gluonkit._base.lookup import parse_model
from gluonkit.models import own as _own  # noqa: F401  (registers gluonkit's own)
from gluonkit.models.creating import (
    create_model,
    initializer_of,
    note_classes,
    note_options,
    origin,
)
from gluonkit.models.info import ModelInfo, ModelInput
from gluonkit.models.preprocess import Preprocess
from gluonkit.models.registry import (
    OWN_SOURCE,
    USER_SOURCE,
    list_models,
    model_info,
    register_model,
    register_source,
)

__all__ = [
    "OWN_SOURCE",
    "USER_SOURCE",
    "ModelInfo",
    "ModelInput",
    "Preprocess",
    "create_model",
    "initializer_of",
    "list_models",
    "model_info",
    "note_classes",
    "note_options",
    "origin",
    "parse_model",
    "register_model",
    "register_source",
]
