"""A network's inputs, given as arrays or as shapes, in any nesting of lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import mxnet as mx
import numpy
from mxnet.util import is_np_array

from gluonkit._base.checks import MOST_NUMBERS, described
from gluonkit._base.kinds import Context
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentError, ArgumentTypeError

_DTYPES = {"float16", "float32", "float64", "uint8", "int8", "int32", "int64", "bool"}
"""The data types that MXNet's arrays can have."""


def leaves(nested: Any) -> Iterator[Any]:
    """Yield the leaves of nested lists, tuples and dictionaries, without None."""
    if isinstance(nested, (list, tuple, Mapping)):
        for part in nested.values() if isinstance(nested, Mapping) else nested:
            yield from leaves(part)
    elif nested is not None:
        yield nested


def mapped(function: Callable[[Any], Any], nested: Any) -> Any:
    """Apply a function to each leaf; the nesting and every None stay."""
    if isinstance(nested, Mapping):
        return {key: mapped(function, part) for key, part in nested.items()}
    if isinstance(nested, (list, tuple)):
        parts = [mapped(function, part) for part in nested]
        # A named tuple takes its parts one by one, other tuples take them together.
        return type(nested)(*parts) if hasattr(nested, "_fields") else type(nested)(parts)
    return None if nested is None else function(nested)


def spec_of(array: Any) -> ArraySpec:
    """Return the shape and data type of an MXNet or NumPy array."""
    return ArraySpec(tuple(array.shape), numpy.dtype(array.dtype).name)


def parse_inputs(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return the inputs with every shape as an `ArraySpec`, and every array as it is.

    A shape is a tuple of whole numbers; with a data type other than float32 it is a pair,
    ``((2, 12), "int32")``. A list is a nested input. None stays None.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For inputs that are neither array nor shape, with their position.
    """
    return tuple(_parsed(given, f"input {index}") for index, given in enumerate(inputs, 1))


def _parsed(given: Any, where: str) -> Any:
    if given is None or isinstance(given, (mx.nd.NDArray, ArraySpec)):
        return given
    if isinstance(given, numpy.ndarray):
        _dtype(given.dtype, where)
        return given
    if isinstance(given, list):
        return [_parsed(part, f"{where}[{index}]") for index, part in enumerate(given)]
    if not isinstance(given, tuple):
        raise ArgumentTypeError(
            f"{where} is {described(given)}; give an array, a shape such as "
            '(1, 3, 224, 224), or a shape and a data type: ((2, 12), "int32")'
        )
    # ((2, 12), "int32") begins with a shape, but so does ((2, 12), (2, 1)), two inputs.
    if len(given) == 2 and isinstance(given[0], (tuple, list)) and not _is_arrays(given):
        return ArraySpec(_shape(tuple(given[0]), where), _dtype(given[1], where))
    if _is_arrays(given):
        return tuple(_parsed(part, f"{where}[{index}]") for index, part in enumerate(given))
    return ArraySpec(_shape(given, where))


def _is_arrays(given: tuple[Any, ...]) -> bool:
    """Return whether a tuple nests inputs rather than being a shape, or a shape and a dtype."""
    return any(isinstance(part, (mx.nd.NDArray, numpy.ndarray)) for part in leaves(given)) or (
        bool(given) and all(isinstance(part, (tuple, list)) for part in given)
    )


def _shape(given: tuple[Any, ...], where: str) -> tuple[int, ...]:
    # MXNet writes an unknown size as 0.
    whole = [isinstance(size, (int, numpy.integer)) and size > 0 for size in given]
    # To Python, True is a whole number.
    if not all(whole) or any(isinstance(size, bool) or size > MOST_NUMBERS for size in given):
        raise ArgumentError(
            f"{where} is {given!r}, which is no shape; give whole numbers from 1 "
            f"to {MOST_NUMBERS}, batch axis first, such as (1, 3, 224, 224)"
        )
    return tuple(int(size) for size in given)


def _dtype(given: Any, where: str) -> str:
    try:
        if given is None:  # NumPy's float64
            raise TypeError
        name = numpy.dtype(given).name
    except TypeError:
        raise ArgumentError(
            f"{where} has the data type {given!r}, which NumPy does not know; give one such as "
            '"int32"'
        ) from None
    if name not in _DTYPES:
        raise ArgumentError(
            f"{where} has the data type {name}, which MXNet does not have; give one such as "
            '"float32"'
        )
    return name


def check_size(spec: ArraySpec) -> None:
    """Refuse a shape of which MXNet can make no array."""
    if spec.size > MOST_NUMBERS:
        raise ArgumentError(
            f"an input of shape {spec.shape} has {spec.size} numbers; an array of MXNet's has "
            f"{MOST_NUMBERS} at most"
        )


def as_spec(given: Any) -> Any:
    """Return the `ArraySpec` of a leaf that is an array or is one already."""
    return given if isinstance(given, ArraySpec) else spec_of(given)


def as_array(given: Any, ctx: Context) -> Any:
    """Return a leaf as an MXNet array of the active mode; for a shape, a generated one.

    Generated floats are in [0, 1), integers are 0, and MXNet's random stream does not advance.
    """
    if isinstance(given, mx.nd.NDArray):
        return given.as_np_ndarray() if is_np_array() else given.as_nd_ndarray()
    if isinstance(given, ArraySpec):
        check_size(given)
        numbers = numpy.zeros(given.shape, given.dtype)
        if numbers.dtype.kind == "f":
            # A generator of its own, as NumPy's global stream is the program's.
            numbers += numpy.random.default_rng(0).random(given.shape, "float32")
        given = numbers
    # Both make float32 of any NumPy array unless a type is given.
    make = mx.np.array if is_np_array() else mx.nd.array
    return make(given, dtype=given.dtype, ctx=ctx)
