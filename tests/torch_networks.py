"""Networks for `export_torch`: the layers of gluon.nn and gluon.rnn, and blocks as people write."""

import subprocess
import sys
from typing import NamedTuple

from mxnet.gluon import contrib, rnn

from gluonkit import gluon, mx, nn
from tests import torch_imperative


class Case(NamedTuple):
    """A network by what makes it, the inputs' shapes, and the axis of the batch."""

    make: object
    inputs: tuple
    axis: int = 0


def ruff(*args, **options):
    """Run the ruff of this Python: where no environment is active, none is on the path."""
    verb, *others = args
    return subprocess.run(
        [sys.executable, "-m", "ruff", verb, "--isolated", *others],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def row(*layers):
    """Return layers in a HybridSequential."""
    net = nn.HybridSequential()
    net.add(*layers)
    return net


def concurrent():
    """Return layers side by side."""
    net = contrib.nn.HybridConcurrent(axis=1)
    net.add(nn.Dense(3), nn.Dense(4, activation="relu"), contrib.nn.Identity())
    return net


class Begun(gluon.HybridBlock):
    """A recurrent layer, or cell, with states that it is given."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def hybrid_forward(self, F, x, *states):
        out, states = self.cell(x, list(states))
        out, states = self.cell(out, states)
        return (out, *states)


class Unrolled(gluon.HybridBlock):
    """A cell over three steps."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def hybrid_forward(self, F, x):
        return self.cell.unroll(3, x, layout="NTC", merge_outputs=True)[0]


class Unrolls(gluon.HybridBlock):
    """A stack of cells over five steps, of a batch on the second axis."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def hybrid_forward(self, F, x):
        outputs, states = self.cell.unroll(5, x, layout="TNC", merge_outputs=True)
        return (outputs, *states)


class ForEach(gluon.HybridBlock):
    """A cell over as many steps as there are, as GluonNLP's encoders of ELMo."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def hybrid_forward(self, F, x, h, c):
        outputs, states = F.contrib.foreach(self.cell, F.swapaxes(x, 0, 1), [h, c])
        return F.swapaxes(outputs, 0, 1), states[1]


class Watched(gluon.HybridBlock):
    """A cell over three steps, whose states between them somebody reads."""

    def __init__(self):
        super().__init__()
        self.cell = rnn.LSTMCell(4)

    def hybrid_forward(self, F, x, h, c):
        states, total = [h, c], 0
        for step in F.split(x, num_outputs=3, axis=1, squeeze_axis=True):
            y, states = self.cell(step, states)
            total = total + states[1]
        return y + total


def cells(*made):
    """Return cells, one upon the other."""
    stack = rnn.HybridSequentialRNNCell()
    for cell in made:
        stack.add(cell)
    return stack


def stacked():
    """Return a stack of cells, one of them a modifier of another, which has its parameters."""
    stack = rnn.HybridSequentialRNNCell()
    stack.add(rnn.LSTMCell(4))
    stack.add(rnn.ResidualCell(rnn.GRUCell(4)))
    return Begun(stack)


class Residual(gluon.HybridBlock):
    """A residual block whose shortcut is there where the number of channels changes."""

    def __init__(self, channels, stride=1, *, shortcut=False):
        super().__init__()
        self.conv = nn.Conv2D(channels, 3, stride, 1)
        self.norm = nn.BatchNorm()
        self.shortcut = nn.Conv2D(channels, 1, stride) if shortcut else None

    def hybrid_forward(self, F, x):
        residual = x
        x = F.Activation(self.norm(self.conv(x)), act_type="relu")
        if self.shortcut is not None:
            residual = self.shortcut(residual)
        return x + residual


def residual():
    """Return three residual blocks of one kind."""
    return row(Residual(4, shortcut=True), Residual(4), Residual(8, 2, shortcut=True), nn.Dense(3))


class Nested(gluon.HybridBlock):
    """Takes a list of lists."""

    def hybrid_forward(self, F, x, states):
        ((first, second),) = states
        return x * first + second


class Nesting(gluon.HybridBlock):
    """Calls a block with a list of lists."""

    def __init__(self):
        super().__init__()
        self.inner = Nested()

    def hybrid_forward(self, F, x, y, z):
        return self.inner(x, [[y, z]])


def typed(dtype):
    """Return a network of another data type."""
    net = row(nn.Dense(4, activation="relu"), nn.LayerNorm(), nn.Dense(2))
    net.cast(dtype)
    return net


def partly_wide():
    """Return a network, one of whose layers computes in float64."""
    wide = nn.Dense(4)
    wide.cast("float64")
    there = nn.HybridLambda(lambda F, x: F.cast(x, "float64"))
    back = nn.HybridLambda(lambda F, x: F.cast(x, "float32"))
    return row(nn.Dense(5), there, wide, back, nn.Dense(2))


class Parts(gluon.HybridBlock):
    """Two inputs, two outputs in a nesting, own parameters and a constant."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(4, flatten=False)
        self.scale = self.params.get("scale", shape=(4,))
        self.shift = self.params.get_constant("shift", [[1.0, 2.0, 3.0, 4.0]])

    def hybrid_forward(self, F, x, y, scale, shift):
        hidden = F.broadcast_mul(self.dense(x), scale)
        return hidden, [F.broadcast_add(self.dense(y), shift), F.sum(hidden, axis=1)]


class Pieces(gluon.HybridBlock):
    """A sequence whose parts are called one by one."""

    def __init__(self):
        super().__init__()
        self.stages = row(nn.Dense(4, activation="relu"), nn.Dense(4), nn.Dense(2))

    def hybrid_forward(self, F, x):
        outputs = []
        for stage in self.stages._children.values():
            x = stage(x)
            outputs.append(x)
        return F.concat(*outputs, dim=1)


def tied():
    """Return a network with one layer twice, and another that has its parameters."""
    first = nn.Dense(4, in_units=4)
    return row(nn.Dense(4), first, first, nn.Dense(4, in_units=4, params=first.params))


def frozen():
    """Return a network with a layer that is not trained."""
    net = row(nn.Dense(4), nn.Dense(2))
    net[0].collect_params().setattr("grad_req", "null")
    return net


class SelfAttention(gluon.HybridBlock):
    """Attention of one head, as people write it, with an argument that may be left out."""

    def __init__(self, units):
        super().__init__()
        self.query = nn.Dense(units, flatten=False, use_bias=False)
        self.key = nn.Dense(units, flatten=False, use_bias=False)
        self.value = nn.Dense(units, flatten=False, use_bias=False)
        self.norm = nn.LayerNorm()

    def hybrid_forward(self, F, x, mask=None):
        scores = F.batch_dot(self.query(x), self.key(x), transpose_b=True)
        weights = F.softmax(scores / 2)
        return self.norm(x + F.batch_dot(weights, self.value(x)))


class Unlike(gluon.HybridBlock):
    """Blocks of one class that differ in an activation, and in numbers."""

    def __init__(self, units, kind):
        super().__init__()
        self.dense = nn.Dense(units)
        self.kind = kind

    def hybrid_forward(self, F, x):
        return F.Activation(self.dense(x), act_type=self.kind)


class Stretched(gluon.HybridBlock):
    """Has parameters of its own that are not trained."""

    def __init__(self):
        super().__init__()
        self.scale = self.params.get("scale", shape=(3,), grad_req="null")
        self.shift = self.params.get("shift", shape=(3,), differentiable=False)

    def hybrid_forward(self, F, x, scale, shift):
        return F.broadcast_add(F.broadcast_mul(x, scale), shift)


class BatchNormCudnnOff(nn.BatchNorm):
    """GluonCV's class, which differs from Gluon's on GPUs only."""

    def hybrid_forward(self, F, x, **weights):
        return F.BatchNorm(x, **_as_operator(weights), cudnn_off=True, **self._kwargs)


def _as_operator(weights):
    return {name.replace("running", "moving"): weight for name, weight in weights.items()}


def graph():
    """Return a graph between layers."""
    x = mx.sym.var("data", dtype="float32")
    y = mx.sym.Activation(mx.sym.FullyConnected(x, num_hidden=4, name="fc"), act_type="relu")
    return row(nn.Dense(3), gluon.SymbolBlock(y, x), nn.Dense(2))


def graph_alone():
    """Return a graph with two inputs and two outputs."""
    x, y = (mx.sym.var(name, dtype="float32") for name in "xy")
    total = mx.sym.FullyConnected(x, num_hidden=4, name="fc") + y
    return gluon.SymbolBlock([total, mx.sym.exp(x)], [x, y])


PICTURE = ((2, 3, 8, 8),)
CASES = {
    "dense": Case(
        lambda: row(nn.Dense(5, activation="tanh"), nn.Dense(3, use_bias=False, flatten=False)),
        ((2, 3, 4),),
    ),
    "dense, not flat": Case(
        lambda: row(nn.Dense(5, flatten=False, activation="sigmoid"), nn.Dense(3)), ((2, 3, 4),)
    ),
    "a layer alone": Case(lambda: nn.Dense(4, activation="relu"), ((2, 3, 3),)),
    "conv1": Case(
        lambda: row(nn.Conv1D(6, 3, 2, 1, dilation=2, groups=3, activation="softrelu")),
        ((2, 3, 20),),
    ),
    "conv2": Case(
        lambda: row(nn.Conv2D(6, (3, 5), (1, 2), (0, 2), use_bias=False)), ((2, 3, 20, 20),)
    ),
    "conv3": Case(lambda: row(nn.Conv3D(6, 3, activation="softsign")), ((2, 3, 8, 8, 8),)),
    "deconv1": Case(lambda: row(nn.Conv1DTranspose(6, 3, 2, 1, output_padding=1)), ((2, 4, 9),)),
    "deconv2": Case(
        lambda: row(nn.Conv2DTranspose(6, 3, 2, 1, 1, groups=2, in_channels=4)), ((2, 4, 9, 9),)
    ),
    "deconv3": Case(lambda: row(nn.Conv3DTranspose(6, 3, strides=2)), ((2, 4, 5, 5, 5),)),
    "max1": Case(lambda: row(nn.MaxPool1D(2)), ((2, 3, 8),)),
    "max2, ceil": Case(lambda: row(nn.MaxPool2D(3, 2, 1, ceil_mode=True)), PICTURE),
    "max3": Case(lambda: row(nn.MaxPool3D(2, 2)), ((2, 3, 8, 8, 8),)),
    "average": Case(lambda: row(nn.AvgPool2D(3, 2, 1)), PICTURE),
    "average, ceil": Case(lambda: row(nn.AvgPool2D(3, 2, 1, ceil_mode=True)), PICTURE),
    "average, not counted": Case(
        lambda: row(nn.AvgPool2D(3, 2, 1, ceil_mode=True, count_include_pad=False)), PICTURE
    ),
    "average1": Case(lambda: row(nn.AvgPool1D(3, 2, 1, count_include_pad=False)), ((2, 3, 8),)),
    "average3, small": Case(lambda: row(nn.AvgPool3D(3, padding=1)), ((2, 3, 1, 1, 1),)),
    "average3, small, not counted": Case(
        lambda: row(nn.AvgPool3D((3, 2, 3), 1, 1, count_include_pad=False)), ((2, 3, 1, 4, 2),)
    ),
    "average, wide padding": Case(
        lambda: row(nn.AvgPool2D(3, 1, 2, count_include_pad=False)), PICTURE
    ),
    "average3": Case(lambda: row(nn.AvgPool3D(2, (2, 1, 2))), ((2, 3, 8, 8, 8),)),
    "global1": Case(lambda: row(nn.GlobalMaxPool1D(), nn.GlobalAvgPool1D()), ((2, 3, 8),)),
    "global2": Case(lambda: row(nn.GlobalAvgPool2D(), nn.GlobalMaxPool2D()), PICTURE),
    "global3": Case(nn.GlobalAvgPool3D, ((2, 3, 4, 5, 6),)),
    "batch norm1": Case(lambda: row(nn.BatchNorm(epsilon=1e-3, momentum=0.99)), ((4, 5),)),
    "batch norm2": Case(lambda: row(nn.BatchNorm(scale=False)), PICTURE),
    "batch norm3": Case(lambda: row(nn.BatchNorm(center=False)), ((2, 3, 4, 4, 4),)),
    "batch norm, last axis": Case(
        lambda: row(nn.BatchNorm(axis=-1), nn.BatchNorm(axis=3, use_global_stats=True)), PICTURE
    ),
    "batch norm, relu": Case(lambda: row(nn.BatchNormReLU()), PICTURE),
    "layer norm": Case(
        lambda: row(nn.LayerNorm(), nn.LayerNorm(axis=1, epsilon=0.01)), ((2, 3, 4),)
    ),
    "instance norm": Case(
        lambda: row(nn.InstanceNorm(), nn.InstanceNorm(axis=3, scale=True)), PICTURE
    ),
    "group norm": Case(lambda: row(nn.GroupNorm(2)), ((2, 4, 3, 3),)),
    "embedding": Case(lambda: row(nn.Embedding(10, 4), nn.Dense(3)), (((2, 5), "int32"),)),
    "dropout": Case(
        lambda: row(
            nn.Dropout(0.3), nn.Dropout(0.5, axes=(2, 3)), nn.Dropout(0.5, axes=(1,)), nn.Dropout(0)
        ),
        PICTURE,
    ),
    "activations": Case(
        lambda: row(
            *(nn.LeakyReLU(0.1), nn.PReLU(), nn.ELU(0.7), nn.SELU(), nn.GELU()),
            *(nn.Swish(), nn.Swish(1.5), nn.PReLU(in_channels=3), nn.Flatten()),
        ),
        ((2, 3, 4),),
    ),
    "functions": Case(
        lambda: row(nn.HybridLambda("tanh"), nn.HybridLambda(lambda F, x: F.LeakyReLU(x))),
        ((2, 3),),
    ),
    "moved pixels": Case(
        lambda: row(contrib.nn.PixelShuffle2D((2, 3)), nn.ReflectionPad2D(1)), ((2, 12, 4, 4),)
    ),
    "side by side": Case(concurrent, ((2, 5),)),
    "rnn": Case(lambda: row(rnn.RNN(4, 2, bidirectional=True)), ((5, 2, 3),), 1),
    "lstm": Case(lambda: row(rnn.LSTM(4, 2, layout="NTC")), ((2, 5, 3),)),
    "gru": Case(lambda: row(rnn.GRU(4, 2, bidirectional=True)), ((5, 2, 3),), 1),
    "projection": Case(lambda: row(rnn.LSTM(6, layout="NTC", projection_size=3)), ((2, 5, 3),)),
    "lstm, states": Case(lambda: Begun(rnn.LSTM(3)), ((5, 2, 3), (1, 2, 3), (1, 2, 3)), 1),
    "gru, states": Case(lambda: Begun(rnn.GRU(3)), ((5, 2, 3), (1, 2, 3)), 1),
    "lstm cell": Case(lambda: Begun(rnn.LSTMCell(4)), ((2, 4), (2, 4), (2, 4))),
    "gru cell": Case(lambda: Begun(rnn.GRUCell(4)), ((2, 4), (2, 4))),
    "rnn cell": Case(lambda: Begun(rnn.RNNCell(4, activation="relu")), ((2, 4), (2, 4))),
    "cells": Case(stacked, ((2, 4), (2, 4), (2, 4), (2, 4))),
    "steps": Case(lambda: Unrolled(rnn.LSTMCell(4)), ((2, 3, 5),)),
    "steps, both ways": Case(
        lambda: Unrolled(rnn.BidirectionalCell(rnn.GRUCell(4), rnn.GRUCell(4))), ((2, 3, 5),)
    ),
    "steps of a stack": Case(
        lambda: Unrolls(cells(rnn.LSTMCell(4), rnn.RNNCell(3), rnn.ResidualCell(rnn.GRUCell(3)))),
        ((5, 2, 3),),
        1,
    ),
    "steps of an own cell": Case(
        lambda: Unrolled(contrib.rnn.LSTMPCell(6, projection_size=4)), ((2, 3, 5),)
    ),
    "for each step": Case(lambda: ForEach(rnn.LSTMCell(4)), ((2, 3, 5), (2, 4), (2, 4))),
    "for each step of an own cell": Case(
        lambda: ForEach(contrib.rnn.LSTMPCell(6, projection_size=4)), ((2, 3, 5), (2, 4), (2, 6))
    ),
    "zoneout": Case(lambda: Unrolled(rnn.ZoneoutCell(rnn.LSTMCell(4), 0.2, 0.1)), ((2, 3, 5),)),
    "cells that drop": Case(
        lambda: Unrolls(
            cells(
                rnn.DropoutCell(0.3),
                contrib.rnn.VariationalDropoutCell(rnn.GRUCell(3), 0.1, 0.2, 0.3),
            )
        ),
        ((5, 2, 3),),
        1,
    ),
    "convolutional cell": Case(
        lambda: Unrolled(contrib.rnn.Conv2DLSTMCell((3, 8, 8), 4, 3, 3, i2h_pad=1)),
        ((2, 3, 3, 8, 8),),
    ),
    "deformable": Case(
        lambda: row(contrib.cnn.DeformableConvolution(6, (3, 3), padding=(1, 1), in_channels=3)),
        PICTURE,
    ),
    "shuffled lines and volumes": Case(
        lambda: row(contrib.nn.PixelShuffle3D(2), nn.HybridLambda("relu")), ((2, 8, 3, 3, 3),)
    ),
    "watched steps": Case(Watched, ((2, 3, 5), (2, 4), (2, 4))),
    "residual": Case(residual, ((2, 3, 8, 8),)),
    "parts": Case(Parts, ((2, 3), (2, 3))),
    "pieces": Case(Pieces, ((2, 3),)),
    "tied": Case(tied, ((2, 3),)),
    "own, not trained": Case(Stretched, ((2, 3),)),
    "batch norm of GluonCV": Case(lambda: row(BatchNormCudnnOff(epsilon=1e-3)), PICTURE),
    "graph": Case(graph, ((2, 5),)),
    "graph alone": Case(graph_alone, ((2, 5), (2, 4))),
    "frozen": Case(frozen, ((2, 3),)),
    "attention": Case(lambda: SelfAttention(4), ((2, 5, 4),)),
    "nested arguments": Case(Nesting, ((2, 3), (2, 3), (2, 3))),
    "float64": Case(lambda: typed("float64"), (((2, 3), "float64"),)),
    "one of float64": Case(partly_wide, ((2, 3),)),
    "shapes": Case(torch_imperative.Grouped, ((2, 3, 5, 5),)),
    "plain block": Case(torch_imperative.Plain, ((2, 3, 4),)),
    "layers with activations": Case(torch_imperative.Active, ((2, 3),)),
    "states by itself": Case(torch_imperative.Begins, ((3, 2, 4),), 1),
    "cell in a loop": Case(torch_imperative.Steps, ((2, 3, 4),)),
    "called twice": Case(torch_imperative.Outer, ((2, 4),)),
    "functions of shapes": Case(torch_imperative.lambdas, ((2, 5),)),
    "unlike": Case(lambda: row(Unlike(3, "relu"), Unlike(4, "relu"), Unlike(3, "tanh")), ((2, 3),)),
}
