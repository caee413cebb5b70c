"""Checkpoints of `Module` that end in output layers, held against `Module` itself."""

import mxnet as mx
import numpy
import onnxruntime
import pytest
from mxnet import gluon, nd

from gluonkit import compile, evaluate, export, export_onnx, fit, load, predict, summary
from gluonkit.errors import ArgumentError
from tests.legacy import draws

SAMPLES, FEATURES, CLASSES = 12, 6, 3
X = draws(SAMPLES, FEATURES)
CHOSEN = numpy.arange(SAMPLES) % CLASSES
data, label = mx.sym.Variable("data"), mx.sym.Variable("softmax_label")


def dense(units, of=data, name="fc"):
    hidden = mx.sym.Activation(mx.sym.FullyConnected(of, num_hidden=5, name=f"{name}1"), "tanh")
    return mx.sym.FullyConnected(hidden, num_hidden=units, name=f"{name}2")


def module(symbol, labels, names=("softmax_label",), steps=5, **options):
    """Return the module after some steps over the same batch, and its weights before them."""
    made = mx.mod.Module(symbol, label_names=list(names))
    shapes = [(name, array.shape) for name, array in zip(names, labels, strict=True)]
    made.bind([("data", X.shape)], shapes or None)
    made.init_params(mx.init.Xavier(rnd_type="gaussian"))
    before = made.get_params()
    before = [{name: array.copy() for name, array in part.items()} for part in before]
    made.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.1, **options})
    batch = mx.io.DataBatch([nd.array(X)], [nd.array(array) for array in labels])
    for _ in range(steps):
        made.forward_backward(batch)
        made.update()
    return made, before


def checked(symbol, labels, tmp_path, names=("softmax_label",), compiled=None, **options):
    """Hold training by `fit` against `Module`'s; return the network and its history."""
    theirs, before = module(symbol, labels, names, **options)
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, *before)
    net = load(tmp_path / "net-symbol.json")
    given = tuple(labels) if len(labels) > 1 else labels[0]
    history = fit(
        net,
        (X, given),
        epochs=5,
        batch_size=SAMPLES,
        optimizer_params={"learning_rate": 0.1, **options},
        compiled=compiled,
        optimizer="sgd",
    )
    arguments, statistics = theirs.get_params()
    for name, parameter in net.params.items():
        expected = (arguments | statistics)[name].asnumpy()
        assert not numpy.allclose(expected, (before[0] | before[1])[name].asnumpy(), atol=1e-4)
        numpy.testing.assert_allclose(parameter.data().asnumpy(), expected, rtol=1e-4, atol=1e-5)
    theirs.forward(mx.io.DataBatch([nd.array(X)], []), is_train=False)
    predictions = net(nd.array(X))
    predictions = predictions if isinstance(predictions, list) else [predictions]
    for mine, other in zip(predictions, theirs.get_outputs(), strict=True):
        numpy.testing.assert_allclose(mine.asnumpy(), other.asnumpy(), rtol=1e-4, atol=1e-5)
    return net, history


LAYERS = {
    "softmax": (lambda **more: mx.sym.SoftmaxOutput(dense(CLASSES), label, **more), CHOSEN),
    "linear": (
        lambda **more: mx.sym.LinearRegressionOutput(dense(2), label, **more),
        draws(SAMPLES, 2),
    ),
    "mae": (lambda **more: mx.sym.MAERegressionOutput(dense(2), label, **more), draws(SAMPLES, 2)),
    "logistic": (
        lambda **more: mx.sym.LogisticRegressionOutput(dense(2), label, **more),
        (draws(SAMPLES, 2) > 0).astype("float32"),
    ),
}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_output_layers_that_gluon_has_as_losses(kind, scale, compiled, tmp_path, array_mode):
    make, labels = LAYERS[kind]
    symbol = make(grad_scale=scale)
    labels = numpy.asarray(labels, "float32")
    if array_mode == "np":
        mx.npx.reset_np()
        theirs, before = module(symbol, [labels])
        mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, *before)
        mx.npx.set_np()
        net = load(tmp_path / "net-symbol.json")
        history = fit(
            net,
            (X, labels),
            epochs=5,
            batch_size=SAMPLES,
            compiled=compiled,
            optimizer_params={"learning_rate": 0.1},
            optimizer="sgd",
        )
        for name, parameter in net.params.items():
            numpy.testing.assert_allclose(
                parameter.data().asnumpy(),
                theirs.get_params()[0][name].asnumpy(),
                rtol=1e-4,
                atol=1e-5,
            )
    else:
        net, history = checked(symbol, [labels], tmp_path, compiled=compiled)
    assert history.notes == []
    assert history.epochs[0]["loss"] > history.last["loss"]
    assert ("accuracy" in history.last) == (kind in ("softmax", "logistic"))
    figures = evaluate(net, (X, labels))
    scores = predict(net, X)
    if kind == "softmax":
        right = (scores.argmax(1) == CHOSEN).mean()
        assert figures["accuracy"] == pytest.approx(right)
        losses = -numpy.log(scores[numpy.arange(SAMPLES), CHOSEN])
        assert figures["loss"] == pytest.approx(losses.mean() * scale, rel=1e-4)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    "more",
    [
        {"use_ignore": True, "ignore_label": 1},
        {"use_ignore": True, "ignore_label": 1, "normalization": "valid"},
        {"normalization": "batch"},
        {"smooth_alpha": 0.1},
    ],
)
def test_what_only_the_output_layer_does(more, compiled, tmp_path):
    symbol = mx.sym.SoftmaxOutput(dense(CLASSES), label, name="softmax", **more)
    _, history = checked(symbol, [CHOSEN.astype("float32")], tmp_path, compiled=compiled)
    assert "own output layers, softmax (SoftmaxOutput), as Module does" in history.notes[0]


