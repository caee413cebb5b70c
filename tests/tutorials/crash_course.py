"""The steps of the MXNet crash course, part 2, in NumPy mode: layers, Sequential, LeNet, hybridize.

A plain MXNet program: it knows nothing of gluonkit.
"""

import time

from mxnet import gluon, np, npx
from mxnet.gluon import nn

npx.set_np()

layer = nn.Dense(5)
layer.initialize()
x = np.random.uniform(-1, 1, (3, 4))
assert layer(x).shape == (3, 5)
assert layer.weight.data().shape == (5, 4)
assert float(np.abs(layer.weight.data()).max()) <= 0.07  # the default is U(-0.07, 0.07)

net = nn.Sequential()
net.add(nn.Dense(5, activation="relu"), nn.Dense(25, activation="relu"), nn.Dense(2))
net.initialize()
assert net(np.random.uniform(size=(10, 3))).shape == (10, 2)
print(net, net[0].weight.data())

lenet = nn.Sequential()
lenet.add(
    nn.Conv2D(channels=6, kernel_size=3, activation="relu"),
    nn.MaxPool2D(pool_size=2, strides=2),
    nn.Conv2D(channels=16, kernel_size=3, activation="relu"),
    nn.MaxPool2D(pool_size=2, strides=2),
    nn.Dense(120, activation="relu"),
    nn.Dense(84, activation="relu"),
    nn.Dense(10),
)
lenet.initialize()
image = np.random.uniform(-1, 1, (1, 1, 28, 28))
assert lenet(image).shape == (1, 10)
assert lenet[0].weight.data().shape == (6, 1, 3, 3)
assert lenet[4].bias.data().shape == (120,)
lenet.summary(image)


class MixMLP(nn.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blk = nn.Sequential()
        self.blk.add(nn.Dense(3, activation="relu"), nn.Dense(4, activation="relu"))
        self.dense = nn.Dense(5)

    def forward(self, x):
        return self.dense(npx.relu(self.blk(x)))


mixed = MixMLP()
mixed.initialize()
assert mixed(np.random.uniform(size=(2, 2))).shape == (2, 5)
assert mixed.blk[1].weight.data().shape == (4, 3)


def get_net():
    net = nn.HybridSequential()
    net.add(nn.Dense(256, activation="relu"), nn.Dense(128, activation="relu"), nn.Dense(2))
    net.initialize()
    return net


def seconds(net, x, passes=100):
    start = time.time()
    for _ in range(passes):
        net(x)
    npx.waitall()
    return time.time() - start


x = np.random.normal(size=(1, 512))
fast = get_net()
before = fast(x)
print(f"before hybridizing: {seconds(fast, x):.4f} sec")
fast.hybridize()
assert np.abs(before - fast(x)).max() < 1e-5
print(f"after hybridizing: {seconds(fast, x):.4f} sec")

resnet = gluon.model_zoo.vision.get_model("resnet50_v2", pretrained=False)
resnet.initialize()
assert resnet(np.random.uniform(size=(1, 3, 224, 224))).shape == (1, 1000)

print("ok crash_course")
