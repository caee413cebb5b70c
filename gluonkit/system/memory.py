"""The memory of MXNet arrays on the CPU, seen as NumPy arrays, without a copy."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mxnet as mx
import numpy
from mxnet.base import _LIB, check_call, get_last_ffi_error
from mxnet.ndarray.ndarray import _DTYPE_NP_TO_MX, DLDataType

from gluonkit._base.kinds import Array, Context, NDArray

# MXNet's numbers of data types, by NumPy's scalar classes.
_CODES = dict(_DTYPE_NP_TO_MX)
_size = ctypes.c_size_t

# Taken now, before `compiling.views` puts its counting function in this one's place.
_shallow_copy = _LIB.MXShallowCopyNDArray

# Pinned memory (for copies to GPUs) and shared memory (between processes) are the host's, too.
_ON_CPU = ("cpu", "cpu_pinned", "cpu_shared")


def view(array: NDArray) -> Array:
    """Return an MXNet array's memory as a NumPy array that keeps it alive.

    Before reading or writing it, wait for the engine: `wait_to_read`, `wait_to_write`. The array
    must be on the CPU.
    """
    data = ctypes.c_void_p()
    wait_to_read(array)  # MXNet allocates memory when it is first written
    check_call(_LIB.MXNDArrayGetData(array.handle, ctypes.byref(data)))
    dtype = numpy.dtype(array.dtype)
    size = int(numpy.prod(array.shape, dtype="int64")) * dtype.itemsize
    # MXNet has no memory for an array without elements: its address is null.
    if not size:
        return numpy.empty(array.shape, dtype)
    memory: Any = (ctypes.c_byte * size).from_address(data.value or 0)
    # The buffer holds the MXNet array, whose memory lives as long as the view then.
    memory.array = array
    seen: Array = numpy.frombuffer(memory, dtype=dtype).reshape(array.shape)
    return seen


# Looked up once, for `Views.read` runs after every pass.
_wait_to_read, _get_data = _LIB.MXNDArrayWaitToRead, _LIB.MXNDArrayGetData


class Views:
    """NumPy views of arrays that MXNet writes repeatedly.

    Any pass may leave an array in oneDNN's own layout. MXNet converts it back when it is asked for
    its address, which may change then, as padded channels take more memory. So the address is
    requested after each pass, which takes half a microsecond for an array.

    Attributes
    ----------
    numbers : list of numpy.ndarray
        The views that the last `read` returned.
    """

    def __init__(self, arrays: Sequence[Any], disturbed: Sequence[Any] = ()) -> None:
        """`disturbed` are further arrays to convert back to MXNet's layout."""
        self._arrays = list(arrays)
        self._disturbed = list(disturbed)
        self._addresses: list[int | None] = [-1] * len(self._arrays)  # -1: not asked yet
        self.numbers: list[Array] = [numpy.empty(0)] * len(self._arrays)
        self._data = ctypes.c_void_p()
        at = ctypes.byref(self._data)
        self._calls = [(place, array.handle, at) for place, array in enumerate(self._arrays)]

    def read(self) -> list[Array]:
        """Wait for the arrays, and return views in MXNet's layout, valid until the next pass."""
        for place, handle, at in self._calls:
            # In this order, as `GetData` does not wait if the layout is MXNet's already. Both
            # return 0, or -1 and keep the error for this thread.
            if _wait_to_read(handle) or _get_data(handle, at):
                raise get_last_ffi_error()
            if self._data.value != self._addresses[place]:
                self.numbers[place] = view(self._arrays[place])
                self._addresses[place] = self._data.value
        # Only now: once the outputs are computed, whatever changes these layouts is queued.
        for array in self._disturbed:
            view(array)
        return self.numbers


def alias(array: NDArray) -> NDArray:
    """Return a new legacy array that shares memory with a dense array of either mode.

    MXNet's original function is called, so that `compiling` does not count this as a view of the
    user.
    """
    handle = ctypes.c_void_p()
    check_call(_shallow_copy(array.handle, ctypes.byref(handle)))
    return mx.nd.NDArray(handle)


def settled(array: NDArray) -> Array:
    """Return a NumPy view of a weight, after all operations queued so far.

    In a forward pass in prediction mode, oneDNN converts weights to its own layout in place, by
    operations that are queued when the pass reaches a layer: waiting for the array alone is not
    enough.
    """
    check_call(_LIB.MXNDArrayWaitAll())
    return view(array)


def numbers(array: NDArray) -> Array:
    """Return the numbers of a weight, after all operations queued so far; on a CPU not copied."""
    if array.stype == "default" and on_cpu(array.ctx):
        return settled(array)
    copy: Array = array.asnumpy()
    return copy


def wait_to_read(array: NDArray) -> None:
    """Wait until everything that writes an array is done; raise what failed on the way."""
    check_call(_LIB.MXNDArrayWaitToRead(array.handle))


def wait_to_write(array: NDArray) -> None:
    """Wait until everything that reads or writes an array is done."""
    check_call(_LIB.MXNDArrayWaitToWrite(array.handle))


def on_cpu(ctx: Context) -> bool:
    """Return whether a context is a CPU."""
    return ctx.device_type in _ON_CPU


