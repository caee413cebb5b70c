"""One battery over all of gluonkit's own models, each held against a hand-written Gluon network."""

import itertools
from pathlib import Path

import numpy
import pytest

from gluonkit import autograd, create_model, gluon, init, list_models, model_info, mx, nn
from gluonkit.models.tutorials import TUTORIAL_NETWORKS
from gluonkit.registry import parse_model


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

every_network = pytest.mark.parametrize(
    "network", TUTORIAL_NETWORKS, ids=[network.title for network in TUTORIAL_NETWORKS]
)


def build(network, **kwargs):
    name, options = parse_model(network.model)
    return create_model(name, **options, **kwargs)


def run(net, x):
    """Return output, gradients of all parameters in order, and the gradient of x."""
    x.attach_grad()
    with autograd.record():
        output = net(x)
    output.backward()
    gradients = [
        parameter.grad().asnumpy()
        for parameter in net.collect_params().values()
        if parameter.grad_req != "null"
    ]
    return [output.asnumpy(), *gradients, x.grad.asnumpy()]


def check_equal(left, right, tolerance=0.0):
    """Assert that two lists of arrays agree, to `tolerance` of each array's largest value."""
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.shape == other.shape
        numpy.testing.assert_allclose(one, other, rtol=0, atol=tolerance * abs(other).max())


def test_check_equal_can_fail():
    with pytest.raises(AssertionError):
        check_equal([numpy.ones(2)], [numpy.array([1, 1.1])], 1e-5)
    with pytest.raises(AssertionError):
        check_equal([numpy.ones(2)], [])


def test_battery_covers_every_own_model():
    covered = {parse_model(network.model)[0] for network in TUTORIAL_NETWORKS}
    assert covered == set(list_models(source="gluonkit"))
    assert [network.model for network in TUTORIAL_NETWORKS] == list(HAND_WRITTEN)


@every_network
def test_same_numbers_as_hand_written(network, uniform, seed):
    results = []
    for make in (HAND_WRITTEN[network.model], lambda: build(network)):
        mx.random.seed(seed)
        net = make()
        net.initialize()
        results.append(run(net, uniform(*network.input_shape)))
    check_equal(*results)  # bit for bit: the same draws in the same order
    assert results[0][0].size > 0
    assert abs(results[0][0]).max() > 0


@every_network
def test_create_model_initializes(network, uniform, seed):
    outputs = []
    for init_here in (False, True):
        mx.random.seed(seed)
        net = build(network, init="xavier" if init_here else None)
        if not init_here:
            net.initialize(init.Xavier())
        outputs.append(net(uniform(*network.input_shape)).asnumpy())
    check_equal([outputs[0]], [outputs[1]])


@every_network
def test_shapes_and_parameter_count(network, uniform, array_mode):
    net = build(network, init=True)
    expected = network.output_shape or ((1,) if array_mode == "nd" else ())
    assert net(uniform(*network.input_shape)).shape == expected
    arrays = {id(parameter): parameter for parameter in net.collect_params().values()}
    count = sum(int(numpy.prod(parameter.shape)) for parameter in arrays.values())
    assert count == network.parameters


@every_network
def test_example_input_of_the_registry_fits(network, uniform):
    name, options = parse_model(network.model)
    shape = model_info(name).input_shape
    assert create_model(name, init=True, **options)(uniform(*shape)).shape is not None


@every_network
@pytest.mark.parametrize("static", [False, True])
def test_hybridized_gives_the_same(network, static, uniform):
    net = build(network, init=True)
    x = uniform(*network.input_shape)
    eager = run(net, x)
    net.hybridize(static_alloc=static, static_shape=static)
    for _ in range(2):  # the first call builds, the second reuses
        check_equal(run(net, x), eager, 1e-5)
    half = uniform(*network.input_shape)[: max(1, network.input_shape[0] // 2)]
    hybrid = net(half).asnumpy()
    net.hybridize(False)
    check_equal([hybrid], [net(half).asnumpy()], 1e-5)


@every_network
def test_hybridized_first_draws_alike(network, uniform, seed):
    outputs = []
    for active in (False, True):
        mx.random.seed(seed)
        net = build(network, init=True)
        net.hybridize(active)
        outputs.append(net(uniform(*network.input_shape)).asnumpy())
    check_equal([outputs[1]], [outputs[0]], 1e-6)


@every_network
def test_trains(network, uniform):
    net = build(network, init=init.Xavier())
    x = uniform(*network.input_shape)
    before = net(x)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01}, kvstore=None)
    target = before * 0 + 2
    losses = []
    for _ in range(10):
        with autograd.record():
            loss = ((net(x) - target) ** 2).mean()
        loss.backward()
        trainer.step(1)
        losses.append(loss.asnumpy().item())
    constants = [p for p in net.collect_params().values() if isinstance(p, gluon.Constant)]
    assert all((p.data().asnumpy() == p.value.asnumpy()).all() for p in constants)
    # FancyMLP's output is pushed into [0.5, 1] or, times 10, below 8, so its loss may jump.
    assert losses[-1] < losses[0] or "chimera" in network.model or "fancy" in network.model
    assert all(numpy.isfinite(losses))


