"""The battery: networks that nobody thought of, and those that have failed once.

`make fuzz SECONDS=600` draws others, for as long as one likes.
"""

import numpy
import pytest

from gluonkit import gluon
from tests.battery.case import Case, InputSpec
from tests.battery.faults import CHUNKS, FAULTS, IN_A_CHUNK
from tests.battery.found import FOUND
from tests.battery.running import CHECKS, can_run, drawn, finds_of
from tests.battery.training import OPTIMIZERS, Doubt, by_hand, same_steps


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_drawn_networks(chunk):
    drawn_now = drawn(chunk, IN_A_CHUNK)
    finds = [find for case in drawn_now for find in finds_of(case)]
    assert not finds, "\n".join(map(str, finds))


@pytest.mark.parametrize("chunk", range(3))
def test_drawn_networks_by_other_engines(chunk, python):
    """In a process of its own: `checks.ALONE` says why."""
    code = (
        "from tests.battery.running import drawn, finds_of\n"
        f"finds = [f for case in drawn({chunk}, 10) for f in finds_of(case, ['engines'])]\n"
        "print(*finds or ['no finds'], sep='\\n')"
    )
    ran = python("-W", "ignore", "-c", code)
    # MXNet prints what it cannot infer of networks that it refuses itself.
    assert ran.stdout.endswith("no finds\n"), ran.stdout + ran.stderr[-2000:]


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


LINE = Case("net = nn.Dense(3, in_units=5)", (InputSpec((5,)),))
TWO = Case("""
net = nn.HybridSequential()
net.add(nn.Dense(8, activation="tanh", in_units=5), nn.Dense(3, in_units=8))
""", (InputSpec((5,)),))  # fmt: skip
LOSS = gluon.loss.L2Loss()


def steps_of(case, batches, optimizer, other, *, before_step=lambda net: None):
    """Compare a run with one that is a little different, as `fit` is compared."""
    before, expected = by_hand(case, LOSS, batches, optimizer)
    _, got = by_hand(case, LOSS, batches, other, before_step=before_step)
    doubts = Doubt(case, LOSS, batches, optimizer, expected)
    for path, actual in got.items():
        same_steps(actual, before[path], expected[path], lambda path=path: doubts.of(path), path)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer[0])
def test_rounding_is_allowed_where_the_terms_of_a_gradient_cancel(optimizer):
    """Two samples are one twice, but with errors of other signs: all is left to rounding."""
    net = LINE.build()
    weight, bias = (p.data().asnumpy() for p in net.collect_params().values())
    x = numpy.repeat(numpy.random.default_rng(3).normal(size=(1, 5)), 2, 0).astype("float32")
    output = x @ weight.T + bias
    errors = numpy.array([[1.0], [-1.0 - 1e-6]], "float32")
    # A gradient is the sum of two terms for each weight, (output - label) * x / 3. They are rounded
    # four times (output, difference, product, sum), and so are those of the run compared with.
    terms = (abs(errors)[:, :, None] * abs(x)[:, None]).sum(0) / 3
    signs = numpy.random.default_rng(4).choice([-1, 1], (3, 5))

    def round_otherwise(net):
        gradient = net.weight.grad()
        gradient[:] = gradient.asnumpy() + 2 * 4 * 2.0**-24 * terms * signs

    steps_of(LINE, [(x, output - errors)] * 2, optimizer, optimizer, before_step=round_otherwise)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer[0])
def test_a_step_that_is_larger_by_a_thousandth_is_found(optimizer):
    name, options = optimizer
    changed = {"epsilon": 1.1e-5} if name == "adadelta" else {}
    if "learning_rate" in options:
        more = 1.05 if name == "lars" else 1.001  # its steps are not much more than a last bit
        changed["learning_rate"] = more * options["learning_rate"]
    draws = numpy.random.default_rng(5)
    arrays = [[draws.normal(size=(4, n)).astype("float32") for n in (5, 3)] for _ in range(3)]
    with pytest.raises(AssertionError, match="rounding may make"):
        steps_of(TWO, arrays, optimizer, (name, options | changed))
