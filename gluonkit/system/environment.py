"""The environment of a measurement or a bug report: versions, processor, engine, threads."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import asdict, dataclass
from typing import Any

from gluonkit._base import cpu
from gluonkit._base.tables import Shown
from gluonkit._base.version import __version__
from gluonkit.system import engine


@dataclass(frozen=True, repr=False)
class Environment(Shown):
    """The machine, versions and settings of a process.

    Attributes
    ----------
    gluonkit, mxnet, numpy, python : str
        Versions, or 'not installed'.
    system : str
        Operating system and machine.
    processor : str
        The processor's name.
    logical_cpus, usable_cores : int
        Processors that this process may run on, and the physical cores among them, within the
        control group's quota.
    threads : int or None
        OpenMP threads of one operator (None: MXNet's own choice).
    threads_set_by : str
        Who chose their number: 'MXNet', 'user' or 'gluonkit'.
    spin_count : int or None
        How often a waiting OpenMP thread looks for work before it sleeps (None: OpenMP decides).
    spin_count_busy : int or None
        The same while other processes want the processors; None if it is not told apart.
    spin_count_set_by : str
        Who chose that: 'OpenMP', 'user' or 'gluonkit'.
    engine, engine_set_by : str
        MXNet's engine: 'threaded', 'pooled' or 'naive'; and who chose it.
    """

    gluonkit: str
    mxnet: str
    numpy: str
    python: str
    system: str
    processor: str
    logical_cpus: int
    usable_cores: int
    threads: int | None
    threads_set_by: str
    spin_count: int | None
    spin_count_busy: int | None
    spin_count_set_by: str
    engine: str
    engine_set_by: str

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain data, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        threads = "MXNet's choice of threads" if self.threads is None else f"{self.threads} threads"
        spins = "" if self.spin_count is None else f" that spin {self.spin_count:,} times"
        if self.spin_count_busy is not None:
            spins += f", {self.spin_count_busy:,} on a busy machine"
        return (
            f"gluonkit {self.gluonkit}, MXNet {self.mxnet}, NumPy {self.numpy}, "
            f"Python {self.python}, {self.system}\n"
            f"{self.processor}, {self.usable_cores} usable cores\n"
            f"{threads}{spins} (set by {self.threads_set_by}), "
            f"engine {self.engine} (set by {self.engine_set_by})"
        )


def environment() -> Environment:
    """Return the environment of this process, as it is now. Imports nothing.

    Returns
    -------
    Environment
        Versions, processor and settings; `str()` gives them as text.
    """
    runtime = engine.runtime()
    return Environment(
        gluonkit=__version__,
        mxnet=mxnet_version(),
        numpy=installed_version("numpy"),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        processor=cpu.model_name(),
        logical_cpus=len(cpu.logical_cpus()),
        usable_cores=cpu.usable_cores(),
        threads=runtime.threads,
        threads_set_by=runtime.threads_set_by,
        spin_count=runtime.spin_count,
        spin_count_busy=runtime.spin_count_busy,
        spin_count_set_by=runtime.spin_count_set_by,
        engine=runtime.engine,
        engine_set_by=runtime.engine_set_by,
    )


def installed_version(package: str) -> str:
    """Return the version of an installed distribution, or 'not installed'."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def mxnet_version() -> str:
    """Return MXNet's version, with the distribution's name if that is not 'mxnet'."""
    builds = [name for name in mxnet_distributions() if name != "mxnet"]
    version = installed_version(builds[0] if builds else "mxnet")
    return f"{version} ({', '.join(builds)})" if builds else version


def mxnet_distributions() -> list[str]:
    """Return the installed distributions that provide the module `mxnet`."""
    names = {
        # A damaged installation has metadata without a name.
        (distribution.metadata["Name"] or "").lower()
        for distribution in importlib.metadata.distributions()
    }
    return sorted(
        name for name in names if name == "mxnet" or name.startswith(("mxnet-cu", "mxnet_cu"))
    )
