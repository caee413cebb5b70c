"""A training step as one graph: network, loss and gradients bound together, weights in one array.

The step that `run` begins is finished by `finish`: in between, the engine works and Python
prepares the next batch. A step counts, and changes the weights, only when its
loss has been seen to be finite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from mxnet import gluon

from gluonkit._base.kinds import Context, NDArray
from gluonkit.distributed.exchange import Exchange, Exchanged, exchange
from gluonkit.errors import StateError
from gluonkit.graphs.amp import mixed
from gluonkit.graphs.backward import notes_on
from gluonkit.graphs.cache import GraphCache
from gluonkit.graphs.capture import Captured, NotCompilableError, build_graph, parameters_in, scaled
from gluonkit.graphs.layout import rearranged_in_training
from gluonkit.graphs.losses import Loss
from gluonkit.system import memory
from gluonkit.tracing.snapshot import Snapshot
from gluonkit.tracing.tracer import finish_deferred
from gluonkit.tracing.tree import in_order_of_names, parameters_of
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.bound import BoundGraph
from gluonkit.train.step.flat import FlatParameters
from gluonkit.train.step.following import CHANGED, Carried
from gluonkit.train.step.likeness import check_training, digest
from gluonkit.train.step.result import (
    Gathered,
    NotFiniteStepError,
    ParameterState,
    Step,
    StepOptions,
    StepResult,
)
from gluonkit.train.step.update import FoldedUpdate, ServedUpdate, Update, is_elementwise

_CHECKED_EVERY = 100
"""Steps between two looks at all weights; those seen to be finite are kept to go back to."""


class _Passes:
    """Both passes over batches of one shape, the gradients multiplied with a scale."""

    def __init__(self, graph: Captured, batch: Batch, flat: FlatParameters, add: bool) -> None:
        self.graph, self._flat, self._add = graph, flat, add
        self._bound = BoundGraph(
            graph, flat.ctx, flat.values, flat.gradients, flat.auxiliary, train=True, add=add
        )
        self._scale: float | None = None
        # Cross entropy of logits has one loss for each sample, though its output is none.
        size = batch.size if graph.fused else self._bound.loss_size
        self.divisor = graph.backward.divisor(batch.size, size)

    @property
    def size(self) -> int:
        """Bytes of memory that they take beside the network's values."""
        return self._bound.size

    @property
    def writing(self) -> float:
        """Seconds in which the last batch was written into place."""
        return self._bound.writing

    def start(self, batch: Batch, scale: float) -> None:
        """Write a batch, and queue both passes, with gradients multiplied by `scale`."""
        # MakeLoss, SoftmaxOutput and others ignore the gradient from above: theirs is scaled
        # afterwards.
        linear = self.graph.backward.linear
        if (begin := scale if linear else 1.0) != self._scale:
            self._rescale(begin)
        self._bound.forward(batch)
        if linear or scale == 1.0:
            self._bound.backward()
            return
        if self._add:
            # Gradients of earlier batches are among them, and must not be multiplied twice.
            self._flat.multiply_gradients(1 / scale)
        self._bound.backward()
        self._flat.multiply_gradients(scale)

    def _rescale(self, scale: float) -> None:
        self._scale = scale
        if self.graph.fused:  # its scale is part of the graph
            self._bound.bind(scaled(self.graph.symbol, scale))
        else:
            self._bound.heads[0][:] = scale

    def result(self, size: int) -> StepResult:
        """Wait for the loss, and return the step's result, without copies."""
        numbers = self._bound.numbers()
        loss = None if self.graph.fused else numbers[0]
        return StepResult(size, loss, numbers[1:], self._bound.labels())


