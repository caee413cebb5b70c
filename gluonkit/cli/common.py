"""What several commands share: array modes, lists of values, files to write."""

from __future__ import annotations

import argparse
from pathlib import Path

from mxnet import npx

from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError
from gluonkit.models import model_info, parse_model


def add_arrays(parser: argparse.ArgumentParser) -> None:
    """Add ``--arrays``, which `set_array_mode` reads."""
    parser.add_argument(
        "--arrays",
        choices=("np", "nd"),
        help="NumPy or legacy mode (np; nd for the zoos' models, whose own it is)",
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
    add("model", metavar="NAME", help="model, with options if need be: 'mlp(units=(256, 128))'")
    add_input(parser)
    add_arrays(parser)
    add("--json", type=Path, metavar="F", help="write everything")


def set_array_mode(choice: str | None, model: str) -> None:
    """Turn NumPy mode on or off: as asked, or else on but for the models of the zoos."""
    in_zoo = "/" in model_info(parse_model(model)[0]).name
    if choice == "np" or (choice is None and not in_zoo):
        npx.set_np()
    else:
        npx.reset_np()


def writable(options: argparse.Namespace, *names: str, plot: str | None = None) -> None:
    """Refuse files that could not be written, before anything else is done.

    `plot` is the option that takes a picture, whose name must end as one.
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


def checkpoint_file(path: Path) -> Path:
    """Return a checkpoint's file; of a folder of checkpoints the best, or else the last."""
    if not path.is_dir():
        return path
    for name in ("best", "last"):
        if (path / f"{name}.safetensors").exists():
            return path / f"{name}.safetensors"
    raise ArgumentError(f"`CHECKPOINT` is {str(path)!r}, a folder without checkpoints")


def words(text: str) -> list[str]:
    """Split a list with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str) -> list[int]:
    """Read a list of whole numbers from 1, with commas."""
    try:
        numbers = [int(word) for word in words(text)]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers from 1")
    return numbers


def input_shape(text: str) -> tuple[tuple[int, ...], str]:
    """Read an input as it is typed: ``1x3x224x224``, or with a data type, ``2x12:int32``."""
    shape, _, dtype = text.partition(":")
    try:
        sizes = tuple(int(size) for size in shape.lower().split("x")) if shape else ()
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an input; write its shape, such as 1x3x224x224, and a data type "
            "other than float32 after a colon: 2x12:int32"
        ) from None
    return sizes, dtype or "float32"
