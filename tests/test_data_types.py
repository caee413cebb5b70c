"""Data types of batches and networks: right numbers, by Gluon's own loop, or a word that helps."""

import numpy
import pytest

from gluonkit import autograd, evaluate, fit, gluon, mx, nd, nn, npx, predict
from gluonkit.callbacks import EarlyStopping
from gluonkit.data import BatchLoader
from gluonkit.errors import ArgumentError, StateError
from tests.networks import sequential, values

X = numpy.linspace(-1, 1, 60).reshape(20, 3) + 1e-9  # which float32 does not have
Y = numpy.arange(20) % 2


def made(dtype="float32"):
    net = nn.HybridSequential()
    net.add(nn.Dense(4, in_units=3, activation="relu"), nn.Dense(2, in_units=4))
    net.initialize(mx.init.Xavier(), force_reinit=True)
    net.cast(dtype)
    rng = numpy.random.default_rng(0)
    for parameter in net.collect_params().values():
        parameter.set_data(nd.array(rng.normal(size=parameter.shape), dtype=dtype))
    return net


def by_hand(net, x, y, epochs, dtype):
    """Train as Gluon's tutorials do, with all samples in one batch."""
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.5})
    x, y = nd.array(x, dtype=dtype), nd.array(y, dtype=dtype)
    for _ in range(epochs):
        with autograd.record():
            value = loss(net(x), y)
        value.backward()
        trainer.step(len(x))
    return [parameter.data().asnumpy() for parameter in net.collect_params().values()]


def batches(x, y, dtype):
    return [(nd.array(x, dtype=dtype), nd.array(y, dtype="float32"))]


