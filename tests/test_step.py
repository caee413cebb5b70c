"""A step as one graph: the numbers of Gluon's own loop, whatever network, loss and optimizer."""

import warnings

import numpy
import pytest

from gluonkit import autograd, compile, create_model, fit, gluon, materialize, mx, nn, predict
from gluonkit._base.specs import ArraySpec
from gluonkit.data import BatchLoader
from gluonkit.errors import ArgumentError, StateError
from gluonkit.graphs.capture import NotCompilableError, build_graph
from gluonkit.graphs.losses import LOSSES, resolve_loss
from gluonkit.graphs.pad import pad_channels
from gluonkit.tracing.symbols import infer
from gluonkit.train.step.batch import Gathering, ReadyBatch
from gluonkit.train.step.compiled import CompiledStep
from gluonkit.train.step.forward import Forward
from gluonkit.train.step.imperative import ImperativeStep
from gluonkit.train.step.result import NotFiniteStepError, StepOptions, cross_entropy
from gluonkit.train.step.update import _ELEMENTWISE, FoldedUpdate
from tests.networks import sequential, values

BATCH = 8


def mlp(width=5):
    """A smooth network, in which rounding stays rounding."""
    return sequential(nn.Dense(7, activation="tanh"), nn.Dense(width))


def batches(steps=4, features=6, classes=5, seed=0, batch=BATCH):
    draws = numpy.random.default_rng(seed)
    return [
        (
            draws.random((batch, features), "float32"),
            draws.integers(0, classes, batch).astype("int32"),
        )
        for _ in range(steps)
    ]


def ready(net, shape, seed=1):
    mx.random.seed(seed)
    net.initialize("xavier")
    materialize(net, shape)
    return net


def by_gluon(net, loss, optimizer, data, array_mode, *, normalize=len):
    """Train as Gluon's documentation does, the gradient that of the mean loss."""
    make = mx.np.array if array_mode == "np" else mx.nd.array
    trainer = gluon.Trainer(net.collect_params(), *optimizer, kvstore=None)
    for x, y in data:
        with autograd.record():
            value = loss(net(make(x, dtype=x.dtype)), make(y, dtype=y.dtype))
        value.backward()
        trainer.step(normalize(x), ignore_stale_grad=True)


def by_steps(kind, net, loss, optimizer, data, **options):
    """Train with the steps that are tested; return their losses."""
    optimizer = mx.optimizer.create(optimizer[0], **optimizer[1])
    options = StepOptions(**options)
    if kind == "compiled":
        first = ReadyBatch(data[0], 1)
        step = CompiledStep(net, loss, optimizer, first, ctx=mx.cpu(), options=options)
    else:
        step = ImperativeStep(net, loss, optimizer, [mx.cpu()], options)
    losses = []
    for batch in data:
        step.run(ReadyBatch(batch, len(batch) - 1))
        losses.append(float(step.finish().losses().mean()))
    step.apply()
    step.push()
    mx.nd.waitall()
    return losses


def close(actual, expected, tolerance=2e-5):
    for one, other in zip(actual, expected, strict=True):
        assert one.shape == other.shape
        assert abs(one - other).max() <= tolerance * max(abs(other).max(), 1e-2)


OPTIMIZERS = [
    ("sgd", {"learning_rate": 0.3}),
    ("sgd", {"learning_rate": 0.3, "wd": 0.01}),
    ("sgd", {"learning_rate": 0.3, "momentum": 0.9, "wd": 0.01}),
    ("sgd", {"learning_rate": 0.3, "clip_gradient": 0.01}),
    ("sgd", {"learning_rate": 0.3, "rescale_grad": 0.5}),
    ("nag", {"learning_rate": 0.1, "momentum": 0.9}),
    ("adam", {"learning_rate": 0.01}),
    ("adagrad", {"learning_rate": 0.1}),
    ("rmsprop", {"learning_rate": 0.01}),
    ("rmsprop", {"learning_rate": 0.01, "centered": True}),
    ("adadelta", {}),
    ("ftrl", {"learning_rate": 0.1}),
    ("adamax", {"learning_rate": 0.01}),
    ("nadam", {"learning_rate": 0.01}),
    ("signum", {"learning_rate": 0.01}),
    ("ftml", {"learning_rate": 0.01}),
    ("dcasgd", {"learning_rate": 0.1}),
    ("lamb", {"learning_rate": 0.01}),
    ("lars", {"learning_rate": 0.1, "momentum": 0.9}),
]


