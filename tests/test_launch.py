"""`gluonkit launch`, part by part, with programs that need no MXNet: plan, agent, errors, ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from gluonkit._base import cpu
from gluonkit.distributed.launch import kernel, process, verdicts
from gluonkit.distributed.launch.hosts import HERE, Host, exposed, read_hosts
from gluonkit.distributed.launch.pipes import CHUNK, Lines, Outbox
from gluonkit.distributed.launch.plan import Place, Settings, deal, environment, seats
from gluonkit.distributed.launch.verdicts import JobError
from gluonkit.distributed.launch.watching import Arrivals, Silence, Watch
from gluonkit.errors import ArgumentError
from tests.launched import (
    LONG,
    ROOT,
    begun,
    launcher,
    left,
    reserved_port,
    show_environment,
    wait_until,
)


@pytest.fixture
def launch(tmp_path):
    """Return a function that starts the command beside the test."""
    with launcher(tmp_path) as start:
        yield start


# The hosts file


def hosts_file(tmp_path, text):
    path = tmp_path / "hosts"
    path.write_text(text)
    return str(path)


def test_agents_look_where_the_launchers_gluonkit_is():
    assert (Path(process._ROOT) / "_gluonkit_command.py").is_file()


def test_hosts_file(tmp_path):
    text = "# ours\n\n127.0.0.1 slots=2  # one\n  me@localhost\nother address=127.0.0.9 slots=4\n"
    assert read_hosts(hosts_file(tmp_path, text)) == (
        Host("127.0.0.1", "127.0.0.1", 2),
        Host("me@localhost", "127.0.0.1", None),
        Host("other", "127.0.0.9", 4),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "which lists no host; each line is HOST"),
        ("# nothing\n\n", "which lists no host"),
        ("127.0.0.1\n127.0.0.2 slots=0", r"line 2 of .*hosts has 'slots=0'; give slots a whole"),
        ("127.0.0.1 slots=two", "line 1 of .* has 'slots=two'"),
        ("127.0.0.1 cores=2", "line 1 of .* has 'cores=2', which is not understood; each line"),
        ("127.0.0.1 127.0.0.2", "has '127.0.0.2', which is not understood"),
        ("127.0.0.1 address=", "has 'address=', which is not understood"),
        ("slots=2", "line 1 of .* begins with 'slots=2', which is no host's name"),
        ("-oProxyCommand=x", "which is no host's name"),
        ("127.0.0.1\n\n127.0.0.1", "line 3 of .* lists '127.0.0.1' a second time; give one line"),
        ("no-such-host.invalid", "line 1 of .* names 'no-such-host.invalid', which has no IPv4"),
        ("a..b", "line 1 of .* names 'a..b', which has no IPv4 address here"),
    ],
)
def test_hosts_file_that_is_wrong(text, words, tmp_path):
    with pytest.raises(ArgumentError, match=words):
        read_hosts(hosts_file(tmp_path, text))


def test_hosts_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ArgumentError, match="which cannot be read: No such file or directory"):
        read_hosts(str(tmp_path / "none"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArgumentError, match="which cannot be read: it is not UTF-8 text"):
        read_hosts(str(tmp_path / "binary"))


# Who runs where

A, B = Host("a", "10.0.0.9"), Host("b", "10.0.0.10")


def dealt(*args):
    places = deal(*args)
    assert [place.role for place in places] == sorted(place.role for place in places)
    assert places[0] == Place("scheduler", args[2][0])
    return [f"{place.role} {place.host.name}" for place in places[1:]]


@pytest.mark.parametrize(
    ("address", "strangers"),
    [
        *[(near, False) for near in ("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1")],
        *[(near, False) for near in ("172.31.255.254", "192.168.1.2", "169.254.3.4")],
        # The last two: all addresses of a machine, and a network that a carrier's customers share.
        *[(far, True) for far in ("172.32.0.1", "192.0.2.7", "8.8.8.8", "0.0.0.0", "100.64.0.1")],
    ],
)
def test_addresses_that_strangers_may_reach(address, strangers):
    warning = exposed([HERE, Host("node", address)])
    assert ("firewall" in warning) == strangers
    assert warning.startswith(f"warning: node ({address}): neither a loopback" * strangers)


def test_dealt():
    assert dealt(1, None, (HERE,)) == ["server ", "worker "]
    assert dealt(3, None, (A, B)) == ["server a", "server b", "worker a", "worker b", "worker a"]
    assert dealt(1, 3, (A, B)) == ["server a", "server b", "server a", "worker a"]
    wide = Host("c", "10.0.0.1", slots=2)
    assert dealt(3, 1, (wide, B))[1:] == ["worker c", "worker c", "worker b"]
    assert dealt(2, 1, (B, wide))[1:] == ["worker b", "worker c"]
    with pytest.raises(ArgumentError, match="`-n` is 4, but the hosts file has 3 slots in all"):
        deal(4, 1, (wide, B))


def test_ranks_follow_addresses_as_text_then_ports():
    places = [Place("scheduler", A), Place("server", A), Place("server", B)]
    places += [Place("worker", host) for host in (A, B, A, B)]
    placed = seats(places, [1, 7, 8, 30, 20, 10, 40], [4] * 7)
    # As text "10.0.0.9" is greater than "10.0.0.10"; the greater comes first.
    assert [seat.rank for seat in placed] == [0, 0, 1, 1, 2, 0, 3]
    assert [seat.label for seat in placed[:4]] == ["scheduler", "server 0", "server 1", "1"]
    assert [str(seat) for seat in placed[1:4]] == ["server 0", "server 1", "worker 1"]


def test_environment():
    places = [Place("scheduler", A), Place("server", B)]
    places += [Place("worker", host) for host in (A, B, B)]
    placed = seats(places, [1, 2, 3, 4, 5], [6, 7, 6, 7, 7])
    user = {"HOME": "h", "MXNET_X": "1", "PYTHONPATH": "p", "DMLC_ROLE": "server"}
    environments = [environment(seat, placed, user) for seat in placed]
    assert [one["DMLC_ROLE"] for one in environments] == ["scheduler", "server"] + ["worker"] * 3
    assert {one["DMLC_PS_ROOT_URI"] for one in environments} == {"10.0.0.9"}
    assert {one["DMLC_PS_ROOT_PORT"] for one in environments} == {"1"}
    assert {(one["DMLC_NUM_WORKER"], one["DMLC_NUM_SERVER"]) for one in environments} == {
        ("3", "1")
    }
    assert [one["DMLC_NODE_HOST"] for one in environments[:2]] == ["10.0.0.9", "10.0.0.10"]
    assert [one.get("PORT") for one in environments] == [None, "2", "3", "4", "5"]
    assert [one["OMP_NUM_THREADS"] for one in environments] == ["1", "1", "6", "3", "3"]
    assert [one["DMLC_RANK"] for one in environments[2:]] == ["0", "1", "2"]
    assert environments[0]["PS_VERBOSE"] == "2"
    assert "PS_VERBOSE" not in environments[1]
    for one in environments:
        assert (one["GLUONKIT_LAUNCHED"], one["PYTHONUNBUFFERED"]) == ("1", "1")
        assert (one["MXNET_X"], one["PYTHONPATH"]) == ("1", "p")
        assert "HOME" not in one


def test_environment_the_user_has_chosen():
    placed = seats([Place("scheduler", A), Place("worker", A)], [1, 2], [6, 6])
    made = environment(placed[1], placed, {"OMP_NUM_THREADS": "5", "PYTHONUNBUFFERED": "x"})
    assert (made["OMP_NUM_THREADS"], made["PYTHONUNBUFFERED"]) == ("5", "x")
    made = environment(placed[0], placed, {"MXNET_OMP_MAX_THREADS": "5", "PS_VERBOSE": "1"})
    assert "OMP_NUM_THREADS" not in made
    assert made["PS_VERBOSE"] == "1"


# What is concluded from what is heard

PS_LITE = "[18:43:01] ../3rdparty/ps-lite/src/van.cc:419: "
REPORT = PS_LITE + (
    "? => 1. Meta: request=0, timestamp=0, control={ cmd=ADD_NODE, node={ role=worker, "
    "ip=127.0.0.1, port=%d, is_recovery=0 } }"
)
CONNECTED = PS_LITE + "the scheduler is connected to 2 workers and 1 servers"


def test_arrivals():
    arrivals = Arrivals()
    assert not arrivals.read("hello")
    assert not arrivals.read(PS_LITE + "Check failed: port != -1")
    assert not arrivals.scheduler
    assert arrivals.read(REPORT % 57053)
    assert arrivals.scheduler
    assert not arrivals.connected
    assert arrivals.reported == {("worker", "127.0.0.1", 57053)}
    # What the scheduler sends has all of them, too, and says nothing new.
    assert arrivals.read((REPORT % 1).replace("? => 1", "? => 9"))
    assert len(arrivals.reported) == 1
    assert arrivals.read(CONNECTED)
    assert arrivals.connected


def test_silence():
    silence = Silence(10)
    assert not any(silence.lasts(now, 5.0) for now in range(10))
    assert silence.lasts(10, 5.05)
    silence.restart()
    assert not any(silence.lasts(now, 5.05) for now in range(11, 21))
    assert silence.lasts(21, 5.05)
    busy = Silence(10)
    assert not any(busy.lasts(now, now * 0.02) for now in range(100))
    # Work that stops is missed after the whole timeout, not before.
    assert not any(busy.lasts(now, 99 * 0.02) for now in range(100, 104))
    assert busy.lasts(110, 99 * 0.02)


class Told:
    """A process as the watching sees it."""

    def __init__(self, role, rank, port):
        self.place = Place(role, HERE)
        self.name, self.port = f"{role} {rank}", port
        self.key = (role, "127.0.0.1", port)
        self.status, self.stopped, self.cpu, self.heard = None, False, 0.0, 0.0
        self.lines = []

    def __str__(self):
        return self.name


@pytest.fixture
def watched():
    told = [Told("scheduler", 0, 1), Told("server", 0, 2)]
    told += [Told("worker", 0, 3), Told("worker", 1, 4)]
    said = []
    settings = Settings((), (), 30.0, 0, (), "", "", "", {})
    watch = Watch(told, settings, said.append)
    watch.begin(0.0)

    def look(begin, end, heard=True, cpu=0.1, idle=""):
        for now in range(begin, end):
            for node in told:
                node.heard = now if heard else node.heard
                node.cpu += cpu if node.place.role != idle else 0.0
            watch.look(float(now))

    return told, watch, said, look


def test_scheduler_that_never_listens(watched):
    *_, look = watched
    with pytest.raises(JobError, match=r"scheduler 0 has not begun to listen at 127\.0\.0\.1:1 "):
        look(1, 40, idle="scheduler")


def test_slow_starts_on_a_busy_machine(watched):
    """While the scheduler and the servers work, they are waited for."""
    told, watch, _, look = watched
    look(1, 200)
    watch.hear(told[0], REPORT % 3)
    watch.hear(told[0], REPORT % 4)
    look(200, 400)
    with pytest.raises(JobError, match="server 0 has not reported to the scheduler within 30 s"):
        look(400, 440, idle="server")


def test_server_that_never_reports(watched):
    told, watch, _, look = watched
    watch.hear(told[0], REPORT % 3)
    with pytest.raises(JobError, match="server 0 has not reported to the scheduler within 30 s"):
        look(1, 40, idle="server")


def test_workers_have_time_until_the_first_reports(watched):
    told, watch, _, look = watched
    watch.hear(told[0], (REPORT % 2).replace("worker", "server"))
    look(1, 100)
    watch.hear(told[0], REPORT % 3)
    look(100, 130)
    words = "worker 1 has not reported to the scheduler within 30 s of the first worker's report"
    with pytest.raises(JobError, match=words):
        look(130, 140)


def test_worker_that_can_no_longer_report(watched):
    told, watch, _, look = watched
    watch.hear(told[0], REPORT % 3)
    told[3].status = 0
    words = "worker 1 has not reported .* before it ended, .*worker 1 has ended with status 0"
    with pytest.raises(JobError, match=words):
        look(1, 3)


def test_standstill_names_who_is_stopped(watched):
    told, watch, said, look = watched
    watch.hear(told[0], CONNECTED)
    look(1, 10)
    told[2].stopped = True
    told[3].status = -9
    words = (
        r"nothing has moved for 30 s.*worker 0 is stopped \(SIGSTOP\?\)\. "
        r"worker 1 has ended with signal 9 \(SIGKILL\)"
    )
    with pytest.raises(JobError, match=words):
        look(10, 45, cpu=0.0)
    assert said == ["worker 0 is stopped (SIGSTOP?)"]


def test_standstill_of_several_hosts(watched):
    told, *_ = watched
    assert "Can the hosts" not in str(verdicts.standstill(told, 5.0))
    told[1].place = Place("server", A)
    assert "Can the hosts still reach one another?" in str(verdicts.standstill(told, 5.0))


def test_stopped_and_going_on_is_said_once(watched):
    told, _, said, look = watched
    for stopped in (True, False):
        told[2].stopped = stopped
        look(1, 4)
    assert said == ["worker 0 is stopped (SIGSTOP?)", "worker 0 goes on"]


def test_host_that_is_lost(watched):
    told, watch, _, look = watched
    watch.hear(told[0], CONNECTED)
    look(1, 3)
    with pytest.raises(JobError, match="this machine is lost: nothing has been heard of"):
        look(3, 40, heard=False)


def test_launcher_that_was_itself_stopped_begins_anew(watched):
    told, watch, _, look = watched
    watch.hear(told[0], CONNECTED)
    look(1, 10)
    watch.look(1000.0)
    assert told[0].heard == 1000.0


def test_lines_of_the_scheduler_that_are_shown(watched):
    told, watch, *_ = watched
    assert not watch.hear(told[0], CONNECTED)
    assert not watch.hear(told[0], "hello")
    assert list(told[0].lines) == ["hello"]  # for the message, should it fail
    assert watch.hear(told[1], CONNECTED)
    loud = Watch(told, Settings((), (), 30.0, 0, (), "", "", "", {"PS_VERBOSE": "2"}), print)
    assert loud.hear(told[0], CONNECTED)


@pytest.mark.parametrize("sign", ["assign rank=9 to node role=worker", "{ cmd=BARRIER, barrier"])
def test_lines_that_the_schedulers_threads_have_mixed(watched, sign):
    told, watch, *_ = watched
    watch.hear(told[0], f"[18:35:06] [18:35:06] ../3rd {sign}")
    told[2].status = 0
    assert watch.may_end(told[1]) is False
    told[1].status = 0
    assert watch.may_end(told[1])  # all are there


def test_ends_that_a_job_may_go_on_with(watched):
    told, watch, *_ = watched
    for node in told:
        node.status = 0
    assert [watch.may_end(node) for node in told] == [False, False, True, True]
    watch.hear(told[0], CONNECTED)
    assert all(watch.may_end(node) for node in told)
    told[2].status = 3
    assert not watch.may_end(told[2])


def test_server_that_ends_with_0_before_its_time():
    server = Told("server", 0, 1)
    server.status, server.started, server.ended = 0, 1.0, 3.5
    error = verdicts.ended(server)
    assert error.status == 1
    assert "server 0 ended with status 0 before all workers had reported after 2.5 s" in str(error)
    server.status = -200
    assert verdicts.ended(server).status == 328
    assert "signal 200 after" in str(verdicts.ended(server))


# The agent's parts


def test_lines():
    lines = Lines("stdout")
    assert lines.cut(b"one\ntw") == ["one"]
    assert lines.cut(b"o\r\n\n") == ["two", ""]
    assert lines.cut(b" 1%\r 50%\r100%\n") == ["100%"]
    assert lines.cut(b"caf\xe9\nrest") == ["caf\ufffd"]
    assert lines.cut(b"") == ["rest"]
    assert lines.cut(b"") == []
    assert [len(text) for text in lines.cut(b"x" * (CHUNK + 1))] == [CHUNK + 1]


def test_outbox():
    read, write = os.pipe()
    box = Outbox(write)
    while not box.full:
        box.report("line", text="x" * 10000)
    box.flush()  # the pipe takes some, and nobody waits
    assert box
    os.close(read)
    box.flush()
    assert box.broken
    assert not box
    os.close(write)


def test_processes_below():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        wait_until(lambda: len(kernel.below(parent.pid)) == 1)
        assert parent.pid in kernel._children(os.getpid())
        assert kernel._children_by_search(parent.pid) == kernel.below(parent.pid)
        assert kernel.of_session([parent.pid], os.getsid(0)) == [parent.pid]
        parent.stdin.close()
    assert kernel.below(parent.pid) == []
    assert kernel.usage([parent.pid]) == (0.0, False)


def test_usage():
    code = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True); input()"
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **options) as child:
        child.stdout.readline()
        assert 0.2 < kernel.usage([child.pid])[0] < 10
        child.send_signal(signal.SIGSTOP)
        wait_until(lambda: kernel.usage([child.pid])[1])
        child.send_signal(signal.SIGCONT)
        child.stdin.close()


class AgentByHand:
    """An agent, and a launcher's side of the conversation."""

    def __init__(self, marker):
        self._writing = threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "_gluonkit_command", "agent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT), "MARK": marker},
        )

    def order(self, do, **values):
        with self._writing:
            self.process.stdin.write(json.dumps({"do": do, **values}) + "\n")
            self.process.stdin.flush()

    def prepare(self, **values):
        usual = {"address": "127.0.0.1", "port": 0, "folder": "/", "program": sys.executable}
        self.order("prepare", **(usual | {"path": "", "lease": 0.0, "beat": 0.1} | values))
        return self.answer()

    def start(self, code):
        self.order("start", argv=[sys.executable, "-c", code], environment={"X": "1"})
        return self.answer("started")

    @contextmanager
    def pinging(self):
        """Renew the lease all the time."""
        enough = threading.Event()

        def ping():
            while not enough.wait(0.1):
                self.order("ping")

        thread = threading.Thread(target=ping)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()

    def answer(self, what=None):
        while True:
            report = json.loads(self.process.stdout.readline())
            if what in (None, report["is"]):
                return report


