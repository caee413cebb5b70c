"""Tracing a network: every call, every operator and every shape of one pass."""

from __future__ import annotations

from typing import Any

from mxnet import gluon

from gluonkit._errors import ArgumentError, last_line
from gluonkit.trace.explain import check_count
from gluonkit.trace.forward import trace_forward
from gluonkit.trace.inputs import leaves, parse_inputs
from gluonkit.trace.record import Trace
from gluonkit.trace.symbolic import trace_symbols
from gluonkit.trace.tree import check_net, untouched


def trace(net: gluon.Block, *inputs: Any) -> Trace:
    """Follow one pass of `inputs`, arrays or shapes, through a network, and leave no trace of it.

    By symbols where the network allows it; else by one forward pass in prediction mode.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        when `net` is no block, or the inputs do not go through it.
    """
    check_net(net)
    parsed = parse_inputs(inputs)
    if not list(leaves(parsed)):
        raise ArgumentError("no input is given; give an array or a shape for each input of `net`")
    check_count(net, parsed)
    try:
        with untouched(net):
            return trace_symbols(net, parsed)
    except Exception as error:  # whatever its code does not do with symbols, it may with arrays
        reason = last_line(error)
    with untouched(net):
        return trace_forward(net, parsed, reason)