@pytest.mark.parametrize("kind", ["compiled", "imperative"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: "-".join([o[0], *o[1]]))
def test_every_optimizer_gives_the_numbers_of_gluons_loop(array_mode, kind, optimizer):
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    mine, theirs = (ready(mlp(), (BATCH, 6)) for _ in range(2))
    losses = by_steps(kind, mine, loss, optimizer, batches())
    by_gluon(theirs, loss, optimizer, batches(), array_mode)
    # Adam and its kin divide by the gradient's own size, and so enlarge the rounding of small ones.
    close(values(mine), values(theirs), 2e-5 if optimizer[0] in ("sgd", "nag") else 2e-3)
    assert len(losses) == 4
    assert any(
        (a != b).any() for a, b in zip(values(mine), values(ready(mlp(), (BATCH, 6))), strict=True)
    )


def test_every_joined_optimizer_is_among_those():
    tried = {name for name, _ in OPTIMIZERS}
    assert {kind.__name__.lower() for kind in _ELEMENTWISE} <= tried


def test_steps_against_numpy_alone():
    """Logistic regression by hand: forward, gradient, update, three times."""
    net = sequential(nn.Dense(5))
    ready(net, (BATCH, 6))
    weight, bias = (array.astype("float64") for array in values(net))
    data = batches(3)
    losses = by_steps(
        "compiled", net, resolve_loss("cross_entropy"), ("sgd", {"learning_rate": 0.5}), data
    )
    expected = []
    for x, y in data:
        logits = x @ weight.T + bias
        p = numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True)
        expected.append(-numpy.log(p[range(BATCH), y]).mean())
        p[range(BATCH), y] -= 1
        weight, bias = weight - 0.5 * p.T @ x / BATCH, bias - 0.5 * p.mean(0)
    assert losses == pytest.approx(expected, rel=1e-5)
    close(values(net), [weight, bias])


def regression(steps=4):
    draws = numpy.random.default_rng(2)
    return [
        (draws.random((BATCH, 6), "float32"), draws.random((BATCH, 5), "float32"))
        for _ in range(steps)
    ]


@pytest.mark.parametrize("kind", ["compiled", "imperative"])
@pytest.mark.parametrize(
    "name", ["l1", "l2", "huber", "sigmoid_bce", "hinge", "kl_div", "poisson_nll"]
)
def test_losses_give_the_numbers_of_gluons_loop(array_mode, kind, name):
    if array_mode == "np" and name not in ("l1", "l2", "sigmoid_bce"):
        pytest.skip("MXNet 1.9.1's own loss fails in NumPy mode: it uses legacy operators")
    loss = LOSSES[name]()
    mine, theirs = (ready(mlp(), (BATCH, 6)) for _ in range(2))
    by_steps(kind, mine, loss, ("sgd", {"learning_rate": 0.1}), regression())
    # PoissonNLLLoss returns the mean already, which must not be divided once more.
    size = (lambda x: 1) if name == "poisson_nll" else len
    by_gluon(
        theirs, loss, ("sgd", {"learning_rate": 0.1}), regression(), array_mode, normalize=size
    )
    close(values(mine), values(theirs))


@pytest.mark.parametrize("kind", ["compiled", "imperative"])
def test_a_loss_that_is_averaged_already_is_not_divided_again(array_mode, kind):
    """Every way to write the same loss trains alike."""
    if array_mode == "np":
        losses = [lambda o, y: ((o - y) ** 2).mean(axis=1), lambda o, y: ((o - y) ** 2).mean()]
    else:
        losses = [lambda o, y: ((o - y) ** 2).mean(axis=1), lambda o, y: ((o - y) ** 2).mean()]
    results = []
    for loss in (*losses, lambda o, y: (o - y) ** 2):
        net = ready(mlp(), (BATCH, 6))
        results.append(
            (by_steps(kind, net, loss, ("sgd", {"learning_rate": 0.1}), regression()), values(net))
        )
    for reported, weights in results[1:]:
        assert reported == pytest.approx(results[0][0], rel=1e-5)
        close(weights, results[0][1])


