"""MXNet's linear algebra on ARM: OpenBLAS in the place of Arm's own libraries.

MXNet's wheel for Linux on aarch64 is linked with Arm's Performance Libraries, which it does not
bring, and which no registry has. It takes BLAS and LAPACK from them and nothing else, by the
common names. `arrange` looks for an OpenBLAS, and loads a library under Arm's name that says where
in memory its functions are: nothing is installed, copied or linked, and no file stays.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gluonkit._base import elf
from gluonkit.system.cuda import Explanation

STANDS_FOR = "libarmpl_lp64_mp.so"
"""The library of Arm's that has BLAS and LAPACK."""

UNUSED = ("libamath.so", "libastring.so")
"""Those that MXNet's wheel asks for, and takes nothing from."""

WHEEL = "scipy-openblas32"
"""The wheel that brings an OpenBLAS with whole numbers of 32 bits, as MXNet passes them."""

# By whom a library may be brought: its files, OpenBLAS's first. Debian and Ubuntu keep LAPACKE, C's
# interface to LAPACK, in a library of its own.
_SYSTEM = ("libopenblas.so.0", "liblapacke.so.3")

_CBLAS = (
    *("cgemm", "ddot", "dgemm", "dger", "dsyrk", "dtrmm", "dtrsm", "saxpy", "sdot", "sgemm"),
    *("sger", "ssyrk", "strmm", "strsm", "zgemm"),
)
_LAPACK = ("gels", "geqrf", "gesdd", "gesv", "getrf", "posv", "potrf")
_LAPACKE = (
    *("geev", "gelqf", "gesdd", "gesv", "gesvd", "getrf", "getri", "orglq", "potrf", "potri"),
    "syevd",
)
FUNCTIONS = (
    *(f"cblas_{name}" for name in _CBLAS),
    *(f"{kind}{name}_" for kind in "sd" for name in _LAPACK),
    *(f"LAPACKE_{kind}{name}" for kind in "sd" for name in _LAPACKE),
)
"""What libmxnet.so takes from Arm's library."""

used: str = ""
"""The file of the OpenBLAS that `arrange` put in the place of Arm's library; empty if none."""

problems: dict[str, str] = {}
"""The libraries that `arrange` tried in vain, and why."""


def arrange() -> list[str]:
    """Load an OpenBLAS under the names of Arm's libraries, once, where MXNet needs it.

    That is on Linux for aarch64, unless the loader finds Arm's own. Nothing is raised: what was
    tried in vain is in `problems`.

    Returns
    -------
    list of str
        What was done, as text: at most one entry.
    """
    if used or problems or "mxnet" in sys.modules or not _is_needed():
        return []
    return _take_first(_candidates(), platform.machine())


def _is_needed() -> bool:
    """Say whether MXNet is here for ARM, and Arm's library is not."""
    if (platform.system(), platform.machine()) != ("Linux", "aarch64"):
        return False
    spec = importlib.util.find_spec("mxnet")
    # Its own folder is where libmxnet.so looks first.
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders or any(os.path.exists(os.path.join(f, STANDS_FOR)) for f in folders):
        return False
    try:
        ctypes.CDLL(STANDS_FOR)
    except OSError:
        return True
    return False


def _candidates() -> Iterator[tuple[str, ...]]:
    """Yield files of an OpenBLAS and of what it lacks: the wheel's, conda's and the system's."""
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield (os.path.join(folder, "lib", "libscipy_openblas.so"),)
    if os.path.exists(own := os.path.join(sys.prefix, "lib", _SYSTEM[0])):
        yield (own,)
    yield _SYSTEM


def _take_first(candidates: Iterable[tuple[str, ...]], machine: str) -> list[str]:
    """Put the first candidate that has all functions in the place of Arm's library."""
    global used
    for files in candidates:
        try:
            _load(STANDS_FOR, _addresses(files), machine)
            for name in UNUSED:
                _load(name, {}, machine)
        except OSError as error:  # also from a machine that has nowhere to write
            problems[files[0]] = str(error)
            continue
        used = files[0]
        return [f"BLAS: {used} in the place of {', '.join((STANDS_FOR, *UNUSED))}"]
    return []


def _addresses(files: Sequence[str]) -> dict[str, int]:
    """Return where the functions of a candidate are, once its libraries are loaded.

    Raises
    ------
    OSError
        When a library cannot be loaded, or functions are missing.
    """
    addresses: dict[str, int] = {}
    missing = set(FUNCTIONS)
    for file in files:
        library = ctypes.CDLL(file)
        # The wheel's functions have a prefix, lest another BLAS in the process take their place.
        for name in sorted(missing):
            function = getattr(library, name, None) or getattr(library, f"scipy_{name}", None)
            if function is not None:
                addresses[name] = _address(function)
        missing -= addresses.keys()
        if not missing:
            return addresses
    raise OSError(f"{' and '.join(files)} have no {', '.join(sorted(missing)[:3])}")


def _load(name: str, symbols: dict[str, int], machine: str) -> None:
    """Load a library that is written for this process; the file is not kept."""
    with tempfile.TemporaryDirectory(prefix="gluonkit-") as folder:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(elf.written(name, symbols, machine))
        ctypes.CDLL(path)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def explain(library: str, python: str) -> Explanation | None:
    """Explain that a library of Arm's is missing, and how to get an OpenBLAS; else return None."""
    if library not in (STANDS_FOR, *UNUSED):
        return None
    tried = "; ".join(problems.values()) or "none was looked for"
    return Explanation.ending_with(
        f"MXNet's wheel for ARM needs {library}, of Arm's Performance Libraries, which it does not "
        f"bring. gluonkit puts an OpenBLAS in its place, and has found none ({tried}).",
        f"{python} -m pip install {WHEEL}",
    )


def in_use(library: Any) -> str:
    """Return which BLAS a loaded libmxnet.so computes with: its own words, and its file."""
    function = getattr(library, "cblas_sgemm", None)
    file = _file_at(_address(function)) if function is not None else ""
    if not file:
        return "unknown"
    blas = ctypes.CDLL(file)
    for prefix in ("", "scipy_"):
        told = getattr(blas, f"{prefix}openblas_get_config", None)
        if told is not None:
            told.restype = ctypes.c_char_p
            return f"{told().decode().strip()} ({file})"
    return file


def _file_at(address: int) -> str:
    """Return the file that is mapped at an address of this process; empty if none is known."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            for line in maps:
                begin, end = (int(text, 16) for text in line.split(None, 1)[0].split("-"))
                if begin <= address < end:
                    return line.split(None, 5)[-1].strip()
    except OSError:  # not Linux
        pass
    return ""
