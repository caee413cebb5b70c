"""Notebooks as pages: run from top to bottom, with their plots; answers folded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import address
import kept
import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

_LINK = re.compile(r"\((0\d_\w+)\.ipynb")
_TITLE = re.compile(r"^# \d+ · ", re.M)


def page(path: Path, repository: str | None = None) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as Markdown, and its pictures by name.

    With the repository's address the page has links to services that run the notebook.
    """
    notebook = kept.kept(path) or _run(path)
    # The cell that installs gluonkit is for those services.
    notebook.cells = [c for c in notebook.cells if "install" not in c.metadata.get("tags", [])]
    solutions = []
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = list(_joined(cell.outputs))
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata["solution"] = len(solutions)
            solutions.append(cell)
    text, resources = MarkdownExporter(template_file=str(_TEMPLATE)).from_notebook_node(
        notebook, {"unique_key": path.stem}
    )
    note = f"*This page is the notebook `{path.name}`; `gluonkit notebooks DIR` copies it.*"
    places = address.links(repository, path.name).items()
    note += "".join(f" · [Open in {service}]({link})" for service, link in places)
    first, rest = text.lstrip().split("\n", 1)
    text = f"{_TITLE.sub('# ', first)}\n\n{note}\n{rest}"
    return _LINK.sub(r"(\1.md", text), resources["outputs"]


def _joined(outputs: Iterable[Any]) -> Iterator[Any]:
    """Yield outputs, with what was printed in several parts as one: the kernel sends it so."""
    last = None
    for output in outputs:
        if last is not None and output.get("name") == last.get("name"):
            last.text += output.text
            continue
        last = output if output.output_type == "stream" else None
        yield output


def _run(path: Path) -> Any:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute(env=_environment(path))
    kept.keep(path, notebook)
    return notebook


def _environment(path: Path) -> dict[str, str]:
    """Return the environment in which a notebook runs."""
    # What else this machine does is of no interest to readers.
    chosen = {"PYTHONWARNINGS": "ignore:the machine is busy"}
    if path.stem not in kept.TIMED:
        # One thread computes these small networks in little more than half of the processor's time
        # that two take together.
        chosen["OMP_NUM_THREADS"] = "1"
    return chosen | os.environ


_TEMPLATE = Path(__file__).with_name("notebook.md.j2")