def test_batches_of_several_sizes_share_the_weights(array_mode):
    data = [*batches(2), *batches(1, batch=3), *batches(2), *batches(1, batch=3)]
    loss = resolve_loss("softmax_cross_entropy")
    mine, theirs = (ready(mlp(), (BATCH, 6)) for _ in range(2))
    by_steps("compiled", mine, loss, ("adam", {"learning_rate": 0.01}), data)
    by_gluon(theirs, loss, ("adam", {"learning_rate": 0.01}), data, array_mode)
    close(values(mine), values(theirs), 2e-3)


def normed():
    return sequential(
        nn.Conv2D(6, 3),
        nn.BatchNorm(),
        nn.Activation("tanh"),
        nn.AvgPool2D(2),
        nn.Conv2D(4, 3, use_bias=False),
        nn.Activation("sigmoid"),
        nn.Dense(5),
    )


def pictures(steps=3):
    draws = numpy.random.default_rng(3)
    shape = (BATCH, 1, 12, 12)
    return [
        (draws.random(shape, "float32"), draws.integers(0, 5, BATCH).astype("int32"))
        for _ in range(steps)
    ]


@pytest.mark.parametrize("kind", ["compiled", "imperative"])
def test_convolutions_and_running_statistics(array_mode, kind):
    loss = resolve_loss("softmax_cross_entropy")
    mine, theirs = (ready(normed(), (BATCH, 1, 12, 12)) for _ in range(2))
    by_steps(kind, mine, loss, ("sgd", {"learning_rate": 0.1}), pictures())
    by_gluon(theirs, loss, ("sgd", {"learning_rate": 0.1}), pictures(), array_mode)
    close(values(mine), values(theirs), 1e-4)
    statistics = [p for n, p in mine.collect_params().items() if "running" in n]
    assert len(statistics) == 2
    assert abs(statistics[0].data().asnumpy()).max() > 1e-3


def test_dropout_draws_the_masks_of_gluons_loop(array_mode):
    def net():
        made = sequential(nn.Dense(20, activation="tanh"), nn.Dropout(0.5), nn.Dense(5))
        return ready(made, (BATCH, 6))

    loss = resolve_loss("softmax_cross_entropy")
    mine, theirs = net(), net()
    mx.random.seed(9)
    by_steps("compiled", mine, loss, ("sgd", {"learning_rate": 0.1}), batches())
    mx.random.seed(9)
    by_gluon(theirs, loss, ("sgd", {"learning_rate": 0.1}), batches(), array_mode)
    close(values(mine), values(theirs))


@pytest.mark.parametrize("name", ["tied_mlp", "nest_mlp", "rgnet", "mix_mlp"])
def test_the_tutorials_networks(array_mode, name):
    net, other = (ready(create_model(name), (BATCH, 20)) for _ in range(2))
    classes = net(mx.np.zeros((1, 20)) if array_mode == "np" else mx.nd.zeros((1, 20))).shape[1]
    data = batches(3, features=20, classes=classes)
    loss = resolve_loss("softmax_cross_entropy")
    by_steps("compiled", net, loss, ("sgd", {"learning_rate": 0.1}), data)
    by_gluon(other, loss, ("sgd", {"learning_rate": 0.1}), data, array_mode)
    close(values(net), values(other))


