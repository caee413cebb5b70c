"""``gluonkit inspect`` and ``gluonkit convert``: files of weights."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from gluonkit.checkpoint.converting import NAMES, convert
from gluonkit.checkpoint.names import WAYS
from gluonkit.diagnosis import inspect, verify
from gluonkit.errors import ArgumentError


def add_inspect_parser(commands: Any) -> None:
    """Add ``inspect`` to the command's parser."""
    parser = commands.add_parser(
        "inspect",
        help="show what a file is, and what can be done with it",
        description="Show what a file, a folder, a prefix or a model.tar.gz is: which MXNet wrote "
        "it, what the network takes and gives, and the Python and the commands that predict with "
        "it, train it and export it. Nothing of it is run, and no array is read.",
        epilog="Exit status: 0 fine, 1 missing, damaged, or of no use to gluonkit, 2 wrong call.",
    )
    parser.add_argument("file", metavar="FILE", help="a file, a folder, a prefix, an archive")
    parser.add_argument("--arrays", action="store_true", help="show all arrays, not the first few")
    parser.add_argument(
        "--verify", action="store_true", help="read all of it, and check it against its checksums"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(command=run_inspect)


def run_inspect(options: argparse.Namespace) -> int:
    """Run ``gluonkit inspect`` and return its exit status."""
    diagnosis = verify(options.file) if options.verify else inspect(options.file)
    status = 0 if diagnosis.usable else 1
    if options.json:
        print(json.dumps(diagnosis.to_dict(), indent=1))
        return status
    print(diagnosis.described(arrays=None) if options.arrays else diagnosis)
    if options.verify:
        kind = "all checksums are right" if diagnosis.checksums else "its structure is sound"
        print(f"Verified    {kind}")
    return status


def add_convert_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``convert`` to the command's parser."""
    parser = commands.add_parser(
        "convert",
        parents=parents,
        help="convert files of weights, and the names in them",
        description="Write a file of weights anew: .safetensors with checksums, or .params for "
        "plain MXNet. Names are kept, or mapped by a network's structure.",
        epilog="Exit status: 0 fine, 1 the file is damaged or does not fit, 2 wrong call.",
    )
    add = parser.add_argument
    add("src", metavar="SRC", help="any file of weights, or an exported -symbol.json")
    add("dst", metavar="DST", help="the new file: .safetensors or .params")
    add("--model", metavar="NAME", help="the network whose weights these are, to map names by")
    add("--names", choices=NAMES, help="how to name parameters in the new file (structure)")
    add(
        "--match",
        choices=("auto", *WAYS),
        default="auto",
        help="how SRC's names find the network's (auto: structure, then prefix)",
    )
    add("--dry-run", action="store_true", help="show the names, and write nothing")
    parser.set_defaults(command=run_convert)


def run_convert(options: argparse.Namespace) -> int:
    """Run ``gluonkit convert`` and return its exit status."""
    try:
        done = convert(
            options.src,
            options.dst,
            net=options.model,
            names=options.names,
            match=options.match,
            dry_run=options.dry_run,
        )
    except ArgumentError as error:
        raise ArgumentError(_as_options(str(error))) from error
    print(done)
    return 0


def _as_options(text: str) -> str:
    """Return a message of `convert` with the command's options in place of its arguments."""
    text = re.sub(r"\bnet=|`net`", "--model", text)
    return re.sub(r"\b(match|names)='(\w+)'", r"--\1 \2", text)
