"""Blocks with one mistake each: the seeded defects of `check_hybrid`'s tests.

The line with the mistake ends in a comment with its kind.
"""

import numpy
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn
from mxnet.util import is_np_array


class BranchOnData(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        if x.sum() > 1:  # branch-on-data
            return x
        return -x


class LoopOnData(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(3)

    def hybrid_forward(self, F, x):
        y = self.dense(x)
        while y.max() > 1:  # branch-on-data
            y = y / 2
        return y


class BranchOnTraining(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        scale = 2 if autograd.is_training() else 1  # branch-on-training
        return x * scale


class Shape(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return x / x.shape[0]  # shape


class Values(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return x * float(x.sum().asnumpy()[0])  # asnumpy


class Scalar(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return x * x.sum().asscalar()  # asnumpy


class InPlace(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        y = x * 2
        y += 1  # in-place
        return y


class Writing(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        y = x * 2
        y[:] = 1  # in-place
        return y


class InPlaceImperative(gluon.Block):
    def forward(self, x):
        y = x * 2
        y /= 3  # in-place
        return y


class Indexing(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return x[0] * 2  # indexing


class WrongNamespace(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return nd.relu(x)  # wrong-namespace


class MadeInside(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return x + nd.ones((1, 5))  # wrong-namespace


class NumPy(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return x * numpy.ndim(x)  # wrong-namespace


class PlainList(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Dense(5, in_units=5)]  # plain-container
        self.layers[0].initialize()

    def hybrid_forward(self, F, x):
        return self.layers[0](x)


class PlainDict(gluon.Block):
    def __init__(self):
        super().__init__()
        self.layers = {"one": nn.Dense(5, in_units=5)}  # plain-container
        self.layers["one"].initialize()

    def forward(self, x):
        return self.layers["one"](x)


class Clean(gluon.HybridBlock):
    """All that looks like a mistake and is none."""

    def __init__(self):
        super().__init__()
        self.layers = nn.HybridSequential()
        self.layers.add(nn.Dense(5, flatten=False), nn.Dense(5, flatten=False))
        self.also = [self.layers]  # in a list, and registered as well
        self.scale = 2.0
        self.act = None
        self.sizes = (5, 5)

    def hybrid_forward(self, F, x, mask=None, *more):
        total = 0
        for index, layer in enumerate(self.layers):
            x = layer(x)
            total += index
        if mask is not None and not more:
            x = x * mask
        if self.act is None and len(self.sizes) > 1 and isinstance(more, tuple):
            x = x + total
        factor = numpy.sqrt(self.sizes[0])
        split = F.np.split if is_np_array() else F.split
        parts = split(x, 5, axis=-1) if is_np_array() else split(x, num_outputs=5, axis=-1)
        pair = [parts[0], parts[1]]
        return pair[0] * float(factor) + pair[1]