class TwoInputs(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Dense(5), nn.Dense(5)

    def hybrid_forward(self, F, a, b):
        return self.left(a), (self.right(b), self.left(b))


def test_several_inputs_and_nested_outputs(array_mode):
    def loss(output, label):
        left, (right, again) = output
        return ((left - label) ** 2 + (right * again - label) ** 2).mean(axis=1)

    draws = numpy.random.default_rng(4)
    data = [tuple(draws.random((BATCH, n), "float32") for n in (6, 6, 5)) for _ in range(3)]
    actual = []
    for kind in ("compiled", "imperative"):
        net = TwoInputs()
        mx.random.seed(1)
        net.initialize("xavier")
        materialize(net, (BATCH, 6), (BATCH, 6))
        optimizer = mx.optimizer.create("sgd", learning_rate=0.1)
        first = ReadyBatch(data[0], 2)
        step = (
            CompiledStep(net, loss, optimizer, first, ctx=mx.cpu(), options=StepOptions())
            if kind == "compiled"
            else ImperativeStep(net, loss, optimizer, [mx.cpu()], StepOptions())
        )
        for batch in data:
            step.run(ReadyBatch(batch, 2))
            assert len(step.finish().outputs) == 3
        step.push()
        actual.append(values(net))
    close(*actual)


def test_frozen_constant_and_multiplied_parameters(array_mode):
    def net():
        made = ready(mlp(), (BATCH, 6))
        made[0].weight.grad_req = "null"
        made[0].bias.lr_mult = 3.0
        made[1].weight.wd_mult = 0.0
        return made

    loss = resolve_loss("softmax_cross_entropy")
    optimizer = ("sgd", {"learning_rate": 0.1, "wd": 0.1})
    mine, theirs = net(), net()
    before = values(mine)[0]
    by_steps("compiled", mine, loss, optimizer, batches())
    by_gluon(theirs, loss, optimizer, batches(), array_mode)
    close(values(mine), values(theirs))
    assert (values(mine)[0] == before).all()


@pytest.mark.parametrize("kind", ["compiled", "imperative"])
def test_gathered_gradients_are_those_of_one_large_batch(kind):
    parts = batches(4)
    whole = [
        tuple(numpy.concatenate(arrays) for arrays in zip(*parts[i : i + 2], strict=True))
        for i in (0, 2)
    ]
    loss = resolve_loss("softmax_cross_entropy")
    mine, theirs = (ready(mlp(), (BATCH, 6)) for _ in range(2))
    by_steps(kind, mine, loss, ("sgd", {"learning_rate": 0.1}), parts, accumulate=2)
    by_gluon(theirs, loss, ("sgd", {"learning_rate": 0.1}), whole, "nd")
    close(values(mine), values(theirs))
    assert {p.grad_req for p in mine.collect_params().values()} <= {"write", "add"}


@pytest.mark.parametrize("kind", ["compiled", "imperative"])
def test_uneven_batches_count_by_their_samples_when_gathered(kind):
    parts = [*batches(1), *batches(1, batch=3, seed=5)]
    whole = [tuple(numpy.concatenate(arrays) for arrays in zip(*parts, strict=True))]
    loss = resolve_loss("softmax_cross_entropy")
    mine, theirs = (ready(mlp(), (BATCH, 6)) for _ in range(2))
    by_steps(kind, mine, loss, ("sgd", {"learning_rate": 0.1}), parts, accumulate=2)
    by_gluon(theirs, loss, ("sgd", {"learning_rate": 0.1}), whole, "nd")
    close(values(mine), values(theirs))


@pytest.mark.parametrize("kind", ["compiled", "imperative"])
def test_gradients_are_clipped_by_their_common_norm(kind):
    limit = 0.05
    loss = resolve_loss("softmax_cross_entropy")
    mine, theirs = (ready(mlp(), (BATCH, 6)) for _ in range(2))
    data = batches()
    by_steps(kind, mine, loss, ("sgd", {"learning_rate": 0.5}), data, grad_clip=limit)
    trainer = gluon.Trainer(theirs.collect_params(), "sgd", {"learning_rate": 0.5}, kvstore=None)
    for x, y in data:
        with autograd.record():
            value = loss(theirs(mx.nd.array(x)), mx.nd.array(y)).mean()
        value.backward()
        norm = gluon.utils.clip_global_norm(
            [p.grad() for p in theirs.collect_params().values()], limit
        )
        assert norm > limit
        trainer.step(1)
    close(values(mine), values(theirs))


def test_unused_parameters_are_left_alone_and_named():
    class Partly(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Dense(5, in_units=6), nn.Dense(5, in_units=6)

        def hybrid_forward(self, F, x):
            return self.used(x)

    loss = resolve_loss("softmax_cross_entropy")
    for kind in ("compiled", "imperative"):
        net = Partly()
        net.initialize()
        before = net.unused.weight.data().asnumpy()
        optimizer = mx.optimizer.create("sgd", learning_rate=1.0, wd=0.1)
        batch = ReadyBatch(batches()[0], 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            step = (
                CompiledStep(net, loss, optimizer, batch, ctx=mx.cpu(), options=StepOptions())
                if kind == "compiled"
                else ImperativeStep(net, loss, optimizer, [mx.cpu()], StepOptions())
            )
            step.run(batch)
            step.finish()
        step.push()
        assert {p.name for p in step.unused} == {net.unused.weight.name, net.unused.bias.name}
        assert (net.unused.weight.data().asnumpy() == before).all()


@pytest.mark.parametrize("kind", ["compiled", "imperative"])
def test_a_step_that_is_not_finite_changes_nothing(array_mode, kind):
    net = ready(normed(), (BATCH, 1, 12, 12))
    data = pictures(2)
    data[1][0][3, 0, 2, 2] = numpy.nan
    optimizer = mx.optimizer.create("sgd", learning_rate=0.1)
    loss = resolve_loss("softmax_cross_entropy")
    first = ReadyBatch(data[0], 1)
    step = (
        CompiledStep(net, loss, optimizer, first, ctx=mx.cpu(), options=StepOptions())
        if kind == "compiled"
        else ImperativeStep(net, loss, optimizer, [mx.cpu()], StepOptions())
    )
    step.run(first)
    step.finish()
    step.push()
    before = values(net)
    step.run(ReadyBatch(data[1], 1))
    with pytest.raises(NotFiniteStepError, match="the loss is not finite"):
        step.finish()
    step.push()
    assert all((a == b).all() for a, b in zip(values(net), before, strict=True))


def test_spoiled_weights_are_put_back_to_finite_ones():
    net = ready(mlp(), (BATCH, 6))
    loss = resolve_loss("softmax_cross_entropy")
    optimizer = mx.optimizer.create("sgd", learning_rate=1e38)
    batch = ReadyBatch(batches()[0], 1)
    step = CompiledStep(net, loss, optimizer, batch, ctx=mx.cpu(), options=StepOptions())

    def steps():
        for _ in range(5):
            step.run(batch)
            step.finish()

    with pytest.raises(NotFiniteStepError) as error:
        steps()
    step.push()
    assert all(numpy.isfinite(value).all() for value in values(net))
    assert error.value.batch is batch


def test_a_large_finite_sum_is_no_failure():
    losses = numpy.full(4, 3e38, "float32")
    from gluonkit.train.step.result import StepResult

    with numpy.errstate(over="ignore"):
        assert StepResult(4, losses, [], []).is_finite()
    assert not StepResult(4, numpy.array([1, numpy.inf], "float32"), [], []).is_finite()


def test_cross_entropy_is_the_losss_own(uniform):
    logits = uniform(6, 4) * 200 - 100
    label = numpy.array([0, 3, 2, 1, 0, 1])
    make = mx.np.array if "numpy" in type(logits).__module__ else mx.nd.array
    expected = gluon.loss.SoftmaxCrossEntropyLoss()(logits, make(label, dtype="int32")).asnumpy()
    assert cross_entropy(logits.asnumpy(), label) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_plain_sgd_is_folded_into_the_backward_pass():
    batch = ReadyBatch(batches()[0], 1)
    loss = resolve_loss("softmax_cross_entropy")

    def update(options=StepOptions(), **parameters):  # noqa: B008
        optimizer = mx.optimizer.create("sgd", learning_rate=0.1, **parameters)
        net = ready(mlp(), (BATCH, 6))
        step = CompiledStep(net, loss, optimizer, batch, ctx=mx.cpu(), options=options)
        return isinstance(step.update, FoldedUpdate)

    assert update()
    assert not update(momentum=0.9)
    assert not update(wd=0.1)
    assert not update(lr_scheduler=mx.lr_scheduler.FactorScheduler(10))
    assert not update(StepOptions(observed=True))
    assert not update(StepOptions(accumulate=2))


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "l2"])
def test_a_changed_learning_rate_is_used_at_once(loss):
    data = batches(2) if loss == "softmax_cross_entropy" else regression(2)
    weights = []
    for kind in ("compiled", "imperative"):
        net = ready(mlp(), (BATCH, 6))
        optimizer = mx.optimizer.create("sgd", learning_rate=0.5)
        batch = ReadyBatch(data[0], 1)
        step = (
            CompiledStep(
                net, resolve_loss(loss), optimizer, batch, ctx=mx.cpu(), options=StepOptions()
            )
            if kind == "compiled"
            else ImperativeStep(net, resolve_loss(loss), optimizer, [mx.cpu()], StepOptions())
        )
        for rate, arrays in zip((0.5, 0.01), data, strict=True):
            optimizer.lr = rate
            step.run(ReadyBatch(arrays, 1))
            step.finish()
        step.push()
        weights.append(values(net))
    close(*weights)


def test_schedules_advance_once_a_step(array_mode):
    def optimizer():
        return (
            "sgd",
            {
                "learning_rate": 1.0,
                "lr_scheduler": mx.lr_scheduler.FactorScheduler(1, 0.5, base_lr=1.0),
            },
        )

    loss = resolve_loss("softmax_cross_entropy")
    mine, theirs = (ready(mlp(), (BATCH, 6)) for _ in range(2))
    by_steps("compiled", mine, loss, optimizer(), batches())
    by_gluon(theirs, loss, optimizer(), batches(), array_mode)
    close(values(mine), values(theirs))


# What cannot be one graph


class Loops(nn.HybridBlock):
    def hybrid_forward(self, F, x):
        return x * float(x.sum().asscalar())


class Imperative(nn.Block):
    def forward(self, x):
        return x


class Fickle(nn.HybridBlock):
    calls = 0

    def hybrid_forward(self, F, x):
        self.calls += 1
        return x * self.calls


def twins():
    net = sequential(
        nn.Dense(3, prefix="twin_", in_units=3), nn.Dense(3, prefix="twin_", in_units=3)
    )
    for block in net:
        block.initialize()
    return net


def hooked():
    net = mlp()
    net[0].register_forward_hook(lambda *args: None)
    return net


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Loops, "it cannot be traced"),
        (Imperative, r"it \(Imperative\) is a Block, not a HybridBlock"),
        (hooked, r"`0` \(Dense\) has forward hooks"),
        (twins, r"2 of its parameters are named twin_(weight|bias); give its parts .*prefix="),
    ],
)
def test_what_cannot_be_compiled_says_why(make, message):
    with pytest.raises(NotCompilableError, match=message):
        build_graph(make(), [ArraySpec((2, 3))])


