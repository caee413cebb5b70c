"""MXNet's distributed roles: becoming a server on purpose, and leaving a job without waiting.

With DMLC_ROLE=server (or scheduler) in the environment MXNet turns into that process in the
middle of its own import, half imported and without gluonkit's mends. Here the role is held back
until MXNet is whole. This file imports nothing that needs MXNet.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from gluonkit.errors import EnvironmentVariableError
from gluonkit.system.patches import for_good

ROLE = "DMLC_ROLE"
LAUNCHED = "GLUONKIT_LAUNCHED"
_NEEDED = ("DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER", "DMLC_NUM_SERVER")

_held: str | None = None


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hide the role of a server or scheduler, so that MXNet's import goes through.

    Raises
    ------
    EnvironmentVariableError
        When a variable is missing without which the role cannot be taken.
    """
    global _held
    role = os.environ.get(ROLE)
    if role not in ("server", "scheduler"):
        yield
        return
    for name in _NEEDED:
        if not os.environ.get(name):
            raise EnvironmentVariableError(
                f"the environment variable {ROLE} is {role!r}, with which `import mxnet` becomes "
                f"that process of a distributed job, but {name} is not set. Unset {ROLE}, or "
                "start the job by `gluonkit launch`, which sets all of them"
            )
    del os.environ[ROLE]
    try:
        yield
        _held = role
    finally:
        os.environ[ROLE] = role


def finish() -> None:
    """Do what the environment asks of a process in which MXNet is now imported.

    Raises
    ------
    SystemExit
        Where this process was a server or scheduler, when its job is over.
    """
    global _held
    if os.environ.get(LAUNCHED) == "1":
        _leave_without_waiting()
    if _held is not None:
        _held = None
        _serve()


def main(args: Sequence[str]) -> int:
    """Be the server or scheduler that `gluonkit launch` wants, with all of gluonkit imported.

    A server unpickles the workers' optimizer, whose module may import gluonkit in turn.
    """
    global _held
    with held():
        importlib.import_module("gluonkit")
    _held = None
    _serve()
    return 0


def _serve() -> None:
    """Serve until the job is over, then exit, as MXNet's own import would have done."""
    kvstore = importlib.import_module("mxnet.kvstore")
    kvstore.KVStoreServer(kvstore.create("dist")).run()
    raise SystemExit(0)


def _leave_without_waiting() -> None:
    """Let this process end without meeting the other workers at a last barrier.

    MXNet makes every worker wait for all others when its store is deleted, at exit at the
    latest. A worker that fails would hang there for ever, while the others wait for its
    gradients. `gluonkit launch` knows by itself when all workers have ended.
    """
    base: Any = importlib.import_module("mxnet.base")
    store: Any = importlib.import_module("mxnet.kvstore.kvstore").KVStore
    library, check = base._LIB, base.check_call

    def free(self: Any) -> None:
        library.MXKVStoreSetBarrierBeforeExit(self.handle, ctypes.c_int(0))
        check(library.MXKVStoreFree(self.handle))

    for_good(store, "__del__", free)
