"""Reading and resizing images.

GluonCV decodes files by the OpenCV inside MXNet, which is too old for untrusted files; here Pillow
decodes them, raster formats only. Resizing is OpenCV's where the zoos' networks were trained with
it: Pillow's gives other numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import mxnet as mx
import numpy

from gluonkit._base.checks import a_type, reason
from gluonkit._base.images import DAMAGED, opened_image, upper_byte
from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError
from gluonkit.system.modes import legacy

_OPENCV = {"bilinear": 1, "bicubic": 2}

INTERPOLATIONS = (*_OPENCV, "lanczos")
"""Interpolation methods; the last one by Pillow only."""


def pixels_of(image: Any) -> Array:
    """Return the pixels of an image as a uint8 array of shape ``(height, width, 3)``, RGB.

    Parameters
    ----------
    image : path, PIL.Image.Image, or uint8 array
        An array has the shape ``(height, width, 3)``, or ``(height, width)`` for grayscale. A
        file's EXIF orientation is applied; an alpha channel is dropped.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        (a ValueError, a TypeError) For anything but an image.
    DataError
        When a file is missing, damaged, or not an image.
    """
    if isinstance(image, (str, os.PathLike)):
        return _opened(image)
    if isinstance(image, (numpy.ndarray, mx.nd.NDArray)):
        return _checked(image if isinstance(image, numpy.ndarray) else image.asnumpy())
    if isinstance(image, require("PIL.Image", extra="data").Image):
        return _of_pillow(image)
    raise ArgumentTypeError(
        f"`images` has {a_type(image)}; give paths, Pillow's images, or uint8 arrays of shape "
        "(height, width, 3)"
    )


def _opened(path: str | os.PathLike[str]) -> Array:
    try:
        with opened_image(os.fspath(path)) as opened:
            return _of_pillow(require("PIL.ImageOps", extra="data").exif_transpose(opened))
    except DAMAGED as error:
        raise DataError(f"{os.fspath(path)} cannot be read as an image: {reason(error)}") from error


def _of_pillow(image: Any) -> Array:
    if image.mode.startswith("I;16"):
        image = upper_byte(image)
    if image.mode in ("I", "F"):
        raise ArgumentError(
            f"`images` has one of Pillow's mode {image.mode!r}, whose value of white is not "
            "known; convert it to 8 bits per channel"
        )
    return numpy.asarray(image.convert("RGB"))


def _checked(pixels: Array) -> Array:
    if pixels.dtype != numpy.uint8:
        raise ArgumentTypeError(
            f"`images` has an array of {pixels.dtype}; give uint8, from 0 to 255: scaling and "
            "normalization are part of the preprocessing"
        )
    # Networks take three channels; grayscale has the same in all.
    if pixels.ndim == 2:
        pixels = numpy.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ArgumentError(
            f"`images` has an array of shape {pixels.shape}; give (height, width, 3), RGB"
        )
    return pixels


def resized(
    pixels: Array, height: int, width: int, interpolation: str, *, antialias: bool
) -> Array:
    """Return an image resized.

    Parameters
    ----------
    pixels : array
        Shape ``(rows, columns, 3)``, uint8.
    height, width : int
        Of the result.
    interpolation : str
        One of `INTERPOLATIONS`.
    antialias : bool
        Whether downscaling averages over all pixels, as Pillow does, or samples, as OpenCV does.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    if antialias:
        pillow = require("PIL.Image", extra="data")
        how = pillow.Resampling[interpolation.upper()]
        return numpy.asarray(pillow.fromarray(pixels).resize((width, height), how))
    with legacy():
        array = mx.nd.array(pixels, dtype="uint8")
        result: Array = mx.image.imresize(array, width, height, _OPENCV[interpolation]).asnumpy()
    return result


def cropped(pixels: Array, height: int, width: int, whole: Callable[[float], int]) -> Array:
    """Return the center crop of an image.

    Parameters
    ----------
    pixels : array
        Shape ``(rows, columns, 3)``.
    height, width : int
        Of the result.
    whole : callable
        Rounds the offsets: MXNet rounds down, GluonCV's video transforms to even.
    """
    top = int(whole((pixels.shape[0] - height) / 2))
    left = int(whole((pixels.shape[1] - width) / 2))
    return pixels[top : top + height, left : left + width]


def fitted(pixels: Array, height: int, width: int) -> Array:
    """Return an image resized into a frame, its aspect ratio kept, padded with black.

    Centers of corner pixels coincide, and margins are whole numbers, as in ``cv_cropBox`` of
    GluonCV, the preprocessing of AlphaPose.
    """
    tall, wide = pixels.shape[0] - 1, pixels.shape[1] - 1
    length = max(tall, wide * height / width)
    margin = complex((length * width / height - wide) // 2, (length - tall) // 2)
    # Coordinates as complex numbers, x + iy: two points determine the similarity transform.
    step = (complex(wide, tall) + 2 * margin) / complex(width - 1, height - 1)
    columns = step * numpy.arange(width)
    rows = step * 1j * numpy.arange(height)[:, None] - margin
    # OpenCV's warpAffine rounds coordinates to 1/1024 of a pixel, then to 1/32.
    places = numpy.rint(columns * 1024) + numpy.rint(rows * 1024)
    x, y = (numpy.floor((axis + 16) / 32) / 32 for axis in (places.real, places.imag))
    return _sampled(pixels, x, y)


def _sampled(pixels: Array, x: Array, y: Array) -> Array:
    """Return bilinearly interpolated pixels at these coordinates; black outside."""
    framed = numpy.pad(pixels, ((1, 1), (1, 1), (0, 0))).astype("float64")
    y, x = numpy.clip(y + 1, 0, framed.shape[0] - 1), numpy.clip(x + 1, 0, framed.shape[1] - 1)
    top = numpy.minimum(y.astype(int), framed.shape[0] - 2)
    left = numpy.minimum(x.astype(int), framed.shape[1] - 2)
    down, right = (y - top)[..., None], (x - left)[..., None]
    upper = framed[top, left] * (1 - right) + framed[top, left + 1] * right
    lower = framed[top + 1, left] * (1 - right) + framed[top + 1, left + 1] * right
    # OpenCV rounds halves up; `rint` would round them to even numbers.
    result: Array = numpy.floor(upper * (1 - down) + lower * down + 0.5).astype("uint8")
    return result
