"""A network to be exported: its values, its graph, and what it gives for some inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.util import is_np_array, np_array, np_shape

from gluonkit._errors import ArgumentError, ExportError, last_line
from gluonkit.params.records import all_paths
from gluonkit.params.sharing import materialize
from gluonkit.step.graph import NotCompilableError, build_graph
from gluonkit.trace.forward import context_of, without_deprecations
from gluonkit.trace.inputs import ArraySpec, as_array, leaves, parse_inputs, spec_of
from gluonkit.trace.trace import trace
from gluonkit.trace.tree import check_net, parameters_of, untouched

Made = TypeVar("Made")
Array = numpy.ndarray[Any, Any]

_TOLERANCES = {"float16": 2e-2, "float64": 1e-6}
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Network:
    """A network with values, and inputs for it.

    Attributes
    ----------
    net : the network.
    inputs : an MXNet array for each input, of the active array mode.
    parameters : every parameter by MXNet's name for it.
    paths : the structural path of each, by the same names; of a shared one the first.
    """

    net: gluon.Block
    inputs: tuple[Any, ...]
    parameters: dict[str, gluon.Parameter]
    paths: dict[str, str]

    def outputs(self, inputs: Sequence[Any], *, hint: str = "") -> list[Array]:
        """Return what the network itself gives, in prediction mode; it stays as it is.

        Raises
        ------
        ExportError
            when it does not run with these inputs.
        """
        try:
            with untouched(self.net), autograd.pause(train_mode=False), without_deprecations():
                return [each.asnumpy() for each in leaves(self.net(*inputs))]
        except (mx.MXNetError, ValueError) as error:
            given = ", ".join(str(spec_of(each)) for each in inputs)
            raise ExportError(
                f"`net` does not run with inputs of {given}, so that nothing can be compared: "
                f"{last_line(error)}{hint}"
            ) from error


@dataclass(frozen=True)
class Traced:
    """A network's graph.

    Attributes
    ----------
    symbol : a legacy symbol; its outputs are the network's.
    inputs : shape and data type of each input, by the variable's name.
    numpy_mode : whether it was traced, and must be looked at, in NumPy mode.
    """

    symbol: Any
    inputs: dict[str, ArraySpec]
    numpy_mode: bool

    @contextmanager
    def mode(self) -> Iterator[None]:
        """Be in the array mode in which it was traced."""
        with np_array(self.numpy_mode), np_shape(self.numpy_mode):
            yield


def prepared(net: Any, inputs: Sequence[Any]) -> Network:
    """Return a network ready to be exported: every parameter has its values.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        as `gluonkit.materialize` does, for inputs that do not go through too.
    ExportError
        for two parameters of one name, whose values a graph would mix up.
    """
    check_net(net)
    plain = _plain(inputs)
    materialize(net, *inputs)
    trace(net, *inputs)  # explains inputs that do not go through
    parameters: dict[str, gluon.Parameter] = {}
    paths: dict[str, str] = {}
    for path, parameter in all_paths(net):
        if parameter._data is None:  # no input reaches it, so it is not in the graph
            continue
        first = parameters.setdefault(parameter.name, parameter)
        if first is not parameter and first._data is not parameter._data:
            raise ExportError(
                f"`net` has two parameters named {parameter.name} ({paths[parameter.name]} and "
                f"{path}), which a graph cannot tell apart; give their blocks different prefixes"
            )
        paths.setdefault(parameter.name, path)
    ctx = context_of(inputs, parameters_of(net))
    arrays = tuple(as_array(given, ctx) for given in plain)
    return Network(net, arrays, parameters, paths)


def _plain(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Refuse inputs that are lists of arrays, or None."""
    parsed = parse_inputs(inputs)
    for number, given in enumerate(parsed, 1):
        if given is None or isinstance(given, (list, tuple)):
            raise ArgumentError(
                f"input {number} is {'None' if given is None else 'a list of arrays'}, which the "
                "exported graph cannot take; wrap the network in a HybridBlock that takes each "
                "array as an argument of its own"
            )
    return parsed


def with_graph(network: Network, use: Callable[[Traced], Made]) -> Made:
    """Give a network's graph to a function, and return what that makes of it.

    The graph is traced in the legacy mode, whose operators every tool knows best. If that fails, or
    the function refuses what came of it, and NumPy mode is on, it is traced in that.

    Raises
    ------
    ExportError
        the last refusal, when there is no graph that will do.
    """
    modes = (False, True) if is_np_array() else (False,)
    refusals = []
    for numpy_mode in modes:
        try:
            return use(_traced(network, numpy_mode))
        except ExportError as error:
            refusals.append(error)
    raise refusals[-1]


def _traced(network: Network, numpy_mode: bool) -> Traced:
    specs = [spec_of(each) for each in network.inputs]
    with np_array(numpy_mode), np_shape(numpy_mode):
        try:
            graph = build_graph(network.net, specs, on_cpu=False)
        except NotCompilableError as error:
            raise ExportError(f"`net` cannot be exported: {error}") from error
    taken = set(network.parameters)
    names = _unused("data", len(specs), taken)
    renamed = dict(zip(graph.inputs, names, strict=True))
    text = json.loads(graph.symbol.tojson(remove_amp_cast=False))
    for node in text["nodes"]:
        if node["op"] == "null" and node["name"] in renamed:
            node["name"] = renamed[node["name"]]
            node.pop("attrs", None)  # they hold the shape of this one batch
    symbol = mx.sym.load_json(json.dumps(text))
    return Traced(symbol, dict(zip(names, specs, strict=True)), numpy_mode)


def _unused(name: str, count: int, taken: set[str]) -> list[str]:
    """Return names as MXNet gives them to inputs: data, or data0, data1 and so on."""
    names = [name] if count == 1 else [f"{name}{number}" for number in range(count)]
    return _unused(f"{name}_", count, taken) if taken.intersection(names) else names


def compare(what: str, expected: Sequence[Array], found: Sequence[Array]) -> float:
    """Return the largest difference of any output, relative to that output's largest number.

    Raises
    ------
    ExportError
        when it is more than rounding explains, or shapes differ.
    """
    shapes, others = [e.shape for e in expected], [f.shape for f in found]
    if shapes != others:
        raise ExportError(f"{what} gives outputs of shapes {others}, the network {shapes}")
    worst = 0.0
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        gap = _difference(ours, theirs)
        worst = max(worst, gap)
        if not gap <= _TOLERANCES.get(ours.dtype.name, _TOLERANCE):
            raise ExportError(
                f"{what} does not compute what the network computes: output {number} differs by "
                f"{gap:.2g} of its largest number"
            )
    return worst


def gap_text(difference: float) -> str:
    """Say how large a difference is."""
    if not difference:
        return "equal outputs"
    return f"largest difference {difference:.1e} of the largest output"


def _difference(ours: Array, theirs: Array) -> float:
    """Return the largest difference, relative to the largest number; NaN equals NaN."""
    if not ours.size:
        return 0.0
    first, second = ours.astype("float64"), theirs.astype("float64")
    same = (first == second) | (numpy.isnan(first) & numpy.isnan(second))
    if same.all():
        return 0.0
    with numpy.errstate(invalid="ignore"):
        gap = numpy.abs(first - second)[~same].max()
    largest = numpy.abs(first[numpy.isfinite(first)]).max(initial=0.0)
    return float(gap / largest) if largest else float("inf")
