"""Saving and loading networks: nothing lost, nothing loaded wrong, nothing half-written."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluonkit import (
    autograd,
    create_model,
    gluon,
    inspect,
    list_models,
    load,
    materialize,
    model_info,
    mx,
    nd,
    nn,
    npx,
    params,
    save,
    verify,
)
from gluonkit._base.checks import described
from gluonkit.checkpoint import CheckpointDir, Loaded
from gluonkit.errors import ArgumentError, ArgumentTypeError, CheckpointError, StateError
from tests.networks import Book, sequential
from tests.properties import REPEATABLE


def dense(ctx=None):
    net = sequential(nn.Dense(3, in_units=4), nn.Dense(2, in_units=3))
    net.initialize(mx.init.Uniform(1.0), ctx=ctx)
    return net


def values(net):
    arrays = {}
    for path, parameter in params.records.all_paths(net):
        arrays[path] = None if parameter._data is None else parameter.list_data()[0].asnumpy()
    return arrays


def same(one, other):
    left, right = values(one), values(other)
    assert list(left) == list(right)
    for path, array in left.items():
        assert array.dtype == right[path].dtype, path
        assert array.tobytes() == right[path].tobytes(), path


def ones(*shape, **options):
    return (mx.np if mx.util.is_np_array() else mx.nd).ones(shape, **options)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("engine", ["NaiveEngine", "ThreadedEnginePerDevice"])
def test_other_thread_counts_and_engines_write_and_read_the_same(tmp_path, python, threads, engine):
    names = list_models(source="gluonkit")
    for name in names:
        net = create_model(name, init="xavier")
        materialize(net, model_info(name).input_shape)
        save(net, tmp_path / f"{name}.safetensors")
    code = """
import pathlib
import gluonkit

for path in sorted(pathlib.Path().glob("*.safetensors")):
    gluonkit.save(gluonkit.load(path), f"again/{path.name}")
