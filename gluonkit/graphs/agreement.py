"""Whether two runs of a network gave the same numbers, to float rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import mxnet as mx
import numpy

from gluonkit._base.kinds import Array
from gluonkit.tracing.inputs import leaves

TOLERANCE = {"float16": 1e-2, "float32": 1e-5, "float64": 1e-10}
"""Largest difference allowed, relative to the largest magnitude of the array compared."""


Arrays = dict[str, Array]
"""Arrays by what they are, as a person would call them: 'output 0'."""


def arrays(output: Any) -> list[Array]:
    """Return a network's nested output as a flat list of NumPy arrays."""
    return [
        array.asnumpy() if isinstance(array, mx.nd.NDArray) else array
        for array in leaves(output)
        if isinstance(array, (mx.nd.NDArray, numpy.ndarray))
    ]


def disagreement(
    expected: Mapping[str, Array],
    got: Mapping[str, Array],
    slack: Callable[[], Mapping[str, float]] | None = None,
    *,
    tolerance: float | None = None,
) -> str:
    """Say how `got` differs from `expected`, array by array; empty when they agree.

    `slack`, called once and only if needed, returns further absolute tolerances, by array.

    `tolerance` takes the place of `TOLERANCE`.

    NaN agrees with NaN, and infinities of one sign agree, so that networks with such outputs can be
    compared too.
    """
    # As lists, so that another order counts as different, too.
    if list(expected) != list(got):
        return f"has {', '.join(got) or 'nothing'} where eager has {', '.join(expected)}"
    further: Mapping[str, float] | None = None
    for name, reference in expected.items():
        allowed = TOLERANCE.get(reference.dtype.name, 0.0) if tolerance is None else tolerance
        difference = _array_disagreement(reference, got[name], allowed, 0.0)
        if difference and slack is not None:
            # Once for all arrays: it may take several passes, and a deep network has hundreds.
            further = slack() if further is None else further
            difference = _array_disagreement(reference, got[name], allowed, further.get(name, 0.0))
        if difference:
            return f"{name} {difference}"
    return ""


def gap(expected: Array, got: Array) -> tuple[float, float]:
    """Return the largest difference of two arrays, and the largest finite expected number.

    NaN equals NaN, and infinities of one sign are equal; otherwise the difference of numbers that
    are not finite is inf or NaN.
    """
    # In float64: unsigned numbers wrap around below 0, and differences of large float16 overflow.
    left, right = expected.astype("float64"), got.astype("float64")
    # Equal ones are left out first, as inf - inf is NaN.
    other = ~((left == right) | (numpy.isnan(left) & numpy.isnan(right)))
    with numpy.errstate(invalid="ignore"):
        difference = numpy.abs(left[other] - right[other]).max(initial=0.0)
    return float(difference), float(numpy.abs(left[numpy.isfinite(left)]).max(initial=0.0))


def _array_disagreement(expected: Array, got: Array, tolerance: float, slack: float) -> str:
    if expected.shape != got.shape:
        return f"has shape {got.shape}, eager {expected.shape}"
    if expected.dtype != got.dtype:
        return f"has dtype {got.dtype}, eager {expected.dtype}"
    difference, largest = gap(expected, got)
    if not math.isfinite(difference):
        return "is not finite in the same places as eager"
    if difference <= max(tolerance * largest, slack):
        return ""
    return (
        f"differs from eager by {difference:.2g}, where the largest value is {largest:.2g} "
        f"(allowed: {tolerance:g} of it)"
    )
