"""Training a network: `fit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._base.checks import a_type, whole_number
from gluonkit._base.kinds import Context, Contexts
from gluonkit.checkpoint.directory import CheckpointDir
from gluonkit.distributed.workers import (
    Workers,
    checked_compression,
    is_worker,
    resolve_kvstore,
)
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.graphs.amp import resolve_amp
from gluonkit.graphs.capture import NotCompilableError
from gluonkit.graphs.losses import resolve_loss
from gluonkit.system.optimizers import resolve_optimizer
from gluonkit.system.seeding import checked_seed, next_loader_seed, seed_everything
from gluonkit.tracing.hidden import check_nothing_hidden
from gluonkit.train import together
from gluonkit.train.accuracy import decided, task_of
from gluonkit.train.callbacks import Callback, Checkpoint
from gluonkit.train.evaluating import evaluation
from gluonkit.train.history import History
from gluonkit.train.labels import label_check
from gluonkit.train.metrics import Tally, resolve_metrics
from gluonkit.train.progress import Progress, is_watched
from gluonkit.train.run import Run
from gluonkit.train.setup import (
    contexts_of,
    float_type,
    prepare,
)
from gluonkit.train.sources import Source, check_repeatable, source
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.compiled import CompiledStep
from gluonkit.train.step.imperative import ImperativeStep
from gluonkit.train.step.result import StepOptions


def fit(
    net: gluon.Block,
    train: Any,
    *,
    val: Any = None,
    epochs: int,
    loss: Any = "softmax_cross_entropy",
    optimizer: Any = "sgd",
    optimizer_params: Mapping[str, Any] | None = None,
    metrics: Any = "auto",
    callbacks: Sequence[Callback] = (),
    ctx: Contexts = None,
    seed: int | None = None,
    resume: str | Path | None = None,
    amp: bool | str = False,
    grad_clip: float | None = None,
    accumulate: int = 1,
    batch_size: int | None = None,
    progress: bool | None = None,
    record_steps: bool = False,
    compiled: bool | None = None,
    kvstore: Any = None,
    compression_params: Mapping[str, Any] | None = None,
) -> History:
    """Train a network, and return what came of it epoch by epoch.

    Where the network and the loss can be traced, a step is one graph (network, loss, gradients)
    and one update of all weights in one array; otherwise each step is what Gluon's tutorials
    write, and `History.notes` says why. The numbers are the same, to rounding.

    Parameters
    ----------
    net : a network on which `initialize()` was called.
    train : arrays ``(data, label)``, a `data.Dataset`, a `data.BatchLoader`, a Gluon `DataLoader`
        or data set, an `mx.io.DataIter`, or anything that yields batches ``(data, label)``. With
        more parts, all but the last are inputs of the network. Several labels are a tuple in the
        last place. With weights, ``(data, (label, weights))``, the loss is called with both; a mask
        is weights of 0 and 1, and what weighs nothing may have any label (padding). MXNet's losses
        take weights ``(samples, 1, ...)`` of as many axes as their numbers have before these are
        averaged: ``(samples, 1)`` for classes, ``(samples, length, 1)`` for sequences of them; a
        loss of one's own has them where its argument is called `sample_weight`.
    val : data to evaluate on after each epoch, in prediction mode.
    epochs : how often to go through the data; for a resumed run, all in all.
    loss : one of MXNet's by name ('softmax_cross_entropy', 'l2', ...), a Gluon loss, or a function
        of the network's output and the label. The gradient is that of the mean of what it returns,
        be it a number for each sample or a mean already.
    optimizer, optimizer_params : one of MXNet's by name, with its options, or an object.
    metrics : names, mx.metric objects, or functions of label and output; several in a list. 'auto'
        is the accuracy where the loss has one: for softmax cross entropy the class of the largest
        score along the loss's axis, of class numbers or distributions; for a sigmoid's, logistic
        and hinge losses each number's side of the threshold. Regressions have none. With a loss
        of one's own it is given only for whole numbers that can only be classes; else a note says
        so. 'accuracy', 'mae', 'mse' and 'rmse' weigh every sample alike, or by the weights given:
        the sum of weighted figures by the sum of weights. (The loss's figure is the mean over the
        samples of what it returns, by which the network learns.) What is MXNet's, and functions,
        get batch after batch, as in a loop by hand, without weights; most of these count batches.
    callbacks : see `Callback`.
    ctx : a device, or a list of devices over which each batch is divided; by default where the
        parameters are.
    seed : calls `seed_everything`, and seeds each epoch, so that runs can be repeated.
    resume : a folder for checkpoints, made after each epoch; if it has one, the run goes on from
        there, and ends with the same weights, bit for bit, as one that was not interrupted.
    amp : True for mixed precision, or one by name: bfloat16 on a processor, which must have
        AVX-512, float16 on a GPU.
    grad_clip : largest norm of all gradients together.
    accumulate : batches whose gradients make one update.
    batch_size : samples in a batch, where arrays are given; 64 by default.
    progress : whether to show progress; by default if somebody watches: in a terminal, a notebook.
    record_steps : True to keep every step's loss in `History.steps`.
    compiled : True to insist on one graph for each step, False for plain steps.
    kvstore : with several devices, what adds up their gradients: 'device' (the default) or 'local'.
        In a job of several workers (`gluonkit launch`): 'dist_sync', 'dist_device_sync' (devices
        of a worker add up among themselves first) or 'dist_async', or what `mx.kv.create` has
        returned. Arrays, data sets and `BatchLoader` are then divided among the workers,
        `batch_size` samples for each; what can only be iterated over is a worker's own. Weights
        begin as the first worker's; figures are those of all workers; the first one shows progress
        and writes checkpoints.
    compression_params : MXNet's gradient compression: ``{"type": "2bit", "threshold": 0.5}``. The
        threshold is for gradients summed over a worker's samples, as in Gluon's `Trainer`.

    Returns
    -------
    History

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        for what cannot be trained, before anything is changed, naming the argument.
    NotFiniteError
        when the loss becomes NaN or infinite, naming the step and the layer.
    CheckpointError
        when `resume` has a checkpoint that does not fit.

    Examples
    --------
    >>> from gluonkit import create_model, fit
    >>> from gluonkit.data import digits
    >>> images, labels = digits(8, 8)
    >>> net = create_model("mlp", units=(32,), init="xavier")
    >>> history = fit(net, (images, labels), epochs=15, optimizer="adam", seed=0)
    >>> len(history), history.last["accuracy"] > 0.8
    (15, True)
    """
    whole_number("epochs", epochs)
    check_repeatable(train, "train", epochs)
    check_repeatable(val, "val", epochs)
    seed = None if seed is None else checked_seed(seed)
    chosen = _validated(
        net,
        ctx,
        loss,
        optimizer,
        optimizer_params,
        callbacks=callbacks,
        accumulate=accumulate,
        grad_clip=grad_clip,
        amp=amp,
        kvstore=kvstore,
        compression_params=compression_params,
    )
    seed = _seeded(seed, chosen.workers)
    opened = _opened(chosen, train, val, batch_size=batch_size, metrics=metrics, seed=seed)
    step, notes = _step(chosen, opened.train.first, compiled=compiled)
    run = _run(
        chosen,
        opened,
        step,
        notes,
        epochs=epochs,
        callbacks=_with_own(callbacks, resume, progress),
        seed=seed,
        resume=resume,
        record_steps=record_steps,
    )
    return run.go()


@dataclass(frozen=True)
class _Chosen:
    """What is trained, by what and where: arguments of `fit`, checked.

    Attributes
    ----------
    contexts : the devices.
    options : how steps are made; they have the other workers, who are connected by now.
    """

    net: gluon.Block
    contexts: list[Any]
    loss: Any
    optimizer: Any
    options: StepOptions

    @property
    def workers(self) -> Workers | None:
        """The job that this process trains in; None for this process alone."""
        return self.options.workers


@dataclass(frozen=True)
class _Opened:
    """The data, looked into, and what was concluded from their first batch.

    Attributes
    ----------
    tally : the loss and the metrics over an epoch.
    checked : refuses batches whose labels the loss does not take.
    evaluate : returns the figures over the validation data; None where there are none.
    notes : what the user should know of the metrics.
    """

    train: _Peeked
    tally: Tally
    checked: Callable[[Batch], None]
    evaluate: Callable[[], dict[str, float]] | None
    notes: list[str]


def _validated(
    net: gluon.Block,
    ctx: Any,
    loss: Any,
    optimizer: Any,
    optimizer_params: Mapping[str, Any] | None,
    *,
    callbacks: Sequence[Callback],
    accumulate: int,
    grad_clip: float | None,
    amp: bool | str,
    kvstore: Any,
    compression_params: Mapping[str, Any] | None,
) -> _Chosen:
    """Check what is to be trained and how, and connect with the other workers at last."""
    check_nothing_hidden(net, "they would not be trained")
    contexts = contexts_of(net, ctx)
    options = _options(accumulate, grad_clip, amp, contexts[0], callbacks)
    loss = resolve_loss(loss)
    optimizer = resolve_optimizer(optimizer, optimizer_params)
    options = _shared(options, kvstore, compression_params, net, contexts)
    return _Chosen(net, contexts, loss, optimizer, options)


def _seeded(seed: int | None, workers: Workers | None) -> int | None:
    """Seed everything, and return by what: several workers always have a seed, the same one."""
    if workers is not None:
        seed = together.shared_seed(workers, seed)
    if seed is not None:
        seed_everything(seed)
    if workers is not None and seed is not None:
        together.part_streams(workers, seed)
    return seed


def _opened(
    chosen: _Chosen,
    train: Any,
    val: Any,
    *,
    batch_size: int | None,
    metrics: Any,
    seed: int | None,
) -> _Opened:
    """Open the data, and finish the network's initialization by their first batch.

    Whatever does not fit, among batch, network, loss and metrics, is refused here.
    """
    net, workers = chosen.net, chosen.workers
    part, dtype = together.part_of(workers), float_type(net)
    batches = _Peeked(
        source(train, "train", batch_size=batch_size, shuffle=True, part=part, dtype=dtype)
    )
    if seed is not None and batches.loader is not None:
        batches.loader.epoch = 0
    outputs = prepare(net, batches.first, "train")
    task = task_of(chosen.loss, outputs, batches.first, "train")
    checked = label_check(task)
    checked(batches.first)
    metrics, notes = decided(metrics, task)
    tally = Tally(resolve_metrics(metrics, task), task.roles)
    if workers is not None:
        together.share_weights(workers, net)
    exact = all(each.exact for each in tally.meters)
    if not exact and task.roles.weights is not None:
        notes.append("MXNet's metrics and functions take every sample, without weights")
    evaluate = _evaluation(chosen, val, batch_size, metrics, exact=exact)
    return _Opened(batches, tally, checked, evaluate, notes)


def _run(
    chosen: _Chosen,
    opened: _Opened,
    step: Any,
    notes: list[str],
    *,
    epochs: int,
    callbacks: Sequence[Callback],
    seed: int | None,
    resume: str | Path | None,
    record_steps: bool,
) -> Run:
    """Return the run, at its beginning or where the newest checkpoint in `resume` has it go on."""
    workers = chosen.workers
    run = Run(
        chosen.net,
        step,
        opened.train,
        opened.tally,
        optimizer=chosen.optimizer,
        epochs=epochs,
        evaluate=opened.evaluate,
        callbacks=callbacks,
        workers=workers,
        seed=seed if seed is not None or resume is None else next_loader_seed(),
        checked=opened.checked,
        record_steps=record_steps,
    )
    run.history.notes += notes + opened.notes + _job(chosen, opened.train)
    begun = None if resume is None else CheckpointDir(resume).newest()
    if workers is not None and resume is not None:
        together.check_checkpoint(workers, begun, resume)
    if begun is not None:
        run.restore(begun)
    return run


class _Peeked:
    """A source whose first batch has been looked at, and is given again."""

    def __init__(self, inner: Source) -> None:
        self._inner = inner
        self.loader = inner.loader
        self.divided = inner.divided
        epoch = None if self.loader is None else self.loader.epoch
        self._batches = inner.batches()
        first = next(self._batches, None)
        if first is None:
            raise ArgumentError("`train` gives no batch; give at least one")
        self.first: Batch = first
        self._fresh = self.loader is None
        if self.loader is not None and epoch is not None:
            self.loader.epoch = epoch

    def batches(self, start: int = 0) -> Any:
        """Begin the next epoch, and yield its batches but for the first `start`."""
        if not self._fresh:
            return self._inner.batches(start)
        self._fresh = False
        everything = chain([self.first], self._batches)
        for _ in range(start):
            next(everything, None)
        return everything

    def count(self) -> int | None:
        """Return the number of batches of the next epoch."""
        return self._inner.count()


def _options(
    accumulate: Any, grad_clip: Any, amp: Any, ctx: Contexts, callbacks: Sequence[Callback]
) -> StepOptions:
    if grad_clip is not None and not (isinstance(grad_clip, (int, float)) and grad_clip > 0):
        raise ArgumentError(f"`grad_clip` is {grad_clip!r}; give a positive number, or None")
    for each in callbacks:
        if not isinstance(each, Callback):
            hint = "; create an instance" if isinstance(each, type) else ""
            raise ArgumentTypeError(
                f"`callbacks` has {a_type(each)}{hint}; give gluonkit.Callback objects"
            )
    return StepOptions(
        accumulate=whole_number("accumulate", accumulate),
        grad_clip=grad_clip,
        amp=resolve_amp(amp, ctx),
        observed=any(each.observes for each in callbacks),
    )


def _with_own(
    callbacks: Sequence[Callback], resume: str | Path | None, progress: bool | None
) -> list[Callback]:
    """Add progress and checkpoints to the user's callbacks, where they are wanted."""
    found = list(callbacks)
    shown = any(isinstance(each, Progress) for each in found)
    if not shown and (progress or (progress is None and is_watched())):
        found.insert(0, Progress())
    if resume is not None:
        saving = [each for each in found if isinstance(each, Checkpoint)]
        if not any(each.folder == Path(resume) for each in saving):
            found.append(Checkpoint(resume))
        # Checkpoints come last, so that they hold what the other callbacks have done.
        found.sort(key=lambda each: isinstance(each, Checkpoint))
    return found


