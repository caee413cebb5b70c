"""The model registry: networks by name."""

from gluonkit.registry.creating import (
    create_model,
    initializer_of,
    note_classes,
    note_options,
    origin,
    parse_model,
)
from gluonkit.registry.models import (
    OWN_SOURCE,
    USER_SOURCE,
    list_models,
    model_info,
    register_model,
    register_source,
)
from gluonkit.registry.record import ModelInfo, ModelInput

__all__ = [
    "OWN_SOURCE",
    "USER_SOURCE",
    "ModelInfo",
    "ModelInput",
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
