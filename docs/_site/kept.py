"""Notebooks with their outputs, kept by the tests and by `make docs`, so that none runs twice."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".notebooks"
TIMED = {"03_fast"}
"""Notebooks that show times, and how threads are chosen: they run as their readers run them."""


def place(path: Path) -> Path:
    """Return the file for a notebook's outputs, named for what they depend on: it, and gluonkit."""
    digest = hashlib.sha256(path.read_bytes())
    for source in sorted((ROOT / "gluonkit").rglob("*.py")):
        digest.update(source.read_bytes())
    return FOLDER / f"{path.stem}-{digest.hexdigest()[:16]}.ipynb"


def keep(path: Path, notebook: Any) -> None:
    """Keep a notebook that has run in place of those of earlier sources, unless it shows times."""
    if path.stem in TIMED:
        return
    FOLDER.mkdir(exist_ok=True)
    there = place(path)
    for old in FOLDER.glob(f"{path.stem}-*.ipynb"):
        old.unlink()
    partial = there.with_suffix(".part")
    nbformat.write(notebook, partial)
    partial.replace(there)


def kept(path: Path) -> Any:
    """Return a notebook with its outputs, or None where it or gluonkit has changed since."""
    there = place(path)
    return nbformat.read(there, as_version=4) if there.exists() else None
