"""How often `fit` traces a network, and that changes meanwhile are followed all the same."""

import mxnet as mx
import numpy
import pytest
from mxnet import autograd, gluon
from mxnet.gluon import nn

from gluonkit import Callback, create_model, evaluate, fit, predict
from gluonkit.callbacks import EarlyStopping, LearningRate
from gluonkit.data import BatchLoader
from gluonkit.errors import ArgumentError, StateError
from gluonkit.tracing.snapshot import Snapshot
from gluonkit.train.step.batch import ReadyBatch
from gluonkit.train.step.compiled import CompiledStep
from gluonkit.train.step.result import StepOptions

DRAWS = numpy.random.default_rng(5)
X = DRAWS.standard_normal((16, 4)).astype("float32")
Y = DRAWS.standard_normal((16, 2)).astype("float32")
CHANGED_AFTER = 2
EPOCHS = 4
OUTSIDE = {"scale": 1.0}


class Net(nn.HybridBlock):
    """Two dense layers, and numbers that its code reads in two places."""

    def __init__(self, rate=0.0):
        super().__init__()
        self.scale, self.sizes = 1.0, {"inner": [6]}
        self.dense = nn.Dense(self.sizes["inner"][0], activation="tanh", in_units=4)
        self.dropout = nn.Dropout(rate)
        self.out = nn.Dense(2, in_units=6)
        self.symbols = 0

    def hybrid_forward(self, F, x):
        PASSES.append(F)
        return self.out(self.dropout(self.dense(x))) * (self.scale * OUTSIDE["scale"])


PASSES = []


def ready(rate=0.0):
    net = Net(rate)
    net.initialize(mx.init.Zero())
    draws = numpy.random.default_rng(1)
    for parameter in (net.dense.weight, net.out.weight):
        parameter.set_data(mx.nd.array(draws.standard_normal(parameter.shape)))
    return net


def passes(function):
    """Return how often symbols pass through the network while a function runs."""
    PASSES.clear()
    function()
    return sum(module is mx.sym for module in PASSES)


class Watching(Callback):
    """Does nothing, and has not said so."""


class Telling(Callback):
    """Does nothing, and says so."""

    changes_net = False


@pytest.mark.parametrize("epochs", [1, 5])
@pytest.mark.parametrize("callbacks", [[], [EarlyStopping(), LearningRate([0.1, 0.2]), Telling()]])
def test_one_trace_does_for_all_epochs(epochs, callbacks):
    net = ready()
    options = {"loss": "l2", "callbacks": callbacks, "progress": False, "batch_size": 8}
    assert passes(lambda: fit(net, (X, Y), val=(X, Y), epochs=epochs, **options)) == 4
    short = passes(lambda: fit(ready(), (X[:12], Y[:12]), val=(X, Y), epochs=epochs, **options))
    assert short == 5  # one more for a batch of 4


def test_layers_that_wait_for_their_shapes_need_no_more():
    images, labels = DRAWS.random((32, 1, 28, 28), "float32"), numpy.arange(32) % 10
    net = create_model("lenet", init="xavier")
    given, call = [], gluon.Block.__call__

    def counted(block, *args):
        if block is net and isinstance(args[0], mx.sym.Symbol):
            given.append(args)
        return call(block, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gluon.Block, "__call__", counted)
        fit(net, (images, labels), val=(images, labels), epochs=5, progress=False, batch_size=16)
    assert len(given) == 4


def test_where_code_of_the_users_runs_each_epoch_is_traced():
    net = ready()
    options = {"loss": "l2", "progress": False, "batch_size": 8, "epochs": 5}
    often = passes(lambda: fit(net, (X, Y), val=(X, Y), callbacks=[Watching()], **options))
    assert often == 4 + 2 * 5  # the epoch's first step, and the evaluation


@pytest.mark.parametrize(
    ("callback", "changes"),
    [
        (EarlyStopping(), False),
        (LearningRate([0.1]), False),
        (LearningRate(lambda epoch: 0.1), True),
        (Watching(), True),
        (type("Other", (EarlyStopping,), {})(), True),
    ],
)
def test_callbacks_declare_that_they_leave_the_network_alone(callback, changes):
    assert callback.changes_net is changes


def replace_child(net):
    net.dense = nn.Dense(6, activation="relu", in_units=4)
    net.dense.initialize(mx.init.Constant(0.3))


def cast_twice(net):
    net.cast("float64")
    net.cast("float32")


CHANGES = {
    "rate": lambda net: setattr(net.dropout, "_rate", 0.0),
    "child": replace_child,
    "freeze": lambda net: net.dense.collect_params().setattr("grad_req", "null"),
    "cast": cast_twice,
    "attribute": lambda net: setattr(net, "scale", 0.5),
    "elsewhere": lambda net: OUTSIDE.update(scale=0.5),
    "hybridize": lambda net: net.hybridize(),
    "multiplier": lambda net: setattr(net.out.weight, "lr_mult", 0.1),
}


@pytest.fixture(autouse=True)
def unscaled():
    yield
    OUTSIDE["scale"] = 1.0


