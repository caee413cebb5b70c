"""What a trace holds: the calls of blocks, and the operators that each call ran itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mxnet import gluon

from gluonkit.tracing.inputs import ArraySpec


@dataclass(frozen=True)
class Operator:
    """One operator as it was, or would be, run.

    Attributes
    ----------
    name : str
        MXNet's name of the operator: 'Convolution', '_npi_add'.
    attributes : mapping of str to str
        Its settings as MXNet has them, all text: ``{"kernel": "(3, 3)"}``.
    inputs, outputs : tuple of ArraySpec
        Shapes and data types; parameters are among the inputs.
    number : int
        Position in the order of execution.
    sources : tuple of (int or None)
        For each input, the number of the operator that made it; -1 for the network's first input,
        -2 for its second, and so on; None for a parameter.
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
        Where the block stands in the tree, '' for the root. A block that its parent has not
        registered stands there by its name in brackets: ``features.[dense3]``.
    inputs, outputs : object
        `ArraySpec`, nested as the block takes and returns them.
    operators : list of Operator
        Those run by the block itself, not by the blocks that it called.
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
    """One pass through a network.

    Attributes
    ----------
    calls : tuple of Call
        In the order of execution, the root's first.
    executed : bool
        Whether arrays were computed (a forward pass) or only shapes inferred.
    reason : str
        Why a forward pass was needed; empty when none was.
    shapes : mapping of int to tuple of int
        Shape of every parameter that the pass reached, by the parameter's id().
    graph_order : tuple of int
        The operators' numbers in the order in which a graph of the network runs them, which need
        not be the code's; empty where a forward pass was needed.
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
