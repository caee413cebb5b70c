"""The README's table, from the results of `run.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

from contestants import CONTESTANTS, EVERY_ENGINE, OURS

from gluonkit._base import tables

TITLES = {
    'gluonkit, `engines="all"`': (EVERY_ENGINE,),
    "MXNet, hybridized": ("MXNet, hybridized",),
    "PyTorch": tuple(contestant.title for contestant in CONTESTANTS if contestant.peer == "torch"),
    "JAX": ("JAX, jit",),
    "OpenVINO": ("OpenVINO",),
    "ONNX Runtime": ("ONNX Runtime",),
}
"""The columns, and the contestants of which the fastest stands there."""
SLOWER = 0.98
"""The part of the fastest peer's speed that all engines together are to reach."""


def table(record: Mapping[str, Any]) -> str:
    """Return gluonkit's times, and how many times as long the others take, as Markdown.

    PyTorch is the fastest of its five ways for each row; the numbers of threads are each one's
    better one. The fastest of each row is in bold. A column that nobody was measured for is
    left out.
    """
    columns = {
        title: ways
        for title, ways in TITLES.items()
        if any(fastest(case, ways) is not None for case in record["cases"])
    }
    lines = [
        f"| network | samples | processor | gluonkit | {' | '.join(columns)} |",
        f"|---|---:|---|---:|{'---:|' * len(columns)}",
    ]
    for case in record["cases"]:
        ours = fastest(case, (OURS,))
        assert ours is not None
        cells = compared(ours, [fastest(case, titles) for titles in columns.values()])
        first = (case["title"], str(case["batch"]), case["setting"])
        lines.append(f"| {' | '.join([*first, *cells])} |")
    return "\n".join(lines)


def fastest(case: Mapping[str, Any], titles: tuple[str, ...]) -> float | None:
    """Return the median time of the fastest of these; None if none was timed."""
    rows = [row for row in case["rows"] if row["title"] in titles and "median" in row]
    return min((float(row["median"]) for row in rows if "problem" not in row), default=None)


def compared(ours: float, others: Sequence[float | None]) -> list[str]:
    """Return our time, and how many times as long others take; the shortest is in bold."""
    best = min(time for time in (ours, *others) if time is not None)
    texts = [tables.seconds(ours)]
    texts += ["–" if other is None else f"× {other / ours:.2f}" for other in others]
    return [
        f"**{text}**" if time == best else text
        for text, time in zip(texts, (ours, *others), strict=True)
    ]


def name(case: Mapping[str, Any]) -> str:
    """Return what a row is called in a sentence."""
    return f"{case['title']} × {case['batch']}, {case['setting']}"


def ahead(case: Mapping[str, Any], titles: tuple[str, ...]) -> bool:
    """Return whether gluonkit's time is no longer than that of any of these."""
    ours, others = fastest(case, (OURS,)), fastest(case, titles)
    assert ours is not None
    return others is None or ours <= others


def every_engine_ahead(record: Mapping[str, Any]) -> dict[str, bool]:
    """Return on which rows all engines together are as fast as the fastest peer, or nearly."""
    others = tuple(
        contestant.title
        for contestant in CONTESTANTS
        if contestant.peer not in ("gluonkit", "engines", "mxnet")
    )
    holds = {}
    for case in record["cases"]:
        ours, best = fastest(case, (EVERY_ENGINE,)), fastest(case, others)
        if ours is not None and best is not None:
            holds[name(case)] = best >= SLOWER * ours
    return holds
