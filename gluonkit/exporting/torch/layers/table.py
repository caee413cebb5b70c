"""The table of layers, and what one of them is in torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mxnet import gluon

from gluonkit._base.registers import registering
from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.constructs import Argument, Construct, Tensor, needed, option
from gluonkit.system.modes import own_forward

ACTIVATIONS = {
    "relu": ("F.relu({})", "nn.ReLU"),
    "sigmoid": ("torch.sigmoid({})", "nn.Sigmoid"),
    "tanh": ("torch.tanh({})", "nn.Tanh"),
    "softrelu": ("F.softplus({})", "nn.Softplus"),
    "softsign": ("F.softsign({})", "nn.Softsign"),
}
"""MXNet's names of activations: as a function of torch's, and as a module."""


@dataclass(frozen=True)
class Wrap:
    """What a layer of Gluon's does besides what torch's module does.

    Attributes
    ----------
    function : str
        It as an expression, with {} in place of the array.
    module : Construct
        It as a module.
    """

    function: str
    module: Construct


@dataclass(frozen=True)
class Layer:
    """A layer of Gluon's in torch.

    Attributes
    ----------
    main : Construct
        Its module.
    before, after : tuple of Wrap
        What comes before and after it.
    states : int
        The number of states of a recurrent layer.
    is_cell : bool
        Whether it is a recurrent cell, which computes one step.
    notes : tuple of str
        What the user of the model should know.
    """

    main: Construct
    before: tuple[Wrap, ...] = ()
    after: tuple[Wrap, ...] = ()
    states: int = 0
    is_cell: bool = False
    notes: tuple[str, ...] = ()

    def turned(self, axis: int, place: int = 1) -> Layer:
        """Return the layer for arrays whose channels are another axis than torch has them at."""
        if axis == place:
            return self
        first, last = moved(axis, place), moved(place, axis)
        return replace(self, before=(*self.before, first), after=(last, *self.after))


Describe = Callable[[Any, ArraySpec], Layer]
_TABLE: dict[type, Describe] = {}
_SAME = {"BatchNormCudnnOff"}
"""Classes of GluonCV's that differ from Gluon's layers on GPUs only."""

describes = registering(_TABLE)
"""Registers the decorated function for these classes of layers."""


def is_layer(block: gluon.Block) -> bool:
    """Return whether a block is a layer that torch has, perhaps of a subclass that adds nothing."""
    return _known_class(block) is not None


def layer_of(block: gluon.Block, spec: ArraySpec) -> Layer:
    """Return a layer in torch; `spec` is its first input's.

    Raises
    ------
    UnmappedOperatorError
        When its settings have no counterpart.
    """
    kind = _known_class(block)
    assert kind is not None, block
    return _TABLE[kind](block, spec)


def _known_class(block: gluon.Block) -> type | None:
    if own_forward(block) is not None:
        return None
    kind = next((base for base in type(block).__mro__ if base in _TABLE), None)
    names = ("hybrid_forward", "forward", "__call__")
    if kind is None:
        return None
    adds = any(_of(type(block), name) is not _of(kind, name) for name in names)
    return None if adds and type(block).__name__ not in _SAME else kind


def _of(kind: type, name: str) -> Any:
    return getattr(kind, name, None)


def activation(name: str) -> Wrap:
    """Return an activation that a layer of Gluon's has with it."""
    function, module = ACTIVATIONS[name]
    return Wrap(function, Construct(module))


def moved(source: int, destination: int) -> Wrap:
    """Return the move of an axis to another place."""
    places = (needed("source", source), needed("destination", destination))
    module = Construct("Moved", places, helpers=("Moved",))
    return Wrap(f"{{}}.movedim({source}, {destination})", module)


def simple(callee: str, *arguments: Argument) -> Layer:
    """Return a layer without parameters."""
    return Layer(Construct(callee, arguments))


def tensor(name: str, parameter: gluon.Parameter, **settings: Any) -> Tensor:
    """Return a parameter of a module, trained if MXNet trains it."""
    return Tensor(name, parameter, trained=parameter.grad_req != "null", **settings)


def weight_and_bias(block: Any, **settings: Any) -> tuple[Tensor, ...]:
    """Return the tensors of a layer with a weight, and perhaps a bias."""
    tensors = (tensor("weight", block.weight, **settings),)
    return tensors if block.bias is None else (*tensors, tensor("bias", block.bias))


def bias_option(block: Any) -> Argument:
    """Return the argument that says whether a layer has a bias."""
    return option("bias", block.bias is not None, True)
