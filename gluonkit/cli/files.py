"""``gluonkit inspect`` and ``gluonkit convert``: files of weights."""

from __future__ import annotations

import argparse

from gluonkit.checkpoint.converting import convert
from gluonkit.cli.output import report, show
from gluonkit.diagnosis import inspect, verify


def run_inspect(options: argparse.Namespace) -> int:
    """Run ``gluonkit inspect`` and return its exit status."""
    diagnosis = verify(options.file) if options.verify else inspect(options.file)
    text = diagnosis.described(arrays=None) if options.arrays else str(diagnosis)
    if options.verify:
        kind = "all checksums are right" if diagnosis.checksums else "its structure is sound"
        text += f"\nVerified    {kind}"
    report(text, options.json, diagnosis.to_dict())
    return 0 if diagnosis.usable else 1


def run_convert(options: argparse.Namespace) -> int:
    """Run ``gluonkit convert`` and return its exit status."""
    done = convert(
        options.src,
        options.dst,
        net=options.net,
        names=options.names,
        match=options.match,
        dry_run=options.dry_run,
    )
    show(done)
    return 0
