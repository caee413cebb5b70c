"""Tracing a network: every call, every operator and every shape of one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import last_line
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentError
from gluonkit.system.modes import converts_arrays, legacy
from gluonkit.tracing.eager import trace_forward
from gluonkit.tracing.explain import checked_inputs, not_through
from gluonkit.tracing.inputs import as_spec, leaves, mapped
from gluonkit.tracing.record import Call, Trace
from gluonkit.tracing.symbolic import trace_symbols
from gluonkit.tracing.tree import check_initialized, check_net, parameters_of, untouched


def trace(net: gluon.Block, *inputs: Any) -> Trace:
    """Trace one pass of `inputs`, arrays or shapes, through a network, without side effects.

    Symbols are used if the network allows it; else one forward pass in prediction mode.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `net` is not a block, or fails with these inputs.
    """
    parsed = checked_inputs(net, inputs)
    with _batch_hinted(net, parsed):
        return _traced(net, parsed)


def finish_deferred(net: gluon.Block, *inputs: Any) -> None:
    """Finish deferred initialization by one pass of `inputs`, without any other effect.

    Raises
    ------
    StateError
        When `initialize()` has not been called on some part of the network.
    ArgumentError, ArgumentTypeError
        When `net` is not a block, or fails with these inputs.
    """
    check_net(net)
    check_initialized(net)
    # Also where nothing is left to do: wrong inputs are an error in any state.
    parsed = checked_inputs(net, inputs)
    if all(parameter._data is not None for parameter in parameters_of(net)):
        return
    with _batch_hinted(net, parsed), untouched(net):
        trace_forward(net, parsed, "", initialize=True)
        # `untouched` puts parameters back, too: what they have become is put by before it ends.
        finished = [(parameter, dict(vars(parameter))) for parameter in parameters_of(net)]
    for parameter, state in finished:
        # The variable of this trace has its shapes and array mode, and must not be used by another
        # one.
        del state["_var"]
        vars(parameter).update(state)


@contextmanager
def _batch_hinted(net: gluon.Block, inputs: Any) -> Iterator[None]:
    """Add to the error for inputs that do not go through whether the batch axis is missing."""
    try:
        yield
    except ArgumentError as error:
        if hint := batch_hint(net, inputs):
            raise ArgumentError(f"{error}{hint}") from error.__cause__
        raise


def batch_hint(net: gluon.Block, inputs: Any) -> str:
    """Return a hint where inputs that do not go through would, with axes more in front."""
    for missing, added in (
        ("Is the batch axis", "x[None] adds the axis"),
        ("Are the axes of batch and channels", "x[None, None] adds them"),
    ):
        batch = mapped(partial(_with_axes, added.count("None")), inputs)
        try:
            _traced(net, batch)
        except Exception:  # whatever the network's code raises: this is no way to mend it
            continue
        shapes = ", ".join(map(str, leaves(batch)))
        return f". {missing} missing? An input of {shapes} goes through: {added}"
    return ""


def _with_axes(count: int, array: Any) -> ArraySpec:
    spec = as_spec(array)
    return ArraySpec((1,) * count + spec.shape, spec.dtype)


def _traced(net: gluon.Block, parsed: tuple[Any, ...]) -> Trace:
    with legacy() if converts_arrays(net) else nullcontext():
        try:
            with untouched(net):
                return trace_symbols(net, parsed)
        except Exception as error:  # code that fails with symbols may work with arrays
            reason, cause = last_line(error), error.__cause__
            if isinstance(net, gluon.SymbolBlock) and isinstance(cause, mx.MXNetError):
                # Its graph is all that it runs, and MXNet, run a second time, says less of it.
                call = Call(net, "", None, inputs=mapped(as_spec, parsed))
                raise not_through(call, cause) from error
        with untouched(net):
            return trace_forward(net, parsed, reason)
