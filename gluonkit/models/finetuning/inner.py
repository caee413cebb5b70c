"""What a network computes inside, as a network of its own.

MXNet calls no hook of a layer within a compiled graph, and has no way to leave a pass early. So
the blocks around the layers in question are copied, and the layers themselves, all with the same
parameters; what the copies compute is noted, in arrays or in symbols, and the pass is left when
all is there. The network itself is not touched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from threading import get_ident
from types import MethodType
from typing import Any

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.gluon.block import _BlockScope
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked
from gluonkit._base.checks import alternatives
from gluonkit._base.kinds import NDArray
from gluonkit.errors import ArgumentError, StateError
from gluonkit.models.finetuning.head import block_at, head_of
from gluonkit.system.modes import array_mode, converts_arrays, in_both_modes
from gluonkit.tracing.explain import inputs_taken
from gluonkit.tracing.inputs import leaves, mapped
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.tree import all_paths, check_net, join, places, untouched


@checked
def features(net: gluon.Block, at: str | Sequence[str] | None = None) -> gluon.Block:
    """Return a network whose outputs are those of inner layers of another, sharing parameters.

    Nothing beyond the last requested layer is computed. Both networks share their parameters:
    training one changes the other. The result is a plain Gluon block, which can be hybridized,
    trained, summarized, saved, or put before other layers; a `gluon.HybridBlock` if `net` is one,
    and usable in both array modes if `net` is. It has only the parameters that its outputs need, so
    that a `gluon.Trainer` finds no others; if the network cannot be traced by symbols, it has all
    but the head's. `net` does not change, and later changes of its structure (`replace_head`) have
    no effect here.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block, initialized or not, deferred or not, hybridized or not.
    at : str or sequence of str, optional
        Path of a layer, as `gluonkit.summary` prints it, or several. If a layer is called several
        times in a pass, its first output is returned; a layer with several paths has one call for
        each. None is the input of the classifier (see `replace_head`).

    Returns
    -------
    gluon.HybridBlock or gluon.Block
        A network that returns the layer's output; for several paths a tuple in their order. It
        raises a `StateError` when a layer is not called in the pass.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a path that the network does not have, with the nearest ones; with ``at=None`` for a
        network without a classifier, or with several.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nd, nn
    >>> net = gk.create_model("mxnet/resnet18_v1", init=True)
    >>> gk.features(net)(nd.ones((2, 3, 64, 64))).shape
    (2, 512, 1, 1)
    >>> early, late = gk.features(net, ["features.4", "features.5"])(nd.ones((2, 3, 64, 64)))
    >>> early.shape, late.shape
    ((2, 64, 16, 16), (2, 128, 8, 8))
    >>> tuned = nn.HybridSequential()
    >>> tuned.add(gk.features(net), nn.Dense(7))
    """
    check_net(net)
    if at is None and callable(getattr(net, "reset_class", None)):
        raise ArgumentError(
            f"`at` is None, but {type(net).__name__} is a detector, which has several heads; name "
            "layers by their paths"
        )
    if at is None:
        head = block_at(net, "at", head_of(net))
        ends = {path: "the head" for path, block in places(net) if block is head}
        route = _Route(("the head",), single=True)
    else:
        paths = [at] if isinstance(at, str) or not isinstance(at, Sequence) else list(at)
        if not paths:
            raise ArgumentError("`at` is empty; give the path of a layer, or None")
        for path in paths:
            block_at(net, "at", path)
        ends, route = {}, _Route(tuple(paths), single=isinstance(at, str))
    copied = _copy(net, "", route, ends)
    _leave_out_the_rest(copied, route, inputs_taken(net)[1])
    kind = Features if isinstance(net, gluon.HybridBlock) else EagerFeatures
    made = kind(copied, route)
    return in_both_modes(made) if converts_arrays(net) else made


class _Left(Exception):  # noqa: N818 - no error
    """Ends a pass early, as all requested outputs are computed."""


@dataclass
class _Pass:
    """One pass: what it is made of, and what has been noted."""

    kind: type
    outputs: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class _Route:
    """What the copies have in common: which outputs are wanted, and the pass being made.

    Attributes
    ----------
    wanted : tuple of str
        The names of the outputs, in order.
    single : bool
        Whether there is one, and no tuple.
    copies : dict of str to gluon.Block
        The copied blocks by path.
    passes : dict of int to Pass
        The pass that each thread makes.
    """

    wanted: tuple[str, ...]
    single: bool
    copies: dict[str, gluon.Block] = field(default_factory=dict)
    passes: dict[int, _Pass] = field(default_factory=dict)

    def note(self, name: str, output: Any) -> None:
        """Take an output; leave the pass if it is the last that was wanted."""
        current = self.passes.get(get_ident())
        # MXNet itself calls blocks with symbols, within a pass of arrays, to infer shapes.
        if current is None or not any(isinstance(leaf, current.kind) for leaf in leaves(output)):
            return
        # A layer that is called several times counts with its first output.
        current.outputs.setdefault(name, output)
        if len(current.outputs) == len(set(self.wanted)):
            raise _Left(self)

    def run(self, net: gluon.Block, args: tuple[Any, ...]) -> Any:
        """Make a pass and return what was wanted of it."""
        for block in self.copies.values():
            vars(block)["_active"] = False  # a graph would hide the inner layers
        symbolic = any(isinstance(leaf, mx.sym.Symbol) for leaf in leaves(args))
        outer, thread = self.passes.get(get_ident()), get_ident()
        current = self.passes[thread] = _Pass(mx.sym.Symbol if symbolic else mx.nd.NDArray)
        try:
            net(*args)
        except _Left as left:
            # It may be another route's, where the network was itself made by `features`.
            if left.args != (self,):
                raise
        finally:
            del self.passes[thread]
            if outer is not None:
                self.passes[thread] = outer
        missing = [name for name in self.wanted if name not in current.outputs]
        if missing:
            raise StateError(
                f"{alternatives(missing)} of {type(net).__name__} is not called in this forward "
                "pass, so there is no output; gluonkit.summary shows the layers that are called"
            )
        outputs = [mapped(_of_this_mode, current.outputs[name]) for name in self.wanted]
        return outputs[0] if self.single else tuple(outputs)


def _of_this_mode(array: NDArray) -> NDArray:
    """Return an array or symbol of the active mode; inside there may be legacy ones."""
    return array.as_np_ndarray() if is_np_array() else array.as_nd_ndarray()


class Features(gluon.HybridBlock):
    """What a hybridizable network computes inside. Made by `features`."""

    def __init__(self, net: gluon.HybridBlock, route: _Route) -> None:
        super().__init__()
        self.net = net
        self._route = route

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """Return the outputs of the layers. `F` is MXNet's module of operators."""
        return self._route.run(self.net, (x, *args))


