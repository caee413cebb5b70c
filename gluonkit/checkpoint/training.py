"""How loaded networks are trained that had output layers, as `Module` trains them."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.kinds import Symbol
from gluonkit.files.outputs import Training
from gluonkit.models.initializers import set_usual


@dataclass(frozen=True)
class OutputLayers:
    """The output layers that a network had in its file; it predicts without them.

    Attributes
    ----------
    training : Training
        Them, and the part of the graph between the network and the labels.
    labels : tuple of str
        The labels that they take.
    inputs : tuple of str
        The network's inputs.
    whole : Symbol
        The network; its outputs are what the layers take, and then its predictions.
    """

    training: Training
    labels: tuple[str, ...]
    inputs: tuple[str, ...]
    whole: Symbol

    def __str__(self) -> str:
        return ", ".join(f"{layer.name} ({layer.operator})" for layer in self.training.layers)


_layers: MutableMapping[Any, OutputLayers] = weakref.WeakKeyDictionary()


def note_layers(net: gluon.SymbolBlock, layers: OutputLayers) -> None:
    """Remember the output layers that a network had."""
    _layers[net] = layers


def layers_of(net: gluon.Block) -> OutputLayers | None:
    """Return the output layers that a network had in its file; None where it had none."""
    return _layers.get(net)


def sharing(net: gluon.SymbolBlock, symbol: Symbol, inputs: Sequence[str]) -> gluon.SymbolBlock:
    """Return a network that computes a legacy symbol with the parameters of another network."""
    block = block_of(symbol, inputs)
    for name in block.params:
        shared = net.params[name]
        block.params._params[name] = shared
    block._reg_params = {name: block.params[name] for name in block.params}
    return block


def block_of(symbol: Symbol, inputs: Sequence[str]) -> gluon.SymbolBlock:
    """Return a network that computes a legacy symbol, in the array mode that is on."""
    numpy_mode = mx.util.is_np_array()
    given = [mx.sym.var(name) for name in inputs]
    with warnings.catch_warnings():
        # MXNet infers data types from the inputs', which are not known; the file has them.
        warnings.filterwarnings("ignore", "Cannot decide type", UserWarning)
        net = gluon.SymbolBlock(
            symbol.as_np_ndarray() if numpy_mode else symbol,
            [array.as_np_ndarray() for array in given] if numpy_mode else given,
        )
    set_usual(net.params.values())
    return net
