"""What PyTorch computes of a network that was drawn, and written by `export_torch`."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy

from gluonkit import export_torch
from gluonkit.errors import ExportError
from gluonkit.exporting.torch.process import VARIABLE
from tests.battery.case import Case
from tests.battery.checks import NotForThisCaseError, assert_close, battery_check
from tests.battery.static import BATCH, OTHER_SEED, OTHERS, SEED, built, outputs_of

_SCRIPT = Path(__file__).parents[1] / "torch_outputs.py"


@cache
def _torch() -> subprocess.Popen[str]:
    """Return the process that runs all models of this one."""
    process = subprocess.Popen(
        [os.environ[VARIABLE], "-W", "ignore", str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"OMP_NUM_THREADS": "1"},
    )
    atexit.register(process.kill)
    return process


@battery_check
def check_export_torch(case: Case) -> None:
    """PyTorch computes the same from the files, in other batch sizes too; or it is refused.

    Only where the variable names a Python that has torch.
    """
    if VARIABLE not in os.environ:
        raise NotForThisCaseError
    net = built(case)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            export_torch(net, folder, *case.given(case.arrays(BATCH, SEED)), verify=False)
        except ExportError as error:
            said = str(error)
            assert "torch does not have" in said or "cannot be written as source" in said, said
            raise NotForThisCaseError from error
        expected = []
        for number, batch in enumerate((BATCH, *OTHERS)):
            arrays = case.arrays(batch, OTHER_SEED)
            numpy.savez(folder / f"given{number}.npz", *arrays)
            expected.append(outputs_of(case, net, arrays))
        facts = _run(folder)
        assert "error" not in facts, f"{facts}\n{(folder / 'model.py').read_text()}"
        for number, wanted in enumerate(expected):
            computed = numpy.load(folder / f"computed{number}.npz")
            rounding = 2e-2 if "float16" in case.source else 1e-4
            try:
                assert_close(list(computed.values()), wanted, f"torch {number}", rounding=rounding)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{(folder / 'model.py').read_text()}") from None


def _run(folder: Path) -> Any:
    """Have a folder's model run, and return what is said of it."""
    process = _torch()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{folder}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n", f"torch ended with {process.poll()}"
    return json.loads((folder / "facts.json").read_text())
