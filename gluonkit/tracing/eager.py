"""Tracing by one forward pass, in prediction mode, operator by operator."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from threading import get_ident
from typing import Any

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.ndarray import register
from mxnet.ndarray.numpy import _op as numpy_functions
from mxnet.util import is_np_array

from gluonkit._base.kinds import Context, NDArray
from gluonkit._base.specs import ArraySpec
from gluonkit.system.patches import replaced
from gluonkit.tracing.explain import explained
from gluonkit.tracing.inputs import as_array, leaves, mapped, spec_of
from gluonkit.tracing.record import Operator, Trace
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.symbols import infer, operator_name, operators
from gluonkit.tracing.tree import is_initialized, known_shape, parameters_of, walk

# Operators that draw from MXNet's random stream, whose state cannot be restored.
_RANDOM = re.compile(
    r"_(random|sample)_(?!pdf)\w+|_image_random_\w+|_shuffle|_npi_(bernoulli|choice|exponential|"
    r"gamma|gumbel|logistic|multinomial|normal|pareto|powerd|rayleigh|uniform|weibull)(_n)?"
)


def trace_forward(
    net: gluon.Block, inputs: tuple[Any, ...], reason: str, *, initialize: bool = False
) -> Trace:
    """Trace one forward pass. Call it with the network `untouched`, unless `initialize`.

    With `initialize`, deferred parameters are initialized in the order in which a call of the
    network would do it, and hybridized blocks run their graphs. Otherwise hybridized blocks run
    operator by operator, and parameters without values get temporary ones. Random operators return
    a constant, so that MXNet's random stream does not advance.
    """
    parameters = parameters_of(net)
    ctx = context_of(inputs, parameters)
    recorder = _ArrayRecorder(net)
    arrays = mapped(lambda leaf: as_array(leaf, ctx), inputs)
    recorder.note_inputs(arrays)
    if not initialize:
        stand_in(parameters, ctx)
    # Everything within is explained when it fails. Names that the pass makes count in a manager of
    # their own: the program's next layers must be named as if it had not been.
    with (
        explained(recorder),
        nullcontext() if initialize else imperative(net),
        autograd.pause(train_mode=False),
        recorder.listening(),
        mx.name.NameManager(),
        without_deprecations(),
    ):
        net(*arrays)
        mx.nd.waitall()  # errors of the engine must appear here
    shapes = {
        id(parameter): tuple(parameter._data[0].shape)
        for parameter in parameters
        if parameter._data is not None
    }
    # A parameter that has values but whose block was not called is not part of this pass.
    reached = {id(p) for call in recorder.calls for p in call.block._reg_params.values()}
    return Trace(
        tuple(recorder.calls),
        executed=True,
        reason=reason,
        shapes={key: shape for key, shape in shapes.items() if key in reached},
    )


@contextmanager
def without_deprecations() -> Iterator[None]:
    """Suppress MXNet's warnings of deprecated functions that its own layers use in NumPy mode."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"mxnet\.")
        yield


@contextmanager
def imperative(net: gluon.Block) -> Iterator[None]:
    """Run every hybridized block operator by operator, and keep its graph for later."""
    blocks = [block for _, block in walk(net) if isinstance(block, gluon.HybridBlock)]
    active = [block._active for block in blocks]
    for block in blocks:
        vars(block)["_active"] = False  # `hybridize(False)` would drop the graph
    try:
        yield
    finally:
        for block, was in zip(blocks, active, strict=True):
            vars(block)["_active"] = was


def context_of(inputs: Any, parameters: list[gluon.Parameter]) -> Context:
    """Return the device to compute on: that of the inputs, the parameters, or the current one."""
    for leaf in leaves(inputs):
        if isinstance(leaf, mx.nd.NDArray):
            return leaf.ctx
    for parameter in parameters:
        if is_initialized(parameter):
            return parameter.list_ctx()[0]
    return mx.current_context()


