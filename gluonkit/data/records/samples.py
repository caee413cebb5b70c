"""A record file as a data set for `BatchLoader`, `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy

from gluonkit._base.arguments import TEXTS, check_argument, checked_but
from gluonkit._base.checks import a_type, whole_number
from gluonkit._base.cpu import usable_cores
from gluonkit._base.kinds import Array
from gluonkit._base.optional import require
from gluonkit.data.column import Column
from gluonkit.data.dataset import Dataset
from gluonkit.data.records.file import RecordFile, whole_positions
from gluonkit.errors import ArgumentError, ArgumentTypeError

LAYOUTS = {"CHW": (2, 0, 1), "HWC": (0, 1, 2)}


@dataclass(frozen=True)
class Decoding:
    """How a record becomes a sample."""

    color: str
    exif: bool
    size: tuple[int, int] | None
    layout: str
    prepare: Callable[[Array], Any] | None

    def sample(self, records: RecordFile, position: int) -> Array:
        """Return the sample of a record."""
        image = records.image(position, color=self.color, exif=self.exif)
        image = self._cropped(records, position, image)
        if self.prepare is not None:
            return numpy.asarray(self.prepare(image))
        return image.transpose(LAYOUTS[self.layout]) if _is_image(image) else image

    def _cropped(self, records: RecordFile, position: int, image: Array) -> Array:
        """Return the middle of an image, scaled so that it fills the size."""
        size = self.size
        if size is None or image.shape[:2] == size:
            return image
        if not _is_image(image):
            raise records.fault(
                position,
                f"it holds an array of shape {image.shape} and type {image.dtype}, which `size` "
                "cannot scale; leave `size` out",
            )
        pillow = require("PIL.Image", extra="data")
        plain = pillow.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        fitted = require("PIL.ImageOps").fit(plain, size[::-1], pillow.Resampling.BILINEAR)
        return numpy.asarray(fitted).reshape(*size, image.shape[2])


def _is_image(array: Array) -> bool:
    """Say whether an array is an image, and not one of an ``.npy`` file that is something else."""
    return array.ndim == 3 and array.dtype == numpy.uint8 and array.shape[2] in (1, 3)


class RecordColumn(Column):
    """The samples of a record file, decoded for each batch, by several threads.

    They begin with the next batch while the one before is used.
    """

    def __init__(
        self, records: RecordFile, positions: Array, decoding: Decoding, threads: int
    ) -> None:
        self._records = records
        self._positions = positions
        self._decoding = decoding
        self._threads = threads
        first = decoding.sample(records, int(positions[0]))
        self.shape = (len(positions), *first.shape)
        self.dtype = first.dtype
        self.runs_code = decoding.prepare is not None
        self._pool: ThreadPoolExecutor | None = None
        self._begun: _Begun | None = None

    def prepare(self, positions: Array) -> None:
        """Begin to decode the samples that will be read next, unless that calls user code."""
        if not self.runs_code:
            made = numpy.empty((len(positions), *self.shape[1:]), self.dtype)
            self._begun = _Begun(positions, made, self._started(positions, made))

    def read(self, positions: Array, out: Array) -> None:
        """Write samples into an array."""
        begun, self._begun = self._begun, None
        if begun is not None and numpy.array_equal(begun.positions, positions):
            _finish(begun.parts)
            out[...] = begun.made
            return
        if self._threads == 1 or len(positions) == 1:
            for row, place in enumerate(self._positions[positions]):
                self._write(int(place), out[row])
            return
        _finish(self._started(positions, out))

    def _started(self, positions: Array, out: Array) -> list[Future[None]]:
        """Begin to write samples into an array, a part of them by each thread."""
        places = self._positions[positions]

        def share(begin: int) -> None:
            for row in range(begin, len(places), self._threads):
                self._write(int(places[row]), out[row])

        self._pool = self._pool or ThreadPoolExecutor(self._threads)
        return [self._pool.submit(share, begin) for begin in range(self._threads)]

    def _write(self, place: int, out: Array) -> None:
        made = self._decoding.sample(self._records, place)
        if made.shape != out.shape or made.dtype != out.dtype:
            raise self._records.fault(
                place,
                f"its sample has shape {made.shape} and type {made.dtype}, that of record "
                f"{self._positions[0]} {out.shape} and {out.dtype}; give `size` or `prepare` to "
                "record_dataset, to bring all to one shape",
            )
        out[...] = made

    def select(self, positions: Array) -> RecordColumn:
        """Return a column of some of the samples, without reading any but the first."""
        chosen = self._positions[positions]
        return RecordColumn(self._records, chosen, self._decoding, self._threads)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_pool": None, "_begun": None}


class _Begun(NamedTuple):
    """Samples that are being decoded: which, where to, and by what."""

    positions: Array
    made: Array
    parts: list[Future[None]]


def _finish(parts: list[Future[None]]) -> None:
    """Wait for all parts, as they write into one array; then raise the first one's error."""
    wait(parts)
    for part in parts:
        part.result()


