"""Running an unmodified MXNet program as ``python`` would, with MXNet made importable.

The program's own ``import mxnet`` triggers gluonkit's preparations, not sooner: what it sets in
the environment before that import still counts.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import re
import runpy
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from gluonkit.system import children, compat, distutils, roles

_ONE_ELEMENT = (
    "gluonkit: since NumPy 2.4 an array with one element is no number. Write x.asscalar(), or "
    "x.asnumpy().item()"
    + (
        f'; or take an older NumPy: {sys.executable} -m pip install "numpy<2.4"'
        if sys.version_info < (3, 15)
        else ""
    )
)
"""What a traceback of `float(x.asnumpy())` ends with."""

# NumPy's own words, and Python's in their place where "%.3f" or "%d" has asked for the number.
_NO_NUMBER = re.compile(
    r"only 0-dimensional arrays can be converted|real number\b.*, not numpy\.ndarray"
)


when_imported: list[Callable[[], None]] = []
"""What is called as soon as the program has imported MXNet."""


def run_script(path: str, args: Sequence[str]) -> None:
    """Run a program as ``python path args…`` does; its exceptions are not caught.

    A folder or a ZIP file with a ``__main__.py`` works too.
    """
    sys.argv = [path, *args]
    if os.path.isdir(path) or (not path.endswith((".py", ".pyw")) and _is_archive(path)):
        _begin(os.path.abspath(path))
        # Not `runpy.run_path`, which takes `__main__` away at the end of the program, before its
        # threads and functions registered with atexit have run.
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
        return
    try:
        # As `python` opens programs, with the audit event that a site's policy may watch.
        with io.open_code(os.path.abspath(path)) as file:
            source = file.read()
    except OSError as error:
        print(
            f"gluonkit run: can't open file {os.path.abspath(path)!r}: "
            f"[Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    # For a symbolic link `python` takes the folder of the file that it points to.
    _begin(os.path.dirname(os.path.realpath(path)))
    file_name = os.path.abspath(path)
    loader = importlib.machinery.SourceFileLoader("__main__", file_name)
    vars(sys.modules["__main__"]).update(__file__=file_name, __loader__=loader, __cached__=None)
    exec(compile(source, file_name, "exec"), vars(sys.modules["__main__"]))


def run_module(name: str, args: Sequence[str]) -> None:
    """Run a module as ``python -m name args…`` does; its exceptions are not caught."""
    # `python` has "-m" here while it looks for the module, and the file's path from then on.
    sys.argv = ["-m", *args]
    _begin(os.getcwd())
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def _begin(folder: str) -> None:
    """Give the program its own `__main__`, and the first entry of ``sys.path``."""
    main = types.ModuleType("__main__")
    vars(main)["__builtins__"] = __builtins__
    sys.modules["__main__"] = main
    # With -P the first entry does not come from starting gluonkit, and stays.
    if getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, folder)
    else:
        sys.path[0] = folder
    prepare_imports()
    _hide_our_frames()


def prepare_imports() -> None:
    """Prepare for the program's imports of `mxnet`, `distutils` and `multiprocessing`."""
    if not any(isinstance(finder, _Preparing) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Preparing())


def _is_archive(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


class _Preparing(importlib.abc.MetaPathFinder):
    """Import hook that prepares for what the program imports, and finishes after it."""

    def __init__(self) -> None:
        self._waiting = {"mxnet", "distutils", "multiprocessing.spawn"}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Prepare at the first import of each; other finders find it."""
        if fullname not in self._waiting:
            return None
        # First: the search below would otherwise end up here again.
        self._waiting.remove(fullname)
        if fullname == "distutils":
            return _as_it_is(sys.modules["distutils"]) if distutils.install() else None
        if fullname == "mxnet":
            compat.prepare()
        spec = importlib.util.find_spec(fullname)
        loader: Any = spec and spec.loader
        if loader is not None:
            # The finder's own loader runs the module, so that MXNet's `__spec__` stays as ever.
            execute = loader.exec_module
            run = _run_mxnet if fullname == "mxnet" else _run_spawn
            loader.exec_module = lambda module: run(execute, module)
        return spec


def _run_mxnet(execute: Callable[[types.ModuleType], None], module: types.ModuleType) -> None:
    with roles.held():
        execute(module)
    compat.finish()
    for call in when_imported:
        call()


def _run_spawn(execute: Callable[[types.ModuleType], None], module: types.ModuleType) -> None:
    execute(module)
    children.follow()
    children.import_program_late()


def _as_it_is(module: types.ModuleType) -> importlib.machinery.ModuleSpec:
    """Return a spec by which the import system takes a module that is made already."""
    return importlib.machinery.ModuleSpec(module.__name__, _Made(module), is_package=True)


class _Made(importlib.abc.Loader):
    def __init__(self, module: types.ModuleType) -> None:
        self._module = module

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return self._module

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: the module is complete."""


def _hide_our_frames() -> None:
    """Begin the traceback of an uncaught exception in the program, as ``python`` does."""
    ours: list[types.CodeType] = []
    frame: types.FrameType | None = sys._getframe(2)  # run_script or run_module
    while frame is not None:
        ours.insert(0, frame.f_code)
        frame = frame.f_back
    original = sys.excepthook

    def hook(
        kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
    ) -> None:
        for code in ours:
            # A traceback that a program hands to the hook itself need not begin with our frames.
            if trace is None or trace.tb_frame.f_code is not code:
                break
            trace = trace.tb_next
        original(kind, error.with_traceback(trace), trace)
        if kind is TypeError and _NO_NUMBER.search(str(error)):
            print(_ONE_ELEMENT, file=sys.stderr)

    sys.excepthook = hook
