"""Averaged weights: those of a loop by hand, bit for bit; runs in parts end as runs in one."""

import numpy
import pytest

from gluonkit import Callback, autograd, evaluate, fit, gluon, mx, nn
from gluonkit.callbacks import (
    Checkpoint,
    ExponentialMovingAverage,
    Progress,
    StochasticWeightAverage,
)
from gluonkit.data import BatchLoader
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from tests.networks import Untraceable, sequential, values
from tests.test_fit import CLASSES, FEATURES, mlp, same, samples

SIZE = 8


def normed():
    """Return a network with two batch normalizations, one of which is called twice."""
    mx.random.seed(1)
    norm = nn.BatchNorm(in_channels=8)
    net = sequential(
        nn.Dense(8, in_units=FEATURES),
        norm,
        nn.Dense(8, in_units=8),
        norm,
        nn.BatchNorm(in_channels=8),
        nn.Dense(CLASSES, in_units=8),
    )
    net.initialize("xavier")
    return net


def batches():
    """Return what the runs here train on: batches of 8, of which the last is short."""
    x, y = samples(44)
    return [
        (mx.nd.array(x[i : i + SIZE]), mx.nd.array(y[i : i + SIZE])) for i in range(0, 44, SIZE)
    ]


class Steps(Callback):
    """Keeps the weights after each step."""

    observes = False  # neither gradients nor optimizer, so that updates are those without it

    def __init__(self):
        self.after = []

    def on_step_end(self, run):
        self.after.append(values(run.net))


def moved(average, weights, share):
    """Move averages by MXNet's operator, one parameter at a time."""
    for old, new in zip(average, weights, strict=True):
        move = mx.nd.zeros(old.shape)
        mx.nd.sgd_mom_update(old, new, move, out=old, lr=share, wd=1.0, rescale_grad=-1.0)


def averages_by_hand(after, decay, *, warmup):
    """Return the average of weights after each step, by a loop over steps and parameters."""
    kept = [[mx.nd.array(a) for a in weights] for weights in after]
    average = [a.copy() for a in kept[0]]
    for step, weights in enumerate(kept[1:], 1):
        now = min(decay, (1 + step) / (10 + step)) if warmup else decay
        moved(average, weights, 1 - now)
    return [a.asnumpy() for a in average]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("warmup", [True, False])
