"""Statistics of parameters and their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy
from mxnet import gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import MOST_BINS, whole_number
from gluonkit._base.kinds import Array
from gluonkit._base.tables import Column, Shown
from gluonkit.errors import StateError
from gluonkit.params.records import collect
from gluonkit.params.select import Patterns, ready

NONE = "–"


@dataclass(frozen=True)
class ArrayStats(Shown):
    """Statistics of one array. Numbers that are not finite count in `nan` and `inf` only.

    Attributes
    ----------
    size : int
        Number of elements.
    min, max, mean, std : float
        Of the finite numbers; NaN if there are none. `std` divides by the number of values, as
        `numpy.std` does.
    norm : float
        Euclidean norm of the finite numbers.
    zeros, nan, inf : int
        How many numbers are zero, NaN, and infinite.
    histogram : tuple of int
        Counts in equal bins between `min` and `max`.
    """

    size: int
    min: float
    max: float
    mean: float
    std: float
    norm: float
    zeros: int
    nan: int
    inf: int
    histogram: tuple[int, ...]

    @property
    def finite(self) -> bool:
        """Whether all numbers are finite."""
        return not self.nan and not self.inf


@dataclass(frozen=True)
class ParameterStats(Shown):
    """Statistics of one parameter.

    Attributes
    ----------
    path : str
        The parameter's path.
    shape : tuple of int
        Its shape.
    values : ArrayStats
        Statistics of its values.
    gradient : ArrayStats or None
        Statistics of its gradient; None where it has none.
    """

    path: str
    shape: tuple[int, ...]
    values: ArrayStats
    gradient: ArrayStats | None


class ParametersStats(Shown, tuple[ParameterStats, ...]):
    """Statistics of several parameters. `str()` gives the table."""

    __slots__ = ()

    def to_dict(self) -> list[dict[str, Any]]:
        """Return everything as plain data, ready for JSON."""
        return [asdict(record) for record in self]

    def to_csv(self) -> str:
        """Return one line per array: a parameter's values, and its gradient."""
        names = [name for name in ArrayStats.__dataclass_fields__ if name != "histogram"]
        rows = (
            {"path": record.path, "of": what} | {name: getattr(stats, name) for name in names}
            for record, what, stats in _lines(self)
        )
        return tables.csv_text(["path", "of", *names], rows)

    def __str__(self) -> str:
        return tables.text_table(_lines(self), _COLUMNS)

    def _repr_html_(self) -> str:
        return tables.html_table(_lines(self), _COLUMNS)


@checked
def stats(net: gluon.Block, pattern: Patterns = "*", *, bins: int = 30) -> ParametersStats:
    """Return statistics of the parameters' values and gradients.

    Values are those of the first device. A gradient that was never computed is zero.

    Parameters
    ----------
    net : gluon.Block
        A network whose selected parameters have values.
    pattern : str, re.Pattern or sequence of these, default '*'
        As for `collect`.
    bins : int, default 30
        Number of bins of each histogram.

    Returns
    -------
    ParametersStats
        One record for each parameter.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `bins` is not a whole number from 1.
    StateError
        When a selected parameter has no values yet.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nd
    >>> net = gk.create_model("mlp", init="zeros")
    >>> output = net(nd.ones((1, 20)))
    >>> weight = gk.params.stats(net, "0.weight")[0]
    >>> weight.values.size, weight.values.zeros, weight.values.norm
    (5120, 5120, 0.0)
    """
    bins = whole_number("bins", bins, most=MOST_BINS)
    records = []
    for record in ready(collect(net, pattern)):
        parameter = record.parameter
        values = parameter.list_data()[0].asnumpy()
        gradient = None
        # `list_grad` raises for a parameter without gradients.
        if record.grad_req != "null":
            gradient = array_stats(parameter.list_grad()[0].asnumpy(), bins)
        records.append(
            ParameterStats(record.path, values.shape, array_stats(values, bins), gradient)
        )
    return ParametersStats(records)


def array_stats(array: Array, bins: int = 30) -> ArrayStats:
    """Return the statistics of a NumPy array of numbers."""
    # Sums of float16 overflow, and float32 loses digits in long ones.
    numbers = array.astype("float64").ravel()
    finite = numbers[numpy.isfinite(numbers)]
    some = finite.size > 0
    return ArrayStats(
        size=int(numbers.size),
        min=float(finite.min()) if some else math.nan,
        max=float(finite.max()) if some else math.nan,
        mean=float(finite.mean()) if some else math.nan,
        std=float(finite.std()) if some else math.nan,
        norm=float(numpy.sqrt((finite**2).sum())),
        zeros=int((numbers == 0).sum()),
        nan=int(numpy.isnan(numbers).sum()),
        inf=int(numpy.isinf(numbers).sum()),
        histogram=_histogram(finite, bins),
    )


def _histogram(finite: Array, bins: int) -> tuple[int, ...]:
    """Count in equal bins from minimum to maximum; all in the middle bin if those are equal."""
    if not finite.size:
        return (0,) * bins
    low, high = float(finite.min()), float(finite.max())
    width = (high - low) / bins
    # Numbers that differ in the last digit only have a width of 0, the largest ones an infinite
    # one.
    if not width > 0 or not math.isfinite(width):
        return tuple(int(finite.size) if index == bins // 2 else 0 for index in range(bins))
    # The greatest number is the upper end of the last bin, and would begin another.
    place = numpy.minimum(((finite - low) / width).astype("int64"), bins - 1)
    return tuple(int(count) for count in numpy.bincount(place, minlength=bins))


@checked
def check_finite(net: gluon.Block, pattern: Patterns = "*", *, gradients: bool = True) -> None:
    """Raise when a value, or a gradient, is NaN or infinite, naming every parameter concerned.

    Parameters
    ----------
    net : gluon.Block
        A network whose selected parameters have values.
    pattern : str, re.Pattern or sequence of these, default '*'
        As for `collect`.
    gradients : bool, default True
        Whether to check gradients too.

    Raises
    ------
    StateError
        That names the parameters, and how much of each is not finite; also when a selected
        parameter has no values yet.
    """
    bad = []
    for record, what, numbers in _lines(stats(net, pattern, bins=1)):
        if not numbers.finite and (gradients or what == "values"):
            counts = {"NaN": numbers.nan, "inf": numbers.inf}
            amount = " and ".join(f"{count} {kind}" for kind, count in counts.items() if count)
            bad.append(f"{record.path} ({what}: {amount} of {numbers.size})")
    if bad:
        raise StateError(f"not finite: {', '.join(bad)}")


def _lines(stats: Sequence[ParameterStats]) -> list[tuple[ParameterStats, str, ArrayStats]]:
    """Return one line for each parameter's values, and one for its gradient if it has one."""
    lines = []
    for record in stats:
        lines.append((record, "values", record.values))
        if record.gradient is not None:
            lines.append((record, "gradient", record.gradient))
    return lines


def _number(name: str) -> Column:
    return Column(name, lambda line: f"{getattr(line[2], name):.3g}", "right")


def _amount(name: str) -> Column:
    return Column(name, lambda line: f"{getattr(line[2], name):,}" or NONE, "right")


_COLUMNS = (
    Column("path", lambda line: line[0].path if line[1] == "values" else ""),
    Column("of", lambda line: line[1]),
    *map(_number, ("min", "max", "mean", "std", "norm")),
    *map(_amount, ("size", "zeros", "nan", "inf")),
)
