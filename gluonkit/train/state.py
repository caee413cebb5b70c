"""A training run on disk: everything that is needed to go on as if nothing had happened."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gluonkit._atomic import write_atomically
from gluonkit._errors import CheckpointError, last_line
from gluonkit._memory import Array, assign
from gluonkit._version import __version__
from gluonkit.trace.inputs import leaves

FORMAT = "gluonkit training 1"

Tensors = dict[str, Array]


def write_checkpoint(path: Path, tensors: Mapping[str, Array], record: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all.

    Raises
    ------
    CheckpointError
        when it cannot be written; the file is as it was before.
    """
    text = json.dumps({"format": FORMAT, "gluonkit": __version__, **record})
    contiguous = {name: numpy.ascontiguousarray(array) for name, array in tensors.items()}
    try:
        write_atomically(path, save(contiguous, metadata={"gluonkit": text}))
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be written: {last_line(error)}; the checkpoint before it, if there is "
            "one, is as it was"
        ) from error


def read_checkpoint(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read a checkpoint that `write_checkpoint` wrote.

    Raises
    ------
    CheckpointError
        when there is none, it is damaged, or it is something else.
    """
    try:
        with safe_open(path, "numpy") as file:
            record = json.loads((file.metadata() or {}).get("gluonkit", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"{path} does not exist") from None
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{path} is no checkpoint, or is damaged: {last_line(error)}"
        ) from error
    if record.get("format") != FORMAT:
        raise CheckpointError(f"{path} was not written by gluonkit's training")
    return tensors, record


def optimizer_record(optimizer: Any) -> dict[str, Any]:
    """Return an optimizer's numbers: rates, counters, and its schedule's."""
    counts = {str(k): v for k, v in optimizer._index_update_count.items()}
    found = {"class": type(optimizer).__name__, "numbers": _numbers(optimizer), "counts": counts}
    if optimizer.lr_scheduler is not None:
        found["schedule"] = _numbers(optimizer.lr_scheduler)
    return found


def restore_optimizer(optimizer: Any, record: Mapping[str, Any], path: Path) -> None:
    """Put an optimizer's numbers back.

    Raises
    ------
    CheckpointError
        when it is another optimizer, or one has a schedule and the other none.
    """
    if record["class"] != type(optimizer).__name__:
        raise CheckpointError(
            f"{path} was trained with the optimizer {record['class']}, this run has "
            f"{type(optimizer).__name__}; give the same one, or train from the beginning"
        )
    if ("schedule" in record) != (optimizer.lr_scheduler is not None):
        raise CheckpointError(
            f"{path} was trained {'with' if 'schedule' in record else 'without'} a learning rate "
            "schedule, unlike this run"
        )
    vars(optimizer).update(record["numbers"])
    optimizer._index_update_count.clear()
    optimizer._index_update_count.update({int(k): v for k, v in record["counts"].items()})
    if optimizer.lr_scheduler is not None:
        vars(optimizer.lr_scheduler).update(record["schedule"])


def _numbers(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that are plain numbers."""
    return {
        name: value
        for name, value in vars(thing).items()
        if isinstance(value, (bool, int, float)) and name != "rescale_grad"
    }


def state_tensors(states: list[Any]) -> Tensors:
    """Return an optimizer's arrays, by the place that each has."""
    return {
        f"optimizer.{index}.{place}": array.asnumpy()
        for index, state in enumerate(states)
        for place, array in enumerate(leaves(state))
    }


def restore_states(states: list[Any], tensors: Tensors, path: Path) -> None:
    """Put an optimizer's arrays back."""
    expected = {
        f"optimizer.{index}.{place}": array
        for index, state in enumerate(states)
        for place, array in enumerate(leaves(state))
    }
    saved = {name: each for name, each in tensors.items() if name.startswith("optimizer.")}
    if {n: tuple(a.shape) for n, a in expected.items()} != {n: a.shape for n, a in saved.items()}:
        raise CheckpointError(
            f"{path} has an optimizer state of other shapes than this run's; give the same "
            "optimizer, network and options"
        )
    for name, array in expected.items():
        assign(array, saved[name])


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
