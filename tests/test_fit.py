"""`fit`, `evaluate`, `predict`: right, whatever the data come in, and clear about what is wrong."""

import gc
import resource
import warnings

import numpy
import pytest

from gluonkit import (
    Callback,
    autograd,
    create_model,
    data,
    evaluate,
    find_lr,
    fit,
    gluon,
    mx,
    nn,
    predict,
)
from gluonkit.data import BatchLoader
from gluonkit.errors import ArgumentError, ArgumentTypeError, NotFiniteError, StateError
from gluonkit.system.devices import computes_bfloat16
from gluonkit.train.history import History
from tests.networks import sequential, values

FEATURES, CLASSES = 6, 5


def samples(count=40, seed=0):
    draws = numpy.random.default_rng(seed)
    centers = numpy.random.default_rng(9).normal(size=(CLASSES, FEATURES)) * 3
    label = draws.integers(0, CLASSES, count).astype("int32")
    return (centers[label] + draws.normal(size=(count, FEATURES))).astype("float32"), label


def mlp(init="xavier"):
    mx.random.seed(1)
    net = sequential(
        nn.Dense(8, activation="tanh", in_units=FEATURES), nn.Dense(CLASSES, in_units=8)
    )
    if init:
        net.initialize(init)
    return net


def same(one, other):
    return all((a == b).all() for a, b in zip(values(one), values(other), strict=True))


def array_of(mode):
    return mx.np.array if mode == "np" else mx.nd.array


def test_training_learns_and_tells_how(array_mode):
    train, val = samples(200), samples(100, seed=1)
    net = mlp()
    history = fit(
        net,
        train,
        val=val,
        epochs=8,
        optimizer="adam",
        optimizer_params={"learning_rate": 0.02},
        seed=0,
    )
    assert history.engine == "compiled"
    assert [row["epoch"] for row in history.epochs] == list(range(1, 9))
    assert history.last["val_accuracy"] > 0.9
    assert history["loss"][-1] < history["loss"][0] / 2
    assert history.last.keys() == {
        "epoch",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "lr",
        "seconds",
        "samples_per_second",
        "data_wait",
    }
    assert all(0 <= share <= 1 for share in history["data_wait"])
    assert evaluate(net, val) == {
        name: pytest.approx(history.last[f"val_{name}"]) for name in ("loss", "accuracy")
    }


@pytest.mark.parametrize("compiled", [True, False])
def test_figures_are_those_of_the_data(array_mode, compiled):
    """With a rate of zero the network stays as it is, so that every figure can be recomputed."""
    x, y = samples(45)
    net = mlp()
    rate = {"learning_rate": 0.0}
    history = fit(
        net,
        (x, y),
        val=(x, y),
        epochs=2,
        optimizer_params=rate,
        batch_size=8,
        compiled=compiled,
        metrics="accuracy",
        optimizer="sgd",
    )
    logits = net(array_of(array_mode)(x)).asnumpy().astype("float64")
    logs = logits - numpy.log(numpy.exp(logits).sum(1, keepdims=True))
    loss, accuracy = -logs[range(45), y].mean(), (logits.argmax(1) == y).mean()
    for row in history.epochs:
        assert row["loss"] == pytest.approx(loss, rel=1e-5)
        assert row["val_loss"] == pytest.approx(loss, rel=1e-5)
        assert row["accuracy"] == row["val_accuracy"] == pytest.approx(accuracy)
    assert evaluate(net, (x, y), batch_size=8)["loss"] == pytest.approx(loss, rel=1e-5)
    close = abs(predict(net, x, batch_size=7) - logits).max()
    assert close < 1e-5


def test_fit_is_the_hand_written_loop(array_mode):
    train = samples(64)
    mine, theirs = mlp(), mlp()
    loader = BatchLoader(train, 16, shuffle=True, seed=3)
    fit(mine, loader, epochs=3, optimizer_params={"learning_rate": 0.1}, optimizer="sgd")
    loader.epoch = 0
    theirs(array_of(array_mode)(train[0][:1]))
    trainer = gluon.Trainer(theirs.collect_params(), "sgd", {"learning_rate": 0.1})
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    for _ in range(3):
        for x, y in loader:
            with autograd.record():
                value = loss(theirs(x), y)
            value.backward()
            trainer.step(len(x))
    for one, other in zip(values(mine), values(theirs), strict=True):
        assert abs(one - other).max() < 1e-5 * max(1, abs(other).max())


