"""Parameters: records, selection, sharing, materializing, differences, statistics."""

import re

import numpy
import pytest
from mxnet import autograd

from gluonkit import create_model, gluon, init, materialize, model_info, mx, nn, npx, params
from gluonkit.errors import ArgumentError, ArgumentTypeError, CheckpointError, StateError
from gluonkit.params.differences import difference
from gluonkit.params.statistics import array_stats

from .networks import OwnParameters, Unregistered, Untraceable, sequential, shared_twice
from .test_trace import draw, state


def made(name="tied_mlp", **options):
    """Return a model with values."""
    net = create_model(name, init=True, **options)
    materialize(net, model_info(name).input_shape)
    return net


# Records


def test_every_state_is_told(array_mode):
    net = create_model("fancy_mlp")
    assert [record.state for record in params.collect(net)] == ["uninitialized"] * 3
    net.initialize()
    weight = params.collect(net)["dense.weight"]
    assert (weight.state, weight.shape, weight.bytes) == ("deferred", (20, None), None)
    materialize(net, (2, 20))
    weight = params.collect(net)["dense.weight"]
    assert (weight.state, weight.shape, weight.bytes) == ("ready", (20, 20), 1600)
    constant = params.collect(net)["rand_weight"]
    assert (constant.constant, constant.grad_req, constant.ctx) == (True, "null", ("cpu(0)",))


def test_paths_and_names_are_mxnets():
    net = made("lenet")
    structural = net._collect_params_with_prefix()
    records = params.collect(net)
    assert set(records.paths) == set(structural)
    assert {record.name for record in records} == set(net.collect_params())
    assert all(structural[record.path] is record.parameter for record in records)


def test_a_parameter_that_is_no_attribute_is_found():
    assert params.collect(OwnParameters()).paths == ("weight", "offset", "spare")


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("0.*", ("0.weight", "0.bias")),
        ("*.bias", ("0.bias", "1.bias", "3.bias")),
        ("2.weight", ("1.weight",)),  # the same array
        (re.compile(r"^[03]\.w"), ("0.weight", "3.weight")),
        (["3.bias", "0.bias"], ("0.bias", "3.bias")),
    ],
)
def test_selecting_by_pattern(pattern, paths):
    assert params.collect(create_model("tied_mlp"), pattern).paths == paths


def test_selecting_by_mxnets_name():
    net = create_model("mlp")
    assert params.collect(net, net[1].weight.name).paths == ("1.weight",)
    assert params.collect(net)[net[1].weight.name].path == "1.weight"


def test_the_table_says_what_is_unknown_and_shared(array_mode):
    text = str(params.collect(create_model("tied_mlp", init=True)))
    assert re.search(
        r"1\.weight +\(8, \?\) +float32 +deferred +write +2\.weight +cpu\(0\) +\?", text
    )
    assert text.endswith("6 parameters, 104 B and 3 of unknown shape")
    assert "<td" in params.collect(create_model("tied_mlp"))._repr_html_()


def test_slices_and_plain_data():
    records = params.collect(create_model("mlp"))
    assert records[1:].paths == ("0.bias", "1.weight", "1.bias")
    assert records.to_dict()[0]["path"] == "0.weight"
    assert repr(records) == "<4 parameters: 0.weight, 0.bias, 1.weight, 1.bias>"


# Reading, freezing, setting


def test_values_are_copies(array_mode):
    net = made()
    copies = params.values(net, "*.weight")
    assert list(copies) == ["0.weight", "1.weight", "3.weight"]
    assert (copies["0.weight"] == net[0].weight.data().asnumpy()).all()
    copies["0.weight"][:] = 7
    assert (net[0].weight.data().asnumpy() != 7).all()


