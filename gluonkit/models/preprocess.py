"""Preprocessing of images for pretrained networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy

from gluonkit._base import tables
from gluonkit._base.checks import some, unknown_name
from gluonkit._base.kinds import Array
from gluonkit._base.tables import Shown
from gluonkit.errors import ArgumentError
from gluonkit.models.pictures import INTERPOLATIONS, cropped, fitted, pixels_of, resized

_SQUARE_MARGIN = 32  # pixels, of ResNeSt's authors, whatever the size


@dataclass(frozen=True)
class Preprocess(Shown):
    """The preprocessing that a pretrained network expects; calling it applies it.

    Attributes
    ----------
    resize : str
        The resizing rule: 'short side' (to `size`), 'within' (the short side to the first of
        `size`, the long side at most the second), 'exact' (to height and width, regardless of the
        aspect ratio), 'square' (a square center crop, resized to `size`), 'fit' (the whole image,
        padded with black), 'none'.
    size : tuple of int
        In pixels; its meaning depends on `resize`.
    mean, std : tuple of float
        Per channel, applied to values within `range`.
    source : str
        Where the values come from.
    crop : tuple of int or None
        Height and width of the center crop after resizing; None for no crop.
    interpolation : str
        'bilinear', 'bicubic' or 'lanczos'; '' where nothing is resized.
    antialias : bool
        Whether downscaling averages over all pixels, as Pillow does, or samples, as OpenCV does.
    layout : str
        The axes of the result: 'NCHW', or 'NCTHW' for video clips.
    channels : str
        The channel order.
    range : tuple of float
        The values of black and white before `mean` and `std` are applied.
    note : str
        What else the caller has to know; '' for nothing.

    Examples
    --------
    >>> import numpy
    >>> import gluonkit as gk
    >>> preprocess = gk.model_info("mxnet/resnet50_v2").preprocess
    >>> preprocess(numpy.zeros((375, 500, 3), "uint8")).shape
    (1, 3, 224, 224)
    >>> preprocess.size, preprocess.crop, preprocess.interpolation
    ((256,), (224, 224), 'bilinear')
    """

    resize: str
    size: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str
    crop: tuple[int, int] | None = None
    interpolation: str = ""
    antialias: bool = False
    layout: str = "NCHW"
    channels: str = "RGB"
    range: tuple[float, float] = (0.0, 1.0)
    note: str = ""

    def __post_init__(self) -> None:
        for name, known in (("resize", _RULES), ("interpolation", ("", *INTERPOLATIONS))):
            if (value := getattr(self, name)) not in known:
                valid = ", ".join(map(repr, known))
                raise unknown_name(name, value, known, f"Choose of: {valid}.")

    def __call__(self, images: Any) -> Array:
        """Preprocess images into a network's input.

        Parameters
        ----------
        images : path, PIL.Image.Image, uint8 array, or a batch of them
            An array has the shape ``(height, width, 3)``. A batch is a list, or an array with a
            leading batch axis. For clips ('NCTHW') a list or such an array is one clip of frames,
            and a batch of clips has one more level or axis.

        Returns
        -------
        Array
            float32, shape ``(batch, 3, height, width)``, or ``(batch, 3, frames, height, width)``;
            with a batch axis of 1 for a single image.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            (a ValueError, a TypeError) For anything but images, and for a batch whose images
            differ in size after resizing.
        DataError
            (a ValueError) For a file that is missing, damaged, or not an image.
        """
        if self.layout == "NCHW":
            return _stacked([self._made(image) for image in _listed(images, 3)])
        clips = _listed(images, 4)
        frames = [_stacked([self._made(frame) for frame in _listed(clip, 3)]) for clip in clips]
        # Frames come first where they are stacked, and behind the channels in NCTHW.
        return numpy.ascontiguousarray(_stacked(frames).swapaxes(1, 2))

    def __str__(self) -> str:
        black, white = self.range
        steps = [f"{self.channels} in [{black:g}, {white:g}]", self._resizing()]
        if self.crop is not None:
            steps.append(f"center crop {tables.shape(self.crop)}")
        steps += [f"mean {_numbers(self.mean)}", f"std {_numbers(self.std)}", self.layout]
        return ", ".join([*steps, "float32"])

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON.

        Returns
        -------
        dict
            Each attribute by its name, tuples as lists.
        """
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def _made(self, image: Any) -> Array:
        """Return one preprocessed image of shape ``(3, height, width)``."""
        pixels = _RULES[self.resize].apply(pixels_of(image), self)
        if self.crop is not None:
            pixels = cropped(pixels, *self.crop, round if self.resize == "exact" else int)
        black, white = self.range
        # Divided, in float32 and in this order, as the zoos do it: the numbers agree bit for bit.
        scaled = pixels.astype("float32") / numpy.float32(255 / (white - black))
        if black:
            scaled += numpy.float32(black)
        scaled -= numpy.asarray(self.mean, "float32")
        scaled /= numpy.asarray(self.std, "float32")
        return scaled.transpose(2, 0, 1)

    def _resizing(self) -> str:
        """Return the resizing in words: ``'short side 256 (bilinear)'``."""
        where = _RULES[self.resize].text.format(*self.size)
        how = self.interpolation + (", antialiased" if self.antialias else "")
        return f"{where} ({how})" if how else where


