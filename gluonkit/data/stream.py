"""The iterators of MXNet's library, each read as the endless stream that it is.

With ``round_batch=True``, the default, the last batch of an epoch is filled with the first samples
of the next one, which `reset` then leaves out; `Stream` keeps them. Which of a last batch's samples
those are is harder to tell than it should be. `ImageRecordIter` reports as `pad` what an earlier
batch in the same memory had, and without `round_batch` no `pad` at all. And nobody says where an
iterator stands that somebody else has read. So all that the passes over the data allow for is
concluded from their lengths. (MXNet's src/io/iter_batchloader.h, iter_image_recordio_2.cc.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from math import gcd
from typing import Any, NamedTuple, TypeAlias

import mxnet as mx
import numpy

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Array
from gluonkit.errors import ArgumentError
from gluonkit.system import memory

_AHEAD = 32
"""More batches than MXNet reads ahead: 16 and those that are in somebody's hands."""
_PASSES = 30
"""Passes over the data after which it is given up to find out what belongs to an epoch."""
_READ = numpy.uint32(0x7FC5A5A5)
"""The bits (of a NaN) that replace a label once read, to see whether it is written anew."""


@dataclass
class _Pass:
    """One pass over the data, from a `reset` to its end.

    Attributes
    ----------
    fresh : bool
        Whether no buffer can still hold the `pad` of an earlier batch.
    batches : int
        Number of batches.
    rows, before : list of numpy.ndarray
        Arrays of the last batch, and of the one before it.
    pad : int
        MXNet's `pad` of the last batch.
    numbered : bool
        Whether the samples have an index; `pad` is reliable then.
    unwritten : int or None
        Samples of the last batch whose labels were not written; None if not known.
    """

    fresh: bool
    batches: int = 0
    rows: list[Array] = field(default_factory=list)
    before: list[Array] = field(default_factory=list)
    pad: int = 0
    numbered: bool = False
    unwritten: int | None = None

    def surely_wraps(self, size: int) -> bool:
        """Return whether the padding of the last batch is new data, not old memory."""
        if not (self.pad and self.before):
            return False
        cut = slice(size - self.pad, None)
        pairs = zip(self.rows, self.before, strict=True)
        return not all(numpy.array_equal(a[cut], b[cut], equal_nan=True) for a, b in pairs)

    def paddings(self, size: int, *, wraps: bool) -> list[int]:
        """Return how many of the last samples may be padding."""
        if size == 1:
            return [0]
        if not self.batches:
            return list(range(size))
        if wraps and self.unwritten:
            return []
        if self.numbered or (self.pad and (self.fresh or not wraps)):
            return [self.pad]
        if wraps:
            return sorted({0, self.pad})
        return list(range(size)) if self.unwritten is None else [self.unwritten]


class _Reading(NamedTuple):
    """One interpretation of some passes: padding of the first and the last, and the rest."""

    first: int
    last: int
    wraps: bool
    samples: int | None

    @property
    def next_epoch(self) -> tuple[int, bool]:
        """How many samples of the next epoch have been read, and whether it begins after them."""
        return self.last, self.wraps and bool(self.last)


_Chains: TypeAlias = list[tuple[tuple[int, ...], int | None, int | None]]
"""Paddings of the passes so far, where the next one starts, and the number of samples."""


def _longer(chains: _Chains, latest: _Pass, size: int, *, wraps: bool) -> Iterator[Any]:
    """Extend the interpretations of earlier passes by one more pass."""
    for (paddings, start, samples), padding in product(chains, latest.paddings(size, wraps=wraps)):
        begun = start if wraps or not paddings else 0
        total = samples if begun is None else latest.batches * size - padding + begun
        if samples in (None, total):
            yield (*paddings, padding), padding, total


