"""Lines of a diagnosis, within 80 columns."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Sequence

from gluonkit._base import tables
from gluonkit._base.tables import Column
from gluonkit.diagnosis.parts import ArrayInfo

WIDTH = 80
_TITLE = 12
LINE = WIDTH - _TITLE
"""Columns that a program has beside the titles."""
COLUMNS = (
    Column("array", lambda array: array.name),
    Column("shape", lambda array: "×".join(map(str, array.shape)) or "()"),
    Column("dtype", lambda array: array.dtype),
    Column("memory", lambda array: tables.memory(array.bytes), "right"),
)


def command_lines(command: str) -> list[str]:
    """Return a command in lines that a shell takes as one; options stay with their values."""
    words: list[str] = []
    for word in map(shlex.quote, shlex.split(command)):
        if words and re.fullmatch("--?[a-z-]+", words[-1]):
            words[-1] += f" {word}"
        else:
            words.append(word)
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + len(" " + " \\") <= LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}" if lines else f"$ {word}")
    return [line + " \\" for line in lines[:-1]] + lines[-1:]


def hindrance(text: str) -> list[str]:
    """Return what stands in the way, in lines."""
    return textwrap.wrap(
        f"! {text}",
        LINE,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def line(title: str, text: str, *, width: int = _TITLE) -> str:
    """Return a title with its text."""
    return tables.hanging(f"{title:{width}}", text, width=WIDTH)


def block(title: str, lines: list[str]) -> list[str]:
    """Return a title with its lines."""
    return [f"{title if not number else '':{_TITLE}}{line}" for number, line in enumerate(lines)]


def table(arrays: Sequence[ArrayInfo], most: int | None) -> list[str]:
    """Return the first arrays as lines of a table, and how many more there are."""
    if not arrays:
        return []
    shown = arrays if most is None or len(arrays) <= most + 1 else arrays[:most]
    left = len(arrays) - len(shown)
    more = [f"… and {left} more; `gluonkit inspect --arrays` shows all"] if left else []
    return [tables.text_table(shown, COLUMNS, limit=WIDTH), *more]
