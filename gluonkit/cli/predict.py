"""``gluonkit predict``: a network's outputs for arrays in files."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy

from gluonkit._base.checks import reason
from gluonkit._base.tables import shape
from gluonkit.cli.common import checkpoint_file
from gluonkit.cli.networks import loaded
from gluonkit.errors import ArgumentError
from gluonkit.files.writing import write_whole
from gluonkit.tracing.inputs import leaves
from gluonkit.train.evaluating import predict


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit predict`` and return its exit status."""
    arrays = [_read(path) for path in options.data]
    place = checkpoint_file(options.network)
    net, _ = loaded(place, options.net, options.arrays, options.load_dtype)
    given = arrays[0] if len(arrays) == 1 else arrays
    outputs = list(leaves(predict(net, given, batch_size=options.batch_size)))
    for number, output in enumerate(outputs):
        target = options.output
        if len(outputs) > 1:
            target = target.with_name(f"{target.stem}{number}.npy")
        write_whole(target, partial(numpy.save, arr=output))
        print(f"Written: {target}  {output.dtype} {shape(output.shape)}")
    return 0


def _read(path: Path) -> numpy.ndarray[Any, Any]:
    """Return the array of a ``.npy`` file."""
    try:
        array = numpy.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        # Of any other file NumPy says that it may be a pickle.
        why = reason(error)
        if "allow_pickle" in why:
            why = "it is no .npy file of numbers"
        raise ArgumentError(f"`X.npy` is {str(path)!r}, which cannot be read: {why}") from None
    if not isinstance(array, numpy.ndarray):
        raise ArgumentError(f"`X.npy` is {str(path)!r}, which has several arrays; give .npy files")
    return array
