"""``gluonkit profile``: which layers a pass through a network spends its time in."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gluonkit import compiling
from gluonkit.cli.common import add_model, writable, write_results
from gluonkit.cli.networks import add_of, given_network
from gluonkit.errors import ArgumentError
from gluonkit.models import create_model, model_info, parse_model
from gluonkit.plot import plot_flame, plot_profile
from gluonkit.profiling import profile


def add_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``profile`` to the command's parser."""
    parser = commands.add_parser(
        "profile",
        parents=parents,
        help="show which layers take the time, and what bounds them",
        description="Profile a network layer by layer: time, memory, the share of this processor's "
        "measured peak, and what to do about it.",
        epilog="Example: gluonkit profile lenet --input 64x1x28x28 --train --flame flame.svg",
    )
    add_model(parser)
    add_of(parser)
    add = parser.add_argument
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--hybridize", action="store_true", help="hybridize it, with static memory")
    how.add_argument("--compile", action="store_true", help="compile it, with the fastest plan")
    add("--train", action="store_true", help="the backward pass, too")
    add("--seconds", type=float, default=1.0, metavar="S", help="how long to measure (1)")
    add("--trace", type=Path, metavar="F.json", help="write a trace for Perfetto")
    add("--plot", type=Path, metavar="F.png", help="draw the layers as bars (PNG, SVG or PDF)")
    add("--flame", type=Path, metavar="F.svg", help="draw a flame graph (PNG, SVG or PDF)")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit profile`` and return its exit status."""
    writable(options, "json", "trace", plot="plot")
    writable(options, plot="flame")
    if options.compile and options.train:
        raise ArgumentError("`--train` cannot be given with --compile: compiled networks predict")
    net, inputs = given_network(options.model, options.of, options.arrays, options.input)
    if isinstance(net, str):
        name, choices = parse_model(net)
        inputs = inputs or list(model_info(name).specs)
        net = create_model(name, **{"init": "xavier", **choices})
    if options.hybridize:
        net.hybridize(static_alloc=True, static_shape=True)
    subject: Any = compiling.compile(net, *inputs) if options.compile else net
    given = () if options.compile else tuple(inputs)
    report = profile(subject, *given, train=options.train, seconds=options.seconds)
    print(report)
    write_results(report, options)
    if options.trace is not None:
        report.chrome_trace(options.trace)
    for path, draw in ((options.plot, plot_profile), (options.flame, plot_flame)):
        if path is not None:
            draw(report).savefig(path, dpi=100)
    return 0
