"""The steps of "Gluon, neural network building blocks", in legacy mode: LeNet by hand, a Trainer.

A plain MXNet program: it knows nothing of gluonkit.
"""

import os
import tempfile

import mxnet as mx
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn

mx.random.seed(42)


class Net(gluon.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.conv1 = nn.Conv2D(6, kernel_size=5)
            self.pool1 = nn.MaxPool2D(pool_size=(2, 2))
            self.conv2 = nn.Conv2D(16, kernel_size=5)
            self.pool2 = nn.MaxPool2D(pool_size=(2, 2))
            self.fc1 = nn.Dense(120)
            self.fc2 = nn.Dense(84)
            self.fc3 = nn.Dense(10)

    def forward(self, x):
        x = self.pool1(nd.relu(self.conv1(x)))
        x = self.pool2(nd.relu(self.conv2(x)))
        x = x.reshape((0, -1))
        x = nd.relu(self.fc1(x))
        x = nd.relu(self.fc2(x))
        return self.fc3(x)


net = Net()
net.initialize(mx.init.Xavier(), ctx=mx.cpu())
data = nd.random_normal(shape=(10, 1, 32, 32))
label = nd.arange(10)
assert net(data).shape == (10, 10)
assert net.conv1.weight.shape == (6, 1, 5, 5)
names = sorted(net.collect_params().keys())
assert any(name.endswith("conv0_weight") for name in names), names

trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
first = None
for _ in range(20):
    with autograd.record():
        loss = gluon.loss.SoftmaxCrossEntropyLoss()  # rebuilt each time, as the tutorial has it
        value = loss(net(data), label)
        value.backward()
    trainer.step(batch_size=data.shape[0])
    first = value.mean().asscalar() if first is None else first
assert value.mean().asscalar() < first
assert net.fc3.weight.grad().shape == (10, 84)

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "net.params")
    net.save_parameters(path)
    clone = Net()
    clone.load_parameters(path, ctx=mx.cpu())
    assert (clone(data) == net(data)).asnumpy().all()


class Hybrid(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.hidden = nn.Dense(16)
            self.out = nn.Dense(4)

    def hybrid_forward(self, F, x):
        return self.out(F.relu(self.hidden(x)))


hybrid = Hybrid()
hybrid.initialize(mx.init.Normal(sigma=0.05))
hybrid.hybridize()
x = nd.random_normal(shape=(2, 8))
expected = hybrid(x)
with tempfile.TemporaryDirectory() as folder:
    hybrid.export(os.path.join(folder, "hybrid"))
    files = [os.path.join(folder, f"hybrid-{end}") for end in ("symbol.json", "0000.params")]
    loaded = gluon.SymbolBlock.imports(files[0], ["data"], files[1])
    assert (loaded(x) == expected).asnumpy().all()

print("ok gluon_overview")
