"""What each array was computed from: symbols made beside the arrays of a pass, as it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from threading import local
from typing import Any

import mxnet as mx
import numpy
from mxnet import autograd, gluon
from mxnet.ndarray import register
from mxnet.ndarray.numpy import _op as numpy_functions
from mxnet.util import is_np_array

from gluonkit._base.kinds import Array, NDArray, Symbol
from gluonkit.system.patches import for_good, replaced
from gluonkit.tracing.eager import is_random, tensordot_over
from gluonkit.tracing.inputs import leaves, spec_of
from gluonkit.tracing.symbols import (
    counting_attribute,
    create,
    operator_handle,
    operator_name,
    outputs_of,
)
from gluonkit.tracing.tree import parameters_of

CONSTANT = "gluonkit#constant"
"""How the variables are named that stand for arrays that no operator made."""
_COPIES = {"_copyto", "_npi_copyto"}
_OF_TRAINING = {"BatchNorm", "_contrib_SyncBatchNorm", "_contrib_BatchNormWithReLU", "Dropout"}
"""Operators that do something else in training, which a graph does not say."""
_EPSILON = "0.001"
"""BatchNorm's `eps` where it is left out."""
_OURS = ("mxnet", "gluonkit", "numpy", "contextlib")
_INSTEAD = {
    "reads the numbers of an array": "which a model cannot depend on; compute with operators on "
    "arrays, such as `F.where`",
    "writes into an array": "which a model cannot; make a new array, with `F.where` or `F.concat`",
    "computes as in training": "where the network predicts; normalize by other operators",
    "draws random numbers": "which others draw otherwise; draw them outside of the network",
}


class NotTapedError(Exception):
    """Code does with arrays what no graph can hold; the message says where, and what instead."""