@pytest.mark.parametrize("hybridize", [False, True])
def test_freezing_keeps_a_layer_and_unfreezing_trains_it(array_mode, uniform, hybridize):
    net, x = made("mlp"), uniform(2, 20)
    if hybridize:
        net.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})

    def step():
        before = params.values(net)
        with autograd.record():
            loss = (net(x) ** 2).sum()
        loss.backward()
        trainer.step(1)
        return [path for path, old in before.items() if (params.values(net)[path] != old).any()]

    assert step() == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert params.freeze(net, "0.*") == ("0.weight", "0.bias")
    assert params.freeze(net, "0.*") == ()
    assert step() == ["1.weight", "1.bias"]
    assert params.unfreeze(net) == ("0.weight", "0.bias")
    assert step() == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_unfreezing_leaves_constants_and_statistics_alone():
    net = sequential(create_model("fancy_mlp"))
    assert params.unfreeze(net) == ()
    net = nn.BatchNorm()
    params.freeze(net)
    assert params.unfreeze(net, grad_req="add") == ("gamma", "beta")


def test_setting_values(array_mode):
    net = made()
    assert params.set_values(net, "*.bias", 0.5) == ("0.bias", "1.bias", "3.bias")
    assert (net[1].bias.data().asnumpy() == 0.5).all()
    numbers = numpy.arange(160, dtype="float64").reshape(8, 20)
    params.set_values(net, "0.weight", numbers)
    assert (net[0].weight.data().asnumpy() == numbers).all()
    mx.random.seed(3)
    params.set_values(net, "0.weight", "xavier")
    mx.random.seed(3)
    expected = gluon.Parameter("x_weight", shape=(8, 20))
    expected.initialize(init.Xavier())
    assert (net[0].weight.data().asnumpy() == expected.data().asnumpy()).all()
    params.set_values(net, "*", init.Constant(2))
    assert all((parameter == 2).all() for parameter in params.values(net).values())


def test_an_initializer_sets_all_values_or_none():
    net = create_model("mlp", units=(5,), init=True)
    materialize(net, (1, 4))
    before = params.values(net)
    with pytest.raises(ArgumentError, match=r"`value` is Xavier.*cannot draw 0.bias, .*nothing"):
        params.set_values(net, "*", init.Xavier())
    for path, array in params.values(net).items():
        assert numpy.array_equal(array, before[path])
    assert params.set_values(net, "*.weight", init.Xavier()) == ("0.weight", "1.weight")


def test_setting_checks_everything_first():
    net = made("mlp")
    before = params.values(net)
    with pytest.raises(ArgumentError, match=r"`value` has shape \(256,\), but 1.bias has \(10,\)"):
        params.set_values(net, "*.bias", numpy.ones(256))
    after = params.values(net)
    assert all((before[path] == after[path]).all() for path in before)


def test_multipliers_reach_the_trainer(uniform):
    net, x = made("mlp"), uniform(2, 20)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    assert params.set_multipliers(net, "0.*", lr=0, wd=0.5) == ("0.weight", "0.bias")
    assert params.collect(net)["0.bias"].wd_mult == 0.5
    before = params.values(net)
    with autograd.record():
        loss = net(x).sum()
    loss.backward()
    trainer.step(1)
    after = params.values(net)
    assert (before["0.weight"] == after["0.weight"]).all()
    assert (before["1.weight"] != after["1.weight"]).any()


# Sharing and deferred initialization


def test_sharing(array_mode):
    assert params.shared(create_model("tied_mlp")) == (
        ("1.weight", "2.weight"),
        ("1.bias", "2.bias"),
    )
    assert params.shared(shared_twice()) == (
        ("0.0.weight", "2.0.weight"),
        ("0.0.bias", "2.0.bias"),
        ("0.1.weight", "2.1.weight"),
        ("0.1.bias", "2.1.bias"),
    )
    assert params.shared(create_model("mlp")) == ()


def test_one_array_under_two_parameters_is_shared():
    net = sequential(nn.Dense(3, in_units=3), nn.Dense(3, in_units=3))
    net.initialize()
    net[1].weight._data = net[0].weight._data
    assert params.shared(net) == (("0.weight", "1.weight"),)


