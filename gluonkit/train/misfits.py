"""Losses that do not fit what a network returns, though they compute with it."""

from __future__ import annotations

from typing import Any

from mxnet import gluon

from gluonkit._base.checks import some
from gluonkit._base.specs import ArraySpec
from gluonkit.graphs.endings import LOGARITHM, SCORES, SIGMOID, SOFTMAX, Ending
from gluonkit.graphs.losses import is_known
from gluonkit.tracing.tree import parameters_of

_NORMALIZED = {SOFTMAX: "probabilities", SIGMOID: "probabilities", LOGARITHM: "their logarithms"}
_TAKEN = {SCORES: "scores", LOGARITHM: "logarithms of probabilities", SOFTMAX: "probabilities"}


def misfit(loss: Any, ending: Ending, output: ArraySpec) -> str:
    """Return a warning of a loss that was given, and does not fit the network's output; or ''."""
    taken, axis = _taken(loss)
    if not taken or not ending.kind or _fits(taken, axis, ending, len(output.shape)):
        return ""
    given = _NORMALIZED.get(ending.kind, "scores")
    return (
        f"`loss` is {_named(loss)}, which takes {_TAKEN[taken]}, but the network ends in {ending}, "
        f"and gives {given}: its figures and gradients are not those of {_meant(loss)}. "
        f"{_fix(loss, taken, ending)}"
    )


def untrained(loss: Any, net: gluon.Block) -> str:
    """Return a warning of a loss's own parameters, which `fit` does not train; '' without any."""
    if not isinstance(loss, gluon.Block):
        return ""
    trained = set(map(id, parameters_of(net)))
    own = [p.name for p in parameters_of(loss) if p.grad_req != "null" and id(p) not in trained]
    if not own:
        return ""
    return (
        f"`loss` has parameters that are not the network's, and are not trained: {some(own)}. "
        "To train them, have the network hold the block; otherwise set their grad_req to 'null'"
    )


def _taken(loss: Any) -> tuple[str, int | None]:
    """Return what a loss takes, and its axis of classes; '' for what computes with any numbers."""
    kinds = gluon.loss
    if not is_known(loss):
        return "", None
    if isinstance(loss, (kinds.SoftmaxCrossEntropyLoss, kinds.KLDivLoss)):
        return (LOGARITHM if loss._from_logits else SCORES), loss._axis
    if isinstance(loss, kinds.SigmoidBinaryCrossEntropyLoss):
        return (SOFTMAX if loss._from_sigmoid else SCORES), None
    if isinstance(loss, kinds.CTCLoss):
        return SCORES, -1
    signed = (kinds.LogisticLoss, kinds.HingeLoss, kinds.SquaredHingeLoss)
    return (SCORES, None) if isinstance(loss, signed) else ("", None)


def _fits(taken: str, axis: int | None, ending: Ending, axes: int) -> bool:
    """Return whether a loss that takes scores, logarithms or probabilities gets them."""
    if taken == SOFTMAX:
        return ending.kind in (SOFTMAX, SIGMOID)
    if ending.kind == SCORES:
        return taken == SCORES
    # The softmax of logarithms of probabilities are these: it may be taken twice, along one axis.
    along = axis is not None and ending.axis in (None, axis % axes)
    return ending.kind == LOGARITHM and along


def _named(loss: Any) -> str:
    options = {"_from_logits": "from_logits", "_from_sigmoid": "from_sigmoid"}
    given = [f"{name}={getattr(loss, key)}" for key, name in options.items() if hasattr(loss, key)]
    return f"{type(loss).__name__}({', '.join(given)})"


def _meant(loss: Any) -> str:
    meant = gluon.loss.SoftmaxCrossEntropyLoss, gluon.loss.SigmoidBinaryCrossEntropyLoss
    return "the cross entropy" if isinstance(loss, meant) else "that loss"


def _fix(loss: Any, taken: str, ending: Ending) -> str:
    """Return what to do."""
    if ending.kind == SCORES:
        option = "from_sigmoid=False" if taken == SOFTMAX else "from_logits=False"
        return f"Give {option}"
    if isinstance(loss, gluon.loss.SigmoidBinaryCrossEntropyLoss) and ending.kind == SIGMOID:
        return "Leave `loss` out, or give from_sigmoid=True"
    if isinstance(loss, gluon.loss.SoftmaxCrossEntropyLoss) and ending.kind != SIGMOID:
        return "Leave `loss` out, or give a network without it"
    return "Give a network without it, or another loss"
