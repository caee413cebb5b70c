"""MXNet's engine and threads: what they are, and choosing them before the engine starts.

The engine starts with the first operation of the process and cannot be changed afterwards.
MXNet offers no way to ask whether it has started, so `watch` puts a trip-wire on the native
functions that start it; the first call of any of them takes all the wires away again, and
nothing is left that could cost time.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gluonkit._base import cpu
from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import described, unknown_name
from gluonkit._base.tables import Shown
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.system import compat, openmp, spinning
from gluonkit.system.patches import STARTERS, for_good

ENGINES = {
    "threaded": "ThreadedEnginePerDevice",
    "pooled": "ThreadedEngine",
    "naive": "NaiveEngine",
}
"""gluonkit's name of each engine, and MXNet's."""


_started: bool | None = None  # None: unknown, as MXNet was imported before gluonkit
_library: Any = None
_threads_at_load = 0  # libgomp never uses more threads than when it was loaded


@dataclass(frozen=True)
class Runtime(Shown):
    """The engine and the threads of this process.

    Attributes
    ----------
    engine : str
        'threaded', 'pooled' or 'naive', or the value of the variable if it is another one.
    engine_set_by : str
        'MXNet' (its default), 'user' or 'gluonkit'.
    threads : int or None
        OpenMP threads of one operator; None if MXNet chooses.
    threads_set_by : str
        'MXNet', 'user' or 'gluonkit'.
    spin_count : int or None
        How often a waiting OpenMP thread looks for work before it sleeps (GOMP_SPINCOUNT); None
        if OpenMP decides, or if only OMP_WAIT_POLICY is set.
    spin_count_busy : int or None
        The same while other processes want the processors; None if it is not told apart.
    spin_count_set_by : str
        'OpenMP', 'user' or 'gluonkit'.
    started : bool or None
        Whether an operation has run, after which nothing can be changed; None (unknown) if MXNet
        was imported before gluonkit.
    """

    engine: str
    engine_set_by: str
    threads: int | None
    threads_set_by: str
    spin_count: int | None
    spin_count_busy: int | None
    spin_count_set_by: str
    started: bool | None


_engine_set_by_us = False


def runtime() -> Runtime:
    """Return the engine and the number of threads in use, and who chose them.

    Returns
    -------
    Runtime
        Engine, threads, how threads wait, and whether MXNet has started.
    """
    engine = os.environ.get("MXNET_ENGINE_TYPE")
    names = {theirs: ours for ours, theirs in ENGINES.items()}
    set_by = "gluonkit" if _engine_set_by_us else "user" if engine else "MXNet"
    return Runtime(
        engine=names.get(engine, engine) if engine else "threaded",
        engine_set_by=set_by,
        threads=openmp.threads(),
        threads_set_by=openmp.threads_set_by,
        spin_count=spinning.spin_count,
        spin_count_busy=spinning.spin_count_busy,
        spin_count_set_by=spinning.spin_count_set_by,
        started=_started,
    )


@checked_but("engine")
def configure(*, engine: str | None = None, threads: int | None = None) -> Runtime:
    """Choose MXNet's engine and thread count for this process, before its first operation.

    Parameters
    ----------
    engine : str, optional
        ``"threaded"`` (MXNet's default), ``"pooled"`` or ``"naive"``; MXNet's own names are taken
        too. The naive engine runs each operation in the calling thread, synchronously: a forward
        pass of a small network is faster without the change of threads, training is slower.
    threads : int, optional
        OpenMP threads of one operator, from 1 to what OMP_NUM_THREADS allowed when MXNet was
        imported (gluonkit's default: the physical cores that this process may use).

    Returns
    -------
    Runtime
        The settings in use now.

    Raises
    ------
    ArgumentError
        For an unknown engine or a thread count out of range.
    StateError
        When an operation has already run and the call would change something. Repeating the same
        settings is allowed, so that a notebook's cell can run twice.
    """
    global _engine_set_by_us
    kind = None if engine is None else _engine_name(engine)
    if threads is not None:
        _check_threads(threads)
    now = runtime()
    if (kind in (None, now.engine)) and (threads in (None, now.threads)):
        return now
    # Unknown (None) is refused like True: a change without effect would not be noticed.
    if _started is not False:
        raise StateError(_too_late(now, kind, threads))
    # Threads first, as `_set_threads` may refuse; the engine is not changed then.
    if threads not in (None, now.threads):
        _set_threads(threads)
    if kind not in (None, now.engine):
        # MXNet logs a line on standard error for an engine that is named, even the default.
        if kind == "threaded":
            os.environ.pop("MXNET_ENGINE_TYPE", None)
        else:
            os.environ["MXNET_ENGINE_TYPE"] = ENGINES[kind]
        _engine_set_by_us = True
    return runtime()


def _engine_name(engine: str) -> str:
    """Return gluonkit's name of an engine given by either name."""
    if not isinstance(engine, str):
        raise ArgumentTypeError(
            f"`engine` is {described(engine)}; give a name: {', '.join(ENGINES)}"
        )
    for ours, theirs in ENGINES.items():
        if engine in (ours, theirs):
            return ours
    raise unknown_name("engine", engine, ENGINES, f"Engines: {', '.join(ENGINES)}.")


def _check_threads(threads: int) -> None:
    if isinstance(threads, bool) or not isinstance(threads, int):
        raise ArgumentTypeError(f"`threads` is {described(threads)}; give a whole number from 1")
    if threads < 1:
        raise ArgumentError(f"`threads` is {threads}; give a whole number from 1")
    if _started is False and threads > _threads_at_load:
        raise ArgumentError(
            f"`threads` is {threads}, but OpenMP was loaded with at most {_threads_at_load} in "
            f"this process ({cpu.usable_cores()} physical cores are usable here). For more, set "
            f"OMP_NUM_THREADS={threads} in the environment before Python starts"
        )


def _too_late(now: Runtime, engine: str | None, threads: int | None) -> str:
    asked = ", ".join(
        f"{name}={value!r}"
        for name, value in (("engine", engine), ("threads", threads))
        if value is not None
    )
    why = (
        "MXNet was imported before gluonkit, so its engine may have started already"
        if now.started is None
        else f"MXNet's engine has started with the first operation (engine {now.engine!r}, "
        f"threads {now.threads})"
    )
    return (
        f"configure({asked}) comes too late: {why}, and cannot be changed any more. Import "
        "gluonkit first and call configure before any array is made, or set MXNET_ENGINE_TYPE "
        "and OMP_NUM_THREADS in the environment before Python starts"
    )


def _set_threads(threads: int) -> None:
    """Make MXNet use `threads` OpenMP threads, although it has been imported already.

    MXNet reads the environment once, when its `OpenMP` singleton is constructed. Constructing
    it again in place, with MXNET_OMP_MAX_THREADS in place of OMP_NUM_THREADS, makes the engine's
    workers, which do not exist yet, start with the new number; the C function does the same for
    the calling thread, in which the naive engine computes.
    """
    # OpenMP::Get() and the constructor, by their mangled names; a build need not export them.
    get = getattr(_library, "_ZN5mxnet6engine6OpenMP3GetEv", None)
    construct = getattr(_library, "_ZN5mxnet6engine6OpenMPC1Ev", None)
    if get is None or construct is None:
        raise StateError(
            "this build of MXNet does not let the thread count change after its import; set "
            f"OMP_NUM_THREADS={threads} in the environment before Python starts"
        )
    get.restype, construct.restype = ctypes.c_void_p, None
    # `os.environ` writes through to the C environment, which the constructor reads. If it saw
    # OMP_NUM_THREADS, workers would keep what libgomp took from it when it was loaded.
    os.environ.pop("OMP_NUM_THREADS", None)
    os.environ["MXNET_OMP_MAX_THREADS"] = str(threads)
    construct(ctypes.c_void_p(get()))
    del os.environ["MXNET_OMP_MAX_THREADS"]
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for child processes, and for `runtime`
    _library.MXSetNumOMPThreads(ctypes.c_int(threads))
    openmp.threads_set_by = "gluonkit"


def watch(mxnet: Any) -> None:
    """Detect the first operation, if gluonkit itself imported MXNet."""
    global _started, _library, _threads_at_load
    # Where the program imported MXNet first, operations may have run unseen: unknown, for good.
    if _library is not None or not compat.imported_mxnet:
        return
    _library = mxnet.base._LIB
    _threads_at_load = runtime().threads or 1
    _started = False
    # Builds differ in what they export, and ctypes has no attribute for what is not there.
    originals = {name: getattr(_library, name, None) for name in STARTERS}
    originals = {name: function for name, function in originals.items() if function is not None}
    for name, function in originals.items():
        # ctypes keeps functions as attributes of the library: all of MXNet's Python calls the
        # wrapper.
        for_good(_library, name, _trip_wire(function, originals))


def _trip_wire(function: Any, originals: dict[str, Any]) -> Callable[..., Any]:
    """Return a wrapper of a native function that removes all wrappers when it is called."""

    def first_operation(*args: Any) -> Any:
        global _started
        _started = True
        for name, original in originals.items():
            for_good(_library, name, original)
        return function(*args)

    return first_operation
