"""Losses by name, and what is known of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.checks import a_type, described, unknown_name
from gluonkit.errors import ArgumentTypeError
from gluonkit.graphs.soft_labels import MixupCrossEntropy, SmoothedCrossEntropy

Loss = Callable[..., Any]


def _names() -> dict[str, type]:
    """Return MXNet's losses by name: 'l2', 'softmax_cross_entropy', 'huber'."""
    losses = {}
    for name in gluon.loss.__all__:
        kind = getattr(gluon.loss, name)
        if name != "Loss" and isinstance(kind, type) and name.endswith("Loss"):
            losses[_snake(name)] = kind
    return losses


def _snake(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removesuffix("Loss")).lower()
    # "KLDiv" has no small letter where its first word ends.
    return "kl_div" if words == "kldiv" else words


LOSSES: dict[str, Any] = {
    **_names(),
    "smoothed_cross_entropy": SmoothedCrossEntropy,
    "mixup_cross_entropy": MixupCrossEntropy,
}
"""MXNet's losses, and gluonkit's own, by the names that `fit` takes."""


def resolve_loss(loss: Any) -> Loss:
    """Return a loss given by name, as a Gluon loss, or as a function of output and label.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an unknown name, a class, and anything that cannot be called.
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
    if type(loss) in (gluon.nn.HybridSequential, gluon.nn.Sequential) or not _takes_two(loss):
        raise ArgumentTypeError(
            f"`loss` is {described(loss)}, which does not take two arguments; give a function of "
            "the network's output and the label"
        )
    checked: Loss = loss
    return checked


def _takes_two(loss: Any) -> bool:
    """Return whether a function may be called with an output and a label."""
    try:
        parameters = inspect.signature(loss).parameters.values()
    except ValueError:  # a builtin without a signature
        return True
    takes = [parameter.kind for parameter in parameters]
    several = inspect.Parameter.VAR_POSITIONAL in takes
    return several or sum(kind.name.startswith("POSITIONAL") for kind in takes) >= 2


def is_known(loss: Any) -> bool:
    """Return whether a loss is one of `LOSSES`, or of a subclass that computes the same."""
    # A `forward` of its own may compute anything before or after `hybrid_forward`.
    if not isinstance(loss, gluon.loss.Loss) or type(loss).forward is not gluon.HybridBlock.forward:
        return False
    # The same function, so that a subclass which overrides it is no longer known.
    return any(type(loss).hybrid_forward is known.hybrid_forward for known in LOSSES.values())


@dataclass(frozen=True)
class Roles:
    """The roles of a batch's labels for a loss.

    Attributes
    ----------
    labels : tuple of int
        Positions of the labels with which outputs are compared.
    weights : int or None
        Position of the weights of samples, or of parts of them; None without weights.
    """

    labels: tuple[int, ...]
    weights: int | None = None

    def of(self, arrays: Sequence[Any]) -> tuple[list[Any], Any]:
        """Return the labels to compare, and their weights."""
        weights = None if self.weights is None else arrays[self.weights]
        return [arrays[place] for place in self.labels], weights


def roles(loss: Any, count: int) -> Roles:
    """Return the roles of labels for a loss, by the names of its arguments.

    `sample_weight` are weights. Other optional arguments of MXNet's losses, such as lengths, are
    not compared with outputs.
    """
    names: list[str] = []
    optional: set[str] = set()
    for parameter in _arguments(loss)[:count]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.KEYWORD_ONLY):
            break
        names.append(parameter.name)
        if is_known(loss) and parameter.default is not parameter.empty:
            optional.add(parameter.name)
    names += [""] * (count - len(names))
    labels = [i for i, name in enumerate(names) if name != WEIGHTS and name not in optional]
    return Roles(tuple(labels), names.index(WEIGHTS) if WEIGHTS in names else None)


WEIGHTS = "sample_weight"
"""How MXNet's losses call their argument for weights; the same name tells it in other losses."""


def _arguments(loss: Any) -> list[inspect.Parameter]:
    """Return the names of a loss's arguments after the network's output; empty if unknown."""
    # `hybrid_forward` takes F before the output, and Gluon calls it from its own `forward`.
    traced = isinstance(loss, gluon.HybridBlock)
    traced = traced and type(loss).forward is gluon.HybridBlock.forward
    function = loss.hybrid_forward if traced else getattr(loss, "forward", loss)
    try:
        return list(inspect.signature(function).parameters.values())[2 if traced else 1 :]
    except (TypeError, ValueError):  # of some that are not written in Python
        return []


def weighted_shape(loss: Any, output: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the shape of the array that a loss multiplies by weights; None if unknown."""
    kinds = gluon.loss
    if not is_known(loss):
        return None
    if isinstance(loss, kinds.SoftmaxCrossEntropyLoss):
        axis = loss._axis % len(output)
        # The sum over classes keeps its axis, and weights are multiplied before the mean.
        return (*output[:axis], 1, *output[axis + 1 :])
    if isinstance(loss, kinds.CTCLoss):
        return (output[loss._layout.find("N")],)
    if isinstance(loss, kinds.CosineEmbeddingLoss):
        return (output[0], 1)
    return output


def batch_axis(loss: Any) -> int:
    """Return the axis of labels along which a loss has its samples."""
    return int(loss._batch_axis) if isinstance(loss, gluon.loss.Loss) else 0


def takes_numbers(loss: Any) -> bool:
    """Return whether a loss computes with its labels, which then need the outputs' data type."""
    classes = is_classification(loss) or isinstance(loss, gluon.loss.CTCLoss)
    return is_known(loss) and not classes


def is_classification(loss: Any) -> bool:
    """Return whether a loss is MXNet's cross entropy of scores and class numbers."""
    softmax = isinstance(loss, gluon.loss.SoftmaxCrossEntropyLoss) and is_known(loss)
    return softmax and bool(loss._sparse_label)


def is_plain_classification(loss: Any) -> bool:
    """Return whether it is one with one row of logits for each sample, and without weights."""
    return (
        # By the exact class: a subclass may change any of its methods.
        type(loss) is gluon.loss.SoftmaxCrossEntropyLoss
        and is_classification(loss)
        and not loss._from_logits
        and loss._axis in (-1, 1)
        and loss._weight is None
        and loss._batch_axis == 0
    )


def check_loss_value(value: Any) -> None:
    """Refuse a loss that returns anything but one MXNet array."""
    if isinstance(value, mx.nd.NDArray):
        return
    raise ArgumentTypeError(
        f"`loss` returned {a_type(value)}; return an MXNet array, from which gradients can be "
        "computed: the loss of each sample, shape (batch,), or their mean"
    )
