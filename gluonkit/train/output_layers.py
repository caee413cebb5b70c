"""The output layers of loaded networks as losses: `fit` trains by them as `Module` did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import mxnet as mx
from mxnet import gluon
from mxnet.ndarray import register
from mxnet.util import is_np_array

from gluonkit.checkpoint.training import OutputLayers, layers_of, scoring
from gluonkit.errors import ArgumentError
from gluonkit.files.graph import Graph
from gluonkit.files.outputs import SCORE, TRUE, OutputLayer
from gluonkit.graphs.losses import Loss, is_classification, is_known, resolve_loss
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.symbols import create, operator_handle, outputs_of

_USUAL = "softmax_cross_entropy"


class Trained(NamedTuple):
    """What is trained instead of a network, the loss, and a note for the user."""

    net: gluon.Block
    loss: Loss
    notes: list[str]


def trained(net: gluon.Block, loss: Any) -> Trained:
    """Return what to train: the network with a loss, or its scores with its output layers.

    The parameters are the same. 'auto' means the output layers that the network had in its file, or
    else softmax cross entropy.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For anything but a loss, and for a loss of scores if the network returns probabilities.
    """
    layers = layers_of(net)
    if loss == "auto" and layers is None:
        return Trained(net, resolve_loss(_USUAL), [])
    if loss != "auto" or layers is None:
        resolved = resolve_loss(loss)
        _check_scores(resolved, layers)
        return Trained(net, resolved, [])
    body = scoring(net, layers)
    if (gluons := _gluons(layers)) is not None:
        return Trained(body, gluons, [])
    note = (
        f"trained by the network's own output layers, {layers}, as Module does; the figure `loss` "
        "is the sum of what they return, and no loss"
    )
    return Trained(body, LayersLoss(layers), [note])


def _check_scores(loss: Loss, layers: OutputLayers | None) -> None:
    if layers is None or not is_classification(loss) or getattr(loss, "_from_logits", False):
        return
    if any(layer.operator == "SoftmaxOutput" for layer in layers.training.layers):
        raise ArgumentError(
            f"`loss` takes scores, but the network ends in {layers}, and gives probabilities; "
            "leave `loss` out, and it is trained by its own output layers"
        )


_GLUONS: dict[str, Callable[..., Loss]] = {
    "SoftmaxOutput": gluon.loss.SoftmaxCrossEntropyLoss,
    "LinearRegressionOutput": gluon.loss.L2Loss,
    "MAERegressionOutput": gluon.loss.L1Loss,
    "LogisticRegressionOutput": gluon.loss.SigmoidBCELoss,
}
"""Gluon's losses that have the very gradients of output layers, and whose figure is a loss."""
_WITHOUT_EFFECT = {
    "use_ignore": "False",
    "out_grad": "False",
    "normalization": "null",
    "smooth_alpha": "0",
}
"""What of `SoftmaxOutput`'s attributes leaves it cross entropy summed over samples."""


def _gluons(layers: OutputLayers) -> Loss | None:
    """Return Gluon's loss that is equal to the output layers; None if there is none."""
    training = layers.training
    if len(training.layers) != 1 or not _compares(training.losses, layers.labels):
        return None
    layer = training.layers[0]
    if layer.operator not in _GLUONS:
        return None
    scale = float(layer.attributes.get("grad_scale", 1))
    options: dict[str, Any] = {} if scale == 1 else {"weight": scale}
    if layer.operator == "SoftmaxOutput":
        several = layer.attributes.get("multi_output") in TRUE
        if not _is_plain(layer) or not (several or training.flat):
            return None
        options |= {"axis": 1} if several else {}
    return _GLUONS[layer.operator](**options)


def _compares(losses: Graph, labels: tuple[str, ...]) -> bool:
    """Return whether there is a single layer, which compares the scores with the label."""
    return len(labels) == 1 and len(losses.nodes) == 3 and len(list(losses.operators)) == 1


def _is_plain(layer: OutputLayer) -> bool:
    return all(
        layer.attributes.get(key, usual) in (usual, "0", "0.0", "false")
        for key, usual in _WITHOUT_EFFECT.items()
    )


class LayersLoss(gluon.HybridBlock):
    """Output layers as a loss, whose gradients are the layers' own.

    Called with the scores, and the labels in the order of the file, it returns the sum of all
    outputs of the layers.
    """

    def __init__(self, layers: OutputLayers) -> None:
        super().__init__()
        self._layers = layers

    def hybrid_forward(self, F: Any, output: Any, *labels: Any) -> Any:
        """Return the sum of the layers' outputs."""
        names = self._layers.labels
        if len(labels) < len(names):
            raise ArgumentError(
                f"`train` has {len(labels)} labels, but the network's output layers take "
                f"{len(names)}: {', '.join(names)}"
            )
        scores = {f"{SCORE}{place}": leaf for place, leaf in enumerate(leaves(output))}
        given = {name: score.as_nd_ndarray() for name, score in scores.items()}
        for name, label in zip(names, labels, strict=False):
            # Class numbers may be whole ones, which the layers do not take.
            given[name] = _applied("Cast", [label.as_nd_ndarray()], {"dtype": "float32"}, name)
        sums = [
            _applied("sum", [head], {}, "sum")
            for head in _computed(self._layers.training.losses, given)
        ]
        total = _applied("add_n", sums, {"num_args": str(len(sums))}, "total")
        return total.as_np_ndarray() if is_np_array() else total


def runs_code(loss: Any) -> bool:
    """Return whether a loss may run the user's code."""
    return not (loss is None or is_known(loss) or isinstance(loss, LayersLoss))


def _computed(graph: Graph, given: Mapping[str, Any]) -> list[Any]:
    """Return a graph's outputs, operator by operator, for legacy arrays or symbols."""
    made: list[Any] = []
    for node in graph.nodes:
        if node.is_variable:
            made.append(given[node.name])
            continue
        inputs = [_part(made[entry.node], entry.output) for entry in node.inputs]
        made.append(_applied(node.operator, inputs, node.attributes, node.name))
    return [_part(made[head.node], head.output) for head in graph.heads]


def _applied(operator: str, inputs: list[Any], attributes: Mapping[str, str], name: str) -> Any:
    """Apply an operator to arrays or to symbols."""
    if isinstance(inputs[0], mx.sym.Symbol):
        return create(operator, inputs, attributes, name)
    own = {key: value for key, value in attributes.items() if not key.startswith("__")}
    handle, keys, values = operator_handle(operator), list(own), list(own.values())
    return register._imperative_invoke(handle, inputs, keys, values, None, False, False)


def _part(made: Any, place: int) -> Any:
    """Return one output of an operator."""
    if isinstance(made, mx.sym.Symbol):
        return made[place] if outputs_of(made) > 1 else made
    return made[place] if isinstance(made, list) else made
