"""The loss that `fit` and `evaluate` take by themselves, by what a network's outputs are."""

import warnings

import mxnet as mx
import numpy
import pytest
from mxnet import autograd, gluon, nd
from mxnet.gluon import nn

from gluonkit import evaluate, export, fit, load, predict
from gluonkit.errors import ArgumentError, LossWarning
from tests.legacy import draws
from tests.networks import Function, sequential

COUNT, FEATURES, CLASSES, STEPS = 12, 6, 3, 4
X = draws(COUNT, FEATURES)
CHOSEN = (numpy.arange(COUNT) % CLASSES).astype("float32")
YES = (numpy.arange(COUNT) % 2).astype("float32")
MANY = (draws(COUNT, CLASSES) > 0).astype("float32")
MAPS = draws(COUNT, 2, 4, 5)
PLACES = (numpy.arange(COUNT * 20) % CLASSES).reshape(COUNT, 4, 5).astype("float32")
LOSS = gluon.loss.SoftmaxCrossEntropyLoss
BINARY = gluon.loss.SigmoidBinaryCrossEntropyLoss


def body(units=CLASSES, scale=1.0):
    """Return a network that gives scores; a large scale makes probabilities of zero."""
    net = sequential(nn.Dense(5, activation="tanh", in_units=FEATURES), nn.Dense(units, in_units=5))
    net.initialize(mx.init.Xavier(rnd_type="gaussian", magnitude=3 * scale**2))
    return net


def maps():
    net = sequential(nn.Conv2D(CLASSES, 3, padding=1, in_channels=2))
    net.initialize(mx.init.Xavier())
    return net


def behind(net, function):
    """Return a network with a function behind it, that shares its parameters."""
    is_numpy = mx.util.is_np_array()
    return sequential(net, Function(lambda F, x: function(F.npx if is_numpy else F, x)))


def numbers(net):
    return {name: parameter.data().asnumpy() for name, parameter in net.collect_params().items()}


def array(numbers):
    return mx.np.array(numbers) if mx.util.is_np_array() else nd.array(numbers)


def restored(net, before):
    for name, parameter in net.collect_params().items():
        parameter.set_data(array(before[name]))


def by_hand(net, x, label, loss):
    """Return the weights after some steps of plain Gluon on the network that gives scores."""
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.3})
    losses = []
    for _ in range(STEPS):
        with autograd.record():
            value = loss(net(array(x)), array(label))
        value.backward()
        trainer.step(len(x))
        losses.append(float(value.asnumpy().mean()))
    return numbers(net), losses


def trained(net, data, **options):
    steps = {
        "epochs": STEPS,
        "batch_size": COUNT,
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.3},
    }
    return fit(net, data, **steps, **options)


def held(net, scoring, data, loss, names=None):
    """Hold training by 'auto' against a loop by hand over the scores; return the last history."""
    before, (x, label) = numbers(scoring), data
    expected, losses = by_hand(scoring, x, label, loss)
    assert max(abs(expected[name] - before[name]).max() for name in before) > 1e-3
    for compiled in (True, False):
        restored(scoring, before)
        if net is not scoring and names is not None:
            for name, own in names.items():
                net.params[own].set_data(array(before[name]))
        history = trained(net, data, compiled=compiled)
        after = (
            numbers(scoring)
            if names is None
            else {name: net.params[own].data().asnumpy() for name, own in names.items()}
        )
        for name in expected:
            numpy.testing.assert_allclose(after[name], expected[name], rtol=1e-4, atol=2e-6)
        actual = [epoch["loss"] for epoch in history.epochs]
        numpy.testing.assert_allclose(actual, losses, rtol=1e-4)
    restored(scoring, before)
    return history


ENDS = {
    "softmax": lambda F, x: F.softmax(x),
    "along an axis": lambda F, x: F.softmax(x, axis=1),
    "its logarithm": lambda F, x: F.log_softmax(x, axis=-1),
}


@pytest.mark.parametrize("hybridize", [True, False])
@pytest.mark.parametrize("end", ENDS)
def test_softmax_at_the_end(end, hybridize, array_mode):
    scoring = body()
    net = behind(scoring, ENDS[end])
    if hybridize:
        net.hybridize()
    history = held(net, scoring, (X, CHOSEN), LOSS())
    assert "the network ends in " in history.notes[0]
    assert "`loss` is the cross entropy of its" in history.notes[0]