class ByHand:
    """Gluon's own loop: an epoch is one batch, a network that is changed gets another trainer."""

    def __init__(self, net, optimizer, rates):
        self.net, self.optimizer, self.rates = net, optimizer, rates
        self.trainers, self.known, self.losses, self.evaluated = [], set(), [], []

    def _trainers(self, rate):
        new = [p for p in self.net.collect_params().values() if p.name not in self.known]
        if new:
            name, options = self.optimizer
            self.trainers.append(gluon.Trainer(new, name, {**options, "learning_rate": rate}))
            self.known |= {p.name for p in new}
        for trainer in self.trainers:
            trainer.set_learning_rate(rate)
        return self.trainers

    def epoch(self, number):
        trainers, x, y = self._trainers(self.rates[number - 1]), *map(mx.nd.array, (X, Y))
        with autograd.record():
            value = gluon.loss.L2Loss()(self.net(x), y)
        value.backward()
        for trainer in trainers:
            trainer.step(len(X), ignore_stale_grad=True)
        self.losses.append(float(value.mean().asscalar()))

    def evaluation(self):
        value = gluon.loss.L2Loss()(self.net(mx.nd.array(X)), mx.nd.array(Y))
        return float(value.mean().asscalar())


def by_hand(net, change, optimizer, rates, *, before_evaluation):
    loop = ByHand(net, optimizer, rates)
    for number in range(1, EPOCHS + 1):
        loop.epoch(number)
        if number == CHANGED_AFTER and before_evaluation:
            change(net)
        loop.evaluated.append(loop.evaluation())
        if number == CHANGED_AFTER and not before_evaluation:
            change(net)
    OUTSIDE["scale"] = 1.0
    return loop


class Changing(Callback):
    """Changes the network after an epoch."""

    def __init__(self, change):
        self.change = change

    def on_epoch_end(self, run):
        if run.epoch == CHANGED_AFTER:
            self.change(run.net)


def at_call(number, change, net, result):
    """Return a function that changes the network when it is called for such a time."""
    calls = []

    def called(*args):
        calls.append(args)
        if len(calls) == number:
            change(net)
        return result(*args)

    return called


def fitted(net, who, change, optimizer, rates, **options):
    name, params = optimizer
    callbacks, metrics, train = [LearningRate(rates)], [], (X, Y)
    if who == "callback":
        callbacks.append(Changing(change))
    elif who == "metric":  # called for the training data and the evaluation in turn
        metrics = [at_call(2 * CHANGED_AFTER - 1, change, net, lambda label, output: 0.0)]
    else:  # called for a look at the first batch, too
        transform = at_call(CHANGED_AFTER + 2, change, net, lambda *parts: parts)
        train = BatchLoader((X, Y), len(X), transform=transform)
    return fit(
        net, train, val=(X, Y), epochs=EPOCHS, loss="l2", optimizer=name, metrics=metrics,
        optimizer_params=params, callbacks=callbacks, progress=False, **options,
    )  # fmt: skip


MOMENTUM = ("sgd", {"momentum": 0.9, "wd": 0.01})
CASES = [
    *((how, who, MOMENTUM) for how in CHANGES for who in ("callback", "metric", "transform")),
    *((how, "callback", ("adam", {})) for how in ("freeze", "attribute", "cast")),
    *((how, "callback", ("sgd", {})) for how in ("freeze", "child", "rate", "multiplier")),
]


@pytest.mark.parametrize(("how", "who", "optimizer"), CASES)
@pytest.mark.parametrize("compiled", [None, False])
def test_changes_are_followed_as_gluon_does(how, who, optimizer, compiled):
    if how == "child" and compiled is False:
        pytest.skip("Gluon's trainer has the parameters of the beginning")
    change, rate = CHANGES[how], 0.5 if how == "rate" else 0.0
    # While half of the numbers is dropped, by chance, nothing is learnt.
    rates = [0.0 if rate and epoch <= CHANGED_AFTER else 0.05 for epoch in range(1, EPOCHS + 1)]
    hand = by_hand(ready(rate), change, optimizer, rates, before_evaluation=who == "metric")
    net = ready(rate)
    history = fitted(net, who, change, optimizer, rates, compiled=compiled)
    assert history.engine == ("compiled" if compiled is None else "imperative")
    shown = slice(CHANGED_AFTER if rate else 0, None)
    numpy.testing.assert_allclose(history["loss"][shown], hand.losses[shown], rtol=1e-4)
    numpy.testing.assert_allclose(history["val_loss"], hand.evaluated, rtol=1e-4)
    after = hand.net.collect_params().values(), net.collect_params().values()
    for one, other in zip(*after, strict=True):
        numpy.testing.assert_allclose(
            other.data().asnumpy(), one.data().asnumpy(), rtol=1e-4, atol=1e-6
        )
    expected = hand.evaluation() if how != "elsewhere" else hand.evaluated[-1]
    assert evaluate(net, (X, Y), loss="l2")["loss"] == pytest.approx(expected, rel=1e-4)


def fails(kind, text, change):
    with pytest.raises(kind, match=text):
        fitted(ready(), "callback", change, MOMENTUM, [0.05])


