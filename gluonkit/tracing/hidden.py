"""Blocks and parameters that a network holds where Gluon does not see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from mxnet import gluon

from gluonkit.errors import StateError
from gluonkit.tracing.tree import check_net, join, parameters_of, walk

# What MXNet keeps in a block for itself, or for the user's hooks.
_KNOWN = {"_children", "_reg_params", "_params", "_scope", "_forward_hooks", "_forward_pre_hooks"}
_PLAIN = (str, bytes, int, float, complex, type(None), type, ModuleType, BuiltinFunctionType)
_CONTAINERS = (list, tuple, set, frozenset, Mapping, gluon.ParameterDict)


@dataclass(frozen=True)
class Hidden:
    """A block or parameter that is not registered with the block that holds it.

    Attributes
    ----------
    path : str
        The block of the tree that holds it.
    holder : gluon.Block
        The block of the tree that holds it.
    attribute : str
        The attribute that leads to it.
    container : str
        The class of the attribute's value: 'list', 'function', ...
    held : gluon.Block or gluon.Parameter
        The block or parameter.
    """

    path: str
    holder: gluon.Block
    attribute: str
    container: str
    held: gluon.Block | gluon.Parameter

    @property
    def place(self) -> str:
        """The attribute's path."""
        return join(self.path, self.attribute)

    @property
    def parameters(self) -> list[gluon.Parameter]:
        """The parameters in it."""
        return parameters_of(self.held) if isinstance(self.held, gluon.Block) else [self.held]


def hidden_in(net: gluon.Block) -> Iterator[Hidden]:
    """Yield blocks and parameters in lists, dictionaries, objects and functions.

    A block that is itself an attribute is a child, unless it was removed on purpose, as `features`
    does with layers beyond the last one that it needs.
    """
    blocks = dict(walk(net))
    seen = {id(registered) for registered in (*blocks.values(), *parameters_of(net))}
    for path, block in blocks.items():
        for name, value in vars(block).items():
            # What MXNet keeps of a hybridized block, such as `_cached_op_args`, refers to
            # parameters, too.
            if name in _KNOWN or name.startswith("_cached") or isinstance(value, gluon.Block):
                continue
            for held in _inside(value, seen):
                if isinstance(held, gluon.Block) and any(block is net for _, block in walk(held)):
                    continue  # a reference to an owner of the network
                yield Hidden(path, block, name, type(value).__name__, held)


def _inside(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield the blocks and parameters that are reachable from a value, each once."""
    waiting = [value]
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, _PLAIN) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, gluon.Block):
            # Reported once, by its outermost block: from there Gluon does see what is inside.
            seen.update(id(block) for _, block in walk(thing))
        if isinstance(thing, (gluon.Block, gluon.Parameter)):
            yield thing
        else:
            waiting += reversed(list(_held_by(thing)))


def _held_by(thing: Any) -> Iterator[Any]:
    """Yield the elements of a container, the closure of a function, the attributes of an object."""
    if isinstance(thing, _CONTAINERS):
        yield from thing.values() if hasattr(thing, "values") else thing
    elif isinstance(thing, FunctionType):
        for cell in thing.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # a variable without a value yet
                continue
        yield from (thing.__defaults__ or ())
        yield from (thing.__kwdefaults__ or {}).values()
    elif isinstance(thing, MethodType):
        yield from (thing.__self__, thing.__func__)
    elif isinstance(thing, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    # Objects of MXNet, such as a Trainer, refer to parameters without owning them.
    elif not type(thing).__module__.startswith(("mxnet", "numpy")):
        yield from getattr(thing, "__dict__", {}).values()


def check_nothing_hidden(net: gluon.Block, what: str) -> None:
    """Refuse a network with parameters that Gluon does not find.

    Raises
    ------
    StateError
        With the attributes' names; `what` is the consequence for them.
    """
    check_net(net)
    known = {id(parameter) for parameter in parameters_of(net)}
    places = {
        hidden.place: hidden
        for hidden in hidden_in(net)
        if any(id(parameter) not in known for parameter in hidden.parameters)
    }
    if not places:
        return
    first = next(iter(places.values()))
    shown = ", ".join(places)
    raise StateError(
        f"`net` has layers or parameters in {shown} (for one {first.held.name}, in a "
        f"{first.container}), where Gluon does not see them: {what}. Keep blocks in an "
        "nn.HybridSequential, or call self.register_child(block) for each; make parameters with "
        "self.params.get; what is not of the network is to be kept outside of it"
    )