LEGACY_ENDS = {
    "a temperature": (lambda F, x: F.softmax(x, temperature=2.5), lambda x: x / 2.5),
    "the smallest": (lambda F, x: F.softmin(x), lambda x: -x),
    "the old operator": (lambda F, x: F.SoftmaxActivation(x), None),
    "a guard": (lambda F, x: F.clip(F.softmax(x), 1e-9, 1), None),
    "a guarded logarithm": (lambda F, x: F.log(F.softmax(x) + 1e-12), None),
    "a cast": (lambda F, x: F.cast(F.softmax(x), "float32"), None),
    "a copy": (lambda F, x: F.identity(F.softmax(x)), None),
    "axes and back": (
        lambda F, x: F.transpose(F.softmax(F.transpose(x), axis=0), axes=(1, 0)),
        None,
    ),
    "a reshaping": (lambda F, x: F.reshape(F.softmax(x.expand_dims(1)), (-1, CLASSES)), None),
}


@pytest.mark.parametrize("end", LEGACY_ENDS)
def test_other_ends_in_probabilities(end):
    function, change = LEGACY_ENDS[end]
    scoring = body()
    loss = LOSS() if change is None else lambda output, label: LOSS()(change(output), label)
    held(behind(scoring, function), scoring, (X, CHOSEN), loss)


MAP_ENDS = {
    "channels": lambda F, x: F.softmax(x, axis=1),
    "from the back": lambda F, x: F.log_softmax(x, axis=-3),
    "the old operator": lambda F, x: F.SoftmaxActivation(x, mode="channel"),
    "by last axis": lambda F, x: F.SwapAxis(
        F.softmax(F.SwapAxis(x, dim1=1, dim2=3)), dim1=1, dim2=3
    ),
    "flat and back": lambda F, x: F.reshape_like(F.softmax(F.reshape(x, (0, 0, -1)), axis=1), x),
}


