"""How long OpenMP's threads wait for work before they sleep: long, and shortly on a busy machine.

Threads that wait look for work again and again (spin) for a while, and then sleep. MXNet's OpenMP
is libgomp, which reads its variables when it is loaded, and then never again:

- By default a thread spins 300,000 times, milliseconds during which another process could have
  used its core: beside busy programs all takes tens of times as long.
- Where libgomp counts more threads of its own than processors, it spins 1,000 times at most if
  OMP_WAIT_POLICY was ``active``, and else 100 times, so that nearly every operator has to wake a
  sleeper. It counts anew each time that a thread begins to wait.

So threads spin long while nobody else wants their processors. A watch looks at Linux's counters
from time to time, and while others do want them it keeps a team of sleeping threads, which has
libgomp count more threads than processors. `benchmarks/busy.py` has the figures.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter, process_time, sleep

from gluonkit._base import cpu
from gluonkit.system import contention, openmp

POLICY = "OMP_WAIT_POLICY"
SPINS = "GOMP_SPINCOUNT"
_LIBRARY = "libgomp.so.1"

_LONG = 100_000
"""Some milliseconds of looking, more than lies between two calls in a loop."""

_CROWDED = 1000
"""How often libgomp looks at most where there are more threads than processors."""

_INTERVAL = 0.2
"""Seconds between two looks of the watch; the processors' clocks tick in hundredths."""

_LOOKING = 0.005
"""Share of the time that the watch may take: reading the counters is slow on large machines."""

_CALM = 3
"""Looks in turn that find the machine free, until threads spin long again."""

_ASLEEP = 0.05
"""Who uses less of a processor than this has no threads that spin."""

spin_count: int | None = None
"""How often a waiting thread looks again before it sleeps; None if libgomp itself decides."""

spin_count_busy: int | None = None
"""The same while other processes want the processors; None if it is not told apart."""

spin_count_set_by: str = "OpenMP"
"""Who chose it: 'OpenMP' (its default), 'user' or 'gluonkit'."""


def choose() -> None:
    """Load MXNet's OpenMP with how its threads wait, unless the user has chosen that.

    Both variables are put back: other programs, and other copies of OpenMP in this process,
    choose for themselves. Does nothing where OpenMP is loaded already, by another package, or
    cannot be loaded: then `import mxnet` fails, too, and says what is missing. Safe to call any
    number of times.
    """
    global spin_count, spin_count_busy, spin_count_set_by
    if spin_count_set_by != "OpenMP":
        return
    if POLICY in os.environ or SPINS in os.environ:
        text = os.environ.get(SPINS, "").strip()
        spin_count, spin_count_set_by = (int(text) if text.isdecimal() else None), "user"
        return
    if _is_loaded():
        return
    is_watched = _can_watch()
    count = _LONG if is_watched else _bound()
    with _in_environment({POLICY: "active", SPINS: str(count)}):
        try:
            library = ctypes.CDLL(_LIBRARY)
        except OSError:
            return
    spin_count, spin_count_set_by = count, "gluonkit"
    if is_watched:
        spin_count_busy = _CROWDED
        watch = Watch(Crowd(library))
        threading.Thread(target=watch.run, name="gluonkit-watch", daemon=True).start()


class Crowd:
    """A team of sleeping threads, so that libgomp counts more threads than processors."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._may_go = threading.Event()
        self._leader: threading.Thread | None = None

    def gather(self) -> None:
        """Start the team, if it is not there."""
        if self._leader is None:
            self._may_go.clear()
            self._leader = threading.Thread(target=self._stand, name="gluonkit-crowd", daemon=True)
            self._leader.start()

    def disperse(self) -> None:
        """End the team, if it is there."""
        if self._leader is not None:
            self._may_go.set()
            self._leader.join()
            self._leader = None

    def _stand(self) -> None:
        # libgomp ends a team together with the thread that has started it. What the team runs is
        # C's `free` of nothing, for a function of Python's would have each thread wait for Python.
        parallel = self._library.GOMP_parallel
        parallel.restype = None
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        nothing = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)
        parallel(nothing, None, len(cpu.logical_cpus()) + 1, 0)
        self._may_go.wait()


class Watch:
    """Has threads spin shortly while the machine is busy."""

    def __init__(
        self, crowd: Crowd, meter: Callable[[], contention.Meter] = contention.Meter
    ) -> None:
        self._crowd, self._made = crowd, meter
        self._meter, self._used = meter(), process_time()
        self._calm = 0

    def run(self) -> None:
        """Look from time to time, as long as the process lives."""
        pause = _INTERVAL
        while True:
            sleep(pause)
            began = perf_counter()
            self.look()
            pause = max(_INTERVAL, (perf_counter() - began) / _LOOKING)

    def look(self) -> None:
        """Look once at what has been since the last time."""
        used, self._used = self._used, process_time()
        is_asleep = self._used - used < _ASLEEP * _INTERVAL
        is_busy = not is_asleep and self._meter.contention().is_busy
        self._calm = 0 if is_busy else self._calm + 1
        if is_busy:
            self._crowd.gather()
        elif self._calm == _CALM:
            self._crowd.disperse()
        self._meter = self._made()


def warning(consequence: str) -> str:
    """Return the warning of a busy machine, with what follows from it, and what helps.

    It has no figures, so that Python shows it once for each line of a program.
    """
    ways = []
    if openmp.threads() != 1:
        ways.append("fewer threads (OMP_NUM_THREADS=1, or configure(threads=1))")
    # Threads that spin have the processor, and do nothing with it. The user has chosen, or not.
    if spin_count_set_by != "user":
        ways.append(
            "threads that sleep when they wait (OMP_WAIT_POLICY=passive in the environment before "
            "Python starts)"
        )
    cure = f" What helps: {', and '.join(ways)}." if ways else ""
    return (
        "the machine is busy: other processes have the processor while threads of this one are "
        f"ready to run. {consequence}{cure}"
    )


def _can_watch() -> bool:
    """Say whether spinning long does no harm here: contention can be told, and nothing is rationed.

    Who has a quota of processor time, as containers do, would spend it on spinning.
    """
    return contention.can_be_told() and cpu.cgroup_quota() >= len(cpu.logical_cpus())


def _bound() -> int:
    """Return the number of looks that lasts some 50 to 100 microseconds on this processor.

    That bridges the gap between two operators, and is far below a time slice of the kernel's. One
    look is a ``pause``, which takes Intel's processors since Skylake some 140 cycles. On ARM it is
    no instruction of its own, and takes the few cycles of the loop.
    """
    if cpu.is_arm():
        return 50_000
    return 2000 if cpu.vendor() == "GenuineIntel" else 1000


def _is_loaded() -> bool:
    try:
        ctypes.CDLL(_LIBRARY, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except (OSError, AttributeError):  # not in this process; not Linux
        return False
    return True


@contextmanager
def _in_environment(variables: dict[str, str]) -> Iterator[None]:
    """Have variables that are not set in the environment, which C's `getenv` sees, for a while."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
