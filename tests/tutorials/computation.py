"""The steps of Dive into Deep Learning, chapter 5, in NumPy mode: blocks, parameters, files.

A plain MXNet program: it knows nothing of gluonkit. The first draw is checked against the figure
that the book prints, so nothing may be drawn before it.
"""

import os
import tempfile

import mxnet as mx
from mxnet import autograd, gluon, init, np, npx
from mxnet.gluon import nn

npx.set_np()

# 5.1 Layers and blocks
net = nn.Sequential()
net.add(nn.Dense(256, activation="relu"), nn.Dense(10))
net.initialize()
X = np.random.uniform(size=(2, 20))
printed = np.array([0.0624027, -0.0326859, 0.0258265])
assert np.abs(net(X)[0, :3] - printed).max() < 1e-6, net(X)[0, :3]


class MLP(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = nn.Dense(256, activation="relu")
        self.output = nn.Dense(10)

    def forward(self, x):
        return self.output(self.hidden(x))


class MySequential(nn.Block):
    def add(self, block):
        self._children[block.name] = block

    def forward(self, x):
        for block in self._children.values():
            x = block(x)
        return x


class FancyMLP(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.rand_weight = self.params.get_constant("rand_weight", np.random.uniform(size=(20, 20)))
        self.dense = nn.Dense(20, activation="relu")

    def forward(self, x):
        x = self.dense(x)
        x = npx.relu(np.dot(x, self.rand_weight.data()) + 1)
        x = self.dense(x)
        while np.abs(x).sum() > 1:
            x /= 2
        if np.abs(x).sum() < 0.8:
            x *= 10
        return x.sum()


class NestMLP(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.net = nn.Sequential()
        self.net.add(nn.Dense(64, activation="relu"), nn.Dense(32, activation="relu"))
        self.dense = nn.Dense(16, activation="relu")

    def forward(self, x):
        return self.dense(self.net(x))


mine = MySequential()
mine.add(nn.Dense(256, activation="relu"))
mine.add(nn.Dense(10))
chimera = nn.Sequential()
chimera.add(NestMLP(), nn.Dense(20), FancyMLP())
for block, shape in ((MLP(), (2, 10)), (mine, (2, 10)), (FancyMLP(), ()), (chimera, ())):
    block.initialize()
    assert block(X).shape == shape

# 5.2 Parameters
assert net[0].params["dense0_weight"].data().shape == (256, 20)
assert net[0].weight.grad().shape == (256, 20)
assert list(net.collect_params(".*weight").keys()) == ["dense0_weight", "dense1_weight"]


def block1():
    net = nn.Sequential()
    net.add(nn.Dense(32, activation="relu"), nn.Dense(16, activation="relu"))
    return net


def block2():
    net = nn.Sequential()
    for _ in range(4):
        net.add(block1())
    return net


rgnet = nn.Sequential()
rgnet.add(block2(), nn.Dense(10))
rgnet.initialize()
rgnet(X)
assert len(rgnet.collect_params().keys()) == 18
assert rgnet[0][1][0].bias.data().shape == (32,)

net.initialize(init=init.Normal(sigma=0.01), force_reinit=True)
net.initialize(init=init.Constant(1), force_reinit=True)
assert net[0].weight.data()[0, 0] == 1
net[1].initialize(init=init.Constant(42), force_reinit=True)
net[0].weight.initialize(init=init.Xavier(), force_reinit=True)
assert net[1].weight.data()[0, 0] == 42


class MyInit(init.Initializer):
    def _init_weight(self, name, data):
        print("Init", name, data.shape)
        data[:] = np.random.uniform(-10, 10, data.shape)
        data *= np.abs(data) >= 5


net.initialize(MyInit(), force_reinit=True)
magnitudes = np.abs(net[0].weight.data()).asnumpy()
assert ((magnitudes == 0) | (magnitudes >= 5)).all()
net[0].weight.data()[:] += 1
net[0].weight.data()[0, 0] = 42
assert net[0].weight.data()[0, 0] == 42

tied = nn.Sequential()
shared = nn.Dense(8, activation="relu")
again = nn.Dense(8, activation="relu", params=shared.params)
tied.add(nn.Dense(8, activation="relu"), shared, again, nn.Dense(10))
tied.initialize()
tied(X)
tied[1].weight.data()[0, 0] = 100
assert (tied[1].weight.data()[0] == tied[2].weight.data()[0]).all()

# 5.3 Deferred initialization
lazy = nn.Sequential()
lazy.add(nn.Dense(256, activation="relu"), nn.Dense(10))
lazy.initialize()
assert lazy[0].weight.shape == (256, -1)
lazy(X)
assert lazy[0].weight.shape == (256, 20)


# 5.4 Custom layers
class CenteredLayer(nn.Block):
    def forward(self, x):
        return x - x.mean()


class MyDense(nn.Block):
    def __init__(self, units, in_units, **kwargs):
        super().__init__(**kwargs)
        self.weight = self.params.get("weight", shape=(in_units, units))
        self.bias = self.params.get("bias", shape=(units,))

    def forward(self, x):
        return npx.relu(np.dot(x, self.weight.data()) + self.bias.data())


custom = nn.Sequential()
custom.add(MyDense(8, in_units=64), MyDense(1, in_units=8), CenteredLayer())
custom.initialize()
assert abs(custom(np.random.uniform(size=(2, 64))).mean()) < 1e-6

# 5.5 Files
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "file")
    x, y = np.arange(4), np.zeros(4)
    npx.save(path, x)
    assert (npx.load(path)[0] == x).all()
    npx.save(path, [x, y])
    assert len(npx.load(path)) == 2
    npx.save(path, {"x": x, "y": y})
    assert sorted(npx.load(path)) == ["x", "y"]
    mlp, clone = MLP(), MLP()
    mlp.initialize()
    mlp(X)
    mlp.save_parameters(path)
    clone.load_parameters(path)
    assert (clone(X) == mlp(X)).all()

# Training by hand and with a Trainer, tied gradients adding up
with autograd.record():
    loss = (tied(X) ** 2).mean()
loss.backward()
total = tied[1].weight.grad().copy()
assert (total == tied[2].weight.grad()).all()
trainer = gluon.Trainer(tied.collect_params(), "sgd", {"learning_rate": 1e-9})
trainer.step(1)
assert mx.cpu() == X.ctx

print("ok computation")
