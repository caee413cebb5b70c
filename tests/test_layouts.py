"""What oneDNN leaves in its own order is read in MXNet's, whoever reads it, pass after pass."""

import numpy
import pytest

from gluonkit import autograd, compile, evaluate, features, fit, gluon, materialize, mx, nn, predict
from gluonkit.data import BatchLoader
from gluonkit.system import memory
from gluonkit.tracing.tree import parameters_of
from gluonkit.train.step.batch import ReadyBatch
from gluonkit.train.step.compiled import CompiledStep
from gluonkit.train.step.forward import Forward
from gluonkit.train.step.result import StepOptions
from tests.networks import Function, sequential, values
from tests.test_step import by_gluon, by_steps, close

CONVOLUTIONS = (nn.Conv1D, nn.Conv2D, nn.Conv3D)
DECONVOLUTIONS = (nn.Conv1DTranspose, nn.Conv2DTranspose, nn.Conv3DTranspose)
POOLS = (nn.MaxPool1D, nn.MaxPool2D, nn.MaxPool3D)
CHANNELS = (1, 7, 8, 16, 17, 32)

BEHIND = {
    "nothing": lambda axes: [],
    "norm": lambda axes: [nn.BatchNorm()],
    "relu": lambda axes: [nn.Activation("relu")],
    "norm, relu, pooling": lambda axes: [
        nn.BatchNorm(),
        nn.Activation("relu"),
        POOLS[axes - 1](3, 1, 1),
    ],
}


def maps(kind, axes, channels, behind="nothing"):
    """Return a network whose output is a feature map."""
    net = sequential(kind[axes - 1](channels, 3, in_channels=3), *BEHIND[behind](axes))
    net.initialize(mx.init.Xavier())
    return net


def draws(*shape, seed=0):
    return numpy.random.default_rng(seed).standard_normal(shape).astype("float32")


def images(axes, samples=10):
    return draws(samples, 3, *(6,) * axes)


def cross_entropy(logits, labels):
    """Return each position's cross entropy by NumPy, for logits of shape (batch, classes, ...)."""
    logits = logits.astype("float64")
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - numpy.log(numpy.exp(shifted).sum(axis=1, keepdims=True))
    return -numpy.take_along_axis(logs, labels[:, None].astype(int), axis=1)[:, 0]


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", [CONVOLUTIONS, DECONVOLUTIONS], ids=["conv", "deconv"])
def test_predictions_and_metrics_of_feature_maps(kind, axes, behind):
    data = images(axes)
    loss = gluon.loss.SoftmaxCrossEntropyLoss(axis=1)
    for channels in CHANNELS:
        net = maps(kind, axes, channels, behind)
        expected = net(mx.nd.array(data)).asnumpy()
        largest = abs(expected).max()
        for size in (4, 10, 3):  # several batches, the last one shorter; other graphs, same weights
            assert abs(predict(net, data, batch_size=size) - expected).max() <= 1e-5 * largest
        labels = expected.argmax(axis=1)
        scores = evaluate(net, (data, labels), loss=loss, batch_size=4)
        assert scores["accuracy"] == 1
        assert abs(scores["loss"] - cross_entropy(expected, labels).mean()) < 1e-5 * (1 + largest)


def test_features_of_a_zoos_network():
    net = gluon.model_zoo.vision.resnet18_v1(classes=3)
    net.initialize(mx.init.Xavier())
    net(mx.nd.zeros((1, 3, 32, 32)))
    inner, data = features(net, "features.5"), draws(5, 3, 32, 32)
    expected = inner(mx.nd.array(data)).asnumpy()
    actual = predict(inner, data, batch_size=2)
    assert abs(actual - expected).max() <= 1e-5 * abs(expected).max()


