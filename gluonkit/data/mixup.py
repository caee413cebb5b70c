"""Mixing each sample of a batch with another one."""

from __future__ import annotations

import math
from typing import Any

import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.kinds import Array, array_of
from gluonkit._base.tables import Called
from gluonkit.errors import ArgumentError


class Mixup(Called):
    """A transform of `BatchLoader` that mixes each sample of a batch with another one.

    One share is drawn for each batch from ``Beta(alpha, alpha)``, and a permutation of its samples;
    both from NumPy's global stream, whose state is part of checkpoints. Samples become
    ``share * sample + (1 - share) * other``, and labels ``(label, other label, share)``, for
    `train.MixupCrossEntropy`.

    Parameters
    ----------
    alpha : float, default 0.2
        Parameter of the distribution, above 0; the smaller, the less is mixed.

    Raises
    ------
    ArgumentError
        For an `alpha` that is not above 0.

    Notes
    -----
    The share is that of the sample itself, a half or more, so that its own label is the one with
    which accuracy compares; as pairs are drawn at random, this changes nothing else. uint8 data are
    divided by 255, as `BatchLoader` does without a transform.

    References
    ----------
    H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit.train import MixupCrossEntropy
    >>> digits, mixup = gk.data.load("digits"), gk.data.Mixup(0.2)
    >>> loader = gk.data.BatchLoader(digits, 64, shuffle=True, transform=mixup)
    >>> net = gk.create_model("mlp", init="xavier")
    >>> gk.fit(net, loader, epochs=1, loss=MixupCrossEntropy(), seed=0).engine
    'compiled'
    """

    @checked
    def __init__(self, alpha: float = 0.2) -> None:
        if not 0 < alpha < math.inf:
            raise ArgumentError(f"`alpha` is {alpha}; give a finite number above 0")
        self.alpha = float(alpha)

    def __call__(self, *parts: Any) -> tuple[Any, ...]:
        """Return a mixed batch.

        Parameters
        ----------
        *parts : numpy.ndarray
            A batch: one array of samples or more, and the labels.

        Returns
        -------
        tuple
            The mixed samples, and ``(label, other label, share)``.

        Raises
        ------
        ArgumentError
            For several labels, and for samples of whole numbers, of which no share can be taken.
        """
        if not parts:
            raise ArgumentError("the batch is empty; Mixup takes data and one label")
        *samples, label = parts
        if isinstance(label, tuple) or not samples:
            what = f"{len(label)} labels" if isinstance(label, tuple) else "no label"
            raise ArgumentError(
                f"the batch has {what} for each sample; Mixup takes data and one label"
            )
        *samples, label = map(array_of, parts)
        if len({array.shape[:1] for array in (*samples, label)}) > 1 or not label.ndim:
            shapes = ", ".join(str(array.shape) for array in (*samples, label))
            raise ArgumentError(
                f"the batch has arrays of shapes {shapes}; give one label for each sample"
            )
        share = numpy.random.beta(self.alpha, self.alpha)
        share = max(share, 1 - share)
        others = numpy.random.permutation(len(label))
        mixed = [_mixed(_floats(array), others, share) for array in samples]
        return (*mixed, (label, label[others], numpy.full(len(label), share, "float32")))


def _mixed(array: Array, others: Array, share: float) -> Array:
    own = array.dtype.type(share)
    made: Array = array * own + array[others] * (1 - own)
    return made


def _floats(array: Array) -> Array:
    """Return samples as floats."""
    if array.dtype == numpy.uint8 and array.ndim > 2:
        return array / numpy.float32(255)
    if array.dtype.kind != "f":
        raise ArgumentError(
            f"the batch has samples of {array.dtype}, of which no share can be taken; give floats, "
            "or pictures of uint8"
        )
    return array
