"""What a benchmark found: records, and their rendering as text, HTML, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from typing import Any

from gluonkit._base import tables
from gluonkit._base.tables import Column, Shown
from gluonkit.benchmark.timing import Measurement, SpeedUp
from gluonkit.system.environment import Environment

NONE = "–"


@dataclass(frozen=True)
class BenchRow(Shown):
    """One network, run one way.

    Attributes
    ----------
    model : str
        The network's name.
    data : str
        What the input was: 'random', 'handwritten digits', 'given'.
    mode : str
        'forward' or 'train' (forward, backward, update).
    batch : int
        Samples in a call: the length of the input's first axis.
    input_shape : tuple of int
        The first input's shape.
    variant : str
        'eager', 'hybrid', 'static', 'compiled', or an opponent's name.
    measurement : Measurement or None
        None where the variant was not timed; `problem`, or for a network that cannot be compiled
        `note`, then says why.
    speed_up : SpeedUp or None
        Against eager; None for eager itself and where there is nothing to compare.
    pays_after : int or None
        Calls after which the build has paid for itself; None where it never does.
    problem : str
        Why the variant was not timed; empty if it was.
    note : str
        A remark about this row.
    """

    model: str
    data: str
    mode: str
    batch: int
    input_shape: tuple[int, ...]
    variant: str
    measurement: Measurement | None = None
    speed_up: SpeedUp | None = None
    pays_after: int | None = None
    problem: str = ""
    note: str = ""

    @property
    def samples_per_second(self) -> float | None:
        """Samples per second at the median time."""
        return None if self.measurement is None else self.batch / self.measurement.median

    @property
    def build_time(self) -> float | None:
        """Seconds spent building the graph; None for eager, which builds none."""
        if self.measurement is None or self.variant == "eager":
            return None
        return self.measurement.build_time

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data, ready for JSON. Times in seconds."""
        measurement, speed_up = self.measurement, self.speed_up
        return {
            "model": self.model,
            "data": self.data,
            "mode": self.mode,
            "batch": self.batch,
            "input_shape": list(self.input_shape),
            "variant": self.variant,
            "samples_per_second": self.samples_per_second,
            "build_time": self.build_time,
            "speed_up": None if speed_up is None else speed_up.ratio,
            "speed_up_low": None if speed_up is None else speed_up.low,
            "speed_up_high": None if speed_up is None else speed_up.high,
            "verdict": None if speed_up is None else speed_up.verdict,
            "pays_after": self.pays_after,
            "problem": self.problem,
            "note": self.note,
            "measurement": None if measurement is None else measurement.to_dict(),
        }


