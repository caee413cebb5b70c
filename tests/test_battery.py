"""The battery: networks that nobody thought of, and those that have failed once.

`make fuzz SECONDS=600` draws others, for as long as one likes.
"""

import pytest

from tests.battery.faults import CHUNKS, FAULTS, IN_A_CHUNK
from tests.battery.found import FOUND
from tests.battery.running import CHECKS, can_run, drawn, finds_of


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_drawn_networks(chunk):
    drawn_now = drawn(chunk, IN_A_CHUNK)
    finds = [find for case in drawn_now for find in finds_of(case)]
    assert not finds, "\n".join(map(str, finds))


@pytest.mark.filterwarnings(
    "ignore"
)  # MXNet's, by chance: a constant's initializer takes a name anew
def test_few_networks_are_refused_by_gluon_itself():
    some = [case for chunk in range(3) for case in drawn(100 + chunk, 20)]
    assert sum(map(can_run, some)) >= 0.95 * len(some)
    kinds = set().union(*(case.kinds for case in some))
    assert len(kinds) > 40, kinds
    assert {case.np_mode for case in some} == {True, False}
    assert {case.hybridize for case in some} == {True, False}
    assert {case.deferred for case in some} == {True, False}


@pytest.mark.parametrize("name", FOUND)
def test_what_failed_once(name):
    check, case = FOUND[name]
    assert check in CHECKS
    finds = list(finds_of(case, [check]))
    assert not finds, "\n".join(map(str, finds))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_battery_finds_faults_that_are_put_back(fault, python):
    """Among the very networks that pass above, without the fault; a crash is a find."""
    code = f"import sys; from tests.battery.faults import finds; sys.exit(finds({fault!r}))"
    ran = python("-W", "ignore", "-c", code)
    # MXNet has a handler of its own, which ends the process by 255.
    crashed = ran.returncode < 0 or "Segmentation fault" in ran.stderr
    assert ran.returncode == 3 or (crashed and FAULTS[fault].may_crash), ran.stderr
