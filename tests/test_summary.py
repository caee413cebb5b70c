"""Summaries, against counts made by hand."""

import csv
import io
import json
import re

import pytest
from mxnet import autograd

from gluonkit import create_model, gluon, materialize, mx, nn, params, summary
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.inspection import macs as macs_module
from gluonkit.inspection import register_macs
from gluonkit.inspection.macs import macs_of
from gluonkit.inspection.report import rows
from gluonkit.tracing import Operator

from .networks import (
    Book,
    OwnParameters,
    Several,
    Unregistered,
    Untraceable,
    sequential,
    shared_twice,
)


@pytest.mark.parametrize(
    ("name", "giga", "params"),
    [
        # He et al.: 3.8 × 10⁹ multiply-adds for ResNet-50, its stride in the first convolution.
        ("mxnet/resnet50_v1", 3.86, None),
        # Howard et al., table 4: 569 million multiply-adds, 4.2 million parameters. MXNet's
        # statistics of batch normalization come on top of those.
        ("mxnet/mobilenet1.0", 0.569, 4.2e6),
        # Simonyan and Zisserman, table 2: 138 million parameters; 15.5 × 10⁹ multiply-adds.
        ("mxnet/vgg16", 15.5, 138e6),
    ],
)
def test_published_figures(name, giga, params):
    report = summary(name)
    assert report.macs / 1e9 == pytest.approx(giga, rel=0.005)
    assert not report.uncounted
    if params:
        assert report.total_params == pytest.approx(params, rel=0.015)


def test_parameters_agree_with_mxnets_own_list():
    for name in ("mxnet/resnet50_v2", "mxnet/vgg16_bn", "mxnet/densenet121"):
        net = create_model(name)
        report = summary(net, (1, 3, 224, 224))
        net.initialize()
        materialize(net, (1, 3, 224, 224))
        every = net.collect_params().values()
        assert report.total_params == sum(parameter.data().size for parameter in every)
        trainable = [parameter.data().size for parameter in every if parameter.grad_req != "null"]
        assert report.trainable_params == sum(trainable)
        assert report.unknown == ()


def test_a_layer_used_twice_and_tied_layers(array_mode):
    # The network of which MXNet's own summary says 400 parameters, 288 of them shared.
    dense = nn.Dense(8)
    net = sequential(dense, nn.Dense(8, params=dense.params), nn.Dense(8))
    report = summary(net, (1, 8))
    assert report.total_params == 2 * (8 * 8 + 8)
    assert report.shared_params == 8 * 8 + 8
    assert report.layers[2].shared_with == ("0",)
    assert report.layers[2].params == 0
    assert report.macs == 3 * 64
    assert re.search(r"1 = 0 +Dense .* shared ", str(report))


def test_a_block_at_two_places(array_mode):
    report = summary(shared_twice(), (2, 4))
    paths = [layer.path for layer in report.layers]
    assert paths == ["", "0", "0.0", "0.1", "1", "2", "2.0", "2.1"]
    assert report.total_params == 3 * 20
    assert report.shared_params == 2 * 20
    assert report.macs == 5 * 2 * 16


def test_one_array_under_two_names_of_a_block_counts_once():
    layer = nn.Dense(3, in_units=2)
    layer.second = layer.weight
    report = summary(layer)
    assert report.total_params == report.layers[0].params == 2 * 3 + 3
    assert report.layers[0].shared_with == ()


def test_a_layer_called_twice_is_one_row_of_two_calls():
    dense = {layer.path: layer for layer in summary("fancy_mlp").layers}["dense"]
    assert (dense.calls, dense.params, dense.macs) == (2, 420, 2 * 2 * 20 * 20)


def test_constants_and_frozen_parameters():
    net = create_model("fancy_mlp")
    params.freeze(net, "dense.weight")
    report = summary(net, (2, 20))
    assert (report.total_params, report.trainable_params, report.constant_params) == (820, 20, 400)
    assert {layer.path: layer.trainable for layer in report.layers}["dense"] == "partly"
    assert "20 trainable · 400 without gradient · 400 constant" in str(report)