@pytest.mark.parametrize("kind", [CONVOLUTIONS, DECONVOLUTIONS], ids=["conv", "deconv"])
def test_losses_and_metrics_while_training(kind):
    data, axes = images(2, 12), 2
    loss = gluon.loss.SoftmaxCrossEntropyLoss(axis=1)
    for channels in (8, 16):
        net, twin = (maps(kind, axes, channels, "norm, relu, pooling") for _ in range(2))
        for network in (net, twin):
            materialize(network, data.shape)
        for one, other in zip(parameters_of(net), parameters_of(twin), strict=True):
            other.set_data(one.data())
        labels = draws(*net(mx.nd.array(data)).shape, seed=1).argmax(axis=1).astype("float32")
        validation = data[:6], labels[:6]
        history = fit(
            net,
            BatchLoader((data, labels), 4),
            epochs=2,
            loss=loss,
            optimizer_params={"learning_rate": 0.1},
            val=validation,
            compiled=True,
            optimizer="sgd",
        )
        trainer = gluon.Trainer(twin.collect_params(), "sgd", {"learning_rate": 0.1}, kvstore=None)
        for epoch in range(2):
            losses, right = [], []
            for start in range(0, 12, 4):
                x, y = data[start : start + 4], labels[start : start + 4]
                with autograd.record():
                    output = twin(mx.nd.array(x))
                    value = loss(output, mx.nd.array(y))
                value.backward()
                trainer.step(4)
                losses.append(cross_entropy(output.asnumpy(), y).mean())
                right.append((output.asnumpy().argmax(axis=1) == y).mean())
            output = twin(mx.nd.array(validation[0])).asnumpy()
            expected = {
                "loss": numpy.mean(losses),
                "accuracy": numpy.mean(right),
                "val_loss": cross_entropy(output, validation[1]).mean(),
                "val_accuracy": (output.argmax(axis=1) == validation[1]).mean(),
            }
            for name, number in expected.items():
                assert abs(history[name][epoch] - number) < 1e-4, (channels, epoch, name)


@pytest.mark.parametrize("behind", ["nothing", "norm, relu, pooling"])
@pytest.mark.parametrize("channels", [8, 16])
def test_every_plan_of_a_feature_map_agrees(channels, behind):
    net, data = maps(CONVOLUTIONS, 2, channels, behind), images(2)
    fast = compile(net, data, seconds=0.01)
    assert not [candidate for candidate in fast.explain().candidates if candidate.problem]
    for seed in range(3):
        more = draws(*data.shape, seed=seed)
        expected = net(mx.nd.array(more)).asnumpy()
        assert abs(fast(more) - expected).max() <= 1e-5 * abs(expected).max()


def test_8_bits_of_a_feature_map_are_judged_by_right_numbers():
    net, data = maps(CONVOLUTIONS, 2, 16), images(2, 16)
    fast = compile(net, data[:4], int8=True, calibration=data, max_loss=0.1, plan="executor + int8")
    assert fast.explain().loss.difference < 0.1


WEIGHTED = {
    "Convolution": ((4, 16, 6, 6), (16, 16, 3, 3), {"kernel": (3, 3), "num_filter": 16}),
    "Deconvolution": ((4, 16, 6, 6), (16, 16, 3, 3), {"kernel": (3, 3), "num_filter": 16}),
    "FullyConnected": ((64, 64), (64, 64), {"num_hidden": 64}),
}


@pytest.mark.parametrize("operator", WEIGHTED)
def test_inputs_that_are_weights_are_written_in_order(operator):
    shape, weight_shape, options = WEIGHTED[operator]
    net = Function(lambda F, x, w: getattr(F, operator)(x, w, no_bias=True, **options))
    forward = Forward(net, mx.cpu())
    pairs = [(draws(*shape, seed=seed), draws(*weight_shape, seed=seed + 9)) for seed in range(4)]
    fast = [compile(net, *pairs[0], plan=plan, seconds=0.01) for plan in ("executor", "cached op")]
    for pair in pairs:
        expected = net(*(mx.nd.array(array) for array in pair)).asnumpy()
        # Not a ReadyBatch of the two: there a batch has as many samples as its first array.
        batch = ReadyBatch(pair, 2)
        for actual in (forward(batch)[0], *(compiled(*pair) for compiled in fast)):
            assert abs(actual - expected).max() <= 1e-5 * abs(expected).max()


