"""A network to be exported: its values, its graph, and what it gives for some inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.checks import a_type, last_line
from gluonkit._base.kinds import Array, Context, Symbol
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentError, ExportError
from gluonkit.files.graph import Node
from gluonkit.graphs.agreement import gap
from gluonkit.graphs.capture import NotCompilableError, build_graph
from gluonkit.system.modes import array_mode
from gluonkit.tracing.eager import context_of, without_deprecations
from gluonkit.tracing.inputs import (
    as_array,
    as_spec,
    check_size,
    leaves,
    mapped,
    parse_inputs,
    spec_of,
)
from gluonkit.tracing.symbols import NotInferableError, graph_of, shaped, symbol_of
from gluonkit.tracing.tracer import finish_deferred, trace
from gluonkit.tracing.tree import all_paths, check_net, parameters_of, untouched

Made = TypeVar("Made")
_TOLERANCES = {"float16": 2e-2, "float64": 1e-6}
_TOLERANCE = 1e-3
NOISE = 1e-12
"""Outputs without any number above this are compared as they are, not relative to the largest."""
_RISKY = re.compile(
    r"_?(broadcast_)?(equal|not_equal|greater|greater_equal|lesser|lesser_equal)(_scalar)?"
    r"|(broadcast_)?logical_.*|_logical_.*|round|rint|argmax|argmin|argmax_channel|argsort|topk"
)
"""Operators of legacy mode whose results are others in NumPy mode."""
_WHOLE = {
    *(
        "Embedding",
        "Cast",
        "take",
        "one_hot",
        "pick",
        "gather_nd",
        "SequenceMask",
        "where",
        "_copy",
    ),
    *("Reshape", "Flatten", "transpose", "expand_dims", "squeeze", "SwapAxis", "Concat", "stack"),
    *("slice", "slice_axis", "SliceChannel", "tile", "repeat", "max", "min", "abs", "negative"),
    *("elemwise_add", "elemwise_sub", "elemwise_mul", "broadcast_add", "broadcast_sub"),
    *("broadcast_mul", "zeros_like", "ones_like", "BlockGrad"),
}
"""Operators that do with whole numbers what they do in NumPy mode."""


class NotTracedError(ExportError):
    """Symbols do not pass through a network; arrays may."""


@dataclass(frozen=True)
class Network:
    """An initialized network, with inputs for it.

    Attributes
    ----------
    net : gluon.Block
        The network.
    inputs : tuple
        An MXNet array for each input, of the active array mode; to be written only, and not run,
        `ArraySpec`s do, nested as the network takes them.
    parameters : dict of str to gluon.Parameter
        Every parameter by MXNet's name for it.
    paths : dict of str to str
        The structural path of each parameter, by the same names; the first path of a shared one.
    ctx : Context, optional
        The device whose values are taken; by default each parameter's first.
    """

    net: gluon.Block
    inputs: tuple[Any, ...]
    parameters: dict[str, gluon.Parameter]
    paths: dict[str, str]
    ctx: Context | None = None

    def held(self, name: str) -> Any:
        """Return MXNet's array of a parameter, by MXNet's name for it."""
        # Not by `data`, and by list's own method: the list may be one that tells `compile` of each
        # array that it gives.
        arrays = list.__iter__(self.parameters[name]._data)
        return next(array for array in arrays if self.ctx in (None, array.ctx))

    def numbers(self, name: str) -> Array:
        """Return the values of a parameter, by MXNet's name for it."""
        numbers: Array = self.held(name).asnumpy()
        return numbers

    def outputs(self, inputs: Sequence[Any], *, hint: str = "") -> list[Array]:
        """Return the network's own outputs, in prediction mode.

        Raises
        ------
        ExportError
            When the network fails with these inputs.
        """
        try:
            with untouched(self.net), autograd.pause(train_mode=False), without_deprecations():
                outputs = list(leaves(self.net(*inputs)))
                if all(isinstance(output, mx.nd.NDArray) for output in outputs):
                    return [output.asnumpy() for output in outputs]
        except Exception as error:  # the network's own code may raise anything
            given = ", ".join(str(spec_of(array)) for array in inputs)
            raise ExportError(
                f"`net` does not run with inputs of {given}, so that nothing can be compared: "
                f"{last_line(error)}{hint}"
            ) from error
        kinds = (a_type(output) for output in outputs if not isinstance(output, mx.nd.NDArray))
        raise ExportError(
            f"`net` gives {next(kinds)} besides or in place of arrays, which no graph can hold; "
            "wrap it in a HybridBlock that returns arrays"
        )


