"""Training a network: `fit`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mxnet import gluon

from gluonkit._base.arguments import checked
from gluonkit._base.checks import whole_number
from gluonkit._base.kinds import Contexts
from gluonkit.checkpoint.directory import CheckpointDir
from gluonkit.distributed.workers import is_worker
from gluonkit.errors import ArgumentError, LossWarning
from gluonkit.graphs.capture import NotCompilableError
from gluonkit.system.schedules import give_steps
from gluonkit.system.seeding import checked_seed, next_loader_seed
from gluonkit.train import together
from gluonkit.train.callbacks import Callback, Checkpoint
from gluonkit.train.history import History
from gluonkit.train.misfits import untrained
from gluonkit.train.opening import OpenedData, Peeked, open_data
from gluonkit.train.progress import Progress, is_watched
from gluonkit.train.run import Run
from gluonkit.train.settings import Settings, seeded, settings_of
from gluonkit.train.sources import check_repeatable
from gluonkit.train.step.compiled import CompiledStep
from gluonkit.train.step.imperative import ImperativeStep
from gluonkit.train.step.result import Step


@checked
def fit(
    net: gluon.Block,
    train: Any,
    *,
    val: Any = None,
    epochs: int,
    loss: Any = "auto",
    optimizer: Any = "adam",
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
    progress: bool | Callable[[str], None] | None = None,
    record_steps: bool = False,
    compiled: bool | None = None,
    kvstore: Any = None,
    compression_params: Mapping[str, Any] | None = None,
) -> History:
    """Train a network, and return the figures of each epoch.

    If network and loss can be traced, a step is one graph (network, loss, gradients) and one update
    of all weights in one array; otherwise each step is a loop by Gluon's own calls, and
    `History.notes` says why. Results are the same up to rounding.

    Parameters
    ----------
    net : gluon.Block
        A network on which `initialize()` was called.
    train : tuple of array, Dataset, BatchLoader, DataLoader or iterable
        Arrays ``(data, label)``, a `data.Dataset`, a `data.BatchLoader`, a Gluon `DataLoader` or
        data set, an `mx.io.DataIter`, or anything that yields batches ``(data, label)``. With more
        parts, all but the last are inputs of the network. Several labels are a tuple in the last
        place. With weights, ``(data, (label, weights))``, the loss is called with both; a mask is
        weights of 0 and 1, and labels of weight 0 (padding) may have any value. MXNet's losses need
        weights with as many axes as the loss has before it is averaged: ``(samples, 1)`` for
        classes, ``(samples, length, 1)`` for sequences of classes. A custom loss gets them as its
        argument `sample_weight`.
    val : tuple of array, Dataset, BatchLoader, DataLoader or iterable, optional
        Data to evaluate on after each epoch, in prediction mode.
    epochs : int
        Number of epochs; of a resumed run, the total.
    loss : str, gluon.loss.Loss or callable, default 'auto'
        The name of one of MXNet's losses ('softmax_cross_entropy', 'l2', ...), a Gluon loss, or a
        function of the network's output and the label. 'auto' is softmax cross entropy, of the
        outputs as scores; of a network that ends in a softmax, its logarithm or a sigmoid (of which
        it is binary), of the scores below it; for a network that `load` has read from a checkpoint
        of `Module`, its own output layers. `History.notes` says so. A loss of MXNet's that does not
        fit what the network ends in, such as one of scores for probabilities, is computed as given,
        with a `LossWarning`. The gradient is that of the mean of the result, whether that has one
        number for each sample or is a mean already.
    optimizer : str or mx.optimizer.Optimizer, default 'adam'
        One of MXNet's by name, or an object.
    optimizer_params : mapping, optional
        Options of an optimizer given by name, such as ``{"learning_rate": 0.01, "wd": 1e-4}``. Each
        has MXNet's default: a rate of 0.001 for 'adam', and of 0.01 without momentum for 'sgd'.
    metrics : str, mx.metric.EvalMetric, callable or list of these, default 'auto'
        Names, mx.metric objects, or functions of label and output; a list for several. 'auto' is
        the accuracy, if the loss has one: for softmax cross entropy, whether the largest score
        along the loss's axis is that of the label, a class index or distribution; for sigmoid,
        logistic and hinge losses, whether each number is on the right side of the threshold.
        Regressions have none, and for a custom loss there is one only if the labels can be nothing
        but classes; a note says so. 'accuracy', 'mae', 'mse' and 'rmse' weight all samples equally,
        or by the given weights. (The loss itself is reported as the mean over samples of what the
        loss returns.) MXNet's objects and functions are called batch by batch, without weights, as
        in a loop by hand; most of them average over batches.
    callbacks : sequence of Callback, default ()
        See `Callback`.
    ctx : Context or list of Context, optional
        A device, or a list of devices over which each batch is divided; by default where the
        parameters are.
    seed : int, optional
        Seed for `seed_everything` and each epoch, which makes runs reproducible.
    resume : str or Path, optional
        A folder for checkpoints, which are saved after each epoch; if it has one, training resumes
        from it, and ends with the same weights, bit for bit, as without interruption.
    amp : bool or str, default False
        True for mixed precision, or its data type: 'bfloat16' on a CPU with AVX-512, 'float16' on a
        GPU.
    grad_clip : float, optional
        Largest norm of all gradients together.
    accumulate : int, default 1
        Number of batches whose gradients are accumulated for one update.
    batch_size : int, optional
        Samples in a batch, where arrays are given; 64 by default.
    progress : bool or callable, optional
        True to print progress to standard error, False not to; or a function to be called with each
        line. By default it is shown in a terminal or a notebook only.
    record_steps : bool, default False
        Whether to record every step's loss in `History.steps`.
    compiled : bool, optional
        True to require compiled steps, False for plain steps; by default compiled if possible.
    kvstore : str or mx.kv.KVStore, optional
        The key-value store that sums gradients: over several devices 'device' (the default) or
        'local'; in a job of several workers (`gluonkit launch`) 'dist_sync', 'dist_device_sync'
        (devices of a worker are summed first) or 'dist_async', or a store of `mx.kv.create`.
        Arrays, data sets and `BatchLoader` are divided among the workers, `batch_size` samples for
        each; other iterables are each worker's own. All start with the weights of worker 0, which
        shows progress and writes checkpoints; figures are those of all workers.
    compression_params : mapping, optional
        MXNet's gradient compression: ``{"type": "2bit", "threshold": 0.5}``. The threshold is for
        gradients summed over a worker's samples, as in Gluon's `Trainer`.

    Returns
    -------
    History
        The figures of each epoch, and notes on how the network was trained.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        For arguments that are not allowed, or do not fit together; nothing has changed then.
    NotFiniteError
        When the loss becomes NaN or infinite; the message has the step and the layer.
    CheckpointError
        When the checkpoint in `resume` does not fit.

    Warns
    -----
    LossWarning
        When the loss does not fit what the network ends in, or has parameters of its own, which are
        not trained.
    BusyMachineWarning
        When other processes have the processor while training could use it (noticed on Linux).

    Notes
    -----
    MXNet's `Estimator` takes Gluon `DataLoader`s only. Keras's `fit` takes data and labels as two
    arguments, and needs `compile` before; here loss, optimizer and metrics are arguments, and a
    network that cannot be compiled is trained all the same. With `accumulate` the gradient is that
    of the mean over all of these batches, which a PyTorch loop has to scale by hand.

    Examples
    --------
    >>> import gluonkit as gk
    >>> images, labels = gk.data.digits(8, 8)
    >>> net = gk.create_model("mlp", units=(32,), init="xavier")
    >>> history = gk.fit(net, (images, labels), epochs=15, seed=0)
    >>> len(history), history.last["accuracy"] > 0.8
    (15, True)
    """
    # Arguments are checked before the network, its data and MXNet's seed are touched.
    whole_number("epochs", epochs, most=2**31 - 1)
    check_repeatable(train, "train", epochs)
    check_repeatable(val, "val", epochs)
    seed = None if seed is None else checked_seed(seed)
    settings = settings_of(
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
    seed = seeded(seed, settings.workers)
    # Before the step: the first batch has the shapes for which a graph is made.
    opened = open_data(settings, train, val, batch_size=batch_size, metrics=metrics, seed=seed)
    for unfit in (*opened.objective.warnings, untrained(settings.loss, net)):
        if unfit:
            warnings.warn(unfit, LossWarning, stacklevel=3)
    batches = opened.train.count()
    updates = None if batches is None else epochs * -(-batches // accumulate)
    give_steps(settings.optimizer, updates)
    step, notes = _step(settings, opened, compiled=compiled)
    run = _run(
        net,
        settings,
        opened,
        step,
        notes,
        epochs=epochs,
        callbacks=_with_own(callbacks, resume, progress),
        seed=seed,
        resume=resume,
        record_steps=record_steps,
    )
    # Again: a checkpoint has those of its own run, which may have had other epochs.
    give_steps(settings.optimizer, updates)
    return run.go()


def _run(
    net: gluon.Block,
    settings: Settings,
    opened: OpenedData,
    step: Step,
    notes: list[str],
    *,
    epochs: int,
    callbacks: Sequence[Callback],
    seed: int | None,
    resume: str | Path | None,
    record_steps: bool,
) -> Run:
    """Return the run, at its beginning or restored from the newest checkpoint in `resume`."""
    workers = settings.workers
    run = Run(
        net,
        step,
        opened.train,
        opened.tally,
        optimizer=settings.optimizer,
        epochs=epochs,
        evaluate=opened.evaluate,
        callbacks=callbacks,
        workers=workers,
        # A run that can be resumed needs a seed, so that dropout goes on from it, too.
        seed=seed if seed is not None or resume is None else next_loader_seed(),
        checked=opened.checked,
        record_steps=record_steps,
    )
    run.history.notes += notes + opened.notes + _job(settings, opened.train)
    begun = None if resume is None else CheckpointDir(resume).newest()
    # Workers that go on from different steps would wait for each other's gradients.
    if workers is not None and resume is not None:
        together.check_checkpoint(workers, begun, resume)
    if begun is not None:
        run.restore(begun)
    return run


def _with_own(
    callbacks: Sequence[Callback],
    resume: str | Path | None,
    progress: bool | Callable[[str], None] | None,
) -> list[Callback]:
    """Add callbacks for progress and checkpoints to the user's, if requested."""
    every = list(callbacks)
    shown = any(isinstance(callback, Progress) for callback in every)
    if not shown and (progress or (progress is None and is_watched())):
        every.insert(0, Progress(tell=progress) if callable(progress) else Progress())
    if resume is not None:
        saving = [callback for callback in every if isinstance(callback, Checkpoint)]
        if not any(callback.folder == Path(resume) for callback in saving):
            every.append(Checkpoint(resume))
        # Checkpoints come last, so that they hold what the other callbacks have done.
        every.sort(key=lambda callback: isinstance(callback, Checkpoint))
    return every