class EagerFeatures(gluon.Block):
    """What a network that is no HybridBlock computes inside. Made by `features`."""

    def __init__(self, net: gluon.Block, route: _Route) -> None:
        super().__init__()
        self.net = net
        self._route = route

    def forward(self, *args: Any) -> Any:
        """Return the outputs of the layers."""
        return self._route.run(self.net, args)


class _End(gluon.HybridBlock):
    """Stands in the head's place, and takes what enters it."""

    def __init__(self, note: Any) -> None:
        super().__init__()
        self._note = note

    def __call__(self, x: Any, *args: Any) -> Any:
        self._note(x)
        return super().__call__(x, *args)

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        return x


def _copy(block: gluon.Block, path: str, route: _Route, ends: dict[str, str]) -> Any:
    """Return a block with the wanted layers in it replaced by copies that note their outputs.

    One in which none is wanted is returned itself.
    """
    if path in ends:
        route.copies[path] = _End(partial(route.note, ends[path]))
        return route.copies[path]
    inside = [end for end in (*route.wanted, *ends) if not path or end.startswith(f"{path}.")]
    wanted = path in route.wanted
    if not wanted and not inside:
        return block
    kind: Any = type(block)
    # Without the constructor, whose arguments nobody has kept.
    copied = route.copies[path] = object.__new__(_noting(kind) if wanted else kind)
    children = OrderedDict(
        (name, _copy(child, join(path, name), route, ends))
        for name, child in block._children.items()
    )
    swapped = {id(block): copied}
    for name, child in block._children.items():
        # A child may be registered under two names; attributes get its first copy.
        swapped.setdefault(id(child), children[name])
    state = {name: _swap(value, swapped) for name, value in vars(block).items()}
    state |= {name: children[name] for name in children if state.get(name) is not None}
    state |= {"_children": children, "_reg_params": dict(block._reg_params)}
    # A scope counts the names that it has given: a shared one would rename the original's.
    state |= {"_scope": _BlockScope(copied), "_note": partial(route.note, path)}
    vars(copied).update(state)
    if isinstance(copied, gluon.HybridBlock):
        # The copied attributes include the original's graph, in which nothing is noted.
        copied._clear_cached_op()
    return copied


