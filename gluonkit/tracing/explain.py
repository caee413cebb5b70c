"""Saying what went wrong when inputs do not go through a network."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import last_line
from gluonkit.errors import ArgumentError, GluonkitError
from gluonkit.system.modes import own_forward
from gluonkit.tracing.inputs import leaves, parse_inputs
from gluonkit.tracing.prints import unprinted
from gluonkit.tracing.record import Call
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.tree import check_net


def checked_inputs(net: gluon.Block, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return the inputs of a network as `parse_inputs` does, after checking their number."""
    check_net(net)
    parsed = parse_inputs(inputs)
    if not list(leaves(parsed)):
        raise ArgumentError("no input is given; give an array or a shape for each input of `net`")
    check_count(net, parsed)
    return parsed


_NUMBER = re.compile(r"(?<=\w)#\d+\b")  # traces give it to a SymbolBlock's nodes


def check_count(net: gluon.Block, inputs: Sequence[Any]) -> None:
    """Refuse a number of inputs that the network does not accept."""
    names, least, most = inputs_taken(net)
    if least <= len(inputs) <= most:
        return
    number = (
        f"{least}"
        if least == most
        else f"{least} or more"
        if most > 99
        else f"{least} to {most:.0f}"
    )
    raise ArgumentError(
        f"{len(inputs)} inputs are given, but {type(net).__name__} takes {number}: "
        f"{', '.join(names)}. A shape is a tuple, an input of several arrays a list"
    )


def inputs_taken(net: gluon.Block) -> tuple[list[str], int, float]:
    """Return the names of a network's inputs, and their least and greatest number."""
    if isinstance(net, gluon.SymbolBlock):
        names = [symbol.name for symbol in net._cached_graph[0]]
        return names, len(names), len(names)
    # A class may have a `__call__` of its own, as RNN layers do, whose states are optional.
    method = type(net).__call__
    if method is gluon.Block.__call__:
        hybrid = type(net).forward is gluon.HybridBlock.forward
        method = type(net).hybrid_forward if hybrid else type(net).forward
        method = own_forward(net) or method
    # Without self, without F, and without the parameters that MXNet passes by name.
    skipped = 2 if method.__name__ == "hybrid_forward" else int(method is not own_forward(net))
    names, least, most = [], 0, 0.0
    for parameter in list(inspect.signature(method).parameters.values())[skipped:]:
        if parameter.name in net._reg_params or parameter.kind in (
            parameter.VAR_KEYWORD,
            parameter.KEYWORD_ONLY,
        ):
            continue
        names.append(str(parameter).partition(":")[0])
        if parameter.kind is parameter.VAR_POSITIONAL:
            most = float("inf")
        else:
            least += parameter.default is parameter.empty
            most += 1
    return names, least, most


@contextmanager
def explained(recorder: Recorder) -> Iterator[None]:
    """Turn a failure of MXNet in the forward pass into an error that names layer and inputs.

    Other exceptions of the network's own code (a KeyError) keep their type.
    """
    try:
        with unprinted():
            yield
    # gluonkit's errors are ValueErrors and others of these, too, but are explained already.
    except GluonkitError:
        raise
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        # MXNet may fail later than where it was called, and a class may have its own `__call__`.
        call = recorder.failed or next(iter(recorder.calls), Call(recorder.net, "", None))
        raise not_through(call, error) from error


def not_through(call: Call, error: Exception) -> ArgumentError:
    """Return the error that says at which call, and why, the inputs do not go through."""
    got = ", ".join(map(str, leaves(call.inputs)))
    where = f"`{call.path}`" if call.path else "the network"
    return ArgumentError(
        f"the inputs do not go through {where} ({type(call.block).__name__})"
        f"{got and ', which got '}{got}: {_said(error)}{_states(call)}"
    )


def _said(error: Exception) -> str:
    usual = isinstance(error, (mx.MXNetError, ValueError, TypeError, AssertionError))
    said = _NUMBER.sub("", last_line(error).rstrip("."))
    return said if usual else f"{type(error).__name__}: {said}"


def _states(call: Call) -> str:
    """Return a hint about states, if the block is a recurrent cell."""
    cell, arrays = call.block, list(leaves(call.inputs))
    if not isinstance(cell, gluon.rnn.RecurrentCell) or not arrays:
        return ""
    shapes = [state["shape"] for state in cell.state_info(arrays[0].shape[0])]
    return f"; its states are one input, a list of arrays with the shapes {shapes}"
