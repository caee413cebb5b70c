"""``gluonkit check``: whether a network hybridizes, and is still right then."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gluonkit._errors import ArgumentError
from gluonkit.check import check_hybrid
from gluonkit.cli.common import add_arrays, input_shape, set_array_mode


def add_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``check`` to the command's parser."""
    parser = commands.add_parser(
        "check",
        parents=parents,
        help="check whether a network hybridizes, and still gives the right numbers",
        description="Check what hybridizing does to a network: how much of it is compiled, "
        "whether outputs and gradients stay those of eager, and the usual mistakes in its source.",
        epilog="Exit status: 0 no problem found, 1 problems, 2 wrong call.",
    )
    add = parser.add_argument
    add("model", metavar="NAME", help="model, with options if need be: 'mlp(units=(256, 128))'")
    add(
        "--input",
        type=input_shape,
        action="append",
        metavar="SHAPE",
        help="such as 1x3x224x224, or 2x12:int32; once for each input (default: the example's)",
    )
    add_arrays(parser)
    add("--json", type=Path, metavar="F", help="write everything")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit check`` and return its exit status."""
    if options.json is not None and not options.json.parent.is_dir():
        raise ArgumentError(f"`--json` is {str(options.json)!r}, in a folder that does not exist")
    set_array_mode(options.arrays, options.model)
    report = check_hybrid(options.model, *(options.input or ()))
    print(report)
    if options.json is not None:
        options.json.write_text(json.dumps(report.to_dict(), indent=1) + "\n")
    return 0 if report.ok else 1
