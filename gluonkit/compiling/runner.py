"""Running a graph in prediction mode with as little Python as there can be."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

import mxnet as mx
import numpy
from mxnet.base import _LIB, get_last_ffi_error
from mxnet.ndarray.sparse import BaseSparseNDArray

from gluonkit._base.checks import a_type
from gluonkit._base.kinds import Array, Context, Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentTypeError
from gluonkit.graphs.bind import Bound
from gluonkit.graphs.layout import rearranged_inputs
from gluonkit.system import engine, memory
from gluonkit.tracing.symbols import json_of

# Looked up once, for a call of a small network takes only some microseconds.
_execute = _LIB.MXExecutorForward


class Runner:
    """A graph with its own memory for inputs and outputs; not thread-safe.

    Attributes
    ----------
    inputs, outputs : list of numpy.ndarray
        Memory of inputs (always valid) and outputs (until the next run) as NumPy arrays; copies on
        other devices than a CPU.
    another : callable or None
        Makes one more for the same weights, with little of its own but inputs and outputs; None
        where that is no less than to make one anew.
    making : float or None
        Seconds that it takes to make one for other weights; None where that is next to nothing.
    """

    another: Callable[[], Runner] | None = None
    making: float | None = None

    def __init__(
        self,
        ctx: Context,
        inputs: Mapping[str, ArraySpec],
        values: Mapping[str, Any],
        threads: tuple[int, int] | None,
    ) -> None:
        """`values` are the arrays of all variables except the inputs.

        `threads` are the numbers of threads during and after a run.
        """
        self._on_cpu = memory.on_cpu(ctx)
        self._threads = threads
        self._arrays = [mx.nd.zeros(s.shape, ctx=ctx, dtype=s.dtype) for s in inputs.values()]
        self._known = {**values, **dict(zip(inputs, self._arrays, strict=True))}
        self._results: Sequence[Any] = ()
        # MXNet allocates memory when it is first written; views need its address.
        mx.nd.waitall()
        self.inputs: list[Array] = [
            memory.view(array) if self._on_cpu else array.asnumpy() for array in self._arrays
        ]
        self.outputs: list[Array] = []

    def write(self, arrays: Sequence[Any]) -> None:
        """Copy NumPy or MXNet arrays of the right shapes and data types into the inputs."""
        for place, given in zip(self.inputs, arrays, strict=True):
            if isinstance(given, (numpy.ndarray, numpy.generic)):
                numpy.copyto(place, given)
            # MXNet copies out what a sparse array stores, whose size is not the array's.
            elif isinstance(given, BaseSparseNDArray):
                raise ArgumentTypeError(
                    f"an input is {a_type(given)}; give a dense array: x.tostype('default')"
                )
            else:
                memory.copy_out(given, place)

    def run(self) -> None:
        """Compute the outputs, and wait for them."""
        if not self._on_cpu:
            for array, numbers in zip(self._arrays, self.inputs, strict=True):
                array[:] = numbers
        if self._threads is None:
            self._run()
        else:
            here, elsewhere = self._threads
            # For the calling thread, in which the naive engine computes.
            _LIB.MXSetNumOMPThreads(here)
            try:
                self._run()
            finally:
                _LIB.MXSetNumOMPThreads(elsewhere)
        if not self._on_cpu:
            self.outputs = [result.asnumpy() for result in self._results]

    _run: Callable[[], None]


class ExecutorRunner(Runner):
    """Runs a graph that is bound to its arrays once."""

    def __init__(
        self,
        symbol: Symbol,
        ctx: Context,
        inputs: Mapping[str, ArraySpec],
        values: Mapping[str, Any],
        *,
        fused: bool = False,
        threads: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(ctx, inputs, values, threads)
        auxiliary = {name: self._known[name] for name in symbol.list_auxiliary_states()}
        bound = Bound(symbol, ctx, self._known, {}, auxiliary, inputs=inputs, fused=fused)
        self._bound = bound  # keeps what the handles stand for
        self._results = bound.outputs
        self._run = partial(_forward, bound.handle, bound.views, _queue_lock(symbol))
        # Nothing is to be done around it then, and each level of calls counts.
        if self._on_cpu and threads is None:
            self.run = self._run  # type: ignore[method-assign]
        if bound.views is not None:
            self.outputs = bound.views.numbers  # kept up to date by each run
        self.run()  # which allocates the outputs, and rearranges weights


# Where two threads queue passes and wait at once, even for different executors or cached ops,
# MXNet's engine can lose one: nothing is left to do, and both wait for their outputs for ever.
# It has one worker, so that passes lose little by taking turns.
_QUEUE = Lock()
_OWN_CODE = '"op": "Custom"'  # in MXNet's JSON, in bodies of loops too


def _queue_lock(symbol: Symbol) -> Lock:
    """Return what passes of a graph hold: the one lock, or one of their own.

    The naive engine computes in each thread, and has no queue. A pass with the user's own operators
    runs Python, which may call a compiled network, and would wait for the pass that it is within.
    """
    shared = engine.runtime().engine != "naive" and _OWN_CODE not in json_of(symbol)
    return _QUEUE if shared else Lock()


def _forward(executor: Any, outputs: memory.Views | None, queue: Lock) -> None:
    """Run an executor, and wait for its outputs.

    It has no reference to the runner: a cycle would keep the memory of rejected plans until
    Python's garbage collector runs.
    """
    # 0: in prediction mode. Not 0 returned: MXNet keeps the error for this thread.
    with queue:
        if _execute(executor, 0):
            raise get_last_ffi_error()
        if outputs is not None:
            outputs.read()


class CachedOpRunner(Runner):
    """Runs a graph as `hybridize(static_alloc=True, static_shape=True)` does."""

    def __init__(
        self,
        symbol: Symbol,
        ctx: Context,
        inputs: Mapping[str, ArraySpec],
        values: Mapping[str, Any],
        *,
        threads: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(ctx, inputs, values, threads)
        flags = [("static_alloc", True), ("static_shape", True)]
        self._operator = mx.nd.CachedOp(symbol, flags)
        self._queue = _queue_lock(symbol)
        # A cached op takes all variables by position, in MXNet's order.
        self._arguments = [self._known[name] for name in symbol.list_inputs()]
        self._disturbed = [self._known[name] for name in rearranged_inputs(symbol, inputs)]
        self.run()

    def _run(self) -> None:
        with self._queue:
            results = self._operator(*self._arguments)
            self._results = results if isinstance(results, (list, tuple)) else [results]
            if self._on_cpu:
                # New views each time, as a cached op returns new arrays.
                self.outputs = memory.Views(self._results, self._disturbed).read()


_SAME_THREAD = ctypes.PyDLL(_LIB._name)  # releasing the GIL would cost more than reading a flag
_is_recording = _SAME_THREAD.MXAutogradIsRecording
_flag = ctypes.c_bool()
_flag_address = ctypes.byref(_flag)


def is_recording() -> bool:
    """Return whether this thread records for autograd, faster than `autograd.is_recording`."""
    _is_recording(_flag_address)
    return _flag.value
