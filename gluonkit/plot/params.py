"""Parameters, gradients and activations in pictures, one row or panel for each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gluonkit._base.arguments import checked
from gluonkit._base.checks import unknown_name
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError
from gluonkit.inspection import Activations
from gluonkit.params import ArrayStats, ParametersStats
from gluonkit.plot.drawing.layout import text_width
from gluonkit.plot.figure import new_figure

_KINDS = {"values": "#3a7ca5", "gradient": "#d1495b"}
_PANELS = 4  # histograms beside one another
_PANEL_WIDTH = 2.5  # inches


@checked
def plot_histograms(stats: ParametersStats, *, of: str = "values") -> Any:
    """Plot histograms of each parameter's values, or of its gradient, in one panel each.

    Parameters
    ----------
    stats : ParametersStats
        What `params.stats` returned.
    of : str, default 'values'
        'values' or 'gradient'.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each parameter; ``figure.savefig("histograms.png")`` writes it.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError
        For another `of`, and when there is nothing to draw.
    """
    if of not in _KINDS:
        raise unknown_name("of", str(of), _KINDS, "Give 'values' or 'gradient'.")
    arrays = [(record.path, s) for record in stats if (s := getattr(record, of)) is not None]
    _something(arrays, f"no parameter in `stats` has a {of}")
    return _panels(arrays, _KINDS[of], f"Distribution of each parameter's {of}")


@checked
def plot_norms(stats: ParametersStats) -> Any:
    """Plot the Euclidean norm of each parameter and of its gradient, on a logarithmic axis.

    Parameters
    ----------
    stats : ParametersStats
        What `params.stats` returned.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each parameter; ``figure.savefig("norms.png")`` writes it.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError
        When there is nothing to draw.
    """
    _something(stats, "`stats` is empty")
    figure, axes = _rows([record.path for record in stats])
    drawn = []
    for kind, color in _KINDS.items():
        norms = [getattr(record, kind).norm if getattr(record, kind) else 0.0 for record in stats]
        # A logarithmic axis has no place for 0.
        places = [place for place, norm in enumerate(norms) if norm > 0]
        if places:
            values = [norms[place] for place in places]
            marker = "o" if kind == "values" else "D"
            axes.plot(values, places, marker, color=color, markersize=5, label=kind)
            drawn += values
    if drawn:
        axes.set_xscale("log")
        axes.set_xlim(min(drawn) / 2, max(drawn) * 2)
        if max(drawn) < 100 * min(drawn):  # where powers of ten are too few
            ticker = require("matplotlib.ticker", extra="plot")
            axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
            axes.xaxis.set_minor_formatter(ticker.NullFormatter())
        figure.legend(loc="outside upper right", ncols=2, frameon=False)
    axes.set_xlabel("Euclidean norm (a norm of zero is not drawn)")
    figure.suptitle("Norms by parameter", x=0.01, ha="left", fontsize=12)
    return figure


@checked
def plot_activations(activations: Activations, *, leaves: bool = True) -> Any:
    """Plot each layer's outputs: range, mean with one standard deviation, share of zeros.

    Parameters
    ----------
    activations : Activations
        What `activations` returned.
    leaves : bool, default True
        Whether to show only layers that call no others.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each layer; ``figure.savefig("activations.png")`` writes it.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError
        When there is nothing to draw.
    """
    shown = [record for record in activations if record.leaf or not leaves]
    _something(shown, "`activations` has no layer")
    figure, axes = _rows([f"{record.path or '(network)'}  {record.kind}" for record in shown])
    for place, record in enumerate(shown):
        values = record.values
        # Nothing finite came out of this layer; the text beside the row says so.
        if not math.isfinite(values.mean):
            continue
        axes.plot([values.min, values.max], [place, place], color="#9aa5b1", linewidth=1.5)
        low, high = values.mean - values.std, values.mean + values.std
        axes.plot([low, high], [place, place], color="#3a7ca5", linewidth=6, alpha=0.55)
        axes.plot([values.mean], [place], "o", color="#16425b", markersize=4)
    for place, record in enumerate(shown):
        text = f"{record.values.zeros / max(record.values.size, 1):.0%}"
        if not record.values.finite:
            text += f", {record.values.nan + record.values.inf:,} not finite"
        axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), fontsize=8,
                      va="center")  # fmt: skip
    axes.annotate("zeros", (1.01, -0.9), xycoords=("axes fraction", "data"), fontsize=8,
                  va="center", fontweight="bold", annotation_clip=False)  # fmt: skip
    axes.set_xlabel("activation: least to greatest (grey), mean ± standard deviation (blue)")
    figure.suptitle("What each layer gives for this batch", x=0.01, ha="left", fontsize=12)
    return figure


def _panels(arrays: Sequence[tuple[str, ArrayStats]], color: str, title: str) -> Any:
    """Draw a histogram for each array, in a grid of panels."""
    columns = min(_PANELS, len(arrays))
    lines = math.ceil(len(arrays) / columns)
    size = (_PANEL_WIDTH * columns + 0.3, 1.55 * lines + 0.6)
    figure = new_figure(figsize=size, layout="constrained")
    # So far apart that numbers below neighbours do not touch.
    figure.get_layout_engine().set(wspace=0.12, w_pad=0.08)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (path, stats) in zip(panels, arrays, strict=False):
        bins = len(stats.histogram)
        # Equal numbers fill one bin, which gets a width that can be seen.
        span = stats.max - stats.min if stats.max > stats.min else max(abs(stats.max), 1.0)
        low = stats.min if stats.max > stats.min else stats.min - span / 2
        low = low if math.isfinite(low) else 0.0
        width = (span if math.isfinite(span) else 1.0) / bins
        axes.bar(
            [low + (i + 0.5) * width for i in range(bins)], stats.histogram, width, color=color
        )
        axes.set_title(_broken(path), fontsize=8)
        axes.set_yticks([])
        ends = (low, low + bins * width)
        axes.set_xlim(*ends)
        left, right = axes.set_xticks(ends, [f"{end:.2g}" for end in ends], fontsize=7)
        left.label1.set_horizontalalignment("left")  # so that neighbours keep apart
        right.label1.set_horizontalalignment("right")
        axes.spines[["top", "right", "left"]].set_visible(False)
        if not stats.finite:
            text = f"{stats.nan + stats.inf:,} not finite"
            axes.text(
                0.98, 0.9, text, transform=axes.transAxes, ha="right", fontsize=7, color="#b00"
            )
    for axes in panels[len(arrays) :]:
        axes.set_visible(False)
    figure.suptitle(title, fontsize=11)
    figure.supxlabel("value (every panel has its own scale); height: how many", fontsize=8)
    return figure


def _broken(path: str) -> str:
    """Break a path at dots into lines that are no wider than a panel."""
    lines = [""]
    for part in path.replace(".", ".\0").split("\0"):
        if lines[-1] and text_width(lines[-1] + part, 8) > _PANEL_WIDTH - 0.3:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _rows(labels: Sequence[str]) -> tuple[Any, Any]:
    """Return a figure and axes with one labelled row for each name."""
    size = (9, 1.5 + 0.24 * len(labels))
    figure = new_figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    # Upside down, so that the first layer is at the top.
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _something(records: Sequence[Any], problem: str) -> None:
    if not records:
        raise ArgumentError(f"{problem}, so there is nothing to draw")
