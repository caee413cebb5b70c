"""A data set in memory: data, labels, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy

from gluonkit import _format
from gluonkit._errors import ArgumentError

Array: TypeAlias = "numpy.ndarray[Any, Any]"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """One split of a data set. Unpacks as a pair: ``data, label = load("digits")``.

    Attributes
    ----------
    name, split : which it is: 'mnist', 'train'.
    data, label : NumPy arrays of shapes ``(samples, ...)`` and ``(samples,)``.
    classes : what each label means.
    """

    name: str
    split: str
    data: Array
    label: Array
    classes: tuple[str, ...]

    def __iter__(self) -> Iterator[Array]:
        yield self.data
        yield self.label

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.label)

    def take(self, samples: int | Sequence[int] | Array) -> Dataset:
        """Return a smaller data set: the first so many samples, or those at given positions.

        Raises
        ------
        ArgumentError
            for more samples than there are, and positions outside.
        """
        chosen = slice(samples) if isinstance(samples, int) else numpy.asarray(samples)
        most = samples if isinstance(samples, int) else int(numpy.max(samples, initial=-1)) + 1
        least = samples if isinstance(samples, int) else int(numpy.min(samples, initial=0))
        if most > len(self) or least < 0:
            raise ArgumentError(
                f"`samples` is {samples!r:.60}; the data set has {len(self)} samples"
            )
        return replace(self, data=self.data[chosen], label=self.label[chosen])

    def __repr__(self) -> str:
        return (
            f"{self.name} ({self.split}): {len(self):,} samples of "
            f"{_format.shape(self.data.shape[1:])} {self.data.dtype}, labels {self.label.dtype}, "
            f"{len(self.classes)} classes"
        )
