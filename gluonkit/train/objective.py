"""What the loss of `fit` and `evaluate` is, and of what it is computed: outputs, or scores below.

Networks that were made for prediction end in a softmax or a sigmoid, and checkpoints of `Module` in
output layers. Their default loss is that of the scores below, by which `Module` trains, too; labels
and metrics are compared with what the network returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mxnet import gluon

from gluonkit._base.specs import ArraySpec
from gluonkit.checkpoint.training import OutputLayers, layers_of, sharing
from gluonkit.errors import ArgumentError
from gluonkit.graphs.endings import LOGARITHM, SIGMOID, SOFTMAX, UNKNOWN, Ending
from gluonkit.graphs.losses import is_classification, is_known, resolve_loss
from gluonkit.graphs.scores import Scored, ScoresLoss, scored_symbol
from gluonkit.train.accuracy import Task, task_of
from gluonkit.train.misfits import misfit
from gluonkit.train.output_layers import LayersLoss, gluons_loss
from gluonkit.train.setup import prepare
from gluonkit.train.step.batch import Batch
from gluonkit.train.step.forward import Forward

AUTO = "auto"


@dataclass(frozen=True)
class Objective:
    """A loss, and what it is computed of.

    Attributes
    ----------
    forward : Forward
        Calls the network, or one of the same parameters that returns scores before the outputs.
    loss : callable or None
        The loss of what `forward` returns; None without one.
    of_outputs : callable or None
        The loss as labels and metrics see it: of what the network returns.
    scores : int
        The number of scores that `forward` returns before the network's outputs.
    ending : Ending
        What computes the network's output.
    notes, warnings : tuple of str
        What the user is told of the loss that was chosen, and of one that does not fit.
    """

    forward: Forward
    loss: Any
    of_outputs: Any
    scores: int = 0
    ending: Ending = UNKNOWN
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def task(self, batch: Batch, argument: str) -> Task:
        """Return what metrics need to know, from a batch; deferred initialization is finished."""
        outputs = prepare(self.forward, batch, argument)[self.scores :]
        return task_of(self.of_outputs, outputs, batch, argument, self.ending)


def checked_loss(net: gluon.Block, loss: Any) -> Any:
    """Return a loss that was given, as a function, or 'auto'.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For anything but a loss, and for a loss of scores if the network's file has output layers.
    """
    if isinstance(loss, str) and loss == AUTO:
        return loss
    resolved, layers = resolve_loss(loss), layers_of(net)
    takes_scores = is_classification(resolved) and not getattr(resolved, "_from_logits", False)
    ends = [] if layers is None else layers.training.layers
    if takes_scores and any(layer.operator == "SoftmaxOutput" for layer in ends):
        raise ArgumentError(
            f"`loss` takes scores, but the network ends in {layers}, and gives probabilities; "
            "leave `loss` out, and it is trained by its own output layers"
        )
    return resolved


def objective_of(
    forward: Forward, batch: Batch, outputs: Sequence[ArraySpec], loss: Any
) -> Objective:
    """Return what to compute for a checked loss, or for 'auto', from the first batch.

    'auto' means the output layers that the network had in its file; of others the cross entropy of
    the scores below a softmax or a sigmoid, or of the outputs as scores.

    Raises
    ------
    ArgumentError
        If no loss follows from the network, and for one of MXNet's if it has several outputs.
    """
    ending = forward.ending(batch) if len(outputs) == 1 else UNKNOWN
    if loss is None:
        return Objective(forward, None, None, 0, ending)
    if loss != AUTO:
        if is_known(loss) and len(outputs) > 1:
            raise _several(f"is {type(loss).__name__}, of one output", outputs)
        unfit = misfit(loss, ending, outputs[0])
        return Objective(forward, loss, loss, 0, ending, (), (unfit,) if unfit else ())
    layers = layers_of(forward.net)
    if layers is not None:
        return _by_layers(forward, layers, ending)
    if len(outputs) > 1:
        raise _several("is 'auto', cross entropy of one output", outputs)
    if ending.kind in (SOFTMAX, LOGARITHM):
        return _by_softmax(forward, ending, outputs[0])
    if ending.kind == SIGMOID:
        return _by_sigmoid(forward, ending, outputs[0], batch)
    usual = gluon.loss.SoftmaxCrossEntropyLoss()
    return Objective(forward, usual, usual, 0, ending)


def _several(what: str, outputs: Sequence[ArraySpec]) -> ArgumentError:
    shapes = ", ".join(map(str, outputs))
    return ArgumentError(
        f"`loss` {what}, but the network has {len(outputs)}, of {shapes}; give a function of the "
        "list of outputs and the labels that returns one number for each sample"
    )


def _by_layers(forward: Forward, layers: OutputLayers, ending: Ending) -> Objective:
    """Return the objective of a network whose file has output layers."""
    scores = len(layers.training.scores)
    below = Forward(sharing(forward.net, layers.whole, layers.inputs), forward.ctx)
    if (gluons := gluons_loss(layers)) is not None:
        inner, of_outputs = gluons
        return Objective(below, ScoresLoss(inner), of_outputs, scores, ending)
    note = (
        f"trained by the network's own output layers, {layers}, as Module does; the figure `loss` "
        "is the sum of what they return, and no loss"
    )
    own = LayersLoss(layers)
    return Objective(below, ScoresLoss(own, scores), own, scores, ending, (note,))


def _by_softmax(forward: Forward, ending: Ending, output: ArraySpec) -> Objective:
    if ending.axis is None:
        raise ArgumentError(
            f"`loss` is 'auto', but of the outputs {output}, which end in {ending}, no axis is "
            "that of the classes; give a function of output and label"
        )
    if ending.axis == 0:
        raise ArgumentError(
            f"`loss` is 'auto', but the network ends in {ending} along axis 0, that of the "
            "samples: what it gives for one depends on the others of its batch. Take it along the "
            "axis of the classes, as softmax(axis=-1) does, or give a function of output and label"
        )
    last = ending.axis == len(output.shape) - 1
    axis = -1 if last else ending.axis
    if ending.kind == LOGARITHM:
        loss = gluon.loss.SoftmaxCrossEntropyLoss(axis=axis, from_logits=True)
        note = (
            f"the network ends in {ending}: `loss` is the cross entropy of its outputs as they are"
        )
        return Objective(forward, loss, loss, 0, ending, (note,))
    loss = gluon.loss.SoftmaxCrossEntropyLoss(axis=axis)
    note = (
        f"the network ends in {ending}: `loss` is the cross entropy of its probabilities along "
        f"axis {ending.axis}, computed from the scores below"
    )
    return Objective(_below(forward, ending), ScoresLoss(loss), loss, 1, ending, (note,))


def _by_sigmoid(forward: Forward, ending: Ending, output: ArraySpec, batch: Batch) -> Objective:
    labels = batch.specs[batch.inputs : batch.inputs + 1]
    if labels and labels[0].size != output.size:
        raise ArgumentError(
            "`loss` is 'auto', which for a network that ends in a sigmoid is binary cross "
            f"entropy, but there are outputs of {output} and labels of {labels[0]}; give a label "
            "of 0 or 1 for each output, or a loss"
        )
    note = (
        "the network ends in a sigmoid: `loss` is the binary cross entropy of its probabilities, "
        "computed from the scores below"
    )
    loss = ScoresLoss(gluon.loss.SigmoidBinaryCrossEntropyLoss())
    of_outputs = gluon.loss.SigmoidBinaryCrossEntropyLoss(from_sigmoid=True)
    return Objective(_below(forward, ending), loss, of_outputs, 1, ending, (note,))


def _below(forward: Forward, ending: Ending) -> Forward:
    """Return calls of a network of the same parameters that returns its scores first."""
    net = forward.net
    if isinstance(net, gluon.SymbolBlock):  # one graph, also in plain steps
        inputs, output = net._cached_graph
        both = scored_symbol(output, ending)
        return Forward(sharing(net, both, [symbol.name for symbol in inputs]), forward.ctx)
    return Forward(Scored(net, ending), forward.ctx)