def test_a_class_for_each_place(tmp_path):
    """As in segmentation: the classes are an axis before the places."""
    scores = mx.sym.Reshape(dense(CLASSES * 4), shape=(0, CLASSES, 4))
    symbol = mx.sym.SoftmaxOutput(scores, label, multi_output=True)
    labels = numpy.arange(SAMPLES * 4).reshape(SAMPLES, 4) % CLASSES
    _, history = checked(symbol, [labels.astype("float32")], tmp_path)
    assert history.notes == []
    assert "accuracy" in history.last


def test_scores_of_three_axes(tmp_path):
    scores = mx.sym.Reshape(dense(CLASSES * 4), shape=(0, 4, CLASSES))
    labels = (numpy.arange(SAMPLES * 4).reshape(SAMPLES, 4) % CLASSES).astype("float32")
    checked(mx.sym.SoftmaxOutput(scores, label, preserve_shape=True), [labels], tmp_path)
    # Without, all numbers of a sample are one distribution, as MXNet's documentation has it. (On
    # processors it takes the last axis alone where there are four, and only when it predicts.)
    symbol = mx.sym.SoftmaxOutput(scores, label)
    mx.model.save_checkpoint(str(tmp_path / "all"), 0, symbol, *module(symbol, [labels])[1])
    net = load(tmp_path / "all-symbol.json")
    numpy.testing.assert_allclose(predict(net, X).sum((1, 2)), 1, rtol=1e-5)


def test_margins(tmp_path):
    symbol = mx.sym.SVMOutput(dense(CLASSES), mx.sym.Variable("svm_label"))
    checked(symbol, [CHOSEN.astype("float32")], tmp_path, names=("svm_label",))


def test_a_label_that_is_reshaped_and_several_of_them(tmp_path):
    first = mx.sym.SoftmaxOutput(dense(CLASSES), mx.sym.Reshape(label, shape=(-1,)), name="one")
    second = mx.sym.LinearRegressionOutput(dense(2, name="other"), mx.sym.Variable("lin_label"))
    labels = [CHOSEN.reshape(SAMPLES, 1).astype("float32"), draws(SAMPLES, 2)]
    names = ("softmax_label", "lin_label")
    checked(mx.sym.Group([first, second]), labels, tmp_path, names=names)


def test_a_loss_of_ones_own_beside_the_prediction(tmp_path):
    scores = dense(2)
    symbol = mx.sym.Group(
        [mx.sym.BlockGrad(scores), mx.sym.MakeLoss(mx.sym.square(scores - label))]
    )
    theirs, before = module(symbol, [draws(SAMPLES, 2)])
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, *before)
    net = load(tmp_path / "net-symbol.json")
    fit(
        net,
        (X, draws(SAMPLES, 2)),
        epochs=5,
        batch_size=SAMPLES,
        optimizer_params={"learning_rate": 0.1},
        optimizer="sgd",
    )
    for name, parameter in net.params.items():
        expected = theirs.get_params()[0][name].asnumpy()
        numpy.testing.assert_allclose(parameter.data().asnumpy(), expected, rtol=1e-4, atol=1e-5)
    assert net(nd.array(X)).shape == (SAMPLES, 2)


