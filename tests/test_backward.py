"""What a backward pass begins with, and which weights it reaches: the numbers of Gluon's loop."""

import ctypes

import numpy
import pytest
from mxnet.base import _LIB, check_call, py_str
from mxnet.util import is_np_array

from gluonkit import fit, gluon, mx, nn
from gluonkit.graphs.backward import backward_of, is_linear
from gluonkit.graphs.slopes import slope_shape
from gluonkit.tracing.symbols import operator_handle, operator_name
from tests.networks import values
from tests.test_step import BATCH, by_gluon, by_steps, close, ready

KINDS = ("compiled", "imperative")
OPTIMIZERS = {
    "sgd": ("sgd", {"learning_rate": 0.3}),
    "momentum": ("sgd", {"learning_rate": 0.3, "momentum": 0.9, "wd": 0.05}),
    "adam": ("adam", {"learning_rate": 0.02, "wd": 0.05}),
}


class Clipped(mx.operator.CustomOp):
    """Passes numbers on, and gradients within bounds that those of a test exceed."""

    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0])

    def backward(self, req, out_grad, in_grad, **rest):
        self.assign(in_grad[0], req[0], out_grad[0].clip(-0.02, 0.02))


@mx.operator.register("gluonkit_test_clipped")
class _ClippedProp(mx.operator.CustomOpProp):
    def __init__(self):
        super().__init__(need_top_grad=True)

    def create_operator(self, ctx, shapes, dtypes):
        return Clipped()


class Net(nn.HybridBlock):
    """A small network with something at its end."""

    def __init__(self, end=lambda F, x: x, width=5):
        super().__init__()
        with self.name_scope():
            self.first = nn.Dense(7, activation="tanh")
            self.last = nn.Dense(width)
        self._end = end

    def hybrid_forward(self, F, x):
        return self.last(self._end(F, self.first(x)))


def sparse():
    """A network with a penalty that its loss does not show; only symbols can have one."""
    x = mx.sym.var("data", dtype="float32")
    hidden = mx.sym.sigmoid(mx.sym.FullyConnected(x, num_hidden=7, no_bias=True))
    hidden = mx.sym.IdentityAttachKLSparseReg(hidden, penalty=0.1)
    net = gluon.SymbolBlock(mx.sym.FullyConnected(hidden, num_hidden=5, no_bias=True), [x])
    for name, parameter in net.collect_params().items():
        parameter.init = "zeros" if name.endswith("avg") else None
    return net


class Returning(gluon.loss.Loss):
    """A loss made of a function of F, the output and the label."""

    def __init__(self, function):
        super().__init__(None, 0)
        self._function = function

    def hybrid_forward(self, F, output, label):
        return self._function(F, output, label)


def regression(steps=4, width=5):
    draws = numpy.random.default_rng(3)
    return [
        (draws.random((BATCH, 6), "float32"), draws.normal(size=(BATCH, width)).astype("float32"))
        for _ in range(steps)
    ]


def classes(steps=4):
    draws = numpy.random.default_rng(4)
    return [
        (draws.random((BATCH, 6), "float32"), draws.integers(0, 5, BATCH).astype("float32"))
        for _ in range(steps)
    ]


def squares(F, o, y):
    return F.mean(F.square(o - y), axis=1)