@pytest.mark.parametrize("end", MAP_ENDS)
def test_classes_along_another_axis(end):
    scoring = maps()
    net = behind(scoring, MAP_ENDS[end])
    history = held(net, scoring, (MAPS, PLACES), LOSS(axis=1))
    shares = numpy.exp(scoring(nd.array(MAPS)).asnumpy().astype("float64"))
    shares /= shares.sum(1, keepdims=True)
    losses = -numpy.log(numpy.take_along_axis(shares, PLACES[:, None].astype(int), axis=1))
    figures = evaluate(net, (MAPS, PLACES))
    assert figures["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert figures["accuracy"] == pytest.approx((shares.argmax(1) == PLACES).mean())
    assert "accuracy" in history.last


@pytest.mark.parametrize(
    ("units", "labels"), [(1, YES), (1, YES[:, None]), (CLASSES, MANY)], ids=["flat", "one", "many"]
)
@pytest.mark.parametrize("end", ["operator", "activation"])
def test_sigmoid_at_the_end(units, labels, end, array_mode):
    functions = {
        "operator": lambda F, x: F.sigmoid(x),
        "activation": lambda F, x: (F.activation if hasattr(F, "activation") else F.Activation)(
            x, act_type="sigmoid"
        ),
    }
    scoring = body(units)
    net = behind(scoring, functions[end])
    history = held(net, scoring, (X, labels), BINARY())
    assert "ends in a sigmoid: `loss` is the binary cross entropy" in history.notes[0]
    shares = 1 / (1 + numpy.exp(-scoring(array(X)).asnumpy().astype("float64")))
    wanted = labels.reshape(shares.shape)
    losses = -(wanted * numpy.log(shares) + (1 - wanted) * numpy.log(1 - shares))
    figures = evaluate(net, (X, labels))
    assert figures["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert figures["accuracy"] == pytest.approx(((shares > 0.5) == wanted).mean())


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
def test_probabilities_that_float32_has_not(end):
    """They are zero or one, and their logarithm has no gradient; the scores have one."""
    scoring = body(CLASSES if end == "softmax" else 1, scale=60)
    labels, loss = (CHOSEN, LOSS()) if end == "softmax" else (YES, BINARY())
    net = behind(scoring, lambda F, x: getattr(F, end)(x))
    outputs = net(nd.array(X)).asnumpy()
    assert (outputs == 0).any()
    held(net, scoring, (X, labels), loss)
    scores = scoring(nd.array(X)).asnumpy().astype("float64")
    if end == "softmax":
        top = scores.max(1)
        logs = numpy.log(numpy.exp(scores - top[:, None]).sum(1)) + top
        losses = logs - scores[numpy.arange(COUNT), CHOSEN.astype(int)]
    else:
        losses = numpy.logaddexp(0, scores[:, 0]) - scores[:, 0] * YES
    assert losses.max() > 100
    assert evaluate(net, (X, labels))["loss"] == pytest.approx(losses.mean(), rel=1e-5)


@pytest.mark.parametrize("end", ["softmax", "sigmoid", "log_softmax"])
def test_exported_networks(end, tmp_path):
    """Also behind a block of one's own."""
    scoring = body(1 if end == "sigmoid" else CLASSES)
    labels, loss = (YES, BINARY()) if end == "sigmoid" else (CHOSEN, LOSS())
    net = behind(scoring, lambda F, x: getattr(F, end)(x))
    export(net, tmp_path / "net", (COUNT, FEATURES))
    loaded = load(tmp_path / "net-symbol.json")
    own = list(loaded.params)
    held(loaded, scoring, (X, labels), loss, dict(zip(scoring.collect_params(), own, strict=True)))
    loaded = load(tmp_path / "net-symbol.json")
    outer = sequential(loaded)
    scores = evaluate(scoring, (X, labels), loss=loss)["loss"]
    assert evaluate(outer, (X, labels))["loss"] == pytest.approx(scores, rel=1e-5)
    expected, _ = by_hand(scoring, X, labels, loss)
    trained(outer, (X, labels), compiled=False)
    for mine, other in zip(expected.values(), loaded.params.values(), strict=True):
        numpy.testing.assert_allclose(other.data().asnumpy(), mine, rtol=1e-4, atol=2e-6)


class OnlyPredicting(gluon.HybridBlock):
    """Gives scores in training, and probabilities when it predicts, as many networks do."""

    def __init__(self, scoring, end):
        super().__init__()
        self.scoring, self.end = scoring, end

    def hybrid_forward(self, F, x):
        scores = self.scoring(x)
        return scores if autograd.is_training() else getattr(F, self.end)(scores)


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
def test_probabilities_only_when_predicting(end):
    scoring = body(CLASSES if end == "softmax" else 1)
    labels, loss = (CHOSEN, LOSS()) if end == "softmax" else (YES, BINARY())
    net = OnlyPredicting(scoring, end)
    before = evaluate(scoring, (X, labels), loss=loss)
    assert evaluate(net, (X, labels)) == pytest.approx(before, rel=1e-5)
    held(net, scoring, (X, labels), loss)
    history = trained(net, (X, labels), val=(X, labels), metrics=["accuracy", highest])
    assert history.epochs[0]["accuracy"] == pytest.approx(before["accuracy"])
    assert history.last["val_loss"] == pytest.approx(
        evaluate(scoring, (X, labels), loss=loss)["loss"], rel=1e-5
    )
    assert 0 < history.epochs[0]["highest"] <= 1


def highest(label, output):
    return output.max()


class Attention(gluon.HybridBlock):
    """A softmax in the middle."""

    def __init__(self):
        super().__init__()
        self.weights, self.out = nn.Dense(FEATURES, in_units=FEATURES), nn.Dense(3, in_units=6)

    def hybrid_forward(self, F, x):
        return self.out(F.softmax(self.weights(x)) * x)


def test_networks_that_give_scores_keep_their_loss():
    net = Attention()
    net.initialize()
    history = held(net, net, (X, CHOSEN), LOSS())
    assert history.notes == []


class Loop(gluon.Block):
    """A network that no graph can be made of."""

    def __init__(self, scoring, end):
        super().__init__()
        self.scoring, self.end = scoring, end

    def forward(self, x):
        scores = self.scoring(x)
        assert scores.asnumpy().shape == scores.shape
        return getattr(nd, self.end)(scores)


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
def test_networks_that_are_no_graph(end):
    scoring = body(CLASSES if end == "softmax" else 1)
    labels, loss = (CHOSEN, LOSS()) if end == "softmax" else (YES, BINARY())
    net = Loop(scoring, end)
    before = numbers(scoring)
    expected, _ = by_hand(scoring, X, labels, loss)
    restored(scoring, before)
    assert evaluate(net, (X, labels)) == pytest.approx(
        evaluate(scoring, (X, labels), loss=loss), rel=1e-5
    )
    history = trained(net, (X, labels), ctx=[mx.cpu(0)])
    assert history.engine == "imperative"
    for name, actual in numbers(scoring).items():
        numpy.testing.assert_allclose(actual, expected[name], rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("layer", ["SoftmaxOutput", "LogisticRegressionOutput"])
def test_metrics_of_module_checkpoints_get_predictions(layer, tmp_path):
    """They were given the scores, whatever `predict` returned."""
    scores = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=CLASSES, name="fc")
    symbol = getattr(mx.sym, layer)(scores, mx.sym.Variable("softmax_label"))
    weights = {"fc_weight": nd.array(draws(CLASSES, FEATURES)), "fc_bias": nd.zeros(CLASSES)}
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, weights, {})
    net = load(tmp_path / "net-symbol.json")
    labels = CHOSEN if layer == "SoftmaxOutput" else MANY
    outputs = predict(net, X)
    figures = evaluate(net, (X, labels), metrics=["accuracy", highest], batch_size=COUNT)
    assert figures["highest"] == pytest.approx(outputs.max())
    right = outputs.argmax(1) == labels if labels.ndim == 1 else (outputs > 0.5) == labels
    assert figures["accuracy"] == pytest.approx(right.mean())
    history = trained(net, (X, labels), metrics=[highest])
    assert history.epochs[0]["highest"] == pytest.approx(outputs.max())
    if labels.ndim == 1:
        net = load(tmp_path / "net-symbol.json")
        both = evaluate(net, (X, labels), metrics=["ce"])
        assert both["cross-entropy"] == pytest.approx(both["loss"], rel=1e-5)


def test_metrics_of_probabilities():
    """They are right where the network gives probabilities, and refused where it gives scores."""
    scoring = body()
    net = behind(scoring, ENDS["softmax"])
    both = evaluate(net, (X, CHOSEN), metrics=["ce", mx.metric.CrossEntropy(name="own")])
    assert both["cross-entropy"] == pytest.approx(both["loss"], rel=1e-5)
    assert both["own"] == pytest.approx(both["loss"], rel=1e-5)
    for given in ("ce", mx.metric.CrossEntropy(), mx.metric.CompositeEvalMetric(["nll_loss"])):
        with pytest.raises(ArgumentError, match="which takes probabilities, but the network gives"):
            evaluate(scoring, (X, CHOSEN), metrics=[given])


REFUSED = {
    "several outputs": (
        lambda F, x: [F.softmax(x), x],
        "auto",
        r"`loss` is 'auto', cross entropy of one output, but the network has 2",
    ),
    "one of MXNet's": (
        lambda F, x: [F.softmax(x), x],
        LOSS(),
        r"`loss` is SoftmaxCrossEntropyLoss, of one output, but the network has 2, of \(12, 3\)",
    ),
    "classes of a sigmoid": (
        lambda F, x: F.sigmoid(x),
        "auto",
        r"ends in a sigmoid is binary cross entropy, but there are outputs of \(12, 3\) and labels",
    ),
    "no axis": (
        lambda F, x: F.reshape_like(F.softmax(F.reshape(x, (2, -1))), x),
        "auto",
        r"of the outputs \(12, 3\), which end in softmax, no axis is that of the classes",
    ),
    # With as many samples in a batch as classes, a number would come out.
    "over samples": (
        lambda F, x: F.softmax(x, axis=0),
        "auto",
        "ends in softmax along axis 0, that of the samples: .* as softmax\\(axis=-1\\) does",
    ),
    "logarithms over samples": (
        lambda F, x: F.log_softmax(x, axis=0),
        "auto",
        "ends in the logarithm of a softmax along axis 0, that of the samples",
    ),
}


@pytest.mark.parametrize("which", REFUSED)
def test_losses_that_do_not_follow(which):
    end, loss, why = REFUSED[which]
    net = behind(body(), end)
    for call in (
        lambda: evaluate(net, (X, CHOSEN), loss=loss),
        lambda: trained(net, (X, CHOSEN), loss=loss),
    ):
        with pytest.raises(ArgumentError, match=why):
            call()


MISFITS = {
    "softmax twice": (ENDS["softmax"], LOSS(), r"from_logits=False\), which takes scores, but the"),
    "by its name": (ENDS["softmax"], "softmax_cross_entropy", "Leave `loss` out"),
    "no logarithm": (ENDS["softmax"], LOSS(from_logits=True), "takes logarithms of probabilities"),
    "scores as logarithms": (lambda F, x: x, LOSS(from_logits=True), "Give from_logits=False"),
    "divergence": (ENDS["softmax"], gluon.loss.KLDivLoss(), "gives probabilities"),
    "sigmoid and softmax": (lambda F, x: F.sigmoid(x), LOSS(), "ends in sigmoid"),
    "sigmoid twice": (lambda F, x: F.sigmoid(x), BINARY(), "or give from_sigmoid=True"),
    "scores as shares": (lambda F, x: x, BINARY(from_sigmoid=True), "Give from_sigmoid=False"),
    "sides": (lambda F, x: F.sigmoid(x), gluon.loss.LogisticLoss(), "Give a network without it"),
    "another axis": (lambda F, x: F.log_softmax(x, axis=0), LOSS(), "gives their logarithms"),
}
FITS = {
    "scores": (lambda F, x: x, LOSS()),
    "logarithms": (ENDS["its logarithm"], LOSS(from_logits=True)),
    "logarithms of logarithms": (ENDS["its logarithm"], LOSS()),
    "shares": (lambda F, x: F.sigmoid(x), BINARY(from_sigmoid=True)),
    "shares of all": (ENDS["softmax"], BINARY(from_sigmoid=True)),
    "squares of probabilities": (ENDS["softmax"], gluon.loss.L2Loss()),
    "divergence": (ENDS["its logarithm"], gluon.loss.KLDivLoss()),
    "tanh": (lambda F, x: F.tanh(x), gluon.loss.HingeLoss()),
    "one's own": (ENDS["softmax"], lambda output, label: -(output.log() * label).sum(1)),
}


def labels_of(loss):
    classes = loss == "softmax_cross_entropy" or isinstance(loss, LOSS)
    return CHOSEN if classes else 2 * MANY - 1 if "Hinge" in type(loss).__name__ else MANY


@pytest.mark.parametrize("which", MISFITS)
def test_losses_that_do_not_fit_are_told(which):
    """And computed as given."""
    end, loss, why = MISFITS[which]
    net = behind(body(), end)
    labels = 2 * MANY - 1 if which == "sides" else labels_of(loss)
    with pytest.warns(LossWarning, match=why) as told:
        figures = evaluate(net, (X, labels), loss=loss, metrics=())
    assert len(told) == 1
    assert told[0].filename == __file__
    plain = LOSS() if isinstance(loss, str) else loss
    value = plain(net(nd.array(X)), nd.array(labels)).asnumpy().mean()
    assert figures["loss"] == pytest.approx(float(value), rel=1e-5, nan_ok=True)
    if which != "scores as shares":  # which are soon no numbers
        with pytest.warns(LossWarning, match=why):
            trained(net, (X, labels), loss=loss, val=(X, labels), metrics=())


@pytest.mark.parametrize("which", FITS)
def test_losses_that_fit_are_not(which):
    end, loss = FITS[which]
    with warnings.catch_warnings():
        warnings.simplefilter("error", LossWarning)
        evaluate(behind(body(), end), (X, labels_of(loss)), loss=loss, metrics=())


def test_sides_of_a_sigmoid():
    """Its outputs are all above zero: the threshold is a half."""
    net = behind(body(1), lambda F, x: F.sigmoid(x))
    right = ((net(nd.array(X)).asnumpy()[:, 0] > 0.5) == YES).mean()
    for loss, labels in (
        (BINARY(), YES),
        (gluon.loss.LogisticLoss(label_format="binary"), YES),
        (gluon.loss.HingeLoss(), 2 * YES - 1),
    ):
        with pytest.warns(LossWarning):
            figures = evaluate(net, (X, labels), loss=loss)
        assert figures["accuracy"] == pytest.approx(right)


class Weighted(gluon.loss.Loss):
    """Squares of differences, weighted by a parameter."""

    def __init__(self):
        super().__init__(None, 0)
        self.scale = self.params.get("scale", shape=(1, CLASSES), init=mx.init.Constant(0.5))
        self.initialize()

    def hybrid_forward(self, F, output, label, scale):
        return F.mean(F.broadcast_mul(F.square(output - label), scale), axis=1)


def test_a_loss_with_parameters_of_its_own_is_told():
    loss, net = Weighted(), body()
    with pytest.warns(LossWarning, match=rf"not trained: {loss.scale.name}.*have the network hold"):
        fit(net, (X, MANY), epochs=1, loss=loss, metrics=())
    assert (loss.scale.data() == 0.5).asnumpy().all()
    before = loss.scale.data().asnumpy()
    net.register_child(loss)  # the network holds it, and does not call it
    net.forward = lambda x: net[1](net[0](x))
    history = fit(net, (X, MANY), epochs=1, loss=loss, metrics=(), compiled=False)
    assert (loss.scale.data().asnumpy() != before).all()
    assert len(history) == 1
    loss.scale.grad_req = "null"
    with warnings.catch_warnings():
        warnings.simplefilter("error", LossWarning)
        fit(body(), (X, MANY), epochs=1, loss=loss, metrics=())
