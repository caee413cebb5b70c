"""What of a training run is on disk: all that it needs to go on as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy

from gluonkit._errors import CheckpointError
from gluonkit._memory import Array
from gluonkit.files.contents import Contents
from gluonkit.trace.inputs import leaves

PREFIX = "training/"
"""Begins the names of training's own arrays in a checkpoint."""

Tensors = dict[str, Array]


def training_record(contents: Contents) -> dict[str, Any]:
    """Return what a training run has written into a checkpoint.

    Raises
    ------
    CheckpointError
        when none has.
    """
    record: dict[str, Any] | None = contents.record.get("training")
    if record is None:
        raise CheckpointError(
            f"{contents.path} was not written by gluonkit's training, so that there is no run to "
            "go on with; gluonkit.load takes the network from it"
        )
    return record


def state_tensors(states: list[Any]) -> Tensors:
    """Return an optimizer's arrays, by the place that each has."""
    return {
        f"{PREFIX}optimizer.{index}.{place}": array.asnumpy()
        for index, state in enumerate(states)
        for place, array in enumerate(leaves(state))
    }


def matching_states(states: list[Any], contents: Contents) -> list[tuple[Any, Array]]:
    """Return an optimizer's arrays, each with the numbers that a checkpoint has for it.

    Raises
    ------
    CheckpointError
        when it has other arrays.
    """
    expected = {
        f"{PREFIX}optimizer.{index}.{place}": array
        for index, state in enumerate(states)
        for place, array in enumerate(leaves(state))
    }
    saved = {n: e for n, e in contents.entries.items() if n.startswith(f"{PREFIX}optimizer.")}
    if {n: tuple(a.shape) for n, a in expected.items()} != {n: e.shape for n, e in saved.items()}:
        raise CheckpointError(
            f"{contents.path} has an optimizer state of other shapes than this run's; give the "
            "same optimizer, network and options"
        )
    return [(array, contents.array(name)) for name, array in expected.items()]


def raw_streams() -> tuple[Any, Any]:
    """Return the state of NumPy's and Python's global random streams."""
    return numpy.random.get_state(legacy=True), random.getstate()


def streams(raw: tuple[Any, Any]) -> dict[str, Any]:
    """Return the streams' state as plain data."""
    (kind, keys, *rest), (version, words, gauss) = raw
    return {
        "numpy": [kind, numpy.asarray(keys).tolist(), *rest],
        "python": [version, list(words), gauss],
    }


def restore_streams(record: Mapping[str, Any]) -> None:
    """Put the streams back."""
    kind, keys, *rest = record["numpy"]
    numpy.random.set_state((kind, numpy.array(keys, "uint32"), *rest))
    version, words, gauss = record["python"]
    random.setstate((version, tuple(words), gauss))
