"""`gluonkit launch` with MXNet: real jobs, and every way in which one of them can go wrong."""

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from gluonkit.distributed.launch import kernel
from tests.launched import LONG, begun, launcher, reserved_port, wait_until

PREAMBLE = """
import os, sys, time
import mxnet as mx
from mxnet import nd
"""
# Workers push rank + 1 and pull the sum, over and over; the last of them goes astray. A variable
# of this name goes along to other hosts.
STEPS = (
    PREAMBLE
    + """
kv = mx.kv.create("dist_sync")
kv.init(0, nd.zeros((2,)))
out = nd.zeros((2,))
print("rank", kv.rank, "of", kv.num_workers, "pid", os.getpid(), flush=True)
for step in range(int(os.environ.get("MXNET_STEPS", "100000"))):
    kv.push(0, nd.ones((2,)) * (kv.rank + 1))
    kv.pull(0, out=out)
    out.wait_to_read()
    if step == 5 and kv.rank == kv.num_workers - 1:
        %s
    time.sleep(0.01)
print("sum", out.asnumpy().tolist(), flush=True)
"""
)


@pytest.fixture
def launch(tmp_path):
    """Return a function that starts the command beside the test."""
    with launcher(tmp_path) as start:
        yield start


@pytest.fixture
def steps(launch, tmp_path):
    """Return a function that starts a job which goes astray in a certain way, and its pids."""

    def begin(astray, *options, workers=2, **environment):
        (tmp_path / "steps.py").write_text(STEPS % astray)
        command = [sys.executable, "-m", "_gluonkit_command", "run", "steps.py"]
        return launch("-n", f"{workers}", *options, "--", *command, env=environment)

    return begin


def pid_of(job, rank):
    """Return a worker's pid, once it has printed it, and assert that its prefix is its rank."""
    job.wait_for(f"[{rank}] rank {rank} of")
    return int(re.search(rf"^\[{rank}\] rank {rank} of \d+ pid (\d+)$", job.output(), re.M)[1])


