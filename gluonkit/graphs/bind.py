"""Executors: graphs bound to arrays, and run with as little Python as there can be."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mxnet.base import _LIB, check_call

from gluonkit._base.kinds import Array, Context, Symbol
from gluonkit.graphs.layout import rearranged_inputs
from gluonkit.system import memory
from gluonkit.tracing import hearing

_FUSED, _NOT_FUSED = "MKLDNN", "default"
"""MXNet's names for graphs with oneDNN's fusion and without. MXNet reads which from the environment
whenever it binds, and announces it on the standard error unless it is told not to."""

_environment = threading.Lock()


class Bound:
    """A graph bound to arrays on one device.

    Attributes
    ----------
    outputs : list
        The arrays that a forward pass writes.
    views : memory.Views or None
        Views of their memory on a CPU; call `read` after each pass.
    handle : ctypes.c_void_p
        MXNet's native handle of the executor.
    heads : sequence
        The arrays that `set_head_gradients` was given.
    """

    def __init__(
        self,
        symbol: Symbol,
        ctx: Context,
        arguments: Mapping[str, Any],
        gradients: Mapping[str, Any],
        auxiliary: Mapping[str, Any],
        *,
        inputs: Collection[str] = (),
        add: bool = False,
        fused: bool = False,
    ) -> None:
        """Gradients are written to the arrays in `gradients`, or added to them with `add`.

        The arguments named in `inputs` are written through views before each pass in prediction
        mode; `views` converts them to MXNet's layout too.

        With `fused`, oneDNN fuses neighbouring operators, with copies of weights that it makes in
        the first pass and never updates: for prediction only. It has no effect on training, and
        makes some networks slower.
        """
        names = symbol.list_arguments()
        wanted = "add" if add else "write"
        with backend(_FUSED if fused else _NOT_FUSED):
            # By name, so that the order of our dictionaries does not matter to MXNet.
            self._executor = symbol.bind(
                ctx,
                {name: arguments[name] for name in names},
                args_grad={name: gradients[name] for name in names if name in gradients},
                grad_req={name: wanted if name in gradients else "null" for name in names},
                aux_states={name: auxiliary[name] for name in symbol.list_auxiliary_states()},
            )
        # Fetched once: these arrays stay those that passes write, and fetching them makes new
        # objects.
        self.outputs: list[Any] = self._executor.outputs
        self.handle = self._executor.handle
        self.views: memory.Views | None = None
        if memory.on_cpu(ctx):
            # Outputs are not enough: a prediction leaves inputs that are weights in oneDNN's
            # order.
            disturbed = [arguments[name] for name in rearranged_inputs(symbol, inputs)]
            self.views = memory.Views(self.outputs, disturbed)
        self._heads: Any = None
        self.heads: Sequence[Any] = ()
        if (hearer := hearing.current()) is not None:
            hearer.bound(self, fused=fused)

    @property
    def size(self) -> int:
        """Memory of intermediate results in bytes, rounded to MiB, as MXNet reports it."""
        # MXNet reports it in this text only.
        match = re.search(r"Total (\d+) MB allocated", self._executor.debug_str())
        # It rounds down, so that 1 MiB more is the least that is surely enough.
        return (int(match[1]) + 1 if match else 1) << 20

    def set_head_gradients(self, arrays: Sequence[Any]) -> None:
        """Set the head gradients for `backward`, one for each output."""
        self._heads = (ctypes.c_void_p * len(arrays))(*(array.handle.value for array in arrays))
        # The native call gets pointers only; a reference keeps the arrays alive.
        self.heads = arrays

    def forward(self, *, train: bool) -> None:
        """Queue a forward pass."""
        # Not `Executor.forward`, which makes Python objects of all outputs anew in each pass.
        check_call(_LIB.MXExecutorForward(self.handle, int(train)))

    def backward(self) -> None:
        """Queue the backward pass of the last forward pass."""
        # The 1 says that this is training, which batch norm asks for in its backward pass, too.
        check_call(_LIB.MXExecutorBackwardEx(self.handle, len(self._heads), self._heads, 1))

    def numbers(self) -> list[Array]:
        """Wait for the outputs, and return them as NumPy arrays, valid until the next pass."""
        if self.views is not None:
            return self.views.read()
        return [output.asnumpy() for output in self.outputs]


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Make MXNet optimize graphs for a backend, regardless of the environment."""
    wanted = {"MXNET_SUBGRAPH_BACKEND": name, "MXNET_SUBGRAPH_VERBOSE": "0"}
    # Binding reads the environment, which all threads share.
    with _environment:
        before = [(variable, os.environ.get(variable)) for variable in wanted]
        os.environ.update(wanted)
        try:
            yield
        finally:
            for variable, value in before:
                if value is None:
                    del os.environ[variable]
                else:
                    os.environ[variable] = value
