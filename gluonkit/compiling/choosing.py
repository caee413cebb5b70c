"""Choosing a plan by measurement, among those that give the network's own numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Array
from gluonkit.compiling.plan import Plan
from gluonkit.compiling.program import Program
from gluonkit.compiling.runner import Runner
from gluonkit.graphs.agreement import disagreement

# At most; the time that is given may end it after fewer.
_ROUNDS = 12
_BLOCK = 1e-3  # seconds of consecutive calls, with warm caches as in a service
_HOPELESS = 1.5  # factor of the best time, after a round
_LOST = 4.0  # factor of the best time, after two calls; frees memory for others
_NEXT_TO_NOTHING = 1.03  # speed-up that a plan with copies needs over one without


@dataclass(frozen=True)
class Candidate:
    """A plan that was tried.

    Attributes
    ----------
    plan : Plan
        The plan.
    seconds : float or None
        Fastest time of a call in seconds, from and to NumPy arrays; None if not measured.
    problem : str
        Why it was not measured: it failed, or its outputs differ; empty if it was.
    """

    plan: Plan
    seconds: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Example:
    """Example inputs as NumPy arrays, and the network's own outputs for them.

    `tolerance` is relative to the largest value of an output; None for the default, float rounding.
    """

    inputs: Sequence[Array]
    expected: Mapping[str, Array]
    tolerance: float | None = None


@dataclass(frozen=True)
class Budget:
    """The time for measuring plans, in seconds, and the callback for progress."""

    seconds: float
    progress: Callable[[str], None]


def try_plan(program: Program, plan: Plan, example: Example) -> tuple[Runner | None, str]:
    """Return a runner of a plan, or why it cannot be used.

    It is run more than once, as a graph may change the layout of weights, and choose other code,
    after its first run.
    """
    try:
        runner = program.runner(plan)
        # Its outputs differ by more than rounding, so that the loss on samples decides.
        if plan.int8:
            problem = program.check_loss(runner)
            return (None, problem) if problem else (runner, "")
        for _ in range(2):
            runner.write(example.inputs)
            runner.run()
            outputs = named(runner.outputs)
            if problem := disagreement(example.expected, outputs, tolerance=example.tolerance):
                return None, problem
    except Exception as error:  # whatever MXNet raises is the finding
        return None, f"{type(error).__name__}: {last_line(error)}"
    return runner, ""


def named(outputs: Sequence[Array]) -> dict[str, Array]:
    """Return outputs by readable names."""
    return {f"output {index}": array for index, array in enumerate(outputs)}


def measured(
    program: Program, plans: Sequence[Plan], example: Example, budget: Budget
) -> tuple[list[Candidate], dict[Plan, Runner]]:
    """Try plans, and measure in turn those whose outputs are the network's.

    Returns all candidates, and the runners of the fastest. The time is for all of them together,
    without building; each is called a few times at least, and those that are much slower are not
    called again.
    """
    tried: dict[Plan, Candidate] = {}
    racers: list[_Racer] = []
    for number, plan in enumerate(plans, 1):
        budget.progress(f"plan {number} of {len(plans)}: {plan}")
        runner, problem = try_plan(program, plan, example)
        tried[plan] = Candidate(plan, problem=problem)
        if runner is not None:
            # Plans are dropped as they come, for each that is kept has memory of its own.
            racers = _promising([*racers, _Racer(plan, runner, example.inputs)], tried, _LOST)
    deadline = perf_counter() + budget.seconds
    for number in range(_ROUNDS):
        # One round at least, however long it takes: a plan has to be chosen.
        if perf_counter() + sum(racer.best for racer in racers) > deadline and number:
            break
        budget.progress(f"measuring, round {number + 1} of {_ROUNDS}")
        for racer in racers:
            racer.run()
        racers = _promising(racers, tried, _HOPELESS)
        # What runs after a slow plan finds other caches and clock rates; in turn, all do.
        racers.reverse()
    return list(tried.values()), {racer.plan: racer.runner for racer in racers}


def _promising(racers: list[_Racer], tried: dict[Plan, Candidate], factor: float) -> list[_Racer]:
    """Record the times so far, and return those within a factor of the best."""
    for racer in racers:
        tried[racer.plan] = replace(tried[racer.plan], seconds=racer.best)
    # The fastest call, not the mean: other work on the machine only ever adds to a time.
    best = min((racer.best for racer in racers), default=math.inf)
    return [racer for racer in racers if racer.best <= factor * best]


def best_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the fastest; of several that are almost equal, one without copies of weights."""
    timed = [timed_one for timed_one in candidates if timed_one.seconds is not None]
    if not timed:
        return None

    def cost(candidate: Candidate) -> float:
        assert candidate.seconds is not None
        return candidate.seconds * (_NEXT_TO_NOTHING if candidate.plan.copies else 1)

    return min(timed, key=cost)


class _Racer:
    """A runner that is being measured."""

    def __init__(self, plan: Plan, runner: Runner, inputs: Sequence[Any]) -> None:
        self.plan = plan
        self.runner = runner
        self._inputs = inputs
        # One call may take seconds; several are made only where one is too short to be measured.
        self.best = self._time(1)
        if self.best < _BLOCK:
            self.best = self._time(4)
        self._calls = max(1, round(_BLOCK / self.best))

    def run(self) -> None:
        """Make a few calls, and record the time of one if it is the best so far."""
        self.best = min(self.best, self._time(self._calls))

    def _time(self, calls: int) -> float:
        runner, inputs = self.runner, self._inputs
        began = perf_counter()
        for _ in range(calls):
            runner.write(inputs)
            runner.run()
            # A call gives its caller copies, whose size may decide between plans.
            [output.copy() for output in runner.outputs]
        return (perf_counter() - began) / calls