FORMS = {
    "numpy": lambda: (X, Y),
    "numpy float32": lambda: (X.astype("float32"), Y),
    "mxnet": lambda: (nd.array(X, dtype="float64"), nd.array(Y)),
    "BatchLoader": lambda: BatchLoader((X, Y), 20),
    "batches": lambda: batches(X, Y, "float64"),
    "NumPy batches": lambda: [(X, Y)],
    "NDArrayIter": lambda: mx.io.NDArrayIter(nd.array(X, dtype="float64"), nd.array(Y), 20),
    "DataLoader": lambda: gluon.data.DataLoader(gluon.data.ArrayDataset(X, Y), 20),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compiled", [None, False])
def test_batches_take_the_networks_type(dtype, form, compiled):
    x = X.astype("float32") if form == "numpy float32" else X
    exact = 1e-12 if dtype == "float64" else 1e-5
    net = made(dtype)
    expected = net(nd.array(x, dtype=dtype)).asnumpy()
    assert expected.dtype == dtype
    actual = predict(net, FORMS[form]() if form in ("batches", "BatchLoader") else x)
    actual = actual if isinstance(actual, numpy.ndarray) else actual.asnumpy()
    assert actual.dtype == dtype
    assert numpy.allclose(actual, expected, rtol=exact, atol=0)
    logits = expected - expected.max(axis=1, keepdims=True)
    values = numpy.log(numpy.exp(logits).sum(axis=1)) - logits[numpy.arange(20), Y]
    result = evaluate(net, FORMS[form]())
    assert result["loss"] == pytest.approx(values.mean(), rel=1e-6)
    assert result["accuracy"] == (expected.argmax(axis=1) == Y).mean()
    options = {"optimizer": "sgd", "optimizer_params": {"learning_rate": 0.5}, "compiled": compiled}
    if form in ("numpy", "numpy float32", "mxnet"):
        options["batch_size"] = 20
    fit(net, FORMS[form](), epochs=3, **options)
    weights = by_hand(made(dtype), x, Y, 3, dtype)
    for parameter, wanted in zip(net.collect_params().values(), weights, strict=True):
        assert parameter.data().dtype == numpy.dtype(dtype)
        assert numpy.allclose(parameter.data().asnumpy(), wanted, rtol=1e-4, atol=exact * 10)


def test_float_labels_take_the_networks_type():
    net, targets = made("float64"), X[:, :2] * 3
    outputs = net(nd.array(X, dtype="float64")).asnumpy()
    result = evaluate(net, (X, targets), loss="l2", metrics=("mse",))
    assert result["loss"] == pytest.approx(numpy.square(outputs - targets).mean() / 2, rel=1e-9)
    assert fit(net, (X, targets), epochs=1, loss="l2").last["loss"] > 0


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64", "uint8"])
@pytest.mark.parametrize("wide", [False, True])
def test_indices_of_every_type(dtype, wide):
    words = numpy.arange(60).reshape(20, 3) % 10
    net = nn.HybridSequential()
    net.add(nn.Embedding(10, 4), nn.Dense(2, in_units=12))
    net.initialize()
    if wide:
        net.cast("float64")
    vectors = net[0].weight.data().asnumpy()[words].reshape(20, 12)
    expected = vectors @ net[1].weight.data().asnumpy().T
    given = [(nd.array(words, dtype=dtype), nd.array(Y))]
    assert numpy.allclose(predict(net, given).asnumpy(), expected, rtol=1e-5, atol=1e-7)
    assert len(fit(net, given, epochs=1)) == 1


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_whole_numbers_that_a_network_cannot_compute_with(dtype):
    given = [(nd.ones((20, 3), dtype=dtype), nd.array(Y))]
    words = (
        rf"gives batches of \(20, 3\) {dtype}: .* If the network is to compute with the {dtype} "
        r"numbers, give them as floats: astype\('float32'\), of pixels divided by 255"
    )
    for use in (lambda net: fit(net, given, epochs=1), lambda net: predict(net, given)):
        with pytest.raises(ArgumentError, match=words):
            use(made())


def test_float16_on_a_processor():
    words = r"`net` is in float16, which MXNet computes on GPUs only \(.*\); call net.cast"
    for use in (
        lambda net: fit(net, (X, Y), epochs=1),
        lambda net: evaluate(net, (X, Y)),
        lambda net: predict(net, X.astype("float16")),
    ):
        with pytest.raises(StateError, match=words):
            use(made("float16"))
        deferred = nn.Dense(2)
        deferred.initialize()
        deferred.cast("float16")
        with pytest.raises(StateError, match=words):
            use(deferred)


@pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")
@pytest.mark.parametrize("compiled", [None, False])
def test_an_imported_network_trains(compiled, tmp_path):
    net = made()
    net.hybridize()
    net(nd.array(X))
    net.export(str(tmp_path / "net"))
    names = (tmp_path / "net-symbol.json", ["data"], tmp_path / "net-0000.params")
    imported = gluon.SymbolBlock.imports(*(n if isinstance(n, list) else str(n) for n in names))
    options = {
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.5},
        "batch_size": 20,
        "compiled": compiled,
    }
    fit(imported, (X, Y), epochs=2, resume=tmp_path, **options)
    fit(imported, (X, Y), epochs=4, resume=tmp_path, **options)
    weights = by_hand(made(), X, Y, 4, "float32")
    arrays = [parameter.data().asnumpy() for parameter in imported.collect_params().values()]
    for wanted in weights:
        assert any(
            array.shape == wanted.shape and numpy.allclose(array, wanted, rtol=1e-4, atol=1e-5)
            for array in arrays
        )


