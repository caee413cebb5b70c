"""Mixed precision: a graph computed in a lower precision where MXNet's lists allow it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mxnet.contrib import amp

from gluonkit._base import cpu
from gluonkit._base.kinds import Context
from gluonkit.errors import ArgumentError
from gluonkit.graphs.capture import Captured
from gluonkit.system.devices import computes_bfloat16
from gluonkit.system.memory import on_cpu

PRECISIONS = ("bfloat16", "float16")


def resolve_amp(choice: Any, ctx: Context) -> str | None:
    """Return the data type of mixed precision; None without it.

    Raises
    ------
    ArgumentError
        For anything but True, False and the names of the types, for float16 on a CPU, and for
        bfloat16 on one without AVX-512.
    """
    if choice in (None, False):
        return None
    if choice is not True and choice not in PRECISIONS:
        raise ArgumentError(
            f"`amp` is {choice!r}; give True, False, or one of {', '.join(PRECISIONS)}"
        )
    if choice == "float16" and on_cpu(ctx):
        raise ArgumentError(
            "`amp` is 'float16', for which MXNet has no fast code on a processor; give 'bfloat16'"
        )
    if not on_cpu(ctx):
        return "float16" if choice is True else str(choice)
    if not computes_bfloat16():
        raise ArgumentError(
            f"`amp` is {choice!r}, but MXNet computes in bfloat16 only on processors with AVX-512: "
            f"this one ({cpu.model_name()}) has none, or DNNL_MAX_CPU_ISA hides it; leave `amp` "
            "out"
        )
    return "bfloat16"


def mixed(graph: Captured, precision: str) -> Captured:
    """Return a graph in mixed precision: weights and losses stay float32."""
    linear = graph.backward.linear and precision != "float16"  # which loses small gradients
    return replace(
        graph,
        # Casts go in by MXNet's lists of operators that are safe; variables keep their type.
        symbol=amp.convert_symbol(graph.symbol, target_dtype=precision),
        backward=replace(graph.backward, linear=linear),
    )
