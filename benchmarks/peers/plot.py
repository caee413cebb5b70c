"""The results as bars: everybody's time as a multiple of gluonkit's."""

import math
from typing import Any

from matplotlib.figure import Figure

from gluonkit._base import tables

COLORS = {"gluonkit": "#d1495b", "MXNet": "#9aa5b1"}
PEER = "#3a7ca5"
COLUMNS = 3
LIMIT = 4.0
"""Where bars are cut off, as a multiple of gluonkit's time; the text at their ends goes on."""


def draw(cases: list[dict[str, Any]], setting: str) -> Figure:
    """Draw a panel for each network and batch size, a bar for each contestant."""
    cases = sorted(cases, key=lambda case: case["batch"])
    columns = min(COLUMNS, len(cases))
    rows = math.ceil(len(cases) / columns)
    bars = max(len(case["rows"]) for case in cases)
    size = (6 * columns, 1.5 + rows * (0.9 + 0.26 * bars))
    figure = Figure(figsize=size, layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel, case in zip(panels, cases, strict=False):
        panel_of(panel, case)
    for panel in panels[len(cases) :]:
        panel.set_axis_off()
    environment = cases[0]["environment"]
    cores = f"{environment['usable_cores']} cores, {setting}"
    figure.suptitle(
        f"A prediction, float32, NumPy in and out: time as a multiple of gluonkit's "
        f"(shorter is faster)\n{environment['processor']}, {cores}",
        fontsize=13,
    )
    return figure


def panel_of(panel: Any, case: dict[str, Any]) -> None:
    """Draw one network at one batch size."""
    rows = case["rows"]
    for position, row in enumerate(rows):
        if "problem" in row:
            panel.text(0.05, position, "not timed", va="center", fontsize=8, color="0.4")
            continue
        length = min(row["ratio"], LIMIT)
        color = COLORS.get(row["title"].partition(",")[0], PEER)
        panel.barh(position, length, height=0.8, color=color)
        text = f"{row['ratio']:.2f}   {tables.seconds(row['median'])}"
        if row["threads"]:
            text += f", {row['threads']} thread{'' if row['threads'] == 1 else 's'}"
        if row["ratio"] > LIMIT:
            text = f"… {text}"
        panel.text(max(1, length) + 0.05, position, text, va="center", fontsize=8)
    panel.set_yticks(range(len(rows)), [row["title"] for row in rows], fontsize=9)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_xlim(0, LIMIT * 1.55)
    panel.set_xticks(range(int(LIMIT) + 1))
    panel.axvline(1, color="0.7", linewidth=0.8, zorder=0)
    panel.set_title(f"{case['title']}, batch {case['batch']}", fontsize=11, loc="left")
    panel.spines[["top", "right"]].set_visible(False)
