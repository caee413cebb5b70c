"""Notebooks as pages: run from top to bottom, with their plots; answers folded."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

_LINK = re.compile(r"\((0\d_\w+)\.ipynb")
_TITLE = re.compile(r"^# \d+ · ", re.M)


def page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by name."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    solutions = []
    for cell in notebook.cells:
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata["solution"] = len(solutions)
            solutions.append(cell)
    text, resources = MarkdownExporter(template_file=str(_TEMPLATE)).from_notebook_node(
        notebook, {"unique_key": path.stem}
    )
    note = f"*This page is the notebook `{path.name}`; `gluonkit notebooks DIR` copies it.*"
    first, rest = text.lstrip().split("\n", 1)
    text = f"{_TITLE.sub('# ', first)}\n\n{note}\n{rest}"
    return _LINK.sub(r"(\1.md", text), resources["outputs"]


_TEMPLATE = Path(__file__).with_name("notebook.md.j2")
