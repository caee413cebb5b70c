"""`profile`: what each layer takes, by what MXNet's profiler records of the engine."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from operator import methodcaller
from time import perf_counter, time_ns
from typing import Any, TypeVar

import mxnet as mx
from mxnet import autograd, gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type, check_seconds
from gluonkit.compiling import Compiled
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.inspection import resolved
from gluonkit.profiling.advice import TRAINED
from gluonkit.profiling.chrome import Slice
from gluonkit.profiling.events import Event, Recording, recorded
from gluonkit.profiling.graph import Graphs
from gluonkit.profiling.layers import layer_times
from gluonkit.profiling.paths import Ear
from gluonkit.profiling.peak import Peak, measured_peak
from gluonkit.profiling.report import Profile
from gluonkit.profiling.roots import Roots
from gluonkit.profiling.times import LayerTime
from gluonkit.profiling.windows import UNKNOWN, Spent, Windows
from gluonkit.system.contention import Meter
from gluonkit.tracing import trace
from gluonkit.tracing.eager import context_of
from gluonkit.tracing.explain import checked_inputs
from gluonkit.tracing.inputs import as_array, as_spec, leaves, mapped
from gluonkit.tracing.tree import check_initialized, kept_values, parameters_of, walk

_NOT_FOLLOWED = (
    "Some operators could not be followed, and are in the residue: MXNet refuses the graphs that "
    "would tell of them (of single operators in eager mode; of loops in the backward pass)."
)
_FEWEST, _MOST = 3, 100  # passes


@checked
def profile(
    net: gluon.Block | Compiled | Callable[[], Any] | str,
    *inputs: Any,
    train: bool = False,
    seconds: float = 1.0,
) -> Profile:
    """Tell which layers a pass through a network spends its time in.

    MXNet's profiler records every operator that the engine runs; each is attributed to the path of
    the layer that ran it: eager, hybridized and compiled, forward and backward, also within `fit`,
    `evaluate` and `predict`. Passes are made without the profiler first, then with it, one operator
    at a time.

    Parameters
    ----------
    net : gluon.Block, Compiled, callable or str
        An initialized network; what `compile` returned; a registered model's name; or a step of
        training without arguments, which is called some times, with all that it changes.
    *inputs : NDArray, numpy.ndarray or tuple of int
        The network's inputs, arrays or shapes, as `summary` takes them; none for a step. By
        default a registered model's example input.
    train : bool, default False
        Of a network, whether to record its forward pass, in training mode, and run the backward
        pass of the sum of its outputs. Weights, gradients and running statistics are put back.
    seconds : float, default 1.0
        How long to measure, in seconds; three passes are made in any case. Measuring the
        processor's peak takes half a second more, once for a process.

    Returns
    -------
    Profile
        A record; `str()` gives the tree and what to do, `plot.plot_profile` and `plot.plot_flame`
        draw it, `chrome_trace` writes it for Perfetto.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For inputs that do not go through the network, or for a step; for `train` of what cannot be
        trained.
    StateError
        When the network is not initialized, or MXNet's profiler is in use.

    Notes
    -----
    `mx.profiler` speaks of operators, and of ``ImperativeBulk`` where the engine joins several; of
    layers it knows nothing. A process has one profiler: what it was configured for before is lost.

    Operators are waited for one by one, without bulks. Eager operators that are recorded for a
    backward pass run as graphs of one operator, since MXNet calls hooks in the backward pass of
    graphs only. Hybridized blocks and compiled networks get graphs of their own meanwhile, the
    former without ``static_shape``.

    Plans of ONNX Runtime and OpenVINO are recorded by these engines' own profilers.

    Examples
    --------
    >>> import gluonkit as gk
    >>> report = gk.profile("lenet", (1, 1, 28, 28), seconds=0.1)
    >>> [layer.path for layer in report.layers][:3]
    ['', '0', '0.act']
    """
    check_seconds(seconds)
    subject = _subject(net, inputs, train=train)
    # Static graphs write running statistics without the engine's knowledge: what is kept must be
    # what the passes before have left.
    mx.nd.waitall()
    meter = Meter()
    with subject.scope():
        plain = _plain(subject, seconds / 2)
        recording, passes, others = _recorded(subject, seconds / 2)
    contention = meter.contention()
    spent = [_of_pass(recording.events, others, one) for one in passes]
    busy = [_busy(events) for events in spent]
    order = sorted(range(len(passes)), key=lambda index: busy[index])
    chosen = _faster_half(order)
    events = [one for index in chosen for one in spent[index]]
    notes = [str(contention)] if contention.is_busy else []
    middle = order[len(order) // 2]
    layers = layer_times(subject.roots, events, [passes[i].windows for i in chosen])
    peak = _no_less_than(layers, measured_peak(), notes)
    return Profile(
        name=subject.name,
        mode=subject.mode,
        inputs=subject.shapes(),
        layers=layers,
        seconds=statistics.fmean(_faster_half(sorted(plain))),
        operators_seconds=statistics.fmean(busy[index] for index in chosen),
        unattributed=_busy(one for one in events if one.label is UNKNOWN) / len(chosen),
        profiled_seconds=statistics.fmean(_faster_half(sorted(one.seconds for one in passes))),
        passes=len(passes),
        peak=peak,
        allocated=_allocated(recording),
        notes=tuple(subject.notes + notes),
        slices=tuple(_slices(spent[middle], passes[middle].began)),
    )


_T = TypeVar("_T")


@dataclass
class _Subject:
    """What is profiled.

    Attributes
    ----------
    name, mode : str
        As in `Profile`.
    call : callable
        Makes one pass.
    roots : Roots
        Its blocks.
    scope : callable
        Makes the context of all passes.
    compiled : Compiled or None
        A compiled network.
    training : bool
        Whether a step trains by gluonkit's graphs, as `fit` does.
    notes : list of str
        What a reader must know.
    """

    name: str
    call: Callable[[], Any]
    roots: Roots
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext
    compiled: Compiled | None = None
    training: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def mode(self) -> str:
        if self.compiled is not None:
            return f"compiled ({self.compiled.plan})"
        if self.training:
            return TRAINED
        blocks = [block for root in self.roots.blocks for _, block in walk(root)]
        hybrid = [block for block in blocks if isinstance(block, gluon.HybridBlock)]
        active = [block for block in hybrid if block._active]
        if not active:
            return "eager"
        roots = self.roots.blocks
        return "hybridized" if roots and roots[0] in active else "partly hybridized"

    def shapes(self) -> str:
        return ", ".join(map(str, leaves(self.roots.inputs[:1])))


@dataclass
class _Pass:
    """One pass with the profiler: its windows, when it began (µs since 1970), its seconds."""

    windows: Windows
    began: int
    ended: int
    seconds: float


def _subject(net: Any, inputs: tuple[Any, ...], *, train: bool) -> _Subject:
    if isinstance(net, (str, gluon.Block)):
        return _network(net, inputs, train=train)
    if train:
        raise ArgumentError(
            f"`train` is True, and `net` is {a_type(net)}; a network can be trained, a step does "
            "what it does, and a compiled network predicts"
        )
    if isinstance(net, Compiled):
        arrays = [as_array(given, net.ctx) for given in leaves(inputs or net.specs)]
        roots = Roots([net._program.net])
        roots.inputs[0] = net.specs
        name = type(net._program.net).__name__
        return _Subject(name, lambda: net(*arrays), roots, compiled=net)
    if not callable(net):
        raise ArgumentTypeError(
            f"`net` is {a_type(net)}; give a Gluon block and its inputs, a compiled network, or a "
            "function that makes one step of training"
        )
    if inputs:
        raise ArgumentError(
            f"{len(inputs)} inputs are given beside a step, which takes none; bind them: "
            "profile(lambda: step(x, y))"
        )
    name = getattr(net, "__name__", type(net).__name__)
    step = net
    if isinstance(owner := getattr(net, "__self__", None), Compiled):
        # By its name, under which another method stands meanwhile.
        step = partial(methodcaller(name), owner)
    roots, training = _called_by(step)
    return _Subject(name, step, roots, training=training)


def _called_by(step: Callable[[], Any]) -> tuple[Roots, bool]:
    """Return the blocks that a step calls, the one with the most layers first.

    And whether it trains by graphs of gluonkit's.
    """
    seen = Roots()
    graphs = Graphs(seen, lambda *_: None)
    with seen.listening(), graphs.listening():
        step()
    mx.nd.waitall()
    pairs = sorted(
        zip(seen.blocks, seen.inputs, strict=True), key=lambda pair: -len(list(walk(pair[0])))
    )
    roots = Roots([block for block, _ in pairs])
    roots.inputs = [given for _, given in pairs]
    return roots, graphs.training


def _network(net: gluon.Block | str, inputs: tuple[Any, ...], *, train: bool) -> _Subject:
    net, name, inputs = resolved(net, inputs, init="xavier")
    given = checked_inputs(net, inputs)
    check_initialized(net)
    trace(net, *given)  # which says at which layer inputs do not go through
    block, ctx = net, context_of(given, parameters_of(net))
    arrays = mapped(lambda leaf: as_array(leaf, ctx), given)
    roots = Roots([net])
    roots.inputs[0] = tuple(mapped(as_spec, given))

    def predict() -> None:
        with autograd.pause(train_mode=False):
            block(*arrays)

    def learn() -> None:
        with autograd.record():
            outputs = list(leaves(block(*arrays)))
        autograd.backward(outputs)

    if train and not any(p.grad_req != "null" for p in parameters_of(net)):
        raise ArgumentError(
            "`train` is True, and `net` has no parameter with a gradient; leave `train` out"
        )

    if not train:
        return _Subject(name, predict, roots)
    return _Subject(name, learn, roots, scope=lambda: kept_values(block))


def _plain(subject: _Subject, seconds: float) -> list[float]:
    """Return the times of passes without the profiler."""
    subject.call()
    mx.nd.waitall()
    times: list[float] = []
    until = perf_counter() + seconds
    while len(times) < _FEWEST or (perf_counter() < until and len(times) < _MOST):
        began = perf_counter()
        subject.call()
        mx.nd.waitall()
        times.append(perf_counter() - began)
    return times


def _recorded(subject: _Subject, seconds: float) -> tuple[Recording, list[_Pass], list[Spent]]:
    """Make passes with the profiler, one operator at a time."""
    try:
        return _followed(subject, seconds, _listening(subject))
    except mx.MXNetError:
        if subject.compiled is not None:
            raise
    # MXNet refuses to make some graphs of single operators, and some with hooks.
    subject.notes.append(_NOT_FOLLOWED)
    try:
        return _followed(subject, seconds, _listening(subject, eager=False))
    except mx.MXNetError:
        return _followed(subject, seconds, _listening(subject, eager=False, graphs=False))


def _followed(
    subject: _Subject, seconds: float, listening: AbstractContextManager[Any]
) -> tuple[Recording, list[_Pass], list[Spent]]:
    passes: list[_Pass] = []
    with listening as (ear, call):
        ear.begin()
        call()  # which makes graphs
        with recorded() as recording:
            until = perf_counter() + seconds
            while len(passes) < _FEWEST or (perf_counter() < until and len(passes) < _MOST):
                windows = ear.begin()
                when, began = time_ns() // 1000, perf_counter()
                call()
                mx.nd.waitall()
                took = perf_counter() - began
                passes.append(_Pass(windows, when, time_ns() // 1000, took))
        others = ear.graphs.ran()
    return recording, passes, others


@contextmanager
def _listening(
    subject: _Subject, *, eager: bool = True, graphs: bool = True
) -> Iterator[tuple[Ear, Callable[[], Any]]]:
    ear = Ear(subject.roots, eager=eager, graphs=graphs)
    with ear.listening():
        yield ear, subject.call


def _faster_half(ordered: Sequence[_T]) -> Sequence[_T]:
    """Return the first half: other work on the machine only makes passes longer."""
    return ordered[: (len(ordered) + 1) // 2]


def _of_pass(events: Sequence[Event], others: Sequence[Spent], one: _Pass) -> list[Spent]:
    """Return what a pass ran, by MXNet's engine and by others, in order."""
    within = [event for event in events if one.began <= event.began <= one.ended]
    spent = [*one.windows.spent(within)]
    spent += [other for other in others if one.began <= other.event.began <= one.ended]
    return sorted(spent, key=lambda one: one.event.began)