def _shared(
    options: StepOptions, kvstore: Any, compression: Any, net: gluon.Block, contexts: list[Context]
) -> StepOptions:
    """Connect with the other workers, if there are to be any, and return the options for it."""
    compression = None if compression is None else checked_compression(compression)
    within, workers = resolve_kvstore(kvstore)
    if workers is None:
        # Between processors' contexts MXNet's compression writes beyond its buffers.
        fits = len(contexts) > 1 and all(each.device_type == "gpu" for each in contexts)
        if compression is not None and not (fits and within in (None, "device")):
            raise ArgumentError(
                "`compression_params` is given, but no gradients are exchanged that MXNet can "
                "compress: give kvstore='dist_sync' in a job of several workers, or several GPUs "
                "with kvstore='device'"
            )
        return replace(options, kvstore=within, compression=compression)
    sparse = [p.name for p in net.collect_params().values() if p._grad_stype != "default"]
    if sparse:
        raise ArgumentError(
            f"`net` has sparse gradients ({sparse[0]}), which `kvstore` {workers.kind!r} cannot "
            "add up here; make the layer with sparse_grad=False"
        )
    _check_types(net, workers.kind, compressed=compression is not None)
    if compression is not None:
        workers.compress(compression)
    return replace(options, kvstore=within, workers=workers)


