"""Saving a network: one file, written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mxnet import gluon

from gluonkit._base.arguments import checked
from gluonkit._base.checks import checked_path, described, whole_number
from gluonkit.checkpoint.network import network_record, network_tensors
from gluonkit.checkpoint.optimizer import trainer_record, trainer_tensors
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.files.contents import Tensor
from gluonkit.files.safetensors import write_safetensors
from gluonkit.files.writing import write_whole


@checked
def save(
    net: gluon.Block,
    path: str | os.PathLike[str],
    *,
    optimizer: gluon.Trainer | None = None,
    step: int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Save a network: all parameters, constants and running statistics.

    The format is safetensors, which other tools read too: arrays by structural path, in their data
    types, shared ones once. The file has the call of `create_model` that built the network, so that
    `load` can rebuild it, and a SHA-256 of each array and of the whole. It replaces an older file
    only when it is complete and on the disk, so that a crash, a full disk or a killed process leave
    that.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block with values.
    path : str or os.PathLike
        The file, ``.safetensors``; its folder must exist.
    optimizer : gluon.Trainer, optional
        A `gluon.Trainer` whose state, counters and schedule are saved with the network.
    step : int, optional
        Number of updates so far; `inspect` returns it.
    metadata : mapping, optional
        Further information to keep, as JSON.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StateError
        When parameters have no values yet, or are kept in a list, an object or a function, where
        Gluon does not find them.
    ArgumentError, ArgumentTypeError
        For a path that does not end in ``.safetensors``, and other arguments that are not allowed.
    CheckpointError
        When the file cannot be written; an older file is not changed.

    Notes
    -----
    `gluon.Block.save_parameters` writes neither the optimizer's state nor checksums. Keras's `save`
    and `torch.save` store what builds any network; this stores only the call of `create_model`, so
    that no code of the file is run.

    Examples
    --------
    >>> import tempfile
    >>> import gluonkit as gk
    >>> net = gk.create_model("mlp", units=(5,), init=True)
    >>> _ = gk.materialize(net, (1, 20))
    >>> path = gk.save(net, tempfile.mkdtemp() + "/mlp.safetensors", step=100)
    >>> gk.inspect(path).model, gk.inspect(path).step
    ('mlp(units=(5,))', 100)
    >>> gk.load(path)[0].weight.shape
    (5, 20)
    """
    target = checked_path("path", path)
    if target.suffix != ".safetensors":
        raise ArgumentError(
            f"`path` is {str(path)!r}, which should end in .safetensors; gluonkit.convert writes "
            "MXNet's own .params files"
        )
    # All is checked before the file is opened.
    tensors, record = checkpoint_parts(net, optimizer=optimizer, step=step, metadata=metadata)
    write_checkpoint(target, tensors, record)
    return target


def checkpoint_parts(
    net: gluon.Block, *, optimizer: Any = None, step: Any = None, metadata: Any = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the arrays and the record of a file that `save` writes."""
    tensors, record = network_tensors(net), network_record(net)
    record["step"] = None if step is None else whole_number("step", step, 0)
    record["metadata"] = _checked_metadata(metadata)
    if optimizer is not None:
        tensors |= trainer_tensors(optimizer, net)
        record["optimizer"] = trainer_record(optimizer, net)
    return tensors, record


def _checked_metadata(metadata: Any) -> dict[str, Any]:
    if not isinstance(metadata, Mapping | None):
        raise ArgumentTypeError(f"`metadata` is {described(metadata)}; give a dictionary")
    kept = dict(metadata or {})
    try:
        # NaN is not in JSON, and other tools would refuse the whole header.
        same = json.loads(json.dumps(kept, allow_nan=False)) == kept
    except (TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"`metadata` cannot be written as JSON: {error}") from None
    if not same:
        raise ArgumentError(
            "`metadata` would be read back as something else (JSON has lists, but no tuples, and "
            "text as keys only); give what JSON has"
        )
    return kept


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write a file in gluonkit's format, completely or not at all.

    Raises
    ------
    CheckpointError
        When it cannot be written.
    """
    write_whole(path, lambda file: write_safetensors(file, tensors, record))
