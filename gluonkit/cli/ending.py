"""How a command ends, whatever happens in it: one line for what went wrong, and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable

from gluonkit._base.checks import last_line
from gluonkit.cli.output import say_error
from gluonkit.cli.wording import as_options
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError, GluonkitError, StateError

TRACEBACK = "GLUONKIT_TRACEBACK"
"""The variable with which errors that nobody expected come with their traceback."""


def ended(name: str, work: Callable[[], int], parser: argparse.ArgumentParser | None = None) -> int:
    """Do a command's work, and return the exit status.

    0: fine. 1: the command ran and found something wrong. 2: it was called wrongly.
    130: interrupted by Ctrl-C. What is wrong is said in one line, in the words of `parser`.
    """
    try:
        status = work()
        # Now rather than at Python's end, which would only complain of a full disk.
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `gluonkit models | head`
        _drop_output()
        return 1
    except Exception as error:
        return _failed(name, error, parser)


def _failed(name: str, error: Exception, parser: argparse.ArgumentParser | None) -> int:
    # Scripts can tell a wrong call from something that went wrong.
    wrong = isinstance(error, (ArgumentError, ArgumentTypeError))
    # Of data, too, the function's arguments are the command's options: where to look for files.
    spoken = wrong or isinstance(error, (DataError, StateError))
    text = _told(error)
    say_error(name, as_options(text, parser) if parser is not None and spoken else text)
    if not isinstance(error, (GluonkitError, OSError)) and os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    return 2 if wrong else 1


def _told(error: Exception) -> str:
    if isinstance(error, (GluonkitError, ImportError)):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        # Without a file's name it is the output's own: a disk that is full.
        return f"{where}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory for that{f' ({error})' if str(error) else ''}"
    return (
        f"{type(error).__name__}: {last_line(error)} (unexpected: {TRACEBACK}=1 in the environment "
        "shows where; please report it)"
    )


def _drop_output() -> None:
    """Let Python's own flush at its end succeed: what is left goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
