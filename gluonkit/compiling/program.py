"""A network as a graph for inputs of given shapes, and the arrays that a plan runs it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import mxnet as mx
import numpy
from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit._base import cpu
from gluonkit._base.kinds import Array, Context, Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.compiling import engines
from gluonkit.compiling.int8 import Calibration, Loss, quantized
from gluonkit.compiling.plan import Plan
from gluonkit.compiling.runner import CachedOpRunner, ExecutorRunner, Runner
from gluonkit.compiling.slices import SIZES, SMALLEST, SlicedRunner, is_by_sample
from gluonkit.errors import ArgumentError
from gluonkit.graphs.capture import Captured, build_graph, parameters_in, plain_relu
from gluonkit.graphs.columns import dense_as_convolution
from gluonkit.graphs.folding import folded
from gluonkit.graphs.fusing import fusible
from gluonkit.graphs.joins import apart
from gluonkit.graphs.layout import copied_in_order
from gluonkit.graphs.pad import pad_channels
from gluonkit.graphs.simpler import simpler
from gluonkit.system import memory
from gluonkit.system.engine import runtime
from gluonkit.system.modes import array_mode, converts_arrays
from gluonkit.tracing.inputs import mapped
from gluonkit.tracing.symbols import graph_of, infer, json_of
from gluonkit.tracing.tree import parameters_of

if TYPE_CHECKING:
    from gluonkit.compiling.engines.binding import Model
    from gluonkit.compiling.engines.timing import Ran

_FEW = 8  # samples up to which the plain relu is the faster one


class Program:
    """A network's graph for one signature.

    Attributes
    ----------
    net : gluon.Block
        The network.
    nested : tuple
        The `ArraySpec`s of its inputs, nested as it takes them.
    ctx : Context
        The device that it runs on.
    graph : Captured
        The graph as it was traced, without any plan's changes.
    parameters : dict of str to gluon.Parameter
        The parameters that it reads.
    loss : Loss or None
        Loss of accuracy by int8, once it was measured.
    model : Model or None
        The network as ONNX, while plans of other engines are tried; it has the weights of then.
    """

    def __init__(
        self,
        net: gluon.Block,
        specs: Sequence[Any],
        ctx: Context,
        calibration: Calibration | None = None,
        *,
        numpy_mode: bool | None = None,
        frozen: bool = False,
    ) -> None:
        """Trace the network for nested inputs, in an array mode.

        By default the active mode; it stays the program's in all threads, each of which has its own
        active mode. The network's code may read values of weights only if they are `frozen`.

        Raises
        ------
        NotCompilableError
            When it cannot be traced; the message says why.
        """
        self.net, self.nested, self.ctx = net, tuple(specs), ctx
        self._calibration, self._frozen = calibration, frozen
        self.loss: Loss | None = None
        self.model: Model | None = None
        self._made: dict[Plan, Symbol] = {}
        self._numpy_mode = is_np_array() if numpy_mode is None else numpy_mode
        # The layers of `in_both_modes` always compute in legacy mode.
        self._scope: Callable[[], AbstractContextManager[None]]
        self._scope = partial(array_mode, numpy_mode=self._numpy_mode and not converts_arrays(net))
        with self._scope():
            # Not optimized for CPUs yet, as that is what plans differ in.
            self.graph: Captured = build_graph(
                net, specs, on_cpu=False, control_flow=True, snapshot=frozen
            )
        self.inputs = dict(zip(self.graph.inputs, self.graph.specs, strict=True))
        self.parameters: dict[str, gluon.Parameter]
        self.parameters = parameters_in(self.graph, {p.name: p for p in parameters_of(net)})

    def resized(self, specs: Sequence[ArraySpec]) -> Program:
        """Return the program for inputs of other shapes, given as a flat list."""
        # Traced again, as a graph may have the batch size in its attributes.
        following = iter(specs)
        nested = mapped(lambda _: next(following), self.nested)
        return Program(
            self.net,
            nested,
            self.ctx,
            self._calibration,
            numpy_mode=self._numpy_mode,
            frozen=self._frozen,
        )

    def mode(self) -> AbstractContextManager[None]:
        """Return the context of the program's array mode."""
        return self._scope()

    def outputs(self) -> list[ArraySpec]:
        """Return the shapes and data types of the network's outputs."""
        with self._scope():
            return infer(self.graph.symbol, self.inputs)[0]

    def plans(self) -> list[Plan]:
        """Return MXNet's plans to try, the simplest first."""
        with self._scope():
            return self._plans()

    def _plans(self) -> list[Plan]:
        # The body of a loop is a graph within a node, which no pass over the nodes changes.
        if graph_of(self.graph.symbol).control_flow:
            return [Plan("cached op")]
        plans = [Plan()]
        if memory.on_cpu(self.ctx):
            # Where convolutions are matrix products, more channels are more work.
            widths = (0, 8, 16) if cpu.vector_width() > 1 else (0,)
            for fused in (False, True):
                plans += [Plan(fused=fused, channels=channels) for channels in widths]
                plans.append(Plan(fused=fused, columns=True))
            plans = self._different(plans)
            plans += self._sliced(plans)
            if self._calibration is not None:
                plans.append(Plan(int8=True))
        # The threaded engine computes in threads of its own, out of reach of MXNet's call for this
        # one.
        everything = runtime().threads or 1
        if runtime().engine == "naive" and memory.on_cpu(self.ctx) and everything > 1:
            plans += [Plan(**plan.to_dict() | {"threads": 1}) for plan in plans]
        return [*plans, Plan("cached op")]

    def _different(self, plans: list[Plan]) -> list[Plan]:
        """Return the plans without those that do not change this graph."""
        different: dict[tuple[bool, str], Plan] = {}
        for plan in plans:
            text = json_of(self._changed(plan))
            # The simplest comes first, and stays.
            different.setdefault((plan.fused, text), plan)
        return list(different.values())

    def _sliced(self, plans: list[Plan]) -> list[Plan]:
        """Return the simplest fused plan with slices, if the batch is large."""
        fused = next((plan for plan in plans if plan.fused), None)
        # An empty tuple, of an input without axes, is less than any other.
        if fused is None or self._batch < (SMALLEST,) or not self._by_sample:
            return []
        return [replace(fused, slices=size) for size in SIZES if (size,) < self._batch]

    @property
    def _batch(self) -> tuple[int, ...]:
        """The batch size of the first input, in a tuple; empty if it has no axis."""
        return self.graph.specs[0].shape[:1] if self.graph.specs else ()

    @cached_property
    def _by_sample(self) -> bool:
        return is_by_sample(self.graph.symbol, self.inputs)

    def _changed(self, plan: Plan) -> Symbol:
        """Return the graph transformed for a plan; cached for plans with equal transformations."""
        key = replace(plan, slices=0, threads=None)
        if key not in self._made:
            self._made[key] = self._made_for(plan)
        return self._made[key]

    def _made_for(self, plan: Plan) -> Symbol:
        symbol = self.graph.symbol
        # A cached op is what Gluon makes, and MXNet's quantization knows its own operators.
        if plan.runner == "executor" and not plan.int8:
            symbol = simpler(symbol, self.inputs, fused=plan.fused)
        if plan.fused:
            symbol = apart(symbol, self.inputs)
        if plan.channels:
            symbol = pad_channels(symbol, self.inputs, plan.channels)
        if plan.columns:
            symbol = dense_as_convolution(symbol, self.inputs)
        # Behind the other passes, as these bring in the reshapings that fail on oneDNN's layout.
        if plan.columns or plan.fused:
            symbol = copied_in_order(symbol, self.inputs, fused=plan.fused)
        return fusible(symbol) if plan.fused else symbol

    def lowered(self, plan: Plan) -> tuple[Symbol, Mapping[str, Symbol]]:
        """Return the graph that a plan runs, and graphs of the values that it computes beforehand.

        These are by the name of the variable that stands for the value.
        """
        symbol = self._changed(plan)
        # oneDNN's fusion knows relu as `Activation`, not as an operator of that name.
        if plan.runner == "executor" and not plan.fused and self._batch <= (_FEW,):
            symbol = plain_relu(symbol)
        return folded(symbol, self.inputs) if plan.copies else (symbol, {})

    def runner(self, plan: Plan) -> Runner:
        """Return a runner of the graph for a plan, with the network's current weights."""
        with self._scope():
            if plan.engine == engines.MXNET:
                return self._runner(plan)
            if problem := self.refused(plan.engine):
                raise ArgumentError(problem)
            return engines.runner_of(self, plan.engine, plan.threads or usual_threads())

    def timed_runner(self, plan: Plan) -> tuple[Runner, Callable[[], list[Ran]]]:
        """Return a runner for a plan of another engine, and what returns the operators of runs."""
        with self._scope():
            threads = plan.threads or usual_threads()
            return engines.timed_runner_of(self, plan.engine, threads)

    def refused(self, engine: str) -> str:
        """Return why an engine other than MXNet cannot run this network; '' for what may."""
        if memory.on_cpu(self.ctx):
            return ""
        return f"{engines.OTHERS[engine].title} is used on processors only, not on {self.ctx}"

    @contextmanager
    def exported(self) -> Iterator[None]:
        """Write the network as ONNX, for all runners of other engines that are made within."""
        with self._scope():
            self.model = engines.exported(self)
        try:
            yield
        finally:
            self.model = None

    def check_loss(self, runner: Runner) -> str:
        """Measure the loss of accuracy of an int8 runner; return why it is too large, if it is."""
        assert self._calibration is not None
        batches = self._calibration.batches(self.graph.specs[0].shape[0])
        before, after = (
            numpy.concatenate([_first_output(either, batch) for batch in batches])
            for either in (self.runner(Plan()), runner)
        )
        # An output for the whole batch at once is shorter than the samples.
        if len(before) < len(self._calibration.samples):
            return "the network's first output has no axis for the samples"
        self.loss = self._calibration.loss(before, after)
        return "" if self.loss.allowed else str(self.loss)

    def _slice_runner(self, plan: Plan) -> Runner:
        """Return a runner for slices of the batch; the last slice may be shorter."""
        if not self._by_sample:
            raise ArgumentError("its samples depend on one another, so they cannot be divided")
        whole = replace(plan, slices=0)
        full, left = divmod(self._batch[0], plan.slices)
        sizes = [plan.slices] * full + [left] * (left > 0)
        # One runner for all slices of a size: its memory stays in the caches from slice to slice.
        made: dict[int, Runner] = {}
        for size in set(sizes):
            specs = [replace(spec, shape=(size, *spec.shape[1:])) for spec in self.graph.specs]
            made[size] = self.resized(specs).runner(whole)
        return SlicedRunner([made[size] for size in sizes], self.graph.specs)

    def _runner(self, plan: Plan) -> Runner:
        if plan.slices:
            return self._slice_runner(plan)
        symbol, beforehand = self.lowered(plan)
        values = {
            name: array_of(parameter, self.ctx) for name, parameter in self.parameters.items()
        }
        values |= _evaluated(beforehand, values, self.ctx)
        if plan.int8:
            if self._calibration is None:
                raise ArgumentError("a plan with int8 needs `int8=True` and `calibration`")
            batches = self._calibration.batches(self.graph.specs[0].shape[0])
            symbol, values = quantized(symbol, self.graph.inputs[0], values, batches, self.ctx)
        # It stays with the calling thread, and is set back to this after each run.
        usual = usual_threads()
        threads = None if plan.threads in (None, usual) else (plan.threads, usual)
        if plan.runner == "cached op":
            return CachedOpRunner(symbol, self.ctx, self.inputs, values, threads=threads)
        return ExecutorRunner(
            symbol, self.ctx, self.inputs, values, fused=plan.fused, threads=threads
        )


def usual_threads() -> int:
    """Return the number of threads of an operator, where no plan says otherwise."""
    return runtime().threads or cpu.usable_cores()


def array_of(parameter: gluon.Parameter, ctx: Context) -> Any:
    """Return a new array that shares memory with a parameter's array on a device."""
    arrays = parameter._data or parameter.list_data()
    # By list's own method: the list may be one of `watch`, which reports each array that it gives.
    own = next(array for array in list.__iter__(arrays) if array.ctx == ctx)
    return memory.alias(own)


def _first_output(runner: Runner, batch: Array) -> Array:
    runner.write([batch])
    runner.run()
    return runner.outputs[0].copy()


def _evaluated(
    graphs: Mapping[str, Any], values: Mapping[str, Any], ctx: Context
) -> dict[str, Any]:
    """Evaluate graphs that depend on the given arrays only."""
    if not graphs:
        return {}
    runner = ExecutorRunner(mx.sym.Group(list(graphs.values())), ctx, {}, values)
    return {
        # Copies, as the runner's memory goes with it.
        name: memory.copied(numbers, ctx, np_mode=False)
        for name, numbers in zip(graphs, runner.outputs, strict=True)
    }
