"""Converting files of weights, in Python and by the command; and `gluonkit inspect`."""

import json

import numpy
import pytest

from gluonkit import (
    ArgumentError,
    CheckpointError,
    convert,
    create_model,
    gluon,
    inspect,
    load,
    materialize,
    mx,
    nd,
    nn,
    save,
)
from tests.networks import sequential
from tests.test_checkpoint import dense, same, tied, train, trainer_of

SHAPE = (1, 1, 28, 28)


@pytest.fixture
def lenet():
    net = create_model("lenet", init="xavier")
    materialize(net, SHAPE)
    return net


def names(done):
    return [each.target for each in done.arrays]


@pytest.mark.parametrize("scheme", ["structure", "prefix", "export"])
def test_there_and_back(tmp_path, lenet, scheme):
    path = save(lenet, tmp_path / "a.safetensors", step=3, metadata={"a": 1})
    there = convert(path, tmp_path / "b.params", names=scheme)
    assert there.dropped == ("step", "metadata", "model")
    assert (
        names(there)[0]
        == {
            "structure": "0.weight",
            "prefix": "conv0_weight",
            "export": "arg:conv0_weight",
        }[scheme]
    )
    back = convert(tmp_path / "b.params", tmp_path / "c.safetensors", net="lenet")
    assert names(back) == [each.name for each in inspect(path).parameters]
    assert back.how == ("structure" if scheme == "structure" else "prefix")
    same(load(tmp_path / "c.safetensors"), lenet)


def test_plain_mxnet_loads_what_is_written(tmp_path, array_mode):
    net = sequential(nn.Conv2D(3, 3, in_channels=2), nn.BatchNorm(in_channels=3))
    net.initialize(mx.init.Uniform(1.0))
    path = save(net, tmp_path / "a.safetensors")
    convert(path, tmp_path / "structure.params", net=net)
    other = sequential(nn.Conv2D(3, 3, in_channels=2), nn.BatchNorm(in_channels=3))
    other.load_parameters(str(tmp_path / "structure.params"))
    same(other, net)
    convert(path, tmp_path / "prefix.params", net=net, names="prefix")
    again = sequential(nn.Conv2D(3, 3, in_channels=2), nn.BatchNorm(in_channels=3))
    load(tmp_path / "prefix.params", net=again)
    same(again, net)
    if array_mode == "nd":
        net.collect_params().zero_grad()
        net.collect_params().load(str(tmp_path / "prefix.params"))
    done = convert(path, tmp_path / "export.params", net=net, names="export")
    assert [each[:4] for each in names(done)] == ["arg:"] * 4 + ["aux:"] * 2


@pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")  # MXNet's own
def test_an_exported_network_gets_other_weights(tmp_path, lenet):
    x = nd.random.normal(shape=SHAPE)
    lenet.hybridize()
    lenet(x)
    lenet.export(str(tmp_path / "net"))
    other = create_model("lenet", init="xavier")
    materialize(other, SHAPE)
    path = save(other, tmp_path / "other.safetensors")
    convert(path, tmp_path / "net-0001.params", net=lenet, names="export")  # by lenet's names
    found = gluon.SymbolBlock.imports(
        str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0001.params")
    )
    assert numpy.allclose(found(x).asnumpy(), other(x).asnumpy(), atol=1e-6)


def test_names_are_kept_without_a_network(tmp_path):
    found = {"any.thing": nd.ones((2,)), "else_": nd.zeros((3,), dtype="int32")}
    nd.save(str(tmp_path / "a.params"), found)
    done = convert(tmp_path / "a.params", tmp_path / "b.safetensors")
    assert (names(done), done.how) == (["any.thing", "else_"], None)
    convert(tmp_path / "b.safetensors", tmp_path / "c.params")
    loaded = nd.load(str(tmp_path / "c.params"))
    assert {name: str(each.dtype) for name, each in loaded.items()} == {
        "any.thing": str(found["any.thing"].dtype),
        "else_": str(found["else_"].dtype),
    }
    nd.save(str(tmp_path / "list"), [nd.ones((2,)), nd.zeros((3,))])
    convert(tmp_path / "list", tmp_path / "list.safetensors")
    assert inspect(tmp_path / "list.safetensors").names == "none"
    convert(tmp_path / "list.safetensors", tmp_path / "list.params")
    assert len(nd.load(str(tmp_path / "list.params"))) == 2
    assert isinstance(nd.load(str(tmp_path / "list.params")), list)


def test_by_order_with_shapes_checked(tmp_path, lenet):
    arrays = [each.data() for each in lenet.collect_params().values()]
    nd.save(str(tmp_path / "list"), arrays)
    done = convert(tmp_path / "list", tmp_path / "a.safetensors", net="lenet", match="order")
    assert (done.how, done.arrays[0].source, done.arrays[0].target) == ("order", "0", "0.weight")
    same(load(tmp_path / "a.safetensors"), lenet)
    nd.save(str(tmp_path / "list"), arrays[::-1])
    with pytest.raises(CheckpointError, match=r"another shape: 0\.weight is \(10,\) in the file"):
        convert(tmp_path / "list", tmp_path / "b.safetensors", net="lenet", match="order")
    nd.save(str(tmp_path / "list"), arrays[:-1])
    with pytest.raises(CheckpointError, match=r"missing in the file: 6\.bias"):
        convert(tmp_path / "list", tmp_path / "b.safetensors", net="lenet", match="order")
    assert not (tmp_path / "b.safetensors").exists()


def test_shared_parameters(tmp_path):
    net = tied()
    path = save(net, tmp_path / "a.safetensors")
    convert(path, tmp_path / "b.params", net=net)
    other = tied()
    other.load_parameters(str(tmp_path / "b.params"))
    same(other, net)
    convert(path, tmp_path / "c.safetensors")
    same(load(tmp_path / "c.safetensors", net=tied()), net)


