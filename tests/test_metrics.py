"""What figures `fit` and `evaluate` give: each against NumPy, on outputs that are known."""

import copy

import numpy
import pytest
from mxnet.util import is_np_array

from gluonkit import autograd, evaluate, fit, gluon, mx, nn, predict
from gluonkit.data import BatchLoader
from gluonkit.errors import ArgumentError
from gluonkit.graphs.losses import resolve_loss
from gluonkit.tracing.inputs import spec_of
from gluonkit.train.accuracy import task_of
from gluonkit.train.metrics import resolve_metrics
from gluonkit.train.step.batch import ReadyBatch

COUNT, K, T = 45, 5, 4
DRAWS = numpy.random.default_rng(0)
_BEGINNING = DRAWS.bit_generator.state


@pytest.fixture(autouse=True)
def _the_same_draws_for_each_test():
    DRAWS.bit_generator.state = _BEGINNING


class Given(nn.HybridBlock):
    """Returns its input, or what `split` makes of it, times a weight that is one."""

    def __init__(self, ndim, split):
        super().__init__()
        self._split = split
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(1,) * ndim, init="ones")
        self.initialize()

    def hybrid_forward(self, F, x, weight):
        return self._split(
            F.np.multiply(x, weight) if is_np_array() else F.broadcast_mul(x, weight)
        )


def given(x, split=lambda x: x):
    return Given(x.ndim, split)


def figures(x, y, *, split=lambda x: x, batch_size=7, **options):
    """Return what `evaluate` says, and `fit` of both its data and with both kinds of steps."""
    net = given(x, split)
    results = [evaluate(net, (x, y), batch_size=batch_size, **options)]
    for compiled in (True, False):
        history = fit(
            net,
            (x, y),
            val=(x, y),
            epochs=1,
            optimizer_params={"learning_rate": 0.0},
            batch_size=batch_size,
            compiled=compiled,
            **options,
        )
        names = [name for name in history.last if name.startswith("val_")]
        results += [{name.removeprefix("val_"): history.last[name] for name in names}]
        results += [{name: history.last[name] for name in results[-1]}]
    for result in results[1:]:
        assert result == {
            name: pytest.approx(value, rel=1e-5) for name, value in results[0].items()
        }
    return results[0]


def floats(*shape):
    return DRAWS.normal(size=shape).astype("float32")


def one_hot(y, classes=K):
    return numpy.eye(classes, dtype="float32")[y]


def numbers(*shape, classes=K):
    return DRAWS.integers(0, classes, shape).astype("int32")


Softmax, Sigmoid = gluon.loss.SoftmaxCELoss, gluon.loss.SigmoidBCELoss
Logistic, Hinge, Squared = (
    gluon.loss.LogisticLoss,
    gluon.loss.HingeLoss,
    gluon.loss.SquaredHingeLoss,
)


def right(*shape, share=0.8):
    """Return True for answers that are to be right, and what turns them."""
    return DRAWS.random(shape) < share


def classified(shape, axis, hits):
    """Return scores, and class numbers that the largest one is of where `hits` is True."""
    scores = floats(*shape)
    best = scores.argmax(axis)
    return scores, numpy.where(hits, best, (best + 1) % shape[axis]).astype("int32")


def test_accuracy_of_classes(array_mode):
    """By the loss's axis, of class numbers and of distributions."""
    for shape, axis in (
        ((COUNT, K), -1),
        ((COUNT, T, K), -1),
        ((COUNT, K, K), -1),
        ((COUNT, K, 3, 2), 1),
    ):
        kept = tuple(size for place, size in enumerate(shape) if place != axis % len(shape))
        hits = right(*kept)
        x, y = classified(shape, axis, hits)
        expected = pytest.approx(hits.mean())
        assert figures(x, y, loss=Softmax(axis=axis))["accuracy"] == expected
        logs = x - numpy.log(numpy.exp(x).sum(axis, keepdims=True))
        for label in (y, y.astype("float32"), numpy.expand_dims(y, axis)):
            loss = Softmax(axis=axis, from_logits=True)
            assert evaluate(given(x), (logs, label), loss=loss)["accuracy"] == expected
        dense = numpy.moveaxis(one_hot(y, shape[axis]), -1, axis)
        loss = Softmax(axis=axis, sparse_label=False)
        assert figures(x, dense, loss=loss)["accuracy"] == expected
        smooth = dense * 0.9 + 0.1 / shape[axis]
        assert evaluate(given(x), (x, smooth), loss=loss)["accuracy"] == expected