def serving(job):
    """Return the pids of the scheduler and of the servers, in this order."""
    pids = []
    for pid in kernel.below(job.process.pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if file.read().endswith(b"\0serve\0"):
                pids.append(pid)
    return sorted(pids)


def role_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return dict(line.split(b"=", 1) for line in file.read().split(b"\0") if line)[b"DMLC_ROLE"]


OPTIMIZER = """
import gluonkit
from gluonkit import mx

@mx.optimizer.register
class Halved(mx.optimizer.Optimizer):
    def create_state(self, index, weight):
        return None

    def update(self, index, weight, grad, state):
        weight += grad / 2
"""


def test_a_job(gluonkit, tmp_path):
    """Ranks are as said, all servers take part, and one unpickles the user's own optimizer."""
    (tmp_path / "halved.py").write_text(OPTIMIZER)
    (tmp_path / "job.py").write_text(
        "import gluonkit, os\nfrom gluonkit import mx, nd\nfrom halved import Halved\n"
        "kv = mx.kv.create('dist_sync')\n"
        "kv.set_optimizer(Halved())\n"
        "keys = list(range(8))\n"
        "kv.init(keys, [nd.zeros((2,))] * 8)\n"
        "kv.push(keys, [nd.ones((2,)) * (kv.rank + 1)] * 8)\n"
        "out = [nd.zeros((2,)) for _ in keys]\n"
        "kv.pull(keys, out=out)\n"
        "print(kv.rank, os.environ['DMLC_RANK'], kv.num_workers, sum(out).asnumpy().tolist())\n"
    )
    done = gluonkit("launch", "-n", "3", "-s", "2", "--", sys.executable, "job.py")
    assert done.returncode == 0, done.stderr
    expected = [f"[{rank}] {rank} {rank} 3 [24.0, 24.0]" for rank in range(3)]  # 8 keys, 6 / 2 each
    assert sorted(done.stdout.splitlines()) == expected
    assert "ps-lite" not in done.stderr


@pytest.mark.parametrize(
    ("astray", "status", "words"),
    [
        ("raise KeyError('deep')", 1, "ended with status 1"),
        ("sys.exit(3)", 3, "ended with status 3"),
        ("os.kill(os.getpid(), 9)", 137, r"ended with signal 9 \(SIGKILL\)"),
    ],
)
def test_failing_worker_ends_the_job(astray, status, words, steps):
    """It leaves without a barrier; the other, which waits for its gradients, is ended."""
    job = steps(astray)
    assert job.status() == status
    assert re.search(rf"error: worker 1 on this machine {words} after", job.output())
    if "raise" in astray:
        assert "    KeyError: 'deep'\nAll other processes" in job.output()
    job.nothing_is_left()


@pytest.mark.parametrize("role", ["scheduler", "server"])
def test_killed_server_or_scheduler_ends_the_job(role, steps):
    job = steps("pass")
    pid_of(job, 0)
    os.kill(next(pid for pid in serving(job) if role_of(pid) == role.encode()), signal.SIGKILL)
    assert job.status() == 137
    assert re.search(
        rf"error: (the )?{role}( 0)? on this machine ended with signal 9", job.output()
    )
    job.nothing_is_left()


def test_stopped_worker_goes_on(steps, tmp_path):
    astray = (
        "print('astray', flush=True)\n        while not os.path.exists('enough'): time.sleep(0.01)"
    )
    job = steps(astray, MXNET_STEPS="20")
    pid = pid_of(job, 1)
    job.wait_for("astray")
    os.kill(pid, signal.SIGSTOP)
    job.wait_for("gluonkit launch: worker 1 on this machine is stopped (SIGSTOP?)")
    os.kill(pid, signal.SIGCONT)
    job.wait_for("gluonkit launch: worker 1 on this machine goes on")
    (tmp_path / "enough").touch()
    assert job.status() == 0
    for rank in range(2):
        assert f"[{rank}] sum [3.0, 3.0]" in job.output()
    job.nothing_is_left()


def test_jobs_that_would_wait_for_ever(steps, launch, tmp_path):
    """At the same time, to save some: a worker stopped for good, and one that never reports.

    The latter works all the time, so that it is not the silence that ends the job.
    """
    both = [f"[{rank}] rank {rank} of" for rank in range(2)]
    stopped, limit = begun(
        lambda limit: steps("os.kill(os.getpid(), 19)", "--timeout", f"{limit}"),
        lambda job: all(text in job.output() for text in both),
    )
    (tmp_path / "job.py").write_text(
        "import os\nif os.environ['DMLC_RANK'] == '1':\n    while True: pass\n"
        "import gluonkit\ngluonkit.mx.kv.create('dist_sync')\n"
    )
    late, late_by = begun(
        lambda limit: launch("-n", "2", "--timeout", f"{limit}", "--", sys.executable, "job.py"),
        lambda job: "of the first worker's report" in job.output(),
    )
    assert stopped.status() == 1
    words = f"nothing has moved for {limit} s: no process of the job has used the processor or"
    assert words in stopped.output()
    words = "worker 1 on this machine is stopped (SIGSTOP?). All have been ended."
    assert words in stopped.output()
    assert late.status() == 1
    words = (
        f"worker 1 on this machine has not reported to the scheduler within {late_by} s of the "
        "first worker's report. Does each call mx.kv.create, and can it reach 127.0.0.1:"
    )
    assert words in late.output()
    stopped.nothing_is_left()
    late.nothing_is_left()


def test_two_jobs_at_once(steps):
    first, second = steps("pass", MXNET_STEPS="50"), steps("pass")
    assert first.status() == 0
    assert first.output().count("sum [3.0, 3.0]") == 2
    pid_of(second, 0)
    second.process.send_signal(signal.SIGINT)
    assert second.status() == 130
    second.nothing_is_left()


# Roles that somebody else gives


@pytest.fixture
def port():
    """Keep a port of this machine's for the test, and return it."""
    kept, number = reserved_port()
    with kept:
        yield number


def test_roles_by_another_launcher(tmp_path, request, port):
    """By `import gluonkit` and by `gluonkit run` a process becomes what DMLC_ROLE says."""
    job = {"DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": port}
    job |= {"DMLC_NUM_WORKER": "1", "DMLC_NUM_SERVER": "1", "DMLC_NODE_HOST": "127.0.0.1"}
    (tmp_path / "steps.py").write_text((STEPS % "pass") + "print('over')")
    (tmp_path / "scheduler.py").write_text("import gluonkit; print('not reached')")
    commands = {
        "scheduler": ["scheduler.py"],
        "server": ["-m", "_gluonkit_command", "run", "steps.py"],
        "worker": ["-m", "_gluonkit_command", "run", "steps.py"],
    }
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= job | {"PYTHONPATH": str(request.config.rootpath), "MXNET_STEPS": "8"}
    started = {
        role: subprocess.Popen(
            [sys.executable, *command],
            env=environment | {"DMLC_ROLE": role},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
        )
        for role, command in commands.items()
    }
    try:
        output = {role: process.communicate(timeout=LONG)[0] for role, process in started.items()}
    finally:
        for process in started.values():
            process.kill()
    assert {process.returncode for process in started.values()} == {0}
    assert output["scheduler"] == output["server"] == ""
    assert output["worker"].endswith("sum [1.0, 1.0]\nover\n")


@pytest.mark.parametrize("name", ["DMLC_PS_ROOT_URI", "DMLC_NUM_SERVER"])
def test_roles_with_something_missing(name, python, gluonkit, tmp_path):
    job = {"DMLC_ROLE": "server", "DMLC_PS_ROOT_URI": "127.0.0.1", "DMLC_PS_ROOT_PORT": "1"}
    job |= {"DMLC_NUM_WORKER": "1", "DMLC_NUM_SERVER": "1"}
    del job[name]
    (tmp_path / "program.py").write_text("import mxnet")
    words = (
        "gluonkit.errors.EnvironmentVariableError: the environment variable DMLC_ROLE is "
        "'server', with which `import mxnet` becomes that process of a distributed job, but "
        f"{name} is not set. Unset DMLC_ROLE, or start the job by `gluonkit launch`, which sets all"
    )
    done = python("-c", "import gluonkit", env=job)
    assert done.returncode == 1
    assert words in done.stderr
    done = gluonkit("run", "program.py", env=job)
    assert done.returncode == 1
    assert words in done.stderr


def test_a_workers_role_needs_nothing(python):
    code = "import gluonkit, os; print(os.environ['DMLC_ROLE'])"
    assert python("-c", code, env={"DMLC_ROLE": "worker"}).stdout == "worker\n"


# ssh


@pytest.fixture
def ssh(tmp_path, port):
    """Serve ssh on two addresses of this machine; return the client's command."""
    daemon = shutil.which("sshd", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if daemon is None or shutil.which("ssh") is None:
        pytest.skip("there is no sshd and ssh (apt-get install openssh-server openssh-client)")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)  # where sshd locks its unprivileged half in
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nListenAddress 127.0.0.2\n"
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\nPidFile none\n"
        "StrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    log = (tmp_path / "sshd.log").open("w")
    sshd = subprocess.Popen([daemon, "-D", "-e", "-f", str(config)], stderr=log)
    client = (
        f"ssh -F none -p {port} -i {tmp_path}/user -o BatchMode=yes -o ConnectTimeout=300 "
        "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    )

    def answers():
        if sshd.poll() is not None:
            pytest.skip(f"sshd does not start here: {(tmp_path / 'sshd.log').read_text()}")
        try:
            socket.create_connection(("127.0.0.1", int(port)), LONG).close()
        except OSError:
            return False
        return True

    try:
        wait_until(answers)
        done = subprocess.run(
            [*client.split(), "127.0.0.1", "echo fine"], capture_output=True, text=True, check=False
        )
        if done.stdout != "fine\n":
            pytest.skip(f"{getpass.getuser()} cannot log in by ssh here: {done.stderr}")
        yield client
    finally:
        sshd.terminate()
        sshd.wait()
        log.close()


def test_job_over_ssh(ssh, steps, tmp_path):
    """Two hosts of one worker and one server each; the greater address is worker 0."""
    (tmp_path / "hosts").write_text("127.0.0.1 slots=1\n127.0.0.2 slots=1\n")
    code = "print('at', os.environ['DMLC_NODE_HOST'], os.environ['MXNET_X'], flush=True)"
    job = steps(code, "--hosts", "hosts", "--ssh", ssh, MXNET_STEPS="20", MXNET_X="far")
    assert job.status() == 0, job.output()
    assert "[1] at 127.0.0.1 far" in job.output()
    for rank in range(2):
        assert f"[{rank}] rank {rank} of 2" in job.output()
        assert f"[{rank}] sum [3.0, 3.0]" in job.output()


FAR = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"


def far_pid(job):
    job.wait_for("[0] pid ")
    return int(re.search(r"\[0\] pid (\d+)", job.output())[1])


@pytest.mark.parametrize("end", ["launcher killed", "connection lost", "Ctrl-C"])
def test_nothing_is_left_on_the_other_host(end, ssh, launch, tmp_path):
    (tmp_path / "hosts").write_text("127.0.0.2\n")
    args = ["-n", "1", "--hosts", "hosts", "--ssh", ssh, "--", sys.executable, "-c", FAR]
    job = launch(*args)
    pid = far_pid(job)
    if end == "connection lost":
        os.kill(kernel._children(job.process.pid)[-1], signal.SIGKILL)
        assert job.status() == 1
        assert "the connection to worker 0 on 127.0.0.2 was lost" in job.output()
    elif end == "Ctrl-C":
        job.process.send_signal(signal.SIGINT)
        assert job.status() == 130
    else:
        job.process.kill()
        job.status()
    wait_until(lambda: kernel._stat(pid)[:1] in ([], ["Z"]))


def test_host_that_refuses(ssh, launch, tmp_path):
    (tmp_path / "hosts").write_text("127.0.0.1\n")
    nobody, port = reserved_port()
    wrong = re.sub(r"-p \d+", f"-p {port}", ssh)
    job = launch("-n", "1", "--hosts", "hosts", "--ssh", wrong, "--", "true")
    assert job.status() == 1
    nobody.close()
    words = r"127\.0\.0\.1 cannot be used: status 255\. It said: .*Connection refused.* Try by hand"
    assert re.search(words, job.output())


def test_host_that_ssh_does_not_know(ssh, launch, tmp_path):
    (tmp_path / "hosts").write_text("no-such-host.invalid address=127.0.0.1\n")
    job = launch("-n", "1", "--hosts", "hosts", "--ssh", ssh, "--", "true")
    assert job.status() == 1
    assert "no-such-host.invalid cannot be used: status 255. It said: " in job.output()
