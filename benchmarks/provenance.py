"""Where a figure comes from: the commit, the day, the processor, and what was limited."""

import datetime
import platform
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Setting:
    """The vector instructions that a row is measured with, and how they are limited.

    Attributes
    ----------
    name : what the tables call it.
    variables : environment variables, the same for everybody's process.
    unlimited : those, by the name of their environment, who have no such switch.
    """

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    unlimited: tuple[str, ...] = ()


AVX2 = Setting(
    "AVX2",
    {
        "DNNL_MAX_CPU_ISA": "AVX2",  # oneDNN 2, which MXNet has
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # oneDNN 3, which PyTorch and OpenVINO have
        "OPENBLAS_CORETYPE": "Haswell",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
        # What torch.compile keeps of AVX-512 would be taken for AVX2, and gives other numbers.
        "TORCHINDUCTOR_CACHE_DIR": str(Path(tempfile.gettempdir()) / "torchinductor-avx2"),
    },
    ("onnxruntime",),  # its MLAS asks the processor itself, and has no public switch
)
"""A processor with AVX-512 that computes as one without; not where there is none to begin with."""


def settings() -> dict[str, Setting]:
    """Return the settings that this processor can be measured with, by their names."""
    if "avx512f" in _flags():
        return {"AVX-512": Setting("AVX-512"), AVX2.name: AVX2}
    return {AVX2.name: Setting(AVX2.name)}


def provenance() -> dict[str, Any]:
    """Return what belongs beside every figure."""
    from gluonkit import environment

    return {
        "commit": commit(),
        "measured": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "environment": environment().to_dict(),
    }


def commit() -> str:
    """Return the last commit that changed the package; a plus says that it differs from that."""
    changed = _git("status", "--porcelain", "--", "gluonkit")
    return _git("log", "-1", "--format=%h", "--abbrev=12", "--", "gluonkit") + "+" * bool(changed)


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return done.stdout.strip() if not done.returncode else "unknown"


def _flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {platform.machine()}
    return set(next((line for line in lines if line.startswith("flags")), "").split())