def test_an_optimizer_stays_where_it_can(tmp_path):
    net = dense()
    trainer = trainer_of(net)
    train(net, trainer)
    path = save(net, tmp_path / "a.safetensors", optimizer=trainer)
    assert "optimizer" in convert(path, tmp_path / "a.params").dropped
    assert convert(path, tmp_path / "b.safetensors").dropped == ()
    other = dense()
    its = trainer_of(other)
    load(tmp_path / "b.safetensors", net=other, optimizer=its)
    train(net, trainer)
    train(other, its)
    same(other, net)


@pytest.mark.parametrize("scheme", ["structure", "prefix", "export"])
def test_an_optimizer_goes_where_names_change(tmp_path, scheme):
    net = tied()
    trainer = trainer_of(net)
    train(net, trainer)
    path = save(net, tmp_path / "a.safetensors", optimizer=trainer, step=2)
    done = convert(path, tmp_path / "b.safetensors", net=net, names=scheme)
    assert done.dropped == ("optimizer",)
    assert "left out: optimizer" in str(done)
    found = inspect(tmp_path / "b.safetensors")
    assert (found.names, found.optimizer, found.others, found.step) == (scheme, None, (), 2)
    shared = {"1.weight": "0.weight", "1.bias": "0.bias"}
    assert found.tied == (shared if scheme == "structure" else None)
    other = tied()
    with pytest.raises(CheckpointError, match="has no optimizer"):
        load(tmp_path / "b.safetensors", net=other, optimizer=trainer_of(other))
    same(load(tmp_path / "b.safetensors", net=other), net)


def test_a_model_goes_where_paths_do(tmp_path, lenet):
    path = save(lenet, tmp_path / "a.safetensors")
    done = convert(path, tmp_path / "b.safetensors", names="prefix")
    assert (done.dropped, inspect(tmp_path / "b.safetensors").model) == (("model",), None)
    assert convert(path, tmp_path / "c.safetensors", net="lenet").dropped == ()
    assert inspect(tmp_path / "c.safetensors").model == inspect(path).model
    kept = convert(tmp_path / "b.safetensors", tmp_path / "d.safetensors")
    assert (kept.dropped, inspect(tmp_path / "d.safetensors").names) == ((), "prefix")


def test_names_with_a_slash_are_those_of_parameters(tmp_path):
    found = {"encoder/w": nd.ones((2,)), "optimizer/w": nd.zeros((3,))}
    nd.save(str(tmp_path / "a.params"), found)
    convert(tmp_path / "a.params", tmp_path / "b.safetensors")
    info = inspect(tmp_path / "b.safetensors")
    assert ([each.name for each in info.parameters], info.others) == (list(found), ())
    assert names(convert(tmp_path / "b.safetensors", tmp_path / "c.params")) == list(found)
    assert list(nd.load(str(tmp_path / "c.params"))) == list(found)


def test_onto_itself(tmp_path, lenet):
    lenet.save_parameters(str(tmp_path / "a.params"))
    convert(tmp_path / "a.params", tmp_path / "a.params", net="lenet", names="prefix")
    assert inspect(tmp_path / "a.params").names == "prefix"
    same(load(tmp_path / "a.params", net=create_model("lenet")), lenet)


def test_what_cannot_be_converted(tmp_path, lenet):
    path = save(lenet, tmp_path / "a.safetensors")
    for options, why in (
        ({"dst": tmp_path / "a.txt"}, r"let it end in \.safetensors, or in \.params"),
        ({"names": "other"}, "`names` is 'other'; give one of structure, prefix, export"),
        ({"match": "other"}, "`match` is 'other'; give one of auto, structure, prefix, order"),
        ({"net": "lenett"}, "Did you mean 'lenet'"),
    ):
        with pytest.raises(ArgumentError, match=why):
            convert(**{"src": path, "dst": tmp_path / "b.params"} | options)
    nd.save(str(tmp_path / "c.params"), {"a": nd.ones((1,))})
    with pytest.raises(ArgumentError, match="need to know the network; give it"):
        convert(tmp_path / "c.params", tmp_path / "b.params", names="prefix")
    with pytest.raises(CheckpointError, match="does not fit the network"):
        convert(path, tmp_path / "b.params", net="mlp")
    assert not (tmp_path / "b.params").exists()


def test_the_command_shows_the_names_first(gluonkit, tmp_path, lenet):
    lenet.save_parameters(str(tmp_path / "a.params"))
    options = ("a.params", "b.safetensors", "--model", "lenet")
    done = gluonkit("convert", *options, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "0.weight     0.weight  (6, 1, 5, 5)" in done.stdout
    assert "would be written (dry run): b.safetensors" in done.stdout
    assert not (tmp_path / "b.safetensors").exists()
    assert "written: b.safetensors" in gluonkit("convert", *options).stdout
    same(load(tmp_path / "b.safetensors"), lenet)


def test_the_command_inspects(gluonkit, tmp_path, lenet):
    path = save(lenet, tmp_path / "a.safetensors", step=12)
    done = gluonkit("inspect", "a.safetensors", "--verify")
    assert done.returncode == 0, done.stderr
    for part in ("a.safetensors · gluonkit checkpoint", "Step        12", "checksums are right"):
        assert part in done.stdout
    assert json.loads(gluonkit("inspect", "a.safetensors", "--json").stdout)["step"] == 12
    path.write_bytes(path.read_bytes()[:-1])
    done = gluonkit("inspect", "a.safetensors")
    assert done.returncode == 1
    assert "gluonkit inspect: error: a.safetensors cannot be used: its arrays end at" in done.stderr
    assert gluonkit("convert", "a.safetensors", "b.txt").returncode == 2