def _check_types(net: gluon.Block, kind: str, *, compressed: bool) -> None:
    """Refuse parameters that MXNet would change on their way."""
    for parameter in net.collect_params().values():
        dtype = numpy.dtype(parameter.dtype)
        if compressed and dtype != numpy.float32:
            raise ArgumentError(
                f"`compression_params` is given, but MXNet compresses float32 only, and "
                f"{parameter.name} is {dtype}; leave it out"
            )
        if dtype == numpy.float64:
            raise ArgumentError(
                f"`kvstore` is {kind!r}, but MXNet's servers compute in float32, and "
                f"{parameter.name} is {dtype}; call net.cast('float32')"
            )


def _job(chosen: _Chosen, batches: _Peeked) -> list[str]:
    """Say what several workers do together, or what one does that does it alone."""
    workers = chosen.workers
    if workers is None:
        alone = "this process is a worker of a job, but `kvstore` is not given: it trains alone"
        return [alone] if is_worker() else []
    loader = batches.loader
    size = batches.first.size if loader is None else loader.batch_size
    size *= chosen.options.accumulate
    return [together.effective(workers, size, batches.divided, chosen.optimizer)]


def _evaluation(
    chosen: _Chosen, val: Any, batch_size: int | None, metrics: Any, *, exact: bool
) -> Callable[[], dict[str, float]] | None:
    """Return what evaluates the network; on its part of the data, if figures can be added up."""
    if val is None:
        return None
    net, workers = chosen.net, chosen.workers
    part = together.part_of(workers if exact else None)
    sized = batch_size if isinstance(val, (tuple, list)) else None
    return evaluation(
        net,
        source(val, "val", batch_size=sized, part=part, dtype=float_type(net)),
        argument="val",
        loss=chosen.loss,
        metrics=metrics,
        ctx=chosen.contexts[0],
        workers=workers,
        ahead=True,
    )


def _step(chosen: _Chosen, batch: Batch, *, compiled: bool | None) -> tuple[Any, list[str]]:
    """Return how steps are made, and what the user should know of it."""
    net, loss, optimizer = chosen.net, chosen.loss, chosen.optimizer
    contexts, options = chosen.contexts, chosen.options
    if compiled is False:
        reason = ""
    elif len(contexts) > 1:
        reason = "the batches are divided over several devices"
    else:
        try:
            made = CompiledStep(net, loss, optimizer, batch, ctx=contexts[0], options=options)
            return made, []
        except NotCompilableError as error:
            reason = str(error)
    if options.amp is not None:
        raise ArgumentError(
            f"`amp` is {options.amp!r}, which needs the step as one graph, and it is not: "
            f"{reason or '`compiled` is False'}"
        )
    if compiled:
        raise ArgumentError(f"`compiled` is True, but the step cannot be one graph: {reason}")
    notes = [f"the steps are not compiled: {reason}"] if reason else []
    return ImperativeStep(net, loss, optimizer, contexts, options), notes
