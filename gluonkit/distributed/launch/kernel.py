"""What an agent asks of the system: the processes below it, and what they have used."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36
_PROC = Path("/proc")


def adopt_orphans() -> None:
    """Make this process the new parent of descendants whose parents end (a subreaper).

    No descendant can escape then, not even into its own session.
    """
    _prctl(_SET_CHILD_SUBREAPER, 1)


def end_with(parent: int) -> None:
    """Let the kernel kill this process when `parent`, which started it, ends."""
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before this call
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    call = getattr(_LIBC, "prctl", None)  # macOS has none
    if call is not None:
        call(option, ctypes.c_ulong(value), 0, 0, 0)


_LIBC = ctypes.CDLL(None)  # before any fork: the loader may hold a lock


def below(pid: int) -> list[int]:
    """Return all descendants of a process."""
    descendants: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        descendants += children
        waiting += children
    return descendants


def _children(pid: int) -> list[int]:
    """Return a process's children, from the lists that the kernel keeps for each thread."""
    children: list[int] = []
    for thread in _PROC.glob(f"{pid}/task/*"):
        try:
            children += map(int, (thread / "children").read_text().split())
        except FileNotFoundError:
            if thread.exists():  # a kernel without CONFIG_PROC_CHILDREN
                return _children_by_search(pid)
        except OSError:
            pass
    return children


def _children_by_search(pid: int) -> list[int]:
    """Return a process's children by asking every process for its parent."""
    everyone = [int(path.name) for path in _PROC.glob("[0-9]*")]
    return [other for other in everyone if _stat(other)[1:2] == [str(pid)]]


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` from the state on; [] when the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # the name in parentheses may contain anything


def of_session(pids: Iterable[int], leader: int) -> list[int]:
    """Return those of the processes that are in the session of `leader`."""
    return [pid for pid in pids if _stat(pid)[3:4] == [str(leader)]]


def usage(pids: Iterable[int]) -> tuple[float, bool]:
    """Return the processor seconds of these processes, and whether one of them is stopped.

    Children that were reaped count for their parent.
    """
    ticks, stopped = 0, False
    for fields in filter(None, map(_stat, pids)):
        ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
        stopped = stopped or fields[0] in "Tt"
    return ticks / os.sysconf("SC_CLK_TCK"), stopped


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to these processes; ignore those that are gone or belong to other users."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
