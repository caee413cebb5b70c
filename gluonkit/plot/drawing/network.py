"""Drawing a network: boxes and arrows from records, as a matplotlib Figure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

from gluonkit._base.optional import require
from gluonkit.plot.drawing import layout
from gluonkit.plot.drawing.layout import Box, Frame, Layout, Placed
from gluonkit.plot.figure import new_figure

_Line: TypeAlias = list[tuple[float, float]]

_COLORS = {
    "input": ("#dcefe0", "#5d9c6b"),
    "output": ("#fdebc8", "#cf9a2e"),
    "convolution": ("#d9e7f5", "#3f78ad"),
    "dense": ("#e3dcf3", "#7a5fb0"),
    "normalization": ("#f8e3ea", "#b8688a"),
    "activation": ("#fbe6d6", "#c47b45"),
    "pooling": ("#d8efee", "#3d9490"),
    "recurrent": ("#e9efcf", "#85943a"),
    "embedding": ("#f3e9f7", "#9a6bb0"),
    "layer": ("#eaf1f8", "#6f8fb0"),
    "block": ("#f0f2f5", "#66727f"),
    "operator": ("#f4f1ec", "#9d9080"),
}
"""Of each kind of box: what fills it, and its border."""
_SHARED = ("#d1495b", "#7b4bb3", "#00838f", "#b8860b", "#2e7d32", "#ad1457")
_FLOW = "#4a5866"
_HEAD = 0.085
"""Inches from the base of an arrow's head to its tip."""

_HEADER, _LEGEND, _TITLE_POINTS, _TIMES_POINTS = 0.42, 0.22, 12.0, 11.0
_LANE = 0.16
_FRAME = 0.1
"""Inches from a box to the frame around it."""

_DASHED = {"linewidth": 1.0, "linestyle": (0, (3, 2)), "zorder": 1}
_PIXELS = 60_000
"""The longest side of an image that every version of matplotlib writes is 65,535."""


def draw_network(
    boxes: Sequence[Box],
    edges: Sequence[tuple[str, str]],
    *,
    title: str,
    plan: Layout | None = None,
    frames: Sequence[Frame] = (),
) -> Any:
    """Draw a network from top to bottom, one box for each layer.

    Boxes that share parameters have borders of one colour, joined by a dashed line beside the
    drawing; in a drawing of several columns by their colour only.

    Parameters
    ----------
    boxes : sequence of Box
        The layers, inputs and outputs.
    edges : sequence of tuple of str
        (source, target) pairs of the boxes' keys, in the direction of the data.
    title : str
        The title above the drawing.
    plan : Layout, optional
        Where boxes and edges are; by default in one column.
    frames : sequence of Frame, default ()
        Parts that come several times.

    Returns
    -------
    matplotlib.figure.Figure
        As large as the drawing needs; save it with ``figure.savefig(path)``.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError
        When there is no box, a key is repeated or unknown, or the edges form a cycle.
    """
    plan = layout.layered(boxes, edges) if plan is None else plan
    groups = _groups(plan)
    connectors = [] if plan.bends else _connectors(plan, groups)
    kinds = _kinds(plan)
    top = _HEADER + _LEGEND * (bool(groups) + bool(kinds))
    width, height = _width(plan, connectors, title, kinds), plan.height + top
    for frame in frames:
        words = layout.text_width(_times(frame), _TIMES_POINTS, bold=True)
        width = max(width, _framed(plan, frame)[1] + words + 0.15)
    # A deep network is so tall that matplotlib could not write its image.
    dpi = min(100.0, _PIXELS / max(width, height))
    figure = new_figure(figsize=(width, height), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(plan.height, -top))
    axes.axis("off")
    # A "$" in a name would begin a formula.
    style = {"fontsize": _TITLE_POINTS, "fontweight": "bold", "va": "center", "parse_math": False}
    axes.text(layout.MARGIN, 0.3 - top, title, **style)
    _draw_flow(axes, plan)
    colors: dict[int | None, str] = {}
    for group, color in zip(groups, itertools.cycle(_SHARED), strict=False):
        colors[group[0].box.shared] = color
    for lines, color in zip(connectors, itertools.cycle(_SHARED), strict=False):
        for line in lines:
            axes.plot(*zip(*line, strict=True), color=color, **_DASHED)
    _draw_frames(axes, plan, frames)
    for placed in plan.boxes:
        _draw_box(axes, placed, colors.get(placed.box.shared))
    if kinds:
        _draw_kinds(axes, _HEADER + 0.1 - top, kinds)
    if groups:
        y = _HEADER + _LEGEND * bool(kinds) + 0.1 - top
        _draw_legend(axes, y, _SHARED[0] if len(groups) == 1 else _FLOW, dashed=not plan.bends)
    return figure


