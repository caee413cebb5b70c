"""Fewer operators for the same numbers: what networks spell out, by the operators that MXNet has.

Identical operators are not looked for: MXNet joins them when it binds a graph.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Graph, Node
from gluonkit.tracing.symbols import NotInferableError, graph_of, shaped, symbol_of

_ENDINGS = ("Activation", "relu", "_div_scalar", "_mul_scalar", "_contrib_AdaptiveAvgPooling2D")
"""Operators with which something ends that can be simplified."""


def simpler(symbol: Symbol, inputs: Mapping[str, ArraySpec], *, fused: bool = False) -> Symbol:
    """Return a symbol for prediction with fewer or faster operators.

    The same symbol if there is nothing to simplify. `inputs` has the specs of its inputs; `fused`
    is whether oneDNN fuses operators, some of which only its own kernels have.
    """
    if not any(node.operator in _ENDINGS for node in graph_of(symbol).nodes):
        return symbol
    try:
        graph = _Simpler(shaped(symbol, inputs), fused).graph
    except NotInferableError:
        return symbol
    return symbol if graph is None else symbol_of(graph)


class _Simpler:
    """Looks at each operator, and at those above that nothing else reads.

    Attributes
    ----------
    graph : Graph or None
        The simplified graph; None if it is the same.
    """

    def __init__(self, graph: Graph, fused: bool) -> None:
        self._before, self._fused = graph, fused
        self._readers = Counter(graph.readers()) + Counter(head.place for head in graph.heads)
        nodes = tuple(self._simplified(node) or node for node in graph.nodes)
        changed = any(new is not old for new, old in zip(nodes, graph.nodes, strict=True))
        self.graph = replace(graph, nodes=nodes) if changed else None

    def _simplified(self, node: Node) -> Node | None:
        if node.operator == "_contrib_AdaptiveAvgPooling2D":
            return self._mean(node)
        if node.operator in ("_div_scalar", "_mul_scalar"):
            return self._hard_sigmoid(node)
        return self._normalized_relu(node) if self._fused and _is_relu(node) else None

    def _mean(self, node: Node) -> Node | None:
        """Average pooling to one pixel, for which oneDNN has code, and reads its own layout."""
        shape = node.outputs[0].shape
        if len(shape) != 4 or shape[2:] != (1, 1):
            return None
        attributes = {"global_pool": "True", "pool_type": "avg", "kernel": "(1, 1)"}
        return Node("Pooling", node.name, node.inputs, attributes)

    def _hard_sigmoid(self, node: Node) -> Node | None:
        """clip(x + c, 0, d) / d, which MobileNet V3 spells out, in one operator for three."""
        clip = self._above(node, "clip")
        plus = clip and self._above(clip, "_plus_scalar")
        if clip is None or plus is None:
            return None
        scalar = float(node.attributes["scalar"])
        low, high = float(clip.attributes["a_min"]), float(clip.attributes["a_max"])
        factor = 1 / scalar if node.operator == "_div_scalar" and scalar else scalar
        if low != 0 or high <= 0 or not math.isclose(factor * high, 1, rel_tol=1e-7):
            return None
        shift = factor * float(plus.attributes["scalar"])
        attributes = {"alpha": repr(factor), "beta": repr(shift)}
        return Node("hard_sigmoid", node.name, plus.inputs, attributes)

    def _normalized_relu(self, node: Node) -> Node | None:
        """Batch norm and relu in one pass, where there is no convolution to fuse both into."""
        norm = self._above(node, "BatchNorm")
        if norm is None or norm.attributes.get("axis", "1") != "1" or len(norm.outputs) > 1:
            return None
        data = self._before.spec(norm.inputs[0].place)
        # The kernel is for images of float32 only.
        if len(data.shape) != 4 or data.dtype != "float32" or self._above(norm, "Convolution"):
            return None
        return replace(norm, operator="_contrib_BatchNormWithReLU", name=node.name)

    def _above(self, node: Node, operator: str) -> Node | None:
        """Return the node of the first input, if it is such an operator, and read only here."""
        entry = node.inputs[0]
        above = self._before.nodes[entry.node]
        return above if above.operator == operator and self._readers[entry.place] == 1 else None


def _is_relu(node: Node) -> bool:
    return node.operator == "relu" or node.attributes.get("act_type") == "relu"
