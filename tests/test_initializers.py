"""The tutorials' initializers, against the tutorials' own code."""

import itertools

import numpy
import pytest

import gluonkit
from gluonkit import (
    check_hybrid,
    create_model,
    evaluate,
    export,
    fit,
    init,
    materialize,
    mx,
    nn,
    predict,
    summary,
)
from gluonkit.errors import ArgumentError
from gluonkit.models.initializers import ReportingInitializer, TwoSidedUniform
from gluonkit.models.layers import MyDense


class MyInit(init.Initializer):
    """The book's initializer, without its print; the older edition wrote `nd` for `np`."""

    def _init_weight(self, name, data):
        random = mx.np.random if mx.util.is_np_array() else mx.nd.random
        data[:] = random.uniform(-10, 10, data.shape)
        data *= abs(data) >= 5


def weights_by(initializer, x):
    mx.random.seed(1)
    net = create_model("mlp", units=(300,), init=initializer)
    net(x)
    return net[0].weight.data().asnumpy()


def test_two_sided_uniform_equals_the_tutorials(uniform):
    x = uniform(2, 200)
    mine, theirs = weights_by(TwoSidedUniform(), x), weights_by(MyInit(), x)
    assert (mine == theirs).all()
    magnitudes = abs(mine)
    assert ((magnitudes == 0) | ((magnitudes >= 5) & (magnitudes <= 10))).all()
    shares = [(mine == 0).mean(), (mine > 0).mean(), (mine < 0).mean()]
    numpy.testing.assert_allclose(shares, [0.5, 0.25, 0.25], atol=0.01)


def test_two_sided_uniform_bounds(uniform):
    magnitudes = abs(weights_by(TwoSidedUniform(low=1, high=2), uniform(2, 200)))
    assert magnitudes[magnitudes > 0].min() >= 1
    assert magnitudes.max() <= 2


@pytest.mark.parametrize("bounds", [(-1, 2), (3, 3), (5, 1), (0, float("inf"))])
def test_two_sided_uniform_refuses(bounds):
    with pytest.raises(ArgumentError, match="they must satisfy 0 <= low < high"):
        TwoSidedUniform(*bounds)


def test_known_to_mxnet_by_name():
    assert isinstance(mx.init.create("twosideduniform", low=1, high=2), TwoSidedUniform)
    again = mx.init.create(TwoSidedUniform(low=1, high=2).dumps())
    assert (again._low, again._high) == (1, 2)
    assert isinstance(mx.init.create(ReportingInitializer("xavier").dumps()), ReportingInitializer)


def test_reporting_happens_when_the_shape_is_known(uniform, capsys):
    reporter = ReportingInitializer()
    net = create_model("mlp", init=reporter)
    names = [[layer.bias.name for layer in net], [layer.weight.name for layer in net]]
    biases = list(zip(names[0], [(256,), (10,)], strict=True))
    assert reporter.initialized == biases  # their shapes are known, so nothing is deferred
    net(uniform(2, 20))
    weights = list(zip(names[1], [(256, 20), (10, 256)], strict=True))
    assert reporter.initialized == biases + weights
    expected = [f"Init {name} {shape}" for name, shape in reporter.initialized]
    assert capsys.readouterr().out.splitlines() == expected
    net(uniform(2, 20))
    assert len(reporter.initialized) == 4


def test_reporting_changes_no_number(uniform, seed):
    outputs = []
    for initializer in (init.Xavier(), ReportingInitializer("xavier", report=lambda *_: None)):
        mx.random.seed(seed)
        net = create_model("mlp", init=initializer)
        outputs.append(net(uniform(2, 20)).asnumpy())
    assert (outputs[0] == outputs[1]).all()


def test_reporting_as_one_parameters_initializer(uniform):
    seen = []
    reporter = ReportingInitializer("ones", report=lambda name, shape: seen.append(shape))
    layer = MyDense(3, weight_initializer=reporter)
    layer.initialize()
    layer(uniform(2, 5))
    assert seen == [(5, 3)]
    assert (layer.weight.data().asnumpy() == 1).all()


