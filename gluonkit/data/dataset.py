"""A data set in memory: data, labels, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from gluonkit._base import tables
from gluonkit._base.arguments import TEXT, TEXTS, check_argument
from gluonkit._base.checks import described
from gluonkit._base.kinds import Array, array_of
from gluonkit._base.tables import Shown
from gluonkit.data.column import Column
from gluonkit.errors import ArgumentError, ArgumentTypeError


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Shown):
    """One split of a data set. Unpacks as a pair: ``data, label = load("digits")``.

    Attributes
    ----------
    name, split : str
        Names of data set and split, such as 'mnist' and 'train'.
    data, label : numpy.ndarray
        Arrays of shapes ``(samples, ...)`` and ``(samples,)``; of a record file, `data` is a
        `Column`, which reads samples when they are needed.
    classes : tuple of str
        The name of each class, by label; empty where they are not known.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arrays of different lengths, and for other kinds of arguments.
    """

    name: str
    split: str
    data: Array
    label: Array
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        for name in ("name", "split"):
            check_argument(name, getattr(self, name), [TEXT])
        for name in ("data", "label"):
            array = getattr(self, name)
            if not getattr(array, "shape", ()):
                raise ArgumentTypeError(
                    f"`{name}` is {described(array)}; give an array with an entry for each sample"
                )
        if len(self.data) != len(self.label):
            raise ArgumentError(
                f"`data` has {len(self.data)} samples, and `label` {len(self.label)}; give one "
                "label for each sample"
            )
        check_argument("classes", self.classes, [TEXTS])

    def __iter__(self) -> Iterator[Array]:
        yield self.data
        yield self.label

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.label)

    def take(self, samples: int | Sequence[int] | Array) -> Dataset:
        """Return a smaller data set: the first so many samples, or those at given positions.

        Parameters
        ----------
        samples : int, sequence of int or numpy.ndarray
            How many samples; or their positions, or a Boolean for each sample.

        Returns
        -------
        Dataset
            The selection; this data set does not change.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            For more samples than there are, for positions out of range, and for arguments of
            another kind.

        Examples
        --------
        >>> import gluonkit as gk
        >>> digits = gk.data.load("digits")
        >>> len(digits.take(100)), len(digits.take(digits.label == 7))
        (100, 152)
        """
        chosen = _chosen(samples, len(self))
        data: Any = self.data
        if isinstance(data, Column):
            taken: Any = data.select(numpy.arange(len(self))[chosen])
        else:
            taken = data[chosen]
        return replace(self, data=taken, label=self.label[chosen])

    def __str__(self) -> str:
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return (
            f"{self.name} ({self.split}): {len(self):,} samples of "
            f"{tables.shape(self.data.shape[1:])} {self.data.dtype}, labels {self.label.dtype}"
            f"{classes}"
        )


def _chosen(samples: Any, length: int) -> Any:
    """Check `samples`, and return an index for arrays of this length."""
    given = array_of(samples)
    given = given if given.size else given.astype("int64")  # NumPy makes [] floats
    whole = given.dtype.kind in "iu"
    if given.ndim > 1 or not (whole or (given.dtype.kind == "b" and given.ndim)):
        raise ArgumentTypeError(
            f"`samples` is {described(samples)}; give a number of samples, or a list of positions"
        )
    if whole:
        outside = given.size and (given.min() < 0 or given.max() >= length + (given.ndim == 0))
    else:
        outside = len(given) != length
    if outside:
        raise ArgumentError(f"`samples` is {samples!r:.60}; the data set has {length} samples")
    return given if given.ndim else slice(int(given))
