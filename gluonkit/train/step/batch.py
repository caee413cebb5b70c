"""One batch on its way to a network, gathered as late and as directly as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import mxnet as mx
import numpy

from gluonkit._base.kinds import Array, Context
from gluonkit._base.specs import ArraySpec
from gluonkit.data.loader import BatchLoader, as_numpy
from gluonkit.system import memory
from gluonkit.tracing.inputs import spec_of


class Batch(Protocol):
    """A batch, as a training step uses it.

    Attributes
    ----------
    size : int
        Number of samples.
    specs : tuple of ArraySpec
        Shape and data type of each array, the inputs first, then the labels.
    inputs : int
        Number of arrays that are inputs of the network.
    origin : int
        An identifier of the underlying arrays, equal for batches of the same arrays; 0 if there are
        none.
    total : int or None
        Samples of all workers' parts of the batch; None if unknown.
    is_numpy : bool
        Whether its arrays were given as NumPy's.
    pixels : sequence of int
        The inputs that are divided by 255.
    """

    size: int
    specs: tuple[ArraySpec, ...]
    inputs: int
    origin: int
    total: int | None
    is_numpy: bool
    pixels: Sequence[int]

    def write(self, out: Sequence[Any], views: Sequence[Array] | None) -> None:
        """Write the batch into MXNet arrays; `views` are their memory, on a CPU.

        If there are fewer arrays than in the batch, the first ones are written.
        """

    def numbers(self, index: int) -> Array:
        """Return one of the arrays as a NumPy array."""

    def whole(self, index: int) -> Array:
        """Return the whole array from which one of the batch's arrays was gathered."""

    def arrays(self, ctx: Context, *, np_mode: bool) -> list[Any]:
        """Return the arrays as MXNet arrays on a device."""


class Gathering:
    """Makes batches of a `BatchLoader` without transform, in a microsecond each."""

    def __init__(self, loader: BatchLoader, inputs: int, dtype: str | None = None) -> None:
        self.loader = loader
        self._dtype = dtype
        self.inputs = inputs
        self._specs: dict[int, tuple[ArraySpec, ...]] = {}

    def batch(self, indices: Any) -> GatheredBatch:
        """Return a batch of the loader's plan."""
        size = indices.stop - indices.start if isinstance(indices, slice) else len(indices)
        # Kept by size, as all batches but the last have the same one.
        specs = self._specs.get(size)
        if specs is None:
            layout = self.loader.layout(indices)
            specs = tuple(ArraySpec(shape, _floats(dtype, self._dtype)) for shape, dtype in layout)
            self._specs[size] = specs
        return GatheredBatch(self.loader, indices, size, specs, self.inputs)


class GatheredBatch:
    """A batch of a `BatchLoader` without transform, gathered directly into its destination."""

    is_numpy = True

    def __init__(
        self,
        loader: BatchLoader,
        indices: Any,
        size: int,
        specs: tuple[ArraySpec, ...],
        inputs: int,
    ) -> None:
        self._loader = loader
        self._indices = indices
        self.size = size
        self.specs = specs
        self.inputs = inputs
        self.origin = id(loader)
        self.pixels: Sequence[int] = [place for place in loader.pixels if place < inputs]
        self.total: int | None = None

    def write(self, out: Sequence[Any], views: Sequence[Array] | None) -> None:
        """Write the batch into MXNet arrays."""
        if views is not None:
            self._loader.gather(self._indices, views)
            return
        # On a GPU NumPy cannot write: the batch is gathered first, and copied then.
        for array, part in zip(out, self._gathered(), strict=False):
            array[:] = part

    def numbers(self, index: int) -> Array:
        """Return one of the arrays as a NumPy array."""
        return self._gathered()[index]

    def whole(self, index: int) -> Array:
        """Return the loader's array."""
        return self._loader.arrays[index]

    def arrays(self, ctx: Context, *, np_mode: bool) -> list[Any]:
        """Return the arrays as MXNet arrays on a device."""
        return [memory.copied(part, ctx, np_mode=np_mode) for part in self._gathered()]

    def _gathered(self) -> list[Array]:
        made = [numpy.empty(spec.shape, spec.dtype) for spec in self.specs]
        self._loader.gather(self._indices, made)
        return made


class ReadyBatch:
    """A batch whose arrays, NumPy's or MXNet's, exist already."""

    def __init__(
        self, parts: Sequence[Any], inputs: int, dtype: str | None = None, *, axis: int = 0
    ) -> None:
        """`axis` is that of the label, if there is one, along which samples lie."""
        self.is_numpy = not any(isinstance(part, mx.nd.NDArray) for part in parts[:inputs])
        self._parts = [_of_type(part, dtype) for part in parts]
        shape = self._parts[inputs if len(parts) > inputs else 0].shape
        self.size = int(shape[axis if axis < len(shape) else 0])
        self.specs = tuple(spec_of(part) for part in self._parts)
        self.inputs = inputs
        self.origin = 0
        self.pixels: Sequence[int] = ()
        self.total: int | None = None

    def write(self, out: Sequence[Any], views: Sequence[Array] | None) -> None:
        """Write the batch into MXNet arrays."""
        for index, (array, part) in enumerate(zip(out, self._parts, strict=False)):
            if isinstance(part, mx.nd.NDArray):
                # The graph's arrays are legacy ones; an array of NumPy mode is copied to its like
                # only.
                part.as_nd_ndarray().copyto(array)
            elif views is not None:
                # Cast as MXNet would cast it; NumPy allows no float64 into float32 by default.
                numpy.copyto(views[index], part, casting="unsafe")
            else:
                array[:] = part

    def numbers(self, index: int) -> Array:
        """Return one of the arrays as a NumPy array."""
        return as_numpy(self._parts[index])

    def whole(self, index: int) -> Array:
        """Return one of the arrays as a NumPy array."""
        return self.numbers(index)

    def arrays(self, ctx: Context, *, np_mode: bool) -> list[Any]:
        """Return the arrays as MXNet arrays on a device."""
        return [
            memory.moved(part, ctx, np_mode=np_mode)
            if isinstance(part, mx.nd.NDArray)
            else memory.copied(part, ctx, np_mode=np_mode)
            for part in self._parts
        ]


class EmptyBatch(ReadyBatch):
    """A worker's part without samples, of a batch with fewer samples than workers."""

    def __init__(self, total: int) -> None:
        super().__init__((numpy.zeros(0, "float32"),), 1)
        self.total = total


def _floats(dtype: Any, wanted: str | None) -> str:
    """Return the data type for an array: that of the network for floats."""
    own = numpy.dtype(dtype)
    return wanted if wanted is not None and own.kind == "f" else own.name


def _of_type(part: Any, wanted: str | None) -> Any:
    """Cast data to the network's data type; without one, as Gluon's own functions do.

    These convert NumPy's float64 to float32.
    """
    if isinstance(part, mx.nd.NDArray):
        return part.astype(_floats(part.dtype, wanted), copy=False)
    array = as_numpy(part)
    if wanted is None and array.dtype == numpy.float64:
        wanted = "float32"
    return numpy.ascontiguousarray(array, _floats(array.dtype, wanted))
