"""Drawing a network: boxes and arrows from records, as a matplotlib Figure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, TypeAlias

from gluonkit._base.optional import require
from gluonkit.plot.drawing import layout
from gluonkit.plot.drawing.layout import Box, Layout, Placed
from gluonkit.plot.figure import new_figure

_Line: TypeAlias = list[tuple[float, float]]

_FILLS = {"input": "#dcefe0", "output": "#fdebc8", "layer": "#eaf1f8", "operator": "#f4f1ec"}
_EDGES = {"input": "#5d9c6b", "output": "#cf9a2e", "layer": "#6f8fb0", "operator": "#9d9080"}
_SHARED = ("#d1495b", "#7b4bb3", "#00838f", "#b8860b", "#2e7d32", "#ad1457")
_FLOW = "#4a5866"
_HEAD = 0.085
"""Inches from the base of an arrow's head to its tip."""

_HEADER, _LEGEND, _TITLE_POINTS = 0.42, 0.22, 12.0
_LANE = 0.16
_DASHED = {"linewidth": 1.0, "linestyle": (0, (3, 2)), "zorder": 1}
_PIXELS = 60_000
"""The longest side of an image that every version of matplotlib writes is 65,535."""


def draw_network(boxes: Sequence[Box], edges: Sequence[tuple[str, str]], *, title: str) -> Any:
    """Draw a network from top to bottom, one box for each layer.

    Boxes that share parameters have borders of one colour, joined by a dashed line beside the
    drawing.

    Parameters
    ----------
    boxes : sequence of Box
        The layers, inputs and outputs.
    edges : sequence of tuple of str
        (source, target) pairs of the boxes' keys, in the direction of the data.
    title : str
        The title above the drawing.

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
    plan = layout.layered(boxes, edges)
    groups = _groups(plan)
    connectors = _connectors(plan, groups)
    top = _HEADER + (_LEGEND if groups else 0.0)
    width, height = _width(plan, connectors, title), plan.height + top
    # A deep network is so tall that matplotlib could not write its image.
    dpi = min(100.0, _PIXELS / max(width, height))
    figure = new_figure(figsize=(width, height), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(plan.height, -top))
    axes.axis("off")
    # A "$" in a name would begin a formula.
    style = {"fontsize": _TITLE_POINTS, "fontweight": "bold", "va": "center", "parse_math": False}
    axes.text(layout.MARGIN, 0.3 - top, title, **style)
    _draw_flow(axes, plan)
    colors = {}
    for group, lines, color in zip(groups, connectors, itertools.cycle(_SHARED), strict=False):
        colors[group[0].box.shared] = color
        for line in lines:
            axes.plot(*zip(*line, strict=True), color=color, **_DASHED)
    for placed in plan.boxes:
        _draw_box(axes, placed, colors.get(placed.box.shared))
    if groups:
        _draw_legend(axes, _HEADER + 0.1 - top, _SHARED[0] if len(groups) == 1 else _FLOW)
    return figure


def _width(plan: Layout, connectors: list[list[_Line]], title: str) -> float:
    """Return the width of the figure, for the boxes, the lines beside them, and the title."""
    ends = [x for lines in connectors for line in lines for x, _ in line]
    words = layout.text_width(title, _TITLE_POINTS, bold=True)
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
        points, codes = _curve(route.points)
        paths.append(path_class(points, codes))
        x, y = route.points[-1]
        heads.append([(x - 0.045, y - _HEAD), (x + 0.045, y - _HEAD), (x, y)])
    style = {"edgecolor": _FLOW, "linewidth": 1.0, "zorder": 2}
    axes.add_collection(collections.PathCollection(paths, facecolor="none", **style), autolim=False)
    axes.add_collection(
        collections.PolyCollection(heads, facecolor=_FLOW, linewidth=0, zorder=2), autolim=False
    )


def _curve(points: Sequence[tuple[float, float]]) -> tuple[list[tuple[float, float]], list[int]]:
    """Return vertices and codes of a matplotlib path: straight down, in an S where x changes."""
    *before, (x, y) = points
    steps = [*before, (x, y - _HEAD / 2)]  # the head covers the rest
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


def _draw_box(axes: Any, placed: Placed, shared: str | None) -> None:
    """Draw one box with its text, centred."""
    box, left, top = placed.box, placed.x - placed.width / 2, placed.y - placed.height / 2
    axes.add_patch(
        require("matplotlib.patches", extra="plot").FancyBboxPatch(
            (left, top),
            placed.width,
            placed.height,
            boxstyle="round,pad=0,rounding_size=0.07",
            facecolor=_FILLS.get(box.kind, _FILLS["layer"]),
            edgecolor=shared or _EDGES.get(box.kind, _EDGES["layer"]),
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


def _draw_legend(axes: Any, y: float, color: str) -> None:
    """Draw a legend for dashed lines."""
    left = layout.MARGIN
    axes.plot((left, left + 0.35), (y, y), color=color, **_DASHED)
    axes.text(left + 0.42, y, "same parameters", fontsize=8, va="center", color="0.25")
