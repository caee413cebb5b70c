"""All parameters of a network in one array, and all gradients in another, for the compiled step.

One update of one long array costs a fraction of many short ones. The network's own arrays are not
touched meanwhile: they get the values at each `push`. (They could not be views into the long array:
oneDNN rearranges a weight in place when a network predicts, and would do it to the whole.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.kinds import Context, NDArray
from gluonkit.system import memory
from gluonkit.tracing.inputs import leaves
from gluonkit.train.step.result import ParameterState

_ALIGNED = 64  # bytes: a cache line, and a vector


@dataclass
class Group:
    """Parameters with equal update rules, contiguous in one array.

    Attributes
    ----------
    lr_mult, wd_mult : float
        Multipliers for the optimizer, the same for the whole group.
    weight, grad : NDArray
        Arrays of shape ``(size,)`` with values and gradients; for a parameter whose layout oneDNN
        changes, arrays of its own shape.
    slots : list of tuple of (gluon.Parameter, object, object)
        Each parameter with its views of both.
    places : list of slice
        Each parameter's part of the array.
    """

    lr_mult: float
    wd_mult: float
    weight: NDArray
    grad: NDArray
    slots: list[tuple[gluon.Parameter, Any, Any]] = field(default_factory=list)
    places: list[slice] = field(default_factory=list)

    def states(self, index: int, state: Any) -> Iterator[ParameterState]:
        """Yield each parameter's part of the optimizer's state for the group."""
        for (parameter, weight, _), place in zip(self.slots, self.places, strict=True):
            arrays = [
                # State of the group's size is divided like the weights; a state of another is
                # everyone's.
                leaf[place].reshape(weight.shape) if leaf.shape == self.weight.shape else leaf
                for leaf in leaves(state)
            ]
            yield ParameterState(parameter, index, arrays)


class FlatParameters:
    """The parameters of one device, with the trainable ones in flat groups.

    Attributes
    ----------
    groups : list
        The trainable parameters.
    statistics : list
        Running means and variances, which the network changes by itself.
    """

    def __init__(
        self,
        parameters: Sequence[gluon.Parameter],
        auxiliary: Sequence[gluon.Parameter],
        ctx: Context,
        *,
        fixed: Sequence[gluon.Parameter] = (),
        separate: bool,
        counts: Mapping[int, int],
        rearranged: Collection[str] = (),
    ) -> None:
        """`separate` makes a group of each parameter, for optimizers that use their norms.

        `counts` are numbers of updates by the parameter's id, of which a group has one.

        `fixed` parameters are used but not trained. Those named in `rearranged` get their own
        arrays, as oneDNN cannot change the layout of views.
        """
        self.ctx = ctx
        trainable = [parameter for parameter in parameters if parameter.grad_req != "null"]
        self.groups = [
            _own(parameters[0], ctx)
            if parameters[0].name in rearranged
            else _group(parameters, ctx)
            for parameters in _alike(trainable, separate, counts, rearranged)
        ]
        self.statistics = [_group(parameters, ctx) for parameters in _alike(auxiliary)]
        self._before = [group.grad for group in self.statistics]  # a place for a copy
        fixed = [*fixed, *(parameter for parameter in parameters if parameter.grad_req == "null")]
        # Nothing writes to fixed values, so these are the network's own arrays.
        self.values = {parameter.name: parameter.data(ctx).as_nd_ndarray() for parameter in fixed}
        self.values |= {p.name: w for group in self.groups for p, w, _ in group.slots}
        self.gradients = {p.name: grad for group in self.groups for p, _, grad in group.slots}
        self.auxiliary = {p.name: w for group in self.statistics for p, w, _ in group.slots}
        slots = [slot for group in (*self.groups, *self.statistics) for slot in group.slots]
        # `cast` and `initialize` give a parameter other arrays, in which steps here would not be
        # seen.
        self._arrays = {id(p): (p, p.data(ctx)) for p, *_ in slots}
        self.pull()

    def moved(self) -> list[gluon.Parameter]:
        """Return the parameters that have other arrays than when they were joined."""
        return [
            parameter
            for parameter, array in self._arrays.values()
            if all(own is not array for own in parameter._data or ())
        ]

    def pull(self) -> None:
        """Copy the values from the network."""
        for group in (*self.groups, *self.statistics):
            for parameter, weight, _ in group.slots:
                parameter.data(self.ctx).as_nd_ndarray().copyto(weight)

    def push(self) -> None:
        """Copy the values to the network."""
        for group in (*self.groups, *self.statistics):
            for parameter, weight, _ in group.slots:
                # The network may have predicted meanwhile, and oneDNN rearranged its weights.
                memory.put(weight, parameter.data(self.ctx).as_nd_ndarray())

    def zero_gradients(self) -> None:
        """Set all gradients to zero."""
        for group in self.groups:
            group.grad[:] = 0

    def multiply_gradients(self, factor: float) -> None:
        """Multiply all gradients by a number."""
        for group in self.groups:
            group.grad *= factor

    def keep_auxiliary(self) -> None:
        """Copy the running statistics before a step."""
        for group, before in zip(self.statistics, self._before, strict=True):
            group.weight.copyto(before)

    def put_auxiliary_back(self) -> None:
        """Restore the running statistics from before the step."""
        for group, before in zip(self.statistics, self._before, strict=True):
            before.copyto(group.weight)


def _alike(
    parameters: Sequence[gluon.Parameter],
    separate: bool = False,
    counts: Mapping[int, int] = MappingProxyType({}),
    rearranged: Collection[str] = (),
) -> list[list[gluon.Parameter]]:
    """Group parameters by data type, multipliers and numbers of updates."""
    groups: dict[Any, list[gluon.Parameter]] = {}
    for index, parameter in enumerate(parameters):
        alone = index if separate or parameter.name in rearranged else None
        # An optimizer gives one rate and one decay to an array.
        dtype, count = numpy.dtype(parameter.dtype).name, counts.get(id(parameter))
        key = dtype, parameter.lr_mult, parameter.wd_mult, count, alone
        groups.setdefault(key, []).append(parameter)
    return list(groups.values())


def _group(parameters: Sequence[gluon.Parameter], ctx: Context) -> Group:
    first = parameters[0]
    dtype = numpy.dtype(first.dtype)
    step = _ALIGNED // dtype.itemsize
    # MXNet leaves the shape of an imported parameter unknown; its array has it.
    shapes = [parameter._data[0].shape for parameter in parameters]
    sizes = [int(numpy.prod(shape, dtype="int64")) for shape in shapes]
    places = numpy.cumsum([0, *(-(-size // step) * step for size in sizes)]).tolist()
    # Zeros, so that the gaps between parameters stay finite, and stay zero.
    weight = mx.nd.zeros((places[-1],), ctx=ctx, dtype=dtype)
    grad = mx.nd.zeros((places[-1],), ctx=ctx, dtype=dtype)
    group = Group(first.lr_mult, first.wd_mult, weight, grad)
    for parameter, shape, size, place in zip(parameters, shapes, sizes, places[:-1], strict=True):
        group.places.append(slice(place, place + size))
        views = (flat[group.places[-1]].reshape(shape) for flat in (weight, grad))
        group.slots.append((parameter, *views))
    return group


def _own(parameter: gluon.Parameter, ctx: Context) -> Group:
    """Return a group of one parameter, whose arrays are not views."""
    shape = parameter._data[0].shape
    weight, grad = (mx.nd.zeros(shape, ctx=ctx, dtype=parameter.dtype) for _ in range(2))
    slots, places = [(parameter, weight, grad)], [slice(None)]
    return Group(parameter.lr_mult, parameter.wd_mult, weight, grad, slots, places)
