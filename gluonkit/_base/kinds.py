"""Names for what is handed about. MXNet has no types: for a type checker its kinds are `Any`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy

Array: TypeAlias = numpy.ndarray[Any, Any]
"""An array of NumPy's."""

NDArray: TypeAlias = Any
"""An array of MXNet's, `mx.nd.NDArray`, of which `mx.np.ndarray` is a kind."""

Symbol: TypeAlias = Any
"""A graph of MXNet's, `mx.sym.Symbol`."""

Context: TypeAlias = Any
"""A device, `mx.Context`."""

Contexts: TypeAlias = Any
"""What a user gives as `ctx`: a device, a list of them where a function takes several, or None."""


def array_of(value: Any) -> Array:
    """Return arrays or nested lists as a NumPy array; of objects where their lengths differ."""
    try:
        return numpy.asarray(value)
    except ValueError:
        return numpy.asarray(None)
