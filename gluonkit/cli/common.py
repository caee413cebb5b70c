"""What several commands share: array modes, and files that have networks."""

from __future__ import annotations

from pathlib import Path

from mxnet import npx

from gluonkit.checkpoint.exported import only_network, parameters_path
from gluonkit.files.reading import read_header
from gluonkit.models import model_info, parse_model


def set_array_mode(choice: str | None, model: str) -> None:
    """Switch NumPy mode: as `--arrays` says, by default on, but off for the zoos' models."""
    # The zoos' networks are legacy ones: in NumPy mode their arrays are converted at each call.
    in_zoo = "/" in model_info(parse_model(model)[0]).name
    if choice == "np" or (choice is None and not in_zoo):
        npx.set_np()
    else:
        # A module of --import may have switched it on.
        npx.reset_np()


def checkpoint_file(path: Path) -> Path:
    """Return the file of a network; in a folder of checkpoints the best, or else the last."""
    return only_network(path, path) if path.is_dir() else path


def model_of(path: Path) -> str | None:
    """Return the call by which `create_model` made a checkpoint's network, if the file says so."""
    model: str | None = read_header(parameters_path(path)).record.get("model")
    return model
