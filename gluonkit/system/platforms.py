"""For which machines MXNet 1.9.1 has a wheel, and what to do on the others."""

from __future__ import annotations

import platform
import sysconfig

_LINUX = ("x86_64", "aarch64")
_CONTAINER = "docker run -it python:3.12-slim bash"


def why_no_wheel(system: str = "", machine: str = "", libc: str = "") -> str:
    """Return why pip finds no MXNet for this machine, and what works; empty where there is one.

    Parameters
    ----------
    system, machine, libc : str, optional
        What `platform.system` and `platform.machine` say, and 'musl' for a Linux without glibc; by
        default of this process.
    """
    system, machine = system or platform.system(), machine or platform.machine()
    if system == "Darwin" and machine == "arm64":
        return (
            "MXNet 1.9.1 has no wheel for Macs with Apple Silicon, so pip cannot install it here. "
            f"What works is Linux for ARM on the same Mac: a container ({_CONTAINER}) or a virtual "
            "machine, and gluonkit installed there"
        )
    if system == "Windows":
        return (
            "MXNet 1.9.1 has no wheel for Windows, so pip cannot install it here. What works is "
            "Linux on the same computer: the Windows Subsystem for Linux (wsl --install), or a "
            f"container ({_CONTAINER}), and gluonkit installed there"
        )
    if system == "Linux" and machine not in _LINUX:
        return (
            f"MXNet 1.9.1 has no wheel for Linux on {machine}, so pip cannot install it here. It "
            "has wheels for x86_64 and aarch64; a Raspberry Pi 3 or later runs the latter with a "
            "64-bit system"
        )
    if system == "Linux" and (libc or _libc()) == "musl":
        return (
            "MXNet 1.9.1 has no wheel for Linux with musl, such as Alpine, so pip cannot install "
            f"it here. What works is an image with glibc: {_CONTAINER}"
        )
    return ""


def _libc() -> str:
    # The triplet that this Python was built for, such as x86_64-alpine-linux-musl.
    built_for = str(sysconfig.get_config_var("HOST_GNU_TYPE") or "")
    return "musl" if built_for.endswith("musl") else "glibc"