DECONVOLVING = [  # channels in and out, groups, strides, output_padding, dilation
    (3, 1, 1, 1, 0, 1),
    (8, 8, 1, 2, 1, 1),
    (4, 16, 2, 2, 0, 1),
    (16, 16, 16, 1, 0, 1),
    (5, 7, 1, 2, 1, 2),
    (16, 32, 1, 1, 0, 2),
    (8, 8, 4, 3, 2, 1),
]


@pytest.mark.parametrize("options", [{}, {"accumulate": 2}, {"grad_clip": 0.01}])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_deconvolutions_train_compiled(axes, options):
    """Their weights and gradients are no views: oneDNN rearranges both while it trains."""
    for before, channels, groups, strides, padding, dilation in DECONVOLVING:
        if axes == 3 and dilation > 1:  # MXNet has none
            continue

        def make(args=(before, channels, groups, strides, padding, dilation)):
            before, channels, groups, strides, padding, dilation = args
            layer = DECONVOLUTIONS[axes - 1](
                channels,
                3,
                strides=strides,
                output_padding=padding,
                groups=groups,
                dilation=dilation,
                in_channels=before,
                activation="tanh",
            )
            mx.random.seed(1)
            net = sequential(layer, nn.Dense(5))
            net.initialize(mx.init.Xavier())
            net(mx.nd.zeros((1, before, *(5,) * axes)))
            return net

        labels = numpy.arange(4, dtype="float32")
        data = [(draws(4, before, *(5,) * axes, seed=seed), labels) for seed in range(4)]
        optimizer = ("sgd", {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01})
        loss = gluon.loss.SoftmaxCrossEntropyLoss()
        net, twin = make(), make()
        by_steps("compiled", net, loss, optimizer, data, **options)
        if options:
            by_steps("plain", twin, loss, optimizer, data, **options)
        else:
            by_gluon(twin, loss, optimizer, data, "nd")
        close(values(net), values(twin), 1e-4)


def test_a_decoder_is_fitted_evaluated_and_fitted_again():
    net = sequential(
        nn.Conv2D(8, 3, strides=2, padding=1, in_channels=3, activation="tanh"),
        nn.Conv2DTranspose(3, 4, strides=2, padding=1, in_channels=8),
    )
    net.initialize(mx.init.Xavier())
    data = draws(12, 3, 8, 8)
    loss = gluon.loss.L2Loss()
    options = {
        "loss": loss,
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.1},
        "batch_size": 4,
        "metrics": (),
    }
    ends = []
    for _ in range(2):  # predictions in between have oneDNN rearrange the network's own weights
        history = fit(net, (data, data), epochs=3, compiled=True, val=(data, data), **options)
        output = net(mx.nd.array(data)).asnumpy()
        ends.append(history["val_loss"][-1])
        assert abs(ends[-1] - ((output - data) ** 2).mean() / 2) < 1e-5
    assert ends[1] < ends[0]


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("kind", [CONVOLUTIONS, DECONVOLUTIONS], ids=["conv", "deconv"])
def test_feature_maps_train_compiled_as_by_gluon(kind, axes):
    """No weight, gradient or running statistic is left in oneDNN's order either."""
    loss = gluon.loss.L2Loss()
    # MXNet itself cannot train a batch norm at the end along one or three axes (`!is_view`).
    behind = "norm, relu, pooling" if axes == 2 else "relu"
    for channels in CHANNELS:
        net, twin = (maps(kind, axes, channels, behind) for _ in range(2))
        data = [(draws(4, 3, *(6,) * axes, seed=seed),) for seed in range(3)]
        data = [(x, draws(*net(mx.nd.array(x)).shape, seed=9)) for (x,) in data]
        materialize(twin, data[0][0].shape)
        for one, other in zip(parameters_of(net), parameters_of(twin), strict=True):
            other.set_data(one.data())
        optimizer = ("sgd", {"learning_rate": 0.5, "momentum": 0.9})
        by_steps("compiled", net, loss, optimizer, data)
        by_gluon(twin, loss, optimizer, data, "nd")
        # The bias in front of a batch norm has no gradient but rounding.
        close(values(net), values(twin), 1e-4)


