"""What happens beside training: the base of callbacks, and those that steer a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type, rate, whole_number
from gluonkit._base.tables import Called
from gluonkit.checkpoint.directory import CheckpointDir
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.train.history import mode_of


class Callback(Called):
    """Base of callbacks: every method does nothing; override those you need.

    Each gets the run: ``run.net``, ``run.history``, ``run.epoch`` (from 1), ``run.epochs``,
    ``run.step`` (steps done, over all epochs), ``run.figures()`` (loss and metrics so far),
    ``run.learning_rate`` (may be set), ``run.optimizer``, ``run.rank`` (of this worker, 0 where
    there are no others), and ``run.stop("why")``.

    Attributes
    ----------
    every : int or None
        Call `on_step_end` after every so many steps; None for never.
    reads_weights : bool
        False if `on_step_end` reads neither weights nor gradients, so that steps need not wait for
        it.
    observes : bool
        False if the callback, between steps, reads neither gradients nor optimizer, and does not
        set the learning rate, so that updates may be part of the backward pass. Not inherited: a
        subclass observes unless it says otherwise itself.
    changes_net : bool
        False if it does not change the network's structure and settings (blocks, their attributes,
        shapes, data types, `grad_req`), so that the network is traced once for all epochs. Not
        inherited either.
    saves_in_epochs : bool
        True if it calls ``run.checkpoint(middle=True)``; the state of random streams is then
        recorded before each batch.
    first_only : bool
        True if, of several workers, only that of rank 0 needs it.

    Notes
    -----
    Keras's callbacks are given a dictionary of logs; these get the run itself, which they may read
    and steer. `on_step_end` is Keras's `on_train_batch_end`.
    """

    every: int | None = 1
    saves_in_epochs: bool = False
    first_only: ClassVar[bool] = False
    changes_net: bool = True
    observes: ClassVar[bool] = True
    reads_weights: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        """Set the declarations that a subclass does not make itself to their safe values."""
        super().__init_subclass__(**options)
        # A subclass may look where its base does not: what it does not declare is taken to happen.
        for name in ("observes", "changes_net"):
            if name not in vars(cls):
                setattr(cls, name, True)

    def on_fit_begin(self, run: Any) -> None:
        """Called once, before the first epoch.

        Parameters
        ----------
        run : Run
            The run, with the attributes named above.
        """

    def on_epoch_begin(self, run: Any) -> None:
        """Called before an epoch's first step.

        Parameters
        ----------
        run : Run
            The run; ``run.epoch`` is the epoch that begins.
        """

    def on_step_end(self, run: Any) -> None:
        """Called after a step; the network has the new weights.

        Parameters
        ----------
        run : Run
            The run; ``run.step`` counts this step already.
        """

    def on_epoch_end(self, run: Any) -> None:
        """Called after an epoch's evaluation; its row is the last of ``run.history.epochs``.

        Parameters
        ----------
        run : Run
            The run; ``run.epoch`` is the epoch that has ended.
        """

    def on_fit_end(self, run: Any) -> None:
        """Called once at the end, also after Ctrl-C and after an error.

        Parameters
        ----------
        run : Run
            The run; ``run.history`` has every epoch that was finished.
        """

    def state(self) -> dict[str, Any]:
        """Return the state for a resumed run: plain data for JSON, and NumPy arrays."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned before the run was interrupted.

        Parameters
        ----------
        state : dict
            The dictionary that `state` returned.
        """


class EarlyStopping(Callback):
    """Stop when a figure has not improved for a number of epochs.

    Parameters
    ----------
    monitor : str, default 'val_loss'
        The figure to watch: 'loss', 'val_loss', 'val_accuracy', ...
    patience : int, default 3
        Number of epochs without improvement after which training stops.
    min_delta : float, default 0.0
        Smallest change that counts as an improvement.
    mode : str, default 'auto'
        'min' if small values are good, 'max' if large ones are; 'auto' decides by the figure's
        name.
    restore_best : bool, default False
        Whether the network gets the weights of its best epoch back at the end.

    Notes
    -----
    As `EarlyStopping` in Keras, where `patience` is 0 by default.
    """

    changes_net = False
    observes: ClassVar[bool] = False

    @checked
    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        patience: int = 3,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = False,
    ) -> None:
        self.monitor = monitor
        self.patience = whole_number("patience", patience)
        self.min_delta = rate("min_delta", "", min_delta)
        self.restore_best = restore_best
        self._sign = -1.0 if mode_of(mode, monitor) else 1.0
        self._best = math.inf
        self._bad = 0
        self._weights: list[Any] = []

    def on_fit_begin(self, run: Any) -> None:
        """Reset the state; refuse a figure that there will not be."""
        run.check_monitor(self.monitor, "EarlyStopping")
        self._best, self._bad, self._weights = math.inf, 0, []

    def on_epoch_end(self, run: Any) -> None:
        """Compare the figure with the best one so far."""
        # Negated where more is better, so that less is better always.
        value = self._sign * run.monitored(self.monitor)
        if value < self._best - self.min_delta:
            self._best, self._bad = value, 0
            if self.restore_best:
                self._weights = run.weights.copy()
            return
        self._bad += 1
        if self._bad >= self.patience:
            run.stop(
                f"{self.monitor} has not become better than {self._sign * self._best:.4g} for "
                f"{self._bad} epochs"
            )

    def on_fit_end(self, run: Any) -> None:
        """Restore the best weights, if requested."""
        if self._weights:
            run.weights.restore(self._weights)

    def state(self) -> dict[str, Any]:
        """Return the best value, the epochs since, and the best weights."""
        weights = {f"weight{index}": array for index, array in enumerate(self._weights)}
        # JSON has no infinity.
        best = self._best if math.isfinite(self._best) else None
        return {"best": best, "bad": self._bad, **weights}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        self._best = math.inf if state["best"] is None else state["best"]
        self._bad = state["bad"]
        count = sum(name.startswith("weight") for name in state)
        self._weights = [state[f"weight{index}"] for index in range(count)]


class LearningRate(Callback):
    """Set the learning rate of each epoch.

    For a rate that changes at each step give the optimizer one of MXNet's schedules:
    ``optimizer_params={"lr_scheduler": mx.lr_scheduler.CosineScheduler(...)}``.

    Parameters
    ----------
    schedule : callable or list of float
        A function of the epoch (from 1) that returns the rate, or a list of rates, the last of
        which holds for the rest.

    Raises
    ------
    ArgumentTypeError
        When `schedule` is neither a function nor a list of rates.

    Notes
    -----
    Keras calls this `LearningRateScheduler`, and counts epochs from 0. MXNet's own schedules count
    updates.
    """

    changes_net = False
    observes: ClassVar[bool] = False

    @checked
    def __init__(self, schedule: Callable[[int], float] | list[float]) -> None:
        if not callable(schedule) and not (isinstance(schedule, (list, tuple)) and schedule):
            raise ArgumentTypeError(
                f"`schedule` is {a_type(schedule)}; give a function of the epoch, or a list of "
                "rates"
            )
        for value in () if callable(schedule) else schedule:
            rate("schedule", "a rate", value)
        self.schedule = schedule
        self.changes_net = callable(schedule)  # which may do anything

    def on_epoch_begin(self, run: Any) -> None:
        """Set the rate."""
        if callable(self.schedule):
            run.learning_rate = self.schedule(run.epoch)
        else:
            run.learning_rate = self.schedule[min(run.epoch, len(self.schedule)) - 1]


class Checkpoint(Callback):
    """Save checkpoints after each epoch; the newest and the best are kept.

    Each holds weights, optimizer, schedule, the loader's position, random streams and the history,
    so that ``fit(..., resume=folder)`` goes on exactly. The folder is a `CheckpointDir`:
    ``last.safetensors`` and ``best.safetensors`` are the newest and the best. A process killed at
    any moment leaves whole files.

    Parameters
    ----------
    folder : str or Path
        Where the files go; created if it does not exist.
    monitor : str, optional
        The figure that decides which checkpoint is best; by default 'val_loss' if there are
        validation data, else 'loss'.
    mode : str, default 'auto'
        'min' if small values are good, 'max' if large ones are; 'auto' decides by the figure's
        name.
    every_steps : int, optional
        Save after every so many steps too, not only after each epoch.
    keep_last, keep_best : int, default 1
        How many of the newest and of the best checkpoints to keep.

    Notes
    -----
    `ModelCheckpoint` in Keras saves weights, or the model; this saves all that training needs to go
    on, and deletes what is neither among the newest nor among the best.
    """

    changes_net = False
    observes: ClassVar[bool] = False

    @checked
    def __init__(
        self,
        folder: str | Path,
        *,
        monitor: str | None = None,
        mode: str = "auto",
        every_steps: int | None = None,
        keep_last: int = 1,
        keep_best: int = 1,
    ) -> None:
        grows = mode_of(mode, monitor or "")
        options: dict[str, Any] = {"keep_last": keep_last, "keep_best": keep_best}
        self._kept = CheckpointDir(folder, mode="max" if grows else "min", **options)
        self.folder = self._kept.folder
        self.monitor = monitor
        self.mode = mode
        self.every_steps = every_steps
        self.every = None if every_steps is None else whole_number("every_steps", every_steps)
        self.saves_in_epochs = every_steps is not None

    def on_fit_begin(self, run: Any) -> None:
        """Refuse a folder with the checkpoints of another run, and an unknown figure."""
        if self.monitor is not None:
            run.check_monitor(self.monitor, "Checkpoint")
        # Steps of two runs would be mixed in one folder, and the wrong one resumed.
        if run.history.resumed is None and (last := self._kept.last) is not None:
            raise ArgumentError(
                f"`folder` is {str(self.folder)!r}, which has the checkpoints of another run, up "
                f"to step {last.step:,}; go on with it by resume=, or give another folder"
            )

    def on_step_end(self, run: Any) -> None:
        """Save a checkpoint in the middle of an epoch."""
        if self.saves_in_epochs:
            self._write(run, run.checkpoint(middle=True))

    def on_epoch_end(self, run: Any) -> None:
        """Save a checkpoint, with the figure that decides which is best."""
        name = self.monitor or ("val_loss" if "val_loss" in run.history.last else "loss")
        value = run.monitored(name)
        self._write(run, run.checkpoint(), value=value)

    def _write(self, run: Any, contents: Any, **options: Any) -> None:
        """Write a checkpoint, if this is worker 0."""
        # All workers make the checkpoint, which gathers their random streams; one writes it.
        if run.rank == 0:
            self._kept.write(run.step, *contents, **options)