class Counting(init.Initializer):
    """An initializer with a state: each array gets the next number. No text can say how."""

    def __init__(self, numbers):
        super().__init__(numbers=numbers)
        self.numbers = numbers

    def _init_weight(self, name, array):
        array[:] = next(self.numbers)


INITIALIZERS = {
    "zero": init.Zero,
    "one": init.One,
    "constant": lambda: init.Constant(3),
    "constant of an array": lambda: init.Constant(mx.nd.arange(12).reshape((4, 3))),
    "constant of NumPy's": lambda: init.Constant(numpy.arange(12.0).reshape(4, 3)),
    "uniform": lambda: init.Uniform(0.5),
    "normal": lambda: init.Normal(0.5),
    "orthogonal": init.Orthogonal,
    "xavier": init.Xavier,
    "msra": init.MSRAPrelu,
    "by name": lambda: "xavier",
    "own": lambda: Counting(itertools.count(2)),
    "two-sided": lambda: TwoSidedUniform(1, 2),
    "reporting": lambda: ReportingInitializer("xavier", report=lambda *_: None),
}


VERBS = {
    "summary": lambda net, x, _: summary(net, x),
    "check_hybrid": lambda net, x, _: check_hybrid(net, x),
    "compile": lambda net, x, _: gluonkit.compile(net, x, seconds=0.01)(x),
    "predict": lambda net, x, _: predict(net, x),
    "evaluate": lambda net, x, _: evaluate(net, (x, mx.nd.zeros((2,)))),
    "fit": lambda net, x, _: fit(
        net,
        (x, mx.nd.zeros((2,))),
        epochs=1,
        optimizer_params={"learning_rate": 0.0},
        optimizer="sgd",
    ),
    "export": lambda net, x, folder: export(net, folder / "net", x),
    "materialize": lambda net, x, _: materialize(net, x),
}


def two_layers(initializer, *, deferred=False):
    net = nn.HybridSequential()
    net.add(nn.Dense(4, weight_initializer=initializer, in_units=0 if deferred else 3))
    net.add(nn.Dense(2, in_units=4))
    return net


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializers_survive_every_verb(tmp_path, name, verb):
    """The network works afterwards, and has the numbers that Gluon alone draws for it."""
    x = mx.nd.random.uniform(shape=(2, 3))
    as_text = name != "own"  # or else Gluon itself can neither hybridize nor defer
    for deferred, how in ((as_text, "raw"), (as_text, "initialized"), (False, "run")):
        net, twin = (two_layers(INITIALIZERS[name](), deferred=deferred) for _ in range(2))
        mx.random.seed(1)
        twin.initialize()
        expected = twin(x).asnumpy()
        if how == "raw":
            if verb not in ("summary", "check_hybrid"):
                continue  # refused: there are no values
            VERBS[verb](net, x, tmp_path)
        mx.random.seed(1)
        net.initialize()
        if how == "run":
            net.hybridize(as_text)
            net(x)
        for _ in range(2):
            VERBS[verb](net, x, tmp_path)
        for hybridized in {False, as_text}:
            net.hybridize(hybridized)
            assert (net(x).asnumpy() == expected).all(), (deferred, how, hybridized)
        assert (net[0].weight.data().asnumpy() == twin[0].weight.data().asnumpy()).all()


@pytest.mark.parametrize(
    "initializer", [init.Load({}), init.Mixed([".*"], [init.One()])], ids=["Load", "Mixed"]
)
def test_these_initializers_are_not_for_gluon(initializer):
    """As `docs/traps.md` says: they are no `Initializer`, which Gluon asks for."""
    with pytest.raises(AssertionError, match="initializer must be of string type"):
        nn.Dense(2, in_units=3).initialize(initializer)
