"""What a training run gave, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.atomic import write_atomically
from gluonkit._base.checks import checked_path, unknown_name
from gluonkit._base.tables import Column, Shown
from gluonkit.errors import ArgumentError
from gluonkit.plot.history import plot_history

_LAST = ("lr", "seconds", "samples_per_second", "data_wait")
_HIGHER_IS_BETTER = ("accuracy", "top_k", "f1", "mcc", "pearson", "auc", "precision", "recall")


@dataclass(repr=False)
class History(Shown):
    """The figures of a training run.

    Attributes
    ----------
    epochs : list of dict
        One dictionary for each epoch: ``epoch`` (from 1), ``loss`` and metrics over the training
        batches (with the weights before each step), ``val_…`` those over the validation data,
        ``lr``, and of the training part ``seconds``, ``samples_per_second`` and ``data_wait``, the
        share of the time in which nothing was computed because the next batch was not there yet
        (estimated: how long a step computes is measured at every 50th).
    steps : list of dict
        One dictionary for each step: ``step``, ``epoch``, ``loss`` and ``lr``, if `record_steps`
        was set.
    engine : str
        'compiled' if each step was one graph, 'imperative' otherwise.
    notes : list of str
        Notes for the user: why a network was not compiled, unused parameters.
    stopped : str
        Why training ended before its last epoch; empty if it did not.
    resumed : int or None
        The first epoch of a resumed run; None for a run from the beginning.
    interrupted : bool
        Whether Ctrl-C ended the run.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    engine: str = ""
    notes: list[str] = field(default_factory=list)
    stopped: str = ""
    resumed: int | None = None
    interrupted: bool = False

    def __len__(self) -> int:
        return len(self.epochs)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Go through the epochs, as many as its length says."""
        return iter(self.epochs)

    def __getitem__(self, name: str) -> list[float]:
        """Return one figure over the epochs: ``history["val_accuracy"]``."""
        if not isinstance(name, str) or name not in self.names():
            raise unknown_name("name", name, self.names(), f"It has {', '.join(self.names())}.")
        return [row[name] for row in self.epochs if name in row]

    @property
    def last(self) -> dict[str, Any]:
        """The last epoch's figures; empty before the first epoch ended."""
        return self.epochs[-1] if self.epochs else {}

    def names(self) -> list[str]:
        """Return the names of the figures, in the order of the table."""
        names = {name: None for row in self.epochs for name in row}
        first = [name for name in names if name not in _LAST]
        return first + [name for name in _LAST if name in names]

    @checked
    def best(self, name: str) -> dict[str, Any]:
        """Return the epoch in which a figure was best: highest for accuracies, else lowest.

        Parameters
        ----------
        name : str
            A figure: 'loss', 'val_accuracy', ...

        Returns
        -------
        dict
            That epoch's row of `epochs`.
        """
        values = self[name]
        rows = [row for row in self.epochs if name in row]
        # Of equal values `index` gives the earliest.
        choose = max if higher_is_better(name) else min
        return rows[values.index(choose(values))]

    @checked
    def plot(self, names: Sequence[str] | None = None) -> Any:
        """Draw the figures over the epochs.

        Parameters
        ----------
        names : sequence of str, optional
            Figures to draw, without ``val_``; by default all.

        Returns
        -------
        matplotlib.figure.Figure
            One panel for each figure, training and validation together.
        """
        return plot_history(self.epochs, names)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        return asdict(self)

    @checked
    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the epochs as CSV, and write them to `path` if one is given.

        Parameters
        ----------
        path : str or Path, optional
            The file to write; by default none.

        Returns
        -------
        str
            One line for each epoch, below a header.
        """
        text = tables.csv_text(self.names(), self.epochs)
        if path is not None:
            write_atomically(checked_path("path", path), text.encode())
        return text

    def __str__(self) -> str:
        if not self.epochs:
            parts = ["no epoch was completed"]
        else:
            parts = [tables.text_table(self.epochs, self._columns())]
        parts += [f"stopped: {self.stopped}"] if self.stopped else []
        parts += [tables.hanging("note: ", note) for note in self.notes]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>note: {note}</p>" for note in self.notes)
        return tables.html_table(self.epochs, self._columns()) + notes

    def _columns(self) -> list[Column]:
        return [
            Column(title(name), _cell(name), "right", drop=DROPPED.get(name, 0))
            for name in self.names()
        ]


DROPPED = {"data_wait": 1, "samples_per_second": 2, "lr": 3, "seconds": 4}
"""What is left out where a terminal is too narrow for all figures, 1 first."""


def higher_is_better(name: str) -> bool:
    """Return whether higher values of a figure are better, judging by its name."""
    # By its name, for a metric says nothing else of itself.
    return any(word in name.removeprefix("val_").lower() for word in _HIGHER_IS_BETTER)


def mode_of(mode: str, name: str) -> bool:
    """Return whether `mode` ('min', 'max' or 'auto') means 'max'."""
    if mode not in ("auto", "min", "max"):
        raise ArgumentError(f"`mode` is {mode!r}; give 'auto', 'min' or 'max'")
    return mode == "max" or (mode == "auto" and higher_is_better(name))


def check_figure(name: str, own: Sequence[str], who: str, *, validated: bool) -> None:
    """Refuse the name of a figure that epochs will not have.

    `own` are the figures over training data; validation data have the same, if there are any.
    """
    if not validated and name.startswith("val_"):
        raise ArgumentError(
            f"`monitor` is {name!r}, a figure over validation data, and `val` is not given; "
            f"give fit(..., val=...), or let {who} watch one of: {', '.join(own)}"
        )
    known = [*own, *(f"val_{figure}" for figure in own if validated), *_LAST]
    if name not in known:
        raise unknown_name("monitor", name, known, f"{who} can use: {', '.join(known)}.")


def title(name: str) -> str:
    """Return a figure's name as a table's header."""
    return {"samples_per_second": "samples/s", "seconds": "time"}.get(name, name.replace("_", " "))


def figure_text(name: str, value: Any) -> str:
    """Format one figure."""
    if value is None:
        return "–"
    if name == "epoch":
        return str(value)
    if name == "seconds":
        return tables.seconds(value)
    if name == "samples_per_second":
        return tables.count(value)
    if name == "data_wait":
        return f"{value:.0%}"
    if "accuracy" in name:
        return f"{value:.2%}"
    return f"{value:.4g}"


def _cell(name: str) -> Any:
    return lambda row: figure_text(name, row.get(name))
