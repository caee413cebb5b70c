"""A run's weights, as callbacks copy, restore and average them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mxnet import gluon

from gluonkit._base.kinds import Context
from gluonkit.errors import StateError
from gluonkit.system import memory
from gluonkit.tracing.tree import all_paths
from gluonkit.train.sources import Source
from gluonkit.train.statistics import check_refreshable, refresh_statistics
from gluonkit.train.step.result import Step


class RunWeights:
    """The weights of a training run, in its network and in its steps."""

    def __init__(self, net: gluon.Block, step: Step, train: Source) -> None:
        self._net, self._step, self._train = net, step, train

    @property
    def ctx(self) -> Context:
        """The (first) device."""
        return self._step.contexts[0]

    def copy(self) -> list[Any]:
        """Return all values of the network as NumPy arrays."""
        return [parameter.list_data()[0].asnumpy() for parameter in self._with_values()]

    def restore(self, weights: Sequence[Any]) -> None:
        """Restore the values that `copy` returned."""
        for parameter, values in zip(self._with_values(), weights, strict=True):
            for array in parameter.list_data():
                memory.assign(array, values)
        self._step.pull()

    def _with_values(self) -> list[gluon.Parameter]:
        """Return the parameters without those of layers that nothing calls."""
        return [parameter for _, parameter in all_paths(self._net) if parameter._data is not None]

    def arrays(self) -> list[Any]:
        """Return the arrays that hold what steps change: weights and running statistics.

        Of compiled steps these are few flat arrays; those of the network are copies of them.
        """
        return self._step.weights

    def put(self, arrays: Sequence[Any]) -> None:
        """Copy arrays into those of `arrays`, and so into the network."""
        self._step.put_weights(arrays)

    def check_refreshable(self) -> None:
        """Refuse a network, or data, with which `refresh_statistics` cannot do its work."""
        check_refreshable(self._net)
        if self._train.once:
            raise StateError(
                "the running statistics of averaged weights need a further pass over `train`, "
                "which is an iterator, and used up then; give something that can be iterated over "
                "again, such as a list or a loader"
            )

    def refresh_statistics(self) -> None:
        """Compute the running statistics for the weights of the moment, over the training data."""
        loader = self._train.loader
        epoch = None if loader is None else loader.epoch
        refresh_statistics(self._net, self._train.batches(), self._step.contexts[0])
        if loader is not None and epoch is not None:
            loader.epoch = epoch  # what was trained is as many epochs as before
        self._step.pull()
