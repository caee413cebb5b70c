"""A reader's steps through an older crash course, in legacy mode: arrays, autograd, a LeNet trained.

A plain MXNet program: it knows nothing of gluonkit.
"""

import mxnet as mx
from mxnet import autograd, gluon, init, nd
from mxnet.gluon import nn
from mxnet.gluon.data import ArrayDataset, DataLoader
from sklearn.datasets import load_digits

a = nd.array(((1, 2, 3), (5, 6, 7)))
assert a.shape == (2, 3)
assert a.size == 6
assert nd.full((2, 3), 2.0).asnumpy().sum() == 12
assert nd.dot(a, a.T).shape == (2, 2)
assert a[1, 1:3].asnumpy().tolist() == [6, 7]
a[:, 1:2] = 4
assert a[0, 1].asscalar() == 4

x = nd.array([[1, 2], [3, 4]])
x.attach_grad()
with autograd.record():
    y = 2 * x * x
y.backward()
assert (x.grad == 4 * x).asnumpy().all()


class MixMLP(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blk = nn.Sequential()
        self.blk.add(nn.Dense(3, activation="relu"), nn.Dense(4, activation="relu"))
        self.dense = nn.Dense(5)

    def forward(self, x):
        y = nd.relu(self.blk(x))
        return self.dense(y)


mixed = MixMLP()
mixed.initialize()
assert mixed(nd.random.uniform(shape=(2, 2))).shape == (2, 5)
print(mixed, mixed.blk[1].weight.data())

net = nn.Sequential()
net.add(
    nn.Conv2D(channels=6, kernel_size=5, activation="relu"),
    nn.MaxPool2D(pool_size=2, strides=2),
    nn.Conv2D(channels=16, kernel_size=3, activation="relu"),
    nn.MaxPool2D(pool_size=2, strides=2),
    nn.Dense(120, activation="relu"),
    nn.Dense(84, activation="relu"),
    nn.Dense(10),
)
net.initialize(init=init.Xavier())
assert net(nd.random.uniform(shape=(4, 1, 28, 28))).shape == (4, 10)

digits = load_digits()
images = nd.array(digits.images / 16).expand_dims(1)
images = nd.UpSampling(images, scale=4, sample_type="nearest")[:, :, 2:30, 2:30]
split = 1280
train_data = DataLoader(
    ArrayDataset(images[:split], digits.target[:split].astype("float32")), 64, shuffle=True
)
valid_data = DataLoader(ArrayDataset(images[split:], digits.target[split:].astype("float32")), 64)
loss_function = gluon.loss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})


def accuracy(output, label):
    return (output.argmax(axis=1) == label.astype("float32")).mean().asscalar()


for epoch in range(6):
    train_loss, valid_accuracy = 0.0, 0.0
    for data, label in train_data:
        with autograd.record():
            output = net(data)
            loss = loss_function(output, label)
        loss.backward()
        trainer.step(data.shape[0])
        train_loss += loss.mean().asscalar()
    for data, label in valid_data:
        valid_accuracy += accuracy(net(data), label)
    print(epoch, train_loss / len(train_data), valid_accuracy / len(valid_data))
assert valid_accuracy / len(valid_data) > 0.8, valid_accuracy / len(valid_data)

print("ok follow_along")
