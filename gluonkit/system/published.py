"""MXNet's installed files against those of the wheels that were published, by SHA-256.

pip checks a wheel against its index, or against hashes that it is given; what it has installed it
never looks at again. `compare` hashes every file that the installation's RECORD lists, and holds
RECORD itself against what is pinned here.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Wheel:
    """A wheel of MXNet 1.9.1, as PyPI has it.

    Attributes
    ----------
    file : str
        Its name.
    sha256 : str
        The SHA-256 of the file, as ``pip install --require-hashes`` takes it.
    contents : str
        The SHA-256 of what it installs: see `contents_of`.
    """

    file: str
    sha256: str
    contents: str


PUBLISHED = (
    Wheel(
        "mxnet-1.9.1-py3-none-manylinux2014_x86_64.whl",
        "65d5dac162c87a14d138d888b54494d515036d9047ae804ff51f770bd02197a6",
        "ae3f2e529d3cda36a73ab2ef1f6eeaa28a5f63a1da52f84b4cb3499e2fad21ad",
    ),
    Wheel(
        "mxnet-1.9.1-py3-none-manylinux2014_aarch64.whl",
        "5e51a0c05d99f8f1b3b5e7c02170be57af2e6edb3ad9af2cb9551ace3e22942c",
        "0ebf37468048d4079e1de6a896c28abb69f7f729f1d77d528dd753ecf68e7e81",
    ),
    Wheel(
        "mxnet-1.9.1-py3-none-macosx_10_13_x86_64.whl",
        "73c045f65ad05fe9ca3c4202e10471703b57231f8ac8b05d973ec2ab362178fb",
        "c71a6249bab7e8a93404d7c67d403d6558c87131442452b25bc2f7aa5297c957",
    ),
    Wheel(
        "mxnet_cu117-1.9.1-py3-none-manylinux2014_x86_64.whl",
        "dd68fe970cb33461e2cd23038749633be36008c2f9cf57df1051081396057b4d",
        "af99a4156faa3bb3ec2adcd1b20bbb323416f4d5668400be8438734675d15507",
    ),
    Wheel(
        "mxnet_cu112-1.9.1-py3-none-manylinux2014_x86_64.whl",
        "70137a60eef49241b1137231bbd6bdeedbb0eca83e136f864ead36998814bfe5",
        "75269abbf986c19f3f09f6a5a0b9687eaca63dc85767cc02c393566020078768",
    ),
)
"""The wheels that gluonkit knows: a release's files can never change on PyPI."""


@dataclass(frozen=True)
class Comparison:
    """What is installed, compared with what was published.

    Attributes
    ----------
    wheel : Wheel or None
        The published wheel that was installed; None if it was none of them.
    files : int
        Number of files that were hashed.
    changed : tuple of str
        The files that are not as they were installed, or are gone.
    """

    wheel: Wheel | None
    files: int
    changed: tuple[str, ...]


def compare(name: str) -> Comparison | None:
    """Compare the files of an installed distribution of MXNet with those that were published.

    Hashes some 200 MB for a build for processors: a fraction of a second, once they are in memory.

    Parameters
    ----------
    name : str
        The distribution, such as 'mxnet' or 'mxnet-cu117'.

    Returns
    -------
    Comparison or None
        None if the installation has no RECORD of its files.
    """
    listed: dict[str, str] = {}
    places: dict[str, Path] = {}
    for file in importlib.metadata.distribution(name).files or ():
        # Compiled files have no hash, and beside RECORD lies what the installer has written itself.
        own = file.parts[0].endswith(".dist-info")
        if not own and file.hash is not None and file.hash.mode == "sha256":
            listed[str(file)] = file.hash.value
            places[str(file)] = Path(str(file.locate()))
    if not listed:
        return None
    contents = contents_of(listed)
    wheel = next((wheel for wheel in PUBLISHED if wheel.contents == contents), None)
    changed = [path for path, value in listed.items() if _hash_of(places[path]) != value]
    return Comparison(wheel, len(listed), tuple(sorted(changed)))


def contents_of(listed: Mapping[str, str]) -> str:
    """Return one SHA-256 for all files of a wheel.

    Parameters
    ----------
    listed : mapping of str to str
        The hash of each file by its path, as RECORD has it: SHA-256, URL-safe base64 without
        padding.

    Returns
    -------
    str
        Hexadecimal: the SHA-256 of lines ``path,hash``, in order.
    """
    lines = "".join(f"{path},{listed[path]}\n" for path in sorted(listed))
    return hashlib.sha256(lines.encode()).hexdigest()


def _hash_of(path: Path) -> str:
    """Return a file's SHA-256 as RECORD has it; empty if it cannot be read."""
    sha = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                sha.update(chunk)
    except OSError:
        return ""
    return urlsafe_b64encode(sha.digest()).rstrip(b"=").decode()
