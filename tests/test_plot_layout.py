"""The layout of a network's drawing: what every drawing must keep, whatever the network."""

import itertools
import random
import sys

import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgba
from matplotlib.font_manager import FontProperties

from gluonkit.errors import ArgumentError, MissingPackageError
from gluonkit.plot.drawing.layout import Box, layered, text_width
from gluonkit.plot.drawing.network import draw_network


def box(key, *lines, **options):
    return Box(key, key, lines, **options)


def boxes(*keys):
    return [box(key, "Conv2D 64 × 3×3", "(1, 64, 56, 56)") for key in keys]


def chain(count):
    keys = [f"layer{i}" for i in range(count)]
    return boxes(*keys), list(itertools.pairwise(keys))


def residual(units):
    """Three layers and a skip connection in each unit."""
    keys, edges, last = ["data"], [], "data"
    for unit in range(units):
        a, b, plus = f"conv{unit}a", f"conv{unit}b", f"plus{unit}"
        keys += [a, b, plus]
        edges += [(last, a), (a, b), (b, plus), (last, plus)]
        last = plus
    return boxes(*keys), edges


def branches(*lengths):
    """As in Inception: paths of several lengths from one box to another."""
    keys, edges = ["data", "concat"], []
    for branch, length in enumerate(lengths):
        path = ["data", *(f"branch{branch}_{i}" for i in range(length)), "concat"]
        keys += path[1:-1]
        edges += itertools.pairwise(path)
    return boxes(*keys), edges


def scattered(seed):
    """A random graph, with boxes of several sizes and possibly several parts."""
    rng = random.Random(seed)
    count = rng.randint(2, 24)
    nodes = [box(f"n{i}", *["w" * rng.randint(1, 30)] * rng.randint(0, 4)) for i in range(count)]
    pairs = list(itertools.combinations([node.key for node in nodes], 2))
    edges = rng.sample(pairs, min(len(pairs), rng.randint(0, 2 * count)))
    rng.shuffle(nodes)
    return nodes, edges


NETWORKS = {
    "one": (boxes("only"), []),
    "no edges": (boxes("a", "b", "c"), []),
    "chain": chain(12),
    "two chains": (boxes("a", "b", "c", "d"), [("a", "c"), ("b", "d")]),
    "residual": residual(8),
    "inception": branches(1, 2, 3, 2),
    "all pairs": (boxes(*"abcdefgh"), list(itertools.combinations("abcdefgh", 2))),
    **{f"random {seed}": scattered(seed) for seed in range(40)},
}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def network(request):
    return request.param


def edges_of(placed):
    """Return a box's left, right, top and bottom."""
    across, up = placed.width / 2, placed.height / 2
    return placed.x - across, placed.x + across, placed.y - up, placed.y + up


def at(layout):
    return {placed.box.key: placed for placed in layout.boxes}


def test_every_box_and_every_edge_is_there(network):
    nodes, edges = network
    layout = layered(nodes, edges)
    assert [placed.box for placed in layout.boxes] == list(nodes)
    assert [(route.source, route.target) for route in layout.routes] == list(edges)


def test_no_boxes_overlap(network):
    for a, b in itertools.combinations(layered(*network).boxes, 2):
        left_a, right_a, top_a, bottom_a = edges_of(a)
        left_b, right_b, top_b, bottom_b = edges_of(b)
        apart = max(left_a - right_b, left_b - right_a, top_a - bottom_b, top_b - bottom_a)
        assert apart > 0.1, (a, b)


def test_edges_go_down_from_box_to_box(network):
    layout = layered(*network)
    for route in layout.routes:
        left, right, _, bottom = edges_of(at(layout)[route.source])
        assert left < route.points[0][0] < right
        assert route.points[0][1] == pytest.approx(bottom)
        left, right, top, _ = edges_of(at(layout)[route.target])
        assert left < route.points[-1][0] < right
        assert route.points[-1][1] == pytest.approx(top)
        assert all(a[1] < b[1] for a, b in itertools.pairwise(route.points))


