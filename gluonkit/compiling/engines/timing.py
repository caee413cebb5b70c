"""What an engine tells of a run: which operator took how long, and which ONNX nodes it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from gluonkit._base.optional import require
from gluonkit.compiling.engines.binding import Bind


class Ran(NamedTuple):
    """An operator that an engine ran.

    Attributes
    ----------
    operator : str
        The engine's name of its kind.
    nodes : tuple of str
        The ONNX nodes that it computes, by name, those that multiply first; of what only rearranges
        numbers, those of the operator before it.
    began, ended : float
        In microseconds since 1970.
    """

    operator: str
    nodes: tuple[str, ...]
    began: float
    ended: float


Timed: TypeAlias = tuple[Bind, Callable[[], list[Ran]]]
"""What binds a model to arrays, and what returns, once, the operators of all runs until then."""

_HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN")


class Nodes:
    """The nodes of an ONNX model, each of which one of an engine's operators computes."""

    def __init__(self, contents: bytes) -> None:
        graph = require("onnx", extra="onnx").load_from_string(contents).graph
        self._nodes: list[Any] = list(graph.node)
        # An output's name stands for its node, as most nodes have the name of their output.
        self._places: dict[str, int] = {}
        for place, node in enumerate(self._nodes):
            for name in (node.name, *node.output):
                self._places.setdefault(name, place)

    def computed(self, operators: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
        """Return the nodes that each operator computes.

        Of each there are names that may be of its last node, or of that node's outputs. Engines
        join nodes, and run operators in order: what nobody before has computed, and a node needs,
        its operator computes too.
        """
        left = set(range(len(self._nodes)))
        computed: list[tuple[str, ...]] = []
        for names in operators:
            own: set[int] = set()
            for name in names:
                if (place := self._places.get(_plain(name))) is not None:
                    self._claim(place, left, own)
            order = sorted(own, key=lambda place: (self._nodes[place].op_type not in _HEAVY, place))
            computed.append(tuple(self._nodes[place].name for place in order))
        return list(_filled(computed))

    def _claim(self, place: int, left: set[int], own: set[int]) -> None:
        pending = [place]
        while pending:
            place = pending.pop()
            if place in left:
                left.remove(place)
                own.add(place)
                inputs = (self._places.get(name) for name in self._nodes[place].input)
                pending += [before for before in inputs if before is not None]


def _plain(name: str) -> str:
    """Return a node's name without what engines put around it."""
    return name.removeprefix("fused ").partition("/")[0].removesuffix("_nchwc")


def _filled(computed: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield what each operator computes; of one that computes nothing, what the one before does."""
    last = next((names for names in computed if names), ())
    for names in computed:
        last = names or last
        yield last
