"""What interpretations have in common: the samples of the highest loss, and how they are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gluonkit._base import tables
from gluonkit._base.kinds import Array
from gluonkit._base.tables import Column, Shown
from gluonkit.plot.interpretation import plot_pictures

MOST_ROWS = 20
"""Classes or outputs that a table shows."""
MOST_SAMPLES = 8
"""Samples that a table shows."""


@dataclass(frozen=True, eq=False)
class HardSample(Shown):
    """A sample with one of the highest losses.

    Attributes
    ----------
    index : int
        Its position in the order in which the data came, from 0.
    loss : float
        Its loss.
    label, predicted : str
        Its label and what the network predicts: names of classes, or numbers; empty for a sample
        that has several.
    confidence : float or None
        The probability that the network gives the predicted class; None where it gives none.
    inputs : tuple of numpy.ndarray
        The sample itself, as the network got it: an array for each input.
    """

    index: int
    loss: float
    label: str
    predicted: str
    confidence: float | None
    inputs: tuple[Array, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the sample itself as plain data, ready for JSON."""
        return {name: value for name, value in vars(self).items() if name != "inputs"}


def share(value: float | None) -> str:
    """Format a share as a percentage."""
    return "–" if value is None else f"{value:.1%}"


def number(value: float | None) -> str:
    """Format a number with four digits."""
    return "–" if value is None else f"{value:.4g}"


MakeTable = Callable[[Sequence[Any], Sequence[Column], str], str]
"""Makes text of rows, columns and a title."""


class Interpretation(Shown, ABC):
    """Base class of what `interpret` returns: a line, tables, and the worst samples."""

    worst: tuple[HardSample, ...]

    @abstractmethod
    def _headline(self) -> str:
        """Return what is said in one line."""

    @abstractmethod
    def _tables(self, table: MakeTable) -> list[str]:
        """Return what follows the line: tables, made by a function, and sentences."""

    def __str__(self) -> str:
        def table(rows: Sequence[Any], columns: Sequence[Column], title: str) -> str:
            return f"{title}:\n{tables.text_table(rows, columns)}"

        return "\n\n".join([self._headline(), *self._tables(table)])

    def _repr_html_(self) -> str:
        def table(rows: Sequence[Any], columns: Sequence[Column], title: str) -> str:
            return tables.html_table(rows, columns, title=title)

        return "".join([f"<p>{self._headline()}</p>", *self._tables(table)])

    def _samples(self, table: MakeTable, columns: Sequence[Column]) -> list[str]:
        """Return the table of the samples of the highest loss, if they were kept."""
        shown = self.worst[:MOST_SAMPLES]
        return [table(shown, columns, "samples of the highest loss")] if shown else []

    def _drawn(self, titles: Sequence[str]) -> Any:
        return plot_pictures([sample.inputs[0] for sample in self.worst], titles)


SAMPLES = [
    Column("sample", lambda row: f"{row.index}", "right"),
    Column("loss", lambda row: number(row.loss), "right"),
    Column("label", lambda row: row.label or "(several)"),
    Column("predicted", lambda row: row.predicted or "(several)"),
    Column("sure", lambda row: share(row.confidence), "right"),
]
