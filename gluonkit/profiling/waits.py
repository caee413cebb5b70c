"""What an audit holds: the waits, line by line, the verdict, and its rendering."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from gluonkit._base import tables
from gluonkit._base.tables import Column, Shown

_NONE = "–"


@dataclass(frozen=True)
class Wait(Shown):
    """A line of the user's code at which Python waited for MXNet's engine, or copied.

    Attributes
    ----------
    file : str
        The file's path; '' where no code of the user's was on the way.
    line : int
        The line's number, from 1.
    source : str
        Its text.
    call : str
        What the line called there: 'asscalar', 'Accuracy.update', '__float__'.
    kind : str
        'metric', 'scalar' (one number), 'array' (all numbers), 'text' (printing), 'wait', 'write'
        (into an array that may be in use), 'made' (an array made from NumPy's), 'mode' (a copy
        between NumPy's and MXNet's arrays, or between array modes), 'device' (a copy between
        devices, which does not wait), 'save', 'other'.
    count : int
        How often.
    seconds : float
        How long Python waited there, in seconds, all together.
    steps : int
        In how many steps of the loop; a step ends with a backward pass.
    bytes : int
        What was copied between devices, in bytes.
    instead : str
        What would wait less.
    """

    file: str
    line: int
    source: str
    call: str
    kind: str
    count: int
    seconds: float
    steps: int
    bytes: int
    instead: str

    @property
    def place(self) -> str:
        """File and line, as an editor takes them: ``train.py:12``."""
        return f"{os.path.basename(self.file)}:{self.line}" if self.file else "(no line of yours)"


@dataclass(frozen=True, repr=False)
class Audit(Shown):
    """Where Python waited for the engine. `str()` gives table and verdict; a notebook, HTML.

    Attributes
    ----------
    waits : tuple of Wait
        Line by line, the longest first.
    steps : int
        Number of backward passes.
    seconds : float
        How long the whole took, in seconds.
    """

    waits: tuple[Wait, ...]
    steps: int
    seconds: float

    @property
    def waited(self) -> float:
        """How long Python waited, in seconds."""
        return sum(wait.seconds for wait in self.waits)

    @property
    def bound(self) -> float:
        """What the run would gain at most without any wait, in seconds.

        Without waits Python queues work while the engine computes. Neither can save more than
        the other takes, so that the gain is less than the shorter of both times.
        """
        return min(self.waited, max(0.0, self.seconds - self.waited))

    @property
    def in_each_step(self) -> tuple[Wait, ...]:
        """The lines that wait in most steps of the training loop.

        Arrays that are made from NumPy's wait in every loop that gets its data so, and count only
        where nothing else waits.
        """
        if self.steps < 2:
            return ()
        most = [wait for wait in self.waits if wait.steps > self.steps / 2]
        reads = tuple(wait for wait in most if wait.kind not in ("device", "made"))
        return reads or tuple(wait for wait in most if wait.kind == "made")

    @property
    def beside(self) -> tuple[Wait, ...]:
        """Lines beside the steps that wait again and again, for a twentieth of the time or more."""
        loop = self.in_each_step
        return tuple(
            wait
            for wait in self.waits
            if wait not in loop
            and wait.kind not in ("device", "made")
            and wait.count > self.steps / 2 > 1
            and wait.seconds > self.seconds / 20
        )

    @property
    def fine(self) -> bool:
        """Whether the training loop waits once in a step, which is as it should be."""
        loop = self.in_each_step
        return bool(loop) and (loop[0].kind == "made" or self._per_step < 1.5)

    @property
    def _per_step(self) -> float:
        return sum(wait.count for wait in self.in_each_step) / max(1, self.steps)

    @property
    def verdict(self) -> str:
        """What the audit comes to, in a sentence or two."""
        return _verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON; times in seconds."""
        return {
            "seconds": self.seconds,
            "waited": self.waited,
            "bound": self.bound,
            "steps": self.steps,
            "fine": self.fine,
            "verdict": self.verdict,
            "waits": [asdict(wait) for wait in self.waits],
        }

    def __str__(self) -> str:
        return _text(self)

    def _repr_html_(self) -> str:
        return _html(self)


