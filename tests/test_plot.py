"""Pictures: what is drawn, legible at 3 layers and at 60."""

import io
import itertools
import math
import re
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from mxnet import autograd

from gluonkit import activations, create_model, materialize, model_info, mx, nn, params
from gluonkit.benchmark import BenchReport, BenchRow, Measurement, compare
from gluonkit.errors import ArgumentError
from gluonkit.plot import graph, plot_activations, plot_histograms, plot_network, plot_norms
from gluonkit.plot.bench import plot_bench
from gluonkit.plot.drawing.boxes import drawing_of
from gluonkit.plot.drawing.layout import Box, Frame, layered
from gluonkit.plot.drawing.repeats import Repeats, repeats_of
from gluonkit.plot.drawing.wrapping import PAGES, wrapped
from gluonkit.plot.history import plot_history, plot_lr
from gluonkit.plot.interpretation import plot_confusion, plot_pictures, plot_residuals
from gluonkit.system.environment import environment
from gluonkit.tracing import trace

from .networks import Several, Untraceable, sequential


def deep(layers):
    """Return a chain of that many layers, with values."""
    net = nn.HybridSequential()
    for _ in range(layers // 2):
        net.add(nn.Dense(4, in_units=4), nn.BatchNorm(in_channels=4))
    net.initialize()
    return net


def written(figure):
    """Return every text of a figure that is drawn."""
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def texts(figure):
    return [text.get_text() for text in written(figure)]


def overlaps(figure):
    """Return the pairs of texts that lie over one another."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    extents = [(text.get_text(), text.get_window_extent(renderer)) for text in written(figure)]
    return [
        (one, two)
        for index, (one, left) in enumerate(extents)
        for two, right in extents[index + 1 :]
        if left.x0 < right.x1 - 1
        and right.x0 < left.x1 - 1
        and left.y0 < right.y1 - 1
        and right.y0 < left.y1 - 1
    ]


def trained(net, shape):
    x = mx.nd.random.uniform(shape=shape)
    with autograd.record():
        loss = (net(x) ** 2).sum()
    loss.backward()
    return x


@pytest.mark.parametrize("layers", [4, 60])
def test_parameters_and_activations_are_legible(layers):
    net = deep(layers)
    x = trained(net, (3, 4))
    stats = params.stats(net)
    figures = {
        "values": plot_histograms(stats),
        "gradient": plot_histograms(stats, of="gradient"),
        "norms": plot_norms(stats),
        "activations": plot_activations(activations(net, x)),
    }
    for name, figure in figures.items():
        assert overlaps(figure) == [], name
    paths = [stat.path for stat in stats]
    assert set(paths) <= set(texts(figures["values"]))
    assert set(paths) <= set(texts(figures["norms"]))
    with_gradient = [stat.path for stat in stats if stat.gradient is not None]
    assert set(with_gradient) <= set(texts(figures["gradient"]))
    assert "running_mean" not in " ".join(texts(figures["gradient"]))
    assert "Euclidean norm" in " ".join(texts(figures["norms"]))
    assert texts(figures["activations"]).count("0%") >= 1


def test_the_helper_above_can_fail():
    figure = plot_norms(params.stats(deep(4)))
    figure.text(0.5, 0.5, "one")
    figure.text(0.5, 0.5, "two")
    assert ("one", "two") in overlaps(figure)


def test_histograms_draw_the_counts():
    net = nn.Dense(2, in_units=3)
    net.initialize(mx.init.One())
    (axes, *_) = plot_histograms(params.stats(net, "weight")).axes
    heights = [patch.get_height() for patch in axes.patches]
    assert (sum(heights), max(heights)) == (6, 6)


def test_numbers_that_are_not_finite_are_said():
    net = nn.Dense(2, in_units=3)
    net.initialize()
    values = params.values(net, "weight")["weight"]
    values[0, 0] = float("nan")
    params.set_values(net, "weight", values)
    assert "1 not finite" in texts(plot_histograms(params.stats(net)))
    shown = texts(plot_activations(activations(net, (1, 3))))
    assert any("1 not finite" in text for text in shown)


# Activations


def test_activations_by_hand(array_mode, uniform):
    net = create_model("mlp", units=(4,), classes=2, init=True)
    x = uniform(3, 5)
    net(x)
    net.hybridize()
    net(x)
    hidden = net[0](x).asnumpy()
    by_path = {activation.path: activation for activation in activations(net, x)}
    assert list(by_path) == ["", "0", "0.act", "1"]
    assert by_path["0"].shape == (3, 4)
    assert by_path["0.act"].values.mean == pytest.approx(hidden.mean())
    assert by_path["0.act"].values.zeros == (hidden == 0).sum()
    assert [activation.path for activation in by_path.values() if activation.leaf] == ["0.act", "1"]
    assert net._active
    assert "0.act" in str(activations(net, x))
    assert "<td" in activations(net, x)._repr_html_()
    assert activations(net, x).to_dict()[0]["shape"] == (3, 2)


def test_activations_of_several_data_types():
    class Both(nn.HybridBlock):
        def hybrid_forward(self, F, x):
            return x, F.cast(F.argmax(x, axis=1), "int32")

    net = Both()
    (whole,) = activations(net, mx.nd.array([[0.5, 2.0, 1.0]]))
    assert whole.values.mean == pytest.approx((0.5 + 2 + 1 + 1) / 4)


def test_activations_of_a_network_that_cannot_be_traced(array_mode):
    net = Untraceable()
    net.initialize()
    materialize(net, (2, 4))
    recorded = activations(net, (2, 4))
    assert [activation.path for activation in recorded] == ["", "body", "body", "norm"]


# The network as a graph


def drawn(net, *inputs, depth=None, monkeypatch):
    """Return the boxes and edges that would be drawn."""
    kept = {}
    keep = lambda boxes, *_, **rest: kept.update(rest, boxes=boxes)  # noqa: E731
    monkeypatch.setattr(graph, "draw_network", keep)
    plot_network(net, *inputs, depth=depth)
    titles = {box.key: box.title for box in kept["boxes"]}
    routes = kept["plan"].routes
    return kept["boxes"], {(titles[route.source], titles[route.target]) for route in routes}


def whole(name, depth=math.inf, **look):
    """Return a drawing of a registered model, by titles, without regard to the page."""
    shapes = [shape for shape, _ in model_info(name).specs]
    traced = trace(create_model(name), *shapes)
    repeats = repeats_of(traced) if look.pop("folded", False) else Repeats()
    drawing = drawing_of(traced, map(str, shapes), depth, repeats, **{"merged": False, **look})
    titles = {key: piece.title for key, piece in drawing.pieces.items()}
    return drawing, {(titles[a], titles[b]) for a, b in drawing.edges}


def test_a_chain(array_mode, monkeypatch):
    boxes, edges = drawn("tied_mlp", monkeypatch=monkeypatch)
    assert [box.title for box in boxes] == ["input", "0", "1", "2", "3", "output"]
    assert edges == {("input", "0"), ("0", "1"), ("1", "2"), ("2", "3"), ("3", "output")}
    assert boxes[1].lines == ("Dense 8 units", "(2, 8)", f"{20 * 8 + 8} parameters")
    assert boxes[2].shared == boxes[3].shared != boxes[4].shared
    assert {box.kind for box in boxes} == {"input", "dense", "output"}


def test_a_residual_connection():
    drawing, edges = whole("mxnet/resnet18_v1")
    adds = [piece for piece in drawing.pieces.values() if piece.title.startswith("add")]
    assert len(adds) == 8
    assert {piece.kind for piece in adds} == {"operator"}
    assert ("features.3", "add, activation") in edges  # past the first block's body
    assert ("features.4.0.body.4", "add, activation") in edges
    assert len([edge for edge in edges if edge[0] == "input"]) == 1


def test_depth_draws_what_is_deeper_as_one_box(monkeypatch):
    boxes, edges = drawn("mxnet/resnet18_v1", depth=2, monkeypatch=monkeypatch)
    assert "features.4" in [box.title for box in boxes]
    assert all(box.title.count(".") <= 1 for box in boxes)
    assert ("features.3", "features.4") in edges


@pytest.mark.parametrize("look", [{}, {"folded": True}, {"folded": True, "merged": True}])
@pytest.mark.parametrize("depth", [1, 2, math.inf])
@pytest.mark.parametrize("name", ["mxnet/resnet18_v1", "mxnet/mobilenet0.25", "lenet"])
def test_all_parameters_are_drawn_however_much_is_left_out(name, depth, look):
    """The sum over the boxes, each as often as it comes, is what the network has."""
    drawing, _ = whole(name, depth, **look)
    times = Counter({key: piece.times for key, piece in drawing.pieces.items()})
    for frame in drawing.frames:
        for key in frame.keys:
            times[key] *= frame.times
    total = sum(piece.params * times[key] for key, piece in drawing.pieces.items())
    assert total == parameters_of(name)


@cache
def parameters_of(name):
    net = create_model(name, init=True)
    materialize(net, *model_info(name).specs)
    return sum(int(numpy.prod(record.shape)) for record in params.collect(net))


def test_repeated_blocks_are_drawn_once():
    drawing, edges = whole("mxnet/resnet50_v1", 2, folded=True)
    assert drawing.pieces  # stages are one box each
    drawing, edges = whole("mxnet/resnet50_v1", 3, folded=True)
    assert [piece.times for piece in drawing.pieces.values() if piece.times > 1] == [2, 3, 5, 2]
    boxes = {box.title: box for box in drawing.boxes()}
    assert boxes["features.6.1 – 5  × 5"].lines == (
        "BottleneckV1",
        "(1, 1024, 14, 14)",
        "1.12 M parameters each",
    )
    assert ("features.6.0", "features.6.1 – 5") in edges
    assert ("features.6.1 – 5", "features.7.0") in edges
    drawing, _ = whole("mxnet/mobilenet1.0", folded=True, merged=True)
    (frame,) = drawing.frames
    assert frame.times == 5
    kinds = [drawing.pieces[key].words[0] for key in frame.keys]
    assert kinds == ["Conv2D 512 × 3×3, 512 groups", "Conv2D 512 × 1×1"]


def test_what_only_looks_alike_is_drawn_as_often_as_it_comes():
    """Blocks that share parameters, or are fed by others, are no repetition."""
    drawing, _ = whole("tied_mlp", folded=True)
    assert len(drawing.pieces) == 6

    class Skips(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Dense(4, in_units=4), nn.Dense(4, in_units=4)
            self.three = nn.Dense(4, in_units=4)

        def hybrid_forward(self, F, x):
            first = self.one(x)
            return self.three(x) + self.two(first)

    assert repeats_of(trace(Skips(), (1, 4))).units == ()
    side = nn.HybridSequential()
    side.add(nn.Dense(4, in_units=4), nn.Dense(4, in_units=4), nn.Dense(5), nn.Dense(4))
    assert [unit.times for unit in repeats_of(trace(side, (1, 4))).units] == [2]
    narrow = nn.HybridSequential()
    narrow.add(nn.Dense(4), nn.Dense(4))
    assert repeats_of(trace(narrow, (1, 3))).units == ()  # their inputs differ


def test_layers_side_by_side_are_one_box_where_nothing_else_fits():
    class Heads(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            self.heads = nn.HybridSequential()
            self.heads.add(*(nn.Dense(number + 1) for number in range(40)))

        def hybrid_forward(self, F, x):
            return [F.flatten(head(x)) for head in self.heads]

    figure = plot_network(Heads(), (2, 3))
    assert fits_page(figure)
    assert {"heads.0 – 39", "40 side by side", "(2, 1), …"} <= set(texts(figure))
    assert f"{sum(4 * (n + 1) for n in range(40)):,} parameters" in texts(figure)


def fits_page(figure):
    width, height = figure.get_size_inches()
    return any(width <= w + 0.5 and height <= h + 1 for w, h in PAGES)


@pytest.mark.parametrize(
    "name", ["mxnet/resnet50_v1", "mxnet/mobilenet1.0", "mxnet/inceptionv3", "mxnet/densenet121"]
)
def test_networks_of_the_zoo_fit_on_a_page(name):
    figure = plot_network(name)
    assert fits_page(figure)
    assert overlaps(figure) == []
    assert len(figure.axes[0].patches) > 15
    right = figure.bbox.width
    renderer = FigureCanvasAgg(figure).get_renderer()
    assert all(text.get_window_extent(renderer).x1 <= right for text in written(figure))


@pytest.mark.parametrize("columns", [2, 3, 5])
def test_columns_hold_every_box_and_every_edge(columns):
    keys = [f"n{number}" for number in range(30)]
    edges = [*chain(*keys), ("n3", "n12"), ("n1", "n25")]
    frame = Frame(("n14", "n15", "n16"), 3, "14 – 16")
    plan = wrapped(layered(boxes(keys), edges), [frame], columns)
    placed = {box.box.key: box for box in plan.boxes}
    assert set(placed) == set(keys)
    everything = list(placed.values())
    for index, one in enumerate(everything):
        assert not any(touching(one, two) for two in everything[index + 1 :])
        assert one.width / 2 <= one.x <= plan.width - one.width / 2
        assert one.height / 2 <= one.y <= plan.height - one.height / 2
    assert len({round(box.x) for box in everything}) >= columns
    assert len({placed[key].x for key in frame.keys}) == 1  # a frame is not cut
    assert {(route.source, route.target) for route in plan.routes if route.head} == set(edges)
    for bend in plan.bends:
        assert all(0 <= x <= plan.width and 0 <= y <= plan.height for x, y in bend)
        assert not any(inside(box, point) for box in everything for point in bend)
    # Each column but the first begins where edges come in.
    assert len(plan.bends) >= columns - 1


def test_several_inputs_and_a_forward_pass(array_mode, monkeypatch):
    boxes, edges = drawn(Several(), (2, 5), [(2, 4), (2, 1)], monkeypatch=monkeypatch)
    assert sum(box.kind == "input" for box in boxes) == 3
    assert {target for source, target in edges if source == "input"} >= {"left", "right"}
    boxes, edges = drawn(Untraceable(), (2, 4), monkeypatch=monkeypatch)
    assert ("input", "body") in edges
    assert ("body", "norm") in edges


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_pictures_can_be_saved(kind):
    stream = io.BytesIO()
    plot_network("lenet").savefig(stream, format=kind)
    assert stream.getvalue().startswith(b"\x89PNG" if kind == "png" else b"<?xml")


@pytest.mark.parametrize("name", ["tied_mlp", "mxnet/resnet18_v1", "mxnet/inceptionv3"])
def test_graphs_have_no_overlaps(name):
    figure = plot_network(name)
    assert overlaps(figure) == []
    shared = any("same parameters" in text for text in texts(figure))
    assert shared == (name == "tied_mlp")
    assert model_info(name).name in texts(figure)


# The layout


def chain(*keys):
    return list(itertools.pairwise(keys))


def boxes(keys):
    return [Box(key, key, (f"line of {key}",)) for key in keys]


def touching(one, two):
    return (
        abs(one.x - two.x) < (one.width + two.width) / 2
        and abs(one.y - two.y) < (one.height + two.height) / 2
    )


def inside(box, point):
    x, y = point
    return abs(x - box.x) < box.width / 2 - 0.01 and abs(y - box.y) < box.height / 2 - 0.01


GRAPHS = {
    "one": ("a", []),
    "no edges": ("abc", []),
    "chain": ("abcdef", chain(*"abcdef")),
    "skip": ("abcdef", [*chain(*"abcdef"), ("a", "e"), ("b", "f")]),
    "diamond": ("abcd", [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]),
    "branches": ("abcdefgh", [("a", x) for x in "bcdefg"] + [(x, "h") for x in "bcdefg"]),
    "two components": ("abcdef", [*chain(*"abc"), *chain(*"def")]),
    "dense": ("abcdef", [(a, b) for i, a in enumerate("abcdef") for b in "abcdef"[i + 1 :]]),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_layouts(name):
    keys, edges = GRAPHS[name]
    plan = layered(boxes(keys), edges)
    placed = {box.box.key: box for box in plan.boxes}
    assert set(placed) == set(keys)
    everything = list(placed.values())
    for index, one in enumerate(everything):
        assert not any(touching(one, two) for two in everything[index + 1 :])
        assert one.width / 2 <= one.x <= plan.width - one.width / 2
        assert one.height / 2 <= one.y <= plan.height - one.height / 2
    assert {(route.source, route.target) for route in plan.routes} == set(edges)
    for route in plan.routes:
        assert placed[route.source].y < placed[route.target].y
        heights = [y for _, y in route.points]
        assert heights == sorted(heights)
        others = [box for key, box in placed.items() if key not in (route.source, route.target)]
        assert not any(inside(box, point) for box in others for point in route.points)
    assert layered(boxes(keys), edges) == plan  # the same each time


def test_a_chain_is_straight_and_edges_are_merged():
    plan = layered(boxes("abcde"), chain(*"abcde") * 2)
    assert len({round(box.x, 6) for box in plan.boxes}) == 1
    assert len(plan.routes) == 4


def test_a_thousand_boxes():
    keys = [str(number) for number in range(1000)]
    assert len(layered(boxes(keys), chain(*keys)).boxes) == 1000


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: layered(boxes("ab"), [("a", "b"), ("b", "a")]), "cycle"),
        (lambda: layered(boxes("ab"), [("a", "x")]), "x"),
        (lambda: layered(boxes("aa"), []), "a"),
        (lambda: layered([], []), "box"),
        (lambda: plot_histograms(params.stats(deep(2)), of="grad"), "Give 'values' or 'gradient'"),
        (lambda: plot_histograms(params.ParametersStats()), "nothing to draw"),
        (lambda: plot_norms(params.ParametersStats()), "nothing to draw"),
        (lambda: plot_activations(activations(deep(2), (1, 4))[:0]), "`activations` has no"),
        (lambda: plot_network("mlp", depth=0), "`depth` is 0; give a whole number from 1"),
        (lambda: plot_network(nn.Dense), "is the class Dense"),
        (lambda: activations(create_model("mlp"), (1, 2)), "have no values yet"),
        (lambda: activations(deep(2), (1, 9)), "do not go through `0`"),
    ],
)
def test_misuse_is_refused(call, error):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=re.escape(error)):
        call()


def test_a_sequential_of_one_layer_is_drawn():
    assert plot_network(sequential(nn.Dense(2)), (1, 3)) is not None


def test_what_stands_at_a_bar_is_what_the_bar_shows():
    """Medians of a noisy run may say the opposite of the rounds' ratios."""
    eager = Measurement(0.1, (), 1, (1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 9.0), (0.1,) * 7)
    other = Measurement(0.1, (), 1, tuple(time / 2 for time in eager.times), (0.1,) * 7)
    few = Measurement(0.1, (), 1, (2.0,) * 3, (0.1,) * 3)
    given = ("net", "random", "forward", 1, (1, 2))
    rows = (
        BenchRow(*given, "eager", eager),
        BenchRow(*given, "hybrid", other, compare(eager, other)),
        BenchRow(*given, "static", few),
    )
    figure = plot_bench(BenchReport(rows, environment()))
    bars = [patch.get_width() for patch in figure.axes[0].patches]
    assert bars == pytest.approx([1.0, 0.5, 2.0 / 5.0])
    assert "×2.00 faster [2.00, 2.00]  (unreliable)" in texts(figure)
    assert "2.00 s, too few rounds to compare  (unreliable)" in texts(figure)
    assert "5.00 s  (unreliable)" in texts(figure)


def test_long_paths_above_neighbours_do_not_touch():
    net = nn.HybridSequential()
    for _ in range(4):
        inner = nn.HybridSequential()
        inner.add(nn.HybridSequential())
        inner[0].add(nn.Dense(2, in_units=2))
        net.add(inner)
    net.initialize()
    stats = params.stats(net)
    long = [
        replace(record, path=f"features.stage_of_blocks.another_block.{record.path}")
        for record in stats
    ]
    figure = plot_histograms(long)
    assert overlaps(figure) == []
    assert any("\n" in text for text in texts(figure))


def test_history_of_training():
    figures = {"lr": 0.1, "seconds": 1}
    rows = [
        {"epoch": e, "loss": 1 / e, "val_loss": 2 / e, "accuracy": 1 - 0.5 / e, **figures}
        for e in (1, 2, 3)
    ]
    figure = plot_history(rows)
    loss, accuracy = figure.axes
    assert [line.get_label() for line in loss.lines] == ["train", "validation"]
    assert list(loss.lines[1].get_ydata()) == [2, 1, 2 / 3]
    assert list(loss.lines[0].get_xdata()) == [1, 2, 3]
    assert list(accuracy.lines[0].get_ydata()) == pytest.approx([50, 75, 100 * (1 - 0.5 / 3)])
    assert (loss.get_xlabel(), accuracy.get_ylabel()) == ("epoch", "accuracy [%]")
    assert [axes.get_title() for axes in plot_history(rows, ["loss"]).axes] == ["loss"]
    assert len(plot_history(rows, "loss").axes) == 1
    assert len(plot_history(rows, ["lr"]).axes[0].lines) == 1
    with pytest.raises(ArgumentError, match=r"`names` is 'los', which is not known. Did you mean"):
        plot_history(rows, ["los"])
    with pytest.raises(ArgumentError, match="there is nothing to draw: no epoch was completed"):
        plot_history([])


@pytest.mark.parametrize("suggestion", [0.1, None])
def test_search_for_a_learning_rate(suggestion):
    (axes,) = plot_lr([0.01, 0.1, 1], [3, 2, 5], suggestion).axes
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "loss, smoothed")
    assert list(axes.lines[0].get_ydata()) == [3, 2, 5]
    if suggestion:
        assert axes.lines[1].get_label() == "suggested 0.1"
        assert axes.lines[1].get_xdata()[0] == suggestion
    assert len(axes.lines) == 2 - (suggestion is None)


