"""The machines of a job: the file that lists them, and what each is called."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from gluonkit.errors import ArgumentError

_SHAPE = "each line is HOST [slots=N] [address=IP]; what follows a # is a comment"

# Loopback, the private networks of RFC 1918, and link-local addresses.
_LOOPBACK, _LINK_LOCAL = "127.0.0.0/8", "169.254.0.0/16"
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_OURS = tuple(map(IPv4Network, (_LOOPBACK, *_PRIVATE, _LINK_LOCAL)))


@dataclass(frozen=True)
class Host:
    """One machine.

    Attributes
    ----------
    name : str
        The host as ssh knows it; empty for this machine, which needs no ssh.
    address : str
        The IPv4 address by which the other processes reach it.
    slots : int or None
        Maximum number of workers; None if the file gives none.
    """

    name: str
    address: str
    slots: int | None = None

    def __str__(self) -> str:
        return self.name or "this machine"


# The loopback address: the job needs no network, and no other machine reaches its ports.
HERE = Host("", "127.0.0.1")
"""This machine, for a job that runs nowhere else."""


def read_hosts(path: str) -> tuple[Host, ...]:
    """Return the machines that a hosts file lists, in its order.

    Raises
    ------
    ArgumentError
        When the file cannot be read, lists nothing, or has a line that is not understood, lists a
        machine twice, or names one whose address is not known.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ArgumentError(
            f"`--hosts` is {path!r}, which cannot be read: {why}. Give a text file; {_SHAPE}"
        ) from None
    hosts: list[Host] = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if words:
            where = f"`--hosts`: line {number} of {path}"
            hosts.append(_host(words, where))
            if any(host.name == words[0] for host in hosts[:-1]):
                raise ArgumentError(
                    f"{where} lists {words[0]!r} a second time; give one line with slots=N"
                )
    if not hosts:
        raise ArgumentError(f"`--hosts` is {path!r}, which lists no host; {_SHAPE}")
    return tuple(hosts)


def exposed(hosts: Sequence[Host]) -> str:
    """Return a warning if processes would listen where strangers may be; '' if none would.

    A job's processes listen at their host's address, and nowhere else.
    """
    public = {
        f"{host} ({host.address})"
        for host in hosts
        if not any(IPv4Address(host.address) in network for network in _OURS)
    }
    if not public:
        return ""
    return (
        f"warning: {', '.join(sorted(public))}: neither a loopback nor a private address. MXNet "
        "neither encrypts nor authenticates what workers and servers exchange, and servers run "
        "the code that they are sent: let a firewall keep all but these hosts out, or give "
        "address=IP of a private network in the hosts file"
    )


def _host(words: list[str], where: str) -> Host:
    name, slots, address = words[0], None, None
    # ssh would take "-" for one of its options; "=" is a setting whose host was forgotten.
    if name.startswith("-") or "=" in name:
        raise ArgumentError(f"{where} begins with {name!r}, which is no host's name; {_SHAPE}")
    for word in words[1:]:
        key, _, value = word.partition("=")
        if key == "slots" and value.isdecimal() and int(value) > 0:
            slots = int(value)
        elif key == "slots":
            raise ArgumentError(f"{where} has {word!r}; give slots a whole number from 1")
        elif key == "address" and value:
            address = value
        else:
            raise ArgumentError(f"{where} has {word!r}, which is not understood; {_SHAPE}")
    # ssh takes USER@HOST, but an address belongs to the host.
    return Host(name, _resolved(address or name.rpartition("@")[2], where), slots)


def _resolved(name: str, where: str) -> str:
    """Return a name's IPv4 address; ps-lite, MXNet's transport, knows no IPv6."""
    try:
        addresses = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ArgumentError(
            f"{where} names {name!r}, which has no IPv4 address here ({why}); mend the name, or "
            "say address=IP, the address by which the other hosts reach it"
        ) from None
    return str(addresses[0][4][0])
