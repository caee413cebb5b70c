"""Finding the layers that give a network's outputs, one for each class."""

from __future__ import annotations

import json
from typing import Any

from mxnet import gluon
from mxnet.gluon import nn

from gluonkit._base.checks import described, unknown_name
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models.layers import TransposedDense
from gluonkit.tracing.tree import array_key, join, own_parameters, places

CONVOLUTIONS = (nn.Conv1D, nn.Conv2D, nn.Conv3D)
_LAYERS = (nn.Dense, TransposedDense, *CONVOLUTIONS)
"""The layers that can be made anew; not their subclasses, which may compute something else."""

_WITH_WEIGHTS = ("FullyConnected", "Convolution")
"""What the last of a graph's layers may be."""

_NAMES = ("output", "out", "fc", "classifier", "head")
"""What the zoos call the part of a network that holds its classifier, the surest name first."""

_AUXILIARY = ("auxlayer", "out_aux", "aux", "aux1", "aux2")
"""What GluonCV calls the classifiers that are there for the loss only."""


def is_layer(block: Any) -> bool:
    """Return whether a block is a Dense layer or a convolution, which `layer_like` can rebuild."""
    return type(block) in _LAYERS


def outputs_of(layer: Any) -> int:
    """Return how many outputs a layer has."""
    return int(layer._channels if isinstance(layer, CONVOLUTIONS) else layer._units)


def block_at(net: gluon.Block, argument: str, path: Any) -> gluon.Block:
    """Return the block at a path.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a path that the network does not have, with the nearest ones.
    """
    known = dict(places(net))
    if not isinstance(path, str):
        raise ArgumentTypeError(
            f"`{argument}` is {described(path)}; give a path as text, such as {list(known)[-1]!r}"
        )
    if path not in known and isinstance(net, gluon.SymbolBlock):
        raise _no_layers(net)
    if path not in known:
        raise unknown_name(argument, path, known, "print(gluonkit.summary(net, shape)) shows all.")
    return known[path]


def find_head(net: gluon.Block) -> str | None:
    """Return the path of the layer that gives a network's classes; None if there is none."""
    return _last(net, "")


def head_of(net: gluon.Block) -> str:
    """Return the path that `find_head` finds; raise if there is none."""
    path = find_head(net)
    if path is None and isinstance(net, gluon.SymbolBlock):
        raise _no_layers(net)
    if path is None:
        weighted = [(path, block) for path, block in places(net) if own_parameters(block)]
        where, last = weighted[-1] if weighted else ("", net)
        has = f"its last layer with weights is {where or '(network)'} ({type(last).__name__})"
        raise ArgumentError(
            f"`net` ({type(net).__name__}) does not end in a Dense layer or a 1 × 1 convolution: "
            f"{has if weighted else 'it has no weights'}; name the layer by its path, at=..."
        )
    return path


def _no_layers(net: gluon.SymbolBlock) -> ArgumentError:
    """Return the error for a graph, which has no layers, with how to put a head behind it."""
    # A SymbolBlock keeps its graph where a hybridized block has what it has traced.
    nodes = json.loads(net._cached_graph[1].tojson())["nodes"]
    sources = [node["inputs"][0][0] for node in nodes if node["op"] in _WITH_WEIGHTS]
    cut = f"{nodes[sources[-1]]['name']}_output" if sources else "..."
    given = net._cached_graph[0][0].name
    return ArgumentError(
        "`net` is a SymbolBlock, one graph without layers that have paths. Cut it before its head, "
        f"and put a new one behind: x = mx.sym.var({given!r}, dtype='float32'); body = "
        f"gluon.SymbolBlock(net(x).get_internals()[{cut!r}], x, params=net.params); then a "
        "HybridSequential of body and nn.Dense(classes)"
    )


def _last(block: gluon.Block, path: str) -> str | None:
    """Return the path of the classifier in a block: in its last child, or one with such a name."""
    if is_layer(block):
        # A larger kernel mixes positions: that is a layer of features, no classifier.
        pointwise = not isinstance(block, CONVOLUTIONS) or set(block._kwargs["kernel"]) == {1}
        return path if pointwise else None
    children = block._children
    last = [name for name, child in children.items() if _has_weights(child)][-1:]
    # By name first: GluonCV registers classifiers for the loss behind the head in some networks.
    for name in [named for named in _NAMES if named in children] + last:
        head = _last(children[name], join(path, name))
        if head is not None:
            return head
    return None


def _has_weights(block: gluon.Block) -> bool:
    return any(own_parameters(inner) for _, inner in places(block))


def auxiliary_heads(net: gluon.Block, head: str) -> list[str]:
    """Return the paths of the other layers that give the classes, for the loss.

    They have as many outputs as the head, are the last layer with weights of their block, and
    GluonCV gives these blocks certain names; in segmentation networks also blocks of the head.
    """
    known = dict(places(net))
    outputs, heads = outputs_of(known[head]), {}
    for owner in ancestors(head):
        children = known[owner]._children
        # GluonCV's segmentation networks; in their heads, too, there are classifiers for the loss.
        segments = "nclass" in vars(known[owner]) or "auxlayer" in children
        names = _AUXILIARY + (_NAMES if segments else ())
        for name in (name for name in names if name in children):
            parts = list(places(children[name], join(owner, name)))
            final = [parts[0], *(_final_child(part, path) for path, part in parts)]
            for path, layer in final:
                if is_layer(layer) and outputs_of(layer) == outputs:
                    # By the layer, as one layer may be registered under several paths.
                    heads[id(layer)] = path
    heads.pop(id(known[head]), None)
    return list(heads.values())


def _final_child(parent: gluon.Block, path: str) -> tuple[str, gluon.Block | None]:
    """Return a block's last child with weights, and its path."""
    weighted = [child for child in parent._children.items() if _has_weights(child[1])]
    return (join(path, weighted[-1][0]), weighted[-1][1]) if weighted else (path, None)


def ancestors(path: str) -> list[str]:
    """Return the paths of all blocks that contain the one at a path, '' first."""
    parts = path.split(".") if path else []
    return [".".join(parts[:index]) for index in range(len(parts))]


def check_alone(net: gluon.Block, layer: gluon.Block) -> None:
    """Refuse a layer that is used at another place too, or whose parameters are.

    A layer that is registered in a block and again in a child of that (GluonCV's `output` and
    `head.2`) is one layer with two names.

    Raises
    ------
    ArgumentError
        When it is used elsewhere; the message has the other path.
    """
    paths = [path for path, block in places(net) if block is layer]
    outer, *others = sorted((path.rpartition(".")[0] for path in paths), key=len)
    nested = all(
        other.startswith(f"{outer}." if outer else "") and other != outer for other in others
    )
    if not nested:
        raise ArgumentError(
            f"`net` uses the layer {paths[0]} once more, as {paths[1]}; another number of outputs "
            "there would not do. Replace it by hand"
        )
    keys = {array_key(parameter): name for name, parameter in own_parameters(layer).items()}
    for path, block in places(net):
        for name, parameter in own_parameters(block).items():
            if block is not layer and array_key(parameter) in keys:
                raise ArgumentError(
                    f"`net` shares {join(paths[0], keys[array_key(parameter)])} with "
                    f"{join(path, name)}; a new layer at {paths[0]} would tear them apart. Replace "
                    "it by hand, or name another layer with at=..."
                )
