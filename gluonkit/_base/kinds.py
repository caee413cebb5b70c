"""Names for what is handed about. MXNet has no types: for a type checker its kinds are `Any`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy

Array: TypeAlias = "numpy.ndarray[Any, Any]"
"""An array of NumPy's."""
