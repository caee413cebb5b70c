"""The steps of Dive into Deep Learning, "Deep Learning Computation", part 2, in NumPy mode.

Tied parameters, layers of one's own, arrays and parameters in files, devices, and training what
was built, by hand and with a Trainer. A plain MXNet program.
"""

import os
import tempfile

import mxnet as mx
from mxnet import autograd, gluon, np, npx
from mxnet.gluon import nn

npx.set_np()
mx.random.seed(3)

# Tied parameters: one object, whose gradient is the sum over the layers that use it
x = np.random.uniform(size=(2, 20))
tied, shared = nn.Sequential(), nn.Dense(8, activation="relu")
again = nn.Dense(8, activation="relu", params=shared.params)
tied.add(nn.Dense(8, activation="relu"), shared, again, nn.Dense(10))
tied.initialize(mx.init.Uniform(1))
free = nn.Sequential()
free.add(*[nn.Dense(8, activation="relu") for _ in range(3)], nn.Dense(10))
free.initialize()
free(x)
tied(x)
for copy, layer in zip(free, tied):  # noqa: B905 - containers of four layers each
    copy.weight.set_data(layer.weight.data())
for network in (tied, free):
    with autograd.record():
        loss = (network(x) ** 2).sum()
    loss.backward()
assert tied[1].weight is tied[2].weight and len(tied.collect_params().keys()) == 6
parts = free[1].weight.grad() + free[2].weight.grad()
assert float(np.abs(parts).max()) > 0
assert float(np.abs(tied[1].weight.grad() - parts).max()) <= 1e-5 * float(np.abs(parts).max())
tied[1].weight.data()[0, 0] = 100
assert tied[2].weight.data()[0, 0] == 100


# Custom layers
class Centered(nn.Block):
    def forward(self, x):
        return x - x.mean()


class TurnedDense(nn.Block):
    def __init__(self, units, in_units, **kwargs):
        super().__init__(**kwargs)
        self.weight = self.params.get("weight", shape=(in_units, units))
        self.bias = self.params.get("bias", shape=(units,))

    def forward(self, x):
        linear = np.dot(x, self.weight.data(ctx=x.ctx)) + self.bias.data(ctx=x.ctx)
        return npx.relu(linear)


assert Centered()(np.array([1, 2, 3, 4, 5])).asnumpy().tolist() == [-2, -1, 0, 1, 2]
net = nn.Sequential()
net.add(nn.Dense(128), Centered())
net.initialize()
assert abs(float(net(np.random.uniform(size=(4, 8))).mean())) < 1e-6

turned = TurnedDense(units=3, in_units=5)
print(turned.params)
turned.initialize()
u = np.random.uniform(size=(2, 5))
by_hand = u.asnumpy() @ turned.weight.data().asnumpy() + turned.bias.data().asnumpy()
assert abs(by_hand.clip(0) - turned(u).asnumpy()).max() < 1e-6
pair = nn.Sequential()
pair.add(TurnedDense(8, in_units=64), TurnedDense(1, in_units=8))
pair.initialize()
assert pair(np.random.uniform(size=(2, 64))).shape == (2, 1)


class MLP(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = nn.Dense(256, activation="relu")
        self.output = nn.Dense(10)

    def forward(self, x):
        return self.output(self.hidden(x))


# Files: an array, a list, a dictionary, a model's parameters
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x-file")
    x, y = np.arange(4), np.zeros(4)
    npx.save(path, x)
    (alone,) = npx.load(path)
    print(alone, type(alone))
    assert isinstance(alone, np.ndarray) and (alone == x).all()
    npx.save(path, [x, y])
    x2, y2 = npx.load(path)
    assert (x2 == x).all() and (y2 == y).all()
    npx.save(path, {"x": x, "y": y})
    both = npx.load(path)
    assert sorted(both) == ["x", "y"] and (both["x"] == x).all()

    mlp, clone = MLP(), MLP()
    mlp.initialize()
    x = np.random.uniform(size=(2, 20))
    y = mlp(x)
    mlp.save_parameters(os.path.join(folder, "mlp.params"))
    clone.load_parameters(os.path.join(folder, "mlp.params"))
    assert (clone(x) == y).all()
    assert sorted(npx.load(os.path.join(folder, "mlp.params"))) == [
        "hidden.bias",
        "hidden.weight",
        "output.bias",
        "output.weight",
    ]


# Devices: the first GPU if there is one
def try_gpu(i=0):
    return npx.gpu(i) if npx.num_gpus() >= i + 1 else npx.cpu()


device = try_gpu()
z = np.ones((2, 3), ctx=device)
assert (z.as_in_ctx(device) is z) and z.copyto(npx.cpu()).ctx == npx.cpu() == mx.cpu()
assert (z + np.random.uniform(size=(2, 3), ctx=device)).shape == (2, 3)

# Training: a plane through noise, by hand
truth, shift = np.array([2, -3.4]), 4.2
points = np.random.normal(0, 1, (200, 2))
values = np.dot(points, truth) + shift + np.random.normal(0, 0.01, (200,))
w, b = np.random.normal(0, 0.01, (2,)), np.zeros(1)
w.attach_grad()
b.attach_grad()
for _ in range(60):
    with autograd.record():
        loss = ((np.dot(points, w) + b - values) ** 2 / 2).mean()
    loss.backward()
    for param in (w, b):
        param[:] = param - 0.2 * param.grad
assert float(np.abs(w - truth).max()) < 0.01 and abs(b.item() - shift) < 0.01

# The same with a loader and a Trainer
dataset = gluon.data.ArrayDataset(points, values)
batches = gluon.data.DataLoader(dataset, batch_size=20, shuffle=True)
line = nn.Sequential()
line.add(nn.Dense(1))
line.initialize(mx.init.Normal(sigma=0.01))
objective = gluon.loss.L2Loss()
trainer = gluon.Trainer(line.collect_params(), "sgd", {"learning_rate": 0.1})
for _ in range(6):
    for features, target in batches:
        with autograd.record():
            loss = objective(line(features), target)
        loss.backward()
        trainer.step(20)
final = objective(line(points), values).mean()
print("final loss", final)
assert final < 0.001
assert line[0].weight.data().shape == (1, 2)
assert float(np.abs(line[0].weight.data().reshape(-1) - truth).max()) < 0.05

# A custom layer learns too, its accuracy measured
centres = np.random.normal(0, 3, (4, 6))
labels = np.random.randint(0, 4, size=(256,))
inputs = centres[labels] + np.random.normal(0, 0.5, (256, 6))
onehot = npx.one_hot(labels, 4)
assert (onehot.argmax(axis=1) == labels.astype("int64")).all() and float(onehot.sum()) == 256
model = nn.Sequential()
model.add(TurnedDense(16, in_units=6), nn.Dense(4))
try:
    model.initialize(mx.init.Xavier())
except ValueError as error:  # a bias without an initializer of its own asks the net's
    print(error)
else:
    raise AssertionError("Xavier was applied to a vector")
model.initialize(mx.init.Normal(0.3), force_reinit=True)
objective = gluon.loss.SoftmaxCrossEntropyLoss()
trainer = gluon.Trainer(model.collect_params(), "adam", {"learning_rate": 0.02})
history = []
for _ in range(40):
    with autograd.record():
        output = model(inputs)
        loss = objective(output, labels)
    loss.backward()
    trainer.step(256)
    metric = mx.metric.Accuracy()
    metric.update(labels, output.argmax(axis=1))  # raw scores would meet a legacy operator
    history.append(metric.get()[1])
assert history[-1] > 0.95 and history[-1] > history[0], history

print("ok computation_files")