@pytest.fixture
def by_hand(request):
    agents = []

    def begin():
        agents.append(AgentByHand(request.node.name))
        return agents[-1]

    yield begin
    for agent in agents:
        agent.process.stdin.close()
        agent.process.stdout.read()
        agent.process.stdout.close()
        assert agent.process.wait(LONG) == 0
    wait_until(lambda: not left(f"MARK={request.node.name}"))


def test_agent(by_hand):
    agent = by_hand()
    ready = agent.prepare()
    assert ready["is"] == "ready"
    assert ready["cores"] >= 1
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", ready["port"]))  # it is kept for the process
    agent.start(
        "import os, socket, sys\n"
        "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        f"s.bind(('127.0.0.1', {ready['port']})); s.listen()\n"
        "print(os.environ['X'], sys.stdin.read() == '', os.getpid() == os.getsid(0), flush=True)\n"
        "print('two', file=sys.stderr); sys.exit(7)"
    )
    assert agent.answer("line") == {"is": "line", "stream": "stdout", "text": "1 True True"}
    assert agent.answer("line") == {"is": "line", "stream": "stderr", "text": "two"}
    assert agent.answer("ended")["status"] == 7


@pytest.mark.parametrize(
    ("order", "cause", "why"),
    [
        ({"folder": "/there/is/none"}, "folder", "No such file or directory"),
        ({"program": "there-is-none"}, "program", ""),
        ({"program": "/etc/passwd"}, "program", "it is not executable"),
        ({"address": "192.0.2.1"}, "address", "Cannot assign requested address"),
    ],
)
def test_agent_refuses(order, cause, why, by_hand):
    assert by_hand().prepare(**order) == {"is": "refused", "cause": cause, "why": why}


