"""The tutorials' initializers, against the tutorials' own code."""

import numpy
import pytest

from gluonkit import (
    ArgumentError,
    MyDense,
    ReportingInitializer,
    TwoSidedUniform,
    create_model,
    init,
    mx,
)


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


@pytest.mark.parametrize("bounds", [(-1, 2), (3, 3), (5, 1), (0, float("inf")), (float("nan"), 1)])
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