@pytest.mark.parametrize("make", [mlp, normed])
def test_the_moving_average_of_a_loop_by_hand(compiled, warmup, make):
    plain, steps = make(), Steps()
    fit(plain, batches(), epochs=3, callbacks=[steps], compiled=compiled)
    net = make()
    average = ExponentialMovingAverage(0.9, warmup=warmup)
    history = fit(net, batches(), epochs=3, callbacks=[average], compiled=compiled)
    assert history.engine == ("compiled" if compiled else "imperative")
    assert average.count == 18
    wanted = averages_by_hand(steps.after, 0.9, warmup=warmup)
    assert all((a == b).all() for a, b in zip(values(net), wanted, strict=True))
    # And of NumPy, up to rounding: decay * average + (1 - decay) * weights.
    exact = [a.astype("float64") for a in steps.after[0]]
    for step, weights in enumerate(steps.after[1:], 1):
        decay = min(0.9, (1 + step) / (10 + step)) if warmup else 0.9
        exact = [decay * a + (1 - decay) * b for a, b in zip(exact, weights, strict=True)]
    for one, other in zip(values(net), exact, strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_equal_weights_stay_what_they_are():
    """An average of equal numbers is that number, however long it goes on."""
    net = mlp()
    before = values(net)
    average = ExponentialMovingAverage(0.999, warmup=False)
    still = {"learning_rate": 0.0}
    fit(net, batches(), epochs=40, callbacks=[average], optimizer_params=still, optimizer="sgd")
    assert all((a == b).all() for a, b in zip(values(net), before, strict=True))


def test_the_average_is_one_operation_on_each_flat_array(monkeypatch):
    from gluonkit.train import averaging

    sizes = []
    move = averaging._move
    monkeypatch.setattr(
        averaging,
        "_move",
        lambda average, *rest: (sizes.append(average.size), move(average, *rest)),
    )
    fit(mlp(), batches(), epochs=1, callbacks=[ExponentialMovingAverage()])
    assert len(sizes) == 5  # of six steps the first is copied: one array holds all four parameters
    assert len(set(sizes)) == 1


def test_training_goes_on_with_the_weights_themselves():
    one, two = mlp(), mlp()
    plain = fit(one, batches(), epochs=3)
    averaged = fit(two, batches(), epochs=3, callbacks=[ExponentialMovingAverage(0.9)])
    assert plain["loss"] == averaged["loss"]
    assert not same(one, two)


def parts(folder, epochs, callback, *, make=normed, compiled=None, every_steps=None, more=()):
    loader = BatchLoader(samples(44), SIZE, shuffle=True)
    net = make()
    saving = [Checkpoint(folder, every_steps=every_steps)] if folder else []
    history = fit(net, loader, epochs=epochs, seed=3, callbacks=[callback, *more, *saving],
                  resume=folder, compiled=compiled)  # fmt: skip
    return net, history


class Stop(Callback):
    def __init__(self, step):
        self.at = step

    def on_step_end(self, run):
        if run.step == self.at:
            run.stop("here")


MADE = {
    "moving": lambda: ExponentialMovingAverage(0.8),
    "stochastic": lambda: StochasticWeightAverage(2),
}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", MADE)
def test_a_run_in_parts_has_the_average_of_a_run_in_one(tmp_path, kind, compiled):
    whole, _ = parts(None, 5, MADE[kind](), compiled=compiled)
    parts(tmp_path, 3, MADE[kind](), compiled=compiled)
    net, history = parts(tmp_path, 5, MADE[kind](), compiled=compiled)
    assert history.resumed == 4
    assert same(net, whole)


def test_interrupted_in_the_middle_of_an_epoch(tmp_path):
    options = {"every_steps": 1, "make": mlp}
    whole, _ = parts(tmp_path / "a", 3, MADE["moving"](), more=[Stop(99)], **options)
    parts(tmp_path / "b", 3, MADE["moving"](), more=[Stop(9)], **options)
    net, history = parts(tmp_path / "b", 3, MADE["moving"](), more=[Stop(99)], **options)
    assert history.resumed == 2
    assert same(net, whole)


def test_callbacks_that_keep_nothing_come_and_go(tmp_path):
    """As progress does, which is shown in a terminal and not elsewhere."""
    whole, _ = parts(None, 5, MADE["moving"]())
    parts(tmp_path, 3, Progress(tell=lambda line: None), more=[MADE["moving"](), Stop(99)])
    net, history = parts(tmp_path, 5, MADE["moving"]())
    assert history.resumed == 4
    assert same(net, whole)
    _, history = parts(tmp_path, 5, Stop(99))
    assert "the callbacks are not those" in history.notes[-1]


def trained(net, epochs):
    """Return the weights after each epoch of a loop by hand, over the batches in order."""
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    after = []
    for _ in range(epochs):
        for x, y in batches():
            with autograd.record():
                value = loss(net(x), y)
            value.backward()
            trainer.step(len(x))
        after.append(values(net))
    return after


def test_the_mean_of_the_last_epochs_of_a_loop_by_hand():
    after = trained(mlp(), 8)
    net = mlp()
    fit(net, batches(), epochs=8, callbacks=[StochasticWeightAverage(5)], compiled=False,
        optimizer_params={"learning_rate": 0.1}, optimizer="sgd")  # fmt: skip
    average = [mx.nd.array(a) for a in after[4]]
    for count, weights in enumerate(after[5:], 1):
        moved(average, [mx.nd.array(a) for a in weights], 1 / (count + 1))
    assert all((a.asnumpy() == b).all() for a, b in zip(average, values(net), strict=True))
    means = [numpy.mean([w[i] for w in after[4:]], axis=0, dtype="float64") for i in range(4)]
    for one, other in zip(values(net), means, strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("epochs", "counted"), [(8, 2), (3, 1), (1, 1)])
def test_by_default_the_last_quarter_is_averaged(epochs, counted):
    average = StochasticWeightAverage()
    fit(mlp(), batches(), epochs=epochs, callbacks=[average])
    assert average.count == counted


@pytest.mark.parametrize("hybridized", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
def test_statistics_belong_to_the_averaged_weights(compiled, hybridized):
    """They are the means, over samples, of what each batch has when the network trains."""
    net = normed()
    if hybridized:
        net.hybridize()
    fit(net, batches(), epochs=4, callbacks=[StochasticWeightAverage(2)], compiled=compiled)
    weights = {
        name: p.data().asnumpy().astype("float64") for name, p in net.collect_params().items()
    }
    layers = list(net._children.values())

    def of(layer, name):
        return weights[getattr(layer, name).name]

    sums = {layer: [0.0, 0.0, 0] for layer in layers if isinstance(layer, nn.BatchNorm)}
    for x, _ in batches():
        h = x.asnumpy().astype("float64")
        for layer in layers:
            if layer in sums:
                mean, variance = h.mean(0), h.var(0)
                for place, value in enumerate((mean, variance, 1)):
                    sums[layer][place] = sums[layer][place] + value * len(h)
                h = (h - mean) / numpy.sqrt(variance + 1e-5)
                h = h * of(layer, "gamma") + of(layer, "beta")
            else:
                h = h @ of(layer, "weight").T + of(layer, "bias")
    for layer, (mean, variance, count) in sums.items():
        numpy.testing.assert_allclose(of(layer, "running_mean"), mean / count, rtol=1e-4, atol=1e-5)
        numpy.testing.assert_allclose(of(layer, "running_var"), variance / count, rtol=1e-4)


def test_the_loader_is_where_it_was():
    loader = BatchLoader(samples(44), SIZE, shuffle=True, seed=1)
    fit(normed(), loader, epochs=4, callbacks=[StochasticWeightAverage()])
    assert loader.epoch == 4


def test_a_normalization_with_fixed_statistics_keeps_them():
    net = sequential(nn.BatchNorm(in_channels=FEATURES, use_global_stats=True), nn.Dense(CLASSES))
    net.initialize("xavier")
    fit(net, batches(), epochs=2, callbacks=[StochasticWeightAverage()])
    assert (net[0].running_mean.data().asnumpy() == 0).all()


def test_averages_are_those_of_numpy_mode_too(array_mode):
    net = normed()
    fit(net, samples(44), epochs=4, batch_size=SIZE, callbacks=[StochasticWeightAverage(1)], seed=0)
    assert numpy.isfinite(evaluate(net, samples(20))["loss"])


class Twist(nn.HybridBlock):
    """A block with running statistics of its own."""

    def __init__(self):
        super().__init__()
        for name, init, grad in (
            ("gamma", "ones", "write"),
            ("beta", "zeros", "write"),
            ("mean", "zeros", "null"),
            ("var", "ones", "null"),
        ):
            made = self.params.get(
                name, shape=(FEATURES,), init=init, grad_req=grad, differentiable=grad == "write"
            )
            setattr(self, name, made)

    def hybrid_forward(self, F, x, **parameters):
        return F.BatchNorm(x, *map(parameters.get, ("gamma", "beta", "mean", "var")))


def imported():
    net = normed()
    net.hybridize()
    net(mx.nd.zeros((2, FEATURES)))
    inputs = mx.sym.var("data", dtype="float32")
    return gluon.SymbolBlock(net(inputs), [inputs], params=net.collect_params())


def test_statistics_that_cannot_be_reached_are_refused():
    own = sequential(Twist(), nn.Dense(CLASSES))
    own.initialize("xavier")
    for net, path in ((own, "0.mean"), (imported(), "running_mean")):
        with pytest.raises(StateError, match=rf"{path} is\s+in no batch normalization layer of"):
            fit(net, batches(), epochs=2, callbacks=[StochasticWeightAverage()])
    fit(own, batches(), epochs=2, callbacks=[ExponentialMovingAverage()])


def test_a_block_without_a_graph():
    net = nn.Sequential()
    net.add(Untraceable(), nn.Dense(CLASSES))
    net.initialize("xavier")
    x = numpy.random.rand(16, 4).astype("float32")
    history = fit(net, (x, (x[:, 0] > 0.5).astype("int32")), epochs=2, batch_size=4,
                  callbacks=[ExponentialMovingAverage(), StochasticWeightAverage()])  # fmt: skip
    assert history.engine == "imperative"


REFUSED = [
    (ArgumentError, "`decay` is 1.0; give a number from 0", lambda: ExponentialMovingAverage(1.0)),
    (ArgumentError, "`decay` is -0.1; give a number", lambda: ExponentialMovingAverage(-0.1)),
    (ArgumentTypeError, "`start` is 0.5, a float", lambda: StochasticWeightAverage(0.5)),
]


@pytest.mark.parametrize(("kind", "text", "make"), REFUSED)
def test_what_is_refused(kind, text, make):
    with pytest.raises(kind, match=text):
        make()


def test_an_epoch_that_never_comes_is_refused():
    with pytest.raises(ArgumentError, match="`start` is 5, but there are 4 epochs"):
        fit(mlp(), batches(), epochs=4, callbacks=[StochasticWeightAverage(5)])


def test_an_iterator_is_used_up():
    with pytest.raises(StateError, match="a further pass over `train`, which is an iterator"):
        fit(mlp(), iter(batches()), epochs=1, callbacks=[StochasticWeightAverage()])


def test_one_of_several_workers_is_refused():
    class Shared:
        is_shared = True

    with pytest.raises(StateError, match="averages the weights of one process, and this is a job"):
        ExponentialMovingAverage().on_fit_begin(Shared())


class Changed(Callback):
    """Gives an average the arrays of another network."""

    def __init__(self, average):
        self.average = average

    def on_epoch_begin(self, run):
        self.average.load_state({"count": 3, "average0": numpy.zeros(3, "float32")})


def test_another_network_is_refused():
    average = ExponentialMovingAverage()
    with pytest.raises(StateError, match="the network has other parameters than when averaging"):
        fit(mlp(), batches(), epochs=1, callbacks=[average, Changed(average)])


def conv():
    """Return a network whose weights oneDNN rearranges, those of the deconvolution in training."""
    mx.random.seed(2)
    net = sequential(
        nn.Conv2D(16, 3, in_channels=8),
        nn.Conv2DTranspose(16, 3, in_channels=16),
        nn.Conv2D(8, 3, in_channels=16),
        nn.Dense(CLASSES),
    )
    net.initialize("xavier")
    return net


@pytest.mark.parametrize("compiled", [True, False])
def test_weights_that_onednn_rearranges(compiled):
    draws = numpy.random.default_rng(0)
    x, y = draws.normal(size=(24, 8, 9, 9)).astype("float32"), draws.integers(0, CLASSES, 24)
    options = {"val": (x, y), "epochs": 3, "batch_size": 8, "seed": 0, "compiled": compiled}
    plain, steps = conv(), Steps()
    fit(plain, (x, y), callbacks=[steps], **options)
    net = conv()
    fit(net, (x, y), callbacks=[ExponentialMovingAverage(0.8, warmup=False)], **options)
    wanted = averages_by_hand(steps.after, 0.8, warmup=False)
    for one, other in zip(values(net), wanted, strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert numpy.isfinite(evaluate(net, (x, y))["loss"])