@dataclass(frozen=True)
class Traced:
    """A network's graph.

    Attributes
    ----------
    symbol : Symbol
        A legacy symbol; its outputs are the network's.
    inputs : dict of str to ArraySpec
        Shape and data type of each input, by the variable's name.
    numpy_mode : bool
        Whether it was traced, and must be used, in NumPy mode.
    constants : dict of str to Array
        What variables hold that are neither inputs nor parameters; there are none where the
        network was traced by symbols.
    """

    symbol: Symbol
    inputs: dict[str, ArraySpec]
    numpy_mode: bool
    constants: Mapping[str, Array] = field(default_factory=dict)

    def mode(self) -> AbstractContextManager[None]:
        """Switch to the array mode in which it was traced."""
        return array_mode(numpy_mode=self.numpy_mode)


def prepared(net: Any, inputs: Sequence[Any]) -> Network:
    """Return a network ready for export, with all parameters initialized.

    Raises
    ------
    ArgumentError, ArgumentTypeError, StateError
        As `gluonkit.materialize`, also when the network fails with these inputs.
    ExportError
        For parameters with equal names, which a graph would confuse.
    """
    check_net(net)
    plain = _plain(inputs)
    inputs = [_made_up(leaf) for leaf in plain]
    finish_deferred(net, *inputs)
    trace(net, *inputs)  # explains why inputs fail
    parameters: dict[str, gluon.Parameter] = {}
    paths: dict[str, str] = {}
    for path, parameter in all_paths(net):
        if parameter._data is None:  # no input reaches it, so it is not in the graph
            continue
        if parameter.shape is None:  # MXNet forgets to note that of an imported one
            parameter.shape = parameter._data[0].shape
        first = parameters.setdefault(parameter.name, parameter)
        if first is not parameter and first._data is not parameter._data:
            raise ExportError(
                f"`net` has two parameters named {parameter.name} ({paths[parameter.name]} and "
                f"{path}), which a graph cannot tell apart; give their blocks different prefixes"
            )
        paths.setdefault(parameter.name, path)
    ctx = context_of(inputs, parameters_of(net))
    arrays = tuple(as_array(given, ctx) for given in inputs)
    return Network(net, arrays, parameters, paths)


