"""The output layers of loaded networks as losses: `fit` trains by them as `Module` did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mxnet as mx
from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit.checkpoint.training import OutputLayers
from gluonkit.errors import ArgumentError
from gluonkit.files.graph import Graph
from gluonkit.files.outputs import SCORE, TRUE, OutputLayer
from gluonkit.graphs.losses import Loss, is_known
from gluonkit.graphs.scores import applied, of_scores
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.symbols import outputs_of

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


def gluons_loss(layers: OutputLayers) -> tuple[Loss, Loss] | None:
    """Return Gluon's loss that is equal to the output layers, of scores and as one of predictions.

    None if there is none.
    """
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
    loss = _GLUONS[layer.operator](**options)
    if layer.operator == "LogisticRegressionOutput":
        return loss, gluon.loss.SigmoidBCELoss(from_sigmoid=True, **options)
    return loss, loss


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
            given[name] = applied("Cast", [label.as_nd_ndarray()], {"dtype": "float32"}, name)
        sums = [
            applied("sum", [head], {}, "sum")
            for head in _computed(self._layers.training.losses, given)
        ]
        total = applied("add_n", sums, {"num_args": str(len(sums))}, "total")
        return total.as_np_ndarray() if is_np_array() else total


def runs_code(loss: Any) -> bool:
    """Return whether a loss may run the user's code."""
    (loss, _) = of_scores(loss, [])
    return not (loss is None or loss == "auto" or is_known(loss) or isinstance(loss, LayersLoss))


def _computed(graph: Graph, given: Mapping[str, Any]) -> list[Any]:
    """Return a graph's outputs, operator by operator, for legacy arrays or symbols."""
    made: list[Any] = []
    for node in graph.nodes:
        if node.is_variable:
            made.append(given[node.name])
            continue
        inputs = [_part(made[entry.node], entry.output) for entry in node.inputs]
        made.append(applied(node.operator, inputs, node.attributes, node.name))
    return [_part(made[head.node], head.output) for head in graph.heads]


def _part(made: Any, place: int) -> Any:
    """Return one output of an operator."""
    if isinstance(made, mx.sym.Symbol):
        return made[place] if outputs_of(made) > 1 else made
    return made[place] if isinstance(made, list) else made