class Unused(nn.HybridBlock):
    """Has a layer that nothing calls, so that its shape is never known."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.used, self.unused = nn.Dense(2), nn.Dense(7)

    def hybrid_forward(self, F, x):
        return self.used(x)


@pytest.mark.parametrize("compiled", [None, False])
def test_a_layer_that_nothing_calls(compiled, tmp_path):

    def run(folder, epochs):
        mx.random.seed(0)
        net = Unused()
        net.initialize()
        net.used.weight.initialize(mx.init.One(), force_reinit=True)
        stop = EarlyStopping("loss", patience=9)
        options = {"seed": 1, "compiled": compiled, "callbacks": [stop], "resume": folder}
        fit(net, (X, Y), epochs=epochs, **options)
        assert net.unused.weight._data is None
        return net

    run(tmp_path / "a", 2)
    resumed, whole = run(tmp_path / "a", 4), run(tmp_path / "b", 4)
    assert (resumed.used.weight.data() == whole.used.weight.data()).asnumpy().all()


def test_predicting_without_labels():
    net = made()
    expected = net(nd.array(X)).asnumpy()
    x = X.astype("float32")
    for given in (
        gluon.data.DataLoader(gluon.data.ArrayDataset(x), 7),
        gluon.data.SimpleDataset(list(x)),
        BatchLoader(x, 7),
        mx.io.NDArrayIter(x, None, 7),
        iter([nd.array(x[:13]), nd.array(x[13:])]),  # batches, and not several inputs
    ):
        outputs = predict(net, given)
        outputs = outputs if isinstance(outputs, numpy.ndarray) else outputs.asnumpy()
        assert numpy.allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ArgumentError, match="give a pair of data and label"):
        evaluate(net, gluon.data.DataLoader(gluon.data.ArrayDataset(x), 7))


def words(size=50, axes=1):
    """Return a network that looks words up, in the active array mode."""
    net = nn.HybridSequential()
    net.add(nn.Embedding(size, 4), nn.Flatten(), nn.Dense(3))
    net.initialize(mx.init.Xavier())
    net(mx.np.zeros((1,) + (2,) * axes) if npx.is_np_array() else mx.nd.zeros((1,) + (2,) * axes))
    return net


def looked_up(net, tokens):
    """Return what NumPy makes of tokens."""
    table, weight, bias = (p.data().asnumpy() for p in net.collect_params().values())
    return table[tokens].reshape(len(tokens), -1) @ weight.T + bias


def test_indices_of_uint8_are_no_pixels(array_mode):
    net, draws = words(), numpy.random.default_rng(3)
    tokens, label = draws.integers(0, 50, (9, 2)).astype("uint8"), draws.integers(0, 3, 9)
    expected = looked_up(net, tokens)
    assert abs(predict(net, tokens) - expected).max() < 1e-6
    assert abs(predict(net, BatchLoader((tokens, label), 4)).asnumpy() - expected).max() < 1e-6
    right = float((expected.argmax(axis=1) == label).mean())
    assert evaluate(net, (tokens, label))["accuracy"] == pytest.approx(right)
    twin = words()
    for one, other in zip(
        net.collect_params().values(), twin.collect_params().values(), strict=True
    ):
        other.set_data(one.data())
    fit(net, (tokens, label), epochs=2, seed=1)
    fit(twin, (tokens.astype("int32"), label), epochs=2, seed=1)
    assert all((a == b).all() for a, b in zip(values(net), values(twin), strict=True))
    pages = draws.integers(0, 50, (9, 2, 2)).astype("uint8")
    for call in (
        lambda: predict(words(axes=2), pages),
        lambda: evaluate(words(axes=2), (pages, label)),
        lambda: fit(words(axes=2), (pages, label), epochs=1),
    ):
        with pytest.raises(ArgumentError, match=r"has uint8 as array 0, .* takes it for indices"):
            call()
    net = words(axes=2)
    assert abs(predict(net, pages.astype("int32")) - looked_up(net, pages)).max() < 1e-6


class Difference(nn.HybridBlock):
    """Of two pictures."""

    def hybrid_forward(self, F, one, two):
        return one - two


def test_the_last_of_several_inputs_is_no_label():
    pictures = numpy.random.default_rng(3).integers(0, 256, (2, 5, 3, 3)).astype("uint8")
    expected = pictures[0] / 255 - pictures[1] / 255
    assert abs(predict(Difference(), list(pictures)) - expected).max() < 1e-6
    assert abs(predict(Difference(), list(pictures), batch_size=2) - expected).max() < 1e-6


def test_masks_of_uint8_are_no_pixels():
    net = sequential(nn.Dense(2, in_units=9))
    net.initialize()
    masks, label = numpy.eye(9, dtype="uint8").reshape(9, 3, 3), numpy.arange(9) % 2
    for call in (
        lambda: fit(net, (masks, label), epochs=1),
        lambda: evaluate(net, (masks, label)),
    ):
        with pytest.raises(ArgumentError, match="has uint8 of 0 and 1 only as array 0"):
            call()
    fit(net, (masks.astype("float32"), label), epochs=1)
    with pytest.raises(ArgumentError, match="of pixels divided by 255"):  # rows are no pictures
        fit(net, (masks.reshape(9, 9), label), epochs=1)
