"""The tree of blocks: walking it, its parameters, and putting it back as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from mxnet import autograd, gluon

from gluonkit._base.checks import a_type
from gluonkit.errors import ArgumentTypeError, StateError
from gluonkit.system import memory

# dense10_weight → dense, 10 and _weight: the parts of a name, to be compared as text and number.
_NUMBERED = re.compile(r"([^0-9]*)([0-9]*)")
# A part of a name that ends with Gluon's counter: ssd0_, hybridsequential12_.
_COUNTED = re.compile(r"[A-Za-z]+\d+_")


def check_net(net: Any) -> None:
    """Refuse what is not a Gluon block, saying what to pass instead."""
    if isinstance(net, gluon.Block):
        return
    if isinstance(net, str):
        hint = f"{net!r}, a name; make the network first: create_model({net!r}, init='xavier')"
    elif isinstance(net, type):
        hint = f"the class {net.__name__}; create an instance first: {net.__name__}(...)"
    elif type(net).__name__ in ("Symbol", "_Symbol"):
        hint = "a Symbol; wrap it in gluon.SymbolBlock(outputs, inputs)"
    else:
        hint = f"{a_type(net)}; give a Gluon block"
    raise ArgumentTypeError(f"`net` is {hint}")


def join(path: str, name: str) -> str:
    """Join a block's path and the name of a child or parameter."""
    return f"{path}.{name}" if path else name


def walk(block: gluon.Block, path: str = "") -> Iterator[tuple[str, gluon.Block]]:
    """Yield each block of the tree once, with its path from the root ('' for the root)."""
    seen = set()
    stack = [(path, block)]
    while stack:
        where, current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield where, current
        # Reversed, as the stack gives the last first.
        for name, child in reversed(current._children.items()):
            stack.append((join(where, name), child))


def is_traced(kind: type) -> bool:
    """Return whether Gluon can trace a class of blocks: its `forward` is Gluon's, or calls it."""
    for base in kind.__mro__:
        if base is gluon.HybridBlock or base is gluon.SymbolBlock:
            return True
        # Read, not run: whether `forward` reaches Gluon's own could otherwise be told only by a
        # call.
        code = getattr(vars(base).get("forward"), "__code__", None)
        if code is not None and not _calls_gluons(code.co_names):
            return False
    return False


def _calls_gluons(names: tuple[str, ...]) -> bool:
    """Return whether a `forward` with these names in its code may call that of its base class."""
    return "forward" in names and ("super" in names or "HybridBlock" in names)


def own_parameters(block: gluon.Block) -> dict[str, gluon.Parameter]:
    """Return a block's own parameters, without its children's, by their names in the block.

    Parameters that are attributes come first, then those that the block created by
    ``self.params.get`` but did not keep as attributes, under their short names. Those of a
    `SymbolBlock` have their full names, without the counted prefix of the network that it was taken
    from, ``ssd0_``, which is another for each instance. MXNet cuts off what all begin with, letter
    by letter, so that fc1_weight and fc10_weight become _weight and 0_weight.
    """
    if isinstance(block, gluon.SymbolBlock):
        start = len(_counted_prefix(list(block.params)))
        return {name[start:]: parameter for name, parameter in block.params.items()}
    parameters = dict(block._reg_params)
    known = {id(parameter) for parameter in parameters.values()}
    for name, parameter in block.params.items():
        if id(parameter) not in known:
            short = name.removeprefix(block.params.prefix)
            parameters[name if short in parameters else short] = parameter
    return parameters


def _counted_prefix(names: list[str]) -> str:
    """Return the prefix with counters that Gluon gave all names; '' if it is a layer's own."""
    prefix = ""
    while (part := _COUNTED.match(names[0], len(prefix)) if names else None) and all(
        name.startswith(prefix + part[0]) and "_" in name[part.end() :] for name in names
    ):
        prefix += part[0]
    return prefix


def parameters_of(net: gluon.Block) -> list[gluon.Parameter]:
    """Return every parameter object of the tree once."""
    parameters = {}
    for _, block in walk(net):
        for parameter in own_parameters(block).values():
            parameters[id(parameter)] = parameter
    return list(parameters.values())


def in_order_of_names(parameters: Iterable[gluon.Parameter]) -> list[gluon.Parameter]:
    """Return parameters by their names, dense9 before dense10.

    Gluon's `Trainer` has dense10 before dense9, so that its order depends on how many layers the
    process created before.
    """

    def key(parameter: gluon.Parameter) -> list[tuple[str, int]]:
        return [(text, int(number or 0)) for text, number in _NUMBERED.findall(parameter.name)]

    return sorted(parameters, key=key)


UNTOUCHED = RLock()
"""Held by the thread that is in `untouched`."""


