"""What was found of an installation: one record for each thing, and the table of all."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Any

from gluonkit._base import tables
from gluonkit._base.tables import Column, Shown


@dataclass(frozen=True)
class Check(Shown):
    """One thing that was examined.

    Attributes
    ----------
    name : str
        What it is.
    status : str
        'ok', 'note' (worth knowing), 'warning' (works, but not as well as it could) or 'broken'.
    detail : str
        What was found.
    fix : str
        The command or setting that fixes it; empty if nothing needs to be fixed.
    """

    name: str
    status: str
    detail: str
    fix: str = ""


@dataclass(frozen=True, repr=False)
class DoctorReport(Shown):
    """All checks. `str()` gives a table; `ok` says whether MXNet can be used.

    Attributes
    ----------
    checks : tuple of Check
        One record for each thing that was examined.
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return not any(check.status == "broken" for check in self.checks)

    @property
    def commands(self) -> list[str]:
        """The commands that mend what is broken or a warning, each once: pip's, and the system's.

        Where a check offers several, the first; for packages of the system, which only root
        installs, that of the manager which is here. What is mended by a variable of the
        environment is not among them.
        """
        fixes = [c.fix.partition("; ")[0] for c in self.checks if c.status in ("warning", "broken")]
        return list(dict.fromkeys(filter(None, map(_command, fixes))))

    def to_dict(self) -> dict[str, Any]:
        """Return the checks as plain data, ready for JSON."""
        return {"ok": self.ok, "checks": [asdict(check) for check in self.checks]}

    def __str__(self) -> str:
        table = tables.text_table(self.checks, _COLUMNS)
        lines = [table, "", "MXNet works." if self.ok else "Something is broken."]
        for heading, wanted in (("To mend:", ("warning", "broken")), ("To add:", ("note",))):
            fixes = [check for check in self.checks if check.fix and check.status in wanted]
            if fixes:
                lines += ["", heading, *(f"  {check.name}: {check.fix}" for check in fixes)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return tables.html_table(self.checks, (*_COLUMNS, Column("to mend", lambda c: c.fix)))


def _command(fix: str) -> str:
    """Return what of a check's fix can be run as it stands; empty if nothing can."""
    if fix.startswith(f"{sys.executable} -m pip "):
        return fix
    # Such as "apt-get install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora)".
    for manager, packages in re.findall(r"\b(apt-get|dnf) install ([\w.+ -]+) \(", fix):
        if shutil.which(manager):
            # Slim images have no list of Debian's packages.
            first = "apt-get update && " if manager == "apt-get" else ""
            return f"{first}{manager} install -y {packages}"
    return ""


_COLUMNS = (
    Column("what", lambda check: check.name),
    Column("status", lambda check: check.status),
    Column("found", lambda check: check.detail),
)
