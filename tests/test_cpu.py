"""Reading the processor off a file system made for the test."""

import math

import pytest

from gluonkit._base import cpu as _cpu


@pytest.fixture
def root(tmp_path):
    """Return a function that writes files below a false root and returns the root."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def topology(folder, siblings):
    for cpu, text in siblings.items():
        path = folder / f"sys/devices/system/cpu/cpu{cpu}/topology"
        path.mkdir(parents=True)
        (path / "thread_siblings_list").write_text(text + "\n")


def test_hyper_threads_share_a_core(tmp_path):
    topology(tmp_path, {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"})
    assert _cpu.physical_cores({0, 1, 2, 3}, tmp_path) == 2
    assert _cpu.physical_cores({0, 2}, tmp_path) == 1  # the affinity counts


def test_no_topology_counts_each(tmp_path):
    assert _cpu.physical_cores({0, 1, 2}, tmp_path) == 3


def test_no_cgroup(tmp_path):
    assert _cpu.cgroup_quota(tmp_path) == math.inf


def test_cgroup_v2_takes_the_tightest_around(root):
    folder = root(
        proc__self__cgroup="0::/outer/inner\n",
        sys__fs__cgroup__outer__inner__cpu_DOT_max="max 100000\n",
        sys__fs__cgroup__outer__cpu_DOT_max="150000 100000\n",
        sys__fs__cgroup__cpu_DOT_max="400000 100000\n",
    )
    assert _cpu.cgroup_quota(folder) == 1.5


def test_cgroup_v1(root):
    folder = root(proc__self__cgroup="4:memory:/x\n2:cpu,cpuacct:/job\n0::/\n")
    job = folder / "sys/fs/cgroup/cpu/job"
    job.mkdir(parents=True)
    (job / "cpu.cfs_quota_us").write_text("300000\n")
    (job / "cpu.cfs_period_us").write_text("100000\n")
    assert _cpu.cgroup_quota(folder) == 3
    (job / "cpu.cfs_quota_us").write_text("-1\n")
    assert _cpu.cgroup_quota(folder) == math.inf


def test_quota_limits_the_cores(root, monkeypatch):
    monkeypatch.setattr(_cpu, "logical_cpus", lambda: {0, 1, 2, 3})
    folder = root(proc__self__cgroup="0::/\n", sys__fs__cgroup__cpu_DOT_max="250000 100000\n")
    assert _cpu.usable_cores(folder) == 2
    root(sys__fs__cgroup__cpu_DOT_max="50000 100000\n")
    assert _cpu.usable_cores(folder) == 1
    root(sys__fs__cgroup__cpu_DOT_max="max 100000\n")
    assert _cpu.usable_cores(folder) == 4


def test_model_name(root):
    assert _cpu.model_name(root(proc__cpuinfo="processor : 0\nmodel name : A CPU\n")) == "A CPU"
    assert _cpu.model_name(root() / "none")


@pytest.mark.parametrize(
    ("implementer", "part", "name"),
    [
        ("0x41", "0xd0c", "Neoverse-N1 (Graviton2, Ampere Altra)"),
        ("0x41", "0xd08", "Cortex-A72 (Raspberry Pi 4, Graviton)"),
    ],
)
def test_the_names_of_arms_processors(implementer, part, name, root):
    text = (
        "processor\t: 0\nFeatures\t: fp asimd\n"
        f"CPU implementer\t: {implementer}\nCPU architecture: 8\nCPU part\t: {part}\n"
    )
    assert _cpu.model_name(root(proc__cpuinfo=text)) == name


def test_an_arm_that_nobody_has_named(root, monkeypatch):
    monkeypatch.setattr(_cpu.platform, "processor", lambda: "")
    monkeypatch.setattr(_cpu.platform, "machine", lambda: "aarch64")
    text = "CPU implementer\t: 0x99\nCPU part\t: 0x999\n"
    assert _cpu.model_name(root(proc__cpuinfo=text)) == "aarch64"


@pytest.mark.parametrize(
    ("machine", "flags", "lanes"),
    [
        ("x86_64", "avx2 avx512f", 16),
        ("x86_64", "avx2", 8),
        ("x86_64", "sse2", 4),
        ("aarch64", "avx2 avx512f", 1),  # an emulator shows the processor that it runs on
        ("aarch64", "", 1),
    ],
)
def test_vector_width(machine, flags, lanes, root, monkeypatch):
    monkeypatch.setattr(_cpu.platform, "machine", lambda: machine)
    monkeypatch.setattr(_cpu, "_ROOT", root(proc__cpuinfo=f"processor : 0\nflags : {flags}\n"))
    assert _cpu.vector_width.__wrapped__() == lanes
