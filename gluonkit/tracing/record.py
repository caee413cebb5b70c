"""What a trace holds: the calls of blocks, and the operators that each call ran itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mxnet import gluon

from gluonkit._base.specs import ArraySpec


@dataclass(frozen=True)
class Operator:
    """One executed operator.

    Attributes
    ----------
    name : str
        MXNet's name of the operator: 'Convolution', '_npi_add'.
    attributes : mapping of str to str
        Its arguments as MXNet stores them, as text: ``{"kernel": "(3, 3)"}``.
    inputs, outputs : tuple of ArraySpec
        Shapes and data types; parameters are among the inputs.
    number : int
        Position in the order of execution.
    sources : tuple of (int or None)
        For each input, the number of the operator that computed it; -1 for the network's first
        input, -2 for its second, and so on; None for a parameter.
    """

    name: str
    attributes: Mapping[str, str]
    inputs: tuple[ArraySpec, ...]
    outputs: tuple[ArraySpec, ...]
    number: int = 0
    sources: tuple[int | None, ...] = ()


@dataclass(eq=False)
class Call:
    """One call of a block.

    Attributes
    ----------
    path : str
        The block's path in the tree, '' for the root. A block that its parent has not registered
        appears by its name in brackets: ``features.[dense3]``.
    inputs, outputs : object
        `ArraySpec`, nested as the block takes and returns them.
    operators : list of Operator
        Operators that the block called itself, without those of inner blocks.
    """

    block: gluon.Block
    path: str
    parent: Call | None
    registered: bool = True
    inputs: Any = ()
    outputs: Any = None
    operators: list[Operator] = field(default_factory=list)
    children: dict[int, int] = field(default_factory=dict)  # id(block) -> calls made of it


@dataclass(frozen=True)
class Trace:
    """One forward pass through a network.

    Attributes
    ----------
    calls : tuple of Call
        All calls in the order of execution, the root's first.
    executed : bool
        Whether arrays were computed (a forward pass) or only shapes inferred.
    reason : str
        Why arrays had to be computed; empty if they were not.
    shapes : mapping of int to tuple of int
        Shape of every parameter that the pass reached, by the parameter's id().
    graph_order : tuple of int
        The operators' numbers in the graph's order of execution, which may differ from the code's;
        empty if arrays were computed.
    """

    calls: tuple[Call, ...]
    executed: bool
    reason: str
    shapes: Mapping[int, tuple[int, ...]]
    graph_order: tuple[int, ...] = ()

    @property
    def operators(self) -> Iterator[tuple[Call, Operator]]:
        """Every operator with the call that ran it."""
        return ((call, operator) for call in self.calls for operator in call.operators)
