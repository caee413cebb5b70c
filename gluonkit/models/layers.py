"""The custom layers of the tutorials, as hybridizable blocks for both array modes."""

from __future__ import annotations

from typing import Any

import mxnet as mx
from mxnet.gluon import nn
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked
from gluonkit._base.checks import MOST_NUMBERS, described, unknown_name, whole_number
from gluonkit.errors import ArgumentTypeError

ACTIVATIONS = ("relu", "sigmoid", "softrelu", "softsign", "tanh")
"""The activations that MXNet's layers take by name."""


class CenteredLayer(nn.HybridBlock):
    """Subtract the mean: ``x - mean(x)``, over all elements. Has no parameters.

    Input and output: any shape. From "Designing a custom layer with gluon" (The Straight Dope) and
    Dive into Deep Learning, section 5.4, where it is a Block; this one can be hybridized.

    Examples
    --------
    >>> from gluonkit import nd
    >>> from gluonkit.models.layers import CenteredLayer
    >>> CenteredLayer()(nd.array([1, 2, 3, 4, 5])).asnumpy().tolist()
    [-2.0, -1.0, 0.0, 1.0, 2.0]
    """

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """Return `x` minus its mean. `F` is MXNet's module of operators."""
        # In NumPy mode `F` is the same module; what takes its arrays is in `F.np` and `F.npx`.
        if is_np_array():
            return x - F.np.mean(x)
        # In a legacy graph `-` takes equal shapes only, though with arrays it broadcasts.
        return F.broadcast_sub(x, F.mean(x, keepdims=True))


class TransposedDense(nn.HybridBlock):
    """Dense layer with a transposed weight: ``activation(x · W + b)``.

    Input ``(..., in_units)``, output ``(..., units)``. ``weight`` has shape
    ``(in_units, units)``, where `nn.Dense` has ``(units, in_units)``; ``bias`` has ``(units,)``.
    As in the tutorials, whose name `MyDense` is kept as an alias, the activation is part of the
    layer, and a bias without an initializer of its own is drawn like the weight (by default
    from U(-0.07, 0.07)), where `nn.Dense` sets it to zero.

    Parameters
    ----------
    units : int
        Number of outputs.
    in_units : int, default 0
        Number of inputs; 0 to infer it from the first input.
    activation : str or None, default 'relu'
        An activation's name, or None for a linear layer (for logits, say: the tutorial's relu on
        the logits makes classes unreachable).
    weight_initializer, bias_initializer : str or mx.init.Initializer, optional
        MXNet initializers or their names; None for the one that the network is initialized with.
        The Straight Dope's layer is ``weight_initializer=mx.init.Xavier(magnitude=2.24)``.
    prefix : str, optional
        As for `gluon.Block`.
    params : gluon.ParameterDict, optional
        As for `gluon.Block`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a number of units that is not a positive whole number, and an unknown activation.

    Examples
    --------
    >>> from gluonkit import nd
    >>> from gluonkit.models.layers import TransposedDense
    >>> layer = TransposedDense(3)
    >>> layer.initialize()
    >>> layer(nd.ones((2, 5))).shape, layer.weight.shape
    ((2, 3), (5, 3))
    """

    @checked
    def __init__(
        self,
        units: int,
        in_units: int = 0,
        *,
        activation: str | None = "relu",
        weight_initializer: Any = None,
        bias_initializer: Any = None,
        prefix: str | None = None,
        params: Any = None,
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        check_units("units", units)
        if in_units != 0:
            check_units("in_units", in_units)
        check_activation("activation", activation)
        for argument, initializer in (
            ("weight_initializer", weight_initializer),
            ("bias_initializer", bias_initializer),
        ):
            if not isinstance(initializer, (str, mx.init.Initializer, type(None))):
                raise ArgumentTypeError(
                    f"`{argument}` is {described(initializer)}; give an initializer such as "
                    "mx.init.Xavier(), its name, or None"
                )
        self._units = units
        with self.name_scope():
            # A size of 0 is unknown, and MXNet infers it from the first input.
            self.weight = self.params.get(
                "weight",
                shape=(in_units, units),
                init=weight_initializer,
                allow_deferred_init=True,
            )
            self.bias = self.params.get(
                "bias", shape=(units,), init=bias_initializer, allow_deferred_init=True
            )
            self.act = None if activation is None else nn.Activation(activation)

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any) -> Any:
        """Return ``activation(x · weight + bias)``. `F` is MXNet's module of operators."""
        if is_np_array():
            linear = F.np.dot(x, weight) + bias
        else:
            # The legacy `dot` cannot infer the weight's shape from x; FullyConnected can.
            linear = F.FullyConnected(
                x, F.transpose(weight), bias, num_hidden=self._units, flatten=False
            )
        return linear if self.act is None else self.act(linear)

    def __repr__(self) -> str:
        in_units, units = self.weight.shape
        return f"{type(self).__name__}({in_units if in_units > 0 else None} -> {units}, {self.act})"


MyDense = TransposedDense
"""The tutorials' name for `TransposedDense`."""


def check_activation(argument: str, name: Any) -> None:
    """Refuse an activation that MXNet's layers do not know, naming the argument."""
    if name is not None and name not in ACTIVATIONS:
        raise unknown_name(
            argument, str(name), ACTIVATIONS, f"Choose of: {', '.join(ACTIVATIONS)}, or None."
        )


def check_units(argument: str, value: Any) -> None:
    """Refuse a number of units that is not a positive whole number, naming the argument."""
    whole_number(argument, value, most=MOST_NUMBERS)
