"""How far off the numbers of a regression are: residuals, and the worst samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit._base.tables import Column, Shown
from gluonkit.plot.interpretation import plot_residuals
from gluonkit.train.interpretation.samples import (
    MOST_ROWS,
    SAMPLES,
    HardSample,
    Interpretation,
    MakeTable,
    number,
)


@dataclass(frozen=True)
class OutputFigures(Shown):
    """How far off one output of a regression is.

    Attributes
    ----------
    name : str
        The output.
    mae, rmse : float
        The mean absolute residual, and the root of the mean square.
    bias : float
        The mean residual, predicted less true.
    largest : float
        The largest absolute residual.
    r2 : float or None
        The coefficient of determination: 1 for exact predictions, 0 for the mean of the true
        values; None where these are all equal.
    """

    name: str
    mae: float
    rmse: float
    bias: float
    largest: float
    r2: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Regression(Interpretation):
    """How far off a network's numbers are. `str()` gives tables, the ``plot_...`` methods pictures.

    Attributes
    ----------
    names : tuple of str
        The outputs.
    true, predicted : numpy.ndarray
        The labels, and what the network gives for them, of shape ``(samples, outputs)``.
    losses : numpy.ndarray
        The loss of each sample.
    worst : tuple of HardSample
        The samples of the highest loss, the highest first.
    """

    names: tuple[str, ...]
    true: Array
    predicted: Array
    losses: Array
    worst: tuple[HardSample, ...]

    @property
    def residuals(self) -> Array:
        """Predicted less true, of shape ``(samples, outputs)``, in float64."""
        left: Array = self.predicted.astype("float64") - self.true.astype("float64")
        return left

    @property
    def per_output(self) -> tuple[OutputFigures, ...]:
        """How far off each output is."""
        metrics = require("sklearn.metrics", extra="data")
        true, predicted = (array.astype("float64") for array in (self.true, self.predicted))
        off = metrics.mean_absolute_error(true, predicted, multioutput="raw_values")
        square = metrics.mean_squared_error(true, predicted, multioutput="raw_values")
        # Where nothing varies, or of one sample, it is not defined.
        varies = [len(true) > 1 and column.min() < column.max() for column in true.T]
        r2 = [
            float(metrics.r2_score(true[:, i], predicted[:, i])) if vary else None
            for i, vary in enumerate(varies)
        ]
        residuals = self.residuals
        rows = zip(self.names, off, square**0.5, residuals.T, r2, strict=True)
        return tuple(
            OutputFigures(
                name, float(a), float(b), float(left.mean()), float(abs(left).max()), score
            )
            for name, a, b, left, score in rows
        )

    def plot_residuals(self) -> Any:
        """Draw residuals over predictions, and their distribution; return a matplotlib figure."""
        return plot_residuals(self.predicted, self.residuals, self.names)

    def plot_worst(self) -> Any:
        """Draw the samples of the highest loss, if they are pictures; return a figure."""
        titles = [f"{sample.label},\ngot {sample.predicted}" for sample in self.worst]
        return self._drawn(titles)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain data, ready for JSON, without the arrays."""
        return {
            "loss": float(self.losses.mean()),
            "per_output": [asdict(figures) for figures in self.per_output],
            "worst": [sample.to_dict() for sample in self.worst],
        }

    def _headline(self) -> str:
        outputs = f", {len(self.names)} outputs" if len(self.names) > 1 else ""
        return f"{len(self.losses):,} samples{outputs}: loss {self.losses.mean():.4g}"

    def _tables(self, table: MakeTable) -> list[str]:
        shown = self.per_output[:MOST_ROWS]
        more = len(self.names) - len(shown)
        title = "residuals: predicted less true" + (f"; {more} more outputs" if more else "")
        columns = [column for column in SAMPLES if column.header != "sure"]
        return [table(shown, _OUTPUTS, title), *self._samples(table, columns)]


_OUTPUTS = [
    Column("output", lambda row: row.name),
    Column("mean |r|", lambda row: number(row.mae), "right"),
    Column("root of mean r²", lambda row: number(row.rmse), "right"),
    Column("mean r", lambda row: number(row.bias), "right"),
    Column("largest |r|", lambda row: number(row.largest), "right"),
    Column("R²", lambda row: number(row.r2), "right"),
]
