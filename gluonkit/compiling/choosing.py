"""Choosing a plan by measurement, among those that give the network's own numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import sleep

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Array
from gluonkit._base.tables import Shown
from gluonkit.compiling.plan import Plan
from gluonkit.compiling.program import Program
from gluonkit.compiling.race import Race, Timing
from gluonkit.compiling.runner import Runner
from gluonkit.graphs.agreement import disagreement
from gluonkit.system.contention import Contention, Meter, waited

_ASLEEP = 0.005  # seconds after a call, in which its engine's threads have ceased to spin
_NEXT_TO_NOTHING = 1.01  # speed-up that a plan with copies needs over one without


@dataclass(frozen=True)
class Candidate(Shown):
    """A plan that was tried.

    Attributes
    ----------
    plan : Plan
        The plan.
    timing : Timing or None
        How long a call takes, from and to NumPy arrays; None if not measured.
    problem : str
        Why it was not measured: it failed, or its outputs differ; empty if it was.
    """

    plan: Plan
    timing: Timing | None = None
    problem: str = ""

    @property
    def seconds(self) -> float | None:
        """Time of a call in seconds; None if not measured."""
        return None if self.timing is None else self.timing.seconds


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
) -> tuple[list[Candidate], dict[Plan, Runner], Contention]:
    """Try plans, and measure in turn those whose outputs are the network's.

    Returns all candidates, the runners of the fastest, and what other processes had of the
    processor meanwhile. The time is for all of them together, without building.
    """
    tried: dict[Plan, Candidate] = {}
    runners: dict[Plan, Runner] = {}
    race: Race[Plan] = Race(waited=waited, rest=partial(sleep, _rest(plans)))
    for number, plan in enumerate(plans, 1):
        budget.progress(f"plan {number} of {len(plans)}: {plan}")
        runner, problem = try_plan(program, plan, example)
        tried[plan] = Candidate(plan, problem=problem)
        if runner is not None:
            runners[plan] = runner
            race.enter(plan, partial(_call, runner, example.inputs))
            # Plans are dropped as they come, for each that is kept has memory of its own.
            runners = {plan: runners[plan] for plan in race.left}
    meter = Meter()
    race.run(budget.seconds, budget.progress)
    contention = meter.contention()
    for plan, timing in race.timings.items():
        tried[plan] = replace(tried[plan], timing=timing)
    return list(tried.values()), {plan: runners[plan] for plan in race.left}, contention


def _rest(plans: Sequence[Plan]) -> float:
    """Return the seconds after which no thread of one engine takes a core from another's."""
    return _ASLEEP if len({plan.engine for plan in plans}) > 1 else 0.0


def _call(runner: Runner, inputs: Sequence[Array]) -> None:
    """Do what a call of the user's does."""
    runner.write(inputs)
    runner.run()
    # It gives its caller copies, whose size may decide between plans.
    for output in runner.outputs:
        output.copy()


def best_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the fastest; of several that are almost equal, one without copies of weights."""
    timings = [candidate.timing for candidate in candidates if candidate.timing is not None]
    # Those that were dropped on the way met other moments of the machine than those that were not.
    turns = max((timing.turns for timing in timings), default=0)

    def cost(candidate: Candidate) -> float:
        if candidate.timing is None or candidate.timing.turns < turns:
            return math.inf
        return candidate.timing.seconds * (_NEXT_TO_NOTHING if candidate.plan.copies else 1)

    return min(candidates, key=cost) if timings else None
