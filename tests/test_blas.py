"""MXNet's linear algebra on ARM: OpenBLAS in the place of Arm's libraries, on any Linux."""

import ctypes
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import types

import numpy
import pytest

from gluonkit import mx
from gluonkit._base import elf
from gluonkit.system import blas, compat, platforms

on_linux = pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() not in elf.MACHINES,
    reason="shared objects are written for Linux on x86-64 and aarch64",
)
C_MATHS = "libm.so.6"


def address(library, name):
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value


def load(tmp_path, name, symbols):
    (tmp_path / name).write_bytes(elf.written(name, symbols, platform.machine()))
    return ctypes.CDLL(str(tmp_path / name))


@on_linux
def test_functions_have_the_names_that_they_are_given(tmp_path):
    maths = ctypes.CDLL(C_MATHS)
    names = {f"{name}_by_another_name": name for name in ("cos", "sin", "tan", "exp", "cbrt")}
    library = load(
        tmp_path,
        "libfunctions.so",
        {ours: address(maths, theirs) for ours, theirs in names.items()},
    )
    for ours, theirs in names.items():
        assert address(library, ours) == address(maths, theirs)
    function = library.cbrt_by_another_name
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    assert function(27.0) == pytest.approx(3)
    with pytest.raises(AttributeError):
        _ = library.cbrt_of_no_name


@on_linux
def test_the_loader_takes_it_for_what_others_need(tmp_path):
    with pytest.raises(OSError, match="cannot open shared object file"):
        ctypes.CDLL("libof_no_file.so")
    load(tmp_path, "libof_no_file.so", {})
    (tmp_path / "libof_no_file.so").unlink()
    ctypes.CDLL("libof_no_file.so")


def test_the_loaders_hash():
    """Of the System V ABI: its words for these names, computed by hand from the definition."""
    assert elf._hashed("") == 0
    assert elf._hashed("a") == 0x61
    assert elf._hashed("ab") == 0x61 * 16 + 0x62
    # After eight letters the upper four bits come back to the lower half.
    assert elf._hashed("zzzzzzzz") < 1 << 28


@pytest.fixture
def untried(monkeypatch):
    """As at the start of a process, on a machine for which MXNet needs Arm's libraries."""
    monkeypatch.setattr(blas, "used", "")
    monkeypatch.setattr(blas, "problems", {})
    # Names that nothing has: what is loaded stays in this process.
    monkeypatch.setattr(blas, "STANDS_FOR", f"libarm_{os.getpid()}_blas.so")
    monkeypatch.setattr(blas, "UNUSED", (f"libarm_{os.getpid()}_maths.so",))
    monkeypatch.setattr(blas, "FUNCTIONS", ("cos", "sin"))


@on_linux
def test_the_first_that_has_all_functions_is_taken(untried):
    files = [("libof_nothing.so",), ("libc.so.6",), ("libc.so.6", C_MATHS), ("libof_less.so",)]
    (done,) = blas._take_first(files, platform.machine())
    assert done == f"BLAS: libc.so.6 in the place of {blas.STANDS_FOR}, {blas.UNUSED[0]}"
    assert blas.used == "libc.so.6"
    assert "libof_nothing.so: cannot open" in blas.problems["libof_nothing.so"]
    assert address(ctypes.CDLL(blas.STANDS_FOR), "cos") == address(ctypes.CDLL(C_MATHS), "cos")
    ctypes.CDLL(blas.UNUSED[0])


@on_linux
def test_the_wheels_functions_have_a_prefix(untried, tmp_path, monkeypatch):
    maths = ctypes.CDLL(C_MATHS)
    monkeypatch.setattr(blas, "FUNCTIONS", ("cblas_one", "lapack_two_"))
    symbols = {"scipy_cblas_one": address(maths, "cos"), "scipy_lapack_two_": address(maths, "sin")}
    load(tmp_path, "libprefixed.so", symbols)
    assert blas._addresses(["libprefixed.so"]) == {
        "cblas_one": address(maths, "cos"),
        "lapack_two_": address(maths, "sin"),
    }


