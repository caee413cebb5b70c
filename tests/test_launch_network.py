"""`gluonkit launch` over a network: hosts that reach one another by a cable only, good or bad."""

import importlib
import re
import subprocess
import sys

import numpy
import pytest

from gluonkit import create_model, fit
from tests.conftest import ROOT
from tests.launched import LONG, begun, launcher, wait_until

sys.path.append(str(ROOT / "benchmarks"))
namespaces = importlib.import_module("namespaces")

RATE, DELAY = 20e6, 0.02  # bits a second; seconds one way
BATCH, EPOCHS = 24, 3  # of all workers together
PRELUDE = """
import os, time
import numpy
from gluonkit import create_model, fit, mx
kv = mx.kv.create("dist_sync")
print("rank", kv.rank, "at", os.environ["DMLC_NODE_HOST"], flush=True)
numbers = mx.nd.zeros(4)
kv.init(1, numbers)

def exchange():
    kv.push(1, numbers)
    kv.pull(1, out=numbers)
    numbers.wait_to_read()
"""
FIT = (
    PRELUDE
    + """
begun = time.perf_counter()
for _ in range(4):
    exchange()
print("round", (time.perf_counter() - begun) / 4, flush=True)
given = numpy.load("data.npz")
net = create_model("mlp", units=(8,), init="xavier")
options = {"optimizer": "sgd", "optimizer_params": {"learning_rate": 0.1}}
options |= {"seed": 3, "epochs": EPOCHS}
fit(net, (given["x"], given["y"]), batch_size=BATCH // kv.num_workers, kvstore=kv, **options)
weights = [p.data().asnumpy().ravel() for p in net.collect_params().values()]
numpy.save(f"weights-{kv.rank}.npy", numpy.concatenate(weights))
"""
)
ENDLESS = (
    PRELUDE
    + """
for step in range(10**9):
    exchange()
    if step == 20:
        print("goes on", flush=True)
    time.sleep(0.01)
"""
)
OUTAGE = (
    PRELUDE
    + """
kv.init(2, numbers)  # on the other server: each worker sends something over the cable
both = [numbers, mx.nd.zeros(4)]
print("ready", flush=True)
while not os.path.exists("pulled"):
    time.sleep(0.01)
for step in range(100):
    kv.push([1, 2], both)
    kv.pull([1, 2], out=both)
    mx.nd.waitall()
print("over", flush=True)
"""
)


def needs(**cable):
    """Skip, with the reason, where there can be no such cable."""
    reason = namespaces.obstacle(**cable)
    if reason:
        pytest.skip(reason)


