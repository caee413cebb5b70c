"""What MXNet prints to standard output before it raises an error: nothing, within these calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Symbol
from gluonkit.system.patches import replaced


@contextmanager
def unprinted() -> Iterator[None]:
    """Have MXNet raise what shapes and data types it cannot infer, without printing them before.

    The print would stand before the error that explains it, and within a result that is JSON.
    """
    kind = mx.sym.Symbol
    with (
        replaced(kind, "infer_shape", _raising(kind.infer_shape, "_infer_shape_impl")),
        replaced(kind, "infer_type", _raising(kind.infer_type, "_infer_type_impl")),
    ):
        yield


def _raising(infer: Callable[..., Any], beneath: str) -> Callable[..., Any]:
    def quiet(symbol: Symbol, *args: Any, **kwargs: Any) -> Any:
        # `infer` begins with this call, too, but prints all its arguments when it fails.
        inferred = getattr(symbol, beneath)(False, *args, **kwargs)
        # Of what is not known it warns, in words of its own.
        return infer(symbol, *args, **kwargs) if inferred[1] is None else inferred

    return quiet
