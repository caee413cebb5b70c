"""Who hears of the graphs that a thread traces and binds: nobody, unless a profile is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import local
from typing import Any, Protocol

from mxnet import gluon


class Hearer(Protocol):
    """What is told of graphs."""

    def tracing(
        self, net: gluon.Block, inputs: Sequence[Any], names: Sequence[str], loss: Any
    ) -> AbstractContextManager[None]:
        """Return the context in which a network, and a loss, are called with symbols.

        `inputs` are the network's `ArraySpec`s, nested as it takes them, and `names` those of
        their variables.
        """

    def bound(self, bound: Any, *, fused: bool) -> None:
        """Hear of a graph that has just been bound to arrays, a `graphs.bind.Bound`."""


_here = local()


@contextmanager
def heard_by(hearer: Hearer | None) -> Iterator[None]:
    """Tell one who hears, or nobody, of all graphs that this thread makes in the context."""
    before = current()
    _here.hearer = hearer
    try:
        yield
    finally:
        _here.hearer = before


def current() -> Hearer | None:
    """Return who hears of this thread's graphs; None for nobody."""
    hearer: Hearer | None = getattr(_here, "hearer", None)
    return hearer


def tracing(
    net: gluon.Block, inputs: Sequence[Any], names: Sequence[str], loss: Any
) -> AbstractContextManager[None]:
    """Return the context in which a network is traced, which whoever hears of it makes."""
    hearer = current()
    return nullcontext() if hearer is None else hearer.tracing(net, inputs, names, loss)
