"""`compile`: a network's fastest way to predict for inputs of one signature."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import check_seconds, last_line, whole_number
from gluonkit._base.kinds import Array, Context, Contexts
from gluonkit._base.progress import teller
from gluonkit._base.specs import ArraySpec
from gluonkit.compiling.choosing import (
    Budget,
    Candidate,
    Example,
    best_of,
    measured,
    named,
    try_plan,
)
from gluonkit.compiling.compiled import FORMAT, Compiled
from gluonkit.compiling.engines import MXNET, lacking, parsed_engines, versioned
from gluonkit.compiling.engines.plans import offered
from gluonkit.compiling.explanation import Explanation
from gluonkit.compiling.int8 import calibration as calibrate
from gluonkit.compiling.plan import Plan, parsed
from gluonkit.compiling.program import Program
from gluonkit.compiling.runner import ExecutorRunner, Runner
from gluonkit.compiling.watch import Watch
from gluonkit.errors import ArgumentError, BusyMachineWarning, MissingPackageError
from gluonkit.graphs.capture import NotCompilableError
from gluonkit.system import memory
from gluonkit.system.devices import check_contexts
from gluonkit.system.environment import environment
from gluonkit.system.spinning import warning
from gluonkit.tracing.eager import context_of, imperative
from gluonkit.tracing.inputs import as_array, leaves, mapped, parse_inputs, spec_of
from gluonkit.tracing.prints import unprinted
from gluonkit.tracing.tracer import batch_hint
from gluonkit.tracing.tree import check_initialized, check_net, parameters_of

__all__ = ["compile"]

_BUSY = (
    "The plan was chosen so, and another may be the fastest when it is idle: compile again then, "
    "or give the plan."
)


@checked_but("engines")
def compile(
    net: gluon.Block,
    *example_inputs: Any,
    plan: Any = None,
    engines: str | Sequence[str] | None = None,
    dynamic_batch: bool = True,
    frozen: bool = False,
    int8: bool = False,
    calibration: Any = None,
    max_loss: float = 0.01,
    tolerance: float | None = None,
    seconds: float = 1.0,
    most_threads: int | None = None,
    ctx: Contexts = None,
    progress: bool | Callable[[str], None] | None = False,
) -> Compiled:
    """Compile a network for prediction: find the fastest plan for inputs like the given ones.

    The network is traced, and plans for running its graph (oneDNN's fusion, padded channels, other
    layouts, numbers of threads) are measured on the given inputs. The fastest is used whose outputs
    differ from the network's by no more than float rounding (1e-5 of the largest value, for
    float32).

    Later calls follow changed weights, and raise once the network has other layers or settings.
    Only writes through a pointer, or through a view (such as ``w.data()[0:7]``) that was made
    before, are detected after seconds: call `Compiled.refresh`.

    The network itself does not change, except that a deferred initialization is finished.

    Plans may disagree on NaN, which calls do not check for: MXNet's relu and max pooling on CPUs
    drop NaN (``relu(NaN)`` is 0), its other operators propagate it, and a plan may propagate it
    where Gluon drops it. For a sample with NaN the outputs may therefore be NaN, or differ from
    Gluon's; other samples of the batch are not affected.

    Parameters
    ----------
    net : gluon.Block
        An initialized Gluon network that can be hybridized; hybridizing it is not needed.
    *example_inputs : NDArray, numpy.ndarray or tuple of int
        Example inputs, batch axis first: MXNet's or NumPy's arrays, or shapes such as ``(1, 3, 224,
        224)``. Plans are measured on them. Calls must have their shapes, but for the batch size,
        and their data types.
    plan : Plan, str or Path, optional
        A `Plan`, its name, or the path of a file of `Compiled.save_plan`, to use without measuring.
        Its outputs are still compared with the network's.
    engines : str or sequence of str, optional
        Whose plans are tried, on processors: of "mxnet", "onnxruntime" and "openvino", or "all" for
        what is installed. By default MXNet's only. For the others the network is written as ONNX,
        in memory, and once more when its weights have changed. One that has no plan is in
        `explain`, with the reason.
    dynamic_batch : bool, default True
        Whether later calls may have other batch sizes. A new size is traced at its first call; the
        last 8 are kept. False to refuse them.
    frozen : bool, default False
        Whether the weights never change again, so that calls need not check them. Required if the
        network's code reads their values, as by ``float(self.scale.data())``.
    int8 : bool, default False
        Whether to try 8-bit integers for weights and activations. They are used if that is faster
        and loses no more than `max_loss`; otherwise a warning says why.
    calibration : array or tuple of (array, array), optional
        For int8: representative samples, ``(samples, ...)``, or a pair of samples and labels. They
        give the ranges of the activations, and the loss is measured on them.
    max_loss : float, default 0.01
        For int8: with labels, the largest loss of accuracy; without, the largest share of samples
        whose class changes.
    tolerance : float, optional
        Largest difference of an output, relative to its largest value. By default 1e-5 for float32,
        1e-2 for float16, 1e-10 for float64; deep networks may round more, and `explain` has the
        differences of rejected plans.
    seconds : float, default 1.0
        How long to measure plans at most, in seconds, without building; one round of all of them
        takes place in any case. Where one is clearly the fastest, it ends sooner.
    most_threads : int, optional
        Number of calls at the same time, each with its own memory; further ones wait. By default
        the number of physical cores.
    ctx : Context or list of Context, optional
        The device to predict on, one of the parameters' devices. By default that of the inputs, if
        they are MXNet's, else the parameters' first.
    progress : bool or callable, default False
        True to print a line before each step, to standard error; or a function to be called with
        each line.

    Returns
    -------
    Compiled
        Called like the network; it returns what the network returns.

    Raises
    ------
    ArgumentError
        When the network cannot be traced (with block and reason), when it fails with these inputs,
        or when no plan has the same outputs.
    StateError
        When the network is not initialized.
    MissingPackageError
        When `plan` is one of an engine that is not installed.

    Warns
    -----
    BusyMachineWarning
        When other processes had the processor while plans were measured (noticed on Linux).

    Notes
    -----
    `torch.compile` compiles at the first call, follows changed code and can train; this measures
    now, and predicts only. `hybridize` of MXNet runs one fixed plan, without measuring or comparing
    outputs.

    Examples
    --------
    >>> import numpy
    >>> import gluonkit as gk
    >>> net = gk.create_model("mlp", init=True)
    >>> x = numpy.ones((2, 20), "float32")
    >>> fast = gk.compile(net, x, seconds=0.1)
    >>> fast(x).shape
    (2, 10)
    """
    check_net(net)
    if not example_inputs:
        raise ArgumentError(
            "`example_inputs` are missing; give what the network is called with, or its shape: "
            "compile(net, x) or compile(net, (1, 3, 224, 224))"
        )
    check_initialized(net)
    check_seconds(seconds)
    if tolerance is not None and not (isinstance(tolerance, float) and 0 <= tolerance < 1):
        raise ArgumentError(
            f"`tolerance` is {tolerance!r}; give a number from 0 to 1, such as 1e-4"
        )
    if not max_loss >= 0:
        raise ArgumentError(f"`max_loss` is {max_loss}; give a number from 0, such as 0.01 for 1 %")
    if most_threads is not None:
        whole_number("most_threads", most_threads)
    names = None if engines is None else parsed_engines(engines)
    inputs = parse_inputs(example_inputs)
    ctx = _device(ctx, inputs, parameters_of(net))
    _check_numbers(inputs)
    mode = is_np_array()
    arrays = mapped(lambda leaf: memory.moved(as_array(leaf, ctx), ctx, np_mode=mode), inputs)
    # Before tracing: it finishes a deferred initialization, and says what does not fit.
    expected = _eager(net, arrays)
    flat = list(leaves(arrays))
    specs = [spec_of(array) for array in flat]
    chosen = None if plan is None else _given(plan, specs, ctx)
    if chosen is not None:
        _check_engine(chosen[0], names)
    samples = calibrate(calibration, specs, max_loss) if int8 else None
    if calibration is not None and not int8:
        raise ArgumentError("`calibration` is given without `int8`; give int8=True too, or neither")
    # The caller may be recording, which would keep every array of the measurements.
    with autograd.pause():
        try:
            program = Program(net, mapped(spec_of, arrays), ctx, samples, frozen=frozen)
        except NotCompilableError as error:
            raise ArgumentError(f"`net` cannot be compiled: {error}") from error
        watch = None if frozen else Watch(list(program.parameters.values()))
        if watch is not None:
            # Before any runner reads the weights, so that changes from other threads are not lost.
            watch.settle(watch.weights())
        example = Example([array.asnumpy() for array in flat], expected, tolerance)
        runner, explanation = _chosen(
            *(program, chosen, names or (MXNET,), example),
            Budget(seconds, teller(progress)),
        )
    if chosen is None:
        # The plans that lost have freed their memory, which the C library keeps for itself.
        memory.trim()
    if int8 and not explanation.plan.int8:
        _say_why_not(explanation)
    if explanation.contention is not None and explanation.contention.is_busy:
        warnings.warn(warning(_BUSY), BusyMachineWarning, stacklevel=3)
    return Compiled(
        net,
        program,
        runner,
        explanation,
        watch=watch,
        dynamic_batch=dynamic_batch,
        most_threads=most_threads,
        ctx=ctx,
    )


def _device(ctx: Contexts, inputs: Any, parameters: list[gluon.Parameter]) -> Context:
    """Return the device to predict on, where all parameters are."""
    wanted = [context_of(inputs, parameters)] if ctx is None else check_contexts(ctx)
    if len(wanted) > 1:
        raise ArgumentError(f"`ctx` is {ctx}; compile for one device, and once more for another")
    device, argument = wanted[0], "`example_inputs` are on" if ctx is None else "`ctx` is"
    for parameter in parameters:
        if device not in parameter.list_ctx():
            raise ArgumentError(
                f"{argument} {device}, but {parameter.name} is on "
                f"{', '.join(map(str, parameter.list_ctx()))}; call "
                f"net.collect_params().reset_ctx([..., mx.{device}]) first"
            )
    return device


def _check_numbers(inputs: Any) -> None:
    """Refuse example inputs with NaN, on which correct plans may differ."""
    for index, leaf in enumerate(leaves(inputs), 1):
        numbers = leaf.asnumpy() if isinstance(leaf, mx.nd.NDArray) else leaf
        count = int(numpy.isnan(numbers).sum()) if isinstance(numbers, numpy.ndarray) else 0
        if count:
            raise ArgumentError(
                f"`example_inputs` hold NaN ({count} in input {index}), which some of MXNet's "
                "operators drop and others keep, so that plans cannot be compared on it; give "
                "numbers, or a shape"
            )


def _eager(net: gluon.Block, arrays: Any) -> dict[str, Array]:
    """Return the outputs of the network in eager mode."""
    try:
        # Operator by operator, even if it is hybridized: a graph may have frozen what it should
        # not.
        with autograd.pause(train_mode=False), imperative(net), unprinted():
            return named([leaf.asnumpy() for leaf in leaves(net(*arrays))])
    except Exception as error:
        specs = [spec_of(leaf) for leaf in leaves(arrays)]
        hint = ""
        if any(spec.dtype == "float64" for spec in specs):
            hint = '; networks compute in float32 unless they are cast: x.astype("float32")'
        hint += batch_hint(net, mapped(spec_of, arrays))
        raise ArgumentError(
            f"`example_inputs` {', '.join(map(str, specs))} do not go through the network: "
            f"{type(error).__name__}: {last_line(error)}{hint}"
        ) from error


def _given(plan: Any, specs: Sequence[ArraySpec], ctx: Context) -> tuple[Plan, str]:
    """Return a plan that is given, and how."""
    if not isinstance(plan, Path) and not (isinstance(plan, str) and plan.endswith(".json")):
        return parsed(plan), "given by hand"
    try:
        record = json.loads(Path(plan).read_text())
        # The other entries of another format need not be what they are in this one.
        if (number := record["format"]) == FORMAT:
            wanted = [ArraySpec(tuple(shape), dtype) for shape, dtype in record["inputs"]]
            loaded = Plan.from_dict(record["plan"])
    except OSError as error:
        raise ArgumentError(f"`plan` cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArgumentError(
            f"`plan` {str(plan)!r} is no file that save_plan has written: {last_line(error)}"
        ) from error
    if number != FORMAT:
        raise ArgumentError(
            f"`plan` {str(plan)!r} has format {number!r}, and only {FORMAT} can be read; compile "
            "without it and save anew"
        )
    if wanted != list(specs):
        raise ArgumentError(
            f"`plan` {str(plan)!r} is for the inputs {', '.join(map(str, wanted))}, the "
            f"`example_inputs` are {', '.join(map(str, specs))}; compile without it and save anew"
        )
    device = record.get("device", "cpu")
    if device != ctx.device_type:
        raise ArgumentError(
            f"`plan` {str(plan)!r} was measured on a {device}, and this network is on {ctx}; "
            "compile without it and save anew"
        )
    processor = record.get("environment", {}).get("processor", "an unknown processor")
    return loaded, f"read from {Path(plan).name}, measured on {processor}"


def _check_engine(plan: Plan, engines: tuple[str, ...] | None) -> None:
    """Refuse a given plan whose engine may not be used, or is not installed."""
    if engines is not None and plan.engine not in engines:
        raise ArgumentError(
            f"`plan` {str(plan)!r} is run by {plan.engine}, and `engines` are "
            f"{', '.join(engines)}; add it to these, or leave them out"
        )
    if plan.engine != MXNET and (problem := lacking(plan.engine)):
        raise MissingPackageError(
            f"`plan` {str(plan)!r} cannot be used: {problem}, or compile without it",
            name=plan.engine,
        )


def _chosen(
    program: Program,
    given: tuple[Plan, str] | None,
    engines: Sequence[str],
    example: Example,
    budget: Budget,
) -> tuple[Runner, Explanation]:
    """Return the runner of the best plan, or of the given one, and the reason."""
    candidates: list[Candidate] = []
    runners: dict[Plan, Runner] = {}
    idle = contention = None
    if given is None:
        with offered(program, engines) as (plans, refused):
            candidates, runners, contention = measured(program, plans, example, budget)
        candidates += refused
        best = best_of(candidates)
        if best is None:
            reasons = "; ".join(
                f"{candidate.plan}: {candidate.problem}" for candidate in candidates
            )
            raise ArgumentError(f"`net` cannot be compiled: no plan gives its outputs. {reasons}")
        kind = "loses no more than allowed" if best.plan.int8 else "gives the network's own outputs"
        given = best.plan, f"the fastest that {kind}"
        idle = _idle(program) if MXNET in engines else None
    plan, reason = given
    runner, problem = runners.get(plan), ""
    if runner is None:
        runner, problem = try_plan(program, plan, example)
    if runner is None:
        raise ArgumentError(f"`plan` {str(plan)!r} cannot be used for this network: {problem}")
    return runner, Explanation(
        plan=plan,
        reason=reason,
        engine=versioned(plan.engine),
        candidates=tuple(candidates),
        signature=tuple(map(str, program.graph.specs)),
        idle=idle,
        contention=contention,
        following=runner.making,
        loss=program.loss,
        environment=environment(),
    )


def _say_why_not(explanation: Explanation) -> None:
    """Warn that no plan with 8 bits is used."""
    tried = [candidate for candidate in explanation.candidates if candidate.plan.int8]
    why = next(
        (candidate.problem for candidate in tried if candidate.problem), "it is not faster here"
    )
    if not tried:
        why = f"the plan is {explanation.plan}"
    # 4: from here over `compile` and the check of its arguments to the line that calls it.
    warnings.warn(f"int8 is not used: {why}", stacklevel=4)


def _idle(program: Program) -> float:
    """Return the fastest time of a call of a trivial graph, in seconds."""
    ctx = next(iter(p.list_ctx()[0] for p in program.parameters.values()), mx.cpu())
    name = "gluonkit#nothing"
    runner = ExecutorRunner(mx.sym.var(name) + 1, ctx, {name: ArraySpec((1,))}, {})

    def block() -> float:
        # A hundred calls, as one takes a few microseconds, which is near the clock's own cost.
        began = perf_counter()
        for _ in range(100):
            runner.run()
        return (perf_counter() - began) / 100

    # Other work on the machine only adds to a time.
    return min(block() for _ in range(10))
