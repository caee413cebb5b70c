"""A graph for batches of one shape, bound to a network's values and to arrays for the batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from time import perf_counter
from typing import Any

import mxnet as mx

from gluonkit._base.kinds import Array, Context, Symbol
from gluonkit.graphs.bind import Bound
from gluonkit.graphs.capture import Captured
from gluonkit.system import memory
from gluonkit.train.step.batch import Batch


class BoundGraph:
    """Runs a graph on batches; what it returns is in MXNet's own layout, valid until the next pass.

    Attributes
    ----------
    graph : Captured
        The graph as it was traced.
    writing : float
        Seconds in which the last batch was written into place.
    """

    def __init__(
        self,
        graph: Captured,
        ctx: Context,
        values: Mapping[str, Any],
        gradients: Mapping[str, Any] | None = None,
        auxiliary: Mapping[str, Any] | None = None,
        *,
        train: bool = False,
        add: bool = False,
    ) -> None:
        """`gradients` are the arrays to write, or with `add` to add to.

        `auxiliary` are running statistics, of `values` by default. With `train` there may be a
        backward pass.
        """
        self.graph, self._ctx, self._train, self._add = graph, ctx, train, add
        self._gradients = gradients or {}
        self._auxiliary = values if auxiliary is None else auxiliary
        self._names = (*graph.inputs, *graph.labels)
        self.writing = 0.0
        # Arrays of its own: a graph is bound to fixed memory, into which batches are written.
        self._arrays = [mx.nd.zeros(s.shape, ctx=ctx, dtype=s.dtype) for s in graph.specs]
        on_cpu = memory.on_cpu(ctx)
        # NumPy's views of MXNet's memory: a batch is gathered into place, without a copy between.
        self._views = [memory.view(array) for array in self._arrays] if on_cpu else None
        self._values = {**values, **dict(zip(self._names, self._arrays, strict=True))}
        self.bind(graph.symbol)

    def bind(self, symbol: Symbol) -> None:
        """Use another form of the graph with the same arrays."""
        self._symbol = symbol
        self.__dict__.pop("_bound", None)

    # Made when it is needed: before the first pass, a fused loss gets another scale.
    @cached_property
    def _bound(self) -> Bound:
        # In training mode oneDNN leaves the layout of inputs alone.
        inputs = () if self._train else self._names
        bound = Bound(
            self._symbol,
            self._ctx,
            self._values,
            self._gradients,
            self._auxiliary,
            inputs=inputs,
            add=self._add,
        )
        if self._train:
            bound.set_head_gradients([mx.nd.zeros_like(output) for output in bound.outputs])
        return bound

    @property
    def heads(self) -> Sequence[Any]:
        """The gradients of the outputs, zeros at first, with which a backward pass begins."""
        return self._bound.heads

    @property
    def size(self) -> int:
        """Bytes of memory that it takes beside the network's values."""
        return self._bound.size + memory.size_of([*self._arrays, *self.heads])

    @property
    def loss_size(self) -> int:
        """How many numbers the first output has."""
        return int(self._bound.outputs[0].size)

    def forward(self, batch: Batch, move: Callable[[Any], Any] | None = None) -> None:
        """Write a batch into the arrays, and queue a forward pass.

        `move` gives other arrays for its inputs.
        """
        for array in self._arrays:  # earlier passes may still read them
            memory.wait_to_write(array)
        begun = perf_counter()
        batch.write(self._arrays, self._views)
        self.writing = perf_counter() - begun
        if move is not None:
            for array in self._arrays[: batch.inputs]:
                array[:] = move(array)
        self._bound.forward(train=self._train)

    def backward(self) -> None:
        """Queue the backward pass that belongs to it."""
        self._bound.backward()

    def numbers(self) -> list[Array]:
        """Wait for the outputs, and return them."""
        return self._bound.numbers()

    def labels(self) -> list[Array]:
        """Return the batch's labels."""
        views = self._views or [array.asnumpy() for array in self._arrays]
        return views[len(self.graph.inputs) :]
