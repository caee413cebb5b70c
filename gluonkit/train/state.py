"""What of a training run is on disk: all that it needs to go on as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit.errors import CheckpointError
from gluonkit.files.contents import Contents
from gluonkit.tracing.tree import all_paths
from gluonkit.train.step.result import ParameterState

PREFIX = "training/"
"""Begins the names of training's own arrays in a checkpoint."""

_OPTIMIZER = f"{PREFIX}optimizer/"

Tensors = dict[str, Array]


def training_record(contents: Contents) -> dict[str, Any]:
    """Return the training record of a checkpoint.

    Raises
    ------
    CheckpointError
        When it has none.
    """
    record: dict[str, Any] | None = contents.record.get("training")
    if record is None:
        raise CheckpointError(
            f"{contents.path} was not written by gluonkit's training, so that there is no run to "
            "go on with; gluonkit.load takes the network from it"
        )
    return record


def states_by_path(net: gluon.Block, states: Sequence[ParameterState]) -> dict[str, ParameterState]:
    """Return an optimizer's states by the first path of their parameter."""
    by_parameter = {id(state.parameter): state for state in states}
    by_path: dict[str, ParameterState] = {}
    for path, parameter in all_paths(net):
        if id(parameter) in by_parameter:
            # A shared parameter has one state, kept by its first path.
            by_path[path] = by_parameter.pop(id(parameter))
    return by_path


def state_tensors(states: Mapping[str, ParameterState]) -> Tensors:
    """Return an optimizer's arrays, by the path of their parameter."""
    return {name: array.asnumpy() for name, array in _named(states).items()}


def matching_states(
    states: Mapping[str, ParameterState], contents: Contents
) -> list[tuple[Any, Array]]:
    """Match an optimizer's arrays to those of a checkpoint.

    Raises
    ------
    CheckpointError
        When they have different arrays, or counters for different parameters.
    """
    expected = _named(states)
    shapes = {name: tuple(array.shape) for name, array in expected.items()}
    saved = {n: e.shape for n, e in contents.entries.items() if n.startswith(_OPTIMIZER)}
    counted = training_record(contents)["optimizer"]["counts"]
    if shapes != saved or counted.keys() - states.keys():
        raise CheckpointError(
            f"{contents.path} has an optimizer state for other parameters than this run's, or of "
            "other shapes; give the same optimizer, network and options"
        )
    return [(array, contents.array(name)) for name, array in expected.items()]


def _named(states: Mapping[str, ParameterState]) -> dict[str, Any]:
    """Return an optimizer's arrays by their names in a file."""
    return {
        f"{_OPTIMIZER}{path}/{number}": array
        for path, state in states.items()
        for number, array in enumerate(state.arrays)
    }


def raw_streams() -> tuple[Any, Any]:
    """Return the state of NumPy's and Python's global random streams."""
    # As a tuple, which any of NumPy's versions takes back.
    return numpy.random.get_state(legacy=True), random.getstate()


def put_streams(raw: tuple[Any, Any]) -> None:
    """Put the streams back to what `raw_streams` returned."""
    numpy.random.set_state(raw[0])
    random.setstate(raw[1])


def streams(raw: tuple[Any, Any]) -> dict[str, Any]:
    """Return the streams' state as plain data."""
    (kind, keys, *rest), (version, words, gauss) = raw
    return {
        "numpy": [kind, numpy.asarray(keys).tolist(), *rest],
        "python": [version, list(words), gauss],
    }


def restore_streams(record: Mapping[str, Any]) -> None:
    """Restore the state of the streams."""
    kind, keys, *rest = record["numpy"]
    # The generator's words have 32 bits, which JSON's integers do not say.
    numpy.random.set_state((kind, numpy.array(keys, "uint32"), *rest))
    version, words, gauss = record["python"]
    # Python takes tuples only, and JSON has none.
    random.setstate((version, tuple(words), gauss))
