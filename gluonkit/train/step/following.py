"""What steps know of each parameter, carried over when the network is traced anew meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluonkit.train.step.flat import FlatParameters
from gluonkit.train.step.result import ParameterState

CHANGED = "the network was changed while it was trained; it was traced anew"


class Carried:
    """State, gradient and number of updates of each parameter, kept while steps are rebuilt.

    Attributes
    ----------
    counts : dict of int to int
        The number of updates of each parameter, by its id.
    """

    def __init__(
        self,
        optimizer: Any,
        states: Sequence[ParameterState],
        flat: FlatParameters,
        before: Carried | None,
    ) -> None:
        """`before` has those that were trained once, and may be again, as Gluon's Trainer does."""
        # By the parameter, as the groups' indices may be others afterwards.
        counts = optimizer._index_update_count
        self._optimizer = optimizer
        self.counts: dict[int, int] = {} if before is None else dict(before.counts)
        self._states: dict[int, Any] = {} if before is None else dict(before._states)
        self.counts |= {id(s.parameter): counts[s.index] for s in states if s.index in counts}
        self._states |= {id(s.parameter): (s.parameter, s.arrays) for s in states}
        self._gradients = _gradients(flat)

    def give(self, states: Sequence[ParameterState], flat: FlatParameters) -> None:
        """Restore all for parameters that were trained before; others start from the beginning.

        The optimizer counts updates of groups, which have parameters of equal counts.
        """
        counts = self._optimizer._index_update_count
        # Groups of before may have had more indices than there are now.
        counts.clear()
        for state in states:
            key = id(state.parameter)
            if key in self.counts:
                counts[state.index] = self.counts[key]
            _, arrays = self._states.get(key, (None, []))
            _copy(arrays, state.arrays)
        for key, gradient in _gradients(flat).items():
            _copy([self._gradients[key]] if key in self._gradients else [], [gradient])


def _gradients(flat: FlatParameters) -> dict[int, Any]:
    return {id(p): gradient for group in flat.groups for p, _, gradient in group.slots}


def _copy(sources: Sequence[Any], targets: Sequence[Any]) -> None:
    """Copy arrays where they are of the same shapes and data types."""
    kinds = [[(array.shape, array.dtype) for array in arrays] for arrays in (sources, targets)]
    if kinds[0] == kinds[1]:
        for source, target in zip(sources, targets, strict=True):
            source.copyto(target)
