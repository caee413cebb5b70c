"""Networks that are awkward to inspect, for both array modes."""

from mxnet import autograd
from mxnet.util import is_np_array

from gluonkit import gluon, mx, nn, np


def sequential(*blocks):
    """Return a HybridSequential of the blocks."""
    net = nn.HybridSequential()
    net.add(*blocks)
    return net


class Function(gluon.HybridBlock):
    """A block that does what a function does."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def hybrid_forward(self, F, *inputs):
        return self.function(F, *inputs)


class Untraceable(gluon.Block):
    """A loop that depends on the data, random numbers, a list that grows: untraceable."""

    def __init__(self):
        super().__init__()
        self.body = nn.Dense(4)
        self.norm = nn.BatchNorm()
        self.seen = []

    def forward(self, x):
        self.seen.append(x.shape)
        x = self.norm(self.body(self.body(x)))
        while abs(x).sum().item() > 1 if is_np_array() else abs(x).sum().asscalar() > 1:
            x = x / 2
        noise = (
            np.random.normal(0, 1, (1, 4)) if is_np_array() else mx.nd.random.normal(shape=(1, 4))
        )
        return x + noise if is_np_array() else mx.nd.broadcast_add(x, noise)


class Book(gluon.Block):
    """The book's own style: a Block that asks its parameters for their values, and a loop."""

    def __init__(self):
        super().__init__()
        random = np.random.uniform(size=(4, 4)) if is_np_array() else mx.nd.ones((4, 4))
        self.constant = self.params.get_constant("constant", random)
        self.weight = self.params.get("weight", shape=(4, 4))
        self.dense = nn.Dense(4)

    def forward(self, x):
        dot = np.dot if is_np_array() else mx.nd.dot
        x = dot(dot(self.dense(x), self.weight.data()), self.constant.data())
        while abs(x).sum().item() > 1 if is_np_array() else abs(x).sum().asscalar() > 1:
            x /= 2
        return x.sum()


class Several(gluon.HybridBlock):
    """Two inputs, of which one is a list; nested outputs."""

    def __init__(self):
        super().__init__()
        self.left = nn.Dense(3, flatten=False)
        self.right = nn.Dense(3, flatten=False)

    def hybrid_forward(self, F, x, pair):
        left, right = self.left(x), self.right(pair[0])
        return left, [right, [pair[1] * 2]]


class OwnParameters(gluon.HybridBlock):
    """A layer with its own parameters, one of them never trained, and one kept by no attribute."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(3, 5))
            self.offset = self.params.get("offset", shape=(3,), grad_req="null")
            self.params.get("spare", shape=(7,))

    def hybrid_forward(self, F, x, weight, offset):
        if is_np_array():
            return F.np.dot(x, weight.T) + offset
        return F.broadcast_add(F.dot(x, weight, transpose_b=True), offset)


class Unregistered(gluon.HybridBlock):
    """A layer kept in a plain list, which MXNet does not know of."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Dense(2, in_units=4)]
        self.layers[0].initialize()
        self.spare = nn.Dense(9)

    def hybrid_forward(self, F, x):
        return self.layers[0](x)


class Rows(gluon.HybridBlock):
    """Takes the first row of its input, which on a legacy symbol silently means something else."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(3, flatten=False)

    def hybrid_forward(self, F, x):
        return self.dense(x[0])


def values(net):
    """Return the values of a network's parameters as NumPy arrays."""
    return [parameter.data().asnumpy() for parameter in net.collect_params().values()]


def prepare(net, x, how):
    """Bring a network to a state: 'raw', 'initialized', 'run' or 'hybridized'."""
    if how != "raw":
        net.initialize()
    if how == "hybridized":
        net.hybridize(static_alloc=True)
    if how in ("run", "hybridized"):
        with autograd.record():
            net(x).sum().backward()


def shared_twice():
    """Return a network with one block at two places, and called twice at the second."""
    inner = sequential(nn.Dense(4, in_units=4), nn.Dense(4, in_units=4))
    return sequential(inner, nn.Dense(4, in_units=4), inner)