def test_two_parameters_of_one_name_are_refused_everywhere():
    x = numpy.ones((2, 3), "float32")
    for call in (lambda: fit(twins(), (x, x), loss="l2", epochs=1), lambda: predict(twins(), x)):
        with pytest.raises(StateError, match="`net` has different parameters of the same name"):
            call()
    with pytest.raises(ArgumentError, match="`net` cannot be compiled: 2 of its parameters are"):
        compile(twins(), x)


def test_a_network_that_changes_from_call_to_call_is_noticed():
    Fickle.calls = 0

    class Counting(nn.HybridBlock):
        def hybrid_forward(self, F, x):
            Fickle.calls += 1
            return x * Fickle.calls

    with pytest.raises(NotCompilableError, match="its code makes another graph at each call"):
        build_graph(Counting(), [ArraySpec((2, 3))])


class CountsItsCalls(nn.HybridBlock):
    """Multiplies by the number of its calls, which it keeps as an attribute."""

    def __init__(self):
        super().__init__()
        self.dense, self.calls = nn.Dense(3, in_units=2), 0

    def hybrid_forward(self, F, x):
        self.calls += 1
        return self.dense(x) * self.calls


def test_a_network_that_counts_its_calls_is_trained_by_its_own_calls():
    nets = [CountsItsCalls(), CountsItsCalls()]
    draws = numpy.random.default_rng(1)
    batches = [(draws.random((4, 2), "float32"), draws.random((4, 3), "float32")) for _ in "123"]
    weight, bias = draws.random((3, 2)) - 0.5, numpy.zeros(3)
    for net in nets:
        net.initialize()
        net.dense.weight.set_data(mx.nd.array(weight))
    history = fit(
        nets[0], batches, epochs=2, loss="l2", optimizer="sgd",
        optimizer_params={"learning_rate": 0.1}, metrics=(),
    )  # fmt: skip
    assert "another graph at each call" in history.notes[0]
    for number, (x, y) in enumerate(batches * 2, 1):  # squares, differentiated by hand
        error = (x @ weight.T + bias) * number - y
        slope = error * number / error.size
        weight, bias = weight - 0.1 * slope.T @ x, bias - 0.1 * slope.sum(axis=0)
    assert abs(nets[0].dense.weight.data().asnumpy() - weight).max() < 1e-5
    assert abs(nets[0].dense.bias.data().asnumpy() - bias).max() < 1e-5
    with pytest.raises(ArgumentError, match="another graph at each call"):
        compile(nets[1], batches[0][0])


