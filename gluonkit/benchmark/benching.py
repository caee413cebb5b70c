"""Benchmarking a network before and after hybridizing, outputs compared first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import a_type, check_seconds, last_line, unknown_name, whole_number
from gluonkit._base.interrupts import remembered_interrupt
from gluonkit._base.kinds import Contexts, NDArray
from gluonkit._base.progress import teller
from gluonkit.benchmark.case import Case, Outcome
from gluonkit.benchmark.opponents import OPPONENTS, Opponents, check_opponents, rows_of
from gluonkit.benchmark.report import BenchReport, BenchRow
from gluonkit.benchmark.timing import compare
from gluonkit.compiling.engines import parsed_engines
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.graphs.variants import COMPILED, VARIANTS, Switch
from gluonkit.models import create_model, model_info, parse_model
from gluonkit.models.registry import info_of
from gluonkit.system.devices import check_contexts
from gluonkit.system.environment import environment
from gluonkit.tracing.inputs import parse_inputs
from gluonkit.tracing.prints import unprinted
from gluonkit.tracing.tracer import batch_hint
from gluonkit.tracing.tree import check_initialized

MODES = ("forward", "train")


@checked_but("engines")
def bench(
    model: Any,
    *inputs: Any,
    variants: Sequence[str] = tuple(VARIANTS),
    modes: Sequence[str] = MODES,
    batches: Sequence[int] | None = None,
    seconds: float = 1.0,
    loss: Callable[..., Any] | None = None,
    label: Any = None,
    engines: str | Sequence[str] | None = None,
    against: Sequence[str] = (),
    ctx: Contexts = None,
    name: str | None = None,
    data: str | None = None,
    progress: bool | Callable[[str], None] | None = False,
) -> BenchReport:
    """Time a network eager, hybridized, hybridized with static memory, and compiled.

    First each variant's outputs are compared with eager's (when training, the gradients of all
    parameters too); one that differs by more than float rounding is reported, not timed. Then the
    variants are timed in turn, round by round, so that a disturbance of the machine affects all of
    them equally. Every call waits until MXNet's engine has finished.

    Parameters
    ----------
    model : str or gluon.Block
        The name of a registered model, with its options if needed (``"mlp(units=(256, 128))"``), or
        an initialized Gluon block. The block's parameters, gradients and compiled state are left as
        they were; only a deferred initialization is finished.
    *inputs : NDArray or numpy.ndarray
        Input arrays, batch axis first. Without them, a registered model gets random input of its
        example shape.
    variants : sequence of str, optional
        Of 'eager', 'hybrid', 'static' (hybridized with static memory), 'compiled'
        (`gluonkit.compile` with ``frozen=True``, forward only); by default all. Eager always runs,
        as the baseline.
    modes : sequence of str, optional
        Of 'forward' (prediction mode) and 'train' (forward, loss, backward, update by SGD); by
        default both.
    batches : sequence of int, optional
        Batch sizes; the samples of the inputs are repeated or cut to each. By default the size
        given.
    seconds : float, default 1.0
        How long to time each variant of each case, in seconds.
    loss : callable, optional
        For training: ``loss(output, label)``, as in `gluon.loss`. By default half the mean square
        of the outputs.
    label : NDArray or numpy.ndarray, optional
        For training: the label, repeated or cut like the inputs.
    engines : str or sequence of str, optional
        For 'compiled': whose plans `gluonkit.compile` tries, of "mxnet", "onnxruntime" and
        "openvino", or "all". By default MXNet's only.
    against : sequence of str, optional
        Other engines as opponents, of 'onnxruntime', 'openvino' and 'torch' (forward only): each is
        a variant more, with the network written as ONNX or PyTorch, called as its own documentation
        does, with NumPy arrays and as many threads as MXNet has. Unlike `engines`, nothing of
        gluonkit's stands between. The build is the opening of the file, and the first call. PyTorch
        has two rows, eager and by `torch.compile`, which may take a minute to compile; it runs in a
        process of its own, by the Python that GLUONKIT_TORCH_PYTHON names, or this one.
    ctx : Context, optional
        Device for a registered model and for inputs that are NumPy arrays.
    name, data : str, optional
        What the report calls the network, and its input.
    progress : bool or callable, default False
        True to print a line before each step, to standard error; or a function to be called with
        each line.

    Returns
    -------
    BenchReport
        All rows; after Ctrl-C, those measured so far, with ``interrupted`` set.

    Raises
    ------
    MissingPackageError
        When an opponent is not installed.
    ArgumentError, ArgumentTypeError
        For unknown variants, modes, opponents or models, for opponents where nothing predicts, and
        for inputs that the network does not take.
    StateError
        When the block is not initialized.
    EnvironmentVariableError
        When 'torch' is an opponent, and GLUONKIT_TORCH_PYTHON names no program.

    Examples
    --------
    >>> import gluonkit as gk
    >>> report = gk.bench("mlp", modes=["forward"], seconds=0.05)
    >>> [row.variant for row in report.rows], report.ok
    (['eager', 'hybrid', 'static', 'compiled'], True)
    """
    wanted = _checked_names("variants", variants, VARIANTS)
    chosen = [variant for variant in VARIANTS if variant == "eager" or variant in wanted]
    kinds = _checked_names("modes", modes, MODES)
    if engines is not None:
        parsed_engines(engines)
        if COMPILED not in chosen or "forward" not in kinds:
            raise ArgumentError(
                "`engines` are those whose plans 'compiled' tries, which is timed in the mode "
                "'forward' only; add what is missing to `variants` or `modes`, or leave `engines` "
                "out"
            )
    opposed = _checked_names("against", against, OPPONENTS) if against else []
    if opposed and "forward" not in kinds:
        raise ArgumentError(
            "`against` names other engines, which predict only, and `modes` is without 'forward'; "
            "add it, or leave `against` out"
        )
    check_opponents(opposed)
    check_seconds(seconds)
    if label is not None and loss is None:
        raise ArgumentError(
            "`label` is given without `loss`; pass the loss too, such as "
            "loss=gluon.loss.SoftmaxCrossEntropyLoss()"
        )
    if ctx is not None and len(check_contexts(ctx)) > 1:
        raise ArgumentError(f"`ctx` is {ctx}; give one device, as a call runs on one")
    net = _network(model, ctx)
    arrays = [_to_mxnet(array, ctx) for array in inputs] or _example(model, ctx)
    sizes = _checked_batches(batches, arrays)
    title = name or (model if isinstance(model, str) else type(net).__name__)
    origin = data or ("given" if inputs else "random")
    rows: list[BenchRow] = []
    interrupted = False
    switch = Switch(net)
    try:
        # The caller may be recording; nothing of this belongs there.
        with autograd.pause(), remembered_interrupt() as interrupt:
            for size, mode in itertools.product(sizes, kinds):
                cut = [_resized(array, size, ctx) for array in arrays]
                target = None if label is None else _resized(_to_mxnet(label, ctx), size, ctx)
                # A graph belongs to one shape; another batch would build its own within the
                # timing.
                switch.forget()
                switch.build("eager")
                # Eager and once: what the network does not take is an error, and no variant's
                # problem.
                _try_forward(net, cut, title)
                switch.forget()
                case = Case(
                    net,
                    switch,
                    cut,
                    mode,
                    seconds,
                    loss,
                    target,
                    interrupt=interrupt,
                    engines=engines,
                    opponents=Opponents(net, cut) if opposed else None,
                )
                named = (
                    [*chosen, *rows_of(opposed)]
                    if mode == "forward"
                    else [name for name in chosen if name != COMPILED]
                )
                try:
                    _run(case, named, title, teller(progress))
                finally:
                    case.close()
                # First what has been measured, then the end: an interrupted case gives its rows,
                # too.
                rows += _rows(case, title, origin)
                interrupt.check()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        switch.restore()
    return BenchReport(tuple(rows), environment(), interrupted)


def _run(case: Case, variants: Sequence[str], title: str, tell: Callable[[str], None]) -> None:
    """Run a case, unless it is about training and the network has nothing to train."""
    trainable = (param.grad_req != "null" for param in case.net.collect_params().values())
    if case.mode == "train" and not any(trainable):
        case.outcomes = [Outcome("eager", problem="the network has no parameters to train")]
        return
    case.run(variants, lambda text: tell(f"{title}: {text}"))


def _rows(case: Case, title: str, origin: str) -> list[BenchRow]:
    """Turn the outcomes of a case into rows, each compared with eager."""
    shape = tuple(case.inputs[0].shape)
    baseline = next(
        (timed.measurement for timed in case.outcomes if timed.variant == "eager"), None
    )
    rows = []
    for outcome in case.outcomes:
        measurement, speed_up, pays_after = outcome.measurement, None, None
        if outcome.variant != "eager" and measurement and baseline:
            speed_up = compare(baseline, measurement)
            gain = baseline.median - measurement.median
            # A gain within the noise pays for nothing.
            if speed_up is not None and speed_up.low > 1 and gain > 0:
                pays_after = math.ceil(measurement.build_time / gain)
        timing = (outcome.variant, measurement, speed_up, pays_after)
        given = (title, origin, case.mode, shape[0], shape)
        rows.append(BenchRow(*given, *timing, problem=outcome.problem, note=outcome.note))
    return rows


def _checked_names(argument: str, names: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return the names as a list; refuse unknown ones."""
    chosen = [names] if isinstance(names, str) else list(names)
    if not chosen:
        raise ArgumentError(f"`{argument}` is empty; choose of: {', '.join(known)}")
    for name in chosen:
        if name not in known:
            raise unknown_name(argument, str(name), known, f"Choose of: {', '.join(known)}.")
    return chosen


