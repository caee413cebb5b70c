"""One case of a benchmark: one network, one mode, one batch; every variant checked, then timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from mxnet import autograd, gluon

from gluonkit._base.checks import last_line
from gluonkit._base.interrupts import Interrupt
from gluonkit.benchmark.opponents import Call, NotExportedError, Opponents
from gluonkit.benchmark.pytorch import TORCH_COMPILED, TorchError
from gluonkit.benchmark.timing import BLOCKS, Measurement, Sampler
from gluonkit.compiling import Compiled, compile
from gluonkit.errors import ArgumentError
from gluonkit.graphs.agreement import Arrays, arrays, disagreement
from gluonkit.graphs.variants import (
    COMPILED,
    VARIANTS,
    Switch,
    compiles_anything,
    imperative_parts,
)
from gluonkit.tracing.tree import kept_values

MIN_ROUNDS = 7  # one more than the fewest that allow a 95 % interval

COMPILING = 0.3  # seconds for choosing a plan

BUILDS = 3  # how often a variant is built from scratch, to time that too


class NotCompiledError(Exception):
    """A network that hybridizes only in part, or not at all, cannot be compiled; no failure."""


@dataclass
class Outcome:
    """Result of one variant: a measurement, or the reason why it was not timed."""

    variant: str
    measurement: Measurement | None = None
    problem: str = ""
    note: str = ""


@dataclass
class Case:
    """A network with its input, to be run in one mode.

    `run` leaves parameters and gradients as they were; `Switch` restores the compiled state.
    """

    net: gluon.Block
    switch: Switch
    inputs: Sequence[Any]
    mode: str
    seconds: float
    loss: Callable[..., Any] | None = None
    label: Any = None
    outcomes: list[Outcome] = field(default_factory=list)
    interrupt: Interrupt = field(default_factory=Interrupt)
    engines: str | Sequence[str] | None = None
    opponents: Opponents | None = None
    _fast: Compiled | None = None
    _opened: dict[str, Call] = field(default_factory=dict)

    def run(self, variants: Sequence[str], progress: Callable[[str], None]) -> None:
        """Fill `outcomes`, one for each variant; stop early, but cleanly, at Ctrl-C."""
        samplers: dict[str, Sampler] = {}
        self.outcomes = [Outcome(variant) for variant in variants]
        with kept_values(self.net) as put_back:
            try:
                self._check_all(samplers, put_back, progress)
                self._time_all(samplers, put_back, progress)
            except KeyboardInterrupt:
                self.interrupt.seen = True
                autograd.set_recording(False)  # Ctrl-C may have come before MXNet switched it off
                autograd.set_training(False)
        for outcome in self.outcomes:
            sampler = samplers.get(outcome.variant)
            if sampler is not None and sampler.blocks:
                outcome.measurement = sampler.measurement()
        if self.interrupt.seen:
            self.outcomes = [kept for kept in self.outcomes if kept.measurement or kept.problem]

    def close(self) -> None:
        """End what opponents have started."""
        if self.opponents is not None:
            self.opponents.close()

    def _step(self, variant: str) -> Callable[[], Any]:
        """Return the function to be timed, which returns the network's output."""
        net, inputs = self.net, self.inputs
        if variant == COMPILED:
            return self._compiled
        if variant not in VARIANTS:
            return lambda: self._opponent(variant)
        if self.mode == "forward":
            return lambda: net(*inputs)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01}, kvstore=None)
        label, batch = self.label, len(inputs[0])
        loss: Callable[..., Any] = _mean_square if self.loss is None else self.loss

        def train() -> Any:
            with autograd.record():
                output = net(*inputs)
                value = loss(output) if label is None else loss(output, label)
            value.backward()
            # The loss need not depend on all parameters, for which `step` would raise.
            trainer.step(batch, ignore_stale_grad=True)
            return output

        return train

    def _sampler(self, variant: str) -> Sampler | None:
        """Return what times an opponent in a process of its own; None for all others."""
        return None if self.opponents is None else self.opponents.sampler(variant)

    def _compiled(self) -> Any:
        """Call the network compiled; compile it first, if it has just been built."""
        if self._fast is None:
            try:
                self._fast = compile(
                    self.net, *self.inputs, engines=self.engines, frozen=True, seconds=COMPILING
                )
            except ArgumentError as error:
                raise NotCompiledError(f"{COMPILED}: {error}") from error
        return self._fast(*self.inputs)

    def _opponent(self, name: str) -> Any:
        """Call the network by another engine; open it first, if it has just been built."""
        call = self._opened.get(name)
        if call is None:
            assert self.opponents is not None  # who names one has given them
            call = self._opened[name] = self.opponents.open(name)
        return call()

    def _check_all(
        self,
        samplers: dict[str, Sampler],
        put_back: Callable[[], None],
        progress: Callable[[str], None],
    ) -> None:
        """Make each variant's first call and compare its numbers with eager's."""
        imperative = imperative_parts(self.net)
        expected: Arrays = {}
        random = False
        for outcome in self.outcomes:
            self.interrupt.check()
            progress(f"{self.mode}, checking {outcome.variant}")
            own = outcome.variant in VARIANTS
            if own and outcome.variant != "eager" and not compiles_anything(self.net):
                outcome.problem = f"there is nothing to compile: {imperative[0]}"
                continue
            step = self._step(outcome.variant)
            try:
                sampler = self._sampler(outcome.variant) or Sampler(step)
                got = self._first_call(outcome.variant, sampler, put_back)
                if outcome.variant == "eager":
                    expected = got
                    random = self._is_random(step, put_back, expected)
                elif random:
                    outcome.note = (
                        "eager gives other numbers at each call (the network draws random "
                        "numbers), so the variants' numbers were not compared"
                    )
                else:
                    outcome.problem = disagreement(expected, got)
                outcome.note = self._note(outcome.variant) or outcome.note
            except (NotCompiledError, NotExportedError) as error:
                outcome.note = str(error)
                continue
            except TorchError as error:
                # torch.compile wants a compiler, which need not be there.
                if outcome.variant == TORCH_COMPILED:
                    outcome.note = f"{TORCH_COMPILED}: {error}"
                    continue
                outcome.problem = f"PyTorch: {error}"
            except Exception as error:  # whatever MXNet raises is the finding
                outcome.problem = f"raises {type(error).__name__}: {last_line(error)}"
            if outcome.problem and outcome.variant == "eager":
                self.outcomes = [outcome]
                return
            if not outcome.problem:
                samplers[outcome.variant] = sampler
                if own and outcome.variant != "eager" and imperative:
                    stays = f"stays imperative: {'; '.join(imperative)}"
                    outcome.note = f"{outcome.note}; {stays}" if outcome.note else stays

    def _note(self, variant: str) -> str:
        """Return what is said of a variant that has just been called."""
        if self._fast is not None:
            return f"{COMPILED}: {self._fast.plan}"
        if variant in VARIANTS or self.opponents is None:
            return ""
        return self.opponents.note(variant)

    def _first_call(self, variant: str, sampler: Sampler, put_back: Callable[[], None]) -> Arrays:
        """Build a variant and make its first call; repeat, as a single timing is unreliable.

        Returns the outputs of the very first and, when training, the gradients.
        """
        numbers: Arrays = {}
        # To compile by another's compiler once takes long enough.
        for _ in range(1 if variant == TORCH_COMPILED else BUILDS):
            self.switch.build(variant)
            self._fast = None
            self._opened.pop(variant, None)
            put_back()
            output = sampler.first_call()
            numbers = numbers or self._numbers(output)
        return numbers

    def _numbers(self, output: Any) -> Arrays:
        named = {f"output {index}": array for index, array in enumerate(arrays(output))}
        if self.mode == "train":
            for name, parameter in self.net.collect_params().items():
                if parameter.grad_req != "null":
                    named[f"the gradient of {name}"] = parameter.list_grad()[0].asnumpy()
        return named

    def _is_random(
        self, step: Callable[[], Any], put_back: Callable[[], None], first: Arrays
    ) -> bool:
        """Return whether a second eager call gives other numbers, as dropout does in training."""
        put_back()
        return bool(disagreement(first, self._numbers(step())))

    def _time_all(
        self,
        samplers: dict[str, Sampler],
        put_back: Callable[[], None],
        progress: Callable[[str], None],
    ) -> None:
        """Time the variants in turn, with the order reversed in every other round."""
        for variant, sampler in samplers.items():
            self.interrupt.check()
            self.switch.activate(variant)
            sampler.warm_up(self.seconds)
        order = list(samplers.items())
        # One deadline for all, since they take turns.
        deadline = perf_counter() + self.seconds * len(order)
        for round_number in range(BLOCKS):
            if round_number >= MIN_ROUNDS and perf_counter() > deadline:
                break
            progress(f"{self.mode}, round {round_number + 1} of {BLOCKS}")
            for variant, sampler in order:
                self.interrupt.check()
                self.switch.activate(variant)
                if self.mode == "train":
                    put_back()  # every block starts from the same numbers
                sampler.block()
            # A machine that warms up or slows down favours whoever goes first, each time another.
            order.reverse()


def _mean_square(output: Any) -> Any:
    """Return half the mean square of all outputs, the loss where the user gives none."""
    if isinstance(output, (list, tuple)):
        return sum(_mean_square(part) for part in output)
    return 0.5 * (output * output).mean()
