"""What a network got wrong: counted by hand, on networks whose outputs are known."""

import json

import numpy
import pytest

from gluonkit import data, gluon, interpret, mx, nn, npx
from gluonkit.data import BatchLoader, Dataset
from gluonkit.errors import ArgumentError, ArgumentTypeError, LossWarning
from gluonkit.train import MixupCrossEntropy, SmoothedCrossEntropy

SCORES = numpy.random.default_rng(3).normal(size=(50, 4)).astype("float32") * 3
LABELS = numpy.random.default_rng(4).integers(0, 3, 50).astype("int32")  # class 3 never


def identity(width, **options):
    """Return a network that gives what it gets."""
    net = nn.Dense(width, use_bias=False, flatten=False, **options)
    net.initialize()
    net(make(numpy.zeros((1, width), "float32")))
    net.weight.set_data(make(numpy.eye(width, dtype="float32")))
    return net


def make(array):
    return (mx.np if npx.is_np_array() else mx.nd).array(array, dtype=array.dtype)


def by_hand(scores, labels):
    """Return the loss of each sample, its prediction, and that one's probability."""
    exact = scores.astype("float64")
    shares = numpy.exp(exact - exact.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    losses = -numpy.log(shares[numpy.arange(len(labels)), labels])
    return losses, shares.argmax(1), shares.max(1)


def test_classes_by_hand(array_mode):
    report = interpret(identity(4), (SCORES, LABELS), batch_size=16, worst=5)
    losses, predicted, sure = by_hand(SCORES, LABELS)
    numpy.testing.assert_allclose(report.losses, losses, rtol=1e-4, atol=1e-5)
    assert report.predicted.tolist() == predicted.tolist()
    assert report.labels.tolist() == LABELS.tolist()
    numpy.testing.assert_allclose(report.confidence, sure, rtol=1e-5)
    counts = [[sum((i == LABELS) & (predicted == j)) for j in range(4)] for i in range(4)]
    assert report.confusion.tolist() == counts
    for i, row in enumerate(report.per_class):
        hits, samples, answers = counts[i][i], sum(counts[i]), sum(line[i] for line in counts)
        assert (row.name, row.samples, row.predicted) == (str(i), samples, answers)
        assert row.precision == pytest.approx(hits / answers)
        if samples:
            assert row.recall == pytest.approx(hits / samples)
        assert row.f1 == pytest.approx(2 * hits / (samples + answers))
    assert report.per_class[3].recall is None  # no label is this class
    assert report.accuracy == (predicted == LABELS).mean()


def test_the_most_confused_pairs_come_first():
    labels = numpy.array([0] * 10 + [1] * 4 + [2] * 2)
    answers = numpy.array([0] * 7 + [1] * 3 + [2] * 3 + [1] + [1] * 2)
    scores = numpy.eye(3, dtype="float32")[answers]
    report = interpret(identity(3), (scores, labels), names=["cat", "dog", "emu"])
    pairs = [(p.label, p.predicted, p.times, p.share) for p in report.confused()]
    # Of the equally frequent ones that first of which it is the larger share.
    assert pairs == [("dog", "emu", 3, 0.75), ("cat", "dog", 3, 0.3), ("emu", "dog", 2, 1.0)]
    assert len(report.confused(1)) == 1


def test_the_worst_samples_are_those_of_highest_loss():
    report = interpret(identity(4), (SCORES, LABELS), batch_size=7, worst=9)
    losses, predicted, sure = by_hand(SCORES, LABELS)
    order = numpy.argsort(-losses)[:9]
    assert [sample.index for sample in report.worst] == order.tolist()
    for sample, index in zip(report.worst, order, strict=True):
        assert sample.loss == pytest.approx(losses[index], rel=1e-4)
        assert (sample.label, sample.predicted) == (str(LABELS[index]), str(predicted[index]))
        assert sample.confidence == pytest.approx(sure[index], rel=1e-5)
        assert (sample.inputs[0] == SCORES[index]).all()


def test_of_equal_losses_the_first_are_kept():
    scores = numpy.zeros((20, 3), "float32")
    report = interpret(identity(3), (scores, numpy.zeros(20, "int32")), batch_size=6, worst=4)
    assert [sample.index for sample in report.worst] == [0, 1, 2, 3]
    assert interpret(identity(3), (scores, numpy.zeros(20, "int32")), worst=0).worst == ()


def test_calibration_is_that_of_scikit_learn():
    from sklearn.calibration import calibration_curve

    report = interpret(identity(4), (SCORES, LABELS), bins=5)
    right, sure = report.predicted == LABELS, report.confidence
    curve, claimed = calibration_curve(right, sure, n_bins=5)
    filled = [part for part in report.calibration.bins if part.samples]
    numpy.testing.assert_allclose([part.accuracy for part in filled], curve)
    numpy.testing.assert_allclose([part.confidence for part in filled], claimed)
    assert sum(part.samples for part in report.calibration.bins) == 50
    weights = numpy.array([part.samples for part in filled]) / 50
    assert report.calibration.error == pytest.approx((abs(curve - claimed) * weights).sum())


@pytest.mark.parametrize("ending", ["softmax", "log_softmax"])
def test_probabilities_are_not_made_twice(ending):
    net = nn.HybridSequential()
    net.add(identity(4), nn.HybridLambda(ending))
    report = interpret(net, (SCORES, LABELS))
    numpy.testing.assert_allclose(report.confidence, by_hand(SCORES, LABELS)[2], rtol=1e-5)


@pytest.mark.parametrize("loss", [SmoothedCrossEntropy(0.1), MixupCrossEntropy()])
def test_own_losses_are_of_classes(loss):
    report = interpret(identity(4), (SCORES, LABELS), loss=loss)
    numpy.testing.assert_allclose(report.confidence, by_hand(SCORES, LABELS)[2], rtol=1e-5)


def test_one_sigmoid_has_two_classes():
    scores = SCORES[:, :1]
    labels = (LABELS > 0).astype("float32")
    report = interpret(identity(1), (scores, labels), loss="sigmoid_binary_cross_entropy")
    assert report.predicted.tolist() == (scores[:, 0] > 0).astype(int).tolist()
    share = 1 / (1 + numpy.exp(-scores[:, 0].astype("float64")))
    numpy.testing.assert_allclose(report.confidence, numpy.maximum(share, 1 - share), rtol=1e-5)
    net = nn.HybridSequential()
    net.add(identity(1), nn.Activation("sigmoid"))
    same = interpret(net, (scores, labels))
    numpy.testing.assert_allclose(same.confidence, report.confidence, rtol=1e-5)
    assert same.predicted.tolist() == report.predicted.tolist()
    hinged = interpret(identity(1), (scores, labels * 2 - 1), loss="hinge")
    assert hinged.confidence is None
    assert hinged.calibration is None
    assert hinged.plot_calibration() is None
    assert hinged.to_dict()["calibration"] is None
    assert hinged.predicted.tolist() == report.predicted.tolist()
    assert "calibration" not in str(hinged)


def test_labels_of_sequences_are_counted_one_by_one_and_padding_is_not():
    scores, labels = SCORES[:48].reshape(8, 6, 4), LABELS[:48].reshape(8, 6)
    weights = numpy.ones((8, 6, 1), "float32")
    weights[:, 4:] = 0
    labels = labels.copy()
    labels[:, 4:] = 99  # padding may have any value
    report = interpret(identity(4), (scores, (labels, weights)), batch_size=3)
    assert report.labels.tolist() == labels[:, :4].ravel().tolist()
    assert report.predicted.tolist() == scores[:, :4].argmax(2).ravel().tolist()
    assert len(report.losses) == 8
    assert {sample.label for sample in report.worst} == {""}
    assert "8 samples with 32 labels" in str(report)
    assert "(several)" in str(report)


def test_distributions_as_labels():
    one_hot = numpy.eye(4, dtype="float32")[LABELS]
    loss = gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False)
    report = interpret(identity(4), (SCORES, one_hot), loss=loss)
    assert report.labels.tolist() == LABELS.tolist()
    numpy.testing.assert_allclose(report.losses, by_hand(SCORES, LABELS)[0], rtol=1e-4, atol=1e-5)


