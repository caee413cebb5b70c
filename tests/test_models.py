"""What is particular to one own model: options refused, and FancyMLP's control flow."""

import math

import numpy
import pytest

from gluonkit import autograd, create_model, mx
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models.layers import ACTIVATIONS
from gluonkit.models.own.nested import _scaled_below_one


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("mlp", {"units": 256}, r"`units` is 256; give one size per layer, such as \(256,\)"),
        ("mlp", {"units": (0,)}, "`units` is 0; give a whole number from 1"),
        ("mlp", {"units": (2.5,)}, "`units` is 2.5, a float"),
        ("mlp", {"classes": 0}, "`classes` is 0; give a whole number from 1"),
        ("tied_mlp", {"units": True}, "`units` is True, a bool"),
        ("lenet", {"kernel_sizes": (3,)}, r"`kernel_sizes` is \(3,\); give two sizes"),
        ("lenet", {"classes": -1}, "`classes` is -1"),
        ("lenet", {"activation": "rleu"}, "`activation` is 'rleu'.*Did you mean 'relu'"),
        ("mlp", {"activation": "gelu"}, "Choose of: relu, sigmoid, softrelu, softsign, tanh, or"),
        ("tied_mlp", {"activation": 3}, "`activation` is '3', which is not known"),
    ],
)
def test_bad_options(model, options, message):
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        create_model(model, **options)


def test_every_activation_is_mxnets(uniform):
    for activation in ACTIVATIONS:
        net = create_model("mlp", activation=activation, init=True)
        assert net(uniform(2, 4)).shape == (2, 10)
    with pytest.raises(Exception, match="valid values are") as caught:
        mx.nd.Activation(mx.nd.ones((1,)), act_type="none_such").wait_to_read()
    for activation in ACTIVATIONS:
        assert f"'{activation}'" in str(caught.value)


def test_mlp_options(uniform):
    net = create_model("mlp", units=(), classes=3, init=True)
    assert net(uniform(2, 4)).shape == (2, 3)
    assert len(net) == 1
    linear = create_model("mlp", units=(7,), activation=None, init=True)
    linear(uniform(2, 4))
    assert linear[0].act is None
    assert create_model("mlp", activation="tanh")[0].act is not None


def test_lenet_activation_and_classes(uniform):
    net = create_model("lenet", activation="tanh", classes=3, init=True)
    assert net(uniform(2, 1, 28, 28)).shape == (2, 3)


def to_mxnet(x):
    array = mx.np.array if mx.util.is_np_array() else mx.nd.array
    return array(x, dtype="float32")


def loop(x):
    """The tutorial's loop, on MXNet's arrays; and how often it halved."""
    x, halvings = to_mxnet(x), 0
    while abs(x).sum().asnumpy().item() > 1:
        x, halvings = x / 2, halvings + 1
    if abs(x).sum().asnumpy().item() < 0.8:
        x = x * 10
    return x.asnumpy(), halvings


def scaled(x):
    """What FancyMLP's closed form makes of `x`, in the active mode."""
    return _scaled_below_one(mx.nd, to_mxnet(x)).asnumpy()


@pytest.mark.parametrize("exponent", range(-30, 128))
def test_closed_form_equals_loop_around_powers_of_two(exponent, array_mode):
    """Where log2 may be rounded across a whole number: at and next to every power of two."""
    power = numpy.float32(2.0) ** numpy.float32(exponent)
    for total in (numpy.nextafter(power, 0, dtype="float32"), power, power * 1.0000001):
        x = numpy.array([[total, 0]], dtype="float32")
        numpy.testing.assert_array_equal(scaled(x), loop(x)[0])


def test_closed_form_equals_loop_on_random_values(array_mode):
    random = numpy.random.default_rng(0)
    for _ in range(300):
        scale = 10.0 ** random.uniform(-6, 30)
        x = (random.standard_normal((2, 20)) * scale).astype("float32")
        numpy.testing.assert_array_equal(scaled(x), loop(x)[0])


def test_closed_form_when_the_sum_overflows(array_mode):
    """Every element is finite, their sum is not.

    The legacy sum is then inf, and the loop goes on until it is finite; NumPy mode's is NaN, so
    the loop ends at once, and what it returns, the sum, is NaN.
    """
    x = numpy.full((2, 20), 3e38, dtype="float32")
    expected, halvings = loop(x)
    if array_mode == "nd":
        assert halvings > 128
        numpy.testing.assert_array_equal(scaled(x), expected)
    else:
        assert halvings == 0
        assert numpy.isnan(scaled(x)).all()


def test_zero_stays_zero(array_mode):
    assert not scaled(numpy.zeros((2, 20))).any()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_closed_form_of_what_is_not_finite(value, array_mode):
    """Where the loop never ends, or ends at once with NaN."""
    x = numpy.ones((2, 20), dtype="float32")
    x[1, 3] = value
    assert numpy.isnan(scaled(x)).any()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 3e38])
@pytest.mark.parametrize("hybridize", [False, True])
def test_fancy_mlp_ends_on_any_input(value, hybridize, array_mode):
    net = create_model("fancy_mlp", init=True)
    net.hybridize(hybridize)
    x = numpy.full((2, 20), value, dtype="float32")
    assert net(to_mxnet(x)).asnumpy().size == 1


def test_fancy_mlp_gradient_is_the_scale(uniform):
    """The number of halvings is a constant to the gradient, as in the loop."""
    x = uniform(2, 20) * 7
    x.attach_grad()
    with autograd.record():
        y = _scaled_below_one(mx.nd, x).sum()
    y.backward()
    scaled_by_loop, halvings = loop(x.asnumpy())
    assert halvings > 0
    factor = 10 if abs(scaled_by_loop).sum() > 1 else 1
    numpy.testing.assert_array_equal(x.grad.asnumpy(), factor * 2.0**-halvings)


def test_fancy_mlp_constant_is_drawn_by_mxnet(array_mode, seed):
    """From U[0, 1), when the block is made, so that mx.random.seed controls it."""
    mx.random.seed(3)
    first = create_model("fancy_mlp").rand_weight.value.asnumpy()
    mx.random.seed(3)
    second = create_model("fancy_mlp").rand_weight.value.asnumpy()
    assert (first == second).all()
    assert first.shape == (20, 20)
    assert 0 <= first.min() < 0.1
    assert 0.9 < first.max() < 1


def test_rgnet_is_indexed_as_in_the_book():
    net = create_model("rgnet", init=True)
    net(mx.nd.ones((2, 20)))
    assert net[0][1][0].bias.shape == (32,)
    assert len(net.collect_params().keys()) == 18
