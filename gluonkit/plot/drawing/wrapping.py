"""A tall drawing cut into columns, side by side, so that it fits on a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gluonkit.plot.drawing.layout import MARGIN, Frame, Layout, Placed, Route

PAGES = ((9.9, 14.0), (14.0, 9.9))
"""Width and height in inches of what fits on a page, upright or not: A4 at five sixths."""

MOST_COLUMNS = 8
_GUTTER = 0.55
"""Inches between two columns, for the edge from one to the next."""

_LANE, _TURN = 0.1, 0.16
"""Inches between two edges around the end of a column, and from a column's end to the first."""

_Point = tuple[float, float]


def fits(plan: Layout) -> bool:
    """Return whether a drawing fits on a page."""
    return any(plan.width <= width and plan.height <= height for width, height in PAGES)


def paged(plan: Layout, frames: Sequence[Frame]) -> Layout:
    """Return a drawing in as few columns as make it fit on a page, else in the best number."""
    if plan.height <= PAGES[1][1] or len(plan.boxes) < 3:
        return plan
    choices = [plan] + [wrapped(plan, frames, count) for count in range(2, MOST_COLUMNS + 1)]
    return next((choice for choice in choices if fits(choice)), min(choices, key=_badness))


def _badness(plan: Layout) -> float:
    """Return by how much a drawing must be reduced to fit on a page."""
    return min(max(plan.width / width, plan.height / height) for width, height in PAGES)


@dataclass(frozen=True)
class _Row:
    """The boxes of one rank, with the top of the highest and the bottom of the lowest."""

    top: float
    bottom: float


def wrapped(plan: Layout, frames: Sequence[Frame], columns: int) -> Layout:
    """Cut a drawing into columns of about the same height.

    It is cut between ranks, not within a frame, and where few edges pass.
    """
    rows = _rows(plan)
    cuts = _cuts(rows, _cost(plan, rows, frames), columns)
    return _Wrapping(plan, rows, cuts).layout()


def _rows(plan: Layout) -> list[_Row]:
    ranks: dict[float, list[Placed]] = {}
    for placed in plan.boxes:
        ranks.setdefault(round(placed.y, 4), []).append(placed)
    return [
        _Row(min(b.y - b.height / 2 for b in boxes), max(b.y + b.height / 2 for b in boxes))
        for _, boxes in sorted(ranks.items())
    ]


def _cost(plan: Layout, rows: list[_Row], frames: Sequence[Frame]) -> list[float]:
    """Return for each gap below a row how many edges pass it; infinity within a frame."""
    place = {placed.box.key: _row_of(rows, placed.y) for placed in plan.boxes}
    costs = [0.0] * (len(rows) - 1)
    for route in plan.routes:
        for gap in range(place[route.source], place[route.target]):
            costs[gap] += 1
    for frame in frames:
        inside = [place[key] for key in frame.keys]
        for gap in range(min(inside), max(inside)):
            costs[gap] = math.inf
    return costs


def _row_of(rows: list[_Row], y: float) -> int:
    return next(i for i, row in enumerate(rows) if row.top <= y <= row.bottom)


def _cuts(rows: list[_Row], costs: list[float], columns: int) -> list[int]:
    """Return the last row of each column but the last."""
    total = rows[-1].bottom - rows[0].top
    limit = total / columns
    while True:
        cuts = _filled(rows, costs, limit)
        if len(cuts) < columns:
            return cuts
        limit *= 1.04


def _filled(rows: list[_Row], costs: list[float], limit: float) -> list[int]:
    """Fill column after column up to a height; cut where few edges pass."""
    cuts: list[int] = []
    start = 0
    while rows[-1].bottom - rows[start].top > limit:
        reachable = [
            gap
            for gap in range(start, len(costs))
            if costs[gap] < math.inf and rows[gap].bottom - rows[start].top <= limit
        ]
        if not reachable:  # a frame, or a row, is higher than that
            further = [gap for gap in range(start, len(costs)) if costs[gap] < math.inf]
            reachable = further[:1]
        if not reachable:
            break
        low = rows[start].top + 0.7 * (rows[reachable[-1]].bottom - rows[start].top)
        late = [gap for gap in reachable if rows[gap].bottom >= low]
        cuts.append(min(late, key=lambda gap: (costs[gap], -gap)))
        start = cuts[-1] + 1
        if start >= len(rows):
            break
    return cuts


