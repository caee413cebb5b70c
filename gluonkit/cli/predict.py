"""``gluonkit predict``: a network's outputs for arrays in files."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from gluonkit._base.checks import last_line
from gluonkit._base.tables import shape
from gluonkit.checkpoint.saving import write_whole
from gluonkit.cli.common import add_arrays, add_dtype, checkpoint_file
from gluonkit.cli.networks import add_of, loaded
from gluonkit.errors import ArgumentError
from gluonkit.tracing.inputs import leaves
from gluonkit.train.evaluating import predict


def add_parser(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add ``predict`` to the command's parser."""
    parser = commands.add_parser(
        "predict",
        parents=parents,
        help="write what a network gives for the arrays in NumPy's files",
        description="Load a network from a file, pass arrays through it, and write its outputs.",
        epilog="Exit status: 0 fine, 1 a file cannot be used, 2 wrong call.",
    )
    add = parser.add_argument
    add(
        "network", type=Path, metavar="FILE", help="a file that has a network, or a folder of fit's"
    )
    add(
        "data", type=Path, nargs="+", metavar="X.npy", help="an array for each input, samples first"
    )
    add("-o", "--output", type=Path, required=True, metavar="Y.npy", help="the file to write")
    add("--batch", type=int, metavar="N", help="samples in a batch (64)")
    add_of(parser)
    add_arrays(parser)
    add_dtype(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit predict`` and return its exit status."""
    arrays = [_read(path) for path in options.data]
    if options.output.suffix != ".npy":
        raise ArgumentError(f"`--output` is {str(options.output)!r}, which should end in .npy")
    place = checkpoint_file(options.network)
    net, _ = loaded(place, options.of, options.arrays, options.load_dtype)
    given = arrays[0] if len(arrays) == 1 else arrays
    outputs = list(leaves(predict(net, given, batch_size=options.batch)))
    for number, output in enumerate(outputs):
        target = options.output
        if len(outputs) > 1:
            target = target.with_name(f"{target.stem}{number}.npy")
        write_whole(target, partial(numpy.save, arr=output))
        print(f"{target}  {output.dtype} {shape(output.shape)}")
    return 0


def _read(path: Path) -> numpy.ndarray[Any, Any]:
    """Return the array of a ``.npy`` file."""
    try:
        array = numpy.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ArgumentError(
            f"`X.npy` is {str(path)!r}, which cannot be read: {last_line(error)}"
        ) from None
    if not isinstance(array, numpy.ndarray):
        raise ArgumentError(f"`X.npy` is {str(path)!r}, which has several arrays; give .npy files")
    return array
