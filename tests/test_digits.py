"""The handwritten digits."""

import numpy
import pytest
from sklearn.datasets import load_digits

from gluonkit.data import digits
from gluonkit.errors import ArgumentError


def test_shapes_and_range():
    images, labels = digits()
    assert images.shape == (1797, 1, 28, 28)
    assert images.dtype == numpy.float32
    assert labels.dtype == numpy.int32
    assert images.min() == 0
    assert images.max() == 1
    assert (labels == load_digits().target).all()


def test_original_size_is_untouched():
    images, _ = digits(8, 8)
    numpy.testing.assert_array_equal(images[:, 0], load_digits().images / 16)


@pytest.mark.parametrize("size", [16, 28, 32])
def test_scaling_keeps_the_brightness(size):
    """Bilinear interpolation averages: block means of the large image are near the small one."""
    images, _ = digits(size, 2 * size)
    original = load_digits().images / 16
    assert abs(images[:, 0].mean((1, 2)) - original.mean((1, 2))).max() < 0.03


def test_interpolation_equals_numpy():
    images, _ = digits(29, 8)
    column = load_digits().images[0, :, 3] / 16
    at = (numpy.arange(29) + 0.5) * 8 / 29 - 0.5
    expected = numpy.interp(at, numpy.arange(8), column)
    numpy.testing.assert_allclose(images[0, 0, :, 3], expected, atol=1e-6)


@pytest.mark.parametrize("arguments", [(7, 28), (28, 7), (513, 28), (28, 100_000)])
def test_sizes_that_there_are_not(arguments):
    with pytest.raises(ArgumentError, match="the digits have 8 × 8 pixels, give 8 to 512"):
        digits(*arguments)
