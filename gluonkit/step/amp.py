"""Mixed precision: a graph computed in a lower precision where MXNet's lists allow it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mxnet.contrib import amp

from gluonkit._errors import ArgumentError
from gluonkit._memory import on_cpu
from gluonkit.step.graph import Graph

PRECISIONS = ("bfloat16", "float16")


def resolve_amp(choice: Any, ctx: Any) -> str | None:
    """Return the data type of mixed precision, None for none.

    Raises
    ------
    ArgumentError
        for anything but True, False and the names of the types, and for float16 on a processor.
    """
    if choice in (None, False):
        return None
    if choice is True:
        return "bfloat16" if on_cpu(ctx) else "float16"
    if choice not in PRECISIONS:
        raise ArgumentError(
            f"`amp` is {choice!r}; give True, False, or one of {', '.join(PRECISIONS)}"
        )
    if choice == "float16" and on_cpu(ctx):
        raise ArgumentError(
            "`amp` is 'float16', for which MXNet has no fast code on a processor; give 'bfloat16'"
        )
    return str(choice)


def mixed(graph: Graph, precision: str) -> Graph:
    """Return a graph in mixed precision: weights and losses stay float32."""
    return replace(graph, symbol=amp.convert_symbol(graph.symbol, target_dtype=precision))