@dataclass(frozen=True, repr=False)
class BenchReport(Shown):
    """Rows in the order in which they were measured, and the environment they hold for.

    `str()` gives the table, a notebook shows it as HTML, `to_dict` and `to_csv` give the data.

    Attributes
    ----------
    rows : tuple of BenchRow
        One row for each network, mode, batch size and variant.
    environment : Environment
        The machine, versions and settings that the times hold for.
    interrupted : bool
        Whether Ctrl-C ended the measurement early.
    """

    rows: tuple[BenchRow, ...]
    environment: Environment
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        """Whether every variant ran and agreed with eager."""
        return not any(row.problem for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return all rows, raw times included, and the environment, ready for JSON."""
        return {
            "environment": self.environment.to_dict(),
            "interrupted": self.interrupted,
            "rows": [row.to_dict() for row in self.rows],
        }

    def to_csv(self) -> str:
        """Return one line per row, times in seconds; the environment in each line's last cells."""
        records = []
        for row in self.rows:
            record = row.to_dict()
            measurement = record.pop("measurement") or {}
            record["input_shape"] = tables.shape(row.input_shape)
            for name in _CSV_TIMES:
                record[name] = measurement.get(name)
            records.append(record | self.environment.to_dict())
        return tables.csv_text(records[0], records) if records else ""

    def __str__(self) -> str:
        parts, left_out = [], ""
        for heading, rows in self.groups():
            table, said, names = tables.text_table(rows, _COLUMNS, widths=_WIDTHS).partition(
                f"\n\n{tables.TOO_NARROW}"
            )
            left_out = said.lstrip("\n") + names
            parts += [heading, table]
            parts += [tables.paragraph(line, indent="  ") for line in _remarks(rows)]
            parts += [""]
        # Once, and not for each case.
        if any(_is_doubtful(row) for row in self.rows):
            parts += [tables.paragraph(_DOUBTFUL, indent=""), ""]
        if left_out:
            parts += [left_out, ""]
        if self.interrupted:
            parts += ["Interrupted: this is what had been measured by then.", ""]
        return "\n".join([*parts, str(self.environment)])

    def _repr_html_(self) -> str:
        parts = [
            tables.html_table(rows, _COLUMNS, title=heading)
            + "".join(f"<p>{escape(line)}</p>" for line in _remarks(rows))
            for heading, rows in self.groups()
        ]
        if any(_is_doubtful(row) for row in self.rows):
            parts.append(f"<p>{_DOUBTFUL}</p>")
        return "".join(parts) + f"<pre>{escape(str(self.environment))}</pre>"

    def groups(self) -> Iterator[tuple[str, list[BenchRow]]]:
        """Yield a heading and its rows for each network, mode and batch."""
        # `groupby` joins neighbours only: rows of one case follow each other.
        for _, group in groupby(self.rows, lambda row: (row.model, row.mode, row.input_shape)):
            rows = list(group)
            first = rows[0]
            shape = tables.shape(first.input_shape)
            yield f"{first.model} · {first.mode} · input {shape}, {first.data}", rows


_CSV_TIMES = ("first_call", "median", "lower_quartile", "upper_quartile", "dispatch", "warning")


def merged(reports: Iterable[BenchReport]) -> BenchReport:
    """Join reports that were made in one environment into one."""
    # One command made them all, so the first one's environment is everyone's.
    first, *others = reports
    rows = (row for report in (first, *others) for row in report.rows)
    interrupted = any(report.interrupted for report in (first, *others))
    return replace(first, rows=tuple(rows), interrupted=interrupted)


def _remarks(rows: list[BenchRow]) -> list[str]:
    """Return the remarks below a group's table, without duplicates."""
    lines = [f"{row.variant}: {row.problem}" for row in rows if row.problem]
    return lines + list(dict.fromkeys(row.note for row in rows if row.note))


_DOUBTFUL = (
    "?: the times vary too much, or are too few, to be worth much (a busy machine?); "
    "more seconds for each help"
)


def _is_doubtful(row: BenchRow) -> bool:
    return row.measurement is not None and bool(row.measurement.warning)


def _timed(text: Any) -> Any:
    """Make a cell that is a dash where nothing was timed."""
    return lambda row: NONE if row.measurement is None else text(row)


def _against_eager(row: BenchRow) -> str:
    if row.measurement is None:
        return "not timed, see below"
    return NONE if row.speed_up is None else str(row.speed_up)


def _pays_after(row: BenchRow) -> str:
    # With 1 in the interval it is not known whether there is a gain at all.
    if row.speed_up is None or row.speed_up.low <= 1 <= row.speed_up.high:
        return NONE
    if row.pays_after is None:
        return "never"
    if row.pays_after == 0:
        return "at once"
    return f"{tables.count(row.pays_after)} call{'' if row.pays_after == 1 else 's'}"


_COLUMNS = (
    Column("variant", lambda row: f"{row.variant} ?" if _is_doubtful(row) else row.variant),
    Column("per call", _timed(lambda row: tables.seconds(row.measurement.median)), "right"),
    Column("spread", _timed(lambda row: f"{row.measurement.spread:.0%}"), "right", drop=4),
    Column(
        "returns", _timed(lambda row: tables.seconds(row.measurement.dispatch)), "right", drop=1
    ),
    Column("samples/s", _timed(lambda row: tables.count(row.samples_per_second)), "right", drop=3),
    Column(
        "build",
        lambda row: NONE if row.build_time is None else tables.seconds(row.build_time),
        "right",
        drop=2,
    ),
    Column("against eager [95 %]", _against_eager),
    Column("pays after", _pays_after, "right"),
)
# Fixed, so that the columns of several cases stand below each other.
_WIDTHS = (7, 8, 6, 8, 9, 8, 25, 11)