@pytest.fixture
def job(tmp_path):
    """Return a function that starts a program on two hosts."""
    with launcher(tmp_path) as launch:

        def start(hosts, program, *options, workers=2):
            constants = f"BATCH, EPOCHS = {BATCH}, {EPOCHS}\n"
            (tmp_path / "program.py").write_text(constants + program)
            where = namespaces.launch_options(tmp_path, hosts, workers // 2)
            command = [sys.executable, "program.py"]
            return launch("-n", f"{workers}", *where, *options, "--", *command)

        yield start


@pytest.fixture
def alone(tmp_path):
    """Write the data, and return the weights of one process that trains with whole batches."""
    x = numpy.random.rand(100, 6).astype("float32")
    y = (x[:, 0] > x[:, 1]).astype("int32")
    numpy.savez(tmp_path / "data.npz", x=x, y=y)
    net = create_model("mlp", units=(8,), init="xavier")
    options = {
        "optimizer": "sgd",
        "optimizer_params": {"learning_rate": 0.1},
        "seed": 3,
        "epochs": EPOCHS,
    }
    fit(net, (x, y), batch_size=BATCH, **options)
    return numpy.concatenate([p.data().asnumpy().ravel() for p in net.collect_params().values()])


def finish(job):
    """Wait for the end of a job that is to end well."""
    assert job.status() == 0, job.output()
    job.nothing_is_left()


def assert_alike(folder, workers, expected):
    """Assert that all workers have ended with these weights."""
    for rank in range(workers):
        actual = numpy.load(folder / f"weights-{rank}.npy")
        assert abs(actual - expected).max() <= 1e-6, rank


def ranks(output):
    """Return who said where it runs: prefix, rank, address."""
    return sorted(re.findall(r"^\[(\d+)\] rank (\d+) at (\S+)$", output, re.M))


def goes_on(job):
    return all(f"[{rank}] goes on" in job.output() for rank in range(2))


def resent(host):
    """Return how often TCP has sent something again there, for nobody has answered."""
    command = ["ip", "netns", "exec", host, "cat", "/proc/net/netstat"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names, counts = (line.split() for line in done.stdout.splitlines()[:2])
    return int(dict(zip(names, counts, strict=True))["TCPTimeouts"])


def test_workers_on_two_hosts_train_as_one_process(job, alone, tmp_path):
    needs()
    with namespaces.two_hosts() as hosts:
        started = job(hosts, FIT, workers=4)
        finish(started)
    assert_alike(tmp_path, 4, alone)
    reported = ranks(started.output())
    assert [prefix for prefix, _, _ in reported] == ["0", "1", "2", "3"]
    assert all(prefix == rank for prefix, rank, _ in reported)
    addresses = [address for _, _, address in reported]
    assert sorted(addresses) == sorted([*namespaces.ADDRESSES] * 2)


def test_a_slow_and_distant_network_changes_no_number(job, alone, tmp_path):
    needs(rate=RATE, delay=DELAY)
    with namespaces.two_hosts(rate=RATE, delay=DELAY) as hosts:
        started = job(hosts, FIT)
        finish(started)
    assert_alike(tmp_path, 2, alone)
    assert all(prefix == rank for prefix, rank, _ in ranks(started.output()))
    # The distant worker's push and pull, there and back each: otherwise the cable was no such one.
    # However busy the machine is, it is no sooner.
    rounds = [float(seconds) for seconds in re.findall(r"\] round (\S+)$", started.output(), re.M)]
    assert len(rounds) == 2
    assert max(rounds) > 4 * DELAY


def test_other_weights_would_be_noticed(tmp_path):
    numpy.save(tmp_path / "weights-0.npy", numpy.array([1.0, 2.0]))
    with pytest.raises(AssertionError):
        assert_alike(tmp_path, 1, numpy.array([1.0, 2.00001]))


def test_a_pulled_cable_ends_the_job(job):
    needs()
    with namespaces.two_hosts() as hosts:
        started, limit = begun(lambda limit: job(hosts, ENDLESS, "--timeout", f"{limit}"), goes_on)
        subprocess.run(["ip", "-n", hosts[1], "link", "set", "cable", "down"], check=True)
        assert started.status() == 1, started.output()
        assert f"gluonkit launch: error: nothing has moved for {limit} s" in started.output()
        started.nothing_is_left()


def test_a_cable_that_is_pulled_for_a_while_does_no_harm(job, tmp_path):
    needs()
    with namespaces.two_hosts() as hosts:
        started = job(hosts, OUTAGE, "--timeout", f"{LONG}")
        started.wait_for("[0] ready", "[1] ready")
        cable = ["ip", "-n", hosts[1], "link", "set", "cable"]
        subprocess.run([*cable, "down"], check=True)
        before = resent(hosts[0])
        (tmp_path / "pulled").touch()
        wait_until(lambda: resent(hosts[0]) > before + 1)
        assert "over" not in started.output()
        assert started.process.poll() is None, started.output()
        subprocess.run([*cable, "up"], check=True)
        finish(started)
        assert all(f"[{rank}] over" in started.output() for rank in range(2))


def test_it_says_why_there_are_no_namespaces(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "no network namespaces here" in namespaces.obstacle()
