"""MXNet's distributed roles: becoming a server on purpose, and leaving a job without waiting.

With DMLC_ROLE=server (or scheduler) in the environment MXNet turns into that process in the
middle of its own import, half imported and without gluonkit's mends. Here the role is held back
until MXNet is whole. This file imports nothing that needs MXNet.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import os
import weakref
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
    """Hide the role of a server or scheduler, so that MXNet's import returns.

    Raises
    ------
    EnvironmentVariableError
        When a variable that the role needs is missing.
    """
    global _held
    role = os.environ.get(ROLE)
    # MXNet's import returns in a worker; only these two stay in it until the job has ended.
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
    # With the role set, `import mxnet` serves the job, half imported, and exits at its end.
    del os.environ[ROLE]
    try:
        yield
        _held = role
    finally:
        os.environ[ROLE] = role


def finish() -> None:
    """Take the role that the environment gives this process, once MXNet is imported.

    Raises
    ------
    SystemExit
        If this process is a server or scheduler, at the end of its job.
    """
    global _held
    if os.environ.get(ROLE) == "worker":
        _free_stores_in_time(meet=os.environ.get(LAUNCHED) != "1")
    if _held is not None:
        _held = None
        _serve()


def main(args: Sequence[str]) -> int:
    """Run the server or scheduler of `gluonkit launch`, with all of gluonkit imported.

    A server unpickles the workers' optimizer, whose module may import gluonkit in turn.
    """
    global _held
    with held():
        importlib.import_module("gluonkit")
    _held = None
    _serve()
    return 0


def _serve() -> None:
    """Serve until the job has ended, then exit, as MXNet's own import would."""
    kvstore = importlib.import_module("mxnet.kvstore")
    kvstore.KVStoreServer(kvstore.create("dist")).run()
    raise SystemExit(0)


def _free_stores_in_time(*, meet: bool) -> None:
    """Make this process free its stores at exit, while Python is complete.

    With `meet` the workers meet at a last barrier then, as MXNet has it.

    MXNet leaves this to ``KVStore.__del__``. If something that outlives the program's modules holds
    the program's variables, `__del__` runs when the modules it needs are cleared already, or never;
    the threads of the connection then abort the process.

    MXNet's last barrier hangs for ever if a worker has failed while the others wait for its
    gradients; `gluonkit launch` needs none, as it knows when all workers have ended.
    """
    base: Any = importlib.import_module("mxnet.base")
    store: Any = importlib.import_module("mxnet.kvstore.kvstore").KVStore
    if store.__init__.__module__ == __name__:  # `finish` has run already
        return
    library, check, begin, here = base._LIB, base.check_call, store.__init__, os.getpid()
    made: weakref.WeakSet[Any] = weakref.WeakSet()
    no = ctypes.c_int(0)  # here, for the names of this module may be gone when a store goes

    def start(self: Any, handle: Any) -> None:
        begin(self, handle)
        made.add(self)

    def free(self: Any) -> None:
        handle, self.handle = self.handle, None
        if handle is None:
            return
        if not meet:
            library.MXKVStoreSetBarrierBeforeExit(handle, no)
        check(library.MXKVStoreFree(handle))

    def free_all() -> None:
        for kv in list(made) if os.getpid() == here else ():  # a fork has no threads to end
            free(kv)

    for_good(store, "__init__", start)
    for_good(store, "__del__", free)
    atexit.register(free_all)
