"""What is installed, what works, and for each problem the command that mends it."""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluonkit._base import cpu
from gluonkit._base.arguments import checked
from gluonkit._base.checks import some
from gluonkit.system import compat, cuda, openmp, platforms, published, spinning
from gluonkit.system.engine import ENGINES
from gluonkit.system.environment import installed_version, mxnet_distributions
from gluonkit.system.findings import Check, DoctorReport

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
"""Versions of Python on which gluonkit is tested."""

OPTIONAL = {
    "gluoncv": "vision",
    "gluonnlp": "nlp",
    "scikit-learn": "data",
    "matplotlib": "plot",
}
"""Optional distributions and the extra that installs each."""

# Hopper's and Blackwell's, by name: both CUDA builds end at compute capability 8.6, without PTX.
_TOO_NEW = re.compile(r"\b(G?H\d{2,3}|G?B\d{3}|RTX 50[5-9]0|Blackwell)\b")

# Run in a process of its own, which a broken MXNet may end by a signal. A product is computed, for
# an import alone runs nothing of what is built for certain processors.
_PROBE = """
import json
def gpus(mx):
    try:
        return mx.context.num_gpus()
    except mx.MXNetError:  # the driver is there, and does not work
        return 0
def found():
    import gluonkit
    from gluonkit import mx, nd
    from gluonkit.system import blas, compat, cuda, devices
    total = float(nd.dot(nd.ones((2, 3)), nd.ones((3, 2))).sum().asscalar())
    # By oneDNN, which then writes what it makes of the processor, for it is asked to.
    nd.FullyConnected(nd.ones((2, 8)), nd.ones((8, 8)), no_bias=True, num_hidden=8).wait_to_read()
    return {
        "environment": gluonkit.environment().to_dict(),
        "applied": compat.applied,
        "features": sorted(str(f.name) for f in mx.runtime.feature_list() if f.enabled),
        "gpus": gpus(mx),
        "bfloat16": devices.computes_bfloat16(),
        "cuda": cuda.preloaded,
        "blas": blas.in_use(mx.base._LIB),
        "file": mx.__file__,
        "total": total,
    }
try:
    print(json.dumps(found()))
except ImportError as error:  # gluonkit's own (MissingPackageError) has the command that mends it
    print(json.dumps({"fix": getattr(error, "fix", "")}))
    raise
"""


# The line of oneDNN's log, from which version 2 to 3 on: dnnl_verbose,info,cpu,isa:Intel AVX2
_INSTRUCTIONS = re.compile(r"^\w+_verbose,info,cpu,isa:(.*)$", re.M)


@checked
def doctor() -> DoctorReport:
    """Examine the installation of MXNet, in a new process, and its environment.

    Returns
    -------
    DoctorReport
        One `Check` for each thing examined. Nothing is changed, and nothing is raised, however
        broken the installation is.
    """
    probed, failure = _probe()
    return DoctorReport(tuple(_checks(probed, failure)))


@dataclass(frozen=True)
class _Failure:
    """Why MXNet does not work, and the command that fixes it, if the error has one."""

    text: str = ""
    fix: str = ""


def _checks(probed: dict[str, Any], failure: _Failure) -> Iterator[Check]:
    yield _python()
    yield Check("platform", "ok", f"{platform.system()} {platform.release()} {platform.machine()}")
    yield _mxnet(probed, failure)
    yield from _distributions()
    yield from _files()
    yield _numpy()
    if probed:
        applied = "; ".join(probed["applied"]) or "nothing needed"
        yield Check("put back by gluonkit", "ok", applied)
        features = [name for name in probed["features"] if not name.startswith("CPU_")]
        yield Check("MXNet features", "ok", ", ".join(features))
        yield Check("BLAS", "ok", probed["blas"])
    yield Check(
        "processor",
        "ok",
        f"{cpu.model_name()}: {len(cpu.logical_cpus())} logical processors for this process, "
        f"{cpu.usable_cores()} physical cores within its quota",
    )
    if probed:
        yield _instructions(probed)
        yield _precision(probed)
    yield _gpu(probed)
    yield from _cuda_libraries(probed)
    yield _threads(probed)
    yield _waiting(probed)
    yield _engine()
    if os.environ.get("DMLC_ROLE") in ("server", "scheduler"):
        yield Check(
            "DMLC_ROLE",
            "broken",
            f"is {os.environ['DMLC_ROLE']!r}: `import mxnet` turns into that process and exits",
            "unset DMLC_ROLE",
        )
    for package, extra in OPTIONAL.items():
        version = installed_version(package)
        missing = version == "not installed"
        fix = f'pip install {package}  (gluonkit\'s extra "{extra}")' if missing else ""
        yield Check(package, "note" if missing else "ok", version, fix)