def _swap(value: Any, swapped: dict[int, Any]) -> Any:
    """Return an attribute's value with blocks replaced by their copies."""
    if isinstance(value, gluon.Block):
        return swapped.get(id(value), value)
    # A method kept as an attribute is bound to its block, and would run the original.
    if isinstance(value, MethodType) and id(value.__self__) in swapped:
        return MethodType(value.__func__, swapped[id(value.__self__)])
    keys, parts = [], []
    # Not their subclasses: a named tuple cannot be made from a list of its parts.
    if type(value) in (list, tuple):
        parts = list(value)
    elif type(value) in (dict, OrderedDict):
        keys, parts = list(value), list(value.values())
    new = [_swap(part, swapped) for part in parts]
    if all(one is other for one, other in zip(new, parts, strict=True)):
        return value  # one and the same in both networks
    return type(value)(zip(keys, new, strict=True)) if keys else type(value)(new)


@cache
def _noting(kind: Hashable) -> Any:
    """Return a class of blocks like another, which notes what its blocks give."""
    base: Any = kind

    # Python looks `__call__` up in the class, so that an instance cannot have one of its own.
    def call(self: Any, *args: Any) -> Any:
        output = base.__call__(self, *args)
        self._note(output)
        return output

    names = {name: getattr(base, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(base.__name__, (base,), {"__call__": call} | names)


class _Symbols(Recorder):
    kind = mx.sym.Symbol


def _leave_out_the_rest(net: gluon.Block, route: _Route, inputs: int) -> None:
    """Take the children out of the copies that the wanted outputs do not need."""
    # Code may be written for one of the array modes, and fail in the other.
    for numpy_mode in (is_np_array(), not is_np_array()):
        recorder = _Symbols(net)
        try:
            with (
                array_mode(numpy_mode=numpy_mode),
                untouched(net),
                autograd.pause(train_mode=False),
                # MXNet counts operators for their names, for each thread; this one's count stays
                # as it is.
                mx.name.NameManager(),
                recorder.listening(),
            ):
                symbols = [mx.sym.var(f"data{index}") for index in range(max(inputs, 1))]
                outputs = route.run(net, tuple(map(_of_this_mode, symbols)))
        except Exception:  # code may fail with symbols
            continue
        used = set(mx.sym.Group(list(leaves(outputs))).list_inputs())
        called = [call.path for call in recorder.calls]
        for path, block in route.copies.items():
            for name, child in list(block._children.items()):
                where = join(path, name)
                if where not in route.copies and not _needed(child, where, called, used):
                    del block._children[name]
        return


def _needed(block: gluon.Block, path: str, called: list[str], used: set[str]) -> bool:
    """Return whether a block was called, and its parameters, if it has some, are used."""
    names = {parameter.name for _, parameter in all_paths(block)}
    reached = any(other == path or other.startswith(f"{path}.") for other in called)
    return reached and (not names or not names.isdisjoint(used))
