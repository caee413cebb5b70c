"""The workers of a distributed job, as one of them sees them, over MXNet's key-value stores.

A job is one scheduler, servers that add up what the workers push, and workers, each a process;
`gluonkit launch` starts them. This file connects a worker, and exchanges small records; what a
training step exchanges is in `exchange`.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import mxnet as mx
import numpy

from gluonkit._base.checks import a_type, unknown_name
from gluonkit._base.kinds import Array
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.system import roles

LOCAL = ("local", "device", "nccl")
"""MXNet's key-value stores of one process with several devices."""

DISTRIBUTED = ("dist_sync", "dist_device_sync", "dist_async")
"""Those of several processes."""

# MXNet finds a key's server by key * 9973 as a 32-bit number, and reads beyond its table where that
# overflows: keys end at 215,325. The first 100,000 are left to the user's own program.
_FIRST_KEY = 100_000

BOARDS = 210_000
"""Keys from here on are boards, on which workers write for one another; those below are arrays."""

_LAST_KEY = 215_000
_CONNECTED_WITHIN = 300.0  # seconds
_VARIABLES = ("DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER", "DMLC_NUM_SERVER")


class Workers:
    """All workers of a job; this process is one of them.

    Attributes
    ----------
    kv : mx.kv.KVStore
        MXNet's key-value store.
    rank, count : int
        This worker's number, from 0, and how many there are.
    kind : str
        'dist_sync', 'dist_device_sync' or 'dist_async'.
    """

    def __init__(self, kv: Any) -> None:
        self.kv = kv
        self.rank: int = kv.rank
        self.count: int = kv.num_workers
        self.kind: str = kv.type
        # Counted in the same way by all workers, which make the same calls, so that keys need no
        # agreement.
        self._next = [_FIRST_KEY, BOARDS]
        self._boards: dict[int, _Board] = {}
        self.compression: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"worker {self.rank} of {self.count} ({self.kind})"

    @property
    def is_async(self) -> bool:
        """Whether the servers update the weights with each gradient as it arrives."""
        return "async" in self.kind

    def new_keys(self, number: int, *, board: bool = False) -> list[int]:
        """Return unused keys, which are the same on all workers."""
        first, last = self._next[board], (BOARDS, _LAST_KEY)[board]
        if first + number > last:
            raise StateError(
                f"this job has exchanged {BOARDS - _FIRST_KEY:,} different arrays, and MXNet has "
                "no keys for more; start another job"
            )
        self._next[board] += number
        return list(range(first, first + number))

    def compress(self, params: dict[str, Any]) -> None:
        """Switch on MXNet's gradient compression.

        Raises
        ------
        StateError
            When compression is on with other parameters: MXNet cannot change it.
        """
        if self.compression == params:
            return
        if self.compression is not None:
            raise StateError(
                f"`compression_params` is {params}, but this job's gradients are compressed by "
                f"{self.compression} already, which MXNet cannot change; give the same"
            )
        self.kv.set_gradient_compression(params)
        self.compression = params
        self._boards = {}  # existing boards are not made for compression

    def push_pull(self, key: int, pushed: Any, pulled: Any, *, priority: int = 0) -> None:
        """Push an array, and pull the servers' result into one array or several."""
        if self.compression is None:
            self.kv.pushpull(key, pushed, out=pulled, priority=priority)  # one message for both
        else:
            self.kv.push(key, pushed, priority=priority)
            self.kv.pull(key, out=pulled, priority=priority)

    def of_first(self, values: Sequence[float]) -> Array:
        """Broadcast the values of worker 0: an array ``(len(values),)``, float32."""
        (array,) = self.shared([mx.nd.array(values, dtype="float32")])
        numbers: Array = array.asnumpy()
        return numbers

    def shared(self, arrays: Sequence[Any]) -> list[Any]:
        """Broadcast legacy arrays from worker 0."""
        keys = self.new_keys(len(arrays))
        # MXNet sends worker 0's arrays to the servers; the others only wait at a barrier.
        self.kv.init(keys, list(arrays))
        pulled = [mx.nd.zeros(array.shape, dtype=array.dtype) for array in arrays]
        self.kv.pull(keys, out=pulled)
        return pulled

    def gather(self, values: Sequence[float]) -> Array:
        """Gather the values of all workers: an array ``(count, len(values))``, float64.

        A barrier: all workers must call it.
        """
        width = len(values)
        # Kept by width, as keys are few, and MXNet cannot give one back.
        if width not in self._boards:
            (key,) = self.new_keys(1, board=True)
            self._boards[width] = _Board(self, key, width)
        return self._boards[width].exchange(numpy.asarray(values, "float64"))