def test_edges_pass_beside_boxes(network):
    """Also as curves: a curve stays within the upright rectangle of its two points."""
    layout = layered(*network)
    for route in layout.routes:
        for (x0, y0), (x1, y1) in itertools.pairwise(route.points):
            for placed in layout.boxes:
                left, right, top, bottom = edges_of(placed)
                beside = max(x0, x1) < left or min(x0, x1) > right
                assert beside or y1 <= top + 1e-6 or y0 >= bottom - 1e-6, (route, placed)


def test_everything_is_on_the_page(network):
    layout = layered(*network)
    assert min(edges_of(placed)[0] for placed in layout.boxes) > 0
    corners = [edges_of(placed)[1::2] for placed in layout.boxes]
    for x, y in corners + [point for route in layout.routes for point in route.points]:
        assert 0 < x < layout.width
        assert 0 < y < layout.height


def test_the_same_network_has_the_same_layout(network):
    nodes, edges = network
    assert layered(nodes, edges) == layered(tuple(nodes), tuple(edges))


def test_a_chain_is_a_straight_column():
    layout = layered(*chain(1000))
    (x,) = {placed.x for placed in layout.boxes}
    assert {point for route in layout.routes for point, _ in route.points} == {x}
    ys = [placed.y for placed in layout.boxes]
    assert ys == sorted(ys)
    assert all(len(route.points) == 2 for route in layout.routes)


def test_skip_connections_run_beside_a_straight_column():
    layout = layered(*residual(8))
    (x,) = {placed.x for placed in layout.boxes}
    right = max(placed.x + placed.width / 2 for placed in layout.boxes)
    skips = [route for route in layout.routes if not route.source.startswith("conv")]
    skips = [route for route in skips if route.target.startswith("plus")]
    assert len(skips) == 8
    for route in layout.routes:
        if route in skips:
            assert route.points[0][0] > x < route.points[-1][0]
            (lane,) = {point for point, _ in route.points[1:-1]}
            assert lane > right
        else:
            assert {point for point, _ in route.points} == {x}


def test_the_longest_branch_is_straight_and_the_others_do_not_cross():
    layout = layered(*branches(1, 2, 3, 2))
    place = at(layout)
    main = ["data", "branch2_0", "branch2_1", "branch2_2", "concat"]
    assert len({place[key].x for key in main}) == 1
    for branch, length in enumerate((1, 2, 3, 2)):
        assert len({place[f"branch{branch}_{i}"].x for i in range(length)}) == 1
    order = sorted(range(4), key=lambda branch: place[f"branch{branch}_0"].x)
    for end in (0, -1):
        ports = {
            int((route.source if end else route.target)[6]): route.points[end][0]
            for route in layout.routes
            if (route.target == "concat" if end else route.source == "data")
        }
        assert sorted(ports, key=ports.get) == order


def test_nested_skip_connections_do_not_cross():
    nodes, edges = chain(10)
    edges += [(f"layer{i}", f"layer{9 - i}") for i in range(4)]
    lanes = [route.points[3][0] for route in layered(nodes, edges).routes[-4:]]
    assert lanes == sorted(lanes, reverse=True)
    assert len(set(lanes)) == 4


def test_a_late_input_stands_above_its_first_use():
    nodes, edges = chain(6)
    place = at(layered([*nodes, *boxes("state")], [*edges, ("state", "layer4")]))
    assert place["state"].y == place["layer3"].y


def test_parts_without_a_connection_stand_side_by_side():
    layout = layered(boxes("a", "b", "c", "d"), [("a", "c"), ("b", "d")])
    place = at(layout)
    assert place["a"].x == place["c"].x < place["b"].x == place["d"].x
    assert place["a"].y == place["b"].y