def _job(settings: Settings, batches: Peeked) -> list[str]:
    """Return notes on the job of several workers, or on a worker alone."""
    workers = settings.workers
    if workers is None:
        alone = "this process is a worker of a job, but `kvstore` is not given: it trains alone"
        return [alone] if is_worker() else []
    loader = batches.loader
    size = batches.first.size if loader is None else loader.batch_size
    size *= settings.options.accumulate
    return [together.effective(workers, size, batches.divided, settings.optimizer)]


def _step(
    settings: Settings, opened: OpenedData, *, compiled: bool | None
) -> tuple[Step, list[str]]:
    """Return the step, compiled or not, and notes for the user."""
    net, loss = opened.objective.forward.net, opened.objective.loss
    optimizer = settings.optimizer
    contexts, batch = settings.contexts, opened.train.first
    # A transform or a metric of the user's may change the network, as a callback may.
    followed = settings.options.followed or opened.runs_code
    options = replace(settings.options, followed=followed)
    if compiled is False:
        reason = ""
    # A graph is bound to one device.
    elif len(contexts) > 1:
        reason = "the batches are divided over several devices"
    else:
        try:
            made = CompiledStep(net, loss, optimizer, batch, ctx=contexts[0], options=options)
            return made, []
        # Gluon's own calls take any network that runs at all.
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