def forms(train):
    x, y = train
    pairs = list(zip(x, y, strict=True))
    return {
        "arrays": train,
        "list": [x, y],
        "mxnet": (mx.nd.array(x), mx.nd.array(y, dtype="int32")),
        "Dataset": data.Dataset("mine", "train", x, y, tuple("abcde")),
        "BatchLoader": BatchLoader(train, 10),
        "transform": BatchLoader(train, 10, transform=lambda x, y: (x, y)),
        "ArrayDataset": gluon.data.ArrayDataset(x, y),
        "SimpleDataset": gluon.data.SimpleDataset(pairs),
        "DataLoader": gluon.data.DataLoader(gluon.data.ArrayDataset(x, y), 10),
        "NDArrayIter": mx.io.NDArrayIter(x, y, 10),
        "batches": [(x[i : i + 10], y[i : i + 10]) for i in range(0, len(x), 10)],
    }


@pytest.mark.parametrize("form", forms(samples()))
def test_data_come_in_many_forms(form):
    train = samples()
    given = forms(train)[form]
    size = (
        10
        if form in ("arrays", "list", "mxnet", "Dataset", "ArrayDataset", "SimpleDataset")
        else None
    )
    net = mlp()
    history = fit(
        net,
        given,
        epochs=2,
        seed=0,
        batch_size=size,
        optimizer_params={"learning_rate": 0.0},
        optimizer="sgd",
    )
    assert len(history) == 2
    figures = evaluate(net, forms(train)[form], batch_size=size)
    assert history.last["loss"] == pytest.approx(figures["loss"], rel=1e-5)
    assert figures == pytest.approx(evaluate(net, train), rel=1e-6)


def test_the_last_short_batch_of_an_iterator_is_not_padded():
    x, y = samples(25)
    net = mlp()
    padded = mx.io.NDArrayIter(x, y, 10)
    assert evaluate(net, padded)["accuracy"] == evaluate(net, (x, y))["accuracy"]
    assert fit(net, padded, epochs=1).last["samples_per_second"] > 0


def test_predict_takes_data_with_and_without_labels(array_mode):
    x, y = samples()
    net = mlp()
    expected = predict(net, x)
    assert expected.shape == (40, CLASSES)
    for given in (
        x,
        [x],
        data.Dataset("d", "s", x, y, ()),
        [(x[:20], y[:20]), (x[20:], y[20:])],
        (part for part in (x[:20], x[20:])),
    ):
        outputs = predict(net, given)
        assert type(outputs) is numpy.ndarray  # NumPy in, NumPy out
        assert numpy.allclose(outputs, expected, atol=1e-6)
    make = mx.np.array if array_mode == "np" else mx.nd.array
    for given in (
        make(x),
        [make(x)],
        BatchLoader((x, y), 7),
        gluon.data.ArrayDataset(x),
        gluon.data.DataLoader(gluon.data.ArrayDataset(x, y), 7),
        mx.io.NDArrayIter(x, y, 7),
        [(make(x[:20]), y[:20]), (make(x[20:]), y[20:])],
    ):
        outputs = predict(net, given)
        assert type(outputs) is (mx.np.ndarray if array_mode == "np" else mx.nd.NDArray)
        assert numpy.allclose(outputs.asnumpy(), expected, atol=1e-6)


def test_predict_keeps_the_outputs_nesting():
    class Two(nn.HybridBlock):
        def hybrid_forward(self, F, x):
            return x * 2, [x + 1]

    x, _ = samples()
    double, (plus,) = predict(Two(), x)
    assert numpy.array_equal(double, x * 2)
    assert numpy.array_equal(plus, x + 1)