@pytest.mark.parametrize("shape", [(COUNT,), (COUNT, 1), (COUNT, K), (COUNT, T, 3)])
def test_accuracy_of_yes_and_no(array_mode, shape):
    """By the sign of scores, or one half of probabilities; labels 0 and 1, or -1 and 1."""
    hits = right(*shape)
    x = floats(*shape)
    y = ((x > 0) == hits).astype("float32")
    signed, expected = 2 * y - 1, pytest.approx(hits.mean())
    assert figures(x, y, loss=Sigmoid())["accuracy"] == expected
    probabilities = 1 / (1 + numpy.exp(-x))
    assert figures(probabilities, y, loss=Sigmoid(from_sigmoid=True))["accuracy"] == expected
    if len(shape) == 2 and shape[1] == 1:  # a column of outputs, and labels without it
        assert figures(x, y[:, 0], loss=Sigmoid())["accuracy"] == expected
    if array_mode == "np":  # the others are written for legacy arrays
        return
    assert figures(x, y, loss=Logistic(label_format="binary"))["accuracy"] == expected
    for loss in (Logistic(), Hinge(), Squared()):
        assert figures(x, signed, loss=loss)["accuracy"] == expected


def test_no_accuracy_where_there_is_none():
    x, y = floats(COUNT, K), abs(floats(COUNT, K))
    for loss in ("l1", "l2", "huber", "kl_div", "poisson_nll"):
        assert figures(x, y, loss=loss).keys() == {"loss"}
    sequence, label = floats(COUNT, 6, K), numbers(COUNT, 2, classes=K - 1)
    assert figures(sequence, label, loss="ctc").keys() == {"loss"}
    for loss in ("l2", "huber"):
        with pytest.raises(ArgumentError, match=r"'accuracy', which is not for .*; give 'mae'"):
            evaluate(given(x), (x, y), loss=loss, metrics="accuracy")
    with pytest.raises(
        ArgumentError, match="'acc', which is not known for CTCLoss; give a function"
    ):
        fit(given(sequence), (sequence, label), loss="ctc", epochs=1, metrics="acc")


def test_losses_of_ones_own():
    """Class numbers are taken for such only where nothing else can be meant."""
    softmax = Softmax()

    def own(output, label):
        return softmax(output, label)

    hits = right(COUNT)
    x, y = classified((COUNT, K), 1, hits)
    assert figures(x, y, loss=own)["accuracy"] == pytest.approx(hits.mean())
    for label in (y.astype("float32"), y + 1):
        history = fit(given(x), (x, label), loss=own, epochs=1, batch_size=COUNT)
        assert "accuracy" not in history.last
        assert any(
            "no accuracy, for it does not follow from outputs of (45, 5) and" in n
            for n in history.notes
        )
    actual = evaluate(given(x), (x, y.astype("float32")), loss=own, metrics="accuracy")
    assert actual["accuracy"] == pytest.approx(hits.mean())
    square, classes = floats(COUNT, K, K), numbers(COUNT, K)
    with pytest.raises(ArgumentError, match=r"classes may lie along axis 1 or 2; give mx\.metric"):
        evaluate(given(square), (square, classes), loss=own, metrics="accuracy")
    with pytest.raises(ArgumentError, match="'accuracy', which cannot be told from outputs of"):
        evaluate(given(x), (x, floats(COUNT, K)), loss=None, metrics="accuracy")
    actual = evaluate(given(x), (x, floats(COUNT, K)), loss=None)
    assert actual == {}


