"""Variables of a graph that oneDNN rearranges in place.

In prediction, oneDNN brings the weights of a convolution, a deconvolution or a dense layer into an
order of its own, and leaves them so. Where such a weight is an input of the network, it must be put
back in order before the next batch is written into it. A deconvolution does so in training, too, as
long as it runs, with its weight and the weight's gradient, and fails where one of them is a part of
a larger array (``Check failed: !is_view``).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

_WEIGHT = 1  # the position of the weight among an operator's inputs


def rearranged_inputs(symbol: Any, inputs: Collection[str]) -> set[str]:
    """Return which inputs of a graph a pass in prediction mode leaves rearranged."""
    operators = ("Convolution", "Deconvolution", "FullyConnected")
    return _weights(symbol, operators).intersection(inputs) if inputs else set()


def rearranged_in_training(symbol: Any) -> set[str]:
    """Return the variables of a graph that a training step rearranges meanwhile."""
    return _weights(symbol, ("Deconvolution",))


def _weights(symbol: Any, operators: Collection[str]) -> set[str]:
    """Return the names of the variables that are weights of such operators."""
    nodes = json.loads(symbol.tojson(remove_amp_cast=False))["nodes"]
    sources = [nodes[n["inputs"][_WEIGHT][0]] for n in nodes if n["op"] in operators]
    return {each["name"] for each in sources if each["op"] == "null"}
