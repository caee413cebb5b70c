"""``gluonkit models --weights`` and ``gluonkit mirror``: published weights."""

from __future__ import annotations

import argparse
import sys

from gluonkit.cli.output import report, wants_json_only
from gluonkit.models.mirroring import mirror
from gluonkit.models.weights import published_files


def show(options: argparse.Namespace) -> int:
    """Run ``gluonkit models --weights`` and return its exit status."""
    files = published_files(
        options.pattern, source=options.source, task=options.task, online=options.online
    )
    report(files, options.json)
    return 0


def run_mirror(options: argparse.Namespace) -> int:
    """Run ``gluonkit mirror`` and return its exit status."""
    progress = sys.stderr if wants_json_only(options.json) else sys.stdout
    made = mirror(
        options.pattern,
        options.folder,
        source=options.source,
        task=options.task,
        # Flushed, as a download may take minutes and the output be a pipe.
        watch=lambda file: print(file, file=progress, flush=True),
    )
    report(f"\n{made}", options.json, made.to_dict())
    return 1 if made.failed else 0
