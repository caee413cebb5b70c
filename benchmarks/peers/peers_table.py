"""The README's table, from the results of `run.py`: ``python benchmarks/peers/peers_table.py``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contestants import CONTESTANTS, OURS

from gluonkit._base import tables

RESULTS = Path(__file__).parents[1] / "results" / "peers.json"
TITLES = {
    "MXNet, hybridized": ("MXNet, hybridized",),
    "PyTorch": tuple(contestant.title for contestant in CONTESTANTS if contestant.peer == "torch"),
    "JAX": ("JAX, jit",),
    "OpenVINO": ("OpenVINO",),
    "ONNX Runtime": ("ONNX Runtime",),
}
"""The columns, and the contestants of which the fastest stands there."""


def table(record: Mapping[str, Any]) -> str:
    """Return gluonkit's times, and how many times as long the others take, as Markdown.

    PyTorch is the fastest of its five ways for each row; the numbers of threads are each one's
    better one. Who is faster than gluonkit is in bold.
    """
    lines = [
        f"| network | samples | gluonkit | {' | '.join(TITLES)} |",
        f"|---|---:|---:|{'---:|' * len(TITLES)}",
    ]
    for case in record["cases"]:
        ours = _fastest(case, (OURS,))
        assert ours is not None
        cells = [_ratio(_fastest(case, titles), ours) for titles in TITLES.values()]
        first = f"| {case['title']} | {case['batch']} | {tables.seconds(ours)} |"
        lines.append(f"{first} {' | '.join(cells)} |")
    return "\n".join(lines)


def _fastest(case: Mapping[str, Any], titles: tuple[str, ...]) -> float | None:
    rows = [row for row in case["rows"] if row["title"] in titles and "problem" not in row]
    return min((row["median"] for row in rows), default=None)


def _ratio(other: float | None, ours: float) -> str:
    if other is None:
        return "–"
    text = f"× {other / ours:.2f}"
    return f"**{text}**" if other < ours else text


if __name__ == "__main__":
    print(table(json.loads(RESULTS.read_text())))