@on_linux
def test_what_lacks_functions_is_named(untried, monkeypatch):
    monkeypatch.setattr(blas, "FUNCTIONS", ("cos", "LAPACKE_sgetrf_of_none"))
    with pytest.raises(
        OSError, match=r"^libc\.so\.6 and libm\.so\.6 have no LAPACKE_sgetrf_of_none"
    ):
        blas._addresses(["libc.so.6", C_MATHS])


CC = shutil.which("cc")
# As MXNet's library: it names Arm's, takes functions from it, and is not told where it is.
NEEDS = "double cos(double); double twice_cos(double x) { return 2 * cos(x); }"
PROGRAM = """
import ctypes, platform
import _gluonkit_command as command
blas = command._module_without_init("system.blas")
blas.FUNCTIONS = ("cos",)
try:
    ctypes.CDLL("{library}")
except OSError as error:
    print(error)
blas._take_first([("{maths}",)], platform.machine())
twice = ctypes.CDLL("{library}").twice_cos
twice.restype, twice.argtypes = ctypes.c_double, [ctypes.c_double]
print(twice(0.0))
"""


@on_linux
@pytest.mark.skipif(CC is None, reason="no C compiler")
def test_a_library_that_needs_arms_is_loaded(python, tmp_path):
    """It says that it needs the library, which is not there: as in MXNet's wheel for ARM."""
    (tmp_path / "empty.c").write_text("")
    (tmp_path / "needs.c").write_text(NEEDS)
    arms, library = tmp_path / blas.STANDS_FOR, tmp_path / "libneeds.so"
    build = [CC, "-shared", "-fPIC", "-nostdlib", "-fno-builtin", "-o"]
    subprocess.run([*build, arms, "empty.c", f"-Wl,-soname,{arms.name}"], check=True, cwd=tmp_path)
    links = ["-Wl,--no-as-needed", arms, "-Wl,--allow-shlib-undefined"]
    subprocess.run([*build, library, "needs.c", *links], check=True, cwd=tmp_path)
    arms.unlink()
    done = python("-c", PROGRAM.format(library=library, maths=C_MATHS))
    without, twice = done.stdout.splitlines()
    assert without.startswith(f"{blas.STANDS_FOR}: cannot open shared object file")
    assert twice == "2.0"


@pytest.mark.parametrize(
    ("system", "machine", "has_mxnet", "needed"),
    [
        ("Linux", "aarch64", True, True),
        ("Linux", "aarch64", False, False),
        ("Linux", "x86_64", True, False),
        ("Darwin", "arm64", True, False),
    ],
)
def test_where_it_is_needed(system, machine, has_mxnet, needed, monkeypatch):
    # On ARM this process has a library by the real name.
    monkeypatch.setattr(blas, "STANDS_FOR", "libof_arms_that_nobody_has.so")
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    if not has_mxnet:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert blas._is_needed() == needed


def test_arms_own_library_stays(monkeypatch, tmp_path):
    """In the folder of libmxnet.so, where its loader looks first, or where the system's looks."""
    monkeypatch.setattr(blas, "STANDS_FOR", "libof_arms_that_nobody_has.so")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert blas._is_needed()
    (tmp_path / blas.STANDS_FOR).write_text("")
    assert not blas._is_needed()
    (tmp_path / blas.STANDS_FOR).unlink()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: name)
    assert not blas._is_needed()


def test_the_wheel_comes_first_then_conda_then_the_system(monkeypatch, tmp_path):
    spec = types.SimpleNamespace(submodule_search_locations=["/site/scipy_openblas32"])
    monkeypatch.setattr(importlib.util, "find_spec", {"scipy_openblas32": spec}.get)
    wheel = ("/site/scipy_openblas32/lib/libscipy_openblas.so",)
    assert list(blas._candidates()) == [wheel, blas._SYSTEM]
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libopenblas.so.0").write_text("")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    conda = (f"{tmp_path}/lib/libopenblas.so.0",)
    assert list(blas._candidates()) == [wheel, conda, blas._SYSTEM]


def test_nothing_is_arranged_twice_or_after_mxnet(monkeypatch):
    monkeypatch.setattr(blas, "_is_needed", lambda: True)
    monkeypatch.setattr(blas, "_candidates", lambda: pytest.fail("it looked for libraries"))
    assert blas.arrange() == []  # mxnet is imported
    monkeypatch.delitem(sys.modules, "mxnet")
    monkeypatch.setattr(blas, "problems", {"libopenblas.so.0": "was tried"})
    assert blas.arrange() == []