def test_several_outputs():
    def both(outputs, first, second):
        return softmax(outputs[0], first) + softmax(outputs[1], second)

    softmax = Softmax()
    hits = right(COUNT, 2)
    x, y = classified((COUNT, 2, K), 2, hits)
    batches = [(x[:30], (y[:30, 0], y[:30, 1])), (x[30:], (y[30:, 0], y[30:, 1]))]

    def split(value):
        halves = value.split(2, axis=1, squeeze_axis=True)
        return halves[0], halves[1]

    net = given(x, split)
    actual = evaluate(net, batches, loss=both, metrics=["accuracy", mx.metric.Accuracy(name="mx")])
    assert actual["accuracy"] == actual["mx"] == pytest.approx(hits.mean())
    history = fit(net, batches, epochs=1, loss=both)
    assert "accuracy" not in history.last
    assert (
        "no accuracy, for it does not follow from outputs of (30, 5), (30, 5)" in history.notes[-1]
    )
    one = [(x, y[:, 0])]
    with pytest.raises(ArgumentError, match=r"one label for each output .*`sample_weight`"):
        fit(net, one, epochs=1, loss=lambda o, y: softmax(o[0], y), metrics="accuracy")
    with pytest.raises(ArgumentError, match="'mae', which compares number by number"):
        fit(net, one, epochs=1, loss=lambda o, y: softmax(o[0], y), metrics="mae")


# Differences


def by_hand(x, y):
    gap = x.astype("float64") - y.reshape(x.shape)
    return {"mae": abs(gap).mean(), "mse": (gap**2).mean(), "rmse": (gap**2).mean() ** 0.5}