def test_outputs_that_batches_do_not_divide_are_refused_and_one_batch_is_not():
    class Turned(nn.HybridBlock):
        def hybrid_forward(self, F, x):
            return x, F.transpose(x)

    x, _ = samples()
    with pytest.raises(ArgumentError, match=r"`net` returns, as output 1, .* first axis"):
        predict(Turned(), x, batch_size=len(x) // 2)
    same, turned = predict(Turned(), x, batch_size=len(x))
    assert numpy.array_equal(same, x)
    assert numpy.array_equal(turned, x.T)


def test_evaluation_is_in_prediction_mode_and_changes_nothing(array_mode):
    net = sequential(nn.Dense(8), nn.BatchNorm(), nn.Dropout(0.9), nn.Dense(CLASSES))
    net.initialize("xavier")
    x, y = samples()
    first = evaluate(net, (x, y))
    before = values(net)
    assert evaluate(net, (x, y)) == first
    assert all((a == b).all() for a, b in zip(values(net), before, strict=True))


@pytest.mark.parametrize("flags", [{}, {"static_alloc": True, "static_shape": True}])
def test_a_network_that_was_hybridized_stays_so(flags):
    net = mlp()
    net.hybridize(**flags)
    fit(net, samples(), epochs=1)
    assert net._active
    assert net(mx.nd.zeros((2, FEATURES))).shape == (2, CLASSES)


def test_metrics_are_fresh_each_time_and_mxnets_may_be_given():
    metric = mx.metric.Accuracy()
    metric.update(mx.nd.array([0]), mx.nd.array([[1, 0]]))
    net, train = mlp(), samples()
    given = ["accuracy", metric, mx.metric.TopKAccuracy(top_k=2), lambda label, output: 7.0]
    figures = evaluate(net, train, metrics=given)
    assert metric.get()[1] == 1.0  # the user's own is left alone
    assert figures["accuracy"] == evaluate(net, train)["accuracy"]
    assert figures["top_k_accuracy_2"] >= figures["accuracy"]
    assert 7.0 in figures.values()
    assert evaluate(net, train, metrics="acc").keys() == {"loss", "accuracy"}
    assert evaluate(net, train, metrics=(), loss=None) == {}


@pytest.mark.parametrize("batch_size", [7, 40])
def test_means_weigh_every_sample_alike(batch_size):
    x, _ = samples()
    y = x[:, :CLASSES] * 2
    net = mlp()
    output = predict(net, x).astype("float64")
    figures = evaluate(
        net, (x, y), loss="l2", metrics=["mse", "mae", "rmse"], batch_size=batch_size
    )
    square = ((output - y) ** 2).mean()
    assert figures["mse"] == pytest.approx(square, rel=1e-5)
    assert figures["rmse"] == pytest.approx(square**0.5, rel=1e-5)
    assert figures["mae"] == pytest.approx(abs(output - y).mean(), rel=1e-5)
    assert figures["loss"] == pytest.approx(square / 2, rel=1e-5)


@pytest.mark.parametrize("compiled", [True, False])
def test_metrics_that_count_batches_see_every_batch(compiled):
    """33 batches, more than are worked through at once; in the last, all errors are large."""
    x = numpy.zeros((33 * 64, 1), "float32")
    y = numpy.full((33 * 64, 1), 0.0, "float32")
    y[-64:] = 100
    net = nn.Dense(1, use_bias=False, in_units=1)
    net.initialize()

    def largest(label, output):
        return float(abs(label - output).max())

    options = {"loss": "l2", "metrics": ["mae", mx.metric.MAE(name="batches"), largest]}
    train = BatchLoader((x, y), 64)
    figures = [evaluate(net, train, **options)]
    options |= {"optimizer_params": {"learning_rate": 0.0}, "compiled": compiled}
    row = fit(net, train, val=train, epochs=1, **options).last
    figures += [row, {name: row[f"val_{name}"] for name in figures[0]}]
    for measured in figures:
        for name in ("mae", "batches", "largest"):
            assert measured[name] == pytest.approx(100 / 33, rel=1e-6)


def test_the_same_seed_gives_the_same_run():
    def run():
        net = sequential(nn.Dense(8), nn.Dropout(0.5), nn.Dense(CLASSES))
        mx.random.seed(5)
        net.initialize("xavier")
        history = fit(net, samples(), epochs=2, seed=3, batch_size=8)
        return net, [row["loss"] for row in history.epochs]

    one, two = run(), run()
    assert same(one[0], two[0])
    assert one[1] == two[1]


def test_a_seed_begins_the_loader_anew_and_without_one_it_goes_on():
    loader = BatchLoader(samples(), 8, shuffle=True, seed=0)
    nets = [mlp() for _ in range(4)]
    for net, seed in zip(nets, (1, 1, None, None), strict=True):
        fit(
            net,
            loader,
            epochs=1,
            seed=seed,
            optimizer_params={"learning_rate": 0.1},
            optimizer="sgd",
        )
    assert same(nets[0], nets[1])
    assert not same(nets[1], nets[2])
    assert loader.epoch == 3


def test_several_devices_give_the_numbers_of_one(array_mode):
    train = samples(42)
    one, two = mlp(), mlp()
    options = {
        "epochs": 3,
        "batch_size": 8,
        "seed": 0,
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.1, "momentum": 0.9},
    }
    first = fit(one, train, **options)
    second = fit(two, train, ctx=[mx.cpu(0), mx.cpu(1), mx.cpu(2)], **options)
    assert "divided over several devices" in second.notes[0]
    for parameter, reference in zip(two.collect_params().values(), values(one), strict=True):
        copies = [array.asnumpy() for array in parameter.list_data()]
        assert len(copies) == 3
        assert all((copy == copies[0]).all() for copy in copies)
        assert abs(copies[0] - reference).max() < 1e-5
    assert [r["loss"] for r in second.epochs] == pytest.approx(
        [r["loss"] for r in first.epochs], rel=1e-4
    )


