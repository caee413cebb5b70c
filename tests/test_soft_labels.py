"""Label smoothing and mixup: by NumPy, by a loop by hand bit for bit, compiled, in parts."""

import numpy
import pytest

from gluonkit import autograd, evaluate, fit, gluon, mx, nn, npx
from gluonkit.callbacks import Checkpoint
from gluonkit.data import BatchLoader, Mixup
from gluonkit.errors import ArgumentError
from gluonkit.train import MixupCrossEntropy, SmoothedCrossEntropy
from tests.networks import values
from tests.test_fit import CLASSES, FEATURES, array_of, mlp, same, samples


def shares(scores, axis=-1):
    powers = numpy.exp(scores.astype("float64") - scores.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def cross_entropy(scores, targets, axis=-1):
    """Return the cross entropy of each sample, in float64."""
    values = -(numpy.log(shares(scores, axis)) * targets).sum(axis)
    return values.reshape(len(scores), -1).mean(1)


def one_hot(labels, classes, smoothing=0.0):
    return numpy.eye(classes)[labels] * (1 - smoothing) + smoothing / classes


SCORES = numpy.random.default_rng(0).normal(size=(12, 5)).astype("float32")
LABELS = numpy.random.default_rng(1).integers(0, 5, 12)


@pytest.mark.parametrize("hybridized", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothing_is_that_of_numpy(array_mode, smoothing, hybridized):
    array = array_of(array_mode)
    loss = SmoothedCrossEntropy(smoothing)
    if hybridized:
        loss.hybridize()
    scores, labels = array(SCORES), array(LABELS)
    scores.attach_grad()
    with autograd.record():
        value = loss(scores, labels)
    value.backward()
    targets = one_hot(LABELS, 5, smoothing)
    assert value.shape == (12,)
    numpy.testing.assert_allclose(value.asnumpy(), cross_entropy(SCORES, targets), rtol=1e-5)
    gradient = shares(SCORES) - targets
    numpy.testing.assert_allclose(scores.grad.asnumpy(), gradient, rtol=1e-4, atol=1e-6)


def test_smoothing_of_zero_is_mxnets_own_loss(array_mode):
    array = array_of(array_mode)
    its = gluon.loss.SoftmaxCrossEntropyLoss()(array(SCORES), array(LABELS))
    own = SmoothedCrossEntropy(0)(array(SCORES), array(LABELS))
    assert (own == its).all() if array_mode == "np" else (own == its).asnumpy().all()


def test_smoothing_along_other_axes_with_weights_and_distributions(array_mode):
    array = array_of(array_mode)
    scores = numpy.random.default_rng(2).normal(size=(4, 5, 3)).astype("float32")
    labels = numpy.random.default_rng(3).integers(0, 5, (4, 3))
    weights = numpy.random.default_rng(4).random((4, 1, 3)).astype("float32")
    targets = numpy.moveaxis(one_hot(labels, 5, 0.2), -1, 1)
    exact = -(numpy.log(shares(scores, 1)) * targets).sum(1, keepdims=True) * weights * 2
    value = SmoothedCrossEntropy(0.2, axis=1, weight=2.0)(*map(array, (scores, labels, weights)))
    numpy.testing.assert_allclose(value.asnumpy(), exact.reshape(4, -1).mean(1), rtol=1e-5)
    given = one_hot(LABELS, 5, 0.3).astype("float32")
    dense = SmoothedCrossEntropy(0.1, sparse_label=False)(array(SCORES), array(given))
    wanted = cross_entropy(SCORES, given * 0.9 + 0.1 / 5)
    numpy.testing.assert_allclose(dense.asnumpy(), wanted, rtol=1e-5)
    logs = numpy.log(shares(SCORES)).astype("float32")
    same_value = SmoothedCrossEntropy(0.1, from_logits=True)(array(logs), array(LABELS))
    wanted = cross_entropy(SCORES, one_hot(LABELS, 5, 0.1))
    numpy.testing.assert_allclose(same_value.asnumpy(), wanted, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mixed_labels_are_those_of_numpy(array_mode, smoothing):
    array = array_of(array_mode)
    others, share = LABELS[::-1].copy(), numpy.full(12, 0.7, "float32")
    value = MixupCrossEntropy(smoothing)(*map(array, (SCORES, LABELS, others, share)))
    targets = 0.7 * one_hot(LABELS, 5, smoothing) + 0.3 * one_hot(others, 5, smoothing)
    numpy.testing.assert_allclose(value.asnumpy(), cross_entropy(SCORES, targets), rtol=1e-5)
    alone = MixupCrossEntropy(smoothing)(array(SCORES), array(LABELS))
    wanted = cross_entropy(SCORES, one_hot(LABELS, 5, smoothing))
    numpy.testing.assert_allclose(alone.asnumpy(), wanted, rtol=1e-5)


def test_what_mixup_draws_and_mixes():
    x, y = samples(16)
    numpy.random.seed(5)
    mixed, (own, other, share) = Mixup(0.4)(x, y)
    numpy.random.seed(5)
    drawn = numpy.random.beta(0.4, 0.4)
    drawn, order = max(drawn, 1 - drawn), numpy.random.permutation(16)
    assert (own == y).all()
    assert (other == y[order]).all()
    assert share.dtype == mixed.dtype == numpy.float32
    assert set(share) == {numpy.float32(drawn)}
    assert 0.5 <= drawn <= 1
    numpy.testing.assert_allclose(mixed, drawn * x + (1 - drawn) * x[order], rtol=1e-5, atol=1e-6)
    pictures = numpy.random.randint(0, 256, (4, 3, 3)).astype("uint8")
    mixed, (_, _, share) = Mixup()(pictures, numpy.arange(4))
    assert mixed.dtype == numpy.float32
    assert 0 <= mixed.min() <= mixed.max() <= 1
    one, two, _ = Mixup()(x, x * 2, y)  # several inputs are mixed alike
    numpy.testing.assert_allclose(two, one * 2, rtol=1e-5)


def loader(seed=4):
    return BatchLoader(samples(44), 8, shuffle=True, seed=seed, transform=Mixup(0.3))


@pytest.mark.parametrize("kind", ["smoothed", "mixup"])
def test_a_loop_by_hand_has_the_same_weights(array_mode, kind):
    def data():
        if kind == "mixup":
            return loader()
        return BatchLoader(samples(44), 8, shuffle=True, seed=4)

    def criterion():
        return MixupCrossEntropy(0.1) if kind == "mixup" else SmoothedCrossEntropy(0.1)

    hand, net, compiled = mlp(), mlp(), mlp()
    loss, source = criterion(), data()
    trainer = gluon.Trainer(hand.collect_params(), "sgd", {"learning_rate": 0.1})
    numpy.random.seed(6)
    for _ in range(3):
        for x, given in source:
            labels = given if isinstance(given, tuple) else (given,)
            with autograd.record():
                value = loss(hand(x), *labels)
            value.backward()
            trainer.step(len(x))
    options = {
        "epochs": 3,
        "loss": criterion(),
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.1},
    }
    numpy.random.seed(6)
    fit(net, data(), compiled=False, **options)
    assert all((a == b).all() for a, b in zip(values(net), values(hand), strict=True))
    numpy.random.seed(6)
    history = fit(compiled, data(), **options)
    assert history.engine == "compiled"
    for one, other in zip(values(compiled), values(hand), strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_validation_labels_are_not_mixed_and_accuracy_is_that_of_the_labels():
    net = mlp()
    val = samples(30, seed=1)
    history = fit(net, loader(), val=val, epochs=30, loss=MixupCrossEntropy(), seed=0,
                  optimizer="adam", optimizer_params={"learning_rate": 0.02})  # fmt: skip
    assert history.last["val_accuracy"] > 0.9
    plain = evaluate(net, val)
    assert history.last["val_loss"] == pytest.approx(plain["loss"], rel=1e-4)
    assert history.last["val_accuracy"] == plain["accuracy"]


@pytest.mark.parametrize("every_steps", [None, 1])
def test_a_run_in_parts_is_the_run_in_one(tmp_path, every_steps):
    def run(folder, epochs, stop=None):
        net = mlp()
        saving = [Checkpoint(folder, every_steps=every_steps)] if folder else []
        history = fit(net, loader(None), epochs=epochs, seed=2, loss=MixupCrossEntropy(0.1),
                      callbacks=saving, resume=folder)  # fmt: skip
        return net, history

    whole, history = run(tmp_path / "whole", 4)
    run(tmp_path / "parts", 2)
    net, second = run(tmp_path / "parts", 4)
    assert second.resumed == 3
    assert second["loss"] == history["loss"]
    assert same(net, whole)


@pytest.mark.parametrize("name", ["smoothed_cross_entropy", "mixup_cross_entropy_loss"])
def test_by_name_and_with_labels_that_no_class_has(name):
    x, y = samples(20)
    assert fit(mlp(), (x, y), epochs=1, loss=name).engine == "compiled"
    with pytest.raises(ArgumentError, match="`train` has labels from 0 to 99, but the network has"):
        fit(mlp(), (x, numpy.where(numpy.arange(20) == 3, 99, 0)), epochs=1, loss=name)


def test_a_subclass_that_computes_something_else_is_not_taken_for_it():
    from gluonkit.graphs.losses import is_classification

    class Own(SmoothedCrossEntropy):
        def hybrid_forward(self, F, pred, label, sample_weight=None):
            return pred.mean(axis=1)

    assert is_classification(SmoothedCrossEntropy())
    assert not is_classification(Own())


REFUSED = [
    ("`smoothing` is 1; give a share from 0 to below 1", lambda: SmoothedCrossEntropy(1)),
    ("`smoothing` is -0.1; give a share", lambda: MixupCrossEntropy(-0.1)),
    ("`alpha` is 0; give a finite number above 0", lambda: Mixup(0)),
    (
        "the batch has 2 labels for each sample; Mixup takes data and one",
        lambda: Mixup()(SCORES, (LABELS, LABELS)),
    ),
    ("the batch has no label for each sample", lambda: Mixup()(LABELS)),
    ("the batch has samples of int64, of which no share", lambda: Mixup()(LABELS, LABELS)),
]


@pytest.mark.parametrize(("text", "make"), REFUSED)
def test_what_is_refused(text, make):
    with pytest.raises(ArgumentError, match=text):
        make()


def test_a_network_of_one_class_more():
    """Labels of a network in NumPy mode that is hybridized."""
    npx.set_np()
    net = nn.HybridSequential()
    net.add(nn.Dense(CLASSES + 1, in_units=FEATURES))
    net.initialize()
    net.hybridize()
    assert fit(net, samples(20), epochs=1, loss=SmoothedCrossEntropy()).engine == "compiled"
    npx.reset_np()
    assert mx.nd.ones(1).shape == (1,)