def _probe() -> tuple[dict[str, Any], _Failure]:
    """Import and use MXNet in a new process; return its report, or why it failed."""
    # This gluonkit, which need not be installed.
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": path, "DNNL_VERBOSE": "1"}
    environment.pop("DMLC_ROLE", None)  # or the process would turn into a server
    if openmp.threads_set_by == "gluonkit":  # let the new process choose for itself
        environment.pop("OMP_NUM_THREADS", None)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # Nothing that installing it again would mend.
        return {}, _Failure(
            "importing MXNet took more than five minutes", "try a less busy machine"
        )
    if done.returncode == 0:
        # The last line only: packages may print something when they are imported.
        probed = json.loads(done.stdout.splitlines()[-1])
        named = _INSTRUCTIONS.search(done.stdout)
        return probed | {"instructions": named[1].strip() if named else ""}, _Failure()
    # Python gives the number of the signal that ended a process, negated.
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return {}, _Failure(
            f"the process died of {name} (a processor that the build does not fit?)"
        )
    # A traceback ends with ``ClassOfError: text``; what comes before it is of no help to users.
    lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
    text = lines[-1].partition("Error: ")[2] or lines[-1]
    return {}, _Failure(text, _fix_in(done.stdout))


def _fix_in(output: str) -> str:
    """Return the command in the last line of a failed probe; empty if there is none."""
    try:
        return str(json.loads(output.splitlines()[-1])["fix"])
    except (IndexError, KeyError, TypeError, ValueError):
        return ""


def _python() -> Check:
    version = platform.python_version()
    if version.rpartition(".")[0] in PYTHONS:
        return Check("Python", "ok", f"{version} ({sys.executable})")
    tested = f"{PYTHONS[0]} to {PYTHONS[-1]}"
    return Check(
        "Python", "warning", f"{version}; gluonkit is tested on {tested}", f"use Python {tested}"
    )


def _numpy() -> Check:
    version = installed_version("numpy")
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < (2, 4):
        return Check("NumPy", "ok", version)
    older = sys.version_info < (3, 15)  # Python 3.15 has no NumPy before 2.5
    return Check(
        "NumPy",
        "note",
        f"{version}: `float(x.asnumpy())` of an array with one element raises; old scripts have it",
        f'{sys.executable} -m pip install "numpy<2.4"' if older else "write x.asscalar()",
    )


def _mxnet(probed: dict[str, Any], failure: _Failure) -> Check:
    if probed:
        version = probed["environment"]["mxnet"]
        return Check("MXNet", "ok", f"{version}, imports and computes ({probed['file']})")
    installed = installed_version("mxnet") != "not installed" or bool(mxnet_distributions())
    command = f"{compat.mxnet_install_command()}{' --force-reinstall' if installed else ''}"
    # Where there is no wheel, the failure says what works, and no command of pip's would.
    fix = failure.fix or ("" if platforms.why_no_wheel() else command)
    return Check("MXNet", "broken", failure.text, fix)


def _distributions() -> Iterator[Check]:
    """Report several distributions of MXNet, which overwrite one another's files."""
    names = mxnet_distributions()
    if len(names) > 1:
        yield Check(
            "MXNet builds",
            "broken",
            f"{', '.join(names)} are installed over one another in one folder, mxnet",
            f"{cuda.cpu_command(sys.executable)}; or, for GPUs: "
            + cuda.gpu_command(sys.executable),
        )


