"""Networks of legacy operators in NumPy mode: the same numbers, and everything works on them."""

import copy

import numpy
import pytest

import gluonkit
from gluonkit import autograd, create_model, gluon, list_models, mx, nd, nn, np, npx
from gluonkit.errors import ArgumentError
from gluonkit.system.modes import converts_arrays, in_both_modes

SMALL = "mxnet/mobilenetv2_0.25"  # its ReLU6 is a legacy operator
SHAPE = (2, 3, 64, 64)


def draw(shape=SHAPE):
    """Return the same numbers as an array of the active mode."""
    numbers = numpy.random.RandomState(3).rand(*shape).astype("float32")
    return np.array(numbers) if mx.util.is_np_array() else nd.array(numbers)


@pytest.fixture
def modes():
    """Return a function that switches the array mode."""

    def switch(name):
        npx.set_np() if name == "np" else npx.reset_np()

    return switch


@pytest.mark.parametrize("name", list_models(source="mxnet"))
def test_mxnets_zoo_in_both_modes(name, modes):
    adapts = any(part in name for part in ("vgg", "alexnet", "resnet", "mobilenet"))
    side = 64 if adapts else gluonkit.model_info(name).input_shape[2]
    shape = (1, 3, side, side)
    net = create_model(name, init="xavier")
    expected = net(draw(shape)).asnumpy()
    summaries = [str(gluonkit.summary(net, shape))]
    modes("np")
    actual = net(draw(shape))
    assert type(actual) is np.ndarray
    assert numpy.array_equal(actual.asnumpy(), expected)
    net.hybridize(static_alloc=True, static_shape=True)
    for _ in range(2):
        again = net(draw(shape)).asnumpy()
        numpy.testing.assert_allclose(again, expected, rtol=1e-5, atol=1e-5 * abs(expected).max())
    summaries.append(str(gluonkit.summary(net, shape)))
    assert summaries[0] == summaries[1]
    assert "One forward pass was made" not in summaries[1]


def trained(mode, modes, *, hybridize):
    """Return a loss, gradients and weights after two steps of training in an array mode."""
    mx.random.seed(1)
    net = create_model(SMALL, classes=10, init="xavier")  # in legacy mode, for equal weights
    gluonkit.materialize(net, SHAPE)
    modes(mode)
    if hybridize:
        net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01})
    x = draw()
    x.attach_grad()
    for _ in range(2):
        with autograd.record():
            loss = (net(x) ** 2).mean()
        loss.backward()
        trainer.step(2)
    parameters = net.collect_params().values()
    kind = np.ndarray if mode == "np" else nd.NDArray
    assert all(type(parameter.data()) is kind for parameter in parameters)
    arrays = [loss, x.grad, *(parameter.data() for parameter in parameters)]
    arrays += [parameter.grad() for parameter in parameters if parameter.grad_req != "null"]
    return [array.asnumpy().reshape(-1) for array in arrays]


@pytest.mark.parametrize("hybridize", [False, True])
def test_training_gives_the_same_numbers(hybridize, modes):
    expected = trained("nd", modes, hybridize=hybridize)
    modes("nd")
    actual = trained("np", modes, hybridize=hybridize)
    assert numpy.abs(expected[1]).max() > 0
    for one, other in zip(expected, actual, strict=True):
        numpy.testing.assert_array_equal(one, other)


def test_one_memory_for_both_modes(modes):
    net = create_model(SMALL, init="xavier")
    gluonkit.materialize(net, SHAPE)
    weight = net.features[0].weight
    modes("np")
    weight.data()[:] = 3
    weight.set_data(weight.data() + 1)
    assert type(weight.data()) is np.ndarray
    assert type(weight.grad()) is np.ndarray
    weight.zero_grad()
    modes("nd")
    assert type(weight.data()) is nd.NDArray
    assert numpy.all(weight.data().asnumpy() == 4)
    modes("np")
    weight.grad_req = "null"
    weight.grad_req = "write"
    modes("nd")
    assert type(weight.grad()) is nd.NDArray


def test_made_in_one_mode_and_used_in_the_other(modes):
    modes("np")
    net = create_model(SMALL, init="xavier")
    expected = net(draw()).asnumpy()
    modes("nd")
    assert numpy.array_equal(net(draw()).asnumpy(), expected)
    modes("np")
    assert numpy.array_equal(net(draw()).asnumpy(), expected)


def test_parts_of_a_network(modes):
    modes("np")
    net = create_model(SMALL, init="xavier")
    features = net.features(draw())
    assert type(features) is np.ndarray
    assert numpy.array_equal(net.output(features).asnumpy(), net(draw()).asnumpy())


