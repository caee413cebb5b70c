"""Making MXNet 1.9.1 importable on today's Python and NumPy.

MXNet's last release expects names that NumPy has dropped since (`numpy.bool`, ...) and, on
Python 3.12 and later, the standard library's `distutils`. `prepare` puts back what is missing,
without touching what is there; `import_mxnet` then imports MXNet and, where that fails, says
what is missing and which command mends it. This file imports nothing that needs MXNet.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import platform
import re
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

from gluonkit._base import cpu
from gluonkit._base.optional import require
from gluonkit.errors import GluonkitError, MissingPackageError
from gluonkit.system import (
    blas,
    children,
    cuda,
    distutils,
    numpy2,
    openmp,
    plain,
    platforms,
    roles,
    spinning,
)

# What MXNet 1.9.1, or a program of its time, reads from `numpy` and NumPy no longer has, with the
# name that it has now.
_NUMPY_RENAMED = {
    "NAN": "nan",
    "NaN": "nan",
    "Inf": "inf",
    "Infinity": "inf",
    "infty": "inf",
    "PINF": "inf",
    "float_": "float64",
    "complex_": "complex128",
    "product": "prod",
    "cumproduct": "cumprod",
    "alltrue": "all",
    "sometrue": "any",
    "round_": "round",
    "in1d": "isin",
    "row_stack": "vstack",
    "trapz": "trapezoid",
}
_NUMPY_VALUES: dict[str, Any] = {"NINF": float("-inf"), "PZERO": 0.0, "NZERO": -0.0}
# Financial functions, which left NumPy without a successor; MXNet only lists them by name.
_NUMPY_GONE = ("mirr", "npv", "pmt", "ppmt", "pv", "rate")
# Aliases gone since NumPy 1.24. They must stay after the import, as MXNet reads `numpy.bool` at
# run time, too.
_NUMPY_BUILTINS = ("bool", "int", "float", "complex", "object", "str")

RUNTIMES = {"libgomp": "libgomp1", "libquadmath": "libquadmath0"}
"""Runtimes of the compiler that MXNet's library needs: by Fedora's package, that of Debian.