def test_a_loss_of_ones_own_says_of_no_probabilities():
    report = interpret(identity(4), (SCORES, LABELS), loss=lambda out, label: -out.pick(label))
    assert report.confidence is None
    assert report.predicted.tolist() == SCORES.argmax(1).tolist()


def test_regression_by_hand(array_mode):
    true = SCORES + numpy.array([0, 1, -2, 0], "float32") + SCORES[::-1] * 0.1
    report = interpret(identity(4), (SCORES, true), loss="l2", names=list("abcd"), batch_size=8)
    left = SCORES.astype("float64") - true
    numpy.testing.assert_allclose(report.residuals, left, atol=1e-5)
    for i, row in enumerate(report.per_output):
        assert row.mae == pytest.approx(abs(left[:, i]).mean(), rel=1e-5)
        assert row.rmse == pytest.approx((left[:, i] ** 2).mean() ** 0.5, rel=1e-5)
        assert row.bias == pytest.approx(left[:, i].mean(), abs=1e-6)
        assert row.largest == pytest.approx(abs(left[:, i]).max(), rel=1e-5)
        spread = ((true[:, i] - true[:, i].mean(dtype="float64")) ** 2).sum()
        assert row.r2 == pytest.approx(1 - (left[:, i] ** 2).sum() / spread, rel=1e-4)
    losses = (left**2).mean(1) / 2
    assert [s.index for s in report.worst] == numpy.argsort(-losses)[:16].tolist()
    assert json.loads(json.dumps(report.to_dict()))["per_output"][1]["name"] == "b"
    assert max(map(len, str(report).splitlines())) <= 80
    assert "R²" in report._repr_html_()


