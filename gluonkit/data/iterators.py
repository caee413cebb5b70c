"""MXNet's iterators read so that an epoch has every sample once, whatever their `reset` does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import mxnet as mx

from gluonkit.data.stream import Stream
from gluonkit.errors import ArgumentError

Parts: TypeAlias = tuple[list[Any], list[Any]]
"""A batch's inputs, and its labels."""

_STREAMS: WeakKeyDictionary[Any, Stream] = WeakKeyDictionary()
_RESIZED: WeakKeyDictionary[Any, Iterator[Parts]] = WeakKeyDictionary()


def epoch(iterator: Any, argument: str) -> Iterator[Parts]:
    """Yield the batches of the next epoch of an `mx.io.DataIter`, without padding.

    Every sample comes once, in the iterator's order; samples that it would roll over into the next
    epoch come as a short batch. Samples that an iterator discards are lost: with
    ``last_batch_handle='discard'``, and the last incomplete batch of `MNISTIter`.

    Raises
    ------
    ArgumentError
        For batches whose first axis is not the samples, and when padding cannot be told from
        samples.
    """
    if isinstance(iterator, mx.io.ResizeIter):
        yield from _resized(iterator, argument)
    elif isinstance(iterator, mx.io.PrefetchingIter):
        for ready in iterator.data_ready:  # its threads are idle then
            ready.wait()
        inner = [epoch(wrapped, argument) for wrapped in iterator.iters]
        for several in zip(*inner, strict=True):
            data, labels = zip(*several, strict=True)
            yield list(chain(*data)), list(chain(*labels))
    elif isinstance(iterator, mx.io.MXDataIter):
        stream = _STREAMS.setdefault(iterator, Stream(iterator.batch_size, argument))
        count = len(iterator.provide_data)
        for rows in stream.epoch(iterator):
            yield rows[:count], rows[count:]
    else:
        yield from _in_python(iterator, argument)


def _resized(iterator: Any, argument: str) -> Iterator[Parts]:
    """Yield the batches of a `ResizeIter`, from as many epochs as needed."""
    stream = _RESIZED.get(iterator)
    if stream is None or iterator.reset_internal:
        stream = _RESIZED[iterator] = _endless(iterator.data_iter, argument)
    return islice(stream, iterator.size)


def _endless(iterator: Any, argument: str) -> Iterator[Parts]:
    """Yield the batches of one epoch after the other."""
    got = True
    while got:
        got = False
        for batch in epoch(iterator, argument):
            got = True
            yield batch


def _in_python(iterator: Any, argument: str) -> Iterator[Parts]:
    """Yield the batches of an iterator that is implemented in Python."""
    layout = getattr(iterator, "layout", None)
    if isinstance(layout, str) and layout.find("N") > 0:
        raise ArgumentError(
            f"`{argument}` has batches of layout {layout!r}; give them along the first axis, 'N...'"
        )
    # NDArrayIter's `reset` keeps samples that it rolls over; `hard_reset` begins with the first
    # one.
    getattr(iterator, "hard_reset", iterator.reset)()
    for batch in iterator:
        yield without_padding(batch)
    # With "roll_over" MXNet keeps the last samples for the next epoch, in attributes of its own.
    rest = getattr(iterator, "_cache_data", None)
    if rest is None or getattr(iterator, "last_batch_handle", None) != "roll_over":
        return
    label, filled = iterator._cache_label, getattr(iterator, "_cache_idx", None)
    if isinstance(rest, list):  # NDArrayIter
        yield _first(rest, label, len(rest[0]))
    elif filled is not None:  # ImageIter
        yield _first([rest], [label], filled)


def without_padding(batch: Any) -> Parts:
    """Return the inputs and the labels of an `mx.io.DataBatch`."""
    return _first(batch.data, batch.label, len(batch.data[0]) - (batch.pad or 0))


def _first(data: list[Any], label: list[Any] | None, size: int) -> Parts:
    return [part[:size] for part in data], [part[:size] for part in label or ()]