ARM has no libquadmath, and needs none."""

applied: list[str] = []
"""What `prepare` put back in this process, in words, for `gluonkit doctor`."""

imported_mxnet: bool = False
"""Whether it was gluonkit that imported MXNet, so that no operation can have run before."""


def prepare() -> None:
    """Make ``import mxnet`` work: NumPy names, `distutils`, clean modules, CUDA, BLAS, threads.

    Safe to call any number of times. Changes no array mode and prints nothing.
    """
    _restore_numpy()
    _restore_distutils()
    _restore_scipy()
    _drop_half_imported()
    # Before the import: the loader takes these for libmxnet.so only if they are in the process
    # already.
    applied.extend(cuda.preload())
    applied.extend(blas.arrange())
    openmp.choose()
    # Behind it: libgomp reads the number of threads, too, when it is loaded.
    spinning.choose()


def import_mxnet() -> Any:
    """Prepare, import MXNet and return it.

    Raises
    ------
    MissingPackageError
        When MXNet, its wheel for this platform or a system library is missing; the message gives
        the command that mends it.
    EnvironmentVariableError
        When OMP_NUM_THREADS is not a number, at which MXNet would abort the process, or when
        DMLC_ROLE is set and other variables of a distributed job are missing.
    SystemExit
        When DMLC_ROLE is 'server' or 'scheduler', at the end of the job.
    """
    global imported_mxnet
    prepare()
    # The program imported it first. What MXNet reads only then, such as threads, stays as it is.
    if "mxnet" in sys.modules:
        finish()
        return sys.modules["mxnet"]
    try:
        # MXNet runs a server or scheduler inside its import if DMLC_ROLE names one.
        with roles.held(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MXNet's own sources cause warnings on newer Python
            mxnet = importlib.import_module("mxnet")
    # From `roles.held`, which has said already what to do.
    except GluonkitError:
        raise
    # A second import of the modules left behind would fail with another, misleading error.
    except Exception as error:
        _drop_half_imported()
        why = explain_import_failure(error)
        raise MissingPackageError(why.text, name="mxnet", fix=why.fix) from error
    imported_mxnet = True
    finish()
    return mxnet


def absence() -> MissingPackageError | None:
    """Import MXNet as `import_mxnet` does; return the error where there is no MXNet at all."""
    try:
        import_mxnet()
    except MissingPackageError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name == "mxnet":
            return error
        raise
    return None


def finish() -> None:
    """Apply the fixes that need an imported MXNet."""
    numpy = require("numpy")
    if plain.install(numpy):
        applied.append("MXNet: NumPy numbers in operators' arguments are written plainly")
    applied.extend(numpy2.install(numpy))
    children.follow()
    roles.finish()


def mxnet_install_command() -> str:
    """Return the pip command that installs MXNet on this Python."""
    # MXNet's metadata refuses NumPy 2, the only NumPy there is for Python 3.13.
    no_deps = "--no-deps " if sys.version_info >= (3, 13) else ""
    return f'{sys.executable} -m pip install {no_deps}"mxnet==1.9.1"'


def explain_import_failure(error: BaseException) -> cuda.Explanation:
    """Say why ``import mxnet`` failed and what to do."""
    text = str(error)
    system = f"{platform.system()} on {platform.machine()}"
    if isinstance(error, ModuleNotFoundError) and error.name == "mxnet":
        if lost := cuda.builds():
            return cuda.explain_lost(lost, sys.executable)
        if why := platforms.why_no_wheel():
            return cuda.Explanation(why)
        return cuda.Explanation.ending_with(
            f"Apache MXNet is not installed in this Python ({sys.executable}).",
            mxnet_install_command(),
        )
    if isinstance(error, ModuleNotFoundError):
        return cuda.Explanation.ending_with(
            f"MXNet needs the Python package {error.name}, which is not installed.",
            f"{sys.executable} -m pip install {error.name}",
        )
    if explained := cuda.explain(text, sys.executable):
        return explained
    library = re.match(r"(\S+?): cannot open shared object file", text)
    if library and (explained := blas.explain(library[1], sys.executable)):
        return explained
    if library and library[1].partition(".")[0] in RUNTIMES:
        needed = {k: v for k, v in RUNTIMES.items() if k != "libquadmath" or not cpu.is_arm()}
        return cuda.Explanation.ending_with(
            f"MXNet needs the compiler's runtime {library[1]}, which this system lacks.",
            f"apt-get install {' '.join(needed.values())} (Debian, Ubuntu), dnf install "
            f"{' '.join(needed)} (Fedora)",
        )
    if library:
        return cuda.Explanation(
            f"MXNet needs the shared library {library[1]}, which the system's loader does not "
            "find. Install the package of this system that has it, or put its folder into "
            "LD_LIBRARY_PATH"
        )
    if re.search(r"wrong ELF class|invalid ELF|mach-o|Cannot find the MXNet library", text):
        if why := platforms.why_no_wheel():
            return cuda.Explanation(f"{why}. (The installed one does not load: {text})")
        fix = f"{mxnet_install_command()} --force-reinstall"
        return cuda.Explanation(
            f"The installed MXNet has no native library for this platform ({system}): {text} "
            "MXNet 1.9.1 has wheels for Linux (x86_64, aarch64) and Intel macOS only. "
            f"Reinstall it with: {fix}",
            fix,
        )
    numpy_version = getattr(sys.modules.get("numpy"), "__version__", "missing")
    return cuda.Explanation(
        f"`import mxnet` failed on Python {platform.python_version()} with NumPy {numpy_version} "
        f"({system}): {type(error).__name__}: {text}. `gluonkit doctor` shows what is installed; "
        f"a fresh start: {mxnet_install_command()} --force-reinstall"
    )


def _restore_numpy() -> None:
    """Put the names that NumPy dropped, and MXNet reads, back on the `numpy` module."""
    try:
        numpy = require("numpy")
    except MissingPackageError as error:
        wanted = "numpy<2" if sys.version_info < (3, 13) else "numpy"
        fix = f'{sys.executable} -m pip install "{wanted}"'
        raise MissingPackageError(
            f"gluonkit and MXNet need NumPy. Install it with: {fix}", name="numpy", fix=fix
        ) from error
    names = vars(numpy)
    values: dict[str, Any] = {name: getattr(builtins, name) for name in _NUMPY_BUILTINS}
    # `trapezoid` came with NumPy 2; before that, NumPy has `trapz` itself.
    values |= {old: names[new] for old, new in _NUMPY_RENAMED.items() if new in names}
    values |= _NUMPY_VALUES
    values |= {name: _gone(name) for name in _NUMPY_GONE}
    values["msort"] = _msort
    values["compat"] = types.SimpleNamespace(basestring=str)  # read by mx.np.pad
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # NumPy before 1.24 still gives the builtins' aliases, but warns at every use of one.
        missing = [
            name
            for name in values
            if name not in names and (name in _NUMPY_BUILTINS or not hasattr(numpy, name))
        ]
    for name in missing:
        setattr(numpy, name, values[name])
    _restore_numpy_core(numpy)
    if missing:
        applied.append(f"numpy {numpy.__version__}: restored {', '.join(sorted(missing))}")


def _restore_numpy_core(numpy: Any) -> None:
    """Put back what `nd.moveaxis` reads from `numpy.core`, where NumPy 2 warns at each look."""
    if int(numpy.__version__.partition(".")[0]) < 2:
        return
    numeric = require("numpy.core.numeric")
    numeric.normalize_axis_tuple = require("numpy.lib.array_utils").normalize_axis_tuple


def _msort(a: Any) -> Any:
    """Sort along the first axis, as `numpy.msort` did."""
    return require("numpy").sort(a, axis=0)


def _gone(name: str) -> Callable[..., Any]:
    """Return a replacement for a removed NumPy function that raises when it is called."""

    def removed(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(
            f"numpy.{name} was removed from NumPy; the package numpy-financial has it"
        )

    removed.__name__ = name
    return removed


def _restore_distutils() -> None:
    """Provide `distutils`, which left the standard library with Python 3.12."""
    if distutils.install():
        applied.append("distutils: what scripts use of it")


def _restore_scipy() -> None:
    """Restore `scipy.sparse.csr`, where MXNet looks for `csr_matrix`, if SciPy is installed.

    SciPy 1.8 made the module private; until SciPy 2.0 drops it, every ``nd.array`` of a NumPy
    array makes it warn.
    """
    if importlib.util.find_spec("scipy") is None:
        return
    sparse = require("scipy.sparse")
    private = vars(sparse).get("_csr")
    if private is not None and vars(sparse).get("csr") is not private:
        sparse.csr = private


def _drop_half_imported() -> None:
    """Remove the modules of a failed ``import mxnet``, so that it can be retried."""
    module = sys.modules.get("mxnet")
    spec = getattr(module, "__spec__", None)
    # Another thread may be importing it right now; `gluon` exists only after a complete import.
    if getattr(spec, "_initializing", False) or hasattr(module, "gluon"):
        return
    leftovers = [name for name in sys.modules if name == "mxnet" or name.startswith("mxnet.")]
    for name in leftovers:
        del sys.modules[name]
    if leftovers:
        applied.append(f"dropped {len(leftovers)} modules of a failed import of mxnet")
