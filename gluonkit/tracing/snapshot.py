"""What a network was like when it was traced, to tell later whether a trace still stands for it."""

from __future__ import annotations

from collections import OrderedDict
from itertools import chain
from typing import Any

from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit.tracing.tree import parameters_of, walk

_CONTAINERS = (dict, OrderedDict, list, set, tuple)
_DEPTH = 4  # of containers in containers; what lies deeper is compared by identity


class Snapshot:
    """Every block and parameter of some networks, with the settings that each has now.

    Values in arrays are not part of it: graphs read them where they are. Neither is what code reads
    elsewhere, in modules or in objects of other kinds, which only another trace shows.
    """

    def __init__(self, *roots: Any) -> None:
        """What is no block among `roots` (a loss that is a function) is left out."""
        nets = [each for each in roots if isinstance(each, gluon.Block)]
        blocks = (block for net in nets for _, block in walk(net))
        objects = chain(blocks, *map(parameters_of, nets))
        self._states = [(each, type(each), _copied(vars(each))) for each in objects]
        self._numpy_mode = is_np_array()

    def holds(self) -> bool:
        """Return whether all is as it was; what cannot be compared counts as changed."""
        try:
            return self._numpy_mode == is_np_array() and all(
                type(each) is kind and bool(vars(each) == state)
                for each, kind, state in self._states
            )
        except Exception:  # of two arrays, or of what a user's class makes of ==
            return False


def _copied(value: Any, depth: int = _DEPTH) -> Any:
    """Return a copy of nested containers, with the same objects in them."""
    kind = type(value)
    if kind not in _CONTAINERS or not depth:
        return value
    if isinstance(value, dict):
        return kind((key, _copied(each, depth - 1)) for key, each in value.items())
    return kind(_copied(each, depth - 1) for each in value)
