"""Real handwritten digits, offline: the 1,797 images inside scikit-learn."""

from __future__ import annotations

import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError

_LARGEST = 512  # pixels: at that size the images take 1.9 GB


@checked
def digits(height: int = 28, width: int = 28) -> tuple[Array, Array]:
    """Return scikit-learn's handwritten digits, enlarged to a network's input size.

    The images of the UCI "Optical Recognition of Handwritten Digits" test set, 8 × 8 pixels with
    16 levels, enlarged by bilinear interpolation.

    Parameters
    ----------
    height, width : int, default 28
        Size of the images, from 8 × 8 to 512 × 512.

    Returns
    -------
    images, labels
        float32 in [0, 1] of shape ``(1797, 1, height, width)``, int32 of shape ``(1797,)``.

    Raises
    ------
    MissingPackageError
        When scikit-learn is not installed.
    ArgumentError
        For a size below 8, and above 512, which would take gigabytes.

    Examples
    --------
    >>> import gluonkit as gk
    >>> images, labels = gk.data.digits()
    >>> images.shape, labels[:3].tolist()
    ((1797, 1, 28, 28), [0, 1, 2])
    """
    for name, size in (("height", height), ("width", width)):
        if not 8 <= size <= _LARGEST:
            raise ArgumentError(
                f"`{name}` is {size}; the digits have 8 × 8 pixels, give 8 to {_LARGEST}"
            )
    bunch = require("sklearn.datasets", extra="data").load_digits()
    rows, columns = _interpolation(height), _interpolation(width)
    images = rows @ bunch.images @ columns.T / 16.0
    return images[:, None].astype("float32"), bunch.target.astype("int32")


def _interpolation(size: int) -> Array:
    """Return the matrix ``(size, 8)`` that interpolates 8 pixels linearly to `size`."""
    at = (numpy.arange(size) + 0.5) * 8 / size - 0.5
    weights: Array = numpy.maximum(0, 1 - abs(at.clip(0, 7)[:, None] - numpy.arange(8)))
    return weights
