"""Code that tells arrays from symbols: the numbers are those of the network's own calls."""

import numpy
import pytest

from gluonkit import autograd, evaluate, fit, gluon, init, mx, nn, predict
from gluonkit.errors import ArgumentError

X = numpy.random.default_rng(0).random((6, 4), dtype="float32")
Y = X[:, :3] * 2

BRANCHES = {
    "module": lambda F, x: x * (3 if F is mx.nd else 1),
    "type": lambda F, x: x if isinstance(x, mx.sym.Symbol) else x * x,
    "shape": lambda F, x: x * (x.shape[1] if F is mx.nd else 2),
    "name": lambda F, x: x * 2 if type(x).__name__.endswith("rray") else x,
    "values": lambda F, x: x - 5 if F is mx.nd and x.asnumpy().sum() < 1e6 else x,
}
BY_NUMPY = {
    "module": lambda x: x * 3,
    "type": lambda x: x * x,
    "shape": lambda x: x * 3,
    "name": lambda x: x * 2,
    "values": lambda x: x - 5,
}
IN_TRAINING = BRANCHES | {
    "only then": lambda F, x: x * (3 if F is mx.nd and autograd.is_training() else 1),
    "gradient": lambda F, x: x.detach() if F is mx.nd else x,
}
SAME = "computes something else with symbols than with arrays"


class Branching(nn.HybridBlock):
    """Two dense layers with something between them."""

    def __init__(self, between, rate=0):
        super().__init__()
        self.between, self.scale, self.passes = between, 1.0, []
        with self.name_scope():
            self.dense = nn.Dense(3, in_units=4)
            self.dropout = nn.Dropout(rate)
            self.other = nn.Dense(3, in_units=3)

    def hybrid_forward(self, F, x):
        PASSES.append(F)
        return self.other(self.dropout(self.between(F, self.dense(x)))) * self.scale


PASSES = []


def ready(between, rate=0, *, hybridize=False):
    mx.random.seed(5)
    net = Branching(between, rate)
    net.initialize(init.Normal(0.5))
    if hybridize:
        net.hybridize()
    return net


def arrays(*numbers):
    make = mx.np.array if mx.util.is_np_array() else mx.nd.array
    return [make(number, dtype=number.dtype) for number in numbers]


def values(net):
    return [p.data().asnumpy() for _, p in sorted(net._collect_params_with_prefix().items())]


def by_hand(net, epochs):
    """Train as Gluon's tutorials do; return the loss of each epoch."""
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    loss, losses = gluon.loss.L2Loss(), []
    x, y = arrays(X, Y)
    for _ in range(epochs):
        with autograd.record():
            value = loss(net(x), y)
        value.backward()
        trainer.step(len(X), ignore_stale_grad=True)
        losses.append(value.asnumpy().mean())
    return losses


def trained(net, **options):
    return fit(
        net, [(X, Y)], loss="l2", epochs=3, optimizer="sgd", metrics=[],
        optimizer_params={"learning_rate": 0.1}, progress=False, **options,
    )  # fmt: skip


def next_numbers():
    """Return what MXNet's streams give next, which shows where they are."""
    dropped = mx.nd.Dropout(mx.nd.ones(50), mode="always").asnumpy()
    return [*dropped, *mx.nd.random.uniform(shape=5).asnumpy()]


@pytest.mark.parametrize("how", BRANCHES)
def test_predict_and_evaluate_give_the_arrays_branch(array_mode, how):
    net = ready(BRANCHES[how])
    weights = {n: p.data().asnumpy() for n, p in net._collect_params_with_prefix().items()}
    inner = BY_NUMPY[how](X @ weights["dense.weight"].T)  # biases are zero
    expected = inner @ weights["other.weight"].T
    for _ in range(2):
        numpy.testing.assert_allclose(predict(net, X), expected, rtol=1e-4, atol=1e-5)
    loss = evaluate(net, (X, Y), loss="l2", metrics=[])["loss"]
    assert loss == pytest.approx(float(((expected - Y) ** 2).mean()) / 2, rel=1e-4)


