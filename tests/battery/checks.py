"""The checks of the battery: functions of a case that raise an AssertionError."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import numpy

from gluonkit import autograd, gluon
from gluonkit.errors import LossWarning
from gluonkit.tracing.inputs import leaves
from gluonkit.train.step import likeness
from tests.battery.case import Case

CHECKS: dict[str, Callable[[Case], None]] = {}
"""All checks by name. Each is called inside `case.mode()`."""

ALONE = ("engines",)
"""Checks that want a process of their own.

Once an engine has computed with AMX, the kernel writes more at a signal than there is room for on
the stack that pytest's faulthandler sets up: the next SIGINT is a segmentation fault.
"""

ROUNDING = {"float16": 1e-2, "float32": 2e-5, "float64": 1e-10}
"""Largest difference allowed, as a part of the largest number of what is compared."""

REFUSALS = (
    "a float16 network",
    "cannot be converted to ONNX",
    "does not take a batch of another size",
    "Could not find an implementation",  # ONNX Runtime has not every operator in float64
    "does not support double",
)
"""What ONNX is refused for."""


class NotForThisCaseError(Exception):
    """What is checked is not possible with this network, and is not promised for it."""


def battery_check(function: Callable[[Case], None]) -> Callable[[Case], None]:
    """Register ``check_NAME``."""
    CHECKS[function.__name__.removeprefix("check_")] = function
    return function


def run_check(name: str, case: Case) -> bool:
    """Run a check in the case's mode; return whether it was possible for this network."""
    calls = nullcontext() if name == "branch" else _one_computation()
    with case.mode(), calls, warnings.catch_warnings():
        # Any loss is given to any network.
        warnings.simplefilter("ignore", LossWarning)
        try:
            CHECKS[name](case)
        except NotForThisCaseError:
            return False
    return True


@contextmanager
def _one_computation() -> Iterator[None]:
    """Fail where a graph differs from the network's calls, which gluonkit would then fall back on.

    A network that does not tell arrays from symbols must not; a fault of a graph is not to hide.
    """
    compare = likeness._difference

    def told(comparison: Any) -> str:
        difference = compare(comparison)
        assert not difference, f"the graph's {difference}"
        return difference

    with patch.object(likeness, "_difference", told):
        yield


def eager(net: gluon.Block, arrays: Sequence[Any]) -> list[Any]:
    """Return the outputs of a network as a flat list of NumPy arrays, by Gluon itself."""
    with autograd.pause(train_mode=False):
        return [leaf.asnumpy() for leaf in leaves(net(*arrays))]


def reference(case: Case, arrays: Sequence[Any], seed: int = 0) -> list[Any]:
    """Return what plain Gluon, never hybridized, gives for NumPy arrays."""
    net = case.build(seed)
    net.hybridize(active=False)
    return eager(net, case.given(list(arrays)))


def can_run(case: Case) -> bool:
    """Return whether plain Gluon runs a case at all, and as it is meant to be run."""
    with case.mode():
        try:
            outputs = reference(case, case.arrays())
            again = eager(case.build(), case.given(case.arrays()))
        except Exception:  # whatever MXNet raises
            return False
    return all(numpy.isfinite(output).all() for output in (*outputs, *again))


def can_hybridize(case: Case, arrays: Sequence[Any]) -> bool:
    """Return whether plain Gluon can run a case hybridized."""
    net = case.build()
    net.hybridize()
    try:
        eager(net, case.given(list(arrays)))
    except Exception:  # whatever MXNet raises
        return False
    return True


def assert_close(
    got: Any,
    expected: Any,
    what: str,
    *,
    rounding: float | None = None,
    doubt: Callable[[], list[Any]] | None = None,
) -> None:
    """Compare two arrays, or two flat lists of them, to float rounding.

    `doubt`, asked where they differ by more, gives by how much rounding changes each of a list.
    """
    if isinstance(expected, (list, tuple)):
        assert len(got) == len(expected), f"{what}: {len(got)} outputs, expected {len(expected)}"
        for index, (one, other) in enumerate(zip(got, expected, strict=True)):
            try:
                assert_close(one, other, f"{what}, output {index}", rounding=rounding)
            except AssertionError:
                if doubt is None or one.shape != other.shape or one.dtype != other.dtype:
                    raise
                difference = abs(one.astype("float64") - other).max()
                if not difference <= 16 * doubt()[index].max():
                    raise
        return
    got, expected = numpy.asarray(got), numpy.asarray(expected)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    assert got.dtype == expected.dtype, f"{what}: dtype {got.dtype}, expected {expected.dtype}"
    if not expected.size:
        return
    allowed = ROUNDING.get(expected.dtype.name, 0.0) if rounding is None else rounding
    one, other = got.astype("float64"), expected.astype("float64")
    assert numpy.isfinite(other).all(), f"{what}: the reference is not finite"
    assert numpy.isfinite(one).all(), f"{what}: not finite"
    largest, difference = abs(other).max(), abs(one - other).max()
    assert difference <= allowed * largest, (
        f"{what}: differs by {difference:.3g}, where the largest number is {largest:.3g}"
    )
