"""What `check_hybrid` found: records, and their rendering."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any, Literal

from gluonkit._base import tables
from gluonkit._base.tables import Column, Shown

Status = Literal[
    "compiled",
    "part of a graph",
    "imperative",
    "never traced",
    "not hybridized",
    "fails",
    "not reached",
]


@dataclass(frozen=True)
class Coverage(Shown):
    """How one block runs once the network is hybridized.

    Attributes
    ----------
    path : str
        Structural path, '' for the network itself.
    kind : str
        The block's class.
    depth : int
        0 for the network itself.
    status : Status
        'compiled' (has a graph of its own), 'part of a graph' (of a block above it), 'imperative'
        (its Python code runs at every call), 'never traced' (a HybridBlock whose own `forward`
        MXNet 1.9.1 never traces), 'not hybridized' (MXNet does not know that it belongs to the
        network), 'fails' (raises once hybridized), 'not reached' by these inputs.
    """

    path: str
    kind: str
    depth: int
    status: Status


@dataclass(frozen=True)
class Finding(Shown):
    """One thing to know before hybridizing.

    Attributes
    ----------
    kind : str
        One of 'never-traced', 'imperative', 'numbers', 'not-repeatable', 'frozen-attribute',
        'frozen-parameter', or a mistake in the source such as 'branch-on-data'.
    where : str
        The layer's path, or file and line.
    problem : str
        What goes wrong.
    fix : str
        What to do about it.
    note : bool
        True for a remark that does not make the report fail.
    """

    kind: str
    where: str
    problem: str
    fix: str
    note: bool = False


@dataclass(frozen=True, repr=False)
class HybridReport(Shown):
    """Whether a network hybridizes, and still computes the same.

    Attributes
    ----------
    name : str
        The network's class, or the name that it is registered by.
    coverage : tuple of Coverage
        One record for each block, in tree order.
    findings : tuple of Finding
        Problems first, then notes.
    compared : tuple of str
        Comparisons made, with the number of arrays that agreed: "training: 5 arrays".
    """

    name: str
    coverage: tuple[Coverage, ...]
    findings: tuple[Finding, ...]
    compared: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no problems; notes do not count."""
        return not self.problems

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that are not notes."""
        return tuple(finding for finding in self.findings if not finding.note)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def __str__(self) -> str:
        parts = [self.verdict]
        # A table in which every block is part of the one graph would tell nothing.
        if any(record.status != "part of a graph" for record in self.coverage[1:]):
            parts += ["", tables.text_table(self.coverage, _COVERAGE)]
        for title, findings in (("Problems", self.problems), ("Notes", self._notes)):
            if findings:
                parts += ["", title]
                parts += [line for finding in findings for line in _described(finding)]
        parts += ["", "Compared with eager:"]
        parts += [tables.paragraph(line, indent="  ") for line in self.compared or ("nothing",)]
        return "\n".join(parts)

    @property
    def verdict(self) -> str:
        """One line: how much is compiled, and whether it can be trusted."""
        counts = Counter(record.status for record in self.coverage)
        inside = counts["compiled"] + counts["part of a graph"]
        some = (
            "as a whole" if inside == len(self.coverage) else "in part" if inside else "not at all"
        )
        state = "no problem found" if self.ok else _plural(len(self.problems), "problem")
        return f"{self.name}: hybridizes {some} ({inside} of {len(self.coverage)} blocks), {state}"

    @property
    def _notes(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.note)

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><b>{escape(finding.where or self.name)}</b>: {escape(finding.problem)} "
            f"<i>{escape(finding.fix)}</i></li>"
            for finding in self.findings
        )
        compared = "; ".join(self.compared) or "nothing"
        return (
            f"<p>{escape(self.verdict)}</p>{tables.html_table(self.coverage, _COVERAGE)}"
            f"<ul>{items}</ul><p>Compared with eager: {escape(compared)}</p>"
        )


def _described(finding: Finding) -> Sequence[str]:
    return (
        f"  {finding.where or 'the network'}  [{finding.kind}]",
        tables.paragraph(finding.problem, indent="    "),
        *([tables.paragraph(f"Fix: {finding.fix}", indent="    ")] if finding.fix else []),
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


_COVERAGE = (
    Column(
        "block",
        lambda record: "  " * record.depth + (record.path.rpartition(".")[2] or "(network)"),
    ),
    Column("class", lambda record: record.kind),
    Column("hybridized", lambda record: record.status),
)
