"""The engine and its threads: chosen before the first operation, refused after it."""

import pytest

from gluonkit import configure, mx, nd, runtime
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.system import engine as _engine
from gluonkit.system.engine import ENGINES

STARTERS = {
    "legacy array": "mx.nd.ones((2,))",
    "numpy array": "mx.np.ones((2,))",
    "from numpy": "mx.nd.array([1, 2])",
    "random": "mx.np.random.uniform(size=(2,))",
    "seed": "mx.random.seed(0)",
    "wait": "mx.nd.waitall()",
}


def configured(python, *lines, env=None):
    code = "import gluonkit\nfrom gluonkit import mx, configure, runtime\n" + "\n".join(lines)
    return python("-c", code, env=env)


@pytest.mark.parametrize("starter", STARTERS)
def test_first_operation_is_noticed(starter, python):
    done = configured(
        python,
        "print(runtime().started)",
        "mx.sym.var('x').infer_shape(x=(2,))  # no operation",
        "print(runtime().started)",
        STARTERS[starter],
        "print(runtime().started)",
        "try: configure(engine='naive')",
        "except gluonkit.errors.StateError as error: print(error)",
    )
    before, between, after, message = done.stdout.splitlines()
    assert (before, between, after) == ("False", "False", "True")
    assert "configure(engine='naive') comes too late" in message
    assert "set MXNET_ENGINE_TYPE and OMP_NUM_THREADS in the environment" in message


def test_trip_wires_leave_nothing_behind(python):
    done = configured(
        python,
        "mx.nd.ones((2,))",
        "left = [name for name in gluonkit.system.patches.STARTERS",
        "        if type(getattr(mx.base._LIB, name, None)).__name__ == 'function']",
        "print(left)",
    )
    assert done.stdout == "[]\n"


def test_naive_engine(python):
    """MXNet says on standard error which engine it starts, if it is not the default."""
    done = configured(
        python,
        "print(configure(engine='naive').engine, runtime().engine_set_by)",
        "mx.nd.ones((2,)).wait_to_read()",
    )
    assert done.stdout == "naive gluonkit\n"
    assert "NaiveEngine" in done.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_mxnet_knows_every_engine(engine, python):
    done = configured(
        python,
        f"configure(engine={engine!r})",
        "print(mx.nd.ones((2,)).sum().asscalar(), runtime().engine)",
    )
    assert done.stdout == f"2.0 {engine}\n"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MXNET_OMP_MAX_THREADS"])
@pytest.mark.parametrize("value", ["many", "0", "-1", "", "2,2"])
def test_thread_count_that_would_abort_the_process(name, value, python):
    done = python("-c", "import gluonkit", env={name: value})
    assert done.returncode == 1
    assert f"the environment variable {name} is {value!r}, which is not" in done.stderr


def test_back_to_the_default(python):
    done = configured(
        python,
        "configure(engine='NaiveEngine')",
        "print(configure(engine='threaded'))",
        "mx.nd.ones((2,)).wait_to_read()",
    )
    assert "engine='threaded'" in done.stdout
    assert done.stderr == ""


BUSY = """
import os
a = mx.nd.ones((1200, 1200))  # which starts the engine's own threads
a.wait_to_read()
before = set(os.listdir("/proc/self/task"))
(mx.nd.dot(a, a) + a).wait_to_read()
print(len(set(os.listdir("/proc/self/task")) - before))
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("engine", ["threaded", "naive"])
def test_threads_count(engine, threads, python):
    """OpenMP starts as many threads as are to help the one that computes, and no more."""
    done = configured(
        python,
        f"print(configure(engine={engine!r}, threads={threads}).threads)",
        BUSY,
        # Whose spinning is the user's choice has no further threads on a busy machine.
        env={"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "1000"},
    )
    reported, helpers = map(int, done.stdout.split())
    assert reported == threads
    assert bool(helpers) == (threads > 1)


def test_threads_for_child_processes(python):
    done = configured(
        python,
        "configure(threads=1)",
        "import os; print(os.environ['OMP_NUM_THREADS'], 'MXNET_OMP_MAX_THREADS' in os.environ)",
        env={"OMP_NUM_THREADS": "2"},
    )
    assert done.stdout == "1 False\n"


def test_users_choice_is_kept(python):
    done = configured(python, "print(runtime())", env={"OMP_NUM_THREADS": "3"})
    assert "threads=3, threads_set_by='user'" in done.stdout
    done = configured(python, "print(runtime())", env={"MXNET_ENGINE_TYPE": "NaiveEngine"})
    assert "engine='naive', engine_set_by='user'" in done.stdout


def test_gluonkits_choice(python):
    done = configured(
        python, "from gluonkit._base import cpu", "print(runtime().threads == cpu.usable_cores())"
    )
    assert done.stdout == "True\n"


def test_same_settings_again_are_allowed():
    nd.ones((1,)).wait_to_read()
    now = runtime()
    assert configure() == now
    assert configure(engine=now.engine, threads=now.threads) == now


def test_too_late_in_this_process():
    mx.nd.waitall()
    with pytest.raises(StateError, match=r"configure\(engine='naive'\) comes too late"):
        configure(engine="naive")
    with pytest.raises(StateError, match=r"configure\(threads=12345\) comes too late"):
        configure(threads=12345)


def test_more_threads_than_loaded_with(python):
    done = configured(
        python,
        "try: configure(threads=5)",
        "except ValueError as error: print(error)",
        env={"OMP_NUM_THREADS": "2"},
    )
    assert "`threads` is 5, but OpenMP was loaded with at most 2" in done.stdout
    assert "OMP_NUM_THREADS=5 in the environment" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"engine": "niave"}, ArgumentError, r"`engine` is 'niave'.*Did you mean 'naive'\?"),
        ({"engine": 3}, ArgumentTypeError, "`engine` is 3, an int; give a name: threaded, pooled"),
        ({"threads": 0}, ArgumentError, "`threads` is 0; give a whole number from 1"),
        ({"threads": 1.5}, ArgumentTypeError, "`threads` is 1.5, a float"),
        ({"threads": True}, ArgumentTypeError, "`threads` is True, a bool"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        configure(**arguments)


def test_build_without_the_functions(monkeypatch):
    """A build of MXNet that hides its C++ names cannot be told another thread count."""
    monkeypatch.setattr(_engine, "_library", object())
    with pytest.raises(
        StateError, match=r"does not let the thread count change.*OMP_NUM_THREADS=2"
    ):
        _engine._set_threads(2)