class Tape:
    """The graph of one pass, made beside its arrays.

    Attributes
    ----------
    constants : dict of str to Array
        Arrays that no operator made, by the names of their variables.
    attributes : dict of str to dict
        The attributes of each operator that was run, as text, by its node's name.
    shapes : dict of tuple to tuple
        The shapes of their outputs, by name and number.
    lines : dict of str to str
        Where the network's code runs each of them: 'line 7 of net.py'.
    """

    def __init__(self, net: gluon.Block, named: Callable[[str], str]) -> None:
        """`named` returns a unique name for a node; it is called before each is made."""
        self.constants: dict[str, Array] = {}
        self.attributes: dict[str, dict[str, str]] = {}
        self.shapes: dict[tuple[str, int], tuple[int, ...]] = {}
        self.lines: dict[str, str] = {}
        self._named = named
        self._parameters = {
            id(array): parameter
            for parameter in parameters_of(net)
            for array in parameter._data or ()
        }
        self._scopes: list[dict[int, Symbol]] = [{}]
        self._alive: list[NDArray] = []  # an id stays another's as long as its object lives
        self._fixed: set[int] = set()
        self._views: set[int] = set()
        self._statistics: set[int] = set()
        self._silent = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Record what this thread does with arrays in the context."""
        _let_arrays_tell()
        invoke, api = register._imperative_invoke, numpy_functions._api_internal
        tensordot, zeros = api.tensordot, api.zeros

        def listen(handle: int, arrays: Any, keys: Any, values: Any, *rest: Any) -> Any:
            if (tape := _running()) is None:
                return invoke(handle, arrays, keys, values, *rest)
            attributes = dict(zip(keys, map(str, values), strict=True))
            name = operator_name(handle)
            if is_random(name, attributes):
                raise _refusal("draws random numbers")
            training = name in _OF_TRAINING and autograd.is_training()
            if training and not tape.can_normalize(name, attributes, arrays):
                raise _refusal("computes as in training")
            with tape.silent():
                result = invoke(handle, arrays, keys, values, *rest)
            if training:
                tape.normalized(attributes, arrays, result)
            else:
                tape.note(name, attributes, arrays, result, out=rest[0])
            return result

        def listen_tensordot(left: Any, right: Any, axes: Any) -> Any:
            result = tensordot(left, right, axes)
            if (tape := _running()) is not None:
                tape.note(*tensordot_over(axes), [left, right], result)
            return result

        def listen_zeros(shape: Any, dtype: Any, ctx: Any) -> Any:
            result = zeros(shape, dtype, ctx)
            if (tape := _running()) is not None:
                given = {"shape": str(tuple(result.shape)), "dtype": spec_of(result).dtype}
                tape.note("_npi_zeros", given, [], result)
            return result

        before, _local.tape = getattr(_local, "tape", None), self
        try:
            with (
                replaced(register, "_imperative_invoke", listen),
                replaced(api, "tensordot", listen_tensordot),
                replaced(api, "zeros", listen_zeros),
            ):
                yield
        finally:
            _local.tape = before

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Record nothing in the context."""
        self._silent += 1
        try:
            yield
        finally:
            self._silent -= 1

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Forget at the end what arrays have been bound to in the context."""
        self._scopes.append({})
        try:
            yield
        finally:
            self._scopes.pop()

    @property
    def is_silent(self) -> bool:
        """Whether nothing is recorded."""
        return self._silent > 0

    def bind(self, array: NDArray, symbol: Symbol) -> None:
        """Let a symbol stand for an array, in the innermost scope."""
        self._alive.append(array)
        self._scopes[-1][id(array)] = symbol

    def symbol(self, array: NDArray) -> Symbol:
        """Return the symbol that stands for an array; that of a constant for an unknown one."""
        if id(array) in self._statistics:
            raise _refusal("computes as in training")
        for known in reversed(self._scopes):
            if id(array) in known:
                return known[id(array)]
        if (parameter := self._parameters.get(id(array))) is not None:
            return parameter.var()
        name = self._named(CONSTANT)
        with self.silent():
            self.constants[name] = array.asnumpy()
        variable = mx.sym.var(name, shape=array.shape, dtype=array.dtype)
        variable = variable.as_np_ndarray() if is_np_array() else variable
        self._alive.append(array)
        self._scopes[0][id(array)] = variable
        self._fixed.add(id(array))
        return variable

    def is_known(self, array: NDArray) -> bool:
        """Return whether a symbol stands for an array."""
        return any(id(array) in known for known in self._scopes)

    def is_fixed(self, array: NDArray) -> bool:
        """Return whether an array is the same at every pass: no inputs, and no parameters."""
        if id(array) in self._statistics:
            return False
        known = self.is_known(array) or id(array) in self._parameters
        return id(array) in self._fixed or not known

    def note(
        self,
        operator: str,
        attributes: dict[str, str],
        inputs: Sequence[NDArray],
        result: Any,
        *,
        out: Any = None,
    ) -> None:
        """Record that an operator has made arrays."""
        outputs = list(leaves(result))
        if out is not None:
            self.check_written(*outputs)
        if operator in _COPIES:
            same = inputs[0].dtype == outputs[0].dtype
            operator = "_copy" if same else "Cast"
            attributes = {} if same else {"dtype": spec_of(outputs[0]).dtype}
        fixed = all(map(self.is_fixed, inputs))
        symbol = self.made(operator, attributes, [self.symbol(array) for array in inputs])
        count = outputs_of(symbol)
        for number, array in enumerate(outputs):
            self.bind(array, symbol if count == 1 else symbol[number])
            self.shapes[next(reversed(self.attributes)), number] = tuple(array.shape)
            (self._fixed.add if fixed else self._fixed.discard)(id(array))

    def made(self, operator: str, attributes: dict[str, str], inputs: Sequence[Symbol]) -> Symbol:
        """Return the symbol of a new node."""
        name = self._named(operator)
        if (counting := counting_attribute(operator)) and counting not in attributes:
            attributes = attributes | {counting: str(len(inputs))}
        self.attributes[name] = attributes
        self.lines[name] = _place()
        if operator.startswith(("_np", "_npx")):  # an operator of NumPy mode
            keys, values = list(attributes), list(attributes.values())
            handle = operator_handle(operator)
            symbol = mx.symbol.register._symbol_creator(
                handle, list(inputs), None, keys, values, name, True, False
            )
            return mx.sym.Group(symbol) if isinstance(symbol, list) else symbol
        symbol = create(operator, list(inputs), attributes, name)
        return symbol.as_np_ndarray() if is_np_array() else symbol

    # Batch norm as in training, as GluonCV's group norm runs it in prediction, too

    def can_normalize(
        self, operator: str, attributes: dict[str, str], inputs: Sequence[NDArray]
    ) -> bool:
        """Return whether all that a batch norm does in training is its first output."""
        held = {*self._parameters, *self._views, *map(id, inputs[:3])}
        moving = inputs[3:]  # mean and variance, which the operator writes into
        return (
            operator == "BatchNorm"
            and not any(id(array) in held for array in moving)
            and not any(map(_is_true, map(attributes.get, ("use_global_stats", "output_mean_var"))))
        )

    def normalized(
        self, attributes: dict[str, str], inputs: Sequence[NDArray], result: Any
    ) -> None:
        """Record a batch norm in training as operators that compute so in prediction, too."""
        data, _, beta, *moving = inputs
        axis = int(attributes.get("axis", 1)) % data.ndim
        others = {"axis": str(axis), "exclude": "True", "keepdims": "True"}
        along = {"shape": str(tuple(-1 if at == axis else 1 for at in range(data.ndim)))}
        symbol = self.symbol(data)
        centered = self.made("broadcast_sub", {}, [symbol, self.made("mean", others, [symbol])])
        variance = self.made("mean", others, [self.made("square", {}, [centered])])
        epsilon = {"scalar": attributes.get("eps", _EPSILON)}
        scale = self.made("rsqrt", {}, [self.made("_plus_scalar", epsilon, [variance])])
        symbol = self.made("broadcast_mul", {}, [centered, scale])
        if not _is_true(attributes.get("fix_gamma", "True")):
            gamma = self.made("Reshape", along, [self.symbol(inputs[1])])
            symbol = self.made("broadcast_mul", {}, [symbol, gamma])
        symbol = self.made(
            "broadcast_add", {}, [symbol, self.made("Reshape", along, [self.symbol(beta)])]
        )
        (output,) = leaves(result)
        self.bind(output, symbol)
        self.shapes[next(reversed(self.attributes)), 0] = tuple(output.shape)
        self._fixed.discard(id(output))
        self._alive.extend(moving)
        self._statistics.update(map(id, moving))

    # Views, which MXNet makes without an operator

    def viewed(self, base: NDArray, view: NDArray, symbol: Symbol) -> None:
        """Record that an array is a part of another one, or has its memory."""
        fixed = self.is_fixed(base)
        self.bind(view, symbol)
        if self.attributes:
            self.shapes[next(reversed(self.attributes)), 0] = tuple(view.shape)
        self._views.update((id(base), id(view)))
        (self._fixed.add if fixed else self._fixed.discard)(id(view))

    def indexed(self, base: NDArray, key: Any) -> Symbol:
        """Return the symbol of a part of an array, by numbers, slices, None and ``...``."""
        keys = list(key) if isinstance(key, tuple) else [key]
        counted = sum(part is not None and part is not Ellipsis for part in keys)
        whole = [slice(None)] * (base.ndim - counted)
        at = keys.index(Ellipsis) if Ellipsis in keys else len(keys)
        keys[at : at + 1] = whole
        begins: list[Any] = []
        ends: list[Any] = []
        steps: list[Any] = []
        dropped: list[int] = []
        new: list[int] = []
        for part in keys:
            if part is None:
                new.append(len(begins) - len(dropped) + len(new))
            elif isinstance(part, slice):
                begins.append(part.start)
                ends.append(part.stop)
                steps.append(part.step)
            else:
                dropped.append(len(begins))
                begins.append(part)
                ends.append(part + 1 if part != -1 else None)
                steps.append(None)
        symbol = self.symbol(base)
        if any(limit is not None for limit in (*begins, *ends, *steps)):
            given = {"begin": str(tuple(begins)), "end": str(tuple(ends))}
            given |= {"step": str(tuple(steps))} if any(steps) else {}
            symbol = self.made("slice", given, [symbol])
        if dropped and (len(dropped) < base.ndim or is_np_array()):
            symbol = self.made("squeeze", {"axis": str(tuple(dropped))}, [symbol])
        for axis in new:
            symbol = self.made("expand_dims", {"axis": str(axis)}, [symbol])
        return symbol

    # What no graph can hold

    def check_read(self, array: NDArray) -> None:
        """Refuse that code reads the numbers of an array that is another one at each pass."""
        if not self.is_fixed(array):
            raise _refusal("reads the numbers of an array")

    def check_written(self, *arrays: NDArray) -> None:
        """Refuse that code writes into an array which shares its memory with others."""
        if any(id(array) in self._views for array in arrays):
            raise _refusal("writes into an array")

    def forget(self, array: NDArray, value: Any) -> None:
        """Let an array that the code writes to become a constant, or refuse it."""
        given = [value] if isinstance(value, mx.nd.NDArray) else []
        if not all(map(self.is_fixed, (array, *given))) or id(array) in self._views:
            raise _refusal("writes into an array")
        for known in self._scopes:
            known.pop(id(array), None)


_local = local()
"""Of each thread: the tape that records."""


def _is_true(text: str | None) -> bool:
    return text in ("True", "1")


def _running() -> Tape | None:
    tape = getattr(_local, "tape", None)
    return None if tape is None or tape.is_silent else tape


def _refusal(what: str) -> NotTapedError:
    return NotTapedError(f"{_place()} {what}, {_INSTEAD[what]}")


def _place() -> str:
    """Return the line of the network's code that is being run."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in _OURS:
            break
        frame = frame.f_back
    return f"line {frame.f_lineno} of {Path(frame.f_code.co_filename).name}"


