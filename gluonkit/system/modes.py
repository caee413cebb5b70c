"""Networks of legacy operators, made usable in NumPy mode too.

MXNet 1.9.1 has its operators twice, for legacy arrays and for NumPy mode's, and not all of them for
both: of its own zoo a third fails in NumPy mode, of GluonCV's nearly everything. A network that was
made in the legacy mode runs in that for good; arrays are converted on entry and exit, not copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import local
from types import MethodType
from typing import Any, TypeVar

import mxnet as mx
from mxnet import gluon
from mxnet.util import _NumpyArrayScope, is_np_array, np_array, np_shape

from gluonkit._base.kinds import Contexts

Net = TypeVar("Net", bound=gluon.Block)

_CHOSEN_WHEN_MADE = ("convolution", "deconvolution", "pooling")
"""Operators of NumPy mode that MXNet's layers choose for good when they are made in that mode."""

_inside = local()  # whether this thread is inside such a network, called in NumPy mode

_scope = _NumpyArrayScope._current  # this thread's array mode

_ARRAYS = (mx.nd.NDArray, mx.sym.Symbol)


@contextmanager
def array_mode(*, numpy_mode: bool) -> Iterator[None]:
    """Switch to one of the two array modes in a context."""
    if not numpy_mode:
        with np_array(False), np_shape(False):
            yield
    else:  # MXNet refuses NumPy's arrays without its shapes, which must come first and go last
        with np_shape(True), np_array(True):
            yield


def legacy() -> AbstractContextManager[None]:
    """Switch to the legacy array mode in a context."""
    return array_mode(numpy_mode=False)


def in_both_modes(net: Net) -> Net:
    """Make a network of legacy operators usable in NumPy mode too, and return it.

    In NumPy mode each of its blocks then accepts and returns NumPy mode's arrays, and runs in
    legacy mode inside; `data()` and `grad()` of its parameters return arrays of the active mode,
    which share memory. In legacy mode nothing changes. The class of the network stays, its own
    `forward` is called inside, and blocks that are added later are included at the next call.
    """
    for block in _tree(net):
        if converts_arrays(block):
            continue
        if "forward" in vars(block):
            vars(block)["_forward_inside"] = vars(block)["forward"]
        # `Block.__call__` finds an attribute of the instance before the method of its class.
        vars(block)["forward"] = MethodType(_forward, block)
        if getattr(block, "_op_name", "") in _CHOSEN_WHEN_MADE:
            # A layer that was created in NumPy mode has NumPy's operator, which refuses legacy
            # arrays.
            block._op_name = block._op_name.capitalize()
        parameters = (*block.params.values(), *block._reg_params.values())
        for parameter in {id(parameter): parameter for parameter in parameters}.values():
            _open(parameter)
    return net


def _open(parameter: gluon.Parameter) -> None:
    """Make a parameter keep legacy arrays, and return arrays of the active mode."""
    attributes = vars(parameter)
    for name, stand_in in (
        ("_check_and_get", _arrays_of),
        ("_finish_deferred_init", _drawn),
        ("_init_impl", _filled),
        ("_init_grad", _with_gradients),
    ):
        attributes[name] = MethodType(stand_in, parameter)
    if type(parameter).data is not gluon.Parameter.data:
        attributes["data"] = MethodType(_computed, parameter)
    elif parameter._stype == "default":
        attributes["data"] = MethodType(_data, parameter)
    for name in ("_data", "_grad"):
        if attributes[name] is not None:
            attributes[name] = [attribute.as_nd_ndarray() for attribute in attributes[name]]


def converts_arrays(net: gluon.Block) -> bool:
    """Return whether arrays are converted on entry and exit: after `in_both_modes`."""
    forward = vars(net).get("forward")
    return getattr(forward, "__func__", None) is _forward


def own_forward(net: gluon.Block) -> Any:
    """Return the `forward` that is an attribute of this block, not of its class, or None."""
    return vars(net).get("_forward_inside" if converts_arrays(net) else "forward")


def _tree(net: gluon.Block) -> Iterator[gluon.Block]:
    yield net
    for child in net._children.values():
        yield from _tree(child)


def _forward(self: gluon.Block, *args: Any, **options: Any) -> Any:
    """Replace a block's `forward`, as an attribute of the block."""
    forward = own_forward(self) or MethodType(type(self).forward, self)
    for child in self._children.values():
        if not converts_arrays(child):  # it was added later
            in_both_modes(child)
    if not is_np_array():
        return forward(*args, **options)
    args, options = _converted((args, options), "as_nd_ndarray")
    _inside.numpy_mode = True
    try:
        with np_array(False), np_shape(False):
            return _converted(forward(*args, **options), "as_np_ndarray")
    finally:
        _inside.numpy_mode = False


def _converted(nested: Any, method: str) -> Any:
    if isinstance(nested, _ARRAYS):
        return getattr(nested, method)()
    if isinstance(nested, (list, tuple)):
        parts = [_converted(part, method) for part in nested]
        return type(nested)(*parts) if hasattr(nested, "_fields") else type(nested)(parts)
    if isinstance(nested, Mapping):
        return {key: _converted(part, method) for key, part in nested.items()}
    return nested


def _arrays_of(self: gluon.Parameter, arrays: Any, ctx: Contexts) -> Any:
    """Replace a parameter's `_check_and_get`, which returns all of its arrays."""
    values = gluon.Parameter._check_and_get(self, arrays, ctx)
    if not is_np_array():
        return values
    return [e.as_np_ndarray() for e in values] if type(values) is list else values.as_np_ndarray()


def _data(self: gluon.Parameter, ctx: Contexts = None) -> Any:
    """Replace a parameter's `data`, which a hybridized network calls in each pass."""
    arrays = self._data
    if ctx is None and arrays is not None and len(arrays) == 1:
        try:  # inlined is_np_array(), whose call would take as long as all of MXNet's own `data`
            numpy_mode = _scope.value._is_np_array
        except AttributeError:
            numpy_mode = False
        if not numpy_mode:
            return arrays[0]
    return gluon.Parameter.data(self, ctx)


def _computed(self: gluon.Parameter, ctx: Contexts = None) -> Any:
    """Replace `data` of a class that computes it, such as weights with dropout."""
    if not is_np_array():
        return type(self).data(self, ctx)
    with np_array(False), np_shape(False):
        return _converted(type(self).data(self, ctx), "as_np_ndarray")


def _drawn(self: gluon.Parameter) -> None:
    """Replace a parameter's `_finish_deferred_init`: it draws numbers in the user's mode."""
    if isinstance(self, gluon.Constant):  # its initializer copies the legacy array that it has
        with legacy():
            gluon.Parameter._finish_deferred_init(self)
        return
    if not getattr(_inside, "numpy_mode", False):
        gluon.Parameter._finish_deferred_init(self)
        return
    with array_mode(numpy_mode=True):
        gluon.Parameter._finish_deferred_init(self)


def _filled(self: gluon.Parameter, data: Any, ctx_list: Contexts) -> None:
    """Replace a parameter's `_init_impl`: it holds legacy arrays."""
    with np_array(False):
        gluon.Parameter._init_impl(self, data.as_nd_ndarray(), ctx_list)


def _with_gradients(self: gluon.Parameter) -> None:
    """Replace a parameter's `_init_grad`: its gradients are legacy arrays too."""
    with np_array(False):
        gluon.Parameter._init_grad(self)
