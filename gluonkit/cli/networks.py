"""Networks that commands are given: a model's name, or a file that has one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from mxnet import gluon, npx

from gluonkit.checkpoint.exported import is_exported
from gluonkit.checkpoint.loading import load
from gluonkit.cli.checking import FILES
from gluonkit.cli.common import checkpoint_file, model_of, set_array_mode
from gluonkit.errors import ArgumentError
from gluonkit.files.archive import is_archive
from gluonkit.models import create_model, model_info, parse_model


class Given(NamedTuple):
    """A network, or a model's name, and the inputs to use it with."""

    network: gluon.Block | str
    inputs: list[Any]


def is_file(given: str) -> bool:
    """Return whether a network is given as a file, a folder of checkpoints, or a prefix."""
    if given.endswith(FILES):
        # A model may have an option that ends like a file: 'model(pretrained="a.params")'.
        return is_exported(Path(given)) or "(" not in given
    # A name that is known is a model, even if a file is called so, too.
    try:
        model_info(parse_model(given)[0])
    except ArgumentError:
        is_path = os.sep in given and "(" not in given
        return is_path or os.path.exists(given) or is_exported(Path(given))
    return False


def given_network(given: str, model: str | None, arrays: str | None, inputs: list[Any]) -> Given:
    """Return the network that a command is given, with array mode switched to its own.

    Raises
    ------
    ArgumentError
        For a file that does not say which network it is of, or what that takes.
    CheckpointError
        For a file that cannot be loaded.
    """
    if not is_file(given):
        set_array_mode(arrays, given)
        return Given(given, inputs)
    net, name = loaded(checkpoint_file(Path(given)), model, arrays)
    return Given(net, inputs or list(example(name, given)))


def loaded(
    path: Path, model: str | None, arrays: str | None, dtype: str | None = None
) -> tuple[gluon.Block, str | None]:
    """Return the network in a file, and the model that it is, if that is known."""
    if is_exported(path) or is_archive(path):
        # A graph runs in the array mode that it was made in, most in legacy mode.
        (npx.set_np if arrays == "np" else npx.reset_np)()
        return load(path, dtype=dtype), model
    name = model or model_of(path)
    if not name:
        raise ArgumentError(f"`--net` is needed, as {path} does not say which network it is of")
    set_array_mode(arrays, name)
    if not model:
        return load(path, dtype=dtype), name
    kind, choices = parse_model(model)
    return load(path, net=create_model(kind, **choices), dtype=dtype), model


def example(model: str | None, given: str) -> tuple[Any, ...]:
    """Return the shapes and data types that a model's network takes."""
    if not model:
        raise ArgumentError(
            f"`--inputs` is needed, as {given} does not say what the network takes; give the shape "
            "of each input, such as 1x3x224x224"
        )
    return model_info(parse_model(model)[0]).specs
