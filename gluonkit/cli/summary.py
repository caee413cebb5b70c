"""``gluonkit summary``: what a network is made of, what it costs, what it keeps in memory."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gluonkit.cli.common import add_model, words, writable, write_results
from gluonkit.cli.networks import add_of, given_network
from gluonkit.inspection import summary
from gluonkit.inspection.report import COLUMNS
from gluonkit.plot import plot_network


def add_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``summary`` to the command's parser."""
    parser = commands.add_parser(
        "summary",
        parents=parents,
        help="show a network layer by layer: shapes, parameters, multiply-adds, memory",
        description="Summarize a network: layers, shapes, parameters, multiply-adds and memory. "
        "Nothing is computed where the shapes can be inferred.",
    )
    add_model(parser)
    add_of(parser)
    add = parser.add_argument
    add("--columns", type=words, metavar="NAME,...", help=f"of {', '.join(COLUMNS)}")
    add("--depth", type=int, metavar="N", help="no layer deeper than this")
    add("--filter", metavar="PATTERN", help="only layers whose path matches: 'features.*'")
    add("--optimizer", default="sgd", metavar="NAME", help="whose state to count (sgd)")
    add("--markdown", action="store_true", help="print Markdown instead")
    add("--csv", type=Path, metavar="F", help="write one line per layer")
    add("--graph", type=Path, metavar="F.svg", help="draw the network (PNG, SVG or PDF)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit summary`` and return its exit status."""
    writable(options, "json", "csv", plot="graph")
    net, inputs = given_network(options.model, options.of, options.arrays, options.input)
    report = summary(
        net,
        *inputs,
        columns=options.columns,
        depth=options.depth,
        pattern=options.filter,
        optimizer=options.optimizer,
    )
    print(report.to_markdown() if options.markdown else report)
    write_results(report, options)
    if options.graph is not None:
        figure = plot_network(net, *inputs, depth=options.depth)
        figure.savefig(options.graph, dpi=100)
    return 0
