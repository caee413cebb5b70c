"""A callback that writes figures to a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from gluonkit._base.arguments import checked
from gluonkit._base.atomic import write_atomically
from gluonkit._base.checks import checked_path
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

    @checked
    def __init__(self, path: str | Path) -> None:
        self.path = checked_path("path", path)

    def on_fit_begin(self, run: Any) -> None:
        """Create the file."""
        if not self.path.parent.is_dir():
            raise ArgumentError(f"`path` is {str(self.path)!r}, in a folder that does not exist")
        # A file that cannot be written is told before hours of training. The rows of a resumed run
        # are written at once, or a process killed in its first epoch would lose them.
        write_atomically(self.path, (run.history.to_csv() if run.history.epochs else "").encode())

    def on_epoch_end(self, run: Any) -> None:
        """Write all rows of the history, as a resumed run has earlier ones."""
        run.history.to_csv(self.path)
