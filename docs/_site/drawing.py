"""The house, drawn from the floors that its imports give it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from html import escape

_WIDTH, _ROW, _GAP, _LEFT = 760, 46, 8, 62


def house(floors: Mapping[str, int]) -> str:
    """Return the floors with their rooms as an SVG picture; imports go down only."""
    rooms = defaultdict(list)
    for room, floor in floors.items():
        if not room.startswith("__"):
            rooms[floor].append(room)
    height = len(rooms) * (_ROW + _GAP) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>gluonkit's rooms by floor; a room imports from lower floors only</title>",
    ]
    for row, floor in enumerate(sorted(rooms, reverse=True)):
        top = _GAP + row * (_ROW + _GAP)
        parts += _floor(floor, sorted(rooms[floor]), top)
    return "\n".join([*parts, "</svg>\n"])


def _floor(floor: int, names: list[str], top: int) -> list[str]:
    width = (_WIDTH - _LEFT - _GAP) / len(names)
    parts = [
        f'<text x="4" y="{top + 27}" fill="#7986cb">floor {floor}</text>',
    ]
    for index, name in enumerate(names):
        x = _LEFT + index * width
        size = min(13, 1.55 * (width - 6) / max(len(name), 1))
        parts += [
            f'<rect x="{x:.1f}" y="{top}" width="{width - 4:.1f}" height="{_ROW}" rx="6" '
            'fill="#3f51b5" fill-opacity="0.12" stroke="#7986cb"/>',
            f'<text x="{x + (width - 4) / 2:.1f}" y="{top + _ROW / 2 + 4}" text-anchor="middle" '
            f'fill="#5c6bc0" font-size="{size:.1f}">{escape(name)}</text>',
        ]
    return parts