def test_a_network_that_keeps_what_it_has_made_is_compiled():
    class Keeps(nn.HybridBlock):
        made = None

        def hybrid_forward(self, F, x):
            if self.made is None:
                self.made = F.ones((1, 3)) + 1
            return F.broadcast_mul(x, self.made) + 1

    build_graph(Keeps(), [ArraySpec((2, 3))])


def test_a_network_is_traced_twice_for_its_first_graph_only():
    class Followed(nn.HybridBlock):
        traces, changed = 0, 0

        def hybrid_forward(self, F, x):
            Followed.traces += 1
            return x * (2 + Followed.changed)

    net, counts = Followed(), []
    for shape in ((2, 3), (2, 3), (4, 3)):
        build_graph(net, [ArraySpec(shape)])
        counts.append(Followed.traces)
    assert counts == [2, 3, 4]
    Followed.changed = 1
    text = build_graph(net, [ArraySpec((2, 3))]).symbol.tojson()
    assert '"scalar": "3"' in text
    assert Followed.traces == 6


def test_sparse_gradients_are_left_to_plain_steps():
    net = sequential(nn.Embedding(10, 4, sparse_grad=True), nn.Dense(5))
    ready(net, ((BATCH, 3), "int32"))
    draws = numpy.random.default_rng(0)
    data = [
        (
            draws.integers(0, 10, (BATCH, 3)).astype("float32"),
            draws.integers(0, 5, BATCH).astype("int32"),
        )
    ]
    loss = resolve_loss("softmax_cross_entropy")
    with pytest.raises(NotCompilableError, match="is sparse"):
        by_steps("compiled", net, loss, ("sgd", {"learning_rate": 0.1}), data)
    before = values(net)[0]
    by_steps("imperative", net, loss, ("sgd", {"learning_rate": 0.1}), data)
    assert (values(net)[0] != before).any()


