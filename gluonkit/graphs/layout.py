"""What oneDNN rearranges in a graph: variables, and maps that the next operator cannot read so.

In prediction, oneDNN brings the weights of a convolution, a deconvolution or a dense layer into an
order of its own, and leaves them so. Where such a weight is an input of the network, it must be put
back in order before the next batch is written into it. A deconvolution does so in training, too, as
long as it runs, with its weight and the weight's gradient, and fails where one of them is a part of
a larger array (``Check failed: !is_view``).

What convolutions give lies in such an order, too. Most of MXNet's operators put it in order as they
read it; where some fail in a graph, a copy before them does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from math import prod

from gluonkit._base.kinds import Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Graph, Node
from gluonkit.tracing.symbols import NotInferableError, graph_of, shaped, symbol_of

_WEIGHT = 1  # the position of the weight among an operator's inputs
_COPY = Node("slice_axis", "", attributes={"axis": "1", "begin": "0", "end": "None"})
"""A copy in order. Not `_copy`, which keeps what order there is."""

_JOINING = ("Concat", "_npi_concatenate")


def rearranged_inputs(symbol: Symbol, inputs: Collection[str]) -> set[str]:
    """Return which inputs a pass in prediction mode leaves in oneDNN's layout."""
    # These convert their weight to oneDNN's layout in place, and leave it so.
    operators = ("Convolution", "Deconvolution", "FullyConnected")
    return _weights(symbol, operators).intersection(inputs) if inputs else set()


def rearranged_in_training(symbol: Symbol) -> set[str]:
    """Return the variables whose layout a training step changes temporarily."""
    return _weights(symbol, ("Deconvolution",))


def copied_in_order(
    symbol: Symbol, inputs: Mapping[str, ArraySpec], *, fused: bool = False, train: bool = False
) -> Symbol:
    """Return a symbol with copies where operators fail on arrays in oneDNN's layout.

    `fused` is whether oneDNN fuses operators, `train` whether the graph is for training. The same
    symbol if there are none, or shapes cannot be inferred.
    """
    nodes = graph_of(symbol).nodes
    # The graph's text first, as inferring all shapes takes much longer. Two commas are a kernel of
    # three axes.
    deep = any(node.attributes.get("kernel", "").count(",") > 1 for node in nodes)
    normalized = train and any(node.operator == "BatchNorm" for node in nodes)
    joined = train and any(node.operator in _JOINING for node in nodes)
    if not (deep or fused or normalized or joined):
        return symbol
    try:
        graph = shaped(symbol, inputs)
    except NotInferableError:
        return symbol
    before = {
        index: replace(_COPY, name=f"gluonkit#ordered{index}")
        for index, node in enumerate(graph.nodes)
        if (deep and _reshapes(graph, node))
        or (fused and _multiplies_pixels(graph, node))
        or (normalized and _normalizes_maps(graph, node))
    }
    behind = {
        (index, 0): replace(_COPY, name=f"gluonkit#joined{index}")
        for index, node in enumerate(graph.nodes)
        if joined and _joins_parts_of_blocks(graph, node)
    }
    return symbol_of(graph.inserted(before, behind)) if before or behind else symbol


def _reshapes(graph: Graph, node: Node) -> bool:
    """Return whether a node reshapes maps of three spatial axes to another number of axes.

    Transposing or pooling the result fails in MXNet's graphs.
    """
    shape, source = _read(graph, node)
    made = node.outputs[0].shape
    # As many numbers in another number of axes: a reshaping, whatever the operator is called.
    changed = len(shape) > 4 and len(made) != len(shape) and prod(made) == prod(shape)
    return changed and source.operator not in (_COPY.operator, "null")


def _multiplies_pixels(graph: Graph, node: Node) -> bool:
    """Return whether a node is a dense layer over the single pixel of a convolution's output.

    When fused, it fails with AVX-512 if its input is in oneDNN's layout; pooling does not.
    """
    shape, source = _read(graph, node)
    single = len(shape) > 3 and prod(shape[2:]) == 1
    settled = source.operator in (_COPY.operator, "null", "Pooling")
    return node.operator == "FullyConnected" and single and not settled


def _normalizes_maps(graph: Graph, node: Node) -> bool:
    """Return whether a node is a batch norm over maps of one or three axes that were computed.

    Its gradient fails if they are in oneDNN's layout ("Check failed: !is_view"), in eager mode too.
    """
    shape, source = _read(graph, node)
    return (
        node.operator == "BatchNorm"
        and len(shape) in (3, 5)
        and source.operator not in (_COPY.operator, "null")
    )


def _joins_parts_of_blocks(graph: Graph, node: Node) -> bool:
    """Return whether a node concatenates channels such that one block of oneDNN has several inputs.

    The gradient, in these blocks from a convolution, makes oneDNN divide by 0 (SIGFPE).
    """
    if node.operator not in _JOINING:
        return False
    whole = node.outputs[0].shape
    parts = [graph.spec(entry.place).shape for entry in node.inputs]
    # oneDNN's blocks hold 8 channels, or 16 with AVX-512, if that divides their number.
    blocks = [size for size in (8, 16) if len(whole) > 2 and whole[1] % size == 0]
    return any(part[1] % size for part in parts for size in blocks)


def _read(graph: Graph, node: Node) -> tuple[tuple[int, ...], Node]:
    """Return the shape of a node's first input, and the node that computes it."""
    if not node.inputs:
        return (), node
    source, output, _ = node.inputs[0]
    outputs = graph.nodes[source].outputs
    return outputs[output].shape if output < len(outputs) else (), graph.nodes[source]


def _weights(symbol: Symbol, operators: Collection[str]) -> set[str]:
    """Return the names of the variables that are weights of such operators."""
    nodes = graph_of(symbol).nodes
    sources = [nodes[n.inputs[_WEIGHT].node] for n in nodes if n.operator in operators]
    return {source.name for source in sources if source.is_variable}