"""
    (tmp_path / "again").mkdir()
    environment = {"OMP_NUM_THREADS": str(threads), "MXNET_ENGINE_TYPE": engine}
    done = python("-c", code, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) == len(names)
    for path in files:
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_networks_that_were_cast(tmp_path, array_mode, dtype):
    net = create_model("lenet", init=True)
    materialize(net, (1, 1, 28, 28))
    net.cast(dtype)
    loaded = load(save(net, tmp_path / "net.safetensors"))
    same(loaded, net)
    mixed = sequential(nn.Dense(3, in_units=4), nn.BatchNorm(in_channels=3))
    mixed.initialize()
    mixed.cast(dtype)  # which leaves the statistics in float32
    other = sequential(nn.Dense(3, in_units=4), nn.BatchNorm(in_channels=3))
    other.cast(dtype)
    same(load(save(mixed, tmp_path / "net.safetensors"), net=other), mixed)


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64"]
)
def test_parameters_of_any_dtype(tmp_path, array_mode, dtype):
    class Net(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.table = self.params.get("table", shape=(3, 5), dtype=dtype, grad_req="null")

    net, other = Net(), Net()
    for network in (net, other):
        network.initialize(mx.init.Zero())
    net.table.set_data(ones(3, 5).astype(dtype) * 7)
    load(save(net, tmp_path / "net.safetensors"), net=other)
    same(other, net)
    assert (values(other)["table"] == 7).all()


def test_statistics_and_constants_are_in_the_file(tmp_path, array_mode):
    def made():
        net = nn.Sequential()
        net.add(nn.BatchNorm(in_channels=4), Book())
        return net

    net = made()
    net.initialize()
    materialize(net[1], (2, 4))
    net[0].running_mean.set_data(ones(4) * 5)
    path = save(net, tmp_path / "net.safetensors")
    other = made()
    load(path, net=other)
    same(other, net)
    assert (values(other)["0.running_mean"] == 5).all()
    other.initialize(force_reinit=True)  # a constant stays what was loaded
    assert numpy.array_equal(values(other)["1.constant"], values(net)["1.constant"])


def tied():
    net = nn.HybridSequential()
    first = nn.Dense(4, in_units=4)
    net.add(first, nn.Dense(4, in_units=4, params=first.params))
    net.initialize(mx.init.Uniform(1.0))
    return net


def untied():
    net = sequential(nn.Dense(4, in_units=4), nn.Dense(4, in_units=4))
    net.initialize(mx.init.Uniform(1.0))
    return net


def test_shared_arrays_are_stored_once_and_shared_again(tmp_path):
    net = tied()
    path = save(net, tmp_path / "net.safetensors")
    info = inspect(path)
    assert [parameter.name for parameter in info.parameters] == ["0.weight", "0.bias"]
    assert info.tied == {"1.weight": "0.weight", "1.bias": "0.bias"}
    other = tied()
    load(path, net=other)
    same(other, net)
    assert params.shared(other) == params.shared(net)


def test_what_is_shared_must_be_shared(tmp_path):
    path = save(tied(), tmp_path / "tied.safetensors")
    net = untied()
    before = values(net)
    with pytest.raises(CheckpointError, match=r"0\.weight and 1\.weight are one array in the file"):
        load(path, net=net)
    path = save(untied(), tmp_path / "untied.safetensors")
    with pytest.raises(CheckpointError, match=r"0\.weight and 1\.weight are one array in the net"):
        load(path, net=tied())
    assert all((values(net)[name] == before[name]).all() for name in before)
    twice = tied()  # MXNet writes such twice, and they are equal
    twice.save_parameters(str(tmp_path / "twice.params"))
    same(load(tmp_path / "twice.params", net=tied()), twice)
    twice.save_parameters(str(tmp_path / "once.params"), deduplicate=True)
    same(load(tmp_path / "once.params", net=tied()), twice)


def test_everything_that_does_not_fit_is_told_at_once(tmp_path):
    net = sequential(nn.Dense(3, in_units=4), nn.Dense(2, in_units=3), nn.Dense(5, in_units=2))
    net.initialize()
    path = save(net, tmp_path / "net.safetensors")
    other = sequential(
        nn.Dense(3, in_units=5), nn.Dense(2, in_units=3), nn.BatchNorm(in_channels=2)
    )
    other.initialize(mx.init.Uniform(1.0))
    other[1].cast("float64")
    before = values(other)
    with pytest.raises(CheckpointError) as error:
        load(path, net=other)
    text = str(error.value)
    for part in (
        f"{path} does not fit the network, which is as it was. strict=False loads what fits and "
        "dtype='float64' converts the file's numbers:",
        "missing in the file: 2.gamma (2,)",
        "not in the network: 2.weight (5, 2)",
        "not in the network: 2.bias (5,)",
        "another shape: 0.weight is (3, 4) in the file, (3, 5) in the network",
        "another dtype: 1.weight is float32 in the file, float64 in the network",
    ):
        assert part in text
    assert all(before[name].tobytes() == array.tobytes() for name, array in values(other).items())
    loaded = load(path, net=other, strict=False)
    assert isinstance(loaded, Loaded)
    assert loaded.net is other
    assert loaded.skipped.shape == ("0.weight",)
    assert loaded.skipped.dtype == ("1.weight", "1.bias")
    assert loaded.skipped.unexpected == ("2.weight", "2.bias")
    assert "2.running_var" in loaded.skipped.missing
    assert "shape: 0.weight" in str(loaded.skipped)
    assert (values(other)["0.bias"] == values(net)["0.bias"]).all()
    assert (values(other)["0.weight"] == before["0.weight"]).all()


def test_the_nearest_names_are_offered(tmp_path):
    net = nn.HybridSequential()
    net.register_child(nn.Dense(2, in_units=2), "encoder")
    net.initialize()
    path = save(net, tmp_path / "net.safetensors")
    other = nn.HybridSequential()
    other.register_child(nn.Dense(2, in_units=2), "encoders")
    with pytest.raises(
        CheckpointError, match=r"encoders\.weight \(2, 2\); nearest: encoder\.weight"
    ):
        load(path, net=other)


def test_nothing_fits_is_an_error_even_when_it_need_not_be_strict(tmp_path):
    path = save(dense(), tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match="does not fit the network"):
        load(path, net=create_model("nest_mlp"), strict=False)


@pytest.mark.parametrize("state", ["nothing", "deferred", "ready", "elsewhere"])
def test_networks_in_any_state_are_loaded_into(tmp_path, array_mode, state):
    net = create_model("lenet", init=True)
    materialize(net, (1, 1, 28, 28))
    path = save(net, tmp_path / "net.safetensors")
    other = create_model("lenet")
    if state != "nothing":
        other.initialize()
    if state in ("ready", "elsewhere"):
        materialize(other, (1, 1, 28, 28))
    ctx = mx.cpu(1) if state == "elsewhere" else None
    assert load(path, net=other, ctx=ctx) is other
    same(other, net)
    assert {str(parameter.list_ctx()[0]) for parameter in other.collect_params().values()} == {
        "cpu(1)" if ctx else "cpu(0)"
    }
    with autograd.record():
        other(ones(1, 1, 28, 28, ctx=ctx or mx.cpu())).sum().backward()


def test_several_devices(tmp_path):
    net = dense()
    path = save(net, tmp_path / "net.safetensors")
    loaded = load(path, net=dense(), ctx=[mx.cpu(0), mx.cpu(1)])
    for parameter, array in zip(
        loaded.collect_params().values(), values(net).values(), strict=True
    ):
        assert [str(array.context) for array in parameter.list_data()] == ["cpu(0)", "cpu(1)"]
        assert all((data.asnumpy() == array).all() for data in parameter.list_data())
    with pytest.raises(ArgumentError, match="this build of MXNet has no GPU"):
        load(path, net=dense(), ctx=mx.gpu(0))


def test_weights_that_onednn_rearranged(tmp_path, array_mode):
    net = sequential(nn.Conv2D(16, 3, in_channels=8), nn.Conv2D(16, 3, in_channels=16))
    net.initialize(mx.init.Uniform(1.0))
    before = values(net)
    net.hybridize()
    for _ in range(3):
        net(ones(2, 8, 9, 9)).wait_to_read()
    path = save(net, tmp_path / "net.safetensors")
    for parameter in net.collect_params().values():
        parameter.set_data(parameter.data() * 0)
    net(ones(2, 8, 9, 9)).wait_to_read()
    load(path, net=net)
    assert all((values(net)[name] == array).all() for name, array in before.items())


def train(net, trainer, steps=2):
    for step in range(steps):
        x = numpy.random.default_rng(step).normal(size=(8, 4))
        with autograd.record():
            losses = [(net(nd.array(x, ctx=ctx)) ** 2).sum() for ctx in net[0].weight.list_ctx()]
        autograd.backward(losses)
        trainer.step(8)


def trainer_of(net, name="adam"):
    schedule = mx.lr_scheduler.FactorScheduler(2, 0.5, base_lr=0.1)
    return gluon.Trainer(net.collect_params(), name, {"lr_scheduler": schedule})


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop", "adagrad", "ftrl", "nag"])
@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("ctx", [None, [mx.cpu(0), mx.cpu(1)]])  # with two, by a KVStore
def test_a_trainer_goes_on(tmp_path, name, fresh, ctx):
    net = dense(ctx)
    trainer = trainer_of(net, name)
    train(net, trainer)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer, step=2)
    assert inspect(path).optimizer.lower() == name
    other = dense(ctx)
    its = trainer_of(other, name)
    if not fresh:
        train(other, its, 3)
    load(path, net=other, optimizer=its)
    train(net, trainer)
    train(other, its)
    same(other, net)
    assert its.learning_rate == trainer.learning_rate


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network, its trainer, and a file of both, which tests read only."""
    net = dense()
    trainer = trainer_of(net)
    train(net, trainer)
    folder = tmp_path_factory.mktemp("trained")
    return net, trainer, save(net, folder / "net.safetensors", optimizer=trainer)