def _kinds(plan: Layout) -> list[str]:
    """Return the kinds of layers for the legend, in the order of the colours; of one kind none."""
    there = {placed.box.kind for placed in plan.boxes}
    kinds = [kind for kind in _COLORS if kind in there - {"input", "output", "layer"}]
    return kinds if len(kinds) > 1 else []


def _entry_width(kind: str) -> float:
    """Return the width of an entry of the legend."""
    return 0.42 + layout.text_width(kind, 8)


def _width(plan: Layout, connectors: list[list[_Line]], title: str, kinds: Sequence[str]) -> float:
    """Return the width of the figure, for the boxes, the lines beside them, and the title."""
    ends = [x for lines in connectors for line in lines for x, _ in line]
    words = layout.text_width(title, _TITLE_POINTS, bold=True)
    words = max(words, sum(map(_entry_width, kinds)))
    return max(plan.width, layout.MARGIN + max([words + layout.MARGIN, *ends]))


def _groups(plan: Layout) -> list[list[Placed]]:
    """Return the boxes that share parameters with another one, top to bottom."""
    groups: dict[int, list[Placed]] = {}
    for placed in sorted(plan.boxes, key=lambda box: (box.y, box.x)):
        if placed.box.shared is not None:
            groups.setdefault(placed.box.shared, []).append(placed)
    return [group for group in groups.values() if len(group) > 1]


def _connectors(plan: Layout, groups: list[list[Placed]]) -> list[list[_Line]]:
    """Return each group's lines: one down beside the drawing, and one to it from each box."""
    walls = [(p.y - p.height / 2, p.y + p.height / 2, p.x + p.width / 2) for p in plan.boxes]
    for route in plan.routes:
        walls += [(a[1], b[1], max(a[0], b[0])) for a, b in itertools.pairwise(route.points)]
    connectors = []
    for group in groups:
        exits = [_exit(placed, plan.boxes) for placed in group]
        ys = [line[-1][1] for line in exits]
        top, bottom = min(ys), max(ys)
        lane = _LANE + max(wall for a, b, wall in walls if b >= top and a <= bottom)
        # Lines are walls for the groups that follow.
        walls.append((top, bottom, lane))
        joined = [[*line, (lane, line[-1][1])] for line in exits]
        connectors.append([*joined, [(lane, top), (lane, bottom)]])
    return connectors


def _exit(placed: Placed, boxes: Sequence[Placed]) -> _Line:
    """Return a line from a box's right side to a place from which no box is to the right."""
    side = placed.x + placed.width / 2
    row = [other for other in boxes if abs(other.y - placed.y) < 1e-6]
    if not any(other.x > placed.x for other in row):
        return [(side, placed.y)]
    # The line leaves below the row, where no box is in its way.
    below = max(other.y + other.height / 2 for other in row) + 0.07
    return [(side, placed.y), (side + 0.1, placed.y), (side + 0.1, below)]


def _draw_flow(axes: Any, plan: Layout) -> None:
    """Draw the edges as smooth curves with arrow heads."""
    path_class = require("matplotlib.path", extra="plot").Path
    collections = require("matplotlib.collections", extra="plot")
    paths, heads = [], []
    for route in plan.routes:
        points, codes = _curve(route.points, _HEAD / 2 if route.head else 0.0)
        paths.append(path_class(points, codes))
        x, y = route.points[-1]
        if route.head:
            heads.append([(x - 0.045, y - _HEAD), (x + 0.045, y - _HEAD), (x, y)])
    for bend in plan.bends:
        paths.append(path_class(*_rounded(bend)))
    style = {"edgecolor": _FLOW, "linewidth": 1.0, "zorder": 2}
    axes.add_collection(collections.PathCollection(paths, facecolor="none", **style), autolim=False)
    axes.add_collection(
        collections.PolyCollection(heads, facecolor=_FLOW, linewidth=0, zorder=2), autolim=False
    )


def _curve(
    points: Sequence[tuple[float, float]], head: float
) -> tuple[list[tuple[float, float]], list[int]]:
    """Return vertices and codes of a matplotlib path: straight down, in an S where x changes."""
    *before, (x, y) = points
    steps = [*before, (x, y - head)]  # the head covers the rest
    vertices, codes = [steps[0]], [1]  # MOVETO
    for (x0, y0), (x1, y1) in itertools.pairwise(steps):
        if abs(x0 - x1) < 1e-6:
            vertices.append((x1, y1))
            codes.append(2)  # LINETO
        else:
            middle = (y0 + y1) / 2
            vertices += [(x0, middle), (x1, middle), (x1, y1)]
            codes += [4, 4, 4]  # CURVE4
    return vertices, codes