def test_arrays_that_are_replaced_in_an_epoch_are_refused():
    net = ready()
    transform = at_call(3, cast_twice, net, lambda *parts: parts)
    batches = BatchLoader((X, Y), 8, transform=transform)
    with pytest.raises(StateError, match=r"`net` has got another array for .* in the middle of an"):
        fit(net, batches, loss="l2", epochs=2, progress=False)


def test_a_network_that_stays_in_another_data_type_is_refused():
    text = "does not go through the network and the loss"
    fails(ArgumentError, text, lambda net: net.cast("float64"))


def test_a_child_that_cannot_be_compiled_is_refused():
    class Plain(gluon.Block):
        def forward(self, x):
            return mx.nd.tanh(x)

    def change(net):
        net._children["dropout"] = Plain()

    fails(ArgumentError, "does not go through the network and the loss: .*is a Block", change)


def test_several_workers_cannot_follow():
    net, batch = ready(), ReadyBatch((X, Y), 1)
    options = StepOptions(followed=True)
    step = CompiledStep(
        net, gluon.loss.L2Loss(), mx.optimizer.SGD(), batch, ctx=mx.cpu(), options=options
    )
    step.run(batch)
    step.finish()
    step._exchange = object()  # as a job of several has
    net.scale = 3.0
    with pytest.raises(StateError, match="`net` was changed while several workers trained it"):
        step.run(batch)


def test_gradients_that_are_gathered_go_on():
    """Four batches make one update; the network changes after two."""
    nets = [ready(), ready()]
    loss, halves = gluon.loss.L2Loss(), [(X[:8], Y[:8]), (X[8:], Y[8:])]
    x, y = mx.nd.array(X), mx.nd.array(Y)
    with autograd.record():
        before = loss(nets[0](x), y)
    before.backward()
    kept = {n: p.grad().copy() for n, p in nets[0]._collect_params_with_prefix().items()}
    nets[0].scale = 0.5
    with autograd.record():
        after = loss(nets[0](x), y)
    after.backward()
    for name, parameter in nets[0]._collect_params_with_prefix().items():
        gradient = (kept[name] + parameter.grad()) / (2 * len(X))
        parameter.set_data(parameter.data() - 0.1 * gradient)
    batches = [ReadyBatch(half, 1) for half in halves]
    step = CompiledStep(
        nets[1], loss, mx.optimizer.SGD(learning_rate=0.1), batches[0], ctx=mx.cpu(),
        options=StepOptions(followed=True, accumulate=4),
    )  # fmt: skip
    for number, batch in enumerate(batches * 2):
        if number == 2:
            nets[1].scale = 0.5
        step.run(batch)
        step.finish()
    step.push()
    pairs = zip(*(net.collect_params().values() for net in nets), strict=True)
    for one, other in pairs:
        numpy.testing.assert_allclose(other.data().asnumpy(), one.data().asnumpy(), rtol=1e-4)


def test_changes_between_batches_are_followed_in_prediction():
    net = ready()
    expected = net(mx.nd.array(X)).asnumpy()

    class Batches:
        def __iter__(self):
            for scale in (1.0, 0.5, 2.0):
                net.scale = scale
                yield X

    given = predict(net, Batches())
    numpy.testing.assert_allclose(
        given, numpy.concatenate([expected, expected / 2, expected * 2]), rtol=1e-5
    )


def test_evaluation_follows_what_a_metric_changes():
    net, loss = ready(), gluon.loss.L2Loss()
    losses = loss(net(mx.nd.array(X)), mx.nd.array(Y)).asnumpy()
    net.scale = 0.5
    after = loss(net(mx.nd.array(X)), mx.nd.array(Y)).asnumpy()
    net.scale = 1.0
    change = at_call(1, lambda block: setattr(block, "scale", 0.5), net, lambda label, output: 0.0)
    got = evaluate(net, (X, Y), loss="l2", metrics=change, batch_size=8)["loss"]
    assert got == pytest.approx((losses[:8].mean() + after[8:].mean()) / 2, rel=1e-5)


def test_a_snapshot_sees_settings_at_any_depth():
    net = ready()
    for change, back in (
        (lambda: setattr(net, "scale", 2.0), lambda: setattr(net, "scale", 1.0)),
        (lambda: net.sizes["inner"].append(3), net.sizes["inner"].pop),
        (lambda: setattr(net.out.bias, "grad_req", "null"), None),
        (lambda: net.dense.register_forward_hook(print), None),
        (lambda: setattr(net.dense, "_units", 3), None),
        (lambda: setattr(net, "numbers", X), None),
    ):
        before = Snapshot(net)
        assert before.holds()
        change()
        assert not before.holds()
        if back is not None:
            back()
            assert before.holds()


def test_a_snapshot_takes_what_cannot_be_compared_for_changed():
    net = ready()
    net.table = X.copy()
    before = Snapshot(net)
    assert before.holds()
    net.table = X.copy()
    assert not before.holds()
    assert Snapshot(lambda output, label: 0).holds()  # a function has nothing to compare
