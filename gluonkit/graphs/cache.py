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


_Graph = TypeVar("_Graph", bound=_Sized)


class GraphCache(Generic[_Graph]):
    """A cache of graphs by shapes of batches; the least recently used ones are dropped.

    Attributes
    ----------
    made : int
        Number of graphs made so far.
    again : int
        Number of graphs made again for shapes whose graph was dropped.
    """

    def __init__(self) -> None:
        self._graphs: dict[Any, _Graph] = {}  # moved to the end: dropped last
        self._seen: set[Any] = set()
        self.made = self.again = 0

    def get(self, key: Any) -> _Graph | None:
        """Return a cached graph, or None."""
        graph = self._graphs.pop(key, None)
        if graph is not None:
            self._graphs[key] = graph
        return graph

    def add(self, key: Any, graph: _Graph) -> None:
        """Add a graph, and drop others if the total size is too large."""
        self.made += 1
        self.again += key in self._seen
        self._seen.add(key)
        self._graphs[key] = graph
        while len(self._graphs) > _LEAST and self._bytes() > MOST_BYTES:
            del self._graphs[next(iter(self._graphs))]

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
        return sum(graph.size for graph in self._graphs.values())
