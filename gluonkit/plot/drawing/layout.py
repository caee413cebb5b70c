"""Where the boxes and arrows of a network's drawing go: a layered layout, top to bottom."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from gluonkit.errors import ArgumentError
from gluonkit.plot.drawing import layers

TITLE_POINTS, LINE_POINTS = 9.0, 7.5
TITLE_HEIGHT, LINE_HEIGHT = 0.17, 0.135
"""Inches from line to line in a box."""

PADDING, MARGIN = 0.085, 0.3
MINIMAL_WIDTH, COMPONENT_GAP = 1.2, 0.6
RANK_GAP, PORT_GAP = 0.28, 0.2

# What a character of DejaVu Sans takes, in ems, where that is far from the common 0.64.
_EM = {0.36: "ijl.,:;()[]'|! ", 0.56: '-_frtIJ/"sczxv', 0.86: "wM×@%→OQGNDH&+=<>–", 1.0: "mW"}
_EMS = {character: em for em, characters in _EM.items() for character in characters}


@dataclass(frozen=True)
class Box:
    """One box to draw; `kind` is 'input', 'layer', 'operator' or 'output'."""

    key: str
    title: str
    lines: tuple[str, ...]
    kind: str = "layer"
    shared: int | None = None
    """Boxes with the same number hold the same parameters."""


@dataclass(frozen=True)
class Placed:
    """A box with its centre and its size, in inches."""

    box: Box
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Route:
    """An edge as a polyline from the bottom of one box to the top of another, in inches."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]
    head: bool = True
    """Whether an arrow ends it; False where it goes on in the next column."""


@dataclass(frozen=True)
class Frame:
    """A part that comes several times, one after the other, and is drawn once.

    Attributes
    ----------
    keys : tuple of str
        Its boxes.
    times : int
        How often it comes.
    span : str
        The paths of the first and the last of its layers.
    """

    keys: tuple[str, ...]
    times: int
    span: str


@dataclass(frozen=True)
class Layout:
    """A whole drawing, in inches; y grows downwards from 0."""

    boxes: tuple[Placed, ...]
    routes: tuple[Route, ...]
    width: float
    height: float
    bends: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Edges from the end of a column to the beginning of the next, as polylines."""


def layered(boxes: Sequence[Box], edges: Sequence[tuple[str, str]]) -> Layout:
    """Lay out an acyclic graph in ranks; every edge points down.

    The path through most boxes becomes a straight vertical line; unconnected parts of the graph
    stand side by side.

    Parameters
    ----------
    boxes : sequence of Box
        The boxes to place; their order breaks ties.
    edges : sequence of tuple of str
        (source, target) pairs of the boxes' keys; duplicates are laid out once.

    Raises
    ------
    ArgumentError
        When there is no box, a key is repeated or unknown, or the edges form a cycle.
    """
    sizes = [_size(box) for box in boxes]
    pairs = _numbered(boxes, edges)
    grid = layers.make_grid([box.key for box in boxes], [width for width, _ in sizes], pairs)
    xs = [0.0] * len(grid.ranks)
    right = MARGIN - COMPONENT_GAP
    for members in layers.components(grid):
        right = layers.set_columns(grid, members, xs, right + COMPONENT_GAP)
    paths = _paths(grid, xs)
    tops, bottoms = _rows(grid, paths, [height for _, height in sizes])
    placed = tuple(
        Placed(box, x, (tops[rank] + bottoms[rank]) / 2, *size)
        for box, x, rank, size in zip(boxes, xs, grid.ranks, sizes, strict=False)
    )
    routes = tuple(
        _route(placed[chain[0]], placed[chain[-1]], _points(grid, chain, path, tops, bottoms))
        for chain, path in zip(grid.chains, paths, strict=True)
    )
    return Layout(placed, routes, right + MARGIN, bottoms[-1] + MARGIN)


def text_width(text: str, points: float, *, bold: bool = False) -> float:
    """Estimate the width of a line of DejaVu Sans, in inches, rather too large."""
    ems = sum(_EMS.get(character, 0.75 if character.isupper() else 0.64) for character in text)
    return ems * points / 72 * (1.12 if bold else 1.0)


def _size(box: Box) -> tuple[float, float]:
    """Return the width and the height that a box's text needs."""
    widths = [text_width(line, LINE_POINTS) for line in box.lines]
    widths.append(text_width(box.title, TITLE_POINTS, bold=True))
    height = 2 * PADDING + TITLE_HEIGHT + LINE_HEIGHT * len(box.lines)
    return max(MINIMAL_WIDTH, max(widths) + 2 * PADDING), height