class Dropped(gluon.Parameter):
    """Weights that are given out as a copy, as GluonNLP's with dropout are."""

    def data(self, ctx=None):
        return super().data(ctx) * 1


def test_weights_that_are_computed_at_each_use_are_left_to_plain_steps():
    net = sequential(nn.Dense(5, in_units=3))
    weight = Dropped(net[0].weight.name, shape=(5, 3))
    net[0].params._params[weight.name] = net[0]._reg_params["weight"] = weight
    vars(net[0])["weight"] = weight
    ready(net, (BATCH, 3))
    draws = numpy.random.default_rng(0)
    data = [(draws.random((BATCH, 3), "float32"), draws.integers(0, 5, BATCH).astype("int32"))]
    loss = resolve_loss("softmax_cross_entropy")
    with pytest.raises(NotCompilableError, match=r"weight is computed .* \(Dropped\)"):
        by_steps("compiled", net, loss, ("sgd", {"learning_rate": 0.1}), data)
    before = weight.list_data()[0].asnumpy()
    by_steps("imperative", net, loss, ("sgd", {"learning_rate": 0.1}), data)
    assert (weight.list_data()[0].asnumpy() != before).any()


# Padding


@pytest.mark.parametrize("channels", [6, 10, 16, 20, 3])
def test_padded_channels_change_no_number(array_mode, channels):
    net = sequential(
        nn.Conv2D(channels, 3, activation="relu"),
        nn.MaxPool2D(2),
        nn.Conv2D(channels, 3),
        nn.AvgPool2D(2),
        nn.Conv2D(4, 1, use_bias=False),
        nn.Flatten(),
    )
    ready(net, (2, 1, 14, 14))
    draws = numpy.random.default_rng(0)
    x = draws.random((2, 1, 14, 14), "float32")
    graph = build_graph(net, [ArraySpec(x.shape)], on_cpu=False)
    wide = pad_channels(graph.symbol, {graph.inputs[0]: ArraySpec(x.shape)}, 16)
    assert (wide is graph.symbol) == (channels in (3, 16))  # the latter has nothing to gain
    known = {p.name: p.data().as_nd_ndarray() for p in net.collect_params().values()}
    results = []
    for symbol in (graph.symbol, wide):
        grads = {name: mx.nd.zeros_like(value) for name, value in known.items()}
        bound = symbol.bind(mx.cpu(), {**known, graph.inputs[0]: mx.nd.array(x)}, args_grad=grads)
        (output,) = bound.forward(is_train=True)
        bound.backward(mx.nd.ones(output.shape))
        results.append([output.asnumpy(), *(grads[name].asnumpy() for name in known)])
    close(*results)