SHAPES = [(COUNT,), (COUNT, 1), (COUNT, K), (COUNT, COUNT), (COUNT, T, K), (COUNT, K, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_differences(array_mode, shape):
    """Over all samples, each with the same weight, whatever the last batch's size."""
    x, y = floats(*shape), floats(*shape)
    whole = numpy.rint(y * 3).astype("int32")
    names = ["mae", "mse", "rmse"]
    for label in (y, y.reshape(COUNT, -1), y.reshape(shape if len(shape) > 1 else (COUNT, 1))):
        actual = figures(x, label, loss="l2", metrics=names)
        expected = by_hand(x, label)
        assert actual == {n: pytest.approx(v, rel=1e-5) for n, v in expected.items()} | {
            "loss": pytest.approx(expected["mse"] / 2, rel=1e-5)
        }
    actual = evaluate(given(x), (x, whole), loss=None, metrics=names, batch_size=7)
    assert actual == {n: pytest.approx(v, rel=1e-5) for n, v in by_hand(x, whole).items()}
    same = evaluate(given(x[:42]), (x[:42], y[:42]), loss=None, metrics=names, batch_size=7)
    objects = [mx.metric.MAE(), mx.metric.MSE()]  # a mean of batches' means, here of one size
    theirs = evaluate(given(x[:42]), (x[:42], y[:42]), loss=None, metrics=objects, batch_size=7)
    assert theirs == {n: pytest.approx(same[n], rel=1e-5) for n in theirs}


@pytest.mark.parametrize("name", ["mae", "mse", "rmse"])
@pytest.mark.parametrize("outputs", [(COUNT, COUNT), (COUNT, K)])
def test_differences_of_other_numbers_are_refused(name, outputs):
    x, y = floats(*outputs), numbers(COUNT)
    message = f"'{name}', which compares number by number, but there are outputs of"
    with pytest.raises(ArgumentError, match=message):
        evaluate(given(x), (x, y), metrics=name, batch_size=COUNT)
    with pytest.raises(ArgumentError, match=message):
        fit(given(x), (x, y), metrics=name, epochs=1)


# Weights and masks


def weights_like(*shape):
    return DRAWS.integers(0, 4, shape).astype("float32") / 2


def cross_entropy(x, y):
    logs = x - numpy.log(numpy.exp(x.astype("float64")).sum(-1, keepdims=True))
    return -numpy.take_along_axis(logs, y[..., None], -1)


@pytest.mark.parametrize("shape", [(COUNT, K), (COUNT, T, K)])
def test_weighted_classes(array_mode, shape):
    """The loss is that of MXNet, a mean over samples; accuracy counts each answer by its weight."""
    hits = right(*shape[:-1])
    x, y = classified(shape, len(shape) - 1, hits)
    losses = cross_entropy(x, y)
    for weights in (weights_like(COUNT, *[1] * (len(shape) - 1)), weights_like(*shape[:-1], 1)):
        full = numpy.broadcast_to(weights, losses.shape)
        actual = figures(x, (y, weights))
        assert actual == {
            "loss": pytest.approx((losses * full).mean(), rel=1e-5),
            "accuracy": pytest.approx((hits * full[..., 0]).sum() / full.sum()),
        }
    padded = numpy.where(full[..., 0] == 0, -1, y)  # what weighs nothing may be no class at all
    assert figures(x, (padded, weights)) == actual
    mask = weights > 0
    actual = figures(x, (padded, mask))  # yes or no, as NumPy gives it
    assert actual["accuracy"] == pytest.approx(hits[mask[..., 0]].mean())
    dense = one_hot(y)
    loss = Softmax(sparse_label=False)
    assert figures(x, (dense, mask), loss=loss)["accuracy"] == actual["accuracy"]


@pytest.mark.parametrize("weighted", [(COUNT, 1), (COUNT, K)])
def test_weighted_numbers(array_mode, weighted):
    x, y, weights = floats(COUNT, K), floats(COUNT, K), weights_like(*weighted)
    full = numpy.broadcast_to(weights, x.shape)
    result = figures(x, (y, weights), loss="l2", metrics=["mae", "mse", "rmse"])
    gap = x.astype("float64") - y
    square = (gap**2 * full).sum() / full.sum()
    assert result == {
        "loss": pytest.approx((gap**2 * full).mean() / 2, rel=1e-5),
        "mae": pytest.approx((abs(gap) * full).sum() / full.sum(), rel=1e-5),
        "mse": pytest.approx(square, rel=1e-5),
        "rmse": pytest.approx(square**0.5, rel=1e-5),
    }
    signs = (y > 0).astype("float32")
    hits = (x > 0) == (y > 0)
    result = figures(x, (signs, weights), loss=Sigmoid())
    assert result["accuracy"] == pytest.approx((hits * full).sum() / full.sum())


def forms(x, y, weights):
    """Return the same batches of 9, in order, in every form that holds weights."""
    pairs = [(x[i : i + 9], (y[i : i + 9], weights[i : i + 9])) for i in range(0, COUNT, 9)]
    samples = list(zip(x, zip(y, weights, strict=True), strict=True))
    return {
        "arrays": (x, (y, weights)),
        "list": (x, [y, weights]),
        "loader": BatchLoader((x, (y, weights)), 9),
        "transform": BatchLoader((x, (y, weights)), 9, transform=lambda x, labels: (x, labels)),
        "made": BatchLoader((x, y), 9, transform=lambda x, y: (x, (y, _weigh(y)))),
        "batches": pairs,
        "DataLoader": gluon.data.DataLoader(gluon.data.SimpleDataset(samples), 9),
        "NDArrayIter": mx.io.NDArrayIter(x, {"a": y, "b": weights}, 9),
    }


def _weigh(y):
    return (y + 1.0).astype("float32")[:, None]


@pytest.mark.parametrize("form", forms(*numpy.zeros((3, COUNT, 1), "float32")))
def test_weights_come_in_many_forms(form):
    """Training with them is the loop by hand."""
    x, y = floats(COUNT, 3), numbers(COUNT)
    weights = _weigh(y)
    data = forms(x, y, weights)[form]
    size = {"batch_size": 9} if isinstance(data, tuple) else {}
    nets = []
    for _ in range(3):
        mx.random.seed(0)
        nets.append(nn.Dense(K, in_units=3))
        nets[-1].initialize("xavier")
    shuffled = form in ("arrays", "list")
    rate = {"learning_rate": 0.1}
    epochs = 1 if shuffled else 2
    for net, compiled in zip(nets, (True, False), strict=False):
        result = evaluate(net, data, **size)
        output = net(mx.nd.array(x)).asnumpy()
        hits = output.argmax(1) == y
        assert result["accuracy"] == pytest.approx((hits * weights[:, 0]).sum() / weights.sum())
        options = {"compiled": compiled, "optimizer": "sgd", "optimizer_params": rate, **size}
        if shuffled:  # one batch, so that the order does not matter
            options["batch_size"] = COUNT
        fit(net, data, epochs=epochs, **options)
    trainer = gluon.Trainer(nets[2].collect_params(), "sgd", rate)
    loss, size = Softmax(), COUNT if shuffled else 9
    for _ in range(epochs):
        for start in range(0, COUNT, size):
            part = slice(start, start + size)
            with autograd.record():
                value = loss(
                    nets[2](mx.nd.array(x[part])), mx.nd.array(y[part]), mx.nd.array(weights[part])
                )
            value.backward()
            trainer.step(size)
    wanted = nets[2].weight.data().asnumpy()
    for net in nets[:2]:
        assert abs(net.weight.data().asnumpy() - wanted).max() < 1e-5 * abs(wanted).max()
    assert predict(nets[0], data, **({"batch_size": 9} if shuffled else {})).shape == (COUNT, K)


def test_weights_of_ones_own_loss_are_told_by_their_name():
    softmax = Softmax()

    def own(output, label, sample_weight):
        return softmax(output, label, sample_weight.reshape((-1, 1)))

    hits = right(COUNT)
    x, y = classified((COUNT, K), 1, hits)
    weights = weights_like(COUNT)
    actual = figures(x, (y, weights), loss=own)
    assert actual["accuracy"] == pytest.approx((hits * weights).sum() / weights.sum())
    with pytest.raises(
        ArgumentError, match=r"weights of shape \(7, 2\) do not fit figures of shape"
    ):
        evaluate(
            given(x), [(x[:7], (y[:7], weights_like(7, 2)))], loss=lambda o, y, sample_weight: o
        )


def test_weights_that_do_not_fit(array_mode):
    """MXNet would spread weights (n,) over one another's samples, in silence."""
    x, y = floats(COUNT, K), numbers(COUNT)
    message = r"weights of shape \(9,\), but .* of shape \(9, 1\); .*weights\.reshape\(-1, 1\)"
    for loss, label in (("softmax_ce", y), (Softmax(sparse_label=False), one_hot(y))):
        with pytest.raises(ArgumentError, match=message):
            fit(given(x), (x, (label, weights_like(COUNT))), loss=loss, epochs=1, batch_size=9)
    with pytest.raises(ArgumentError, match=r"of shape \(45, 5\); .*reshape\(-1, 1\)"):
        evaluate(given(x), (x, (x, weights_like(COUNT))), loss="l2")
    sequence = floats(COUNT, T, K)
    with pytest.raises(ArgumentError, match=r"of shape \(45, 4, 1\); .*reshape\(-1, 1, 1\)"):
        evaluate(given(sequence), (sequence, (numbers(COUNT, T), weights_like(COUNT, T))))
    y[3] = K
    with pytest.raises(ArgumentError, match="labels from 0 to 5"):
        evaluate(given(x), (x, (y, numpy.ones((COUNT, 1), "float32"))))


def test_whole_numbers_that_a_loss_computes_with():
    """Gluon's losses cannot, with legacy arrays; NumPy's would be converted."""
    x, y = floats(COUNT, K), numbers(COUNT, K)
    with pytest.raises(ArgumentError, match=r"labels of int32, .*give labels.astype\('float32'\)"):
        fit(given(x), (x, y), loss="l2", epochs=1)
    one = numbers(COUNT)
    with pytest.raises(ArgumentError, match="weights of int32, with which"):
        fit(given(x), (x, (one, numbers(COUNT, 1))), epochs=1)
    dense = numpy.eye(K, dtype="int64")[one]
    with pytest.raises(ArgumentError, match="labels of int64, with which"):
        evaluate(given(x), (x, dense), loss=Softmax(sparse_label=False))


# MXNet's metrics, and own ones


class Largest(mx.metric.EvalMetric):
    """A user's own metric: the largest difference of all, and how often it was asked."""

    def __init__(self):
        super().__init__("largest")

    def update(self, labels, preds):
        for label, pred in zip(labels, preds, strict=True):
            gap = abs(label.asnumpy().reshape(len(label), -1)[:, 0] - pred.asnumpy()[:, 0])
            self.sum_metric = max(self.sum_metric, float(gap.max()))
            self.num_inst += 1

    def get(self):
        return ["largest", "asked"], [self.sum_metric, self.num_inst]


def spread(label, output):
    return float(output.std() + label.mean())


def shares(label, output):
    """Return a sum and what it is to be divided by, as MXNet's metrics of one's own may."""
    return float((output.argmax(1) == label).sum()), len(label)


metric = mx.metric
MXNETS = {
    "classes": [
        metric.Accuracy(),
        metric.Accuracy(axis=-1, name="last"),
        metric.TopKAccuracy(2),
        metric.TopKAccuracy(4),
        metric.Perplexity(None),
        metric.Perplexity(0, name="without 0"),
        metric.CrossEntropy(),
        metric.NegativeLogLikelihood(),
        metric.PCC(),
        metric.MAE(),
        metric.CustomMetric(shares),
        metric.np(spread),
        metric.CompositeEvalMetric([metric.Accuracy(), metric.CompositeEvalMetric(["ce", "pcc"])]),
        Largest(),
        spread,
        shares,
        lambda label, output: float(label[0]),
    ],
    "two": [
        metric.F1(),
        metric.F1(average="micro", name="micro"),
        metric.MCC(),
        metric.MCC(average="micro", name="micro"),
    ],
    "numbers": [
        metric.MAE(),
        metric.MSE(),
        metric.RMSE(),
        metric.PearsonCorrelation(),
        metric.PearsonCorrelation(average="micro", name="micro"),
        Largest(),
    ],
}


def kinds(of=mx.metric.EvalMetric):
    """Yield MXNet's metrics."""
    for metric_class in of.__subclasses__():
        if metric_class.__module__ == mx.metric.__name__:
            yield metric_class
            yield from kinds(metric_class)


def test_every_metric_of_mxnets_is_tried():
    tried = {type(mxnet_metric) for group in MXNETS.values() for mxnet_metric in group}
    assert set(kinds()) - tried == {mx.metric.Loss, mx.metric.Torch, mx.metric.Caffe}


def loop_by_hand(mxnet_metric, x, y, size):
    """Return what a metric says after MXNet's own loop, as pairs of name and figure."""
    mxnet_metric = copy.deepcopy(mxnet_metric)
    if not isinstance(mxnet_metric, mx.metric.EvalMetric):
        mxnet_metric = mx.metric.CustomMetric(mxnet_metric, name=mxnet_metric.__name__)
    mxnet_metric.reset()
    with mx.util.np_array(False):
        for start in range(0, len(x), size):
            part = slice(start, start + size)
            labels = [mx.nd.array(y[part], dtype=y.dtype)]
            mxnet_metric.update(labels, [mx.nd.array(x[part])])
    return [value for _, value in mxnet_metric.get_name_value()]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize("group", MXNETS)
def test_mxnets_metrics_are_those_of_a_loop_by_hand(array_mode, group, size):
    """To the last bit, over more batches than are kept at once, and with a short last one."""
    if group == "numbers":
        x, y = floats(COUNT, 2), floats(COUNT, 2)
    else:
        classes = 2 if group == "two" else K
        x = DRAWS.dirichlet(numpy.ones(classes), COUNT).astype("float32")
        y = numbers(COUNT, classes=classes)
    y = y if group == "numbers" or array_mode == "np" else y.astype("float32")
    wanted = [value for mxnet in MXNETS[group] for value in loop_by_hand(mxnet, x, y, size)]
    loader = BatchLoader((x, y), size)
    options = {"loss": lambda output, label: output.mean(axis=1), "metrics": MXNETS[group]}
    results = [evaluate(given(x), loader, **options)]
    rate = {"learning_rate": 0.0}
    for compiled in (True, False):
        history = fit(
            given(x),
            loader,
            val=loader,
            epochs=2,
            optimizer_params=rate,
            compiled=compiled,
            **options,
        )
        results += [{name: history.last[name] for name in results[0]}]
        results += [{name: history.last[f"val_{name}"] for name in results[0]}]
    for result in results:
        del result["loss"]
        assert len(result) == len(wanted)
        numpy.testing.assert_array_equal(list(result.values()), wanted)


def test_figures_of_one_name_are_told_apart():
    x, y = floats(COUNT, K), numbers(COUNT)
    one, two = (lambda label, output: 1.0), (lambda label, output: 2.0)
    rate = mx.metric.CustomMetric(spread, name="lr")
    metrics = ["accuracy", mx.metric.Accuracy(), one, two, rate]
    result = evaluate(given(x), (x, y), metrics=metrics)
    assert list(result) == ["loss", "accuracy", "accuracy_2", "<lambda>", "<lambda>_2", "lr_2"]
    assert (result["<lambda>"], result["<lambda>_2"]) == (1.0, 2.0)
    assert list(evaluate(given(x), (x, y), metrics=["mcc", "auto"][1:])) == ["loss", "accuracy"]
    for none in (None, (), []):
        assert evaluate(given(x), (x, y), metrics=none).keys() == {"loss"}


NAMELESS = "MXNet's mean of the outputs; the figure 'loss' is there"
COLUMNS = "takes the larger of two columns"


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        *(
            (name, f"'{name}', which takes probabilities")
            for name in ("ce", "nll_loss", "CrossEntropy")
        ),
        ("perplexity", "'perplexity', which needs options .*ignore_label"),
        ("top_k_accuracy", r"'top_k_accuracy', which needs options .*top_k"),
        ("loss", NAMELESS),
        ("torch", NAMELESS),
        (mx.metric.Loss(), NAMELESS),
        (mx.metric.CompositeEvalMetric(["loss"]), NAMELESS),
        (mx.metric.TopKAccuracy(K + 1), "TopKAccuracy cannot take the network's outputs"),
        ("pearsonr", "PearsonCorrelation cannot take"),
        ("nonsense", "'nonsense', which is not known"),
    ],
)
def test_metrics_that_mean_something_else_are_refused(metrics, message):
    """Before the first step, and with what to give."""
    refused(floats(COUNT, K), numbers(COUNT), metrics, message)


