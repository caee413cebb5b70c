"""`load(match="order")`: only where nothing speaks against it, and shapes bear it out."""

import numpy
import pytest

from gluonkit import gluon, load, nd, nn
from gluonkit.errors import ArgumentError

pytestmark = pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")

X = nd.array(numpy.arange(24).reshape(2, 3, 2, 2) / 10)


class Crossed(nn.HybridBlock):
    """Two batch norms, used in another order than they are made in."""

    def __init__(self):
        super().__init__(prefix="crossed_")
        with self.name_scope():
            self.first, self.second = nn.BatchNorm(in_channels=3), nn.BatchNorm(in_channels=3)

    def hybrid_forward(self, F, x):
        return self.first(self.second(x))


@pytest.fixture
def crossed():
    net = Crossed()
    net.initialize()
    for number, parameter in enumerate(net.collect_params().values()):
        parameter.set_data(nd.arange(1, 4) + number)
    net.hybridize()
    net(X)
    return net


def imported(net, folder, values=False):
    net.export(str(folder / "net"))
    names = (str(folder / "net-symbol.json"), ["data"])
    if values:
        made = gluon.SymbolBlock.imports(*names, str(folder / "net-0000.params"))
        made(X)
        for parameter in made.collect_params().values():
            parameter.set_data(nd.zeros(3))
        return made
    return gluon.SymbolBlock.imports(*names)


def test_an_exported_network_without_shapes(crossed, tmp_path):
    net = imported(crossed, tmp_path)
    words = r"nothing is known of the shapes of 8 parameters \(crossed_batchnorm1_gamma"
    for path in ("net-0000.params", "list"):
        nd.save(str(tmp_path / "list"), {"a": nd.ones(7)})
        with pytest.raises(ArgumentError, match=words):
            load(tmp_path / path, net=net, match="order")
    loaded = load(tmp_path / "net-0000.params", net=net)
    assert numpy.allclose(loaded(X).asnumpy(), crossed(X).asnumpy(), rtol=1e-5)


def test_names_that_tell_of_another_order(crossed, tmp_path):
    """The graph has the second batch norm's parameters first."""
    net = imported(crossed, tmp_path, values=True)
    words = (
        "puts a.*crossed_.* into crossed_batchnorm0_gamma, but by .* crossed_batchnorm1_running_m"
    )
    with pytest.raises(ArgumentError, match=words):
        load(tmp_path / "net-0000.params", net=net, match="order")
    assert all(not parameter.data().asnumpy().any() for parameter in net.collect_params().values())
    assert numpy.allclose(
        load(tmp_path / "net-0000.params", net=net)(X).asnumpy(),
        crossed(X).asnumpy(),
        rtol=1e-5,
    )


def test_statistics_and_weights_are_kept_apart(crossed, tmp_path):
    """Names that are not the network's still say what each array is to its layer."""
    net = imported(crossed, tmp_path, values=True)
    arrays = {
        f"other.{number}_{name.rpartition('first_')[2].rpartition('second_')[2]}": parameter.data()
        for number, (name, parameter) in enumerate(crossed.collect_params().items())
    }
    nd.save(str(tmp_path / "other.params"), arrays)
    words = "which puts other.*running_mean into crossed_batchnorm0_gamma: the file has its arrays"
    with pytest.raises(ArgumentError, match=words):
        load(tmp_path / "other.params", net=net, match="order")
    twin = Crossed()
    loaded = load(tmp_path / "other.params", net=twin, match="order")  # both in the tree's order
    assert numpy.allclose(loaded(X).asnumpy(), crossed(X).asnumpy(), rtol=1e-5)


def test_lists_for_exported_networks(crossed, tmp_path):
    net = imported(crossed, tmp_path, values=True)
    nd.save(
        str(tmp_path / "list"),
        [parameter.data() for parameter in crossed.collect_params().values()],
    )
    with pytest.raises(ArgumentError, match="has no names, and an exported network has its param"):
        load(tmp_path / "list", net=net, match="order")
    loaded = load(tmp_path / "list", net=Crossed(), match="order")
    assert numpy.allclose(loaded(X).asnumpy(), crossed(X).asnumpy(), rtol=1e-5)


def test_wrong_shapes(tmp_path):
    net = nn.Dense(2, in_units=3)
    nd.save(str(tmp_path / "list"), [nd.ones((2, 4)), nd.ones(2)])
    with pytest.raises(ValueError, match="another shape"):
        load(tmp_path / "list", net=net, match="order")
    assert net.weight._data is None
