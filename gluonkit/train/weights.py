"""A network's weights in training's own files: saved, and put back, all or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mxnet import gluon

from gluonkit import _memory
from gluonkit._errors import ArgumentError, CheckpointError
from gluonkit.params.records import all_paths
from gluonkit.registry import create_model, origin, parse_model
from gluonkit.train.state import Tensors, read_checkpoint, write_checkpoint

_PREFIX = "parameter."


def weight_tensors(net: gluon.Block) -> Tensors:
    """Return all values of a network, as they stand in a checkpoint."""
    return {
        _PREFIX + path: parameter.list_data()[0].asnumpy() for path, parameter in all_paths(net)
    }


def save_weights(net: gluon.Block, path: Path) -> None:
    """Write a network's weights, and how `create_model` made it."""
    write_checkpoint(path, weight_tensors(net), {"model": origin(net)})


def load_network(path: Path) -> Any:
    """Return the network of a checkpoint, made anew by `create_model`.

    Raises
    ------
    CheckpointError
        when there is none, it is damaged, or its network was not made by `create_model`.
    """
    tensors, record = read_checkpoint(path)
    if not record.get("model"):
        raise CheckpointError(
            f"{path} has the weights of a network that create_model did not make, so that it "
            "cannot be made anew here; make it in Python"
        )
    try:
        name, options = parse_model(record["model"])
        net = create_model(name, **options)
    except ArgumentError as error:
        raise CheckpointError(f"{path} has the network {record['model']}: {error}") from error
    for place, parameter in all_paths(net):
        if _PREFIX + place in tensors:
            parameter.shape = tensors[_PREFIX + place].shape
    net.initialize()
    put_parameters(net, tensors, path)
    return net


def put_parameters(net: gluon.Block, tensors: Tensors, path: Path) -> None:
    """Give a network the weights of a checkpoint, all of them or none.

    Raises
    ------
    CheckpointError
        when the checkpoint is of another network, naming what differs.
    """
    own = dict(all_paths(net))
    saved = {
        name.removeprefix(_PREFIX): array
        for name, array in tensors.items()
        if name.startswith(_PREFIX)
    }
    wrong = [
        f"{name} ({'not in the file' if name not in saved else 'not in the network'})"
        for name in own.keys() ^ saved.keys()
    ] + [
        f"{name} ({saved[name].shape} in the file, {tuple(parameter.shape)} in the network)"
        for name, parameter in own.items()
        if name in saved and saved[name].shape != tuple(parameter.shape)
    ]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise CheckpointError(
            f"{path} does not fit the network: {', '.join(sorted(wrong)[:5])}{more}. The network "
            "is as it was"
        )
    for name, parameter in own.items():
        for each in parameter.list_data():
            _memory.assign(each, saved[name])
