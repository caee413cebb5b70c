"""Layers and parameters that stand where Gluon does not see them: said, never lost in silence."""

from functools import partial

import numpy
import pytest

from gluonkit import check_hybrid, find_lr, fit, gluon, mx, nn, predict, save, summary
from gluonkit.errors import StateError

# MXNet's own warning, which it gives of lists only.
pytestmark = pytest.mark.filterwarnings("ignore:.*is an unregistered container:UserWarning")


class Holder:
    """Any object that is no block."""

    def __init__(self, layer):
        self.layer = layer


class Sum(nn.HybridBlock):
    """A layer that is registered, and one that is not, both computing."""

    def __init__(self, hide):
        super().__init__()
        with self.name_scope():
            self.seen = nn.Dense(2, in_units=2)
        self.hidden, self.layer = hide

    def hybrid_forward(self, F, x):
        return self.seen(x) + self.layer()(x)


def layer():
    made = nn.Dense(2, in_units=2)
    made.initialize(mx.init.Constant(0.5))
    return made


def in_closure(made):
    def get():
        return made

    return get


WAYS = {
    "list": lambda made: [made],
    "tuple": lambda made: (1, made),
    "dict": lambda made: {"a": made},
    "set": lambda made: {made},
    "nested": lambda made: [{"a": (made,)}],
    "Holder": Holder,
    "closure": in_closure,
    "default": lambda made: lambda got=made: got,
    "partial": lambda made: partial(layer, made),
    "method": lambda made: Holder(made).__init__,
    "object in a list": lambda made: [Holder(made)],
}


class Reached:
    """Calls a layer, and is no place where one would look for it."""

    __slots__ = ("get",)

    def __init__(self, made):
        self.get = made

    def __call__(self):
        return self.get


def network(way):
    made = layer()
    net = Sum((WAYS[way](made), Reached(made)))
    net.seen.initialize()
    return net


X = numpy.arange(8, dtype="float32").reshape(4, 2)


@pytest.mark.parametrize("way", WAYS)
def test_saving_refuses_and_so_does_training(way, tmp_path):
    net = network(way)
    path = tmp_path / "net.safetensors"
    words = r"`net` has layers or parameters in hidden \(for one dense\d+, in a \w+\), where Gluon"
    with pytest.raises(StateError, match=words + " does not see them: they would be missing in"):
        save(net, path)
    assert not path.exists()
    for train in (partial(fit, epochs=1), find_lr):
        with pytest.raises(StateError, match=words + " does not see them: they would not be train"):
            train(net, (X, numpy.zeros((4, 2))), loss="l2")


@pytest.mark.parametrize("way", ["list", "Holder", "closure"])
def test_what_only_looks_goes_on(way):
    net = network(way)
    expected = net(mx.nd.array(X)).asnumpy()
    assert numpy.allclose(predict(net, X), expected, rtol=1e-6)
    seen = summary(net, (4, 2))
    assert seen.total_params == 12
    assert "kept in a plain list?" in str(seen)
    report = check_hybrid(net, (4, 2))
    (actual,) = [finding for finding in report.findings if finding.kind == "plain-container"]
    assert "`hidden`: 1 of its blocks are kept in a plain" in actual.problem


def test_a_parameter_in_a_list():
    net = nn.Dense(2, in_units=2)
    net.scales = [gluon.Parameter("scale", shape=(1,))]
    net.initialize()
    with pytest.raises(StateError, match="`net` has layers or parameters in scales"):
        fit(net, (X, numpy.zeros((4, 2))), epochs=1, loss="l2")


def test_what_is_registered_too_is_not_hidden(tmp_path):
    """Also a layer without parameters, one whose parameters are shared, and the way back up."""
    net = nn.HybridSequential()
    net.add(nn.Dense(2, in_units=2), nn.Dense(2, in_units=2))
    net.layers = list(net)
    net.activations = [nn.Activation("relu")]
    net.twin = [nn.Dense(2, in_units=2, params=net[0].params)]
    net[0].parent = [net]
    net.get = lambda: net[1]
    net.initialize()
    save(net, tmp_path / "net.safetensors")
    save(net[0], tmp_path / "part.safetensors")
    assert len(fit(net, (X, numpy.zeros((4, 2))), epochs=1, loss="l2")) == 1