# MXNet calls `_init_weight` for every parameter that comes with an initializer, biases too, so
# that the kind of parameter is told by its name. A scale or variance of 0 would make zeros or
# infinities of everything; 0.07 is the bound of MXNet's default initializer.
class _StandIn(mx.init.Initializer):
    """Initializer of small numbers, with scales of 1 and shifts of 0; nothing is drawn."""

    def _init_weight(self, name: Any, array: NDArray) -> None:
        if str(name).endswith(("gamma", "var")):
            array[:] = 1
        elif str(name).endswith(("beta", "bias", "mean")):
            array[:] = 0
        else:
            numbers = numpy.random.default_rng(0).uniform(-0.07, 0.07, array.shape)
            array[:] = numbers.astype("float32")


def stand_in(parameters: list[gluon.Parameter], ctx: Context, *, gradients: bool = False) -> None:
    """Give every parameter without values temporary ones, at once or when its shape is known.

    Attributes are set without the properties, which would initialize; `untouched` restores them.
    Without `gradients`, no memory is allocated for them.
    """
    for parameter in parameters:
        if parameter._data is None:
            constant = isinstance(parameter, gluon.Constant)
            init = parameter.init if constant else _StandIn()
            # What `initialize` leaves there: the initializer, the devices, the initializer for
            # parameters without their own, and values that are given already.
            vars(parameter)["_deferred_init"] = (init, [ctx], _StandIn(), None)
            if not gradients:
                vars(parameter)["_grad_req"] = "null"
            shape = known_shape(parameter)
            if shape is not None and None not in shape:  # `initialize()` would not wait either
                parameter._finish_deferred_init()


