"""The steps of "Designing a custom layer with gluon" (The Straight Dope), in legacy `nd` mode.

A layer without parameters, parameters and their dictionaries, a layer with parameters, a
classifier made of it, and initializers of one's own. scikit-learn's digits stand in for MNIST.
A plain MXNet program.
"""

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.gluon import Block, HybridBlock, nn
from sklearn.datasets import load_digits

mx.random.seed(1)
np.random.seed(1)
ctx = mx.cpu()
xavier = mx.init.Xavier(magnitude=2.24)


class Centered(Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def forward(self, x):
        return x - nd.mean(x)


assert Centered()(nd.array([1, 2, 3, 4, 5])).asnumpy().tolist() == [-2, -1, 0, 1, 2]
net = nn.Sequential()
with net.name_scope():
    net.add(nn.Dense(128), nn.Dense(10), Centered())
net.collect_params().initialize(xavier, ctx=ctx)
print(net, net(nd.random.uniform(shape=(4, 8))))
assert abs(nd.mean(net(nd.random.uniform(shape=(4, 8)))).asscalar()) < 1e-6

# A parameter, and a dictionary of them
lonely = gluon.Parameter("lonely", grad_req="write", shape=(5, 5))
print(lonely)
lonely.initialize(xavier, ctx=ctx)
assert lonely.data().shape == lonely.grad().shape == (5, 5)
assert lonely.grad().abs().sum().asscalar() == 0
assert lonely.list_ctx() == [ctx]
book = gluon.ParameterDict(prefix="block1_")
entry = book.get("lonely", grad_req="write", shape=(5, 5))
print(book)
assert list(book.keys()) == ["block1_lonely"]
assert book["block1_lonely"] is book.get("lonely") is entry


class TurnedDense(Block):
    """relu(x . W + b) with W stored as (in_units, units)."""

    def __init__(self, units, in_units=0, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.weight = self.params.get("weight", init=xavier, shape=(in_units, units))
            self.bias = self.params.get("bias", shape=(units,))

    def forward(self, x):
        with x.context:
            return nd.relu(nd.dot(x, self.weight.data()) + self.bias.data())


layer = TurnedDense(20, in_units=10)
layer.collect_params().initialize(ctx=ctx)
assert layer(nd.ones(shape=(2, 10))).shape == (2, 20)
assert list(layer.params.keys()) == [layer.prefix + "weight", layer.prefix + "bias"]
largest = nd.abs(layer.bias.data()).max().asscalar()
assert 0 < largest <= 0.07  # drawn, not zero: the bias has no initializer of its own


# Variations: an unknown width, a constant, a container, initializers
@mx.init.register
class SignedHalf(mx.init.Initializer):
    """+1/2 or -1/2. Registered, so that it can be named in lower case."""

    def _init_weight(self, name, array):
        print("initializing", name, array.shape)
        array[:] = nd.sign(nd.random.uniform(-1, 1, shape=array.shape)) / 2


class Flexible(HybridBlock):
    """A dense layer whose width follows from its input, its result shifted by a constant."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.units = units
            self.weight = self.params.get(
                "weight", shape=(units, 0), init="signedhalf", allow_deferred_init=True
            )
            self.shift = self.params.get_constant("shift", np.full((1, units), 3.0))

    def hybrid_forward(self, F, x, weight, shift):
        y = F.FullyConnected(x, weight, no_bias=True, num_hidden=self.units)
        return F.broadcast_add(y, shift)


class Pile(Block):
    """A container that writes to `_children` itself."""

    def add(self, *blocks):
        for block in blocks:
            self._children[block.name] = block

    def forward(self, x):
        for block in self._children.values():
            x = block(x)
        return x


pile = Pile()
pile.add(Flexible(6), Flexible(2))
pile.initialize()
pile.hybridize()
ones = nd.ones((3, 4))
with autograd.record():
    result = pile(ones)
result.backward()
first, second = pile._children.values()
assert first.weight.shape == (6, 4)
assert nd.abs(first.weight.data()).asnumpy().tolist() == [[0.5] * 4] * 6
assert first.shift.grad_req == "null"
expected = (ones.asnumpy() @ first.weight.data().asnumpy().T + 3) @ second.weight.data().asnumpy().T
assert (result.asnumpy() == expected + 3).all()
assert first.weight.grad().asnumpy().any()

# The classifier, with a relu on the logits as in the tutorial
net = nn.Sequential()
with net.name_scope():
    net.add(TurnedDense(128, in_units=784), TurnedDense(64, in_units=128))
    net.add(TurnedDense(10, in_units=64))
net.collect_params().initialize(ctx=ctx)
assert len(net.collect_params().keys()) == 6

digits = load_digits()
images = digits.images.repeat(3, axis=1).repeat(3, axis=2)
images = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype("float32")


def transform(image, label):
    return image / 16, np.float32(label)


def loader(first, last, shuffle):
    dataset = gluon.data.ArrayDataset(images[first:last], digits.target[first:last])
    return gluon.data.DataLoader(dataset.transform(transform, lazy=False), 64, shuffle=shuffle)


train_data, test_data = loader(0, 960, True), loader(960, 1280, False)
loss = gluon.loss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
metric = mx.metric.Accuracy()  # one for all, never reset


def evaluate(batches):
    for data, label in batches:
        with autograd.record():  # evaluation needs no recording
            output = net(data.as_in_context(ctx).reshape((-1, 784)))
        metric.update([label.as_in_context(ctx)], [output])
    return metric.get()[1]


tests, smooth = [], None
for epoch in range(6):
    for data, label in train_data:
        data = data.as_in_context(ctx).reshape((-1, 784))
        label = label.as_in_context(ctx)
        with autograd.record():
            cross_entropy = loss(net(data), label)
            cross_entropy.backward()
        trainer.step(data.shape[0])
        current = nd.mean(cross_entropy).asscalar()  # waits for the engine at every batch
        smooth = current if smooth is None else 0.9 * smooth + 0.1 * current
    tests.append(evaluate(test_data))
    print(f"Epoch {epoch}. Loss {smooth:.3f}, test {tests[-1]:.3f}, all {evaluate(train_data):.3f}")
assert metric.get()[0] == "accuracy"
assert tests[-1] > tests[0]

print("ok custom_layers")
