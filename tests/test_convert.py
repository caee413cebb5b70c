"""Converting files of weights, in Python and by the command; and `gluonkit inspect`."""

import json

import numpy
import pytest
from safetensors.numpy import save_file

from gluonkit import (
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
    verify,
)
from gluonkit.errors import ArgumentError, CheckpointError
from tests.networks import sequential
from tests.test_checkpoint import dense, ones, same, tied, train, trainer_of

SHAPE = (1, 1, 28, 28)


@pytest.fixture
def lenet():
    net = create_model("lenet", init="xavier")
    materialize(net, SHAPE)
    return net


def names(done):
    return [array.target for array in done.arrays]


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
    assert names(back) == [parameter.name for parameter in inspect(path).parameters]
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
    assert [name[:4] for name in names(done)] == ["arg:"] * 4 + ["aux:"] * 2


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
    imported = gluon.SymbolBlock.imports(
        str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0001.params")
    )
    assert numpy.allclose(imported(x).asnumpy(), other(x).asnumpy(), atol=1e-6)


def test_names_are_kept_without_a_network(tmp_path):
    arrays = {"any.thing": nd.ones((2,)), "else_": nd.zeros((3,), dtype="int32")}
    nd.save(str(tmp_path / "a.params"), arrays)
    done = convert(tmp_path / "a.params", tmp_path / "b.safetensors")
    assert (names(done), done.how) == (["any.thing", "else_"], None)
    convert(tmp_path / "b.safetensors", tmp_path / "c.params")
    loaded = nd.load(str(tmp_path / "c.params"))
    assert {name: str(array.dtype) for name, array in loaded.items()} == {
        "any.thing": str(arrays["any.thing"].dtype),
        "else_": str(arrays["else_"].dtype),
    }
    nd.save(str(tmp_path / "list"), [nd.ones((2,)), nd.zeros((3,))])
    convert(tmp_path / "list", tmp_path / "list.safetensors")
    assert inspect(tmp_path / "list.safetensors").names == "none"
    convert(tmp_path / "list.safetensors", tmp_path / "list.params")
    assert len(nd.load(str(tmp_path / "list.params"))) == 2
    assert isinstance(nd.load(str(tmp_path / "list.params")), list)


def test_by_order_with_shapes_checked(tmp_path, lenet):
    arrays = [parameter.data() for parameter in lenet.collect_params().values()]
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
    info = inspect(tmp_path / "b.safetensors")
    assert (info.names, info.optimizer, info.others, info.step) == (scheme, None, (), 2)
    shared = {"1.weight": "0.weight", "1.bias": "0.bias"}
    assert info.tied == (shared if scheme == "structure" else None)
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
    arrays = {"encoder/w": nd.ones((2,)), "optimizer/w": nd.zeros((3,))}
    nd.save(str(tmp_path / "a.params"), arrays)
    convert(tmp_path / "a.params", tmp_path / "b.safetensors")
    info = inspect(tmp_path / "b.safetensors")
    assert ([parameter.name for parameter in info.parameters], info.others) == (list(arrays), ())
    assert names(convert(tmp_path / "b.safetensors", tmp_path / "c.params")) == list(arrays)
    assert list(nd.load(str(tmp_path / "c.params"))) == list(arrays)


def test_lists_keep_their_order(tmp_path):
    arrays = [nd.array([n], dtype=dtype) for n, dtype in enumerate(("int8", "float32", "float64"))]
    nd.save(str(tmp_path / "list"), arrays)
    convert(tmp_path / "list", tmp_path / "list.safetensors")
    convert(tmp_path / "list.safetensors", tmp_path / "list.params")
    loaded = nd.load(str(tmp_path / "list.params"))
    assert [array.asscalar() for array in loaded] == [0, 1, 2]
    assert [array.dtype for array in loaded] == [array.dtype for array in arrays]


def test_shared_parameters_by_order(tmp_path):
    net = tied()
    net.add(nn.Dense(4, in_units=4))
    net[2].initialize(mx.init.Uniform(1.0))
    path = save(net, tmp_path / "a.safetensors")
    net.save_parameters(str(tmp_path / "b.params"))  # MXNet writes each place
    assert len(nd.load(str(tmp_path / "b.params"))) == 6
    for source in (path, tmp_path / "b.params"):
        other = tied()
        other.add(nn.Dense(4, in_units=4))
        same(load(source, net=other, match="order"), net)


