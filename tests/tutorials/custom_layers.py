"""The steps of "Designing a custom layer with gluon" (The Straight Dope), in legacy mode.

A plain MXNet program: it knows nothing of gluonkit. scikit-learn's digits stand in for MNIST.
"""

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd
from mxnet.gluon import Block, nn
from sklearn.datasets import load_digits

mx.random.seed(1)
np.random.seed(1)
ctx = mx.cpu()


class CenteredLayer(Block):
    def forward(self, x):
        return x - nd.mean(x)


assert CenteredLayer()(nd.array([1, 2, 3, 4, 5])).asnumpy().tolist() == [-2, -1, 0, 1, 2]
net = nn.Sequential()
with net.name_scope():
    net.add(nn.Dense(128), nn.Dense(10), CenteredLayer())
net.collect_params().initialize(mx.init.Xavier(magnitude=2.24), ctx=ctx)
assert abs(nd.mean(net(nd.random.uniform(shape=(4, 8)))).asscalar()) < 1e-6

my_param = gluon.Parameter("exciting_parameter_yay", grad_req="write", shape=(5, 5))
my_param.initialize(mx.init.Xavier(magnitude=2.24), ctx=ctx)
assert my_param.data().shape == my_param.grad().shape == (5, 5)
pd = gluon.ParameterDict(prefix="block1_")
pd.get("exciting_parameter_yay", grad_req="write", shape=(5, 5))
assert list(pd.keys()) == ["block1_exciting_parameter_yay"]


class MyDense(Block):
    def __init__(self, units, in_units=0, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.units = units
            self._in_units = in_units
            self.weight = self.params.get(
                "weight", init=mx.init.Xavier(magnitude=2.24), shape=(in_units, units)
            )
            self.bias = self.params.get("bias", shape=(units,))

    def forward(self, x):
        with x.context:
            linear = nd.dot(x, self.weight.data()) + self.bias.data()
            return nd.relu(linear)


dense = MyDense(20, in_units=10)
dense.collect_params().initialize(ctx=ctx)
assert dense(nd.ones(shape=(2, 10))).shape == (2, 20)
assert nd.abs(dense.bias.data()).max().asscalar() > 0  # drawn, not zero

net = nn.Sequential()
with net.name_scope():
    net.add(MyDense(128, in_units=784), MyDense(64, in_units=128), MyDense(10, in_units=64))
net.collect_params().initialize(ctx=ctx)

digits = load_digits()
images = digits.images.repeat(3, axis=1).repeat(3, axis=2) / 16
images = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype("float32")


def transform(data, label):
    return data, label.astype(np.float32)


def loader(start, stop, shuffle):
    labels = digits.target[start:stop].astype("float32")
    dataset = gluon.data.ArrayDataset(images[start:stop], labels).transform(transform)
    return mx.gluon.data.DataLoader(dataset, 64, shuffle=shuffle)


train_data, test_data = loader(0, 1280, True), loader(1280, None, False)
loss = gluon.loss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
metric = mx.metric.Accuracy()


def evaluate_accuracy(data_iterator, net):
    for data, label in data_iterator:
        with autograd.record():  # as the tutorial has it; evaluation needs no recording
            data = data.as_in_context(ctx).reshape((-1, 784))
            label = label.as_in_context(ctx)
            output = net(data)
        metric.update([label], [output])
    return metric.get()[1]


history = []
for epoch in range(4):
    for data, label in train_data:
        data = data.as_in_context(ctx).reshape((-1, 784))
        label = label.as_in_context(ctx)
        with autograd.record():
            output = net(data)
            cross_entropy = loss(output, label)
            cross_entropy.backward()
        trainer.step(data.shape[0])
    history.append((evaluate_accuracy(test_data, net), evaluate_accuracy(train_data, net)))
    print(f"Epoch {epoch}. Test_acc {history[-1][0]}, Train_acc {history[-1][1]}")
assert history[-1][0] > history[0][0]

print("ok custom_layers")
