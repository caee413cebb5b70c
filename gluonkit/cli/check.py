"""``gluonkit check``: whether a network hybridizes, and is still right then."""

from __future__ import annotations

import argparse
from typing import Any

from gluonkit.check import check_hybrid
from gluonkit.cli.common import add_model, writable, write_results
from gluonkit.cli.networks import add_of, given_network


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
    add_model(parser)
    add_of(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit check`` and return its exit status."""
    writable(options, "json")
    net, inputs = given_network(options.model, options.of, options.arrays, options.input)
    report = check_hybrid(net, *inputs)
    print(report)
    write_results(report, options)
    return 0 if report.ok else 1
