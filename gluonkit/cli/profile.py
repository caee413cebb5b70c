"""``gluonkit profile``: which layers a pass through a network spends its time in."""

from __future__ import annotations

import argparse
from typing import Any

from gluonkit import compiling
from gluonkit.cli.networks import given_network
from gluonkit.cli.output import report, written
from gluonkit.errors import ArgumentError
from gluonkit.models import create_model, model_info, parse_model
from gluonkit.plot import plot_flame, plot_profile
from gluonkit.profiling import profile


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit profile`` and return its exit status."""
    if options.compile and options.train:
        raise ArgumentError("`--train` cannot be given with --compile: compiled networks predict")
    net, inputs = given_network(options.network, options.net, options.arrays, options.inputs)
    if isinstance(net, str):
        name, choices = parse_model(net)
        inputs = inputs or list(model_info(name).specs)
        net = create_model(name, **{"init": "xavier", **choices})
    if options.hybridize:
        net.hybridize(static_alloc=True, static_shape=True)
    subject: Any = compiling.compile(net, *inputs) if options.compile else net
    given = () if options.compile else tuple(inputs)
    made = profile(subject, *given, train=options.train, seconds=options.seconds)
    report(made, options.json)
    if options.trace is not None:
        made.chrome_trace(options.trace)
    for path, draw in ((options.plot, plot_profile), (options.flame, plot_flame)):
        if path is not None:
            draw(made).savefig(path, dpi=100)
    written([options.trace, options.plot, options.flame], options.json)
    return 0