def test_what_is_deferred_and_why():
    net = create_model("mlp")
    assert params.deferred(net)[0].reason == "initialize() has not been called on layer 0 (Dense)"
    net.initialize()
    left = params.deferred(net)
    assert [(parameter.path, parameter.shape, parameter.layer) for parameter in left] == [
        ("0.weight", (256, None), "0"),
        ("1.weight", (10, None), "1"),
    ]
    assert "layer 1 (Dense) has not been reached" in " ".join(str(left).split())
    materialize(net, (1, 20))
    assert not params.deferred(net)
    assert str(params.deferred(net)) == "every parameter has values"


@pytest.mark.parametrize("hybridize", [False, True])
def test_materializing_a_deep_network_draws_what_a_first_call_draws(hybridize):
    nets = []
    for finish in (lambda net, x: net(x), lambda net, x: materialize(net, x.shape)):
        mx.random.seed(5)
        net = create_model("mxnet/resnet18_v2", init="xavier")
        x = mx.nd.ones(model_info("mxnet/resnet18_v2").input_shape)
        if hybridize:
            net.hybridize()
        finish(net, x)
        nets.append(net)
    called, materialized = nets
    assert not params.diff(called, materialized)
    assert bool(materialized._cached_op) is False
    assert materialized._active == hybridize


def test_materializing_leaves_no_other_trace(array_mode):
    net = Untraceable()
    net.initialize()
    net.body(mx.np.ones((1, 4)) if array_mode == "np" else mx.nd.ones((1, 4)))
    before = state(net.body), list(net.seen)
    assert next(parameter.path for parameter in params.deferred(net)).startswith("norm.")
    materialize(net, (2, 4))
    assert (state(net.body), net.seen) == before
    assert not params.deferred(net)
    mx.random.seed(7)
    materialize(net, (2, 4))
    expected = draw(array_mode)
    mx.random.seed(7)
    assert draw(array_mode) == expected


def test_materializing_names_what_is_not_reached():
    net = Unregistered()
    net.spare.initialize()
    left = materialize(net, (2, 4))
    assert [(parameter.path, parameter.reason) for parameter in left] == [
        ("spare.weight", "layer spare is never reached by these inputs")
    ]


def test_a_failed_materializing_changes_nothing():
    net = create_model("mlp", init=True)
    net.add(nn.Conv2D(3, 3))
    net[2].initialize()
    before = state(net)
    with pytest.raises(ArgumentError, match="do not go through `2`"):
        materialize(net, (2, 20))
    assert state(net) == before


# Differences


def test_equal_and_different_networks(array_mode):
    one, two = made("mlp"), made("mlp")
    assert not params.diff(one, one)
    actual = params.diff(one, two)
    assert [(parameter.path, parameter.status) for parameter in actual.changed] == [
        ("0.weight", "values"),
        ("1.weight", "values"),
    ]
    left, right = params.values(one)["0.weight"], params.values(two)["0.weight"]
    assert actual.parameters[0].largest_absolute == pytest.approx(numpy.abs(left - right).max())
    assert actual.parameters[0].differing == (left != right).sum()
    assert str(actual).endswith("2 of 4 parameters are equal")
    assert actual.to_dict()["parameters"][1]["status"] == "equal"
    assert "2 of 4 equal" in actual._repr_html_()


def test_everything_that_can_differ():
    one = sequential(nn.Dense(3, in_units=3), nn.Dense(3, in_units=3), nn.Dense(2, in_units=3))
    shared = nn.Dense(3, in_units=3)
    two = sequential(shared, nn.Dense(3, in_units=3, params=shared.params), nn.Dense(4, in_units=3))
    two.add(nn.Dense(1, in_units=4))
    for net in (one, two):
        net.initialize()
    two[2].bias.cast("float64")
    differences = params.diff(one, two)
    status = {parameter.path: parameter.status for parameter in differences.parameters}
    assert status["2.weight"] == "shape"
    assert status["3.weight"] == "only in second"
    assert {parameter.path: parameter.status for parameter in params.diff(two, one).parameters}[
        "3.bias"
    ] == ("only in first")
    assert differences.tied_second == (("0.weight", "1.weight"), ("0.bias", "1.bias"))
    assert differences.tied_first == ()
    assert "one array only in the second: 0.bias = 1.bias" in str(differences)
    narrow = params.diff({"a": numpy.ones(3)}, {"a": numpy.ones(3, "float32")})
    assert narrow.parameters[0].status == "dtype"


