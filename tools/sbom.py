"""What gluonkit brings along, as an SBOM: ``docs/sbom.cdx.json``, CycloneDX 1.6.

    python tools/sbom.py

Packages come from setup.cfg, with the versions that it allows. What is inside of MXNet's wheel,
which has no list of its own, is asked of the installed one: of the texts in its library, of a
header, and of functions that say their library's version. It is that of Linux on x86-64.
"""

from __future__ import annotations

import configparser
import ctypes
import json
import mmap
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gluonkit import mx
from gluonkit._base.version import __version__
from gluonkit.system.published import PUBLISHED

ROOT = Path(__file__).parents[1]
SBOM = ROOT / "docs" / "sbom.cdx.json"

_MXNET = Path(mx.__file__).parent
_LIBRARY = _MXNET / "libmxnet.so"

# Texts of libmxnet.so: name, vendor in NVD's dictionary, and where the version stands. OpenCV has a
# report in it of how it was built, which tells of libtiff and Eigen, too.
_TEXTS = (
    ("opencv", "opencv", rb"General configuration for OpenCV (\S+)"),
    ("libtiff", "libtiff", rb"libtiff\.a \(ver \d+ / ([\d.]+)\)"),
    ("libpng", "libpng", rb"libpng version ([\d.]+)"),
    ("libjpeg-turbo", "libjpeg-turbo", rb"libjpeg-turbo version ([\d.]+)"),
    ("zlib", "zlib", rb"inflate ([\d.]+) Copyright"),
    ("eigen", "", rb"Eigen: +YES \(ver ([\d.]+)\)"),
)

# protobuf names its version when it refuses a program that was compiled with a later one, which
# ends the process.
_PROTOBUF = """
import ctypes, sys
verify = getattr(ctypes.CDLL(sys.argv[1]), "_ZN6google8protobuf8internal13VerifyVersionEiiPKc")
verify(2**31 - 1, 2**31 - 1, b"")
"""


class Inside(NamedTuple):
    """A library within MXNet's wheel, and what says its version ('' if nothing does)."""

    name: str
    version: str
    told_by: str
    vendor: str = ""


def inside() -> Iterator[Inside]:
    """Yield the libraries within the installed wheel of MXNet."""
    with _LIBRARY.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        for name, vendor, pattern in _TEXTS:
            yield Inside(name, _first(pattern, text).decode(), "a text in libmxnet.so", vendor)
    header = _MXNET / "include" / "mkldnn" / "oneapi" / "dnnl" / "dnnl_version.h"
    numbers = re.findall(r"DNNL_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header.read_text())
    yield Inside("onednn", ".".join(numbers), f"include/mkldnn/oneapi/dnnl/{header.name}")
    yield Inside("libzmq", _zmq(), "zmq_version of libmxnet.so", "zeromq")
    done = subprocess.run(
        [sys.executable, "-c", _PROTOBUF, _LIBRARY], capture_output=True, text=True, check=False
    )
    yield Inside(
        "protobuf",
        _first(r"installed version is ([\d.]+\d)", done.stderr),
        "VerifyVersion of libmxnet.so",
        "google",
    )
    config = ctypes.CDLL(str(_MXNET / "libopenblas.so.0")).openblas_get_config
    config.restype = ctypes.c_char_p
    yield Inside(
        "openblas",
        _first(r"OpenBLAS ([\d.]+)", config().decode()),
        "openblas_get_config of libopenblas.so.0",
        "openblas_project",
    )
    yield Inside("libgfortran", "3", "the name of libgfortran.so.3")
    yield Inside(
        "ps-lite", "", "symbols of libmxnet.so; it has no version but that of MXNet's sources"
    )


def _first(pattern: Any, text: Any) -> Any:
    """Return what the group of a pattern matches; end the script if nothing does."""
    if (match := re.search(pattern, text)) is None:
        sys.exit(f"{pattern!r} stands nowhere in this MXNet: is it the one for Linux on x86-64?")
    return match[1]


def _zmq() -> str:
    numbers = [ctypes.c_int() for _ in range(3)]
    ctypes.CDLL(str(_LIBRARY)).zmq_version(*map(ctypes.byref, numbers))
    return ".".join(str(number.value) for number in numbers)


def made() -> dict[str, Any]:
    """Return the SBOM. It has no date, so that it changes only with what it tells of."""
    own = {"type": "library", "bom-ref": "gluonkit", "name": "gluonkit", "version": __version__}
    packages = [_mxnet(), *map(_package, _requirements().items())]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'gluonkit {__version__}')}",
        "version": 1,
        "metadata": {"component": own | {"purl": f"pkg:pypi/gluonkit@{__version__}"}},
        "components": packages,
        "dependencies": [
            {"ref": "gluonkit", "dependsOn": [package["bom-ref"] for package in packages]},
            {"ref": "mxnet", "dependsOn": ["numpy", "requests", "graphviz"]},
        ],
    }


def _requirements() -> dict[str, list[str]]:
    """Return what gluonkit itself requires, by the package's name; MXNet is left out."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    required: dict[str, list[str]] = {}
    for line in config["options"]["install_requires"].split("\n"):
        if line and not line.startswith(("#", "mxnet")):
            required.setdefault(re.split(r"[<>=;\[]", line)[0], []).append(line)
    return required


def _package(item: tuple[str, list[str]]) -> dict[str, Any]:
    """Return a package whose version pip chooses; extras may take others."""
    name, lines = item
    return {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "properties": [{"name": "gluonkit:requirement", "value": line} for line in lines],
    }


def _mxnet() -> dict[str, Any]:
    wheels = [wheel for wheel in PUBLISHED if wheel.file.startswith("mxnet-1.9.1-")]
    return {
        "type": "library",
        "bom-ref": "mxnet",
        "name": "mxnet",
        "version": "1.9.1",
        "purl": "pkg:pypi/mxnet@1.9.1",
        "cpe": "cpe:2.3:a:apache:mxnet:1.9.1:*:*:*:*:*:*:*",
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"pkg:pypi/mxnet@1.9.1?file_name={wheel.file}",
                "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
            }
            for wheel in wheels
        ],
        "components": [_inner(library) for library in inside()],
    }


def _inner(library: Inside) -> dict[str, Any]:
    name, version = library.name, library.version
    cpe = f"cpe:2.3:a:{library.vendor}:{name}:{version}:*:*:*:*:*:*:*"
    return {
        "type": "library",
        "bom-ref": f"mxnet/{name}",
        "name": name,
        **({"version": version, "purl": f"pkg:generic/{name}@{version}"} if version else {}),
        **({"cpe": cpe} if library.vendor else {}),
        "properties": [{"name": "gluonkit:told-by", "value": library.told_by}],
    }


if __name__ == "__main__":
    SBOM.write_text(json.dumps(made(), indent=2) + "\n")
    print(f"{SBOM}: {len(made()['components'][0]['components'])} libraries within MXNet's wheel")
