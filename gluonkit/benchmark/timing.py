"""Timing a function whose work goes on after it has returned, and comparing such timings.

MXNet's functions return before the work is done, so a plain timer measures how fast work is
queued. Here every call is waited for, and the time until it returned (dispatch) is kept apart
from the time until its work was done.
"""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import mxnet as mx
from mxnet import gluon

from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import check_seconds, described
from gluonkit._base.tables import Shown, significant
from gluonkit._base.tables import seconds as as_time
from gluonkit.errors import ArgumentTypeError
from gluonkit.tracing import trace
from gluonkit.tracing.eager import context_of
from gluonkit.tracing.inputs import as_array, mapped, parse_inputs
from gluonkit.tracing.tree import check_initialized, parameters_of

BLOCKS = 20
"""Blocks of calls that a measurement aims at; each is timed as a whole."""

MAX_SPREAD = 0.2
"""Interquartile range, relative to the median, above which a figure is called worthless."""

_SHORTEST_BLOCK = 2e-3  # seconds; 10,000 times what reading the clock costs


@dataclass(frozen=True, repr=False)
class Measurement(Shown):
    """How long one call takes, in seconds, with everything that was measured.

    Attributes
    ----------
    first_call : float
        The first call, waited for: initialization and graph building included. Where it was made
        several times, each time from scratch, the median.
    warmup : tuple of float
        Seconds of the calls after it, which do not count.
    calls_per_block : int
        Calls in each block.
    times : tuple of float
        For each block, the mean time of a call until its work was done.
    dispatch_times : tuple of float
        For each block, the mean time until the call returned.
    """

    first_call: float
    warmup: tuple[float, ...]
    calls_per_block: int
    times: tuple[float, ...]
    dispatch_times: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median time of a call until its work was done, in seconds."""
        return statistics.median(self.times)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Lower and upper quartile of the time of a call, in seconds."""
        if len(self.times) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return low, high

    @property
    def dispatch(self) -> float:
        """Median time until a call returned, in seconds; the engine may still be working."""
        return statistics.median(self.dispatch_times)

    @property
    def spread(self) -> float:
        """Interquartile range divided by the median."""
        low, high = self.quartiles
        return (high - low) / self.median

    @property
    def warning(self) -> str:
        """Why the figure is unreliable; empty if it is not."""
        if len(self.times) < 4:
            return f"only {len(self.times)} blocks were timed; allow more seconds"
        if self.spread > MAX_SPREAD:
            return (
                f"the middle half of the times spreads over {self.spread:.0%} of the median: "
                "something else is using the machine, and the time is worth little"
            )
        return ""

    @property
    def build_time(self) -> float:
        """What the first call took beyond an ordinary one, in seconds."""
        # Where nothing is built, noise alone can make it negative.
        return max(0.0, self.first_call - self.median)

    def to_dict(self) -> dict[str, Any]:
        """Return the raw times and the figures made of them, ready for JSON. In seconds."""
        low, high = self.quartiles
        return asdict(self) | {
            "median": self.median,
            "lower_quartile": low,
            "upper_quartile": high,
            "dispatch": self.dispatch,
            "build_time": self.build_time,
            "warning": self.warning,
        }

    def __str__(self) -> str:
        low, high = self.quartiles
        text = (
            f"{as_time(self.median)} per call (quartiles {as_time(low)} to {as_time(high)}, "
            f"{len(self.times)} blocks of {self.calls_per_block}); returns after "
            f"{as_time(self.dispatch)}; first call {as_time(self.first_call)}"
        )
        return f"{text}\nwarning: {self.warning}" if self.warning else text


@dataclass(frozen=True)
class SpeedUp(Shown):
    """How many times faster one thing is than another, with a 95 % interval.

    The ratio is the median over rounds, each of which timed both, one right after the other.
    The interval is that of the median by order statistics: it assumes no distribution.

    Attributes
    ----------
    ratio : float
        The median ratio of both times; above 1 when the first thing is faster.
    low, high : float
        The ends of the 95 % interval of the ratio.
    """

    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """The comparison in words: ``'×3.16 faster'``, ``'no significant difference'``."""
        if self.low > 1:
            return f"×{significant(self.ratio)} faster"
        if self.high < 1:
            return f"×{significant(1 / self.ratio)} slower"
        return "no significant difference"

    def __str__(self) -> str:
        if self.low <= 1 <= self.high:
            return self.verdict
        low, high = (self.low, self.high) if self.low > 1 else (1 / self.high, 1 / self.low)
        return f"{self.verdict} [{significant(low)}, {significant(high)}]"


def compare(baseline: Measurement, other: Measurement) -> SpeedUp | None:
    """Compare two measurements whose blocks were timed in turn, round by round.

    Returns None for fewer than six rounds, which allow no 95 % interval.
    """
    # Ctrl-C may leave one of them a round shorter.
    pairs = zip(baseline.times, other.times, strict=False)
    ratios = sorted(slow / fast for slow, fast in pairs)
    if len(ratios) < 6:
        return None
    rank = _interval_rank(len(ratios))
    return SpeedUp(statistics.median(ratios), ratios[rank], ratios[-1 - rank])