def test_networks_without_labels(tmp_path):
    """As autoencoders, which learn their own input."""
    symbol = mx.sym.MAERegressionOutput(dense(FEATURES), data)
    theirs, before = module(symbol, [], ())
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, *before)
    net = load(tmp_path / "net-symbol.json")
    fit(
        net,
        (X, X),
        epochs=5,
        batch_size=SAMPLES,
        optimizer_params={"learning_rate": 0.1},
        optimizer="sgd",
    )
    for name, parameter in net.params.items():
        expected = theirs.get_params()[0][name].asnumpy()
        numpy.testing.assert_allclose(parameter.data().asnumpy(), expected, rtol=1e-4, atol=1e-5)


def test_what_the_optimizer_is_told_in_the_graph_and_statistics(tmp_path):
    weight = mx.sym.Variable("first_weight", lr_mult=0.3)
    hidden = mx.sym.FullyConnected(data, weight, no_bias=True, num_hidden=8, name="first")
    hidden = mx.sym.Activation(mx.sym.BatchNorm(hidden, name="bn", fix_gamma=False), "relu")
    symbol = mx.sym.SoftmaxOutput(
        mx.sym.FullyConnected(hidden, num_hidden=CLASSES, no_bias=True), label
    )
    labels = [CHOSEN.astype("float32")]
    _, history = checked(symbol, labels, tmp_path, momentum=0.9, wd=0.3)  # none for beta
    assert history.engine == "compiled"


@pytest.fixture
def classifier(tmp_path):
    symbol = mx.sym.SoftmaxOutput(dense(CLASSES), label, name="softmax")
    _, before = module(symbol, [CHOSEN.astype("float32")])
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, *before)
    return load(tmp_path / "net-symbol.json")


def test_everything_takes_the_data_alone(classifier, tmp_path):
    x = nd.array(X)
    scores = classifier(x).asnumpy()
    numpy.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    shape = (SAMPLES, FEATURES)
    assert summary(classifier, shape).total_params == FEATURES * 5 + 5 + 5 * CLASSES + CLASSES
    numpy.testing.assert_allclose(compile(classifier, x)(x).asnumpy(), scores, rtol=1e-4, atol=1e-6)
    assert export(classifier, tmp_path / "again", shape).inputs == ("data",)
    path = tmp_path / "net.onnx"
    export_onnx(classifier, path, shape)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [get_input.name for get_input in session.get_inputs()] == ["data"]
    numpy.testing.assert_allclose(session.run(None, {"data": X})[0], scores, rtol=1e-4, atol=1e-6)


def test_a_loss_that_takes_scores_is_refused(classifier):
    why = r"`loss` takes scores, but the network ends in softmax \(SoftmaxOutput\)"
    for call in (
        lambda: fit(classifier, (X, CHOSEN), epochs=1, loss="softmax_cross_entropy"),
        lambda: evaluate(classifier, (X, CHOSEN), loss=gluon.loss.SoftmaxCrossEntropyLoss()),
    ):
        with pytest.raises(ArgumentError, match=why):
            call()
    on_logarithms = lambda output, label: -output.log().pick(label)  # noqa: E731
    result = evaluate(classifier, (X, CHOSEN), loss=on_logarithms, metrics=())
    assert result["loss"] == pytest.approx(evaluate(classifier, (X, CHOSEN))["loss"], rel=1e-4)


def test_too_few_labels_are_told(tmp_path):
    first = mx.sym.SoftmaxOutput(dense(CLASSES), label, name="one")
    second = mx.sym.SoftmaxOutput(dense(CLASSES, name="b"), mx.sym.Variable("b_label"), name="two")
    labels = [CHOSEN.astype("float32")] * 2
    symbol = mx.sym.Group([first, second])
    _, before = module(symbol, labels, ("softmax_label", "b_label"))
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, *before)
    net = load(tmp_path / "net-symbol.json")
    with pytest.raises(ArgumentError, match="take 2: softmax_label, b_label"):
        fit(net, (X, CHOSEN), epochs=1)


def test_a_label_that_the_file_has_a_value_of(tmp_path):
    symbol = mx.sym.SoftmaxOutput(dense(CLASSES), label)
    _, (arguments, statistics) = module(symbol, [CHOSEN.astype("float32")])
    arguments["softmax_label"] = nd.zeros((SAMPLES,))
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, symbol, arguments, statistics)
    net = load(tmp_path / "net-symbol.json")
    assert net(nd.array(X[:2])).shape == (2, CLASSES)
    assert "softmax_label" not in net.params
