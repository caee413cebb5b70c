"""What `fit`, `evaluate` and `predict` have in common: checking what they are given."""

from __future__ import annotations

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Context, Contexts
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.graphs.endings import ending
from gluonkit.system.devices import check_contexts
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.record import Trace
from gluonkit.tracing.tracer import finish_deferred, trace
from gluonkit.tracing.tree import all_paths, array_key, check_initialized, check_net, parameters_of
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.forward import Forward


def contexts_of(net: gluon.Block, ctx: Contexts) -> list[Context]:
    """Return the devices to train on, and move the network's parameters there.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        For an empty list, a GPU that does not exist, and a network without `initialize()`.
    """
    check_net(net)
    _check_parameters(net)
    parameters = parameters_of(net)
    if ctx is None:
        return list(parameters[0].list_ctx()) if parameters else [mx.current_context()]
    wanted = check_contexts(ctx)
    # `reset_ctx` makes new arrays, which an existing Trainer or graph would not know.
    if any(parameter.list_ctx() != wanted for parameter in parameters):
        net.collect_params().reset_ctx(wanted)
    return wanted


def _check_parameters(net: gluon.Block) -> None:
    """Refuse uninitialized parameters, and shared ones of which only some are initialized."""
    try:
        net.collect_params()
    except (AssertionError, ValueError) as error:  # MXNet's own, by where the parameters stand
        raise StateError(
            f"`net` has different parameters of the same name: {last_line(error)}. Give its parts "
            "names of their own (prefix=), or share parameters with params="
        ) from error
    check_initialized(net)
    arrays: dict[int, tuple[str, int]] = {}
    for path, parameter in all_paths(net):
        # MXNet updates by parameter: one array under two would be updated twice in a step.
        other, owner = arrays.setdefault(array_key(parameter), (path, id(parameter)))
        if owner != id(parameter):
            raise StateError(
                f"`net` is shared by halves: {other} and {path} are one array, but two parameters, "
                "each of which would be updated; share the parameter (params=other.params)"
            )
        if parameter.grad_req == "add":
            raise StateError(
                f"`net` has grad_req='add' for {path}, whose gradient would grow from step to "
                "step; set it to 'write', and give accumulate= to gather gradients"
            )


def float_type(net: gluon.Block) -> str | None:
    """Return the data type for floats in batches: the network's, if it has a single one.

    None for a network that has several, and casts itself, or none.
    """
    types = {numpy.dtype(parameter.dtype).name for parameter in parameters_of(net)}
    floats = [kind for kind in types if kind in ("float16", "float32", "float64")]
    return floats[0] if len(floats) == 1 else None


def prepare(forward: Forward, batch: Batch, argument: str) -> tuple[ArraySpec, ...]:
    """Finish deferred initialization; return what the network's outputs for the batch are.

    Raises
    ------
    ArgumentError
        When the network fails with this batch; the message has the layer.
    """
    net = forward.net
    inputs = [(spec.shape, spec.dtype) for spec in batch.specs[: batch.inputs]]
    try:
        finish_deferred(net, *inputs)
        forward.follow()
        # A graph tells without a pass; `trace` may need one.
        if (known := forward.outputs(batch)) is not None:
            _check_pixels(forward, batch, argument)
            return known
        traced = trace(net, *inputs)
    except (ArgumentError, ArgumentTypeError, mx.MXNetError) as error:
        # `finish_deferred` names the layer, and keeps MXNet's error as the cause.
        failed = error if isinstance(error, mx.MXNetError) else error.__cause__
        if isinstance(failed, mx.MXNetError) and float_type(net) == "float16":
            raise _half(last_line(failed)) from error
        if failed is error:
            raise
        shapes = ", ".join(str(spec) for spec in batch.specs[: batch.inputs])
        whole = [dtype for _, dtype in inputs if "int" in dtype or dtype == "bool"]
        hint = (
            f". If the network is to compute with the {whole[0]} numbers, give them as floats: "
            "astype('float32'), of pixels divided by 255"
            # MXNet's words for data types that do not fit together.
            if whole and "Incompatible attr" in str(error)
            else ""
        )
        raise ArgumentError(f"`{argument}` gives batches of {shapes}: {error}{hint}") from error
    _check_half(net, traced)
    executed = sorted((operator for _, operator in traced.operators), key=lambda o: o.number)
    return forward.note_outputs(batch, tuple(leaves(traced.calls[0].outputs)), ending(executed))


def _check_pixels(forward: Forward, batch: Batch, argument: str) -> None:
    """Refuse indices that are divided by 255 as pixels are."""
    for place in set(batch.pixels) & forward.indices(batch):
        raise ArgumentError(
            f"`{argument}` has uint8 as array {place}, which is divided by 255 as pixels are, but "
            "the network takes it for indices; give other whole numbers: astype('int32')"
        )


def _check_half(net: gluon.Block, traced: Trace) -> None:
    """Refuse float16 in operators that MXNet supports on GPUs only, before they fail."""
    if any(
        ctx.device_type == "gpu"
        for parameter in parameters_of(net)[:1]
        for ctx in parameter.list_ctx()
    ):
        return
    for _, operator in traced.operators:
        half = any(array.dtype == "float16" for array in operator.inputs)
        if half and operator.name in ("FullyConnected", "RNN"):
            raise _half(operator.name)


def _half(what: str) -> StateError:
    return StateError(
        f"`net` is in float16, which MXNet computes on GPUs only ({what}); call "
        "net.cast('float32'), and give amp=True to train in mixed precision"
    )
