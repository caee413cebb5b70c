"""Evaluating and predicting: a network over data, in prediction mode."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked
from gluonkit._base.checks import described
from gluonkit._base.kinds import Contexts
from gluonkit.data.dataset import Dataset
from gluonkit.data.loader import BatchLoader
from gluonkit.data.records.file import RecordFile
from gluonkit.distributed.workers import Workers
from gluonkit.errors import ArgumentError, ArgumentTypeError, LossWarning
from gluonkit.graphs.endings import SOFTMAX
from gluonkit.graphs.losses import batch_axis, is_plain_classification
from gluonkit.graphs.scores import of_scores
from gluonkit.system import memory
from gluonkit.tracing.inputs import mapped
from gluonkit.train.accuracy import decided
from gluonkit.train.labels import label_check
from gluonkit.train.metrics import Tally, resolve_metrics
from gluonkit.train.objective import Objective, checked_loss, objective_of
from gluonkit.train.output_layers import runs_code
from gluonkit.train.setup import contexts_of, float_type, prepare
from gluonkit.train.sources import Source, source
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.forward import Forward
from gluonkit.train.step.result import StepResult


@checked
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

    Every sample has the same weight, also in a short last batch. The network does not change.

    Parameters
    ----------
    net : gluon.Block
        A network with values.
    data : tuple of array, Dataset, BatchLoader, DataLoader or iterable
        As for `fit`.
    loss : str, gluon.loss.Loss or callable, default 'auto'
        As for `fit`; None to compute no loss.
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

    Warns
    -----
    LossWarning
        When the loss does not fit what the network ends in.

    Notes
    -----
    Keras's `evaluate` returns a list unless told otherwise; `Module.score` of MXNet gives the
    metrics without the loss.

    Examples
    --------
    >>> import gluonkit as gk
    >>> sorted(gk.evaluate(gk.create_model("lenet", init="xavier"), gk.data.digits()))
    ['accuracy', 'loss']
    """
    evaluation = evaluation_of(net, data, loss, metrics=metrics, ctx=ctx, batch_size=batch_size)
    figures = evaluation()
    for unfit in evaluation.warnings:
        warnings.warn(unfit, LossWarning, stacklevel=3)
    if loss is None:
        del figures["loss"]
    return figures


def evaluation_of(
    net: gluon.Block, data: Any, loss: Any, *, metrics: Any, ctx: Contexts, batch_size: int | None
) -> Evaluation:
    """Return the evaluation of a network over the argument `data`, arguments checked."""
    forward = Forward(net, contexts_of(net, ctx)[0])
    given = None if loss is None else checked_loss(net, loss)
    options: dict[str, Any] = {"dtype": float_type(net), "axis": batch_axis(given)}
    batches = source(data, "data", batch_size=batch_size, **options)

    def objective(batch: Batch) -> Objective:
        return objective_of(forward, batch, prepare(forward, batch, "data"), given)

    return Evaluation(objective, batches, "data", metrics)


Begun = tuple[Objective, Tally, Callable[[Batch], None]]
"""What to compute, the tally of the figures, and the check of labels."""


@dataclass
class Evaluation:
    """Evaluates a network with its current weights, with new metrics at each call.

    The figures are those over the data of all workers; a worker may have no sample of a batch.

    Attributes
    ----------
    objective : Objective or callable
        The loss, and what it is computed of; or a function that returns this for the first batch.
    batches : Source
        The data.
    argument : str
        The name of the argument that has the data.
    metrics : object
        The argument `metrics`.
    workers : Workers or None
        The other workers of the job; None without a job.
    """

    objective: Objective | Callable[[Batch], Objective]
    batches: Source
    argument: str
    metrics: Any
    workers: Workers | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said of a loss that does not fit; nothing before the first batch."""
        return self.objective.warnings if isinstance(self.objective, Objective) else ()

    def begin(self, batch: Batch) -> Begun:
        """Return what to compute, the tally of the figures, and the check of labels."""
        if not isinstance(self.objective, Objective):
            self.objective = self.objective(batch)
        objective = self.objective
        task = objective.task(batch, self.argument)
        check = label_check(task)
        check(batch)
        meters = resolve_metrics(decided(self.metrics, task)[0], task)
        return objective, Tally(meters, task.roles, objective.scores), check

    def _runs_code(self, objective: Objective, tally: Tally) -> bool:
        """Return whether the user's code may run between batches."""
        return self.batches.runs_code or tally.runs_code or runs_code(objective.loss)

    def __call__(self, *, renew: bool = True) -> dict[str, float]:
        """Return the figures.

        With `renew` the network is traced again, which is needed if the user's code has run since
        the last call; without it, only if a change of the network is detected.
        """
        tally: Tally | None = None
        for (_, tally, _), _, result in self.passes(renew=renew):
            tally.add(result)
        assert tally is not None  # or `passes` had raised
        return tally.together(self.workers)

    def passes(self, *, renew: bool = True) -> Iterator[tuple[Begun, Batch, StepResult]]:
        """Yield what was begun, each batch with samples, and its result until the next one."""
        if renew and isinstance(self.objective, Objective):
            self.objective.forward.renew()
        begun: Begun | None = None
        for batch in self.batches.batches():
            if not batch.size:
                continue
            objective, tally, check = begun = begun or self.begin(batch)
            check(batch)
            if renew and self._runs_code(objective, tally):
                objective.forward.follow()
            yield begun, batch, _result(objective.forward, batch, objective.loss)
        if begun is None:
            raise ArgumentError(f"`{self.argument}` gives no batch; give at least one")


