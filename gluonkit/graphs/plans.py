"""Graphs for the shapes that batches have had, kept as far as memory allows."""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

MOST_BYTES = 2 << 30
"""What the graphs of one training or evaluation may take beside the weights; the last two are kept
whatever they take."""

_LEAST = 2  # the usual batch, and a short last one
_MANY = 64  # graphs, after which building them is most of the work


class _Sized(Protocol):
    """An object that knows its size in bytes."""

    @property
    def size(self) -> int:
        """Bytes."""


_Plan = TypeVar("_Plan", bound=_Sized)


class Plans(Generic[_Plan]):
    """A cache of plans by shapes of batches; the least recently used ones are dropped.

    Attributes
    ----------
    made : int
        Number of plans made so far.
    again : int
        Number of plans made again for shapes whose plan was dropped.
    """

    def __init__(self) -> None:
        self._plans: dict[Any, _Plan] = {}  # moved to the end: dropped last
        self._seen: set[Any] = set()
        self.made = self.again = 0

    def get(self, key: Any) -> _Plan | None:
        """Return a cached plan, or None."""
        plan = self._plans.pop(key, None)
        if plan is not None:
            self._plans[key] = plan
        return plan

    def add(self, key: Any, plan: _Plan) -> None:
        """Add a plan, and drop others if the total size is too large."""
        self.made += 1
        self.again += key in self._seen
        self._seen.add(key)
        self._plans[key] = plan
        while len(self._plans) > _LEAST and self._bytes() > MOST_BYTES:
            del self._plans[next(iter(self._plans))]

    def note(self) -> str:
        """Return a note if most of the time goes into building graphs; '' if not."""
        if self.again < _LEAST and self.made <= _MANY:
            return ""
        again = f", {self.again} of them again, for {MOST_BYTES >> 30} GiB of them are kept"
        return (
            f"batches have had {len(self._seen)} shapes, for which {self.made} graphs were made"
            f"{again if self.again else ''}; each takes as long as many steps. Pad the batches to "
            "fewer lengths (gluonkit.data.Pad), or give compiled=False"
        )

    def _bytes(self) -> int:
        return sum(plan.size for plan in self._plans.values())
