"""Where batches come from: arrays, data sets, loaders of gluonkit and Gluon, any iterable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.checks import a_type, described, whole_number
from gluonkit.data.column import Column
from gluonkit.data.dataset import Dataset
from gluonkit.data.iterators import epoch, without_padding
from gluonkit.data.loader import BatchLoader
from gluonkit.data.records.file import RecordFile
from gluonkit.data.records.samples import record_dataset
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.tracing.inputs import leaves
from gluonkit.train.step.batch import Batch, EmptyBatch, Gathering, ReadyBatch

BATCH_SIZE = 64
"""Samples in a batch where arrays are given and no size."""


@dataclass(frozen=True)
class Part:
    """A worker's part of each batch: one of `count` nearly equal parts."""

    rank: int
    count: int

    def of(self, indices: Any) -> Any:
        """Return this part of a slice or an array of positions."""
        if self.count == 1:
            return indices
        size = _length(indices)
        # Parts differ by one at most, and no sample is in two.
        low, high = (size * rank // self.count for rank in (self.rank, self.rank + 1))
        if isinstance(indices, slice):
            return slice(indices.start + low, indices.start + high)
        return indices[low:high]


WHOLE = Part(0, 1)


def _length(indices: Any) -> int:
    """Return the number of positions."""
    return indices.stop - indices.start if isinstance(indices, slice) else len(indices)


class Source(Protocol):
    """Batches, epoch after epoch.

    Attributes
    ----------
    loader : BatchLoader or None
        The underlying `BatchLoader`, if there is one.
    divided : bool
        Whether the batches are this worker's part of common data.
    runs_code : bool
        Whether code that may be the user's makes the batches.
    once : bool
        Whether they are used up after one epoch.
    """

    loader: BatchLoader | None
    divided: bool
    runs_code: bool
    once: bool

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Begin the next epoch, and yield its batches but for the first `start`."""

    def count(self) -> int | None:
        """Return the number of batches of the next epoch; None if unknown."""


class LoaderSource:
    """Batches of a `BatchLoader`."""

    once = False

    def __init__(
        self,
        loader: BatchLoader,
        argument: str,
        *,
        labelled: bool | None,
        part: Part = WHOLE,
        dtype: str | None = None,
        axis: int = 0,
    ) -> None:
        self.loader: BatchLoader | None = loader
        self.divided = True
        arrays: Iterable[Any] = loader.arrays
        columns = [array for array in arrays if isinstance(array, Column)]
        calls_user = loader.transform is not None or any(column.runs_code for column in columns)
        # A subclass of the loader is the user's code.
        self.runs_code = type(loader) is not BatchLoader or calls_user
        self._part = part
        self._loader = loader
        self._argument = argument
        self._labelled = labelled
        parts = len(loader.arrays)
        labelled = parts > 1 if labelled is None else labelled
        if labelled and parts < 2 and loader.transform is None:
            raise ArgumentError(
                f"`{argument}` has one array; give data and label, as a pair: (data, label)"
            )
        self._gathering = Gathering(loader, parts - loader.labels if labelled else parts, dtype)
        self._dtype, self._axis = dtype, axis
        if loader.transform is None:
            _check_finite(loader, argument)
            if labelled:
                _check_pixels(loader, argument)
        if loader.samples < part.count:
            raise ArgumentError(
                f"`{argument}` has {loader.samples} samples for {part.count} workers; give at "
                "least one for each"
            )

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Begin the next epoch, and yield its batches but for the first `start`."""
        for index, indices in enumerate(self._plan(self._loader.next_epoch())[start:], start):
            yield self._batch(index, self._part.of(indices), _length(indices))

    def _batch(self, index: int, indices: Any, total: int) -> Batch:
        made: Batch
        if not _length(indices):
            # The step is made all the same: the other workers wait for this one's gradients.
            return EmptyBatch(total)
        # The network is still busy with the batch before.
        self._loader.prepare(indices)
        if self._loader.transform is None:
            made = self._gathering.batch(indices)
        else:
            parts = self._loader.numpy_batch(indices)
            options: dict[str, Any] = {"dtype": self._dtype, "axis": self._axis}
            made = _ready(parts, self._argument, index, labelled=self._labelled, **options)
        made.total = total
        return made

    def _plan(self, epoch: int) -> list[Any]:
        # One plan for all workers, from the common seed, of which each takes its part.
        return self._loader.plan(epoch, size=self._loader.batch_size * self._part.count)

    def count(self) -> int | None:
        """Return the number of batches of the next epoch."""
        return len(self._plan(self._loader.epoch))

    def peek(self) -> Batch | None:
        """Return a batch of the first samples, unless a transform could draw numbers for it."""
        if self._loader.transform is not None:
            return None
        return self._gathering.batch(slice(0, min(self._loader.batch_size, self._loader.samples)))


class IterableSource:
    """Batches of any iterable: a Gluon `DataLoader`, a list, a `DataIter`."""

    loader: BatchLoader | None = None
    divided = False

    def __init__(
        self,
        batches: Iterable[Any],
        argument: str,
        *,
        labelled: bool | None,
        dtype: str | None = None,
        axis: int = 0,
    ) -> None:
        # MXNet's own iterator over arrays runs nothing of the user's; a DataLoader calls data
        # sets.
        self.runs_code = type(batches) not in (list, tuple, mx.io.NDArrayIter)
        self.once = is_used_up(batches)
        self._dtype, self._axis = dtype, axis
        self._batches = batches
        self._argument = argument
        self._labelled = labelled

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Begin the next epoch, and yield its batches but for the first `start`."""
        batches = self._batches
        # Some of MXNet's iterators lose samples at a reset, or count padding among them.
        if isinstance(batches, mx.io.DataIter):
            batches = epoch(batches, self._argument)
        for index, batch in enumerate(batches):
            if index >= start:
                yield _ready(
                    *(batch, self._argument, index),
                    labelled=self._labelled,
                    dtype=self._dtype,
                    axis=self._axis,
                )

    def count(self) -> int | None:
        """Return the number of batches; None if unknown."""
        return len(self._batches) if isinstance(self._batches, Sized) else None


def is_used_up(data: Any) -> bool:
    """Return whether data can be read only once."""
    return isinstance(data, Iterator) and not isinstance(data, mx.io.DataIter)


def check_repeatable(data: Any, argument: str, epochs: int) -> None:
    """Refuse iterators that can be read only once, if several epochs are needed."""
    if epochs > 1 and is_used_up(data):
        raise ArgumentError(
            f"`{argument}` is an iterator, which is used up after one epoch, and `epochs` is "
            f"{epochs}; give something that can be iterated over again, such as a list or a loader"
        )


def source(
    data: Any,
    argument: str,
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    labelled: bool | None = True,
    part: Part = WHOLE,
    dtype: str | None = None,
    axis: int = 0,
) -> Source:
    """Return a source of batches for the user's data.

    Arrays are divided into batches of `batch_size`, shuffled if requested. `labelled` is whether
    the last part of a batch is the label; None means if there are several parts. `part` is this
    worker's part, with `batch_size` samples for each worker; other iterables are not divided.
    `dtype` is the data type of floats; None does not change them. `axis` is that of the labels
    along which samples lie in batches that are given as such.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For data that are not batches, and for `batch_size` with a loader that has its own.
    """
    if batch_size is not None:
        whole_number("batch_size", batch_size)
    options: dict[str, Any] = {"labelled": labelled, "dtype": dtype}
    arrays = _arrays(data, labelled=labelled)
    if arrays is not None:
        try:
            loader = BatchLoader(arrays, batch_size or BATCH_SIZE, shuffle=shuffle)
        except (ArgumentError, ArgumentTypeError) as error:
            given = "`arrays" if isinstance(data, (tuple, list)) else "`arrays[0]"
            text = str(error).replace(given, "`arrays", 1)
            raise type(error)(text.replace("`arrays", f"`{argument}", 1)) from None
        if labelled is False:  # the last array is an input like the others
            loader.labels = 0
        return LoaderSource(loader, argument, part=part, **options)
    _check_lists(data, argument)
    # A DataLoader cannot be told which samples are this worker's.
    if isinstance(data, gluon.data.Dataset) and part.count > 1:
        loader = _over_positions(data, batch_size or BATCH_SIZE, shuffle=shuffle)
        return LoaderSource(loader, argument, part=part, **options)
    if isinstance(data, gluon.data.Dataset):
        last = "keep"
        size = batch_size or BATCH_SIZE
        data = gluon.data.DataLoader(data, size, shuffle=shuffle, last_batch=last)
        return IterableSource(data, argument, **options)
    if batch_size is not None:
        raise ArgumentError(
            f"`batch_size` is {batch_size}, but `{argument}` is {a_type(data)}, which makes its "
            "own batches; leave `batch_size` out"
        )
    if isinstance(data, BatchLoader):
        return LoaderSource(data, argument, part=part, **options | {"axis": axis})
    # Text can be iterated over, letter by letter.
    if not isinstance(data, Iterable) or isinstance(data, (str, bytes)):
        raise ArgumentTypeError(
            f"`{argument}` is {described(data)}; give (data, label), a data set, or something "
            "that yields batches"
        )
    return IterableSource(data, argument, **options | {"axis": axis})


def _check_lists(data: Any, argument: str) -> None:
    """Refuse numbers in nested lists, which are neither arrays nor batches of these."""
    parts = data if isinstance(data, tuple) else (data,)
    if any(map(_has_numbers, parts)):
        raise ArgumentTypeError(
            f"`{argument}` is {a_type(data)} of numbers in lists; make arrays of them, such as "
            "numpy.array(data, 'float32')"
        )


def _has_numbers(part: Any) -> bool:
    """Return whether a list, or a list in a list, begins with a number."""
    depth = 0
    while isinstance(part, (list, tuple)) and part:
        part, depth = part[0], depth + 1
    return depth > 0 and isinstance(part, Real)


def _arrays(data: Any, *, labelled: bool | None) -> Any:
    """Return arrays in memory; None for other data."""
    kinds = (numpy.ndarray, mx.nd.NDArray, Column)
    if isinstance(data, RecordFile):
        data = record_dataset(data)
    if isinstance(data, Dataset):
        return (data.data, data.label) if labelled else (data.data,)
    if isinstance(data, gluon.data.ArrayDataset):
        # An ArrayDataset has no public way to its arrays.
        parts = tuple(data._data)
        return parts if all(isinstance(part, kinds) for part in parts) else None
    if isinstance(data, kinds):
        return (data,)
    if not isinstance(data, (tuple, list)) or not data:
        return None
    *inputs, last = data
    group = last if isinstance(last, (tuple, list)) and inputs and labelled is not False else [last]
    if not group or not all(isinstance(part, kinds) for part in (*inputs, *group)):
        return None
    return (*inputs, last if isinstance(last, kinds) else tuple(last))


def _over_positions(data: Any, batch_size: int, *, shuffle: bool) -> BatchLoader:
    """Return a loader of a Gluon data set, from which each worker reads its own samples."""
    batchify = gluon.data.dataloader.default_batchify_fn

    def fetched(positions: Any) -> Any:
        made = batchify([data[int(position)] for position in positions])
        return tuples(made)

    def tuples(made: Any) -> Any:
        # MXNet joins samples to lists, which a loader would take for a batch of arrays.
        return tuple(map(tuples, made)) if isinstance(made, list) else made

    positions = numpy.arange(len(data))
    return BatchLoader(positions, batch_size, shuffle=shuffle, transform=fetched)


def _ready(
    batch: Any, argument: str, index: int, *, labelled: bool | None, dtype: str | None, axis: int
) -> ReadyBatch:
    """Check one batch of an iterable, and return it."""
    where = f"batch {index} of `{argument}`"
    if isinstance(batch, mx.io.DataBatch):
        batch = without_padding(batch)
    if isinstance(batch, (tuple, list)):
        *inputs, label = batch if labelled is not False and len(batch) > 1 else (*batch, ())
        parts, labels = list(leaves(inputs)), list(leaves(label))
    else:
        parts, labels = [batch], []
    if labelled and not labels:
        raise ArgumentError(f"{where} is {a_type(batch)}; give a pair of data and label")
    if not parts:
        raise ArgumentError(f"{where} is empty; give arrays")
    for part in (*parts, *labels):
        if not hasattr(part, "shape"):
            raise ArgumentTypeError(
                f"{where} has {described(part)}; give arrays, such as numpy.array([...])"
            )
    shapes = [tuple(part.shape) for part in (*parts, *labels)]
    lengths = [shape[0] if shape else 0 for shape in shapes]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise ArgumentError(
            f"{where} has arrays of shapes {', '.join(map(str, shapes))}; give as many labels as "
            "samples, and one or more of them"
        )
    return ReadyBatch([*parts, *labels], len(parts), dtype, axis=axis)


def _check_pixels(loader: BatchLoader, argument: str) -> None:
    """Refuse masks, which would be divided by 255 as pictures are."""
    for place in loader.pixels:
        array = loader.arrays[place]
        if not isinstance(array, Column) and array.max() == 1:
            raise ArgumentError(
                f"`{argument}` has uint8 of 0 and 1 only as array {place}, which would be divided "
                "by 255 as pixels are; give them as floats: astype('float32')"
            )


def _check_finite(loader: BatchLoader, argument: str) -> None:
    """Refuse NaN and infinity in arrays, once, before training."""
    for index, array in enumerate(loader.arrays):
        if isinstance(array, Column) or array.dtype.kind != "f":
            continue  # what is not in memory is not read twice
        # One pass, without an array of booleans; in float64, so that float32 does not overflow.
        if numpy.isfinite(array.sum(dtype="float64")):
            continue
        bad = numpy.unique(numpy.argwhere(~numpy.isfinite(array))[:, 0])
        if len(bad):
            shown = ", ".join(map(str, bad[:5]))
            raise ArgumentError(
                f"`{argument}` holds NaN or infinity: array {index}, {len(bad)} of {len(array)} "
                f"samples ({shown}{', ...' if len(bad) > 5 else ''}); remove or mend them"
            )