def _rounded(line: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], list[int]]:
    """Return vertices and codes of a polyline with rounded corners."""
    vertices, codes = [line[0]], [1]  # MOVETO
    for a, corner, b in zip(line, line[1:], line[2:], strict=False):
        for end, code in ((a, 2), (b, 3)):  # LINETO, and CURVE3 around the corner
            length = math.dist(corner, end) or 1.0
            share = min(0.08, length / 2) / length
            near = tuple(c + share * (e - c) for c, e in zip(corner, end, strict=True))
            vertices += [near] if code == 2 else [corner, near]  # type: ignore[list-item]
            codes += [code] if code == 2 else [code, code]
    return [*vertices, line[-1]], [*codes, 2]


def _framed(plan: Layout, frame: Frame) -> tuple[float, float, float, float]:
    """Return left, right, top and bottom of a frame."""
    inside = [placed for placed in plan.boxes if placed.box.key in frame.keys]
    top = min(placed.y - placed.height / 2 for placed in inside) - _FRAME
    bottom = max(placed.y + placed.height / 2 for placed in inside) + _FRAME
    xs = [x for b in inside for x in (b.x - b.width / 2, b.x + b.width / 2)]
    for route in plan.routes:
        # Skip connections run beside the boxes.
        if route.target in frame.keys:
            xs += [x for x, y in route.points if top <= y <= bottom]
    return min(xs) - _FRAME, max(xs) + _FRAME, top, bottom


def _times(frame: Frame) -> str:
    """Return how often a part comes, as it is written beside its frame."""
    return f"× {frame.times}"


def _draw_frames(axes: Any, plan: Layout, frames: Sequence[Frame]) -> None:
    """Draw frames around parts that come several times, with how often."""
    patches = require("matplotlib.patches", extra="plot")
    for frame in frames:
        left, right, top, bottom = _framed(plan, frame)
        shape = patches.FancyBboxPatch(
            (left, top),
            right - left,
            bottom - top,
            boxstyle="round,pad=0,rounding_size=0.09",
            facecolor="#f7f7f4",
            edgecolor="#8a8a80",
            linewidth=1.0,
            linestyle=(0, (5, 2)),
            zorder=0,
        )
        axes.add_patch(shape)
        backed = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.8}
        style = {"fontsize": _TIMES_POINTS, "fontweight": "bold", "va": "center", "zorder": 5}
        axes.text(right + 0.05, (top + bottom) / 2, _times(frame), bbox=backed, **style)


def _draw_kinds(axes: Any, y: float, kinds: Sequence[str]) -> None:
    """Draw a legend for the colours of the boxes."""
    rectangle = require("matplotlib.patches", extra="plot").Rectangle
    x = layout.MARGIN
    for kind in kinds:
        fill, edge = _COLORS[kind]
        axes.add_patch(
            rectangle((x, y - 0.055), 0.16, 0.11, facecolor=fill, edgecolor=edge, linewidth=0.9)
        )
        axes.text(x + 0.22, y, kind, fontsize=8, va="center", color="0.25")
        x += _entry_width(kind)


def _draw_box(axes: Any, placed: Placed, shared: str | None) -> None:
    """Draw one box with its text, centred."""
    fill, edge = _COLORS.get(placed.box.kind, _COLORS["layer"])
    box, left, top = placed.box, placed.x - placed.width / 2, placed.y - placed.height / 2
    axes.add_patch(
        require("matplotlib.patches", extra="plot").FancyBboxPatch(
            (left, top),
            placed.width,
            placed.height,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor=fill,
            edgecolor=shared or edge,
            linewidth=1.8 if shared else 0.9,
            zorder=3,
        )
    )
    style = {"ha": "center", "va": "center", "zorder": 4, "parse_math": False}
    y = top + layout.PADDING + layout.TITLE_HEIGHT / 2
    axes.text(placed.x, y, box.title, fontsize=layout.TITLE_POINTS, fontweight="bold", **style)
    y += (layout.TITLE_HEIGHT + layout.LINE_HEIGHT) / 2
    for number, line in enumerate(box.lines):
        y_line = y + number * layout.LINE_HEIGHT
        axes.text(placed.x, y_line, line, fontsize=layout.LINE_POINTS, color="0.25", **style)


def _draw_legend(axes: Any, y: float, color: str, *, dashed: bool) -> None:
    """Draw a legend for dashed lines, or for borders of one colour."""
    left = layout.MARGIN
    style = _DASHED if dashed else {"linewidth": 1.8}
    axes.plot((left, left + 0.35), (y, y), color=color, **style)
    text = "same parameters" if dashed else "same parameters: borders of one colour"
    axes.text(left + 0.42, y, text, fontsize=8, va="center", color="0.25")