def _short_side(pixels: Array, how: Preprocess) -> Array:
    """Resize as MXNet's transform `Resize` does with ``keep_ratio=True``."""
    height, width = pixels.shape[:2]
    (short,) = how.size
    # Integers, rounded down, as in MXNet's C++ code: a float may differ by a pixel.
    if height > width:
        return _resized(pixels, (short * height // width, short), how)
    return _resized(pixels, (short, short * width // height), how)


def _within(pixels: Array, how: Preprocess) -> Array:
    """Resize as GluonCV's `resize_short_within` does."""
    short, longest = how.size
    sides = numpy.array(pixels.shape[:2])
    scale = short / sides.min()
    if numpy.round(scale * sides.max()) > longest:
        scale = longest / sides.max()
    # NumPy rounds halves to even numbers, as GluonCV has it, too.
    height, width = numpy.round(sides * scale).astype(int)
    return _resized(pixels, (int(height), int(width)), how)


def _exact(pixels: Array, how: Preprocess) -> Array:
    return _resized(pixels, how.size, how)


def _square(pixels: Array, how: Preprocess) -> Array:
    """Crop and resize as the authors of ResNeSt do."""
    height, width = pixels.shape[:2]
    side = how.size[0] / (how.size[0] + _SQUARE_MARGIN) * min(height, width)
    top, left = round((height - side) / 2), round((width - side) / 2)
    return _exact(pixels[top : round(top + side), left : round(left + side)], how)


def _fit(pixels: Array, how: Preprocess) -> Array:
    return fitted(pixels, *how.size)


def _none(pixels: Array, how: Preprocess) -> Array:
    return pixels


class _Rule(NamedTuple):
    """A resizing rule; `text` describes it, with placeholders for `Preprocess.size`."""

    apply: Callable[[Array, Preprocess], Array]
    text: str


_RULES: Mapping[str, _Rule] = {
    "short side": _Rule(_short_side, "short side {}"),
    "within": _Rule(_within, "short side {}, long side at most {}"),
    "exact": _Rule(_exact, "resized to {}x{}"),
    "square": _Rule(_square, "square center crop resized to {}x{}"),
    "fit": _Rule(_fit, "fitted into {}x{}, padded with black"),
    "none": _Rule(_none, "not resized"),
}


def _resized(pixels: Array, size: Sequence[int], how: Preprocess) -> Array:
    height, width = size
    return resized(pixels, height, width, how.interpolation, antialias=how.antialias)


def _listed(given: Any, axes: int) -> list[Any]:
    """Return a batch as a list: of images, which have 3 axes, or of clips, which have 4."""
    if hasattr(given, "ndim"):
        return list(given) if given.ndim > axes else [given]
    if not isinstance(given, (list, tuple)):
        return [given]
    of_clips = any(isinstance(part, (list, tuple)) or _axes(part) == 4 for part in given)
    return list(given) if axes == 3 or of_clips else [given]


def _axes(part: Any) -> int:
    return int(getattr(part, "ndim", 0))


def _stacked(made: list[Array]) -> Array:
    if not made:
        raise ArgumentError("`images` is empty; give at least one image")
    shapes = dict.fromkeys(array.shape for array in made)
    if len(shapes) > 1:
        sizes = some(tables.shape(shape[-2:]) for shape in shapes)
        raise ArgumentError(
            f"`images` have the sizes {sizes} after resizing, and a batch has one; pass them one "
            "by one, or crop them to one aspect ratio first"
        )
    # `stack` leaves the axes in memory as they were, channels last.
    return numpy.ascontiguousarray(numpy.stack(made))


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:g}" for value in values)
