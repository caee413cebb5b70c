"""What a training step exchanges with the other workers of a job: gradients, weights, statistics.

In a synchronous job the servers add up gradients, and every worker makes the same update. In an
asynchronous one the servers make an update of each worker's gradients, when they come.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import mxnet as mx
import numpy

from gluonkit.distributed.workers import BOARDS, Workers
from gluonkit.system import memory

Places = list[Any]
"""One array on each device of this worker, as legacy arrays."""


@dataclass
class Exchanged:
    """The arrays of a step.

    Attributes
    ----------
    gradients, weights : list of Places
        Of each parameter, or group of them.
    statistics : list of Places
        Running means and variances, which no optimizer changes.
    multipliers : list of tuple of float
        Multipliers of learning rate and weight decay, for each parameter.
    """

    gradients: list[Places]
    weights: list[Places]
    statistics: list[Places]
    multipliers: list[tuple[float, float]]


class Exchange(Protocol):
    """How the steps of all workers become one training.

    Attributes
    ----------
    serves : bool
        Whether the servers update the weights.
    """

    serves: bool

    def combine(self, samples: int, total: int | None) -> int:
        """Combine the gradients of all workers; return the number of samples they cover.

        `total` is the number of samples of all workers, if it is known.
        """

    def serve(self, scale: float) -> None:
        """Let the servers update the weights with this worker's gradients times `scale`."""

    def synchronize(self) -> None:
        """Make weights and statistics equal on all workers; a barrier."""


def exchange(workers: Workers, optimizer: Any, arrays: Exchanged, samples: int) -> Exchange:
    """Return the exchange for this kind of job; `samples` is the usual size of a step."""
    if workers.is_async:
        return AsyncExchange(workers, optimizer, arrays, samples)
    return SyncExchange(workers, arrays)


class SyncExchange:
    """Sums gradients over all workers, each of which then makes the same update."""

    serves = False

    def __init__(self, workers: Workers, arrays: Exchanged) -> None:
        self._workers, self._arrays = workers, arrays
        self._gradients = _Summing(workers, arrays.gradients)
        self._weights = None
        if workers.compression is None:  # it would change the weights
            self._weights = _Summing(workers, arrays.weights)

    def combine(self, samples: int, total: int | None) -> int:
        """Add up the gradients, and return the number of samples of the step."""
        self._gradients()
        return int(self._workers.gather([samples]).sum()) if total is None else total

    def serve(self, scale: float) -> None:
        """Do nothing: workers update."""

    def synchronize(self) -> None:
        """Broadcast the weights of worker 0, and average the statistics.

        The weights are equal anyway where all processors round alike.
        """
        if self._weights is not None:
            for places in self._arrays.weights:
                for array in places:
                    memory.in_order(array)  # arrays in oneDNN's layout cannot be sent
            if self._workers.rank:
                self._weights.clear()
            self._weights()
        _average(self._workers, self._arrays.statistics)


class _Summing:
    """Adds up arrays over all workers, always the same ones."""

    def __init__(self, workers: Workers, arrays: list[Places]) -> None:
        self._workers, self._arrays = workers, arrays
        self._keys = workers.new_keys(len(arrays))
        for key, places in zip(self._keys, arrays, strict=True):
            workers.kv.init(key, mx.nd.zeros(places[0].shape, dtype=places[0].dtype))

    def __call__(self) -> None:
        """Replace arrays, which are equal on a worker's devices, by the sum over workers."""
        for order, (key, places) in enumerate(zip(self._keys, self._arrays, strict=True)):
            self._workers.push_pull(key, places[0], places, priority=-order)

    def clear(self) -> None:
        """Set what this worker adds to zero."""
        for places in self._arrays:
            places[0][:] = 0


class AsyncExchange:
    """Keeps the weights on the servers, which apply each worker's gradients as they arrive."""

    serves = True

    def __init__(self, workers: Workers, optimizer: Any, arrays: Exchanged, samples: int) -> None:
        self._workers, self._optimizer, self._arrays = workers, optimizer, arrays
        self._keys = workers.new_keys(len(arrays.weights))
        # Gradients are pushed as sums over samples, as Gluon's Trainer does: a threshold of
        # compression then means the same.
        self._samples = int(workers.of_first([samples])[0])
        if workers.rank == 0:
            served = ServersOptimizer(optimizer, self._keys, arrays.multipliers)
            served.optimizer.rescale_grad /= self._samples
            workers.kv.set_optimizer(served)
        workers.kv._barrier()
        for key, places in zip(self._keys, arrays.weights, strict=True):
            # A copy, as weights in oneDNN's layout cannot be sent.
            workers.kv.init(key, mx.nd.array(places[0].asnumpy(), dtype=places[0].dtype))
        self._pull()

    def combine(self, samples: int, total: int | None) -> int:
        """Return this worker's number of samples; there is no barrier."""
        return samples

    def serve(self, scale: float) -> None:
        """Push the gradients, and pull the weights, which other workers may have changed too."""
        arrays = zip(self._keys, self._arrays.gradients, self._arrays.weights, strict=True)
        for order, (key, gradients, weights) in enumerate(arrays):
            gradients[0] *= scale * self._samples
            self._workers.push_pull(key, gradients[0], weights, priority=-order)
        self._optimizer.num_update += self._workers.count  # about as the servers count

    def synchronize(self) -> None:
        """Wait for all workers, pull the servers' weights, and average the statistics."""
        _wait(self._arrays.weights)
        self._workers.gather([0.0])
        self._pull()
        _wait(self._arrays.weights)  # before another worker continues, and changes them
        _average(self._workers, self._arrays.statistics)

    def _pull(self) -> None:
        for order, (key, places) in enumerate(zip(self._keys, self._arrays.weights, strict=True)):
            self._workers.kv.pull(key, out=places, priority=-order)


def _average(workers: Workers, arrays: list[Places]) -> None:
    """Average arrays, which are small compared with the weights, over all workers."""
    if not arrays:
        return
    numbers = [places[0].asnumpy().ravel() for places in arrays]
    means = workers.gather(numpy.concatenate(numbers)).mean(axis=0)
    for places in arrays:
        mean, means = means[: places[0].size], means[places[0].size :]
        for array in places:
            memory.assign(array, mean.reshape(array.shape))


def _wait(arrays: list[Places]) -> None:
    for places in arrays:
        for array in places:
            array.wait_to_read()


class ServersOptimizer(mx.optimizer.Optimizer):
    """The optimizer that servers of an asynchronous job run; keys of boards are added up."""

    def __init__(
        self, optimizer: Any, keys: Sequence[int], multipliers: Sequence[tuple[float, float]]
    ) -> None:
        super().__init__()
        self.optimizer = copy.copy(optimizer)
        self.optimizer.lr_mult = {k: lr for k, (lr, _) in zip(keys, multipliers, strict=True)}
        self.optimizer.wd_mult = {k: wd for k, (_, wd) in zip(keys, multipliers, strict=True)}
        self.optimizer.idx2name = {}
        self.multi_precision = optimizer.multi_precision

    def _set_current_context(self, device_id: int) -> None:
        self.optimizer._set_current_context(device_id)

    def create_state_multi_precision(self, index: int, weight: Any) -> Any:
        """Return the optimizer's state for a weight; none for a board."""
        if index >= BOARDS:
            return None
        return self.optimizer.create_state_multi_precision(index, weight)

    def update_multi_precision(self, index: int, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight, or write on a board."""
        if index >= BOARDS:
            weight += grad
        else:
            self.optimizer.update_multi_precision(index, weight, grad, state)
