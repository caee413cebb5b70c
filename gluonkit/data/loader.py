"""Batches from arrays in memory: one gather for each, no Python call for each sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import mxnet as mx
import numpy
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type, whole_number
from gluonkit._base.kinds import Array, Contexts, array_of
from gluonkit._base.tables import Shown
from gluonkit.data.column import Column
from gluonkit.data.records.file import RecordFile
from gluonkit.data.records.samples import record_dataset
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.system import memory
from gluonkit.system.devices import check_contexts
from gluonkit.system.seeding import checked_seed, generation, next_loader_seed

LAST = ("keep", "discard", "rollover")
"""What becomes of the samples that do not fill a batch, in Gluon's words."""


class BatchLoader(Shown):
    """Iterate over arrays in memory in batches, in a new order in each epoch.

    A batch is gathered from contiguous arrays directly into new MXNet arrays of the active array
    mode. As MXNet trains asynchronously, a batch is prepared while the network trains on the one
    before. Order and contents depend on `seed` and the epoch only.

    Parameters
    ----------
    arrays : array, Dataset, RecordFile or tuple of array
        NumPy or MXNet arrays with the same number of samples along their first axis: a tuple
        ``(data, label)``, more inputs before the label, a `Dataset`, a `RecordFile` (see
        `record_dataset`), or one array. Several labels, such as a label and weights, are a tuple in
        the last place: ``(data, (label, weights))``; batches have the same structure.
    batch_size : int
        Samples in a batch.
    shuffle : bool, default False
        Whether each epoch has a new random order.
    seed : int
        Seed of the order; by default derived from that of `seed_everything`, or, if it was never
        called, a new one for each loader.
    transform : callable, optional
        Called with a batch's NumPy arrays, ``transform(data, label)``; returns those to use. By
        default uint8 data (but not labels) of three axes or more, pictures, are divided by 255 as
        float32, and float64 is converted to float32, batch by batch.
    last : str, default 'keep'
        The last, incomplete batch: 'keep' yields it, 'discard' drops it, 'rollover' puts its
        samples first in the next epoch.
    ctx : Context or list of Context, optional
        The device of the batches; by default the current context.

    Attributes
    ----------
    labels : int
        Number of arrays in the last part of a batch, the labels.
    epoch : int
        The number of the next epoch, from 0. Every iteration that is begun counts; set it to repeat
        an epoch.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arrays of different lengths, empty ones, and arguments out of range.

    Examples
    --------
    >>> import numpy
    >>> import gluonkit as gk
    >>> arrays = numpy.zeros((10, 3)), numpy.arange(10)
    >>> loader = gk.data.BatchLoader(arrays, 4, shuffle=True, seed=0)
    >>> [data.shape for data, label in loader]
    [(4, 3), (4, 3), (2, 3)]
    """

    @checked
    def __init__(
        self,
        arrays: Any,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int | None = None,
        transform: Callable[..., Any] | None = None,
        last: str = "keep",
        ctx: Contexts = None,
    ) -> None:
        self.arrays, self._grouped = _checked(arrays)
        self.batch_size = whole_number("batch_size", batch_size)
        if last not in LAST:
            raise ArgumentError(f"`last` is {last!r}; choose of {', '.join(LAST)}")
        if transform is not None and not callable(transform):
            raise ArgumentTypeError(
                f"`transform` is {a_type(transform)}; give a function of a batch's arrays"
            )
        self.labels = self._grouped or 1
        self.shuffle = shuffle
        self.transform = transform
        self.last = last
        if ctx is not None and len(check_contexts(ctx)) > 1:
            raise ArgumentError(f"`ctx` is {ctx}; give one device, on which the batches are made")
        self.ctx = ctx
        self.epoch = 0
        self._given_seed = None if seed is None else checked_seed(seed)
        self._drawn: tuple[int, int] | None = None  # the generation, and the seed drawn in it
        if len(self.arrays[0]) < self.batch_size and last != "keep":
            raise ArgumentError(
                f"`batch_size` is {self.batch_size}, but there are {len(self.arrays[0])} samples, "
                f"and last={last!r} leaves no batch; give a smaller size, or last='keep'"
            )

    @property
    def labels(self) -> int:
        """Number of arrays in the last part of a batch, the labels."""
        return self._labels

    @labels.setter
    def labels(self, labels: int) -> None:
        self._labels = labels
        self._conversions = _conversions(self.arrays, labels)

    @property
    def pixels(self) -> list[int]:
        """The positions of the arrays that are divided by 255."""
        if self.transform is not None:
            return []
        return [
            place for place, (_, divisor) in enumerate(self._conversions) if divisor is not None
        ]

    @property
    def samples(self) -> int:
        """Number of samples in the arrays."""
        return len(self.arrays[0])

    @property
    def seed(self) -> int:
        """The seed of the order; drawn now if none was given."""
        if self._given_seed is not None:
            return self._given_seed
        if self._drawn is None or self._drawn[0] != generation():
            if self._drawn is not None:
                self.epoch = 0
            self._drawn = generation(), next_loader_seed()
        return self._drawn[1]

    @seed.setter
    def seed(self, seed: int) -> None:
        self._given_seed = checked_seed(seed)

    def __str__(self) -> str:
        arrays = ", ".join(f"{array.shape[1:]} {array.dtype}" for array in self.arrays)
        order = "shuffled" if self.shuffle else "in order"
        made = "" if self.transform is None else ", transformed"
        return (
            f"BatchLoader: {self.samples:,} samples of {arrays}, in batches of {self.batch_size}, "
            f"{order}{made}"
        )

    def __len__(self) -> int:
        """Return the number of batches in the next epoch."""
        return len(self.plan(self.epoch))

    def __iter__(self) -> Iterator[Any]:
        """Yield the next epoch's batches: tuples of arrays, or arrays if there is only one."""
        plan = self.plan(self.next_epoch())
        np_mode = is_np_array()
        ctx = self.ctx or mx.current_context()
        direct = self.transform is None and memory.on_cpu(ctx)
        for number, indices in enumerate(plan):
            if direct:
                batch = [
                    memory.empty(shape, dtype, ctx, np_mode=np_mode)
                    for shape, dtype in self.layout(indices)
                ]
                self.gather(indices, [memory.view(array) for array in batch])
                made = _grouped(batch, self._grouped)
            else:
                copied = partial(memory.copied, ctx=ctx, np_mode=np_mode)
                made = tuple(
                    tuple(map(copied, part)) if isinstance(part, tuple) else copied(part)
                    for part in self.numpy_batch(indices)
                )
            if number + 1 < len(plan):
                self.prepare(plan[number + 1])
            yield made if len(made) > 1 else made[0]

    def next_epoch(self) -> int:
        """Begin an epoch, and return its number."""
        self.seed  # noqa: B018  (a new seed starts from epoch 0)
        self.epoch += 1
        return self.epoch - 1

    @checked
    def plan(self, epoch: int, *, size: int | None = None) -> list[Any]:
        """Return the positions of the samples of each batch of an epoch.

        Parameters
        ----------
        epoch : int
            The epoch, from 0.
        size : int, optional
            Samples in a batch; by default `batch_size`.

        Returns
        -------
        list of numpy.ndarray or slice
            For each batch the positions of its samples; a slice where they lie in order.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            For anything but whole numbers, from 0 and from 1.
        """
        samples, epoch = self.samples, whole_number("epoch", epoch, least=0)
        size = self.batch_size if size is None else whole_number("size", size)
        begin, end = epoch * samples, (epoch + 1) * samples
        if self.last == "rollover":  # epochs are then cuts through one stream of whole batches
            begin, end = begin // size * size, end // size * size
        elif self.last == "discard":
            end = begin + samples // size * size
        cuts = range(begin, end, size)
        if not cuts:  # of several workers, whose batches together are more than an epoch has
            return []
        if not self.shuffle and self.last != "rollover":
            return [slice(cut - begin, min(cut + size, end) - begin) for cut in cuts]
        orders = [
            self._order(number) for number in range(begin // samples, (end - 1) // samples + 1)
        ]
        stream = numpy.concatenate(orders)
        first = begin // samples * samples
        return [stream[cut - first : min(cut + size, end) - first] for cut in cuts]

    def _order(self, epoch: int) -> Array:
        if not self.shuffle:
            return numpy.arange(self.samples)
        order: Array = numpy.random.default_rng([self.seed, epoch]).permutation(self.samples)
        return order

    def layout(self, indices: Any) -> list[tuple[tuple[int, ...], Any]]:
        """Return shape and data type of each array of a batch, when there is no `transform`.

        Parameters
        ----------
        indices : numpy.ndarray or slice
            A batch of `plan`.

        Returns
        -------
        list of tuple of (tuple of int, dtype)
            One entry for each array.
        """
        size = indices.stop - indices.start if isinstance(indices, slice) else len(indices)
        return [
            ((size, *array.shape[1:]), dtype)
            for array, (dtype, _) in zip(self.arrays, self._conversions, strict=True)
        ]

    def prepare(self, indices: Any) -> None:
        """Begin to read what is not in memory of the batch that is gathered next.

        Parameters
        ----------
        indices : numpy.ndarray or slice
            A batch of `plan`.
        """
        for array in self.arrays:
            if isinstance(array, Column):
                array.prepare(numpy.arange(self.samples)[indices])

    def gather(self, indices: Any, out: Sequence[Array]) -> None:
        """Write a batch that is not transformed into NumPy arrays of its `layout`.

        Parameters
        ----------
        indices : numpy.ndarray or slice
            A batch of `plan`.
        out : sequence of numpy.ndarray
            Where the arrays go; fewer than `layout` has take the first ones.
        """
        for array, (_, divisor), to in zip(self.arrays, self._conversions, out, strict=False):
            if array.dtype == to.dtype:
                if isinstance(indices, slice):
                    numpy.copyto(to, array[indices])
                else:
                    # "clip", for with "raise" NumPy gathers into a buffer first.
                    array.take(indices, axis=0, out=to, mode="clip")
                continue
            part = array[indices] if isinstance(indices, slice) else array.take(indices, axis=0)
            if divisor is None:
                numpy.copyto(to, part, casting="unsafe")
            else:
                numpy.divide(part, to.dtype.type(divisor), out=to)

    def numpy_batch(self, indices: Any) -> tuple[Any, ...]:
        """Return one batch as NumPy arrays, transformed.

        Parameters
        ----------
        indices : numpy.ndarray or slice
            A batch of `plan`.

        Returns
        -------
        tuple
            The parts of the batch; several labels are a tuple in the last place.
        """
        if self.transform is None:
            made = [numpy.empty(shape, dtype) for shape, dtype in self.layout(indices)]
            self.gather(indices, made)
            return _grouped(made, self._grouped)
        parts = [
            array[indices].copy() if isinstance(indices, slice) else array.take(indices, axis=0)
            for array in self.arrays
        ]
        return _transformed(self.transform, _grouped(parts, self._grouped))


def _grouped(parts: Sequence[Any], last: int) -> tuple[Any, ...]:
    """Return the parts of a batch, with the `last` ones joined in a tuple, unless that is 0."""
    return (*parts[:-last], tuple(parts[-last:])) if last else tuple(parts)


def _conversions(arrays: Sequence[Array], labels: int) -> list[tuple[Any, float | None]]:
    """Return the data type of each array in a batch, and a divisor for images."""
    float32, int32 = numpy.dtype("float32"), numpy.dtype("int32")
    conversions: list[tuple[Any, float | None]] = []
    for index, array in enumerate(arrays):
        is_label = index > 0 and index >= len(arrays) - labels
        if array.dtype == numpy.uint8 and is_label:
            conversions.append((int32, None))
        # A sample of one axis, or none, is no picture: its numbers may be indices.
        elif array.dtype == numpy.uint8 and len(array.shape) > 2:
            conversions.append((float32, 255.0))
        elif array.dtype == numpy.bool_ and is_label:  # MXNet's losses compute with them
            conversions.append((float32, None))
        else:
            conversions.append((float32 if array.dtype == numpy.float64 else array.dtype, None))
    return conversions


def _transformed(transform: Callable[..., Any], parts: Sequence[Any]) -> tuple[Any, ...]:
    """Call the user's transform, and check its result."""
    made = transform(*parts)
    made = made if isinstance(made, (tuple, list)) else (made,)
    return tuple(_part(part, len(parts[0])) for part in made)


def _part(made: Any, samples: int) -> Any:
    """Check one part of a transform's result: an array, or a tuple of arrays."""
    if isinstance(made, tuple) and all(map(_is_array, made)):
        return tuple(_part(part, samples) for part in made)
    array = as_numpy(made)
    if array.dtype.kind not in "biuf" or not array.ndim or len(array) != samples:
        raise ArgumentError(
            f"`transform` returned an array of shape {array.shape} and type {array.dtype} for "
            f"a batch of {samples} samples; return numbers, one for each sample"
        )
    return numpy.ascontiguousarray(array, "float32" if array.dtype == numpy.float64 else None)


def _is_array(part: Any) -> bool:
    return isinstance(part, (mx.nd.NDArray, numpy.ndarray, Column))


def _contiguous(array: Any) -> Any:
    """Return an array as NumPy's, contiguous; a column as it is."""
    return array if isinstance(array, Column) else numpy.ascontiguousarray(as_numpy(array))


def as_numpy(array: Any) -> Array:
    """Return a NumPy or MXNet array, or nested lists of numbers, as a NumPy array."""
    made: Array = array.asnumpy() if isinstance(array, mx.nd.NDArray) else array_of(array)
    return made


def _checked(arrays: Any) -> tuple[tuple[Array, ...], int]:
    """Check the arrays, and return them as contiguous NumPy arrays.

    Also return how many were given as a tuple in the last place; 0 if none was.
    """
    if isinstance(arrays, RecordFile):
        arrays = record_dataset(arrays)
    if _is_array(arrays):
        arrays = (arrays,)
    try:
        if isinstance(arrays, (Mapping, bytes, str)):
            raise TypeError
        given = tuple(arrays)
    except TypeError:
        raise ArgumentTypeError(
            f"`arrays` is {a_type(arrays)}; give (data, label), a data set, or one array"
        ) from None
    if not given:
        raise ArgumentError("`arrays` is empty; give at least one array")
    last = given[-1]
    grouped = len(last) if isinstance(last, tuple) and all(map(_is_array, last)) else 0
    given = (*given[:-1], *last) if grouped else given
    checked = tuple(map(_contiguous, given))
    for index, (array, original) in enumerate(zip(checked, given, strict=True)):
        if array.dtype.kind not in "biuf":
            raise ArgumentTypeError(
                f"`arrays[{index}]` is {a_type(original)} of {array.dtype}; give arrays of numbers"
            )
        if not (original if _is_array(original) else numpy.asarray(original)).shape:
            raise ArgumentError(f"`arrays[{index}]` is a single number; give one for each sample")
    lengths = [len(array) for array in checked]
    if len(set(lengths)) > 1:
        raise ArgumentError(
            f"`arrays` has parts of {' and '.join(map(str, lengths))} samples along their first "
            "axis; give one label for each sample"
        )
    if not lengths[0]:
        raise ArgumentError(
            f"`arrays` has no samples: its shape is {checked[0].shape}; give one sample or more"
        )
    return checked, grouped
