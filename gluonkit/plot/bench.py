"""A benchmark as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gluonkit._base import tables
from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import described
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.plot.figure import new_figure

if TYPE_CHECKING:
    from gluonkit.benchmark.report import BenchReport, BenchRow

_COLORS = {"eager": "#9aa5b1", "hybrid": "#3a7ca5", "static": "#16425b", "compiled": "#d1495b",
           "onnxruntime": "#8f6bb3", "openvino": "#4f9d69",
           "torch": "#e07a3f", "torch.compile": "#b3541e"}  # fmt: skip


@checked_but("report")
def plot_bench(report: BenchReport) -> Any:
    """Draw a benchmark: for each case one bar per variant, relative to eager.

    The length of a bar is the time of a call as a multiple of eager's, the median over rounds that
    timed both, so that networks of very different size share an axis; a whisker shows its 95 %
    interval. What is written at the end is the same ratio, with the same interval; of eager it is
    the time. (Ratios of median times may say something else where times vary much.) Bars of times
    that are worth little are hatched.

    Parameters
    ----------
    report : BenchReport
        What `bench` returned.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig(path)``; a notebook shows it.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError, ArgumentTypeError
        When the report holds no timed row, and for anything but a report.
    """
    # The class itself is of a room above this one.
    if not hasattr(report, "groups"):
        raise ArgumentTypeError(
            f"`report` is {described(report)}; give a BenchReport, which bench(net, x) returns"
        )
    cases = [
        (heading, [row for row in rows if row.measurement is not None])
        for heading, rows in report.groups()
    ]
    cases = [(heading, rows) for heading, rows in cases if rows]
    if not cases:
        raise ArgumentError("`report` holds no timed row, so there is nothing to draw")
    bars = sum(len(rows) for _, rows in cases)
    figure = new_figure(figsize=(9, 1.6 + 0.24 * bars + 0.45 * len(cases)), layout="constrained")
    axes = figure.subplots()
    limit = _limit([row for _, rows in cases for row in rows])
    position, used = 0.0, []
    for heading, rows in cases:
        axes.text(0, position, heading, va="center", ha="left", fontsize=9, fontweight="bold")
        position += 0.95
        eager = next(
            (r.measurement.median for r in rows if r.variant == "eager" and r.measurement), None
        )
        for row in rows:
            _draw_bar(axes, row, position, limit, eager)
            used.append(row.variant)
            position += 1
        position += 0.5
    # Upside down, so that the first case is at the top.
    axes.set_ylim(position - 0.5, -0.8)
    axes.set_yticks([])
    axes.set_xlim(0, limit * 1.5)  # room for the text at the bars' ends
    axes.set_xticks([tick / 4 for tick in range(int(limit * 4) + 1)])
    axes.axvline(1, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xlabel("time of a call, as a multiple of eager's (shorter is faster)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    patch = require("matplotlib.patches", extra="plot").Patch
    handles = [patch(color=_color(name), label=name) for name in dict.fromkeys(used)]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False)
    figure.suptitle("Time of a call before and after hybridizing", x=0.01, ha="left", fontsize=12)
    figure.supxlabel(str(report.environment), fontsize=6.5, color="0.35", x=0.01, ha="left")
    return figure


def _limit(rows: list[BenchRow]) -> float:
    """Return the limit of the axis: the longest bar, but bars longer than 2 may be cut off."""
    ratios = [1 / row.speed_up.ratio for row in rows if row.speed_up is not None]
    # One variant that is ten times slower would leave the others a few pixels.
    return min(2.0, max([1.0, *ratios]) * 1.05)


def _draw_bar(axes: Any, row: BenchRow, position: float, limit: float, eager: float | None) -> None:
    """Draw one variant's bar, with its interval, and both in words; `eager` is eager's time."""
    if row.measurement is None:
        return
    ratio = low = high = min(limit, row.measurement.median / eager) if eager else 1.0
    text = tables.seconds(row.measurement.median)
    if row.speed_up is not None:
        text = f"{row.speed_up}"
        # A bar is a time, and so the inverse of a speed-up; the interval's ends change places.
        low, ratio, high = (
            min(limit, 1 / factor)
            for factor in (row.speed_up.high, row.speed_up.ratio, row.speed_up.low)
        )
    elif row.variant != "eager":
        text += ", too few rounds to compare"
    if row.measurement.warning:
        text += "  (unreliable)"
    hatch = "////" if row.measurement.warning else None
    axes.barh(
        position, ratio, height=0.82, color=_color(row.variant), hatch=hatch, ec="white", lw=0
    )
    if high > low:
        whisker = [[ratio - low], [high - ratio]]
        for color, width in (("white", 3), ("0.2", 1)):  # seen on dark bars, too
            axes.errorbar(ratio, position, xerr=whisker, color=color, lw=width, capsize=2)
    if high == limit:  # cut off
        axes.plot(limit, position, ">", color="0.2", markersize=4)
    axes.text(max(high, 1.0) + 0.02, position, text, va="center", ha="left", fontsize=8)


def _color(variant: str) -> str:
    return _COLORS.get(variant, "#6b7a8f")
