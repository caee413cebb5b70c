"""What the workers share: each loads one network, and calls it when the parent says so.

Only the standard library and NumPy, for this runs in everybody's environment. A worker is started
with the kind of the contestant, the number of threads (0 for the framework's own choice), the
folder of the network's files, the network's name, and where to write its output. It says on
standard output when it is ready, then answers each line, one JSON value each.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy

WARM = 0.3
"""Seconds that a network is called before it is ready, besides what compiles it."""

Call = Callable[[Any], Any]


@dataclass(frozen=True)
class Task:
    """What a worker has to do, as its command line says."""

    kind: str
    threads: int
    folder: Path
    network: str
    output: Path

    def arrays(self) -> dict[str, Any]:
        """Return the weights by name, the input `x` and the output that is `expected`."""
        with numpy.load(self.folder / "arrays.npz") as file:
            return dict(file)

    def layers(self) -> dict[str, Any]:
        """Return the list of layers."""
        found: dict[str, Any] = json.loads((self.folder / "layers.json").read_text())
        return found

    def onnx(self) -> str:
        """Return the ONNX file's path."""
        return str(self.folder / "net.onnx")


@dataclass(frozen=True)
class Loaded:
    """A network that is ready: what calls it, the framework's version, and how it is run."""

    call: Call
    version: str
    note: str = ""


def serve(load: Callable[[Task], Loaded]) -> None:
    """Load what the command line says, and make calls until standard input ends."""
    kind, threads, folder, network, output = sys.argv[1:]
    task = Task(kind, int(threads), Path(folder), network, Path(output))
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a framework prints is not for the parent
    x = task.arrays()["x"]
    try:
        loaded = load(task)
        warm_up(loaded.call, x, WARM)  # some compile themselves only after a few calls
        numpy.save(task.output, loaded.call(x))
        seconds = seconds_of(loaded.call, x, 1)
    except Exception as error:  # whatever a framework raises is the finding
        _answer(channel, {"problem": f"{type(error).__name__}: {error}"})
        raise
    _answer(channel, {"version": loaded.version, "note": loaded.note})
    for line in sys.stdin:
        turn = json.loads(line)["seconds"]
        if seconds < turn:  # memory is cold after the others' turns
            warm_up(loaded.call, x, turn / 5)
        calls = max(1, round(turn / seconds))
        seconds = seconds_of(loaded.call, x, calls)
        _answer(channel, {"seconds": seconds, "calls": calls})


def warm_up(call: Call, x: Any, seconds: float) -> None:
    """Call a network for some seconds, once at least."""
    began = perf_counter()
    call(x)
    while perf_counter() - began < seconds:
        call(x)


def seconds_of(call: Call, x: Any, calls: int) -> float:
    """Return the mean seconds of a call among so many in a row."""
    began = perf_counter()
    for _ in range(calls):
        call(x)
    return (perf_counter() - began) / calls


def _answer(channel: Any, value: dict[str, Any]) -> None:
    channel.write(json.dumps(value) + "\n")
    channel.flush()