def _network(model: Any, ctx: Contexts) -> gluon.Block:
    """Return the network to measure, initialized."""
    if isinstance(model, str):
        name, options = parse_model(model)
        info_of("model", name)
        return create_model(name, init=True, ctx=ctx, **options)
    if isinstance(model, type) and issubclass(model, gluon.Block):
        raise ArgumentTypeError(
            f"`model` is the class {model.__name__}; pass an instance, such as {model.__name__}()"
        )
    if not isinstance(model, gluon.Block):
        raise ArgumentTypeError(
            f"`model` is {a_type(model)}; pass a Gluon block or a registered model's name"
        )
    check_initialized(model, "model")
    return model


def _example(model: Any, ctx: Contexts) -> list[Any]:
    """Return random inputs of a registered model's example shapes."""
    if not isinstance(model, str):
        raise ArgumentError(
            "`inputs` are missing; pass the network's input after it: bench(net, x). Only a "
            "registered model, given by its name, has an example input"
        )
    info = model_info(parse_model(model)[0])
    return [_to_mxnet(array, ctx) for array in info.example()]


def _to_mxnet(array: Any, ctx: Contexts) -> Any:
    """Return an MXNet array as it is, and a NumPy array as one of the active mode."""
    if isinstance(array, mx.nd.NDArray):
        return array
    if not isinstance(array, numpy.ndarray):
        raise ArgumentTypeError(f"`inputs` hold {a_type(array)}; pass MXNet or NumPy arrays")
    array = parse_inputs([array])[0]
    dtype = "float32" if array.dtype == "float64" else array.dtype  # as MXNet itself does
    # Operators of one mode refuse arrays of the other.
    create = mx.np.array if is_np_array() else mx.nd.array
    return create(array, dtype=dtype, ctx=ctx or mx.current_context())