class CompiledStep(Step):
    """Trains a network on one device, by graphs that include the loss."""

    compiled = True

    def __init__(
        self,
        net: gluon.Block,
        loss: Loss,
        optimizer: Any,
        batch: Batch,
        *,
        ctx: Context,
        options: StepOptions,
    ) -> None:
        """Trace the network for a first batch.

        Raises
        ------
        NotCompilableError
            When it cannot be compiled; the message says why. Nothing has changed then.
        """
        super().__init__(options)
        self._net, self._loss, self._ctx, self._optimizer = net, loss, ctx, optimizer
        self.contexts = [ctx]
        self._warned = self._ahead = False
        self._carried: Carried | None = None
        self._build(self._graph(batch), batch)

    def _build(self, graph: Captured, batch: Batch) -> None:
        """Join the parameters of a graph, and bind it to them."""
        optimizer, options = self._optimizer, self._options
        # What has to be multiplied after the backward pass is left to the optimizer.
        self._summed = options.summed or not graph.backward.linear
        self.notes += [note for note in notes_on(graph.backward) if note not in self.notes]
        parameters = {parameter.name: parameter for parameter in parameters_of(self._net)}
        counts = {} if self._carried is None else self._carried.counts
        self.flat, self.unused = _flat(graph, parameters, optimizer, self._ctx, counts)
        folded = options.plain and not self._summed and FoldedUpdate.fits(optimizer, self.flat)
        self._exchange = self._exchanged(optimizer, batch.size)
        self.update: Any
        if self._exchange is not None and self._exchange.serves:
            self.update = ServedUpdate(self._exchange)
        else:
            self.update = (FoldedUpdate if folded else Update)(optimizer, self.flat)
        self._kept: GraphCache[_Passes] = GraphCache()
        self._traced: set[Any] = set()  # shapes of batches for which the graph is known to stand
        self._last = batch.specs, self._add_passes(graph, batch)
        self._good: list[Any] = []
        # The first update looks at once, so that there are weights to go back to.
        self._since_check = _CHECKED_EVERY

    def run(self, batch: Batch) -> None:
        """Begin a step. The previous one must be finished."""
        if self.followed and batch.size:
            self._follow(batch)
        self._ahead = True
        # A forward pass changes the running statistics, which a failed step must restore.
        self.flat.keep_auxiliary()
        # A worker without samples takes part in the exchange with gradients of zero.
        if not batch.size:
            self._pending = None, batch
            if self._options.accumulate == 1:
                self.flat.zero_gradients()
            return
        passes = self._passes_for(batch)
        # Sums over samples give a short batch less weight in an update of several.
        share = batch.size if self._summed else 1.0
        passes.start(batch, self.update.head_scale() * share / passes.divisor)
        self.writing = passes.writing
        self._pending = passes, batch

    def _result(self, begun: _Passes, batch: Batch) -> StepResult:
        return begun.result(batch.size)

    def _update(self, gathered: Gathered) -> None:
        samples = gathered.samples
        if self._exchange is not None:
            samples = self._exchange.combine(samples, gathered.total)
            if not samples:  # nothing to push
                return
        scale = 1.0 / samples if self._summed else 1.0
        if self._options.grad_clip is not None:
            scale *= self._clipping(scale)
        self._look_at_weights()
        self.update(scale)
        if self._options.accumulate > 1:
            self.flat.zero_gradients()

    @property
    def states(self) -> list[ParameterState]:
        """The optimizer's state for each parameter."""
        if not self.update.states:  # the servers of a job have them
            return []
        pairs = zip(self.flat.groups, self.update.states, strict=True)
        return [part for i, (group, state) in enumerate(pairs) for part in group.states(i, state)]

    @property
    def weights(self) -> list[NDArray]:
        """The arrays with all that a step changes: flat ones, few whatever the network."""
        return [group.weight for group in (*self.flat.groups, *self.flat.statistics)]

    def put_weights(self, arrays: Sequence[Any]) -> None:
        """Copy arrays into those of `weights`, and into the network."""
        for array, own in zip(arrays, self.weights, strict=True):
            memory.put(array, own)
        self.push()

    def synchronize(self) -> None:
        """Make weights and statistics equal on all workers of a job."""
        if self._exchange is not None:
            self._exchange.synchronize()

    def push(self) -> None:
        """Copy the weights to the network."""
        self.flat.push()
        self._ahead = False

    def pull(self) -> None:
        """Copy the weights from the network."""
        self.flat.pull()
        self._ahead = False

    def renew(self) -> None:
        """Trace the network again for the next batch of any shape, and compare the graphs."""
        self._traced.clear()

    def _follow(self, batch: Batch) -> None:
        """Trace the network again if it has changed, or may have changed undetected."""
        holds = self._snapshot.holds()
        if holds and batch.specs in self._traced:
            return
        if not holds:
            finish_deferred(self._net, *((s.shape, s.dtype) for s in batch.specs[: batch.inputs]))
        graph, passes = self._graph(batch), self._kept.get(batch.specs)
        if not holds or (passes and digest(graph.symbol) != digest(passes.graph.symbol)):
            self._rebuild(graph, batch)
        elif not passes:
            self._add_passes(graph, batch)
        self._traced.add(batch.specs)

    def _rebuild(self, graph: Captured, batch: Batch) -> None:
        """Go on with another graph, and maybe with other parameters."""
        if self._exchange is not None:
            raise StateError(
                "`net` was changed while several workers trained it, who would go on with "
                "different networks; change it before `fit`"
            )
        if self._ahead:  # the network has the weights of some steps ago
            if moved := self.flat.moved():
                raise StateError(
                    f"`net` has got another array for {moved[0].name} in the middle of an epoch "
                    "(cast, initialize), while steps were made with the old one; do it in a "
                    "callback's on_epoch_begin or on_epoch_end"
                )
            self.flat.push()
        self._carried = Carried(self._optimizer, self.states, self.flat, self._carried)
        self._build(graph, batch)
        self._carried.give(self.states, self.flat)
        if CHANGED not in self.notes:
            self.notes.append(CHANGED)

    def close(self) -> None:
        """Do nothing: no setting of a parameter was changed."""

    def _exchanged(self, optimizer: Any, samples: int) -> Exchange | None:
        if self._options.workers is None:
            return None
        groups = self.flat.groups
        arrays = Exchanged(
            [[group.grad] for group in groups],
            [[group.weight] for group in groups],
            [[group.weight] for group in self.flat.statistics],
            [(group.lr_mult, group.wd_mult) for group in groups],
        )
        return exchange(self._options.workers, optimizer, arrays, samples)

    def _graph(self, batch: Batch) -> Captured:
        self._snapshot = Snapshot(self._net, self._loss)
        inputs, labels = batch.specs[: batch.inputs], batch.specs[batch.inputs :]
        graph = build_graph(
            self._net,
            inputs,
            labels,
            self._loss,
            on_cpu=memory.on_cpu(self._ctx),
        )
        check_training(self._net, self._loss, graph, batch, self._ctx)
        return graph if self._options.amp is None else mixed(graph, self._options.amp)

    def _passes_for(self, batch: Batch) -> _Passes:
        specs, passes = self._last
        if batch.specs is not specs:  # most batches share one object
            passes = self._kept.get(batch.specs) or self._add_passes(self._graph(batch), batch)
            self._last = batch.specs, passes
        return passes

    def _add_passes(self, graph: Captured, batch: Batch) -> _Passes:
        passes = _Passes(graph, batch, self.flat, self._options.accumulate > 1)
        self._kept.add(batch.specs, passes)
        self._traced.add(batch.specs)
        if (note := self._kept.note()) and not self._warned:
            self._warned = True
            self.notes.append(note)
        return passes

    def _clipping(self, scale: float) -> float:
        """Return the factor that limits the gradients' norm."""
        # Scaled: the norm of the mean's gradient counts, also where the arrays hold a sum.
        norm = math.sqrt(sum(_square(group.grad) for group in self.flat.groups)) * scale
        if not math.isfinite(norm):
            raise NotFiniteStepError("the gradients' norm is not finite")
        limit = self._options.grad_clip or norm
        return min(1.0, limit / norm) if norm else 1.0

    def _look_at_weights(self) -> None:
        """Copy the weights from time to time, if they are finite."""
        self._since_check += 1
        if self._since_check < _CHECKED_EVERY:
            return
        self._since_check = 0
        if all(math.isfinite(_square(group.weight)) for group in self.flat.groups):
            self._good = [group.weight.copy() for group in self.flat.groups]

    def _fail(self, batch: Batch) -> NoReturn:
        """Undo the step's changes, and raise."""
        self.flat.put_auxiliary_back()
        spoiled = not all(math.isfinite(_square(group.weight)) for group in self.flat.groups)
        if spoiled and self._good:
            for group, good in zip(self.flat.groups, self._good, strict=True):
                good.copyto(group.weight)
        raise NotFiniteStepError("the loss is not finite", batch, spoiled)


