"""Images in records, by Pillow: the pixels that MXNet's OpenCV has of JPEG, PNG, BMP and TIFF."""

from __future__ import annotations

import io
import math
import re
from typing import Any

import numpy

from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type, unknown_name
from gluonkit._base.images import DAMAGED, opened_image, upper_byte
from gluonkit._base.kinds import Array, array_of
from gluonkit._base.optional import require
from gluonkit.errors import ArgumentError, ArgumentTypeError, DataError

COLORS = ("rgb", "bgr", "gray")
ENCODINGS = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "npy": ""}
"""How images are written, by the end of a file's name; ``npy`` is NumPy's own form."""

_MEMORY = re.compile(r"<_io\.BytesIO object at \w+>|<class 'bytes'>")
"""How Pillow calls bytes in memory, which have no name."""
_NPY = b"\x93NUMPY"
_BEGINS = {
    b"\xff\xd8\xff": "jpg",
    b"\x89PNG\r\n": "png",
    _NPY: "npy",
    b"BM": "bmp",
    b"GIF8": "gif",
    b"RIFF": "webp",
    b"II*\0": "tif",
    b"MM\0*": "tif",
}


def kind_of(content: bytes) -> str:
    """Return what a sample's bytes are, as the end of a file's name: ``'jpg'``, else ``'bin'``."""
    return next((kind for begin, kind in _BEGINS.items() if content.startswith(begin)), "bin")


@checked
def decode_image(content: bytes, color: str = "rgb", *, exif: bool = False) -> Array:
    """Return an image as an array, or the array that an ``.npy`` file's bytes hold.

    Colours are red, green, blue, as in MXNet's `mx.image.imdecode`, `ImageRecordDataset` and
    `ImageRecordIter`; `mx.recordio.unpack_img` has them the other way round, as OpenCV has, which
    is 'bgr' here. Transparency is left out; of 16 bits the upper 8 are taken.

    Parameters
    ----------
    content : bytes
        A file: JPEG, PNG, BMP, TIFF, WebP, GIF, PPM, JPEG 2000, or ``.npy``.
    color : str, default 'rgb'
        'rgb', 'bgr' or 'gray'. Arrays of ``.npy`` files stay as they are.
    exif : bool, default False
        True to turn the image as its EXIF data say, as `ImageRecordIter` does; False to leave it,
        as `imdecode` and `ImageRecordDataset` do.

    Returns
    -------
    numpy.ndarray
        uint8 of shape ``(height, width, 3)``, or ``(height, width, 1)`` for 'gray'.

    Raises
    ------
    ArgumentError
        For an unknown colour order.
    DataError
        For bytes that are no image, are damaged, or are of an image so large that it looks like
        an attack (Pillow's limit).
    MissingPackageError
        When Pillow is not installed.
    """
    if color not in COLORS:
        raise unknown_name("color", str(color), COLORS, f"Choose of: {', '.join(COLORS)}.")
    if content.startswith(_NPY):
        return _from_npy(content)
    try:
        with opened_image(io.BytesIO(content)) as image:
            if color == "gray":
                image.draft("L", image.size)  # of a JPEG its own lightness
            turned = require("PIL.ImageOps").exif_transpose(image) if exif else image
            return _pixels(turned, color)
    except DAMAGED as error:
        raise _undecodable(content, error) from error


def _pixels(image: Any, color: str) -> Array:
    if image.mode.startswith("I"):
        image = upper_byte(image)
    pixels: Array = numpy.asarray(image.convert("L" if color == "gray" else "RGB"))
    if color == "gray":
        return pixels[:, :, None]
    return pixels if color == "rgb" else numpy.ascontiguousarray(pixels[:, :, ::-1])


def _undecodable(content: bytes, error: Exception) -> DataError:
    return DataError(
        f"its {len(content):,} bytes, which begin with {content[:8]!r}, cannot be decoded as an "
        f"image: {_MEMORY.sub('it', str(error))}"
    )


def _from_npy(content: bytes) -> Array:
    """Return the array of an ``.npy`` file, whose length is checked before memory is taken."""
    file = io.BytesIO(content)
    npy: Any = numpy.lib.format
    try:
        first = npy.read_magic(file)[0] == 1
        read = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.hasobject:
            raise ValueError("it holds Python objects, which are never loaded")
        count = math.prod(shape)
        if count * dtype.itemsize != len(content) - file.tell():
            raise ValueError(f"shape {shape} of {dtype} does not fit its length")
        flat = numpy.frombuffer(content, dtype, count, file.tell())
        return flat.reshape(shape, order="F" if fortran else "C")
    except (ValueError, TypeError, SyntaxError, OverflowError, EOFError) as error:
        raise DataError(f"its .npy array cannot be read: {error}") from error


@checked
def encode_image(image: Any, encoding: str = "jpg", *, quality: int | None = None) -> bytes:
    """Return an image as the bytes of a file.

    With 'jpg', the bytes that `mx.recordio.pack_img` puts behind its header, for the same pixels.
    That takes blue, green, red, and this red, green, blue.

    Parameters
    ----------
    image : array_like
        Pixels, uint8 of shape ``(height, width, 3)``, ``(height, width, 1)`` or
        ``(height, width)``; for 'npy' any array of numbers.
    encoding : str, default 'jpg'
        'jpg', 'png', or 'npy' for an array as it is.
    quality : int, optional
        For 'jpg' 1 to 100, by default 95; for 'png' the compression, 0 to 9, by default 6.

    Returns
    -------
    bytes
        What `pack_record` takes as its content.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For other shapes, types and encodings.
    MissingPackageError
        When Pillow is not installed.
    """
    format_name = ENCODINGS.get(str(encoding).lower().lstrip("."))
    if format_name is None:
        raise unknown_name(
            "encoding", str(encoding), ENCODINGS, f"Choose of: {', '.join(ENCODINGS)}."
        )
    array = array_of(image)
    file = io.BytesIO()
    if not format_name:
        if quality is not None:
            raise ArgumentError(
                f"`quality` is {quality!r}, and 'npy' has none; leave `quality` out, or give "
                "`encoding` 'jpg' or 'png'"
            )
        if array.dtype.kind not in "biuf":
            raise ArgumentTypeError(
                f"`image` is {a_type(image)} of {array.dtype}; give an array of numbers"
            )
        numpy.save(file, array, allow_pickle=False)
        return file.getvalue()
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype != numpy.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)):
        raise ArgumentError(
            f"`image` has shape {array.shape} and type {array.dtype}; give uint8 of (height, "
            "width, 3), (height, width, 1) or (height, width)"
        )
    low, high, usual = (1, 100, 95) if format_name == "JPEG" else (0, 9, 6)
    chosen = usual if quality is None else quality
    if chosen not in range(low, high + 1):
        raise ArgumentError(f"`quality` is {quality!r}; for {format_name} give {low} to {high}")
    # Pillow takes no number of NumPy's.
    option = {"quality" if format_name == "JPEG" else "compress_level": int(chosen)}
    pillow = require("PIL.Image", extra="data")
    pillow.fromarray(array).save(file, format_name, **option)
    return file.getvalue()