def test_networks_without_values():
    one, two = create_model("mlp", init=True), made("mlp")
    assert {parameter.status for parameter in params.diff(one, two).parameters} == {
        "shape",
        "equal",
    }
    blank = params.diff(create_model("mlp"), create_model("mlp"))
    assert not blank
    assert "4 in shape only, having no values on either side" in str(blank)
    raw, ready = nn.Dense(2, in_units=2), nn.Dense(2, in_units=2)
    ready.initialize()
    assert [parameter.status for parameter in params.diff(raw, ready).parameters] == [
        "no values"
    ] * 2


@pytest.mark.parametrize("kind", ["structural", "names", "exported"])
def test_networks_and_files(array_mode, uniform, tmp_path, kind):
    net = made("mlp")
    path = tmp_path / "file.params"
    if kind == "structural":
        net.save_parameters(str(path))
    elif kind == "names":
        arrays = {name: parameter.data() for name, parameter in net.collect_params().items()}
        (npx if array_mode == "np" else mx.nd).save(str(path), arrays)
    else:
        net.hybridize()
        net(uniform(2, 20))
        net.export(str(tmp_path / "file"))
        path = tmp_path / "file-0000.params"
    assert not params.diff(net, path)
    assert not params.diff(path, net)
    assert not params.diff(path, path)
    params.set_values(net, "1.bias", 1)
    assert [parameter.path for parameter in params.diff(path, net).changed] == ["1.bias"]
    assert params.diff(path, net).changed[0].largest_absolute == 1


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ([1, 2], [1, 2], (0, 0, 0)),
        ([1, 4], [1, 2], (2, 0.5, 1)),
        ([numpy.nan, 1], [numpy.nan, 1], (0, 0, 0)),
        ([numpy.inf, 1], [numpy.inf, 2], (1, 0.5, 1)),
        ([numpy.nan, 1], [0, 1], (numpy.inf, numpy.inf, 1)),
        ([numpy.inf], [-numpy.inf], (numpy.inf, numpy.inf, 1)),
        ([0.0], [-0.0], (0, 0, 0)),
        ([2**53, 1], [2**53 + 1, 1], (1, 1 / (2**53 + 1), 1)),  # equal as float64
    ],
)
def test_differences_of_numbers(one, two, expected):
    assert difference(numpy.array(one), numpy.array(two)) == expected


# Statistics


def test_statistics_are_numpys(array_mode, uniform):
    net = made("mlp")
    with autograd.record():
        loss = net(uniform(2, 20)).sum()
    loss.backward()
    actual = {stat.path: stat for stat in params.stats(net)}
    weight, gradient = net[0].weight.data().asnumpy(), net[0].weight.grad().asnumpy()
    for stats, array in (
        (actual["0.weight"].values, weight),
        (actual["0.weight"].gradient, gradient),
    ):
        numbers = array.astype("float64")
        assert (stats.min, stats.max) == (numbers.min(), numbers.max())
        assert stats.mean == pytest.approx(numbers.mean())
        assert stats.std == pytest.approx(numbers.std())
        assert stats.norm == pytest.approx(numpy.linalg.norm(numbers))
        assert stats.zeros == (array == 0).sum()
        expected, _ = numpy.histogram(numbers, bins=30)
        assert sum(stats.histogram) == numbers.size
        assert numpy.abs(numpy.array(stats.histogram) - expected).sum() <= 2  # ties at the edges


