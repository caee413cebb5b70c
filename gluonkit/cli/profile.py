"""``gluonkit profile``: which layers a pass through a network spends its time in."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from gluonkit import compiling
from gluonkit.cli.networks import given_network
from gluonkit.cli.output import report, write_picture, written
from gluonkit.errors import ArgumentError
from gluonkit.inspection import resolved
from gluonkit.plot import plot_flame, plot_profile
from gluonkit.profiling import profile


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit profile`` and return its exit status."""
    if options.compile and options.train:
        raise ArgumentError("`--train` cannot be given with --compile: compiled networks predict")
    network, given = given_network(options.network, options.net, options.arrays, options.inputs)
    net, _, inputs = resolved(network, tuple(given), init="xavier")
    if options.hybridize:
        net.hybridize(static_alloc=True, static_shape=True)
    subject: Any = compiling.compile(net, *inputs) if options.compile else net
    taken = () if options.compile else inputs
    made = profile(subject, *taken, train=options.train, seconds=options.seconds)
    made = replace(made, name=options.network)  # rather than its class
    report(made, options.json, told=False)
    if options.trace is not None:
        made.chrome_trace(options.trace)
    for path, draw in ((options.plot, plot_profile), (options.flame, plot_flame)):
        if path is not None:
            write_picture(path, draw(made))
    written([options.trace, options.plot, options.flame], options.json)
    return 0
