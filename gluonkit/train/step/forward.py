"""Running a network over batches in prediction mode, as one graph where it can be one."""

from __future__ import annotations

from typing import Any

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.kinds import Array, Context
from gluonkit._base.specs import ArraySpec
from gluonkit.graphs.bind import Bound
from gluonkit.graphs.capture import (
    Captured,
    NotCompilableError,
    build_graph,
    numbered,
    parameters_in,
)
from gluonkit.graphs.plans import Plans
from gluonkit.system import memory
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.snapshot import Snapshot
from gluonkit.tracing.symbols import infer
from gluonkit.tracing.tree import parameters_of
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.likeness import check_prediction, computes_half

_Key = tuple[ArraySpec, ...]


class Forward:
    """Calls a network on batches, with its current weights.

    Its graphs are those of the network at the last `follow`, or at the first call.

    Attributes
    ----------
    net : gluon.Block
        The network.
    ctx : Context
        The device.
    nesting : object
        The outputs as the network returns them, each replaced by its position.
    """

    def __init__(self, net: gluon.Block, ctx: Context) -> None:
        self.net, self.ctx = net, ctx
        self.nesting: Any = 0
        self._seen: set[str] = set()
        self.renew()

    def renew(self) -> None:
        """Drop all graphs, as the network may have changed."""
        self._snapshot: Snapshot | None = None
        self._compiles = memory.on_cpu(self.ctx)
        self._graphs: dict[_Key, Captured] = {}  # those that are not bound yet
        self._outputs: dict[_Key, _Key] = {}
        self._plans: Plans[_Plan] = Plans()

    def follow(self) -> None:
        """Drop all graphs if the network has changed since they were made."""
        if self._snapshot is None or not self._snapshot.holds():
            self.renew()
            self._snapshot = Snapshot(self.net)

    def outputs(self, batch: Batch) -> tuple[ArraySpec, ...] | None:
        """Return the specs of the outputs for a batch; None if no graph has them."""
        key = batch.specs[: batch.inputs]
        if key not in self._outputs and self._compiles:
            try:
                graph = self._graphs[key] = build_graph(self.net, key, seen=self._seen)
            except NotCompilableError:  # for this batch, and maybe for no other
                return None
            if computes_half(graph):
                return None  # of which more is to be known
            known = dict(zip(graph.inputs, graph.specs, strict=True))
            self._outputs[key] = tuple(infer(graph.symbol, known)[0])
        return self._outputs.get(key)

    def note_outputs(self, batch: Batch, outputs: tuple[ArraySpec, ...]) -> tuple[ArraySpec, ...]:
        """Record the specs of the outputs for a batch, until the network changes."""
        self._outputs[batch.specs[: batch.inputs]] = outputs
        return outputs

    def __call__(self, batch: Batch) -> list[Array]:
        """Return the network's outputs as a flat list, valid until the next call."""
        if self._compiles:
            try:
                plan = self._plan(batch)
            except NotCompilableError:
                self._compiles = False
            else:
                return plan.run(batch)
        arrays = batch.arrays(self.ctx, np_mode=is_np_array())[: batch.inputs]
        with autograd.predict_mode():
            output = self.net(*arrays)
        self.nesting = numbered(output)
        return [leaf.asnumpy() for leaf in leaves(output)]

    def _plan(self, batch: Batch) -> _Plan:
        key = batch.specs[: batch.inputs]
        plan = self._plans.get(key)
        if plan is None:
            graph = self._graphs.pop(key, None) or build_graph(self.net, key, seen=self._seen)
            check_prediction(self.net, graph, batch, self.ctx)
            plan = _Plan(self.net, graph, self.ctx)
            self._plans.add(key, plan)
            self.nesting = graph.nesting
        return plan


class _Plan:
    """The graph for one shape of batches, bound to the network's own weights."""

    def __init__(self, net: gluon.Block, graph: Captured, ctx: Context) -> None:
        self._arrays = [mx.nd.zeros(s.shape, ctx=ctx, dtype=s.dtype) for s in graph.specs]
        self._views = [memory.view(array) for array in self._arrays]
        parameters = parameters_in(
            graph, {parameter.name: parameter for parameter in parameters_of(net)}
        )
        values = {
            name: parameter.data(ctx).as_nd_ndarray() for name, parameter in parameters.items()
        }
        values |= dict(zip(graph.inputs, self._arrays, strict=True))
        self._bound = Bound(graph.symbol, ctx, values, {}, values, inputs=graph.inputs)
        self.size = self._bound.size + memory.size_of(self._arrays)

    def run(self, batch: Batch) -> list[Array]:
        """Return the outputs for a batch."""
        for array in self._arrays:  # the engine may not be done with making them
            memory.wait_to_write(array)
        batch.write(self._arrays, self._views)
        self._bound.forward(train=False)
        return self._bound.numbers()