@pytest.mark.parametrize(
    ("made", "error", "why"),
    [
        (
            lambda other: trainer_of(other, "sgd"),
            CheckpointError,
            "was trained with the optimizer Adam, this run has SGD",
        ),
        (
            lambda other: plain_trainer(other, "adam"),
            CheckpointError,
            "with a learning rate schedule, unlike",
        ),
        (
            lambda other: trainer_of(dense()),
            ArgumentError,
            r"`optimizer` trains .*, which is no parameter of `net`",
        ),
        (lambda other: "adam", ArgumentTypeError, r"give the gluon\.Trainer"),
    ],
    ids=["another optimizer", "no schedule", "another network", "text"],
)
def test_trainers_that_do_not_fit(trained, made, error, why):
    other = dense()
    before = values(other)
    with pytest.raises(error, match=why):
        load(trained[2], net=other, optimizer=made(other))
    assert all((values(other)[name] == array).all() for name, array in before.items())


def test_trainers_without_a_network_or_a_file_of_one(tmp_path, trained):
    net, trainer, path = trained
    with pytest.raises(ArgumentTypeError, match=r"give the gluon\.Trainer"):
        save(net, tmp_path / "net.safetensors", optimizer="adam")
    with pytest.raises(ArgumentTypeError, match=r"give the gluon\.Trainer"):
        load(tmp_path / "missing.safetensors", net=net, optimizer="adam")
    with pytest.raises(ArgumentError, match="belongs to a network"):
        load(path, optimizer=trainer)
    plain = save(net, tmp_path / "plain.safetensors")
    other = dense()
    before = values(other)
    with pytest.raises(CheckpointError, match=r"has no optimizer; save it with optimizer=trainer"):
        load(plain, net=other, optimizer=trainer_of(other))
    assert all((values(other)[name] == array).all() for name, array in before.items())


def plain_trainer(net, name, **options):
    return gluon.Trainer(net.collect_params(), name, options)


def test_a_trainer_goes_on_where_another_was_never_used(tmp_path):
    net = dense()
    trainer = plain_trainer(net, "adam")
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    other = dense()
    its = plain_trainer(other, "adam")
    train(other, its, 3)
    load(path, net=other, optimizer=its)  # forgets its moments
    train(net, trainer)
    train(other, its)
    same(other, net)


@pytest.mark.parametrize(
    ("name", "saved", "options"),
    [
        ("rmsprop", {}, {"centered": True}),
        ("rmsprop", {"centered": True}, {}),
        ("sgd", {}, {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9}, {}),
        ("nag", {"momentum": 0.9}, {}),
    ],
)
def test_an_optimizer_with_another_state_is_refused(tmp_path, name, saved, options):
    net = dense()
    trainer = plain_trainer(net, name, **saved)
    train(net, trainer)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    other = dense()
    twin = load(save(other, tmp_path / "other.safetensors"), net=dense())
    its, plain = plain_trainer(other, name, **options), plain_trainer(twin, name, **options)
    with pytest.raises(CheckpointError, match=r"net\.safetensors has another optimizer state for"):
        load(path, net=other, optimizer=its)
    same(other, twin)
    train(other, its)
    train(twin, plain)
    same(other, twin)


def test_a_trainer_whose_network_stays_without_values_is_refused(tmp_path):
    net = dense()
    trainer = plain_trainer(net, "adam")
    train(net, trainer)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    other = sequential(nn.Dense(3), nn.Dense(7))
    other.initialize(mx.init.One())
    other[0].bias.set_data(nd.ones(3))
    with pytest.raises(CheckpointError, match=r"net\.safetensors has no values that fit 1\.weight"):
        load(path, net=other, optimizer=plain_trainer(other, "adam"), strict=False)
    weights = values(other)
    assert weights["0.weight"] is None
    assert weights["1.weight"] is None
    assert (weights["0.bias"] == 1).all()


def test_a_trainer_on_other_devices_is_refused(tmp_path):
    net = dense()
    trainer = plain_trainer(net, "adam")
    train(net, trainer)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    for ctx in (mx.cpu(1), [mx.cpu(0), mx.cpu(1)]):
        other = dense()
        before = values(other)
        with pytest.raises(ArgumentError, match=r"but `optimizer` is a trainer on \[cpu\(0\)\]"):
            load(path, net=other, ctx=ctx, optimizer=plain_trainer(other, "adam"))
        assert all((values(other)[name] == array).all() for name, array in before.items())
    its = plain_trainer(other, "adam")
    other.collect_params().reset_ctx(mx.cpu(1))
    with pytest.raises(ArgumentError, match=r"0\.\w+ is on \[cpu\(1\)\]; make the trainer anew"):
        load(path, net=other, optimizer=its)
    assert all((values(other)[name] == array).all() for name, array in before.items())
    load(path, net=other, ctx=mx.cpu(0), optimizer=its)
    same(other, net)