def test_networks_in_float64_train_compiled():
    """Their convolutions are not padded: the zeros would be float32, and oneDNN has no float64."""
    loss = gluon.loss.L2Loss()
    data = [draws(4, 3, 8, 8, seed=seed).astype("float64") for seed in range(3)]
    nets = []
    for kind in ("compiled", "plain"):
        mx.random.seed(1)
        net = sequential(
            nn.Conv2D(6, 3, in_channels=3, activation="relu"),
            nn.Conv2DTranspose(5, 3, in_channels=6, activation="relu"),
            nn.Conv2D(2, 3, in_channels=5),
        )
        net.initialize(mx.init.Xavier())
        net.cast("float64")
        pairs = [
            (mx.nd.array(x, dtype="float64"), mx.nd.array(draws(4, 2, 6, 6), dtype="float64"))
            for x in data
        ]
        by_steps(kind, net, loss, ("sgd", {"learning_rate": 0.1}), pairs)
        nets.append(net)
        actual = predict(net, data[0])
        expected = net(pairs[0][0]).asnumpy()
        assert actual.dtype == expected.dtype == "float64"
        assert abs(actual - expected).max() < 1e-12
    close(values(nets[0]), values(nets[1]), 1e-12)
    fast = compile(nets[0], data[0], seconds=0.01)
    assert not [candidate for candidate in fast.explain().candidates if candidate.problem]


RESHAPED = {
    "patches": lambda F, maps: F.transpose(F.reshape(maps, (0, 0, -1)), (0, 2, 1)),
    "flat": lambda F, maps: F.transpose(F.flatten(F.relu(maps))).expand_dims(0),
    "pooled": lambda F, maps: F.Pooling(F.reshape(maps, (0, 0, -3, -2)), kernel=(2, 2)),
}


def reshaped(how):
    """Return a network that reshapes maps of three axes, as a vision transformer does."""
    layer = Function(RESHAPED[how])
    dense = nn.Dense(4, flatten=False, in_units=16 if how == "patches" else 0)
    net = sequential(nn.Conv3D(16, 2, in_channels=3), layer, dense)
    net.initialize(mx.init.Xavier())
    return net


@pytest.mark.parametrize("how", RESHAPED)
def test_maps_of_three_axes_are_reshaped(how):
    """MXNet's graphs fail behind such reshaping ("could not create a primitive descriptor")."""
    net, data = reshaped(how), draws(6, 3, 4, 4, 4)
    wanted = net(mx.nd.array(data)).asnumpy()
    if len(wanted) == len(data):
        close([predict(net, data)], [wanted])
    fast = compile(net, data, seconds=1e-3)
    assert not [candidate for candidate in fast.explain().candidates if candidate.problem]
    for candidate in fast.explain().candidates:
        close([compile(net, data, plan=candidate.plan)(data)], [wanted])


def test_patches_of_three_axes_train_compiled_as_by_gluon():
    net, twin, loss = reshaped("patches"), reshaped("patches"), gluon.loss.L2Loss()
    data = [(draws(4, 3, 4, 4, 4, seed=seed), draws(4, 27, 4, seed=9)) for seed in range(3)]
    for one, other in zip(parameters_of(net), parameters_of(twin), strict=True):
        other.set_data(one.data())
    optimizer = ("sgd", {"learning_rate": 0.5, "momentum": 0.9})
    by_steps("compiled", net, loss, optimizer, data)
    by_gluon(twin, loss, optimizer, data, "nd")
    close(values(net), values(twin), 1e-4)


