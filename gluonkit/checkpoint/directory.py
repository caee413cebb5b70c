"""A folder of checkpoints: the last and the best of them, and which to go on from."""

from __future__ import annotations

import math
import os
import re
import secrets
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Literal

import numpy
from mxnet import gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked, checked_but
from gluonkit._base.atomic import atomic_file, sync_folder
from gluonkit._base.checks import checked_path, described, whole_number
from gluonkit._base.tables import Column, Shown
from gluonkit.checkpoint.saving import checkpoint_parts, write_checkpoint
from gluonkit.errors import ArgumentError, ArgumentTypeError, CheckpointError
from gluonkit.files.contents import Contents, Tensor
from gluonkit.files.reading import read_arrays, read_header

_NAME = re.compile(r"step-(\d{8,})\.safetensors")
_LAST, _BEST = "last.safetensors", "best.safetensors"


@dataclass(frozen=True)
class Kept(Shown):
    """One checkpoint of a folder: its file, its step, and the figure that ranks it."""

    path: Path
    step: int
    value: float | None


class CheckpointDir(Shown):
    """A folder that keeps the last `keep_last` and the best `keep_best` checkpoints.

    Files are called ``step-00000120.safetensors``; ``last.safetensors`` and ``best.safetensors``
    are links to two of them. All state is in the files, so that another process can continue. A
    process that is killed leaves complete checkpoints. Other files are never deleted.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder; created if it does not exist.
    keep_last : int, default 1
        Number of newest checkpoints to keep, at least 1.
    keep_best : int, default 1
        Number of best checkpoints to keep; may be 0.
    mode : {'min', 'max'}, default 'min'
        'min' if small values are good, 'max' if large ones are.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `folder` is a file or not a path, and for numbers and modes that are not allowed.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> from gluonkit.checkpoint import CheckpointDir
    >>> net = gk.create_model("mlp", units=(5,), init=True)
    >>> _ = gk.materialize(net, (1, 20))
    >>> kept = CheckpointDir(tempfile.mkdtemp(), keep_last=1, keep_best=1)
    >>> for step, loss in ((10, 0.5), (20, 0.3), (30, 0.4)):
    ...     _ = kept.save(net, step=step, value=loss)
    >>> [saved.step for saved in kept.checkpoints], kept.best.step, kept.last.step
    ([20, 30], 20, 30)
    """

    @checked
    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep_last: int = 1,
        keep_best: int = 1,
        mode: Literal["min", "max"] = "min",
    ) -> None:
        self.folder = checked_path("folder", folder)
        self.keep_last = whole_number("keep_last", keep_last)
        self.keep_best = whole_number("keep_best", keep_best, 0)
        if mode not in ("min", "max"):
            raise ArgumentError(f"`mode` is {mode!r}; give 'min' or 'max'")
        self.mode = mode
        try:
            # `Path.exists` says False to whatever the system refuses, from Python 3.14 on.
            is_file = not S_ISDIR(self.folder.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):  # to be made
            is_file = False
        except OSError as error:
            given = repr(str(folder))
            raise ArgumentError(
                f"`folder` is {given:.80}, which is no path: {error.strerror}"
            ) from None
        if is_file:
            raise ArgumentError(f"`folder` is {str(folder)!r}, which is a file; give a folder")

    def __str__(self) -> str:
        return f"CheckpointDir({str(self.folder)!r}): {len(self.checkpoints)} checkpoints"

    def _repr_html_(self) -> str:
        return tables.html_table(self.checkpoints, _COLUMNS, title=str(self))

    @property
    def checkpoints(self) -> list[Kept]:
        """The checkpoints in the folder, by step, without damaged files."""
        kept = []
        for path in self._files():
            try:
                # The header is enough to list a file, and quick for one of gigabytes.
                record = read_header(path).record
            except CheckpointError:
                continue
            kept.append(Kept(path, _step(path), record.get("value")))
        return kept

    @property
    def last(self) -> Kept | None:
        """The newest checkpoint, or None."""
        return max(self.checkpoints, key=lambda kept: kept.step, default=None)

    @property
    def best(self) -> Kept | None:
        """The checkpoint with the best value, the earliest of several; None without values."""
        return next(iter(self._ranked()), None)

    @checked_but("value")  # which may be NaN, and is looked at by `_figure`
    def save(
        self,
        net: gluon.Block,
        *,
        step: int,
        value: float | None = None,
        optimizer: gluon.Trainer | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Path:
        """Save a network, and delete what is neither among the last nor among the best.

        Parameters
        ----------
        net : gluon.Block
            As for `gluonkit.save`.
        step : int
            Number of updates so far; not less than that of any whole checkpoint in the folder.
        value : float, optional
            The figure that decides which is best; None, NaN and infinities are never best.
        optimizer : gluon.Trainer, optional
            As for `gluonkit.save`.
        metadata : mapping, optional
            As for `gluonkit.save`.

        Returns
        -------
        Path
            The new checkpoint.

        Raises
        ------
        CheckpointError, ArgumentError, ArgumentTypeError, StateError
            As for `gluonkit.save`; the folder does not change then.
        """
        tensors, record = checkpoint_parts(net, optimizer=optimizer, step=step, metadata=metadata)
        return self.write(whole_number("step", step, 0), tensors, record, value=value)

    def write(
        self,
        step: int,
        tensors: Mapping[str, Tensor],
        record: Mapping[str, Any],
        *,
        value: float | None = None,
    ) -> Path:
        """Write a checkpoint whose contents are prepared already; `save` does both.

        Parameters
        ----------
        step : int
            As for `save`.
        tensors : mapping of str to Tensor
            The arrays to write.
        record : mapping
            The rest of the file's header.
        value : float, optional
            As for `save`.

        Returns
        -------
        Path
            The new checkpoint.

        Raises
        ------
        CheckpointError
            When it cannot be written, or the folder has a later step.
        """
        # Checked before the folder or a file is touched.
        good = _figure(value)
        self._check_step(step)
        path = self.folder / f"step-{step:08d}.safetensors"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"{self.folder} cannot be made: {error.strerror}") from error
        write_checkpoint(path, tensors, {**record, "step": step, "value": good})
        # After the new file is whole: at no moment are there fewer checkpoints than asked for.
        self._tidy()
        return path

    def _check_step(self, step: int) -> None:
        """Refuse a step before that of another checkpoint; damaged ones are renamed instead."""
        for path in self._files():
            if _step(path) <= step:
                continue
            try:
                # A damaged file of a later step is no reason to stop: it could not be resumed
                # from.
                read_arrays(path)
            except CheckpointError:
                # Renamed, not deleted: it is the user's, and may be wanted for rescue.
                path.rename(path.with_suffix(".damaged"))
                continue
            raise ArgumentError(
                f"`step` is {step}, but {self.folder} has a checkpoint of step {_step(path)}, of "
                "another run perhaps; give another folder, or delete what is in this one"
            )

    def resume_point(self) -> Path | None:
        """Return the newest undamaged checkpoint, to resume from; None if there is none.

        Checksums are verified; a warning names newer checkpoints that are damaged.

        Raises
        ------
        CheckpointError
            When there are checkpoints, but all are damaged.
        """
        newest = self.newest()
        return None if newest is None else newest.path

    def newest(self) -> Contents | None:
        """Return the newest undamaged checkpoint's contents; None if there is none."""
        # Somebody may have copied the last one alone.
        files = self._files() or [path for path in [self.folder / _LAST] if path.exists()]
        for path in reversed(files):
            try:
                return read_arrays(path)
            except CheckpointError as error:
                # None is left to try.
                if path == files[0]:
                    raise
                warnings.warn(f"{error}; the checkpoint before it is taken", stacklevel=3)
        return None

    def _files(self) -> list[Path]:
        files = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted((path for path in files if _NAME.fullmatch(path.name)), key=_step)

    def _ranked(self) -> list[Kept]:
        sign = 1 if self.mode == "min" else -1
        rated = [checkpoint for checkpoint in self.checkpoints if checkpoint.value is not None]
        # Of equal values the earlier step is the better one.
        return sorted(rated, key=lambda kept: (sign * (kept.value or 0.0), kept.step))

    def _tidy(self) -> None:
        """Link the last and the best, then delete all others."""
        there, ranked = self.checkpoints, self._ranked()
        kept = [*there[-self.keep_last :], *ranked[: self.keep_best]]
        try:
            _name(there[-1].path, self.folder / _LAST)
            if ranked and self.keep_best:
                _name(ranked[0].path, self.folder / _BEST)
            else:
                (self.folder / _BEST).unlink(missing_ok=True)
            # New names first, and on the disk, before what they replace is deleted.
            sync_folder(self.folder)
            for checkpoint in there:
                if checkpoint not in kept:
                    checkpoint.path.unlink(missing_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"{self.folder} cannot be tidied: {error.strerror}; all checkpoints are there"
            ) from error