def test_counters_belong_to_parameters_not_to_their_place_in_a_trainer(tmp_path):
    net = dense()
    trainer = gluon.Trainer(net[1].collect_params(), "adam")
    train(net, trainer, 5)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    other = dense()
    its = plain_trainer(other, "adam")
    load(path, net=other, optimizer=its)
    train(net, trainer, 1)
    train(other, its, 1)
    assert all((values(other)[name] == values(net)[name]).all() for name in ("1.weight", "1.bias"))
    counts = {its._params[k].name: v for k, v in its._optimizer._index_update_count.items()}
    assert counts == {p.name: 6 if p in its._params[2:] else 1 for p in its._params}
    plain = dense()
    trainer = gluon.Trainer(plain[1].collect_params(), "sgd")  # without arrays, but it counts
    train(plain, trainer)
    path = save(plain, tmp_path / "plain.safetensors", optimizer=trainer)
    with pytest.raises(
        CheckpointError, match=r"states for 1\.\w+, which is no parameter of the tr"
    ):
        load(path, net=other, optimizer=gluon.Trainer(other[0].collect_params(), "sgd"))


@pytest.mark.parametrize("name", ["adam", "ftml", "lamb"])
@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("by_kvstore", [False, True])
def test_a_trainer_goes_on_alike_on_all_devices(tmp_path, name, fresh, by_kvstore):
    ctx = [mx.cpu(0), mx.cpu(1)]

    def trainer_on(net):
        return gluon.Trainer(net.collect_params(), name, update_on_kvstore=by_kvstore)

    net, other = dense(ctx), dense(ctx)
    trainer, its = trainer_on(net), trainer_on(other)
    train(net, trainer, 3)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    if not fresh:
        train(other, its, 7)
    load(path, net=other, optimizer=its)
    if not by_kvstore:
        states = [updater.states[0] for updater in its._updaters]
        assert [state[0].context for state in states] == ctx
    for _ in range(2):
        train(net, trainer, 1)
        train(other, its, 1)
    for one, two in zip(*(n.collect_params().values() for n in (net, other)), strict=True):
        first, *rest = [array.asnumpy() for array in one.list_data() + two.list_data()]
        assert all((first == array).all() for array in rest)


@pytest.mark.parametrize("setter", [False, True])
def test_a_rate_that_is_numpys_number_is_kept(tmp_path, setter):
    net, other = dense(), dense()
    rate = numpy.float32(0.3)
    trainer = plain_trainer(net, "sgd", learning_rate=0.1 if setter else rate)
    if setter:
        trainer.set_learning_rate(rate)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    its = plain_trainer(other, "sgd", learning_rate=0.01)
    load(path, net=other, optimizer=its)
    assert its.learning_rate == rate
    train(net, trainer)
    train(other, its)
    same(other, net)


def test_options_that_are_no_numbers_are_kept(tmp_path, array_mode):
    net, other = dense(), dense()
    trainer = plain_trainer(net, "sgd", momentum=0.9)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    its = plain_trainer(other, "sgd", momentum=0.5, clip_gradient=1e-3)
    load(path, net=other, optimizer=its)
    assert (its._optimizer.clip_gradient, its._optimizer.momentum) == (None, 0.9)


def test_a_trainer_goes_on_in_the_other_array_mode(tmp_path):
    net = dense()
    trainer = plain_trainer(net, "adam")
    train(net, trainer)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    npx.set_np()
    try:
        other = dense()
        its = plain_trainer(other, "adam")
        load(path, net=other, optimizer=its)
        with autograd.record():
            loss = (other(mx.np.ones((8, 4))) ** 2).sum()
        loss.backward()
        its.step(8)
    finally:
        npx.reset_np()


def test_a_schedule_of_another_class_is_refused(tmp_path):
    net, other = dense(), dense()
    trainer = trainer_of(net, "sgd")
    train(net, trainer)
    path = save(net, tmp_path / "net.safetensors", optimizer=trainer)
    before = values(other)
    cosine = mx.lr_scheduler.CosineScheduler(100, base_lr=0.3)
    its = plain_trainer(other, "sgd", lr_scheduler=cosine)
    why = "schedule FactorScheduler, this run has CosineScheduler; give the same one"
    with pytest.raises(CheckpointError, match=why):
        load(path, net=other, optimizer=its)
    assert all((values(other)[name] == array).all() for name, array in before.items())
    assert cosine.base_lr == 0.3


def test_an_optimizer_that_keeps_more_than_its_states_is_not_saved(tmp_path):
    net = dense()
    trainer = plain_trainer(net, "lbsgd", batch_scale=2)
    train(net, trainer, 1)
    with pytest.raises(ArgumentError, match="with LBSGD, which keeps `cumgrads` besides its st"):
        save(net, tmp_path / "net.safetensors", optimizer=trainer)
    assert not list(tmp_path.iterdir())