class Stream:
    """What is known of one of MXNet's native iterators; fed with each batch."""

    def __init__(self, size: int, argument: str) -> None:
        self._size = size
        self._argument = argument
        self._mark: Any = (
            None  # the batch left with the iterator: if it is gone, somebody else has read
        )
        self._passes: list[_Pass] = []  # since it was known where the iterator stood: at `_start`
        self._start: int | None = 0
        self._fresh = True
        self._wraps: bool | None = None
        self._samples: int | None = None
        self._read: set[int] = set()  # addresses of labels that have been read

    def epoch(self, iterator: Any) -> Iterator[list[Array]]:
        """Yield the arrays of the next epoch's batches; only the last may be short."""
        if iterator.first_batch is None or self._mark not in (None, iterator.first_batch):
            self._find_beginning(iterator)
        rows = self._settle(iterator)
        self._start = len(rows[0]) if rows else 0
        current = self._new_pass()
        while self._next(iterator, current):
            if current.before:
                rows = _joined(rows, current.before)
                yield [row[: self._size] for row in rows]
                rows = [row[self._size :] for row in rows]
        while len({reading.first for reading in self._readings()}) != 1:
            self._reset(iterator)
            self._whole_pass(iterator)
        padding = next(iter(self._readings())).first
        self._leave(iterator)
        rows = _joined(rows, [row[: self._size - padding] for row in current.rows])
        for cut in range(0, len(rows[0]) if rows else 0, self._size):
            yield [row[cut : cut + self._size] for row in rows]

    # Reading

    def _new_pass(self) -> _Pass:
        self._passes.append(_Pass(self._fresh))
        self._fresh = False
        if len(self._passes) > _PASSES:
            raise ArgumentError(
                f"`{self._argument}` does not say how many samples it has; make a new one, or one "
                "with round_batch=True"
            )
        return self._passes[-1]

    def _whole_pass(self, iterator: Any) -> None:
        current = self._new_pass()
        while self._next(iterator, current):
            pass

    def _next(self, iterator: Any, current: _Pass) -> bool:
        """Read a batch; return whether there was one."""
        with self._explained():
            try:
                batch = iterator.next()
            except StopIteration:
                return False
        index, label = batch.index, batch.label[0]
        current.batches += 1
        current.before = current.rows
        # Copies, as MXNet reuses the memory of a batch.
        current.rows = [part.asnumpy() for part in (*batch.data, *batch.label)]
        current.pad = batch.pad or 0
        current.numbered = current.numbered or (index is not None and bool(index.any()))
        current.unwritten = None
        if not current.numbered and label.stype == "default" and label.dtype == numpy.float32:
            current.unwritten = self._mark_read(label)
        return True

    def _reset(self, iterator: Any) -> None:
        with self._explained():
            iterator.reset()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except mx.MXNetError as error:
            raise ArgumentError(
                f"`{self._argument}` cannot be read: {last_line(error)}. (An iterator that has "
                f"fewer samples than its batch_size, {self._size}, can be read once only.)"
            ) from error

    def _mark_read(self, label: Any) -> int | None:
        """Mark a label as read; return how many samples were marked already, if any ever was."""
        memory.wait_to_write(label)
        numbers = memory.view(label)
        bits = numbers.view("uint32").reshape(len(numbers), -1)
        known = numbers.ctypes.data in self._read
        unwritten = int((bits == _READ).all(axis=1).sum())
        self._read.add(numbers.ctypes.data)
        bits[...] = _READ
        return unwritten if known else None

    # Where the iterator stands

    def _readings(self) -> set[_Reading]:
        """Return all interpretations of the passes since `_start`."""
        sizes, size = set(), self._size
        if self._passes[-1].surely_wraps(size):
            self._wraps = True
        for wraps in (True, False) if self._wraps is None else (self._wraps,):
            chains: _Chains = [((), self._start, self._samples)]
            for reading in self._passes:
                chains = list(_longer(chains, reading, size, wraps=wraps))
            numbered = self._wraps and self._passes[-1].numbered
            for paddings, _, samples in chains:
                # An epoch begins where whole batches end, in one epoch or in several.
                step = gcd(samples, size) if samples and wraps and not numbered else 1
                if not any(
                    padding % step for padding in (*paddings, *(p.pad for p in self._passes))
                ):
                    sizes.add(_Reading(paddings[0], paddings[-1], wraps, samples))
        return sizes

    def _settle(self, iterator: Any) -> list[Array]:
        """Determine the iterator's position; return the samples read of the next epoch."""
        if not self._passes:
            return []
        readings = self._readings()
        while len({reading.next_epoch for reading in readings}) != 1:
            self._whole_pass(iterator)
            self._reset(iterator)
            readings = self._readings()
        samples = {reading.samples for reading in readings}
        padding, wraps = next(iter(readings)).next_epoch
        self._samples = samples.pop() if len(samples) == 1 else None
        self._wraps = wraps if padding else self._wraps
        rows, self._passes = self._passes[-1].rows, []
        return [row[self._size - padding :] for row in rows] if wraps else []

    def _find_beginning(self, iterator: Any) -> None:
        """Bring an iterator that was read before to the beginning of a pass.

        It is read to the end of its pass, as MXNet's readers of text (CSV, SVM) keep some lines for
        the next pass if `reset` is called before.
        """
        self._fresh, self._passes, self._start = False, [], None
        self._read = set()
        current = self._new_pass()
        while self._next(iterator, current):
            if current.batches == _AHEAD and not current.numbered:
                # Images; and MXNet cannot come to the end between the two resets.
                self._reset(iterator)  # which may do nothing but forget what filled the last batch
                self._reset(iterator)
                self._passes, self._read = [], set()
                return
        self._reset(iterator)

    def _leave(self, iterator: Any) -> None:
        """Leave the iterator as a new one: with its first batch read."""
        try:
            iterator.reset()
            # MXNet returns `first_batch` before it reads on; the mark tells whether somebody else
            # has read.
            self._mark = iterator.first_batch = iterator.next()
        except (StopIteration, mx.MXNetError):
            self._mark = None  # the next epoch raises the error


def _joined(rows: list[Array], more: list[Array]) -> list[Array]:
    if not rows or not len(rows[0]):
        return more
    return [numpy.concatenate(pair) for pair in zip(rows, more, strict=True)]