def _result(forward: Forward, batch: Batch, loss: Any) -> StepResult:
    """Return the result of a batch in prediction mode, like that of a step."""
    outputs = forward(batch)
    labels = [batch.numbers(index) for index in range(batch.inputs, len(batch.specs))]
    if loss is None:
        return StepResult(batch.size, numpy.zeros(batch.size), outputs, labels)
    inner, scores = of_scores(loss, outputs)
    shapes = [array.shape for array in (*scores, *labels)]
    if is_plain_classification(inner) and len(shapes) == 2 and shapes[1] == shapes[0][:1]:
        return StepResult(batch.size, None, outputs, labels)
    np_mode = is_np_array()
    arrays = [memory.copied(array, forward.ctx, np_mode=np_mode) for array in (*outputs, *labels)]
    output = mapped(lambda place: arrays[place], forward.nesting)
    value = loss(output, *arrays[len(outputs) :])
    if not isinstance(value, mx.nd.NDArray):
        raise ArgumentTypeError(
            f"`loss` gave {described(value)}; give a function that returns an array, a loss for "
            "each sample"
        )
    return StepResult(batch.size, numpy.atleast_1d(value.asnumpy()), outputs, labels)


@checked
def predict(
    net: gluon.Block, data: Any, *, ctx: Contexts = None, batch_size: int | None = None
) -> Any:
    """Return the network's outputs for all samples, in prediction mode.

    Parameters
    ----------
    net : gluon.Block
        A network with values.
    data : array, list of array, Dataset or iterable
        An array, or a list of arrays for a network of several inputs, with samples along the first
        axis (for layout 'TNC' of recurrent layers, where that is time, give its length as
        `batch_size`); a `data.Dataset`, whose labels are ignored; or a loader or other iterable of
        batches, the last part of which, if there are several, is the label, and ignored.
    ctx : Context or list of Context, optional
        The device; by default where the parameters are.
    batch_size : int, optional
        Samples in a batch, where arrays are given; 64 by default.

    Returns
    -------
    numpy.ndarray or NDArray
        Outputs of shape ``(samples, ...)``: NumPy arrays where the data are NumPy's (arrays, a
        `data.Dataset`, a `data.RecordFile`, batches of these), MXNet's of the active array mode
        where they are MXNet's (arrays, batches, loaders, its data sets and iterators). Several
        outputs are nested as the network returns them.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        As `fit` does.

    Notes
    -----
    As `predict` in Keras. NumPy in, NumPy out, as for a compiled network.

    Examples
    --------
    >>> import gluonkit as gk
    >>> gk.predict(gk.create_model("lenet", init="xavier"), gk.data.digits()[0]).shape
    (1797, 10)
    """
    contexts = contexts_of(net, ctx)
    labelled = False if _is_arrays(data) else None
    batches = source(data, "data", batch_size=batch_size, labelled=labelled, dtype=float_type(net))
    forward = Forward(net, contexts[0])
    parts: list[list[Any]] = []
    sizes: list[int] = []
    as_numpy = True
    for batch in batches.batches():
        if not parts:
            as_numpy = _is_numpy(data, batch)
            prepare(forward, batch, "data")
        elif batches.runs_code:
            forward.follow()
        parts.append([output.copy() for output in forward(batch)])
        sizes.append(batch.size)
    if not parts:
        raise ArgumentError("`data` gives no batch; give at least one")
    whole = [
        _joined(place, batches, sizes) for place, batches in enumerate(zip(*parts, strict=True))
    ]
    if not as_numpy:
        np_mode = is_np_array()
        whole = [memory.copied(array, contexts[0], np_mode=np_mode) for array in whole]
    return mapped(lambda place: whole[place], forward.nesting)


def _joined(place: int, parts: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Concatenate an output of all batches; a single one is returned as it is."""
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


def gives_shares(net: gluon.Block, data: Any, ctx: Contexts = None) -> bool:
    """Return whether a network ends in a softmax, for input arrays."""
    forward = Forward(net, contexts_of(net, ctx)[0])
    batch = next(source(data, "data", labelled=False, dtype=float_type(net)).batches())
    prepare(forward, batch, "data")
    return forward.ending(batch).kind == SOFTMAX


def _is_numpy(data: Any, first: Batch) -> bool:
    """Return whether the data that a user gave are NumPy's, and not MXNet's."""
    if isinstance(data, _MXNETS):
        return False
    if _is_arrays(data) or isinstance(data, (Dataset, RecordFile)):
        given = data if isinstance(data, list) else [data]
        return not any(isinstance(part, mx.nd.NDArray) for part in given)
    return first.is_numpy


# What gives MXNet's arrays, whatever it was made of.
_MXNETS = (BatchLoader, gluon.data.DataLoader, gluon.data.Dataset, mx.io.DataIter)


def _is_arrays(data: Any) -> bool:
    """Return whether the data are only inputs: an array, or a list of arrays."""
    kinds = (numpy.ndarray, mx.nd.NDArray)
    several = isinstance(data, list) and all(isinstance(part, kinds) for part in data)
    return isinstance(data, kinds) or several or hasattr(data, "take")
