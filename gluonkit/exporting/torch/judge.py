"""What a difference between PyTorch's numbers and MXNet's means.

MXNet computes in float64 what its operators take in that: so near to the truth, a batch norm's
epsilon that is off by 1e-5 is a difference, and rounding is none. A number that is farther off than
`_TOLERANCE` is held against what rounding the weights to float32 in another way would change; where
that is much, nothing can be said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy

from gluonkit._base.kinds import Array
from gluonkit.exporting.torch.numbers import Numbers
from gluonkit.exporting.torch.record import Check
from gluonkit.exporting.torch.truth import Arrays
from gluonkit.graphs.agreement import gap

Answer: TypeAlias = Mapping[str, Any]

_TOLERANCE = {"float64": 1e-7, "float32": 1e-5, "float16": 1e-2}
_MOMENTUM = 1e-6
"""MXNet keeps a batch norm's momentum in float32, PyTorch in float64."""
_ROUNDINGS = {"float64": ((2.0**-50, 10), (2.0**-24, 2)), "float32": ((2.0**-23, 10),)}
"""By how much inputs and weights are moved to learn of rounding, and how many times as far as that
moves a number it may be. In float64: what float64 rounds, again in each operator; and arguments
that one of both keeps in float32, such as a slope."""
_CHAOS = 1e-3
"""Where so large a difference would be rounding, there is nothing to be decided."""
_SMALL = 1e-4
"""An array's largest number counts as this part of the largest of all arrays at least: the gradient
of a bias before a batch norm is nothing but rounding."""

_TRAINED = {
    "gradients": ("gradient", "largest gradient"),
    "statistics after a step": ("statistic", "largest change"),
    "parameters after SGD": ("moved", "largest change"),
    "statistics after SGD": ("last", "largest change"),
}
_PARAMETERS = "trained parameters"
_SINGLE = "Expected more than 1 value per channel when training"
"""What PyTorch's batch norms refuse, and MXNet's do not."""


class _Measures(NamedTuple):
    """What is 1, how much is allowed, and what rounding changes, by how far numbers are moved."""

    scale: float
    relative_to: str
    tolerance: float
    noise: Callable[[float], float]
    roundings: Sequence[tuple[float, int]]


class Judge:
    """Decides on what PyTorch has measured."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._learned = numbers.learned(numbers.trained) if numbers.trained else {}
        self._scales = {kind: self._scale(kind) for kind in self._learned}

    def checks(self, answers: Iterable[Answer]) -> list[Check]:
        """Return a check for each kind of number that was compared."""
        kinds: dict[str, list[Answer]] = {}
        for answer in answers:
            if "check" in answer:
                kinds.setdefault(answer["check"], []).append(answer)
        checks = [self._check(what, several) for what, several in kinds.items()]
        wrong = self._wrong(checks)
        gone = ("gradients", *(name for name in _TRAINED if "SGD" in name))
        return [
            undecided(check.what, wrong) if wrong and check.what.startswith(gone) else check
            for check in checks
        ]

    def _wrong(self, checks: Iterable[Check]) -> str:
        """Return that a gradient which differs is wrong in MXNet itself, as some are; or ''."""
        for check in checks:
            differs = check.what.startswith("gradients") and check.holds is False and check.where
            if differs and self._numbers.is_wrong(check.where):
                return f"MXNet's own gradient of {check.where} is not what differences give"
        return ""

    def compiled(self, answers: Iterable[Answer], ended: str) -> list[Check]:
        """Return the checks of torch.compile, whose failing is no fault of the model."""
        checks = [
            undecided(check.what, check.reason)
            if check.holds is False and check.difference is None
            else check
            for check in self.checks(answers)
        ]
        return [*checks, undecided("torch.compile", ended)] if ended else checks

    def _check(self, what: str, answers: list[Answer]) -> Check:
        if failure := next((answer["failed"] for answer in answers if "failed" in answer), ""):
            if _SINGLE in failure:
                return undecided(what, failure)
            return Check(what, "", None, "", None, False, failure)
        if what == _PARAMETERS:
            return _parameters(answers[0])
        judged = [self._judged(what, answer) for answer in answers]
        failed = [check for check in judged if check.holds is False]
        open_ones = [check for check in judged if check.holds is None]
        worst = max(judged, key=lambda check: (check.difference or 0) / (check.tolerance or 1))
        return [*failed, *open_ones, worst][0]

    def _judged(self, what: str, answer: Answer) -> Check:
        name = what.partition(",")[0]
        is_output = name == "outputs"
        measures = self._output(what, *answer["key"]) if is_output else self._trained(name, answer)
        scale, relative_to, tolerance, noise, roundings = measures
        if not math.isfinite(scale):
            return undecided(what, f"{answer['where']} is not finite in MXNet")
        difference = answer["difference"] / (scale or 1)
        for moved_by, times in roundings:
            if difference <= tolerance:
                break
            moved = noise(moved_by) / (scale or 1)
            if times * moved > _CHAOS:
                return undecided(what, f"rounding alone moves {answer['where']} by {moved:.1g}")
            tolerance = max(tolerance, times * moved)
        holds = bool(difference <= tolerance)
        return Check(what, answer["where"], difference, relative_to, tolerance, holds)

    def _output(self, what: str, batch: int, place: int) -> _Measures:
        numbers = self._numbers
        own, exact = (arrays[place] for arrays in numbers.batches[batch][2:])
        in_wide = "float64" in what
        tolerance = _TOLERANCE.get("float64" if in_wide else own.dtype.name, 0.0)

        def noise(moved_by: float) -> float:
            other = numbers.other(moved_by)[0][batch][place]
            rounding = gap(exact, other)[0]
            return rounding if in_wide else max(rounding, gap(exact, own)[0])

        roundings = _ROUNDINGS["float64" if in_wide else "float32"]
        return _Measures(gap(exact, exact)[1], "largest output", tolerance, noise, roundings)

    def _trained(self, name: str, answer: Answer) -> _Measures:
        kind, relative_to = _TRAINED[name]
        key, numbers = answer["where"], self._numbers
        largest = self._scales[kind]
        scale = max(largest[key], _SMALL * max(largest.values()))
        tolerance = _TOLERANCE[numbers.dtype]
        if name.startswith("statistics"):
            tolerance = max(tolerance, _MOMENTUM)

        def noise(moved_by: float) -> float:
            return gap(self._learned[kind][key], numbers.other(moved_by)[1][kind][key])[0]

        return _Measures(scale, relative_to, tolerance, noise, _ROUNDINGS[numbers.dtype])

    def _scale(self, kind: str) -> dict[str, float]:
        """Return the largest number of each array, of statistics their largest change."""
        values: Arrays = self._learned[kind]
        if kind in ("statistic", "last"):
            before = self._numbers.statistics
            values = {key: array - before[key] for key, array in values.items()}
        return {key: _largest(array) for key, array in values.items()}


def _largest(array: Array) -> float:
    return float(numpy.abs(array).max(initial=0.0))


def _parameters(answer: Answer) -> Check:
    """Return whether PyTorch trains the parameters that MXNet does."""
    missing, extra = answer["missing"], answer["extra"]
    reason = f"{missing[0]} is trained in MXNet, not in PyTorch" if missing else ""
    if extra:
        reason = f"{extra[0]} is trained in PyTorch, not in MXNet"
    wrong = [*missing, *extra]
    where = wrong[0] if wrong else ""
    return Check(_PARAMETERS, where, len(wrong), "a parameter", 0.0, not wrong, reason)


def undecided(what: str, reason: str) -> Check:
    """Return a check that could not be decided."""
    return Check(what, "", None, "", None, None, reason)
