"""What engines are given, a program and its model, and what they give: it bound to arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from mxnet import gluon

from gluonkit._base.kinds import Array, Context
from gluonkit._base.specs import ArraySpec

Bind: TypeAlias = Callable[[Mapping[str, Array], Mapping[str, Array]], Callable[[], Any]]
"""Takes arrays for inputs and outputs by name, and returns what computes the one from the other."""


@dataclass(frozen=True)
class Model:
    """A program as ONNX, for inputs of its shapes only.

    Attributes
    ----------
    contents : bytes
        The serialized model, with the weights of the moment.
    inputs, outputs : dict of str to ArraySpec
        By their names in it, in the network's order.
    seconds : float
        How long it took to write.
    """

    contents: bytes
    inputs: dict[str, ArraySpec]
    outputs: dict[str, ArraySpec]
    seconds: float


class Source(Protocol):
    """What is written as ONNX: a `Program`, of which engines know no more than this."""

    net: gluon.Block
    nested: tuple[Any, ...]
    ctx: Context
    parameters: dict[str, gluon.Parameter]
    model: Model | None

    def outputs(self) -> list[ArraySpec]:
        """Return the shapes and data types of the network's outputs."""
