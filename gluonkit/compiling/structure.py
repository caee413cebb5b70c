"""Noticing that a network is not the one that was compiled: other layers, or other settings."""

from __future__ import annotations

from time import perf_counter

from gluonkit.compiling.program import Program
from gluonkit.errors import StateError
from gluonkit.graphs.capture import NotCompilableError, graph_digest
from gluonkit.tracing.snapshot import Children, Snapshot
from gluonkit.tracing.tree import UNTOUCHED

_ARRAYS = ("_data", "_grad", "_trainer", "_var")
"""Attributes of parameters that `Watch` follows, which counts who else has their arrays."""

_SHARE = 100  # checks may take this fraction of the time, 1 in 100


class Structure:
    """Compares a network with its program, when any block was given a child, and now and then.

    Only where attributes of blocks and parameters differ, as after training, is the network traced
    again, to see whether its graph is another one.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._digest = graph_digest(program.graph.symbol)
        Children.watch()
        begun, children = perf_counter(), Children.count
        self._renew()
        self._wait_from(begun, children)

    def is_due(self) -> bool:
        """Return whether to check: it is time, or blocks were added or replaced somewhere."""
        return Children.count != self._children or perf_counter() > self._due

    def check(self, *, wait: bool = False) -> None:
        """Compare, unless another thread is tracing, for which only `wait` waits.

        Raises
        ------
        StateError
            When the network has changed.
        """
        # A network that is traced has other attributes for the moment.
        if not UNTOUCHED.acquire(blocking=wait):
            return  # it stays due
        try:
            begun, children = perf_counter(), Children.count
            with self._program.mode():
                holds = self._snapshot.holds()
            if not holds:
                self._compare()
                self._renew()
            self._wait_from(begun, children)
        finally:
            UNTOUCHED.release()

    def _compare(self) -> None:
        before = self._program
        try:
            now = before.resized(before.graph.specs)
        except NotCompilableError as error:
            raise StateError(
                f"the network has changed in more than its weights ({error}); compile it again"
            ) from error
        same = now.parameters.keys() == before.parameters.keys() and all(
            parameter is before.parameters[name] for name, parameter in now.parameters.items()
        )
        if not (same and graph_digest(now.graph.symbol) == self._digest):
            raise StateError(
                "the network has changed in more than its weights: it has other layers or "
                "settings; compile it again"
            )

    def _renew(self) -> None:
        with self._program.mode():
            self._snapshot = Snapshot(self._program.net, without=_ARRAYS)

    def _wait_from(self, begun: float, children: int) -> None:
        now = perf_counter()
        self._children = children
        self._due = now + _SHARE * (now - begun)
