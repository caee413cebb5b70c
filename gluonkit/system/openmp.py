"""MXNet's OpenMP: how many threads, and for whom; chosen before it is loaded.

An operator shares its work among OpenMP's threads, and these wait for the next one, as
`system/spinning.py` has them. Each thread that uses OpenMP gets a team of its own. MXNet's engine
computes in one worker, so that there is one team; but copies of 200,000 numbers and more, as
`nd.array(images)` makes them, are shared out in Python's thread, too, and from then on there are
more threads than cores, which hardly wait before they sleep: Gluon's training loop of LeNet takes
twice as long, a compiled call seven times. So copies are left to one thread.
"""

from __future__ import annotations

import os
import sys

from gluonkit._base import cpu
from gluonkit._base.checks import is_number
from gluonkit.errors import EnvironmentVariableError

# From how many numbers on MXNet copies with several threads; read at the first copy.
_SHARED_COPIES = "MXNET_CPU_PARALLEL_SIZE"

threads_set_by: str = "MXNet"
"""Who chose the number of OpenMP threads: 'MXNet' (its default), 'user' or 'gluonkit'."""


def choose() -> None:
    """Choose all that the user has not chosen. Safe to call any number of times.

    Raises
    ------
    EnvironmentVariableError
        When a number of threads in the environment is none, at which MXNet would abort.
    """
    _choose_threads()
    os.environ.setdefault(_SHARED_COPIES, str(2**31 - 1))


def threads() -> int | None:
    """Return the number of OpenMP threads of one operator; None if MXNet chooses."""
    # In this order: where OMP_NUM_THREADS is set, MXNet does not look at its own variable.
    text = os.environ.get("OMP_NUM_THREADS") or os.environ.get("MXNET_OMP_MAX_THREADS")
    return int(text) if text and is_number(text) else None


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