def test_agent_refuses_what_the_system_refuses(by_hand, tmp_path):
    (tmp_path / "bad").write_text("no program")
    (tmp_path / "bad").chmod(0o755)
    agent = by_hand()
    agent.prepare(program=str(tmp_path / "bad"))
    agent.order("start", argv=[str(tmp_path / "bad")], environment={})
    assert agent.answer() == {"is": "refused", "cause": "program", "why": "Exec format error"}


def test_agent_says_what_is_used_and_what_is_stopped(by_hand):
    agent = by_hand()
    agent.prepare()
    pid = agent.start(
        "import subprocess, sys, time\n"
        "burn = 'import time\\nwhile time.process_time() < 0.5: pass'\n"
        "subprocess.run([sys.executable, '-c', burn])\n"
        "time.sleep(600)"
    )["pid"]
    wait_until(lambda: agent.answer("beat")["cpu"] >= 0.5)  # by a child that has ended
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: agent.answer("beat")["stopped"])
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not agent.answer("beat")["stopped"])
    agent.order("end", grace=60)
    assert agent.answer("ended")["status"] == -signal.SIGTERM


STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); %s"


def test_agent_kills_what_does_not_end(by_hand):
    agent = by_hand()
    agent.prepare()
    agent.start(STUBBORN % "time.sleep(600)")
    agent.answer("line")
    agent.order("end", grace=600)
    agent.order("end", grace=0)  # the second Ctrl-C
    assert agent.answer("ended")["status"] == -signal.SIGKILL


