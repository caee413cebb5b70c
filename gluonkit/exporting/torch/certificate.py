"""Certifying that a written PyTorch model computes, and trains, as its network does in MXNet."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from gluonkit.errors import ExportError, MissingPackageError
from gluonkit.exporting.network import Network
from gluonkit.exporting.torch.judge import Answer, Judge, undecided
from gluonkit.exporting.torch.numbers import Numbers
from gluonkit.exporting.torch.parts import TorchModel
from gluonkit.exporting.torch.process import run_job
from gluonkit.exporting.torch.record import Certificate, Check, certificate_of

_PATIENCE, _SLOWNESS = 600, 30
"""Seconds that torch may take, and how many times as long as MXNet besides."""

_ALL_THE_SAME = ". Nothing is written; verify=False writes the files all the same"
_FIX = "pip install torch safetensors numpy"


def certify(
    network: Network,
    model: TorchModel,
    folder: Path,
    *,
    python: Path,
    compiled: bool = True,
    full: bool = True,
    timeout: float | None = None,
) -> Certificate:
    """Compare the model in a folder with its network, and write certificate.json beside it.

    `timeout` is in seconds, for each of the two processes; without `compiled` there is one. Without
    `full` only outputs are compared.

    Raises
    ------
    ExportError
        When a check fails, naming the first array that differs; or torch did not finish.
    MissingPackageError
        When the Python has no torch.
    """
    began = time.monotonic()
    try:
        numbers = Numbers(network, model, full=full)
    except ExportError as error:  # MXNet itself cannot run it, or not with other batches
        raise ExportError(f"{error}{_ALL_THE_SAME}") from error
    numbers.write(folder)
    patience = timeout or _PATIENCE + _SLOWNESS * (time.monotonic() - began)
    judge = Judge(numbers)
    answers, ended = run_job("eager", folder, python, patience)
    torch = _version(answers, python)
    if ended:
        raise ExportError(f"PyTorch did not certify the model: {ended}{_ALL_THE_SAME}")
    checks = judge.checks(answers[1:])
    if numbers.untrained:
        checks.append(undecided("training", numbers.untrained))
    _refuse(checks)
    if compiled:
        more = judge.compiled(*run_job("compiled", folder, python, patience))
        _refuse(more)
        checks += more
    notes = [*numbers.notes, *model.notes]
    return certificate_of(folder, checks, torch=torch, notes=notes)


def _version(answers: Sequence[Answer], python: Path) -> str:
    first = answers[0] if answers else {}
    if "missing" in first:
        raise MissingPackageError(
            f"{python} cannot import what the certificate needs: {first['missing']}. Install it "
            f"there: {_FIX}",
            name="torch",
            fix=_FIX,
        )
    return str(first.get("torch", "unknown"))


def _refuse(checks: Iterable[Check]) -> None:
    for check in checks:
        if check.holds is False:
            why = check.reason or (
                f"{check.where} differs by {check.difference:.2g} of its {check.relative_to} "
                f"({check.tolerance:.1g} is allowed)"
            )
            raise ExportError(
                "the written PyTorch model does not compute what the network computes: "
                f"{check.what}: {why}{_ALL_THE_SAME}"
            )
