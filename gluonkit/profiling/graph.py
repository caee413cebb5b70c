"""Which layer each operator of a compiled network's graph is of, fused ones too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import mxnet as mx

from gluonkit.compiling import Compiled, Plan
from gluonkit.compiling.engines import MXNET
from gluonkit.compiling.program import Program
from gluonkit.compiling.runner import CachedOpRunner, ExecutorRunner, Runner
from gluonkit.compiling.slices import SlicedRunner
from gluonkit.errors import ArgumentError
from gluonkit.profiling.paths import Roots, inner_nodes, received
from gluonkit.profiling.windows import Label, Windows
from gluonkit.system.memory import size_of, wait_to_read
from gluonkit.tracing.symbolic import named_nodes


class CompiledEar:
    """Runs a compiled network by a runner of its own, and tells `Windows` whose time it was.

    Attributes
    ----------
    windows : Windows
        Those of the current pass; a new one for each pass.
    follows_graphs : bool
        Always.
    """

    follows_graphs = True

    def __init__(self, compiled: Compiled) -> None:
        plan = compiled.plan
        if plan.engine != MXNET:
            raise ArgumentError(
                f"`net` is compiled with the plan {str(plan)!r}, whose operators MXNet does not "
                'run, so that its profiler sees none; profile compile(net, ..., engines="mxnet")'
            )
        self.windows = Windows()
        self._paths: dict[str, str] = {}
        with _noting(compiled._program.net, self._paths):
            # As it was traced first: names of nodes are those of the layers that make them.
            program = compiled._program.resized(compiled._program.graph.specs)
        self._runner = program.runner(plan)
        for runner in _parts(self._runner):
            self._listen(runner, program, plan)

    def run(self, arrays: Sequence[Any]) -> None:
        """Predict, operator by operator."""
        self._runner.write(arrays)
        self._runner.run()

    def _listen(self, runner: Runner, program: Program, plan: Plan) -> None:
        if isinstance(runner, CachedOpRunner):
            symbol, _ = program.lowered(plan)
            hook = self._hook(_labels(symbol, self._paths))
            flags = [("static_alloc", True), ("forward_bulk_size", 0)]
            runner._operator = mx.nd.CachedOp(symbol, flags)
            runner._operator._register_op_hook(lambda name, _, handle: hook(name, handle))
            return
        assert isinstance(runner, ExecutorRunner)
        executor = runner._bound._executor
        symbol = executor._symbol
        if plan.fused:
            # As MXNet did when it bound the graph.
            symbol = symbol.get_backend_symbol("MKLDNN")
        executor.set_monitor_callback(self._hook(_labels(symbol, self._paths)))

    def _hook(self, labels: Mapping[str, Label]) -> Callable[[bytes, Any], None]:
        def hook(name: bytes, handle: Any) -> None:
            array = received(handle)
            wait_to_read(array)
            node = name.decode()
            # An output's name is its node's, and "_output", or the like.
            while node and node not in labels:
                node = node.rpartition("_")[0]
            self.windows.close(labels.get(node, _ROOT), size_of([array]))

        return hook


_ROOT = Label("", "forward", "")


def _parts(runner: Runner) -> list[Runner]:
    parts = runner._parts if isinstance(runner, SlicedRunner) else [runner]
    return list({id(part): part for part in parts}.values())


@contextmanager
def _noting(net: Any, paths: dict[str, str]) -> Iterator[None]:
    """Note the path of each node that is made in the context, by its name."""
    roots = Roots([net])

    def noted(name: str) -> str:
        paths.setdefault(name, roots.path or "")
        return name

    with named_nodes(noted, []), roots.listening():
        yield


def _labels(symbol: Any, paths: Mapping[str, str]) -> dict[str, Label]:
    """Return the label of each operator of a graph, by its node's name."""
    nodes = json.loads(symbol.tojson())["nodes"]
    labels: dict[str, Label] = {}
    for node in nodes:
        if node["op"] == "null":
            continue
        layers = _layers(node, paths)
        if not layers:
            # What a plan has put in is of the layer whose output it reads.
            before = [nodes[entry[0]]["name"] for entry in node["inputs"]]
            known = [labels[name].path or "" for name in before if name in labels]
            layers = known[:1] or [""]
        main, *others = layers
        kind = node["op"]
        labels[node["name"]] = Label(main, "forward", kind, tuple(others))
    return labels


def _layers(node: dict[str, Any], paths: Mapping[str, str]) -> list[str]:
    """Return the paths of the layers that a node computes, first that of its multiply-adds."""
    layer_paths = [_path(part["name"], paths) for part in (inner_nodes(node) or [node])]
    return list(dict.fromkeys(path for path in layer_paths if path is not None))


def _path(name: str, paths: Mapping[str, str]) -> str | None:
    """Return the path of a node by its name, to which plans append and int8 prepends."""
    own = name.partition("#")[0].removeprefix("quantized_")
    return paths.get(name, paths.get(own))