@pytest.mark.parametrize("metrics", ["f1", "mcc", "pcc", mx.metric.F1()])
def test_metrics_of_two_columns_where_there_is_one(metrics):
    labels = numbers(COUNT) % 2
    refused(floats(COUNT, K)[:, :1], labels, metrics, COLUMNS, loss=Sigmoid())


@pytest.mark.parametrize("metrics", ["f1", "mcc"])
def test_metrics_of_two_columns_where_there_are_five(metrics):
    """Whatever the first batch's labels are."""
    refused(floats(COUNT, K), numbers(COUNT) % 2, metrics, COLUMNS)


def refused(x, y, metrics, message, **options):
    net = given(x)
    before = net.weight.data().asnumpy()
    for call in (evaluate, fit):
        steps = {"epochs": 1, "batch_size": 7} if call is fit else {}
        labels = y.astype("float32") if options else y
        with pytest.raises(ArgumentError, match=message):
            call(net, (x, labels), metrics=metrics, **steps, **options)
    assert (net.weight.data().asnumpy() == before).all()


# Labels that a loss would misunderstand


def test_labels_that_a_loss_would_misunderstand():
    """Before the first step, of training and validation data alike; padding may be anything."""
    x, y = floats(COUNT, 1), numbers(COUNT, 1, classes=2).astype("float32")
    signs = 2 * y - 1
    shares = "labels from -1 to 1; this loss takes 0 for no and 1 for yes"
    odd = "labels such as 0; this loss takes -1 for no and 1 for yes"
    cases = [(Sigmoid(), y, signs, shares), (Logistic(label_format="binary"), y, signs, shares)]
    cases += [(loss, signs, y, odd) for loss in (Logistic(), Hinge(), Squared())]
    for loss, fine, wrong, message in cases:
        fit(given(x), (x, fine), val=(x, fine), epochs=1, loss=loss)
        for data in ((x, wrong), [(x, wrong)]):
            with pytest.raises(ArgumentError, match=f"`train` has {message}"):
                fit(given(x), data, epochs=1, loss=loss)
        net = given(x)
        with pytest.raises(ArgumentError, match=f"`val` has {message}"):
            fit(net, (x, fine), val=(x, wrong), epochs=1, loss=loss)
        assert net.weight.data().asnumpy() == 1  # not one step was made
        weights = (fine == wrong).astype("float32")
        evaluate(given(x), (x, (wrong, weights)), loss=loss)
    evaluate(given(x), (x, y * 0.9), loss=Sigmoid())