def test_a_list_gets_names(tmp_path, lenet):
    nd.save(
        str(tmp_path / "list"), [parameter.data() for parameter in lenet.collect_params().values()]
    )
    convert(tmp_path / "list", tmp_path / "a.params", net="lenet", match="order")
    same(load(tmp_path / "a.params", net=create_model("lenet")), lenet)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: sequential(nn.Embedding(7, 4), gluon.rnn.LSTM(5, 2, bidirectional=True)), (3, 2)),
        (lambda: gluon.rnn.GRU(5, 2), (3, 2, 4)),
        (lambda: gluon.rnn.LSTM(5, projection_size=2), (3, 2, 4)),
        (lambda: gluon.rnn.RNN(5), (3, 2, 4)),
        (lambda: gluon.rnn.ZoneoutCell(gluon.rnn.RNNCell(5, input_size=4), 0.1), None),
    ],
)
@pytest.mark.parametrize("share", [False, True])
@pytest.mark.filterwarnings("ignore:ndarray.context:DeprecationWarning")  # MXNet's own
def test_recurrent_layers_have_mxnets_names_in_its_files(tmp_path, array_mode, make, shape, share):
    def made():
        layer = make()
        return sequential(layer, nn.Dense(2, in_units=4), layer) if share else layer

    net = made()
    net.initialize(mx.init.Uniform(1.0))
    if shape:
        (net[0] if share else net)(ones(*shape))
    net.save_parameters(str(tmp_path / "a.params"))
    same(load(tmp_path / "a.params", net=made()), net)
    path = save(net, tmp_path / "b.safetensors")
    assert convert(path, tmp_path / "b.params", net=net).dropped == ()
    other = made()
    other.load_parameters(str(tmp_path / "b.params"))
    same(other, net)
    same(load(tmp_path / "b.params", net=made()), net)
    convert(tmp_path / "a.params", tmp_path / "c.safetensors", net=net)
    same(load(tmp_path / "c.safetensors", net=made()), net)


class Unregistered(gluon.Block):
    """Has a parameter that MXNet's own files leave out."""

    def __init__(self):
        super().__init__()
        self.body = nn.Dense(2, in_units=2)
        self.params.get("hidden", shape=(3,))


def test_what_mxnet_does_not_know_is_left_out_of_its_files(tmp_path):
    net = Unregistered()
    net.initialize()
    path = save(net, tmp_path / "a.safetensors")
    assert convert(path, tmp_path / "a.params", net=net).dropped == ("hidden",)
    net.load_parameters(str(tmp_path / "a.params"))
    assert "hidden" in names(convert(path, tmp_path / "b.safetensors", net=net))


def test_a_part_alone_is_not_taken_for_another(tmp_path):
    def made(count=3):
        return sequential(*[nn.Dense(3, in_units=3) for _ in range(count)])

    net = made()
    net.initialize(mx.init.Uniform(1.0))
    net[2].collect_params().save(str(tmp_path / "a.params"))
    with pytest.raises(CheckpointError, match="does not fit the network"):
        load(tmp_path / "a.params", net=made(), strict=False)
    skipped = load(tmp_path / "a.params", net=net, strict=False).skipped
    assert skipped.missing == ("0.weight", "0.bias", "1.weight", "1.bias")  # names are the same
    net.collect_params().save(str(tmp_path / "b.params"))
    same(load(tmp_path / "b.params", net=made()), net)
    with pytest.raises(CheckpointError, match="does not fit the network"):
        load(tmp_path / "b.params", net=made(4), strict=False)


def scoped(count, **options):
    net = nn.HybridSequential(**options)
    with net.name_scope():
        net.add(*[nn.Dense(3, in_units=3) for _ in range(count)])
    return net


@pytest.mark.parametrize("count", [1, 2])
def test_the_outermost_prefix_may_be_on_one_side_only(tmp_path, count):
    for one, other in (
        (scoped(count, prefix="model_"), scoped(count, prefix="")),
        (scoped(count, prefix=""), scoped(count, prefix="model_")),
        (scoped(count, prefix="a_"), scoped(count)),
    ):
        one.initialize(mx.init.Uniform(1.0))
        one.collect_params().save(str(tmp_path / "a.params"))
        same(load(tmp_path / "a.params", net=other), one)


def test_names_without_dots_are_written_for_the_mode_that_is_on(tmp_path, array_mode):
    net = nn.Dense(2, in_units=3)
    net.initialize(mx.init.Uniform(1.0))
    path = save(net, tmp_path / "a.safetensors")
    convert(path, tmp_path / "a.params", names="prefix", net=net)
    other = nn.Dense(2, in_units=3, prefix=net.prefix)
    other.collect_params().load(str(tmp_path / "a.params"))
    same(other, net)
    convert(path, tmp_path / "b.params")
    arrays = (mx.npx if array_mode == "np" else nd).load(str(tmp_path / "b.params"))
    assert list(arrays) == ["weight", "bias"]