def test_repeated_edges_are_merged():
    nodes, edges = chain(3)
    assert layered(nodes, edges + edges) == layered(nodes, edges)


NODES, EDGES = chain(4)


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ([], [], "`boxes` is empty"),
        ([*NODES, NODES[0]], EDGES, "key 'layer0' twice"),
        (NODES, [("layer0", "other")], "`edges` names 'other', which is no key"),
        # layer3 comes after the cycle and is not on it.
        (
            NODES,
            [*EDGES, ("layer2", "layer1")],
            r"form a cycle through 'layer[12]', and only",
        ),
        (NODES, [("layer0", "layer0")], "form a cycle through 'layer0'"),
    ],
    ids=["empty", "key twice", "unknown key", "cycle", "edge to itself"],
)
def test_graphs_that_cannot_be_drawn(nodes, edges, message):
    with pytest.raises(ArgumentError, match=message):
        layered(nodes, edges)


@pytest.fixture(scope="module")
def renderer():
    return RendererAgg(10, 10, 72)


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "conv0",
        "Conv2D 64 × 3×3, stride 2",
        "(1, 6, 24, 24)",
        "hybridsequential0_densenet0_batchnorm11",
        "Dense 256 → 120, relu",
        "GlobalAvgPool2D",
        "MMMWWW",
        "illiji",
        "float32 1,234,567",
    ],
)
def test_text_fits_the_width_that_was_estimated(renderer, text, bold):
    font = FontProperties(family="DejaVu Sans", size=9, weight="bold" if bold else "normal")
    width = renderer.get_text_width_height_descent(text, font, ismath=False)[0] / 72
    assert width <= text_width(text, 9, bold=bold) + 0.03
    assert text_width(text, 9, bold=bold) < 1.3 * width + 0.05


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_drawing(tmp_path):
    nodes, edges = residual(2)
    figure = draw_network(nodes, edges, title="$7 or $8")
    plan = layered(nodes, edges)
    assert figure.get_size_inches()[0] == pytest.approx(plan.width)
    assert figure.get_size_inches()[1] > plan.height
    assert texts(figure)[0] == "$7 or $8"
    assert [text for text in texts(figure) if text in at(plan)] == [node.title for node in nodes]
    assert "same parameters" not in texts(figure)
    for name in ("network.png", "network.svg"):
        figure.savefig(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000


def test_drawing_shared_parameters():
    nodes = [
        box("a", shared=1),
        box("b", shared=2),
        box("c", shared=1),
        box("d", shared=3),
        box("e", shared=2),
    ]
    figure = draw_network(nodes, list(itertools.pairwise("abcde")), title="shared")
    assert texts(figure).count("same parameters") == 1
    border = dict(
        zip("abcde", (patch.get_edgecolor() for patch in figure.axes[0].patches), strict=True)
    )
    assert border["a"] == border["c"] != border["b"] == border["e"]
    assert border["d"] not in (border["a"], border["b"])
    # All dashed lines but the one in the legend, and none of them runs through a box.
    lines = figure.axes[0].lines[:-1]
    used = {to_rgba(line.get_color()) for line in lines}
    assert used == {border["a"], border["b"]}
    for line in lines:
        for placed in layered(nodes, list(itertools.pairwise("abcde"))).boxes:
            assert min(line.get_xdata()) >= edges_of(placed)[1] - 1e-6
    lanes = {max(line.get_xdata()) for line in lines}
    assert len(lanes) == 2
    assert max(lanes) < figure.get_size_inches()[0]


def test_shared_boxes_of_one_rank_are_joined_below_it():
    nodes = [box("a", shared=1), box("b"), box("c", shared=1)]
    figure = draw_network(nodes, [], title="")
    *_, row = layered(nodes, []).boxes
    first = figure.axes[0].lines[0]
    assert max(first.get_ydata()) > edges_of(row)[3]


def test_drawing_needs_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match="matplotlib is needed"):
        draw_network(boxes("a"), [], title="")