def _numbered(boxes: Sequence[Box], edges: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """Return the edges as pairs of positions in `boxes`, each once."""
    if not boxes:
        raise ArgumentError("`boxes` is empty, so there is nothing to lay out; give at least one")
    numbers: dict[str, int] = {}
    for box in boxes:
        if box.key in numbers:
            raise ArgumentError(f"`boxes` holds the key {box.key!r} twice; make each key unique")
        numbers[box.key] = len(numbers)
    for key in itertools.chain.from_iterable(edges):
        if key not in numbers:
            raise ArgumentError(f"`edges` names {key!r}, which is no key of `boxes`; add its box")
    return [(numbers[source], numbers[target]) for source, target in dict.fromkeys(edges)]


def _paths(grid: layers.Grid, xs: list[float]) -> list[list[float]]:
    """Return the x of each edge in each of its ranks, spread if a box has several edges."""
    paths = [[xs[i] for i in chain] for chain in grid.chains]
    for end, other in ((0, 1), (-1, -2)):
        meeting: dict[int, list[int]] = {}
        for edge, chain in enumerate(grid.chains):
            meeting.setdefault(chain[end], []).append(edge)
        for box, edges in meeting.items():
            others = [xs[grid.chains[edge][other]] for edge in edges]
            ports = _ports(xs[box], grid.widths[box], others)
            for edge, port in zip(edges, ports, strict=True):
                paths[edge][end] = port
    return paths


def _ports(centre: float, width: float, others: list[float]) -> list[float]:
    """Spread a box's edges over one of its sides; a straight edge keeps the centre."""
    order = sorted(range(len(others)), key=others.__getitem__)
    straight = [place for place, i in enumerate(order) if abs(others[i] - centre) < 1e-6]
    # The straight edge keeps the centre, and the others go to its sides.
    middle = float(straight[0]) if straight else (len(order) - 1) / 2
    # All ends stay within the box, also of many edges.
    step = min(PORT_GAP, 0.4 * width / max(middle, len(order) - 1 - middle, 1))
    ports = [0.0] * len(others)
    for place, i in enumerate(order):
        ports[i] = centre + (place - middle) * step
    return ports


def _rows(
    grid: layers.Grid, paths: list[list[float]], heights: list[float]
) -> tuple[list[float], list[float]]:
    """Return top and bottom of each rank; edges that shift far get a wider gap."""
    count = max(grid.ranks) + 1
    row_heights, slants = [0.0] * count, [0.0] * count
    for rank, height in zip(grid.ranks, heights, strict=False):
        row_heights[rank] = max(row_heights[rank], height)
    for chain, path in zip(grid.chains, paths, strict=True):
        for i, (a, b) in zip(chain, itertools.pairwise(path), strict=False):
            slants[grid.ranks[i]] = max(slants[grid.ranks[i]], abs(a - b))
    tops, bottoms, y = [], [], MARGIN
    for height, slant in zip(row_heights, slants, strict=True):
        tops.append(y)
        bottoms.append(y + height)
        # A flat S is hard to follow, so the gap grows with the way sideways.
        y = bottoms[-1] + RANK_GAP + min(0.4, 0.11 * slant)
    return tops, bottoms


def _points(
    grid: layers.Grid, chain: list[int], path: list[float], tops: list[float], bottoms: list[float]
) -> list[tuple[float, float]]:
    """Route an edge straight down through each rank, and sideways only between ranks."""
    points = []
    for i, x in zip(chain, path, strict=True):
        points += [(x, tops[grid.ranks[i]]), (x, bottoms[grid.ranks[i]])]
    return points


def _route(source: Placed, target: Placed, points: list[tuple[float, float]]) -> Route:
    """Extend an edge to its boxes, which may be lower than their ranks."""
    first = (points[0][0], source.y + source.height / 2)
    last = (points[-1][0], target.y - target.height / 2)
    points = [first, *points[1:-1], last]
    # A box as high as its rank, but for rounding, would give the same point twice.
    kept = [b for a, b in itertools.pairwise(points) if b[1] - a[1] > 1e-6 or a[0] != b[0]]
    return Route(source.box.key, target.box.key, (first, *kept))
