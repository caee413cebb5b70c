"""What the writers of PyTorch source, and who certifies it, hand to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gluonkit._base.kinds import Array
from gluonkit._base.specs import ArraySpec


def whole(array: Array) -> Array:
    """Return an array as it is: torch holds it as MXNet does."""
    return array


@dataclass(frozen=True)
class Weight:
    """One tensor of the written model.

    Attributes
    ----------
    key : str
        Its key in the `state_dict`.
    array : Array
        Its values, as torch holds them.
    origin : str or None
        MXNet's name of the parameter that it comes from; None for a constant. Keys that torch ties
        have one origin and one part; which of them are one tensor is known to the source only.
    part : callable
        Gives torch's array from MXNet's, for a value as for a gradient: a slice, another shape or
        another order of axes.
    trained : bool
        Whether it has a gradient in torch; not running statistics, a fixed gamma, or constants.
    """

    key: str
    array: Array
    origin: str | None = None
    part: Callable[[Array], Array] = whole
    trained: bool = True


@dataclass(frozen=True)
class TorchModel:
    """The source of a model, and its weights.

    Attributes
    ----------
    source : str
        The text of model.py, whose class `Model` is the network.
    weights : list of Weight
        All tensors of the model's `state_dict`, in its order.
    inputs : dict of str to ArraySpec
        Shape and data type of each argument of `Model.forward`, by its name.
    outputs : int
        The number of arrays that `Model.forward` gives.
    notes : list of str
        What else its user should know: "dropout draws other numbers".
    """

    source: str
    weights: list[Weight]
    inputs: Mapping[str, ArraySpec]
    outputs: int = 1
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """What stands in PyTorch for one operator.

    Attributes
    ----------
    text : str
        An expression of torch: ``F.max_pool2d(x, 3, stride=2)``.
    helpers : tuple of str
        The functions of model.py that it calls, by their names in the writers' table of helpers.
    results : int
        The number of its outputs; with more than one the expression gives a tuple.
    """

    text: str
    helpers: tuple[str, ...] = ()
    results: int = 1


@dataclass(frozen=True)
class Unmapped:
    """An operator or layer for which there is nothing in PyTorch.

    Attributes
    ----------
    operator : str
        MXNet's name of the operator, or the class of the layer.
    layer : str
        The path of the layer in the network, or the node's name in a graph.
    reason : str
        Why it cannot be written.
    """

    operator: str
    layer: str
    reason: str


class UnmappedOperatorError(Exception):
    """Raised for an operator that has no counterpart; writers collect these in an `ExportError`."""
