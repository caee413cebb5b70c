"""The custom layers, in both array modes."""

import numpy
import pytest

from gluonkit import autograd, init, mx, nn
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models.layers import CenteredLayer, MyDense, TransposedDense


@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("hybridize", [False, True])
def test_centered_layer(shape, hybridize, uniform):
    layer = CenteredLayer()
    layer.hybridize(hybridize)
    x = uniform(*shape)
    expected = x.asnumpy() - x.asnumpy().mean()
    numpy.testing.assert_allclose(layer(x).asnumpy(), expected, atol=1e-6)
    assert not list(layer.collect_params())


@pytest.mark.parametrize("hybridize", [False, True])
@pytest.mark.parametrize("activation", ["relu", "tanh", None])
@pytest.mark.parametrize("shape", [(4, 6), (2, 4, 6)])
def test_transposed_dense_equals_numpy(shape, activation, hybridize, uniform):
    layer = TransposedDense(3, activation=activation)
    layer.initialize()
    layer.hybridize(hybridize)
    x = uniform(*shape)
    output = layer(x).asnumpy()
    assert layer.weight.shape == (6, 3)
    linear = x.asnumpy() @ layer.weight.data().asnumpy() + layer.bias.data().asnumpy()
    functions = {"relu": lambda z: numpy.maximum(z, 0), "tanh": numpy.tanh, None: lambda z: z}
    numpy.testing.assert_allclose(output, functions[activation](linear), atol=1e-6)


class HandMyDense(nn.Block):
    """The layer of the tutorials, of both: they differ in the weight's initializer."""

    def __init__(self, units, in_units, weight_init=None):
        super().__init__()
        with self.name_scope():
            self.weight = self.params.get("weight", init=weight_init, shape=(in_units, units))
            self.bias = self.params.get("bias", shape=(units,))

    def forward(self, x):
        if mx.util.is_np_array():
            return mx.npx.relu(mx.np.dot(x, self.weight.data()) + self.bias.data())
        return mx.nd.relu(mx.nd.dot(x, self.weight.data()) + self.bias.data())


@pytest.mark.parametrize("weight_init", [None, init.Xavier(magnitude=2.24)])
def test_my_dense_draws_as_the_tutorial(weight_init, uniform, seed):
    results = []
    x = uniform(4, 6)
    for make in (
        lambda: HandMyDense(5, 6, weight_init),
        lambda: MyDense(5, 6, weight_initializer=weight_init),
    ):
        mx.random.seed(seed)
        layer = make()
        layer.initialize()
        with autograd.record():
            output = layer(x)
        output.backward()
        results.append(
            [
                layer.weight.data().asnumpy(),
                layer.bias.data().asnumpy(),
                output.asnumpy(),
                layer.weight.grad().asnumpy(),
            ]
        )
    for mine, theirs in zip(*results, strict=True):
        numpy.testing.assert_allclose(mine, theirs, atol=1e-6)
    assert (results[0][0] == results[1][0]).all()  # the draws bit for bit
    assert (results[0][1] == results[1][1]).all()
    assert abs(results[1][1]).max() > 0  # a bias without an initializer of its own is not zero
    assert abs(results[1][1]).max() <= 0.07


def test_bias_initializer(array_mode):
    layer = TransposedDense(3, 2, bias_initializer="zeros")
    layer.initialize()
    assert not layer.bias.data().asnumpy().any()


def test_alias_and_repr():
    assert MyDense is TransposedDense
    assert repr(MyDense(3)) == "TransposedDense(None -> 3, Activation(relu))"
    assert repr(MyDense(3, 2, activation=None)) == "TransposedDense(2 -> 3, None)"


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((0,), ArgumentError, "`units` is 0; give a whole number from 1"),
        ((2.0,), ArgumentTypeError, "`units` is 2.0, a float"),
        ((2, -1), ArgumentError, "`in_units` is -1"),
    ],
)
def test_bad_activation_and_units(args, error, message):
    with pytest.raises(ArgumentError, match="`activation` is 'rleu', which is not known"):
        TransposedDense(2, activation="rleu")
    with pytest.raises(error, match=message):
        TransposedDense(*args)
