"""MkDocs' hooks: the pages that are made, rather than written."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).parents[2]


def on_files(files: Files, config: Any) -> Files:
    """Add what is made from notebooks, the command, the tests and the repository's texts."""
    for name, content in _made():
        files.append(File.generated(config, name, content=content))
    return files


def _made() -> Iterator[tuple[str, str | bytes]]:
    sys.path[:0] = [str(Path(__file__).parent), str(_ROOT)]
    import command
    import drawing
    import house

    import notebooks

    yield "cli.md", command.page()
    yield "images/house.svg", drawing.house(house.floors(house.rooms()))
    yield "changelog.md", (_ROOT / "CHANGELOG.md").read_text()
    results = _ROOT / "benchmarks" / "results"
    yield "benchmarks.md", _rebased((_ROOT / "benchmarks" / "README.md").read_text())
    for picture in sorted(results.glob("*.png")):
        yield f"images/{picture.name}", picture.read_bytes()
    for path in sorted((_ROOT / "notebooks").glob("*.ipynb")):
        text, pictures = notebooks.page(path)
        yield f"notebooks/{path.stem}.md", text
        for name, content in pictures.items():
            yield f"notebooks/{name}", content


def _rebased(text: str) -> str:
    """Return a text of benchmarks/ with links as the site has them."""
    text = re.sub(r"\]\(results/([\w.]+\.png)\)", r"](images/\1)", text)
    return re.sub(r"\[([^\]]+)\]\((?:\.\./|results/)[^)]*\)", r"\1", text)
