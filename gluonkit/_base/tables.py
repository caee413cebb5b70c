"""Numbers as people read them, and tables whose columns are data."""

from __future__ import annotations

import contextlib
import csv
import inspect
import io
import math
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, TextIO

WIDTH = 100
"""Columns of text that tables keep within where there is no terminal."""


def width(most: int | None = None) -> int:
    """Return how many columns of text there are: the terminal's, or `WIDTH` where there is none.

    `most` is for sentences, which are hard to read in long lines.
    """
    columns = terminal_width(sys.stdout) or WIDTH
    return columns if most is None else min(columns, most)


def terminal_width(stream: TextIO) -> int:
    """Return how many columns the terminal of a stream has; 0 where there is none.

    The variable COLUMNS, which programs of terminals obey, comes first.
    """
    given = os.environ.get("COLUMNS", "")
    columns = int(given) if given.isascii() and given.isdigit() else 0
    if not columns and stream.isatty():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            columns = os.get_terminal_size(stream.fileno()).columns
    # Some terminals have no columns, or too few to show anything.
    return max(columns, _NARROWEST) if columns else 0


TOO_NARROW = "Too narrow to show: "
"""What the sentence below a table begins with that names the columns left out."""

_NARROWEST = 40
_READABLE = 20  # columns for text that is broken into lines
_SAID = 32  # columns for text that ends in … where it is longer


@dataclass(frozen=True)
class Column:
    """One column of a table: its header, how to get a cell's text from a row, its alignment.

    Where a table is too wide, the columns that have a `drop` are left out, 1 first; 0 never is.
    With `shorten`, text that is too long ends in … after a whole word, rather than go on below.
    """

    header: str
    value: Callable[[Any], str]
    align: Literal["left", "right"] = "left"
    drop: int = 0
    shorten: bool = False


def seconds(value: float) -> str:
    """Format a duration in seconds with three significant digits: ``'13.7 µs'``."""
    if not math.isfinite(value):
        return str(value)
    for limit, scale, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        # From there on three digits round up to 1000, which is 1.00 of the next unit.
        if abs(value) < limit * 0.9995:
            return f"{significant(value * scale)} {unit}"
    return f"{significant(value)} s"


