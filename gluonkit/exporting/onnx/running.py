"""ONNX Runtime: sessions on processors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require


def runtime() -> Any:
    """Return the package, or say how to install it."""
    return require("onnxruntime", extra="onnx")


def session(contents: bytes) -> Any:
    """Return a session for a serialized model; it raises what it refuses."""
    package = runtime()
    options = package.SessionOptions()
    options.log_severity_level = 4  # its errors are raised as well
    return package.InferenceSession(contents, options, providers=["CPUExecutionProvider"])


def run(opened: Any, feed: Mapping[str, Array], wanted: Sequence[str] | None = None) -> list[Array]:
    """Return the outputs of a session, all or those of some names."""
    known = {array.name for array in opened.get_inputs()}
    given = {name: feed[name] for name in feed if name in known}
    return list(opened.run(None if wanted is None else list(wanted), given))