def remembered(net: gluon.Block) -> Callable[[], None]:
    """Return a function that restores every block and parameter of a network.

    Attributes are restored, including the contents of lists, dictionaries and sets, and the options
    of initializers, which `init.Constant.dumps` changes. Values *in* arrays are not copied, so
    nothing may write into them.
    """
    parameters = parameters_of(net)
    objects = [block for _, block in walk(net)] + parameters
    attributes = [(thing, dict(vars(thing))) for thing in objects]
    containers = [
        (value, value.copy())
        for _, state in attributes
        for value in state.values()
        if type(value).__name__ in ("list", "dict", "OrderedDict", "set")
    ]
    options = [getattr(initializer, "_kwargs", None) for initializer in _initializers(parameters)]
    containers += [(option, option.copy()) for option in options if isinstance(option, dict)]

    def put_back() -> None:
        for container, contents in (*containers, *((vars(t), state) for t, state in attributes)):
            _put_back(container, contents)

    return put_back


def _put_back(container: Any, contents: Any) -> None:
    """Give a container its contents again, in place, for others may refer to it.

    What is there stays there all the time: other threads may call the network meanwhile.
    """
    if isinstance(container, list):
        container[:] = contents
        return
    for added in [key for key in container if key not in contents]:
        container.remove(added) if isinstance(container, set) else container.pop(added)
    if list(container) != list(contents):
        container.clear()
    container.update(contents)


def _initializers(parameters: Iterable[gluon.Parameter]) -> Iterator[Any]:
    for parameter in parameters:
        # `_deferred_init` is empty, or (initializer, devices, default initializer, values).
        yield from (parameter.init, *parameter._deferred_init[::2])


def renew_variables(parameters: Iterable[gluon.Parameter]) -> None:
    """Make each parameter create a new variable when it is asked for one, within `untouched`.

    MXNet caches a variable with the shape and the array mode of its creation. The new ones have no
    initializer, which no trace needs: MXNet stores it as text, which is impossible for some, and
    for `init.Constant` of an array works only once.
    """
    for parameter in parameters:
        parameter._var = parameter.init = None


@contextmanager
def untouched(net: gluon.Block) -> Iterator[None]:
    """Restore every block and parameter of a network at the end of the context.

    One thread at a time: a second one would take what the first has changed for the network's own,
    and restore that.
    """
    with UNTOUCHED:
        put_back = remembered(net)
        try:
            yield
        finally:
            put_back()


@contextmanager
def kept_values(net: gluon.Block) -> Iterator[Callable[[], None]]:
    """Yield a function that restores values and gradients; it is called at the end too."""
    parameters = [parameter for parameter in parameters_of(net) if parameter._data is not None]
    saved = [
        (array, array.copy())
        for parameter in parameters
        for array in (*parameter._data, *(parameter._grad or ()))
    ]
    # A Trainer that is made in the context enters itself here, and sparse parameters refuse a
    # second.
    trainers = [(parameter, parameter._trainer) for parameter in parameters]

    def put_back() -> None:
        with autograd.pause():  # Ctrl-C can leave MXNet recording
            for array, copy in saved:
                memory.put(copy, array)

    try:
        yield put_back
    finally:
        put_back()
        for parameter, trainer in trainers:
            parameter._trainer = trainer


def array_key(parameter: gluon.Parameter) -> int:
    """Return a key that is equal for parameters that share one array."""
    return id(parameter._data[0]) if parameter._data else id(parameter)


def known_shape(parameter: gluon.Parameter) -> tuple[int | None, ...] | None:
    """Return a parameter's shape in either array mode, None for each unknown dimension.

    None if nothing is known of the shape.
    """
    if parameter._data is not None:  # MXNet leaves the shape of an imported one unknown
        return tuple(parameter._data[0].shape)
    # Not `shape`, which writes unknown dimensions as 0 or -1, by the active array mode.
    shape = parameter._shape
    if shape is None:
        return None
    return tuple(int(size) if size is not None and size > 0 else None for size in shape)


def places(block: gluon.Block, path: str = "") -> Iterator[tuple[str, gluon.Block]]:
    """Yield every path of the tree with its block; a shared block at each of its paths."""
    yield path, block
    for name, child in block._children.items():
        yield from places(child, join(path, name))


def all_paths(net: gluon.Block) -> Iterator[tuple[str, gluon.Parameter]]:
    """Yield every path of every parameter, with the parameter."""
    for path, block in places(net):
        for name, parameter in own_parameters(block).items():
            yield join(path, name), parameter


def is_initialized(parameter: gluon.Parameter) -> bool:
    """Return whether a parameter has values, or gets them in the first forward pass."""
    return parameter._data is not None or bool(parameter._deferred_init)


def check_initialized(net: gluon.Block, argument: str = "net") -> None:
    """Refuse a network with parameters for which `initialize()` has not been called."""
    for path, parameter in all_paths(net):
        if not is_initialized(parameter):
            raise StateError(
                f"`{argument}` has no values for {path}: call net.initialize() first (and again on "
                "parts that were added later)"
            )
