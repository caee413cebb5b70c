"""Tracing a network: every call, every operator and every shape of one pass."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import last_line
from gluonkit.system.modes import has_door, legacy
from gluonkit.tracing.eager import trace_forward
from gluonkit.tracing.explain import checked_inputs, not_through
from gluonkit.tracing.inputs import as_spec, mapped
from gluonkit.tracing.record import Call, Trace
from gluonkit.tracing.symbolic import trace_symbols
from gluonkit.tracing.tree import untouched


def trace(net: gluon.Block, *inputs: Any) -> Trace:
    """Trace one pass of `inputs`, arrays or shapes, through a network, without side effects.

    Symbols are used if the network allows it; else one forward pass in prediction mode.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `net` is not a block, or fails with these inputs.
    """
    parsed = checked_inputs(net, inputs)
    with legacy() if has_door(net) else nullcontext():
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