@pytest.mark.parametrize("name", ["libarmpl_lp64_mp.so", "libamath.so", "libastring.so"])
def test_without_any_the_command_is_named(name, monkeypatch):
    monkeypatch.setattr(blas, "problems", {"libopenblas.so.0": "libopenblas.so.0: cannot open"})
    error = OSError(f"{name}: cannot open shared object file: No such file or directory")
    why = compat.explain_import_failure(error)
    assert why.fix == f"{sys.executable} -m pip install scipy-openblas32"
    assert why.text.startswith(f"MXNet's wheel for ARM needs {name}")
    assert "found none (libopenblas.so.0: cannot open)" in why.text
    assert why.text.endswith(f"Install it with: {why.fix}")


def test_other_libraries_are_not_arms():
    assert blas.explain("libgomp.so.1", "python") is None


@on_linux
def test_which_blas_is_in_use():
    told = blas.in_use(mx.base._LIB)
    assert re.search(r"OpenBLAS.* \(/.*blas.*\)$", told), told


def test_an_mxnet_that_shows_no_blas():
    assert blas.in_use(types.SimpleNamespace()) == "unknown"
    assert blas._file_at(1) == ""


def by_mxnet(function, *arrays):
    """Return what an operator gives, as NumPy's arrays."""
    outputs = function(*(mx.np.array(array, dtype=array.dtype) for array in arrays))
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    return [numpy.asarray(output.asnumpy()) for output in outputs]


def legacy(name, **options):
    """Return an operator of `nd.linalg` for arrays of either kind: it takes legacy ones only."""

    def function(*arrays):
        return getattr(mx.nd.linalg, name)(*(a.as_nd_ndarray() for a in arrays), **options)

    return function


LINALG = mx.np.linalg
LINEAR = {  # what MXNet computes of a matrix, one that is symmetric and positive, and one beside it
    "product": (lambda a, s, b: mx.np.dot(a, b), lambda a, s, b: a @ b),
    "gemm2": (
        lambda a, s, b: legacy("gemm2", transpose_a=True, alpha=2.0)(a, b),
        lambda a, s, b: 2 * a.T @ b,
    ),
    "syrk": (lambda a, s, b: legacy("syrk")(a), lambda a, s, b: a @ a.T),
    "cholesky": (lambda a, s, b: LINALG.cholesky(s), lambda a, s, b: numpy.linalg.cholesky(s)),
    "potri": (
        lambda a, s, b: legacy("potri")(LINALG.cholesky(s)),
        lambda a, s, b: numpy.linalg.inv(s),
    ),
    "trsm": (
        lambda a, s, b: legacy("trsm")(LINALG.cholesky(s), b),
        lambda a, s, b: numpy.linalg.solve(numpy.linalg.cholesky(s), b),
    ),
    "trmm": (lambda a, s, b: legacy("trmm")(s, b), lambda a, s, b: numpy.tril(s) @ b),
    "inverse": (lambda a, s, b: LINALG.inv(a), lambda a, s, b: numpy.linalg.inv(a)),
    "determinant": (lambda a, s, b: LINALG.det(a), lambda a, s, b: numpy.linalg.det(a)),
    "solution": (lambda a, s, b: LINALG.solve(a, b), lambda a, s, b: numpy.linalg.solve(a, b)),
    "pseudoinverse": (lambda a, s, b: LINALG.pinv(b), lambda a, s, b: numpy.linalg.pinv(b)),
    "eigenvalues": (
        lambda a, s, b: mx.np.sort(LINALG.eigvals(s)),
        lambda a, s, b: numpy.sort(numpy.linalg.eigvals(s)),
    ),
    "eigenvalues of a symmetric one": (
        lambda a, s, b: LINALG.eigvalsh(s),
        lambda a, s, b: numpy.linalg.eigvalsh(s),
    ),
    "singular values": (
        lambda a, s, b: LINALG.svd(b.T)[1],
        lambda a, s, b: numpy.linalg.svd(b.T, compute_uv=False),
    ),
}
PARTS = {  # what a matrix is the product of
    "svd": (lambda a, s, b: LINALG.svd(b.T), lambda u, values, v: (u * values) @ v),
    "lq": (lambda a, s, b: legacy("gelqf")(b.T)[::-1], lambda lower, q: lower @ q),
}


