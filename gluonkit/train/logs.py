"""Callbacks that write figures to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from gluonkit._base.checks import whole_number
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError
from gluonkit.train.callbacks import Callback


class CSVLogger(Callback):
    """Write each epoch's figures to a CSV file at the end of the epoch.

    A resumed run continues the file; a new one overwrites it.

    Parameters
    ----------
    path : str or Path
        The file.
    """

    first_only: ClassVar[bool] = True
    changes_net = False
    observes: ClassVar[bool] = False

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def on_fit_begin(self, run: Any) -> None:
        """Create the file."""
        if not self.path.parent.is_dir():
            raise ArgumentError(f"`path` is {str(self.path)!r}, in a folder that does not exist")
        # A file that cannot be written is told before hours of training. The rows of a resumed run
        # are written at once, or a process killed in its first epoch would lose them.
        self.path.write_text(run.history.to_csv() if run.history.epochs else "")

    def on_epoch_end(self, run: Any) -> None:
        """Write all rows of the history, as a resumed run has earlier ones."""
        run.history.to_csv(self.path)


class TensorBoard(Callback):
    """Write figures for TensorBoard: after each epoch, and the loss after some of the steps.

    Needs the package tensorboardX.

    Parameters
    ----------
    folder : str or Path
        Folder of the event files.
    every : int, default 50
        Steps between two points of the training loss.
    """

    first_only: ClassVar[bool] = True
    changes_net = False
    observes: ClassVar[bool] = False
    reads_weights: ClassVar[bool] = False

    def __init__(self, folder: str | Path, *, every: int = 50) -> None:
        self.folder = Path(folder)
        self.every = whole_number("every", every)
        self._writer: Any = None

    def on_fit_begin(self, run: Any) -> None:
        """Create an event file."""
        self._writer = require("tensorboardX", extra="logs").SummaryWriter(str(self.folder))

    def on_step_end(self, run: Any) -> None:
        """Write the epoch's loss so far."""
        self._writer.add_scalar("step/loss", run.figures()["loss"], run.step)

    def on_epoch_end(self, run: Any) -> None:
        """Write the epoch's figures."""
        for name, value in run.history.last.items():
            # TensorBoard has it as the horizontal axis.
            if name != "epoch":
                self._writer.add_scalar(name, value, run.history.last["epoch"])

    def on_fit_end(self, run: Any) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
