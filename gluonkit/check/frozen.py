"""Attributes and parameters that a graph has frozen: changing them changes eager, not the graph."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any

import numpy
from mxnet import gluon

from gluonkit.check.parity import Parity
from gluonkit.check.report import Finding
from gluonkit.graphs.agreement import Arrays, disagreement
from gluonkit.graphs.capture import numbers_read
from gluonkit.tracing.inputs import mapped, spec_of
from gluonkit.tracing.tree import all_paths, walk


def frozen_attributes(net: gluon.Block, parity: Parity) -> Iterator[Finding]:
    """Yield a note for each attribute that a graph, once built, no longer follows.

    Candidates are attributes that a `hybrid_forward` outside of MXNet may read, and that hold data
    of Python or NumPy. During two calls each is replaced by an object that raises when it is used:
    if the eager network fails, or gives other numbers, and the graph does not, the graph has frozen
    the attribute. Of several blocks of one class only the first is named.
    """
    before = parity.outputs("eager")
    parity.outputs("hybrid")  # builds the graph with the attributes as they are
    noted = set()
    for path, block in walk(net):
        for name, value in _read_attributes(block):
            if (type(block), name) in noted:
                continue
            with _replaced(block, name, _Unusable()):
                frozen = _affected(before, parity, "eager") and not _affected(
                    before, parity, "hybrid"
                )
            if frozen:
                noted.add((type(block), name))
                yield Finding(
                    "frozen-attribute",
                    path,
                    f"`{name}` is {value!r:.60} for good once the graph is built: changing it "
                    "afterwards changes the eager network, and not the hybridized one.",
                    f"call net.hybridize() again after changing `{name}`, or pass it as an input",
                    note=True,
                )


def frozen_parameters(net: gluon.Block, arrays: Sequence[Any]) -> Iterator[Finding]:
    """Yield a finding for each parameter whose numbers the network's code reads when it is traced.

    A `gluon.Constant` is a note only: it changes only when a file is loaded.
    """
    read = {id(parameter) for parameter in numbers_read(net, mapped(spec_of, tuple(arrays)))}
    for path, parameter in all_paths(net):
        if id(parameter) in read:
            read.remove(id(parameter))  # reported once, with its first path
            yield Finding(
                "frozen-parameter",
                path,
                f"the network's code reads `{path}` as numbers, and its graph, once built, keeps "
                "its numbers: training, loading or set_data changes the eager network, and not the "
                "hybridized one.",
                "register it in the block that uses it, and compute with the argument that "
                "hybrid_forward gets for it, by operators from F",
                note=isinstance(parameter, gluon.Constant),
            )


def _affected(before: Arrays, parity: Parity, variant: str) -> bool:
    try:
        return bool(disagreement(before, parity.outputs(variant)))
    except Exception:  # the code has used the attribute
        return True


@contextmanager
def _replaced(block: gluon.Block, name: str, value: Any) -> Iterator[None]:
    """Replace a block's attribute without `__setattr__`, which would drop its graphs."""
    attributes = vars(block)
    own = name in attributes  # otherwise it belongs to the class
    before, attributes[name] = attributes.get(name), value
    try:
        yield
    finally:
        if own:
            attributes[name] = before
        else:
            attributes.pop(name, None)


class _UsedError(Exception):
    """A placeholder for an attribute was used."""


def _refuse(*_: Any) -> Any:
    raise _UsedError


class _Unusable:
    """Placeholder for an attribute that raises when it is used; only `is` has no effect."""


_SPECIAL = {name for kind in (complex, float, int, str, list, dict, set) for name in dir(kind)}
_USES = {"__eq__", "__ne__", "__hash__", "__str__", "__repr__", "__format__"}
# Python itself needs these of any object, to make it and to look up its attributes.
_OF_EVERY_OBJECT = set(dir(object)) - _USES
# On the class, where Python looks up special methods, and not on the instance.
for _name in ("__getattr__", "__call__", "__next__", *(_SPECIAL - _OF_EVERY_OBJECT)):
    if _name.startswith("__") and _name not in ("__class_getitem__", "__getnewargs__"):
        setattr(_Unusable, _name, _refuse)


def _read_attributes(block: gluon.Block) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that the block's own code may read, and that are data."""
    method: Any = getattr(type(block), "hybrid_forward", None)
    if method is None or method.__module__.startswith("mxnet."):
        return
    names: set[str] = set()
    for kind in type(block).__mro__:
        if not kind.__module__.startswith("mxnet."):
            for member in vars(kind).values():
                # The function behind a property, a class method or a decorator.
                function = getattr(member, "fget", getattr(member, "__func__", member))
                names |= _names_in(getattr(inspect.unwrap(function), "__code__", None))
    for name in sorted(names - _BLOCKS_OWN):
        # Without running properties, which could compute, or raise.
        value = inspect.getattr_static(block, name, _refuse)
        if _is_data(value):
            yield name, value


# With a prefix, as MXNet would otherwise count this block, and rename those that follow.
_BLOCKS_OWN = frozenset(dir(gluon.HybridBlock)) | frozenset(vars(gluon.HybridBlock(prefix="_")))


def _names_in(code: Any) -> set[str]:
    """Return the names of attributes that code may read, nested functions included."""
    if not isinstance(code, CodeType):
        return set()
    texts = {
        constant for constant in code.co_consts if isinstance(constant, str)
    }  # getattr(self, "name")
    return texts.union(code.co_names, *map(_names_in, code.co_consts))


def _is_data(value: Any) -> bool:
    """Return whether a value is made of numbers, text, None and NumPy arrays, in any nesting."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_data, value))
    if isinstance(value, dict):
        return all(map(_is_data, value.values()))
    if isinstance(value, numpy.ndarray):
        return bool(value.dtype.kind != "O")
    return value is None or isinstance(
        value, (bool, int, float, complex, str, bytes, numpy.generic)
    )