def test_running_statistics_are_equal_on_all_devices():
    net = sequential(nn.Dense(8), nn.BatchNorm(), nn.Dense(CLASSES))
    net.initialize("xavier", ctx=[mx.cpu(0), mx.cpu(1)])
    fit(net, samples(), epochs=1, batch_size=8)
    for parameter in net.collect_params().values():
        one, two = (array.asnumpy() for array in parameter.list_data())
        assert (one == two).all()


@pytest.mark.skipif(not computes_bfloat16(), reason="this processor has no bfloat16")
def test_mixed_precision_learns():
    train = samples(200)
    net = mlp()
    history = fit(
        net,
        train,
        epochs=8,
        amp=True,
        optimizer="adam",
        optimizer_params={"learning_rate": 0.02},
        seed=0,
    )
    plain = fit(
        mlp(), train, epochs=8, optimizer="adam", optimizer_params={"learning_rate": 0.02}, seed=0
    )
    assert history.last["accuracy"] > 0.9
    assert history.last["loss"] == pytest.approx(plain.last["loss"], rel=0.1)
    assert history.last["loss"] != plain.last["loss"]
    assert {numpy.dtype(p.dtype).name for p in net.collect_params().values()} == {"float32"}


def test_mixed_precision_is_refused_on_a_processor_without_it(python):
    code = """
import numpy
from gluonkit import fit, nn
from gluonkit.errors import ArgumentError
net = nn.Dense(2)
net.initialize()
for amp in (True, "bfloat16"):
    try:
        fit(net, (numpy.ones((8, 3), "float32"), numpy.zeros(8)), epochs=1, amp=amp)
    except ArgumentError as error:
        print(error)
fit(net, (numpy.ones((8, 3), "float32"), numpy.zeros(8)), epochs=1)
"""
    done = python("-c", code, env={"DNNL_MAX_CPU_ISA": "AVX2"})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["`amp` is True", "`amp` is 'bfloat16'"]
    assert all("only on processors with AVX-512" in line for line in lines)


def test_what_cannot_be_traced_is_trained_by_plain_steps_and_said():
    class Doubling(nn.Block):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(CLASSES)

        def forward(self, x):
            y = self.dense(x)
            while abs(y).sum().asscalar() < 1:
                y = y * 2
            return y

    net = Doubling()
    net.initialize("xavier")
    history = fit(
        net, samples(200), epochs=5, optimizer="adam", optimizer_params={"learning_rate": 0.05}
    )
    assert history.engine == "imperative"
    assert history.notes == [
        "the steps are not compiled: it (Doubling) is a Block, not a HybridBlock"
    ]
    assert history.last["accuracy"] > 0.8
    assert "note: the steps are not compiled" in str(history)
    net = Doubling()
    net.initialize()
    with pytest.raises(ArgumentError, match="`compiled` is True, but the step cannot be one graph"):
        fit(net, samples(), epochs=1, compiled=True)


@pytest.mark.parametrize("compiled", [True, False])
def test_unused_parameters_are_explained_not_warned_about(compiled):
    class Partly(nn.HybridBlock):
        def __init__(self):
            super().__init__(prefix="part_")
            with self.name_scope():
                self.used = nn.Dense(CLASSES, in_units=FEATURES)
                self.unused = nn.Dense(3, in_units=2)

        def hybrid_forward(self, F, x):
            return self.used(x)

    net = Partly()
    net.initialize()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(net, samples(), epochs=1, compiled=compiled)
    assert history.notes == [
        "the loss does not depend on part_dense1_weight, part_dense1_bias: they stay as they are"
    ]


def test_memory_does_not_grow():
    net, train = mlp(), samples(64)
    loader = BatchLoader(train, 8, shuffle=True, seed=0)

    def used():
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB

    fit(net, loader, epochs=100, seed=0)
    before = used()
    history = fit(net, loader, epochs=1250, seed=0)  # 10,000 steps
    assert len(history) == 1250
    assert used() - before < 4096


def test_steps_are_recorded_if_asked_for():
    history = fit(mlp(), samples(), epochs=2, batch_size=10, record_steps=True)
    assert [row["step"] for row in history.steps] == list(range(1, 9))
    mean = numpy.mean([row["loss"] for row in history.steps[4:]])
    assert mean == pytest.approx(history.last["loss"], rel=1e-6)


def test_history_goes_through_its_epochs():
    rows = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]
    history = History(epochs=rows)
    assert list(history) == rows
    with pytest.raises(ArgumentTypeError, match=r"`name` is 0, an int; give a name, a str"):
        history[0]


