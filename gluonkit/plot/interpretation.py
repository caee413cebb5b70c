"""Pictures of what a network got wrong: confusion, calibration, residuals, the samples."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, Protocol

import numpy

from gluonkit._base.kinds import Array
from gluonkit.errors import ArgumentError
from gluonkit.plot.figure import new_figure

_NUMBERED = 20  # classes up to which a confusion matrix has its numbers written in
_NAMED = 60  # classes up to which it has their names
_LEAST = 8  # pixels along each side of what is drawn as a picture
_LETTERS = 22  # in a line over a picture, or beside a panel
_BLUE, _RED = "#3a7ca5", "#d1495b"


class Bin(Protocol):
    """A bin of a calibration: its count, and what was claimed and was right in it."""

    @property
    def samples(self) -> int:
        """How many predictions lie in it."""

    @property
    def confidence(self) -> float:
        """The mean of their probabilities."""

    @property
    def accuracy(self) -> float:
        """The share that was right."""


def plot_confusion(counts: Array, names: Sequence[str]) -> Any:
    """Plot how often each class was taken for each: a row for each label, colored by its shares.

    `counts` has shape ``(classes, classes)``. Numbers are written in for at most 20 classes, and
    names for at most 60.

    Returns
    -------
    matplotlib.figure.Figure
    """
    size = len(names)
    side = 2.2 + 0.32 * size if size <= _NUMBERED else 8.6
    figure = new_figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    # Of each row's samples, so that frequent classes do not hide the others.
    shares = counts / numpy.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = numpy.where(counts > 0, shares, numpy.nan)
    image = axes.imshow(shown, cmap="Blues", vmin=-0.15, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    axes.set_title("Confusion matrix")
    if size <= _NAMED:
        longest = max(map(len, names))
        axes.set_xticks(range(size), names, rotation=90 if longest > 2 else 0)
        axes.set_yticks(range(size), names)
        axes.tick_params(length=0, labelsize=8 if size <= _NUMBERED else 6)
    if size > _NUMBERED:
        bar = figure.colorbar(image, label="share of the label's samples", shrink=0.5)
        bar.ax.set_ylim(0, 1)
        return figure
    for row, column in zip(*numpy.nonzero(counts), strict=True):
        shade = "white" if shares[row, column] > 0.5 else "black"
        text = f"{counts[row, column]}"
        axes.text(column, row, text, ha="center", va="center", color=shade, fontsize=7)
    return figure


def plot_calibration(bins: Sequence[Bin], error: float) -> Any:
    """Plot how often predictions were right over the probability that the network gave them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(figsize=(4.8, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    filled = [part for part in bins if part.samples]
    upper.plot([0, 1], [0, 1], color="0.7", linewidth=1, label="as sure as right")
    upper.plot(
        [part.confidence for part in filled],
        [part.accuracy for part in filled],
        "o-",
        color=_BLUE,
        markersize=5,
        label="the network",
    )
    upper.set_ylabel("share that was right")
    upper.set_title(f"Calibration: off by {error:.1%} on average")
    upper.legend(loc="upper left", fontsize=8)
    places = [(index + 0.5) / len(bins) for index in range(len(bins))]
    lower.bar(places, [part.samples for part in bins], 0.9 / len(bins), color=_BLUE)
    lower.set_yscale("symlog", linthresh=1)
    lower.set_ylabel("predictions")
    lower.set_xlabel("probability of the predicted class")
    for axes in (upper, lower):
        axes.set_xlim(0, 1.02)
        axes.grid(alpha=0.3)
    return figure


def plot_residuals(predicted: Array, residuals: Array, names: Sequence[str]) -> Any:
    """Plot each output's residuals over its predictions, and how they are distributed.

    `predicted` and `residuals` have shape ``(samples, outputs)``; at most 8 outputs are drawn.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = list(names)[:8]
    size = (8.4, 0.6 + 2.6 * len(shown))
    figure = new_figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(shown), 2, squeeze=False, width_ratios=[3, 1], sharey="row")
    for place, (name, (left, right)) in enumerate(zip(shown, panels, strict=True)):
        left.plot(predicted[:, place], residuals[:, place], ".", color=_BLUE, alpha=0.6)
        told = "\n".join([*textwrap.wrap(f"{name}:", _LETTERS), "residual"])
        left.set_ylabel(told if len(names) > 1 else "residual")
        right.hist(residuals[:, place], bins="auto", orientation="horizontal", color=_BLUE)
        for axes in (left, right):
            axes.axhline(0, color=_RED, linewidth=1)
            axes.grid(alpha=0.3)
    panels[-1][0].set_xlabel("predicted")
    panels[-1][1].set_xlabel("samples")
    figure.suptitle("Residuals: predicted less true")
    return figure


def plot_pictures(pictures: Sequence[Array], titles: Sequence[str]) -> Any:
    """Plot samples that are pictures, with a title over each.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        When there are none, or they are not pictures.
    """
    if not pictures:
        raise ArgumentError("there is nothing to draw: no sample was kept; give `worst` above 0")
    columns = min(8, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    size = (1.45 * columns, 1.85 * rows + 0.2)
    figure = new_figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, sample, title in zip(panels, pictures, titles, strict=False):
        picture = as_picture(sample)
        axes.imshow(picture, cmap="gray")
        lines = [part for line in title.splitlines() for part in textwrap.wrap(line, _LETTERS)]
        axes.set_title("\n".join(lines), fontsize=8)
    for axes in panels:
        axes.axis("off")
    return figure


def as_picture(sample: Array) -> Array:
    """Return a sample as a picture: ``(height, width)``, or ``(height, width, 3)`` from 0 to 1.

    Raises
    ------
    ArgumentError
        When it is none.
    """
    shape = sample.shape
    if len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) >= _LEAST:
        picture = numpy.moveaxis(sample, 0, -1)
    elif len(shape) == 3 and shape[2] in (1, 3) and min(shape[:2]) >= _LEAST:
        picture = sample
    elif len(shape) == 2 and min(shape) >= _LEAST:
        picture = sample[..., None]
    else:
        raise ArgumentError(
            f"samples of shape {shape} are no pictures, which are (channels, height, width), "
            "(height, width, channels) or (height, width), with 1 or 3 channels; the samples "
            "themselves are in `worst`"
        )
    numbers = picture.astype("float64")
    low, high = numbers.min(), numbers.max()
    # Whatever they were normalized by, they are drawn from their darkest to their brightest.
    scaled: Array = (numbers - low) / (high - low) if high > low else numbers * 0
    return scaled if scaled.shape[2] == 3 else scaled[..., 0]