def _files() -> Iterator[Check]:
    """Compare MXNet's files with those that were published."""
    names = mxnet_distributions()
    if len(names) != 1:  # none, or several in one folder
        return
    compared = published.compare(names[0])
    if compared is None:
        yield Check("MXNet's files", "note", "installed without a list of files: not compared")
        return
    # No command by itself: who has changed or built MXNet themselves may want to keep that.
    fix = f"if you did not do that yourself: {compat.mxnet_install_command()} --force-reinstall"
    if compared.changed:
        shown = some(compared.changed, 3)
        yield Check("MXNet's files", "warning", f"changed since they were installed: {shown}", fix)
    elif compared.wheel is None:
        detail = f"of no wheel of MXNet 1.9.1 that gluonkit knows ({compared.files} files)"
        yield Check("MXNet's files", "warning", detail, fix)
    else:
        detail = f"the SHA-256 of all {compared.files} are those of {compared.wheel.file}"
        yield Check("MXNet's files", "ok", detail)


def _gpu(probed: dict[str, Any]) -> Check:
    cards = nvidia_gpus()
    names = ", ".join(cards)
    # What MXNet itself counts: a driver may be there for which it has no code.
    usable = probed.get("gpus", 0)
    features = probed.get("features", ())
    # What cannot be imported has no features to ask for; pip knows the build all the same.
    cuda_build = "CUDA" in features if probed else bool(cuda.cuda_builds())
    if cards and all(_TOO_NEW.search(card) for card in cards) and (usable or not cuda_build):
        return Check(
            "GPU",
            "warning" if usable else "note",
            f"{names}: no build of MXNet 1.9.1 has code for cards newer than Ada",
            "use mx.cpu(), or an older card" if usable else "",
        )
    if usable:
        return Check("GPU", "ok", f"MXNet can use {usable}: {names or 'unnamed'}")
    if cuda_build:
        return Check(
            "GPU",
            "warning",
            "this MXNet is built for CUDA, but no GPU can be used"
            + (f" although the system has {names}" if cards else ""),
            "install NVIDIA's driver, or MXNet's build for processors: "
            + cuda.cpu_command(sys.executable),
        )
    if cards and platform.machine() != "x86_64":
        detail = f"{names}: MXNet's builds for NVIDIA's GPUs are for x86-64 only"
        return Check("GPU", "note", detail)
    if cards and probed:
        return Check(
            "GPU",
            "warning",
            f"{names}, but this MXNet is built for the CPU only",
            cuda.gpu_command(sys.executable),
        )
    return Check("GPU", "note", names or "none seen")


def nvidia_gpus(root: Path = Path("/")) -> list[str]:
    """Return the names of the NVIDIA GPUs that the kernel driver knows.

    Containers and WSL may show devices without their names; these are 'unnamed NVIDIA GPU'.
    """
    names = []
    for card in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        for line in card.read_text().splitlines():
            if line.startswith("Model:"):
                names.append(line.partition(":")[2].strip())
    if names:
        return names
    # Beside /dev/nvidia0 lie nvidiactl and others that are no cards. WSL's /dev/dxg stands for a
    # GPU of any make; NVIDIA's has the driver's library where Windows puts it.
    devices = sorted((root / "dev").glob("nvidia[0-9]*"))
    if not devices and (root / "dev/dxg").exists():
        devices = sorted((root / "usr/lib/wsl/lib").glob(cuda.DRIVER))
    return ["unnamed NVIDIA GPU"] * len(devices)


def _cuda_libraries(probed: dict[str, Any]) -> Iterator[Check]:
    """Report, for a CUDA build, where its libraries come from."""
    if not cuda.cuda_builds():
        return
    located = cuda.locate()
    wheels = [name for name, (_, by_user) in located.items() if not by_user]
    # What MXNet was imported with is certain; without that, what would be taken is said.
    loaded = list(probed.get("cuda", ())) if probed else wheels
    system = [name for name in cuda.LIBRARIES if name not in loaded]
    parts = []
    if loaded:
        parts.append(f"from NVIDIA's wheels: {', '.join(loaded)}")
    if system:
        parts.append(f"from the system: {', '.join(system)}")
    missing = cuda.missing() if not probed else []
    if not missing:
        yield Check("CUDA libraries", "ok", "; ".join(parts))
        return
    yield Check(
        "CUDA libraries",
        "broken",
        f"missing: what is in {', '.join(missing)}",
        f"{sys.executable} -m pip install --no-deps {' '.join(missing)}",
    )


