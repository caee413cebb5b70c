"""LeNet, in the three variants that the tutorials print."""

from __future__ import annotations

from mxnet.gluon import nn

from gluonkit.errors import ArgumentError
from gluonkit.models.layers import check_activation, check_units
from gluonkit.models.own.mlp import checked_units
from gluonkit.models.registry import OWN_SOURCE, register_model


@register_model(
    "lenet",
    input_shape=(1, 1, 28, 28),
    reference='LeCun et al., "Gradient-based learning applied to document recognition" (1998)',
    task="classification",
    source=OWN_SOURCE,
)
def lenet(
    *, kernel_sizes: tuple[int, int] = (5, 3), classes: int = 10, activation: str | None = "relu"
) -> nn.HybridSequential:
    """LeNet: two convolutions with max pooling, then three dense layers.

    Input ``(batch, channels, height, width)``; output ``(batch, classes)``. Convolutions of 6
    and 16 channels without padding, each followed by 2 × 2 max pooling of stride 2, then dense
    layers of 120 and 84 units.

    Parameters
    ----------
    kernel_sizes : tuple of int, optional
        Sides of the two square kernels: ``(3, 3)`` in the MXNet crash course, ``(5, 3)`` in its
        older edition, ``(5, 5)`` in the Gluon overview.
    classes : int, default 10
        Number of outputs.
    activation : str or None, default 'relu'
        Activation of all layers but the last; None for a linear network.
    """
    sizes = checked_units("kernel_sizes", kernel_sizes)
    if len(sizes) != 2:
        raise ArgumentError(
            f"`kernel_sizes` is {kernel_sizes!r}; give two sizes, one per convolution: (5, 3)"
        )
    check_units("classes", classes)
    check_activation("activation", activation)
    # Without numbers of input channels: the first input gives them, whatever its size.
    net = nn.HybridSequential()
    for channels, size in zip((6, 16), sizes, strict=True):
        net.add(
            nn.Conv2D(channels, kernel_size=size, activation=activation),
            nn.MaxPool2D(pool_size=2, strides=2),
        )
    net.add(
        nn.Dense(120, activation=activation),
        nn.Dense(84, activation=activation),
        nn.Dense(classes),
    )
    return net
