"""Running a network over batches in prediction mode, as one graph where it can be one."""

from __future__ import annotations

from typing import Any

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.kinds import Array, Context
from gluonkit.graphs.bind import Bound
from gluonkit.graphs.capture import Graph, NotCompilableError, build_graph, numbered, parameters_in
from gluonkit.graphs.plans import Plans
from gluonkit.system import memory
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.tree import parameters_of
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.likeness import check_prediction


class Forward:
    """Calls a network on batches; made for one run over the data, with the weights as they are.

    Attributes
    ----------
    nesting : object
        The outputs as the network returns them, each replaced by its position.
    """

    def __init__(self, net: gluon.Block, ctx: Context) -> None:
        self._net, self._ctx = net, ctx
        self._plans: Plans[_Plan] = Plans()
        self._compiles = memory.on_cpu(ctx)
        self.nesting: Any = 0

    def __call__(self, batch: Batch) -> list[Array]:
        """Return the network's outputs, flat, valid until the next call."""
        if self._compiles:
            try:
                plan = self._plan(batch)
            except NotCompilableError:
                self._compiles = False
            else:
                return plan.run(batch)
        arrays = batch.arrays(self._ctx, np_mode=is_np_array())[: batch.inputs]
        with autograd.predict_mode():
            output = self._net(*arrays)
        self.nesting = numbered(output)
        return [each.asnumpy() for each in leaves(output)]

    def _plan(self, batch: Batch) -> _Plan:
        key = batch.specs[: batch.inputs]
        plan = self._plans.get(key)
        if plan is None:
            graph = build_graph(self._net, key)
            check_prediction(self._net, graph, batch, self._ctx)
            plan = _Plan(self._net, graph, self._ctx)
            self._plans.add(key, plan)
            self.nesting = graph.nesting
        return plan


class _Plan:
    """The graph for one shape of batches, bound to the network's own weights."""

    def __init__(self, net: gluon.Block, graph: Graph, ctx: Context) -> None:
        self._arrays = [mx.nd.zeros(s.shape, ctx=ctx, dtype=s.dtype) for s in graph.specs]
        self._views = [memory.view(each) for each in self._arrays]
        parameters = parameters_in(graph, {each.name: each for each in parameters_of(net)})
        values = {name: each.data(ctx).as_nd_ndarray() for name, each in parameters.items()}
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