def test_an_optimizer_that_cannot_have_a_state_for_what_is_not_trained(tmp_path):
    nets = [dense(), dense()]
    for net in nets:
        for layer in net:
            layer.bias.grad_req = "null"
    trainer, its = [plain_trainer(net, "groupadagrad") for net in nets]
    train(nets[0], trainer)
    path = save(nets[0], tmp_path / "net.safetensors", optimizer=trainer)
    load(path, net=nets[1], optimizer=its)
    for net, own_trainer in zip(nets, (trainer, its), strict=True):
        train(net, own_trainer)
    same(*nets)


def test_step_and_metadata(tmp_path):
    path = save(dense(), tmp_path / "a.safetensors", step=7, metadata={"a": [1, {"b": None}]})
    info = inspect(path)
    assert (info.step, info.metadata) == (7, {"a": [1, {"b": None}]})
    assert info.network == "mxnet.gluon.nn.basic_layers.HybridSequential"
    assert info.versions["mxnet"] == "1.9.1"
    assert info.total_params == 3 * 4 + 3 + 2 * 3 + 2
    assert json.loads(json.dumps(info.to_dict()))["step"] == 7
    for part in ("gluonkit checkpoint", "0.weight", "Step        7", "Checksums   SHA-256"):
        assert part in str(info)


@pytest.mark.parametrize(
    ("arguments", "error", "why"),
    [
        ({"path": "a.params"}, ArgumentError, "should end in .safetensors"),
        ({"path": 7}, ArgumentTypeError, "`path` is 7, an int; give a path"),
        ({"path": "no/a.safetensors"}, CheckpointError, "there is no folder .*no; make it first"),
        ({"net": create_model("mlp")}, StateError, "has no values yet for 0.weight"),
        ({"net": 3}, ArgumentTypeError, "`net` is"),
        ({"step": -1}, ArgumentError, "`step` is -1"),
        ({"metadata": [1]}, ArgumentTypeError, "`metadata` is .*; give a dict"),
        ({"metadata": {"a": (1,)}}, ArgumentError, "would be read back as something else"),
        ({"metadata": {"a": object()}}, ArgumentError, "cannot be written as JSON"),
        ({"metadata": {"a": float("nan")}}, ArgumentError, "cannot be written as JSON"),
    ],
)
def test_what_cannot_be_saved(tmp_path, monkeypatch, arguments, error, why):
    monkeypatch.chdir(tmp_path)
    given = {"net": dense(), "path": "a.safetensors"} | arguments
    with pytest.raises(error, match=why):
        save(**given)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user who may not write")
def test_a_folder_that_cannot_be_written(python):
    code = (
        "import os, sys; from gluonkit import *; from gluonkit.errors import CheckpointError\n"
        "net = nn.Dense(2, in_units=2); net.initialize()\n"
        "os.setuid(65534)\n"
        "try: save(net, sys.argv[1])\n"
        "except CheckpointError as error: print(error)\n"
    )
    # Not in `tmp_path`: each pytest that starts closes the folder above it to other users.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = save(dense(), f"{folder}/a.safetensors")
        before = path.read_bytes()
        done = python("-c", code, path)
        assert path.read_bytes() == before
    assert "cannot be written: Permission denied. What was there before is as it was" in done.stdout


def test_saving_over_the_file_that_was_loaded(tmp_path):
    net = dense()
    path = save(net, tmp_path / "a.safetensors")
    loaded = load(path, net=dense())
    train(loaded, trainer_of(loaded))
    save(loaded, path)
    same(load(path, net=dense()), loaded)
    assert len(list(tmp_path.iterdir())) == 1


def test_what_says_not_which_network_it_is_of(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"a network of the class mxnet\.gluon\.nn\.basic_layers\.H"
    ):
        load(save(dense(), tmp_path / "a.safetensors"))
    dense().save_parameters(str(tmp_path / "a.params"))
    with pytest.raises(CheckpointError, match="does not say which network its weights are of"):
        load(tmp_path / "a.params")
    net = create_model("mlp", units=(3,), init=True)
    materialize(net, (1, 4))
    path = save(net, tmp_path / "b.safetensors")
    text = path.read_bytes()
    assert b"mlp(units=(3,))" in text


def test_no_class_is_ever_imported(tmp_path, python):
    (tmp_path / "evil.py").write_text(
        "print('imported'); from gluonkit import nn\nclass Net(nn.Dense): pass"
    )
    made = python(
        "-c",
        "from evil import Net; from gluonkit import save\n"
        "net = Net(2, in_units=2); net.initialize(); save(net, 'a.safetensors')",
    )
    assert "imported" in made.stdout
    done = python(
        "-c",
        "from gluonkit import load, GluonkitError\n"
        "try: load('a.safetensors')\n"
        "except GluonkitError as error: print(error)",
    )
    assert "of the class evil.Net" in done.stdout
    assert "imported" not in done.stdout