def test_statistics_of_odd_arrays():
    odd = array_stats(numpy.array([numpy.nan, numpy.inf, -numpy.inf, 3.0]), bins=2)
    assert (odd.nan, odd.inf, odd.min, odd.max, odd.norm) == (1, 2, 3, 3, 3)
    assert odd.histogram == (0, 1)
    assert not odd.finite
    assert numpy.isnan(array_stats(numpy.array([numpy.nan])).mean)
    assert array_stats(numpy.ones((0, 3))).size == 0
    assert array_stats(numpy.array([7, 7, 9])).mean == pytest.approx(23 / 3)


def test_statistics_render(uniform):
    statistics = params.stats(made("fancy_mlp"))
    lines = str(statistics).splitlines()
    assert lines[0].split() == ["path", "of", "min", "max", "mean", "std", "norm", "size", "zeros",
                                "nan", "inf"]  # fmt: skip
    assert statistics[0].gradient is None  # the constant has none
    assert statistics.to_csv().count("\n") == 1 + 3 + 2
    assert len(statistics.to_dict()) == 3
    assert "<td" in statistics._repr_html_()


def test_what_is_not_finite_is_named(array_mode, uniform):
    net = made("mlp")
    params.check_finite(net)
    values = params.values(net)
    values["0.bias"][:2] = numpy.nan
    values["1.weight"][0, 0] = numpy.inf
    for path in ("0.bias", "1.weight"):
        params.set_values(net, path, values[path])
    expected = r"not finite: 0.bias \(values: 2 NaN of 256\), 1.weight \(values: 1 inf of 2560\)$"
    with pytest.raises(StateError, match=expected):
        params.check_finite(net)
    params.check_finite(net, "0.weight")
    with autograd.record():
        loss = (net(uniform(2, 20)) * 0).sum()
    loss.backward()
    with pytest.raises(StateError, match=r"gradient: .* NaN"):
        params.check_finite(net)
    with pytest.raises(StateError) as caught:
        params.check_finite(net, gradients=False)
    assert "gradient" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "kind", "error"),
    [
        (lambda: params.collect(nn.Dense), ArgumentTypeError, "is the class Dense; create an inst"),
        (lambda: params.collect(made(), "*.wieght"), ArgumentError, "Did you mean '.\\.weight'"),
        (lambda: params.collect(made(), 3), ArgumentTypeError, "`pattern` is 3, an int; give text"),
        (lambda: params.collect(made(), [3]), ArgumentTypeError, "`pattern` is 3, an int; give te"),
        (lambda: params.collect(made())["x"], ArgumentError, "`path` is 'x'"),
        (lambda: params.values(create_model("mlp")), StateError, r"\(uninitialized\); call net.in"),
        (
            lambda: params.values(create_model("mlp", init=True)),
            StateError,
            r"\(deferred\); run th",
        ),
        (lambda: params.unfreeze(made(), grad_req="on"), ArgumentError, "give 'write' or 'add'"),
        (lambda: params.set_multipliers(made(), lr=-1), ArgumentError, "`lr` is -1; give a number"),
        (
            lambda: params.set_values(made(), "*", "xav"),
            ArgumentError,
            "no initializer can be made",
        ),
        (lambda: params.set_values(made(), "*", {}), ArgumentTypeError, "`value` is {}, a dict"),
        (lambda: params.stats(made(), bins=0), ArgumentError, "`bins` is 0; give a whole number"),
        (lambda: params.diff(made(), "/no/file"), ArgumentError, "there is no such file"),
        (
            lambda: params.diff(3, made()),
            ArgumentTypeError,
            "`first` is an int; give a Gluon block",
        ),
        (lambda: params.diff(made(), __file__), CheckpointError, "neither safetensors nor MXNet's"),
        (lambda: materialize(create_model("mlp"), (1, 2)), StateError, "call net.initialize"),
        (lambda: materialize(made()), ArgumentError, "no input is given"),
    ],
)
def test_misuse_is_refused(call, kind, error):
    with pytest.raises(kind, match=error):
        call()


def test_a_file_without_names_is_refused(tmp_path):
    mx.nd.save(str(tmp_path / "list"), [mx.nd.ones(2)])
    with pytest.raises(ArgumentError, match="holds 1 arrays without names"):
        params.diff(made(), tmp_path / "list")
