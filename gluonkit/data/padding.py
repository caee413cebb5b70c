"""Samples of different lengths as batches of few lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mxnet as mx
import numpy
from mxnet.util import is_np_array

from gluonkit._base.arguments import checked
from gluonkit._base.checks import a_type, described, whole_number
from gluonkit._base.kinds import Array
from gluonkit._base.tables import Called
from gluonkit.data.loader import as_numpy
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.system import memory


class Pad(Called):
    """Make batches of samples of different lengths, padded to one of a few lengths.

    Compiled steps need one graph for each shape of batches, so that few lengths train faster.
    Padding is not masked: a network whose outputs it changes needs the lengths as an input, and a
    loss over positions needs weights. Whole numbers beside floats become floats.

    Parameters
    ----------
    multiple : int
        The length of a batch is that of its longest sample, rounded up to a multiple of this.
    axis : int, default 0
        The axis of a sample that differs in length.
    value : float, default 0.0
        The padding value.
    parts : sequence of int, optional
        Which parts of a sample (data, label) are padded; the others must have the same shape in all
        samples.
    lengths : bool, default False
        Whether to add each sample's length, as another input after the first part.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arguments out of range; when called, for samples that differ in other axes, and for a
        `value` that their whole numbers do not include, such as -1 for uint8.

    Examples
    --------
    >>> import numpy
    >>> from gluonkit import gluon
    >>> import gluonkit as gk
    >>> samples = [(numpy.ones((length, 2), "float32"), length % 2) for length in (3, 9, 5, 4)]
    >>> loader = gluon.data.DataLoader(samples, 2, batchify_fn=gk.data.Pad(8, lengths=True))
    >>> [(x.shape, lengths.asnumpy().tolist(), y.shape) for x, lengths, y in loader]
    [((2, 16, 2), [3.0, 9.0], (2,)), ((2, 8, 2), [5.0, 4.0], (2,))]
    """

    @checked
    def __init__(
        self,
        multiple: int,
        *,
        axis: int = 0,
        value: float = 0.0,
        parts: Sequence[int] = (0,),
        lengths: bool = False,
    ) -> None:
        self.multiple = whole_number("multiple", multiple)
        if not isinstance(axis, int) or axis < 0:
            raise ArgumentError(f"`axis` is {axis!r}; give 0 for a sample's first axis, 1, ...")
        self.axis = axis
        self.value = value
        self.parts = tuple(parts)
        self.lengths = lengths

    def __call__(self, samples: Sequence[Any]) -> Any:
        """Return a batch: an MXNet array of the active mode for each part of the samples."""
        if not isinstance(samples, (list, tuple)):
            raise ArgumentTypeError(f"`samples` is {described(samples)}; give a list of samples")
        if not samples:
            raise ArgumentError("`samples` is empty; give one or more")
        single = not isinstance(samples[0], (tuple, list))
        columns = [samples] if single else list(zip(*samples, strict=True))
        batch: list[Array] = []
        for place, column in enumerate(columns):
            arrays = [_plain(sample) for sample in column]
            batch.append(self._filled(arrays) if place in self.parts else _stacked(arrays, place))
            if self.lengths and not place:  # floats, as MXNet's operators take lengths
                batch.append(numpy.array([array.shape[self.axis] for array in arrays], "float32"))
        made = [memory.copied(array, mx.cpu(), np_mode=is_np_array()) for array in batch]
        return made[0] if len(made) == 1 else made

    def _filled(self, arrays: Sequence[Array]) -> Array:
        first, axis = arrays[0], self.axis
        if any(array.ndim <= axis for array in arrays):
            raise ArgumentError(
                f"a sample has {min(array.ndim for array in arrays)} axes, so it has no length "
                f"along `axis` {axis}; give the axis that differs, or other `parts`"
            )
        others = {array.shape[:axis] + array.shape[axis + 1 :] for array in arrays}
        if len(others) > 1:
            raise ArgumentError(
                f"samples of shapes {', '.join(str(array.shape) for array in arrays[:3])} differ "
                f"in more than `axis` {axis}; bring the other axes to one size"
            )
        longest = max(array.shape[axis] for array in arrays)
        size = -(-longest // self.multiple) * self.multiple
        shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
        dtype = _common(arrays)
        if dtype.kind != "f" and not _holds(dtype, self.value):
            raise ArgumentError(
                f"`value` is {self.value}, which the samples' {dtype} does not have; give another, "
                "or samples of floats"
            )
        made = numpy.full((len(arrays), *shape), self.value, dtype)
        for place, array in zip(made, arrays, strict=True):
            place[(slice(None),) * axis + (slice(array.shape[axis]),)] = array
        return made


def _stacked(arrays: Sequence[Array], place: int) -> Array:
    """Stack arrays of one shape."""
    shapes = {array.shape: None for array in arrays}
    if len(shapes) > 1:
        raise ArgumentError(
            f"part {place} of the samples has shapes {', '.join(map(str, list(shapes)[:3]))}; name "
            f"it in `parts`, that it be filled up too"
        )
    return numpy.stack(arrays).astype(_common(arrays), copy=False)


def _holds(dtype: numpy.dtype[Any], value: float) -> bool:
    """Return whether whole numbers of a type include a value; NumPy would write -1 as 255."""
    if not (math.isfinite(value) and abs(value) < 2**63):
        return False
    return bool(numpy.array(int(value)).astype(dtype) == value)


def _common(arrays: Sequence[Array]) -> numpy.dtype[Any]:
    """Return a data type for the numbers of all arrays; whole numbers beside floats are floats."""
    dtype = numpy.result_type(*{array.dtype for array in arrays})
    return numpy.dtype("float32") if dtype == numpy.float64 else dtype


def _plain(part: Any) -> Array:
    """Return a part of a sample as an array, float64 as float32."""
    array = as_numpy(part)
    if array.dtype.kind not in "biuf":
        raise ArgumentTypeError(f"a sample is {a_type(part)} of {array.dtype}; give numbers")
    return array.astype("float32") if array.dtype == numpy.float64 else array