def test_history_as_data(tmp_path):
    history = fit(mlp(), samples(), val=samples(seed=1), epochs=3)
    text = history.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text() == text
    rows = [line.split(",") for line in text.splitlines()]
    assert rows[0] == history.names()
    assert float(rows[2][1]) == history.epochs[1]["loss"]
    assert history.to_dict()["epochs"] == history.epochs
    best = min(history.epochs, key=lambda row: row["val_loss"])
    assert history.best("val_loss") == best
    assert history.best("val_accuracy")["val_accuracy"] == max(history["val_accuracy"])
    with pytest.raises(
        ArgumentError, match=r"`name` is 'acuracy', which is not known\. Did you mean"
    ):
        history["acuracy"]
    lines = str(history).splitlines()
    assert len(lines) == 5
    assert all(len(line) <= 100 for line in lines)
    assert "<table>" in history._repr_html_()


# What is wrong is said, and nothing is changed


def refused(error, message, net, train, **options):
    """Assert that `fit` refuses it and leaves the weights alone, and return the error's text."""
    weights = [parameter._data for parameter in net.collect_params().values()]
    before = values(net) if all(weights) else None
    with pytest.raises(error, match=message) as refusal:
        fit(net, train, **{"epochs": 1, **options})
    if before is not None:
        assert all((a == b).all() for a, b in zip(values(net), before, strict=True))
    return str(refusal.value)


def started(net):
    net(mx.nd.zeros((1, FEATURES)))
    return net


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (5, "`train` has labels from 0 to 5, but the network has 5 outputs, for classes 0 to 4"),
        (-1, "`train` has labels from -1 to 4"),
        (1.5, "`train` has labels such as 1.5; this loss takes class numbers"),
    ],
)
def test_labels_out_of_range(label, message):
    x, y = samples()
    y = y.astype("float32" if isinstance(label, float) else "int32")
    y[3] = label
    for train in ((x, y), [(x, y)], BatchLoader((x, y), 8, transform=lambda a, b: (a, b))):
        refused(ArgumentError, message, started(mlp()), train)
    with pytest.raises(ArgumentError, match=message.replace("train", "data")):
        evaluate(started(mlp()), (x, y))
    with pytest.raises(ArgumentError, match=message.replace("train", "val")):
        fit(started(mlp()), samples(), val=(x, y), epochs=1)


X, Y = samples()
BAD_DATA = {
    "lengths that differ": ((X, Y[:39]), "`train` has parts of 40 and 39 samples"),
    "lengths that differ in a batch": (
        [(X, Y[:39])],
        r"batch 0 of `train` has arrays of shapes \(40, 6\), \(39,\)",
    ),
    "too few features": (
        (X[:, :3], Y),
        r"`train` gives batches of \(40, 3\).*do not go through `0` \(Dense\)",
    ),
    "whole numbers": ((X.astype("int32"), Y), "`train` gives batches of .*int32"),
    "no batch": ([], "`train` gives no batch"),
    "empty arrays": ((X[:0], Y[:0]), "`train` has no samples"),
    "an empty batch": (
        [(X[:0], Y[:0])],
        r"batch 0 of `train` has arrays of shapes \(0, 6\)",
    ),
    "a batch without labels": ([(X,)], "batch 0 of `train` is a tuple; give a pair"),
    "no labels": (X, "`train` has one array; give data and label"),
    "two inputs": ((X, X, Y), "2 inputs are given, but HybridSequential takes 1"),
    "one-hot labels": (
        [(X, numpy.eye(CLASSES, dtype="float32")[Y])],
        r"labels of shape \(40, 5\) for outputs.*one-hot",
    ),
}


