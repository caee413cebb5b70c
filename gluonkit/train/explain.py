"""Saying where numbers stopped being finite."""

from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy
from mxnet.util import is_np_array

from gluonkit.errors import NotFiniteError
from gluonkit.inspection.recording import activations
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.result import NotFiniteStepError


def explain_not_finite(error: NotFiniteStepError, run: Any) -> NotFiniteError:
    """Return the error for a loss that is not finite, with the step and the cause.

    The network must have the weights from before the step.
    """
    where = f"step {run.step + 1} (epoch {run.epoch}): {error}"
    blame = "" if error.batch is None else _blame(error.batch, run.net)
    weights = f"The network has the weights from before that step (step {run.step})"
    if error.spoiled:
        weights = (
            "The weights were spoiled already by the update of the step before, whose gradients "
            "were not finite; the network has the last ones that were seen to be finite"
        )
    return NotFiniteError(
        f"training stopped at {where}{blame}. {weights}. A smaller learning rate or grad_clip= "
        "helps where the numbers have grown too large"
    )


def _blame(batch: Batch, net: Any) -> str:
    """Return the first cause that is not finite: the data, or the output of a layer."""
    for index in range(len(batch.specs)):
        array = batch.numbers(index)
        if array.dtype.kind == "f" and not numpy.isfinite(array).all():
            # The first axis is that of the samples.
            bad = numpy.unique(numpy.argwhere(~numpy.isfinite(array))[:, 0])
            kind = "input" if index < batch.inputs else "label"
            return (
                f"; the batch's {kind} holds NaN or infinity in sample "
                f"{', '.join(map(str, bad[:5]))}"
            )
    context = next(iter(net.collect_params().values())).list_ctx()[0]
    inputs = batch.arrays(context, np_mode=is_np_array())[: batch.inputs]
    try:
        records = activations(net, *inputs)
    # What explains an error must not hide it.
    except mx.MXNetError:
        return ""
    for record in records:
        # A container gives what a layer in it has given.
        if record.leaf and not record.values.finite:
            return (
                f"; the first layer whose output is not finite is `{record.path}` ({record.kind})"
            )
    return "; every layer's output is finite, so that the loss itself overflows"