def _plain(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Refuse inputs that are lists, None, empty, or without any number."""
    parsed = parse_inputs(inputs)
    for number, given in enumerate(parsed, 1):
        if given is None or isinstance(given, (list, tuple)):
            raise ArgumentError(
                f"input {number} is {'None' if given is None else 'a list of arrays'}, which the "
                "exported graph cannot take; wrap the network in a HybridBlock that takes each "
                "array as an argument of its own"
            )
        spec = as_spec(given)
        if not spec.size:
            raise ArgumentError(
                f"input {number} has the shape {spec.shape} without any element; with that "
                "nothing can be compared"
            )
    return parsed


def _made_up(given: Any) -> Any:
    """Return an array as it is; for a shape, integers 0 or 1, or floats of both signs.

    With zeros, or positive numbers only, many differences between graphs would not show.
    """
    if not isinstance(given, ArraySpec):
        return given
    check_size(given)
    draws, dtype = numpy.random.default_rng(0), numpy.dtype(given.dtype)
    if dtype.kind in "iub":
        return draws.integers(0, 2, given.shape).astype(dtype)
    return draws.uniform(-1, 1, given.shape).astype(dtype)


def one_more(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return the inputs with their first row repeated at the end."""
    more = []
    for given in inputs:
        array = given.asnumpy()
        more.append(numpy.concatenate([array, array[:1]]) if array.ndim else array)
    return tuple(as_array(array, inputs[0].ctx) for array in more)


def with_graph(network: Network, use: Callable[[Traced], Made]) -> Made:
    """Call a function with a network's graph, and return its result.

    The graph is traced in legacy mode, whose operators other tools support best. If NumPy mode is
    active, it is traced in NumPy mode if that fails, if the function refuses the graph, or if
    legacy operators of the same names would compute something else for some inputs.

    Raises
    ------
    ExportError
        When no graph is accepted, with the last reason.
    """
    if not is_np_array():
        return use(_traced(network, numpy_mode=False))
    with suppress(ExportError):
        traced = _traced(network, numpy_mode=False)
        if not _is_risky(traced):
            return use(traced)
    return use(_traced(network, numpy_mode=True))


def _is_risky(traced: Traced) -> bool:
    """Return whether a legacy graph has operators that compute something else in NumPy mode.

    Legacy comparisons return numbers, not Booleans; halves are rounded away from zero; indices are
    floats; functions of integers return integers.
    """
    try:
        with traced.mode():
            graph = shaped(traced.symbol, traced.inputs)
    except NotInferableError:
        return False
    for node in graph.nodes:
        if _RISKY.fullmatch(node.operator):
            return True
        whole = (graph.spec(entry.place).dtype for entry in node.inputs)
        if node.operator not in _WHOLE and any(numpy.dtype(d).kind in "iub" for d in whole):
            return True
    return False


def _traced(network: Network, numpy_mode: bool) -> Traced:
    nested = mapped(spec_of, network.inputs)
    specs = list(leaves(nested))
    with array_mode(numpy_mode=numpy_mode):
        try:
            graph = build_graph(network.net, nested, on_cpu=False, snapshot=True)
        except NotCompilableError as error:
            kind = ExportError if "another graph" in str(error) else NotTracedError
            raise kind(f"`net` cannot be exported: {error}") from error
    names = input_names(network, len(specs))
    renamed = dict(zip(graph.inputs, names, strict=True))

    def named(node: Node) -> Node:
        """Rename an input, and drop its attributes: they contain the shape of this batch."""
        is_input = node.is_variable and node.name in renamed
        return Node("null", renamed[node.name]) if is_input else node

    symbol = symbol_of(graph_of(graph.symbol).map(named))
    return Traced(symbol, dict(zip(names, specs, strict=True)), numpy_mode)


def input_names(network: Network, count: int) -> list[str]:
    """Return names for inputs as MXNet names them, data, or data0, data1 and so on; unused ones."""
    return _unused("data", count, set(network.parameters) | set(network.paths.values()))


def _unused(name: str, count: int, taken: set[str]) -> list[str]:
    names = [name] if count == 1 else [f"{name}{number}" for number in range(count)]
    return _unused(f"{name}_", count, taken) if taken.intersection(names) else names


def compare(what: str, expected: Sequence[Array], computed: Sequence[Array]) -> float:
    """Return the largest difference of any output, relative to that output's largest number.

    Raises
    ------
    ExportError
        When it is larger than rounding, or shapes or data types differ.
    """
    worst = 0.0
    for difference, problem in differences(what, expected, computed):
        if problem:
            raise ExportError(problem)
        worst = max(worst, difference)
    return worst


def differences(
    what: str, expected: Sequence[Array], computed: Sequence[Array], *, dtype: str | None = None
) -> Iterator[tuple[float, str]]:
    """Yield for each output the relative difference, and what is wrong with it; '' for rounding.

    With `dtype`, rounding is that of another data type than the outputs'.

    Raises
    ------
    ExportError
        When shapes or data types differ.
    """
    check_specs(
        what, [spec_of(array) for array in expected], [spec_of(array) for array in computed]
    )
    for number, (ours, theirs) in enumerate(zip(expected, computed, strict=True)):
        relative = relative_gap(ours, theirs)
        problem = (
            f"{what} does not compute what the network computes: output {number} differs by "
            f"{relative:.2g} of its largest number"
        )
        right = relative <= _TOLERANCES.get(dtype or ours.dtype.name, _TOLERANCE)
        yield relative, "" if right else problem


def relative_gap(expected: Array, computed: Array) -> float:
    """Return the largest difference, relative to the largest expected number if there is one."""
    difference, largest = gap(expected, computed)
    return difference / largest if largest > NOISE else difference


def check_specs(what: str, expected: Sequence[ArraySpec], computed: Sequence[ArraySpec]) -> None:
    """Refuse outputs whose shapes or data types are not the network's.

    Raises
    ------
    ExportError
        When they differ; the message has both.
    """
    shapes, others = [spec.shape for spec in expected], [spec.shape for spec in computed]
    if shapes != others:
        raise ExportError(f"{what} gives outputs of shapes {others}, the network {shapes}")
    dtypes, others_dtypes = ([spec.dtype for spec in specs] for specs in (expected, computed))
    if dtypes != others_dtypes:
        raise ExportError(
            f"{what} gives outputs of the data types {', '.join(others_dtypes)}, the network "
            f"{', '.join(dtypes)}"
        )


def gap_text(difference: float) -> str:
    """Return a difference as text."""
    if not difference:
        return "equal outputs"
    return f"largest difference {difference:.1e} of the largest output"
