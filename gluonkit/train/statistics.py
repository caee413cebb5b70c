"""Running statistics of batch normalization, computed anew for weights that were averaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mxnet import autograd, gluon
from mxnet.gluon.nn.basic_layers import _BatchNorm
from mxnet.util import is_np_array

from gluonkit._base.kinds import Context
from gluonkit.errors import StateError
from gluonkit.system import memory
from gluonkit.tracing.eager import imperative
from gluonkit.tracing.tree import all_paths, walk
from gluonkit.train.step.batch import Batch


def check_refreshable(net: gluon.Block) -> None:
    """Refuse a network with running statistics that `refresh_statistics` would not reach.

    Raises
    ------
    StateError
        For those of a `SymbolBlock`, and of blocks that call MXNet's operator themselves.
    """
    known = {
        id(statistic)
        for block in _layers(net)
        for statistic in (block.running_mean, block.running_var)
    }
    inside = {
        name
        for _, block in walk(net)
        if isinstance(block, gluon.SymbolBlock)
        for name in block._cached_graph[1].list_auxiliary_states()
    }
    for path, parameter in all_paths(net):
        is_statistic = parameter.name in inside or not (
            parameter._differentiable or isinstance(parameter, gluon.Constant)
        )
        if is_statistic and id(parameter) not in known:
            raise StateError(
                f"the running statistics of averaged weights cannot be computed anew: {path} is in "
                "no batch normalization layer of Gluon's. Average by ExponentialMovingAverage, "
                "which averages the statistics, too"
            )


def refresh_statistics(net: gluon.Block, batches: Iterable[Batch], ctx: Context) -> int:
    """Compute the statistics of all batch normalization anew; return the number of samples.

    Each batch is normalized by its own mean and variance, as in training; the statistics become the
    means of these, weighted by samples. Without samples, or such layers, nothing changes.
    """
    layers = [block for block in _layers(net) if not block._kwargs["use_global_stats"]]
    if not layers:
        return 0
    sums = [_Moments(block) for block in layers]
    handles = [kept.layer.register_forward_pre_hook(kept.note) for kept in sums]
    samples, np_mode = 0, is_np_array()
    try:
        # Hooks are called where the network runs operator by operator.
        with imperative(net), autograd.pause(train_mode=True):
            for batch in batches:
                if not batch.size:
                    continue
                for kept in sums:
                    kept.size = batch.size
                net(*batch.arrays(ctx, np_mode=np_mode)[: batch.inputs])
                samples += batch.size
    finally:
        for handle in handles:
            handle.detach()
    for kept in sums:
        kept.assign()
    return samples


class _Moments:
    """Means and variances of what one layer is given, summed over batches."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.size = 0
        self._weight = 0
        self._mean: Any = 0.0
        self._variance: Any = 0.0

    def note(self, _: Any, inputs: tuple[Any, ...]) -> None:
        """Add a batch, before the layer is called with it."""
        numbers = inputs[0].asnumpy()
        axis = self.layer._kwargs["axis"] % numbers.ndim
        others = tuple(i for i in range(numbers.ndim) if i != axis)
        self._mean += self.size * numbers.mean(axis=others, dtype="float64")
        self._variance += self.size * numbers.var(axis=others, dtype="float64")
        self._weight += self.size

    def assign(self) -> None:
        """Write the means into the layer's statistics, if it was called."""
        if not self._weight:
            return
        for statistic, total in (
            (self.layer.running_mean, self._mean),
            (self.layer.running_var, self._variance),
        ):
            for array in statistic.list_data():
                memory.assign(array, (total / self._weight).astype(array.dtype))


def _layers(net: gluon.Block) -> Iterator[Any]:
    """Yield the network's batch normalization layers, those that occur twice once."""
    seen: set[int] = set()
    for _, block in walk(net):
        if isinstance(block, _BatchNorm) and id(block) not in seen:
            seen.add(id(block))
            yield block
