"""Plots of training: figures over epochs, and the search for a learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gluonkit._base.checks import unknown_name
from gluonkit.errors import ArgumentError
from gluonkit.plot.figure import new_figure

_NOT_DRAWN = ("epoch", "seconds", "samples_per_second", "data_wait", "lr")


def plot_history(epochs: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None) -> Any:
    """Plot a training run's figures over its epochs, training and validation together.

    `epochs` are the rows of `History.epochs`, `names` the figures to draw, without ``val_``, by
    default all.

    Returns
    -------
    matplotlib.figure.Figure
        One panel for each figure.

    Raises
    ------
    ArgumentError
        When there are no epochs, or none has one of `names`.
    """
    if not epochs:
        raise ArgumentError("there is nothing to draw: no epoch was completed")
    known = list(dict.fromkeys(name.removeprefix("val_") for row in epochs for name in row))
    drawable = [name for name in known if name not in _NOT_DRAWN]
    chosen = [names] if isinstance(names, str) else drawable if names is None else list(names)
    if not chosen:
        raise ArgumentError(f"`names` is empty; choose of {', '.join(drawable)}, or leave it out")
    for name in chosen:
        if name not in known:
            raise unknown_name("names", name, drawable, f"There are {', '.join(drawable)}.")
    figure = new_figure(figsize=(5.2 * len(chosen), 3.8), layout="constrained")
    for index, name in enumerate(chosen, 1):
        _panel(figure.add_subplot(1, len(chosen), index), epochs, name)
    return figure


def _panel(axes: Any, epochs: Sequence[Mapping[str, Any]], name: str) -> None:
    """Draw one figure, of training and of validation."""
    percent = "accuracy" in name
    for key, label, style in ((name, "train", "o-"), (f"val_{name}", "validation", "s--")):
        rows = [row for row in epochs if row.get(key) is not None]
        if rows:
            values = [row[key] * (100 if percent else 1) for row in rows]
            axes.plot([row["epoch"] for row in rows], values, style, label=label, markersize=4)
    axes.set_title(name.replace("_", " "))
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"{name.replace('_', ' ')} [%]" if percent else name.replace("_", " "))
    # matplotlib would mark half epochs.
    axes.xaxis.get_major_locator().set_params(integer=True)
    first, last = epochs[0]["epoch"], epochs[-1]["epoch"]
    if last - first < 2:
        axes.set_xticks(range(first, last + 1))
    axes.grid(alpha=0.3)
    axes.legend()


def plot_lr(rates: Sequence[float], losses: Sequence[float], suggestion: float | None) -> Any:
    """Plot the smoothed loss over the learning rate, and mark the suggested rate, if there is one.

    Returns
    -------
    matplotlib.figure.Figure
        One panel.
    """
    figure = new_figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(rates, losses)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss, smoothed")
    axes.set_title("Loss while the learning rate grows")
    axes.grid(alpha=0.3)
    if suggestion is not None:
        axes.axvline(
            suggestion, color="tab:red", linestyle="--", label=f"suggested {suggestion:.3g}"
        )
        axes.legend()
    return figure
