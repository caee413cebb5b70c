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
    """Add what is made from notebooks, the command, and the repository's texts."""
    for name, content in _made(config.repo_url):
        files.append(File.generated(config, name, content=content))
    return files


def _made(repository: str | None) -> Iterator[tuple[str, str | bytes]]:
    sys.path[:0] = [str(Path(__file__).parent), str(_ROOT)]
    import command
    import drawing
    import house

    import notebooks

    yield "cli.md", command.page()
    yield "patches.md", _patches()
    yield "images/house.svg", drawing.house(house.floors(house.rooms()))
    yield "changelog.md", (_ROOT / "CHANGELOG.md").read_text()
    results = _ROOT / "benchmarks" / "results"
    yield "benchmarks.md", _rebased((_ROOT / "benchmarks" / "README.md").read_text())
    for picture in sorted(results.glob("*.png")):
        yield f"images/{picture.name}", picture.read_bytes()
    for path in sorted((_ROOT / "notebooks").glob("*.ipynb")):
        text, pictures = notebooks.page(path, repository)
        yield f"notebooks/{path.stem}.md", text
        for name, content in pictures.items():
            yield f"notebooks/{name}", content


def _patches() -> str:
    """Return the page of what gluonkit changes in MXNet."""
    from gluonkit.system.patches import PATCHES

    rows = "".join(
        f"| {'<br>'.join(map(_path, patch.where))} "
        f"| {', '.join(f'`{name}`' for name in patch.names)} "
        f"| {patch.why} | {patch.until} | `{patch.by}` |\n"
        for patch in PATCHES
    )
    return f"""# What gluonkit changes in MXNet

gluonkit replaces these attributes of MXNet's modules and classes, and no others: the functions
that do so refuse what is not on this list. What Python and NumPy have dropped, and MXNet needs,
is put back on their own modules; `gluonkit doctor` names it.

| in MXNet | attributes | why | until | by `gluonkit.` |
|---|---|---|---|---|
{rows}"""


def _path(name: str) -> str:
    """Return a module's name as code that may be broken behind its dots."""
    return f"<code>{name.replace('.', '.<wbr>')}</code>"


def _rebased(text: str) -> str:
    """Return a text of benchmarks/ with links as the site has them."""
    text = re.sub(r"\]\(results/([\w.]+\.png)\)", r"](images/\1)", text)
    return re.sub(r"\[([^\]]+)\]\((?:\.\./|results/)[^)]*\)", r"\1", text)
