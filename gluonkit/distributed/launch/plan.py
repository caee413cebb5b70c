"""Who runs where, with which rank, and with which environment. Starts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gluonkit.distributed.launch.hosts import Host
from gluonkit.errors import ArgumentError

Role = Literal["scheduler", "server", "worker"]

# ssh gives a process the environment of a login, and nothing of ours.
_FORWARDED = ("MXNET_", "DMLC_", "PS_", "OMP_", "KMP_", "GLUONKIT_", "PYTHON")
"""Beginnings of the variables that other machines get from the launcher's environment."""


@dataclass(frozen=True)
class Place:
    """A process to be started, before ranks are known."""

    role: Role
    host: Host


@dataclass(frozen=True)
class Seat:
    """One process with its rank, which is MXNet's ``kv.rank`` for a worker.

    Attributes
    ----------
    role : Role
        What it is.
    host : Host
        The machine that it runs on.
    port : int
        Where it listens.
    rank : int
        Its number among those of its role.
    cores : int
        Threads of arithmetic that its machine can run at once.
    """

    role: Role
    host: Host
    port: int
    rank: int
    cores: int

    @property
    def label(self) -> str:
        """The prefix of each of its lines of output."""
        return {"worker": f"{self.rank}", "server": f"server {self.rank}"}.get(self.role, self.role)

    def __str__(self) -> str:
        return "the scheduler" if self.role == "scheduler" else f"{self.role} {self.rank}"


@dataclass(frozen=True)
class Settings:
    """What a job is to do.

    Attributes
    ----------
    places : tuple of Place
        Its processes.
    argv : tuple of str
        The workers' command.
    timeout : float
        Seconds without any progress after which the job is given up.
    port : int
        The scheduler's port; 0 for a free one.
    ssh : tuple of str
        The command that runs another one on a host.
    here, there : str
        The Python of this machine, and of the other hosts.
    folder : str
        The working directory, the same on all hosts.
    user : mapping of str to str
        The launcher's environment, without what gluonkit chose itself.
    """

    places: tuple[Place, ...]
    argv: tuple[str, ...]
    timeout: float
    port: int
    ssh: tuple[str, ...]
    here: str
    there: str
    folder: str
    user: Mapping[str, str]


def deal(workers: int, servers: int | None, hosts: Sequence[Host]) -> tuple[Place, ...]:
    """Return the scheduler, the servers (by default one for each host) and the workers.

    Workers are dealt to the hosts in turn, or, if slots are given, fill one host after the other; a
    host without slots then counts as one.

    Raises
    ------
    ArgumentError
        When there are more workers than slots.
    """
    places = [Place("scheduler", hosts[0])]
    count = len(hosts) if servers is None else servers
    places += [Place("server", hosts[index % len(hosts)]) for index in range(count)]
    if any(host.slots for host in hosts):
        slots = [host for host in hosts for _ in range(host.slots or 1)]
        if workers > len(slots):
            raise ArgumentError(
                f"`-n` is {workers}, but the hosts file has {len(slots)} slots in all; ask for "
                "fewer workers or raise slots=N"
            )
    else:
        slots = [hosts[index % len(hosts)] for index in range(workers)]
    return (*places, *(Place("worker", host) for host in slots[:workers]))


def seats(places: Sequence[Place], ports: Sequence[int], cores: Sequence[int]) -> tuple[Seat, ...]:
    """Give each process the rank that ps-lite will give it, in the order of `places`.

    ps-lite orders the processes of a role by address, as text and descending, then by port,
    ascending (`Van::ProcessAddNodeCommandAtScheduler`); it ignores DMLC_RANK.
    """
    order = sorted(range(len(places)), key=lambda index: ports[index])
    order.sort(key=lambda index: places[index].host.address, reverse=True)  # keeps equals in order
    counted: Counter[str] = Counter()
    ranks: dict[int, int] = {}
    for index in order:
        ranks[index] = counted[places[index].role]
        counted[places[index].role] += 1
    return tuple(
        Seat(place.role, place.host, ports[index], ranks[index], cores[index])
        for index, place in enumerate(places)
    )


def environment(seat: Seat, everyone: Iterable[Seat], user: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a process, in addition to its machine's.

    `user` is the launcher's own environment, in which the user may have made choices.
    """
    everyone = tuple(everyone)
    scheduler = next(other for other in everyone if other.role == "scheduler")
    number = Counter(other.role for other in everyone)
    made = {name: value for name, value in user.items() if name.startswith(_FORWARDED)}
    made |= {
        "DMLC_ROLE": seat.role,
        "DMLC_PS_ROOT_URI": scheduler.host.address,
        "DMLC_PS_ROOT_PORT": str(scheduler.port),
        "DMLC_NUM_WORKER": str(number["worker"]),
        "DMLC_NUM_SERVER": str(number["server"]),
        # Without it ps-lite takes the first network interface, which others may not reach.
        "DMLC_NODE_HOST": seat.host.address,
        # ps-lite ignores it; it tells programs early what `kv.rank` will be.
        "DMLC_RANK": str(seat.rank),
        "GLUONKIT_LAUNCHED": "1",
        # Python collects what it writes to a pipe; lines would come late, or never if it is
        # killed.
        "PYTHONUNBUFFERED": user.get("PYTHONUNBUFFERED") or "1",
    }
    if seat.role == "scheduler":
        made.setdefault("PS_VERBOSE", "2")  # says who has reported
    else:
        # ps-lite listens here, where it would choose a port itself; its order of ranks needs it.
        made["PORT"] = str(seat.port)
    if not user.get("OMP_NUM_THREADS") and not user.get("MXNET_OMP_MAX_THREADS"):
        # A server only adds up, with one thread; the cores are for the workers.
        beside = sum(other.role == "worker" and other.host == seat.host for other in everyone)
        threads = max(1, seat.cores // beside) if seat.role == "worker" else 1
        made["OMP_NUM_THREADS"] = str(threads)
    return made
