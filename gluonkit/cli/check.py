"""``gluonkit check``: whether a network hybridizes, and is still right then."""

from __future__ import annotations

import argparse

from gluonkit.check import check_hybrid
from gluonkit.cli.networks import given_network
from gluonkit.cli.output import report


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit check`` and return its exit status."""
    net, inputs = given_network(options.network, options.net, options.arrays, options.inputs)
    checked = check_hybrid(net, *inputs)
    report(checked, options.json)
    return 0 if checked.ok else 1