def test_own_parameters_of_a_custom_layer(array_mode):
    report = summary(OwnParameters(), (2, 5))
    assert report.layers[0].own_params == 15 + 3 + 7
    assert (report.trainable_params, report.macs) == (15 + 7, 2 * 15)


def test_several_inputs_and_nested_outputs(array_mode):
    report = summary(Several(), (2, 5), [(2, 4), (2, 1)])
    assert report.macs == 2 * 5 * 3 + 2 * 4 * 3
    assert "(2, 5), (2, 4), (2, 1)" in str(report)
    assert "(2, 3), (2, 3), (2, 1)" in str(report)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_recurrent_layers(array_mode, kind, bidirectional):
    steps, batch, units, hidden = 5, 2, 3, 8
    net = getattr(gluon.rnn, kind)(hidden, 2, bidirectional=bidirectional)
    report = summary(net, (steps, batch, units))
    gates, directions = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 1 + bidirectional
    first, second = units + hidden, directions * hidden + hidden
    weights = directions * gates * hidden * (first + second)
    assert report.macs == steps * batch * weights
    assert report.total_params == weights + directions * 2 * 2 * gates * hidden


def test_unrolled_cells_count_every_step():  # MXNet's unroll works in legacy mode only
    class Unrolled(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.cell = gluon.rnn.RNNCell(8, input_size=3)

        def hybrid_forward(self, F, x):
            return self.cell.unroll(5, x, layout="NTC", merge_outputs=True)[0]

    report = summary(Unrolled(), (2, 5, 3))
    cell = {layer.path: layer for layer in report.layers}["cell"]
    assert cell.calls == 5
    assert cell.macs == 5 * 2 * (3 * 8 + 8 * 8)


def test_an_untraceable_network_runs_once(array_mode):
    report = summary(Untraceable(), (2, 4))
    assert report.executed
    assert report.macs == 2 * (4 * 4 + 4 * 4)
    assert "One forward pass was made" in str(report)


def test_a_block_in_the_style_of_the_book(array_mode):
    net = Book()
    report = summary(net, (2, 5))
    assert report.executed
    assert report.macs == 2 * (5 * 4 + 4 * 4 + 4 * 4)
    assert report.total_params == 16 + 16 + 5 * 4 + 4
    assert all(record.state == "uninitialized" for record in params.collect(net))


def test_hybridized_networks_stay_hybridized(uniform):
    net = create_model("mlp", init=True)
    net.hybridize(static_alloc=True)
    net(uniform(2, 20))
    graph = net._cached_op
    assert summary(net, (2, 20)).macs == 2 * (20 * 256 + 256 * 10)
    assert net._cached_op is graph
    assert net._active


def test_what_is_not_registered_or_not_reached_is_said():
    report = summary(Unregistered(), (2, 4))
    assert report.unreached == ("spare",)
    assert report.unknown == ("spare.weight",)
    assert [layer.registered for layer in report.layers] == [True, False, True]
    text = " ".join(str(report).split())
    assert "Never reached by this input: spare." in text
    assert re.search(r"Not registered .*: \[dense\d+\]\.", text)
    assert "Shape unknown, so not in the totals: spare.weight." in text


def test_without_inputs_only_parameters_are_known():
    report = summary(create_model("mlp"))
    assert (report.macs, report.activation_bytes, report.unreached) == (None, None, ())
    assert report.unknown == ("0.weight", "1.weight")
    assert report.total_params == 256 + 10
    assert "none given" in str(report)


def test_memory(array_mode):
    report = summary("lenet", optimizer="adam")
    outputs = 2 * 6 * 24 * 24 + 6 * 12 * 12 + 2 * 1600 + 400 + 2 * 120 + 2 * 84 + 10
    assert report.activation_bytes == 4 * outputs
    assert report.param_bytes == report.gradient_bytes == 4 * 60170
    assert report.optimizer_bytes == 2 * 4 * 60170
    assert summary("lenet").optimizer_bytes == report.optimizer_bytes  # what `fit` takes, too
    assert summary("lenet", optimizer="sgd").optimizer_bytes == 0
    momentum = summary("lenet", optimizer="sgd", optimizer_params={"momentum": 0.9})
    assert momentum.optimizer_bytes == 4 * 60170
    assert summary("lenet", optimizer=mx.optimizer.Adam()).optimizer == "Adam"


def test_half_precision(array_mode):
    net = create_model("mlp")
    net.cast("float16")
    report = summary(net, ((2, 20), "float16"))
    assert report.param_bytes == 2 * 7946
    assert report.layers[0].outputs == ArraySpec((2, 10), "float16")
    half = summary(net, ((2, 20), "float16"), optimizer="sgd",
                   optimizer_params={"momentum": 0.9, "multi_precision": True})  # fmt: skip
    assert half.optimizer_bytes == (4 + 4) * 7946  # a float32 copy, and its momentum


@pytest.mark.parametrize("depth", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("name", ["chimera", "tied_mlp", "rgnet", "mxnet/resnet18_v1"])
def test_the_rows_that_are_shown_add_up_to_the_totals(name, depth):
    report = summary(name, depth=depth)
    shown = list(rows(report))
    assert sum(row.layer.params for row in shown) == report.total_params
    assert sum(row.layer.macs for row in shown) == report.macs
    assert sum(row.layer.activation_bytes for row in shown) == report.activation_bytes
    assert depth is None or max(row.layer.depth for row in shown) == min(
        depth, max(layer.depth for layer in report.layers)
    )
    printed = [
        cell.replace(",", "") for cell in re.findall(r"(?<= )[\d,]+(?=  +[\d.<])", str(report))
    ]
    if name != "mxnet/resnet18_v1":
        assert sum(map(int, printed)) == report.total_params


@pytest.mark.parametrize("name", ["lenet", "mxnet/densenet121"])
def test_totals_keep_within_a_terminal(name):
    """And are wrapped between figures."""
    lines = str(summary(name, optimizer="adam")).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("Memory"))
    assert max(map(len, lines[first - 2 : first + 2])) <= 80
    assert re.fullmatch(r"Memory +(\w+ [\d.]+ \w+( ·)? ?){3}", lines[first])
    assert re.fullmatch(r" +Adam state [\d.]+ \w+", lines[first + 1])


def test_views_choose_columns_and_rows():
    report = summary("rgnet", columns=["layer", "trainable", "activations"], pattern="0.1.*")
    lines = str(report).splitlines()
    assert lines[1].split() == ["layer", "trainable", "activations"]
    assert [line.split()[0] for line in lines[3:7]] == ["0.1.0", "0.1.0.act", "0.1.1", "0.1.1.act"]
    assert len(report.layers) == 23  # the records are all there
    assert str(report.view(columns="layer", depth=1)).splitlines()[3:5] == ["(network)", "  0 …"]


def test_renderings_hold_the_same():
    report = summary("tied_mlp")
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["total_params"] == 330
    assert [layer["path"] for layer in plain["layers"]] == [layer.path for layer in report.layers]
    assert plain["layers"][0]["inputs"] == [{"shape": [2, 20], "dtype": "float32"}]
    lines = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert sum(int(line["own_params"]) for line in lines) == 330
    assert [line["shared_with"] for line in lines if line["shared_with"]] == ["1"]
    markdown = report.to_markdown().splitlines()
    assert markdown[2].count("|") == markdown[4].count("|") == 8
    page = report._repr_html_()
    assert page.count("<details") == page.count("</details>") == 4
    assert "2 = 1" in page
    assert page.count("<div") == page.count("</div>")
    # The longest cells: "HybridSequential" and the headers below it; no word is broken.
    assert "grid-template-columns:9ch 16ch 7ch 8ch 6ch 5ch 9ch;" in page
    assert page.count("white-space:nowrap") == 9


def test_no_operator_is_silently_zero():
    class Odd(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return F.Correlation(x, F.relu(x))

    report = summary(Odd(), (1, 2, 4, 4))
    assert report.uncounted == {"Correlation": 1}
    assert report.without_macs == {"relu": 1}
    assert "multiply-adds are unknown: Correlation 1" in str(report)


def test_counts_of_the_users_own(monkeypatch):
    class Odd(gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return F.Correlation(x, x)

    monkeypatch.setattr(macs_module, "_users", {})
    register_macs("Correlation")(lambda operator: 3 * operator.outputs[0].size)
    report = summary(Odd(), (1, 2, 4, 4))
    assert report.macs == 3 * report.layers[0].outputs.size
    assert not report.uncounted
    register_macs("Correlation")(lambda operator: 1.5)
    with pytest.raises(ArgumentError, match=r"registered for 'Correlation' gave 1.5"):
        summary(Odd(), (1, 2, 4, 4))
    with pytest.raises(ArgumentTypeError, match=r"write @register_macs\('NameOfTheOperator'\)"):
        register_macs(lambda operator: 1)


def operator(name, inputs, outputs, **attributes):
    return Operator(
        name, attributes, *(tuple(map(ArraySpec, shapes)) for shapes in (inputs, outputs))
    )


@pytest.mark.parametrize(
    ("run", "macs"),
    [
        # grouped: each filter sees 4 of 8 channels
        (operator("Convolution", [(1, 8, 9, 9), (6, 4, 3, 3), (6,)], [(1, 6, 7, 7)],
                  num_filter="6", num_group="2"), 6 * 49 * 4 * 9),
        # channels last
        (operator("Convolution", [(1, 9, 9, 8), (6, 3, 3, 8)], [(1, 7, 7, 6)],
                  num_filter="6", layout="NHWC"), 6 * 49 * 8 * 9),
        (operator("Deconvolution", [(1, 8, 5, 5), (8, 6, 3, 3)], [(1, 6, 7, 7)]), 8 * 25 * 6 * 9),
        (operator("dot", [(3, 4), (3, 5)], [(4, 5)], transpose_a="True"), 4 * 5 * 3),
        (operator("_np_dot", [(), (3, 5)], [(3, 5)]), 0),
        (operator("batch_dot", [(7, 3, 4), (7, 4, 5)], [(7, 3, 5)]), 7 * 3 * 4 * 5),
        (operator("batch_dot", [(7, 4, 3), (7, 4, 5)], [(7, 3, 5)], transpose_a="1"),
         7 * 3 * 4 * 5),
        (operator("_npi_matmul", [(4,), (4, 5)], [(5,)]), 20),
        (operator("_npi_tensordot_int_axes", [(2, 3, 4), (3, 4, 5)], [(2, 5)], axes="2"), 2 * 60),
        (operator("_npi_tensordot_int_axes", [(2,), (3,)], [(2, 3)], axes="0"), 6),
        (operator("_npi_tensordot", [(2, 3, 4), (4, 5)], [(2, 3, 5)], a_axes_summed="(2,)"), 120),
        (operator("_npi_einsum", [(2, 3), (3, 4), (4, 5)], [(2, 5)], subscripts="ij,jk,kl->il"),
         2 * 120),
        (operator("_npi_einsum", [(7, 2, 3), (7, 3, 4)], [(7, 2, 4)],
                  subscripts="...ij,...jk->...ik"), 7 * 24),
        (operator("RNN", [(5, 2, 3)], [(5, 2, 4)], mode="lstm", state_size="8",
                  num_layers="1", projection_size="4"), 10 * (4 * 8 * (3 + 4) + 8 * 4)),
        # BERT base, 12 heads of 64: sequence of 10, batch of 2
        (operator("_contrib_interleaved_matmul_selfatt_qk", [(10, 2, 2304)], [(24, 10, 10)],
                  heads="12"), 24 * 100 * 64),
        (operator("_contrib_interleaved_matmul_selfatt_valatt", [(10, 2, 2304), (24, 10, 10)],
                  [(10, 2, 768)], heads="12"), 24 * 100 * 64),
        (operator("_contrib_interleaved_matmul_encdec_qk", [(7, 2, 768), (10, 2, 1536)],
                  [(24, 7, 10)], heads="12"), 24 * 70 * 64),
        (operator("_contrib_interleaved_matmul_encdec_valatt", [(10, 2, 1536), (24, 7, 10)],
                  [(7, 2, 768)], heads="12"), 24 * 70 * 64),
        (operator("_contrib_DeformableConvolution",
                  [(1, 8, 9, 9), (1, 18, 7, 7), (6, 8, 3, 3)], [(1, 6, 7, 7)], num_filter="6"),
         6 * 49 * 72),
        (operator("_contrib_ModulatedDeformableConvolution",
                  [(1, 8, 9, 9), (1, 18, 7, 7), (1, 9, 7, 7), (6, 8, 3, 3)], [(1, 6, 7, 7)],
                  num_filter="6"), 6 * 49 * 72),
        (operator("_npi_maximum", [(3,), (3,)], [(3,)]), 0),
        (operator("_npi_rsubtract_scalar", [(3,)], [(3,)]), 0),
        (operator("_contrib_box_nms", [(3, 6)], [(3, 6)]), 0),
        (operator("_npi_cholesky", [(3, 3)], [(3, 3)]), None),
        (operator("LinearAlgebraOfTheFuture", [(3,)], [(3,)]), None),
    ],
    ids=lambda value: value.name if isinstance(value, Operator) else "",
)  # fmt: skip
def test_multiply_adds_by_hand(run, macs):
    assert macs_of(run) == macs


def test_attributes_are_read_as_mxnet_writes_them(array_mode, uniform):
    """The counts above rest on attributes given by hand; these come from MXNet."""

    class Products(gluon.HybridBlock):
        def hybrid_forward(self, F, x, y):
            if array_mode == "nd":
                return F.batch_dot(x, y, transpose_b=True)
            return F.np.tensordot(x, y, axes=([2], [2])).sum() + F.np.einsum("bij,bkj->bik", x, y)

    actual = summary(Products(), (7, 3, 4), (7, 5, 4))
    expected = {"batch_dot": 7 * 3 * 5 * 4}
    if array_mode == "np":
        expected = {"_npi_tensordot": 7 * 3 * 7 * 5 * 4, "_npi_einsum": 7 * 3 * 5 * 4}
    assert actual.macs_by_operator == expected
    assert not actual.executed


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: summary(nn.Dense, (1, 2)), r"`net` is the class Dense; create an instance"),
        (
            lambda: summary(mx.sym.var("x"), (1,)),
            r"`net` is a Symbol; wrap it in gluon.SymbolBlock",
        ),
        (lambda: summary(3, (1,)), r"`net` is an int; give a Gluon block"),
        (lambda: summary("lenett"), r"`net` is 'lenett', .* Did you mean 'lenet'"),
        (lambda: summary("lenet", columns=["parms"]), r"Did you mean 'params'\? Columns: layer"),
        (lambda: summary("lenet", pattern="9.*"), r"`pattern` is '9.\*'.* layers' paths"),
        (lambda: summary("lenet", depth=-1), r"`depth` is -1; give a whole number from 0"),
        (lambda: summary("lenet", depth=True), r"`depth` is True, a bool; give a whole number"),
        (lambda: summary("lenet", optimizer="addam"), r"Did you mean .*'adam'"),
        (lambda: summary("lenet", optimizer_params={"x": 1}), r"`optimizer_params` is {'x': 1}"),
        (lambda: summary("lenet", optimizer=3), "`optimizer` is 3, an int; give a name, such as"),
        (
            lambda: summary("lenet", optimizer=mx.optimizer.SGD(), optimizer_params={"wd": 1}),
            "`optimizer_params` is given with an optimizer that is made already",
        ),
    ],
)
def test_misuse_is_refused(call, error):
    with pytest.raises((ValueError, TypeError), match=error):
        call()


def test_under_record_nothing_is_recorded(uniform):
    net = create_model("mlp", init=True)
    x = uniform(2, 20)
    with autograd.record():
        summary(net, x)
        output = net(x).sum()
    output.backward()
    assert abs(net[0].weight.grad()).sum() > 0