def _checked_batches(batches: Sequence[int] | None, arrays: Sequence[Any]) -> list[int]:
    """Return the batch sizes to run; all inputs must have the same batch size."""
    if any(array.ndim == 0 for array in arrays):
        raise ArgumentError("`inputs` hold a scalar; an input's first axis is the batch")
    lengths = sorted({array.shape[0] for array in arrays})
    if len(lengths) > 1:
        raise ArgumentError(
            f"`inputs` have first axes of lengths {lengths}; the first axis is the batch, so all "
            "must be equal"
        )
    chosen = lengths if batches is None else list(batches)
    if not chosen:
        raise ArgumentError("`batches` is empty; give at least one batch size, or None")
    return [whole_number("batches", size) for size in chosen]


def _resized(array: NDArray, size: int, ctx: Contexts) -> NDArray:
    """Repeat or cut an array along its first axis to `size` samples."""
    if array.shape[0] == size:
        return array
    samples = array.asnumpy()
    # The same samples again: made-up ones might be no valid indices, or cost another time.
    return _to_mxnet(samples[numpy.arange(size) % len(samples)], ctx or array.ctx)


def _try_forward(net: gluon.Block, inputs: Sequence[Any], title: str) -> None:
    """Run the network once, which finishes deferred initialization; raise if it fails."""
    try:
        with unprinted():
            net(*inputs)
        # An error of the engine appears where it is waited for.
        mx.nd.waitall()
    except Exception as error:
        shapes = ", ".join(str(tuple(array.shape)) for array in inputs)
        raise ArgumentError(
            f"`inputs` of shape {shapes} cannot be run through {title}: "
            f"{type(error).__name__}: {last_line(error)}{batch_hint(net, inputs)}"
        ) from error
