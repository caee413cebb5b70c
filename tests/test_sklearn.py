"""The estimators keep scikit-learn's contract, and work where its own do."""

import pickle
import pickletools
import warnings

import numpy
import pytest

from gluonkit import fit, mx, nn, npx
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.integrations import sklearn as estimators
from gluonkit.integrations.sklearn import GluonClassifier, GluonRegressor
from gluonkit.system.seeding import seed_everything
from gluonkit.train import OneCycle
from tests.networks import values
from tests.test_fit import samples

base = pytest.importorskip("sklearn.base")
checks = pytest.importorskip("sklearn.utils.estimator_checks")
selection = pytest.importorskip("sklearn.model_selection")
pipeline = pytest.importorskip("sklearn.pipeline")
preprocessing = pytest.importorskip("sklearn.preprocessing")

X, Y = samples(120)
QUICK = {"epochs": 30, "batch_size": 32, "optimizer_params": {"learning_rate": 0.02}}


def classifier(net="mlp(units=(16,))", **options):
    return GluonClassifier(net, random_state=0, **{**QUICK, **options})


def regressor(net="mlp(units=(16,))", **options):
    return GluonRegressor(net, random_state=0, **{**QUICK, **options})


def dropping(outputs):
    """Return a network by hand, as an importable function."""
    net = nn.HybridSequential()
    net.add(nn.Dense(16, activation="relu"), nn.Dropout(0.2), nn.Dense(outputs))
    return net


def ending(outputs, kind):
    net = nn.HybridSequential()
    net.add(nn.Dense(outputs), nn.HybridLambda(kind))
    return net


