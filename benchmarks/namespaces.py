"""Two hosts on one machine: network namespaces, joined by a cable of a certain rate and delay.

Linux only, and for root only. A cable without delay is a veth pair. One with delay is a process
that passes packets from one TUN device to another, some time later: the kernel's own way (netem)
is missing in many kernels. Its rate is that of a token bucket (tc's tbf) at both ends.
"""

import fcntl
import itertools
import os
import select
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ADDRESSES = ("10.231.77.1", "10.231.77.2")
_NUMBERS = itertools.count()
_WRAPPER = '#!/bin/sh\nexec ip netns exec "$1" sh -c "$2"\n'


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")


def obstacle(**cable: float) -> str:
    """Return why there can be no such cable here; nothing if there can be one."""
    try:
        with two_hosts(**cable):
            return ""
    except OSError as error:
        return f"no network namespaces here: {error}"


@contextmanager
def two_hosts(rate: float = 0, delay: float = 0) -> Iterator[tuple[str, str]]:
    """Give the names of two namespaces, joined by `cable`: bits a second, seconds one way."""
    name = f"gk{os.getpid()}-{next(_NUMBERS)}"
    hosts, ends, relay = (f"{name}a", f"{name}b"), (f"{name}c", f"{name}d"), None
    try:
        for host in hosts:
            _do("ip", "netns", "add", host)
        if delay:
            command = [sys.executable, __file__, *ends, str(delay)]
            relay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if not relay.stdout.readline():
                raise OSError("no TUN devices")
        else:
            _do("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for host, end, address in zip(hosts, ends, ADDRESSES, strict=True):
            _do("ip", "link", "set", end, "netns", host, "name", "cable")
            _do("ip", "-n", host, "address", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                _do("ip", "-n", host, "link", "set", device, "up")
            if rate:  # a small bucket: a large one lets the beginning of each array through
                burst = f"{max(3200, rate / 8 * 3e-4):.0f}"
                bucket = ("tbf", "rate", f"{rate:.0f}", "burst", burst, "limit", "8000000")
                _do("tc", "-n", host, "qdisc", "add", "dev", "cable", "root", *bucket)
        yield hosts
    finally:
        if relay is not None:
            relay.communicate()
        for host in hosts:  # which takes its devices along
            with suppress(OSError):
                _do("ip", "netns", "delete", host)


def launch_options(folder: Path, hosts: tuple[str, str], slots: int = 1) -> list[str]:
    """Return what `gluonkit launch` needs to start processes there."""
    lines = [f"{h} address={a} slots={slots}\n" for h, a in zip(hosts, ADDRESSES, strict=True)]
    (folder / "hosts").write_text("".join(lines))
    (folder / "enter").write_text(_WRAPPER)
    (folder / "enter").chmod(0o755)
    return ["--hosts", str(folder / "hosts"), "--ssh", str(folder / "enter")]


def _relay(names: list[str], delay: float) -> None:
    """Pass packets on until standard input ends."""
    ends = [os.open("/dev/net/tun", os.O_RDWR) for _ in names]
    for end, name in zip(ends, names, strict=True):
        fcntl.ioctl(end, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x1001))  # TUNSETIFF
    print("ready", flush=True)
    waiting: deque[tuple[float, int, bytes]] = deque()
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for descriptor in select.select([0, *ends], [], [], pause)[0]:
            if descriptor == 0:
                return
            other = ends[descriptor == ends[0]]
            waiting.append((time.monotonic() + delay, other, os.read(descriptor, 1 << 16)))
        while waiting and waiting[0][0] <= time.monotonic():
            with suppress(OSError):  # an end that is down
                os.write(waiting[0][1], waiting[0][2])
            waiting.popleft()


if __name__ == "__main__":
    _relay(sys.argv[1:3], float(sys.argv[3]))
