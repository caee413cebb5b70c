"""The steps of "Gluon, neural network building blocks", in legacy `nd` mode.

A LeNet as a class, its parameters, a training step by hand and with a Trainer, files, and the
hybrid variant of a block. A plain MXNet program.
"""

import os
import tempfile

import mxnet as mx
import mxnet.ndarray as F
from mxnet import autograd, gluon
from mxnet.gluon import nn

mx.random.seed(42)


class Net(gluon.Block):
    """Two convolutions with 5 x 5 kernels, then three dense layers; relu where it is called."""

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
        for conv, pool in ((self.conv1, self.pool1), (self.conv2, self.pool2)):
            x = pool(F.relu(conv(x)))
        x = x.reshape((0, -1))
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


net = Net(prefix="lenet_")
print(net)
print(net.collect_params())
assert net.fc1.weight.shape[0] == 120
try:
    net.fc1.weight.data()
except RuntimeError as error:  # nothing has been initialized
    print(type(error).__name__, error)
else:
    raise AssertionError("a parameter has data before it is initialized")

net.initialize(mx.init.Normal(0.05), ctx=mx.cpu())
try:
    net.fc1.weight.data()
except gluon.parameter.DeferredInitializationError as error:  # its shape is not known yet
    print(type(error).__name__, error)
else:
    raise AssertionError("a deferred parameter has data")

data = F.random_normal(shape=(10, 1, 32, 32))
assert net(data).shape == (10, 10)
names = list(net.collect_params().keys())
assert len(names) == 10
assert names[:2] == ["lenet_conv0_weight", "lenet_conv0_bias"]
assert list(net.collect_params(".*bias").keys()) == [n for n in names if n.endswith("bias")]
assert list(net.fc1.params.keys()) == ["lenet_dense0_weight", "lenet_dense0_bias"]
assert net.params.keys() == {}.keys()
assert net.fc1.weight.data().shape == (120, 16 * 5 * 5)
assert net.collect_params()["lenet_dense2_bias"] is net.fc3.bias

# One initializer for the whole, another for a part
net.initialize(mx.init.Xavier(magnitude=2.24), force_reinit=True)
net.fc3.initialize(mx.init.Zero(), force_reinit=True)
assert net(data).abs().sum().asscalar() == 0
net.initialize(mx.init.Xavier(magnitude=2.24), force_reinit=True)

# A step by hand. backward() is inside record(), as the tutorial has it.
label = F.arange(10)
with autograd.record():
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    value = loss(net(data), label)
    value.backward()
first = value.mean().asscalar()
assert net.fc3.weight.grad().shape == (10, 84)
for parameter in net.collect_params().values():
    before = parameter.data().copy()
    parameter.set_data(parameter.data() - 0.1 / 10 * parameter.grad())
    assert (parameter.data() - before + 0.01 * parameter.grad()).abs().max().asscalar() < 1e-6

# The same step from a Trainer, the loss object rebuilt each time
trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
for _ in range(20):
    with autograd.record():
        loss = gluon.loss.SoftmaxCrossEntropyLoss()
        value = loss(net(data), label)
        value.backward()
    trainer.step(batch_size=data.shape[0])
assert value.mean().asscalar() < first
trainer.set_learning_rate(0.01)
assert trainer.learning_rate == 0.01

# A frozen part: no gradient, no change
net.conv1.collect_params().setattr("grad_req", "null")
frozen, free = net.conv1.weight.data().copy(), net.fc3.weight.data().copy()
trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
with autograd.record():
    value = loss(net(data), label)
value.backward()
trainer.step(10)
assert (net.conv1.weight.data() == frozen).asnumpy().all()
assert (net.fc3.weight.data() != free).asnumpy().any()
assert net.conv1.weight.grad_req == "null"

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "net.params")
    net.save_parameters(path)
    clone = Net()
    clone.load_parameters(path, ctx=mx.cpu())
    assert (clone(data) == net(data)).asnumpy().all()
    assert sorted(mx.nd.load(path))[0] == "conv1.bias"  # structural names

    net.collect_params().save(path, strip_prefix="lenet_")
    assert "conv0_weight" in mx.nd.load(path)  # prefixed names
    other = Net(prefix="other_")
    other.collect_params().load(path, ctx=mx.cpu(), restore_prefix="other_")
    assert (other(data) == net(data)).asnumpy().all()

    trainer.save_states(path)
    trainer.load_states(path)


class Small(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.hidden = nn.Dense(16, activation="tanh")
            self.last = nn.Dense(4)

    def hybrid_forward(self, F, x):
        return self.last(F.relu(self.hidden(x)))


small = Small()
small.initialize(mx.init.Normal(sigma=0.05))
x = F.random_normal(shape=(2, 8))
imperative = small(x)
small.summary(x)
small.hybridize()
symbolic = small(x)
assert (imperative - symbolic).abs().max().asscalar() < 1e-6
graph = small(mx.sym.var("data"))
assert isinstance(graph, mx.sym.Symbol)
assert len(graph.list_arguments()) == 5
with tempfile.TemporaryDirectory() as folder:
    small.export(os.path.join(folder, "small"))
    files = [os.path.join(folder, "small-" + end) for end in ("symbol.json", "0000.params")]
    loaded = gluon.SymbolBlock.imports(files[0], ["data"], files[1])
    assert (loaded(x) == symbolic).asnumpy().all()

print("ok gluon_overview")
