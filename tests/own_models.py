"""gluonkit's own models once more: by plain Gluon, by NumPy, and their multiply-adds by hand."""

import numpy

from gluonkit import mx, nn


def sequential(*blocks):
    net = nn.Sequential()
    net.add(*blocks)
    return net


def dense(units, activation="relu"):
    return nn.Dense(units, activation=activation)


def by_mode(name):
    return getattr(mx.npx if mx.util.is_np_array() else mx.nd, name)


class HandMixMLP(nn.Block):
    def __init__(self):
        super().__init__()
        self.blk = sequential(dense(3), dense(4))
        self.dense = nn.Dense(5)

    def forward(self, x):
        return self.dense(by_mode("relu")(self.blk(x)))


class HandNestMLP(nn.Block):
    def __init__(self):
        super().__init__()
        self.net = sequential(dense(64), dense(32))
        self.dense = dense(16)

    def forward(self, x):
        return self.dense(self.net(x))


class HandFancyMLP(nn.Block):
    """The tutorial's, with its loop; only not in place, so that it can be trained."""

    def __init__(self):
        super().__init__()
        random = mx.np.random if mx.util.is_np_array() else mx.nd.random
        self.rand_weight = self.params.get_constant("rand_weight", random.uniform(0, 1, (20, 20)))
        self.dense = dense(20)

    def forward(self, x):
        x = self.dense(x)
        dot = mx.np.dot if mx.util.is_np_array() else mx.nd.dot
        x = self.dense(by_mode("relu")(dot(x, self.rand_weight.data()) + 1))
        while abs(x).sum().asnumpy().item() > 1:
            x = x / 2
        if abs(x).sum().asnumpy().item() < 0.8:
            x = x * 10
        return x.sum()


def hand_lenet(kernels):
    return sequential(
        nn.Conv2D(6, kernel_size=kernels[0], activation="relu"),
        nn.MaxPool2D(2, 2),
        nn.Conv2D(16, kernel_size=kernels[1], activation="relu"),
        nn.MaxPool2D(2, 2),
        dense(120),
        dense(84),
        nn.Dense(10),
    )


def hand_tied():
    shared = dense(8)
    again = nn.Dense(8, activation="relu", params=shared.params)
    return sequential(dense(8), shared, again, nn.Dense(10))


def hand_rgnet():
    blocks = sequential(*(sequential(dense(32), dense(16)) for _ in range(4)))
    return sequential(blocks, nn.Dense(10))


HAND_WRITTEN = {
    "mlp(units=(5, 25), classes=2)": lambda: sequential(dense(5), dense(25), nn.Dense(2)),
    "mlp": lambda: sequential(dense(256), nn.Dense(10)),
    "mlp(units=(256, 128), classes=2)": lambda: sequential(dense(256), dense(128), nn.Dense(2)),
    "mlp(units=(128, 64))": lambda: sequential(dense(128), dense(64), nn.Dense(10)),
    "lenet(kernel_sizes=(3, 3))": lambda: hand_lenet((3, 3)),
    "lenet": lambda: hand_lenet((5, 3)),
    "lenet(kernel_sizes=(5, 5))": lambda: hand_lenet((5, 5)),
    "mix_mlp": HandMixMLP,
    "fancy_mlp": HandFancyMLP,
    "nest_mlp": HandNestMLP,
    "chimera": lambda: sequential(HandNestMLP(), nn.Dense(20), HandFancyMLP()),
    "rgnet": hand_rgnet,
    "tied_mlp": hand_tied,
}

# Multiply-adds by hand: batch × (inputs × units, or positions × filters × kernel × channels).
DENSE_OF_LENET = 400 * 120 + 120 * 84 + 84 * 10
MACS = {
    "MLP 5-25-2": 10 * (3 * 5 + 5 * 25 + 25 * 2),
    "MLP 256-10": 2 * (20 * 256 + 256 * 10),
    "MLP 256-128-2": 512 * 256 + 256 * 128 + 128 * 2,
    "MLP 128-64-10": 64 * (784 * 128 + 128 * 64 + 64 * 10),
    "LeNet 3×3": 26 * 26 * 6 * 9 + 11 * 11 * 16 * 9 * 6 + DENSE_OF_LENET,
    "LeNet 5×5, 3×3": 4 * (24 * 24 * 6 * 25 + 10 * 10 * 16 * 9 * 6 + DENSE_OF_LENET),
    "LeNet 5×5": 10 * (28 * 28 * 6 * 25 + 10 * 10 * 16 * 25 * 6 + DENSE_OF_LENET),
    "MixMLP": 2 * (2 * 3 + 3 * 4 + 4 * 5),
    "FancyMLP": 2 * 3 * 20 * 20,
    "NestMLP": 2 * (20 * 64 + 64 * 32 + 32 * 16),
    "chimera": 2 * (20 * 64 + 64 * 32 + 32 * 16 + 16 * 20 + 3 * 20 * 20),
    "rgnet": 2 * (20 * 32 + 3 * 16 * 32 + 4 * 32 * 16 + 16 * 10),
    "tied MLP": 2 * (20 * 8 + 8 * 8 + 8 * 8 + 8 * 10),
}


def relu(x):
    return numpy.maximum(x, 0)


def numpy_dense(layer, x, activation=True):
    z = x.reshape(len(x), -1) @ layer.weight.data().asnumpy().T + layer.bias.data().asnumpy()
    return relu(z) if activation else z


def numpy_conv(layer, x):
    weight = layer.weight.data().asnumpy()
    windows = numpy.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))
    z = numpy.einsum("nchwij,ocij->nohw", windows, weight)
    return relu(z + layer.bias.data().asnumpy()[:, None, None])


def numpy_pool(x):
    n, c, h, w = x.shape
    cut = x[:, :, : h // 2 * 2, : w // 2 * 2]
    return cut.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))


def numpy_fancy(net, x):
    x = numpy_dense(net.dense, x)
    x = numpy_dense(net.dense, relu(x @ net.rand_weight.data().asnumpy() + 1))
    while abs(x).sum() > 1:
        x = x / 2
    return (x * 10 if abs(x).sum() < 0.8 else x).sum()


def numpy_forward(model, net, x):
    """Compute a network's forward pass with NumPy alone."""
    if model.startswith(("mlp", "tied")):
        for layer in net[:-1]:
            x = numpy_dense(layer, x)
        return numpy_dense(net[-1], x, activation=False)
    if model.startswith("lenet"):
        x = numpy_pool(numpy_conv(net[2], numpy_pool(numpy_conv(net[0], x))))
        return numpy_dense(net[6], numpy_dense(net[5], numpy_dense(net[4], x)), activation=False)
    if model == "mix_mlp":
        x = relu(numpy_dense(net.blk[1], numpy_dense(net.blk[0], x)))
        return numpy_dense(net.dense, x, activation=False)
    if model == "nest_mlp":
        return numpy_dense(net.dense, numpy_dense(net.net[1], numpy_dense(net.net[0], x)))
    if model == "fancy_mlp":
        return numpy_fancy(net, x)
    if model == "chimera":
        nested = numpy_forward("nest_mlp", net[0], x)
        return numpy_fancy(net[2], numpy_dense(net[1], nested, activation=False))
    for block in net[0]:
        x = numpy_dense(block[1], numpy_dense(block[0], x))
    return numpy_dense(net[1], x, activation=False)