class _Wrapping:
    """Moves boxes and edges into columns."""

    def __init__(self, plan: Layout, rows: list[_Row], cuts: list[int]) -> None:
        self._plan = plan
        firsts = [0, *(cut + 1 for cut in cuts)]
        lasts = [*cuts, len(rows) - 1]
        self._spans = [(rows[a].top, rows[b].bottom) for a, b in zip(firsts, lasts, strict=True)]
        self._pieces = [self._cut(route) for route in plan.routes]
        self._passing = [
            [
                n
                for n, pieces in enumerate(self._pieces)
                if column in pieces and column + 1 in pieces
            ]
            for column in range(len(self._spans) - 1)
        ]
        most = max(map(len, self._passing), default=0)
        self._above = _TURN + _LANE * most if most else 0.0
        self._shifts = self._shifted()

    def _column(self, y: float) -> int:
        return next(i for i, (_, bottom) in enumerate(self._spans) if y <= bottom + 1e-6)

    def _cut(self, route: Route) -> dict[int, list[_Point]]:
        """Return an edge's points by column; it passes each between its first and its last."""
        pieces: dict[int, list[_Point]] = {}
        for point in route.points:
            pieces.setdefault(self._column(point[1]), []).append(point)
        return pieces

    def _shifted(self) -> list[_Point]:
        """Return by how much each column is moved."""
        shifts, left = [], MARGIN
        for column, (top, _) in enumerate(self._spans):
            xs = [
                x
                for placed in self._plan.boxes
                if self._column(placed.y) == column
                for x in (placed.x - placed.width / 2, placed.x + placed.width / 2)
            ]
            xs += [x for pieces in self._pieces for x, _ in pieces.get(column, ())]
            shifts.append((left - min(xs), MARGIN + self._above - top))
            left += max(xs) - min(xs) + _GUTTER
        self._right = left - _GUTTER
        return shifts

    def _moved(self, column: int, point: _Point) -> _Point:
        dx, dy = self._shifts[column]
        return point[0] + dx, point[1] + dy

    def layout(self) -> Layout:
        """Return the drawing in columns."""
        boxes = []
        for placed in self._plan.boxes:
            x, y = self._moved(self._column(placed.y), (placed.x, placed.y))
            boxes.append(replace(placed, x=x, y=y))
        routes = [
            piece
            for route, pieces in zip(self._plan.routes, self._pieces, strict=True)
            for piece in self._parts(route, pieces)
        ]
        bottom = max(bottom - top for top, bottom in self._spans)
        height = bottom + 2 * MARGIN + 2 * self._above
        bends = tuple(self._bends())
        return Layout(tuple(boxes), tuple(routes), self._right + MARGIN, height, bends)

    def _parts(self, route: Route, pieces: dict[int, list[_Point]]) -> list[Route]:
        """Return an edge's parts in the columns, of which the last has the arrow."""
        parts = []
        for column, points in pieces.items():
            moved = tuple(self._moved(column, point) for point in points)
            last = column == max(pieces)
            # The bend brings it as far as its only point, where the arrow ends.
            if len(moved) == 1 and last:
                (x, y) = moved[0]
                moved = ((x, y - _TURN), (x, y))
            if len(moved) > 1:
                parts.append(Route(route.source, route.target, moved, head=last))
        return parts

    def _bends(self) -> list[tuple[_Point, ...]]:
        """Return the lines from the end of each column to the beginning of the next."""
        bends: list[tuple[_Point, ...]] = []
        for column, passing in enumerate(self._passing):
            ends = {n: self._moved(column, self._pieces[n][column][-1]) for n in passing}
            starts = {n: self._moved(column + 1, self._pieces[n][column + 1][0]) for n in passing}
            low = MARGIN + self._above + self._spans[column][1] - self._spans[column][0]
            dx = self._shifts[column][0]
            right = dx + self._edge(column)
            # The one that comes from the right turns first, so that they do not cross.
            for lane, n in enumerate(sorted(passing, key=lambda n: -ends[n][0])):
                (x0, y0), (x1, y1) = ends[n], starts[n]
                below = low + _TURN + _LANE * lane
                above = MARGIN + _LANE * (len(passing) - 1 - lane)
                side = right + (_GUTTER - _LANE * (len(passing) - 1)) / 2 + _LANE * lane
                only = len(self._pieces[n][column + 1]) == 1 and max(self._pieces[n]) == column + 1
                end = y1 - _TURN if only else y1
                bends.append(
                    ((x0, y0), (x0, below), (side, below), (side, above), (x1, above), (x1, end))
                )
        return bends

    def _edge(self, column: int) -> float:
        """Return the right edge of a column, before it is moved."""
        boxes = [b for b in self._plan.boxes if self._column(b.y) == column]
        xs = [placed.x + placed.width / 2 for placed in boxes]
        return max(xs + [x for pieces in self._pieces for x, _ in pieces.get(column, ())])
