"""Weights that are put back after a network was trained only to learn something about training."""

from __future__ import annotations

from typing import Any

from gluonkit.system import memory
from gluonkit.tracing.tree import all_paths
from gluonkit.train.callbacks import Callback


class WeightKeeper(Callback):
    """Keeps a copy of the initial weights."""

    changes_net = False

    def __init__(self) -> None:
        self._weights: list[Any] = []

    def on_fit_begin(self, run: Any) -> None:
        """Copy the weights."""
        self._weights = [
            (array, array.copy())
            for _, parameter in all_paths(run.net)
            for array in parameter.list_data()
        ]

    def put_back(self) -> None:
        """Restore the weights."""
        for array, copy in self._weights:
            # Also into weights that oneDNN has rearranged, as `copyto` alone may not.
            memory.put(copy, array)