class _ArrayRecorder(Recorder):
    """Records the calls, and every operator that is run."""

    kind = mx.nd.NDArray

    def __init__(self, net: gluon.Block) -> None:
        super().__init__(net)
        self._initializing = False
        self._parameters = parameters_of(net)
        self._makers: dict[int, int | None] = {}  # native handle of an array -> its operator
        self._count = 0

    def note_inputs(self, arrays: Any) -> None:
        """Record which arrays are the network's inputs."""
        for index, array in enumerate(leaves(arrays)):
            self._makers[array.handle.value] = -1 - index

    def keep(self, array: NDArray) -> NDArray:
        return spec_of(array)

    def forward(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        if not isinstance(block, gluon.SymbolBlock):
            return super().forward(block, args)
        # A SymbolBlock always runs its graph, whose operators `listen` does not see; they are read
        # off it.
        names = [symbol.name for symbol in block._cached_graph[0]]
        specs = dict(zip(names, map(spec_of, leaves(args)), strict=True))
        output = super().forward(block, args)
        for _, operator in operators(block._cached_graph[1], specs):
            self._note(operator.name, operator.attributes, operator.inputs, operator.outputs)
        return output

    @contextmanager
    def listening(self) -> Iterator[None]:
        invoke, thread = register._imperative_invoke, get_ident()
        api = numpy_functions._api_internal
        tensordot = api.tensordot

        def listen(handle: int, arrays: Any, keys: Any, values: Any, *rest: Any) -> Any:
            # The patch holds for the whole process, and other threads may be running networks.
            if get_ident() != thread or self._initializing:
                return invoke(handle, arrays, keys, values, *rest)
            name = operator_name(handle)
            # As text, which is how MXNet takes and stores arguments.
            attributes = dict(zip(keys, map(str, values), strict=True))
            if is_random(name, attributes):
                # Running it would advance the random stream, which nothing can set back.
                result = _constant(handle, arrays, keys, values, *rest)
            else:
                result = invoke(handle, arrays, keys, values, *rest)
            self._note_arrays(name, attributes, arrays, result)
            return result

        def listen_tensordot(left: Any, right: Any, axes: Any) -> Any:
            result = tensordot(left, right, axes)
            if get_ident() == thread:
                self._note_arrays(*tensordot_over(axes), [left, right], result)
            return result

        finish = gluon.Parameter._finish_deferred_init

        def initialize(parameter: gluon.Parameter) -> None:
            self._initializing = True  # operators of initializers belong to no layer
            try:
                finish(parameter)
            finally:
                self._initializing = False

        with (
            # MXNet's Python calls every operator through this function, whatever the array mode.
            replaced(register, "_imperative_invoke", listen),
            # NumPy mode's tensordot has an entry of its own.
            replaced(api, "tensordot", listen_tensordot),
            replaced(gluon.Parameter, "_finish_deferred_init", initialize),
            super().listening(),
        ):
            yield

    def _note_arrays(self, name: str, attributes: dict[str, str], inputs: Any, result: Any) -> None:
        outputs = result if isinstance(result, (list, tuple)) else [result]
        sources = tuple(map(self._maker, inputs))
        # A freed handle comes again with a later array, whose entry must replace the old one.
        self._makers.update(dict.fromkeys((array.handle.value for array in outputs), self._count))
        specs = tuple(map(spec_of, inputs)), tuple(map(spec_of, outputs))
        self._note(name, attributes, *specs, sources)

    def _maker(self, array: NDArray) -> int | None:
        """Return the operator that made an array, None for a parameter.

        An unknown array that is not a parameter is a view (a slice, a reshape), which MXNet makes
        without an operator; it is attributed to the latest operator.
        """
        handle = array.handle.value
        if handle not in self._makers:
            arrays = [array for p in self._parameters for array in p._data or ()]
            known = {array.handle.value for array in arrays}
            if handle not in known:
                return self._count - 1
            self._makers.update(dict.fromkeys(known))
        return self._makers[handle]

    def _note(
        self,
        name: str,
        attributes: Any,
        inputs: tuple[ArraySpec, ...],
        outputs: tuple[ArraySpec, ...],
        sources: tuple[int | None, ...] = (),
    ) -> None:
        call = self.current
        # Copies between devices compute nothing. They are counted, as `_makers` has their numbers.
        if call is not None and not name.startswith("_copyto"):
            operator = Operator(name, attributes, inputs, outputs, self._count, sources)
            call.operators.append(operator)
        self._count += 1


def tensordot_over(axes: Any) -> tuple[str, dict[str, str]]:
    """Return the operator, and its attributes, that a graph has for a tensordot over these axes."""
    if not isinstance(axes, (list, tuple)):
        return "_npi_tensordot_int_axes", {"axes": str(axes)}
    first, second = ((axis,) if isinstance(axis, int) else tuple(axis) for axis in axes)
    return "_npi_tensordot", {"a_axes_summed": str(first), "b_axes_summed": str(second)}


DROPPING = ("Dropout", "RNN")
"""Operators that drop a part ``p`` of their numbers in training."""


def draws(operator: Operator) -> bool:
    """Return whether an operator draws from MXNet's random stream, in training or always."""
    settings = operator.attributes
    if operator.name in DROPPING:
        return float(settings.get("p", 0.5 if operator.name == "Dropout" else 0)) > 0
    if operator.name == "LeakyReLU":
        return settings.get("act_type") == "rrelu"
    return bool(_RANDOM.fullmatch(operator.name))


def is_random(name: str, attributes: Mapping[str, str]) -> bool:
    """Return whether an operator draws from MXNet's random stream even in prediction mode."""
    return bool(_RANDOM.fullmatch(name)) or (
        name == "Dropout" and attributes.get("mode") == "always"
    )


def _constant(handle: int, arrays: Any, keys: Any, values: Any, *rest: Any) -> Any:
    """Return an array like a random operator's output, filled with one half (or zero)."""
    out, is_np, as_list = rest
    if out is not None:
        return out
    # Without being run, only a symbol tells the shapes of an operator's outputs.
    variables = [mx.sym.var(f"input{index}") for index in range(len(arrays))]
    if is_np:
        variables = [variable.as_np_ndarray() for variable in variables]
    symbol = mx.symbol.register._symbol_creator(
        handle, variables, None, keys, values, "probe", is_np, False
    )
    group = mx.sym.Group(symbol) if isinstance(symbol, list) else symbol
    specs, _ = infer(group, {f"input{index}": spec_of(array) for index, array in enumerate(arrays)})
    ctx = arrays[0].ctx if arrays else mx.current_context()
    made = []
    for spec in specs:
        # Between 0 and 1, so that logarithms and quotients of it stay finite.
        value = 0.5 if numpy.dtype(spec.dtype).kind == "f" else 0
        array = mx.nd.full(spec.shape, value, ctx=ctx, dtype=spec.dtype)
        made.append(array.as_np_ndarray() if is_np_array() else array)
    return made if as_list or len(made) > 1 else made[0]