def _flat(
    graph: Captured,
    parameters: Mapping[str, gluon.Parameter],
    optimizer: Any,
    ctx: Context,
    counts: Mapping[int, int],
) -> tuple[FlatParameters, list[gluon.Parameter]]:
    """Return a graph's flat parameters, and the names of those that the loss does not need."""
    used, dependencies = parameters_in(graph, parameters), graph.dependencies
    auxiliary = graph.symbol.list_auxiliary_states()
    # By names, as Gluon's Trainer does: Nadam depends on it.
    names = [p.name for p in in_order_of_names(used.values()) if p.name not in auxiliary]
    sparse = [n for n in names if {parameters[n]._stype, parameters[n]._grad_stype} != {"default"}]
    if sparse:
        raise NotCompilableError(f"{sparse[0]} is sparse")
    for name in (*names, *auxiliary):
        if type(parameters[name]).data is not gluon.Parameter.data:  # dropout on weights: a copy
            kind = type(parameters[name]).__name__
            raise NotCompilableError(f"{name} is computed anew at each use ({kind})")
    flat = FlatParameters(
        [parameters[name] for name in names if name in dependencies],
        [parameters[name] for name in auxiliary],
        ctx,
        fixed=[parameters[name] for name in names if name not in dependencies],
        separate=not is_elementwise(optimizer),
        counts=counts,
        rearranged=rearranged_in_training(graph.symbol),
    )
    trained = [p for p in parameters.values() if p.grad_req != "null"]
    return flat, [p for p in trained if p.name not in dependencies]


def _square(array: NDArray) -> float:
    """Return the sum of the squares of an array's numbers."""
    if memory.on_cpu(array.context):
        # A deconvolution rearranges weight and gradient by what it queues in the backward pass.
        numbers = memory.settled(array).reshape(-1)
        return float(numbers.dot(numbers))
    return float((array * array).sum().asscalar())
