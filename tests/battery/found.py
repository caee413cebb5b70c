"""Networks that have failed a check once, each with the name of the check. They never go."""

from __future__ import annotations

from tests.battery.case import Case, InputSpec

FOUND: dict[str, tuple[str, Case]] = {
    "a convolution of float64, which cannot be padded with zeros of float32": (
        "compile",
        Case(
            source="""
net = nn.HybridSequential()
net.add(nn.Conv2D(5, 3, in_channels=3), nn.Conv2D(6, 3, in_channels=5))
net.cast("float64")
""",
            inputs=(InputSpec((3, 8, 8), "float64"),),
        ),
    ),
    "a cell, whose first states take their shape from the batch": (
        "compile",
        Case(
            source="""
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.cell = rnn.LSTMCell(5, input_size=5)

    def hybrid_forward(self, F, in1):
        return self.cell.unroll(4, in1, layout="NTC", merge_outputs=True)[0]

net = Net()
""",
            inputs=(InputSpec((4, 5)),),
        ),
    ),
    "a feature map of eight channels": (
        "predict",
        Case(
            source="""
net = nn.HybridSequential()
net.add(nn.Conv2D(8, 3, in_channels=3))
""",
            inputs=(InputSpec((3, 8, 8)),),
        ),
    ),
    "a feature map of sixteen channels": (
        "predict",
        Case(
            source="""
net = nn.HybridSequential()
net.add(nn.Conv2D(16, 3, in_channels=3))
""",
            inputs=(InputSpec((3, 8, 8)),),
        ),
    ),
    "a convolution that is an output, too, and is not to be fused away": (
        "compile",
        Case(
            source="""
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Conv2D(8, 3, in_channels=3)
        self.layer3 = nn.BatchNorm(in_channels=8)

    def hybrid_forward(self, F, in1):
        x2 = self.layer1(in1)
        return self.layer3(x2), x2

net = Net()
""",
            inputs=(InputSpec((3, 6, 6)),),
        ),
    ),
    "the slope of PReLU": (
        "fit",
        Case(
            source="""
net = nn.HybridSequential()
net.add(nn.Dense(4, in_units=5), nn.PReLU(), nn.Dense(3, in_units=4))
""",
            inputs=(InputSpec((5,)),),
        ),
    ),
    "a deconvolution that learns": (
        "fit",
        Case(
            source="""
net = nn.HybridSequential()
net.add(nn.Conv2DTranspose(8, 3, in_channels=4), nn.Dense(3))
""",
            inputs=(InputSpec((4, 5, 5)),),
            deferred=True,
        ),
    ),
    "a layer that is called twice": (
        "compile",
        Case(
            source="""
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.layer = nn.Dense(8, in_units=8)

    def hybrid_forward(self, F, in1):
        return self.layer(self.layer(in1))

net = Net()
""",
            inputs=(InputSpec((8,)),),
        ),
    ),
    "tied convolutions": (
        "compile",
        Case(
            source="""
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Conv2D(4, 3, padding=1)
        self.layer3 = nn.Conv2D(4, 3, padding=1, params=self.layer1.params)

    def hybrid_forward(self, F, in1):
        return self.layer3(self.layer1(in1))

net = Net()
""",
            inputs=(InputSpec((4, 6, 9)),),
            deferred=True,
        ),
    ),
    "a layer norm in float64": (
        "export_onnx",
        Case(
            source="""
net = nn.HybridSequential()
net.add(nn.Dense(3), nn.LayerNorm())
net.cast("float64")
""",
            inputs=(InputSpec((5,), "float64"),),
            deferred=True,
        ),
    ),
    "windows that lie in the padding": (
        "export_onnx",
        Case(
            source="""
net = nn.HybridSequential()
net.add(nn.GlobalMaxPool2D(), nn.MaxPool2D((3, 2), (3, 2), (1, 1), ceil_mode=True))
""",
            inputs=(InputSpec((12, 5, 4)),),
        ),
    ),
    "a recurrent layer inside of a network": (
        "hybrid_report",
        Case(
            source="""
net = nn.HybridSequential()
net.add(nn.Dense(4, flatten=False), rnn.RNN(5, layout="NTC"), nn.Dense(3))
""",
            inputs=(InputSpec((2, 4)),),
            deferred=True,
        ),
    ),
    "pooling by powers": (
        "export_onnx",
        Case(
            source="""
class Net(nn.HybridBlock):
    def hybrid_forward(self, F, in1):
        return F.Pooling(in1, kernel=(3,), pad=(1,), pool_type="lp", p_value=1)

net = Net()
""",
            inputs=(InputSpec((2, 7)),),
        ),
    ),
    "a layer norm behind a cast": (
        "export_onnx",
        Case(
            source="""
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Dense(4)
        self.layer1.cast("float64")
        self.layer2 = nn.LayerNorm()

    def hybrid_forward(self, F, in1):
        return self.layer2(F.cast(self.layer1(F.cast(in1, "float64")), "float32"))

net = Net()
""",
            inputs=(InputSpec((3,)),),
            deferred=True,
        ),
    ),
    "AdaGrad, where gradients are almost nothing, and rounded by a logarithm that is off": (
        "fit",
        Case(
            source="""\
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.GlobalMaxPool1D()
        self.layer3 = nn.Dense(17, activation="tanh", flatten=False, in_units=1)
        self.layer5 = nn.HybridLambda("tanh")
        self.layer7 = nn.Dense(2, activation="relu", in_units=68)
        self.layer9 = nn.Dense(2, in_units=2)

    def hybrid_forward(self, F, in1):
        x2 = self.layer1(in1)
        x4 = self.layer3(x2)
        x6 = self.layer5(x4)
        x8 = self.layer7(x6)
        x10 = self.layer9(x8)
        return x10

net = Net()""",  # without a newline more, for the loss and the optimizer are drawn by it
            inputs=(InputSpec((4, 4)),),
        ),
    ),
    "centered RMSProp, where gradients are almost nothing": (
        "fit",
        Case(
            source="""\
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.GlobalMaxPool1D()
        self.layer3 = nn.Dense(2, activation="tanh", flatten=False, in_units=1)
        self.layer5 = nn.HybridLambda("tanh")
        self.layer7 = nn.Dense(2, in_units=8)
        self.layer9 = nn.Dense(2, in_units=2)

    def hybrid_forward(self, F, in1):
        x2 = self.layer1(in1)
        x4 = self.layer3(x2)
        x6 = self.layer5(x4)
        x8 = self.layer7(x6)
        x10 = self.layer9(x8)
        return x10

net = Net()""",  # without a newline more, for the loss and the optimizer are drawn by it
            inputs=(InputSpec((4, 4)),),
        ),
    ),
    "channels joined within a block of oneDNN's": (
        "fit",
        Case(
            source="""
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Conv2D(4, 3, padding=1)
        self.layer2 = nn.Conv2D(10, 2, padding=1)

    def hybrid_forward(self, F, in1):
        return self.layer2(F.concat(self.layer1(in1), in1, dim=1))

net = Net()
""",
            inputs=(InputSpec((4, 6, 7)),),
            deferred=True,
        ),
    ),
    "a weight looked at while it is rearranged": (  # by chance, once in some 60 runs
        "fit",
        Case(
            source="""
class Net(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.layer1 = nn.Embedding(9, 5)
            self.layer3 = nn.Conv1DTranspose(
                4, 3, strides=2, padding=1, output_padding=1, activation="relu")
            self.weight = self.params.get("weight", shape=(1, 1, 10))

    def hybrid_forward(self, F, in1, weight):
        return self.layer3(self.layer1(in1)) * weight

net = Net()
""",
            inputs=(InputSpec((4,), "int32", whole=(0, 9)),),
            np_mode=True,
            deferred=True,
        ),
    ),
}
