"""A reader's steps through an older MXNet crash course, in legacy `nd` mode.

Arrays, gradients, a small mixed network, then a LeNet trained on images, kept in a file and used
to predict. scikit-learn's digits stand in for MNIST. A plain MXNet program.
"""

import os
import tempfile
import time

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn
from mxnet.gluon.data.vision import transforms
from sklearn.datasets import load_digits

mx.random.seed(7)
np.random.seed(7)

# Arrays
a = nd.array(((1, 2, 3), (5, 6, 7)))
print(a)
assert isinstance(a, nd.NDArray)
assert (a.shape, a.size, a.dtype) == ((2, 3), 6, np.float32)
twos = nd.full((2, 3), 2.0)
assert (a * twos).asnumpy().tolist() == [[2, 4, 6], [10, 12, 14]]
assert nd.dot(a, twos.T).asnumpy().tolist() == [[12, 12], [36, 36]]
assert twos.exp().sum().asscalar() > 44
assert a[1, 2].asscalar() == 7
assert a[:, 1:3].shape == (2, 2)
a[:, 1:3] = 2
a[1:2, 0:2] = 4
assert a.asnumpy().tolist() == [[1, 2, 2], [4, 4, 2]]
assert nd.zeros_like(a).sum().asscalar() == 0
assert nd.array(a.asnumpy()).asnumpy().dtype == np.float32
assert nd.one_hot(nd.array([2, 0]), 3).asnumpy().tolist() == [[0, 0, 1], [1, 0, 0]]
assert nd.random.uniform(-1, 1, shape=(2, 3), ctx=mx.cpu()).context == mx.cpu()

# Gradients, through Python control flow too
x = nd.array([[1, 2], [3, 4]])
x.attach_grad()
with autograd.record():
    y = 2 * x * x
y.backward()
assert x.grad.asnumpy().tolist() == [[4, 8], [12, 16]]


def doubled(values):
    values = values * 2
    while values.norm().asscalar() < 1000:
        values = values * 2
    return values[0] if values.sum().asscalar() >= 0 else values[1]


start = nd.array([0.25, -0.125])
start.attach_grad()
with autograd.record():
    out = doubled(start)
out.backward(nd.array([1.0]))
assert start.grad.asnumpy().tolist() == [out.asscalar() / 0.25, 0]


class Mixed(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = nn.Sequential()
        self.body.add(nn.Dense(3, activation="relu"), nn.Dense(4, activation="relu"))
        self.head = nn.Dense(5)

    def forward(self, x):
        inner = nd.relu(self.body(x))
        print(inner)
        return self.head(inner)


mixed = Mixed()
print(mixed)
mixed.initialize()
assert mixed(nd.random.uniform(shape=(2, 2))).shape == (2, 5)
assert mixed.body[1].weight.data().shape == (4, 3)


def lenet():
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(channels=6, kernel_size=5, activation="relu"),
        nn.MaxPool2D(pool_size=2, strides=2),
        nn.Conv2D(channels=16, kernel_size=3, activation="relu"),
        nn.MaxPool2D(pool_size=2, strides=2),
        nn.Dense(120, activation="relu"),
        nn.Dense(84, activation="relu"),
        nn.Dense(10),
    )
    return net


# Images: 8 x 8 digits, enlarged by 3 and padded to 28 x 28 bytes
digits = load_digits()
pixels = np.kron(digits.images, np.ones((3, 3))) * (255 / 16)
pixels = np.pad(pixels, ((0, 0), (2, 2), (2, 2)))[..., None].astype("uint8")
labels = digits.target.astype("int32")
transformer = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.13, 0.31)])


def loader(first, last, shuffle):
    dataset = gluon.data.ArrayDataset(
        nd.array(pixels[first:last], dtype="uint8"), labels[first:last]
    )
    assert dataset[0][0].shape == (28, 28, 1)
    return gluon.data.DataLoader(
        dataset.transform_first(transformer), batch_size=64, shuffle=shuffle, num_workers=0
    )


train, valid = loader(0, 960, True), loader(960, 1280, False)
for batch, target in train:
    assert batch.shape == (64, 1, 28, 28)
    assert target.shape == (64,) and target.dtype == np.int32
    break

net = lenet()
net.initialize(init=init.Xavier())
assert net(nd.random.uniform(shape=(4, 1, 28, 28))).shape == (4, 10)
assert net[0].weight.data().shape == (6, 1, 5, 5)
objective = gluon.loss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})


def accuracy(output, label):
    return (output.argmax(axis=1) == label.astype("float32")).mean().asscalar()


scores = [sum(accuracy(net(d), t) for d, t in valid) / len(valid)]
for epoch in range(4):
    loss_sum, train_score, tic = 0.0, 0.0, time.time()
    for batch, target in train:
        with autograd.record():
            output = net(batch)
            loss = objective(output, target)
        loss.backward()
        trainer.step(batch.shape[0])
        loss_sum += loss.mean().asscalar()
        train_score += accuracy(output, target)
    scores.append(sum(accuracy(net(d), t) for d, t in valid) / len(valid))
    print(
        f"Epoch {epoch}: loss {loss_sum / len(train):.3f}, train acc {train_score / len(train):.3f}"
        f", test acc {scores[-1]:.3f}, in {time.time() - tic:.1f} sec"
    )
assert scores[-1] > 0.8 > scores[0], scores

# Keep it, load it into a fresh network, predict
with tempfile.TemporaryDirectory() as folder:
    where = os.path.join(folder, "net.params")
    net.save_parameters(where)
    clone = lenet()
    clone.load_parameters(where, ctx=mx.cpu())
    one = transformer(nd.array(pixels[1280], dtype="uint8")).expand_dims(axis=0)
    assert one.shape == (1, 1, 28, 28)
    assert clone(one).argmax(axis=1).asscalar() == net(one).argmax(axis=1).asscalar()
    nd.save(where, [one, batch])
    assert [v.shape for v in nd.load(where)] == [one.shape, batch.shape]
    nd.save(where, {"one": one})
    assert nd.load(where)["one"].asnumpy().tolist() == one.asnumpy().tolist()

print("ok follow_along")