def test_where_nothing_varies_there_is_no_r2():
    true = numpy.ones((3, 1), "float32")
    report = interpret(identity(1), (SCORES[:3, :1], true), loss="l1")
    assert report.per_output[0].r2 is None
    assert "–" in str(report)


def test_names_come_from_the_data_set():
    classes = tuple("wxyz")
    dataset = Dataset("toy", "test", SCORES, LABELS, classes)
    report = interpret(identity(4), dataset)
    assert report.names == classes
    assert interpret(identity(4), dataset, names=list("abcd")).names == tuple("abcd")


def test_any_iterable_of_batches():
    batches = [(make(SCORES[i : i + 10]), make(LABELS[i : i + 10])) for i in range(0, 50, 10)]
    one, two = interpret(identity(4), batches), interpret(identity(4), (SCORES, LABELS))
    assert str(one) == str(two)
    loader = BatchLoader((SCORES, LABELS), 8)
    assert (interpret(identity(4), loader).confusion == two.confusion).all()


def test_tables_keep_within_the_width_and_data_are_plain():
    report = interpret(identity(4), (SCORES, LABELS), names=["a " * 50, "b " * 50, "c", "d"])
    assert max(map(len, str(report).splitlines())) <= 100
    assert repr(report) == str(report)
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["accuracy"] == report.accuracy
    assert plain["confusion"] == report.confusion.tolist()
    assert len(plain["worst"]) == 16
    assert "<table>" in report._repr_html_()


def test_of_many_classes_those_that_are_recognized_least():
    labels = numpy.arange(60) % 30
    scores = numpy.eye(30, dtype="float32")[labels]
    scores[:3] = scores[3:6]  # 0, 1 and 2 are half wrong
    text = str(interpret(identity(30), (scores, labels)))
    assert "the 20 classes with the lowest F1" in text
    rows = text.split("─\n")[1].split("\n\n", maxsplit=1)[0].splitlines()
    assert len(rows) == 20
    assert {row.split()[0] for row in rows[:6]} == set("012345")


def test_pictures():
    images, labels = data.digits()
    net = nn.HybridSequential()
    net.add(nn.Flatten(), nn.Dense(10))
    net.initialize()
    report = interpret(net, (images[:64], labels[:64]), worst=11)
    figures = report.plot_confusion(), report.plot_worst(), report.plot_calibration()
    assert all(figure._repr_png_()[:4] == b"\x89PNG" for figure in figures)
    axes = figures[1].axes[:11]
    assert all(axis.get_title().split(",")[0] in "0123456789" for axis in axes)
    shown = axes[0].images[0].get_array()
    own = images[report.worst[0].index, 0]  # from its darkest, which is 0, to its brightest
    numpy.testing.assert_allclose(shown, own / own.max(), rtol=1e-6)
    true = figures[0].axes[0].texts
    assert sum(int(text.get_text()) for text in true) == 64
    many = interpret(identity(30), (numpy.eye(30, dtype="float32"), numpy.arange(30)))
    assert not many.plot_confusion().axes[0].texts


