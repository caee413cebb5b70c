"""Listening to one thread's calls of layers and operators, waiting for each operator's result."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.base import _LIB
from mxnet.ndarray import register
from mxnet.ndarray.numpy import _op as numpy_functions

from gluonkit.profiling.graph import Graphs
from gluonkit.profiling.roots import Roots, inner_nodes, received
from gluonkit.profiling.windows import OURS, Label, Windows
from gluonkit.system.memory import size_of, wait_to_read
from gluonkit.system.patches import replaced
from gluonkit.tracing.symbolic import named_nodes
from gluonkit.tracing.symbols import counting_attribute, operator_name
from gluonkit.tracing.tree import walk

_SUMS = ("elemwise_add", "add_n")
_COPY = "gluonkit#copy"

_MARK = re.compile(r"#(\d+)(?!.*#)")


class Ear:
    """Listens to operators, waits for each, and tells `Windows` whose time it was.

    Attributes
    ----------
    windows : Windows
        Those of the current pass; a new one for each pass.
    follows_graphs : bool
        Whether the operators of hybridized blocks have windows.
    graphs : Graphs
        Hears of gluonkit's own graphs.
    """

    def __init__(self, roots: Roots, *, eager: bool = True, graphs: bool = True) -> None:
        """Follow the backward pass of recorded operators, and hybridized blocks, if asked to."""
        self.windows = Windows()
        self._roots = roots
        self._marks: list[str] = []  # the path of each node that was named
        self._operators: dict[Any, Any] = {}
        self._backward = 0
        self._eager, self.follows_graphs = eager, graphs
        self.graphs = Graphs(roots, self._close)

    def _close(self, label: Label, size: int) -> None:
        self.windows.close(label, size)

    def begin(self) -> Windows:
        """Begin a pass, and return its windows."""
        self._roots.begin()
        self.windows = Windows(complete=self.follows_graphs)
        return self.windows

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to this thread in the context."""
        invoke, thread = register._imperative_invoke, get_ident()
        backward = _LIB.MXAutogradBackwardEx
        api = numpy_functions._api_internal
        tensordot = api.tensordot

        def listen(handle: int, arrays: Any, keys: Any, values: Any, *rest: Any) -> Any:
            if get_ident() != thread:
                return invoke(handle, arrays, keys, values, *rest)
            if arrays and autograd.is_recording():
                if rest[0] is None and self._eager:
                    return self._recorded(invoke, handle, arrays, keys, values, *rest)
                self.windows.complete = False
            result = invoke(handle, arrays, keys, values, *rest)
            self._heard(operator_name(handle), result)
            return result

        def listen_tensordot(*args: Any) -> Any:
            result = tensordot(*args)
            if get_ident() == thread:
                self.windows.complete = not autograd.is_recording() and self.windows.complete
                self._heard("_npi_tensordot", result)
            return result

        def listen_backward(*args: Any) -> Any:
            self._backward += 1
            try:
                return backward(*args)
            finally:
                self._backward -= 1

        with ExitStack() as stack:
            enter = stack.enter_context
            enter(warnings.catch_warnings())
            # MXNet warns of hooks with static memory; its static shapes are what they miss.
            warnings.filterwarnings("ignore", message="register_op_hook is experimental")
            enter(mx.engine.bulk(0))
            enter(replaced(register, "_imperative_invoke", listen))
            enter(replaced(api, "tensordot", listen_tensordot))
            enter(replaced(_LIB, "MXAutogradBackwardEx", listen_backward))
            enter(named_nodes(self._noted, []))
            enter(self._roots.listening())
            enter(self.graphs.listening())
            if self.follows_graphs:
                enter(self._rebuilt())
            yield

    def _heard(self, operator: str, result: Any) -> None:
        """Wait for what an operator wrote, and end its window."""
        outputs = [out for out in _listed(result) if isinstance(out, mx.nd.NDArray)]
        for output in outputs:
            wait_to_read(output)
        phase = "backward" if self._backward else "forward"
        self.windows.close(Label(self._roots.path, phase, operator), size_of(outputs))

    def _recorded(
        self, invoke: Any, handle: int, arrays: Any, keys: Any, values: Any, *rest: Any
    ) -> Any:
        """Run an operator that autograd records, as a graph of one node.

        Of the backward pass of plain operators MXNet tells nothing; that of a graph calls hooks.
        """
        path = self._roots.path
        key = (path, handle, tuple(keys), tuple(map(str, values)), len(arrays), *rest)
        if key not in self._operators:
            self._operators[key] = self._one(handle, arrays, keys, values, *rest)
        operator = self._operators[key]
        if operator is None:
            self.windows.complete = False
            result = invoke(handle, arrays, keys, values, *rest)
            self._heard(operator_name(handle), result)
            return result
        return operator(*arrays)

    def _one(self, handle: int, arrays: Any, keys: Any, values: Any, *rest: Any) -> Any:
        """Return a graph of one operator; None if it cannot be one."""
        _, is_np, as_list = rest
        if any(type(array) not in (mx.nd.NDArray, mx.np.ndarray) for array in arrays):
            return None  # sparse
        variables = [mx.sym.var(f"input{index}") for index in range(len(arrays))]
        if is_np:
            variables = [variable.as_np_ndarray() for variable in variables]
        try:
            # Its name is noted by `named_nodes`, with the path of the current call.
            create = mx.symbol.register._symbol_creator
            given = dict(zip(keys, map(str, values), strict=True))
            if counting := counting_attribute(operator_name(handle)):
                given.setdefault(counting, str(len(arrays)))
            names, texts = list(given), list(given.values())
            symbols = create(handle, variables, None, names, texts, "one", is_np, as_list)
            symbol = _grouped(symbols, is_np=is_np)
            if operator_name(handle) in _SUMS:
                # MXNet cannot infer the storage of gradients that are the head gradient itself.
                symbol = mx.sym.identity(symbol, name=_COPY)
            made = mx.nd.CachedOp(symbol, list(self._flags({}).items()))
        except mx.MXNetError:
            return None
        if symbol.list_inputs() != [variable.name for variable in variables]:
            return None
        made._register_op_hook(self._hook("", None))
        return made

    def _flags(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a graph that calls hooks for each of its operators."""
        kept = {name: value for name, value in given.items() if name != "static_shape"}
        return kept | {"forward_bulk_size": 0, "backward_bulk_size": 0, "inline_limit": 0}

    def _noted(self, name: str) -> str:
        """Record whose a new node is, and return a name for it that tells."""
        if self.graphs.noted(name):  # whose names have to be the same in each trace
            return name
        self._marks.append(_COPY if name == _COPY else self._roots.path or "")
        return f"{name}#{len(self._marks) - 1}"

    def _hook(self, owner: str, block: Any) -> Callable[[Any, Any, Any], None]:
        """Return what a graph calls after each operator; `owner` is the path of its block."""
        fused: dict[str, list[str]] | None = None

        def hook(name: bytes, operator: bytes, handle: Any) -> None:
            nonlocal fused
            array = received(handle)
            wait_to_read(array)
            text, kind = name.decode(), operator.decode()
            if fused is None:
                # The graph is there when it calls: MXNet's backends have joined operators by then.
                fused = {} if block is None else self._joined(block)
            mark = _MARK.search(text)
            node = text.rpartition("_output")[0]
            path, *others = [self._marks[int(mark[1])]] if mark else fused.get(node, [owner])
            # Sums of gradients have names of their own, and are in the backward pass too.
            phase = "backward" if self._backward else "forward"
            if path == _COPY:
                self.windows.close(OURS)
            else:
                self.windows.close(Label(path, phase, kind, tuple(others)), size_of([array]))

        return hook

    def _joined(self, block: Any) -> dict[str, list[str]]:
        """Return the layers that each fused operator of a block's graph computes, by its name."""
        nodes = json.loads(block._cached_graph[1].tojson())["nodes"]
        joined = {node["name"]: self._parts(node) for node in nodes if node.get("subgraphs")}
        return {name: layers for name, layers in joined.items() if layers}

    def _parts(self, node: dict[str, Any]) -> list[str]:
        marks = [_MARK.search(part["name"]) for part in inner_nodes(node)]
        return list(dict.fromkeys(self._marks[int(mark[1])] for mark in marks if mark))

    @contextmanager
    def _rebuilt(self) -> Iterator[None]:
        """Let hybridized blocks make their graphs anew, and keep those that they have for later."""
        saved = []
        for root in self._roots.blocks:
            for path, block in walk(root, self._roots.roots[id(root)]):
                if isinstance(block, gluon.HybridBlock) and block._active:
                    state = vars(block)
                    saved.append((state, {key: state[key] for key in _GRAPH if key in state}))
                    state.update(
                        _cached_op=None,
                        _cached_op_args=[],
                        _flags=list(self._flags(dict(block._flags)).items()),
                        _callback=self._hook(path, block),
                        _monitor_all=False,
                    )
                    if not isinstance(block, gluon.SymbolBlock):
                        state["_cached_graph"] = ()
        try:
            yield
        finally:
            for state, before in saved:
                state.update(before)


_GRAPH = (
    *("_cached_graph", "_cached_op", "_cached_op_args", "_flags", "_callback", "_monitor_all"),
    *("_in_format", "_out_format"),
)
"""Attributes of a hybridized block that are of its graph."""


def _grouped(symbols: Any, *, is_np: bool) -> Any:
    if not isinstance(symbols, list):
        return symbols
    group = mx.sym.Group(symbols)
    return group.as_np_ndarray() if is_np else group


def _listed(result: Any) -> Sequence[Any]:
    return result if isinstance(result, (list, tuple)) else [result]