@every_network
def test_save_and_load(network, uniform, tmp_path):
    net, clone = build(network, init=True), build(network)
    x = uniform(*network.input_shape)
    expected = net(x).asnumpy()
    net.save_parameters(str(tmp_path / "net.params"))
    clone.load_parameters(str(tmp_path / "net.params"))
    check_equal([clone(x).asnumpy()], [expected])


@every_network
@pytest.mark.filterwarnings("ignore:Cannot decide type")  # MXNet's, of every imported graph
def test_export(network, uniform, tmp_path):
    net = build(network, init=True)
    net.hybridize()
    x = uniform(*network.input_shape)
    expected = net(x).asnumpy()
    net.export(str(tmp_path / "net"))
    files = {path.suffix: str(path) for path in Path(tmp_path).iterdir()}
    loaded = gluon.SymbolBlock.imports(files[".json"], ["data"], files[".params"])
    check_equal([loaded(x).asnumpy()], [expected])


@every_network
def test_two_instances_share_nothing(network, uniform):
    first, second = build(network, init=True), build(network, init=True)
    x = uniform(*network.input_shape)
    first(x)
    before = second(x).asnumpy()
    for parameter in first.collect_params().values():
        parameter.set_data(parameter.data() * 0)
    check_equal([second(x).asnumpy()], [before])
    ids = [{id(p) for p in net.collect_params().values()} for net in (first, second)]
    assert not ids[0] & ids[1]


@every_network
def test_shares_exactly_what_the_tutorial_shares(network):
    net = build(network)
    blocks = [block for block in walk(net) if block._reg_params]
    groups = {}
    for block, (name, parameter) in itertools.chain.from_iterable(
        ((block, item) for item in block._reg_params.items()) for block in blocks
    ):
        groups.setdefault(id(parameter), []).append((type(block).__name__, name))
    shared = sorted(names for names in map(sorted, groups.values()) if len(names) > 1)
    tied = [[("Dense", "bias")] * 2, [("Dense", "weight")] * 2]
    assert shared == (tied if network.model == "tied_mlp" else [])


def walk(block):
    yield block
    for child in block._children.values():
        yield from walk(child)


def test_tied_gradients_add_up(uniform):
    net = create_model("tied_mlp", init=True)
    x = uniform(2, 20)
    with autograd.record():
        loss = net(x).sum()
    loss.backward()
    got = net[1].weight.grad().asnumpy()
    apart = create_model("mlp", units=(8, 8, 8))
    apart.initialize()
    apart(x)
    for mine, theirs in zip(apart, net, strict=True):
        mine.weight.set_data(theirs.weight.data())
        mine.bias.set_data(theirs.bias.data())
    with autograd.record():
        loss = apart(x).sum()
    loss.backward()
    separate = [layer.weight.grad().asnumpy() for layer in apart]
    check_equal([got], [separate[1] + separate[2]], 1e-6)


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


@every_network
def test_forward_equals_numpy(network, uniform):
    net = build(network, init=init.Xavier())
    x = uniform(*network.input_shape)
    output = net(x).asnumpy()
    expected = numpy.asarray(numpy_forward(network.model, net, x.asnumpy()))
    check_equal([output], [expected.reshape(output.shape)], 1e-5)


def test_figure_printed_in_dive_into_deep_learning(python):
    """The book's first draw of a fresh process; any draw by gluonkit before it would show."""
    code = (
        "from gluonkit import create_model, np, npx; npx.set_np();"
        "net = create_model('mlp', init=True);"
        "print(*net(np.random.uniform(size=(2, 20)))[0, :3].asnumpy())"
    )
    done = python("-c", code)
    printed = [float(word) for word in done.stdout.split()]
    numpy.testing.assert_allclose(printed, [0.0624027, -0.0326859, 0.0258265], atol=5e-8)
