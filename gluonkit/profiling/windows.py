"""Which layer an operator's time belongs to: windows of time that end when its result is there."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gluonkit.profiling.events import Event


class Label(NamedTuple):
    """Whose time a window is.

    Attributes
    ----------
    path : str or None
        The layer's path; None outside of all layers.
    phase : str
        'forward' or 'backward'.
    operator : str
        MXNet's name of the operator.
    layers : tuple of str
        The other layers that a fused operator computes too.
    """

    path: str | None
    phase: str
    operator: str
    layers: tuple[str, ...] = ()


OURS = Label(None, "forward", "_copy")
"""Of what only the profiler adds, which is left out."""

LAST = Label(None, "backward", "")
"""Of what runs behind all windows: the sums of gradients of weights that several layers share."""

UNKNOWN = Label(None, "forward", "")
"""Of what was not attributed."""


class Window(NamedTuple):
    """The end of a window, in microseconds since 1970, and what its operator wrote, in bytes."""

    ended: int
    label: Label
    bytes: int


class Spent(NamedTuple):
    """An operator's event with the label of its window."""

    label: Label
    event: Event


class Windows:
    """The windows of one pass, in order: the engine runs nothing between two but one operator.

    Attributes
    ----------
    ended : list of Window
        The windows.
    complete : bool
        Whether each operator of the pass has a window, so that all else in it is what MXNet does
        for it: sums of gradients, the operators of a loop's body.
    """

    def __init__(self, *, complete: bool = True) -> None:
        self.ended: list[Window] = []
        self.complete = complete

    def close(self, label: Label, size: int = 0) -> None:
        """End a window: its operator's result is there."""
        # The clock that MXNet's profiler reads.
        self.ended.append(Window(time.time_ns() // 1000, label, size))

    def spent(self, events: Sequence[Event]) -> Iterator[Spent]:
        """Yield each event with the label of its window."""
        ends = [window.ended for window in self.ended]
        for event in events:
            place = bisect_right(ends, event.began)
            # An event of no time may begin in the microsecond in which its window ends.
            if place and event.began == event.ended == ends[place - 1]:
                place -= 1
            behind = LAST if self.complete else UNKNOWN
            label = self.ended[place].label if place < len(ends) else behind
            if label is OURS:
                continue
            known = self.complete or _belongs(event, label)
            yield Spent(label if known else UNKNOWN, event)


def _belongs(event: Event, label: Label) -> bool:
    """Return whether an event may be of a window's operator, or what MXNet does for it."""
    if event.name.partition(":")[0] == label.operator:
        return True
    # The gradients of operators that are not followed have no windows of their own.
    return not event.name.startswith(("_backward", "ImperativeBulk"))
