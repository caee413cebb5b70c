"""Finding a learning rate: training with a growing one, and watching the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy
from mxnet import gluon

from gluonkit._base.arguments import checked
from gluonkit._base.checks import whole_number
from gluonkit._base.kinds import Contexts
from gluonkit._base.tables import Shown
from gluonkit.errors import ArgumentError, NotFiniteError
from gluonkit.plot.history import plot_lr
from gluonkit.tracing.hidden import check_nothing_hidden
from gluonkit.train.callbacks import Callback
from gluonkit.train.fitting import fit
from gluonkit.train.keeping import WeightKeeper
from gluonkit.train.setup import contexts_of

_SMOOTHED = 0.95  # how much of the average before goes into the next
_DIVERGED = 4.0  # times the smallest loss
_WELL_BEFORE = 0.1  # of the rate with the lowest loss: what can be trained with for long


@dataclass(frozen=True, repr=False)
class LearningRates(Shown):
    """The result of `find_lr`.

    Attributes
    ----------
    rates, losses : tuple of float
        The learning rates tried, and the smoothed loss at each.
    suggestion : float or None
        The rate at which the loss falls most steeply, but at most a tenth of that at which it is
        lowest, since beyond that it diverges; None if it never falls.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float | None

    def plot(self) -> Any:
        """Draw the loss over the rate, with the suggestion; return a matplotlib figure."""
        return plot_lr(self.rates, self.losses, self.suggestion)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON."""
        return {
            "rates": list(self.rates),
            "losses": list(self.losses),
            "suggestion": self.suggestion,
        }

    def __str__(self) -> str:
        tried = f"{len(self.rates)} rates from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        if self.suggestion is None:
            return f"{tried}: the loss never falls; no rate can be suggested"
        lowest = self.rates[int(numpy.argmin(self.losses))]
        return f"{tried}: the loss is lowest at {lowest:.3g}; suggested: {self.suggestion:.3g}"


@checked
def find_lr(
    net: gluon.Block,
    train: Any,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    loss: Any = "auto",
    optimizer: str = "adam",
    optimizer_params: Mapping[str, Any] | None = None,
    ctx: Contexts = None,
    seed: int | None = None,
    batch_size: int | None = None,
) -> LearningRates:
    """Find a learning rate: train with growing rates until the loss diverges.

    The network's weights are restored afterwards. The suggested rate is that at which the smoothed
    loss falls most steeply, but at most a tenth of the one at which it is lowest: in small networks
    the steepest descent is just before divergence.

    Parameters
    ----------
    net : gluon.Block
        A network on which `initialize()` was called.
    train : tuple of array, Dataset, BatchLoader, DataLoader or iterable
        Training data, as for `fit`.
    low : float, default 1e-06
        The smallest rate to try.
    high : float, default 10.0
        The largest rate to try; the rates are evenly spaced on a logarithmic scale.
    steps : int, default 100
        How many rates to try, one step each.
    loss : str, gluon.loss.Loss or callable, default 'auto'
        As for `fit`.
    optimizer : str, default 'adam'
        Name of one of MXNet's optimizers.
    optimizer_params : mapping, optional
        Options of the optimizer, without learning rate and schedule.
    ctx : Context or list of Context, optional
        As for `fit`.
    seed, batch_size : int, optional
        As for `fit`.

    Returns
    -------
    LearningRates
        The rates, the smoothed loss at each, and the suggested rate.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        As `fit` does; when not ``0 < low < high``, or when `optimizer_params` sets the learning
        rate.

    Notes
    -----
    PyTorch Lightning's `lr_find` and fastai's do the same; MXNet and Keras have no such function.

    References
    ----------
    L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017.

    Examples
    --------
    >>> import gluonkit as gk
    >>> net = gk.create_model("mlp", init="xavier")
    >>> found = gk.find_lr(net, gk.data.digits(8, 8), steps=60, seed=0)
    >>> 1e-4 < found.suggestion < 10
    True
    """
    whole_number("steps", steps, least=10, most=1_000_000)
    if not 0 < low < high < math.inf:
        raise ArgumentError(f"`low` is {low} and `high` is {high}; give 0 < low < high")
    options = dict(optimizer_params or {})
    for name in ("learning_rate", "lr_scheduler"):
        if name in options:
            raise ArgumentError(f"`optimizer_params` has {name!r}, which is what is looked for")
    # As `fit` would, but before weights are kept and put back.
    check_nothing_hidden(net, "they would not be trained")
    contexts_of(net, ctx)
    # As floats: NumPy has no logarithm of Python's large whole numbers.
    rates = numpy.geomspace(float(low), float(high), steps).tolist()
    sweep = _Sweep(rates)
    keeper = WeightKeeper()
    try:
        fit(
            net,
            train,
            epochs=steps,  # enough, for each has one step or more
            loss=loss,
            optimizer=optimizer,
            optimizer_params={**options, "learning_rate": rates[0]},
            metrics=(),
            callbacks=[keeper, sweep],
            ctx=ctx,
            seed=seed,
            batch_size=batch_size,
            progress=False,
            record_steps=True,
        )
    # To go on until it diverges is the purpose; two losses are the fewest to conclude from.
    except NotFiniteError:
        if len(sweep.losses) < 2:
            raise
    finally:
        keeper.put_back()
    tried = tuple(rates[: len(sweep.losses)])
    return LearningRates(tried, tuple(sweep.losses), _suggestion(tried, sweep.losses))


class _Sweep(Callback):
    """Sets each step's rate, and stops when the loss has diverged or all rates were tried."""

    changes_net = False
    reads_weights: ClassVar[bool] = False

    def __init__(self, rates: Sequence[float]) -> None:
        self.losses: list[float] = []
        self._rates = rates
        self._average = 0.0

    def on_step_end(self, run: Any) -> None:
        """Record the loss, and set the next rate."""
        done = len(self.losses) + 1
        loss = run.history.steps[-1]["loss"]
        self._average = _SMOOTHED * self._average + (1 - _SMOOTHED) * loss
        # The average begins with 0, and is too small at first by this factor.
        self.losses.append(self._average / (1 - _SMOOTHED**done))
        if done == len(self._rates) or self.losses[-1] > _DIVERGED * min(self.losses):
            run.stop("the rates are used up")
        else:
            run.learning_rate = self._rates[done]


def _suggestion(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """Return the rate of the steepest descent, well below that of the lowest loss."""
    lowest = int(numpy.argmin(losses))
    if lowest < 2:
        return None
    # Over the logarithm, as the rates are spaced.
    slopes = numpy.gradient(losses[: lowest + 1], numpy.log(rates[: lowest + 1]))
    if slopes.min() >= 0:
        return None
    return float(min(rates[int(numpy.argmin(slopes))], rates[lowest] * _WELL_BEFORE))
