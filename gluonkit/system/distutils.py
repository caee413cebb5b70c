"""What MXNet and programs of its time use of `distutils`, which Python 3.12 dropped.

`version`, `util`, `dir_util`, `spawn` and `errors`, with what is read of them; not the building
of packages, which setuptools has.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import sysconfig
import types
from typing import Any

from gluonkit._base.optional import require


class DistutilsError(Exception):
    """The base of the errors of `distutils`."""


class DistutilsFileError(DistutilsError):
    """A folder or file of `dir_util` cannot be used."""


def install() -> bool:
    """Make ``import distutils`` work; return whether a stand-in was needed."""
    if "distutils.version" in sys.modules or sys.version_info < (3, 12):
        return False
    # setuptools brings its own copy; a spec without a loader is a folder that is called so.
    spec = importlib.util.find_spec("distutils") if "distutils" not in sys.modules else None
    if spec is not None and spec.loader is not None:
        return False
    package = types.ModuleType("distutils", "Stand-in by gluonkit: what scripts use of it.")
    # Without a path it is no package, and `import distutils.version` fails.
    package.__path__ = []
    sys.modules["distutils"] = package
    for name, values in _modules().items():
        module = types.ModuleType(f"distutils.{name}", "Stand-in by gluonkit.")
        vars(module).update(values)
        setattr(package, name, module)
        sys.modules[module.__name__] = module
    return True


def _modules() -> dict[str, dict[str, Any]]:
    loose = require("looseversion").LooseVersion
    return {
        # MXNet only compares NumPy's version with others, for which the two classes are alike.
        "version": {"LooseVersion": loose, "StrictVersion": loose},
        "util": {"strtobool": strtobool, "get_platform": sysconfig.get_platform},
        "dir_util": {"mkpath": mkpath, "copy_tree": copy_tree, "remove_tree": remove_tree},
        "spawn": {"find_executable": shutil.which},
        "errors": {"DistutilsError": DistutilsError, "DistutilsFileError": DistutilsFileError},
    }


def strtobool(val: str) -> int:
    """Return 1 for a word that means yes, 0 for one that means no.

    Raises
    ------
    ValueError
        For any other word.
    """
    word = val.lower()
    if word in ("y", "yes", "t", "true", "on", "1"):
        return 1
    if word in ("n", "no", "f", "false", "off", "0"):
        return 0
    raise ValueError(f"invalid truth value {val!r}")


def mkpath(name: str, mode: int = 0o777, verbose: int = 1) -> list[str]:
    """Make a folder and those above it; return those that were not there, outermost first."""
    made: list[str] = []
    folder = os.path.normpath(name)
    while folder and not os.path.isdir(folder):
        made.insert(0, folder)
        folder = os.path.dirname(folder)
    os.makedirs(name, mode, exist_ok=True)
    return made


def copy_tree(  # noqa: PLR0917  (distutils' own)
    src: str,
    dst: str,
    preserve_mode: int = 1,
    preserve_times: int = 1,
    preserve_symlinks: int = 0,
    update: int = 0,
    verbose: int = 1,
) -> list[str]:
    """Copy all that is in the folder `src` into `dst`, which may exist; return the files written.

    Raises
    ------
    DistutilsFileError
        If `src` is no folder.
    """
    if not os.path.isdir(src):
        raise DistutilsFileError(f"cannot copy tree '{src}': not a directory")
    written: list[str] = []

    def copy(source: str, target: str, *, follow_symlinks: bool = True) -> None:
        if update and os.path.exists(target) and _is_as_new(target, source):
            return
        shutil.copyfile(source, target, follow_symlinks=follow_symlinks)
        if preserve_mode:
            shutil.copymode(source, target, follow_symlinks=follow_symlinks)
        if preserve_times:
            times = os.stat(source, follow_symlinks=follow_symlinks)
            os.utime(
                target, ns=(times.st_atime_ns, times.st_mtime_ns), follow_symlinks=follow_symlinks
            )
        written.append(target)

    shutil.copytree(
        src, dst, symlinks=bool(preserve_symlinks), copy_function=copy, dirs_exist_ok=True
    )
    return written


def _is_as_new(target: str, source: str) -> bool:
    return os.path.getmtime(target) >= os.path.getmtime(source)


def remove_tree(directory: str, verbose: int = 1) -> None:
    """Remove a folder and all that is in it."""
    shutil.rmtree(directory)