def test_every_kind_of_batch_norm_has_statistics(tmp_path):
    net = sequential(nn.BatchNormReLU(in_channels=3))
    net.initialize()
    path = save(net, tmp_path / "a.safetensors")
    done = convert(path, tmp_path / "a.params", net=net, names="export")
    assert [name[:4] for name in names(done)] == ["arg:", "arg:", "aux:", "aux:"]


def test_metadata_of_others_are_kept_where_they_can_be(tmp_path):
    save_file({"a": numpy.ones(2)}, tmp_path / "a.safetensors", metadata={"author": "them"})
    done = convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert (done.dropped, inspect(done.target).metadata) == ((), {"author": "them"})
    done = convert(tmp_path / "a.safetensors", tmp_path / "b.params")
    assert done.dropped == ("metadata",)


def test_onto_itself(tmp_path, lenet):
    lenet.save_parameters(str(tmp_path / "a.params"))
    convert(tmp_path / "a.params", tmp_path / "a.params", net="lenet", names="prefix")
    assert inspect(tmp_path / "a.params").names == "prefix"
    same(load(tmp_path / "a.params", net=create_model("lenet")), lenet)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"dst": "a.txt"}, r"let it end in \.safetensors, or in \.params"),
        ({"names": "other"}, "`names` is 'other'; give one of structure, prefix, export"),
        (
            {"net": "mlp", "match": "other"},
            "`match` is 'other'; give one of auto, structure, prefix, order",
        ),
        ({"net": "lenett"}, "Did you mean 'lenet'"),
    ],
    ids=["ending", "names", "match", "model"],
)
def test_options_that_convert_refuses(tmp_path, monkeypatch, options, why):
    monkeypatch.chdir(tmp_path)
    path = save(dense(), tmp_path / "a.safetensors")
    with pytest.raises(ArgumentError, match=why):
        convert(**{"src": path, "dst": "b.params"} | options)
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_converted(tmp_path, lenet):
    path = save(lenet, tmp_path / "a.safetensors")
    nd.save(str(tmp_path / "c.params"), {"a": nd.ones((1,))})
    with pytest.raises(ArgumentError, match="need to know the network; give it"):
        convert(tmp_path / "c.params", tmp_path / "b.params", names="prefix")
    with pytest.raises(CheckpointError, match="does not fit the network") as error:
        convert(path, tmp_path / "b.params", net="mlp")
    assert "strict" not in str(error.value)
    assert not (tmp_path / "b.params").exists()


def test_the_command_shows_the_names_first(gluonkit, tmp_path, lenet):
    lenet.save_parameters(str(tmp_path / "a.params"))
    options = ("a.params", "b.safetensors", "--net", "lenet")
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
    for part in ("gluonkit checkpoint", "Step        12", "checksums are right"):
        assert part in done.stdout
    assert json.loads(gluonkit("inspect", "a.safetensors", "--json").stdout)["step"] == 12
    path.write_bytes(path.read_bytes()[:-1])
    done = gluonkit("inspect", "a.safetensors")
    assert done.returncode == 1
    assert "gluonkit inspect: error: a.safetensors cannot be used: its arrays end at" in done.stderr
    assert gluonkit("convert", "a.safetensors", "b.txt").returncode == 2


def test_the_command_speaks_of_its_own_options(gluonkit, tmp_path):
    nd.save(str(tmp_path / "a.params"), {"a": nd.ones((1,))})
    nd.save(str(tmp_path / "list"), [nd.ones((1,))])
    for options, why in (
        (("a.params", "--names", "prefix"), "give it, or a model's name, as --net"),
        (("list", "--net", "lenet"), "give --match order to take them"),
    ):
        done = gluonkit("convert", options[0], "b.params", *options[1:])
        assert (done.returncode, why in done.stderr) == (2, True), done.stderr


def test_an_exported_network_is_inspected_by_its_graph(tmp_path, lenet):
    lenet.hybridize()
    lenet(nd.ones(SHAPE))
    lenet.export(str(tmp_path / "net"))
    for look in (inspect, verify):
        by_graph, by_parameters = (
            look(tmp_path / name) for name in ("net-symbol.json", "net-0000.params")
        )
        assert by_graph.parameters == by_parameters.parameters
        assert by_graph.inputs == by_parameters.inputs
    net = load(tmp_path / "net-symbol.json")
    path = save(net, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"load its -symbol\.json, and give that as net="):
        load(path)
    same(load(path, net=load(tmp_path / "net-symbol.json")), net)
    for missing in ("no", "n" * 300):
        for attempt in (load, inspect, lambda path: convert(path, tmp_path / "b.params")):
            with pytest.raises(CheckpointError, match=r"-symbol\.json does not exist"):
                attempt(tmp_path / f"{missing}-symbol.json")
