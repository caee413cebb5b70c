"""Settings of Gluon's layers that torch does not have, refused with the reason."""

import numpy
import pytest
from mxnet.gluon import rnn

from gluonkit import mx, nn
from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.layers import layer_of
from gluonkit.exporting.torch.parts import UnmappedOperatorError

REFUSED = {
    "its input has 6 axes": (nn.BatchNorm, (2, 3, 1, 1, 1, 1)),
    "its last window lies wholly outside of the array": (
        lambda: nn.MaxPool2D(1, 4, 0, ceil_mode=True),
        (2, 3, 6, 6),
    ),
    "its layout is CHWN": (lambda: laid_out(nn.MaxPool2D(2), "CHWN"), (3, 6, 6, 2)),
    "it pads the axes of samples or channels": (
        lambda: nn.ReflectionPad2D((0, 0, 1, 1, 1, 1, 1, 1)),
        (2, 3, 6, 6),
    ),
    "its activation is log_sigmoid": (lambda: nn.Activation("log_sigmoid"), (2, 3)),
    "it takes the lengths of sequences, which MXNet leaves out of account on processors": (
        lambda: rnn.LSTM(3, use_sequence_length=True),
        (5, 2, 3),
    ),
    "its activation is sigmoid": (lambda: rnn.RNNCell(3, activation="sigmoid"), (2, 3)),
}


def test_lengths_of_sequences_change_nothing_on_processors():
    layer = rnn.LSTM(3, use_sequence_length=True)
    layer.initialize()
    x = mx.nd.array(numpy.random.default_rng(0).normal(size=(4, 2, 3)))
    short, whole = (layer(x, None, mx.nd.array(lengths)) for lengths in ([2, 3], [4, 4]))
    numpy.testing.assert_array_equal(short.asnumpy(), whole.asnumpy())


def laid_out(layer, layout):
    """Return a layer with another layout than its class allows."""
    layer._kwargs["layout"] = layout
    return layer


@pytest.mark.parametrize("reason", REFUSED)
def test_settings_without_a_counterpart_are_refused(reason):
    make, shape = REFUSED[reason]
    with pytest.raises(UnmappedOperatorError, match=reason):
        layer_of(make(), ArraySpec(shape))
