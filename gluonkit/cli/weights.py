"""``gluonkit models --weights`` and ``gluonkit mirror``: published weights."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gluonkit.cli.common import writable
from gluonkit.models.mirroring import mirror
from gluonkit.models.weights import published_files


def show(options: argparse.Namespace) -> int:
    """Run ``gluonkit models --weights`` and return its exit status."""
    files = published_files(
        options.pattern, source=options.source, task=options.task, online=options.online
    )
    print(json.dumps(files.to_dict(), indent=2) if options.json else files)
    return 0


def add_mirror_parser(commands: Any) -> None:
    """Add ``mirror`` to the command's parser."""
    parser = commands.add_parser(
        "mirror",
        help="collect published weights in a folder that serves as a store",
        description="Collect the published weights and vocabularies of models in a folder: from "
        "this machine's folder of downloads, then from the stores of MXNET_GLUON_REPO, or MXNet's. "
        "Each is checked by its SHA-1. Run it again to go on where it was interrupted, and to try "
        "what has failed again. MXNET_GLUON_REPO=file:///DIR has networks made with its weights.",
        epilog="Exit status: 0 all files are there, 1 some are not to be had, 2 wrong call.",
    )
    add = parser.add_argument
    add("pattern", metavar="PATTERN", help="models, such as 'mxnet/*' or '*resnet50*'")
    add("folder", type=Path, metavar="DIR", help="the folder; made if needed")
    add("--source", help="only this source: mxnet, gluoncv, gluonnlp")
    add("--task", help="only models for this, such as classification")
    add("--json", type=Path, metavar="F", help="write what became of each file")
    parser.set_defaults(command=run_mirror)


def run_mirror(options: argparse.Namespace) -> int:
    """Run ``gluonkit mirror`` and return its exit status."""
    writable(options, "json")
    made = mirror(
        options.pattern,
        options.folder,
        source=options.source,
        task=options.task,
        # Flushed, as a download may take minutes and the output be a pipe.
        watch=lambda file: print(file, flush=True),
    )
    if options.json is not None:
        options.json.write_text(json.dumps(made.to_dict(), indent=2) + "\n")
    print(f"\n{made}")
    return 1 if made.failed else 0
