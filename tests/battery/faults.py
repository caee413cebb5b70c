"""Faults that gluonkit has had, to be put back: the battery must find each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gluonkit.graphs import backward, capture
from gluonkit.system import memory
from gluonkit.train.step import compiled
from tests.battery.case import Case
from tests.battery.found import FOUND
from tests.battery.running import drawn, finds_of

CHUNKS, IN_A_CHUNK = 12, 10
"""Networks that the tests draw."""


@dataclass(frozen=True)
class Fault:
    """A fault: which check finds it, among which networks, and what puts it back.

    Attributes
    ----------
    place, name, instead : an attribute of a module or a class, and what it is to be.
    may_crash : whether it may end the process, where it reads or writes what is not its own.
    """

    check: str
    among: Callable[[Case], bool]
    place: Any
    name: str
    instead: Any
    may_crash: bool = False


class _TakenOnce(memory.Views):
    """Views that are taken when a graph is bound, in whatever order oneDNN writes later."""

    def __init__(self, arrays: Sequence[Any], disturbed: Sequence[Any] = ()) -> None:
        super().__init__(arrays, disturbed)
        self.numbers[:] = [memory.view(array) for array in self._arrays]

    def read(self) -> list[Any]:
        """Wait for the arrays."""
        for array in self._arrays:
            memory.wait_to_read(array)
        return self.numbers


FAULTS = {
    "output views taken once": Fault(
        "predict",
        lambda case: "Conv2D(" in case.source,
        memory,
        "Views",
        _TakenOnce,
        may_crash=True,
    ),
    "scaled heads": Fault(
        "fit",
        lambda case: case.traceable and not case.np_mode,
        backward,
        "is_linear",
        lambda operator: True,
    ),
    "slopes of PReLU": Fault(
        "fit",
        lambda case: "PReLU" in case.source,
        capture,
        "mend_slopes",
        lambda symbol, known: symbol,
    ),
    "deconvolutions' weights as views": Fault(
        "fit",
        lambda case: "Conv2DTranspose" in case.source,
        compiled,
        "rearranged_in_training",
        lambda symbol: set(),
        may_crash=True,
    ),
}


def finds(name: str) -> int:
    """Put a fault back, in this process for good; return 3 if the battery finds it, else 0."""
    fault = FAULTS[name]
    networks = [case for _, case in FOUND.values()]
    networks += [case for chunk in range(CHUNKS) for case in drawn(chunk, IN_A_CHUNK)]
    fitting = list(filter(fault.among, networks))
    setattr(fault.place, fault.name, fault.instead)
    return 3 if any(find for case in fitting for find in finds_of(case, [fault.check])) else 0