def empty(shape: tuple[int, ...], dtype: Any, ctx: Context, *, np_mode: bool) -> Any:
    """Return a new, uninitialized MXNet array."""
    make = mx.np.empty if np_mode else mx.nd.empty
    return make(shape, dtype=dtype, ctx=ctx)


def copied(array: Array, ctx: Context, *, np_mode: bool) -> Any:
    """Return a new MXNet array with a NumPy array's numbers and data type."""
    made = empty(array.shape, array.dtype, ctx, np_mode=np_mode)
    if on_cpu(ctx):
        # Directly, past the engine: it has no operation yet that uses a new array.
        numpy.copyto(view(made), array)
    else:
        made[:] = array
    return made


def copy_out(array: NDArray, place: Array) -> None:
    """Copy a dense MXNet array, on any device, into a NumPy array of its shape and type.

    Waits until the array is computed.
    """
    # MXNet wants the number of elements, not of bytes, and refuses another than the array's.
    address, size = place.ctypes.data, place.size
    check_call(_LIB.MXNDArraySyncCopyToCPU(array.handle, ctypes.c_void_p(address), _size(size)))


def copied_in(numbers: Array, ctx: Context, *, np_mode: bool) -> Any:
    """Copy a NumPy array to a new MXNet array, by as few native calls as possible.

    The NumPy array must be contiguous, and of a data type that MXNet has.
    """
    if not numbers.ndim or not numbers.size:  # their meaning depends on the array mode
        return copied(numbers, ctx, np_mode=np_mode)
    handle = ctypes.c_void_p()
    shape = (ctypes.c_int64 * numbers.ndim)(*numbers.shape)
    check_call(
        _LIB.MXNDArrayCreateEx64(
            shape,
            numbers.ndim,
            ctx.device_typeid,
            ctx.device_id,
            0,
            _CODES[numbers.dtype.type],
            ctypes.byref(handle),
        )
    )
    made = mx.np.ndarray(handle) if np_mode else mx.nd.NDArray(handle)
    address, size = numbers.ctypes.data, numbers.size
    check_call(_LIB.MXNDArraySyncCopyFromCPU(handle, ctypes.c_void_p(address), _size(size)))
    return made


def moved(array: NDArray, ctx: Context, *, np_mode: bool) -> NDArray:
    """Return an MXNet array in the given mode, copied to the device if it is on another one."""
    # As a legacy array, for NumPy mode's warns at this method, which it calls `as_in_ctx`.
    there = array.as_nd_ndarray().as_in_context(ctx)
    return there.as_np_ndarray() if np_mode else there


def in_order(array: NDArray) -> NDArray:
    """Return an array, converted back to MXNet's layout if oneDNN has changed it.

    oneDNN changes the layout of weights in place while predicting. Operators that fill such an
    array fail then, as do copies into weights of one- and three-dimensional convolutions.
    Requesting the address converts the array back.
    """
    legacy = array.as_nd_ndarray()
    if legacy.stype == "default" and on_cpu(legacy.context):
        settled(legacy)
    return array


def put(numbers: NDArray, array: NDArray) -> None:
    """Copy an MXNet array into another of the same mode."""
    numbers.copyto(in_order(array))


def assign(array: NDArray, numbers: Array) -> None:
    """Give an MXNet array new numbers.

    ``array[:] = numbers`` fails for a weight whose layout oneDNN has changed while predicting.
    """
    legacy = array.as_nd_ndarray()
    put(shared(numbers), legacy)
    # MXNet reads the lent memory of `numbers` later; it must not change or go before.
    wait_to_read(legacy)


def assign_at_once(jobs: Sequence[tuple[Any, Array]]) -> None:
    """Assign numbers to many MXNet arrays, bypassing the engine, with two threads.

    MXNet does not notice, as it does not for ``array[:] = numbers``: a graph that was optimized for
    a backend keeps using its own copies of weights. Use `assign` there.
    """
    mx.nd.waitall()  # until no operation uses them

    def share(number: int) -> None:
        for array, numbers in jobs[number::2]:
            if on_cpu(array.as_nd_ndarray().context):
                numpy.copyto(view(array), numbers)
            else:
                assign(array, numbers)

    # `numpy.copyto` releases the GIL, so that the threads do copy at the same time.
    with ThreadPoolExecutor(2) as pool:
        # A list, to have the errors of the threads raised here.
        list(pool.map(share, range(2)))


def size_of(arrays: Sequence[Any]) -> int:
    """Return the total size of dense MXNet arrays in bytes."""
    return sum(array.size * numpy.dtype(array.dtype).itemsize for array in arrays)


def trim() -> None:
    """Return unused memory to the system, if the C library can (``malloc_trim``)."""
    mx.nd.waitall()  # the engine frees late
    # The process itself; only glibc has this function, musl and macOS do not.
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)


def shared(numbers: Array) -> Any:
    """Return a legacy MXNet array on the CPU that shares a NumPy array's memory, if possible.

    It is read-only, and the NumPy array must stay alive until MXNet has read it.
    """
    flags = numbers.flags
    usable = flags.c_contiguous and flags.aligned and numbers.size and numbers.ndim
    if usable and numbers.dtype.name in DLDataType.TYPE_MAP:
        # A view, as `from_numpy` makes the array that it gets read-only.
        return mx.nd.from_numpy(numbers[...], zero_copy=True)
    return copied(numbers, mx.cpu(), np_mode=False)
