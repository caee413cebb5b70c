"""Showing how training gets on: a live line in a terminal or a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, ClassVar

from gluonkit._base.arguments import checked
from gluonkit._base.optional import require
from gluonkit._base.progress import teller
from gluonkit._base.tables import terminal_width
from gluonkit.errors import ArgumentError
from gluonkit.train.callbacks import Callback
from gluonkit.train.history import DROPPED, figure_text, title
from gluonkit.train.waiting import Pace

_REFRESHED_EVERY = 0.2  # seconds between two looks at the figures


class Progress(Callback):
    """Show epoch, step, metrics, time left, and the pace of the last second.

    The pace is samples per second, and the part of the time spent waiting for data. In a terminal
    and in a notebook there is a bar, and a line for each finished epoch; elsewhere only the lines.
    All output goes to standard error.

    Parameters
    ----------
    live : bool, optional
        Whether to show a bar; by default if that is possible.
    tell : callable, optional
        A function to be called with each line; there is no bar then.

    Raises
    ------
    ArgumentError
        When `live` is True and `tell` is given.
    """

    first_only: ClassVar[bool] = True
    changes_net = False
    observes: ClassVar[bool] = False
    reads_weights: ClassVar[bool] = False

    @checked
    def __init__(
        self, *, live: bool | None = None, tell: Callable[[str], None] | None = None
    ) -> None:
        if live and tell is not None:
            raise ArgumentError("`live` is True and `tell` is given; a bar cannot be told in lines")
        self._live = False if tell is not None else live
        self._tell = tell
        self._bar: Any = None
        self._task: Any = None
        self._width = 0
        self._next = 0.0
        self._pace = Pace()

    def on_fit_begin(self, run: Any) -> None:
        """Show where a resumed run continues, and the notes for the user."""
        self._bar = None
        live = self._live if self._live is not None else is_watched()
        if live:
            progress = require("rich.progress")
            console = require("rich.console").Console(stderr=not in_notebook())
            self._width = 24 if console.width > 100 else 10
            self._bar = progress.Progress(
                progress.TextColumn("epoch {task.fields[epoch]}"),
                progress.BarColumn(bar_width=self._width),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[figures]}"),
                progress.TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            self._bar.start()
        if run.history.resumed is not None:
            self._say(f"resuming at epoch {run.history.resumed}, after {run.step} steps")
        for note in run.history.notes:
            self._say(f"note: {note}")

    def on_epoch_begin(self, run: Any) -> None:
        """Show a new bar."""
        if self._bar is not None:
            epoch = f"{run.epoch}/{run.epochs}"
            self._task = self._bar.add_task("", total=run.steps, epoch=epoch, figures="")
        self._next = perf_counter() + _REFRESHED_EVERY
        self._pace = Pace()

    def on_step_end(self, run: Any) -> None:
        """Update the bar, a few times each second."""
        # Figures are computed at each look, which would slow down steps of a millisecond.
        if self._bar is None or perf_counter() < self._next:
            return
        rate, waited = self._pace.look(run.seconds, run.samples, run.waited)
        figures = [f"{title(name)} {figure_text(name, v)}" for name, v in run.figures().items()]
        speed = f"{figure_text('samples_per_second', rate)} samples/s"
        shown = [*figures, speed, f"{title('data_wait')} {waited:.0%}"]
        # What does not fit would have rich shorten everything, the numbers too.
        beside = f"epoch {run.epoch}/{run.epochs}  {run.steps}/{run.steps}  -:--:-- "
        room = self._bar.console.width - len(beside) - self._width
        while len(", ".join(shown)) > room and len(shown) > 1:
            shown.pop()
        self._bar.update(self._task, completed=run.step_in_epoch, figures=", ".join(shown))
        self._next = perf_counter() + _REFRESHED_EVERY

    def on_epoch_end(self, run: Any) -> None:
        """Print the epoch's line."""
        if self._bar is not None:
            self._bar.remove_task(self._task)
        row = dict(run.history.last)
        epoch, last = row.pop("epoch"), len(str(run.epochs))
        figures = {name: f"{title(name)} {figure_text(name, v)}" for name, v in row.items()}
        start, columns = f"epoch {epoch:>{last}}/{run.epochs}: ", terminal_width(sys.stderr)
        # In a file there is room for all of them.
        for name in sorted(DROPPED, key=DROPPED.__getitem__) if columns else ():
            if len(start + ", ".join(figures.values())) > columns:
                figures.pop(name, None)
        self._say(start + ", ".join(figures.values()))

    def on_fit_end(self, run: Any) -> None:
        """Remove the bar, and print why training ended early."""
        if run.history.stopped:
            self._say(f"stopped: {run.history.stopped}")
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, text: str) -> None:
        if self._bar is not None:
            # As it is: rich would color numbers, read brackets as markup, and break lines.
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            teller(self._tell or True)(text)


class LivePlot(Callback):
    """Plot the figures after each epoch, in a notebook's output."""

    first_only: ClassVar[bool] = True
    changes_net = False
    observes: ClassVar[bool] = False

    def __init__(self) -> None:
        self._handle: Any = None

    def on_fit_begin(self, run: Any) -> None:
        """Begin a new drawing."""
        self._handle = None

    def on_epoch_end(self, run: Any) -> None:
        """Draw."""
        display = require("IPython.display", extra="notebooks").display
        figure = run.history.plot()
        if self._handle is None:
            self._handle = display(figure, display_id=True)
        else:
            self._handle.update(figure)


def is_watched() -> bool:
    """Return whether standard error is a terminal, or this is a notebook."""
    return sys.stderr.isatty() or in_notebook()


def in_notebook() -> bool:
    """Return whether this is a Jupyter notebook."""
    # Without importing IPython: where it is not loaded, this is no notebook.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