@pytest.mark.parametrize(("train", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_data_that_do_not_fit(train, message):
    refused(ArgumentError, message, started(mlp()), train)


def test_training_data_that_are_no_data():
    refused(ArgumentTypeError, "`train` is 3, an int", started(mlp()), 3)


def test_an_iterator_for_several_epochs():
    message = "`train` is an iterator, which is used up"
    refused(ArgumentError, message, started(mlp()), iter([(X, Y)]), epochs=2)


def test_nan_in_the_data():
    x, y = samples()
    x[[3, 7]] = numpy.nan
    refused(
        ArgumentError,
        r"`train` holds NaN or infinity: array 0, 2 of 40 samples \(3, 7\)",
        started(mlp()),
        (x, y),
    )
    batches = [samples(8), (x[:8], y[:8])]
    text = refused(
        NotFiniteError,
        "training stopped at step 2",
        started(mlp()),
        batches,
        optimizer_params={"learning_rate": 0.0},
    )
    assert "the batch's input holds NaN or infinity in sample 3, 7" in text


@pytest.mark.parametrize("compiled", [True, False])
def test_nan_names_step_and_layer_and_leaves_the_weights(compiled):
    class Log(nn.HybridBlock):
        def hybrid_forward(self, F, x):
            return F.log(x)

    net = sequential(nn.Dense(8), Log(), nn.Dense(CLASSES))
    net.initialize(mx.init.One())
    good = numpy.ones((8, FEATURES), "float32"), numpy.arange(8).astype("int32") % CLASSES
    bad = -good[0], good[1]
    seen = []

    class Keep(Callback):
        def on_step_end(self, run):
            seen.append(values(net))

    with pytest.raises(NotFiniteError) as error:
        fit(
            net,
            [good, bad, good],
            epochs=1,
            callbacks=[Keep()],
            compiled=compiled,
            optimizer_params={"learning_rate": 1e-3},
            optimizer="sgd",
        )
    text = str(error.value)
    assert "training stopped at step 2 (epoch 1): the loss is not finite" in text
    assert "the first layer whose output is not finite is `1` (Log)" in text
    assert "The network has the weights from before that step (step 1)" in text
    assert len(seen) == 1
    assert all((a == b).all() for a, b in zip(values(net), seen[0], strict=True))


def test_divergence_leaves_finite_weights():
    net = mlp()
    with pytest.raises(NotFiniteError, match="A smaller learning rate or grad_clip= helps"):
        fit(
            net,
            samples(),
            epochs=50,
            optimizer_params={"learning_rate": 1e30},
            optimizer="sgd",
        )
    assert all(numpy.isfinite(value).all() for value in values(net))


@pytest.mark.parametrize("compiled", [True, False])
def test_a_loader_that_fails_in_the_middle(compiled):
    class Failing:
        def __iter__(self):
            yield samples(8)
            yield samples(8)
            raise OSError("the disk is gone")

    net, other = mlp(), mlp()
    options = {
        "epochs": 1,
        "compiled": compiled,
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.1},
    }
    with pytest.raises(
        StateError, match="`train` failed at batch 2 of epoch 1: OSError: the disk is gone"
    ) as error:
        fit(net, Failing(), **options)
    assert isinstance(error.value.__cause__, OSError)
    assert "The network has the weights of step 2" in str(error.value)
    fit(other, [samples(8), samples(8)], **options)
    assert same(net, other)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            (X[:8, :3], Y[:8]),
            r"batch 1 of `train` in epoch 1, arrays of \(8, 3\), \(8,\) int32, does not go through",
        ),
        ((X[:8], Y[:8] + 5), "`train` has labels from"),
        ((X[:8], Y[:3]), "batch 1 of `train`"),
    ],
    ids=["features", "labels", "lengths"],
)
def test_a_bad_batch_in_the_middle(bad, message):
    good, net, other = (X[:8], Y[:8]), mlp(), mlp()
    with pytest.raises(ArgumentError, match=message):
        fit(net, [good, bad], epochs=1)
    fit(other, [good], epochs=1)
    assert same(net, other)


def with_an_uninitialized_layer():
    net = mlp()
    net.add(nn.Dense(CLASSES))
    return net


def with_gradients_that_add_up():
    net = mlp()
    net[0].weight.grad_req = "add"
    return net


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            lambda: mlp(init=None),
            r"`net` has no values for 0.weight: call net.initialize\(\) first",
        ),
        (with_an_uninitialized_layer, r"`net` has no values for 2.weight"),
        (with_gradients_that_add_up, "`net` has grad_req='add' for 0.weight"),
    ],
    ids=["uninitialized", "one layer uninitialized", "grad_req add"],
)
def test_networks_that_cannot_be_trained(network, message):
    refused(StateError, message, network(), samples())


def test_a_network_shared_by_halves():
    net = sequential(nn.Dense(CLASSES, in_units=CLASSES), nn.Dense(CLASSES, in_units=CLASSES))
    net.initialize()
    net[1].weight._data = net[0].weight._data
    x, y = samples()
    with pytest.raises(
        StateError, match=r"shared by halves: 0\.weight and 1\.weight are one array, but two"
    ):
        fit(net, (x[:, :CLASSES], y), epochs=1)


def test_something_that_is_no_network():
    with pytest.raises(ArgumentTypeError, match="`net` is an int"):
        fit(3, samples(), epochs=1)


@pytest.mark.parametrize("value", [3.0, None])
def test_losses_that_return_no_array(value):
    message = "`loss` returned an? .*; return an MXNet array"
    refused(ArgumentTypeError, message, started(mlp()), samples(), loss=lambda output, label: value)


