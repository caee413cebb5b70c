"""Optuna: a callback that reports a run's figures to a trial, and ends runs without prospects."""

from __future__ import annotations

from typing import Any, ClassVar

from gluonkit._base.checks import a_type
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentTypeError, StateError
from gluonkit.train.callbacks import Callback


class Pruning(Callback):
    """Report a figure to a trial of Optuna's after each epoch, and end the run where that says so.

    `fit` then raises `optuna.TrialPruned`, as Optuna wants it: the study goes on with its next
    trial.

    Parameters
    ----------
    trial : optuna.Trial
        The trial that the objective function was given.
    monitor : str, default 'val_loss'
        The figure: 'loss', 'val_loss', 'val_accuracy', ... The study's direction says whether small
        or large values are good.

    Raises
    ------
    ArgumentTypeError
        When `trial` is none.
    StateError
        In a job of several workers, of which each would decide for itself.

    Notes
    -----
    Optuna has such callbacks for Keras, LightGBM, PyTorch Lightning and others, by the name
    `PruningCallback`.

    Examples
    --------
    >>> import optuna  # doctest: +SKIP
    >>> import gluonkit as gk
    >>> from gluonkit.integrations.optuna import Pruning
    >>> train, val = gk.data.load("digits"), gk.data.load("digits", split="test")
    >>> def objective(trial):
    ...     rate = trial.suggest_float("rate", 1e-4, 0.1, log=True)
    ...     net = gk.create_model("mlp", init="xavier")
    ...     history = gk.fit(
    ...         net, train, val=val, epochs=10, callbacks=[Pruning(trial)],
    ...         optimizer_params={"learning_rate": rate},
    ...     )
    ...     return history.last["val_loss"]
    >>> study = optuna.create_study(pruner=optuna.pruners.MedianPruner())  # doctest: +SKIP
    >>> study.optimize(objective, n_trials=20)  # doctest: +SKIP
    """

    every = None
    changes_net = False
    observes: ClassVar[bool] = False

    def __init__(self, trial: Any, monitor: str = "val_loss") -> None:
        if not isinstance(trial, require("optuna", extra="optuna").trial.BaseTrial):
            raise ArgumentTypeError(
                f"`trial` is {a_type(trial)}; give the trial that Optuna gave the objective"
            )
        self.trial, self.monitor = trial, monitor

    def on_fit_begin(self, run: Any) -> None:
        """Refuse a figure that there will not be, and several workers."""
        run.check_monitor(self.monitor, "Pruning")
        if run.is_shared:
            raise StateError(
                "Pruning ends the run of one process, and this is a job of several workers; leave "
                "it out"
            )

    def on_epoch_end(self, run: Any) -> None:
        """Report the figure, and ask."""
        value = run.monitored(self.monitor)
        self.trial.report(value, run.epoch)
        if self.trial.should_prune():
            raise require("optuna", extra="optuna").TrialPruned(
                f"{self.monitor} was {value:.4g} in epoch {run.epoch} of {run.epochs}"
            )
