"""What processor this process may use: Linux's topology, affinity and control groups."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

_ROOT = Path("/")


# ARM's processors tell numbers, not names: those of machines on which MXNet may well run.
_ARM = {
    ("0x41", "0xd03"): "Cortex-A53 (Raspberry Pi 3)",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72 (Raspberry Pi 4, Graviton)",
    ("0x41", "0xd0b"): "Cortex-A76 (Raspberry Pi 5)",
    ("0x41", "0xd0c"): "Neoverse-N1 (Graviton2, Ampere Altra)",
    ("0x41", "0xd40"): "Neoverse-V1 (Graviton3)",
    ("0x41", "0xd49"): "Neoverse-N2",
    ("0x41", "0xd4f"): "Neoverse-V2 (Graviton4, Grace)",
    ("0x61", "0x000"): "Apple Silicon (in a virtual machine)",
    ("0xc0", "0xac3"): "AmpereOne",
}


def is_arm() -> bool:
    """Say whether this process runs on a 64-bit processor of ARM's kind."""
    return platform.machine() in ("aarch64", "arm64")


def model_name(root: Path = _ROOT) -> str:
    """Return the processor's name as the system gives it."""
    name = _field("model name", root)
    numbers = _field("CPU implementer", root), _field("CPU part", root)
    return name or _ARM.get(numbers) or platform.processor() or platform.machine()


def vendor(root: Path = _ROOT) -> str:
    """Return the processor's maker as it names itself, e.g. 'GenuineIntel'; '' if unknown."""
    return _field("vendor_id", root)


def logical_cpus() -> set[int]:
    """Return the logical processors that this process may be scheduled on."""
    try:
        return set(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return set(range(os.cpu_count() or 1))


def physical_cores(cpus: Iterable[int], root: Path = _ROOT) -> int:
    """Return the number of physical cores that the logical processors `cpus` share."""
    cores = set()
    for cpu in cpus:
        siblings = root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        try:
            # All hyper-threads of a core have the same text there: as many texts, as many cores.
            cores.add(siblings.read_text().strip())
        except OSError:
            # Containers may hide the topology; then every logical processor counts as a core.
            cores.add(f"cpu{cpu}")
    return max(1, len(cores))


def cgroup_quota(root: Path = _ROOT) -> float:
    """Return the control group's CPU quota in processors; inf if there is no limit.

    Versions 1 and 2 of control groups are read; the tightest limit of the enclosing groups counts.
    """
    quota = math.inf
    try:
        memberships = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return quota
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        # Version 2 has one line, with no controllers; in version 1 only that of "cpu" has the
        # quota.
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / (controllers and "cpu")
        group = base / path.lstrip("/")
        # In a container the path is often the host's and does not exist; its parents end at the
        # mount, which has the container's own limit.
        for folder in (group, *group.parents):
            if folder == base.parent:
                break
            quota = min(quota, _folder_quota(folder))
    return quota


def _folder_quota(folder: Path) -> float:
    """Return the CPU quota of one control group, in processors; inf if it sets none."""
    try:
        if (folder / "cpu.max").exists():
            limit, period = (folder / "cpu.max").read_text().split()
        else:
            limit = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        # No limit is "max" in version 2, -1 in version 1.
        return math.inf if limit in ("max", "-1") else float(limit) / float(period)
    except (OSError, ValueError):
        return math.inf


def usable_cores(root: Path = _ROOT) -> int:
    """Return how many compute threads are useful: physical cores, limited by the quota.

    Two hyper-threads share the vector units, which MXNet's kernels saturate, so a second thread on
    a core gains nothing. Threads beyond the quota only make the kernel throttle the process.
    """
    cores = physical_cores(logical_cpus(), root)
    quota = cgroup_quota(root)
    return cores if math.isinf(quota) else max(1, min(cores, math.floor(quota)))


def _field(name: str, root: Path) -> str:
    """Return what Linux says of the first processor under `name`; '' if nothing."""
    try:
        lines = (root / "proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


@lru_cache(maxsize=1)
def vector_width() -> int:
    """Return to which multiples oneDNN wants channels: 16 (AVX-512), 8 (AVX2), 4, or any number, 1.

    That is the number of float32 in a vector register. On ARM MXNet's oneDNN has no code for
    blocks of channels (but with vectors of 512 bits), and has BLAS multiply matrices instead.
    """
    if is_arm():  # where an emulator shows the flags of the processor that it runs on
        return 1
    flags = _field("flags", _ROOT).split()
    return 16 if "avx512f" in flags else 8 if "avx2" in flags else 4
