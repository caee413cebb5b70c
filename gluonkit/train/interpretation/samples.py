"""Samples of the highest loss, and how tables of an interpretation are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gluonkit._base import tables
from gluonkit._base.kinds import Array
from gluonkit._base.tables import Column, Shown

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


def text_part(rows: Sequence[Any], columns: Sequence[Column], title: str) -> str:
    """Render rows as a text table below its title."""
    return f"{title}:\n{tables.text_table(rows, columns)}"


def html_part(rows: Sequence[Any], columns: Sequence[Column], title: str) -> str:
    """Render the same rows for a notebook."""
    return tables.html_table(rows, columns, title=title)


SAMPLES = [
    Column("sample", lambda row: f"{row.index}", "right"),
    Column("loss", lambda row: number(row.loss), "right"),
    Column("label", lambda row: row.label or "(several)"),
    Column("predicted", lambda row: row.predicted or "(several)"),
    Column("sure", lambda row: share(row.confidence), "right"),
]