@pytest.mark.parametrize("hybridize", [False, True])
def test_a_new_head_made_in_numpy_mode(hybridize, modes):
    modes("np")
    net = create_model(SMALL, init="xavier")
    if hybridize:
        net.hybridize()
    assert net(draw()).shape == (2, 1000)
    head = nn.HybridSequential()
    head.add(nn.Conv2D(5, 1), nn.MaxPool2D(1), nn.Flatten(), nn.Dense(5))
    head.initialize()
    net.output = head
    assert net(draw()).shape == (2, 5)
    assert converts_arrays(head[0])
    with autograd.record():
        loss = net(draw()).sum()
    loss.backward()
    assert numpy.abs(head[3].weight.grad().asnumpy()).max() > 0


def test_everything_of_gluonkits_works_on_them(modes, tmp_path):
    modes("np")
    net = create_model(SMALL, init="xavier", classes=10)
    assert gluonkit.check_hybrid(net, draw()).ok
    numbers = numpy.random.RandomState(0)
    data = numbers.rand(16, 3, 32, 32).astype("float32"), numbers.randint(0, 10, 16)
    history = gluonkit.fit(net, data, epochs=1, batch_size=8, callbacks=[])
    assert not history.notes
    assert gluonkit.predict(net, data[0]).shape == (16, 10)
    path = gluonkit.save(net, tmp_path / "net.safetensors")
    again = gluonkit.load(path)
    assert converts_arrays(again)
    assert numpy.array_equal(again(draw()).asnumpy(), net(draw()).asnumpy())
    assert gluonkit.export(net, tmp_path / "net", SHAPE).difference < 1e-5
    assert len(gluonkit.params.collect(net)) == len(list(net.collect_params()))
    modes("nd")
    assert numpy.array_equal(gluonkit.load(path)(draw()).asnumpy(), again(draw()).asnumpy())


def test_copies_convert_by_themselves(modes):
    modes("np")
    net = in_both_modes(nn.HybridLambda("tanh"))
    other = copy.deepcopy(net)
    assert other.forward.__self__ is other
    assert type(other(draw())) is np.ndarray


def test_outputs_of_any_nesting(modes):
    class Nested(gluon.HybridBlock):
        def hybrid_forward(self, F, x, states):
            return {"out": F.relu(x), "states": [F.tanh(state) for state in states]}, (x, None)

    modes("np")
    net = in_both_modes(Nested())
    outputs, (x, nothing) = net(draw(), [draw(), draw()])
    assert type(outputs["out"]) is type(outputs["states"][1]) is type(x) is np.ndarray
    assert nothing is None


def test_an_error_inside_leaves_the_mode(modes):
    modes("np")
    net = create_model(SMALL, init="xavier")
    with pytest.raises((mx.MXNetError, ValueError)):
        net(np.ones((2, 3)))
    assert mx.util.is_np_array()
    assert mx.util.is_np_shape()


def test_constants_are_initialized_in_either_mode(modes):
    class Shifted(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.shift = self.params.get_constant("shift", nd.array([1, 2]))

        def hybrid_forward(self, F, x, shift):
            return F.broadcast_add(x, shift)

    net = in_both_modes(Shifted())
    modes("np")
    net.initialize()
    assert type(net.shift.data()) is np.ndarray
    assert net(np.zeros((1, 2))).tolist() == [[1, 2]]


class Doubled(gluon.Parameter):
    """Weights that are given out computed, by legacy operators."""

    def data(self, ctx=None):
        return nd.broadcast_mul(super().data(ctx), nd.array([2]))


def test_parameters_that_compute_their_values(modes):
    net = nn.Dense(2, in_units=3, use_bias=False)
    weight = Doubled(net.weight.name, shape=(2, 3))
    net.params._params[weight.name] = net._reg_params["weight"] = weight
    vars(net)["weight"] = weight
    in_both_modes(net).initialize("ones")
    assert type(weight.data()) is nd.NDArray
    modes("np")
    assert type(weight.data()) is np.ndarray
    assert weight.data().asnumpy().max() == 2
    assert net(np.ones((1, 3))).asnumpy().max() == 6
    net.hybridize()
    assert net(np.ones((1, 3))).asnumpy().max() == 6


def test_a_forward_of_the_objects_own(modes):
    inside = nn.Activation("relu")
    vars(inside)["forward"] = lambda x, twice=False: nd.relu(x) * (1 + twice)
    net = nn.Sequential()
    net.add(inside)
    in_both_modes(net)
    modes("np")
    assert type(inside(np.ones((2,)))) is np.ndarray
    assert inside(np.ones((2,)), True).asnumpy().max() == 2
    assert net(np.ones((2,))).asnumpy().max() == 1
    modes("nd")
    assert inside(nd.ones((2,)), True).asnumpy().max() == 2
    assert gluonkit.summary(inside, (2,)).layers[0].outputs.shape == (2,)
    with pytest.raises(ArgumentError, match=r"3 inputs .* takes 1 to 2: x, twice=False"):
        gluonkit.summary(inside, (2,), (2,), (2,))