def _is_basic(key: Any) -> bool:
    """Return whether a key is of numbers, slices, None and ``...`` only."""
    parts = key if isinstance(key, tuple) else (key,)
    whole = (int, numpy.integer)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, slice)
        or (isinstance(part, whole) and not isinstance(part, bool))
        for part in parts
    )


@cache
def _let_arrays_tell() -> None:
    """Let methods of arrays that run no operator tell the tape, once for the process.

    Not in each context: after about a thousand changes of a class, Python 3.13 keeps calling old
    methods.
    """
    told: dict[str, Callable[..., Any]] = {
        "__getitem__": _getitem,
        "__setitem__": _setitem,
        "asnumpy": _asnumpy,
        "reshape": _reshape,
        "detach": _detach,
        "as_np_ndarray": _converted,
        "as_nd_ndarray": _converted,
    }
    for kind in (mx.nd.NDArray, mx.np.ndarray):
        for name, method in told.items():
            # NumPy mode's reshape is an operator.
            if name in vars(kind) and not (name == "reshape" and kind is mx.np.ndarray):
                for_good(kind, name, _telling(vars(kind)[name], method))


def _telling(original: Any, method: Any) -> Any:
    @wraps(original)
    def telling(self: Any, *args: Any, **options: Any) -> Any:
        if (tape := _running()) is None:
            return original(self, *args, **options)
        return method(tape, original, self, *args, **options)

    return telling