class _Board:
    """An array with one row for each worker, whose numbers are transmitted exactly.

    The servers store float32 only, so a float64 is sent as four words of 16 bits. Gradient
    compression turns every number into -threshold, 0 or threshold; then it is sent as 64 single
    bits. Servers of an asynchronous job never reset their sums, so they are sent differences.
    """

    def __init__(self, workers: Workers, key: int, width: int) -> None:
        self._workers, self._key = workers, key
        compression = workers.compression
        self._threshold = None if compression is None else compression["threshold"]
        self._last = self._written(numpy.zeros(width))
        self._array = mx.nd.zeros((workers.count, len(self._last)))
        workers.kv.init(key, self._array)

    def exchange(self, values: Array) -> Array:
        """Write this worker's row, and return all rows."""
        kv, array, workers = self._workers.kv, self._array, self._workers
        row = self._written(values)
        # All rows but its own are zero: the sum over workers has each row as it was written.
        rows = numpy.zeros(array.shape, "float32")
        rows[workers.rank] = row - self._last if workers.is_async else row
        self._last = row
        array[:] = rows
        workers.push_pull(self._key, array, array)
        if workers.is_async:  # it has no barrier of its own
            array.wait_to_read()
            kv._barrier()
            kv.pull(self._key, out=array)
            array.wait_to_read()
            kv._barrier()
        return self._read(array.asnumpy())

    def _written(self, values: Array) -> Array:
        if self._threshold is None:
            return values.view("uint16").astype("float32")
        # MXNet adds what compression cuts off to the next push. Of 0 and the threshold it cuts off
        # nothing.
        bits = numpy.unpackbits(values.view("uint8")).astype("float32")
        return bits * numpy.float32(self._threshold)

    def _read(self, rows: Array) -> Array:
        if self._threshold is None:
            # float32 has all whole numbers up to 2**24, so that words of 16 bits arrive as they
            # were.
            words = numpy.rint(rows).astype("uint16")
        else:
            words = numpy.packbits(rows > self._threshold / 2, axis=1)
        numbers: Array = words.view("float64")
        return numbers


_connected: Workers | None = None


def is_worker() -> bool:
    """Return whether this process was started as a worker of a job."""
    return os.environ.get("DMLC_ROLE") == "worker" and "DMLC_PS_ROOT_URI" in os.environ


def resolve_kvstore(kvstore: Any) -> tuple[Any, Workers | None]:
    """Return a key-value store for the devices of this process, and the workers of the job.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        For a store that MXNet does not know, and when this process is not part of a job.
    """
    if kvstore is None or isinstance(kvstore, str):
        if kvstore in (None, *LOCAL):
            return kvstore, None
        if kvstore not in DISTRIBUTED:
            known = (*LOCAL, *DISTRIBUTED)
            raise unknown_name("kvstore", kvstore, known, f"Choose of: {', '.join(known)}.")
        return _within(kvstore), connect(kvstore)
    if not isinstance(kvstore, mx.kvstore.KVStore):
        raise ArgumentTypeError(
            f"`kvstore` is {a_type(kvstore)}; give a name, such as 'dist_sync', or what "
            "mx.kv.create returns"
        )
    if kvstore.type not in DISTRIBUTED:
        return kvstore, None
    return _within(kvstore.type), _known(kvstore)


def _within(kind: str) -> str:
    """Return the store that sums gradients over the devices of this worker."""
    return "device" if "device" in kind else "local"


def checked_compression(params: Any) -> dict[str, Any]:
    """Check the parameters of gradient compression.

    Raises
    ------
    ArgumentError
        For anything but type '2bit' with a positive threshold; MXNet 1.9.1 has no other.
    """
    given = dict(params) if isinstance(params, Mapping) else {}
    threshold = given.get("threshold", 0.5)
    known = given.get("type") == "2bit" and not given.keys() - {"type", "threshold"}
    if not (known and isinstance(threshold, (int, float)) and 0 < threshold < math.inf):
        raise ArgumentError(
            f"`compression_params` is {params!r}; MXNet has {{'type': '2bit', 'threshold': 0.5}}, "
            "with any positive threshold"
        )
    return {"type": "2bit", "threshold": float(threshold)}


def connect(kind: str) -> Workers:
    """Connect this worker with the others; later calls return the same connection.

    Raises
    ------
    ArgumentError
        When this process was not started as a worker.
    StateError
        When it is connected in another way, or the scheduler does not answer.
    """
    if _connected is not None:
        if _connected.kind != kind:
            raise StateError(
                f"`kvstore` is {kind!r}, but this process is connected by {_connected.kind!r} "
                "already; one job has one kind"
            )
        return _connected
    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing or os.environ.get("DMLC_ROLE", "worker") != "worker":
        raise ArgumentError(
            f"`kvstore` is {kind!r}, but this process is no worker of a job"
            f"{f' ({missing[0]} is not set)' if missing else ''}. Start the program by: "
            "gluonkit launch -n 2 -- python PROGRAM"
        )
    return _known(_created(kind))


def _known(kv: Any) -> Workers:
    """Return the `Workers` of a store; one object for each store, as it counts the used keys."""
    global _connected
    if _connected is None or (_connected.kv is not kv):
        _connected = Workers(kv)
    return _connected


def _created(kind: str) -> Any:
    """Create a store in a separate thread, as MXNet waits for the others without a timeout.

    Under `gluonkit launch` the launcher limits the time.
    """
    if os.environ.get(roles.LAUNCHED) == "1":
        return mx.kv.create(kind)
    made: list[Any] = []

    def create() -> None:
        try:
            made.append(mx.kv.create(kind))
        # Handed over, to be raised in the thread that waits.
        except BaseException as error:
            made.append(error)

    # A daemon: it may wait for ever, and must not keep the process from ending.
    thread = threading.Thread(target=create, name="gluonkit-connect", daemon=True)
    thread.start()
    thread.join(_CONNECTED_WITHIN)
    if not made:
        scheduler = f"{os.environ['DMLC_PS_ROOT_URI']}:{os.environ['DMLC_PS_ROOT_PORT']}"
        raise StateError(
            f"`kvstore` is {kind!r}, but the job is not complete after {_CONNECTED_WITHIN:g} s: "
            f"its scheduler ({scheduler}) waits for {os.environ['DMLC_NUM_WORKER']} workers and "
            f"{os.environ['DMLC_NUM_SERVER']} servers, or is not there itself. `gluonkit launch` "
            "starts all of them"
        )
    if isinstance(made[0], BaseException):
        raise made[0]
    return made[0]
