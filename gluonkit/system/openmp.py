"""MXNet's OpenMP: how many threads, how they wait, and for whom; chosen before it is loaded.

An operator shares its work among OpenMP's threads, and these wait for the next operator: they
look for it again and again (spin) for a while, and then sleep. MXNet's OpenMP is libgomp, which
reads its variables when it is loaded, and then never again:

- By default a thread spins 300,000 times, milliseconds during which another process could have
  used its core. But where libgomp counts more threads than cores, it spins 100 times only, and
  nearly every operator has to wake a sleeper: Gluon's training loop of LeNet takes twice as long,
  a compiled call seven times.
- ``OMP_WAIT_POLICY=active`` alone has them spin for minutes; with a GOMP_SPINCOUNT it spins that
  often, and 1,000 times where there are more threads than cores.
- Each thread that uses OpenMP gets a team of its own. MXNet's engine computes in one worker, so
  that there is one team; but copies of 200,000 numbers and more, as `nd.array(images)` makes
  them, are shared out in Python's thread, too, and from then on there are more threads than cores.

So threads spin a bounded number of times, and copies are left to one thread. `benchmarks/busy.py`
has the figures.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gluonkit._base import cpu
from gluonkit.errors import EnvironmentVariableError

POLICY = "OMP_WAIT_POLICY"
SPINS = "GOMP_SPINCOUNT"
_LIBRARY = "libgomp.so.1"
# From how many numbers on MXNet copies with several threads; read at the first copy.
_SHARED_COPIES = "MXNET_CPU_PARALLEL_SIZE"

threads_set_by: str = "MXNet"
"""Who chose the number of OpenMP threads: 'MXNet' (its default), 'user' or 'gluonkit'."""

spin_count: int | None = None
"""How often a waiting thread looks again before it sleeps; None if libgomp itself decides."""

spin_count_set_by: str = "OpenMP"
"""Who chose it: 'OpenMP' (its default), 'user' or 'gluonkit'."""


def choose() -> None:
    """Choose all that the user has not chosen. Safe to call any number of times.

    Raises
    ------
    EnvironmentVariableError
        When a number of threads in the environment is none, at which MXNet would abort.
    """
    _choose_threads()
    os.environ.setdefault(_SHARED_COPIES, str(2**31 - 1))
    # Last: libgomp reads the number of threads, too, when it is loaded.
    _choose_waiting()


def _choose_waiting() -> None:
    """Load MXNet's OpenMP with bounded spinning, unless the user has chosen how threads wait.

    Both variables are put back: other programs, and other copies of OpenMP in this process,
    choose for themselves. Does nothing where OpenMP is loaded already, by another package, or
    cannot be loaded: then `import mxnet` fails, too, and says what is missing.
    """
    global spin_count, spin_count_set_by
    if spin_count_set_by != "OpenMP":
        return
    if POLICY in os.environ or SPINS in os.environ:
        text = os.environ.get(SPINS, "").strip()
        spin_count, spin_count_set_by = (int(text) if text.isdecimal() else None), "user"
        return
    if _is_loaded():
        return
    count = _bound()
    with _in_environment({POLICY: "active", SPINS: str(count)}):
        try:
            ctypes.CDLL(_LIBRARY)
        except OSError:
            return
    spin_count, spin_count_set_by = count, "gluonkit"


def _choose_threads() -> None:
    """Set OMP_NUM_THREADS to the usable physical cores, unless the user has set it.

    By default MXNet uses half of the logical processors, assuming hyper-threads; on a virtual
    machine that is half of the cores. It reads the variable while it is imported.
    """
    global threads_set_by
    # The number in the environment is then ours, from an earlier call, and no choice of the
    # user's.
    if threads_set_by == "gluonkit":
        return
    for name in ("OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS"):
        value = os.environ.get(name)
        if value is not None and not (value.strip().isdecimal() and int(value) > 0):
            raise EnvironmentVariableError(
                f"the environment variable {name} is {value!r}, which is not a number of threads; "
                "MXNet would abort the process. Set it to a whole number from 1, or unset it and "
                f"gluonkit takes the usable cores: {cpu.usable_cores()}"
            )
    if "OMP_NUM_THREADS" in os.environ or "MXNET_OMP_MAX_THREADS" in os.environ:
        threads_set_by = "user"
    # MXNet reads the variable during its import only.
    elif "mxnet" not in sys.modules:
        os.environ["OMP_NUM_THREADS"] = str(cpu.usable_cores())
        threads_set_by = "gluonkit"


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
