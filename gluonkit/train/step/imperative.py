"""A training step as Gluon's tutorials write it, for what cannot be one graph, and many devices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from time import perf_counter
from typing import Any, NoReturn

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.kinds import Context
from gluonkit.distributed.exchange import Exchange, Exchanged, exchange
from gluonkit.graphs.backward import Backward, backward_of, notes_on
from gluonkit.graphs.losses import Loss, check_loss_value
from gluonkit.system import memory
from gluonkit.tracing.eager import imperative
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.tree import in_order_of_names, parameters_of, walk
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.likeness import on_copies
from gluonkit.train.step.result import (
    Gathered,
    NotFiniteStepError,
    ParameterState,
    Step,
    StepOptions,
    StepResult,
)

_SLOPES = (
    "the steps run operator by operator, though the network is hybridized: MXNet's graphs give "
    "PReLU's slope a wrong gradient"
)


_HIDDEN_SLOPES = (
    "a SymbolBlock has a PReLU, whose slope gets a wrong gradient in MXNet's graphs, and such a "
    "block is always one; compiled steps are right"
)


class ImperativeStep(Step):
    """Trains a network by Gluon's own calls, on one device or several.

    Steps and results are those of `CompiledStep`.
    """

    compiled = False

    def __init__(
        self,
        net: gluon.Block,
        loss: Loss,
        optimizer: Any,
        contexts: list[Context],
        options: StepOptions,
        *,
        outputs: bool = True,
    ) -> None:
        """`outputs` is whether the network's outputs are needed."""
        super().__init__(options)
        self._net, self._loss, self.contexts = net, loss, contexts
        self._outputs = outputs
        # But for layers that nothing calls, which have no values.
        everything = [parameter for parameter in parameters_of(net) if parameter._data is not None]
        self._blocks = [block for _, block in walk(net)]
        self._hybrid = any(getattr(block, "_active", False) for block in self._blocks)
        self._everything = everything
        self._statistics = [
            parameter
            for parameter in everything
            if parameter.grad_req == "null" and not isinstance(parameter, gluon.Constant)
        ]
        # A new trainer registers itself with the parameters; `close` restores the user's.
        self._trainers = [(parameter, parameter._trainer) for parameter in everything]
        self._trainer = gluon.Trainer(
            # As a list: of a dictionary Trainer sorts the names as text, dense10 before dense9.
            in_order_of_names(everything),
            optimizer,
            kvstore=None if len(contexts) == 1 else options.kvstore or "device",
            # Updates are made by this process, so that the states are on its devices.
            update_on_kvstore=None if len(contexts) == 1 else False,
            compression_params=options.compression,
        )
        self._exchange: Exchange | None = None
        self._backward: Backward | None = None
        # In one order, though callbacks may freeze some: averages are kept by it.
        self._changed = [*self._trained, *self._statistics]
        self._before: list[tuple[Any, Any]] = []

    @property
    def _trained(self) -> list[gluon.Parameter]:
        """The parameters that are trained now; callbacks may freeze and thaw them."""
        return [parameter for parameter in self._everything if parameter.grad_req != "null"]

    @property
    def states(self) -> list[ParameterState]:
        """The optimizer's state for each parameter; created now if there was no step yet."""
        if self._options.workers is not None and self._options.workers.is_async:
            return []  # the servers have them
        trained = [(i, p) for i, p in enumerate(self._trainer._params) if p.grad_req != "null"]
        return [ParameterState(p, i, list(leaves(self._state(i, p)))) for i, p in trained]

    def _state(self, index: int, parameter: gluon.Parameter) -> list[Any]:
        """Return a parameter's state on each device."""
        updaters = self._trainer._updaters
        for context, updater in zip(self.contexts, updaters, strict=True):
            # MXNet makes a state at the first update; a checkpoint needs it before.
            if index not in updater.states:
                weight = parameter.data(context).as_nd_ndarray()
                made = updater.optimizer.create_state_multi_precision(index, weight)
                updater.states[index], updater.states_synced[index] = made, True
        return [updater.states[index] for updater in updaters]

    @property
    def weights(self) -> list[Any]:
        """The first device's arrays of all that a step changes, as legacy ones."""
        return _legacy([parameter.list_data()[0] for parameter in self._changed])

    def put_weights(self, arrays: Sequence[Any]) -> None:
        """Copy arrays into those of `weights`, and into those of all devices."""
        for array, parameter in zip(arrays, self._changed, strict=True):
            for own in _legacy(parameter.list_data()):
                memory.put(array, own)

    def run(self, batch: Batch) -> None:
        """Begin a step. The previous one must be finished."""
        if not batch.size:
            self._give_nothing()
            self._pending = None, batch
            return
        if self._options.accumulate > 1:
            for parameter in self._trained:
                parameter.grad_req = "add"
        begun = perf_counter()
        parts = self._parts(batch)
        self.writing = perf_counter() - begun
        # A forward pass changes the running statistics, which a failed step must restore.
        self._before = [
            (a, a.copy()) for statistic in self._statistics for a in statistic.list_data()
        ]
        if self._backward is None:
            passes = self._first(parts, batch)
        else:
            with self._by_operators() if self._backward.slopes else nullcontext():
                passes = self._passes(parts, batch.inputs)
            self._back(passes, self._backward, batch.size)
        self._pending = passes, batch

    def _first(self, parts: list[list[Any]], batch: Batch) -> list[Any]:
        """Run the first passes, to analyse the loss.

        The graph of a hybridized network hides its operators, and gives every parameter a gradient;
        so the network is run operator by operator first, on copies.
        """
        for parameter in self._trained:  # a pass of the user's own may have left it set
            for data in parameter.list_data():
                data._fresh_grad = False
        # One device is enough to see what the loss is made of.
        seen = self._seen_aside(parts[:1], batch) if self._hybrid else None
        as_they_are = seen is not None and not seen[0].slopes
        with nullcontext() if as_they_are else self._by_operators():
            passes = self._passes(parts, batch.inputs)
        self._backward = _recorded(passes[0][0]) if seen is None else seen[0]
        self.notes = notes_on(self._backward)
        if self._hybrid and self._backward.slopes:
            self.notes.append(_SLOPES)
        if any(map(_hides_slopes, self._blocks)):
            self.notes.append(_HIDDEN_SLOPES)
        self._back(passes, self._backward, batch.size)
        self.unused = self._stale() if seen is None else seen[1]
        return passes

    def _stale(self) -> list[gluon.Parameter]:
        """Return the parameters whose gradients a backward pass has not written."""
        return [p for p in self._trained if not p.list_data()[0]._fresh_grad]

    def _seen_aside(
        self, parts: list[list[Any]], batch: Batch
    ) -> tuple[Backward, list[gluon.Parameter]] | None:
        """Analyse a pass in eager mode; None if that would draw random numbers, or fails."""
        try:
            with on_copies(self._net, self._loss), self._by_operators():
                ((value, *_),) = self._passes(parts, batch.inputs)
                backward = _recorded(value)
                autograd.backward([value])
                return backward, self._stale()
        except Exception:  # then the step itself says so
            return None

    @contextmanager
    def _by_operators(self) -> Iterator[None]:
        """Run network and loss operator by operator, hybridized or not."""
        with ExitStack() as stack:
            for block in (self._net, self._loss):
                if isinstance(block, gluon.Block):
                    stack.enter_context(imperative(block))
            yield

    def _passes(self, parts: list[list[Any]], inputs: int) -> list[Any]:
        """Return loss, outputs and labels of each part of a batch."""
        passes = []
        # One recording for all devices: their passes run beside each other.
        with autograd.record():
            for arrays in parts:
                output = self._net(*arrays[:inputs])
                value = self._loss(output, *arrays[inputs:])
                check_loss_value(value)
                passes.append((value, list(leaves(output)), arrays[inputs:]))
        return passes

    def _back(self, passes: list[Any], backward: Backward, size: int) -> None:
        """Compute the gradients of the sum over `size` samples, whatever the loss's shape."""
        values = [value for value, *_ in passes]
        sizes = [len(labels[0]) for *_, labels in passes] if len(passes) > 1 else [size]
        factors = [
            size / backward.divisor(size, value.size)
            for size, value in zip(sizes, values, strict=True)
        ]
        if backward.linear:
            # In the head gradients a factor costs one number each, not a pass over all gradients.
            autograd.backward(values, list(map(_head, values, factors)))
            return
        if self._options.accumulate > 1:
            self._multiply([1 / factor for factor in factors])
        autograd.backward(values)
        self._multiply(factors)

    def _multiply(self, factors: list[float]) -> None:
        """Multiply all gradients, with one factor for each device."""
        for parameter in self._trained:
            # Devices may have no samples, and no factor then.
            for grad, factor in zip(parameter.list_grad(), factors, strict=False):
                if factor != 1.0:
                    grad[:] = grad * factor

    def _result(self, begun: list[Any], batch: Batch) -> StepResult:
        loss = _joined([value for value, _, _ in begun])
        outputs: list[Any] = []
        labels: list[Any] = []
        if self._outputs:
            outputs = [_joined(parts) for parts in zip(*(out for _, out, _ in begun), strict=True)]
            labels = [_joined(parts) for parts in zip(*(lab for _, _, lab in begun), strict=True)]
        return StepResult(batch.size, loss, outputs, labels)

    def _update(self, gathered: Gathered) -> None:
        # Adds up over the devices, so that clipping sees the gradients of the whole batch.
        self._trainer.allreduce_grads()
        size = float(gathered.samples)
        together = self._together(gathered.samples)
        if together is not None:
            size = together.combine(gathered.samples, gathered.total)
            if not size:  # nothing to push
                return
        if self._options.grad_clip is not None:
            # Trainer divides by the size: a larger one is a smaller gradient.
            size *= max(1.0, self._norm() / size / self._options.grad_clip)
        if together is not None and together.serves:
            together.serve(1 / size)
        else:
            self._leave_unused()
            # Parameters that this pass has not reached stay as they are; MXNet would raise.
            self._trainer.update(size, ignore_stale_grad=True)
        if self._options.accumulate > 1:
            for parameter in self._trained:
                parameter.list_grad()[0].wait_to_read()
                for grad in parameter.list_grad():
                    grad[:] = 0

    def synchronize(self) -> None:
        """Make weights and statistics equal on all workers of a job."""
        self.push()
        if self._exchange is not None:
            self._exchange.synchronize()

    def _together(self, samples: int) -> Exchange | None:
        """Return the exchange of updates, usually of `samples`, with the other workers.

        It is created at the first update, when unused parameters are known.
        """
        workers = self._options.workers
        if self._exchange is None and workers is not None:
            used = [parameter for parameter in self._trained if parameter not in self.unused]
            arrays = Exchanged(
                [_legacy(parameter.list_grad()) for parameter in used],
                [_legacy(parameter.list_data()) for parameter in used],
                [_legacy(statistic.list_data()) for statistic in self._statistics],
                [(parameter.lr_mult, parameter.wd_mult) for parameter in used],
            )
            self._exchange = exchange(workers, self._trainer._optimizer, arrays, samples)
        return self._exchange

    def _give_nothing(self) -> None:
        """Set the gradients to those of an empty batch."""
        for parameter in self._trained:
            for data, grad in zip(parameter.list_data(), parameter.list_grad(), strict=True):
                # Trainer passes over what is not fresh. Zeros count: momentum and decay go on as
                # elsewhere.
                data._fresh_grad = parameter not in self.unused
                if self._options.accumulate == 1:
                    grad[:] = 0

    def push(self) -> None:
        """Average the running statistics over devices; all else is equal already."""
        for statistic in self._statistics:
            arrays = statistic.list_data()
            if len(arrays) > 1:
                # Each device has the statistics of its own samples.
                mean = sum(array.asnumpy() for array in arrays) / len(arrays)
                for array in arrays:
                    memory.assign(array, mean)

    def pull(self) -> None:
        """Do nothing: the weights are the network's own."""

    def renew(self) -> None:
        """Do nothing: each call runs the network as it is."""

    def close(self) -> None:
        """Restore the parameters' settings."""
        if self._options.accumulate > 1:
            for parameter in self._trained:
                parameter.grad_req = "write"
        for parameter, trainer in self._trainers:
            parameter._trainer = trainer

    def _parts(self, batch: Batch) -> list[list[Any]]:
        """Return the batch's arrays for each device that gets samples."""
        np_mode = is_np_array()
        if len(self.contexts) == 1:
            return [batch.arrays(self.contexts[0], np_mode=np_mode)]
        whole = batch.arrays(mx.cpu(), np_mode=np_mode)
        devices = self.contexts[: batch.size]
        for parameter in self._trained:  # a device without samples adds nothing
            for context in self.contexts[len(devices) :]:
                parameter.grad(context)[:] = 0
                parameter.data(context)._fresh_grad = parameter not in self.unused
        cuts = numpy.linspace(0, batch.size, len(devices) + 1).astype(int).tolist()
        return [
            [memory.moved(array[low:high], context, np_mode=np_mode) for array in whole]
            for context, low, high in zip(devices, cuts[:-1], cuts[1:], strict=True)
        ]

    def _leave_unused(self) -> None:
        """Exclude unused parameters, to which a hybridized network's graph gives zero gradients."""
        if self._hybrid:
            for parameter in self.unused:
                for data in parameter.list_data():
                    data._fresh_grad = False

    def _norm(self) -> float:
        """Return the norm of the gradients of the whole batch."""
        total = 0.0
        mx.nd.waitall()  # deconvolutions rearrange gradients by what their backward pass queues
        for parameter in self._trained:
            grad = parameter.list_grad()[0].asnumpy().astype("float64")  # all devices have the sum
            total += float((grad * grad).sum()) if parameter not in self.unused else 0.0
        if not math.isfinite(total):
            raise NotFiniteStepError("the gradients' norm is not finite")
        return math.sqrt(total)

    def _fail(self, batch: Batch) -> NoReturn:
        for array, before in self._before:
            before.copyto(array)
        values = (array for parameter in self._trained for array in parameter.list_data()[:1])
        spoiled = not all(numpy.isfinite(array.asnumpy()).all() for array in values)
        raise NotFiniteStepError("the loss is not finite", batch, spoiled)


def _legacy(arrays: list[Any]) -> list[Any]:
    """Return views of arrays as legacy ones."""
    return [array.as_nd_ndarray() for array in arrays]


def _head(value: Any, factor: float) -> Any:
    """Return the head gradient of a backward pass; None for ones."""
    if factor == 1.0:
        return None
    return (mx.np if is_np_array() else mx.nd).ones_like(value) * factor


def _recorded(value: Any) -> Backward:
    """Analyse the backward pass of a recorded loss."""
    try:
        # MXNet can give what it has recorded as a graph.
        return backward_of(autograd.get_symbol(value))
    except mx.MXNetError:  # a graph that cannot be text
        return Backward(linear=False)


def _hides_slopes(block: gluon.Block) -> bool:
    """Return whether a block always runs a graph with a PReLU."""
    if not isinstance(block, gluon.SymbolBlock):
        return False
    return backward_of(block._cached_graph[1]).slopes


def _joined(arrays: Any) -> Any:
    """Concatenate the parts from all devices to one NumPy array."""
    parts = [numpy.atleast_1d(array.asnumpy()) for array in arrays]
    return parts[0] if len(parts) == 1 else numpy.concatenate(parts)