def test_labels_of_another_number_than_the_outputs():
    x, y = floats(COUNT, K), numbers(COUNT)
    message = r"labels of shape \(45,\) for outputs of shape \(45, 5\), but .* number by number"
    for loss in ("l1", "l2", "huber", "sigmoid_bce", "kl_div", Softmax(sparse_label=False)):
        with pytest.raises(ArgumentError, match=message):
            fit(given(x), (x, y.astype("float32")), epochs=1, loss=loss, batch_size=COUNT)
    with pytest.raises(ArgumentError, match="or sparse_label=True for class numbers"):
        evaluate(given(x), (x, y.astype("float32")), loss=Softmax(sparse_label=False))
    with pytest.raises(ArgumentError, match="takes class numbers; give one number each"):
        evaluate(given(x), (x, numbers(COUNT, 4)))


def test_a_loss_that_mixes_samples_is_refused(array_mode):
    """Gluon would train with it: each output is compared with the labels of all samples."""
    x, y = floats(COUNT, 1), floats(COUNT)
    for loss in (lambda output, label: (output - label) ** 2, lambda o, label: abs(label - o)):
        with pytest.raises(ArgumentError, match=r"compares each of 45 .*`train` to \(45, 1\)"):
            fit(given(x), (x, y), epochs=1, loss=loss, batch_size=COUNT)
    result = evaluate(given(x), (x, y), loss=lambda o, label: (o - label.reshape(o.shape)) ** 2)
    assert result == {"loss": pytest.approx(((x[:, 0] - y) ** 2).mean(), rel=1e-5)}
    assert figures(x, y, loss="l2")["loss"] == pytest.approx(result["loss"] / 2, rel=1e-5)


