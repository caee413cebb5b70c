"""Kinds of layers, which a drawing tells by colours."""

from __future__ import annotations

from mxnet import gluon

_CLASSES = {
    "convolution": (gluon.nn.conv_layers._Conv,),
    "pooling": (gluon.nn.conv_layers._Pooling,),
    "dense": (gluon.nn.Dense,),
    "normalization": (
        *(gluon.nn.BatchNorm, gluon.nn.LayerNorm, gluon.nn.InstanceNorm, gluon.nn.GroupNorm),
    ),
    "activation": (
        *(gluon.nn.Activation, gluon.nn.LeakyReLU, gluon.nn.PReLU, gluon.nn.ELU, gluon.nn.SELU),
        *(gluon.nn.GELU, gluon.nn.Swish, gluon.nn.Dropout),
    ),
    "recurrent": (gluon.rnn.RecurrentCell, gluon.rnn.rnn_layer._RNNLayer),
    "embedding": (gluon.nn.Embedding,),
}

BEHIND = ("normalization", "activation")
"""Kinds that belong to the layer before them: drawn in its box where there is little room."""

WEIGHTED = ("convolution", "dense")
"""Kinds of layers that others may stand behind."""


def kind_of(block: gluon.Block) -> str:
    """Return the kind of a layer; 'block' for others with layers in them, else 'layer'."""
    for kind, classes in _CLASSES.items():
        if isinstance(block, classes):
            return kind
    return "block" if block._children else "layer"
