"""NumPy integers as sizes, which NumPy 2 prints in a way that MXNet's engine cannot read."""

import numpy
import pytest

from gluonkit import create_model, gluon, init, mx, nd, nn
from gluonkit.system.plain import _PlainText, plain

N = numpy.int64(3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nd.zeros((N, N)),
        lambda: nd.random.uniform(shape=(N, 3)),
        lambda: nd.reshape(nd.ones((9,)), shape=(N, N)),
        lambda: mx.np.ones((N, N)),
        lambda: mx.np.random.uniform(size=(N, N)),
        lambda: mx.np.reshape(mx.np.ones(9), (N, N)),
    ],
)
def test_shapes(make):
    assert make().shape == (3, 3)


def test_layers(uniform):
    for layer, shape in (
        (nn.Dense(N, in_units=numpy.int64(20)), (2, 20)),
        (nn.Conv2D(N, kernel_size=(numpy.int64(3), numpy.int64(3))), (2, 1, 8, 8)),
        (nn.MaxPool2D((numpy.int64(2), 2)), (2, 1, 8, 8)),
    ):
        for active in (False, True):
            layer.initialize(force_reinit=True)
            layer.hybridize(active)
            assert layer(uniform(*shape)).shape[0] == 2


def test_deferred_shape(uniform):
    net = nn.HybridSequential()
    net.add(nn.Dense(N))
    net.initialize()
    assert net(uniform(2, 20)).shape == (2, 3)


def test_trainer_with_numpy_numbers(uniform):
    net = create_model("mlp", init=init.Orthogonal())
    x = uniform(2, 20)
    options = {"learning_rate": numpy.float64(0.1), "wd": numpy.float64(1e-4)}
    trainer = gluon.Trainer(net.collect_params(), "sgd", options)
    with mx.autograd.record():
        loss = net(x).sum()
    loss.backward()
    trainer.step(2)
    mx.nd.waitall()


def test_plain():
    assert plain((numpy.int64(3), [numpy.float32(0.5), "a"], None)) == (3, [0.5, "a"], None)
    assert _PlainText((numpy.int64(3), 4)) == "(3, 4)"
    assert type(_PlainText((1,))) is str
    assert _PlainText(numpy.float64(0.5)) == "0.5"
    assert isinstance("x", _PlainText)
    assert not isinstance(3, _PlainText)
