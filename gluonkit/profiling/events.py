"""What MXNet's profiler records of the engine: which operator ran, from when to when."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import mxnet as mx

from gluonkit._base.checks import last_line
from gluonkit.errors import StateError


class Event(NamedTuple):
    """An operator that the engine ran; times in microseconds since 1970."""

    name: str
    began: int
    ended: int


class Memory(NamedTuple):
    """What MXNet had allocated since the recording began; time in microseconds since 1970."""

    when: int
    bytes: int


@dataclass
class Recording:
    """What was recorded; filled at the end of the context.

    Attributes
    ----------
    events : list of Event
        In the order in which they began, without overlaps.
    memory : list of Memory
        Changes of what is allocated.
    """

    events: list[Event] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)


@contextmanager
def recorded() -> Iterator[Recording]:
    """Record what the engine runs in the context.

    Raises
    ------
    StateError
        When MXNet's profiler, of which there is one in a process, cannot be used.
    """
    recording = Recording()
    mx.nd.waitall()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler = mx.profiler
        _configured(path)
        profiler.set_state("run")
        try:
            yield recording
            mx.nd.waitall()
        finally:
            profiler.set_state("stop")
            # It can be configured again afterwards; the file is not, and goes with its folder.
            profiler.dump(finished=True)
        _parse(path.read_text(), recording)


def _configured(path: Path) -> None:
    try:
        # Without the calls of the C interface, which are more than the operators, and without a
        # timer that writes the file meanwhile, whose second start MXNet refuses.
        mx.profiler.set_config(
            filename=str(path),
            profile_symbolic=True,
            profile_imperative=True,
            profile_memory=True,
            profile_api=False,
            aggregate_stats=False,
            continuous_dump=False,
        )
    except mx.MXNetError as error:
        raise StateError(
            "MXNet's profiler, of which a process has one, is in use or was left by a dump that "
            f"went on in the background ({last_line(error)}); profile in a new process"
        ) from error


# The text of a second recording is no JSON: MXNet writes a comma before its first event.
_EVENT = re.compile(
    r'"name": "([^"]*)",\s*"cat": "'
    r'(?:operator",\s*"ph": "([BE])|Custom Operator",\s*"ph": "([be]))",\s*"ts": (\d+)'
)
_MEMORY = re.compile(
    r'"name": "Memory: [^"]*",\s*"cat": "[^"]*",\s*"ph": "C",\s*"ts": (\d+),\s*'
    r'"args": \{ "[^"]*": (-?\d+)'
)

_HOUSEKEEPING = ("DeleteOperator", "DeleteVariable", "SetupExec", "WaitForVar")
"""What the engine does beside operators."""

_PYTHON = "::pure_python"
"""With what MXNet's names of operators written in Python end, for their whole time."""


def _parse(text: str, recording: Recording) -> None:
    events, began = [], 0
    # A record's end follows its beginning in the text, whatever ran meanwhile.
    for name, engine, python, when in _EVENT.findall(text):
        # Operators that one in Python runs come as its own, too, within its time.
        if name in _HOUSEKEEPING or (python and not name.endswith(_PYTHON)):
            continue
        if "B" in (engine, python.upper()):
            began = int(when)
        else:
            events.append(Event(_named(name), began, int(when)))
    recording.events = _apart(events)
    recording.memory = sorted(Memory(int(when), int(size)) for when, size in _MEMORY.findall(text))


def _named(name: str) -> str:
    """Return MXNet's name of an operator; 'Custom:' and its own for one that is in Python."""
    if not name.endswith(_PYTHON):
        return name
    own = name.removesuffix(_PYTHON)
    if own.startswith("_backward_"):
        return f"_backward_Custom:{own.removeprefix('_backward_')}"
    return f"Custom:{own}"


def _apart(events: Sequence[Any]) -> list[Event]:
    """Return events without overlaps, so that their times add up: each begins when the last ends.

    An operator written in Python runs others, in the time that is its own.
    """
    kept: list[Event] = []
    for event in sorted(events, key=lambda event: (event.began, -event.ended)):
        ended = kept[-1].ended if kept else 0
        if event.ended <= ended and event.began < ended:
            continue
        kept.append(event._replace(began=max(event.began, ended)))
    return kept
