"""What a classifier got wrong: confusion, figures of each class, calibration, the worst samples."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import whole_number
from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit._base.tables import Column, Shown
from gluonkit.plot.interpretation import plot_calibration, plot_confusion
from gluonkit.train.interpretation.calibration import Calibration
from gluonkit.train.interpretation.samples import (
    MOST_ROWS,
    SAMPLES,
    HardSample,
    Interpretation,
    MakeTable,
    share,
)

_MOST_PAIRS = 10


@dataclass(frozen=True)
class ClassFigures(Shown):
    """How well one class is recognized.

    Attributes
    ----------
    name : str
        The class.
    samples, predicted : int
        How many labels are this class, and how many predictions.
    precision : float or None
        The share of its predictions that are right; None where it is never predicted.
    recall : float or None
        The share of its labels that are recognized; None where there are none.
    f1 : float or None
        The harmonic mean of both; None where neither labels nor predictions are this class.
    """

    name: str
    samples: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class ConfusedPair(Shown):
    """How often one class was taken for another.

    Attributes
    ----------
    label, predicted : str
        The class that it was, and the one that was predicted.
    times : int
        How often.
    share : float
        Of all labels of that class.
    """

    label: str
    predicted: str
    times: int
    share: float


@dataclass(frozen=True, eq=False, repr=False)
class Classification(Interpretation):
    """What a classifier got wrong. `str()` gives tables, the ``plot_...`` methods pictures.

    Where a sample has several labels, such as the pixels of a picture, all are counted.

    Attributes
    ----------
    names : tuple of str
        The classes.
    labels, predicted : numpy.ndarray
        Class numbers, of all labels and of what was predicted.
    confidence : numpy.ndarray or None
        The probability of each predicted class; None where the loss says of no probabilities.
    losses : numpy.ndarray
        The loss of each sample.
    worst : tuple of HardSample
        The samples of the highest loss, the highest first.
    bins : int
        Number of the calibration's intervals.
    """

    names: tuple[str, ...]
    labels: Array
    predicted: Array
    confidence: Array | None
    losses: Array
    worst: tuple[HardSample, ...]
    bins: int = 10

    @property
    def accuracy(self) -> float:
        """The share of predictions that are right."""
        return float((self.labels == self.predicted).mean())

    @property
    def confusion(self) -> Array:
        """How often each class (rows) was predicted as each (columns): ``(classes, classes)``."""
        matrix = require("sklearn.metrics", extra="data").confusion_matrix
        counts: Array = matrix(self.labels, self.predicted, labels=range(len(self.names)))
        return counts

    @property
    def per_class(self) -> tuple[ClassFigures, ...]:
        """Precision, recall and F1 of each class."""
        figures = require("sklearn.metrics", extra="data").precision_recall_fscore_support
        classes = range(len(self.names))
        precision, recall, f1, samples = figures(
            self.labels, self.predicted, labels=classes, zero_division=0
        )
        predicted = numpy.bincount(self.predicted, minlength=len(self.names))
        # Of nothing there is no share: scikit-learn has a number there, which could be read as one.
        return tuple(
            ClassFigures(
                name,
                int(samples[i]),
                int(predicted[i]),
                float(precision[i]) if predicted[i] else None,
                float(recall[i]) if samples[i] else None,
                float(f1[i]) if samples[i] or predicted[i] else None,
            )
            for i, name in enumerate(self.names)
        )

    @property
    def calibration(self) -> Calibration | None:
        """Whether the network is as sure as it is right; None without probabilities."""
        if self.confidence is None:
            return None
        return Calibration.of(self.confidence, self.labels == self.predicted, self.bins)

    @checked
    def confused(self, most: int = _MOST_PAIRS) -> tuple[ConfusedPair, ...]:
        """Return the pairs of classes that are confused most often.

        Parameters
        ----------
        most : int, default 10
            At most so many pairs.

        Returns
        -------
        tuple of ConfusedPair
            The most frequent first; of equally frequent ones that of the rarer class.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            For anything but a whole number from 0.
        """
        most = whole_number("most", most, least=0)
        counts = self.confusion
        totals = counts.sum(axis=1)
        wrong = counts - numpy.diag(numpy.diag(counts))
        pairs = [
            ConfusedPair(
                self.names[row],
                self.names[column],
                int(wrong[row, column]),
                float(wrong[row, column] / totals[row]),
            )
            for row, column in zip(*numpy.nonzero(wrong), strict=True)
        ]
        return tuple(sorted(pairs, key=lambda pair: (-pair.times, -pair.share))[:most])

    def plot_confusion(self) -> Any:
        """Draw the confusion matrix; return a matplotlib figure."""
        return plot_confusion(self.confusion, self.names)

    def plot_calibration(self) -> Any:
        """Draw how often predictions were right over their probability; return a figure.

        Returns
        -------
        matplotlib.figure.Figure or None
            None where the network gives no probabilities.
        """
        known = self.calibration
        return None if known is None else plot_calibration(known.bins, known.error)

    def plot_worst(self) -> Any:
        """Draw the samples of the highest loss, if they are pictures; return a figure."""
        titles = [
            f"{sample.label}, taken\nfor {sample.predicted}"
            if sample.label != sample.predicted
            else f"{sample.label}, right,\nloss {sample.loss:.3g}"
            for sample in self.worst
        ]
        return self._drawn(titles)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain data, ready for JSON, without the arrays."""
        known = self.calibration
        return {
            "accuracy": self.accuracy,
            "loss": float(self.losses.mean()),
            "classes": list(self.names),
            "confusion": self.confusion.tolist(),
            "per_class": [asdict(figures) for figures in self.per_class],
            "calibration": None if known is None else known.to_dict(),
            "worst": [sample.to_dict() for sample in self.worst],
        }

    def _headline(self) -> str:
        wrong = int((self.labels != self.predicted).sum())
        samples = f"{len(self.losses):,} samples"
        if len(self.labels) != len(self.losses):
            samples += f" with {len(self.labels):,} labels"
        return (
            f"{samples}, {len(self.names)} classes: accuracy {self.accuracy:.2%}, {wrong:,} wrong; "
            f"loss {self.losses.mean():.4g}"
        )

    def _tables(self, table: MakeTable) -> list[str]:
        figures = self.per_class
        shown = sorted(figures, key=lambda row: math.inf if row.f1 is None else row.f1)
        few = len(figures) > MOST_ROWS
        title = f"the {MOST_ROWS} classes with the lowest F1" if few else "by class"
        parts = [table(shown[:MOST_ROWS] if few else figures, _CLASSES, title)]
        if pairs := self.confused():
            parts.append(table(pairs, _PAIRS, "confused most often"))
        parts += self._samples(table, SAMPLES)
        if (known := self.calibration) is not None:
            text = (
                f"calibration: sure of {known.confidence:.1%} on average, right in "
                f"{self.accuracy:.1%}; off by {known.error:.1%} on average over {self.bins} bins"
            )
            parts.append(tables.paragraph(text, indent=""))
        return parts


_CLASSES = [
    Column("class", lambda row: row.name),
    Column("samples", lambda row: f"{row.samples:,}", "right"),
    Column("precision", lambda row: share(row.precision), "right"),
    Column("recall", lambda row: share(row.recall), "right"),
    Column("F1", lambda row: share(row.f1), "right"),
]
_PAIRS = [
    Column("label", lambda row: row.label),
    Column("predicted", lambda row: row.predicted),
    Column("times", lambda row: f"{row.times:,}", "right"),
    Column("of that label", lambda row: share(row.share), "right"),
]
