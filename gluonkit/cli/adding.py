"""Options that several commands have, added to their parsers."""

from __future__ import annotations

import argparse

from gluonkit.cli.known import names
from gluonkit.cli.parsers_alone import note_kind
from gluonkit.cli.values import input_shapes, place, words

MODEL = "a model, with options if need be: 'mlp(units=(256, 128))'"
MODEL_OR_FILE = f"{MODEL}; or a file that has a network"


def add_imports(parser: argparse.ArgumentParser) -> None:
    """Add ``--import``, for models of the user's own."""
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module of yours first, whose models are then known by name",
    )


def add_arrays(parser: argparse.ArgumentParser) -> None:
    """Add ``--arrays``, the array mode."""
    parser.add_argument(
        "--arrays",
        choices=("np", "nd"),
        help="MXNet's array mode: np is NumPy's (the default), nd the older one (the default for "
        "models of the zoos)",
    )


def add_dtype(parser: argparse.ArgumentParser) -> None:
    """Add ``--load-dtype``, for numbers of a file."""
    parser.add_argument(
        "--load-dtype",
        choices=names("floats"),
        help="convert the file's numbers to this data type first",
    )


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add ``--inputs``, shapes and data types."""
    parser.add_argument(
        "--inputs",
        type=input_shapes,
        action="extend",
        default=[],
        metavar="SHAPE,...",
        help="the shape of each input, such as 1x3x224x224, or with a data type 2x12:int32 "
        "(default: the model's example)",
    )


def add_net(parser: argparse.ArgumentParser, about: str = "") -> None:
    """Add ``--net``, a model's name."""
    about = about or "which model it is, for a file that does not say so"
    note_kind(parser.add_argument("--net", metavar="NAME", help=about), "model")


def add_network(parser: argparse.ArgumentParser, several: str | None = None) -> None:
    """Add what names a network, its inputs and its array mode."""
    add = parser.add_argument
    if several is None:
        action = add("network", metavar="NAME_OR_FILE", help=MODEL_OR_FILE)
    else:
        action = add("networks", nargs="*", metavar="NAME_OR_FILE", help=several)
    note_kind(action, "network")
    add_inputs(parser)
    add_net(parser)
    add_arrays(parser)
    add_imports(parser)


def add_file(
    parser: argparse.ArgumentParser, option: str, about: str, kind: str = "csv", metavar: str = "F"
) -> None:
    """Add an option that names a file to write, of a kind that `checking` knows."""
    note_kind(parser.add_argument(option, type=place, metavar=metavar, help=about), kind)


def add_picture(parser: argparse.ArgumentParser, option: str, about: str) -> None:
    """Add an option that names a picture to draw."""
    about = f"{about} (PNG, SVG or PDF)"
    note_kind(parser.add_argument(option, type=place, metavar="F.png", help=about), "picture")


def add_names(parser: argparse.ArgumentParser, option: str, kind: str, about: str = "") -> None:
    """Add an option that takes names of a list, separated by commas."""
    about = about or f"some of {', '.join(names(kind))}"
    note_kind(parser.add_argument(option, type=words, metavar="NAME,...", help=about), kind)


def add_name(
    parser: argparse.ArgumentParser, option: str, kind: str, default: str | None, about: str
) -> None:
    """Add an option that takes a name of a list."""
    about = f"{about} (default: {default})" if default else about
    note_kind(parser.add_argument(option, default=default, metavar="NAME", help=about), kind)


def add_choice_of_models(parser: argparse.ArgumentParser) -> None:
    """Add ``--source`` and ``--task``, which choose among the models."""
    sources = ", ".join(names("source"))
    parser.add_argument("--source", metavar="NAME", help=f"only this source: {sources}")
    parser.add_argument("--task", metavar="NAME", help="only models for this: classification, ...")
