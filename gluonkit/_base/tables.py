"""Numbers as people read them, and tables whose columns are data."""

from __future__ import annotations

import csv
import inspect
import io
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

from gluonkit._base.optional import require

WIDTH = 100
"""Columns of text that every table of gluonkit keeps within."""


@dataclass(frozen=True)
class Column:
    """One column of a table: its header, how to get a cell's text from a row, its alignment."""

    header: str
    value: Callable[[Any], str]
    align: Literal["left", "right"] = "left"


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
    limit: int = WIDTH,
) -> str:
    """Render rows as a text table of at most `limit` columns of text.

    `widths`, one for each column, aligns several tables; by default columns fit their cells.
    """
    # rich is imported here because it would be a tenth of the time of `import gluonkit`.
    table = require("rich.table").Table(
        box=require("rich.box").SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    text = require("rich.text").Text
    cells = [[column.value(row) for column in columns] for row in rows]
    for column, width in zip(columns, _fitted(cells, columns, widths, limit), strict=True):
        table.add_column(column.header, justify=column.align, overflow="fold", width=width)
    for row in cells:
        # As `Text`, since rich reads brackets in plain strings as markup.
        table.add_row(*map(text, row))
    stream = io.StringIO()
    console = require("rich.console").Console(
        file=stream,
        width=WIDTH,
        # Plain text of a fixed width wherever it is made, in a terminal, a pipe or a test.
        color_system=None,
        legacy_windows=False,
        force_jupyter=False,  # in Jupyter rich displays tables instead of writing them
        # rich would take the width, and whether it is in Jupyter, from the environment.
        _environ={},
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).strip("\n")


def _fitted(
    cells: Sequence[Sequence[str]],
    columns: Sequence[Column],
    widths: Sequence[int] | None,
    limit: int,
) -> list[int]:
    """Return the columns' widths: those of their cells, reduced until they fit into `limit`.

    Columns of text are reduced first, then the first column, which names the row, then numbers.
    """
    fitted = list(widths or [0] * len(columns))
    for index, column in enumerate(columns):
        longest = max([len(column.header), *(len(row[index]) for row in cells)])
        fitted[index] = max(fitted[index], longest)
    text = [i for i, column in enumerate(columns) if column.align == "left" and i] or [0]
    for choice, least in ((text, 10), ([0], 20), (range(len(columns)), 4)):
        # Two spaces stand between columns.
        while sum(fitted) + 2 * (len(fitted) - 1) > limit:
            widest = max(choice, key=lambda index: fitted[index])
            if fitted[widest] <= least:
                break
            fitted[widest] -= 1
    return fitted


def paragraph(text: str, *, indent: str, width: int = WIDTH) -> str:
    """Wrap a sentence to `width` columns, every line indented."""
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def hanging(title: str, text: str, *, width: int = WIDTH) -> str:
    """Append a text to a title, wrapped to `width` columns with a hanging indent."""
    indent = " " * len(title)
    lines = textwrap.wrap(
        text, width - len(title), break_long_words=False, break_on_hyphens=False
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
