"""Reading, freezing and setting parameters that a pattern selects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked
from gluonkit._base.checks import described, last_line, rate, some
from gluonkit._base.kinds import Array, NDArray, array_of
from gluonkit._base.specs import shape_text
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.params.records import ParameterRecord, Parameters, Pattern, collect
from gluonkit.system import memory

Patterns = Pattern | Sequence[Pattern]


@checked
def values(net: gluon.Block, pattern: Patterns = "*") -> dict[str, Array]:
    """Return copies of the parameters' values, by path.

    Parameters
    ----------
    net : gluon.Block
        A network whose selected parameters have values.
    pattern : str, re.Pattern or sequence of these, default '*'
        As for `collect`.

    Returns
    -------
    dict of str to numpy.ndarray
        Copies of the values, by path.

    Raises
    ------
    StateError
        When a selected parameter has no values yet.
    """
    records = ready(collect(net, pattern))
    return {record.path: record.parameter.list_data()[0].asnumpy() for record in records}


@checked
def freeze(net: gluon.Block, pattern: Patterns = "*") -> tuple[str, ...]:
    """Switch gradients off (``grad_req = "null"``) and return the paths where they were on.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block, initialized or not, hybridized or not.
    pattern : str, re.Pattern or sequence of these, default '*'
        As for `collect`.

    Returns
    -------
    tuple of str
        Paths of the parameters that had a gradient before.
    """
    return _request_gradients(collect(net, pattern), "null")


@checked
def unfreeze(
    net: gluon.Block, pattern: Patterns = "*", *, grad_req: str = "write"
) -> tuple[str, ...]:
    """Switch gradients on, and return the paths where that changed something.

    Constants, and what MXNet never trains (the running statistics of batch normalization), do not
    change.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block, initialized or not, hybridized or not.
    pattern : str, re.Pattern or sequence of these, default '*'
        As for `collect`.
    grad_req : str, default 'write'
        'write', or 'add' to accumulate gradients.

    Returns
    -------
    tuple of str
        Paths of the parameters that have a gradient now, and had none before.

    Raises
    ------
    ArgumentError
        For another `grad_req`, and for a pattern that matches nothing.
    """
    if grad_req not in ("write", "add"):
        raise ArgumentError(f"`grad_req` is {grad_req!r}; give 'write' or 'add'")
    return _request_gradients(collect(net, pattern), grad_req)


def _request_gradients(records: Parameters, grad_req: str) -> tuple[str, ...]:
    changed = []
    for record in records:
        if not record.constant:
            record.parameter.grad_req = grad_req
            # MXNet keeps 'null' for parameters that it never trains.
            if record.parameter.grad_req != record.grad_req:
                changed.append(record.path)
    return tuple(changed)


@checked
def set_multipliers(
    net: gluon.Block, pattern: Patterns = "*", *, lr: float | None = None, wd: float | None = None
) -> tuple[str, ...]:
    """Set the multipliers of learning rate and weight decay, and return the paths.

    A `gluon.Trainer` reads them at every step, so this works in the middle of training too.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block.
    pattern : str, re.Pattern or sequence of these, default '*'
        As for `collect`.
    lr, wd : float, optional
        Multipliers of learning rate and weight decay, 0 or more; None does not change them.

    Returns
    -------
    tuple of str
        Paths of the selected parameters.

    Raises
    ------
    ArgumentError
        For a multiplier that is negative or that float32 does not have, and for a pattern that
        matches nothing.
    """
    for argument, value in (("lr", lr), ("wd", wd)):
        if value is not None:
            rate(argument, "", value)
    records = collect(net, pattern)
    for record in records:
        if lr is not None:
            record.parameter.lr_mult = lr
        if wd is not None:
            record.parameter.wd_mult = wd
    return records.paths


@checked
def set_values(net: gluon.Block, pattern: Patterns, value: Any) -> tuple[str, ...]:
    """Set the values of the selected parameters and return their paths.

    Everything is checked before anything is written.

    Parameters
    ----------
    net : gluon.Block
        A network whose selected parameters have values.
    pattern : str, re.Pattern or sequence of these
        As for `collect`.
    value : float, array or callable
        A number; an array of each parameter's shape; or an MXNet initializer or its name, such as
        ``"xavier"``.

    Returns
    -------
    tuple of str
        Paths of the selected parameters.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For an array of another shape, an unknown initializer, or a value of another kind.
    StateError
        When a selected parameter has no values yet.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nd
    >>> net = gk.create_model("mlp", init=True)
    >>> output = net(nd.ones((1, 20)))
    >>> gk.params.set_values(net, "*.bias", 0.5)
    ('0.bias', '1.bias')
    """
    records = ready(collect(net, pattern))
    if isinstance(value, str):
        value = _initializer(value)
    if isinstance(value, mx.init.Initializer):
        drawn = [_drawn(record, value) for record in records]
        for record, data in zip(records, drawn, strict=True):
            for target in record.parameter.list_data():
                memory.in_order(target)[:] = data
        return records.paths
    array = _as_array(value)
    for record in records:
        if array.ndim and array.shape != record.shape:
            raise ArgumentError(
                f"`value` has shape {array.shape}, but {record.path} has "
                f"{shape_text(record.shape)}; nothing was set"
            )
    for record in records:
        for target in record.parameter.list_data():
            # Filling an array in oneDNN's layout fails.
            memory.in_order(target)[:] = array.astype(record.dtype) if array.ndim else array.item()
    return records.paths


def _as_array(value: Any) -> Array:
    if isinstance(value, mx.nd.NDArray):
        return value.asnumpy()  # type: ignore[no-any-return]
    array = array_of(value)
    if array.dtype.kind not in "biuf":
        raise ArgumentTypeError(
            f"`value` is {described(value)}; give a number, an array, or an initializer"
        )
    return array


def _initializer(name: str) -> mx.init.Initializer:
    try:
        return mx.init.create(name)
    except (AssertionError, TypeError, ValueError) as error:  # also text that should be JSON
        raise ArgumentError(
            f"`value` is {name!r}, of which no initializer can be made ({error}); give one such "
            "as 'xavier', or an object: mx.init.Constant(1)"
        ) from None


def _drawn(record: ParameterRecord, initializer: mx.init.Initializer) -> NDArray:
    """Return new values of a parameter, the same for all its devices."""
    first = record.parameter.list_data()[0]
    # The caller may be recording, and MXNet refuses to write in place then.
    with autograd.pause():
        # Drawn once, on the current device: each device's generator would give other numbers.
        zeros = mx.np.zeros if is_np_array() else mx.nd.zeros
        data = zeros(first.shape, dtype=first.dtype)
        # The description names the initializer, as otherwise the parameter's name would decide:
        # MXNet sets everything that ends in "bias" to zero.
        name = mx.init.InitDesc(record.parameter.name, {"__init__": initializer.dumps()})
        try:
            initializer(name, data)
        except ValueError as error:
            raise ArgumentError(
                f"`value` is {type(initializer).__name__}(...), which cannot draw {record.path}, "
                f"{shape_text(record.shape)}: {last_line(error)}; nothing was set. Select others "
                "with `pattern`"
            ) from error
    return data


def ready(records: Parameters) -> Parameters:
    """Return the records; raise if some have no values."""
    missing = [record for record in records if record.state != "ready"]
    if missing:
        paths = some(record.path for record in missing)
        fix = (
            "call net.initialize() and run the network once, or gluonkit.materialize"
            if any(record.state == "uninitialized" for record in missing)
            else "run the network once, or call gluonkit.materialize(net, input)"
        )
        raise StateError(f"{paths} have no values yet ({missing[0].state}); {fix}")
    return records
