"""One seed for everything that draws: MXNet, NumPy, Python, and the loaders made here."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import mxnet as mx
import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.checks import whole_number

LARGEST_SEED = 2**31 - 1
"""The largest seed that MXNet takes."""


@dataclass
class _Loaders:
    """The sequence of seeds for loaders without their own seed; None if not repeatable."""

    seed: int | None = None
    generation: int = 0
    given: int = 0


_loaders = _Loaders()


@checked
def seed_everything(seed: int) -> None:
    """Seed MXNet on all devices, NumPy's and Python's global streams, and the loaders.

    A `BatchLoader` that was given no seed of its own starts again from its first epoch, with a
    seed that depends on this one and on how many such loaders were used before it.

    Parameters
    ----------
    seed : int
        A whole number from 0 to 2³¹ - 1.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `seed` is not a whole number in that range.

    Notes
    -----
    As `seed_everything` in PyTorch Lightning and `keras.utils.set_random_seed`. `mx.random.seed`
    does not reach NumPy's stream, by which Gluon's `RandomSampler` shuffles.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nd
    >>> gk.seed_everything(7)
    >>> first = nd.random.uniform(shape=3).asnumpy()
    >>> gk.seed_everything(7)
    >>> bool((nd.random.uniform(shape=3).asnumpy() == first).all())
    True
    """
    seed = checked_seed(seed)
    random.seed(seed)
    numpy.random.seed(seed)
    # Without a context all devices are seeded; each has its own generator.
    mx.random.seed(seed)
    _loaders.seed = seed
    _loaders.generation += 1
    _loaders.given = 0


def checked_seed(seed: Any) -> int:
    """Return a seed as an int, or refuse it."""
    return whole_number("seed", seed, 0, LARGEST_SEED)


def derived_seed(seed: int, *path: int) -> int:
    """Return a seed for one part of a program, such as an epoch, independent of the others."""
    # Hashed, not added: seed 1 in epoch 0 must not be seed 0 in epoch 1.
    state = numpy.random.SeedSequence([seed, *path]).generate_state(1)
    return int(state[0]) & LARGEST_SEED


def generation() -> int:
    """Return how often `seed_everything` has been called."""
    return _loaders.generation


def next_loader_seed() -> int:
    """Return the seed of the next loader without its own seed."""
    _loaders.given += 1
    if _loaders.seed is None:
        # From the system's entropy; MXNet takes no more than 31 bits.
        return int(numpy.random.SeedSequence().generate_state(1)[0]) & LARGEST_SEED
    return derived_seed(_loaders.seed, 1, _loaders.given)
