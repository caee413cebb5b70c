"""Gluon's layers as torch's: each layer of `gluon.nn` and `gluon.rnn` that torch has as well."""

from gluonkit.exporting.torch.layers import (  # noqa: F401  (they fill the table)
    activations,
    basic,
    convolution,
    normalization,
    recurrent,
)
from gluonkit.exporting.torch.layers.table import Layer, Wrap, is_layer, layer_of

__all__ = ["Layer", "Wrap", "is_layer", "layer_of"]
