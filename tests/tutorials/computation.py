"""The steps of Dive into Deep Learning, "Deep Learning Computation", part 1, in NumPy mode.

Blocks, containers, control flow in a forward pass; reading, setting and initializing parameters;
deferred initialization. A plain MXNet program. The first numbers are those that the book prints,
so nothing may be drawn before them.
"""

from mxnet import autograd, init, np, npx
from mxnet.gluon import nn

npx.set_np()

net = nn.Sequential()
net.add(nn.Dense(256, activation="relu"), nn.Dense(10))
net.initialize()
x = np.random.uniform(size=(2, 20))
y = net(x)
print(y)
printed = np.array([0.0624027, -0.0326859, 0.0258265])
assert np.abs(y[0, :3] - printed).max() < 1e-6, y[0, :3]


# Blocks
class MLP(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = nn.Dense(256, activation="relu")
        self.output = nn.Dense(10)

    def forward(self, x):
        return self.output(self.hidden(x))


class Stack(nn.Block):
    """A container that writes to `_children` itself."""

    def add(self, block):
        self._children[block.name] = block

    def forward(self, x):
        for block in self._children.values():
            x = block(x)
        return x


class Fancy(nn.Block):
    """A constant, one layer used twice, and Python loops on values, in place."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.fixed = self.params.get_constant("fixed", np.random.uniform(size=(20, 20)))
        self.dense = nn.Dense(20, activation="relu")

    def forward(self, x):
        x = self.dense(x)
        x = self.dense(npx.relu(np.dot(x, self.fixed.data()) + 1))
        while np.abs(x).sum() > 1:
            x /= 2
        if np.abs(x).sum() < 0.8:
            x *= 10
        return x.sum()


class Nest(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = nn.Sequential()
        self.inside.add(nn.Dense(64, activation="relu"), nn.Dense(32, activation="relu"))
        self.dense = nn.Dense(16, activation="relu")

    def forward(self, x):
        return self.dense(self.inside(x))


stack, chimera = Stack(), nn.Sequential()
stack.add(nn.Dense(256, activation="relu"))
stack.add(nn.Dense(10))
chimera.add(Nest(), nn.Dense(20), Fancy())
for block, shape in ((MLP(), (2, 10)), (stack, (2, 10)), (Nest(), (2, 16)), (chimera, ())):
    block.initialize()
    assert block(x).shape == shape
    print(block)
fancy = Fancy()
fancy.initialize()
total = fancy(x)
assert 0 < float(total) <= 10
assert fancy.fixed.grad_req == "null"
try:
    with autograd.record():
        fancy(x)
except Exception as error:  # x /= 2 cannot be recorded
    print(type(error).__name__, str(error).splitlines()[-1])
else:
    raise AssertionError("in-place arithmetic was recorded")

# Parameters: by attribute, index, name and regular expression
print(net[0].params, net.collect_params(), net[1].params)
assert net[1].bias is net[1].params["dense1_bias"] is net.collect_params()["dense1_bias"]
assert net[0].params["dense0_weight"].data().shape == (256, 20)
assert (net[1].bias.data() == 0).all()
assert net[0].weight.grad().shape == (256, 20) and not net[0].weight.grad().any()
assert list(net.collect_params(".*weight").keys()) == ["dense0_weight", "dense1_weight"]
assert list(net.collect_params("dense0.*").keys()) == ["dense0_weight", "dense0_bias"]


def block1():
    inner = nn.Sequential()
    inner.add(nn.Dense(32, activation="relu"), nn.Dense(16, activation="relu"))
    return inner


rgnet, block2 = nn.Sequential(), nn.Sequential()
for _ in range(4):
    block2.add(block1())
rgnet.add(block2, nn.Dense(10))
rgnet.initialize()
assert rgnet(x).shape == (2, 10)
print(rgnet, rgnet.collect_params())
assert len(rgnet.collect_params().keys()) == 18
assert rgnet[0][1][0].bias.data().shape == (32,)

# Initializers: for the whole, for a part, for one parameter, of one's own
net.initialize(init=init.Normal(sigma=0.01), force_reinit=True)
assert 0.009 < float(net[0].weight.data().std()) < 0.011
net.initialize(init=init.Constant(1), force_reinit=True)
assert (net[0].weight.data() == 1).all()
net[1].initialize(init=init.Constant(42), force_reinit=True)
net[0].weight.initialize(init=init.Xavier(), force_reinit=True)
assert net[1].weight.data()[0, 0] == 42 and net[0].weight.data()[0, 0] != 1


class HalfOfTen(init.Initializer):
    def _init_weight(self, name, data):
        print("Init", name, data.shape)
        data[:] = np.random.uniform(-10, 10, data.shape)
        data *= np.abs(data) >= 5


net.initialize(HalfOfTen(), force_reinit=True)
magnitudes = np.abs(net[0].weight.data()).asnumpy()
assert ((magnitudes == 0) | ((magnitudes >= 5) & (magnitudes <= 10))).all()
assert 0.45 < (magnitudes == 0).mean() < 0.55
corner = float(net[0].weight.data()[1, 1])
net[0].weight.data()[:] += 1
net[0].weight.data()[0, 0] = 42
assert net[0].weight.data()[0, 0] == 42 and float(net[0].weight.data()[1, 1]) == corner + 1

# Deferred initialization: shapes and an initializer that reports when it runs
seen = []


class Telling(init.Initializer):
    def _init_weight(self, name, data):
        seen.append((name, data.shape))
        data[:] = 0.01


lazy = nn.Sequential()
lazy.add(nn.Dense(256, activation="relu"), nn.Dense(10))
lazy.initialize(Telling())
assert lazy[0].weight.shape == (256, -1) and seen == []
print(lazy.collect_params())
lazy(x)
assert [shape for _, shape in seen] == [(256, 20), (10, 256)]
lazy(x)
lazy.initialize(Telling(), force_reinit=True)  # at once, the shapes being known
assert len(seen) == 4
known = nn.Dense(10, in_units=256)
known.initialize(Telling())
assert len(seen) == 5 and lazy[0].weight.shape == (256, 20)

print("ok computation")
