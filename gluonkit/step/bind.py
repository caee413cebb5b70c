"""Executors: graphs bound to arrays, and run with as little Python as there can be."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mxnet.base import _LIB, check_call

_QUIET = {"MXNET_SUBGRAPH_BACKEND": "default", "MXNET_SUBGRAPH_VERBOSE": "0"}
"""MXNet reads these whenever it binds. oneDNN's own fusion does nothing for training, makes LeNet
at batch 64 slower, and announces itself on the standard error each time."""

_environment = threading.Lock()


class Bound:
    """A graph bound to arrays on one device.

    Attributes
    ----------
    outputs : the arrays that a forward pass writes.
    """

    def __init__(
        self,
        symbol: Any,
        ctx: Any,
        arguments: Mapping[str, Any],
        gradients: Mapping[str, Any],
        auxiliary: Mapping[str, Any],
        *,
        add: bool = False,
    ) -> None:
        """Gradients are written, or with `add` added, to the arrays in `gradients`."""
        names = symbol.list_arguments()
        wanted = "add" if add else "write"
        with _quiet():
            self._executor = symbol.bind(
                ctx,
                {name: arguments[name] for name in names},
                args_grad={name: gradients[name] for name in names if name in gradients},
                grad_req={name: wanted if name in gradients else "null" for name in names},
                aux_states={name: auxiliary[name] for name in symbol.list_auxiliary_states()},
            )
        self.outputs: list[Any] = self._executor.outputs
        self._handle = self._executor.handle
        self._heads: Any = None
        self._alive: Sequence[Any] = ()

    def set_head_gradients(self, arrays: Sequence[Any]) -> None:
        """Set the arrays with which `backward` begins, one for each output."""
        self._heads = (ctypes.c_void_p * len(arrays))(*(each.handle.value for each in arrays))
        self._alive = arrays

    def forward(self, *, train: bool) -> None:
        """Queue a forward pass."""
        check_call(_LIB.MXExecutorForward(self._handle, int(train)))

    def backward(self) -> None:
        """Queue the backward pass that belongs to it."""
        check_call(_LIB.MXExecutorBackwardEx(self._handle, len(self._heads), self._heads, 1))


@contextmanager
def _quiet() -> Iterator[None]:
    with _environment:
        before = {name: os.environ.get(name) for name in _QUIET}
        os.environ.update(_QUIET)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
