"""Drawing networks and running all checks on them."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.battery import branching, computing, static, torch, training
from tests.battery.case import Case
from tests.battery.checks import ALONE, CHECKS, can_run, run_check
from tests.battery.draw import cases

__all__ = [
    "CHECKS",
    "Find",
    "branching",
    "can_run",
    "cases",
    "computing",
    "drawn",
    "finds_of",
    "quiet",
    "static",
    "torch",
    "training",
]

QUIETLY = settings(
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Find:
    """A check that a network fails."""

    check: str
    case: Case
    message: str

    def __str__(self) -> str:
        return (
            f"{self.case}\nwith case.mode():\n    CHECKS[{self.check!r}](case)\n\n{self.message}\n"
        )


def drawn(number: int, count: int) -> list[Case]:
    """Return networks, always the same for a number."""
    collected: list[Case] = []

    @seed(number)
    @settings(QUIETLY, max_examples=count)
    @given(cases())
    def draw(case: Case) -> None:
        collected.append(case)

    draw()
    return collected


def finds_of(case: Case, checks: Sequence[str] = ()) -> Iterator[Find]:
    """Yield what a network fails; nothing where plain Gluon cannot run it.

    Warnings are left out of account: MXNet warns of much that is right, some of it by chance.
    """
    if not _quietly(can_run, case):
        return
    for name in checks or [name for name in CHECKS if name not in ALONE]:
        try:
            _quietly(run_check, name, case)
        except AssertionError as error:
            yield Find(name, case, f"AssertionError: {error}")
        except Exception as error:  # whatever it raises is a find
            last = "".join(traceback.format_exception(error, limit=-2, chain=False))
            yield Find(name, case, last[-1500:])


def _quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what MXNet's library writes to the standard error from the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