def _busy(spent: Any) -> float:
    """Return the time of operators, in seconds."""
    return float(sum(one.event.ended - one.event.began for one in spent)) / 1e6


def _no_less_than(layers: Sequence[LayerTime], peak: Peak, notes: list[str]) -> Peak:
    """Return a peak that no layer is above."""
    fastest = max(layers, key=lambda layer: layer.macs_per_second or 0.0, default=None)
    rate = fastest.macs_per_second if fastest is not None else None
    if fastest is None or rate is None or rate <= peak.macs_per_second:
        return peak
    which = f"`{fastest.path}`" if fastest.path else "The network"
    notes.append(
        f"{which} computes faster than the matrix product that was "
        f"measured ({tables.scaled(peak.macs_per_second)} multiply-adds a second; a busy machine, "
        "or a way with fewer multiplications), and is taken for the peak."
    )
    return replace(peak, macs_per_second=rate)


def _allocated(recording: Recording) -> int:
    """Return the most that was allocated at a time, beyond what was before."""
    return max((size for _, size in recording.memory), default=0)


def _slices(spent: Sequence[Spent], began: int) -> Iterator[Slice]:
    for label, event in spent:
        took = (event.ended - event.began) / 1e6
        yield Slice(label.path, label.phase, event.name, (event.began - began) / 1e6, took)