@pytest.mark.parametrize("how", IN_TRAINING)
@pytest.mark.parametrize("compiled", [None, False])
def test_fit_trains_the_arrays_branch_with_a_note(array_mode, how, compiled):
    net, twin = ready(IN_TRAINING[how]), ready(IN_TRAINING[how])
    history = trained(net, compiled=compiled)
    assert (SAME in " ".join(history.notes)) == (compiled is None)
    numpy.testing.assert_allclose(history["loss"], by_hand(twin, 3), rtol=1e-4)
    for one, other in zip(values(net), values(twin), strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("how", ["module", "type", "name"])
@pytest.mark.parametrize("compiled", [None, False])
def test_hybridized_networks_follow_the_graph_as_gluon_does(array_mode, how, compiled):
    net, twin = (ready(BRANCHES[how], hybridize=True) for _ in range(2))
    expected = twin(*arrays(X)).asnumpy()
    plain = ready(BRANCHES[how])(*arrays(X)).asnumpy()
    assert abs(plain - expected).max() > 0.1  # so that the branch matters
    numpy.testing.assert_allclose(predict(net, X), expected, rtol=1e-4, atol=1e-6)
    history = trained(net, compiled=compiled)
    assert history.engine == ("imperative" if compiled is False else "compiled")
    numpy.testing.assert_allclose(history["loss"], by_hand(twin, 3), rtol=1e-4)
    for one, other in zip(values(net), values(twin), strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_hybridized_part_follows_its_graph_inside_of_a_network_that_does_not(array_mode):
    def made():
        part = ready(BRANCHES["module"], hybridize=True)
        net = nn.HybridSequential()
        net.add(part, nn.Dense(3, in_units=3))
        net[1].initialize(init.Normal(0.5))
        return net

    net, twin = made(), made()
    expected = twin(*arrays(X)).asnumpy()
    numpy.testing.assert_allclose(predict(net, X), expected, rtol=1e-4, atol=1e-6)
    history = trained(net)
    assert history.engine == "compiled"
    by_hand(twin, 3)
    for one, other in zip(values(net), values(twin), strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_graph_that_gluon_has_made_before_is_followed(array_mode):
    net = ready(lambda F, x: x, hybridize=True)
    before = net(*arrays(X)).asnumpy()
    net.__dict__["scale"] = 7.0  # as code of the class's own would; Gluon keeps its graph
    assert (net(*arrays(X)).asnumpy() == before).all()
    numpy.testing.assert_allclose(predict(net, X), before, rtol=1e-5)


def test_a_step_that_must_be_compiled_is_refused():
    with pytest.raises(ArgumentError, match=f"`compiled` is True, .*{SAME}: the graph's output 0"):
        trained(ready(BRANCHES["module"]), compiled=True)


def test_a_short_last_batch_may_have_another_branch(array_mode):
    def between(F, x):
        return x * 3 if F is mx.nd and x.shape[0] < 4 else x

    net = ready(between)
    expected = [net(*arrays(part)).asnumpy() for part in (X[:4], X[4:])]
    actual = predict(net, X, batch_size=4)
    numpy.testing.assert_allclose(actual, numpy.concatenate(expected), rtol=1e-4, atol=1e-6)
    with pytest.raises(ArgumentError, match=SAME):
        fit(net, (X, Y), loss="l2", epochs=1, batch_size=4, progress=False)


def test_dropout_hides_no_branch_and_keeps_its_place_in_the_stream(array_mode):
    history = trained(ready(BRANCHES["module"], 0.5))
    assert SAME in " ".join(history.notes)
    net = ready(lambda F, x: x, 0.5)
    mx.random.seed(9)
    trained(net)
    twin = ready(lambda F, x: x, 0.5)
    mx.random.seed(9)
    by_hand(twin, 3)
    for one, other in zip(values(net), values(twin), strict=True):  # the very same masks
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_what_is_drawn_with_arrays_alone_is_not_drawn_for_the_comparison(array_mode):
    def between(F, x):
        return x + mx.nd.random.uniform().asscalar() if F is mx.nd else x

    net = ready(between)
    mx.random.seed(3)
    expected = net(*arrays(X)).asnumpy(), next_numbers()
    mx.random.seed(3)
    actual = predict(net, X), next_numbers()
    numpy.testing.assert_allclose(actual[0], expected[0], rtol=1e-5)
    assert actual[1] == expected[1]


def test_networks_that_draw_in_prediction_are_left_to_their_graph(array_mode):
    def between(F, x):
        return F.np.random.normal(x, 0.0) if mx.util.is_np_array() else F.random.normal_like(x) + x

    PASSES.clear()
    predict(ready(between), X)
    assert mx.nd not in PASSES


def test_nothing_is_left_of_the_comparison(array_mode):
    mx.random.seed(5)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(16, 3, in_channels=3), nn.BatchNorm(in_channels=16), nn.Dropout(0.5))
    net.add(nn.Flatten(), nn.Dense(3, in_units=16 * 16))
    net.initialize(init.Normal(0.5))
    images = numpy.random.default_rng(1).random((6, 3, 6, 6), dtype="float32")
    (x,) = arrays(images)
    with autograd.record():
        net(x).sum().backward()
    parameters = list(net.collect_params().values())
    trained = [p for p in parameters if p.grad_req != "null"]
    for p in trained:
        p.data()._fresh_grad = False
    bits = [p.data().asnumpy() for p in parameters] + [p.grad().asnumpy() for p in trained]
    objects = [id(p.data()) for p in parameters] + [id(p.grad()) for p in trained]
    attributes = [set(vars(block)) for block in net]
    mx.random.seed(7)
    following = next_numbers()
    mx.random.seed(7)
    predict(net, images)
    history = fit(net, (images, Y), loss="l2", epochs=1, optimizer_params={"learning_rate": 0.0},
                  batch_size=6, progress=False, compiled=True, optimizer="sgd")  # fmt: skip
    assert history.engine == "compiled"
    mx.random.seed(7)
    predict(net, images)
    assert next_numbers() == following
    running = {i for i, p in enumerate(parameters) if "running" in p.name}  # fit's own step moves
    after = [p.data().asnumpy() for p in parameters] + [p.grad().asnumpy() for p in trained]
    for index, (one, other) in enumerate(zip(after, bits, strict=True)):
        assert (one == other).all() or index in running
    assert objects == [id(p.data()) for p in parameters] + [id(p.grad()) for p in trained]
    assert attributes == [set(vars(block)) for block in net]
    assert not any(p.data()._fresh_grad for p in trained)


def test_the_comparison_is_made_once():
    net = ready(lambda F, x: x)
    PASSES.clear()
    for _ in range(3):
        predict(net, X)
    assert PASSES.count(mx.nd) == 1
    trained(net)
    assert PASSES.count(mx.nd) == 2
    trained(net)
    assert PASSES.count(mx.nd) == 2


def test_rounding_is_no_other_computation():
    def between(F, x):  # in another order, enlarged by what is left of a large number
        large = x * 1e5
        moved = (large + 1e6) - 1e6 if F is mx.nd else (large + (1e6 - 3)) - (1e6 - 3)
        return moved * 1e-5

    assert trained(ready(between)).engine == "compiled"


class Bent(nn.HybridBlock):
    """A relu a little above its bend with arrays, and below it with symbols."""

    def __init__(self, apart):
        super().__init__()
        self.apart, self.dense = apart, nn.Dense(1, use_bias=False, in_units=1)
        self.dense.initialize(init.One())

    def hybrid_forward(self, F, x):
        above = self.dense(x) - (1.1 - 5e-7)
        return F.relu(above if F is mx.nd else above - self.apart)


# Float32's last digit is 1.2e-7 here, and that of what is computed with 1.1.
@pytest.mark.parametrize(("apart", "compiled"), [(8e-7, True), (3e-6, False)])
def test_the_last_digits_may_decide_at_a_bend(apart, compiled):
    """Its gradient is another one there, by all of it; beside the bend there is no difference."""
    x, y = numpy.array([[1.1]], "float32"), numpy.array([[-1]], "float32")
    history = fit(Bent(apart), [(x, y)], loss="l2", epochs=1, metrics=[], progress=False)
    assert (history.engine == "compiled") is compiled, history.notes
