"""Multilayer perceptrons: plain, and with layers that share their parameters."""

from __future__ import annotations

from typing import Any

from mxnet.gluon import nn

from gluonkit.errors import ArgumentError
from gluonkit.models.layers import check_activation, check_units
from gluonkit.models.registry import OWN_SOURCE, register_model


@register_model(
    "mlp",
    input_shape=(2, 20),
    reference="Dive into Deep Learning, 5.1; MXNet crash course, step 2",
    task="classification",
    source=OWN_SOURCE,
)
def mlp(
    *, units: tuple[int, ...] = (256,), classes: int = 10, activation: str | None = "relu"
) -> nn.HybridSequential:
    """Multilayer perceptron: hidden dense layers and a dense output.

    Input ``(batch, ...)``, flattened; output ``(batch, classes)``.

    Parameters
    ----------
    units : tuple of int, optional
        Sizes of the hidden layers; empty for a linear model.
    classes : int, default 10
        Number of outputs.
    activation : str or None, default 'relu'
        Activation of the hidden layers; None for a linear network.
    """
    hidden = checked_units("units", units)
    check_units("classes", classes)
    check_activation("activation", activation)
    net = nn.HybridSequential()
    net.add(*(nn.Dense(size, activation=activation) for size in hidden), nn.Dense(classes))
    return net


@register_model(
    "tied_mlp",
    input_shape=(2, 20),
    reference="Dive into Deep Learning, 5.2 (tied parameters)",
    task="classification",
    source=OWN_SOURCE,
)
def tied_mlp(
    *, units: int = 8, classes: int = 10, activation: str | None = "relu"
) -> nn.HybridSequential:
    """Multilayer perceptron whose second and third layers share parameters.

    Input ``(batch, ...)``, flattened; output ``(batch, classes)``. Layers 1 and 2 (counted from
    0) are two blocks with the same parameters, whose gradients add up.
    """
    check_units("units", units)
    check_units("classes", classes)
    check_activation("activation", activation)
    net = nn.HybridSequential()
    shared = nn.Dense(units, activation=activation)
    net.add(
        nn.Dense(units, activation=activation),
        shared,
        # A block of its own with the same parameters: a summary shows both, and the graph has two
        # layers with one weight.
        nn.Dense(units, activation=activation, params=shared.params),
        nn.Dense(classes),
    )
    return net


def checked_units(argument: str, sizes: Any) -> tuple[int, ...]:
    """Return layer sizes as a tuple, refusing what is not a sequence of positive numbers."""
    try:
        checked = tuple(sizes)
    except TypeError:
        raise ArgumentError(
            f"`{argument}` is {sizes!r}; give one size per layer, such as ({sizes!r},)"
        ) from None
    for size in checked:
        check_units(argument, size)
    return checked
