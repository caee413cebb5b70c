"""The certificate of a written model as a record, a table and a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gluonkit._base.tables import Column, Shown, paragraph, text_table
from gluonkit._base.version import __version__
from gluonkit.exporting.torch.certify import MODEL, WEIGHTS
from gluonkit.system.environment import mxnet_version

CERTIFICATE = "certificate.json"
_HOLDS = {True: "yes", False: "NO", None: "?"}


@dataclass(frozen=True)
class Check(Shown):
    """One kind of number that PyTorch and MXNet have both computed.

    Attributes
    ----------
    what : str
        What was compared: 'gradients'.
    where : str
        The array that comes nearest to its tolerance, or is farthest beyond: a key of the
        `state_dict`, or an output with its batch.
    difference : float or None
        The largest difference in it, relative to `relative_to`; None if it was not measured.
    relative_to : str
        What is 1: 'largest gradient' is the array's largest gradient.
    tolerance : float or None
        The largest difference that is allowed.
    holds : bool or None
        Whether the difference is within the tolerance; None if that could not be decided.
    reason : str
        Why it could not be decided, or failed without a difference.
    """

    what: str
    where: str
    difference: float | None
    relative_to: str
    tolerance: float | None
    holds: bool | None
    reason: str = ""


@dataclass(frozen=True, repr=False)
class Certificate(Shown):
    """What PyTorch made of a written model, compared with what MXNet makes of the network.

    `str()` gives a table, `to_dict` the data; it is kept as certificate.json beside the model.

    Attributes
    ----------
    checks : tuple of Check
        All that was compared; empty if the model is unverified.
    unverified : str
        Why nothing was compared; empty if it was.
    versions : dict of str to str
        Versions of gluonkit, mxnet and torch.
    files : dict of str to str
        SHA-256 of model.py and model.safetensors.
    notes : tuple of str
        What differs between the two on purpose.
    """

    checks: tuple[Check, ...]
    unverified: str
    versions: dict[str, str]
    files: dict[str, str]
    notes: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether all that could be decided holds, and something could."""
        decided = [check.holds for check in self.checks if check.holds is not None]
        return bool(decided) and all(decided)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON."""
        return {"verified": self.verified, **asdict(self)}

    def __str__(self) -> str:
        if self.unverified:
            return f"Unverified: {self.unverified}"
        versions = f"PyTorch {self.versions['torch']} computes what MXNet does"
        verdict = versions if self.verified else "Not certified"
        lines = [verdict, "", text_table(self.checks, _COLUMNS)]
        reasons = [f"{check.what}: {check.reason}" for check in self.checks if check.reason]
        return "\n".join(lines + _wrapped([*reasons, *self.notes]))


def _wrapped(texts: Iterable[str]) -> list[str]:
    return [paragraph(text, indent="", width=80) for text in texts]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}" if value else "0"


_COLUMNS = (
    Column("Check", lambda check: check.what),
    Column("Difference", lambda check: _number(check.difference), "right"),
    Column("Relative to", lambda check: check.relative_to),
    Column("Tolerance", lambda check: _number(check.tolerance), "right"),
    Column("Holds", lambda check: _HOLDS[check.holds]),
)


def certificate_of(
    folder: Path,
    checks: Iterable[Check],
    *,
    notes: Iterable[str],
    torch: str = "not run",
    unverified: str = "",
) -> Certificate:
    """Return a certificate of the files in a folder, and write it there."""
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (MODEL, WEIGHTS)
    }
    versions = {"gluonkit": __version__, "mxnet": mxnet_version(), "torch": torch}
    certificate = Certificate(tuple(checks), unverified, versions, files, tuple(notes))
    text = json.dumps(certificate.to_dict(), indent=2) + "\n"
    (folder / CERTIFICATE).write_text(text, encoding="utf-8")
    return certificate


def unverified(folder: Path, reason: str, notes: Iterable[str] = ()) -> Certificate:
    """Return, and write, the certificate of a model that was not run; `reason` says why."""
    return certificate_of(folder, (), notes=notes, unverified=reason)
