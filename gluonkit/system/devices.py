"""Devices: what may be given as `ctx`."""

from __future__ import annotations

from functools import cache
from typing import Any

import mxnet as mx
from mxnet.contrib import amp

from gluonkit._base.checks import described, last_line
from gluonkit._base.kinds import Context, Contexts
from gluonkit.errors import ArgumentError, ArgumentTypeError


def check_contexts(ctx: Contexts) -> list[Context]:
    """Return one device or several as a list; check that MXNet can use them.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an empty list, a device that is listed twice, a GPU that does not exist, and anything
        that is not a device.
    """
    wanted = list(ctx) if isinstance(ctx, (list, tuple)) else [ctx]
    for device in wanted:
        _check_context(device)
    if not wanted or len(set(wanted)) != len(wanted):
        raise ArgumentError(f"`ctx` is {ctx}; give one device or more, each once")
    return wanted


def _check_context(ctx: Any) -> None:
    """Refuse anything that is not a device, and GPUs that MXNet cannot use."""
    if not isinstance(ctx, mx.Context):
        raise ArgumentTypeError(
            f"`ctx` is {described(ctx)}; give a device, such as mx.cpu() or mx.gpu(0)"
        )
    if ctx.device_type != "gpu":
        return
    if not mx.runtime.Features().is_enabled("CUDA"):
        raise ArgumentError(
            f"`ctx` is {ctx}, but this build of MXNet has no GPU support; use mx.cpu(), or install "
            "a CUDA build (`gluonkit doctor` tells more)"
        )
    try:
        # No card, no driver or an old one count as 0 GPUs; any other failure of CUDA is raised.
        count = mx.context.num_gpus()
    except mx.MXNetError as error:
        raise ArgumentError(
            f"`ctx` is {ctx}, but CUDA does not work: {last_line(error)}"
        ) from error
    if ctx.device_id >= count:
        raise ArgumentError(f"`ctx` is {ctx}, but MXNet sees {count} GPUs")


@cache
def computes_bfloat16() -> bool:
    """Return whether MXNet can compute in bfloat16 on this processor; tried once.

    oneDNN needs AVX-512 for it, which ``DNNL_MAX_CPU_ISA`` may disable too.
    """
    row, weight = map(mx.sym.var, ("row", "weight"))
    product = mx.sym.FullyConnected(row, weight, num_hidden=1, no_bias=True)
    # With AMP's casts, as `fit` makes them: `sym.cast` looks its type up in NumPy, which has no
    # bfloat16.
    product = amp.convert_symbol(product, target_dtype="bfloat16")
    try:
        # Without waiting, the error would come up in the engine, at a later read of something
        # else.
        mx.nd.CachedOp(product)(mx.nd.ones((1, 1)), mx.nd.ones((1, 1))).wait_to_read()
    except mx.MXNetError:
        return False
    return True