def test_a_metric_that_does_not_fit_the_validation_data():
    x, y = floats(COUNT, K), numbers(COUNT)
    net = given(x)
    before = net.weight.data().asnumpy()
    with pytest.raises(ArgumentError, match=r"`val` has labels of shape \(45, 5\)"):
        fit(net, (x, y), val=(x, one_hot(y)), epochs=1)
    softmax = Softmax()

    def own(output, label):
        return softmax(output, label.sum(axis=-1))

    with pytest.raises(ArgumentError, match=r"'mae', which compares number by number.*`val`"):
        fit(net, (x, x), val=(x, y), epochs=1, loss=own, metrics="mae")
    assert (net.weight.data().asnumpy() == before).all()


class Ignoring(Softmax):
    """A loss as GluonCV's for segmentation: made of MXNet's, with a label that is no class."""

    def hybrid_forward(self, F, pred, label):
        hits = F.pick(F.log_softmax(pred, axis=1), label, axis=1)
        return F.mean(F.where(label < 0, F.zeros_like(hits), -hits), axis=0, exclude=True)


def test_a_loss_made_of_mxnets_that_computes_something_else_is_ones_own():
    x, y = classified((COUNT, K, 3, 2), 1, right(COUNT, 3, 2))
    loss = type("Renamed", (Softmax,), {})(axis=1)
    assert figures(x, y, loss=loss) == figures(x, y, loss=Softmax(axis=1))
    padded = numpy.where(y == 0, -1, y).astype("float32")
    history = fit(given(x), (x, padded), epochs=1, loss=Ignoring(), batch_size=COUNT)
    assert "accuracy" not in history.last
    assert "no accuracy" in history.notes[-1]
    whole = evaluate(given(x), (x, y.astype("float32")), loss=Ignoring(), metrics="accuracy")
    assert whole["accuracy"] == pytest.approx((x.argmax(1) == y).mean())


