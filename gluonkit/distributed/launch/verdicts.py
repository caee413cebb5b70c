"""What is said of a job that has failed, and with which exit status."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterable, Sequence

from gluonkit.distributed.launch.plan import Settings
from gluonkit.distributed.launch.process import Process
from gluonkit.errors import GluonkitError


class JobError(GluonkitError, RuntimeError):
    """A job has failed, with the exit status that says so."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def ended(process: Process) -> JobError:
    """Return the error for a process that has failed."""
    status = process.status or 0
    how = "status 0 before all workers had reported" if status == 0 else _how(status)
    after = process.ended - process.started
    last = "".join(f"\n    {line}" for line in process.lines)
    words = f". Its last lines:{last}\n" if last else ", without a word. "
    return JobError(
        f"{process} ended with {how} after {after:.1f} s{words}"
        "All other processes of the job have been ended.",
        # What a shell gives: 128 and the signal's number. A job that failed must not end with 0.
        128 - status if status < 0 else status or 1,
    )


def agent_gone(process: Process, settings: Settings) -> JobError:
    """Return the error for an agent that ended without saying how its process did."""
    status, host = process.agent.wait(), process.place.host
    said = _said(process)
    if not process.ready:
        fix = by_hand(process, settings)
        return JobError(f"{host} cannot be used: {_how(status)}. {said}{fix}")
    lost = f"the connection to {process}" if host.name else f"the agent of {process}"
    return JobError(
        f"{lost} was lost ({_how(status)}). {said}All processes of the job have been ended."
    )


def no_answer(process: Process, seconds: float, settings: Settings) -> JobError:
    """Return the error for an agent that does not answer."""
    fix = by_hand(process, settings)
    return JobError(
        f"{process.place.host} has not answered within {seconds:g} s. {_said(process)}{fix}"
    )


def by_hand(process: Process, settings: Settings) -> str:
    """Return the ssh command by which a user can test a host."""
    host = process.place.host
    if not host.name:
        return ""
    words = [*settings.ssh, host.name, f"{settings.there} -c 'import gluonkit'"]
    return f"Try by hand: {shlex.join(words)}"


def refused(process: Process, settings: Settings, cause: str, why: str) -> JobError:
    """Return the error for an agent that cannot start its process, and says why."""
    host = process.place.host
    if cause == "folder":
        return JobError(
            f"the working directory {settings.folder} cannot be used on {host}: {why}. It has to "
            "be there on all hosts"
        )
    if cause == "program":
        return JobError(
            f"the command {process.argv[0]!r} cannot be run on {host}: {why or 'not found'}",
            # As in a shell: 126 for what cannot be run, 127 for what is not found.
            126 if why else 127,
        )
    if cause == "address":
        return JobError(
            f"{host.address} is not an address of {host} ({why}); say in the hosts file by which "
            "one the others reach it: address=IP"
        )
    return JobError(
        f"port {settings.port} on {host} is taken ({why}); give another one as --port, or leave "
        "it out for a free one"
    )


def lost(process: Process, seconds: float) -> JobError:
    """Return the error for a host whose agent has stopped reporting."""
    return JobError(
        f"{process.place.host} is lost: nothing has been heard of {process} for {seconds:g} s. "
        "All processes of the job have been ended."
    )


def not_reported(missing: Sequence[Process], everyone: Sequence[Process], within: str) -> JobError:
    """Return the error for processes that have not registered with the scheduler."""
    names, scheduler = ", ".join(map(str, missing)), everyone[0]
    where = f"{scheduler.place.host.address}:{scheduler.port}"
    if missing[0] is scheduler:
        return JobError(f"{names} has not begun to listen at {where} {within}. {states(everyone)}")
    plural = len(missing) > 1
    return JobError(
        f"{names} {'have' if plural else 'has'} not reported to the scheduler {within}. "
        f"{states(everyone)}Does each call mx.kv.create, and can it reach {where}?"
    )


def standstill(everyone: Sequence[Process], seconds: float) -> JobError:
    """Return the error for a job without progress."""
    far = any(process.place.host.name for process in everyone)
    network = "Can the hosts still reach one another? " if far else ""
    return JobError(
        f"nothing has moved for {seconds:g} s: no process of the job has used the processor or "
        f"written a line. {states(everyone)}{network}All have been ended."
    )


def states(processes: Iterable[Process]) -> str:
    """Say which processes are stopped and which have ended."""
    said = ""
    for process in processes:
        if process.status is not None:
            said += f"{process} has ended with {_how(process.status)}. "
        elif process.stopped:
            said += f"{process} is stopped (SIGSTOP?). "
    return said


def _how(status: int) -> str:
    """Return in words how a process ended."""
    if status >= 0:
        return f"status {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    # Most real-time signals have no name in Python.
    except ValueError:
        return f"signal {-status}"


def _said(process: Process) -> str:
    return f"It said: {'; '.join(process.noise)}. " if process.noise else ""