def test_mxnets_files_of_every_naming_scheme(tmp_path, array_mode):
    def made(name_prefix):
        net = nn.HybridSequential(prefix=name_prefix)
        with net.name_scope():
            net.add(nn.Conv2D(4, 3, in_channels=2), nn.BatchNorm(in_channels=4), nn.Dense(3))
        return net

    net = made("first_")
    net.initialize(mx.init.Uniform(1.0))
    net.hybridize()
    x = ones(2, 2, 5, 5)
    expected = net(x).asnumpy()
    folder = str(tmp_path)
    net.save_parameters(f"{folder}/structure.params")
    with mx.util.np_array(False), mx.util.np_shape(False):  # MXNet cannot in NumPy mode
        named = {
            name: parameter.data().as_nd_ndarray()
            for name, parameter in net.collect_params().items()
        }
        nd.save(f"{folder}/prefix.params", named)
        plain = {name.removeprefix("first_"): array for name, array in named.items()}
        nd.save(f"{folder}/stripped.params", plain)
    net.export(f"{folder}/exported", epoch=3)
    arrays = {
        name: parameter.data() for name, parameter in net._collect_params_with_prefix().items()
    }
    (npx if array_mode == "np" else nd).save(f"{folder}/dict.params", arrays)
    files = sorted(tmp_path.glob("*.params"))
    assert len(files) == 5
    for path, prefix in itertools.product(files, ("first_", "other_", None)):
        other = load(path, net=made(prefix))
        same(other, net)
        assert numpy.array_equal(other(x).asnumpy(), expected)
    listed = [parameter.data() for parameter in net.collect_params().values()]
    (npx if array_mode == "np" else nd).save(f"{folder}/list", listed)
    with pytest.raises(ArgumentError, match="arrays without names; give match='order'"):
        load(tmp_path / "list", net=made(None))
    same(load(tmp_path / "list", net=made(None), match="order"), net)
    assert inspect(tmp_path / "exported-0003.params").names == "export"
    assert inspect(tmp_path / "prefix.params").names == "prefix"
    assert inspect(tmp_path / "list").names == "none"


def test_an_exported_network(tmp_path, array_mode):
    net = create_model("lenet", init="xavier")
    net.hybridize()
    x = ones(2, 1, 28, 28)
    expected = net(x).asnumpy()
    net.export(str(tmp_path / "net"))
    for name in ("net-symbol.json", "net-0000.params"):
        actual = load(tmp_path / name)
        assert isinstance(actual, gluon.SymbolBlock)
        assert numpy.allclose(actual(x).asnumpy(), expected, atol=1e-6)
    net.export(str(tmp_path / "net"), epoch=1)
    with pytest.raises(CheckpointError, match=r"several epochs beside it \(net-0000"):
        load(tmp_path / "net-symbol.json")
    for path in tmp_path.glob("*.params"):
        path.unlink()
    with pytest.raises(CheckpointError, match=r"net-0000\.params is missing"):
        load(tmp_path / "net-symbol.json")


def test_damage_is_noticed_and_the_network_is_as_it_was(tmp_path):
    path = save(dense(), tmp_path / "a.safetensors")
    net = dense()
    before = values(net)
    contents = bytearray(path.read_bytes())
    contents[-1] ^= 1
    path.write_bytes(contents)
    for call in (lambda: load(path, net=net), lambda: verify(path)):
        with pytest.raises(CheckpointError, match=r"damaged: the SHA-256 of 1\.bias"):
            call()
    assert inspect(path).kind == "gluonkit"  # which reads no arrays
    assert all((values(net)[name] == array).all() for name, array in before.items())


def test_loading_takes_no_more_memory_than_the_file_and_an_array(python):
    code = """
from gluonkit import *
def made():
    net = nn.HybridSequential()
    for _ in range(20): net.add(nn.Dense(1000, in_units=1000))
    return net
net = made(); net.initialize()
path = save(net, "a.safetensors"); nd.waitall()
def memory(what):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024
before = memory("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak counts from here
load(path, net=net); nd.waitall()
print(path.stat().st_size / 2**20, memory("VmHWM") - before)
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    size, more = map(float, done.stdout.split())
    assert size > 75
    assert more < size + 4 + 8  # the file, an array of 4 MiB, and what Python takes


# Power cuts

REPEATED = """
import os, sys
import numpy
from gluonkit.checkpoint.saving import write_checkpoint
from gluonkit.files.contents import Tensor
from pathlib import Path

path = Path(sys.argv[1])
for line in sys.stdin:
    if os.fork():
        print(os.wait()[1], flush=True)
        continue
    print("begun", flush=True)
    for count in range(10**9):
        array = numpy.full(20_000, float(count), "float32")
        write_checkpoint(path, {"a": Tensor.of(array), "b": Tensor.of(array)}, {"count": count})
