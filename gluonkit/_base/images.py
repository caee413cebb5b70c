"""Image files opened by Pillow, strictly: whole ones only, of raster formats, none that is huge."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import IO, Any

import numpy

from gluonkit._base.kinds import Array
from gluonkit._base.optional import require

# No others: some of Pillow's readers call programs, and a file may come from anywhere.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "JPEG2000")

DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError),
    *(struct.error, TypeError, OverflowError),
)
"""What Pillow's readers raise for damaged files."""

_counting = Lock()
_strict_now = 0
_lenient_before = False


@contextmanager
def opened_image(file: str | IO[bytes]) -> Iterator[Any]:
    """Open an image, whose pixels must be read within the context.

    Raises
    ------
    DAMAGED
        Of a damaged file; a ValueError for one so large that it looks like an attack.
    """
    pillow = require("PIL.Image", extra="data")
    try:
        with _whole_files(), pillow.open(file, formats=_FORMATS) as image:
            pixels, most = image.width * image.height, pillow.MAX_IMAGE_PIXELS
            if most is not None and pixels > most:
                raise ValueError(f"it has {pixels:,} pixels, and Pillow's limit is {most:,}")
            yield image
    # The first is a warning, where warnings are errors.
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError) as error:
        raise ValueError(str(error)) from error


def upper_byte(image: Any) -> Any:
    """Return an image of 16 bits as one of 8; Pillow would cut off what OpenCV divides."""
    deep: Array = numpy.asarray(image)
    return require("PIL.Image", extra="data").fromarray((deep >> 8).astype("uint8"))


@contextmanager
def _whole_files() -> Iterator[None]:
    """Have Pillow refuse truncated files; `import gluoncv` has it take them, for the process.

    Several threads may be in the context, so that the last one restores the setting.
    """
    global _strict_now, _lenient_before
    files = require("PIL.ImageFile", extra="data")
    with _counting:
        if not _strict_now:
            _lenient_before, files.LOAD_TRUNCATED_IMAGES = files.LOAD_TRUNCATED_IMAGES, False
        _strict_now += 1
    try:
        yield
    finally:
        with _counting:
            _strict_now -= 1
            if not _strict_now:
                files.LOAD_TRUNCATED_IMAGES = _lenient_before
