"""What a network was like when it was traced, to tell later whether a trace still stands for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from functools import cache, wraps
from itertools import chain
from typing import Any

from mxnet import gluon
from mxnet.util import is_np_array

from gluonkit.system.patches import for_good
from gluonkit.tracing.tree import parameters_of, walk

_CONTAINERS = (dict, OrderedDict, list, set, tuple)
_DEPTH = 4  # of containers in containers; what lies deeper is compared by identity


class Children:
    """How often blocks were given children, whichever blocks, since `watch` was called."""

    count = 0

    @staticmethod
    @cache
    def watch() -> None:
        """Count from now on, for the rest of the process."""
        original = gluon.Block.register_child

        @wraps(original)
        def register_child(self: Any, block: Any, name: str | None = None) -> None:
            original(self, block, name)
            Children.count += 1

        for_good(gluon.Block, "register_child", register_child)


class Snapshot:
    """The settings of every block and parameter of networks, to detect changes.

    Values in arrays are not part of it, as graphs read the arrays themselves. Neither is anything
    that code reads elsewhere, in modules or other objects; only another trace shows that.
    """

    def __init__(self, *roots: Any, without: Collection[str] = ()) -> None:
        """Roots that are not blocks (a loss that is a function) are ignored.

        `without` names attributes that may change.
        """
        self._without = without
        nets = [root for root in roots if isinstance(root, gluon.Block)]
        blocks = (block for net in nets for _, block in walk(net))
        objects = chain(blocks, *map(parameters_of, nets))
        self._states = [(thing, type(thing), _copied(self._state(thing))) for thing in objects]
        self._numpy_mode = is_np_array()

    def holds(self) -> bool:
        """Return whether nothing has changed; objects that cannot be compared count as changed."""
        try:
            return self._numpy_mode == is_np_array() and all(
                type(thing) is kind and bool(self._state(thing) == state)
                for thing, kind, state in self._states
            )
        except Exception:  # of two arrays, or of what a user's class makes of ==
            return False

    def _state(self, thing: Any) -> dict[str, Any]:
        state: dict[str, Any] = vars(thing)
        if self._without:
            state = {name: value for name, value in state.items() if name not in self._without}
        return state


def _copied(value: Any, depth: int = _DEPTH) -> Any:
    """Return a copy of nested containers, with the same objects in them."""
    kind = type(value)
    if kind not in _CONTAINERS or not depth:
        return value
    if isinstance(value, dict):
        return kind((key, _copied(part, depth - 1)) for key, part in value.items())
    return kind(_copied(part, depth - 1) for part in value)