@checked_but("size", "prepare")
def record_dataset(
    records: RecordFile | str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    prepare: Callable[[Array], Any] | None = None,
    positions: Sequence[int] | Array | None = None,
    color: str = "rgb",
    layout: str = "CHW",
    exif: bool = False,
    classes: Sequence[str] = (),
    threads: int | None = None,
    pad: float | None = None,
) -> Dataset:
    """Return a record file as a data set, whose samples are decoded batch by batch.

    `BatchLoader`, `fit`, `evaluate` and `predict` take it; a `RecordFile` given to them is this,
    with the defaults. Labels are read at once. Images are decoded batch by batch, the next batch
    while one is used, unless `prepare` is given. A batch of `BatchLoader` has them as float32 in
    [0, 1], unless it is given a `transform`.

    Parameters
    ----------
    records : RecordFile or str or Path
        The file. Each record is a sample of `pack_record`, and holds an image or an ``.npy`` array.
    size : tuple of int, optional
        ``(height, width)`` to bring all images to: scaled, keeping proportions, until they cover
        it (Pillow's bilinear filter, which MXNet's is not), and the centre cut out. Without it
        and `prepare`, all samples must have one shape.
    prepare : callable, optional
        Called with each image, ``(height, width, channels)`` of uint8, returns the sample. Several
        threads call it at once.
    positions : sequence of int, optional
        Those records only: a part of the file, or what is left without records of another kind.
    color : str, default 'rgb'
        As in `decode_image`.
    layout : str, default 'CHW'
        Axes of the samples: 'CHW' for ``(channels, height, width)``, as networks want it, or 'HWC'.
        Not looked at with `prepare`.
    exif : bool, default False
        As in `decode_image`.
    classes : sequence of str, optional
        What the labels mean.
    threads : int, optional
        How many decode at once; by default one for each core.
    pad : float, optional
        As in `RecordFile.labels`: -1 for the labels of GluonCV's detection sets, which have a
        number for each coordinate and class, and so another length for each image. That is what
        `ImageDetRecordIter` and GluonCV's batches have.

    Returns
    -------
    Dataset
        Its `data` is a `Column`; ``numpy.asarray(dataset.data)`` decodes all of it.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arguments out of range, and files without a record.
    DataError
        For records that are no samples, and, without `pad`, labels of different lengths; while
        batches are made, for damaged images and differing shapes, with the record's number and
        byte.

    Examples
    --------
    >>> import tempfile, numpy
    >>> import gluonkit as gk
    >>> path = tempfile.mkdtemp() + "/four.rec"
    >>> pixels = numpy.zeros((4, 8, 8, 3), "uint8")
    >>> count = gk.data.pack_arrays((pixels, numpy.arange(4)), path, encoding="png")
    >>> dataset = gk.data.record_dataset(path)
    >>> dataset
    four (all): 4 samples of 3x8x8 uint8, labels float32
    >>> [data.shape for data, label in gk.data.BatchLoader(dataset, 2, shuffle=True)]
    [(2, 3, 8, 8), (2, 3, 8, 8)]
    """
    opened = records if isinstance(records, RecordFile) else RecordFile(records)
    if layout not in LAYOUTS:
        raise ArgumentError(f"`layout` is {layout!r}; give 'CHW' or 'HWC'")
    if prepare is not None and not callable(prepare):
        raise ArgumentTypeError(f"`prepare` is {a_type(prepare)}; give a function of an image")
    if size is not None:
        size = _checked_size(size)
    check_argument("classes", classes, [TEXTS])  # one text is no list
    chosen = _checked_positions(opened, positions)
    cores = (
        usable_cores() if threads is None else whole_number("threads", threads, most=_MOST_THREADS)
    )
    decoding = Decoding(color, exif, size, layout, prepare)
    data: Any = RecordColumn(opened, chosen, decoding, cores)
    return Dataset(opened.path.stem, "all", data, opened.labels(chosen, pad=pad), tuple(classes))


_MOST_THREADS = 1024


def _checked_size(size: Any) -> tuple[int, int]:
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ArgumentTypeError(f"`size` is {size!r:.40}; give (height, width)")
    return whole_number("size", size[0]), whole_number("size", size[1])


def _checked_positions(records: RecordFile, positions: Any) -> Array:
    chosen = numpy.arange(len(records)) if positions is None else whole_positions(positions)
    if not chosen.size:
        raise ArgumentError(
            f"{records.path} has {len(records)} records, and none of them is asked for"
        )
    if chosen.min() < 0 or chosen.max() >= len(records):
        raise ArgumentError(
            f"`positions` are from {chosen.min()} to {chosen.max()}; {records.path} has records "
            f"0 to {len(records) - 1}"
        )
    return chosen