def count(value: float) -> str:
    """Format a count with three significant digits at the most: ``'7'``, ``'12,300'``."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) < 100:
        return str(value) if isinstance(value, int) else significant(value)
    return f"{round(value, 3 - len(str(int(abs(value))))):,.0f}"


def significant(value: float) -> str:
    """Format with three significant digits and no exponent: ``'1.30'``, ``'13.0'``, ``'130'``."""
    if value == 0:
        return "0"
    # Rounded to three digits first: 9.996 is 10.0, with one decimal less than 9.99.
    decimals = 2 - math.floor(math.log10(abs(float(f"{value:.2e}"))))
    return f"{value:,.{max(0, decimals)}f}"


def scaled(value: float) -> str:
    """Format a whole number exactly below a million, else shortened: ``'3.86 G'``."""
    for scale, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= scale * 0.9995:
            return f"{significant(value / scale)} {unit}"
    return f"{value:,.0f}"


def memory(size: float) -> str:
    """Format a size in bytes: ``'512 B'``, ``'241 KiB'``, ``'97.5 MiB'``."""
    if abs(size) < 1024:
        return f"{size:,.0f} B"
    for exponent, unit in ((1, "KiB"), (2, "MiB")):
        # 1023.5 KiB would be shown as 1024 KiB.
        if abs(size) < 1023.5 * 1024**exponent:
            return f"{significant(size / 1024**exponent)} {unit}"
    return f"{significant(size / 1024**3)} GiB"


def shape(dimensions: Sequence[int]) -> str:
    """Format a shape as it is typed at the command line: ``'1x3x224x224'``."""
    return "x".join(str(dimension) for dimension in dimensions)


class Shown:
    """Base class whose `repr` is its `str`: the prompt shows a table without `print`.

    A notebook shows it in a monospaced font, unless a class has better HTML.
    """

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


class Facts(Shown):
    """Base class of what is shown as names with texts, in two columns."""

    def facts(self) -> dict[str, str]:
        """Return the texts by name; empty ones are left out."""
        raise NotImplementedError

    def __str__(self) -> str:
        facts = self.facts()
        width = max(map(len, facts))
        return "\n".join(hanging(f"{name:{width}}  ", text) for name, text in facts.items() if text)

    def _repr_html_(self) -> str:
        columns = (Column("", lambda fact: fact[0]), Column("", lambda fact: fact[1]))
        return html_table([fact for fact in self.facts().items() if fact[1]], columns)


class Called:
    """Base class whose `repr` is the call that makes such an object, without the defaults."""

    def __repr__(self) -> str:
        parts = []
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = vars(self).get(name, vars(self).get(f"_{name}", parameter.default))
            plain = isinstance(value, (str, int, float, tuple, list, Path, type(None)))
            if value is parameter.default or (plain and value == parameter.default):
                continue
            text = str(value) if isinstance(value, Path) else value
            shown = repr(text) if plain else getattr(value, "__name__", type(value).__name__)
            parts.append(f"{name}={shown:.60}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"


def text_table(
    rows: Iterable[Any],
    columns: Sequence[Column],
    *,
    widths: Sequence[int] | None = None,
    limit: int | None = None,
) -> str:
    """Render rows as a text table of at most `limit` columns of text, by default `width()`.

    `widths`, one for each column, aligns several tables; by default columns fit their cells. Where
    not all columns fit, those to be dropped are, and named below the table. No word is cut: a
    single word that is too long makes its line too long.
    """
    most = width() if limit is None else limit
    cells = [[column.value(row) for column in columns] for row in rows]
    kept = _kept(cells, columns, widths, most)
    shown = [columns[index] for index in kept]
    picked = [[row[index] for index in kept] for row in cells]
    if len(shown) == 2 and shown[1].shorten:
        lines = _pairs([[column.header for column in shown], *picked], most)
        return "\n".join([*lines, *_left_out(kept, columns, most)])
    fitted = _fitted(picked, shown, [widths[index] for index in kept] if widths else None, most)
    header = [column.header for column in shown]
    rule = "─" * (sum(fitted) + 2 * (len(fitted) - 1))
    lines = [*_lines(header, shown, fitted), rule]
    lines += [line for row in picked for line in _lines(row, shown, fitted)]
    return "\n".join([*lines, *_left_out(kept, columns, most)])


def _left_out(kept: Sequence[int], columns: Sequence[Column], limit: int) -> list[str]:
    """Return a sentence on the columns that were dropped, if any were."""
    names = [column.header for index, column in enumerate(columns) if index not in kept]
    if not names:
        return []
    return ["", paragraph(f"{TOO_NARROW}{', '.join(names)}.", indent="", width=limit)]


def _pairs(cells: Sequence[Sequence[str]], limit: int) -> list[str]:
    """Return a line for each name and what is said of it.

    All texts begin in one column. The few names that are longer than their column stand alone, so
    that they do not take the others' room.
    """
    usual = min(max(len(name) for name, _ in cells), max(limit - 2 - _SAID, limit // 2))
    room = limit - usual - 2
    lines = []
    for name, text in cells:
        fits = len(name) <= usual and room > _READABLE // 2
        said = _shortened(text, room)[0] if fits else ""
        lines.append(f"{name:{usual}}  {said}".rstrip())
    return [lines[0], "─" * min(limit, max(map(len, lines))), *lines[1:]]


def _lines(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> list[str]:
    """Return the lines of one row."""
    broken = [
        _shortened(cell, width) if column.shorten else _wrapped(cell, width)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return [
        "  ".join(
            f"{part:{'>' if column.align == 'right' else '<'}{width}}"
            for part, column, width in zip(parts, columns, widths, strict=True)
        ).rstrip()
        for parts in zip_longest(*broken, fillvalue="")
    ]


def _wrapped(text: str, width: int) -> list[str]:
    """Break text into lines between its words."""
    if len(text) <= width and "\n" not in text:
        return [text]
    return [
        part
        for line in text.splitlines()
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
        or [""]
    ]


def _shortened(text: str, width: int) -> list[str]:
    """Return as many whole words as there is room for."""
    if len(text) <= width:
        return [text]
    start = text[: width - 1].rpartition(" ")[0].rstrip(" ,;:")
    return [f"{start} …" if start else "…"]


def _kept(
    cells: Sequence[Sequence[str]],
    columns: Sequence[Column],
    widths: Sequence[int] | None,
    limit: int,
) -> list[int]:
    """Return the columns that are not dropped, so that the others are readable within `limit`."""
    usual = widths or [0] * len(columns)
    kept = list(range(len(columns)))
    for _, number in sorted((c.drop, index) for index, c in enumerate(columns) if c.drop):
        least = [_least(cells, columns, index, usual[index]) for index in kept]
        if sum(least) + 2 * (len(kept) - 1) <= limit:
            break
        kept.remove(number)
    return kept


def _least(
    cells: Sequence[Sequence[str]], columns: Sequence[Column], index: int, usual: int
) -> int:
    """Return the width below which a column is not readable."""
    texts = [columns[index].header, *(row[index] for row in cells)]
    # Several tables below each other, with their usual widths, drop the same columns.
    longest = max(usual, *map(len, texts))
    if columns[index].align == "right" or not index:
        return longest
    return min(longest, max(_READABLE, _longest_word(texts, columns[index])))


def _longest_word(texts: Iterable[str], column: Column) -> int:
    """Return the width below which a word would have to be cut."""
    if column.shorten:
        return len(column.header)
    # What a line begins with, the depth of a layer, stays with its first word.
    leads = (len(text) - len(text.lstrip()) for text in texts)
    return max(
        lead + max(map(len, text.split() or [""])) for lead, text in zip(leads, texts, strict=True)
    )


def _fitted(
    cells: Sequence[Sequence[str]],
    columns: Sequence[Column],
    widths: Sequence[int] | None,
    limit: int,
) -> list[int]:
    """Return the columns' widths: those of their cells, reduced until they fit into `limit`.

    Room is taken first from what `widths` asks for beyond the cells, then from columns of text,
    then from the first column, which names the row, and then from numbers; never below a column's
    longest word.
    """
    own = [
        max([len(column.header), *(len(row[index]) for row in cells)])
        for index, column in enumerate(columns)
    ]
    least = [
        _longest_word([column.header, *(row[index] for row in cells)], column)
        for index, column in enumerate(columns)
    ]
    fitted = [max(pair) for pair in zip(widths or own, own, strict=True)]
    text = [i for i, column in enumerate(columns) if column.align == "left" and i] or [0]
    everything = list(range(len(columns)))
    for choice, floor in ((everything, own), (text, least), ([0], least), (everything, least)):
        # Two spaces stand between columns.
        while sum(fitted) + 2 * (len(fitted) - 1) > limit:
            wide = [index for index in choice if fitted[index] > floor[index]]
            if not wide:
                break
            fitted[max(wide, key=lambda index: fitted[index])] -= 1
    return fitted


def paragraph(text: str, *, indent: str, width: int | None = None) -> str:
    """Wrap a sentence to `width` columns, every line indented; by default at most `WIDTH`."""
    return textwrap.fill(
        text,
        _sentence_width() if width is None else width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _sentence_width() -> int:
    return width(WIDTH)


def hanging(title: str, text: str, *, width: int | None = None) -> str:
    """Append a text to a title, wrapped to `width` columns with a hanging indent.

    By default these are the terminal's, at most `WIDTH`.
    """
    indent = " " * len(title)
    columns = _sentence_width() if width is None else width
    lines = textwrap.wrap(
        text,
        max(columns - len(title), _NARROWEST // 2),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
    return "\n".join([title + lines[0], *(indent + line for line in lines[1:])])


def csv_text(names: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Render rows, each a value by column, as CSV below a header."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def html_table(rows: Iterable[Any], columns: Sequence[Column], *, title: str = "") -> str:
    """Render the same rows for a notebook."""
    head = "".join(
        f'<th style="text-align:{column.align}">{escape(column.header)}</th>' for column in columns
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align:{column.align}">{escape(column.value(row))}</td>'
            for column in columns
        )
        + "</tr>"
        for row in rows
    )
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
