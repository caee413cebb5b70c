"""What the file of an engine gives: a model that is bound to arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from gluonkit._base.kinds import Array

Bind: TypeAlias = Callable[[Mapping[str, Array], Mapping[str, Array]], Callable[[], Any]]
"""Takes arrays for inputs and outputs by name, and returns what computes the one from the other."""