NO_BFLOAT16 = (
    "`amp` is 'bfloat16', which needs the step as one graph"
    if computes_bfloat16()
    else "`amp` is True, but MXNet computes in bfloat16 only on processors with AVX-512"
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "`epochs` is 0; give a whole number from 1"),
        ({"loss": "softmax"}, "`loss` is 'softmax', which is not known. Did you mean 'softmax_ce'"),
        ({"optimizer": "adamm"}, "`optimizer` is 'adamm', which is not known. Did you mean 'adam'"),
        (
            {"optimizer_params": {"rate": 3}},
            "`optimizer_params` is {'rate': 3}, which adam does not take",
        ),
        (
            {"optimizer": mx.optimizer.SGD(), "optimizer_params": {"wd": 1}},
            "is given with an optimizer that is made already",
        ),
        ({"metrics": "acuracy"}, "`metrics` has 'acuracy', which is not known"),
        ({"grad_clip": -1}, "`grad_clip` is -1; give a positive number"),
        ({"accumulate": 0}, "`accumulate` is 0"),
        ({"amp": "int8"}, "`amp` is 'int8'; give True, False"),
        (
            {"amp": "float16", "ctx": mx.cpu()},
            "`amp` is 'float16', for which MXNet has no fast code",
        ),
        ({"amp": True, "compiled": False}, NO_BFLOAT16),
        ({"seed": -1}, "`seed` is -1"),
        ({"ctx": [mx.cpu(), mx.cpu()]}, "give one device or more, each once"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else value.split(";")[0],
)
def test_bad_values_of_arguments(options, message):
    refused(ArgumentError, message, started(mlp()), samples(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 1.5}, "`epochs` is 1.5"),
        ({"loss": gluon.loss.L2Loss}, "`loss` is the class L2Loss; create an instance"),
        ({"loss": 3}, "`loss` is an int"),
        ({"optimizer": 3}, "`optimizer` is 3, an int"),
        ({"metrics": [3]}, "`metrics` has an int"),
        ({"callbacks": [3]}, "`callbacks` has an int; give"),
        ({"callbacks": [Callback]}, "`callbacks` has a type; create an instance"),
        ({"ctx": "cpu"}, "`ctx` is 'cpu', a str; give a device"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else value.split(";")[0],
)
def test_bad_types_of_arguments(options, message):
    refused(ArgumentTypeError, message, started(mlp()), samples(), **options)


def test_a_batch_size_beside_a_loader():
    message = "`batch_size` is 4, but `train` is a BatchLoader"
    refused(ArgumentError, message, started(mlp()), BatchLoader(samples(), 8), batch_size=4)


def test_a_metric_that_does_not_take_the_output():
    words = "`metrics`: PearsonCorrelation cannot take the network's outputs"
    with pytest.raises(ArgumentError, match=words):
        fit(mlp(), samples(), epochs=1, metrics="pearsonr")


def test_a_gpu_that_is_not_there():
    if mx.runtime.Features().is_enabled("CUDA") and mx.context.num_gpus():
        pytest.skip("this machine has a GPU, and MXNet can use it")
    refused(
        ArgumentError,
        r"`ctx` is gpu\(0\), but this build of MXNet has no GPU support|CUDA|sees 0 GPUs",
        started(mlp()),
        samples(),
        ctx=mx.gpu(0),
    )


def test_find_lr(array_mode):
    net, train = mlp(), samples(200)
    net(array_of(array_mode)(train[0][:1]))
    before = values(net)
    curve = find_lr(net, train, seed=0, steps=60)
    assert all((a == b).all() for a, b in zip(values(net), before, strict=True))
    assert curve.rates[0] == pytest.approx(1e-6)
    assert 1e-3 < curve.suggestion < 10
    assert len(curve.rates) == len(curve.losses)
    assert str(curve).endswith(f"suggested: {curve.suggestion:.3g}")
    lowest = curve.rates[curve.losses.index(min(curve.losses))]
    assert curve.suggestion <= 0.1 * lowest
    history = fit(
        mlp(),
        train,
        epochs=5,
        optimizer_params={"learning_rate": curve.suggestion},
        seed=0,
        optimizer="sgd",
    )
    assert history.last["accuracy"] > 0.8


def test_find_lr_for_a_network_whose_shapes_are_not_known_yet():
    net = mlp()
    assert find_lr(net, samples(), steps=20, seed=0).to_dict()["rates"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1, "high": 0.1}, "give 0 < low < high"),
        ({"steps": 3}, "`steps` is 3; give a whole number from 10"),
        (
            {"optimizer_params": {"learning_rate": 1}},
            "has 'learning_rate', which is what is looked for",
        ),
    ],
    ids=["range", "steps", "optimizer_params"],
)
def test_arguments_that_find_lr_refuses(options, message):
    with pytest.raises(ArgumentError, match=message):
        find_lr(mlp(), samples(), **options)