def test_a_notebook_shows_figures_even_without_pyplot():
    assert plot_network("mlp")._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("epochs", [(1,), (7, 8), (1, 2, 3, 4), tuple(range(1, 40))])
def test_epochs_are_whole_numbers(epochs):
    (axes,) = plot_history([{"epoch": epoch, "loss": 1.0} for epoch in epochs]).axes
    left, right = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if left <= tick <= right]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)


@pytest.mark.parametrize("most", [1.1, 3, 12, 90, 110, 1e5])
def test_norms_have_legible_numbers(most):
    """Of whatever range: two numbers at least, and none over another."""
    net = nn.HybridSequential()
    net.add(nn.Dense(1, in_units=1, use_bias=False), nn.Dense(1, in_units=1, use_bias=False))
    net.initialize()
    for layer, value in zip(net, (2.3, 2.3 * most), strict=True):
        layer.weight.set_data(mx.nd.array([[value]]))
    figure = plot_norms(params.stats(net))
    assert overlaps(figure) == []
    axes = figure.axes[0]
    left, right = axes.get_xlim()
    told = [
        text
        for text in (*axes.get_xticklabels(), *axes.get_xticklabels(minor=True))
        if text.get_text() and left <= text.get_position()[0] <= right
    ]
    assert len(told) > 1