_COLUMNS = (
    Column("file", lambda kept: kept.path.name),
    Column("step", lambda kept: f"{kept.step:,}", "right"),
    Column("value", lambda kept: "–" if kept.value is None else f"{kept.value:.4g}", "right"),
)


def _figure(value: Any) -> float | None:
    """Return the value that ranks a checkpoint; None for one that is never best."""
    if value is None:
        return None
    kinds = (int, float, numpy.integer, numpy.floating)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise ArgumentTypeError(f"`value` is {described(value)}; give a number")
    try:
        number = float(value)
    except OverflowError:
        raise ArgumentError(f"`value` is {value!r:.40}, which is no float; give one") from None
    return number if math.isfinite(number) else None


def _step(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    assert match is not None  # only such files get here
    return int(match[1])


def _name(path: Path, name: Path) -> None:
    """Link a file under a second name, replacing the file that has it."""
    if name.exists() and name.samefile(path):
        return
    beside = name.with_name(f".{name.name}.{secrets.token_hex(8)}.tmp")
    try:
        # A hard link takes no space. It gets a temporary name first, as it cannot replace a file.
        os.link(path, beside)
        os.replace(beside, name)
    except OSError:  # the file system has no links
        beside.unlink(missing_ok=True)
        with path.open("rb") as source, atomic_file(name) as target:
            shutil.copyfileobj(source, target)