def _interval_rank(n: int) -> int:
    """Return the largest r such that sorted values r and n-1-r enclose the median with 95 %."""
    # Each time is above or below the true median by the toss of a coin: a binomial distribution,
    # with 2.5 % cut off at each end.
    rank, tail = 0, 0.5**n
    while tail + math.comb(n, rank + 1) * 0.5**n <= 0.025:
        rank += 1
        tail += math.comb(n, rank) * 0.5**n
    return rank


@checked_but("function")
def measure(function: Callable[..., Any], *args: Any, seconds: float = 1.0) -> Measurement:
    """Measure how long ``function(*args)`` takes until MXNet has done its work.

    Parameters
    ----------
    function : callable
        Anything that can be called: a network, a training step.
    *args : object
        Its arguments. Those of a Gluon block may be NumPy arrays or shapes too, as for `summary`.
    seconds : float, default 1.0
        How long to measure, in seconds, after the first call and a short warm-up.

    Returns
    -------
    Measurement
        Times per call, in seconds. `str()` of it reads as a sentence.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        When `function` cannot be called, `seconds` is not positive, or the arguments do not go
        through the network.
    StateError
        When `function` is a network that is not initialized.

    Notes
    -----
    Python's `timeit` measures how long MXNet takes to queue the work; this waits until the work is
    done. `torch.utils.benchmark.Timer.blocked_autorange` is PyTorch's counterpart.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nd
    >>> net = gk.create_model("mlp", init=True)
    >>> result = gk.measure(net, nd.ones((2, 20)), seconds=0.05)
    >>> result.dispatch <= result.median
    True
    """
    if isinstance(function, type) and issubclass(function, gluon.Block):
        raise ArgumentTypeError(
            f"`function` is the class {function.__name__}; create an instance first: "
            f"{function.__name__}(...)"
        )
    if not callable(function):
        raise ArgumentTypeError(
            f"`function` is {described(function)}, which cannot be called; pass the function "
            "itself, and its arguments after it: measure(net, x)"
        )
    check_seconds(seconds)
    if isinstance(function, gluon.Block):
        args = _for_block(function, args)
    sampler = Sampler(lambda: function(*args))
    sampler.first_call()
    sampler.warm_up(seconds)
    started = perf_counter()
    # Six blocks are the fewest that allow a 95 % interval.
    while perf_counter() - started < seconds or sampler.blocks < 6:
        sampler.block()
    return sampler.measurement()


def _for_block(net: gluon.Block, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the inputs of a network as MXNet's arrays; refuse those that do not go through."""
    check_initialized(net, "function")
    trace(net, *inputs)
    parsed = parse_inputs(inputs)
    ctx = context_of(parsed, parameters_of(net))
    arrays: tuple[Any, ...] = mapped(lambda leaf: as_array(leaf, ctx), parsed)
    return arrays


class Sampler:
    """Times one function block by block, so that several can be timed in turn."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._first_calls: list[float] = []
        self._warmup: list[float] = []
        self._calls = 1
        self._blocks: list[tuple[float, float]] = []  # time, dispatch

    def first_call(self) -> Any:
        """Make and time a first call; return what the function returned."""
        # What was queued before must not be part of the time.
        mx.nd.waitall()
        started = perf_counter()
        result = self._function()
        mx.nd.waitall()
        self._first_calls.append(perf_counter() - started)
        return result

    def warm_up(self, seconds: float) -> None:
        """Make a few calls that do not count, and choose the block size by them."""
        for _ in range(2):
            self._warmup.append(self._timed(1)[0])
        block = max(seconds / BLOCKS, _SHORTEST_BLOCK)
        elapsed, calls = self._warmup[-1], 1
        # Doubled until it can be timed: a quarter of a block tells how many calls make a whole
        # one.
        while elapsed < block / 4:
            calls *= 2
            elapsed, _ = self._timed(calls)
        self._calls = max(1, round(calls * block / elapsed))

    @property
    def blocks(self) -> int:
        """How many blocks have been timed."""
        return len(self._blocks)

    def block(self) -> None:
        """Time one block of calls, each waited for."""
        # A collection in one block and not in the others looks like a slow call.
        with _no_garbage_collection():
            elapsed, dispatch = self._timed(self._calls)
        self._blocks.append((elapsed / self._calls, dispatch / self._calls))

    def _timed(self, calls: int) -> tuple[float, float]:
        """Return the time of `calls` calls until all was done, and until they had returned."""
        # Local names, as looking up attributes would be a part of what is measured.
        function, wait, clock = self._function, mx.nd.waitall, perf_counter
        dispatch = 0.0
        wait()
        started = clock()
        for _ in range(calls):
            before = clock()
            function()
            dispatch += clock() - before
            wait()
        return clock() - started, dispatch

    def measurement(self) -> Measurement:
        """Return what has been measured so far."""
        return Measurement(
            first_call=statistics.median(self._first_calls),
            warmup=tuple(self._warmup),
            calls_per_block=self._calls,
            times=tuple(time for time, _ in self._blocks),
            dispatch_times=tuple(dispatch for _, dispatch in self._blocks),
        )


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep Python's collector from running inside a timed block."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