@pytest.mark.parametrize("batch", [4, 17])
@pytest.mark.parametrize("flat", [False, True], ids=["flattened by dense", "flat before"])
@pytest.mark.parametrize("axes", [2, 3])
def test_dense_layers_over_the_last_pixel_lose_no_plan(axes, flat, batch):
    """MXNet's fusion fails on them with AVX-512, and dense layers as convolutions everywhere."""
    net = sequential(
        CONVOLUTIONS[axes - 1](16, 3, in_channels=3, activation="relu"),
        *[nn.Flatten()] * flat,
        nn.Dense(4, in_units=16),
    )
    net.initialize(mx.init.Xavier())
    data = draws(batch, 3, *(3,) * axes)
    convolution, dense = net[0], net[-1]
    rows = data.reshape(batch, -1) @ convolution.weight.data().asnumpy().reshape(16, -1).T
    wanted = numpy.maximum(rows, 0) @ dense.weight.data().asnumpy().T
    fast = compile(net, data, seconds=1e-3)
    assert not [candidate for candidate in fast.explain().candidates if candidate.problem]
    for candidate in fast.explain().candidates:
        close([compile(net, data, plan=candidate.plan)(data)], [wanted])


@pytest.mark.parametrize("channels", [5, 8, 16])
@pytest.mark.parametrize("axes", [1, 3])
def test_batch_norm_trains_behind_convolutions_of_one_or_three_axes(axes, channels):
    """Plain MXNet fails ("Check failed: !is_view") unless a copy lies between, as by hand here."""
    nets = []
    for between in ([], [nn.HybridLambda(lambda F, x: x + 0)]):
        net = sequential(
            CONVOLUTIONS[axes - 1](channels, 3, in_channels=3, padding=1),
            *between,
            nn.BatchNorm(in_channels=channels),
        )
        net.initialize(mx.init.Xavier())
        nets.append(net)
    for one, other in zip(*map(parameters_of, nets), strict=True):
        other.set_data(one.data())
    shape = (4,) * axes
    data = [(draws(6, 3, *shape, seed=s), draws(6, channels, *shape, seed=9)) for s in range(3)]
    optimizer, loss = ("sgd", {"learning_rate": 0.5, "momentum": 0.9}), gluon.loss.L2Loss()
    by_steps("compiled", nets[0], loss, optimizer, data)
    by_gluon(nets[1], loss, optimizer, data, "nd")
    close(values(nets[0]), values(nets[1]), 1e-4)


def test_weights_are_looked_at_once_everything_is_done(monkeypatch):
    """A deconvolution's backward pass rearranges its weight, by what it queues as it runs.

    Whoever waits for the array alone may come between ("We can't generate TBlob for MKLDNN data"),
    by chance, once in a hundred runs. So it is asked by which way the numbers are read.
    """
    original, read = memory.settled, []

    def settled(array):
        read.append(array.shape)
        return original(array)

    layers = nn.Dense(5, flatten=False, in_units=5), nn.Conv1DTranspose(8, 3, in_channels=8)
    net = sequential(*layers)
    net.initialize(mx.init.Xavier())
    batch = ReadyBatch((draws(4, 8, 5), draws(4, 8, 7, seed=9)), 1)
    optimizer, options = mx.optimizer.create("sgd"), StepOptions(grad_clip=1e6)
    step = CompiledStep(net, gluon.loss.L2Loss(), optimizer, batch, ctx=mx.cpu(), options=options)
    step.run(batch)
    monkeypatch.setattr(memory, "settled", settled)
    step.finish()
    assert read.count((8, 8, 3)) == 2  # the weight, and its gradient for the norm