"""


@pytest.mark.parametrize("writers", [1, 2])
def test_killed_at_any_moment_there_is_a_whole_file(tmp_path, writers):
    """500 processes are killed while they save again and again, by one or by two at once."""
    path = tmp_path / "a.safetensors"
    root = Path(__file__).parents[1]
    save(dense(), path)
    draws, seen = numpy.random.default_rng(0), set()
    servers = [
        subprocess.Popen(
            [sys.executable, "-c", REPEATED, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        for _ in range(writers)
    ]
    for _ in range(500 // writers):
        for server in servers:
            server.stdin.write("\n")
            server.stdin.flush()
        for server in servers:
            assert server.stdout.readline() == "begun\n"
        time.sleep(draws.random() * 0.01)
        for server in servers:
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            os.kill(int(children[-1]), signal.SIGKILL)
        for server in servers:
            assert int(server.stdout.readline()) == signal.SIGKILL
        seen.add(verify(path).bytes)
    for server in servers:
        server.communicate()
    assert seen


def test_killed_before_the_file_has_its_name_nothing_is_left(tmp_path, python):
    """It gets one only to be put in its place; of a file that has none the system frees all."""
    if not hasattr(os, "O_TMPFILE"):
        pytest.skip("this system has only files that have names")
    code = (
        "import os, sys; from pathlib import Path; from gluonkit._base import atomic\n"
        "os.link = lambda *_, **options: os.kill(os.getpid(), 9)\n"
        "atomic.write_atomically(Path(sys.argv[1]) / 'a', b'contents')"
    )
    done = python("-c", code, tmp_path)
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


# Folders of checkpoints


def test_a_folder_keeps_the_last_and_the_best(tmp_path):
    kept = CheckpointDir(tmp_path / "new" / "er", keep_last=2, keep_best=1, mode="max")
    net = dense()
    assert kept.last is kept.best is kept.resume_point() is None
    for step, value in ((1, 0.1), (2, 0.9), (3, float("nan")), (4, 0.5), (5, None)):
        kept.save(net, step=step, value=value)
    assert [checkpoint.step for checkpoint in kept.checkpoints] == [2, 4, 5]
    assert (kept.best.step, kept.best.value) == (2, 0.9)
    assert kept.last.step == 5
    assert kept.resume_point() == kept.last.path
    same(load(kept.folder / "best.safetensors", net=dense()), net)
    assert (kept.folder / "last.safetensors").samefile(kept.last.path)
    other = CheckpointDir(kept.folder, keep_last=1, keep_best=0, mode="max")  # another process
    assert other.best.step == 2
    other.save(net, step=6, value=0.2)
    assert [checkpoint.step for checkpoint in other.checkpoints] == [6]
    assert "1 checkpoints" in repr(other)


def test_a_folder_without_links(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise OSError(1, "Operation not permitted")

    kept = CheckpointDir(tmp_path)
    first = kept.save(dense(), step=1, value=1.0)
    monkeypatch.delattr(os, "O_TMPFILE")
    monkeypatch.setattr(os, "link", refuse)
    path = kept.save(dense(), step=2, value=0.5)
    assert not first.exists()
    assert (tmp_path / "last.safetensors").read_bytes() == path.read_bytes()


def test_what_the_file_has_not_moves_to_the_devices_too(tmp_path):
    path = save(dense(), tmp_path / "net.safetensors")
    net = sequential(nn.Dense(3, in_units=4), nn.Dense(5, in_units=3))
    net.initialize()
    load(path, net=net, strict=False, ctx=mx.cpu(1))
    assert net(nd.ones((1, 4), ctx=mx.cpu(1))).shape == (1, 5)


@pytest.mark.parametrize("strict", [True, False])
def test_a_network_changed_after_it_was_made(tmp_path, strict):
    net = create_model("mlp", init=True)
    net.add(nn.Dense(3))
    net[-1].initialize()
    materialize(net, (1, 20))
    path = save(net, tmp_path / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"2\.bias.*changed after create_model.*net="):
        load(path, strict=strict)


def test_a_step_before_one_that_is_there(tmp_path):
    kept = CheckpointDir(tmp_path)
    first = kept.save(dense(), step=100, value=0.1)
    second = kept.save(dense(), step=200, value=0.2)
    with pytest.raises(ArgumentError, match=r"`step` is 5, but .* of step 100.*another folder"):
        kept.save(dense(), step=5, value=0.5)
    assert first.exists()
    assert second.exists()
    second.write_bytes(second.read_bytes()[:-1])  # as after a resume that passed it over
    third = kept.save(dense(), step=150, value=0.3)
    assert third.exists()
    assert second.with_suffix(".damaged").exists()
    assert kept.last.path == third


def test_figures_of_any_kind_of_number(tmp_path):
    kept = CheckpointDir(tmp_path, keep_last=9)
    values = (1, numpy.float32(0.5), numpy.float64(0.25), numpy.int64(3), nd.ones(1).asscalar())
    for step, value in enumerate(values):
        kept.save(dense(), step=step, value=value)
    assert [checkpoint.value for checkpoint in kept.checkpoints] == [1.0, 0.5, 0.25, 3.0, 1.0]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (True, ArgumentTypeError),
        ("x", ArgumentTypeError),
        ("0.5", ArgumentTypeError),
        (1j, ArgumentTypeError),
        (numpy.complex64(1), ArgumentTypeError),
        (nd.ones(1), ArgumentTypeError),
        (10**400, ArgumentError),
    ],
    ids=["bool", "text", "number as text", "complex", "complex64", "array", "too large"],
)
def test_figures_that_are_no_number(tmp_path, value, error):
    with pytest.raises(error, match=re.escape(f"`value` is {described(value):.4}")):
        CheckpointDir(tmp_path).save(dense(), step=9, value=value)


def test_no_best_is_kept_where_none_is_wanted(tmp_path):
    CheckpointDir(tmp_path).save(dense(), step=1, value=0.5)
    CheckpointDir(tmp_path, keep_best=0).save(dense(), step=2, value=0.1)
    assert not (tmp_path / "best.safetensors").exists()


@pytest.mark.parametrize("path", ["a\0.safetensors", "~nobody_of_that_name/a", "a\ud800.params"])
@pytest.mark.parametrize(
    "call",
    [lambda path: save(dense(), path), load, inspect, verify, CheckpointDir],
    ids=["save", "load", "inspect", "verify", "CheckpointDir"],
)
def test_texts_that_are_no_path(call, path):
    with pytest.raises(ArgumentError, match="which is no path"):
        call(path)


def test_a_path_that_is_too_long():
    longer_than_any_path = "a/" * os.pathconf("/", "PC_PATH_MAX")  # of names, file systems decide
    with pytest.raises(ArgumentError, match="which is no path: File name too long"):
        CheckpointDir(longer_than_any_path)


def test_a_name_as_long_as_a_file_may_have(tmp_path):
    net = create_model("mlp", units=(2,), classes=2, init=True)
    net(nd.ones((1, 3)))
    path = tmp_path / f"{'字' * 80}.safetensors"  # 252 of the 255 bytes that a name may have
    save(net, path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert load(path, net=net) is not None


def test_a_constant_is_the_networks_own(tmp_path):
    given = nd.array([1, 2, 3])

    class Scaled(gluon.Block):
        def __init__(self):
            super().__init__()
            self.scale = self.params.get_constant("scale", given)

    net = Scaled()
    net.initialize()
    net.scale.data()[:] = 7
    loaded = load(save(net, tmp_path / "net.safetensors"), net=Scaled())
    assert given.asnumpy().tolist() == [1, 2, 3]
    loaded.initialize(force_reinit=True)
    assert loaded.scale.data().asnumpy().tolist() == [7, 7, 7]
    other = Scaled()
    other.initialize()
    assert other.scale.data().asnumpy().tolist() == [1, 2, 3]


def test_an_attribute_named_as_another_parameter(tmp_path):
    class Odd(gluon.Block):
        def __init__(self):
            super().__init__()
            self.weight = self.params.get("kernel", shape=(2,), init="zeros")
            self.params.get("weight", shape=(3,), init="ones")

    net = Odd()
    net.initialize()
    path = save(net, tmp_path / "net.safetensors")
    assert sorted(parameter.shape for parameter in inspect(path).parameters) == [(2,), (3,)]


def test_statistics_of_several_devices_are_averaged_as_mxnet_does(tmp_path):
    net = nn.BatchNorm(in_channels=2)
    net.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    net.running_mean.data(mx.cpu(1))[:] = 7
    loaded = load(save(net, tmp_path / "net.safetensors"), net=nn.BatchNorm(in_channels=2))
    assert loaded.running_mean.data().asnumpy().tolist() == [3.5, 3.5]


def test_a_row_sparse_parameter_is_saved_dense(tmp_path):
    class Sparse(gluon.Block):
        def __init__(self):
            super().__init__()
            self.weight = self.params.get("weight", shape=(3, 2), stype="row_sparse", init="ones")

    net = Sparse()
    net.initialize()
    entry = inspect(save(net, tmp_path / "net.safetensors")).parameters[0]
    assert entry.shape == (3, 2)


def test_a_folder_with_damaged_checkpoints(tmp_path):
    kept = CheckpointDir(tmp_path, keep_last=3)
    paths = [kept.save(dense(), step=step) for step in (1, 2, 3)]
    (tmp_path / "mine.safetensors").write_text("not yours")
    paths[2].write_bytes(paths[2].read_bytes()[:-1])
    with pytest.warns(UserWarning, match="00000003.* the checkpoint before it is taken"):
        assert kept.resume_point() == paths[1]
    paths[1].write_bytes(b"")
    paths[0].write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="is taken"),
        pytest.raises(CheckpointError, match="it is empty"),
    ):
        kept.resume_point()
    assert (tmp_path / "mine.safetensors").read_text() == "not yours"


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"folder": "file"}, ArgumentError, "which is a file; give a folder"),
        ({"folder": 3}, ArgumentTypeError, "`folder` is 3"),
        ({"keep_last": 0}, ArgumentError, "`keep_last` is 0"),
        ({"mode": "mix"}, ArgumentError, "give 'min' or 'max'"),
    ],
    ids=["file", "number", "keep_last", "mode"],
)
def test_folders_that_are_refused(tmp_path, monkeypatch, options, error, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(error, match=why):
        CheckpointDir(**{"folder": tmp_path} | options)


# Random networks

LAYERS = st.sampled_from(["dense", "conv", "norm", "nested", "shared", "half", "constant"])


def random_net(kinds):
    net, shared = nn.HybridSequential(), None
    for kind in kinds:
        if kind == "conv":
            net.add(nn.Conv2D(2, 3, in_channels=3))
        elif kind == "norm":
            net.add(nn.BatchNorm(in_channels=5))
        elif kind == "nested":
            net.add(sequential(nn.Dense(2, in_units=3), sequential(nn.Dense(3, in_units=2))))
        elif kind == "shared":
            layer = nn.Dense(4, in_units=4, params=shared and shared.params)
            shared = shared or layer
            net.add(layer)
        elif kind == "constant":
            net.add(nn.HybridSequential())
            net[-1].params.get_constant("c", mx.nd.random.uniform(shape=(2, 2)))
        else:
            net.add(nn.Dense(3, in_units=2))
            if kind == "half":
                net[-1].cast("float16")
    return net


@REPEATABLE
@given(
    kinds=st.lists(LAYERS, min_size=1, max_size=6), numpy_mode=st.booleans(), seed=st.integers(0, 9)
)
def test_any_network_comes_back(tmp_path_factory, kinds, numpy_mode, seed):
    folder = tmp_path_factory.mktemp("random")
    mx.random.seed(seed)
    net, other = random_net(kinds), random_net(kinds)
    net.initialize(mx.init.Uniform(1.0))
    if numpy_mode:
        npx.set_np()
    try:
        load(save(net, folder / "net.safetensors"), net=other)
        same(other, net)
        if "constant" in kinds or numpy_mode:
            return  # MXNet leaves out what no attribute holds, and saves no legacy arrays
        net.save_parameters(str(folder / "net.params"))
        load(folder / "net.params", net=other)
        same(other, net)
    finally:
        npx.reset_np()
