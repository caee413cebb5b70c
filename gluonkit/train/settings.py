"""What is trained, by what and where: the arguments of `fit`, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._base.checks import a_type, whole_number
from gluonkit.distributed.workers import Workers, checked_compression, resolve_kvstore
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.graphs.amp import resolve_amp
from gluonkit.graphs.losses import batch_axis
from gluonkit.system import optimizers
from gluonkit.system.seeding import seed_everything
from gluonkit.tracing.hidden import check_nothing_hidden
from gluonkit.train import together
from gluonkit.train.callbacks import Callback
from gluonkit.train.objective import checked_loss
from gluonkit.train.output_layers import runs_code
from gluonkit.train.setup import contexts_of
from gluonkit.train.step.result import StepOptions


@dataclass(frozen=True)
class Settings:
    """The checked arguments of `fit`: what is trained, how and where.

    Attributes
    ----------
    net : gluon.Block
        The network.
    contexts : list
        The devices.
    loss : callable or str
        The loss, or 'auto'.
    options : StepOptions
        Options of the steps, including the connection to other workers.
    """

    net: gluon.Block
    contexts: list[Any]
    loss: Any
    optimizer: Any
    options: StepOptions

    @property
    def axis(self) -> int:
        """The axis of labels along which the loss has its samples."""
        return batch_axis(self.loss)

    @property
    def workers(self) -> Workers | None:
        """The other workers of the job; None without a job."""
        return self.options.workers


def settings_of(
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
) -> Settings:
    """Check the arguments, then connect with the other workers."""
    check_nothing_hidden(net, "they would not be trained")
    contexts = contexts_of(net, ctx)
    options = _options(accumulate, grad_clip, amp, contexts[0], callbacks)
    loss = checked_loss(net, loss)
    if len(contexts) > 1 and batch_axis(loss):
        raise ArgumentError(
            f"`loss` has batch_axis={batch_axis(loss)}, but batches are divided over several "
            "devices along axis 0; give one device"
        )
    optimizer = optimizers.resolve_optimizer(optimizer, optimizer_params)
    if optimizers.runs_code(optimizer) or runs_code(loss):
        options = replace(options, followed=True)
    options = _shared(options, kvstore, compression_params, net, contexts)
    return Settings(net, contexts, loss, optimizer, options)


def _options(
    accumulate: Any, grad_clip: Any, amp: Any, ctx: Any, callbacks: Sequence[Callback]
) -> StepOptions:
    if grad_clip is not None and not 0 < grad_clip < math.inf:
        raise ArgumentError(f"`grad_clip` is {grad_clip!r}; give a positive number, or None")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            hint = "; create an instance" if isinstance(callback, type) else ""
            raise ArgumentTypeError(
                f"`callbacks` has {a_type(callback)}{hint}; give gluonkit.Callback objects"
            )
    return StepOptions(
        accumulate=whole_number("accumulate", accumulate),
        grad_clip=grad_clip,
        amp=resolve_amp(amp, ctx),
        observed=any(callback.observes for callback in callbacks),
        followed=any(callback.changes_net for callback in callbacks),
    )


def _shared(
    options: StepOptions, kvstore: Any, compression: Any, net: gluon.Block, contexts: list[Any]
) -> StepOptions:
    """Connect with the other workers, if there are any, and return the options for that."""
    compression = None if compression is None else checked_compression(compression)
    within, workers = resolve_kvstore(kvstore)
    if workers is None:
        # Between processors' contexts MXNet's compression writes beyond its buffers.
        fits = len(contexts) > 1 and all(context.device_type == "gpu" for context in contexts)
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
    """Refuse parameters of data types that MXNet would change in transmission."""
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


def seeded(seed: int | None, workers: Workers | None) -> int | None:
    """Seed everything, and return the seed; several workers always have a common one."""
    if workers is not None:
        seed = together.shared_seed(workers, seed)
    if seed is not None:
        seed_everything(seed)
    if workers is not None and seed is not None:
        together.part_streams(workers, seed)
    return seed