@pytest.mark.parametrize("name", ["lenet", "fancy_mlp", "tied_mlp"])
def test_gluonkits_own_networks(array_mode, name):
    net = create_model(name, init="xavier")
    if name == "fancy_mlp":
        x = samples()[0].repeat(4, axis=1)[:, :20]
        history = fit(
            net,
            [(x, numpy.ones(40, "float32"))],
            epochs=2,
            loss=lambda out, y: (out - 1) ** 2,
            metrics=(),
        )
    else:
        shape = (40, 1, 28, 28) if name == "lenet" else (40, 20)
        x = numpy.random.default_rng(0).random(shape, "float32")
        history = fit(net, (x, samples()[1]), epochs=2)
    assert history.engine == "compiled"
    assert len(history) == 2


@pytest.mark.parametrize("compiled", [True, False])
def test_samples_along_the_second_axis(array_mode, compiled):
    """Batches (time, samples, features): each sample counts once, whatever a batch's size."""
    draws = numpy.random.default_rng(2)
    batches = [
        (draws.normal(size=(5, size, 4)).astype("float32"), draws.integers(0, 3, (5, size)))
        for size in (4, 1)
    ]
    weight = draws.normal(size=(3, 4)) * 0.5
    net = nn.Dense(3, flatten=False, use_bias=False, in_units=4)
    net.initialize()
    net.weight.set_data(mx.nd.array(weight) if array_mode == "nd" else mx.np.array(weight))
    x, label = (numpy.concatenate(part, axis=1) for part in zip(*batches, strict=True))
    shares = numpy.exp(x @ weight.T)
    shares /= shares.sum(axis=2, keepdims=True)
    wanted = numpy.eye(3)[label]
    expected = -numpy.log((shares * wanted).sum(axis=2)).mean()
    loss = gluon.loss.SoftmaxCrossEntropyLoss(batch_axis=1)
    assert evaluate(net, batches, loss=loss)["loss"] == pytest.approx(expected, rel=1e-5)
    options = {"optimizer": "sgd", "optimizer_params": {"learning_rate": 0.5}, "accumulate": 2}
    history = fit(net, batches, epochs=1, loss=loss, val=batches, compiled=compiled, **options)
    assert history.last["loss"] == pytest.approx(expected, rel=1e-5)
    slope = numpy.einsum("tnk,tnf->kf", shares - wanted, x) / label.size
    assert abs(net.weight.data().asnumpy() - (weight - 0.5 * slope)).max() < 1e-5
    with pytest.raises(ArgumentError, match="`loss` has batch_axis=1, but batches are divided"):
        fit(net, batches, epochs=1, loss=loss, ctx=[mx.cpu(0), mx.cpu(1)])


class Thawing(Callback):
    """Freezes the first layer after two batches, and thaws it after four; or the other way."""

    def __init__(self, first):
        self.first = first

    def on_step_end(self, run):
        freeze_in_turns(run.net, run.step, self.first)


def freeze_in_turns(net, step, first):
    if step in (2, 4):
        other = "write" if first == "null" else "null"
        net[0].collect_params().setattr("grad_req", first if step == 2 else other)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("first", ["null", "write"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lamb"])
@pytest.mark.parametrize("options", [{}, {"grad_clip": 0.02}, {"accumulate": 2}])
def test_layers_that_are_frozen_and_thawed(compiled, first, optimizer, options):
    """Momentum, and the number of updates, of a layer are those that it had, as in a Trainer."""
    x, label = samples(48)
    batches = [(x[at : at + 8], label[at : at + 8]) for at in range(0, 48, 8)]
    rates = {"learning_rate": 0.05, **({"momentum": 0.9} if optimizer == "sgd" else {})}
    net, twin = mlp(), mlp()
    if first == "write":
        for layer in (net[0], twin[0]):
            layer.collect_params().setattr("grad_req", "null")
    fit(
        net, batches, epochs=1, optimizer=optimizer, optimizer_params=rates, compiled=compiled,
        callbacks=[Thawing(first)], **options,
    )  # fmt: skip
    trainer = gluon.Trainer(twin.collect_params(), optimizer, rates, kvstore=None)
    loss, joined = gluon.loss.SoftmaxCrossEntropyLoss(), options.get("accumulate", 1)
    for at in range(0, 6, joined):
        parts = [numpy.concatenate(p) for p in zip(*batches[at : at + joined], strict=True)]
        with autograd.record():
            value = loss(twin(mx.nd.array(parts[0])), mx.nd.array(parts[1])).mean()
        value.backward()
        trained = [p for p in twin.collect_params().values() if p.grad_req != "null"]
        if "grad_clip" in options:
            gluon.utils.clip_global_norm([p.grad() for p in trained], options["grad_clip"])
        trainer.step(1, ignore_stale_grad=True)
        freeze_in_turns(twin, at + joined, first)
    for one, other in zip(values(net), values(twin), strict=True):
        assert abs(one - other).max() < 1e-5