def _getitem(tape: Tape, original: Any, array: Any, key: Any) -> Any:
    if not _is_basic(key):
        return original(array, key)
    with tape.silent():
        part = original(array, key)
    if part is not array:
        tape.viewed(array, part, tape.indexed(array, key))
    return part


def _setitem(tape: Tape, original: Any, array: Any, key: Any, value: Any) -> None:
    tape.forget(array, value)
    with tape.silent():
        original(array, key, value)


def _asnumpy(tape: Tape, original: Any, array: Any) -> Any:
    tape.check_read(array)
    return original(array)


def _reshape(tape: Tape, original: Any, array: Any, *shape: Any, **options: Any) -> Any:
    with tape.silent():
        view = original(array, *shape, **options)
    given = options.get("shape", shape)
    given = given[0] if len(given) == 1 and not isinstance(given[0], int) else given
    attributes = {"shape": str(tuple(int(size) for size in given))}
    if options.get("reverse"):
        attributes["reverse"] = "True"
    tape.viewed(array, view, tape.made("Reshape", attributes, [tape.symbol(array)]))
    return view


def _detach(tape: Tape, original: Any, array: Any) -> Any:
    with tape.silent():
        same = original(array)
    tape.viewed(array, same, tape.made("BlockGrad", {}, [tape.symbol(array)]))
    return same


def _converted(tape: Tape, original: Any, array: Any) -> Any:
    with tape.silent():
        same = original(array)
    if same is not array:
        tape.viewed(array, same, tape.symbol(array))
    return same
