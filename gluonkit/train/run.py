"""One training run: its epochs, its steps, its callbacks, its checkpoints."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from time import perf_counter
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.checks import last_line, some
from gluonkit._base.checks import rate as checked_rate
from gluonkit._base.interrupts import at_first_interrupt
from gluonkit.checkpoint.loading import fitting, put
from gluonkit.checkpoint.network import network_record, network_tensors
from gluonkit.checkpoint.optimizer import check_optimizer, optimizer_record, restore_optimizer
from gluonkit.distributed.workers import Workers
from gluonkit.errors import (
    ArgumentError,
    BusyMachineWarning,
    CheckpointError,
    GluonkitError,
    StateError,
)
from gluonkit.files.contents import Contents, Tensor
from gluonkit.graphs.capture import NotCompilableError
from gluonkit.system import memory, spinning
from gluonkit.system.contention import Lookout
from gluonkit.system.seeding import derived_seed
from gluonkit.train import state, together
from gluonkit.train.callbacks import Callback
from gluonkit.train.evaluating import Evaluation
from gluonkit.train.explain import explain_not_finite
from gluonkit.train.history import History, check_figure
from gluonkit.train.metrics import Tally
from gluonkit.train.opening import Peeked
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.result import NotFiniteStepError, ParameterState, Step, StepResult
from gluonkit.train.waiting import DataClock
from gluonkit.train.weights import RunWeights

_BUSY = (
    "Training takes longer by that. (The workers of a DataLoader are other processes, too: fewer "
    "of them may be faster.)"
)


class Run:
    """A training run: the loop, and what callbacks see of it.

    Attributes
    ----------
    net : gluon.Block
        The network.
    optimizer : mx.optimizer.Optimizer
        The optimizer.
    history : History
        The figures so far.
    epoch, epochs : int
        The current epoch, from 1, and the number of epochs.
    step : int
        Number of finished steps, over all epochs.
    steps : int or None
        Number of steps of an epoch; None if unknown.
    weights : RunWeights
        The weights, copied, restored and averaged.
    rank : int
        The rank of this worker of a job; 0 without others.
    """

    def __init__(
        self,
        net: gluon.Block,
        step: Step,
        train: Peeked,
        tally: Tally,
        *,
        optimizer: Any,
        epochs: int,
        evaluate: Evaluation | None,
        callbacks: Sequence[Callback],
        seed: int | None,
        checked: Callable[[Batch], None],
        record_steps: bool,
        workers: Workers | None = None,
    ) -> None:
        self.net, self.optimizer, self.epochs = net, optimizer, epochs
        self.history = History(engine="compiled" if step.compiled else "imperative")
        self.epoch = 1
        self.step = 0
        self.step_in_epoch = 0
        self.steps = train.count()
        self.rank = 0 if workers is None else workers.rank
        self._workers = workers
        self._step, self._train, self._tally = step, train, tally
        self.weights = RunWeights(net, step, train)
        self._evaluate, self._callbacks = evaluate, list(callbacks)
        self._seed, self._checked, self._record_steps = seed, checked, record_steps
        # Asked once, not at each step: a method that does nothing costs a call all the same.
        self._stepwise = [
            callback for callback in self._heard() if _overrides(callback, "on_step_end")
        ]
        self._stop = ""
        self._began = 0.0
        self._lookout, self._clock = Lookout(), DataClock()
        self._skip = 0
        self._saved_streams: dict[str, Any] | None = None
        self._saves_in_epochs = any(callback.saves_in_epochs for callback in callbacks)
        self._streams: Any = None

    # What callbacks use

    @property
    def learning_rate(self) -> float:
        """The optimizer's learning rate; setting it removes a schedule of MXNet."""
        return float(self.optimizer.learning_rate)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        if self._workers is not None and self._workers.is_async:
            raise StateError(
                "the learning rate cannot be set: with kvstore='dist_async' the servers update, by "
                "what they were given at the beginning; give the optimizer an lr_scheduler"
            )
        if self.optimizer.lr_scheduler is not None:
            raise StateError(
                "the learning rate cannot be set: the optimizer has a schedule (lr_scheduler) that "
                "sets it; leave one of the two out"
            )
        self.optimizer.lr = checked_rate("learning_rate", "", rate)

    @property
    def seconds(self) -> float:
        """Seconds since the epoch began."""
        return perf_counter() - self._began

    @property
    def samples(self) -> int:
        """Number of samples trained in this epoch so far."""
        return self._tally.samples

    @property
    def waited(self) -> float:
        """Seconds of this epoch in which nothing was computed for want of a batch."""
        return self._clock.seconds

    @property
    def first_batch(self) -> Batch:
        """The first batch, from which the shapes were learnt."""
        return self._train.first

    @property
    def is_shared(self) -> bool:
        """Whether other workers depend on this one."""
        return self._workers is not None

    def figures(self) -> dict[str, float]:
        """Return the loss and the metrics over the epoch so far."""
        return self._tally.values()

    def stop(self, reason: str) -> None:
        """Stop training after this epoch, or at once if called within one.

        Several workers all stop after this epoch.
        """
        self._stop = reason

    def check_monitor(self, name: str, who: str) -> None:
        """Refuse the name of a figure that the epochs will not have."""
        check_figure(name, list(self._tally.values()), who, validated=self._evaluate is not None)

    def monitored(self, name: str) -> float:
        """Return a figure of the last epoch."""
        return float(self.history.last[name])

    def refresh_statistics(self) -> None:
        """Compute the running statistics for the weights of the moment, over the training data."""
        if self._seed is not None:
            self._seed_network(4, self.epoch)
        self.weights.refresh_statistics()

    # The loop

    def go(self) -> History:
        """Train, and return the history."""
        try:
            with _interruptible(self):
                self._tell("on_fit_begin")
                self._restore_callbacks()
                while self.epoch <= self.epochs and not self._stop:
                    self._one_epoch()
        finally:
            # What has ended the run is raised already; a last step only has to leave the weights
            # whole.
            with suppress(NotFiniteStepError):
                self._step.finish()
            # However the run ends, the network has the weights of the last whole step.
            self._step.push()
            self.history.stopped = self._stop
            self._tell("on_fit_end")
            self._step.close()
        return self.history

    def _one_epoch(self) -> None:
        self._begin_epoch()
        for batch in self._batches():
            self._checked(batch)
            # Only here the step before is waited for: this batch was made while MXNet computed.
            self._settle()
            # Of several workers none may leave alone: the others would wait for its gradients.
            if self._stop and self._workers is None:
                break
            self._begin_step(batch)
            if self.rank == 0 and (contention := self._lookout.look()) is not None:
                self.history.notes.append(f"the machine was busy: {contention}")
                # 5: from here over `go`, `fit` and the check of its arguments to the caller.
                warnings.warn(spinning.warning(_BUSY), BusyMachineWarning, stacklevel=5)
        self._settle()
        # Batches that were accumulated at the epoch's end are fewer than `accumulate`, and count,
        # too.
        self._step.apply()
        self._step.synchronize()
        self._step.push()
        if self._stop and self._workers is None and not self._is_whole():
            return
        self._end_epoch()
        if self._workers is not None:
            self._stop = together.stopped_by(self._workers, self._stop)

    def _begin_epoch(self) -> None:
        # In the middle of an epoch the stream goes on from the checkpoint's seed instead.
        if self._seed is not None and not self._skip:
            self._seed_network(2, self.epoch)
        if self._saved_streams is not None:
            state.restore_streams(self._saved_streams)
            self._saved_streams = None
        self._tally.reset()
        self._clock.reset()
        self.steps = self._train.count()
        if self._workers is not None:
            together.check_counts(self._workers, self.steps, self._train)
        self.step_in_epoch = self._skip
        self._began = perf_counter()
        self._tell("on_epoch_begin")
        self._step.pull()
        if self._step.followed:
            self._step.renew()

    def _seed_network(self, *path: int) -> None:
        """Seed random operators of the network (dropout), differently on each worker."""
        assert self._seed is not None  # asked by the callers
        # Worker 0 draws what a single process would.
        own = (self.rank,) if self.rank else ()
        mx.random.seed(derived_seed(self._seed, *path, *own))

    def _batches(self) -> Iterator[Batch]:
        """Yield the epoch's batches; an error of the loader gets its position."""
        start, self._skip = self._skip, 0
        batches = self._train.batches(start)
        number = start
        self._streams = state.raw_streams()
        while True:
            if self._saves_in_epochs and self._train.loader is not None:
                self._streams = state.raw_streams()  # before this batch's transform draws
            self._clock.ask()
            try:
                batch = next(batches)
            except StopIteration:
                break
            # These say enough by themselves.
            except (GluonkitError, KeyboardInterrupt):
                raise
            except Exception as error:
                raise StateError(
                    f"`train` failed at batch {number} of epoch {self.epoch}: "
                    f"{type(error).__name__}: {last_line(error)}. The network has the weights of "
                    f"step {self.step + 1}"
                ) from error
            self._clock.take()
            number += 1
            yield batch
        if number == 0:
            raise StateError(f"`train` gave no batch in epoch {self.epoch}")

    def _begin_step(self, batch: Batch) -> None:
        try:
            self._step.run(batch)
            self._clock.add(self._step.writing)
        except (NotCompilableError, mx.MXNetError) as error:
            shapes = ", ".join(str(spec) for spec in batch.specs)
            raise ArgumentError(
                f"batch {self.step_in_epoch} of `train` in epoch {self.epoch}, arrays of {shapes}, "
                f"does not go through the network and the loss: {last_line(error)}"
            ) from error

    def _settle(self) -> None:
        """Finish the current step, count it, and call the callbacks."""
        try:
            result = self._step.finish()
        except NotFiniteStepError as error:
            self._step.push()
            raise explain_not_finite(error, self) from None
        if result is None:
            return
        self.step += 1
        self.step_in_epoch += 1
        # Plain steps learn by the first backward pass what the loss does not depend on.
        if self.step == 1:
            unused = self._step.unused
            self.history.notes += [unused_note(unused)] if unused else []
            self.history.notes += self._step.notes
        if result.size:
            self._note(result)
        for callback in self._stepwise:
            if callback.every is not None and self.step % callback.every == 0:
                # Compiled steps keep the weights in arrays of their own; the network gets them
                # when somebody looks.
                if callback.reads_weights:
                    self._step.push()
                callback.on_step_end(self)
                if callback.reads_weights:
                    self._step.pull()

    def _note(self, result: StepResult) -> None:
        self._tally.add(result)
        if self._record_steps:
            self.history.steps.append(
                {
                    "step": self.step,
                    "epoch": self.epoch,
                    "loss": float(result.losses().mean()),
                    "lr": self.learning_rate,
                }
            )

    def _is_whole(self) -> bool:
        return self.steps is not None and self.step_in_epoch >= self.steps

    def _end_epoch(self) -> None:
        seconds, waited = self.seconds, self.waited
        row: dict[str, Any] = {"epoch": self.epoch, **self._tally.together(self._workers)}
        if self._evaluate is not None:
            # The steps of a network that is not compiled run its own code, which may change it.
            renew = self._step.followed or not self._step.compiled
            values = self._evaluate(renew=renew).items()
            row |= {f"val_{name}": value for name, value in values}
        row |= {"lr": self.learning_rate, "seconds": seconds}
        row["samples_per_second"] = self._tally.all_samples / seconds if seconds else math.inf
        row["data_wait"] = min(1.0, waited / seconds) if seconds else 0.0
        self.history.epochs.append(row)
        self.history.notes += [n for n in self._step.notes if n not in self.history.notes]
        self._tell("on_epoch_end")
        self.epoch += 1

    def _tell(self, event: str) -> None:
        for callback in self._heard():
            getattr(callback, event)(self)

    def _keeping(self) -> list[Callback]:
        """Return the callbacks with a state: those that show progress come and go."""
        return [callback for callback in self._callbacks if _overrides(callback, "state")]

    def _heard(self) -> list[Callback]:
        """Return the callbacks that this worker calls."""
        return [
            callback for callback in self._callbacks if self.rank == 0 or not callback.first_only
        ]

    # Checkpoints

    def checkpoint(self, *, middle: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return a checkpoint of this run: its arrays and its record."""
        if middle:
            self._step.synchronize()
        self._step.push()
        loader = self._train.loader
        if middle and self._seed is not None:  # both runs go on from the same point of the stream
            self._seed_network(3, self.step)
        # The batch that comes next may be made already; its draws are to be repeated.
        raw = self._streams if middle else state.raw_streams()
        optimizer = self._states()
        arrays = state.state_tensors(optimizer)
        if self._workers is not None:
            arrays[together.STREAMS] = together.gathered_streams(self._workers, raw)
        states = {str(i): callback.state() for i, callback in enumerate(self._keeping())}
        for number, kept in states.items():
            own = {name: v for name, v in kept.items() if isinstance(v, numpy.ndarray)}
            arrays |= {f"{_callback(number)}{name}": array for name, array in own.items()}
            states[number] = {name: v for name, v in kept.items() if name not in own}
        training = {
            "epoch": self.epoch if middle else self.epoch + 1,
            "step": self.step,
            "step_in_epoch": self.step_in_epoch if middle else 0,
            "seed": self._seed,
            "engine": self.history.engine,
            "optimizer": optimizer_record(self.optimizer, _indices(optimizer)),
            "loader": None
            if loader is None
            # A loader counts an epoch when it begins, not when it ends.
            else {"seed": loader.seed, "epoch": loader.epoch - (1 if middle else 0)},
            "history": self.history.epochs,
            "callbacks": states,
            "kinds": [type(callback).__name__ for callback in self._keeping()],
            "streams": state.streams(raw),
            "workers": 1 if self._workers is None else self._workers.count,
        }
        record = {**network_record(self.net), "step": self.step, "training": training}
        tensors = {name: Tensor.of(array) for name, array in arrays.items()}
        return network_tensors(self.net, unused=True) | tensors, record

    def restore(self, contents: Contents) -> None:
        """Restore this run from a checkpoint."""
        record, path = state.training_record(contents), contents.path
        if record["engine"] != self.history.engine:
            raise CheckpointError(
                f"{path} was trained by {record['engine']} steps, this run has "
                f"{self.history.engine} ones; give the same options, or train from the beginning"
            )
        note = together.check_count(self._workers, record, path)
        matched = fitting(contents, self.net, "structure", strict=True, unused=True)
        check_optimizer(self.optimizer, record["optimizer"], path)
        states = self._states()
        numbers = state.matching_states(states, contents)
        # Up to here all was checked, and nothing changed.
        put(contents, matched.pairs, None)
        self._step.pull()
        restore_optimizer(self.optimizer, record["optimizer"], _indices(states))
        for array, saved in numbers:
            memory.assign(array, saved)
        if record["loader"] is not None and self._train.loader is not None:
            self._train.loader.seed = record["loader"]["seed"]
            self._train.loader.epoch = record["loader"]["epoch"]
        self.epoch, self.step = record["epoch"], record["step"]
        self._skip = record["step_in_epoch"]
        self._seed = record["seed"]
        self.history.epochs = record["history"]
        self.history.resumed = self.epoch
        self._resumed = record, contents
        self.history.notes += [note] if note else []
        self._saved_streams = record["streams"]
        if self._workers is not None:
            self._saved_streams = together.own_streams(self._workers, contents)
        if self._skip and self._seed is not None:
            self._seed_network(3, self.step)

    def _restore_callbacks(self) -> None:
        if self.history.resumed is None:
            return
        record, contents = self._resumed
        # States are kept by position, and would go to the wrong callbacks.
        if record["kinds"] != [type(own).__name__ for own in self._keeping()]:
            self.history.notes.append(
                "the callbacks are not those of the run that was interrupted; they begin anew"
            )
            return
        for number, callback in enumerate(self._keeping()):
            prefix = _callback(str(number))
            names = [name for name in contents.entries if name.startswith(prefix)]
            arrays = {name.removeprefix(prefix): contents.array(name) for name in names}
            callback.load_state(record["callbacks"][str(number)] | arrays)

    def _states(self) -> dict[str, ParameterState]:
        """Return the optimizer's state by the path of each parameter."""
        return state.states_by_path(self.net, self._step.states)


def _indices(states: Mapping[str, ParameterState]) -> dict[str, int]:
    """Return the optimizer's index for each path."""
    return {path: state.index for path, state in states.items()}


def _callback(number: str) -> str:
    """Return the prefix of the names of a callback's arrays."""
    return f"{state.PREFIX}callback.{number}."


def unused_note(parameters: Sequence[gluon.Parameter]) -> str:
    """Return the note that the loss does not depend on some parameters."""
    return f"the loss does not depend on {some(p.name for p in parameters)}: they stay as they are"


def _overrides(callback: Callback, method: str) -> bool:
    """Return whether a callback implements an event."""
    return getattr(type(callback), method) is not getattr(Callback, method)


def _interruptible(run: Run) -> AbstractContextManager[None]:
    """Make the first Ctrl-C end the run after its step, and a second one at once."""

    def end(_: Any) -> None:
        run.history.interrupted = True
        run.stop("interrupted by Ctrl-C")

    # One worker that stops at Ctrl-C leaves the others waiting; the launcher ends all.
    return nullcontext() if run.is_shared else at_first_interrupt(end)
