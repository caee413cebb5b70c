"""Samples that are not in memory, but are made where a batch needs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy

from gluonkit._base.kinds import Array
from gluonkit._base.tables import Shown


class Column(Shown, ABC):
    """What a `BatchLoader` takes in place of an array, and of which it reads what a batch needs.

    Attributes
    ----------
    shape : tuple of int
        ``(samples, ...)``, as an array's.
    dtype : numpy.dtype
        The samples' data type.
    runs_code : bool
        Whether reading samples calls functions of the user's, which could change a network.
    """

    shape: tuple[int, ...]
    dtype: Any
    runs_code: bool = True

    @abstractmethod
    def read(self, positions: Array, out: Array) -> None:
        """Write samples into an array.

        Parameters
        ----------
        positions : numpy.ndarray
            Which samples, from 0.
        out : numpy.ndarray
            Shape ``(len(positions), ...)``, of the column's data type.
        """

    def prepare(self, positions: Array) -> None:
        """Begin to make samples that will be read next, and return at once.

        Nothing depends on it but time. Columns that call functions of the user's must not, whose
        calls are to come in the order of the batches.

        Parameters
        ----------
        positions : numpy.ndarray
            Which samples, from 0; those of the next `read`.
        """

    @abstractmethod
    def select(self, positions: Array) -> Column:
        """Return a column of some of the samples, without reading any.

        Parameters
        ----------
        positions : numpy.ndarray
            Which samples, from 0.

        Returns
        -------
        Column
            The selection.
        """

    @property
    def ndim(self) -> int:
        """Number of axes, as an array's."""
        return len(self.shape)

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.shape[0]:,} samples of {self.shape[1:]} {self.dtype}"

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.shape[0]

    def __getitem__(self, index: Any) -> Array:
        """Return the sample at a position, or an array of those of a slice or of positions."""
        positions = numpy.arange(len(self))[index]
        made = self.take(numpy.atleast_1d(positions))
        return made if positions.ndim else made[0]

    def take(
        self, indices: Array, axis: int = 0, out: Array | None = None, mode: str = "raise"
    ) -> Array:
        """Return an array of the samples at some positions, as `numpy.ndarray.take` does.

        Parameters
        ----------
        indices : numpy.ndarray
            Which samples, from 0.
        axis : int, default 0
            Always 0.
        out : numpy.ndarray, optional
            Where they go.
        mode : str, default 'raise'
            Not looked at.

        Returns
        -------
        numpy.ndarray
            `out`, or a new array.
        """
        made = numpy.empty((len(indices), *self.shape[1:]), self.dtype) if out is None else out
        self.read(numpy.asarray(indices), made)
        return made

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self[:].astype(self.dtype if dtype is None else dtype, copy=False)