@pytest.mark.parametrize("shape", [(9, 8, 3), (3, 9, 8), (9, 8), (1, 9, 8), (9, 8, 1)])
def test_what_is_a_picture(shape):
    images = numpy.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    net = nn.HybridSequential()
    net.add(nn.Flatten(), nn.Dense(1))
    net.initialize()
    report = interpret(net, (images, images.reshape(4, -1)[:, :1]), loss="l2")
    shown = report.plot_worst().axes[0].images[0].get_array()
    assert shown.shape == ((9, 8, 3) if 3 in shape else (9, 8))
    assert (shown.min(), shown.max()) == (0, 1)
    assert report.plot_residuals()._repr_png_()


def test_what_is_no_picture():
    report = interpret(identity(4), (SCORES, LABELS))
    with pytest.raises(ArgumentError, match=r"samples of shape \(4,\) are no pictures, which are"):
        report.plot_worst()
    with pytest.raises(ArgumentError, match="no sample was kept; give `worst` above 0"):
        interpret(identity(4), (SCORES, LABELS), worst=0).plot_worst()


def two_outputs():
    class Two(nn.HybridBlock):
        def hybrid_forward(self, F, x):
            return x, x * 2

    return Two()


REFUSED = [
    (ArgumentTypeError, "`loss` is None; samples are ordered", {"loss": None}),
    (ArgumentError, "`worst` is -1; give a whole number from 0", {"worst": -1}),
    (ArgumentError, "`bins` is 0; give a whole number from 1", {"bins": 0}),
    (ArgumentTypeError, "`names` is a str; give a list of str", {"names": "abcd"}),
    (ArgumentError, "`names` has 2 names, but there are 4 classes", {"names": ["a", "b"]}),
    (
        ArgumentError,
        r"`loss` returns an array of shape \(1,\) for a batch of 50 samples",
        {"loss": lambda out, label: out.pick(label).mean()},
    ),
    (
        ArgumentError,
        "`loss` says neither of classes nor of one number for each label",
        {"loss": lambda out, label: out.mean(1), "data": (SCORES, SCORES[:, :2])},
    ),
    (
        ArgumentError,
        r"with weights; give a loss and data",
        {"loss": "l2", "data": (SCORES, (SCORES, SCORES))},
    ),
    (
        ArgumentError,
        "`data` has several yes-or-no labels for each sample",
        {"loss": "sigmoid_bce", "data": (SCORES, (SCORES > 0).astype("float32"))},
    ),
    (
        ArgumentError,
        r"`data` has weights such as 0\.5, but samples are counted",
        {"data": (SCORES, (LABELS, numpy.full((50, 1), 0.5, "float32")))},
    ),
    (
        ArgumentError,
        "`data` has weights of 0 only; give some labels that count",
        {"data": (SCORES, (LABELS, numpy.zeros((50, 1), "float32")))},
    ),
    (
        ArgumentError,
        "give a network of one output, and one label for it",
        {"net": two_outputs(), "loss": lambda out, label: out[0].mean(1)},
    ),
    (ArgumentError, "`data` gives no batch", {"data": []}),
]


@pytest.mark.parametrize(("kind", "text", "options"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_is_refused(kind, text, options):
    given = {"data": (SCORES, LABELS), "batch_size": 50, **options}
    if given["data"] == []:
        del given["batch_size"]
    net = given.pop("net", None) or identity(4)
    if given.get("loss") == "sigmoid_bce":
        given["loss"] = gluon.loss.SigmoidBCELoss()
    with pytest.raises(kind, match=text):
        interpret(net, given.pop("data"), **given)


def test_a_loss_that_does_not_fit_is_told():
    net = nn.HybridSequential()
    net.add(identity(4), nn.HybridLambda("softmax"))
    with pytest.warns(LossWarning):
        interpret(net, (SCORES, LABELS), loss="softmax_cross_entropy")