@pytest.fixture(params=["float32", "float64"])
def matrices(request):
    """Return three matrices, and how far results may be from NumPy's."""
    mx.npx.set_np()
    draws = numpy.random.default_rng(0)
    a, b = (draws.standard_normal(shape).astype(request.param) for shape in ((6, 6), (6, 4)))
    tolerance = {"float32": 1e-4, "float64": 1e-12}[request.param]
    return (a, a @ a.T + numpy.eye(6, dtype=a.dtype), b), tolerance


@pytest.mark.parametrize("name", LINEAR)
def test_linear_algebra_equals_numpys(name, matrices):
    arrays, tolerance = matrices
    mxnets, numpys = LINEAR[name]
    (actual,), expected = by_mxnet(mxnets, *arrays), numpys(*(a.astype("float64") for a in arrays))
    assert actual.dtype == arrays[0].dtype
    numpy.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * abs(expected).max())


@pytest.mark.parametrize("name", PARTS)
def test_a_matrix_is_the_product_of_its_parts(name, matrices):
    arrays, tolerance = matrices
    taken, put_together = PARTS[name]
    parts = by_mxnet(taken, *arrays)
    numpy.testing.assert_allclose(put_together(*parts), arrays[2].T, rtol=0, atol=10 * tolerance)
    orthogonal = parts[-1] @ parts[-1].T
    numpy.testing.assert_allclose(orthogonal, numpy.eye(4), rtol=0, atol=10 * tolerance)


@pytest.mark.parametrize(
    ("system", "machine", "libc", "text"),
    [
        (
            "Darwin",
            "arm64",
            "",
            "no wheel for Macs with Apple Silicon, so pip cannot install it here",
        ),
        ("Darwin", "arm64", "", r"a container \(docker run .*\) or a virtual machine"),
        ("Windows", "AMD64", "", r"the Windows Subsystem for Linux \(wsl --install\)"),
        (
            "Linux",
            "armv7l",
            "",
            "on armv7l.*a Raspberry Pi 3 or later runs the latter with a 64-bit",
        ),
        ("Linux", "x86_64", "musl", "with musl, such as Alpine.*What works is an image with glibc"),
    ],
)
def test_machines_without_a_wheel(system, machine, libc, text):
    assert re.search(text, platforms.why_no_wheel(system, machine, libc))


@pytest.mark.parametrize(
    ("system", "machine"), [("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "x86_64")]
)
def test_machines_with_a_wheel(system, machine):
    assert platforms.why_no_wheel(system, machine, "glibc") == ""


def test_musl_is_told_by_what_python_was_built_for(monkeypatch):
    monkeypatch.setattr(
        platforms.sysconfig, "get_config_var", lambda name: "x86_64-alpine-linux-musl"
    )
    assert platforms._libc() == "musl"
    monkeypatch.setattr(platforms.sysconfig, "get_config_var", lambda name: None)
    assert platforms._libc() == "glibc"


@pytest.fixture
def on_a_mac(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(compat.cuda, "builds", list)


def test_where_there_is_no_wheel_no_command_of_pips_is_named(on_a_mac):
    error = ModuleNotFoundError("No module named 'mxnet'", name="mxnet")
    why = compat.explain_import_failure(error)
    assert why.fix == ""
    assert "What works is Linux for ARM on the same Mac" in why.text
    assert "pip install" not in why.text


def test_the_wheel_of_another_machine(on_a_mac):
    """As one finds who has pip take the wheel for Intel's Macs."""
    error = OSError("dlopen(libmxnet.dylib): mach-o file, but is an incompatible architecture")
    why = compat.explain_import_failure(error)
    assert (why.fix, why.text[-1]) == ("", ")")
    assert "no wheel for Macs with Apple Silicon" in why.text
    assert "is an incompatible architecture" in why.text


def test_arm_has_no_libquadmath(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    error = OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
    why = compat.explain_import_failure(error)
    assert why.fix == "apt-get install libgomp1 (Debian, Ubuntu), dnf install libgomp (Fedora)"
