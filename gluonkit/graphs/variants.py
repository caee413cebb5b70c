"""Ways to run one network, switched in place, and putting the network back as it was."""

from __future__ import annotations

import warnings
from typing import Any

from mxnet import gluon

from gluonkit.tracing.tree import is_traced, walk

VARIANTS: dict[str, dict[str, Any] | None] = {
    "eager": None,
    "hybrid": {},
    "static": {"static_alloc": True, "static_shape": True},
    "compiled": None,
}
"""Each variant with the arguments of `hybridize()`; None for not hybridized. Compiled is what
`gluonkit.compile(frozen=True)` makes of the network, which predicts only."""

COMPILED = "compiled"

# All that `HybridBlock.hybridize` and the first call after it leave on a block (MXNet 1.9.1).
_STATE = ("_active", "_flags", "_cached_graph", "_cached_op", "_cached_op_args", "_in_format",
          "_out_format", "_backend", "_backend_opts")  # fmt: skip


class Switch:
    """Holds one network's compiled state for each variant and swaps them in and out.

    All variants share the network and its parameters, so nothing is copied. `restore` puts the
    original state back.
    """

    def __init__(self, net: gluon.Block) -> None:
        self._net = net
        self._blocks = [block for _, block in walk(net) if isinstance(block, gluon.HybridBlock)]
        self._original = self._state()
        self._variants: dict[str, list[dict[str, Any]]] = {}
        self._active: str | None = None

    @property
    def active(self) -> str:
        """The variant that the network runs as; eager before any was chosen."""
        return self._active or "eager"

    def activate(self, variant: str) -> None:
        """Make the network run as `variant`, with the graph that was built for it, if any."""
        if self._active == variant:
            return
        if variant not in self._variants:
            self.build(variant)
            return
        self._keep()
        self._put(self._variants[variant])
        self._active = variant

    def build(self, variant: str) -> None:
        """Make the network run as `variant`; its next call builds the graph from scratch."""
        # A variant that is built anew drops its own old graph, and keeps the other's.
        if self._active != variant:
            self._keep()
        arguments = VARIANTS.get(variant)  # for an opponent the network stays as it is
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MXNet advises against some settings
            self._net.hybridize(arguments is not None, **(arguments or {}))
        self._active = variant

    def forget(self) -> None:
        """Drop all graphs; the next activation builds them again."""
        self._variants.clear()
        self._active = None

    def restore(self) -> None:
        """Restore the state that the network had at the beginning."""
        self._put(self._original)
        self.forget()

    def _keep(self) -> None:
        # Before the first change the state is the original one, which is kept apart.
        if self._active is not None:
            self._variants[self._active] = self._state()

    def _state(self) -> list[dict[str, Any]]:
        return [{name: vars(block)[name] for name in _STATE} for block in self._blocks]

    def _put(self, states: list[dict[str, Any]]) -> None:
        # Not by setattr: a HybridBlock's `__setattr__` drops graphs as a side effect.
        for block, state in zip(self._blocks, states, strict=True):
            vars(block).update(state)


def imperative_parts(net: gluon.Block) -> list[str]:
    """Say which blocks stay imperative when the network is hybridized, and why.

    MXNet gives no warning: it compiles the blocks below such a block, or nothing at all.
    """
    parts = []
    for path, block in walk(net):
        name = f"{path or 'the network'} ({type(block).__name__})"
        if not isinstance(block, gluon.HybridBlock):
            parts.append(f"{name} is a Block, not a HybridBlock")
        elif not is_traced(type(block)):
            parts.append(f"{name} defines `forward`, which MXNet 1.9.1 never compiles")
    return parts


def compiles_anything(net: gluon.Block) -> bool:
    """Return whether `hybridize()` compiles any part of the network."""
    return any(is_traced(type(block)) for _, block in walk(net))
