"""The steps of the MXNet crash course, part 2 ("Create a neural network"), in NumPy mode.

A layer, a chain of layers, LeNet, a network class, hybridizing and timing it, exporting it, and a
network of the model zoo. A plain MXNet program.
"""

import os
import tempfile
import time

import mxnet as mx
from mxnet import gluon, np, npx
from mxnet.gluon import nn

npx.set_np()

# One layer. Its weight exists once data has been seen, and comes from U(-0.07, 0.07).
single = nn.Dense(5)
print(single)
single.initialize(ctx=mx.cpu())
sample = np.random.uniform(-1, 1, (3, 4))
print(single(sample))
assert isinstance(single(sample), np.ndarray)
assert single(sample).shape == (3, 5)
weights = single.weight.data()
print(weights, weights.dtype, weights.ctx)
assert weights.shape == (5, 4)
assert 0 < float(np.abs(weights).max()) <= 0.07
by_hand = sample.asnumpy() @ weights.asnumpy().T + single.bias.data().asnumpy()
assert abs(by_hand - single(sample).asnumpy()).max() < 1e-6

# A chain of layers, read back by index.
chain = nn.Sequential()
chain.add(nn.Dense(5, activation="relu"), nn.Dense(25, activation="relu"), nn.Dense(2))
print(chain)
chain.initialize()
assert chain(np.random.uniform(size=(10, 3))).shape == (10, 2)
assert [layer.weight.shape for layer in chain] == [(5, 3), (25, 5), (2, 25)]
assert sum(p.data().size for p in chain.collect_params().values()) == 20 + 150 + 52

# LeNet with two 3 x 3 kernels, and its table.
lenet = nn.Sequential()
for channels in (6, 16):
    lenet.add(
        nn.Conv2D(channels=channels, kernel_size=3, activation="relu"),
        nn.MaxPool2D(pool_size=2, strides=2),
    )
lenet.add(nn.Dense(120, activation="relu"), nn.Dense(84, activation="relu"), nn.Dense(10))
lenet.initialize()
picture = np.random.uniform(-1, 1, (1, 1, 28, 28))
assert lenet(picture).shape == (1, 10)
lenet.summary(picture)
assert lenet[0].weight.data().shape == (6, 1, 3, 3)
assert lenet[4].weight.data().shape == (120, 16 * 5 * 5)
assert lenet[4].bias.data().shape == (120,)


class TwoPart(nn.Block):
    """A chain, a relu and a last layer, joined in Python."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.front = nn.Sequential()
        self.front.add(nn.Dense(3, activation="relu"), nn.Dense(4, activation="relu"))
        self.back = nn.Dense(5)

    def forward(self, x):
        hidden = npx.relu(self.front(x))
        print("hidden:", hidden)
        return self.back(hidden)


two_part = TwoPart()
print(two_part)
two_part.initialize()
assert two_part(np.random.uniform(size=(2, 2))).shape == (2, 5)
assert two_part.front[1].weight.data().shape == (4, 3)


class PlainForward(nn.HybridBlock):
    """A HybridBlock with `forward` in place of `hybrid_forward`: it runs, and is never traced."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = nn.Dense(4)

    def forward(self, x):
        return npx.relu(self.inner(x))


plain = PlainForward()
plain.initialize()
plain.hybridize()
assert plain(sample).shape == (3, 4)


class Traced(nn.HybridBlock):
    """The same with `hybrid_forward`, which can be compiled."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.first = nn.Dense(256, activation="relu")
            self.second = nn.Dense(128)
            self.third = nn.Dense(2)

    def hybrid_forward(self, F, x):
        x = self.first(x)
        return self.third(F.npx.relu(self.second(x)) + F.np.zeros_like(self.second(x)))


def build():
    net = nn.HybridSequential()
    net.add(nn.Dense(256, activation="relu"), nn.Dense(128, activation="relu"), nn.Dense(2))
    net.initialize()
    return net


def timed(net, x, passes=50):
    start = time.time()
    for _ in range(passes):
        net(x)
    npx.waitall()
    return time.time() - start


# Before and after hybridize(), on an input of one row.
row = np.random.normal(size=(1, 512))
for net in (build(), Traced()):
    net.initialize(force_reinit=True)
    imperative = net(row)
    print(f"before hybridizing: {timed(net, row):.4f} sec")
    net.hybridize(static_alloc=True, static_shape=True)
    symbolic = net(row)
    print(f"after hybridizing: {timed(net, row):.4f} sec")
    assert symbolic.shape == (1, 2)
    assert float(np.abs(imperative - symbolic).max()) < 1e-5

    with tempfile.TemporaryDirectory() as folder:
        stem = os.path.join(folder, "exported")
        net.export(stem, epoch=1)
        assert sorted(os.listdir(folder)) == ["exported-0001.params", "exported-symbol.json"]
        back = gluon.SymbolBlock.imports(
            stem + "-symbol.json", ["data"], stem + "-0001.params", ctx=mx.cpu()
        )
        assert float(np.abs(back(row) - symbolic).max()) == 0

# A network of the zoo, without its pretrained weights.
zoo = gluon.model_zoo.vision.resnet50_v2(pretrained=False)
zoo.initialize(mx.init.Xavier())
scores = zoo(np.random.uniform(size=(1, 3, 224, 224)))
assert scores.shape == (1, 1000)
top = npx.topk(npx.softmax(scores), k=5)[0]
assert len(set(top.astype("int32").asnumpy().tolist())) == 5
likeliest = np.argmax(scores, axis=1)
assert int(likeliest[0]) == int(top[0])

print("ok crash_course")
