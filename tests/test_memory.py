"""Weights that oneDNN has rearranged while predicting: MXNet's own copies into some fail."""

import numpy
import pytest

import gluonkit
from gluonkit import nd, nn, params
from gluonkit.system import memory

NETWORKS = [
    (lambda: nn.Conv1D(32, 3, in_channels=16), (8, 16, 20)),
    (lambda: nn.Conv2D(32, 3, in_channels=16), (8, 16, 8, 8)),
    (lambda: nn.Conv3D(32, 3, in_channels=16), (8, 16, 6, 6, 6)),
]


def drawn(uniform, make, shape):
    """Return a network that has predicted, and its input."""
    net = nn.HybridSequential()
    net.add(make(), nn.Flatten(), nn.Dense(3))
    net.initialize()
    x = uniform(*shape)
    for _ in range(2):
        net(x).wait_to_read()
    return net, x


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_written_after_a_prediction(make, shape, uniform):
    net, x = drawn(uniform, make, shape)
    for value in (0.25, numpy.full(net[0].weight.shape, 0.5), "xavier"):
        params.set_values(net, "0.weight", value)
        assert numpy.isfinite(net(x).asnumpy()).all()
        if isinstance(value, float):
            assert (net[0].weight.data().asnumpy() == value).all()


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_trained_and_measured_after_a_prediction(make, shape, uniform):
    net, x = drawn(uniform, make, shape)
    data = x.asnumpy(), numpy.arange(8) % 3
    before = net[0].weight.data().asnumpy()
    gluonkit.fit(net, data, val=data, epochs=2, batch_size=4)
    assert (net[0].weight.data().asnumpy() != before).any()
    net(x).wait_to_read()
    after = net[0].weight.data().asnumpy()
    report = gluonkit.bench(net, x, seconds=0.01, modes=["train"])
    assert not [row.problem for row in report.rows if row.problem]
    gluonkit.find_lr(net, data, batch_size=4, steps=10)
    assert (net[0].weight.data().asnumpy() == after).all()


def test_saved_while_a_prediction_rearranges_the_weights(tmp_path):
    """Without waiting for all that is queued, one file in ten had other numbers than its sums."""
    for _ in range(60):
        net = nn.HybridSequential()
        for _ in range(6):
            net.add(nn.Conv2D(64, 3, padding=1, in_channels=64))
        net.initialize()
        x = nd.random.uniform(shape=(1, 64, 64, 64))
        x.wait_to_read()
        net(x)  # not waited for
        gluonkit.verify(gluonkit.save(net, tmp_path / "net.safetensors"))


def test_memory_is_settled_when_nothing_is_queued_any_more(monkeypatch):
    array = nd.ones((2,))
    calls = []
    monkeypatch.setattr(memory._LIB, "MXNDArrayWaitAll", lambda: calls.append("all") or 0)
    assert memory.settled(array).tolist() == [1, 1]
    assert calls == ["all"]
