"""The order and the columns of a layered drawing (Sugiyama's method), on numbers alone.

Every box gets a rank and every edge a dummy in each rank that it passes; boxes and dummies are
ordered within their ranks and then get their x. What is gluonkit's own is the *strand*, a path
that the drawing wants straight: the longest path of the network is one, a skip connection another.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from gluonkit.errors import ArgumentError

BOX_GAP, LANE_GAP = 0.35, 0.2
"""Inches between two boxes of a rank, and between an edge and its neighbour."""

_SWEEPS = 8


@dataclass
class Grid:
    """The graph with its dummies: nodes are numbers, the boxes' first, then the dummies'."""

    boxes: int
    ranks: list[int]
    widths: list[float]
    down: list[list[int]]
    up: list[list[int]]
    chains: list[list[int]]
    """For each edge: its source, its dummies, its target."""

    def add_dummy(self, rank: int) -> int:
        """Add a node without width."""
        self.ranks.append(rank)
        self.widths.append(0.0)
        self.down.append([])
        self.up.append([])
        return len(self.ranks) - 1

    def distance(self, left: int, right: int) -> float:
        """Return the least distance between the centres of two neighbours of a rank."""
        gap = BOX_GAP if max(left, right) < self.boxes else LANE_GAP
        return (self.widths[left] + self.widths[right]) / 2 + gap


def make_grid(keys: Sequence[str], widths: list[float], edges: list[tuple[int, int]]) -> Grid:
    """Assign ranks to the boxes, and split every edge into segments of one rank.

    `keys` are the boxes' names, for the message about a cycle, `widths` are in inches, and `edges`
    are (source, target) positions without duplicates.
    """
    ranks, count = _ranks(keys, edges), len(keys)
    grid = Grid(count, ranks, widths, [[] for _ in keys], [[] for _ in keys], [])
    for source, target in edges:
        between = range(ranks[source] + 1, ranks[target])
        chain = [source, *(grid.add_dummy(rank) for rank in between), target]
        for upper, lower in itertools.pairwise(chain):
            grid.down[upper].append(lower)
            grid.up[lower].append(upper)
        grid.chains.append(chain)
    return grid


def _ranks(keys: Sequence[str], edges: list[tuple[int, int]]) -> list[int]:
    """Rank by the longest path from a source; a source itself stands just above its first use."""
    up: dict[int, list[int]] = {node: [] for node in range(len(keys))}
    down: dict[int, list[int]] = {node: [] for node in range(len(keys))}
    for source, target in edges:
        up[target].append(source)
        down[source].append(target)
    ranks = [0] * len(keys)
    try:
        for node in TopologicalSorter(up).static_order():
            ranks[node] = max((ranks[upper] + 1 for upper in up[node]), default=0)
    except CycleError as error:
        raise ArgumentError(
            f"`edges` form a cycle through {keys[error.args[1][0]]!r}, and only a graph without "
            "cycles can be laid out; leave out the edge that goes back"
        ) from None
    # A second input, or an operator without inputs, belongs beside what uses it, not at the top.
    for source in (node for node, above in up.items() if not above):
        ranks[source] = min((ranks[lower] - 1 for lower in down[source]), default=0)
    return ranks


def components(grid: Grid) -> list[list[int]]:
    """Return the nodes of each connected part of the graph."""
    parts, seen = [], set()
    for start in range(grid.boxes):
        if start in seen:
            continue
        seen.add(start)
        part = [start]
        for node in part:
            new = [i for i in grid.down[node] + grid.up[node] if i not in seen]
            part.extend(dict.fromkeys(new))
            seen.update(new)
        parts.append(sorted(part))
    return parts


def set_columns(grid: Grid, members: list[int], xs: list[float], left: float) -> float:
    """Set the x coordinates, in inches, of one component's nodes, in `xs`, from `left` on.

    Returns
    -------
    float
        The component's right edge, in inches.
    """
    strands = _strands(grid, members)
    rows = _ordered(grid, _first_rows(grid, strands))
    blocks = _straight(strands, rows)
    _place(grid, blocks, rows, xs)
    shift = left - min(xs[i] - grid.widths[i] / 2 for i in members)
    for node in members:
        xs[node] += shift
    return max(xs[i] + grid.widths[i] / 2 for i in members)


def _strands(grid: Grid, members: list[int]) -> list[list[int]]:
    """Split the nodes into paths: the longest first, then the branches beside it."""
    heights: dict[int, int] = {}
    # From the bottom up: heights below are known when they are needed.
    for node in sorted(members, key=lambda i: -grid.ranks[i]):
        below = max((heights[lower] for lower in grid.down[node]), default=0)
        # Dummies count nothing: the longest path is the one through most boxes.
        heights[node] = below + (node < grid.boxes)
    strands: list[list[int]] = []
    free = set(members)
    for start in sorted(members, key=lambda i: (-heights[i], grid.ranks[i], i)):
        strand = []
        following = [start]
        while following := [i for i in following if i in free]:
            # Boxes go before dummies, because theirs are the smaller numbers.
            strand.append(min(following, key=lambda i: (-heights[i], i)))
            free.remove(strand[-1])
            following = grid.down[strand[-1]]
        if strand:
            strands.append(strand)
    return strands


def _first_rows(grid: Grid, strands: list[list[int]]) -> list[list[int]]:
    """Order every rank: the main strand, branches at both sides of it, skip connections right.

    Short strands choose first, so that of two skip connections the inner one is nearer.
    """
    columns = dict.fromkeys(strands[0], 0)
    taken: dict[int, set[int]] = {0: set(range(len(grid.ranks)))}
    for strand in sorted(strands[1:], key=len):
        ranks = {grid.ranks[i] for i in strand}
        right_only = min(strand) >= grid.boxes
        outwards = itertools.count(1)
        sides = outwards if right_only else (s for c in outwards for s in (c, -c))
        # The nearest column that is free in all of its ranks.
        side = next(s for s in sides if ranks.isdisjoint(taken.setdefault(s, set())))
        taken[side] |= ranks
        columns.update(dict.fromkeys(strand, side))
    first = min(grid.ranks[i] for i in columns)
    last = max(grid.ranks[i] for i in columns)
    rows: list[list[int]] = [[] for _ in range(first, last + 1)]
    for node in sorted(columns, key=lambda i: (columns[i], i)):
        rows[grid.ranks[node] - first].append(node)
    return rows


def _ordered(grid: Grid, rows: list[list[int]]) -> list[list[int]]:
    """Sweep down and up, sorting by barycenters, and keep the order with the fewest crossings."""
    best, fewest = rows, _crossings(grid, rows)
    rows = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        pairs = itertools.pairwise(rows if sweep % 2 == 0 else rows[::-1])
        links = grid.up if sweep % 2 == 0 else grid.down
        for fixed, row in pairs:
            at = {node: place for place, node in enumerate(fixed)}
            # A node without neighbours on that side keeps its place.
            own = {node: float(place) for place, node in enumerate(row)}
            key = {i: _mean([at[j] for j in links[i]], own[i]) for i in row}
            row.sort(key=key.__getitem__)
        crossings = _crossings(grid, rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _crossings(grid: Grid, rows: list[list[int]]) -> int:
    """Count the pairs of edges that cross."""
    total = 0
    for row, below in itertools.pairwise(rows):
        at = {node: place for place, node in enumerate(below)}
        passed: list[int] = []
        for node in row:
            ends = sorted(at[i] for i in grid.down[node])
            # Every earlier edge that ends further right is crossed.
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total


def _straight(strands: list[list[int]], rows: list[list[int]]) -> list[list[int]]:
    """Cut the strands where they cross an earlier one; what is left can be drawn straight."""
    at = {node: (rank, place) for rank, row in enumerate(rows) for place, node in enumerate(row)}
    kept: dict[int, list[tuple[int, int]]] = {}
    blocks = []
    for strand in strands:
        block = strand[:1]
        for upper, lower in itertools.pairwise(strand):
            (rank, a), (_, b) = at[upper], at[lower]
            steps = kept.setdefault(rank, [])
            if any((a - c) * (b - d) < 0 for c, d in steps):
                blocks.append(block)
                block = []
            else:
                steps.append((a, b))
            block.append(lower)
        blocks.append(block)
    return blocks


def _place(grid: Grid, blocks: list[list[int]], rows: list[list[int]], xs: list[float]) -> None:
    """Push all blocks to the left, then let each but the main one near its neighbours."""
    block_of = {node: number for number, block in enumerate(blocks) for node in block}
    left: list[dict[int, float]] = [{} for _ in blocks]
    right: list[dict[int, float]] = [{} for _ in blocks]
    for row in rows:
        for a, b in itertools.pairwise(row):
            one, two = block_of[a], block_of[b]
            space = max(grid.distance(a, b), right[one].get(two, 0.0))
            right[one][two] = left[two][one] = space
    order = list(TopologicalSorter(dict(enumerate(left))).static_order())
    at = [0.0] * len(blocks)
    for one in order:
        at[one] = max((at[two] + space for two, space in left[one].items()), default=0.0)
    # Twice there and back: a block's wish moves its neighbours, whose wishes change by that.
    for one in [*order[::-1], *order] * 2:
        low = max((at[two] + space for two, space in left[one].items()), default=-float("inf"))
        high = min((at[two] - space for two, space in right[one].items()), default=float("inf"))
        near = [
            at[block_of[j]]
            for i in blocks[one]
            for j in grid.up[i] + grid.down[i]
            if block_of[j] != one
        ]
        wish = _mean(near, at[one])
        # The first block is the main path, which stays straight where it is.
        if one:
            at[one] = min(max(wish, low), high)
    for node, number in block_of.items():
        xs[node] = at[number]
