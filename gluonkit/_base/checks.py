"""Checks of arguments, and the words that error messages share."""

from __future__ import annotations

import difflib
import math
import operator
import os
import re
import sys
from collections.abc import Iterable
from numbers import Number, Real
from pathlib import Path
from typing import Any

from gluonkit.errors import ArgumentError, ArgumentTypeError


def unknown_name(
    argument: str, got: object, known: Iterable[str], how_to_list: str
) -> ArgumentError | ArgumentTypeError:
    """Build the error for a name that is not among `known`, offering the nearest ones.

    `argument` is the name of the argument, `how_to_list` a sentence that says how to see all names.
    """
    if not isinstance(got, str):
        return ArgumentTypeError(
            f"`{argument}` is {described(got)}; give a name, a str. {how_to_list}"
        )
    # Names are compared without case, and offered as they are written.
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(got.lower(), lower, n=3, cutoff=0.5)
    hint = f" Did you mean {alternatives([lower[name] for name in near])}?" if near else ""
    return ArgumentError(f"`{argument}` is {told(got)}, which is not known.{hint} {how_to_list}")


def last_line(error: BaseException) -> str:
    """Return the last line of an error's message, without the C++ source line that MXNet adds."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return _ORIGIN.sub("", lines[-1]) if lines else "(no message)"


# The time and the C++ source line that MXNet puts before a message.
_ORIGIN = re.compile(r"\[\d\d:\d\d:\d\d\] \S+:\d+: ")


def reason(error: BaseException) -> str:
    """Return why something failed: of an OSError the system's words, without number and file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return last_line(error)


def a_type(value: object) -> str:
    """Return the name of a value's type with its article: ``'an int'``."""
    name = type(value).__name__
    vowel = name[0].lower() in "aeiou" or name.lower().startswith("nd")
    return f"{'an' if vowel else 'a'} {name}"


def described(value: Any) -> str:
    """Describe what was given: short values as they are, with their type; others by their type."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    plain = (str, bytes, Number, tuple, list, dict, set, os.PathLike)
    is_plain = isinstance(value, plain) or is_flag(value)
    return f"{told(value)}, {a_type(value)}" if is_plain else a_type(value)


def told(value: Any) -> str:
    """Return the `repr` of a value in one line, cut off where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def alternatives(names: Iterable[str]) -> str:
    """Join names as a person would: ``'a'``, ``'a' or 'b'``, ``'a', 'b' or 'c'``."""
    quoted = [repr(name) for name in names]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def some(names: Iterable[str], most: int = 5) -> str:
    """Join the first few names with commas, and say how many more there are."""
    shown = list(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def is_of_numpy(value: Any, name: str) -> bool:
    """Return whether a value is of a class of NumPy's, given by its name."""
    # Not imported: this module is there before NumPy is, where gluonkit says that NumPy is missing.
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, getattr(numpy, name))


def is_flag(value: Any) -> bool:
    """Return whether a value is True or False, or NumPy's."""
    return isinstance(value, bool) or is_of_numpy(value, "bool_")


def whole_number(argument: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """Return an integer, NumPy's too, as an int; refuse anything else, naming the argument."""
    allowed = f"give a whole number from {least}{'' if most is None else f' to {most}'}"
    try:
        # `operator.index` takes True for 1.
        whole = None if is_flag(value) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None:
        raise ArgumentTypeError(f"`{argument}` is {described(value)}; {allowed}")
    if whole < least or (most is not None and whole > most):
        raise ArgumentError(f"`{argument}` is {whole}; {allowed}")
    return whole


def is_number(text: str) -> bool:
    """Return whether a text is a whole number such as 12; `str.isdigit` takes more than `int`."""
    return re.fullmatch("[0-9]{1,9}", text) is not None


def rate(argument: str, name: str, value: Any) -> float:
    """Return a rate, such as a learning rate, which must be a finite number from 0.

    `name` is its name in `argument`, where it is an entry of that.
    """
    where = f"`{argument}` has {name} = {value!r:.40}" if name else f"`{argument}` is {value!r:.40}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ArgumentTypeError(f"{where}, {a_type(value)}; give a number from 0")
    if not 0 <= float(value) < math.inf:
        raise ArgumentError(f"{where}; give a number from 0")
    if not in_float32(float(value)):
        raise ArgumentError(f"{where}; MXNet's float32 has 0, and numbers from 1.2e-38 to 3.4e+38")
    return float(value)


_LEAST, _MOST = 2.0**-126, (2 - 2.0**-23) * 2.0**127


def in_float32(value: float) -> bool:
    """Return whether a number is 0, or of a size that MXNet takes for an option of an operator."""
    return value == 0 or _LEAST <= abs(value) <= _MOST


MOST_NUMBERS = 2**31 - 2
"""In an array of MXNet's, along all its axes."""

MOST_BINS = 1_000_000
"""Of a histogram; more take memory, and show nothing."""


_DAY = 24 * 60 * 60


def check_seconds(seconds: float) -> None:
    """Refuse a duration that is not a positive number, or longer than anybody means to measure."""
    # True is an int, and would be a second.
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise ArgumentTypeError(f"`seconds` is {seconds!r}; give a number of seconds")
    if not 0 < seconds <= _DAY:
        raise ArgumentError(
            f"`seconds` is {seconds}; give a positive number of seconds, a day ({_DAY}) at most"
        )


def checked_path(argument: str, path: str | os.PathLike[str]) -> Path:
    """Return a path, with ``~`` expanded; refuse anything but a path."""
    if isinstance(path, str) and not path.strip():
        raise ArgumentError(f"`{argument}` is {path!r}, which is empty; give a path")
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"`{argument}` is {described(path)}; give a path")
    try:
        # Fails for what no file system can name, such as a lone surrogate.
        os.fsencode(path)
        if "\0" in str(path):
            raise ValueError("it has a zero in it")
        return Path(path).expanduser()
    except (RuntimeError, ValueError) as error:  # an unknown user, or a name that is not allowed
        given = repr(str(path))
        raise ArgumentError(f"`{argument}` is {given:.80}, which is no path: {error}") from None