def _verdict(audit: Audit) -> str:
    waits = [wait for wait in audit.waits if wait.kind != "device"]
    if audit.steps < 2:
        return _without_loop(audit, waits)
    loop = audit.in_each_step
    if not loop:
        return (
            f"None of the {audit.steps} steps waits. Python may run ahead without bound, and the "
            "memory of all that is queued grows: read one number in each step, such as the loss."
        )
    names = _names(loop)
    beside = f" Beside its steps: {_names(audit.beside)}." if audit.beside else ""
    if audit.fine:
        return (
            f"Fine: the loop waits once in a step ({names}), which keeps Python from running ahead "
            f"without bound.{beside}"
        )
    return (
        f"The loop waits {audit._per_step:.0f} times in a step ({names}). Once is enough; without "
        f"any of them the run would be shorter by {tables.seconds(audit.bound)} "
        f"({_share(audit.bound, audit)}) at most.{beside}"
    )


def _without_loop(audit: Audit, waits: Sequence[Wait]) -> str:
    if not waits:
        return "Nothing waited for the engine."
    times = sum(wait.count for wait in waits)
    return (
        f"{times} wait{'s' if times > 1 else ''}, and no training loop of two steps or more was "
        f"seen. Without any wait the run would be shorter by {tables.seconds(audit.bound)} "
        f"({_share(audit.bound, audit)}) at most."
    )


def _names(waits: Sequence[Wait]) -> str:
    return ", ".join(f"{wait.call} at {wait.place}" for wait in waits[:4]) + (
        f" and {len(waits) - 4} more" if len(waits) > 4 else ""
    )


def _share(seconds: float, audit: Audit) -> str:
    return f"{seconds / audit.seconds:.0%}" if audit.seconds else _NONE


def _columns(audit: Audit) -> tuple[Column, ...]:
    def per_step(wait: Wait) -> str:
        return tables.count(wait.count / audit.steps) if audit.steps > 1 else _NONE

    return (
        Column("place", lambda wait: wait.place),
        Column("call", lambda wait: wait.call),
        Column("count", lambda wait: f"{wait.count:,}", "right"),
        Column("per step", per_step, "right"),
        Column("waited", _waited, "right"),
        Column("each", _each, "right"),
        Column("share", lambda wait: _share(wait.seconds, audit), "right"),
    )


def _waited(wait: Wait) -> str:
    return tables.memory(wait.bytes) if wait.kind == "device" else tables.seconds(wait.seconds)


def _each(wait: Wait) -> str:
    return _NONE if wait.kind == "device" else tables.seconds(wait.seconds / wait.count)


_WIDTH = 80
_MOST = 10  # lines that are explained below the table


def _text(audit: Audit) -> str:
    steps = f", {audit.steps} steps" if audit.steps else ""
    lines = [
        f"{tables.seconds(audit.seconds)}{steps}; Python waited for the engine "
        f"{tables.seconds(audit.waited)} of it ({_share(audit.waited, audit)})"
    ]
    if shown := _shown(audit):
        lines += ["", tables.text_table(shown, _columns(audit), limit=_WIDTH)]
    if left := len(audit.waits) - len(shown):
        lines += [f"and {left} line{'s' if left > 1 else ''} with less than 0.1 % of the time"]
    lines += ["", tables.paragraph(audit.verdict, indent="", width=_WIDTH)]
    for wait in _advised(audit):
        lines += ["", f"{wait.place}  {wait.source}"[:_WIDTH]]
        lines.append(tables.hanging("  → ", wait.instead, width=_WIDTH))
    return "\n".join(lines)


def _shown(audit: Audit) -> list[Wait]:
    """Return the waits to show: those of the loop, copies, and what took any time to speak of."""
    least = audit.seconds / 1000
    return [
        wait
        for wait in audit.waits
        if wait.seconds >= least or wait.kind == "device" or wait in audit.in_each_step
    ]


def _advised(audit: Audit) -> list[Wait]:
    """Return the waits about which there is something to say: none where the loop is fine."""
    shown = _shown(audit)
    if audit.in_each_step:
        loop = () if audit.fine else audit.in_each_step
        copies = [wait for wait in shown if wait.kind == "device"]
        shown = [*loop, *audit.beside, *copies]
    return [wait for wait in shown if wait.instead][:_MOST]


def _html(audit: Audit) -> str:
    title = f"{tables.seconds(audit.seconds)}, waited {tables.seconds(audit.waited)}"
    advice = "".join(
        f"<li><code>{escape(f'{wait.place} {wait.source}')}</code><br>{escape(wait.instead)}</li>"
        for wait in _advised(audit)
    )
    return (
        tables.html_table(_shown(audit), _columns(audit), title=title)
        + f"<p>{escape(audit.verdict)}</p>"
        + (f"<ul>{advice}</ul>" if advice else "")
    )