@pytest.mark.parametrize("make", [classifier, regressor])
def test_scikit_learns_contract(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what its checks call themselves
        short = {"epochs": 12, "optimizer_params": {"learning_rate": 0.05}}
        results = checks.check_estimator(make(**short), on_fail=None)
    failed = [(row["check_name"], row["exception"]) for row in results if row["status"] == "failed"]
    assert failed == []
    assert sum(row["status"] == "passed" for row in results) > 40


def test_a_pipeline_a_search_in_two_processes_and_cross_validation(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of the processes that joblib starts
    line = pipeline.make_pipeline(preprocessing.StandardScaler(), classifier())
    scores = selection.cross_val_score(line, X, Y, cv=3)
    assert scores.min() > 0.8
    grid = {"gluonclassifier__net": ["mlp(units=())", "mlp(units=(8,))"]}
    search = selection.GridSearchCV(line, grid, cv=2, n_jobs=2, error_score="raise").fit(X, Y)
    alone = selection.GridSearchCV(line, grid, cv=2, error_score="raise").fit(X, Y)
    numpy.testing.assert_allclose(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    assert search.score(X, Y) > 0.9


def test_the_network_is_that_of_fit():
    names = numpy.array(["ant", "bee", "cat", "dog", "eel"])
    state = numpy.random.get_state()[1].copy()
    made = classifier(net=dropping).fit(X, names[Y])
    assert (numpy.random.get_state()[1] == state).all()  # of the caller's own
    assert made.classes_.tolist() == names.tolist()
    seed = int(numpy.random.RandomState(0).randint(2**31 - 1))
    seed_everything(seed)
    net = dropping(5)
    net.initialize("xavier")
    history = fit(net, (X, Y), epochs=30, batch_size=32, optimizer="adam", metrics=(), seed=seed,
                  optimizer_params={"learning_rate": 0.02})  # fmt: skip
    assert all((a == b).all() for a, b in zip(values(made.net_), values(net), strict=True))
    assert made.history_["loss"] == history["loss"]
    outputs = net(mx.nd.array(X)).asnumpy()
    assert (made.predict(X) == names[outputs.argmax(1)]).all()
    powers = numpy.exp(outputs.astype("float64"))
    shares = powers / powers.sum(1, keepdims=True)
    numpy.testing.assert_allclose(made.predict_proba(X), shares, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("kind", ["softmax", "log_softmax"])
def test_probabilities_are_not_made_twice(kind):
    made = classifier(net=lambda outputs: ending(outputs, kind)).fit(X, Y)
    outputs = made.net_(mx.nd.array(X)).asnumpy()
    shares = outputs if kind == "softmax" else numpy.exp(outputs)
    numpy.testing.assert_allclose(made.predict_proba(X), shares, rtol=1e-4, atol=1e-6)
    numpy.testing.assert_allclose(made.predict_proba(X).sum(1), 1, rtol=1e-6)


def test_a_sample_is_predicted_the_same_whatever_stands_beside_it():
    made = classifier().fit(X, Y)
    whole = made.predict_proba(X)
    assert whole.dtype == numpy.float32
    parts = [made.predict_proba(X[i : i + 7]) for i in range(0, 120, 7)]
    # Up to rounding: of a matrix's last rows a processor may add in another order.
    numpy.testing.assert_allclose(numpy.concatenate(parts), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("net", ["mlp(units=(8,))", dropping])
def test_a_pickle_holds_the_format_of_save(net):
    made = classifier(net=net).fit(X, Y)
    text = pickle.dumps(made)
    assert b"safetensors" not in text  # no path
    assert b'"dtype":"F32"' in text  # a header of safetensors
    names = [argument for _, argument, _ in pickletools.genops(text) if isinstance(argument, str)]
    assert not [name for name in names if "mxnet" in name]  # no object of MXNet's
    again = pickle.loads(text)
    assert (again.predict_proba(X) == made.predict_proba(X)).all()
    assert all((a == b).all() for a, b in zip(values(again.net_), values(made.net_), strict=True))
    assert again.history_["loss"] == made.history_["loss"]
    assert pickle.loads(pickle.dumps(classifier())).get_params() == classifier().get_params()


def test_clones_are_independent():
    made = classifier(callbacks=()).fit(X, Y)
    other = base.clone(made)
    assert not hasattr(other, "net_")
    other.set_params(epochs=1).fit(X, Y)
    assert len(made.history_) == 30
    scheduled = classifier(optimizer_params={"lr_scheduler": OneCycle(0.05)})
    first = scheduled.fit(X, Y).history_["lr"]
    assert scheduled.fit(X[:60], Y[:60]).history_["lr"][-1] < first[0]


def test_regressions_of_one_number_and_of_several():
    y = X @ numpy.arange(12.0).reshape(6, 2)
    y = (y - y.mean(0)) / y.std(0)
    several = regressor(epochs=150).fit(X, y)
    assert several.predict(X).shape == (120, 2)
    assert several.score(X, y) > 0.95
    one = regressor(epochs=150).fit(X, y[:, 0])
    assert one.predict(X).shape == (120,)
    assert one.score(X, y[:, 0]) > 0.95
    again = pickle.loads(pickle.dumps(several))
    assert (again.predict(X) == several.predict(X)).all()
    with pytest.warns(base.__dict__.get("DataConversionWarning", UserWarning)):
        assert regressor(epochs=1).fit(X, y[:, :1]).predict(X).shape == (120,)


def test_pictures_and_numpy_mode():
    npx.set_np()
    pictures = numpy.random.default_rng(0).random((40, 1, 28, 28))
    made = GluonClassifier("lenet", epochs=1, random_state=1).fit(pictures, Y[:40])
    assert made.predict_proba(pictures[:3]).shape == (3, 5)
    assert made.n_features_in_ == 1


def test_a_batch_is_no_larger_than_the_training_data():
    made = classifier(batch_size=10**12).fit(X, Y)
    usual = classifier(batch_size=len(X)).fit(X, Y)
    assert made.batch_size_ == len(X)
    assert numpy.array_equal(made.predict_proba(X), usual.predict_proba(X))


REFUSED = [
    (ArgumentTypeError, "`net` is a Dense; give the name of a model", {"net": nn.Dense(5)}),
    (ArgumentTypeError, "`net` is an int; give the name of a model", {"net": 3}),
    (ArgumentTypeError, "`net` is a function; give the name of a model", {"net": lambda: None}),
    (ArgumentTypeError, "`net` returns an int; return a Gluon block", {"net": lambda n: n}),
    (
        ArgumentError,
        r"`net` gives outputs of shape \(1, 7\) for one sample; give a network with 5 outputs",
        {"net": "mlp(classes=7)"},
    ),
    (ArgumentError, "`batch_size` is 0; give a whole number from 1", {"batch_size": 0}),
    (ArgumentError, "`epochs` is 0; give a whole number", {"epochs": 0}),
]


@pytest.mark.parametrize(("kind", "text", "options"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_is_refused(kind, text, options):
    with pytest.raises(kind, match=text):
        classifier(**options).fit(X, Y)


def test_without_scikit_learn_it_says_what_installs_it(python):
    code = (
        "import sys; sys.modules['sklearn.utils.validation'] = None\n"
        "sys.modules['sklearn'] = None\n"
        "import gluonkit\n"
        "try:\n    from gluonkit.integrations.sklearn import GluonClassifier\n"
        "except gluonkit.errors.MissingPackageError as error:\n    print(error)"
    )
    assert 'extra "sklearn" brings it' in python("-c", code).stdout
    assert estimators.GluonClassifier is GluonClassifier