DAEMON = (
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], "
    "start_new_session=True)\n"
)


@pytest.mark.parametrize("end", ["launcher gone", "lease", "killed", "itself"])
def test_agent_leaves_nothing(end, by_hand, request):
    """Not even a process with a session of its own; see what the fixture asserts."""
    agent = by_hand()
    with agent.pinging():  # it has its lease as long as that
        agent.prepare(lease=10.0 if end == "lease" else 0.0)
        agent.start(
            DAEMON + "print(1, flush=True)\n" + ("" if end == "itself" else "time.sleep(600)")
        )
        agent.answer("line")
    if end == "launcher gone":
        agent.process.stdin.close()
    elif end == "killed":
        agent.process.send_signal(signal.SIGTERM)
    agent.process.wait(LONG)
    wait_until(lambda: not left(f"MARK={request.node.name}"))


# The command


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["-n", "0", "--", "true"], "`-n` is 0; give a whole number from 1 to 1024"),
        (["-n", "99999999", "--", "true"], "`-n` is 99999999; give a whole number from 1 to 10"),
        (["-n", "x", "--", "true"], "`-n` is 'x'; give a whole number"),
        (["-n", "1", "-s", "0", "--", "true"], "`-s` is 0; give a whole number from 1"),
        (["-n", "1"], "there is no COMMAND; put it behind a --, as in: gluonkit launch -n"),
        (["-n", "1", "--"], "there is no COMMAND"),
        (["-n", "1", "true"], "true is not understood; COMMAND goes behind a --, as in:"),
        (["-n", "1", "--port", "65536", "--", "true"], "`--port` is 65536; give a whole number"),
        (["-n", "1", "--timeout", "0", "--", "true"], "`--timeout` is '0'; give a positive number"),
        (["-n", "1", "--timeout", "inf", "--", "true"], "`--timeout` is 'inf'; give a positive"),
        (["-n", "1", "--timeout", "soon", "--", "true"], "`--timeout` is 'soon'; give a positive"),
        (["-n", "1", "--ssh", "'", "--", "true"], '`--ssh` is "\'", which is no command: No clos'),
        (["-n", "1", "--ssh", " ", "--", "true"], "`--ssh` is empty; give the command"),
        (["-n", "1", "--hosts", "none", "--", "true"], "`--hosts` is 'none', which cannot be read"),
        (["--", "true"], "the following arguments are required: -n"),
    ],
)
def test_wrong_calls(args, words, gluonkit):
    done = gluonkit("launch", *args)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_help(gluonkit):
    done = gluonkit("launch", "--help")
    assert done.returncode == 0
    assert "HOST [slots=N] [address=IP]" in done.stdout
    assert "launch" in gluonkit("--help").stdout


