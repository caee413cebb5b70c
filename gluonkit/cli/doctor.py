"""``gluonkit doctor``: what is installed and what is wrong. Needs no working MXNet."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from gluonkit.system.doctor import doctor


def main(args: Sequence[str]) -> int:
    """Run ``gluonkit doctor ARGS`` and return the exit status: 1 when something is broken."""
    parser = argparse.ArgumentParser(
        prog="gluonkit doctor",
        description="Examine MXNet and everything around it; exit with 1 if something is broken.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    options = parser.parse_args(args)
    report = doctor()
    print(json.dumps(report.to_dict(), indent=2) if options.json else report)
    return 0 if report.ok else 1