def test_groups_other_layouts_and_dimensions_are_not_padded():
    x = mx.sym.var("x")
    for symbol, shape in (
        (mx.sym.Convolution(x, num_filter=6, kernel=(3, 3), num_group=3), (1, 3, 8, 8)),
        (mx.sym.Convolution(x, num_filter=6, kernel=(3,)), (1, 3, 8)),
        (mx.sym.Convolution(x, num_filter=32, kernel=(3, 3)), (1, 3, 8, 8)),
        (mx.sym.Convolution(x, num_filter=2, kernel=(3, 3)), (1, 3, 8, 8)),
    ):
        assert pad_channels(symbol, {"x": ArraySpec(shape)}, 16) is symbol


def test_what_reads_padded_channels_gets_the_real_ones():
    x = mx.sym.var("x")
    conv = mx.sym.Convolution(x, num_filter=6, kernel=(3, 3), name="c")
    group = mx.sym.Group([mx.sym.Flatten(conv), conv + 1, mx.sym.softmax(conv, axis=1)])
    wide = pad_channels(group, {"x": ArraySpec((1, 3, 8, 8))}, 16)
    specs, _ = infer(wide, {"x": ArraySpec((1, 3, 8, 8))})
    assert [spec.shape for spec in specs] == [(1, 216), (1, 6, 6, 6), (1, 6, 6, 6)]


# Prediction


def test_forward_is_the_networks_own_again_and_again(array_mode):
    """Views of memory that the engine had not allocated yet once gave other numbers, at times."""
    net = ready(normed(), (BATCH, 1, 12, 12))
    draws = numpy.random.default_rng(0)
    images = draws.random((40, 1, 12, 12), "float32")
    make = mx.np.array if array_mode == "np" else mx.nd.array
    expected = net(make(images)).asnumpy()
    for _ in range(5):
        loader = BatchLoader((images,), 12)
        gathering = Gathering(loader, 1)
        forward = Forward(net, mx.cpu())
        actual = [forward(gathering.batch(indices))[0].copy() for indices in loader.plan(0)]
        close([numpy.concatenate(actual)], [expected])
