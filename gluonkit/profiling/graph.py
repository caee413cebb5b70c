"""Which layer each operator of gluonkit's own graphs is of: those of training and of `compile`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from threading import get_ident
from typing import Any
from weakref import ref

import mxnet as mx
from mxnet import gluon

from gluonkit.compiling import Compiled
from gluonkit.compiling.engines import MXNET
from gluonkit.compiling.engines.timing import Ran
from gluonkit.compiling.pool import Pool
from gluonkit.compiling.program import Program
from gluonkit.compiling.runner import CachedOpRunner, Runner
from gluonkit.compiling.slices import SlicedRunner
from gluonkit.profiling.events import Event
from gluonkit.profiling.roots import Roots, inner_nodes, received
from gluonkit.profiling.windows import Label, Spent
from gluonkit.system.memory import size_of, wait_to_read
from gluonkit.tracing.hearing import heard_by
from gluonkit.tracing.inputs import leaves, spec_of
from gluonkit.tracing.tree import all_paths, join

_SUM = "sum_grad"
"""What MXNet calls the sums of gradients; it has no names for whose they are."""


class Graphs:
    """Hears of the graphs that gluonkit binds, has them run one operator at a time, and labels it.

    Those of `fit`, `evaluate` and `predict` are made within the passes. A compiled network's are
    there already: it gets others meanwhile.

    Attributes
    ----------
    training : bool
        Whether a graph for training was among them.
    """

    def __init__(self, roots: Roots, close: Callable[[Label, int], None]) -> None:
        """`close` ends the window of an operator, with what it has written, in bytes."""
        self.training = False
        self._close = close
        self._roots = roots
        self._paths: dict[str, str | None] = {}  # of nodes and parameters, by name
        self._outside: str | None = None
        self._net: gluon.Block | None = None  # the last that was traced
        self._inputs: Sequence[str] = ()
        self._backward = 0
        self._thread = get_ident()
        self._lent: dict[int, _Lent] = {}
        self._ran: list[tuple[Callable[[], list[Ran]], dict[str, str | None]]] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to this thread in the context."""
        with heard_by(self), self._compiled():
            yield

    @contextmanager
    def tracing(
        self, net: gluon.Block, inputs: Sequence[Any], names: Sequence[str], loss: Any
    ) -> Iterator[None]:
        """Note the path of each node that is made in the context, by its name."""
        root = self._roots.told(net, tuple(inputs))
        self._net, self._inputs = net, names
        for path, parameter in all_paths(net):
            layer = join(root, path).rpartition(".")[0]
            self._paths[parameter.name] = layer
        # What stands between network and loss: gluonkit's own form of the loss.
        self._outside = root
        if loss is not None:
            self.training = True
            self._outside = self._roots.told(loss, ()) if isinstance(loss, gluon.Block) else None
        self._roots.traces += 1
        try:
            yield
        finally:
            self._roots.traces -= 1

    def noted(self, name: str) -> bool:
        """Return whether a new node is of a graph that is heard of, and note its path."""
        if not self._roots.traces:
            return False
        path = self._roots.path
        self._paths[name] = self._outside if path is None else path
        return True

    def bound(self, bound: Any, *, fused: bool) -> None:
        """Have an executor tell of each of its operators."""
        executor = bound._executor
        # The same as MXNet did when it bound the graph.
        symbol = executor._symbol
        symbol = symbol.get_backend_symbol("MKLDNN") if fused else symbol
        executor.set_monitor_callback(self._hook(self._labels(symbol)))
        self._follow(bound)

    def _follow(self, bound: Any) -> None:
        """Note when an executor is in which pass, and how large its batches are."""
        # Without a reference from the executor to itself, which would keep its memory.
        kind, this, net = type(bound), ref(bound), self._net
        given = bound._executor.arg_dict
        inputs = [spec_of(given[name]) for name in self._inputs if name in given]

        def forward(*, train: bool) -> None:
            if net is not None and get_ident() == self._thread:
                self._roots.told(net, ())
                self._roots.ran(net, inputs)
            kind.forward(this(), train=train)

        def backward() -> None:
            self._backward += 1
            try:
                kind.backward(this())
            finally:
                self._backward -= 1

        bound.forward, bound.backward = forward, backward

    def _hook(self, labels: Mapping[str, Label]) -> Callable[[bytes, Any], None]:
        def hook(name: bytes, handle: Any) -> None:
            array = received(handle)
            wait_to_read(array)
            if get_ident() != self._thread:
                return
            label = _named(name.decode(), labels)
            if label is None:
                # A sum of gradients: it is in the window of the operator that takes it.
                return
            if self._backward:
                label = label._replace(phase="backward", operator=f"_backward_{label.operator}")
            self._close(label, size_of([array]))

        return hook

    def _labels(self, symbol: Any) -> dict[str, Label]:
        """Return the label of each operator of a graph, by its node's name."""
        nodes = json.loads(symbol.tojson())["nodes"]
        layers: list[list[str | None]] = [self._layers(node) for node in nodes]
        # What a plan has put in is of the layer whose output it reads, or else of the one that
        # reads it, as the constants are with which weights are padded.
        for node, known in zip(nodes, layers, strict=True):
            before = [layers[entry[0]] for entry in node["inputs"]]
            if not known:
                known.extend(next((one[:1] for one in before if one), []))
        for node, known in zip(reversed(nodes), reversed(layers), strict=True):
            for entry in node["inputs"]:
                if not layers[entry[0]]:
                    layers[entry[0]].extend(known[:1])
        return {
            node["name"]: _label(node["op"], known)
            for node, known in zip(nodes, layers, strict=True)
            if node["op"] != "null"
        }

    def _layers(self, node: dict[str, Any]) -> list[str | None]:
        """Return the paths of the layers that a node computes, first that of its multiply-adds."""
        if node["op"] == "BlockGrad":  # training's own: no gradient comes from what metrics see
            return [None]
        names = [_own(part["name"], self._paths) for part in (inner_nodes(node) or [node])]
        return list(dict.fromkeys(self._paths[name] for name in names if name in self._paths))

    @contextmanager
    def _compiled(self) -> Iterator[None]:
        """Have compiled networks that are called in the context run graphs that tell."""
        with ExitStack() as stack:
            for name in ("__call__", "run"):
                stack.enter_context(self._standing_in(name))
            try:
                yield
            finally:
                for lent in self._lent.values():
                    lent.give_back()
                self._lent.clear()

    @contextmanager
    def _standing_in(self, name: str) -> Iterator[None]:
        original = getattr(Compiled, name)

        @wraps(original)
        def call(compiled: Compiled, *inputs: Any) -> Any:
            if get_ident() == self._thread:
                key = id(compiled)
                if key not in self._lent:
                    self._lent[key] = _Lent(compiled, self._runner)
                if name == "run":
                    self._lent[key].follow_run()
                given = tuple(map(spec_of, leaves(inputs))) or compiled.specs
                self._roots.ran(compiled._program.net, given)
            return original(compiled, *inputs)

        setattr(Compiled, name, call)
        try:
            yield
        finally:
            setattr(Compiled, name, original)

    def _runner(self, compiled: Compiled, program: Program) -> Runner:
        """Return a runner of a compiled network that tells of its operators."""
        # Traced again: names of nodes are those of the layers that make them.
        program = program.resized(program.graph.specs)
        if compiled.plan.engine != MXNET:
            return self._timed(compiled, program)
        runner = program.runner(compiled.plan)
        for part in _parts(runner):
            if isinstance(part, CachedOpRunner):
                symbol, _ = program.lowered(compiled.plan)
                part._operator = self._cached_op(symbol)
        return runner

    def _timed(self, compiled: Compiled, program: Program) -> Runner:
        """Return a runner of another engine's, which tells of its operators at the end."""
        runner, ran = program.timed_runner(compiled.plan)
        graph = json.loads(program.graph.symbol.tojson())
        heads = [graph["nodes"][head[0]]["name"] for head in graph["heads"]]
        # Outputs have names of their own in ONNX, and their nodes too.
        paths = {
            name: self._paths.get(head)
            for name, head in zip(getattr(runner, "names", ()), heads, strict=False)
        }
        self._ran.append((ran, {**self._paths, **paths}))
        return runner

    def ran(self) -> list[Spent]:
        """Return what other engines have run, once."""
        return [
            Spent(_computing(one, paths), Event(one.operator, round(one.began), round(one.ended)))
            for ran, paths in self._ran
            for one in ran()
        ]

    def _cached_op(self, symbol: Any) -> Any:
        hook = self._hook(self._labels(symbol))
        made = mx.nd.CachedOp(symbol, [("static_alloc", True), ("forward_bulk_size", 0)])
        made._register_op_hook(lambda name, _, handle: hook(name, handle))
        return made


