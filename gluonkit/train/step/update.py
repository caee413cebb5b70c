"""The optimizer's update of flat parameters, as cheap as each optimizer allows."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import mxnet as mx
import numpy
from mxnet.base import _LIB, c_str_array, check_call

from gluonkit.distributed.exchange import Exchange
from gluonkit.tracing.symbols import operator_handle
from gluonkit.train.step.flat import FlatParameters, Group

_ELEMENTWISE = (
    mx.optimizer.SGD,
    mx.optimizer.NAG,
    mx.optimizer.Adam,
    mx.optimizer.AdaGrad,
    mx.optimizer.RMSProp,
    mx.optimizer.AdaDelta,
    mx.optimizer.Ftrl,
    mx.optimizer.Adamax,
    mx.optimizer.Signum,
    mx.optimizer.FTML,
    mx.optimizer.DCASGD,
)
"""MXNet's optimizers that treat every number by itself, so that parameters can be joined.

Not among them: those that use norms (LARS, LAMB, LBSGD), that draw noise (SGLD), and Nadam, whose
schedule advances with each parameter.
"""


def is_elementwise(optimizer: Any) -> bool:
    """Return whether an optimizer (MXNet's own, no subclass) may update parameters as one array."""
    return type(optimizer) in _ELEMENTWISE


class Update:
    """Applies an optimizer to flat parameters; holds its state."""

    def __init__(self, optimizer: Any, flat: FlatParameters) -> None:
        self.optimizer = optimizer
        self.flat = flat
        # MXNet asks the parameter of an index for its multipliers; here that is a group.
        optimizer.param_dict = dict(enumerate(flat.groups))
        self.states = [
            optimizer.create_state_multi_precision(index, group.weight)
            for index, group in enumerate(flat.groups)
        ]
        self._scale = optimizer.rescale_grad
        self._calls: dict[Any, list[Callable[[], None]]] = {}

    def head_scale(self) -> float:
        """Return the factor of the loss's gradient before the backward pass."""
        return 1.0

    def __call__(self, scale: float) -> None:
        """Update every parameter once, with gradients multiplied by `scale`."""
        optimizer = self.optimizer
        if type(optimizer) is mx.optimizer.SGD:
            self._sgd(scale)
            return
        # MXNet's operators take the factor of gradients from the optimizer.
        optimizer.rescale_grad = self._scale * scale
        try:
            for index, (group, state) in enumerate(zip(self.flat.groups, self.states, strict=True)):
                optimizer.update_multi_precision(index, group.weight, group.grad, state)
        finally:
            optimizer.rescale_grad = self._scale

    def _sgd(self, scale: float) -> None:
        """Update by SGD, with native calls prepared once for each learning rate."""
        optimizer = self.optimizer
        indices = list(range(len(self.states)))
        # First the count, then the rates: a schedule goes by it.
        optimizer._update_count(indices)
        rates = tuple(optimizer._get_lrs(indices)), tuple(optimizer._get_wds(indices))
        # All that a prepared call has as text.
        key = (*rates, scale, optimizer.momentum, optimizer.clip_gradient)
        if key not in self._calls:
            if len(self._calls) > 8:  # a schedule with a new rate at each step
                self._calls.clear()
            self._calls[key] = [
                _sgd_call(optimizer, group, state, (lr, wd, self._scale * scale))
                for group, state, lr, wd in zip(self.flat.groups, self.states, *rates, strict=True)
            ]
        for call in self._calls[key]:
            call()


class FoldedUpdate:
    """Plain SGD with the learning rate in the backward pass: what is left is an addition.

    The loss's gradient is multiplied by the negative learning rate, so that gradients can be added
    to weights. An addition takes half of the time of MXNet's SGD operator.
    """

    def __init__(self, optimizer: Any, flat: FlatParameters) -> None:
        self.optimizer = optimizer
        self.flat = flat
        optimizer.param_dict = dict(enumerate(flat.groups))
        self.states: list[Any] = [None] * len(flat.groups)
        self._indices = range(len(flat.groups))
        self._multiplier = flat.groups[0].lr_mult
        self._calls = [
            prepared("add_n", [group.weight, group.grad], group.weight, {"num_args": 2})
            for group in flat.groups
        ]

    @staticmethod
    def fits(optimizer: Any, flat: FlatParameters) -> bool:
        """Return whether an optimizer's update is the gradient times a constant."""
        return (
            type(optimizer) is mx.optimizer.SGD
            and not (optimizer.momentum or optimizer.wd or optimizer.clip_gradient)
            and optimizer.lr_scheduler is None
            and len({group.lr_mult for group in flat.groups}) == 1
            and all(group.weight.dtype == numpy.float32 for group in flat.groups)
        )

    def head_scale(self) -> float:
        """Count the coming update, and return its negative learning rate."""
        optimizer, counts = self.optimizer, self.optimizer._index_update_count
        for index in self._indices:  # what `_update_count` does, at a fraction of its cost
            counts[index] = counts.get(index, optimizer.begin_num_update) + 1
        optimizer.num_update = max(optimizer.num_update, counts[0])
        return -float(optimizer.lr * self._multiplier * optimizer.rescale_grad)

    def __call__(self, scale: float) -> None:
        """Update every parameter once; `scale` is in the gradients already."""
        for call in self._calls:
            call()


class ServedUpdate:
    """Leaves updates to the servers of an asynchronous job, which hold the optimizer's state."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.states: list[Any] = []

    def head_scale(self) -> float:
        """Return the factor of the loss's gradient before the backward pass."""
        return 1.0

    def __call__(self, scale: float) -> None:
        """Let the servers update every parameter, with gradients multiplied by `scale`."""
        self._exchange.serve(scale)


def _sgd_call(
    optimizer: Any, group: Group, state: Any, rates: tuple[float, float, float]
) -> Callable[[], None]:
    attributes = dict(zip(("lr", "wd", "rescale_grad"), rates, strict=True))
    # MXNet's operators take no None: without the attribute nothing is clipped.
    if optimizer.clip_gradient:
        attributes["clip_gradient"] = optimizer.clip_gradient
    inputs, name = [group.weight, group.grad], "sgd_update"
    if isinstance(state, tuple):  # float16 with a float32 copy
        momentum, master = state
        name = "mp_sgd_update" if momentum is None else "mp_sgd_mom_update"
        inputs += [master] if momentum is None else [momentum, master]
    elif state is not None:
        name, inputs = "sgd_mom_update", [*inputs, state]
    if "mom" in name:
        attributes["momentum"] = optimizer.momentum
    return prepared(name, inputs, group.weight, attributes)


def prepared(
    name: str, inputs: list[Any], out: Any, attributes: Mapping[str, Any]
) -> Callable[[], None]:
    """Return a function that runs one operator on fixed arrays, with little overhead.

    MXNet's own functions look up the operator and convert every argument to text in each call.
    """
    handle = ctypes.c_void_p(operator_handle(name))
    ins = (ctypes.c_void_p * len(inputs))(*(array.handle.value for array in inputs))
    outs = (ctypes.c_void_p * 1)(out.handle.value)
    out_pointer = ctypes.cast(outs, ctypes.POINTER(ctypes.c_void_p))
    keys = c_str_array([str(key) for key in attributes])
    values = c_str_array([str(value) for value in attributes.values()])
    # MXNet writes the storage types of the outputs here; they are dense.
    storage = ctypes.POINTER(ctypes.c_int)()
    arguments = (
        handle,
        ctypes.c_int(len(inputs)),
        ins,
        ctypes.byref(ctypes.c_int(1)),
        ctypes.byref(out_pointer),
        ctypes.c_int(len(attributes)),
        keys,
        values,
        ctypes.byref(storage),
    )
    alive = (inputs, out, outs)  # the handles belong to these

    def call(_: Any = alive) -> None:
        check_call(_LIB.MXImperativeInvokeEx(*arguments))

    return call