def _instructions(probed: dict[str, Any]) -> Check:
    """Say which instructions oneDNN uses, and what follows for numbers of fewer bits."""
    name = probed["instructions"]
    if not name:
        return Check("instruction set", "note", "this MXNet computes without oneDNN")
    if cpu.is_arm():
        # DL Boost and the overflow without it are of x86-64. No ARM machine was at hand to try.
        detail = f"oneDNN uses {name}: bfloat16 none; int8 not tried on ARM"
        return Check("instruction set", "note", detail)
    fast, exact = "bfloat16" in name, "DL Boost" in name
    emulated = "emulated, slower than float32" if probed["bfloat16"] else "none"
    # Without DL Boost oneDNN adds two products of 8 bits in 16, which stops at 32,767.
    int8 = "native" if exact else "emulated, sums may overflow unseen"
    return Check(
        "instruction set",
        "ok" if fast and exact else "note",
        f"oneDNN uses {name}: bfloat16 {'native' if fast else emulated}; int8 {int8}",
    )


def _precision(probed: dict[str, Any]) -> Check:
    if probed["bfloat16"]:
        return Check("mixed precision", "ok", "bfloat16 (`fit(amp=True)`)")
    if cpu.is_arm():
        detail = "none: MXNet has no bfloat16 for ARM, and `fit(amp=True)` is refused"
        return Check("mixed precision", "note", detail)
    hidden = os.environ.get("DNNL_MAX_CPU_ISA", "")
    return Check(
        "mixed precision",
        "note",
        "none: bfloat16 takes a processor with AVX-512, and `fit(amp=True)` is refused",
        f"unset DNNL_MAX_CPU_ISA ({hidden}), if the processor has it" if hidden else "",
    )


def _threads(probed: dict[str, Any]) -> Check:
    text = os.environ.get("OMP_NUM_THREADS", "")
    # `compat` puts a number of its own there.
    by_user = text and openmp.threads_set_by != "gluonkit"
    if by_user and not (text.isdecimal() and int(text) > 0):
        return Check(
            "threads",
            "broken",
            f"OMP_NUM_THREADS is {text!r}, which is not a number of threads",
            f"export OMP_NUM_THREADS={cpu.usable_cores()}",
        )
    usable = cpu.usable_cores()
    if by_user and int(text) > usable:
        return Check(
            "threads",
            "warning",
            f"OMP_NUM_THREADS={text} (set by user) is more than the {usable} usable cores",
            f"export OMP_NUM_THREADS={usable}, or unset it: gluonkit then chooses",
        )
    if not probed:
        return Check("threads", "note", "unknown while MXNet cannot be imported")
    where = probed["environment"]
    return Check("threads", "ok", f"{where['threads']} (set by {where['threads_set_by']})")


def _waiting(probed: dict[str, Any]) -> Check:
    """Say how OpenMP's threads wait for work: on a busy machine it decides how long all takes."""
    policy = os.environ.get(spinning.POLICY, "")
    if policy.lower() == "active" and spinning.SPINS not in os.environ:
        return Check(
            "waiting threads",
            "warning",
            f"{spinning.POLICY}={policy} (set by user): they never sleep, and take the cores from "
            "all that runs beside them",
            f"unset {spinning.POLICY}: gluonkit then chooses how long they spin",
        )
    if not probed:
        return Check("waiting threads", "note", "unknown while MXNet cannot be imported")
    where = probed["environment"]
    count = where["spin_count"]
    by = where["spin_count_set_by"]
    busy = where["spin_count_busy"]
    how = f"spin {count:,} times, then sleep" if count is not None else "as OpenMP has them"
    if busy is not None:
        how += f"; {busy:,} times on a busy machine"
    if by == "user" and count is None:
        how = f"{spinning.POLICY}={policy}"
    return Check("waiting threads", "ok", f"{how} (set by {by})")


def _engine() -> Check:
    kind = os.environ.get("MXNET_ENGINE_TYPE")
    if kind is None:
        return Check("engine", "ok", "threaded (set by MXNet)")
    names = {theirs: ours for ours, theirs in ENGINES.items()}
    if kind in names:
        return Check("engine", "ok", f"{names[kind]} (set by user: MXNET_ENGINE_TYPE={kind})")
    return Check(
        "engine",
        "broken",
        f"MXNET_ENGINE_TYPE is {kind!r}: MXNet's first operation will fail",
        f"unset MXNET_ENGINE_TYPE, or set it to one of {', '.join(names)}",
    )
