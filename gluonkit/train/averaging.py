"""Callbacks that average the weights of a run: over its steps, or over its last epochs."""

from __future__ import annotations

from typing import Any, ClassVar

from gluonkit._base.arguments import checked
from gluonkit._base.checks import whole_number
from gluonkit.errors import ArgumentError, StateError
from gluonkit.system import memory
from gluonkit.train.callbacks import Callback
from gluonkit.train.step.update import prepared


class _Averaging(Callback):
    """Base of callbacks that keep an average of the weights, and give it to the network at the end.

    A compiled run keeps its weights in few flat arrays, each of which is averaged by one operation.
    """

    changes_net = False
    observes: ClassVar[bool] = False
    reads_weights: ClassVar[bool] = False  # from the network, that is

    def __init__(self) -> None:
        self.count = 0
        self._average: list[Any] = []
        self._moves: list[Any] = []
        self._ctx: Any = None

    def on_fit_begin(self, run: Any) -> None:
        """Begin anew."""
        if run.is_shared:
            raise StateError(
                f"{type(self).__name__} averages the weights of one process, and this is a job of "
                "several workers; leave it out"
            )
        self.count, self._average, self._moves = 0, [], []
        self._ctx = run.weights.ctx

    def _add(self, run: Any, share: float) -> None:
        """Move the average towards the weights by a share of the difference."""
        weights = run.weights.arrays()
        if not self.count:
            self._average = [array.copy() for array in weights]
        if [array.shape for array in weights] != [array.shape for array in self._average]:
            self.count = 0  # the network keeps its weights
            raise StateError(
                f"{type(self).__name__}: the network has other parameters than when averaging began"
            )
        if self.count:
            self._moves = self._moves or [array.zeros_like() for array in self._average]
            for average, move, array in zip(self._average, self._moves, weights, strict=True):
                _move(average, move, array, share)
        self.count += 1

    def on_fit_end(self, run: Any) -> None:
        """Give the network the average, if there is one."""
        if self.count:
            run.weights.put(self._average)

    def state(self) -> dict[str, Any]:
        """Return the average, and of how many weights it is."""
        arrays = {f"average{i}": array.asnumpy() for i, array in enumerate(self._average)}
        return {"count": self.count, **arrays}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        self.count = state["count"]
        saved = [state[f"average{index}"] for index in range(len(state) - 1)]
        self._average = [memory.copied(array, self._ctx, np_mode=False) for array in saved]


def _move(average: Any, move: Any, towards: Any, share: float) -> None:
    """Compute ``move = share * (towards - average); average += move`` by one operator.

    An average of equal numbers stays what it is. ``(1 - share) * average + share * towards`` would
    not: both products are rounded, in thousands of steps in the same direction.
    """
    # What SGD with momentum computes:
    # momentum * move - lr * (rescale_grad * gradient + wd * weight), added to the weight.
    attributes = {"lr": share, "wd": 1.0, "rescale_grad": -1.0, "momentum": 0.0}
    prepared("sgd_mom_update", [average, towards, move], average, attributes)()


class ExponentialMovingAverage(_Averaging):
    """Give the network at the end an average of its weights, in which the last steps count most.

    After each step: ``average = decay * average + (1 - decay) * weights``, running statistics too.
    Training, and the figures of the epochs, are those of the weights themselves.

    Parameters
    ----------
    decay : float, default 0.999
        How much of the average stays at each step, from 0 to below 1.
    warmup : bool, default True
        Whether the decay of step n is at most ``(1 + n) / (10 + n)``, so that the first weights do
        not count for long.

    Raises
    ------
    ArgumentError
        For a `decay` out of range.
    StateError
        In a job of several workers.

    Notes
    -----
    TensorFlow's `ExponentialMovingAverage` with ``num_updates``; PyTorch's `AveragedModel` with
    `get_ema_multi_avg_fn` has no warm-up. Its state is part of checkpoints: a resumed run ends with
    the same average, bit for bit.

    Examples
    --------
    >>> import gluonkit as gk
    >>> net = gk.create_model("mlp", init="xavier")
    >>> average = gk.callbacks.ExponentialMovingAverage(0.99)
    >>> history = gk.fit(net, gk.data.load("digits"), epochs=2, callbacks=[average], seed=0)
    >>> average.count  # steps
    46
    """

    changes_net = False
    observes: ClassVar[bool] = False

    @checked
    def __init__(self, decay: float = 0.999, *, warmup: bool = True) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ArgumentError(f"`decay` is {decay}; give a number from 0 to below 1")
        self.decay, self.warmup = float(decay), warmup

    def on_step_end(self, run: Any) -> None:
        """Average."""
        decay = self.decay
        if self.warmup:
            decay = min(decay, (1 + self.count) / (10 + self.count))
        self._add(run, 1 - decay)


class StochasticWeightAverage(_Averaging):
    """Give the network at the end the mean of the weights that the last epochs ended with.

    Running statistics of batch normalization belong to the weights that they were gathered with, so
    they are computed anew: by a pass over the training data, in which each batch is normalized by
    its own mean and variance; the statistics become the means of these over all samples.

    Parameters
    ----------
    start : int, optional
        The first epoch to average, from 1; by default the last quarter of the epochs is averaged.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a `start` that is no epoch.
    StateError
        In a job of several workers; where statistics cannot be computed anew: in a `SymbolBlock`,
        or where `train` is an iterator that is used up.

    Notes
    -----
    PyTorch's `swa_utils.AveragedModel` with `update_bn`. It goes well with a constant learning rate
    that is rather high. Its state is part of checkpoints: a resumed run ends with the same average,
    bit for bit.

    References
    ----------
    P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI
    2018.
    """

    every = None
    changes_net = False
    observes: ClassVar[bool] = False

    @checked
    def __init__(self, start: int | None = None) -> None:
        super().__init__()
        self.start = None if start is None else whole_number("start", start)

    def on_fit_begin(self, run: Any) -> None:
        """Begin anew; refuse what could not be ended."""
        super().on_fit_begin(run)
        if self.start is not None and self.start > run.epochs:
            raise ArgumentError(
                f"`start` is {self.start}, but there are {run.epochs} epochs; give one of these"
            )
        run.weights.check_refreshable()

    def on_epoch_end(self, run: Any) -> None:
        """Average the weights, from the first epoch that counts."""
        start = run.epochs - max(run.epochs // 4, 1) + 1 if self.start is None else self.start
        if run.epoch >= start:
            self._add(run, 1 / (self.count + 1))

    def on_fit_end(self, run: Any) -> None:
        """Give the network the average, and compute its statistics anew."""
        if self.count:
            super().on_fit_end(run)
            run.refresh_statistics()
