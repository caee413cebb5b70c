"""Graphs as values: what is read from a symbol is written again, and changes stay apart."""

from __future__ import annotations

import json
from dataclasses import replace

import mxnet as mx
import numpy
import pytest

import gluonkit
from gluonkit._base.specs import ArraySpec
from gluonkit.files.graph import Entry, Graph, Node
from gluonkit.tracing.symbols import NotInferableError, graph_of, json_of, shaped, symbol_of


@pytest.fixture(scope="module")
def normalized():
    """A dense layer, batch norm (which has hidden outputs), and two outputs of the network."""
    dense = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="dense")
    norm = mx.sym.BatchNorm(dense, fix_gamma=False, name="norm")
    return mx.sym.Group([mx.sym.relu(norm, name="relu"), norm[0] * 2])


def computed(symbol, data):
    """Return the outputs of a symbol for data, with weights that follow from their names."""
    shapes, _, states = symbol.infer_shape(data=data.shape)
    draws = numpy.random.default_rng(3)

    def filled(names, sizes):
        by_name = sorted(zip(names, sizes, strict=True))
        return {name: mx.nd.array(draws.uniform(0.5, 1, size)) for name, size in by_name}

    arguments = filled(symbol.list_arguments(), shapes) | {"data": mx.nd.array(data)}
    auxiliary = filled(symbol.list_auxiliary_states(), states)
    executor = symbol.bind(mx.cpu(), arguments, aux_states=auxiliary)
    return [output.asnumpy() for output in executor.forward()]


def test_what_is_read_is_written_again(normalized):
    """Nodes, versions of statistics, hidden outputs, and MXNet's version come back."""
    text = json_of(normalized)
    assert json.loads(Graph.from_json(text).to_json()) == json.loads(text)
    assert json_of(symbol_of(graph_of(normalized))) == text


def test_nodes_have_what_mxnet_wrote(normalized):
    graph = graph_of(normalized)
    norm = next(node for node in graph.nodes if node.name == "norm")
    assert norm.operator == "BatchNorm"
    assert norm.count == 3  # the outputs, and mean and variance, which are hidden
    assert norm.arguments["fix_gamma"] == "False"
    assert [graph.nodes[entry.node].name for entry in norm.inputs[1:]] == [
        "norm_gamma",
        "norm_beta",
        "norm_moving_mean",
        "norm_moving_var",
    ]
    assert norm.inputs[3].version == 1  # MXNet changes it


def test_annotations_are_no_arguments():
    with mx.AttrScope(ctx_group="left"):
        graph = graph_of(mx.sym.relu(mx.sym.var("data"), name="relu"))
    node = graph.nodes[-1]
    assert "__ctx_group__" in node.attributes
    assert node.arguments == {}


def test_map_changes_a_copy(normalized):
    graph = graph_of(normalized)
    renamed = graph.map(lambda node: replace(node, name=f"new_{node.name}"))
    assert symbol_of(renamed).list_arguments()[0] == "new_data"
    assert graph_of(normalized) == graph
    wider = graph.map(lambda n: n.changed(num_hidden="5") if n.name == "dense" else n)
    assert symbol_of(wider).infer_shape(data=(2, 4))[1] == [(2, 5), (2, 5)]


def test_a_subgraph_needs_its_own_variables_only(normalized):
    graph = graph_of(normalized)
    place = next(index for index, node in enumerate(graph.nodes) if node.name == "dense")
    part = graph.subgraph([Entry(place)])
    assert symbol_of(part).list_arguments() == ["data", "dense_weight", "dense_bias"]
    assert part.pruned() == part


def test_inserted_operators_stand_where_they_are_told(normalized):
    """Negating before the batch norm, and behind the dense layer: both together change nothing."""
    graph = graph_of(normalized)
    places = {node.name: index for index, node in enumerate(graph.nodes)}
    changed = graph.inserted(
        {places["norm"]: Node("negative", "before")},
        {(places["dense"], 0): Node("negative", "behind")},
    )
    data = numpy.random.default_rng(0).normal(size=(4, 6)).astype("float32")
    for ours, theirs in zip(
        computed(symbol_of(changed), data), computed(normalized, data), strict=True
    ):
        numpy.testing.assert_allclose(ours, theirs, rtol=1e-6)
    names = [node.name for node in changed.nodes]
    assert names.index("dense") < names.index("behind") < names.index("before")


def test_what_is_inserted_behind_an_output_is_what_the_graph_returns():
    graph = graph_of(mx.sym.relu(mx.sym.var("data"), name="relu"))
    symbol = symbol_of(graph.inserted({}, {(1, 0): Node("negative", "minus")}))
    assert symbol.list_outputs() == ["minus_output"]


def test_another_order_is_the_same_network(normalized):
    """Variables first, which MXNet never writes itself."""
    graph = graph_of(normalized)
    order = sorted(range(len(graph.nodes)), key=lambda place: not graph.nodes[place].is_variable)
    data = numpy.random.default_rng(1).normal(size=(4, 6)).astype("float32")
    ordered = symbol_of(graph.ordered(order))
    for ours, theirs in zip(computed(ordered, data), computed(normalized, data), strict=True):
        numpy.testing.assert_array_equal(ours, theirs)


def test_shapes_follow_from_the_inputs(normalized):
    graph = shaped(normalized, {"data": ArraySpec((2, 4))})
    assert {node.name: node.outputs[0].shape for node in graph.operators}["dense"] == (2, 3)
    assert [graph.spec(head.place).shape for head in graph.heads] == [(2, 3), (2, 3)]


def test_control_flow_comes_back_and_is_named():
    """The bodies of loops are kept as MXNet wrote them; their shapes are not looked into."""
    data, state = mx.sym.var("data"), mx.sym.var("state")
    outputs, _ = mx.sym.contrib.foreach(lambda x, s: (x + s, x + s), data, state)
    graph = graph_of(outputs)
    assert graph.control_flow == "_foreach"
    assert json.loads(graph.to_json()) == json.loads(json_of(outputs))
    with pytest.raises(NotInferableError, match=r"it has control flow \(_foreach\)"):
        shaped(outputs, {"data": ArraySpec((3, 2)), "state": ArraySpec((2,))})


@pytest.mark.parametrize("name", gluonkit.list_models(source="gluonkit"))
def test_graphs_of_all_own_models_come_back(name):
    net = gluonkit.create_model(name)
    symbol = net(mx.sym.var("data"))
    symbol = symbol[0] if isinstance(symbol, (list, tuple)) else symbol
    assert json_of(symbol_of(graph_of(symbol))) == json_of(symbol)
