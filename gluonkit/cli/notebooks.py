"""``gluonkit notebooks``: copies of the notebooks that teach gluonkit."""

from __future__ import annotations

import argparse
from importlib import metadata
from pathlib import Path

from gluonkit._base import atomic
from gluonkit.errors import ArgumentError, GluonkitError

_INSTALLED = "share/gluonkit/notebooks"
_CHECKOUT = Path(__file__).parents[2] / "notebooks"


def run(options: argparse.Namespace) -> int:
    """Run ``gluonkit notebooks`` and return its exit status."""
    folder: Path = options.folder
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"`DIR` is {str(folder)!r}, which is a file; give a folder")
    sources = notebooks()
    there = [source.name for source in sources if (folder / source.name).exists()]
    if there and not options.force:
        raise ArgumentError(
            f"`DIR` is {str(folder)!r}, which has {', '.join(there)} already; give another folder, "
            "or overwrite them by --force"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            atomic.write_atomically(folder / source.name, source.read_bytes())
    except OSError as error:
        raise ArgumentError(f"`DIR` is {str(folder)!r}: {error.strerror}") from error
    for source in sources:
        print(folder / source.name)
    print(f"\nOpen them by: jupyter lab {folder}   (pip install jupyterlab, if it is missing)")
    return 0


def notebooks() -> list[Path]:
    """Return the notebooks of this installation, or of this checkout of the repository."""
    installed = [
        Path(str(file.locate()))
        for file in metadata.files("gluonkit") or ()
        if file.match(f"{_INSTALLED}/*.ipynb")
    ]
    paths = [path for path in installed if path.exists()] or [*_CHECKOUT.glob("*.ipynb")]
    if not paths:
        raise GluonkitError("this installation has no notebooks; install gluonkit again")
    return sorted(paths)