def test_long_names_and_titles_stay_apart():
    name = "a rather long name of one of the outputs"
    values = numpy.random.default_rng(0).normal(size=(30, 3))
    figure = plot_residuals(values, values, [name, "b", "c"])
    FigureCanvasAgg(figure).draw()
    (label,) = (text for text in written(figure) if text.get_text().startswith("a rather"))
    extent, axes = label.get_window_extent(), figure.axes[0].get_window_extent()
    assert extent.y0 >= axes.y0 - 1
    assert extent.y1 <= axes.y1 + 1
    title = "label: an automobile,\ngot another kind of vehicle altogether"
    figure = plot_pictures([numpy.ones((28, 28))] * 10, [title] * 10)
    assert not [pair for pair in overlaps(figure) if all("vehicle" in text for text in pair)]


@pytest.mark.parametrize(
    ("classes", "named", "bars"), [(20, True, 0), (60, True, 1), (61, False, 1)]
)
def test_a_confusion_matrix_has_names_or_a_scale(classes, named, bars):
    names = [f"class {number}" for number in range(classes)]
    figure = plot_confusion(numpy.eye(classes, dtype=int), names)
    assert (set(names) <= set(texts(figure))) == named
    assert len(figure.axes) == 1 + bars
    assert overlaps(figure) == []


def test_a_bar_that_is_cut_off_says_so():
    eager = Measurement(0.1, (), 1, (1.0,) * 7, (0.1,) * 7)
    given = ("net", "random", "forward", 1, (1, 2))

    def drawn(factor):
        other = Measurement(0.1, (), 1, (factor,) * 7, (0.1,) * 7)
        rows = (
            BenchRow(*given, "eager", eager),
            BenchRow(*given, "hybrid", other, compare(eager, other)),
        )
        lines = plot_bench(BenchReport(rows, environment())).axes[0].lines
        return [line.get_xdata()[0] for line in lines if line.get_marker() == ">"]

    assert (drawn(1.5), drawn(5.0)) == ([], [2.0])