class _Lent:
    """A compiled network with other runners than its own, until it gets these back."""

    def __init__(self, compiled: Compiled, made: Callable[[Compiled, Program], Runner]) -> None:
        self._compiled, self._made = compiled, made
        state = vars(compiled)
        self._before = {name: state[name] for name in ("_pool", "_pools", "_own")}
        self._renewed = -1  # how often its weights were read again
        state.update(_made_pool=self._pool, _pools={}, _pool=self._pool(compiled._program))

    def _pool(self, program: Program) -> Pool:
        self._renewed += program is self._compiled._program
        make = partial(self._made, self._compiled, program)
        return Pool(make(), make, self._compiled._limit)

    def follow_run(self) -> None:
        """Let another runner do what the one of `run` does, in whose memory the user writes."""
        own = self._compiled._own
        if own is None:
            with heard_by(None):
                own = self._before["_pool"].make()
            self._compiled._own = self._before["_own"] = own
        if isinstance(own, _Standing) or self._renewed:
            return
        self._compiled._own = _Standing(own, self._made(self._compiled, self._compiled._program))

    def give_back(self) -> None:
        """Give it its own runners back, with the weights of now."""
        state = vars(self._compiled)
        del state["_made_pool"]
        state.update(self._before)
        if self._renewed:
            self._compiled.refresh()


