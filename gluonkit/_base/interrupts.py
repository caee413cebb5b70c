"""Ctrl-C, where what has been done by then is to be kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupt:
    """Whether Ctrl-C was pressed in a context."""

    def __init__(self) -> None:
        self.seen = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.seen:
            raise KeyboardInterrupt


@contextmanager
def remembered_interrupt() -> Iterator[Interrupt]:
    """Let Ctrl-C raise KeyboardInterrupt as usual, and record that it was pressed.

    Python ignores exceptions raised in `__del__`, with a warning, and a loop over calls of a
    network spends much of its time deleting MXNet's arrays. Inside `__del__` nothing is raised
    here, so such a loop calls `Interrupt.check` in each iteration.
    """
    interrupt = Interrupt()

    def note(frame: FrameType | None) -> None:
        interrupt.seen = True
        if not _deletes(frame):
            raise KeyboardInterrupt

    with at_first_interrupt(note):
        yield interrupt


@contextmanager
def at_first_interrupt(action: Callable[[FrameType | None], None]) -> Iterator[None]:
    """Let the first Ctrl-C in the context call a function; the second acts as it did before.

    The function is given the frame that was interrupted.

    Does nothing if the program has its own handler for Ctrl-C, and outside of the main thread.
    """
    # Python sets signal handlers in the main thread only.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    # Contexts can be nested: a handler of gluonkit's own is no handler of the program's.
    if before is not signal.default_int_handler and not isinstance(before, _Handler):
        yield
        return
    signal.signal(signal.SIGINT, _Handler(action, before))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _deletes(frame: FrameType | None) -> bool:
    """Return whether a frame was called from a `__del__` method."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


class _Handler:
    def __init__(self, action: Callable[[FrameType | None], None], before: Any) -> None:
        self._action, self._before = action, before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        # First of all, so that the second Ctrl-C works even while the action runs.
        signal.signal(signal.SIGINT, self._before)
        self._action(frame)