def test_it_needs_no_mxnet(gluonkit, tmp_path):
    (tmp_path / "mxnet.py").write_text("raise RuntimeError('imported')")
    done = gluonkit("launch", "-n", "1", "--", "echo", "fine", env={"PYTHONPATH": f"{tmp_path}"})
    assert (done.returncode, done.stdout) == (0, "[0] fine\n")


def test_as_python_m_gluonkit(python, tmp_path):
    """There gluonkit has chosen a number of threads for the launcher, which is not the user's."""
    code = "import os; print(os.environ['OMP_NUM_THREADS'])"
    done = python("-m", "gluonkit", "launch", "-n", "64", "--", sys.executable, "-c", code)
    assert done.returncode == 0
    share = max(1, cpu.usable_cores() // 64)
    assert sorted(done.stdout.splitlines()) == sorted(f"[{rank}] {share}" for rank in range(64))


def test_modules_beside_the_user_do_not_disturb(gluonkit, tmp_path):
    for name in ("select", "json", "selectors"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError")
    done = gluonkit("launch", "-n", "1", "--", "echo", "fine", env={"PYTHONPATH": ""}, cwd="/")
    assert (done.returncode, done.stdout) == (0, "[0] fine\n")


def test_output_and_environment(gluonkit):
    source = "import sys; print('out', 1); print('err', file=sys.stderr);" + show_environment(
        "DMLC_ROLE", "GLUONKIT_LAUNCHED", "DMLC_NODE_HOST", "OMP_NUM_THREADS", "PYTHONUNBUFFERED"
    )
    args = ("launch", "-n", "2", "--", sys.executable, "-c", source)
    done = gluonkit(*args, env={"OMP_NUM_THREADS": "5"})
    assert done.returncode == 0
    for rank in range(2):
        assert f"[{rank}] out 1\n" in done.stdout
        assert f"[{rank}] worker 1 127.0.0.1 5 1\n" in done.stdout
        assert f"[{rank}] err\n" in done.stderr


@pytest.mark.parametrize(
    ("code", "status", "how"),
    [
        ("sys.exit(3)", 3, "status 3"),
        ("raise KeyError('deep')", 1, "status 1"),
        ("os.kill(os.getpid(), 15)", 143, "signal 15 (SIGTERM)"),
        ("os.kill(os.getpid(), 9)", 137, "signal 9 (SIGKILL)"),
    ],
)
def test_a_failure_ends_the_job(code, status, how, gluonkit):
    source = (
        "import os, sys, time\nif os.environ['DMLC_RANK'] == '0': time.sleep(600)\n"
        f"for line in range(20): print('line', line)\nsys.stdout.flush()\n{code}"
    )
    done = gluonkit("launch", "-n", "2", "--", sys.executable, "-c", source)
    assert done.returncode == status
    assert f"error: worker 1 on this machine ended with {how} after" in done.stderr
    assert "line 19\n" in done.stderr
    assert "    line 0\n" not in done.stderr
    assert "All other processes of the job have been ended." in done.stderr


def test_a_failure_without_a_word(gluonkit):
    done = gluonkit("launch", "-n", "1", "--", "false")
    assert done.returncode == 1
    assert "s, without a word. All other processes" in done.stderr


def test_command_that_cannot_be_run(gluonkit):
    done = gluonkit("launch", "-n", "1", "--", "there-is-none")
    assert done.returncode == 127
    assert "the command 'there-is-none' cannot be run on this machine: not found" in done.stderr
    done = gluonkit("launch", "-n", "1", "--", "/etc/passwd")
    assert done.returncode == 126
    assert "cannot be run on this machine: it is not executable" in done.stderr


def test_port_that_is_taken(gluonkit):
    kept, port = reserved_port()  # it stays ours while nobody listens
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        done = gluonkit("launch", "-n", "1", "--port", port, "--", "true")
    assert done.returncode == 1
    assert f"port {port} on this machine is taken (Address already in use)" in done.stderr
    with kept:
        assert gluonkit("launch", "-n", "1", "--port", port, "--", "true").returncode == 0


def test_output_that_nobody_reads(launch):
    job = launch("-n", "1", "--", "yes", stdout=subprocess.PIPE)
    assert job.process.stdout.readline() == b"[0] y\n"
    job.process.stdout.close()
    assert job.status() == 1
    job.nothing_is_left()


SLEEP = "import time; print('begun', flush=True); time.sleep(600)"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_everything(number, launch):
    job = launch("-n", "2", "--", sys.executable, "-c", DAEMON + SLEEP)
    job.wait_for("[0] begun", "[1] begun")
    job.process.send_signal(number)
    assert job.status() == 128 + number
    assert f"error: ended by {number.name}" in job.output()
    job.nothing_is_left()


def test_second_ctrl_c(launch):
    """Behind the first one, which has the worker asked to end; unless it is killed before."""
    code = (
        "import signal, time\n"
        "signal.signal(15, lambda *_: print('asked', flush=True))\n"
        "print(1, flush=True)\n"
        "while True: time.sleep(600)"
    )
    job = launch("-n", "1", "--", sys.executable, "-c", code)
    job.wait_for("[0] 1")
    job.process.send_signal(signal.SIGINT)
    wait_until(lambda: "[0] asked" in job.output() or job.process.poll() is not None)
    job.process.send_signal(signal.SIGINT)
    assert job.status() == 130
    job.nothing_is_left()


def test_killed_launcher_leaves_nothing(launch):
    job = launch("-n", "2", "--", sys.executable, "-c", DAEMON + STUBBORN % "time.sleep(600)")
    job.wait_for("[0] 1", "[1] 1")
    job.process.kill()
    job.status()
    job.nothing_is_left()


def test_killed_agent_leaves_nothing(launch):
    code = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    job = launch("-n", "1", "--", sys.executable, "-c", inner)
    job.wait_for("[0] pid ")
    sleeper = int(re.search(r"\[0\] pid (\d+)", job.output())[1])
    agents = kernel._children(job.process.pid)
    worker = next(pid for pid in agents if sleeper in kernel.below(pid))
    os.kill(worker, signal.SIGKILL)
    assert job.status() == 1
    assert "the agent of worker 0 on this machine was lost (signal 9 (SIGKILL))" in job.output()
    job.nothing_is_left()


# Other hosts, by something in ssh's place


@pytest.fixture
def shell(tmp_path):
    """Return the beginning of a command line for a job on two hosts that are this machine."""
    script = tmp_path / "shell"
    script.write_text('#!/bin/sh\necho Welcome to $1.\nexec sh -c "$2"\n')
    script.chmod(0o755)
    hosts = hosts_file(tmp_path, "one address=127.0.0.1\ntwo address=127.0.0.2\n")
    return ["launch", "--hosts", hosts, "--ssh", str(script)]


def test_two_hosts(shell, gluonkit):
    source = show_environment("DMLC_NODE_HOST", "DMLC_PS_ROOT_URI", "MXNET_X")
    args = [*shell, "-n", "3", "--", "python", "-c", source]
    done = gluonkit(*args, env={"MXNET_X": "y"})
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "[0] 127.0.0.2 127.0.0.1 y",
        "[1] 127.0.0.1 127.0.0.1 y",
        "[2] 127.0.0.1 127.0.0.1 y",
    ]


def test_failure_names_the_host(shell, gluonkit):
    done = gluonkit(*shell, "-n", "2", "--", "sh", "-c", "sleep ${DMLC_RANK}000; exit 4")
    assert done.returncode == 4
    assert "worker 0 on two ended with status 4" in done.stderr


@pytest.mark.parametrize(
    ("ssh", "words"),
    [
        (
            "sh -c 'echo Go away. >&2; exit 255'",
            "one cannot be used: status 255. It said: Go away.",
        ),
        ("sh -c 'kill -9 $$'", "one cannot be used: signal 9 (SIGKILL). Try by hand: sh -c"),
    ],
)
def test_host_that_cannot_be_used(ssh, words, shell, gluonkit):
    done = gluonkit(*shell[:-1], ssh, "-n", "1", "--", "true")
    assert done.returncode == 1
    assert words in done.stderr


def test_host_that_does_not_answer(shell, launch):
    ssh = "sh -c 'echo wait; exec sleep 6000'"
    job, limit = begun(
        lambda limit: launch(*shell[1:-1], ssh, "-n", "1", "--timeout", f"{limit}", "--", "true"),
        lambda job: "It said: wait." in job.output(),
    )
    assert job.status() == 1
    assert f"one has not answered within {limit} s. It said: wait. Try" in job.output()


def test_ssh_that_is_not_there(shell, gluonkit):
    done = gluonkit(*shell[:-1], "there-is-none -q", "-n", "1", "--", "true")
    assert done.returncode == 2
    assert "`--ssh` begins with 'there-is-none', which cannot be run here: No such" in done.stderr


def test_python_that_is_not_there(shell, gluonkit):
    done = gluonkit(*shell, "--python", "/no/python", "-n", "1", "--", "true")
    assert done.returncode == 1
    assert "one cannot be used: status 127. It said: Welcome to one.; " in done.stderr
    assert "/no/python" in done.stderr


def test_address_that_is_not_the_hosts(shell, gluonkit, tmp_path):
    hosts_file(tmp_path, "one address=192.0.2.1")
    done = gluonkit(*shell, "-n", "1", "--", "true")
    assert done.returncode == 1
    assert "launch: warning: one (192.0.2.1): neither a loopback nor a private" in done.stderr
    assert (
        "192.0.2.1 is not an address of one (Cannot assign requested address); say" in done.stderr
    )


def test_folder_that_is_not_on_the_host(shell, gluonkit, tmp_path):
    (tmp_path / "shell").write_text('#!/bin/sh\nrmdir "$PWD"\ncd /\nexec sh -c "$2"\n')
    (tmp_path / "here").mkdir()
    done = gluonkit(*shell, "-n", "1", "--", "true", cwd=tmp_path / "here")
    assert done.returncode == 1
    assert re.search(
        "/here cannot be used on (one|two): No such file or directory. It has to be", done.stderr
    )


def test_connection_that_is_lost(shell, launch, tmp_path):
    job = launch(*shell[1:], "-n", "2", "--", sys.executable, "-c", SLEEP)
    job.wait_for("[0] begun", "[1] begun")
    os.kill(kernel._children(job.process.pid)[-1], signal.SIGKILL)
    assert job.status() == 1
    assert "the connection to worker 0 on two was lost (signal 9 (SIGKILL))" in job.output()
