"""``gluonkit summary``: what a network is made of, what it costs, what it keeps in memory."""

from __future__ import annotations

import argparse

from gluonkit.cli.networks import given_network
from gluonkit.cli.output import report, write_picture, write_text, written
from gluonkit.inspection import summary
from gluonkit.plot import plot_network


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit summary`` and return its exit status."""
    net, inputs = given_network(options.network, options.net, options.arrays, options.inputs)
    made = summary(
        net,
        *inputs,
        columns=options.columns,
        depth=options.depth,
        pattern=options.pattern,
        optimizer=options.optimizer,
    )
    shown = made.to_markdown() if options.markdown else made
    report(shown, options.json, None if options.json is None else made.to_dict(), told=False)
    if options.csv is not None:
        write_text(options.csv, made.to_csv())
    if options.graph is not None:
        write_picture(options.graph, plot_network(net, *inputs, depth=options.depth))
    written([options.csv, options.graph], options.json)
    return 0
