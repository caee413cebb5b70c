"""What this processor can do at best, with MXNet's own operators and as many threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from time import perf_counter

import mxnet as mx

from gluonkit._base import cpu, tables
from gluonkit._base.tables import Shown
from gluonkit.system.contention import Meter

_SIDE = 1024  # of the matrices
_NUMBERS = 1 << 24  # of an array that no cache holds: 64 MiB
_FEW_NUMBERS = 1 << 18  # of an array that caches hold: 1 MiB
_SECONDS = 0.15  # for each measurement


@dataclass(frozen=True, repr=False)
class Peak(Shown):
    """The processor's measured peak.

    Attributes
    ----------
    macs_per_second : float
        Multiply-adds of a large matrix product in float32, in a second.
    bytes_per_second : float
        What an elementwise operator reads and writes of an array that no cache holds, in a second.
    cached_bytes_per_second : float
        The same of an array of 1 MiB, which caches hold.
    processor : str
        The processor's name.
    """

    macs_per_second: float
    bytes_per_second: float
    cached_bytes_per_second: float
    processor: str

    def __str__(self) -> str:
        return (
            f"{tables.scaled(self.macs_per_second)} multiply-adds a second; "
            f"{tables.memory(self.bytes_per_second)} a second of memory, "
            f"{tables.memory(self.cached_bytes_per_second)} of caches"
        )


def seconds_to_move(size: int, peak: Peak) -> float:
    """Return how long it takes at best to read and write so many bytes, in seconds."""
    # What was written last is still in the caches, unless it is too large for them.
    fits = size <= 2 * 4 * _FEW_NUMBERS
    return size / (peak.cached_bytes_per_second if fits else peak.bytes_per_second)


def _better(one: Peak, other: Peak) -> Peak:
    """Return the better of two measurements in each respect."""
    names = ("macs_per_second", "bytes_per_second", "cached_bytes_per_second")
    return replace(one, **{name: max(getattr(one, name), getattr(other, name)) for name in names})


_measured: list[Peak] = []
_busy = True  # while the last was measured


def measured_peak() -> Peak:
    """Measure the processor's peak; it takes half a second.

    Once for the process, unless other processes had the processor meanwhile: then again the next
    time, and the best counts.
    """
    global _busy
    if _busy:
        meter = Meter()
        _measured.append(_measure())
        _busy = meter.contention().is_busy
        _measured[:] = [reduce(_better, _measured)]
    return _measured[0]


def _measure() -> Peak:
    with mx.util.np_array(False), mx.util.np_shape(False), mx.autograd.pause():
        left, right = mx.nd.ones((_SIDE, _SIDE)), mx.nd.ones((_SIDE, _SIDE))
        long, out = mx.nd.ones((_NUMBERS,)), mx.nd.zeros((_NUMBERS,))
        products: tuple[Callable[[], object], ...] = (
            # By OpenBLAS, and by oneDNN; which is the faster depends on the processor.
            lambda: mx.nd.dot(left, right),
            lambda: mx.nd.FullyConnected(left, right, no_bias=True, num_hidden=_SIDE),
        )
        fastest = min(map(_fastest, products))
        copied = _fastest(lambda: mx.nd.relu(long, out=out))
        short, short_out = mx.nd.ones((_FEW_NUMBERS,)), mx.nd.zeros((_FEW_NUMBERS,))
        cached = _fastest(lambda: mx.nd.relu(short, out=short_out))
    return Peak(
        macs_per_second=_SIDE**3 / fastest,
        bytes_per_second=2 * 4 * _NUMBERS / copied,
        cached_bytes_per_second=2 * 4 * _FEW_NUMBERS / cached,
        processor=cpu.model_name(),
    )


def _fastest(call: Callable[[], object]) -> float:
    """Return the shortest time of a call, in seconds."""
    call()
    mx.nd.waitall()
    times: list[float] = []
    until = perf_counter() + _SECONDS
    # Other work on the machine only adds to a time.
    while len(times) < 3 or perf_counter() < until:
        began = perf_counter()
        call()
        mx.nd.waitall()
        times.append(perf_counter() - began)
    return min(times)
