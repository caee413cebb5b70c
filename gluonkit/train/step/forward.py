"""Running a network over batches in prediction mode, as one graph where it can be one."""

from __future__ import annotations

from typing import Any

from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.kinds import Array, Context
from gluonkit._base.specs import ArraySpec
from gluonkit.graphs.cache import GraphCache
from gluonkit.graphs.capture import (
    Captured,
    NotCompilableError,
    build_graph,
    for_cpu,
    numbered,
    parameters_in,
)
from gluonkit.graphs.endings import UNKNOWN, Ending, ending_of, looked_up
from gluonkit.system import memory
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.snapshot import Snapshot
from gluonkit.tracing.symbolic import graph_shapes
from gluonkit.tracing.symbols import infer
from gluonkit.tracing.tree import parameters_of
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.bound import BoundGraph
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
        self.renew()

    def renew(self) -> None:
        """Drop all graphs, as the network may have changed."""
        self._snapshot: Snapshot | None = None
        self._compiles = memory.on_cpu(self.ctx)
        self._graphs: dict[_Key, Captured] = {}  # those that are not bound yet
        self._outputs: dict[_Key, _Key] = {}
        self._kept: GraphCache[BoundGraph] = GraphCache()
        self._endings: dict[_Key, Ending] = {}

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
                graph = self._graphs[key] = build_graph(self.net, key, on_cpu=False)
            except NotCompilableError:  # for this batch, and maybe for no other
                return None
            if computes_half(graph):
                return None  # of which more is to be known
            known = dict(zip(graph.inputs, graph.specs, strict=True))
            self._outputs[key] = tuple(infer(graph.symbol, known)[0])
        return self._outputs.get(key)

    def indices(self, batch: Batch) -> set[int]:
        """Return the inputs by which something is looked up, for a batch whose specs are known."""
        graph = self._graphs.get(batch.specs[: batch.inputs])
        if graph is None:
            return set()
        names = looked_up(graph.symbol)
        return {place for place, name in enumerate(graph.inputs) if name in names}

    def note_outputs(
        self, batch: Batch, outputs: tuple[ArraySpec, ...], ending: Ending
    ) -> tuple[ArraySpec, ...]:
        """Record the specs of the outputs for a batch, and what computes them."""
        key = batch.specs[: batch.inputs]
        self._outputs[key], self._endings[key] = outputs, ending
        return outputs

    def ending(self, batch: Batch) -> Ending:
        """Return what computes the output for a batch whose specs are known."""
        key = batch.specs[: batch.inputs]
        graph = self._graphs.get(key)
        if key not in self._endings and graph is not None and graph.outputs == 1:
            known = dict(zip(graph.inputs, graph.specs, strict=True)) | graph_shapes(self.net)
            self._endings[key] = ending_of(graph.symbol, known)
        return self._endings.get(key, UNKNOWN)

    def __call__(self, batch: Batch) -> list[Array]:
        """Return the network's outputs as a flat list, valid until the next call."""
        if self._compiles:
            try:
                bound = self._bound(batch)
            except NotCompilableError:
                self._compiles = False
            else:
                bound.forward(batch)
                return bound.numbers()
        arrays = batch.arrays(self.ctx, np_mode=is_np_array())[: batch.inputs]
        # A caller who records would have dropout at work, and statistics changed.
        with autograd.predict_mode():
            output = self.net(*arrays)
        self.nesting = numbered(output)
        return [leaf.asnumpy() for leaf in leaves(output)]

    def _bound(self, batch: Batch) -> BoundGraph:
        key = batch.specs[: batch.inputs]
        bound = self._kept.get(key)
        if bound is None:
            # The one by which outputs were inferred, if there is one; a second trace would cost as
            # much.
            graph = self._graphs.pop(key, None) or build_graph(self.net, key, on_cpu=False)
            # Only now: training without validation asks for specs alone.
            graph = for_cpu(graph)
            check_prediction(self.net, graph, batch, self.ctx)
            parameters = parameters_in(graph, {p.name: p for p in parameters_of(self.net)})
            # The same memory, so that each call has the weights of the moment.
            values = {name: p.data(self.ctx).as_nd_ndarray() for name, p in parameters.items()}
            bound = BoundGraph(graph, self.ctx, values)
            self._kept.add(key, bound)
            self.nesting = graph.nesting
        return bound