def test_metrics_without_weights_are_said():
    x, y = floats(COUNT, K), numbers(COUNT)
    metrics = ["accuracy", mx.metric.TopKAccuracy(2)]
    history = fit(given(x), (x, (y, weights_like(COUNT, 1))), epochs=1, metrics=metrics)
    assert "take every sample, without weights" in history.notes[-1]
    assert not fit(given(x), (x, (y, weights_like(COUNT, 1))), epochs=1).notes


@pytest.mark.parametrize("name", ["accuracy", "rmse"])
def test_weighted_figures_over_workers(name):
    """Sums of two parts give the figure of the whole; a part may weigh nothing."""
    x, y = floats(COUNT, K), numbers(COUNT) if name == "accuracy" else floats(COUNT, K)
    weights = weights_like(COUNT, 1)
    weights[30:] = 0
    loss = resolve_loss("softmax_ce" if name == "accuracy" else "l2")
    task = task_of(loss, [spec_of(x)], ReadyBatch([x, y, weights], 1), "data")
    (whole,), *parts = (resolve_metrics([name], task) for _ in range(4))
    whole.update([x], [y], weights)
    for (part,), cut in zip(parts, (slice(0, 13), slice(13, 30), slice(30, COUNT)), strict=True):
        part.update([x[cut]], [y[cut]], weights[cut])
    total, weight = numpy.sum([part.sums()[0] for (part,) in parts], axis=0)
    assert whole.figure(total, weight) == pytest.approx(whole.values()[0])
    assert numpy.isnan(parts[-1][0].values()[0])
