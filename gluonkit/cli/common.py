"""What several commands share: array modes, lists of values, files to write."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mxnet import npx

from gluonkit._base.optional import require
from gluonkit.checkpoint.exported import only_network, parameters_path
from gluonkit.errors import ArgumentError
from gluonkit.files.contents import FLOATS
from gluonkit.files.reading import read_header
from gluonkit.models import model_info, parse_model


def add_arrays(parser: argparse.ArgumentParser) -> None:
    """Add ``--arrays``, which `set_array_mode` reads."""
    parser.add_argument(
        "--arrays",
        choices=("np", "nd"),
        help="NumPy or legacy mode (np; nd for the zoos' models, whose own it is)",
    )


def add_dtype(parser: argparse.ArgumentParser) -> None:
    """Add ``--load-dtype``, for files whose numbers are to be converted."""
    parser.add_argument(
        "--load-dtype", choices=FLOATS, help="convert a file's numbers to this data type first"
    )


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add ``--input``, which may be given several times."""
    parser.add_argument(
        "--input",
        type=input_shape,
        action="append",
        default=[],
        metavar="SHAPE",
        help="such as 1x3x224x224, or 2x12:int32; once for each input (default: the example's)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add what names a network and its inputs, and ``--json``."""
    add = parser.add_argument
    add(
        "model",
        metavar="NAME_OR_FILE",
        help="a model, with options if need be: 'mlp(units=(256, 128))'; or a file that has one",
    )
    add_input(parser)
    add_arrays(parser)
    add("--json", type=Path, metavar="F", help="write everything")


def set_array_mode(choice: str | None, model: str) -> None:
    """Switch NumPy mode: as `--arrays` says, by default on, but off for the zoos' models."""
    # The zoos' networks are legacy ones: in NumPy mode their arrays are converted at each call.
    in_zoo = "/" in model_info(parse_model(model)[0]).name
    if choice == "np" or (choice is None and not in_zoo):
        npx.set_np()
    else:
        # A module of --import may have switched it on.
        npx.reset_np()


def writable(options: argparse.Namespace, *names: str, plot: str | None = None) -> None:
    """Refuse files that cannot be written, before any work is done.

    `plot` is the option of a picture, which must have a picture's suffix.
    """
    for option in (*names, *([plot] if plot else [])):
        path = getattr(options, option)
        if path is not None and not path.parent.is_dir():
            raise ArgumentError(f"`--{option}` is {str(path)!r}, in a folder that does not exist")
    picture = getattr(options, plot) if plot else None
    if picture is not None:
        require("matplotlib", extra="plot")
        if picture.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise ArgumentError(
                f"`--{plot}` is {str(picture)!r}; give a file that ends in .png, .svg or .pdf"
            )


def write_results(report: Any, options: argparse.Namespace) -> None:
    """Write what a command found to the files of ``--json`` and ``--csv``."""
    if options.json is not None:
        options.json.write_text(json.dumps(report.to_dict(), indent=1) + "\n")
    if getattr(options, "csv", None) is not None:
        options.csv.write_text(report.to_csv())


def checkpoint_file(path: Path) -> Path:
    """Return the file of a network; in a folder of checkpoints the best, or else the last."""
    return only_network(path, path) if path.is_dir() else path


def model_of(path: Path) -> str | None:
    """Return the call by which `create_model` made a checkpoint's network, if the file says so."""
    model: str | None = read_header(parameters_path(path)).record.get("model")
    return model


def words(text: str) -> list[str]:
    """Split a list at commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str) -> list[int]:
    """Parse a list of positive integers, separated by commas."""
    try:
        numbers = [int(word) for word in words(text)]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers from 1")
    return numbers


def input_shape(text: str) -> tuple[tuple[int, ...], str]:
    """Parse an input: ``1x3x224x224``, or with a data type, ``2x12:int32``."""
    shape, _, dtype = text.partition(":")
    try:
        sizes = tuple(int(size) for size in shape.lower().split("x")) if shape else ()
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an input; write its shape, such as 1x3x224x224, and a data type "
            "other than float32 after a colon: 2x12:int32"
        ) from None
    return sizes, dtype or "float32"
