"""The agent's two ends: lines of a process's output, and reports to the launcher."""

from __future__ import annotations

import json
import os
from typing import Any

CHUNK = 65536
# Bytes. When more wait, the process is not read, so that its own pipe fills and it waits.
_FULL = 1 << 20


class Lines:
    """Cuts the bytes of one stream into lines of text.

    Attributes
    ----------
    name : str
        'stdout' or 'stderr'.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._unfinished = b""

    def cut(self, received: bytes) -> list[str]:
        """Return the complete lines so far; at the end of the stream (b"") also the rest."""
        *lines, rest = (self._unfinished + received).split(b"\n")
        # A line without an end must not fill the memory.
        if (not received or len(rest) > CHUNK) and rest:
            lines, rest = [*lines, rest], b""
        self._unfinished = rest
        # Of a line that was written over again and again (a progress bar), the last state.
        return [line.decode(errors="replace").rstrip("\r").rpartition("\r")[2] for line in lines]


class Outbox:
    """A queue of reports to the launcher, which may be slow, or gone.

    Attributes
    ----------
    broken : bool
        Whether the launcher is gone; reports are then dropped.
    """

    def __init__(self, descriptor: int) -> None:
        # A launcher that reads slowly must not keep the agent from looking after its process.
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._waiting = bytearray()
        self.broken = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def full(self) -> bool:
        """Whether the queue is so long that the process's output must not be read for now."""
        return len(self._waiting) > _FULL

    def report(self, what: str, **values: Any) -> None:
        """Add a report, a line of JSON."""
        self._waiting += json.dumps({"is": what, **values}).encode() + b"\n"

    def flush(self) -> None:
        """Write as much as the launcher accepts without blocking."""
        try:
            while self._waiting and not self.broken:
                written = os.write(self._descriptor, self._waiting[:CHUNK])
                del self._waiting[:written]
        except BlockingIOError:
            return
        except OSError:
            self.broken = True
        if self.broken:
            self._waiting.clear()

    def finish(self) -> None:
        """Write all that is queued, blocking."""
        os.set_blocking(self._descriptor, True)
        self.flush()
