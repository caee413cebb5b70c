"""Where lines about progress go: one meaning of the argument `progress` for all functions."""

from __future__ import annotations

import sys
from collections.abc import Callable

Tell = Callable[[str], None]


def teller(progress: bool | Tell | None) -> Tell:
    """Return the function to call with each line: the user's, one that prints, or none that does.

    Lines are printed to standard error, which does not mix with what a program prints.
    """
    if callable(progress):
        return progress
    return _printed if progress else _ignored


def _printed(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _ignored(_: str) -> None:
    pass
