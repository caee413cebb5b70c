"""Evaluating and predicting: a network over data, in prediction mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit._base.kinds import Context, Contexts
from gluonkit.distributed.workers import Workers
from gluonkit.errors import ArgumentError
from gluonkit.graphs.losses import is_plain_classification
from gluonkit.system import memory
from gluonkit.tracing.inputs import mapped
from gluonkit.train.accuracy import decided, task_of
from gluonkit.train.labels import label_check
from gluonkit.train.metrics import Tally, resolve_metrics
from gluonkit.train.output_layers import trained
from gluonkit.train.setup import contexts_of, float_type, prepare
from gluonkit.train.sources import LoaderSource, Source, source
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.forward import Forward
from gluonkit.train.step.result import StepResult


def evaluate(
    net: gluon.Block,
    data: Any,
    *,
    loss: Any = "auto",
    metrics: Any = "auto",
    ctx: Contexts = None,
    batch_size: int | None = None,
) -> dict[str, float]:
    """Return the loss and the metrics of a network over data, in prediction mode.

    Every sample counts the same, also those of a short last batch. Nothing of the network changes.

    Parameters
    ----------
    net : gluon.Block
        A network with values.
    data : tuple of array, Dataset, BatchLoader, DataLoader or iterable
        As for `fit`.
    loss : str, gluon.loss.Loss or callable, default 'auto'
        As for `fit`; None for none.
    metrics : str, mx.metric.EvalMetric, callable or list of these, default 'auto'
        As for `fit`.
    ctx : Context or list of Context, optional
        The device; by default where the parameters are.
    batch_size : int, optional
        Samples in a batch, where arrays are given; 64 by default.

    Returns
    -------
    dict of str to float
        The loss and each metric by name: ``{"loss": ..., "accuracy": ...}``.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        As `fit` does.

    Notes
    -----
    Keras's `evaluate` returns a list unless told otherwise; `Module.score` of MXNet gives the
    metrics without the loss.

    Examples
    --------
    >>> from gluonkit import create_model, evaluate
    >>> from gluonkit.data import digits
    >>> sorted(evaluate(create_model("lenet", init="xavier"), digits()))
    ['accuracy', 'loss']
    """
    contexts = contexts_of(net, ctx)
    batches = source(data, "data", batch_size=batch_size, dtype=float_type(net))
    body, resolved = (net, None) if loss is None else trained(net, loss)[:2]
    found = evaluation(
        body,
        batches,
        argument="data",
        loss=resolved,
        metrics=metrics,
        ctx=contexts[0],
    )()
    if loss is None:
        del found["loss"]
    return found


def evaluation(
    net: gluon.Block,
    batches: Source,
    *,
    argument: str,
    loss: Any,
    metrics: Any,
    ctx: Context,
    workers: Workers | None = None,
    ahead: bool = False,
) -> Callable[[], dict[str, float]]:
    """Return a function that evaluates a network, as it then is, with fresh metrics each time.

    The figures are those over what all workers have; a worker may have nothing of a batch. With
    `ahead`, what can be seen of arrays in memory to be wrong is refused now.
    """

    def begun(batch: Batch) -> tuple[Tally, Callable[[Batch], None]]:
        task = task_of(loss, prepare(net, batch, argument), batch, argument)
        check = label_check(task)
        check(batch)
        return Tally(resolve_metrics(decided(metrics, task)[0], task), task.roles), check

    def run() -> dict[str, float]:
        state: tuple[Tally, Callable[[Batch], None]] | None = None
        forward = Forward(net, ctx)
        for batch in batches.batches():
            if not batch.size:
                continue
            tally, check = state = state or begun(batch)
            check(batch)
            tally.add(_result(forward, batch, loss, ctx))
        if state is None:
            raise ArgumentError(f"`{argument}` gives no batch; give at least one")
        return state[0].together(workers)

    first = batches.peek() if ahead and isinstance(batches, LoaderSource) else None
    if first is not None:
        begun(first)
    return run


def _result(forward: Forward, batch: Batch, loss: Any, ctx: Context) -> StepResult:
    """Return what a step gives, of a batch in prediction mode."""
    outputs = forward(batch)
    labels = [batch.numbers(index) for index in range(batch.inputs, len(batch.specs))]
    if loss is None:
        return StepResult(batch.size, numpy.zeros(batch.size), outputs, labels)
    shapes = [each.shape for each in (*outputs, *labels)]
    if is_plain_classification(loss) and len(shapes) == 2 and shapes[1] == shapes[0][:1]:
        return StepResult(batch.size, None, outputs, labels)
    np_mode = is_np_array()
    arrays = [memory.copied(each, ctx, np_mode=np_mode) for each in (*outputs, *labels)]
    output = mapped(lambda place: arrays[place], forward.nesting)
    value = loss(output, *arrays[len(outputs) :])
    return StepResult(batch.size, numpy.atleast_1d(value.asnumpy()), outputs, labels)


def predict(
    net: gluon.Block, data: Any, *, ctx: Contexts = None, batch_size: int | None = None
) -> Any:
    """Return the network's outputs for all samples, in prediction mode.

    Parameters
    ----------
    net : gluon.Block
        A network with values.
    data : array, list of array, Dataset or iterable
        An array, a list of arrays for a network of several inputs, all with samples as their first
        axis (a recurrent layer of layout 'TNC' has time there, which would be cut into batches;
        give `batch_size` as many as there are), a `data.Dataset` (whose labels are left out), or a
        loader or other iterable of batches, the last part of which, if they have several, is the
        label and left out.
    ctx : Context or list of Context, optional
        The device; by default where the parameters are.
    batch_size : int, optional
        Samples in a batch, where arrays are given; 64 by default.

    Returns
    -------
    NDArray
        Outputs of the active array mode, of shape ``(samples, ...)``; several outputs are nested as
        the network returns them.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        As `fit` does.

    Notes
    -----
    As `predict` in Keras, but it returns MXNet's arrays.

    Examples
    --------
    >>> from gluonkit import create_model, predict
    >>> from gluonkit.data import digits
    >>> predict(create_model("lenet", init="xavier"), digits()[0]).shape
    (1797, 10)
    """
    contexts = contexts_of(net, ctx)
    labelled = False if _is_arrays(data) else None
    batches = source(data, "data", batch_size=batch_size, labelled=labelled, dtype=float_type(net))
    forward = Forward(net, contexts[0])
    parts: list[list[Any]] = []
    sizes: list[int] = []
    for batch in batches.batches():
        if not parts:
            prepare(net, batch, "data")
        parts.append([output.copy() for output in forward(batch)])
        sizes.append(batch.size)
    if not parts:
        raise ArgumentError("`data` gives no batch; give at least one")
    np_mode = is_np_array()
    whole = [
        memory.copied(_joined(place, each, sizes), contexts[0], np_mode=np_mode)
        for place, each in enumerate(zip(*parts, strict=True))
    ]
    return mapped(lambda place: whole[place], forward.nesting)


def _joined(place: int, parts: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return an output of all batches; of a single one as it is, whatever its axes are."""
    if len(parts) == 1:
        return parts[0]
    for part, size in zip(parts, sizes, strict=True):
        if part.shape[:1] != (size,):
            raise ArgumentError(
                f"`net` returns, as output {place}, an array of shape {part.shape} for a batch of "
                f"{size} samples; the outputs of {len(parts)} batches can be joined only where "
                "samples are the first axis. Give all in one batch: batch_size=..."
            )
    return numpy.concatenate(parts)


def _is_arrays(data: Any) -> bool:
    """Return whether the data are inputs only: an array, or a list of arrays."""
    kinds = (numpy.ndarray, mx.nd.NDArray)
    several = isinstance(data, list) and all(isinstance(each, kinds) for each in data)
    return isinstance(data, kinds) or several or hasattr(data, "take")
