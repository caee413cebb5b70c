"""What the workers share: each loads one network, and calls it when the parent says so.

Only the standard library and NumPy, for this runs in everybody's environment. A worker is started
with the kind of the contestant, the number of threads (0 for the framework's own choice), the
folder of the network's files, and where to write its output. It says on
standard output when it is ready, then answers each line, one JSON value each.
"""

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
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
    output: Path

    def arrays(self) -> dict[str, Any]:
        """Return the weights by name, the input `x` and the output that is `expected`."""
        with numpy.load(self.folder / "arrays.npz") as file:
            return dict(file)

    def layers(self) -> dict[str, Any]:
        """Return the list of layers, and the network's name."""
        description: dict[str, Any] = json.loads((self.folder / "layers.json").read_text())
        return description

    def onnx(self) -> str:
        """Return the ONNX file's path."""
        return str(self.folder / "net.onnx")


@dataclass(frozen=True)
class Plan:
    """The batches that everybody trains with, in the order that everybody follows.

    Attributes
    ----------
    x, y : all samples and their labels.
    batches : the positions of each batch's samples.
    steps : how many are made in a turn.
    checked : the steps whose losses are compared.
    rate : the learning rate.
    """

    x: Any
    y: Any
    batches: list[Any]
    steps: int
    checked: int
    rate: float

    def turn(self) -> Iterator[Any]:
        """Yield the positions of each step's samples, for one turn."""
        return itertools.islice(itertools.cycle(self.batches), self.steps)


def plan(task: Task) -> Plan:
    """Return a task's plan."""
    arrays, settings = task.arrays(), task.layers()["training"]
    order = numpy.random.default_rng(1).permutation(len(arrays["x"]))
    batches = numpy.split(order, settings.pop("batches"))
    return Plan(arrays["x"], arrays["y"], batches, **settings)


@dataclass(frozen=True)
class Loaded:
    """A network that is ready: what calls it, the framework's version, and how it is run."""

    call: Call
    version: str
    note: str = ""


@dataclass(frozen=True)
class Trainer:
    """Training that is ready: what makes a step, what waits for it, and what reads its loss."""

    step: Call
    version: str
    wait: Callable[[], Any] = lambda: None
    loss: Call = lambda value: value


class Parent:
    """Whom a worker answers: it says on its standard input when there is a turn to take."""

    def __init__(self) -> None:
        self._channel = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # whatever a framework prints is not for the parent

    def answer(self, **value: Any) -> None:
        """Send a line."""
        self._channel.write(json.dumps(value) + "\n")
        self._channel.flush()

    def turn(self) -> dict[str, Any] | None:
        """Wait for the next turn, and return what it asks for; None where there is none."""
        line = sys.stdin.readline()
        return json.loads(line) if line else None


def given() -> Task:
    """Return the task of the command line."""
    kind, threads, folder, output = sys.argv[1:]
    return Task(kind, int(threads), Path(folder), Path(output))


def serve(load: Callable[[Task], Loaded]) -> None:
    """Load what the command line says, and make calls until standard input ends."""
    task, parent = given(), Parent()
    x = task.arrays()["x"]
    try:
        loaded = load(task)
        warm_up(loaded.call, x, WARM)  # some compile themselves only after a few calls
        numpy.save(task.output, loaded.call(x))
        seconds = seconds_of(loaded.call, x, 1)
    except Exception as error:  # whatever a framework raises is the finding
        parent.answer(problem=f"{type(error).__name__}: {error}")
        raise
    parent.answer(version=loaded.version, note=loaded.note)
    while asked := parent.turn():
        if seconds < asked["seconds"]:  # memory is cold after the others' turns
            warm_up(loaded.call, x, asked["seconds"] / 5)
        calls = max(1, round(asked["seconds"] / seconds))
        seconds = seconds_of(loaded.call, x, calls)
        parent.answer(seconds=seconds, calls=calls)


def serve_training(load: Callable[[Task], Trainer]) -> None:
    """Train as the command line says, and make turns of steps until standard input ends."""
    task, parent = given(), Parent()
    try:
        order = plan(task)
        trainer = load(task)
        values = [trainer.step(indices) for indices in order.turn()][: order.checked]
        trainer.wait()
        numpy.save(task.output, [float(numpy.asarray(trainer.loss(value))) for value in values])
    except Exception as error:  # whatever a framework raises is the finding
        parent.answer(problem=f"{type(error).__name__}: {error}")
        raise
    parent.answer(version=trainer.version, note="")
    while parent.turn():
        began = perf_counter()
        for indices in order.turn():
            trainer.step(indices)
        trainer.wait()
        parent.answer(seconds=(perf_counter() - began) / order.steps, calls=order.steps)


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
