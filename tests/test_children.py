"""Processes that `multiprocessing` starts anew can import MXNet."""

import multiprocessing
import sys

import pytest

from gluonkit.system import children

PROGRAM = """
import multiprocessing
import sys
import numpy
import mxnet

def work(array, queue):
    queue.put(float(mxnet.nd.array(array).sum().asscalar()))

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    process = context.Process(target=work, args=(numpy.ones(3), queue))
    process.start()
    process.join()
    print(queue.get(timeout=0.1), process.exitcode)
"""

# A program that cannot be imported, as in a notebook: the child has only what it unpickles.
FROM_NOWHERE = """
import multiprocessing
import gluonkit
from gluonkit import mx

context = multiprocessing.get_context("spawn")
process = context.Process(target=mx.nd.waitall)
process.start()
process.join()
print(process.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_children_of_an_old_script(method, gluonkit, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    done = gluonkit("run", "program.py", method)
    assert (done.stderr, done.stdout) == ("", "3.0 0\n")


def test_children_that_import_no_gluonkit(python):
    done = python("-c", FROM_NOWHERE)
    assert (done.stderr, done.stdout) == ("", "0\n")


def test_children_of_another_python_are_left_alone(monkeypatch):
    spawn = multiprocessing.spawn
    assert "gluonkit" in spawn.get_preparation_data("x")
    monkeypatch.setattr(spawn, "_python_exe", b"/usr/bin/another")
    assert "gluonkit" not in spawn.get_preparation_data("x")
    monkeypatch.undo()
    monkeypatch.setattr(children, "_command", lambda: None)
    assert "gluonkit" not in spawn.get_preparation_data("x")


def test_following_twice_is_following_once():
    before = multiprocessing.spawn.get_preparation_data
    children.follow()
    assert multiprocessing.spawn.get_preparation_data is before


def test_a_server_does_not_import_the_program(monkeypatch):
    forkserver = pytest.importorskip("multiprocessing.forkserver")
    seen = []
    monkeypatch.setattr(
        forkserver.ForkServer, "ensure_running", lambda self: seen.append(self._preload_modules)
    )
    monkeypatch.setattr(forkserver, "ensure_running", None)
    children.import_program_late()
    server = forkserver.ForkServer()
    server.set_forkserver_preload(["__main__", "os"])
    server.ensure_running()
    assert seen == [["os"]]


def test_a_system_without_fork_servers(monkeypatch):
    monkeypatch.setitem(sys.modules, "multiprocessing.forkserver", None)
    children.import_program_late()