LOSSES = {
    "MakeLoss": (lambda F, o, y: F.MakeLoss(squares(F, o, y)), regression),
    "MakeLoss by two": (lambda F, o, y: F.MakeLoss(squares(F, o, y), grad_scale=2), regression),
    "make_loss": (lambda F, o, y: F.make_loss(squares(F, o, y)), regression),
    "MakeLoss inside": (lambda F, o, y: 0.1 * F.MakeLoss(squares(F, o, y)) + 1, regression),
    "a sum": (
        lambda F, o, y: F.MakeLoss(squares(F, o, y)) + F.mean(F.abs(o - y), axis=1),
        regression,
    ),
    "SoftmaxOutput": (lambda F, o, y: F.SoftmaxOutput(o, y), classes),
    "LinearRegressionOutput": (lambda F, o, y: F.LinearRegressionOutput(o, y), regression),
    "LogisticRegressionOutput": (lambda F, o, y: F.LogisticRegressionOutput(o, y), regression),
    "MAERegressionOutput": (lambda F, o, y: F.MAERegressionOutput(o, y), regression),
    "SVMOutput": (lambda F, o, y: F.SVMOutput(o, y), classes),
    "SoftmaxOutput within a mean": (
        lambda F, o, y: F.mean(F.square(F.SoftmaxOutput(o, y)), axis=1),
        classes,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_that_ignore_the_gradient_from_above(kind, optimizer, name):
    function, data = LOSSES[name]
    mine, theirs = (ready(Net(), (BATCH, 6)) for _ in range(2))
    by_steps(kind, mine, Returning(function), OPTIMIZERS[optimizer], data())
    by_gluon(theirs, Returning(function), OPTIMIZERS[optimizer], data(), "nd")
    close(values(mine), values(theirs), 2e-4)


def clipped(F, x):
    return F.Custom(x, op_type="gluonkit_test_clipped")


INSIDE = {
    "Custom": clipped,
    "SoftmaxOutput": lambda F, x: F.SoftmaxOutput(x, F.argmax(x, axis=1)),
    "float16": lambda F, x: F.cast(F.cast(x, "float16") * 1e-3, "float32") * 1e3,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["cross entropy", "squares"])
@pytest.mark.parametrize("name", [*INSIDE, "IdentityAttachKLSparseReg"])
def test_operators_inside_a_network_that_do_not_scale(kind, loss, name):
    make = (lambda: Net(INSIDE[name])) if name in INSIDE else sparse
    mine, theirs = (ready(make(), (BATCH, 6)) for _ in range(2))
    data = classes() if loss == "cross entropy" else regression()
    chosen = (
        gluon.loss.SoftmaxCrossEntropyLoss() if loss == "cross entropy" else gluon.loss.L2Loss()
    )
    for optimizer in ("sgd", "momentum"):
        by_steps(kind, mine, chosen, OPTIMIZERS[optimizer], data)
        by_gluon(theirs, chosen, OPTIMIZERS[optimizer], data, "nd")
        close(values(mine), values(theirs), 2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_the_mean_where_a_loss_operator_returns_the_mean(kind):
    """By hand: `Trainer.step(1)`, for the loss is a mean already."""
    loss = Returning(lambda F, o, y: F.MakeLoss(F.mean(F.square(o - y))))
    mine, theirs = (ready(Net(), (BATCH, 6)) for _ in range(2))
    by_steps(kind, mine, loss, OPTIMIZERS["sgd"], regression())
    by_gluon(theirs, loss, OPTIMIZERS["sgd"], regression(), "nd", normalize=lambda x: 1)
    close(values(mine), values(theirs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mean", [False, True])
def test_gathered_gradients_that_do_not_scale(kind, mean):
    """Two batches of different sizes make one step; each sample weighs the same."""

    def loss(o, y):
        per_sample = (o - y).square().mean(axis=1) if hasattr(o, "square") else None
        return per_sample.mean() if mean else per_sample

    data = regression(2)
    data[1] = tuple(array[:3] for array in data[1])
    mine, theirs = (ready(Net(clipped), (BATCH, 6)) for _ in range(2))
    by_steps(kind, mine, loss, OPTIMIZERS["sgd"], data, accumulate=2)
    sums = None
    for x, y in data:
        with mx.autograd.record():
            value = loss(theirs(mx.nd.array(x)), mx.nd.array(y))
        value.backward()
        share = len(x) if mean else 1
        actual = [p.grad().asnumpy() * share for p in theirs.collect_params().values()]
        sums = actual if sums is None else [a + b for a, b in zip(sums, actual, strict=True)]
    before = values(theirs)
    expected = [b - 0.3 * s / (BATCH + 3) for b, s in zip(before, sums, strict=True)]
    close(values(mine), expected)


def test_the_issues_own_case_does_not_diverge():
    draws = numpy.random.RandomState(0)
    data = [(draws.randn(64, 3).astype("float32"), draws.randn(64, 2).astype("float32"))]
    last = []
    for compiled in (True, False):
        net = ready(nn.Dense(2), (64, 3))
        loss = Returning(LOSSES["MakeLoss"][0])
        history = fit(net, data, epochs=8, loss=loss, metrics=(), compiled=compiled)
        last.append(history.last["loss"])
        assert not history.notes
    assert last[0] == pytest.approx(last[1], rel=1e-5)
    assert last[0] < 3


@pytest.mark.parametrize("compiled", [True, False])
def test_predictions_instead_of_a_loss_are_named(compiled):
    loss = Returning(lambda F, o, y: F.SoftmaxOutput(o, y))
    net = ready(Net(), (BATCH, 6))
    history = fit(net, classes(2), epochs=1, loss=loss, metrics=(), compiled=compiled)
    (note,) = history.notes
    assert note.startswith("the loss returns what SoftmaxOutput does: predictions")


NOT_LINEAR = {
    *("Custom", "_CachedOp", "_CachedOpThreadSafe", "_CustomFunction", "_NDArray", "_Native"),
    *("MakeLoss", "SVMOutput", "SoftmaxOutput", "make_loss", "IdentityAttachKLSparseReg"),
    *("LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput"),
    *("_cond", "_foreach", "_while_loop"),
}


def test_every_operator_of_mxnet_is_known_to_scale_or_not_to():
    size, names = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
    check_call(_LIB.MXListAllOpNames(ctypes.byref(size), ctypes.byref(names)))
    operators = {operator_name(operator_handle(py_str(names[i]))) for i in range(size.value)}
    other = {name for name in operators if not is_linear(name)} - NOT_LINEAR
    # Neither is part of a network: updates, images from files, and what oneDNN fuses to predict.
    parts = ("ackward", "update", "_cv", "_sg_", "imdecode", "multi_lars", "lamb", "reset_arrays")
    assert {name for name in other if not any(part in name for part in parts)} == {"_set_value"}
    assert not any(map(is_linear, NOT_LINEAR))


def test_backward_of_an_unknown_library_is_not_taken_for_linear():
    assert not is_linear("my_gemm")
    plain = backward_of(mx.sym.FullyConnected(mx.sym.var("x"), num_hidden=2))
    assert plain.linear
    assert plain.divisor(8, 1) == 1


class TwoHeads(nn.HybridBlock):
    """Two heads, of which a loss uses the first."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.body = nn.Dense(7, activation="tanh")
            self.one, self.other = nn.Dense(5), nn.Dense(3)

    def hybrid_forward(self, F, x):
        x = self.body(x)
        return self.one(x), self.other(x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hybridized", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_head_that_the_loss_does_not_use_stays_as_it_is(array_mode, kind, hybridized, optimizer):
    entropy = gluon.loss.SoftmaxCrossEntropyLoss()
    mine, theirs = (ready(TwoHeads(), (BATCH, 6)) for _ in range(2))
    before = mine.other.weight.data().asnumpy()
    if hybridized:  # Gluon's own loop would let the head decay then
        mine.hybridize()

    def loss(outputs, y):
        return entropy(outputs[0], y)

    by_steps(kind, mine, loss, OPTIMIZERS[optimizer], classes())
    by_gluon(theirs, loss, OPTIMIZERS[optimizer], classes(), array_mode)
    close(values(mine), values(theirs), 2e-4)
    assert (mine.other.weight.data().asnumpy() == before).all()
    assert abs(values(mine)[0] - values(ready(TwoHeads(), (BATCH, 6)))[0]).max() > 1e-3


@pytest.mark.parametrize("compiled", [True, False])
def test_such_a_head_is_named(compiled):
    net = ready(TwoHeads(), (BATCH, 6))
    net.hybridize()
    entropy = gluon.loss.SoftmaxCrossEntropyLoss()

    def loss(outputs, y):
        return entropy(outputs[0], y)

    history = fit(net, classes(2), epochs=1, loss=loss, metrics=(), compiled=compiled)
    (note,) = history.notes
    assert note.startswith("the loss does not depend on")
    assert net.other.weight.name in note


class Blocked(nn.HybridBlock):
    """A part of the loss without gradient: Gluon lets its weights decay, hybridized or not."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.one, self.other = nn.Dense(5), nn.Dense(5)

    def hybrid_forward(self, F, x):
        return self.one(x) + F.BlockGrad(self.other(x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_a_loss_reads_behind_blocked_gradients_decays_as_in_gluon(kind, optimizer):
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    mine, theirs = (ready(Blocked(), (BATCH, 6)) for _ in range(2))
    by_steps(kind, mine, loss, OPTIMIZERS[optimizer], classes())
    by_gluon(theirs, loss, OPTIMIZERS[optimizer], classes(), "nd")
    close(values(mine), values(theirs), 2e-4)


class Slopes(nn.HybridBlock):
    """PReLU with one slope, with one for each channel, and with two axes or four."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.conv = nn.Conv2D(3, 3, padding=1)
            self.one = nn.PReLU()
            self.many = self.params.get("many", shape=(3,), init="ones")
            self.dense = nn.Dense(5)
            self.last = nn.PReLU()

    def hybrid_forward(self, F, x, many):
        # The relu and its zeros: the gradient there is the slope's, too.
        relu = F.npx.relu if is_np_array() else F.relu
        x = self.conv(x)
        x = relu(x) - 0.3 * relu(-relu(x + 0.2))
        leaky = F.npx.leaky_relu if is_np_array() else F.LeakyReLU
        return self.last(self.dense(leaky(self.one(x), many * 0.4, act_type="prelu")))


def images(steps=3):
    draws = numpy.random.default_rng(5)
    return [
        (draws.normal(size=(BATCH, 2, 6, 5)).astype("float32"), y) for _, y in regression(steps)
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hybridized", [False, True])
def test_the_slope_of_prelu_gets_its_gradient(array_mode, kind, hybridized):
    mine, theirs = (ready(Slopes(), (BATCH, 2, 6, 5)) for _ in range(2))
    if hybridized:
        mine.hybridize()
    by_steps(kind, mine, gluon.loss.L2Loss(), OPTIMIZERS["sgd"], images())
    by_gluon(theirs, gluon.loss.L2Loss(), OPTIMIZERS["sgd"], images(), array_mode)
    close(values(mine), values(theirs), 2e-4)


def test_plain_steps_of_a_hybridized_prelu_say_how_they_run():
    net = ready(Slopes(), (BATCH, 2, 6, 5))
    net.hybridize()
    history = fit(net, images(), epochs=1, loss="l2", metrics=(), compiled=False)
    (note,) = history.notes
    assert note.startswith("the steps run operator by operator, though the network is hybridized")
    assert net._active


def test_the_slope_of_prelu_lies_along_the_channels():
    assert slope_shape((8, 3, 6, 5), (3,)) == (1, 3, 1, 1)
    assert slope_shape((8, 3), (1,)) == (1, 1)
    assert slope_shape((8,), (8,)) == (8,)
    assert slope_shape((8, 3, 2), (8, 3)) == (8, 3, 1)


@pytest.mark.parametrize("compiled", [True, False])
def test_prelu_in_a_symbol_block_is_right_compiled_and_named_otherwise(compiled):
    x = mx.sym.var("data", dtype="float32")
    hidden = mx.sym.FullyConnected(x * 2, num_hidden=5, no_bias=True)
    slope = mx.sym.var("slope", shape=(5,))
    mine = gluon.SymbolBlock(mx.sym.LeakyReLU(hidden * 1, slope, act_type="prelu") * 1, [x])
    theirs = nn.HybridSequential()
    theirs.add(nn.Dense(5, use_bias=False, in_units=6), nn.PReLU(in_channels=5))
    weight = numpy.random.default_rng(2).normal(size=(5, 6))
    for net in (mine, theirs):
        net.initialize("zeros")
        for name, parameter in net.collect_params().items():
            value = weight if name.endswith("weight") else numpy.full(5, 0.3)
            parameter.shape = value.shape
            parameter.set_data(mx.nd.array(value))
    given = {"optimizer": "sgd", "optimizer_params": {"learning_rate": 0.3}}
    data = regression()
    history = fit(mine, data, epochs=1, loss="l2", metrics=(), compiled=compiled, **given)
    if not compiled:
        assert "a SymbolBlock has a PReLU" in history.notes[0]
        return
    assert not history.notes
    by_gluon(theirs, gluon.loss.L2Loss(), OPTIMIZERS["sgd"], [(2 * x, y) for x, y in data], "nd")
    close(values(mine), values(theirs), 2e-4)
