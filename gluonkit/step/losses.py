"""Losses by name, and what is known of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._errors import ArgumentTypeError, a_type, unknown_name

Loss = Callable[..., Any]


def _names() -> dict[str, type]:
    """Return MXNet's losses by name: 'l2', 'softmax_cross_entropy', 'huber'."""
    found = {}
    for name in gluon.loss.__all__:
        kind = getattr(gluon.loss, name)
        if name != "Loss" and isinstance(kind, type) and name.endswith("Loss"):
            found[_snake(name)] = kind
    return found


def _snake(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Loss")).lower()
    return "kl_div" if words == "kldiv" else words


LOSSES = _names()
"""MXNet's losses by the names that `fit` takes."""


def resolve_loss(loss: Any) -> Loss:
    """Return a loss given by name, as a Gluon loss, or as a function of output and label.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        for a name that is not known, a class, and what cannot be called.
    """
    if isinstance(loss, str):
        name = loss.lower().removesuffix("_loss")
        name = "softmax_cross_entropy" if name == "cross_entropy" else name
        if name not in LOSSES:
            raise unknown_name("loss", loss, LOSSES, f"Choose of: {', '.join(LOSSES)}.")
        made: Loss = LOSSES[name]()
        return made
    if isinstance(loss, type):
        raise ArgumentTypeError(
            f"`loss` is the class {loss.__name__}; create an instance: {loss.__name__}()"
        )
    if not callable(loss):
        raise ArgumentTypeError(
            f"`loss` is {a_type(loss)}; give a Gluon loss, its name, or a function of the "
            "network's output and the label"
        )
    checked: Loss = loss
    return checked


def is_classification(loss: Any) -> bool:
    """Return whether a loss is MXNet's cross entropy of logits and class numbers."""
    return (
        isinstance(loss, gluon.loss.SoftmaxCrossEntropyLoss)
        and loss._sparse_label
        and not loss._from_logits
    )


def is_plain_classification(loss: Any) -> bool:
    """Return whether it is that, of one row of logits for each sample, and unweighted."""
    return (
        type(loss) is gluon.loss.SoftmaxCrossEntropyLoss
        and is_classification(loss)
        and loss._axis in (-1, 1)
        and loss._weight is None
        and loss._batch_axis == 0
    )


def check_loss_value(value: Any) -> None:
    """Refuse what a loss must not return: numbers that have left MXNet, several arrays."""
    if isinstance(value, mx.nd.NDArray):
        return
    raise ArgumentTypeError(
        f"`loss` returned {a_type(value)}; return an MXNet array, from which gradients can be "
        "computed: the loss of each sample, shape (batch,), or their mean"
    )
