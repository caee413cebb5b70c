"""Networks of the battery, written by `export_torch`, and run by one process of PyTorch."""

import os

import pytest

from gluonkit.exporting.torch.process import VARIABLE
from tests.battery.case import Case, InputSpec
from tests.battery.running import CHECKS, drawn, finds_of, run_check

pytestmark = pytest.mark.torch
CHECK = "export_torch"


@pytest.fixture(autouse=True)
def _torch():
    if VARIABLE not in os.environ:
        pytest.skip(f"{VARIABLE} names no Python with torch")


@pytest.mark.parametrize("chunk", range(2))
def test_drawn_networks_compute_the_same_in_torch(chunk):
    finds = [find for case in drawn(chunk, 20) for find in finds_of(case, [CHECK])]
    assert not finds, "\n".join(map(str, finds))


def test_a_model_that_computes_something_else_is_found(monkeypatch):
    case = Case("net = nn.Dense(3, in_units=5)", (InputSpec((5,)),))
    assert run_check(CHECK, case)
    export = CHECKS[CHECK].__globals__["export_torch"]

    def wrong(net, folder, *inputs, verify):
        done = export(net, folder, *inputs, verify=verify)
        source = done.source.read_text()
        done.source.write_text(source.replace("return ", "return 2 * "))

    monkeypatch.setitem(CHECKS[CHECK].__globals__, "export_torch", wrong)
    with pytest.raises(AssertionError, match="torch 0, output 0: differs by"):
        run_check(CHECK, case)