class _Standing(Runner):
    """Computes by another runner, from the inputs and to the outputs of the one it stands for."""

    def __init__(self, own: Runner, other: Runner) -> None:
        self.inputs, self.outputs, self._other = own.inputs, own.outputs, other

    def run(self) -> None:
        """Compute the outputs, and wait for them."""
        self._other.write(self.inputs)
        self._other.run()
        for place, numbers in zip(self.outputs, self._other.outputs, strict=True):
            place[...] = numbers


def _parts(runner: Runner) -> list[Runner]:
    parts = runner._parts if isinstance(runner, SlicedRunner) else [runner]
    return list({id(part): part for part in parts}.values())


def _label(kind: str, layers: Sequence[str | None]) -> Label:
    main, *others = layers or [None]
    return Label(main, "forward", kind, tuple(other for other in others if other is not None))


def _computing(ran: Ran, paths: Mapping[str, str | None]) -> Label:
    """Return the label of what another engine ran; one node of MXNet's may be several of ONNX's."""
    names = [name if name in paths else name.partition(":")[0] for name in ran.nodes]
    layers = dict.fromkeys(paths[name] for name in names if name in paths)
    return _label(ran.operator, list(layers))


def _named(name: str, labels: Mapping[str, Label]) -> Label | None:
    """Return the label of the node that has an output of a name; None for sums of gradients."""
    # It is the node's name, and "_output", "_backward_output0" or the like.
    while name and name not in labels:
        name = name.rpartition("_")[0]
        if name == _SUM:
            return None
    return labels.get(name)


def _own(name: str, known: Mapping[str, Any]) -> str:
    """Return a node's name as it was traced: plans append to it, and int8 prepends."""
    return name if name in known else name.partition("#")[0].removeprefix("quantized_")
