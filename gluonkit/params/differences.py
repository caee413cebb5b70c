"""What two networks, or files of parameters, have in common and what not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import described
from gluonkit._base.kinds import Array
from gluonkit._base.specs import shape_text
from gluonkit._base.tables import Column, Shown
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.files.reading import read_arrays
from gluonkit.params.sharing import shared
from gluonkit.tracing.tree import all_paths, check_net, known_shape

Status = Literal[
    "only in first", "only in second", "shape", "dtype", "no values", "values", "equal"
]


@dataclass(frozen=True)
class ParameterDiff(Shown):
    """How one parameter compares.

    Attributes
    ----------
    path : str
        Its structural path, or its name in the file.
    status : Status
        'equal', or the first difference: 'only in first', 'only in second', 'shape', 'dtype',
        'values'; 'no values' if one side has none yet.
    first, second : str
        Shape and data type on each side, as text; '' if it is missing there.
    largest_absolute : float or None
        Largest difference of two numbers, inf where only one is finite; None when the values were
        not compared.
    largest_relative : float or None
        Largest difference relative to the larger of the two numbers.
    differing : int
        How many numbers differ.
    """

    path: str
    status: Status
    first: str
    second: str
    largest_absolute: float | None = None
    largest_relative: float | None = None
    differing: int = 0


@dataclass(frozen=True, repr=False)
class Diff(Shown):
    """The differences. True if there are any: ``if params.diff(a, b): ...``.

    Attributes
    ----------
    parameters : tuple of ParameterDiff
        One record for each parameter of either side, also for equal ones.
    tied_first, tied_second : tuple of tuple of str
        Groups of paths that are one array on that side only.
    """

    parameters: tuple[ParameterDiff, ...]
    tied_first: tuple[tuple[str, ...], ...] = ()
    tied_second: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.tied_first or self.tied_second)

    @property
    def changed(self) -> tuple[ParameterDiff, ...]:
        """The parameters that are not equal."""
        return tuple(parameter for parameter in self.parameters if parameter.status != "equal")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        same = len(self.parameters) - len(self.changed)
        parts = [tables.text_table(self.changed, _COLUMNS)] if self.changed else []
        parts += [f"one array only in the first: {' = '.join(group)}" for group in self.tied_first]
        parts += [
            f"one array only in the second: {' = '.join(group)}" for group in self.tied_second
        ]
        return "\n".join(
            [*parts, f"{same} of {len(self.parameters)} parameters are equal{self._but}"]
        )

    @property
    def _but(self) -> str:
        blank = sum(
            parameter.status == "equal" and parameter.largest_absolute is None
            for parameter in self.parameters
        )
        return f" ({blank} in shape only, having no values on either side)" if blank else ""

    def _repr_html_(self) -> str:
        title = f"{len(self.parameters) - len(self.changed)} of {len(self.parameters)} equal"
        return tables.html_table(self.changed, _COLUMNS, title=title)


@dataclass(frozen=True)
class _Side:
    """One side of the comparison: the parameters, or arrays, by path."""

    arrays: Mapping[str, Any]  # path -> NDArray, NumPy array, or Parameter without values
    names: Mapping[str, str]  # MXNet's name -> path; empty for a file
    tied: tuple[tuple[str, ...], ...] | None  # None for a file, in which this is unknown


@checked
def diff(first: Any, second: Any) -> Diff:
    """Compare two networks, a network and a file, or two files, parameter by parameter.

    Parameters
    ----------
    first, second : gluon.Block, mapping or Path
        A Gluon block; the path of a file that MXNet wrote (``save_parameters``, ``export``,
        ``collect_params().save``, ``nd.save`` of a dictionary); or a dictionary of arrays. A file
        with MXNet's names (``dense0_weight``) is matched to a network by them.

    Returns
    -------
    Diff
        One record for each parameter of either side.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For a file that cannot be read or has no names, and for arguments of another kind.

    Examples
    --------
    >>> import gluonkit as gk
    >>> a, b = gk.create_model("mlp", init=True), gk.create_model("mlp", init=True)
    >>> _ = gk.materialize(a, (1, 20)), gk.materialize(b, (1, 20))
    >>> [record.path for record in gk.params.diff(a, b).changed]
    ['0.weight', '1.weight']
    >>> bool(gk.params.diff(a, a))
    False
    """
    left, right = _side(first, "first"), _side(second, "second")
    left, right = _by_path(left, right.names), _by_path(right, left.names)
    paths = [*left.arrays, *(path for path in right.arrays if path not in left.arrays)]
    compared = tuple(_compared(path, left.arrays, right.arrays) for path in paths)
    if left.tied is None or right.tied is None:
        return Diff(compared)
    only = [group for group in left.tied if group not in right.tied]
    return Diff(
        compared, tuple(only), tuple(group for group in right.tied if group not in left.tied)
    )


def _side(given: Any, argument: str) -> _Side:
    if isinstance(given, (str, os.PathLike)):
        return _Side(_loaded(Path(given), argument), {}, None)
    if isinstance(given, Mapping):
        for name, array in given.items():
            if not hasattr(array, "dtype"):
                raise ArgumentTypeError(
                    f"`{argument}` has {described(array)} for {name!r}; give arrays by name"
                )
        return _Side(dict(given), {}, None)
    try:
        check_net(given)
    except ArgumentTypeError as error:
        text = str(error).replace("`net`", f"`{argument}`")
        raise ArgumentTypeError(f"{text}, the path of a file, or a dictionary") from None
    parameters = dict(all_paths(given))
    arrays = {
        # The first device stands for all: a Trainer keeps the copies equal.
        path: parameter if parameter._data is None else parameter._data[0]
        for path, parameter in parameters.items()
    }
    names: dict[str, str] = {}
    for path, parameter in parameters.items():
        # A shared parameter has one name and several paths.
        names.setdefault(parameter.name, path)
    return _Side(arrays, names, shared(given))


def _loaded(path: Path, argument: str) -> dict[str, Any]:
    if not path.is_file():
        raise ArgumentError(f"`{argument}` is {str(path)!r}, and there is no such file")
    contents = read_arrays(path)
    if not contents.named:
        raise ArgumentError(
            f"`{argument}` is {str(path)!r}, which holds {len(contents.entries)} arrays without "
            "names; parameters are compared by name"
        )
    arrays = {name: contents.array(name) for name in contents.parameters}
    # A shared array is in the file once, and is compared under each of its names.
    arrays |= {name: contents.array(first) for name, first in contents.tied.items()}
    # `HybridBlock.export` marks parameters and running statistics in their names.
    return {name.removeprefix("arg:").removeprefix("aux:"): array for name, array in arrays.items()}


def _by_path(side: _Side, names: Mapping[str, str]) -> _Side:
    """Rename a file's arrays from MXNet's names to the paths of the network on the other side."""
    known = [name for name in side.arrays if name in names]
    # A file that has a path of the network is one of paths, whatever else it is called.
    if side.names or not known or any(path in side.arrays for path in names.values()):
        return side
    return _Side({names.get(k, k): v for k, v in side.arrays.items()}, {}, side.tied)


def _compared(path: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> ParameterDiff:
    if path not in right:
        return ParameterDiff(path, "only in first", _described(left[path]), "")
    if path not in left:
        return ParameterDiff(path, "only in second", "", _described(right[path]))
    one, two = left[path], right[path]
    texts = _described(one), _described(two)
    if _shape(one) != _shape(two):
        return ParameterDiff(path, "shape", *texts)
    if numpy.dtype(one.dtype) != numpy.dtype(two.dtype):
        return ParameterDiff(path, "dtype", *texts)
    if isinstance(one, gluon.Parameter) or isinstance(two, gluon.Parameter):
        neither = isinstance(one, gluon.Parameter) and isinstance(two, gluon.Parameter)
        return ParameterDiff(path, "equal" if neither else "no values", *texts)
    absolute, relative, count = difference(_numpy(one), _numpy(two))
    return ParameterDiff(path, "values" if count else "equal", *texts, absolute, relative, count)


def difference(one: Array, two: Array) -> tuple[float, float, int]:
    """Return the largest absolute and relative difference, and how many numbers differ.

    NaN equals NaN, and infinities of one sign are equal; if only one number is finite, the
    difference is inf.
    """
    # As they are: as float64, whole numbers beyond 2^53 would be equal to their neighbours.
    same = (one == two) | (numpy.isnan(one) & numpy.isnan(two))
    if same.all():
        return 0.0, 0.0, 0
    # Wider, as float16 overflows and whole numbers wrap around when they are subtracted.
    wide = "longdouble" if one.dtype.kind in "iu" else "float64"
    left, right = one[~same].astype(wide), two[~same].astype(wide)
    # The difference to an infinity is inf, and relative to it NaN.
    finite = numpy.isfinite(left) & numpy.isfinite(right)
    if not finite.all():
        return float("inf"), float("inf"), len(left)
    gap = numpy.abs(left - right)
    scale = numpy.maximum(numpy.abs(left), numpy.abs(right))
    return float(gap.max()), float((gap / scale).max()), len(left)


def _shape(array: Any) -> tuple[int | None, ...] | None:
    return known_shape(array) if isinstance(array, gluon.Parameter) else tuple(array.shape)


def _numpy(array: Any) -> Array:
    return array.asnumpy() if isinstance(array, mx.nd.NDArray) else numpy.asarray(array)


def _described(array: Any) -> str:
    dtype = numpy.dtype(array.dtype).name
    return shape_text(_shape(array)) + ("" if dtype == "float32" else f" {dtype}")


def _gap(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


_COLUMNS = (
    Column("path", lambda record: record.path),
    Column("differs in", lambda record: record.status),
    Column("first", lambda record: record.first, drop=3),
    Column("second", lambda record: record.second, drop=3),
    Column("largest difference", lambda record: _gap(record.largest_absolute), "right"),
    Column("relative", lambda record: _gap(record.largest_relative), "right", drop=2),
    Column(
        "numbers",
        lambda record: f"{record.differing:,}" if record.differing else "–",
        "right",
        drop=1,
    ),
)
